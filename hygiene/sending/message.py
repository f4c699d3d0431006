"""A letter as octets: RFC 5322 header and MIME body, CRLF, ASCII, no line beyond 998 octets. Pure.

`email.message` would say the same, and takes longer than signing and sending together; a property test holds
the two against each other.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime
from typing import Final

from hygiene.domain import to_ascii
from hygiene.errors import UsageError
from hygiene.sending.letter import Letter, Mailbox

MAX_LINE: Final = 998  # octets without CRLF, RFC 5322 §2.1.1
FOLD_AT: Final = 78  # ibid.

_NAME: Final = re.compile(r"[!-9;-~]+")  # ftext, RFC 5322 §3.6.8
_CONTROL: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
_ATOMS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")  # a phrase that needs no quotes, §3.2.5
_LOCAL: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+|\"[ !#-\[\]-~]*\"")
_LONG: Final = re.compile(rb"[^\n]{%d}" % (MAX_LINE + 1))
_UNSAFE: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

#: fields that a letter has of itself; another one would make it two letters (RFC 5322 §3.6)
_OWN: Final = frozenset(
    {"from", "to", "subject", "date", "message-id", "reply-to", "mime-version", "sender", "return-path", "bcc"}
)


def build(letter: Letter) -> bytes:
    """The message; the same octets for the same letter.

    Raises UsageError for what cannot be written: control characters in a header, a name that is no field's, an
    address beyond ASCII in front of the @.
    """
    return b"".join([_header(letter), *_body(letter)])


# Header


def _header(letter: Letter) -> bytes:
    fields = [
        ("From", _mailbox(letter.sender)),
        ("To", _mailbox(letter.to)),
        ("Subject", _text(letter.subject, "Subject")),
        ("Date", format_datetime(_aware(letter.date))),
        ("Message-ID", f"<{_token(letter.message_id, 'Message-ID')}>"),
    ]
    if letter.reply_to:
        fields.append(("Reply-To", _mailbox(letter.reply_to)))
    fields += _further(letter.headers)
    fields.append(("MIME-Version", "1.0"))
    return "".join(f"{name}: {_folded(name, value)}\r\n" for name, value in fields).encode("ascii")


def _further(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or name.lower() in _OWN or name.lower().startswith("content-"):
            raise UsageError(f"{name[:60]!r} cannot be a header field of a letter")
        yield name, _text(value, name)


def _text(value: str, name: str) -> str:
    """Unstructured text (RFC 5322 §2.2.1), in encoded words (RFC 2047) where it is not plain ASCII."""
    if found := _CONTROL.search(value):
        raise UsageError(f"the field {name} would hold a control character ({found[0]!r}): it is not sent")
    value = value.replace("\t", " ").strip()
    if value.isascii() and "=?" not in value:
        return value
    return Header(value, "utf-8", maxlinelen=75, header_name=name).encode(linesep="\r\n")


def _mailbox(box: Mailbox) -> str:
    address = _address(box.address)
    name = _phrase(box.name)
    return f"{name} <{address}>" if name else address


def _phrase(name: str) -> str:
    if found := _CONTROL.search(name):
        raise UsageError(f"the name of a sender or recipient holds a control character ({found[0]!r})")
    name = " ".join(name.split())
    if not name.isascii() or "=?" in name:
        return Header(name, "utf-8", maxlinelen=75).encode(linesep="\r\n")
    if _ATOMS.fullmatch(name):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _address(address: str) -> str:
    local, at, domain = address.rpartition("@")
    if not at or not _LOCAL.fullmatch(local):
        shown = "an address beyond ASCII" if not local.isascii() else f"{address[:80]!r}"
        raise UsageError(f"{shown} cannot stand in a header field")
    return f"{local}@{to_ascii(domain)}"


def _token(value: str, name: str) -> str:
    if not re.fullmatch(r"[!-;=?-~]+", value):
        raise UsageError(f"{value[:80]!r} cannot be a {name}")
    return value


def _aware(date: datetime) -> datetime:
    """With a zone; UTC is written +0000, as -0000 would say that the zone is not known (RFC 5322 §3.3)."""
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _folded(name: str, value: str) -> str:
    """Broken at spaces where a line would be longer than 78 (RFC 5322 §2.2.3)."""
    if len(name) + 2 + len(value) <= FOLD_AT or "\r\n" in value:
        return value
    lines, line = [], ""
    room = FOLD_AT - len(name) - 2
    for word in re.findall(r" *[^ ]+", value):
        if line and len(line) + len(word) > room:
            lines.append(line)
            line, room = word if word.startswith(" ") else f" {word}", FOLD_AT
        else:
            line += word
    lines.append(line)
    if any(len(each) > MAX_LINE - len(name) - 2 for each in lines):
        raise UsageError(f"the field {name} has a word of more than {MAX_LINE} octets")
    return "\r\n".join(lines)


# Body


def _body(letter: Letter) -> list[bytes]:
    text, html = letter.text, letter.html
    if text and html:
        boundary = _boundary(letter)
        parts = [_part("plain", text), _part("html", html)]
        opened = b"".join(b"--%b\r\n%b\r\n" % (boundary, part) for part in parts)
        head = b'Content-Type: multipart/alternative; boundary="%b"\r\n\r\n' % boundary
        return [head, opened, b"--%b--\r\n" % boundary]
    return [_part("html", html) if html else _part("plain", text)]


def _boundary(letter: Letter) -> bytes:
    """Derived from the Message-ID; ``=_`` stands in no quoted-printable line (RFC 2045 §6.7)."""
    attempt = 0
    while True:
        digest = hashlib.sha256(f"{letter.message_id} {attempt}".encode()).hexdigest()[:24]
        boundary = f"=_{digest}"
        if boundary not in letter.text and boundary not in letter.html:
            return boundary.encode("ascii")
        attempt += 1


def _part(kind: str, text: str) -> bytes:
    octets = text.encode("utf-8", "replace")
    if b"\r" in octets:
        octets = octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if octets.isascii() and not _LONG.search(octets) and not _UNSAFE.search(octets):
        charset, encoding = b"us-ascii", b"7bit"
        body = octets.replace(b"\n", b"\r\n")
    else:
        charset, encoding = b"utf-8", b"quoted-printable"
        body = binascii.b2a_qp(octets, istext=True).replace(b"\n", b"\r\n")
        body = _UNSAFE.sub(lambda found: b"=%02X" % found[0][0], body)
    if not body.endswith(b"\r\n"):
        body += b"\r\n"
    return b"Content-Type: text/%b; charset=%b\r\nContent-Transfer-Encoding: %b\r\n\r\n%b" % (
        kind.encode("ascii"),
        charset,
        encoding,
        body,
    )
