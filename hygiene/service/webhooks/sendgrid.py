"""SendGrid's Signed Event Webhook: ECDSA (P-256, SHA-256) over the timestamp's text and the body as it came.

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features,
2026-11.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode
from datetime import datetime
from typing import TYPE_CHECKING, Final

from hygiene.service.webhooks.gate import Gate
from hygiene.service.webhooks.post import Post, Refused, Verified, refuse_age

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

SIGNATURE: Final = "x-twilio-email-event-webhook-signature"
TIMESTAMP: Final = "x-twilio-email-event-webhook-timestamp"


def verify(post: Post, gate: Gate, now: datetime) -> Verified | Refused:
    """Whether SendGrid signed it, and lately."""
    signature, timestamp = post.headers.get(SIGNATURE, ""), post.headers.get(TIMESTAMP, "")
    if not signature or not (timestamp.isascii() and timestamp.isdecimal()):
        return Refused("it is not signed")
    if len(timestamp) > 12 or not _is_signed(gate.public_key, signature, timestamp.encode() + post.body):
        return Refused("its signature is not that of SendGrid")
    if refusal := refuse_age(float(timestamp), now.timestamp(), gate.tolerance_s):
        return refusal
    return Verified(provider="sendgrid", replay_key=hashlib.sha256(post.body).hexdigest())


def read_public_key(written: str) -> EllipticCurvePublicKey | None:
    """The verification key as SendGrid shows it, base64 of DER; None for what is no key of P-256."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(b64decode(written, validate=True))
    except (UnsupportedAlgorithm, ValueError):
        return None
    fits = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    return key if isinstance(key, ec.EllipticCurvePublicKey) and fits else None


def _is_signed(public_key: str, signature: str, signed: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = read_public_key(public_key)
    try:
        if key:
            key.verify(b64decode(signature, validate=True), signed, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return key is not None
