"""Checks of BIMI (draft-brand-indicators-for-message-identification). All of it is optional."""

from __future__ import annotations

from hygiene.audit.records.dmarc import Policy
from hygiene.audit.registry import check
from hygiene.audit.views.bimi import BimiView
from hygiene.audit.views.dmarc import DmarcView
from hygiene.finding import Evidence, Open, Severity
from hygiene.web import FetchOutcome, Page

RULE = "BIMI draft §7.1"
SOURCE = "https://datatracker.ietf.org/doc/draft-brand-indicators-for-message-identification/"
_OPEN = frozenset({FetchOutcome.UNRECORDED, FetchOutcome.UNRESOLVED, FetchOutcome.TIMEOUT})


@check(
    severity=Severity.LOW,
    rule="BIMI draft §4.3",
    source=SOURCE,
    why="Mail programs ignore the record and show no logo.",
    optional=True,
)
def bimi_invalid_record(bimi: BimiView) -> Evidence:
    """The BIMI record is malformed"""
    if bimi.error:
        yield bimi.error
    for problem in bimi.record.problems if bimi.record else ():
        yield f"{problem.tag}={problem.value}: {problem.reason}"


@check(
    severity=Severity.LOW,
    rule=RULE,
    source=SOURCE,
    why="Logos are only shown for domains whose DMARC policy is quarantine or reject for all mail.",
    fix="bring DMARC to p=quarantine or p=reject, for subdomains too",
    optional=True,
)
def bimi_without_enforcement(bimi: BimiView, dmarc: DmarcView) -> Evidence:
    """BIMI is published without an enforced DMARC policy"""
    if not bimi.published or (bimi.record and bimi.record.declined):
        return
    for row in dmarc.matrix[:2]:
        for reader, effective in (("RFC 9989", row.rfc9989), ("RFC 7489", row.rfc7489)):
            if effective is None or effective.rest is Policy.NONE:
                yield f"{row.name}: {effective.rest if effective else 'no policy'} ({reader})"


@check(
    severity=Severity.LOW,
    rule="BIMI draft §4.3.2",
    source=SOURCE,
    why="No logo is shown when the file cannot be used.",
    fix="serve an SVG Tiny PS file of at most 32 KB over https",
    optional=True,
)
def bimi_logo(bimi: BimiView) -> Evidence:
    """The BIMI logo cannot be used"""
    yield from _page_trouble(bimi.logo)
    yield from bimi.logo_problems


@check(
    severity=Severity.LOW,
    rule="BIMI draft §7.4",
    source=SOURCE,
    why="Gmail shows a logo only with a mark certificate (VMC or CMC), Apple only with a VMC.",
    optional=True,
)
def bimi_certificate(bimi: BimiView) -> Evidence:
    """The BIMI certificate is missing or does not hold"""
    if bimi.record and bimi.record.logo_uri and not bimi.record.evidence_uri:
        yield "no a= tag: Gmail and Apple show no logo"
    yield from _page_trouble(bimi.certificate_page)
    if bimi.certificate:
        yield from bimi.certificate.problems


def _page_trouble(page: Page | None) -> Evidence:
    if page is None or (page.outcome is FetchOutcome.FETCHED and page.status == 200):
        return
    reason = f"{page.url}: {page.detail or page.outcome.value}"
    if page.outcome in _OPEN:
        yield Open(reason)
    elif page.outcome is FetchOutcome.FETCHED:
        yield f"{page.url}: HTTP status {page.status}"
    else:
        yield reason
