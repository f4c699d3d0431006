"""Checks of DMARC (RFC 9989, and RFC 7489 for receivers that still follow it)."""

import pytest

from hygiene.finding import Severity
from hygiene.resolver import Outcome

from .shop_zone import DOMAIN, SHOP, Case, apex, audit, bad, dmarc, fault, found, good

RUA = f"rua=mailto:dmarc@{DOMAIN}"
ELSEWHERE = dmarc("v=DMARC1; p=reject; rua=mailto:r@reports.test")
REPORTS = {"reports.test": {"MX": "10 mx.reports.test"}}
AGREED = f"{DOMAIN}._report._dmarc.reports.test"
SUB = f"news.{DOMAIN}"
SUBDOMAIN = {
    SUB: {**SHOP[DOMAIN], "TXT": "v=spf1 mx -all"},
    f"google._domainkey.{SUB}": SHOP[f"google._domainkey.{DOMAIN}"],
}
SUB_EXTRAS = ("mta-sts-missing", "tls-rpt-missing")

CASES = [
    # RFC 9990 §4: whoever registers gone.test can agree to the reports
    bad(
        "dmarc-report-registrable",
        dmarc("v=DMARC1; p=reject; rua=mailto:dmarc@gone.test"),
        "dmarc-report-not-authorised",
        "dmarc-report-undeliverable",
    ),
    good(
        "dmarc-report-registrable",
        {
            **dmarc("v=DMARC1; p=reject; rua=mailto:dmarc@in.a.test"),
            "a.test": {"NS": "ns.a.test"},
        },
        "dmarc-report-not-authorised",
        "dmarc-report-undeliverable",
    ),
    # a domain without mail loses nothing by p=reject
    bad("dmarc-not-reject-without-mail", apex(MX="0 .", TXT="v=spf1 -all") | dmarc("v=DMARC1; p=quarantine")),
    good("dmarc-not-reject-without-mail", apex(MX="0 .", TXT="v=spf1 -all") | dmarc("v=DMARC1; p=reject")),
    good("dmarc-not-reject-without-mail", dmarc(f"v=DMARC1; p=quarantine; {RUA}")),
    # RFC 9989 §4.7: the version comes first, its value is case-sensitive
    bad("dmarc-missing", dmarc()),
    bad("dmarc-missing", dmarc() | {f"_dmarc.{DOMAIN}.{DOMAIN}": {"TXT": "v=DMARC1; p=reject"}}),
    bad("dmarc-missing", dmarc("v=dmarc1; p=reject")),
    bad("dmarc-missing", dmarc("p=reject; v=DMARC1")),
    good("dmarc-missing", dmarc(f"v = DMARC1 ; p = reject ; {RUA} ;")),
    # §4.10: several records are all discarded
    bad("dmarc-multiple-records", dmarc(f"v=DMARC1; p=reject; {RUA}", "v=DMARC1; p=none")),
    good("dmarc-multiple-records", dmarc(f"v=DMARC1; p=reject; {RUA}", "v=spf1 -all"), "dmarc-stray-record"),
    # §4.10.1: no usable policy, nowhere to report to
    bad("dmarc-without-effect", dmarc("v=DMARC1; adkim=s"), "dmarc-older-receivers", "dmarc-without-reports"),
    good("dmarc-without-effect", dmarc("v=DMARC1; p=rejct"), "dmarc-invalid-tag", "dmarc-without-reports"),
    good("dmarc-without-effect", dmarc(f"v=DMARC1; p=rejct; {RUA}"), "dmarc-invalid-tag", "dmarc-policy-none"),
    good("dmarc-without-effect", dmarc(f"v=DMARC1; {RUA}"), "dmarc-policy-none", "dmarc-older-receivers"),
    # §4.8
    bad("dmarc-invalid-tag", dmarc(f"v=DMARC1; p=reject; adkim=x; {RUA}")),
    bad("dmarc-invalid-tag", dmarc(f"v=DMARC1; p=reject; {RUA},dmarc@{DOMAIN}")),
    good("dmarc-invalid-tag", dmarc(f"v=DMARC1; p=reject; adkim=S; {RUA}")),
    bad("dmarc-unknown-tag", dmarc(f"v=DMARC1; p=reject; policy=none; {RUA}")),  # §4.7
    good("dmarc-unknown-tag", dmarc(f"v=DMARC1; p=reject; aspf=s; {RUA}")),
    bad("dmarc-policy-none", dmarc(f"v=DMARC1; p=none; {RUA}")),
    bad("dmarc-policy-none", dmarc(f"v=DMARC1; p=none; t=y; {RUA}")),  # t takes nothing from none
    good("dmarc-policy-none", dmarc(f"v=DMARC1; p=quarantine; {RUA}")),
    bad("dmarc-testing", dmarc(f"v=DMARC1; p=reject; t=y; {RUA}")),
    bad("dmarc-testing", dmarc(f"v=DMARC1; p=quarantine; t=y; {RUA}")),
    good("dmarc-testing", dmarc(f"v=DMARC1; p=reject; t=n; {RUA}")),
    # RFC 9989 §A.7: pct, rf and ri are gone
    bad("dmarc-removed-tag", dmarc(f"v=DMARC1; p=reject; pct=50; {RUA}")),
    bad("dmarc-removed-tag", dmarc(f"v=DMARC1; p=reject; ri=3600; {RUA}")),
    good("dmarc-removed-tag", dmarc(f"v=DMARC1; p=reject; np=reject; {RUA}")),
    bad("dmarc-weak-subdomains", dmarc(f"v=DMARC1; p=reject; sp=none; {RUA}")),
    bad("dmarc-weak-subdomains", dmarc(f"v=DMARC1; p=quarantine; np=none; {RUA}")),
    good("dmarc-weak-subdomains", dmarc(f"v=DMARC1; p=quarantine; sp=reject; np=quarantine; {RUA}")),
    good(  # §4.7: sp in a subdomain's own record is ignored
        "dmarc-weak-subdomains",
        SUBDOMAIN | dmarc(f"v=DMARC1; p=reject; sp=none; {RUA}", name=SUB),
        *SUB_EXTRAS,
        domain=SUB,
    ),
    bad("dmarc-without-reports", dmarc("v=DMARC1; p=reject")),
    bad("dmarc-without-reports", dmarc("v=DMARC1; p=none"), "dmarc-policy-none"),
    good("dmarc-without-reports", apex(MX="0 .", TXT="v=spf1 -all") | dmarc("v=DMARC1; p=reject")),
    # RFC 9990 §4
    bad("dmarc-report-not-authorised", ELSEWHERE | REPORTS),
    bad("dmarc-report-not-authorised", ELSEWHERE | REPORTS | {AGREED: {"TXT": "hello"}}),
    good("dmarc-report-not-authorised", ELSEWHERE | REPORTS | {AGREED: {"TXT": "v=DMARC1"}}),
    good(
        "dmarc-report-not-authorised",
        ELSEWHERE | REPORTS | {"*._report._dmarc.reports.test": {"TXT": "v=DMARC1;"}},
    ),
    good("dmarc-report-not-authorised", dmarc(f"v=DMARC1; p=reject; rua=mailto:r@mx.{DOMAIN}")),
    bad("dmarc-report-undeliverable", ELSEWHERE | {AGREED: {"TXT": "v=DMARC1"}}),
    bad("dmarc-report-undeliverable", ELSEWHERE | {AGREED: {"TXT": "v=DMARC1"}, "reports.test": {"MX": "0 ."}}),
    good(  # RFC 5321 §5.1: an address will do
        "dmarc-report-undeliverable",
        ELSEWHERE | {AGREED: {"TXT": "v=DMARC1"}, "reports.test": {"A": "192.0.2.3"}},
    ),
    good(
        "dmarc-report-undeliverable",
        ELSEWHERE | {AGREED: {"TXT": "v=DMARC1"}, "reports.test": {"MX": Outcome.TIMEOUT}},
        "dmarc-report-undeliverable?",
    ),
    bad("dmarc-stray-record", dmarc(f"v=DMARC1; p=reject; {RUA}", "verify=1")),
    good("dmarc-stray-record", dmarc(f"v=DMARC1; p=reject; {RUA}")),
    bad("dmarc-older-receivers", dmarc(f"v=DMARC1; {RUA}; p=reject")),  # RFC 7489 §6.3
    good("dmarc-older-receivers", dmarc(f"v=DMARC1; p=reject; {RUA}; np=reject")),
    # RFC 9989 §4.10.2: the record with the fewest labels, unless psd says otherwise
    bad("dmarc-organisation-differs", {"_dmarc.test": {"TXT": "v=DMARC1; p=none"}}),
    good("dmarc-organisation-differs", {"_dmarc.test": {"TXT": "v=DMARC1; p=none; psd=y"}}),
    bad("dmarc-fo-without-ruf", dmarc(f"v=DMARC1; p=reject; fo=1; {RUA}")),
    good("dmarc-fo-without-ruf", dmarc(f"v=DMARC1; p=reject; fo=1; {RUA}; ruf=mailto:f@{DOMAIN}")),
    # RFC 4592 §2.1
    bad(
        "dmarc-from-wildcard",
        dmarc() | {f"*.{DOMAIN}": {"TXT": f"v=DMARC1; p=reject; {RUA}"}},
        "domain-wildcard-txt",
    ),
    good("dmarc-from-wildcard", {f"*.{DOMAIN}": {"TXT": "v=DMARC1; p=none"}}, "domain-wildcard-txt"),
    bad("dmarc-inherited", SUBDOMAIN, *SUB_EXTRAS, domain=SUB),
    good("dmarc-inherited", SUBDOMAIN | dmarc(f"v=DMARC1; p=reject; {RUA}", name=SUB), *SUB_EXTRAS, domain=SUB),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_findings(case: Case) -> None:
    assert found(case.run()) == case.finds


@pytest.mark.parametrize(
    ("check_id", "changes", "severity"),
    [
        ("dmarc-policy-none", dmarc(f"v=DMARC1; p=none; {RUA}"), Severity.MEDIUM),
        (
            "dmarc-policy-none",
            apex(TXT="v=spf1 -all") | dmarc("v=DMARC1; p=none"),
            Severity.HIGH,
        ),  # sends no mail
        ("dmarc-removed-tag", dmarc(f"v=DMARC1; p=reject; pct=50; {RUA}"), Severity.MEDIUM),
        ("dmarc-removed-tag", dmarc(f"v=DMARC1; p=reject; pct=100; {RUA}"), Severity.INFO),
        ("dmarc-removed-tag", dmarc(f"v=DMARC1; p=none; pct=50; {RUA}"), Severity.INFO),
        ("dmarc-invalid-tag", dmarc(f"v=DMARC1; p=rejct; {RUA}"), Severity.HIGH),
        ("dmarc-without-reports", dmarc("v=DMARC1; p=none"), Severity.MEDIUM),
        ("dmarc-without-reports", dmarc("v=DMARC1; p=reject"), Severity.LOW),
    ],
)
def test_severity(check_id: str, changes: dict, severity: Severity) -> None:
    assert fault(audit(changes), check_id).severity is severity


def test_what_was_probably_meant() -> None:
    assert fault(audit(dmarc("v=dmarc1; p=reject")), "dmarc-missing").evidence[1].endswith("v=dmarc1; p=reject")
    assert (
        "did you mean rua=?" in fault(audit(dmarc("v=DMARC1; p=none; ruaa=x")), "dmarc-unknown-tag").evidence[0]
    )


PARKED = apex(TXT="v=spf1 -all", MX="0 .")


@pytest.mark.parametrize(
    ("check_id", "changes", "fix"),
    [
        ("dmarc-missing", PARKED | dmarc(), "v=DMARC1; p=reject"),
        ("dmarc-policy-none", dmarc(f"v=DMARC1; p=reject; sp=rejct; {RUA}"), f"v=DMARC1; p=reject; {RUA}"),
        ("dmarc-policy-none", dmarc("v=DMARC1; p=none"), f"v=DMARC1; p=quarantine; {RUA}"),
        ("dmarc-policy-none", PARKED | dmarc("v=DMARC1; p=none"), "v=DMARC1; p=reject"),
        (
            "dmarc-weak-subdomains",
            dmarc(f"v=DMARC1; p=quarantine; sp=none; np=reject; {RUA}"),
            f"v=DMARC1; p=quarantine; np=reject; {RUA}",
        ),
        ("dmarc-invalid-tag", dmarc(f"v=DMARC1; p=reject; rua=dmarc@{DOMAIN}"), f"v=DMARC1; p=reject; {RUA}"),
    ],
)
def test_a_fix_weakens_nothing(check_id: str, changes: dict, fix: str) -> None:
    assert fault(audit(changes), check_id).fix.splitlines()[0] == f'_dmarc.{DOMAIN}. TXT "{fix}"'


def test_a_subdomain_gets_a_record_of_its_own() -> None:
    weak = SUBDOMAIN | dmarc(f"v=DMARC1; p=reject; sp=none; {RUA}")
    finding = fault(audit(weak, domain=SUB), "dmarc-policy-none")
    assert finding.fix.startswith(f'_dmarc.{SUB}. TXT "v=DMARC1; p=quarantine; {RUA}"')
    assert found(audit(weak, domain=SUB)) == {"dmarc-policy-none", "dmarc-inherited", *SUB_EXTRAS}


def test_a_public_suffix_answers_for_itself() -> None:
    suffix = {"_dmarc.test": {"TXT": "v=DMARC1; p=reject; sp=none; psd=y; rua=mailto:a@registry.test"}}
    result = audit(suffix | dmarc())
    assert found(result) == {"dmarc-policy-none", "dmarc-inherited"}
    assert fault(result, "dmarc-policy-none").fix.startswith(f"_dmarc.{DOMAIN}. ")
    assert [receiver.accepts for receiver in result.receivers] == ["unknown"] * 3  # RFC 7489 sees no record


def test_an_alias_is_changed_where_it_leads() -> None:
    vendor = {
        f"_dmarc.{DOMAIN}": {"CNAME": "d.vendor.test"},
        "d.vendor.test": {"TXT": f"v=DMARC1; p=none; {RUA}"},
    }
    assert "is an alias: change the record at d.vendor.test" in fault(audit(vendor), "dmarc-policy-none").fix


def test_a_record_at_the_wrong_name_is_shown() -> None:
    misplaced = apex(TXT=["v=spf1 mx -all", "v=DMARC1; p=none"]) | dmarc()
    assert f"stands at {DOMAIN}" in fault(audit(misplaced), "dmarc-missing").evidence[1]
