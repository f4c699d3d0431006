"""DKIM keys that can be found from outside: selectors cannot be listed, so every miss stays a question.

Selectors are tried in the order of how much they promise: given, implied by the providers seen in MX and SPF,
built from the domain, common.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from hygiene.audit.facts import Look
from hygiene.audit.message import Signature, read_message
from hygiene.audit.records.dkim import DkimKey, KeyStrength, key_strength, parse
from hygiene.audit.records.spf import is_spf, scan
from hygiene.audit.views.ownership import free_domain
from hygiene.domain import is_below
from hygiene.errors import RecordError
from hygiene.files import packaged_text
from hygiene.resolver import Answer, Outcome

MIN_RSA_BITS = 1024  # verifiers must not accept shorter keys, RFC 8301 §3.2


@dataclass(frozen=True)
class SenderSelectors:
    """A provider, the selectors it uses, and the MX and SPF names that give it away."""

    name: str
    selectors: tuple[str, ...]
    mx: tuple[str, ...] = ()
    spf: tuple[str, ...] = ()
    include: str = ""  # what its customers include in SPF, where that is one name


@dataclass(frozen=True, kw_only=True)
class Selector:
    """One selector and what is published there.

    `origin` says why it was tried. `key` and `strength` are None when the record is malformed (`error`).
    """

    name: str
    origin: str
    answer: Answer
    texts: tuple[str, ...] = ()
    key: DkimKey | None = None
    strength: KeyStrength | None = None
    error: str = ""
    free: str = ""  # the registered domain its CNAME needs, when nobody has registered that

    @property
    def usable(self) -> bool:
        """A receiver can verify signatures made with it."""
        if self.strength is None or self.key is None or self.too_short:
            return False
        return self.key.serves_email and self.key.accepts_hash("sha256")

    @property
    def too_short(self) -> bool:
        """An RSA key that receivers must not accept."""
        strength = self.strength
        return strength is not None and strength.algorithm == "rsa" and strength.bits < MIN_RSA_BITS

    @property
    def summary(self) -> str:
        """``google 2048``."""
        if self.key is not None and self.key.revoked:
            return f"{self.name} revoked"
        if self.strength is None:
            return f"{self.name} malformed"
        size = "ed25519" if self.strength.algorithm == "ed25519" else str(self.strength.bits)
        return f"{self.name} {size}{' testing' if self.key and self.key.testing else ''}"


@dataclass(frozen=True, kw_only=True)
class DkimView:
    """What was found under ``_domainkey``.

    `found` are selectors with a record, `open` those that got no answer, `missing` the given ones that are
    not there. `nothing_below` is True when DNS says that no name below ``_domainkey`` exists.
    """

    domain: str
    unknown: str = ""
    found: tuple[Selector, ...] = ()
    open: tuple[Selector, ...] = ()
    missing: tuple[Selector, ...] = ()
    dangling: tuple[Selector, ...] = ()
    tried: int = 0
    wildcard: tuple[str, ...] = ()
    nothing_below: bool = False
    something_below: bool = False  # a name under ``_domainkey`` exists, and no wildcard makes it up
    senders: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()  # what customers of these senders include in SPF

    @property
    def usable(self) -> tuple[Selector, ...]:
        """Keys that verify."""
        return tuple(selector for selector in self.found if selector.usable)


def read_dkim(facts: Look) -> DkimView:
    """The keys of the audited domain."""
    parent = f"_domainkey.{facts.domain}"
    below = facts.answer(parent, "TXT")
    anything = facts.answer(f"{facts.probe}.{parent}", "TXT")
    senders = implied_senders(facts)
    selectors = [
        _read_selector(name, origin, facts.answer(f"{name}.{parent}", "TXT"), anything.texts)
        for name, origin in candidates(facts, senders).items()
    ]
    found = tuple(selector for selector in selectors if selector.texts)
    unanswered = tuple(selector for selector in selectors if not selector.answer.is_known)
    return DkimView(
        domain=facts.domain,
        unknown=unanswered[0].answer.reason if len(unanswered) == len(selectors) else "",
        found=found,
        open=unanswered,
        missing=tuple(one for one in selectors if one.origin == "given" and _is_absent(one)),
        dangling=tuple(
            replace(one, free=free_domain(one.answer, facts))
            for one in selectors
            if _is_absent(one) and one.answer.aliases not in ((), anything.aliases)  # nor a wildcard CNAME
        ),
        tried=len(selectors),
        wildcard=tuple(text for text in anything.texts if _looks_like_key(text)),
        nothing_below=below.outcome is Outcome.NXDOMAIN and not found,
        something_below=below.outcome in (Outcome.NODATA, Outcome.RECORDS)
        and anything.outcome is Outcome.NXDOMAIN,
        senders=tuple(sender.name for sender in senders),
        includes=tuple(sender.include for sender in senders if sender.include),
    )


def candidates(facts: Look, senders: tuple[SenderSelectors, ...]) -> dict[str, str]:
    """Selector → why it is tried, the most promising first."""
    stem = facts.domain.partition(".")[0]
    tried = dict.fromkeys((name.lower() for name in facts.options.selectors), "given")
    for name in _seen_in_message(facts):
        tried.setdefault(name, "seen in the message")
    for sender in senders:
        for name in sender.selectors:
            tried.setdefault(name, f"used by {sender.name}")
    for name in (stem, f"{stem}1"):
        tried.setdefault(name, "named like the domain")
    for name in known_selectors()[1]:
        tried.setdefault(name, "common")
    return tried


def _seen_in_message(facts: Look) -> Iterator[str]:
    """Selectors that signed the message in the name of this domain."""
    if facts.options.message:
        for one in read_message(facts.options.message.encode("latin-1")).signatures:
            if isinstance(one, Signature) and one.domain == facts.domain:
                yield one.selector


def implied_senders(facts: Look) -> tuple[SenderSelectors, ...]:
    """Providers whose names appear in the MX records or anywhere in the SPF record."""
    hosts = [host for _, host in facts.answer(facts.domain, "MX").exchanges]
    targets = [
        mechanism.domain.to_text().lower()
        for text in facts.answer(facts.domain, "TXT").texts
        if is_spf(text)
        for mechanism in scan(text)[0].mechanisms
        if mechanism.domain is not None
    ]
    return tuple(
        sender
        for sender in known_selectors()[0]
        if any(is_below(host, suffix) for suffix in sender.mx for host in hosts)
        or any(is_below(target, suffix) for suffix in sender.spf for target in targets)
    )


@cache
def known_selectors() -> tuple[tuple[SenderSelectors, ...], tuple[str, ...]]:
    """Providers with their selectors, and the common list, from ``data/selectors.toml``."""
    data = tomllib.loads(packaged_text("hygiene.audit", "data/selectors.toml"))
    senders = tuple(
        SenderSelectors(
            name=name,
            selectors=tuple(entry["selectors"]),
            mx=tuple(entry.get("mx", ())),
            spf=tuple(entry.get("spf", ())),
            include=entry.get("include", ""),
        )
        for name, entry in data["senders"].items()
    )
    return senders, tuple(data["common"])


def _read_selector(name: str, origin: str, answer: Answer, wildcard: tuple[str, ...]) -> Selector:
    texts = tuple(text for text in answer.texts if _looks_like_key(text))
    if wildcard and set(answer.texts) == set(wildcard):
        texts = ()  # any label gets this answer, so it says nothing about this one
    if not texts:
        return Selector(name=name, origin=origin, answer=answer)
    if len(texts) > 1:
        error = f"{len(texts)} key records; verifiers may pick any of them (RFC 6376 §3.6.2.2)"
        return Selector(name=name, origin=origin, answer=answer, texts=texts, error=error)
    try:
        key = parse(texts[0])
    except RecordError as fault:
        return Selector(name=name, origin=origin, answer=answer, texts=texts, error=str(fault))
    return _with_strength(Selector(name=name, origin=origin, answer=answer, texts=texts, key=key))


@cache
def _strength(key: DkimKey) -> KeyStrength | str:
    try:
        return key_strength(key)
    except RecordError as fault:
        return str(fault)


def _with_strength(selector: Selector) -> Selector:
    if selector.key is None or selector.key.revoked:
        return selector
    strength = _strength(selector.key)
    return (
        replace(selector, error=strength) if isinstance(strength, str) else replace(selector, strength=strength)
    )


def _looks_like_key(text: str) -> bool:
    """A key record, sound or not: it says DKIM1, or has a p= tag (RFC 6376 §3.6.1 makes v= optional)."""
    tags = [tag.strip().partition("=")[0].strip() for tag in text.split(";")]
    return "p" in tags or text.lstrip().lower().startswith(("v=dkim1", "v = dkim1", "k=rsa", "k=ed25519"))


def _is_absent(selector: Selector) -> bool:
    return selector.answer.is_known and not selector.texts
