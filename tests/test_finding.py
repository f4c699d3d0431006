"""Grades, exit codes and the order of findings."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.finding import GRADE_STEPS, Finding, Grade, Severity, State, by_severity, grade

from .audit.checks.shop_zone import DOMAIN, apex, audit, dmarc, key


def some(severity: str, number: int = 1, **fields) -> list[Finding]:
    basis = {"title": "t", "area": "spf", "subject": DOMAIN, "severity": Severity(severity), **fields}
    return [Finding(id=f"{severity}-{index}", **basis) for index in range(number)]


@pytest.mark.parametrize(
    ("findings", "letter"),
    [
        ([], "A"),
        (some("info", 9), "A"),
        (some("low", 4), "A"),
        (some("low", 5), "B"),
        (some("medium"), "B"),
        (some("medium", 3) + some("low", 9), "B"),
        (some("medium", 4), "C"),
        (some("high"), "C"),
        (some("high") + some("medium", 9), "C"),
        (some("high", 2), "D"),
        (some("high", 3), "D"),
        (some("high", 4), "F"),
        (some("critical"), "F"),
    ],
)
def test_grade_steps(findings: list[Finding], letter: str) -> None:
    assert grade(findings).letter == letter


def test_drivers_are_those_of_the_deciding_severity() -> None:
    assert grade(some("high", 2) + some("medium", 5)).drivers == ("high-0", "high-1")
    assert grade(some("low", 3)).drivers == ()


def test_optional_findings_and_open_questions_do_not_lower_it() -> None:
    assert grade(some("critical", optional=True)) == Grade("A")
    opened = grade(some("critical", state=State.UNKNOWN))
    assert (opened.letter, opened.at_best, str(opened)) == ("A", True, "A at best")
    assert grade(some("critical", state=State.UNKNOWN, optional=True)) == Grade("A")
    assert str(Grade("?", at_best=True)) == "?"


findings = st.lists(
    st.builds(
        lambda severity, state, optional: some(severity, state=state, optional=optional)[0],
        st.sampled_from(Severity),
        st.sampled_from(State),
        st.booleans(),
    )
)


@given(findings, findings)
def test_another_finding_never_betters_a_grade(some_findings: list[Finding], more: list[Finding]) -> None:
    assert grade(some_findings + more).letter >= grade(some_findings).letter
    assert grade(some_findings).letter in {*(letter for letter, _, _ in GRADE_STEPS), "A"}


@given(findings)
def test_order(some_findings: list[Finding]) -> None:
    ordered = by_severity(some_findings)
    assert sorted(map(id, ordered)) == sorted(map(id, some_findings))
    keys = [(finding.unknown, finding.severity.rank) for finding in ordered]
    assert keys == sorted(keys)


def test_as_json() -> None:
    entry = some("high", evidence=("a", "b"))[0].to_dict()
    assert json.loads(json.dumps(entry))["evidence"] == ["a", "b"]
    assert entry["severity"] == "high"
    assert (entry["state"], entry["confidence"]) == ("fault", "sure")


@pytest.mark.parametrize(
    ("changes", "fail_on", "code"),
    [
        ({}, Severity.INFO, 0),
        ({}, None, 0),
        (apex(TXT=None), Severity.HIGH, 1),
        (apex(TXT=None), Severity.CRITICAL, 0),
        (apex(TXT=None), None, 0),
        (dmarc(f"v=DMARC1; p=none; rua=mailto:a@{DOMAIN}"), Severity.HIGH, 0),
        (dmarc(f"v=DMARC1; p=none; rua=mailto:a@{DOMAIN}"), Severity.MEDIUM, 1),
        (key(None), Severity.LOW, 3),  # only open questions
        (key(None) | apex(TXT=None), Severity.HIGH, 1),  # a fault comes first
        (key(None) | apex(TXT=None), Severity.CRITICAL, 3),
    ],
)
def test_exit_codes(changes: dict, fail_on: Severity | None, code: int) -> None:
    assert audit(changes).exit_code(fail_on) == code
