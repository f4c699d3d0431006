"""A mailbox on a server by its URL: ``imaps://user@host:993/INBOX``, ``pop3://user@host``."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

from hygiene.credentials import Secret
from hygiene.errors import HygieneError, UsageError
from hygiene.feedback.incoming import Incoming

#: scheme → port, whether TLS comes first (RFC 8314 §7.3, RFC 3501, RFC 1939)
PORTS: Final = {"imap": (143, False), "imaps": (993, True), "pop3": (110, False), "pop3s": (995, True)}
WHOLE: Final = 25 * 2**20  # octets; of larger mails only the header and the beginning are fetched
NOTHING: Final = Secret("")
_CONTROL = re.compile("[\x00-\x1f\x7f]")


class MailboxLost(HygieneError):
    """The server could not be reached, or broke off: what was read until then is written down."""

    exit_code = 3


@dataclass(frozen=True, kw_only=True)
class MailboxUrl:
    """Where a mailbox is. `name` is what it is remembered by."""

    scheme: str
    host: str
    port: int
    user: str
    folder: str = "INBOX"

    @property
    def is_pop(self) -> bool:
        """Whether it is read by POP3."""
        return self.scheme.startswith("pop3")

    @property
    def tls_first(self) -> bool:
        """Whether TLS comes before the first word; else STARTTLS does, but for this machine itself."""
        return PORTS[self.scheme][1]

    @property
    def local(self) -> bool:
        """Whether the server is this machine."""
        return self.host == "localhost" or _is_loopback(self.host)

    @property
    def name(self) -> str:
        """Protocol, host, user and folder, without a secret."""
        kind = "pop3" if self.is_pop else "imap"
        return f"{kind}://{self.user}@{self.host}:{self.port}" + ("" if self.is_pop else f"/{self.folder}")


@dataclass(frozen=True, kw_only=True)
class Access:
    """How to get in and what to do with mails that were understood; `move_to` is a folder of the server."""

    password: Secret = NOTHING
    token: Secret = NOTHING  # of XOAUTH2
    timeout_s: float = 60.0
    ca_file: str | None = None
    delete: bool = False
    move_to: str = ""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a mailbox was read: its UIDVALIDITY, "" of POP3, and the last UID that is stored."""

    validity: str = ""
    last: str = ""


class Mailbox(Protocol):
    """An open mailbox."""

    validity: str

    def mails(self, progress: Progress) -> Iterator[Incoming]:
        """The mails behind what was read before, oldest first."""
        ...

    def put_away(self, uids: Sequence[str]) -> None:
        """Delete or move mails, as was asked for: what they say is stored by now."""
        ...

    def close(self) -> None:
        """Let go of the connection; POP3 deletes now."""
        ...


def is_mailbox(place: str) -> bool:
    """Whether a place is a mailbox on a server."""
    return place.partition("://")[0].lower() in PORTS and "://" in place


def read_url(written: str) -> MailboxUrl:
    """The mailbox of a URL; raises UsageError, which never repeats a password."""
    try:
        parts = urlsplit(written)
        port = parts.port
    except ValueError:
        raise UsageError("the mailbox's address is no URL like imaps://user@host/INBOX") from None
    if parts.password is not None:
        raise UsageError(
            "a password does not belong into the address, where others see it: --password env:NAME"
        )
    user, folder = unquote(parts.username or ""), unquote(parts.path.lstrip("/"))
    if not parts.hostname or not user:
        raise UsageError("the mailbox's address lacks user or host: imaps://user@host/INBOX")
    if _CONTROL.search(user) or _CONTROL.search(folder):
        raise UsageError("the mailbox's address holds control characters")
    scheme = parts.scheme.lower()
    return MailboxUrl(
        scheme=scheme,
        host=parts.hostname,
        port=port or PORTS[scheme][0],
        user=user,
        folder=folder or "INBOX",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
