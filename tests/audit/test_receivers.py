"""Would Gmail, Yahoo and Outlook.com accept bulk mail? Rule by rule, and never more than DNS shows."""

import re

import pytest

from hygiene.audit.receivers import Met, ReceiverVerdict, receiver_rules
from hygiene.resolver import Outcome

from .checks.shop_zone import DOMAIN, MX_IP, apex, audit, dmarc, key, rsa_record, spf

PTR = "10.2.0.192.in-addr.arpa"


def verdicts(changes: dict | None = None, **settings) -> dict[str, ReceiverVerdict]:
    return {receiver.id: receiver for receiver in audit(changes, **settings).receivers}


def gmail(changes: dict | None = None, **settings) -> dict[str, Met]:
    return {one.id: one.met for one in verdicts(changes, **settings)["gmail"].requirements}


def test_the_rules_are_dated_and_sourced() -> None:
    assert set(receiver_rules()) == {"gmail", "yahoo", "outlook"}
    for rules in receiver_rules().values():
        assert re.fullmatch(r"\d{4}-\d{2}(-\d{2})?", rules["rules"])
        assert re.fullmatch(r"\d{4}-\d{2}", rules["read"])
        assert rules["source"].startswith("https://")
        for requirement in rules["requirements"]:
            assert "test" in requirement or "proof" in requirement


def test_a_sound_domain_is_accepted_but_not_everything_can_be_seen() -> None:
    assert {name: verdict.accepts for name, verdict in verdicts().items()} == dict.fromkeys(
        ("gmail", "yahoo", "outlook"), "yes"
    )
    seen = gmail()
    assert {name for name, met in seen.items() if met is Met.MET} == {"spf", "dkim", "dmarc"}
    hidden = {name for name, met in seen.items() if met is Met.NOT_CHECKABLE}
    assert hidden == {"reverse-dns", "alignment", "tls", "one-click", "spam-rate"}


@pytest.mark.parametrize(
    ("changes", "requirement", "met", "accepts"),
    [
        (apex(TXT="hello"), "spf", Met.NOT_MET, "no"),
        (spf("mx", "moo"), "spf", Met.NOT_MET, "no"),
        (spf("include:gone.test", "mx"), "spf", Met.NOT_MET, "no"),
        (apex(TXT=Outcome.TIMEOUT), "spf", Met.UNKNOWN, "unknown"),
        (spf("include:a.test", "mx") | {"a.test": Outcome.SERVFAIL}, "spf", Met.UNKNOWN, "unknown"),
        (key(None), "dkim", Met.UNKNOWN, "unknown"),  # a miss proves nothing
        (key("v=DKIM1; p="), "dkim", Met.UNKNOWN, "unknown"),
        (key(rsa_record(768)), "dkim", Met.UNKNOWN, "unknown"),
        (dmarc(), "dmarc", Met.NOT_MET, "no"),
        (dmarc("v=DMARC1; p=none", "v=DMARC1; p=reject"), "dmarc", Met.NOT_MET, "no"),
        (dmarc("v=DMARC1; p=rejct"), "dmarc", Met.NOT_MET, "no"),
        (dmarc("v=DMARC1; p=none"), "dmarc", Met.MET, "yes"),
        (dmarc(f"v=DMARC1; p=rejct; rua=mailto:a@{DOMAIN}"), "dmarc", Met.MET, "yes"),
        ({f"_dmarc.{DOMAIN}": Outcome.SERVFAIL}, "dmarc", Met.UNKNOWN, "unknown"),
    ],
)
def test_requirements(changes: dict, requirement: str, met: Met, accepts: str) -> None:
    gmail_says = verdicts(changes)["gmail"]
    (judged,) = (one for one in gmail_says.requirements if one.id == requirement)
    assert (judged.met, gmail_says.accepts) == (met, accepts)
    assert bool(judged.reason) == (met is not Met.MET)
    assert judged.reason in gmail_says.reason or met is Met.MET


@pytest.mark.parametrize(
    ("changes", "met"),
    [
        ({}, Met.MET),
        ({PTR: None}, Met.NOT_MET),
        ({PTR: {"PTR": "gone.test"}}, Met.NOT_MET),
        ({PTR: Outcome.TIMEOUT}, Met.UNKNOWN),
    ],
)
def test_reverse_dns_of_given_addresses(changes: dict, met: Met) -> None:
    assert gmail(changes, ips=[MX_IP])["reverse-dns"] is met
    assert gmail(changes)["reverse-dns"] is Met.NOT_CHECKABLE  # that the MX sends is a guess
    assert "reverse-dns" not in {one.id for one in verdicts()["outlook"].requirements}


def test_a_fault_outweighs_an_open_question() -> None:
    verdict = verdicts(dmarc() | key(None))["yahoo"]
    assert (verdict.accepts, verdict.reason) == ("no", "there is no DMARC record")


@pytest.mark.parametrize("changes", [apex(MX="0 .", TXT="v=spf1 -all"), apex(TXT="v=spf1 -all")])
def test_a_domain_that_sends_no_mail(changes: dict) -> None:
    assert {verdict.reason for verdict in verdicts(changes).values()} == {
        "the domain says that it sends no mail"
    }


def test_as_json() -> None:
    entry = verdicts()["outlook"].to_dict()
    assert entry["rules"] == "2025-05-05"
    assert entry["requirements"][0] == {"id": "spf", "text": "SPF passes", "met": "met", "reason": ""}
