"""What a server answered to one mail, how far the conversation had come, and what that makes of the mail.

SMTP has no idempotency: between the final dot and its reply only the server knows whether it took the mail
(RFC 1047). So the phase of a failure decides: before the dot nothing was accepted, after it nobody knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """How far it had come; an HTTP API knows connect, tls, auth and dot (the request) only."""

    CONNECT = "connect"
    TLS = "tls"
    EHLO = "ehlo"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    DOT = "dot"


class Outcome(StrEnum):
    """What became of the mail."""

    SENT = "sent"  #: the server took it
    DEFERRED = "deferred"  #: refused for now (4yz): certainly not accepted
    REFUSED = "refused"  #: refused for good (5yz): certainly not accepted
    NOT_SENT = (
        "not sent"  #: no verdict on this mail, certainly not accepted: the host, TLS or credentials failed
    )
    WITHHELD = "withheld"  #: `may_leave` said no, at the last moment
    UNKNOWN = "unknown"  #: nobody knows: lost after the final dot


@dataclass(frozen=True, kw_only=True)
class Reply:
    """The end of one try. `text` is the server's last words, on one line, or what the network did."""

    outcome: Outcome
    phase: Phase
    code: int | None = None  # RFC 5321 §4.2, or the HTTP status
    status: str = ""  # enhanced, RFC 3463: "5.1.1"
    text: str = ""
    remote_id: str = ""  # what the server calls the mail: queue id or the provider's message id
    retry_after_s: float | None = None  # where the server says when to come back
