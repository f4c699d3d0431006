"""The values in a text of JSON, whatever stands between them: whole ones, and what is none, up to the next one.

Only objects are values here: a list is what stands around some, so that one cut short gives those before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Final

from hygiene.events.query import MOST_TEXT
from hygiene.intake.guard import MIB

LONGEST: Final = 16 * MIB  # of one value; DuckDB takes no longer ones from lines

_DECODER: Final = json.JSONDecoder()
_BETWEEN: Final = re.compile(r"[\s,\[\]\0\x1e]*")
_FIRST_KEY: Final = re.compile(r'\{\s*("(?:[^"\\]|\\.)*")')
_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]")
_END: Final = 16  # characters before the end of what was read, in which a fault may be that more follows


def values_of(chunks: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """The values in a text, each as it stands and whether it is whole; what is none up to the next one, cut.

    >>> list(values_of(['[{"a": 1}, {"a": 2}{"a": ', '3},{"a"']))
    [('{"a": 1}', True), ('{"a": 2}', True), ('{"a": 3}', True), ('{"a"', False)]
    """
    more = iter(chunks)
    held, at, key = "", 0, ""
    while True:
        at = _BETWEEN.match(held, at).end()  # type: ignore[union-attr]  # matches nothing, too
        if at == len(held):
            fresh = next(more, None)
            if fresh is None:
                return
            held, at = fresh, 0
            continue
        end = _end(held, at)
        if end < 0 and len(held) - at < LONGEST and (fresh := next(more, None)) is not None:
            held, at = held[at:] + fresh, 0
            continue
        if end > 0:
            key = key or _first_key(held, at)
            yield held[at:end], _is_text(held[at:end])
        else:
            end = _next_value(held, at, key)
            yield held[at : min(end, at + MOST_TEXT)].strip(), False
        at = end


def _end(text: str, at: int) -> int:
    """Where the object at a place ends; 0 where there is none, -1 where it may go on behind the text."""
    if text[at] != "{":
        return 0
    try:
        return _DECODER.raw_decode(text, at)[1]
    except json.JSONDecodeError as error:
        cut = error.msg.startswith("Unterminated string") or error.pos >= len(text) - _END
        return -1 if cut else 0
    except (ValueError, RecursionError):
        return 0


def _is_text(value: str) -> bool:
    """Whether a value has no half letters, neither as bytes nor escaped."""
    try:
        value.encode()
        if _HALF.search(value):
            json.dumps(json.loads(value), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _first_key(text: str, at: int) -> str:
    found = _FIRST_KEY.match(text, at)
    return found[1] if found else ""


def _next_value(text: str, at: int, key: str) -> int:
    """Where the next object may begin behind one that is damaged: one that begins as the others do.

    Where none is known yet, it stands at the beginning of a line, or right behind another's end.
    """
    start = text.rfind("\n", 0, at) + 1
    indent = text[start:at] if not text[start:at].strip() else ""
    ways = [rf"\n,?{re.escape(indent)}(?=\{{)", r"\}(?=\{)"]
    if key:
        ways.append(rf"[\}}\n][\s,]*(?=\{{\s*{re.escape(key)})")
    found = re.compile("|".join(ways)).search(text, at + 1)
    return found.end() if found else len(text)


def in_one_line(text: str) -> bytes:
    """A value in one line: a line end inside stands between its parts, as texts hold none (RFC 8259 §7)."""
    return text.replace("\r", " ").replace("\n", " ").encode("utf-8", "surrogateescape") + b"\n"
