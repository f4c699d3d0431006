"""A header field as people read it: encoded words decoded (RFC 2047)."""

from __future__ import annotations

import codecs
import re
from email.errors import HeaderParseError, MessageError
from email.header import decode_header

_ENCODED_WORD = re.compile(r"=\?[\w.:*-]{1,60}\?[bq]\?[^?\s]{0,200}\?=", re.IGNORECASE)


def python_name(charset: str) -> str:
    """The codec of a text charset; what HTML calls ISO-8859-1 is Windows-1252. Raises LookupError."""
    try:
        info = codecs.lookup(charset.strip().strip("\"'"))
    except ValueError:  # a NUL in its name
        raise LookupError(charset) from None
    if not info._is_text_encoding or info.name in {"idna", "punycode", "unicode_escape", "raw_unicode_escape"}:
        raise LookupError(charset)
    return info.name


def decoded_header(value: str) -> str:
    """A header field as people see it: unfolded, encoded words decoded (RFC 2047), damage marked.

    >>> decoded_header("=?utf-8?q?Gr=C3=BC=C3=9Fe?= an\\r\\n alle")
    'Grüße an alle'
    """
    unfolded = re.sub(r"\r?\n(?=[ \t])", "", value)
    try:
        pieces = decode_header(unfolded)
    except (HeaderParseError, MessageError, ValueError):
        return unfolded.strip()
    return "".join(_piece(text, charset) for text, charset in pieces).strip()


def as_read(line: str) -> str:
    """A subject line as a log or a person gives it; one copied out of a header field is decoded.

    >>> as_read("=?utf-8?q?Gr=C3=BC=C3=9Fe?="), as_read("Is 2 =? 3 ?=")
    ('Grüße', 'Is 2 =? 3 ?=')
    """
    return decoded_header(line) if _ENCODED_WORD.search(line) else line


def _piece(text: str | bytes, charset: str | None) -> str:
    if isinstance(text, str):
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    try:
        name = python_name(charset or "utf-8")
        decoded = text.decode(name, "replace")
        return decoded.replace("\ufeff", "") if name.startswith(("utf-16", "utf-32")) else decoded  # one a word
    except (LookupError, UnicodeError):
        return text.decode("latin-1")
