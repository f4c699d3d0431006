"""Amazon SES, by way of SNS: signed by a certificate of SNS, of a topic that we named.

What vouches for the certificate is the host it was fetched from, by HTTPS: one of SNS. See `certificates`.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from hygiene.service.webhooks.gate import Gate
from hygiene.service.webhooks.post import Post, Refused, Verified, refuse_age
from hygiene.service.webhooks.sns import CONFIRMATIONS, Envelope, is_sns_url, read_envelope, verify_signature

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


def read_post_of_topic(post: Post, gate: Gate, now: datetime) -> Envelope | Refused:
    """What can be told without the certificate, so that strangers do not make us fetch anything."""
    envelope = read_envelope(post.body)
    if isinstance(envelope, Refused):
        return envelope
    if envelope.fields["TopicArn"] not in gate.topics:
        return Refused("its topic is not among webhooks.ses.topics", 403)
    return refuse_age(envelope.at.timestamp(), now.timestamp(), gate.tolerance_s) or envelope


def verify(envelope: Envelope, certificate: Certificate, now: datetime) -> Verified | Refused:
    """Whether SNS signed it."""
    if refusal := verify_signature(envelope, certificate, now):
        return refusal
    url = envelope.fields.get("SubscribeURL", "") if envelope.kind in CONFIRMATIONS else ""
    if envelope.kind == "SubscriptionConfirmation" and not is_sns_url(url):
        return Refused("its SubscribeURL leads elsewhere than to SNS", 403)
    confirm = url if envelope.kind == "SubscriptionConfirmation" else ""
    return Verified(provider="ses", replay_key=envelope.fields["MessageId"], confirm_url=confirm)
