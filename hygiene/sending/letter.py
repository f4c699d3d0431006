"""A mail before it is octets, and the mail as it is handed to a transport."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    """Name and address (RFC 5322 §3.4); the name may be any text, and never breaks a header."""

    address: str
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Letter:
    """What a mail says: everything that is written into its header and body."""

    sender: Mailbox
    to: Mailbox
    subject: str
    html: str = ""
    text: str = ""
    reply_to: Mailbox | None = None
    date: datetime
    message_id: str  # without angle brackets
    #: further header fields, in this order (List-Unsubscribe …); checked against injection when built
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Mail:
    """One mail to one recipient. APIs without raw MIME take the letter, all others the content."""

    ref: str  # opaque, the same on every try: an idempotency key where the relay honours one
    return_path: str  # envelope sender, "" for the null one
    recipient: str
    content: bytes  # RFC 5322, CRLF, signed
    letter: Letter
    campaign: str = ""
    stream: str = ""
