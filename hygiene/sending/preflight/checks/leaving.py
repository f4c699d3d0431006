"""Checks of how to leave: for marketing, one click over https, and an address of the sender."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from hygiene.finding import Evidence, Problem, Severity
from hygiene.sending.definition import Definition
from hygiene.sending.preflight.parts import Route
from hygiene.sending.preflight.registry import check

_STREAM: Final = "[streams.marketing]"


@check(
    severity=Severity.CRITICAL,
    rule="RFC 8058 §3.1",
    why="Gmail and Yahoo ask for one-click unsubscribing in bulk mail, and the law for a way out.",
    fix=f'unsubscribe = "https://mail.YOUR-DOMAIN/u"  # in {_STREAM}',
)
def unsubscribe_not_set(definition: Definition) -> Evidence:
    """There is no way to unsubscribe"""
    if definition.marketing and not definition.unsubscribe:
        if definition.unsubscribe_mail:
            yield Problem(evidence=f"only by mail to {definition.unsubscribe_mail}", severity=Severity.HIGH)
        else:
            yield f"{_STREAM} has neither unsubscribe nor unsubscribe_mail"


@check(
    severity=Severity.CRITICAL,
    rule="RFC 8058 §3.1",
    why="Receivers show their unsubscribe button for https only.",
    fix=f'unsubscribe = "https://mail.YOUR-DOMAIN/u"  # in {_STREAM}',
)
def unsubscribe_not_https(definition: Definition) -> Evidence:
    """The address to unsubscribe is not https"""
    address = definition.unsubscribe
    if not definition.marketing or not address:
        return
    parts = urlsplit(address)
    if parts.scheme.lower() != "https" or not parts.hostname or not address.isascii() or " " in address:
        yield address
    elif parts.query or parts.fragment:
        yield f"{address}: the token is put behind it, so it ends with a path"


@check(
    severity=Severity.LOW,
    rule="common practice",
    why="A link to another domain than the sender's looks like phishing to people and filters.",
    fix=f'unsubscribe = "https://mail.YOUR-DOMAIN/u"  # in {_STREAM}',
)
def unsubscribe_elsewhere(definition: Definition, route: Route) -> Evidence:
    """The address to unsubscribe is on another domain than the sender's"""
    host = urlsplit(definition.unsubscribe).hostname or ""
    if definition.marketing and host and not route.within(host):
        yield f"{host}, and From {route.sender}"


@check(
    severity=Severity.MEDIUM,
    rule="CAN-SPAM, 15 U.S.C. 7704(a)",
    source="https://www.ftc.gov/business-guidance/resources/can-spam-act-compliance-guide-business",
    why="The US and others ask for a postal address in every commercial mail.",
    fix=f'postal_address = "Shop Ltd, 1 Garden Street, Springfield, IL 62701, USA"  # in {_STREAM}',
)
def postal_address_not_set(definition: Definition) -> Evidence:
    """There is no postal address of the sender"""
    shown = any("postal_address" in version.html + version.text for version in definition.versions)
    if definition.marketing and not definition.postal_address and shown:
        yield f"the templates show {{{{ postal_address }}}}, and {_STREAM} has none"
    elif definition.marketing and not definition.postal_address:
        yield Problem(evidence=f"{_STREAM} has none", severity=Severity.LOW)
