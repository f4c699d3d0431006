"""Checks of reverse DNS (FCrDNS) and blocklists (RFC 5782)."""

import pytest

from hygiene.finding import Confidence, Severity
from hygiene.resolver import Outcome

from .shop_zone import DOMAIN, MX_IP, Case, audit, bad, fault, found, good, spf

PTR = "10.2.0.192.in-addr.arpa"
LIST = "bl.test"
IPV6 = "2001:db8::25"
PTR6 = "5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
PTR_7 = {"7.100.51.198.in-addr.arpa": {"PTR": "out.test"}, "out.test": {"A": "198.51.100.7"}}


def blocklist(answer: str = "", *, test_entry: str | None = "127.0.0.2", negative: str | None = None) -> dict:
    """A list with its two test entries (RFC 5782 §5), which perhaps lists the mail host."""
    listed = {f"10.2.0.192.{LIST}": answer, f"2.0.0.127.{LIST}": test_entry, f"1.0.0.127.{LIST}": negative}
    return {name: {"A": value} for name, value in listed.items() if value}


ASKED = {"blocklists": [LIST]}

CASES = [
    bad("reverse-dns-missing", {PTR: None}),
    bad("reverse-dns-missing", ips=["198.51.100.7"]),
    bad("reverse-dns-missing", spf("mx", "ip4:198.51.100.7", "-all")),
    bad("reverse-dns-missing?", {PTR: Outcome.SERVFAIL}),
    good("reverse-dns-missing", PTR_7, ips=["198.51.100.7"]),
    good(
        "reverse-dns-missing", spf("mx", "ip4:198.51.100.0/24", "-ip4:203.0.113.9", "-all")
    ),  # no single address
    bad("reverse-dns-not-confirmed", {PTR: {"PTR": "other.test"}, "other.test": {"A": "192.0.2.11"}}),
    bad("reverse-dns-not-confirmed", {PTR: {"PTR": "gone.test"}}),
    bad("reverse-dns-not-confirmed?", {PTR: {"PTR": "slow.test"}, "slow.test": Outcome.TIMEOUT}),
    good("reverse-dns-not-confirmed", {PTR: {"PTR": ["gone.test", f"mx.{DOMAIN}"]}}),
    good(
        "reverse-dns-not-confirmed",
        {
            **spf("mx", f"ip6:{IPV6}", "-all"),
            PTR6: {"PTR": "six.test"},
            "six.test": {"AAAA": "2001:db8:0:0:0:0:0:25"},
        },
    ),
    # RFC 5782 §2.1: 127.0.0.0/8 but for 127.0.0.1; believed only when both test entries are right (§5)
    bad("blocklist-listed", blocklist("127.0.0.4"), **ASKED),
    bad(
        "blocklist-listed?", blocklist("127.255.255.254"), **ASKED
    ),  # Spamhaus: asked through a public resolver
    bad("blocklist-listed?", blocklist("127.0.0.4", test_entry=None), **ASKED),
    bad("blocklist-listed?", blocklist("127.0.0.4", negative="127.0.0.2"), **ASKED),
    bad("blocklist-listed?", {**blocklist(), f"10.2.0.192.{LIST}": Outcome.TIMEOUT}, **ASKED),
    good("blocklist-listed", blocklist("127.0.0.1"), **ASKED),
    good("blocklist-listed", blocklist("192.0.2.99"), **ASKED),  # a parked list
    good("blocklist-listed", blocklist(), **ASKED),
    good("blocklist-listed", blocklist("127.0.0.4")),  # nothing is asked by default
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_findings(case: Case) -> None:
    assert found(case.run()) == case.finds


@pytest.mark.parametrize(
    ("changes", "settings", "severity", "confidence"),
    [
        ({PTR: None}, {"ips": [MX_IP]}, Severity.HIGH, Confidence.SURE),
        ({PTR: None, **spf(f"ip4:{MX_IP}", "-all")}, {}, Severity.MEDIUM, Confidence.GUESS),
        ({PTR: None}, {}, Severity.LOW, Confidence.GUESS),  # that an MX sends as well is a guess
    ],
)
def test_how_bad_depends_on_who_sends(
    changes: dict, settings: dict, severity: Severity, confidence: Confidence
) -> None:
    finding = fault(audit(changes, **settings), "reverse-dns-missing")
    assert (finding.severity, finding.confidence) == (severity, confidence)


def test_the_text_of_a_listing_is_evidence() -> None:
    zone = {**blocklist(), f"10.2.0.192.{LIST}": {"A": "127.0.0.4", "TXT": "see https://bl.test/"}}
    finding = fault(audit(zone, blocklists=[LIST]), "blocklist-listed")
    assert finding.evidence == (f"{MX_IP} on {LIST} (127.0.0.4) see https://bl.test/",)
