"""Finding DKIM keys: which selectors are tried, in which order, and what a hit or a miss is worth."""

import base64

import pytest

from hygiene.audit.facts import AuditOptions, Facts
from hygiene.audit.views.dkim import DkimView, candidates, implied_senders, known_selectors
from hygiene.resolver import Answer, Outcome

from .checks.shop_zone import DOMAIN, KEY, SHOP, apex, audit, key, rsa_record, spf

BELOW = f"_domainkey.{DOMAIN}"
ED25519 = f"v=DKIM1; k=ed25519; p={base64.b64encode(b'7' * 32).decode()}"


def view(changes: dict | None = None, **settings) -> DkimView:
    return audit(changes, **settings).views["dkim"]


def senders(changes: dict) -> set[str]:
    return set(view(changes).senders)


def test_the_promising_come_first() -> None:
    facts = Facts(
        domain=DOMAIN,
        options=AuditOptions(selectors=("News",)),
        answers={(DOMAIN, "MX"): Answer(DOMAIN, "MX", Outcome.RECORDS, (("1", "aspmx.l.google.com"),))},
    )
    tried = candidates(facts, implied_senders(facts))
    assert list(tried)[:6] == ["news", "google", "20230601", "20161025", "shop", "shop1"]
    origins = list(dict.fromkeys(tried.values()))
    assert origins == ["given", "used by Google Workspace", "named like the domain", "common"]
    assert tried["google"] == "used by Google Workspace"  # the best reason counts
    assert set(known_selectors()[1]) <= set(tried)


@pytest.mark.parametrize(
    ("mx", "sender"),
    [
        ("aspmx.l.google.com", "Google Workspace"),
        ("shop-test.mail.protection.outlook.com", "Microsoft 365"),
        ("mx1-us1.ppe-hosted.com", "Proofpoint"),
        ("in1-smtp.messagingengine.com", "Fastmail"),
        ("mail.protonmail.ch", "Proton"),
        ("mx.zoho.eu", "Zoho"),
        ("eu-smtp-inbound-1.mimecast.com", "Mimecast"),
    ],
)
def test_senders_seen_in_mx(mx: str, sender: str) -> None:
    assert sender in senders(apex(MX=f"10 {mx}"))
    assert sender not in senders(
        apex(MX=f"10 x{mx.rpartition('.')[0].replace('.', '-')}.test", TXT="v=spf1 -all")
    )


@pytest.mark.parametrize(
    ("term", "sender"),
    [
        ("include:_spf.google.com", "Google Workspace"),
        ("include:sendgrid.net", "SendGrid"),
        ("include:u1.wl.sendgrid.net", "SendGrid"),
        ("?include:amazonses.com", "Amazon SES"),
        ("include:servers.mcsv.net", "Mailchimp"),
        ("include:SPF.Protection.Outlook.com", "Microsoft 365"),
    ],
)
def test_senders_seen_in_spf(term: str, sender: str) -> None:
    assert sender in senders(spf("mx", term, "-all"))


def test_every_known_sender_is_sound_data() -> None:
    listed, common = known_selectors()
    assert len(set(common)) == len(common)
    for sender in listed:
        assert sender.selectors
        assert sender.mx or sender.spf, f"{sender.name} could never be recognised"


def test_a_hit_overrides_what_dns_says_of_the_parent() -> None:
    """Some servers answer NXDOMAIN for an empty non-terminal (internetstandards/Internet.nl#470)."""
    facts = audit().facts
    answers = {**facts.answers, (BELOW, "TXT"): Answer(BELOW, "TXT", Outcome.NXDOMAIN)}
    from dataclasses import replace

    from hygiene.audit.views.dkim import read_dkim

    seen = read_dkim(replace(facts, answers=answers))
    assert [selector.name for selector in seen.found] == ["google"]
    assert not seen.nothing_below
    assert view(key(None)).nothing_below
    assert not view(key(None) | key(KEY, selector="hidden")).nothing_below


def test_a_wildcard_voids_its_hits_and_no_others() -> None:
    seen = view({f"*.{BELOW}": {"TXT": ED25519}})
    assert [selector.name for selector in seen.found] == ["google"]
    assert seen.wildcard == (ED25519,)
    seen = view({f"*.{BELOW}": {"TXT": KEY}})
    assert seen.found == ()


def test_a_wildcard_without_keys_is_no_wildcard_key() -> None:
    assert view({f"*.{BELOW}": {"TXT": "v=spf1 -all"}}).wildcard == ()
    assert view({f"*.{BELOW}": {"CNAME": DOMAIN}}).dangling == ()


def test_given_selectors() -> None:
    seen = view(selectors=["news", "google"])
    assert [selector.name for selector in seen.missing] == ["news"]
    assert [selector.origin for selector in seen.found] == ["given"]
    seen = view({f"news.{BELOW}": Outcome.TIMEOUT}, selectors=["news"])
    assert (seen.missing, [selector.name for selector in seen.open]) == ((), ["news"])


def test_dangling_aliases() -> None:
    seen = view({f"k1.{BELOW}": {"CNAME": "dkim.gone.test"}, f"k2.{BELOW}": {"CNAME": f"google.{BELOW}"}})
    assert [(selector.name, selector.answer.aliases) for selector in seen.dangling] == [
        ("k1", ("dkim.gone.test",))
    ]
    assert {selector.name for selector in seen.usable} == {"google", "k2"}


def test_all_silent_is_unknown() -> None:
    tried = [name for name, rdtype in audit().facts.answers if name.endswith(BELOW) and rdtype == "TXT"]
    seen = view(dict.fromkeys(tried, Outcome.SERVFAIL))
    assert "servfail" in seen.unknown
    assert seen.found == seen.missing == ()


@pytest.mark.parametrize(
    ("record", "usable", "summary"),
    [
        (KEY, True, "google 2048"),
        (ED25519, True, "google ed25519"),
        (rsa_record(2048, "t=y"), True, "google 2048 testing"),
        (rsa_record(1024), True, "google 1024"),
        (rsa_record(1023), False, "google 1023"),  # RFC 8301 §3.2
        (rsa_record(2048, "h=sha1"), False, "google 2048"),  # RFC 8301 §3.1
        (rsa_record(2048, "s=other"), False, "google 2048"),
        ("v=DKIM1; p=", False, "google revoked"),
        ("p=", False, "google revoked"),
        ("v=DKIM1; k=rsa", False, "google malformed"),
        ("v=DKIM1; k=dsa; p=MA==", False, "google malformed"),
    ],
)
def test_what_a_key_is_worth(record: str, usable: bool, summary: str) -> None:
    (selector,) = view(key(record)).found
    assert (selector.usable, selector.summary) == (usable, summary)


def test_other_texts_at_a_selector_are_no_keys() -> None:
    assert view(key("google-site-verification=p=1")).found == ()
    (selector,) = view({f"google.{BELOW}": {"TXT": ["hello", KEY]}}).found
    assert selector.usable


def test_the_number_of_questions_is_bounded() -> None:
    asked = [name for name, _ in audit().facts.answers if name.endswith(BELOW)]
    assert len(asked) < 70
    assert len(asked) == view().tried + 2  # the parent and the random label
    assert SHOP
