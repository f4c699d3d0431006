"""A mail as its parts, whatever its state: bounded in size, number and depth, and never an error.

Not the standard library's parser, which costs a second for what hostile mail can ask of it, and half a
millisecond for an ordinary bounce.
"""

from __future__ import annotations

import binascii
import quopri
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

MAX_MAIL: Final = 1 << 20  # octets that are read; reports stand before the mail they return
MAX_HEAD: Final = 1 << 16  # octets of one header section
MAX_PARTS: Final = 48  # of one mail
MAX_DEPTH: Final = 8
MAX_BODY: Final = 1 << 17  # octets of a text that are decoded

_CHARSET = re.compile(rb"charset=\"?([\w-]{3,30})", re.IGNORECASE)
_BLANK = re.compile(rb"\n[ \t]*\r?\n")
_REST_OF_LINE = re.compile(rb"(--)?[ \t]*(?=\r?\n|$)")
_MAX_LINES = 2_000  # that begin as one that delimits
_FOLD = re.compile(r"\n[ \t]+")
_FIELD = re.compile(r"^([!-9;-~]{1,100})[ \t]*:[ \t]*(.*)$", re.MULTILINE)
_PARAMETER = re.compile(r";\s*([\w*-]{1,40})\s*=\s*(?:\"([^\"]{0,300})\"|([^\s;\"]{1,300}))")
_WORD = re.compile(r"=\?([^?\s]{1,40})\?([bBqQ])\?([^?]{0,4000})\?=(?:\s+(?==\?))?")
_TAG = re.compile(r"<[^<>]{0,2000}>")
_BREAKING_TAG = re.compile(r"<(?:br|/[pdthl])[^<>]{0,1998}>", re.IGNORECASE)
_HIDDEN = re.compile(r"<(/?)(?:style|script|head)\b[^<>]{0,300}>", re.IGNORECASE)


class Headers:
    """Fields of a header section by lower-case name; of several the first."""

    def __init__(self, text: str) -> None:
        self.all: tuple[tuple[str, str], ...] = tuple(
            (name.lower(), value.strip())
            for name, value in _FIELD.findall(_FOLD.sub(" ", text.replace("\r\n", "\n")))
        )
        self._first: Mapping[str, str] = dict(reversed(self.all))

    def get(self, name: str) -> str:
        """The field as it stands, "" where there is none."""
        return self._first.get(name, "")

    def decoded(self, name: str) -> str:
        """The field with its encoded words read (RFC 2047)."""
        return decoded_words(self.get(name))

    def __bool__(self) -> bool:
        return bool(self.all)


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part: its fields and its body as it was sent."""

    headers: Headers
    body: bytes

    @cached_property
    def type(self) -> str:
        """The content type in lower case, text/plain by default (RFC 2045 §5.2)."""
        return self.headers.get("content-type").partition(";")[0].strip().lower() or "text/plain"

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        """Parameters of the content type."""
        found = _PARAMETER.findall(self.headers.get("content-type")[:2000])
        return {name.lower(): quoted or bare for name, quoted, bare in found}

    @cached_property
    def content(self) -> bytes:
        """The body with its transfer encoding undone, at most `MAX_BODY` octets of it."""
        encoding = self.headers.get("content-transfer-encoding").lower()
        if "base64" in encoding:
            return _from_base64(self.body[: MAX_BODY * 4 // 3])
        body = self.body[:MAX_BODY]
        return quopri.decodestring(body) if "quoted-printable" in encoding else body

    @cached_property
    def text(self) -> str:
        """The body as text; of HTML what a person sees."""
        text = decoded(self.content, self.parameters.get("charset", ""))
        return seen(text) if self.type == "text/html" else text.replace("\r\n", "\n")


def read_part(raw: bytes) -> Part:
    """A mail or part cut at its first empty line."""
    raw = raw[:MAX_MAIL].lstrip(b"\r\n")
    blank = _BLANK.search(raw)
    end = blank.start() if blank else len(raw)
    head = raw[: min(end, MAX_HEAD)]
    return Part(headers=Headers(_head_text(head)), body=raw[blank.end() :] if blank else b"")


def children(part: Part) -> Iterator[Part]:
    """The parts of a multipart."""
    boundary = part.parameters.get("boundary", "").encode("utf-8", "replace") or _guessed(part.body)
    if not boundary:
        return
    start = -1
    for count, (before, after, is_last) in enumerate(_lines_of(boundary, part.body)):
        if start >= 0:
            yield _child(part.body[start:before])
        start = after
        if is_last or count > MAX_PARTS:
            return
    if start >= 0:
        yield _child(part.body[start:])


def _lines_of(boundary: bytes, body: bytes) -> Iterator[tuple[int, int, bool]]:
    """Where each line that delimits begins and ends, and whether it is the last (RFC 2046 §5.1.1)."""
    body = b"\n" + body
    line = b"\n--" + boundary
    at = -1
    for _ in range(_MAX_LINES):  # no pattern: to compile one for each mail costs more than all the rest
        at = body.find(line, at + 1)
        if at < 0:
            return
        if end := _REST_OF_LINE.match(body, at + len(line)):
            before = at - 1 if body[at - 1 : at] == b"\r" else at
            yield max(before - 1, 0), end.end() - 1, bool(end[1])


def _child(raw: bytes) -> Part:
    """A part; one that begins with an empty line has no fields."""
    bare = raw.removeprefix(b"\r\n") if raw.startswith(b"\r\n") else raw.removeprefix(b"\n")
    if bare.startswith((b"\n", b"\r\n")):
        return Part(headers=Headers(""), body=bare)
    return read_part(bare)


def _guessed(body: bytes) -> bytes:
    """The boundary that a broken header does not name: the first line that looks like one."""
    match = re.search(rb"(?:^|\n)--([^\s-][^\r\n]{5,80}?)[ \t]*\r?\n[Cc]ontent-", body[:8192])
    return match[1] if match else b""


def _head_text(head: bytes) -> str:
    """Fields are ASCII or UTF-8 (RFC 6532); what is neither is read as Western, or Japanese by its escapes."""
    if head.isascii() and b"\x1b" not in head:
        return head.decode("ascii")
    return decoded(head) if _is_utf8(head) else decoded(head, _name(_CHARSET.search(head)))


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _name(declared: re.Match[bytes] | None) -> str:
    return declared[1].decode("ascii", "replace") if declared else ""


def _from_base64(body: bytes) -> bytes:
    kept = re.sub(rb"[^A-Za-z0-9+/]", b"", body)
    return binascii.a2b_base64(kept[: len(kept) // 4 * 4] + _rest(kept))


def _rest(kept: bytes) -> bytes:
    """What stands behind the last whole group, filled up; a single character says nothing."""
    rest = kept[len(kept) // 4 * 4 :]
    return rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""


def decoded(content: bytes, charset: str = "") -> str:
    """Text in the charset it names, or whatever it turns out to be."""
    if b"\x1b$" in content or b"\x1b(J" in content:  # ISO-2022-JP, whatever is declared
        charset = "iso2022_jp_ext"
    for name in (charset.strip("\"' "), "utf-8"):
        try:
            return content.decode(name or "ascii", "replace" if name == charset and name else "strict")
        except (LookupError, ValueError, TypeError):
            continue
    return content.decode("latin-1")


def decoded_words(value: str) -> str:
    """Encoded words read (RFC 2047); what cannot be read stays."""
    if "=?" not in value:
        return value
    return _WORD.sub(_decoded_word, value[:8000])


def _decoded_word(match: re.Match[str]) -> str:
    charset, how, text = match.groups()
    raw = text.encode("ascii", "replace")
    raw = _from_base64(raw) if how in "bB" else quopri.decodestring(raw, header=True)
    return decoded(raw, charset)


def seen(html: str) -> str:
    """What a person sees of HTML, roughly: enough to find a reply in it."""
    from html import unescape

    text = _without_hidden(re.sub(r"\s+", " ", html))
    return unescape(_TAG.sub(" ", _BREAKING_TAG.sub("\n", text))).replace("\xa0", " ")


def _without_hidden(html: str) -> str:
    """HTML without what stands between the tags of styles, scripts and head."""
    kept, start, hidden = [], 0, False
    for tag in _HIDDEN.finditer(html):
        if not hidden:
            kept.append(html[start : tag.start()])
        hidden, start = not tag[1], tag.end()
    return " ".join([*kept, "" if hidden else html[start:]])
