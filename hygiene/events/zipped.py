"""Records in gzip and Base64, as subscriptions of CloudWatch Logs send them, unpacked before JSON is read.

They stand in records of Firehose and Kinesis and in what a Lambda function is called with. What they hold
becomes a line each; what else stood around them stays, so that records of other kinds are still read.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html, 2026-11
"""

from __future__ import annotations

import base64
import codecs
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from hygiene.events.json_values import LONGEST, in_one_line, values_of
from hygiene.intake.guard import MIB, Scratch

_BEGUN: Final = "H4sI"  # Base64 of how gzip begins (RFC 1952 §2.3.1)
_KEYS: Final = ("data", "Data", "rawData")
_HELD: Final = re.compile(rb'"(?:%b)"\s*:\s*"%b' % ("|".join(_KEYS).encode(), _BEGUN.encode()))
_DEEPEST: Final = 8  # layers around a record
_GZIP: Final = 16 + zlib.MAX_WBITS  # zlib's word for the format
_GONE: Final = object()


def holds_gzip(head: bytes) -> bool:
    """Whether a file begins with such records.

    >>> holds_gzip(b'{"awslogs": {"data": "H4sIAAAA'), holds_gzip(b'{"data": "eyJhIjoxfQ=="}')
    (True, False)
    """
    return _HELD.search(head) is not None


def unzipped(path: Path, scratch: Scratch) -> Path:
    """The file with such records unpacked, a value a line. Raises UnreadableInput where it grows too much."""
    target = scratch.new_path(".json")
    scratch.need(path.stat().st_size)
    with scratch.writing(), path.open("rb") as source, target.open("wb") as file:
        decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        texts = (decoder.decode(chunk) for chunk in iter(lambda: source.read(MIB), b""))
        for value, sound in values_of(texts):
            for line in _lines(value) if sound else [in_one_line(value)]:
                scratch.spend(len(line))
                file.write(line)
    return target


def _lines(value: str) -> Iterator[bytes]:
    """A value without its zipped records, unless nothing else was in it, and what was in these."""
    if _BEGUN not in value:
        yield in_one_line(value)
        return
    inside: list[str] = []
    left = _taken(json.loads(value), inside, 0)
    if left is not _GONE:
        yield in_one_line(json.dumps(left, ensure_ascii=False) if inside else value)
    for text in inside:
        for one, _ in values_of([text]):
            yield in_one_line(one)


def _taken(value: Any, inside: list[str], depth: int) -> Any:
    """What is left of a value without its zipped records, which go to `inside`; `_GONE` if those were all."""
    if depth > _DEEPEST or not isinstance(value, dict | list):
        return value
    if isinstance(value, list):
        some = [one for each in value if (one := _taken(each, inside, depth + 1)) is not _GONE]
        return some if some or not value else _GONE
    for key in _KEYS:
        if (text := _unzipped(value.get(key))) is not None:
            inside.append(text)
            return _GONE
    kept = {key: _taken(one, inside, depth + 1) for key, one in value.items()}
    left = {key: one for key, one in kept.items() if one is not _GONE}
    holds = any(isinstance(one, dict | list) for one in left.values())
    return _GONE if len(left) < len(kept) and not holds else left


def _unzipped(text: Any) -> str | None:
    """JSON out of gzip out of Base64; None for anything else, and for more than one value may have."""
    if not isinstance(text, str) or not text.startswith(_BEGUN):
        return None
    try:
        found = _inflated(base64.b64decode(text, validate=True))
        return found if found and found.lstrip().startswith(("{", "[")) else None
    except (ValueError, zlib.error):
        return None


def _inflated(packed: bytes) -> str | None:
    """All members of a gzip stream as a text; None where it is cut short or too long."""
    parts, size = [], 0
    while packed:
        member = zlib.decompressobj(_GZIP)
        part = member.decompress(packed, LONGEST + 1 - size)
        size += len(part)
        if size > LONGEST or not member.eof:
            return None
        parts.append(part)
        packed = member.unused_data
    return b"".join(parts).decode()
