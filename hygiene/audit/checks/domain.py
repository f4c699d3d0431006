"""Checks of the name itself."""

from __future__ import annotations

from hygiene.audit.registry import check
from hygiene.audit.views.domain import DomainView
from hygiene.finding import Evidence, Severity

UDP_PAYLOAD = 1232  # octets most resolvers ask for (DNS flag day 2020)


@check(
    severity=Severity.CRITICAL,
    rule="RFC 5321 §2.3.5",
    why="Mail from a domain that does not exist is refused, and nobody can reply to it.",
    fix="check the spelling: {domain}",
)
def domain_does_not_exist(domain: DomainView) -> Evidence:
    """The domain does not exist"""
    if not domain.exists:
        yield f"NXDOMAIN for {domain.name}"


@check(
    severity=Severity.INFO,
    rule="RFC 9989 §4.7",
    why="Names below a public suffix belong to different owners, so audit the registered domain instead.",
)
def domain_is_public_suffix(domain: DomainView) -> Evidence:
    """The domain is a public suffix"""
    if domain.public_suffix:
        yield f"{domain.name} is on the public suffix list"


@check(
    severity=Severity.LOW,
    rule="RFC 4592 §2.1",
    why="A wildcard answers for _dmarc, DKIM selectors, MTA-STS and report authorisations that nobody "
    "published.",
    fix="replace *.{domain} TXT by records at the names that need one",
)
def domain_wildcard_txt(domain: DomainView) -> Evidence:
    """Every name below the domain has the same TXT record"""
    for text in domain.wildcard_texts:
        if text.lower().split() == ["v=spf1", "-all"]:
            continue  # on purpose: no name without a record of its own may send
        yield f"any label.{domain.name} TXT {text}"


@check(
    severity=Severity.INFO,
    rule="RFC 7208 §3.4",
    why="All TXT records of a name travel in one answer; a large one is cut off and asked again over TCP.",
    fix="remove verification tokens that are no longer needed",
    optional=True,
)
def domain_large_txt_answer(domain: DomainView) -> Evidence:
    """The TXT answer is too large for UDP"""
    if domain.txt_octets > UDP_PAYLOAD:
        yield f"{domain.txt_octets:,} octets in {domain.txt_records} records, {UDP_PAYLOAD:,} fit"


@check(
    severity=Severity.MEDIUM,
    rule="RFC 6761 §6.4",
    why="This resolver makes up addresses for names that do not exist, so other findings of this audit "
    "may be wrong.",
    fix="hygiene audit {domain} --resolver 9.9.9.9",
    optional=True,
)
def resolver_invents_answers(domain: DomainView) -> Evidence:
    """The resolver rewrites "no such name" into an address"""
    if domain.invented:
        yield f"an impossible name below .invalid has the address {domain.invented}"
