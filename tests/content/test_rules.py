"""Each rule speaks when it should, and is silent when it nearly should."""

import re

import pytest

from hygiene.content.knowledge import data, sources
from hygiene.content.lint import lint_content
from hygiene.content.registry import AREAS, all_rules, choose, rule
from hygiene.errors import UsageError
from hygiene.finding import Severity
from tests.content.cases import CASES

TRIGGERS = [(name, given) for name, (triggers, _) in CASES.items() for given in triggers]
NEAR_MISSES = [(name, given) for name, (_, near) in CASES.items() for given in near]


#: what these say is never a fault, but that nobody could look
OPEN = {"body-unreadable"}


def shown(case: object) -> str | None:
    return case if isinstance(case, str) else None


@pytest.mark.parametrize("name", all_rules())
def test_every_rule_has_a_mail_that_breaks_it_and_one_that_nearly_does(name: str) -> None:
    triggers, near = CASES[name]
    assert triggers
    assert near


def test_no_case_is_of_a_rule_that_is_gone() -> None:
    assert set(CASES) == set(all_rules())


@pytest.mark.parametrize(("name", "given"), TRIGGERS, ids=shown)
def test_speaks(name: str, given: dict) -> None:
    found = lint_content(**given, select=[name])
    (finding,) = found.unknowns if name in OPEN else found.faults
    assert finding.id == name
    assert finding.evidence
    assert finding.rule
    if name not in OPEN:
        assert finding.fix
        assert finding.why.endswith(".")


@pytest.mark.parametrize(("name", "given"), NEAR_MISSES, ids=shown)
def test_is_silent(name: str, given: dict) -> None:
    assert not lint_content(**given, select=[name]).faults


@pytest.mark.parametrize("each", all_rules().values(), ids=lambda each: each.id)
def test_declares_itself(each: object) -> None:
    assert each.area in AREAS
    assert each.title
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", each.id)
    assert each.source.url.startswith("https://") or each.source.name == "common practice"
    assert len(each.why) < 140
    assert each.needs


def test_areas_come_in_their_order() -> None:
    places = [AREAS.index(each.area) for each in all_rules().values()]
    assert places == sorted(places)


def test_choose_takes_ids_areas_and_patterns() -> None:
    assert [each.id for each in choose(["subject-missing"])] == ["subject-missing"]
    assert {each.area for each in choose(["links"])} == {"links"}
    assert all(each.id.startswith("image-") for each in choose(["image-*"]))
    assert "link-broken" not in {each.id for each in choose([], ["links"])}
    with pytest.raises(UsageError, match="did you mean link-broken"):
        choose(["link-brokn"])


def test_a_second_rule_of_a_name_is_refused() -> None:
    def subject_missing(subject: str) -> None: ...

    with pytest.raises(ValueError, match="already"):
        rule(severity=Severity.LOW, source="practice", why="", fix="")(subject_missing)


@pytest.mark.parametrize("name", ["limits", "words", "trigger_words"])
def test_data_name_their_source_and_date(name: str) -> None:
    for entry in data(name).values():
        assert entry["source"] in sources()
        assert re.fullmatch(r"20\d\d-\d\d", entry["as_of"])


def test_words_are_lower_case_and_told_once() -> None:
    for entry in [*data("words").values(), *data("trigger_words").values()]:
        assert entry["words"] == [word.lower() for word in entry["words"]]
        assert len(set(entry["words"])) == len(entry["words"])


def test_lengths_of_clients_name_their_source() -> None:
    for each in data("inbox_lines")["clients"]:
        assert each["source"] in sources()
        assert 20 < each["subject"] < 100


def test_client_support_is_dated() -> None:
    for kind in data("client_support").values():
        for feature in kind.values():
            assert feature["without"]
            assert re.fullmatch(r"20\d\d-\d\d", feature["tested"])
            assert feature["source"].startswith("https://www.caniemail.com/features/")
