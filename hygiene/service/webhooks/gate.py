"""What the posts of one provider must prove: the settings of a webhook with their secrets read."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from hygiene.config import Webhook, WebhookSettings
from hygiene.credentials import Secret, read_secret
from hygiene.errors import UsageError

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_HOUR_S: Final = 3600.0
#: Age that a signed post may have: as long as its provider tries again, since a retry may carry the first
#: signature. SNS: 3,600 s at most (SNS developer guide, "Message delivery retries", 2026-11), an hour more for
#: clocks and queues; SendGrid: 24 h (Event Webhook reference); Mailgun: 8 h (user manual, "Webhooks").
TOLERANCE_S: Final[Mapping[Webhook, float]] = {
    "ses": 2 * _HOUR_S,
    "sendgrid": 25 * _HOUR_S,
    "mailgun": 9 * _HOUR_S,
    "postmark": 0.0,  # neither is signed nor dated
    "brevo": 0.0,
}


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Made by `open_gate`. Each provider reads what is its own; see `WebhookSettings`."""

    provider: Webhook
    tolerance_s: float
    topics: frozenset[str] = frozenset()
    public_key: str = ""
    signing_key: Secret = field(default=Secret(""))
    username: str = ""
    password: Secret = field(default=Secret(""))
    header: str = ""  # in lower case
    token: Secret = field(default=Secret(""))
    networks: tuple[Network, ...] = ()


def open_gate(provider: Webhook, settings: WebhookSettings) -> Gate:
    """The gate of a provider. Raises UsageError for one that would let everybody in, or cannot be read."""
    where = f"webhooks.{provider}"
    gate = Gate(
        provider=provider,
        tolerance_s=settings.tolerance_s or TOLERANCE_S[provider],
        topics=frozenset(settings.topics),
        public_key=settings.public_key,
        signing_key=read_secret(settings.signing_key, f"{where}.signing_key"),
        username=settings.username,
        password=read_secret(settings.password, f"{where}.password"),
        header=(settings.header or "authorization").lower(),
        token=read_secret(settings.token, f"{where}.token"),
        networks=tuple(_network(written, where) for written in settings.networks),
    )
    if missing := _NEEDS[provider](gate):
        raise UsageError(f"{where} needs {missing}, or anybody could post there")
    return gate


def _topics(gate: Gate) -> str:
    return "" if gate.topics else "topics"


def _public_key(gate: Gate) -> str:
    from hygiene.service.webhooks.sendgrid import read_public_key

    return "" if read_public_key(gate.public_key) else "public_key, the base64 of a P-256 key"


def _signing_key(gate: Gate) -> str:
    return "" if gate.signing_key else "signing_key"


def _shared_secret(gate: Gate) -> str:
    """An address alone is no proof where a proxy writes it down; it only comes on top."""
    return "" if gate.token or (gate.username and gate.password) else "username and password, or token"


_NEEDS: Final[Mapping[Webhook, Callable[[Gate], str]]] = {
    "ses": _topics,
    "sendgrid": _public_key,
    "mailgun": _signing_key,
    "postmark": _shared_secret,
    "brevo": _shared_secret,
}


def _network(written: str, where: str) -> Network:
    try:
        return ipaddress.ip_network(written)
    except ValueError:
        raise UsageError(f"{where}.networks: {written!r} is no network such as 192.0.2.0/24") from None
