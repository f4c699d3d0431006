"""JSON that holds records: an array, lines, or the answer of a web API, saved as it came."""

from __future__ import annotations

import json
from typing import Any

LARGEST = 64 << 20  # bytes: all of it is held in memory
_DEEPEST = 3  # objects around the array


def may_be_document(sample: bytes) -> bool:
    """Whether a text that begins like this is one JSON object, rather than one a line."""
    start = sample.strip()
    first, _, rest = start.partition(b"\n")
    return start.startswith(b"{") and (not rest or _loaded(first) is None)


def records_within(document: bytes) -> list[dict[str, Any]] | None:
    """The one array of objects in a document, next to which nothing names a person; None: not just one.

    >>> records_within(b'{"data": {"items": [{"email": "a@example.com"}]}, "next": null}')
    [{'email': 'a@example.com'}]
    """
    outer = _loaded(document)
    return _within(outer, _DEEPEST) if isinstance(outer, dict) else None


def records_of(text: bytes) -> list[dict[str, Any]] | None:
    """The objects of a JSON text: of an array, a document that holds one, or one a line; None: it is none."""
    whole = _loaded(text)
    if whole is not None:
        return whole if _is_records(whole) else (records_within(text) or _alone(whole))
    lines = [_loaded(line) for line in text.splitlines() if line.strip()]
    return lines if _is_records(lines) else None


def _alone(whole: Any) -> list[dict[str, Any]] | None:
    return [whole] if isinstance(whole, dict) else None


def _within(outer: dict[str, Any], depth: int) -> list[dict[str, Any]] | None:
    if any(isinstance(value, str) and "@" in value for value in outer.values()):
        return None  # a person with something listed, and no list of persons
    lists = [value for value in outer.values() if _is_records(value)]
    if not lists and depth > 1:
        inner = (value for value in outer.values() if isinstance(value, dict))
        lists = [found for value in inner if (found := _within(value, depth - 1))]
    return lists[0] if len(lists) == 1 else None


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _loaded(text: bytes) -> Any:
    """What a JSON text holds, numbers with a point as they were written; None for what is none."""
    try:
        return json.loads(text, parse_float=str)
    except (ValueError, RecursionError):
        return None
