"""A sound domain, `shop.test`, and audits of it with something changed; a check is tested by what changes.

`bad(id, changes)` is a zone that must lead to this finding, `good(id, changes)` a near-miss that must not. Both
name every other finding the change causes, so a new false alarm breaks a test.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hygiene.audit.run import Audit, audit_domains
from hygiene.resolver import Answer, Outcome, Zone
from hygiene.smtp_probe import Greeting
from hygiene.web import FetchOutcome as Fetched
from hygiene.web import Page, RecordedFetcher

DOMAIN = "shop.test"
POLICY_URL = f"https://mta-sts.{DOMAIN}/.well-known/mta-sts.txt"
MX_IP = "192.0.2.10"


def rsa_record(bits: int, *tags: str) -> str:
    """A key record of this length; the modulus is no product of primes, which nobody can tell."""
    numbers = rsa.RSAPublicNumbers(e=65537, n=(1 << (bits - 1)) + 12345)
    der = numbers.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "; ".join(["v=DKIM1", "k=rsa", *tags, f"p={base64.b64encode(der).decode()}"])


def sts_policy(*lines: str) -> bytes:
    return "\r\n".join(["version: STSv1", *lines, ""]).encode()


KEY = rsa_record(2048)
POLICY = sts_policy("mode: enforce", f"mx: mx.{DOMAIN}", "max_age: 604800")
APEX = {
    "TXT": ["v=spf1 mx include:_spf.google.com -all", "google-site-verification=x"],
    "MX": f"10 mx.{DOMAIN}",
    "NS": "ns1.host.test",
}
SHOP: Mapping[str, Any] = {
    DOMAIN: APEX,
    f"mx.{DOMAIN}": {"A": MX_IP},
    "10.2.0.192.in-addr.arpa": {"PTR": f"mx.{DOMAIN}"},
    "_spf.google.com": {"TXT": "v=spf1 ip4:198.51.100.0/24 ~all"},
    f"google._domainkey.{DOMAIN}": {"TXT": KEY},
    f"_dmarc.{DOMAIN}": {"TXT": f"v=DMARC1; p=reject; rua=mailto:dmarc@{DOMAIN}"},
    f"_mta-sts.{DOMAIN}": {"TXT": "v=STSv1; id=20260101;"},
    f"_smtp._tls.{DOMAIN}": {"TXT": f"v=TLSRPTv1; rua=mailto:tls@{DOMAIN}"},
}
PAGES = {POLICY_URL: Page(POLICY_URL, 200, "text/plain", POLICY, Fetched.FETCHED)}


class Validating:
    """A zone asked through a validating resolver: AD on what it answers, or "bogus" where told so."""

    def __init__(self, zone: Zone, *, signed: bool = True, bogus: frozenset[str] = frozenset()) -> None:
        self.zone, self.signed, self.bogus = zone, signed, bogus

    async def resolve(self, name: str, rdtype: str) -> Answer:
        answer = self.zone.answer(name, rdtype)
        if rdtype in self.bogus:
            detail = "DNSSEC validation failed (bogus)"
            return replace(answer, outcome=Outcome.SERVFAIL, records=(), detail=detail)
        return replace(answer, authenticated=self.signed)


class Greeter:
    """Mail servers that say what they are told to; others are out of reach."""

    def __init__(self, *greetings: Greeting) -> None:
        self.greetings = {greeting.host: greeting for greeting in greetings}

    async def greet(self, host: str, ip: str) -> Greeting:
        away = Greeting(host=host, ip=ip, outcome="timeout", detail="no answer on port 25")
        return self.greetings.get(host, away)


def audit(
    changes: Mapping[str, Any] | None = None,
    *,
    domain: str = DOMAIN,
    pages: Mapping[str, Page] | None = None,
    greetings: tuple[Greeting, ...] = (),
    signed: bool = True,
    bogus: frozenset[str] = frozenset(),
    **settings: Any,
) -> Audit:
    """An audit of the sound domain with these names replaced; None removes one."""
    data = {name: node for name, node in {**SHOP, **(changes or {})}.items() if node is not None}
    return audit_domains(
        [domain],
        resolver=Validating(Zone(data), signed=signed, bogus=bogus),
        fetcher=RecordedFetcher({**PAGES, **(pages or {})}.values()),
        smtp_probe=Greeter(*greetings),
        **settings,
    )[0]


def apex(**changes: Any) -> dict[str, Any]:
    """Other records at the domain itself; None removes a type."""
    return {DOMAIN: {rdtype: rec for rdtype, rec in {**APEX, **changes}.items() if rec is not None}}


def spf(*terms: str, **others: Any) -> dict[str, Any]:
    """Another SPF record, and other SPF records elsewhere: ``spf("-all", a_test="ip4:…")``."""
    elsewhere = {name.replace("_", "."): {"TXT": f"v=spf1 {text}"} for name, text in others.items()}
    return {**apex(TXT=" ".join(["v=spf1", *terms])), **elsewhere}


def dmarc(*records: str, name: str = DOMAIN) -> dict[str, Any]:
    return {f"_dmarc.{name}": {"TXT": list(records)} if records else None}


def key(text: str | None, *, selector: str = "google") -> dict[str, Any]:
    return {f"{selector}._domainkey.{DOMAIN}": text and {"TXT": text}}


def page(
    url: str, body: bytes = b"", *, status: int | None = 200, kind: str = "text/plain", **more: Any
) -> dict:
    fields = {"outcome": Fetched.FETCHED, **more}
    return {url: Page(url, status, kind, body, **fields)}


def greeting(host: str = f"mx.{DOMAIN}", **fields: Any) -> Greeting:
    told = {"outcome": "greeted", "starttls": True, "tls_version": "TLSv1.3", **fields}
    return Greeting(host=host, ip=MX_IP, **told)


@dataclass(frozen=True)
class Case:
    """`finds` are all ids found, `about` the check in question; an id that ends in "?" stays open."""

    about: str
    triggers: bool
    changes: Mapping[str, Any]
    finds: frozenset[str]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{'bad' if self.triggers else 'good'} {self.about}"

    def run(self) -> Audit:
        return audit(self.changes, **self.settings)


def bad(about: str, changes: Mapping[str, Any] | None = None, *also: str, **settings: Any) -> Case:
    return Case(about, True, changes or {}, frozenset({about, *also}), settings)


def good(about: str, changes: Mapping[str, Any] | None = None, *finds: str, **settings: Any) -> Case:
    return Case(about, False, changes or {}, frozenset(finds), settings)


def found(result: Audit) -> frozenset[str]:
    """The ids of an audit as `Case.finds` writes them."""
    return frozenset(f"{one.id}{'?' if one.unknown else ''}" for one in result.findings)


def fault(result: Audit, check_id: str) -> Any:
    """The fault of this id."""
    return next(one for one in result.faults if one.id == check_id)
