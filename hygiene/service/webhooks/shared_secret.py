"""Posts that are not signed: they show a user name and password, or a token in a header, that we chose.

Whoever knows these can post anything; the body is not covered.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from base64 import b64decode
from typing import Final

from hygiene.service.webhooks.gate import Gate, Network
from hygiene.service.webhooks.post import Post, Refused, Verified

_BEARER: Final = "bearer "


def verify_secret(post: Post, gate: Gate) -> Verified | Refused:
    """Whether a post comes from one of the networks, where some are named, and shows what was agreed on."""
    if gate.networks and not is_within(post.peer, gate.networks):
        return Refused("it comes from an address outside the networks of this webhook", 403)
    shown = [_shows_password(post, gate), _shows_token(post, gate)]
    if not any(shown):
        return Refused("it does not show the secret of this webhook")
    return Verified(provider=gate.provider, replay_key=hashlib.sha256(post.body).hexdigest())


def is_within(peer: str, networks: tuple[Network, ...]) -> bool:
    """Whether an address lies in one of the networks; an IPv4 address may be written as an IPv6 one."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    plain = getattr(address, "ipv4_mapped", None) or address
    return any(plain in network for network in networks)


def _shows_password(post: Post, gate: Gate) -> bool:
    """Basic authentication (RFC 7617)."""
    if not (gate.username and gate.password):
        return False
    scheme, _, encoded = post.headers.get("authorization", "").partition(" ")
    try:
        shown = b64decode(encoded.strip(), validate=True) if scheme.lower() == "basic" else b""
    except ValueError:
        shown = b""
    return hmac.compare_digest(shown, f"{gate.username}:{gate.password.reveal()}".encode())


def _shows_token(post: Post, gate: Gate) -> bool:
    """The token in its header; in Authorization behind the word Bearer (RFC 6750 §2.1)."""
    if not gate.token:
        return False
    shown = post.headers.get(gate.header, "")
    if gate.header == "authorization":
        shown = shown[len(_BEARER) :].strip() if shown.lower().startswith(_BEARER) else ""
    return hmac.compare_digest(shown.encode("latin-1", "replace"), gate.token.reveal().encode())
