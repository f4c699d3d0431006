"""Brevo: not signed; basic authentication in the webhook's address, a bearer token or a header of one's own.

https://developers.brevo.com/docs/secured-webhooks, 2026-11. Its posts come from 1.179.112.0/20 and
172.246.240.0/20 (https://help.brevo.com/hc/en-us/articles/15127404548498, 2026-11), for the setting `networks`.
"""

from __future__ import annotations

from datetime import datetime

from hygiene.service.webhooks.gate import Gate
from hygiene.service.webhooks.post import Post, Refused, Verified
from hygiene.service.webhooks.shared_secret import verify_secret


def verify(post: Post, gate: Gate, now: datetime) -> Verified | Refused:  # noqa: ARG001 - bears no date
    """Whether it shows what was agreed on."""
    return verify_secret(post, gate)
