"""Mailgun: HMAC-SHA-256 over timestamp and token, which do not cover the event.

So a token is good for one body only; whoever stores posts sees to that. Of a subaccount's event the
`parent-signature` is that of the primary account's key.
https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks, 2026-11.
"""

from __future__ import annotations

import hmac
import json
from datetime import datetime

from hygiene.service.webhooks.gate import Gate
from hygiene.service.webhooks.post import Post, Refused, Verified, refuse_age


def verify(post: Post, gate: Gate, now: datetime) -> Verified | Refused:
    """Whether Mailgun made its token, and lately."""
    found = _signature(post.body)
    if isinstance(found, Refused):
        return found
    timestamp, token = str(found.get("timestamp", "")), str(found.get("token", ""))
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12 and token):
        return Refused("it is not signed")
    expected = hmac.digest(gate.signing_key.reveal().encode(), _octets(timestamp + token), "sha256").hex()
    given = [_octets(str(found.get(name, ""))) for name in ("signature", "parent-signature")]
    if not any(hmac.compare_digest(expected.encode(), each) for each in given):
        return Refused("its signature is not that of Mailgun")
    if refusal := refuse_age(float(timestamp), now.timestamp(), gate.tolerance_s):
        return refusal
    return Verified(provider="mailgun", replay_key=token)


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # JSON may hold halves of a character


def _signature(body: bytes) -> dict[str, object] | Refused:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return Refused("it is no JSON", 400)
    signature = found.get("signature") if isinstance(found, dict) else None
    return signature if isinstance(signature, dict) else Refused("it is not signed")
