"""Is a post the provider's? One function a provider; only SNS needs something fetched first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, TypeAlias

from hygiene.config import Webhook
from hygiene.service.webhooks import brevo, mailgun, postmark, sendgrid, ses
from hygiene.service.webhooks.certificates import Certificates
from hygiene.service.webhooks.gate import Gate
from hygiene.service.webhooks.post import MAX_BODY, Post, Refused, Verified

Verify: TypeAlias = Callable[[Post, Gate, datetime], Verified | Refused]

VERIFIERS: Final[Mapping[Webhook, Verify]] = {
    "sendgrid": sendgrid.verify,
    "mailgun": mailgun.verify,
    "postmark": postmark.verify,
    "brevo": brevo.verify,
}


async def verify_post(
    gate: Gate, post: Post, *, certificates: Certificates, now: datetime
) -> Verified | Refused:
    """Whether a post is its provider's; `now` is aware. Never raises for what was posted."""
    if len(post.body) > MAX_BODY:
        return Refused(f"it has {len(post.body):,} octets, {MAX_BODY:,} are allowed", 413)
    if gate.provider in VERIFIERS:
        return VERIFIERS[gate.provider](post, gate, now)
    envelope = ses.read_post_of_topic(post, gate, now)
    if isinstance(envelope, Refused):
        return envelope
    certificate = await certificates.get(envelope.fields["SigningCertURL"], now)
    if isinstance(certificate, Refused):
        return certificate
    return ses.verify(envelope, certificate, now)
