"""The certificates of SNS, fetched once each, and the answer to its question whether we want its posts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from hygiene.service.webhooks.post import Refused, Verified
from hygiene.service.webhooks.sns import MAX_CERTIFICATE, is_certificate_url, is_sns_url, read_certificate
from hygiene.web import Fetcher, FetchOutcome

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

KEPT: Final = timedelta(hours=24)
_MOST: Final = 64  # certificates; regions are fewer
_OK: Final = 200
_MAX_CONFIRMATION: Final = 64 * 1024  # octets


class Certificates:
    """A cache over a fetcher, which never follows a redirect here."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._kept: dict[str, tuple[datetime, Certificate]] = {}

    async def get(self, url: str, now: datetime) -> Certificate | Refused:
        """The certificate at an address of SNS; Refused (503: try again) where it could not be had."""
        if not is_certificate_url(url):
            return Refused("its certificate would come from elsewhere than SNS", 403)
        if (kept := self._kept.get(url)) and now - kept[0] < KEPT:
            return kept[1]
        page = await self._fetcher.fetch(url, max_bytes=MAX_CERTIFICATE)
        if page.outcome is not FetchOutcome.FETCHED or page.status != _OK:
            told = page.detail or f"HTTP status {page.status}"
            return Refused(f"the certificate of SNS could not be fetched: {told}", 503)
        certificate = read_certificate(page.body)
        if not isinstance(certificate, Refused):
            if len(self._kept) >= _MOST:
                self._kept.clear()
            self._kept[url] = (now, certificate)
        return certificate


async def confirm_subscription(verdict: Verified, fetcher: Fetcher) -> bool:
    """Tell SNS that we want its posts; False where that failed, and SNS asks again."""
    if not is_sns_url(verdict.confirm_url):
        return False
    page = await fetcher.fetch(verdict.confirm_url, max_bytes=_MAX_CONFIRMATION)
    return page.outcome is FetchOutcome.FETCHED and page.status == _OK
