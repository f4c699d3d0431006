"""Checks of a message the user sent: does it pass in the author's name, can readers leave with one click?"""

from __future__ import annotations

from hygiene.audit.registry import check
from hygiene.audit.views.message import MessageView
from hygiene.domain import is_below, registered_domain
from hygiene.finding import Evidence, Open, Problem, Severity


@check(
    severity=Severity.CRITICAL,
    rule="RFC 5322 §3.6.2",
    why="Receivers cannot tell whose message it is, and refuse it.",
    fix="write exactly one address into From",
)
def message_author_unclear(message: MessageView) -> Evidence:
    """The message does not name exactly one author"""
    if message.present and len(message.authors) != 1:
        yield f"From holds {len(message.authors)} addresses: {', '.join(message.authors)}".rstrip(": ")


@check(
    severity=Severity.HIGH,
    rule="RFC 9989 §4.4",
    why="Receivers apply the DMARC policy to the domain in From, not to the one audited here.",
    fix="audit the domain in From",
)
def message_of_another_domain(message: MessageView, *, domain: object) -> Evidence:
    """The message is written in the name of another domain"""
    audited = str(getattr(domain, "name", ""))
    for author in message.author_domains:
        if not is_below(author, registered_domain(audited)):
            yield f"From is at {author}, audited is {audited}"


@check(
    severity=Severity.HIGH,
    rule="RFC 6376 §3.5",
    why="Large receivers require a DKIM signature on bulk mail, and DMARC survives forwarding only with one.",
    fix="switch on DKIM signing where the message is sent",
)
def message_unsigned(message: MessageView) -> Evidence:
    """The message has no DKIM signature"""
    if message.present and not message.signatures:
        yield "no DKIM-Signature field"


@check(
    severity=Severity.HIGH,
    rule="RFC 6376 §6.1",
    why="A signature that does not hold counts as none.",
    fix="let nothing change the message after it was signed, and publish the key that signs",
)
def message_signature_broken(message: MessageView) -> Evidence:
    """A DKIM signature of the message does not hold"""
    rescued = any(one.holds and one.aligned for one in message.signatures)
    for one in message.signatures:
        if one.unknown:
            yield Open(f"{one.selector}._domainkey.{one.domain}: {one.unknown}")
        elif one.reason:
            severity = Severity.LOW if rescued else Severity.HIGH
            yield Problem(evidence=f"d={one.domain} s={one.selector}: {one.reason}", severity=severity)


@check(
    severity=Severity.HIGH,
    rule="RFC 9989 §4.4",
    why="DMARC passes only when the domain that signs, or that of the envelope, belongs to the one in From.",
    fix="sign with d={domain}, or use a return path at {domain}",
)
def message_fails_dmarc(message: MessageView) -> Evidence:
    """The message fails DMARC"""
    if not message.present or message.dmarc_passes:
        return
    signers = ", ".join(one.domain for one in message.signatures if one.domain) or "nobody"
    envelope = message.envelope_domain or "not known"
    evidence = f"From {', '.join(message.author_domains)}; signed by {signers}; envelope {envelope}"
    if message.dmarc_passes is False:
        yield evidence
    elif message.dkim_passes is False:
        yield Open(f"{evidence}; SPF may still pass, add --ip with the address that sent it")


@check(
    severity=Severity.LOW,
    rule="RFC 6376 §8.2",
    why="Anybody can add text behind the signed part of the body.",
    fix="sign without l=",
)
def message_partly_signed(message: MessageView) -> Evidence:
    """A signature covers a part of the body only"""
    for one in message.signatures:
        if one.body_length is not None:
            yield f"d={one.domain} s={one.selector}: l={one.body_length}"


@check(
    severity=Severity.HIGH,
    rule="RFC 8058 §3.1",
    why="Gmail and Yahoo require one-click unsubscribe on marketing mail.",
    fix="List-Unsubscribe: <https://{domain}/u/…>\nList-Unsubscribe-Post: List-Unsubscribe=One-Click",
)
def message_without_one_click(message: MessageView) -> Evidence:
    """Readers cannot unsubscribe with one click"""
    if not message.is_bulk:
        return
    if not message.unsubscribe_uri:
        yield "List-Unsubscribe has no https address"
    if not message.one_click:
        yield "no List-Unsubscribe-Post: List-Unsubscribe=One-Click"


@check(
    severity=Severity.MEDIUM,
    rule="RFC 8058 §4",
    why="Receivers offer one-click unsubscribe only when both fields are under a signature that holds.",
    fix="add List-Unsubscribe and List-Unsubscribe-Post to the signed fields",
)
def message_one_click_unsigned(message: MessageView) -> Evidence:
    """The unsubscribe fields are not signed"""
    if message.unsubscribe_uri and message.one_click and message.signatures and not message.unsubscribe_signed:
        for one in message.signatures:
            missing = {"list-unsubscribe", "list-unsubscribe-post"} - set(one.covers)
            if missing:
                yield f"d={one.domain} does not cover {' and '.join(sorted(missing))}"
