"""Every registered check has a zone that triggers it and a near-miss, and declares what a reader needs."""

import re
from collections.abc import Iterator

import pytest

from hygiene.audit.registry import AREAS, Check, all_checks, rfc_url
from hygiene.audit.run import audit_domains
from hygiene.audit.subjects import SUBJECTS
from hygiene.finding import Severity
from hygiene.resolver import Answer, Outcome
from hygiene.web import RecordedFetcher

from . import (
    test_checks_bimi,
    test_checks_dkim,
    test_checks_dmarc,
    test_checks_domain,
    test_checks_message,
    test_checks_mx,
    test_checks_reputation,
    test_checks_spf,
    test_checks_transport,
)
from .shop_zone import DOMAIN, SHOP, Case, Greeter, audit, found

CASES = [
    case
    for module in (
        test_checks_domain,
        test_checks_spf,
        test_checks_dkim,
        test_checks_dmarc,
        test_checks_mx,
        test_checks_transport,
        test_checks_bimi,
        test_checks_reputation,
        test_checks_message,
    )
    for case in module.CASES
]
CHECKS = list(all_checks().values())


def cases_of(check: Check, *, triggers: bool) -> Iterator[Case]:
    return (case for case in CASES if case.triggers is triggers and case.about.rstrip("?") == check.id)


def test_the_base_zone_is_sound() -> None:
    result = audit()
    assert result.findings == ()
    assert (str(result.grade), result.exit_code()) == ("A", 0)
    assert [receiver.accepts for receiver in result.receivers] == ["yes", "yes", "yes"]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_every_check(check: Check) -> None:
    assert any(cases_of(check, triggers=True)), "no zone triggers it"
    assert any(cases_of(check, triggers=False)), "no near-miss"
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", check.id)
    assert isinstance(check.severity, Severity)
    assert check.rule
    assert re.match(r"https://\S+\Z", check.source)
    assert check.why.endswith(".")
    assert check.title
    assert not check.title.endswith(".")
    assert check.area in AREAS
    assert set(check.needs + check.weighs) <= set(SUBJECTS)
    if check.rule.startswith("RFC"):
        assert check.source == rfc_url(check.rule)
        assert re.fullmatch(r"RFC [0-9]{3,4} §[0-9.]*[0-9]", check.rule), check.rule


@pytest.mark.parametrize("case", [case for case in CASES if case.triggers], ids=str)
def test_a_finding_explains_itself(case: Case) -> None:
    for finding in case.run().findings:
        declared = all_checks().get(finding.id)
        assert finding.evidence
        assert finding.title
        assert finding.rule
        assert finding.source
        if declared is not None and not finding.unknown:
            assert finding.why
            assert finding.fix or not declared.fix
            assert not re.search(r"\{[a-z]+\}", finding.fix), "a word was not put in"


ESSENTIAL_NAMES = [
    (DOMAIN, "TXT", "spf"),
    (DOMAIN, "MX", "mx"),
    ("_spf.google.com", "TXT", "spf"),
    (f"mx.{DOMAIN}", "A", "mx"),
    (f"_dmarc.{DOMAIN}", "TXT", "dmarc"),
    (f"google._domainkey.{DOMAIN}", "TXT", "dkim"),
    (f"_mta-sts.{DOMAIN}", "TXT", "mta-sts"),
    (f"_smtp._tls.{DOMAIN}", "TXT", "tls-rpt"),
    (f"default._bimi.{DOMAIN}", "TXT", "bimi"),
    ("10.2.0.192.in-addr.arpa", "PTR", "reverse-dns"),
    ("reports.test", "MX", "dmarc-report"),
    (f"{DOMAIN}._report._dmarc.reports.test", "TXT", "dmarc-report"),
]
REPORTING = {
    f"_dmarc.{DOMAIN}": {"TXT": "v=DMARC1; p=reject; rua=mailto:r@reports.test"},
    f"{DOMAIN}._report._dmarc.reports.test": {"TXT": "v=DMARC1"},
    "reports.test": {"MX": "10 mx.reports.test"},
}


@pytest.mark.parametrize("outcome", [Outcome.SERVFAIL, Outcome.TIMEOUT, Outcome.REFUSED])
@pytest.mark.parametrize(("name", "rdtype", "subject"), ESSENTIAL_NAMES)
def test_no_answer_is_an_open_question_and_never_a_fault(
    name: str, rdtype: str, subject: str, outcome: Outcome
) -> None:
    before = {**SHOP, **REPORTING}.get(name, {})
    result = audit({**REPORTING, name: {**before, rdtype: outcome}})
    assert found(audit(REPORTING)) == set()
    assert result.faults == ()
    assert any(one.id.startswith(subject) for one in result.unknowns)
    assert result.exit_code() == 3
    assert any(name in line for one in result.unknowns for line in one.evidence)


@pytest.mark.parametrize("outcome", [Outcome.SERVFAIL, Outcome.TIMEOUT])
def test_a_silent_parent_matters_only_where_the_policy_would_come_from_it(outcome: Outcome) -> None:
    assert found(audit({"_dmarc.test": {"TXT": outcome}})) == set()
    inherited = audit({"_dmarc.test": {"TXT": outcome}, f"_dmarc.{DOMAIN}": None})
    assert "dmarc-unknown?" in found(inherited)
    assert "dmarc-missing" not in found(inherited)


def test_nothing_at_all_can_be_found_out() -> None:
    class Silent:
        async def resolve(self, name: str, rdtype: str) -> Answer:
            return Answer(name, rdtype, Outcome.TIMEOUT)

    result = audit_domains([DOMAIN], resolver=Silent(), fetcher=RecordedFetcher([]), smtp_probe=Greeter())[0]
    assert result.faults == ()
    assert str(result.grade) == "?"
    assert result.undetermined
    assert {receiver.accepts for receiver in result.receivers} == {"unknown"}


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        # one silent subject hides no fault of another
        ({DOMAIN: {"TXT": "hello", "MX": Outcome.TIMEOUT, "NS": "a.test"}}, {"spf-missing"}),
        ({DOMAIN: {"TXT": Outcome.TIMEOUT, "NS": "a.test"}}, {"mx-missing", "dmarc-report-undeliverable"}),
        (
            {f"_dmarc.{DOMAIN}": {"TXT": "v=DMARC1; p=none"}, DOMAIN: Outcome.TIMEOUT},
            {"dmarc-policy-none", "dmarc-without-reports"},
        ),
    ],
)
def test_a_fault_beside_an_open_question(changes: dict, faults: set[str]) -> None:
    result = audit(changes)
    assert {one.id for one in result.faults} == faults
    assert result.unknowns


def test_an_open_question_stands_in_the_area_of_its_subject() -> None:
    result = audit({DOMAIN: {"TXT": "v=spf1 -all", "MX": Outcome.TIMEOUT, "NS": "a.test"}})
    assert {one.id: one.area for one in result.unknowns}["mx-unknown"] == "mx"
