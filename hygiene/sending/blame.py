"""Which record is broken when receivers refuse mail for a fault of the sender: the audit's answer."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from hygiene.bounce import BounceReason
from hygiene.finding import Finding, by_severity

if TYPE_CHECKING:
    from hygiene.audit.run import Audit
    from hygiene.sending.breaker import Trip

_AUTHENTICATION: Final = ("dmarc", "dkim", "spf")

#: reason of the refusals → areas of the audit that can be at fault, the likeliest first
_AREAS: Final = MappingProxyType(
    {
        BounceReason.AUTHFAILURE: _AUTHENTICATION,
        BounceReason.POLICYVIOLATION: _AUTHENTICATION,
        BounceReason.BADREPUTATION: ("reputation", *_AUTHENTICATION),
        BounceReason.BLOCKED: ("reputation", *_AUTHENTICATION),
        BounceReason.REQUIREPTR: ("reputation",),
        BounceReason.REJECTED: ("domain", "mx", *_AUTHENTICATION),
        BounceReason.SECURITYERROR: ("transport", *_AUTHENTICATION),
        BounceReason.SPAMDETECTED: ("reputation", *_AUTHENTICATION),
    }
)


def broken_record(trip: Trip, audit: Audit) -> str:
    """A sentence or two: what the audit of the sending domain has to say to these refusals."""
    found = suspects(trip.reason, audit.findings)
    if not found:
        return (
            f"The audit of {audit.domain} finds no record that explains it; the server's words: "
            f"{trip.evidence or 'none'}"
        )
    first = found[0]
    seen = f" ({first.evidence[0]})" if first.evidence else ""
    fix = f" Fix: {first.fix.splitlines()[0]}" if first.fix else ""
    return f"The audit of {audit.domain} names {first.id}: {first.title}{seen}.{fix}"


def suspects(reason: str, findings: Sequence[Finding]) -> list[Finding]:
    """The faults that can be behind refusals of a reason, likeliest area first, worst first within one."""
    areas = _AREAS.get(BounceReason(reason), ()) if reason else ()
    faults = [finding for finding in by_severity(findings) if not finding.unknown and not finding.optional]
    return [finding for area in areas for finding in faults if finding.area == area]
