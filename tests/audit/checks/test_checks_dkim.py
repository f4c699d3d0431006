"""Checks of DKIM keys (RFC 6376, 8301, 8463)."""

import base64

import pytest

from hygiene.finding import Confidence, Severity
from hygiene.resolver import Outcome

from .shop_zone import DOMAIN, KEY, Case, apex, audit, bad, dmarc, found, good, key, rsa_record

ED25519 = f"v=DKIM1; k=ed25519; p={base64.b64encode(b'7' * 32).decode()}"  # RFC 8463 §4
DOMAINKEY = f"_domainkey.{DOMAIN}"

CASES = [
    # RFC 6376 §3.6.2.1: selectors cannot be listed, so a miss stays a question
    bad("dkim-no-key-found?", key(None)),
    good("dkim-no-key-found", key(None) | key(ED25519, selector="shop1")),
    good("dkim-no-key-found", key(None) | apex(MX="0 .", TXT="v=spf1 -all") | dmarc("v=DMARC1; p=reject")),
    bad("dkim-selector-unanswered?", {f"s1.{DOMAINKEY}": Outcome.TIMEOUT}),
    good("dkim-selector-unanswered", {f"own.{DOMAINKEY}": Outcome.TIMEOUT}),
    bad("dkim-selector-missing", selectors=["news"]),
    bad("dkim-selector-missing", key("hello", selector="news"), selectors=["news"]),
    good("dkim-selector-missing", selectors=["GOOGLE"]),
    good(
        "dkim-selector-missing",
        {f"news.{DOMAINKEY}": Outcome.TIMEOUT},
        "dkim-selector-unanswered?",
        selectors=["news"],
    ),
    # RFC 8301 §3.2
    bad("dkim-key-broken", key(rsa_record(768)), "dkim-no-usable-key"),
    bad("dkim-key-broken", key(rsa_record(1023), selector="s1")),
    good("dkim-key-broken", key(rsa_record(1024)), "dkim-key-weak"),
    bad("dkim-key-weak", key(rsa_record(2047))),
    good("dkim-key-weak", key(rsa_record(4096))),
    good("dkim-key-weak", key(ED25519)),
    # RFC 6376 §3.6.1
    bad("dkim-key-malformed", key("v=DKIM1; p=@@@"), "dkim-no-usable-key"),
    bad("dkim-key-malformed", key("v=DKIM1; k=rsa"), "dkim-no-usable-key"),
    bad("dkim-key-malformed", key("v=DKIM2; p=MA==", selector="s1")),
    bad("dkim-key-malformed", key(f"{KEY}; k=rsa", selector="s1")),  # §3.2: a tag twice
    bad("dkim-key-malformed", {f"s1.{DOMAINKEY}": {"TXT": [KEY, ED25519]}}),  # §3.6.2.2
    good("dkim-key-malformed", key(f"{KEY}; x=1")),
    good("dkim-key-malformed", {f"google.{DOMAINKEY}": {"TXT": [[KEY[:255], KEY[255:]]]}}),  # no space between
    bad("dkim-key-revoked", key("v=DKIM1; p=", selector="k1")),
    good("dkim-key-revoked", key(KEY, selector="k1")),
    bad("dkim-no-usable-key", key("v=DKIM1; p="), "dkim-key-revoked"),
    good("dkim-no-usable-key", key("p=", selector="s1"), "dkim-key-revoked"),
    bad("dkim-testing", key(rsa_record(2048, "t=y:s"))),
    good("dkim-testing", key(rsa_record(2048, "t=s"))),
    bad("dkim-sha1-only", key(rsa_record(2048, "h=sha1")), "dkim-no-usable-key"),  # RFC 8301 §3.1
    good("dkim-sha1-only", key(rsa_record(2048, "h=sha1:sha256"))),
    bad("dkim-not-for-email", key(rsa_record(2048, "s=other")), "dkim-no-usable-key"),
    good("dkim-not-for-email", key(rsa_record(2048, "s=*:other"))),
    # §2.2 of the facts: a wildcard makes every selector look like a hit
    bad("dkim-wildcard", {f"*.{DOMAINKEY}": {"TXT": KEY}}, "dkim-no-key-found?"),
    good("dkim-wildcard", {f"*.{DOMAINKEY}": {"TXT": "v=spf1 -all"}}),
    good("dkim-wildcard", {f"*.{DOMAINKEY}": {"TXT": "v=DKIM1; p="}}),  # no key anywhere (M3AAWG)
    bad("dkim-dangling-alias", {f"s1.{DOMAINKEY}": {"CNAME": "s1.gone.test"}}),  # RFC 6376 §8.1
    bad("dkim-dangling-alias", {f"s1.{DOMAINKEY}": {"CNAME": "mx.shop.test"}}),
    good("dkim-dangling-alias", {f"s1.{DOMAINKEY}": {"CNAME": "s1.a.test"}, "s1.a.test": {"TXT": ED25519}}),
    good("dkim-dangling-alias", {f"*.{DOMAINKEY}": {"CNAME": DOMAIN}}),  # every label leads there
    good(
        "dkim-dangling-alias",
        {f"s1.{DOMAINKEY}": {"CNAME": "a.test"}, "a.test": Outcome.SERVFAIL},
        "dkim-selector-unanswered?",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_findings(case: Case) -> None:
    assert found(case.run()) == case.finds


def test_a_miss_is_serious_but_unsure() -> None:
    miss = next(one for one in audit(key(None)).unknowns if one.id == "dkim-no-key-found")
    assert (miss.severity, miss.confidence) == (Severity.HIGH, Confidence.GUESS)
    assert "selectors tried; DNS says nothing exists below _domainkey" in miss.evidence[0]
    miss = audit(key(None) | key("x", selector="hidden")).unknowns[0]
    assert "something exists below _domainkey" in miss.evidence[0]
    miss = audit(key(None) | {f"*.{DOMAIN}": {"A": "192.0.2.80"}}).unknowns[0]  # makes every name exist
    assert "below _domainkey" not in miss.evidence[0]
