"""A preflight as plain JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hygiene.sending.preflight.parts import People, Route

if TYPE_CHECKING:
    from hygiene.sending.preflight.preflight import Preflight


def summary(preflight: Preflight) -> dict[str, Any]:
    """The verdict, the findings and what was looked at."""
    parts, definition = preflight.parts, preflight.definition
    return {
        "campaign": definition.name,
        "stream": definition.stream,
        "account": definition.account,
        "sender": definition.sender.address,
        "sha256": definition.sha256,
        "may_be_sent": not preflight.blocking(),
        "blocking": [finding.id for finding in preflight.blocking()],
        "list": _people(parts.people),
        "rendered": [
            {
                "recipient": mail.label,
                "address": mail.address,
                "variant": mail.variant,
                "subject": mail.subject,
                "html_bytes": mail.html_bytes,
            }
            for mail in (parts.rendering.mails if parts.rendering else ())
        ],
        "suppressions": {"store": parts.workspace.place, "entries": parts.workspace.entries},
        "domain": None if parts.route is None else _route(parts.route),
        "audit_grade": None if parts.audit is None else parts.audit.grade.letter,
        "ignored": list(preflight.ignored),
        "findings": [finding.to_dict() for finding in preflight.findings],
    }


def _people(people: People) -> dict[str, Any]:
    known = not (people.fault or people.change)
    return {
        "name": people.name,
        "recipients": people.rows if known else None,
        "cleaned_at": people.made_at.isoformat() if people.made_at else None,
        "age_days": round(people.age_days, 2) if people.made_at else None,
        "most_engaged_first": people.by_activity if known else None,
        "providers": dict(people.providers),
    }


def _route(route: Route) -> dict[str, Any]:
    return {
        "from": route.sender,
        "envelope": route.envelope,
        "signed_by": [key.name for key in route.keys],
        "dkim_aligned": route.signed_aligned,
        "spf_aligned": route.envelope_aligned,
        "dmarc_policy": route.policy or None,
        "relays": {relay.ip: relay.verdict.result.value for relay in route.relays},
    }
