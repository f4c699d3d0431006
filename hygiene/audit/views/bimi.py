"""BIMI: the record, the logo and the certificate behind it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hygiene.audit.facts import Look
from hygiene.audit.records.bimi import BimiRecord, is_bimi, parse
from hygiene.audit.records.bimi_assets import MarkCertificate, check_certificate, check_logo
from hygiene.domain import registered_domain
from hygiene.errors import RecordError
from hygiene.web import FetchOutcome, Page

SELECTOR = "default"
MAX_LOGO_BYTES = 1_000_000  # a sound logo has at most 32 KB; a larger file is fetched to say so
MAX_CERTIFICATE_BYTES = 1_000_000


@dataclass(frozen=True, kw_only=True)
class BimiView:
    """BIMI of one domain; `logo_problems` and `certificate` are empty when there is nothing to judge."""

    unknown: str = ""
    domain: str = ""  # where the record stands
    texts: tuple[str, ...] = ()
    record: BimiRecord | None = None
    error: str = ""
    logo: Page | None = None
    logo_problems: tuple[str, ...] = ()
    certificate_page: Page | None = None
    certificate: MarkCertificate | None = None

    @property
    def published(self) -> bool:
        """There is a record."""
        return bool(self.texts)


def read_bimi(facts: Look) -> BimiView:
    """BIMI of the audited domain, or of its organizational domain."""
    for domain in dict.fromkeys((facts.domain, registered_domain(facts.domain))):
        answer = facts.answer(f"{SELECTOR}._bimi.{domain}", "TXT")
        if not answer.is_known:
            return BimiView(unknown=answer.reason)
        texts = tuple(text for text in answer.texts if is_bimi(text))
        if texts:
            return _read(texts, domain, facts)
    return BimiView()


def _read(texts: tuple[str, ...], domain: str, facts: Look) -> BimiView:
    if len(texts) > 1:
        return BimiView(domain=domain, texts=texts, error=f"{len(texts)} BIMI records")
    try:
        record = parse(texts[0])
    except RecordError as fault:
        return BimiView(domain=domain, texts=texts, error=str(fault))
    logo = _fetched(record.logo_uri, MAX_LOGO_BYTES, facts)
    proof = _fetched(record.evidence_uri, MAX_CERTIFICATE_BYTES, facts)
    return BimiView(
        domain=domain,
        texts=texts,
        record=record,
        logo=logo,
        logo_problems=check_logo(logo.body) if logo and _arrived(logo) else (),
        certificate_page=proof,
        certificate=_certificate(proof, domain, facts),
    )


def _fetched(uri: str | None, max_bytes: int, facts: Look) -> Page | None:
    return facts.page(uri, max_bytes=max_bytes, accept_redirects=True) if uri else None


def _certificate(page: Page | None, domain: str, facts: Look) -> MarkCertificate | None:
    if page is None or not _arrived(page):
        return None
    now = datetime.fromisoformat(facts.collected_at)
    return check_certificate(page.body, domain=domain, selector=SELECTOR, now=now)


def _arrived(page: Page) -> bool:
    return page.outcome is FetchOutcome.FETCHED and page.status == 200
