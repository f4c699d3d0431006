"""Items of DynamoDB, as exports, scans and streams write them with the type of each value, as plain JSON.

What stands in an item becomes a line; values that are no items stay as they are.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html and
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html, 2026-11
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from hygiene.events.json_values import in_one_line, values_of
from hygiene.intake.guard import MIB

_TYPES: Final = "S|N|B|BOOL|NULL|M|L|SS|NS|BS"
_TYPED: Final = re.compile(
    rb'\s*\[?\s*\{\s*"(?:Items?|NewImage|Records|eventID)"\s*:[^{]*\{(?:\s*"[^"]*"\s*:\s*(?:"[^"]*"\s*,|\{))*?'
    rb'\s*"(?:%b)"\s*:' % _TYPES.encode()
)
_DEEPEST: Final = 40  # maps within maps: DynamoDB takes 32


def is_typed(head: bytes) -> bool:
    """Whether a file begins with such items.

    >>> is_typed(b'{"Item": {"mail": {"M": {}}}}'), is_typed(b'{"Item": {"mail": {"id": "1"}}}')
    (True, False)
    """
    return _TYPED.match(head.removeprefix(codecs.BOM_UTF8)) is not None


def write_items(source: BinaryIO, target: BinaryIO) -> None:
    """Each item of a file as a line of JSON; what is damaged stays, to be counted."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
    texts = (decoder.decode(chunk) for chunk in iter(lambda: source.read(MIB), b""))
    for value, sound in values_of(texts):
        items = list(_items(json.loads(value))) if sound else []
        target.writelines(in_one_line(json.dumps(one, ensure_ascii=False)) for one in items)
        if not items:
            target.write(in_one_line(value))


def _items(value: Any) -> Iterator[Any]:
    """The items in an export's line, an answer to a scan, or records of a stream; what is none, too."""
    if not isinstance(value, dict):
        return
    several = value.get("Items", value.get("Records"))
    for one in several if isinstance(several, list) else ():
        is_record = isinstance(one, dict) and "dynamodb" in one
        yield from list(_items(one if is_record else {"Item": one})) or [one]
    item = value.get("Item", value.get("NewImage"))
    if isinstance(item, dict):
        yield {name: _plain(one, 0) for name, one in item.items()}
    yield from _items(value.get("dynamodb"))


def _plain(value: Any, depth: int) -> Any:
    """A value without its type; one that has none as it is."""
    if not isinstance(value, dict) or len(value) != 1 or depth > _DEEPEST:
        return value
    ((kind, held),) = value.items()
    if kind == "M" and isinstance(held, dict):
        return {name: _plain(one, depth + 1) for name, one in held.items()}
    if kind == "L" and isinstance(held, list):
        return [_plain(one, depth + 1) for one in held]
    if kind == "N":
        return _number(held)
    return None if kind == "NULL" else held if kind in _TYPES.split("|") else value


def _number(text: Any) -> Any:
    try:
        return int(text)
    except (TypeError, ValueError):
        pass
    try:
        return float(text)
    except (TypeError, ValueError):
        return text
