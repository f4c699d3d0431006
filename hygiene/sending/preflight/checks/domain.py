"""Checks of the names: DMARC alignment, the envelope sender, and what receivers ask of bulk senders."""

from __future__ import annotations

from typing import Final

from hygiene.audit.run import Audit
from hygiene.finding import Confidence, Evidence, Open, Problem, Severity
from hygiene.sending.preflight.parts import People, Route
from hygiene.sending.preflight.registry import check

BULK_A_DAY: Final = 5_000

#: receivers of an audit → their name among providers of mailboxes
_PROVIDERS: Final = {"gmail": "gmail", "yahoo": "yahoo", "outlook": "microsoft"}


@check(
    severity=Severity.HIGH,
    rule="RFC 9989 §4.4",
    why="DMARC passes when SPF or DKIM passes in a name of the From domain; else its policy is applied.",
    fix='sign = ["s1._domainkey.YOUR-DOMAIN=file:dkim.key"]  # in [accounts]\n'
    'return_path = "bounces.YOUR-DOMAIN"',
)
def dmarc_not_aligned(route: Route) -> Evidence:
    """Neither the signature nor the envelope sender is in a name of the From domain"""
    if route.signs_itself or route.signed_aligned or route.envelope_aligned:
        return
    if route.unknown:
        yield Open(route.unknown)
        return
    signed = ", ".join(sorted({key.domain for key in route.keys})) or "nobody"
    said = f"From {route.sender}, signed by {signed}, envelope sender at {route.envelope}"
    enforced = route.policy in {"quarantine", "reject"}
    worse = Severity.CRITICAL if enforced else None
    yield Problem(evidence=f"{said}; its DMARC policy is {route.policy or 'not published'}", severity=worse)


@check(
    severity=Severity.LOW,
    rule="RFC 9989 §4.4",
    why="SPF then never counts for DMARC, and one broken signature is enough to fail it.",
    fix='return_path = "bounces.YOUR-DOMAIN"  # in [accounts]',
)
def return_path_elsewhere(route: Route) -> Evidence:
    """The envelope sender is not in a name of the From domain"""
    if not route.envelope_aligned and (route.signed_aligned or route.signs_itself):
        yield f"From {route.sender}, envelope sender at {route.envelope}"


@check(
    severity=Severity.HIGH,
    rule="RFC 5321 §5.1",
    why="Bounces go there: without them dead mailboxes are mailed for ever.",
    fix="bounces.YOUR-DOMAIN. MX 10 mail.YOUR-DOMAIN.",
)
def return_path_takes_no_mail(route: Route) -> Evidence:
    """The domain of the envelope sender takes no mail"""
    if route.envelope_receives is None:
        yield Open(f"MX {route.envelope}: no answer")
    elif not route.envelope_receives:
        yield f"{route.envelope} has neither MX nor address"


@check(
    severity=Severity.HIGH,
    rule="receivers' rules for bulk senders, as dated in the audit",
    why="Mail of senders that do not meet them is refused or put into the spam folder.",
    fix="hygiene audit YOUR-DOMAIN",
)
def receiver_rules_not_met(audit: Audit, people: People) -> Evidence:
    """A receiver's rules for bulk senders are not met"""
    for receiver in audit.receivers:
        there = people.providers.get(_PROVIDERS.get(receiver.id, ""), 0)
        said = f"{receiver.name} ({there:,} of the list): {receiver.reason}"
        if receiver.accepts == "no":
            yield Problem(evidence=said, severity=None if there else Severity.MEDIUM)
        elif receiver.accepts == "unknown" and there:
            yield Open(said)


@check(
    severity=Severity.INFO,
    rule="Gmail's sender guidelines, read 2026-05",
    source="https://support.google.com/a/answer/81126",
    why="From about 5,000 a day on, Gmail, Yahoo and Outlook.com hold a sender to the rules for bulk mail.",
    fix="keep complaints under 0.1 %, and never reach 0.3 %",
    confidence=Confidence.LIKELY,
)
def bulk_sender(people: People) -> Evidence:
    """A receiver gets enough to count this as bulk mail"""
    for provider in _PROVIDERS.values():
        if people.providers.get(provider, 0) >= BULK_A_DAY:
            yield f"{provider}: {people.providers[provider]:,} mailboxes"
