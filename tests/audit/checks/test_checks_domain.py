"""Checks of the name itself."""

import pytest

from .shop_zone import APEX, DOMAIN, Case, apex, bad, found, good

CASES = [
    # RFC 7208 §3.4 means all TXT records of the name together
    bad("domain-large-txt-answer", apex(TXT=[APEX["TXT"][0], *(f"token-{n}=" + "x" * 200 for n in range(6))])),
    good("domain-large-txt-answer", apex(TXT=[APEX["TXT"][0], *(f"token-{n}=" + "x" * 200 for n in range(4))])),
    # RFC 8020: NXDOMAIN of the name means that nothing below it exists either
    bad("domain-does-not-exist", domain="gone.test"),
    good("domain-does-not-exist", apex(NS=None)),
    good(  # an empty non-terminal: names below it exist (RFC 8020 §1)
        "domain-does-not-exist", {DOMAIN: None}, "spf-missing", "mx-missing", "dmarc-report-undeliverable"
    ),
    # publicsuffix.org: names below co.uk belong to different owners
    bad(
        "domain-is-public-suffix",
        {"co.uk": APEX, "_dmarc.co.uk": {"TXT": "v=DMARC1; p=reject; rua=mailto:a@co.uk; psd=y"}},
        "dkim-no-key-found?",
        "mta-sts-missing",
        "tls-rpt-missing",
        domain="co.uk",
    ),
    good(
        "domain-is-public-suffix",
        {"a.co.uk": APEX, "_dmarc.a.co.uk": {"TXT": "v=DMARC1; p=reject; rua=mailto:a@a.co.uk"}},
        "dkim-no-key-found?",
        "mta-sts-missing",
        "tls-rpt-missing",
        domain="a.co.uk",
    ),
    # RFC 4592 §2.1: a wildcard answers for every label that does not exist
    bad("domain-wildcard-txt", {f"*.{DOMAIN}": {"TXT": "hello"}}),
    good("domain-wildcard-txt", {f"*.{DOMAIN}": {"A": "192.0.2.80"}}),
    good("domain-wildcard-txt", {f"*.{DOMAIN}": {"TXT": "v=spf1 -all"}}),  # no name below may send
    # RFC 6761 §6.4: no name below .invalid exists
    bad("resolver-invents-answers", {"*.invalid": {"A": "198.51.100.80"}}),
    good("resolver-invents-answers", {"*.invalid": {"TXT": "no address"}}),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_findings(case: Case) -> None:
    assert found(case.run()) == case.finds
