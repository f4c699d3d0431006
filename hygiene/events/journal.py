"""The journal of systemd in the forms that are no lines: its export format, and JSON in other forms.

Each entry becomes a line of JSON, as `journalctl -o json` writes it, with the fields a mail log is read by.
https://systemd.io/JOURNAL_EXPORT_FORMATS/ and journalctl(1), 2026-11
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from hygiene.events.json_values import in_one_line, values_of
from hygiene.intake.guard import MIB

_FIELDS: Final = ("__REALTIME_TIMESTAMP", "_HOSTNAME", "SYSLOG_IDENTIFIER", "MESSAGE")
_MOST: Final = 16 * MIB  # bytes of a field
_FAR: Final = 1 << 40  # bytes: behind the end of any file
_SIZE: Final = 8  # bytes that tell how long a field with line ends is
_EXPORT: Final = re.compile(rb"(?:[A-Z0-9_]+=[^\n]*\n)*__(?:CURSOR|REALTIME_TIMESTAMP)=")
_JSON: Final = re.compile(rb"(?:\x1e|data: ?)\s*\{|\{\s*\n")
_PREFIX: Final = re.compile(r"^data: ?", re.MULTILINE)


def is_journal(head: bytes) -> bool:
    r"""Whether a file begins with entries of the journal in one of these forms; lines of JSON are none.

    >>> is_journal(b"__CURSOR=s=1\n__REALTIME_TIMESTAMP=1\n"), is_journal(b'{"__REALTIME_TIMESTAMP": "1"}\n')
    (True, False)
    """
    if _EXPORT.match(head):
        return b"\n__REALTIME_TIMESTAMP=" in head or head.startswith(b"__REALTIME_TIMESTAMP=")
    return _JSON.match(head) is not None and b'"__REALTIME_TIMESTAMP"' in head


def write_entries(source: BinaryIO, target: BinaryIO) -> None:
    """Each entry of a file as a line of JSON."""
    start = source.read(_SIZE)
    source.seek(0)
    is_json = start.startswith((b"{", b"\x1e", b"data:"))
    for line in _values(source) if is_json else _exported(source):
        target.write(line)


def _values(source: BinaryIO) -> Iterator[bytes]:
    """Entries as JSON; what is damaged stays, to be counted."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    texts = (_PREFIX.sub("", decoder.decode(line)) for line in iter(lambda: source.readline(MIB), b""))
    for value, _ in values_of(texts):
        yield in_one_line(value)


def _sized(source: BinaryIO) -> bytes:
    """A field that may hold line ends; more than the most is passed over, a size that is none ends the file."""
    size = int.from_bytes(source.read(_SIZE), "little")
    value = source.read(min(size, _MOST))
    source.seek(min(size - len(value) + 1, _FAR), 1)
    return value


def _exported(source: BinaryIO) -> Iterator[bytes]:
    entry: dict[str, Any] = {}
    while line := source.readline(_MOST):
        name, mark, value = line.rstrip(b"\n").partition(b"=")
        if name and not mark:
            value = _sized(source)
        if name.decode("ascii", "replace") in _FIELDS:
            entry[name.decode()] = value.decode("utf-8", "replace")
        if not name and entry:
            yield json.dumps(entry, ensure_ascii=False).encode() + b"\n"
            entry = {}
    if entry:
        yield json.dumps(entry, ensure_ascii=False).encode() + b"\n"
