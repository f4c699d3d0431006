"""Checks of the keys and of the relay: what signs is published, SPF knows who sends, and we are let in."""

from __future__ import annotations

from typing import Final

from hygiene.audit.records.dkim import parse
from hygiene.errors import RecordError
from hygiene.finding import Confidence, Evidence, Open, Problem, Severity
from hygiene.sending.preflight.parts import Key, Login, Route
from hygiene.sending.preflight.registry import check
from hygiene.sending.reply import Outcome

_COVERED: Final = frozenset({"pass"})
_OPEN: Final = frozenset({"temperror"})


@check(
    severity=Severity.CRITICAL,
    rule="RFC 6376 §6.1.2",
    why="Receivers find another key than the one that signed: every signature fails.",
    fix="publish the record of the key that signs",
)
def signing_key_differs(route: Route) -> Evidence:
    """The key that signs is not the key that is published"""
    for key in route.keys:
        if key.fault or key.unknown or not key.record:
            continue
        said = _difference(key)
        if said:
            yield Problem(evidence=said, fix=f'{key.name}. TXT "{key.record}"')


def _difference(key: Key) -> str:
    if not key.published:
        return f"nothing is published at {key.name}"
    if len(key.published) > 1:
        return f"{len(key.published)} records are published at {key.name}: verifiers may take either"
    try:
        published = parse(key.published[0])
    except RecordError as error:
        return f"what is published at {key.name} is no key: {error}"
    if published.revoked:
        return f"the key at {key.name} is revoked"
    if published.public_key != parse(key.record).public_key:
        return f"another key is published at {key.name}"
    return ""


@check(
    severity=Severity.CRITICAL,
    rule="RFC 6376 §5.4",
    why="Mail would leave unsigned, or not at all.",
    fix='sign = ["s1._domainkey.YOUR-DOMAIN=file:dkim.key"]  # in [accounts]',
)
def signing_key_unreadable(route: Route) -> Evidence:
    """The key to sign with cannot be used"""
    yield from (f"{key.name}: {key.fault}" for key in route.keys if key.fault)


@check(
    severity=Severity.HIGH,
    rule="RFC 6376 §3.6.2",
    why="Without an answer nobody knows whether signatures will hold.",
    fix="hygiene preflight CAMPAIGN --to clean.csv --timeout 10",
)
def signing_key_unknown(route: Route) -> Evidence:
    """The published key could not be looked up"""
    yield from (Open(key.unknown) for key in route.keys if key.unknown and not key.fault)


@check(
    severity=Severity.MEDIUM,
    rule="Gmail's sender guidelines, read 2026-05",
    source="https://support.google.com/a/answer/81126",
    why="Gmail, Yahoo and Outlook.com want bulk mail signed with DKIM.",
    fix='sign = ["s1._domainkey.YOUR-DOMAIN=file:dkim.key"]  # in [accounts], unless the relay signs',
    confidence=Confidence.GUESS,
)
def mail_not_signed(route: Route) -> Evidence:
    """Mail is not signed here"""
    if not route.keys and not route.signs_itself:
        yield "the account has no sign; its relay may sign instead"


@check(
    severity=Severity.HIGH,
    rule="RFC 7208 §2.4",
    why="Receivers see an address that the domain does not name as its own.",
    fix="v=spf1 include:RELAY ~all  # or ip4:ADDRESS, at the domain of the envelope sender",
    confidence=Confidence.LIKELY,
)
def relay_not_in_spf(route: Route) -> Evidence:
    """SPF of the envelope sender does not name the relay"""
    if route.relay_unknown:
        yield Open(route.relay_unknown)
    milder = Severity.MEDIUM if route.signed_aligned else None
    for relay in route.relays:
        result, reason = relay.verdict.result.value, relay.verdict.reason
        if result in _OPEN:
            yield Open(f"{relay.ip}: {reason or result}")
        elif result not in _COVERED:
            yield Problem(
                evidence=f"{relay.ip} at {route.envelope}: {result}{f', {reason}' if reason else ''}",
                severity=milder,
            )


@check(
    severity=Severity.HIGH,
    rule="RFC 4954 §6",
    why="Nothing would leave: each try would end as this one did.",
    fix="mend host, port, tls, username and password (or api_key) in [accounts], as its provider gives them",
)
def relay_refuses(login: Login) -> Evidence:
    """The relay refuses us"""
    if login.fault:
        yield login.fault
    elif login.reply is not None and login.reply.outcome is Outcome.REFUSED:
        yield f"{login.place}: {login.reply.text}"
    elif login.reply is not None and login.reply.outcome is not Outcome.SENT:
        yield Open(f"{login.place}: {login.reply.text}")
