"""Checks of DKIM keys (RFC 6376, 8301, 8463)."""

from __future__ import annotations

import re

from hygiene.audit.registry import check
from hygiene.audit.views.dkim import MIN_RSA_BITS, DkimView, Selector
from hygiene.audit.views.mx import MxView
from hygiene.audit.views.spf import SpfView
from hygiene.finding import Confidence, Evidence, Open, Problem, Severity

REVOKED = re.compile(r"(?:^|;)\s*p\s*=\s*(?:;|$)")
STRONG_BITS = 2048  # RSA keys below are discouraged, RFC 8301 §3.2


def sends_no_mail(spf: SpfView, mx: MxView) -> bool:
    """The domain says so itself: null MX, or an SPF record that allows nobody."""
    nobody = spf.record is not None and [term.to_text() for term in spf.record.terms] == ["-all"]
    return nobody or (mx.null and not mx.hosts)


@check(
    severity=Severity.HIGH,
    rule="RFC 6376 §3.6.2.1",
    confidence=Confidence.GUESS,
    why="Selectors cannot be listed, so a miss proves nothing.",
)
def dkim_no_key_found(dkim: DkimView, *, spf: SpfView, mx: MxView) -> Evidence:
    """A DKIM key is published"""
    if dkim.found or sends_no_mail(spf, mx):
        return
    below = "; something exists below _domainkey" if dkim.something_below else ""
    if dkim.nothing_below:
        below = "; DNS says nothing exists below _domainkey, so most likely there is none"
    hint = "name yours with --selector (it is the s= of a DKIM-Signature header you send)"
    yield Open(f"no key at {dkim.tried} selectors tried{below}; {hint}")
    if dkim.open:
        names = ", ".join(selector.name for selector in dkim.open)
        yield Open(f"not answered: {names} ({dkim.open[0].answer.reason})")


@check(
    severity=Severity.LOW,
    rule="RFC 6376 §3.6.2.1",
    why="These selectors were not answered; there may be a key.",
    optional=True,
)
def dkim_selector_unanswered(dkim: DkimView) -> Evidence:
    """More DKIM keys are published"""
    if dkim.found and dkim.open:
        names = ", ".join(selector.name for selector in dkim.open)
        yield Open(f"{names}: {dkim.open[0].answer.detail or dkim.open[0].answer.outcome.value}")


@check(
    severity=Severity.HIGH,
    rule="RFC 6376 §3.6.2.1",
    why="Signatures made with this selector cannot be verified by anybody.",
    fix="publish the key at <selector>._domainkey.{domain}, or sign with another selector",
)
def dkim_selector_missing(dkim: DkimView) -> Evidence:
    """A selector you named has no key"""
    for selector in dkim.missing:
        yield f"{selector.name}._domainkey.{dkim.domain}: {_absence(selector)}"


@check(
    severity=Severity.HIGH,
    rule="RFC 8301 §3.2",
    why="Receivers must not accept RSA keys under 1024 bits; such a key can be broken by anyone.",
    fix="create a 2048-bit key under a new selector and sign with it",
)
def dkim_key_broken(dkim: DkimView) -> Evidence:
    """A DKIM key is too short to count"""
    yield from _keys(dkim, 0, MIN_RSA_BITS)


@check(
    severity=Severity.LOW,
    rule="RFC 8301 §3.2",
    why="RSA keys under 2048 bits are discouraged.",
    fix="create a 2048-bit key under a new selector and sign with it",
)
def dkim_key_weak(dkim: DkimView) -> Evidence:
    """A DKIM key is weak"""
    yield from _keys(dkim, MIN_RSA_BITS, STRONG_BITS)


def _keys(dkim: DkimView, lowest: int, limit: int) -> Evidence:
    for selector in dkim.found:
        strength = selector.strength
        if strength and strength.algorithm == "rsa" and lowest <= strength.bits < limit:
            yield f"{selector.name}: {strength.bits} bits"


@check(
    severity=Severity.MEDIUM,
    rule="RFC 6376 §3.6.1",
    why="Verifiers cannot read the record, so signatures with this selector fail.",
    fix="publish the record again as your sender gives it, on one line and without changes",
)
def dkim_key_malformed(dkim: DkimView) -> Evidence:
    """A DKIM key record is malformed"""
    for selector in dkim.found:
        if selector.error:
            yield f"{selector.name}: {selector.error}"


@check(
    severity=Severity.INFO,
    rule="RFC 6376 §3.6.1",
    why="An empty p= says that the key is withdrawn, which is right for old selectors.",
    optional=True,
)
def dkim_key_revoked(dkim: DkimView) -> Evidence:
    """A DKIM key is revoked"""
    for selector in dkim.found:
        if selector.key and selector.key.revoked:
            yield f"{selector.name}: p= is empty"


@check(
    severity=Severity.MEDIUM,
    rule="RFC 6376 §3.6.1",
    why="Every key found is revoked or unusable, so no signature with these selectors verifies.",
    fix="publish a key for the selector you sign with",
    confidence=Confidence.GUESS,
)
def dkim_no_usable_key(dkim: DkimView) -> Evidence:
    """None of the DKIM keys found can be used"""
    if dkim.found and not dkim.usable:
        yield ", ".join(selector.summary for selector in dkim.found)


@check(
    severity=Severity.LOW,
    rule="RFC 6376 §3.6.1",
    why="t=y says that DKIM is only being tried out here; some receivers then give a signature no credit.",
    fix="remove t=y from the key record",
)
def dkim_testing(dkim: DkimView) -> Evidence:
    """A DKIM key is in testing mode"""
    for selector in dkim.found:
        if selector.key and selector.key.testing and not selector.key.revoked:
            yield f"{selector.name}: t=y"


@check(
    severity=Severity.HIGH,
    rule="RFC 8301 §3.1",
    why="rsa-sha1 signatures must not be accepted, and this key allows no other.",
    fix="remove h=sha1 from the key record and sign with rsa-sha256",
)
def dkim_sha1_only(dkim: DkimView) -> Evidence:
    """A DKIM key allows SHA-1 only"""
    for selector in _live(dkim):
        if selector.key and not selector.key.accepts_hash("sha256"):
            yield f"{selector.name}: h={':'.join(selector.key.hash_algorithms or ())}"


@check(
    severity=Severity.MEDIUM,
    rule="RFC 6376 §3.6.1",
    why="s= limits the key to other services, so mail signed with it does not verify.",
    fix="remove s= from the key record",
)
def dkim_not_for_email(dkim: DkimView) -> Evidence:
    """A DKIM key is not meant for e-mail"""
    for selector in _live(dkim):
        if selector.key and not selector.key.serves_email:
            yield f"{selector.name}: s={':'.join(selector.key.service_types or ())}"


def _absence(selector: Selector) -> str:
    return "no key among its TXT records" if selector.answer.records else selector.answer.outcome.value


def _live(dkim: DkimView) -> tuple[Selector, ...]:
    return tuple(selector for selector in dkim.found if selector.key and not selector.key.revoked)


@check(
    severity=Severity.LOW,
    rule="RFC 6376 §3.6.2.1",
    why="Any selector seems to have a key, so keys cannot be told apart, nor withdrawn.",
    fix="remove the wildcard record below _domainkey.{domain}",
)
def dkim_wildcard(dkim: DkimView) -> Evidence:
    """A wildcard answers for every DKIM selector"""
    for text in dkim.wildcard:
        if REVOKED.search(text):
            continue  # says that no selector has a key, as M3AAWG advises for domains that send nothing
        yield f"*._domainkey.{dkim.domain} TXT {text}"


@check(
    severity=Severity.LOW,
    rule="RFC 6376 §3.6.2.1",
    why="The selector points to a name without a key. That is usual for a key kept for the next rotation; "
    "but who can register the name can sign as you.",
    fix="keep the CNAME while you use the sender, remove it afterwards",
    confidence=Confidence.LIKELY,
)
def dkim_dangling_alias(dkim: DkimView) -> Evidence:
    """A DKIM selector points nowhere"""
    for selector in dkim.dangling:
        target = selector.answer.aliases[-1]
        evidence = f"{selector.name}._domainkey.{dkim.domain} CNAME {target}: {_absence(selector)}"
        if selector.free:
            evidence = f"{evidence}, {selector.free} may be free to register"
            fix = f"remove the CNAME {selector.name}._domainkey.{dkim.domain} today"
            yield Problem(evidence=evidence, severity=Severity.HIGH, fix=fix)
        else:
            yield evidence
