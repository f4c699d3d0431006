"""How SMTP is written: replies, the keywords of EHLO, paths, credentials, and a message for DATA (RFC 5321)."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hygiene.domain import to_ascii

_REPLY: Final = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?\Z", re.DOTALL)  # RFC 5321 §4.2
_ENHANCED: Final = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|\Z)")  # RFC 2034 §4
_PATH: Final = re.compile(
    r'(?:"(?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])+"|[^\s"<>()\\,;:@\x00-\x1f\x7f]+)@[^\s<>@\x00-\x1f\x7f]+'
)
_MAX_PATH: Final = 320  # characters; RFC 5321 §4.5.3.1 allows less
#: how servers say what they call a message: Postfix, Exim, Sendmail, Amazon SES
_QUEUED: Final = re.compile(
    r"\bqueued as ([\w./-]+)|\bid=([\w./-]+)|^([\w./-]{6,}) Message accepted|^Ok ([\w-]{30,})\Z", re.IGNORECASE
)


class WireError(Exception):
    """The other side is gone, silent beyond patience, or does not speak SMTP; the text says which."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply: its code, its enhanced status code or "", its text as one line."""

    code: int
    status: str
    text: str
    lines: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the command was done."""
        return self.code // 100 == 2  # RFC 5321 §4.2.1

    @property
    def go_on(self) -> bool:
        """Whether the server waits for more."""
        return self.code // 100 == 3

    @property
    def passing(self) -> bool:
        """Whether it was refused for now."""
        return self.code // 100 == 4

    @property
    def final(self) -> bool:
        """Whether it was refused for good."""
        return self.code // 100 == 5


def read_reply_line(line: bytes) -> tuple[int, bool, str]:
    """The code of a line, whether more lines follow, its text; raises WireError for what is none."""
    found = _REPLY.match(line.rstrip(b"\r\n"))
    if not found:
        raise WireError("the server does not speak SMTP")
    return int(found[1]), found[2] == b"-", _printable(found[3] or b"")


def read_answer(code: int, lines: Sequence[str]) -> Answer:
    """A reply of the texts of its lines."""
    status, texts = "", []
    for line in lines:
        found = _ENHANCED.match(line)
        status = status or (found[1] if found else "")
        texts.append(line[found.end() :] if found else line)
    return Answer(code, status, " ".join(" ".join(texts).split()), tuple(lines))


def _printable(octets: bytes) -> str:
    text = octets.decode("utf-8", "replace")
    return text if text.isprintable() else "".join(each if each.isprintable() else " " for each in text)


def read_extensions(lines: Sequence[str]) -> dict[str, str]:
    """The keywords of an EHLO reply (RFC 5321 §4.1.1.1); ``AUTH=LOGIN`` of old servers counts, too."""
    found: dict[str, str] = {}
    for line in lines[1:]:
        keyword, _, parameters = line.replace("=", " ", 1).partition(" ")
        name = keyword.upper()
        found[name] = f"{found[name]} {parameters.strip()}" if name in found else parameters.strip()
    return found


def remote_id(text: str) -> str:
    """What a server calls the message that it took, where its reply says so; ""."""
    found = _QUEUED.search(text)
    return next((each.rstrip(".") for each in found.groups() if each), "") if found else ""


# What we say


def path(address: str) -> str | None:
    """An address as MAIL and RCPT take it, with the domain in A-labels; "" is the null path, None no path.

    Where letters beyond ASCII stand before the @, both sides stay as they are (RFC 6531 §3.3).
    """
    if not address:
        return ""
    if len(address) > _MAX_PATH or not _PATH.fullmatch(address):
        return None
    local, _, domain = address.rpartition("@")
    try:
        path = f"{local}@{to_ascii(domain) if local.isascii() else domain}"
        path.encode("utf-8")
    except UnicodeError:
        return None
    return path


def stuffed(content: bytes) -> bytes:
    """A message for DATA, without the last dot: lines end with CRLF alone, dots that begin one are doubled.

    Bare CR or LF never leaves: servers that take them for line ends could be told of another message
    (SMTP smuggling; RFC 5321 §2.3.8).
    """
    if not content.count(b"\r\n") == content.count(b"\n") == content.count(b"\r"):
        content = re.sub(rb"\r\n|\r|\n", b"\r\n", content)
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    dotted = content.replace(b"\r\n.", b"\r\n..")
    return b"." + dotted if dotted.startswith(b".") else dotted


def plain_credentials(username: str, password: str) -> str:
    """The initial response of AUTH PLAIN (RFC 4616)."""
    return base64_of(f"\0{username}\0{password}")


def base64_of(text: str) -> str:
    """One answer of AUTH LOGIN."""
    return base64.b64encode(text.encode()).decode("ascii")
