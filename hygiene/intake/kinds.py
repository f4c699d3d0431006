"""What kind of file some bytes begin: by content alone, as names lie."""

from __future__ import annotations

import json
import re
from enum import StrEnum


class Kind(StrEnum):
    """What a file is, as far as reading it goes."""

    ZIP = "zip"
    GZIP = "gzip"
    BZIP2 = "bzip2"
    XZ = "xz"
    ZSTD = "zstd"
    PARQUET = "Parquet"
    JSON_LINES = "JSON Lines"
    JSON_ARRAY = "JSON array"
    TEXT = "text"


#: first bytes → how one file is compressed (RFC 1952 §2.3.1, RFC 8878 §3.1.1, The .xz File Format §2.1.1.1)
PACKED: dict[bytes, Kind] = {
    b"\x1f\x8b\x08": Kind.GZIP,
    b"BZh": Kind.BZIP2,
    b"\xfd7zXZ\x00": Kind.XZ,
    b"\x28\xb5\x2f\xfd": Kind.ZSTD,
}

#: first bytes → what it is, and what to do about it
REFUSED: tuple[tuple[bytes, str], ...] = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old or password-protected Office file: save it as .xlsx or .csv"),
    (b"\x89PNG\r\n\x1a\n", "an image (PNG)"),
    (b"\xff\xd8\xff", "an image (JPEG)"),
    (b"GIF8", "an image (GIF)"),
    (b"%PDF-", "a PDF document: export the list as .csv instead"),
    (b"{\\rtf", "a text document (RTF): save it as .csv"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it first"),
    (b"Rar!\x1a\x07", "a RAR archive: unpack it first"),
    (b"SQLite format 3\x00", "an SQLite database: export the table as .csv"),
    (b"ARROW1\x00\x00", "an Arrow or Feather file: save it as .parquet"),
    (b"Obj\x01", "an Avro file: save it as .parquet"),
    (b"PARE", "an encrypted Parquet file: save it without encryption"),
    (b"ORC", "an ORC file: save it as .parquet"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90\x00", "a program"),
    (b"\xff\xfe\x00\x00", "text in UTF-32: save it as UTF-8"),
    (b"\x00\x00\xfe\xff", "text in UTF-32: save it as UTF-8"),
)

_BINARY_AFTER = (b"BZh", b"ORC", b"GIF8", b"Obj\x01", b"PARE")  # a text may begin like that as well
_MARKUP = re.compile(rb"\s*<(!doctype html|html|\?xml|table|head|body)\b", re.IGNORECASE)
_JSON_START = re.compile(rb'\s*(\{\s*("[^"\n]*"\s*:|\})|\[\s*")')  # an object's key, or an array of strings
_CONTROL = bytes(code for code in range(32) if code not in b"\t\n\x0b\x0c\r\x1a\x1b") + b"\x7f"
_MOST_CONTROL = 0.1  # share of control characters a text may have
_SNIFFED_LINES = 20  # non-blank lines looked at for a JSON object


def refuse(head: bytes) -> str:
    """Why a file that begins with `head` is none of ours, or an empty text."""
    for magic, what in REFUSED:
        if head.startswith(magic) and (magic not in _BINARY_AFTER or _control_share(head) > 0):
            return f"it is {what}"
    if _MARKUP.match(head.removeprefix(b"\xef\xbb\xbf")):
        return "it is a web page or XML, not a list: export it as .csv or .xlsx"
    return ""


def binary_kind(head: bytes) -> Kind:
    """ZIP, PARQUET or how it is `PACKED` by the first bytes, else TEXT."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return Kind.ZIP
    for magic, kind in PACKED.items():
        if head.startswith(magic) and (magic not in _BINARY_AFTER or _control_share(head) > 0):
            return kind
    if head.startswith(b"PAR1") and _control_share(head[4:64]) > 0:
        return Kind.PARQUET
    return Kind.TEXT


def looks_binary(head: bytes) -> bool:
    """Whether too many control characters stand in bytes that should be text (not for UTF-16)."""
    return _control_share(head) > _MOST_CONTROL


def _control_share(head: bytes) -> float:
    return 1 - len(head.translate(None, _CONTROL)) / len(head) if head else 0.0


def text_kind(sample: bytes) -> Kind:
    """JSON_LINES, JSON_ARRAY or TEXT, from the first bytes of a UTF-8 text without its byte order mark."""
    start = sample.lstrip()
    if re.match(rb"\[\s*(\{|\]\s*\Z)", start):
        return Kind.JSON_ARRAY
    if start.startswith(b"{") and any(_is_object(line) for line in start.splitlines()[:_SNIFFED_LINES]):
        return Kind.JSON_LINES
    return Kind.TEXT


def is_other_json(sample: bytes) -> bool:
    """Whether a text that is neither lines nor an array of JSON objects is JSON all the same."""
    return bool(_JSON_START.match(sample))


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
