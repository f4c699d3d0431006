"""Postmark: not signed; basic authentication in the webhook's address, or a header of one's own.

https://postmarkapp.com/developer/webhooks/webhooks-overview ("HttpAuth", "HttpHeaders"), 2026-11.
"""

from __future__ import annotations

from datetime import datetime

from hygiene.service.webhooks.gate import Gate
from hygiene.service.webhooks.post import Post, Refused, Verified
from hygiene.service.webhooks.shared_secret import verify_secret


def verify(post: Post, gate: Gate, now: datetime) -> Verified | Refused:  # noqa: ARG001 - bears no date
    """Whether it shows what was agreed on."""
    return verify_secret(post, gate)
