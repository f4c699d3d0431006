"""Checks of the addresses behind the domain: reverse DNS and blocklists."""

from __future__ import annotations

from hygiene.audit.registry import check
from hygiene.audit.views.reputation import BlocklistView, ReverseDns, ReverseDnsView
from hygiene.finding import Confidence, Evidence, Open, Problem, Severity

GMAIL = "https://support.google.com/a/answer/81126"


@check(
    severity=Severity.MEDIUM,
    rule="Gmail sender guidelines (2024-02)",
    source=GMAIL,
    why="Gmail and others refuse mail from an address without reverse DNS.",
    fix="ask whoever owns the address to set its PTR record",
    confidence=Confidence.LIKELY,
)
def reverse_dns_missing(reverse_dns: ReverseDnsView) -> Evidence:
    """An address has no reverse DNS"""
    for one in reverse_dns.accountable:
        if one.unknown and not one.names:
            yield _open(one)
        elif not one.names:
            yield _problem(one, f"{one.address} ({_ORIGINS[one.origin]}) has no PTR record")


@check(
    severity=Severity.MEDIUM,
    rule="Gmail sender guidelines (2024-02)",
    source=GMAIL,
    why="A PTR name that does not lead back to the address counts as no reverse DNS.",
    fix="give the PTR name an A or AAAA record with this address",
    confidence=Confidence.LIKELY,
)
def reverse_dns_not_confirmed(reverse_dns: ReverseDnsView) -> Evidence:
    """Reverse DNS does not lead back to the address"""
    for one in reverse_dns.accountable:
        if one.names and one.unknown:
            yield _open(one)
        elif one.names and not one.confirmed:
            yield _problem(one, f"{one.address} → {', '.join(one.names[:3])} → another address")


_ORIGINS = {"given": "given", "mx": "mail host", "spf": "named in SPF"}


def _problem(one: ReverseDns, evidence: str) -> Problem:
    """Only given addresses are known to send; that an MX sends as well is a guess."""
    severity = {"given": Severity.HIGH, "spf": Severity.MEDIUM, "mx": Severity.LOW}[one.origin]
    confidence = Confidence.SURE if one.origin == "given" else Confidence.GUESS
    return Problem(evidence=evidence, severity=severity, confidence=confidence)


def _open(one: ReverseDns) -> Open:
    return Open(f"{one.address}: {one.unknown}")


@check(
    severity=Severity.HIGH,
    rule="RFC 5782 §2.1",
    why="Receivers that use this list refuse mail from the address.",
    fix="find out why at the list's page, mend it, then ask to be removed",
)
def blocklist_listed(blocklists: BlocklistView) -> Evidence:
    """An address is on a blocklist"""
    for listing in blocklists.listings:
        if listing.listed:
            text = f" {listing.text}" if listing.text else ""
            yield f"{listing.subject} on {listing.zone} ({', '.join(listing.codes)}){text}"
        elif listing.listed is None:
            yield Open(f"{listing.subject} on {listing.zone}: {listing.unknown}")
