"""A letter as octets: an RFC 5322 message with MIME parts, every line ended by CRLF, no octet above 127.

The same letter is the same octets on every try. What a campaign's letters share is made once and remembered.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Final

from hygiene.errors import UsageError
from hygiene.sending.header_text import (
    MAX_LINE,
    check_name,
    mailbox_field,
    message_id_field,
    plain_field,
    text_field,
)
from hygiene.sending.letter import Letter

#: fields that have a place of their own, or are not the author's to write
_RESERVED: Final = frozenset(
    {
        "from",
        "to",
        "subject",
        "date",
        "message-id",
        "reply-to",
        "mime-version",
        "bcc",
        "return-path",
        "received",
    }
    | {"dkim-signature", "authentication-results", "arc-seal", "arc-message-signature"}
)
#: fields of words for programs; encoded words have no meaning in them
_FOR_PROGRAMS: Final = frozenset(
    {"auto-submitted", "feedback-id", "in-reply-to", "precedence", "references", "sender", "cc"}
    | {"list-unsubscribe", "list-unsubscribe-post", "list-help", "list-subscribe", "list-post", "list-owner"}
    | {"list-archive", "x-hygiene-ref"}
)
#: what only quoted-printable carries: all controls but tab and LF
_CONTROLS: Final = bytes({*range(32), 127} - {9, 10})
_FROM_LINE: Final = re.compile(rb"^From ([^\n]*)", re.MULTILINE)  # mbox files put > before it
_MAX_QP_LINE: Final = 76  # RFC 2045 §6.7


def build(letter: Letter) -> bytes:
    """The message, unsigned.

    Raises UsageError with one sentence where an address, a header or the Message-ID cannot be.
    """
    parts = [
        (kind, content) for kind, content in (("plain", letter.text), ("html", letter.html)) if content
    ] or [("plain", "")]
    head = b"".join(_head(letter))
    if len(parts) == 1:
        return b"".join([head, *_part(*parts[0], boundary=b"")])
    boundary = _boundary(letter.message_id)
    sections = [
        octets for part in parts for octets in (b"--", boundary, b"\r\n", *_part(*part, boundary), b"\r\n")
    ]
    opening = b'Content-Type: multipart/alternative; boundary="' + boundary + b'"\r\n\r\n'
    return b"".join([head, opening, *sections, b"--", boundary, b"--\r\n"])


# The header


def _head(letter: Letter) -> Iterator[bytes]:
    yield b"Date: " + _date(letter.date) + b"\r\n"
    yield _standing_mailbox("From", letter.sender)
    yield mailbox_field("To", letter.to)
    if letter.reply_to is not None:
        yield _standing_mailbox("Reply-To", letter.reply_to)
    yield _subject(letter.subject)
    yield message_id_field(letter.message_id)
    check_headers(letter.headers)
    for name, value in letter.headers.items():
        yield _further(name, value)
    yield b"MIME-Version: 1.0\r\n"


def check_headers(headers: Mapping[str, str]) -> None:
    """Raises UsageError for a further header field that is not the letter's to set, or is there twice."""
    seen = set()
    for name in headers:
        lower = name.lower()
        check_name(name)
        if lower in _RESERVED or lower.startswith("content-"):
            raise UsageError(f"the header {name} is not to be set: it is written for every mail, or by servers")
        if lower in seen:
            raise UsageError(f"the header {name} is there twice")
        seen.add(lower)


_standing_mailbox = lru_cache(maxsize=64)(mailbox_field)
_subject = lru_cache(maxsize=64)(lambda subject: text_field("Subject", subject))


@lru_cache(maxsize=1024)
def _further(name: str, value: str) -> bytes:
    return plain_field(name, value, encoded=name.lower() not in _FOR_PROGRAMS)


def _date(moment: datetime) -> bytes:
    if moment.tzinfo is None:
        raise UsageError("the date of a letter needs its time zone")
    return format_datetime(moment.astimezone(UTC)).encode("ascii")


def _boundary(message_id: str) -> bytes:
    """The same on every try; quoted-printable never has "=_" in it."""
    return b"=_" + hashlib.sha256(message_id.encode("ascii")).hexdigest()[:24].encode("ascii")


# The body


def _part(kind: str, content: str, boundary: bytes) -> tuple[bytes, bytes]:
    """Its header with the empty line, and its content, which ends with CRLF."""
    octets = _unix_lines(content).encode("utf-8", "replace")
    plain = content.isascii() and _is_plain(octets) and not (boundary and b"--" + boundary in octets)
    octets = octets if plain else _quoted_printable(octets)
    return _PART_HEADS[kind, plain], octets.replace(b"\n", b"\r\n")


_PART_HEADS: Final = {
    (kind, plain): (
        f"Content-Type: text/{kind}; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: {'7bit' if plain else 'quoted-printable'}\r\n\r\n"
    ).encode("ascii")
    for kind in ("plain", "html")
    for plain in (True, False)
}


def _unix_lines(content: str) -> str:
    if "\r" in content:
        content = content.replace("\r\n", "\n").replace("\r", "\n")
    return content if content.endswith("\n") else f"{content}\n"


def _is_plain(octets: bytes) -> bool:
    """Whether ASCII may travel as it is, and will not be touched by mail servers or files."""
    return (
        len(octets.translate(None, _CONTROLS)) == len(octets)
        and max(map(len, octets.split(b"\n"))) <= MAX_LINE
        and not octets.startswith(b"From ")
        and b"\nFrom " not in octets
    )


def _quoted_printable(octets: bytes) -> bytes:
    quoted = binascii.b2a_qp(octets)
    return _FROM_LINE.sub(_disguised, quoted) if b"From " in quoted else quoted


def _disguised(line: re.Match[bytes]) -> bytes:
    """A line that begins with "From ", otherwise spelled; where it grows too long it goes on in another."""
    rest = line[1]
    longer = len(b"=46rom ") + len(rest) > _MAX_QP_LINE
    return b"=46rom=20=\n" + rest if longer else b"=46rom " + rest
