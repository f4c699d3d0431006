"""What a few records of a log show: layouts, envelopes, mails to several. It only says what to try first."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from hygiene.events.layout import PLAIN, EventLayout
from hygiene.events.opening import CODED, JOINED, MOST_ROUNDS, Opening, openings
from hygiene.intake.guard import MIB

SAMPLE_VALUES: Final = 100  # values of JSON, each perhaps a page of records

_LINES, _PLACES = 60, 8
_LONGEST = 16 * MIB  # bytes of a line
_RECORDS = 2_000
_STEP = re.compile(r"([^.\[]+)(?:\[(\d+)\])?")
_MISSING: Final = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """What to try first."""

    layouts: tuple[EventLayout, ...]  # the plain one is never among them
    rounds: int  # of opening envelopes
    several: bool  # whether a mail has several recipients


def sample_lines(file: BinaryIO, size: int) -> list[bytes]:
    """Lines of the beginning and of places all over a file."""
    lines: list[bytes] = []
    for place in range(_PLACES):
        file.seek(place * size // _PLACES)
        if place:
            file.readline(_LONGEST)
        lines += [file.readline(_LONGEST) for _ in range(_LINES // (_PLACES if place else 1))]
        if size < MIB:
            break
    return [line for line in lines if line.strip()]


def sniff(texts: Sequence[str | bytes], layouts: Iterable[EventLayout]) -> Shown:
    """What JSON texts show of these layouts; those that are damaged show nothing."""
    known = [layout for layout in layouts if layout.name != PLAIN]
    names: set[str] = set()
    rounds, several = 0, False
    for at, (record, listed, depth) in enumerate(_records(texts)):
        if at > _RECORDS:
            break
        rounds = max(rounds, depth)
        layout = next((one for one in known if _fits(one, record, listed)), None)
        if layout:
            names.add(layout.name)
            several = several or any(len(_list(record, path)) > 1 for path in layout.recipients)
    return Shown(layouts=tuple(one for one in known if one.name in names), rounds=rounds, several=several)


def _records(texts: Sequence[str | bytes]) -> Iterator[tuple[Any, set[str], int]]:
    for text in texts:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            continue
        yield from _open(value, set(), 0)


def _open(value: Any, kept: set[str], depth: int) -> Iterator[tuple[Any, set[str], int]]:
    """The records in a value, what their envelopes hand on, and how many there were."""
    if isinstance(value, list) and depth < MOST_ROUNDS:
        for one in value:
            yield from _open(one, kept, depth + 1)
        return
    if isinstance(value, dict) and depth < MOST_ROUNDS:
        for opening in openings():
            inside = _taken(opening, value)
            if inside is not None:
                handed = {f"^{name}" for name, path in opening.keep.items() if _at(value, path) is not None}
                for one in inside:
                    yield from _open(one, kept | handed | {"^list"}, depth + 1)
                return
    yield value, kept, depth


def _taken(opening: Opening, value: dict[str, Any]) -> list[Any] | None:
    held = _at(value, opening.held)
    lacking = any(_at(value, path) is None for path in opening.needs)
    if lacking or any(_at(value, path) is not None for path in opening.lacks):
        return None
    if opening.text:
        return _written(held)
    if opening.coded:
        return _coded(held)
    if opening.kind == "ARRAY" and isinstance(held, list):
        return [{"event": one, "metric": {}, "profile": {}} for one in held] if opening.join else held
    return [held] if opening.kind == "OBJECT" and isinstance(held, dict) else None


def _written(held: Any) -> list[Any] | None:
    """What is written as a text, if it is JSON."""
    if not isinstance(held, str) or not held.lstrip().startswith(("{", "[")):
        return None
    try:
        return [json.loads(held)]
    except (ValueError, RecursionError):
        return None


def _coded(held: Any) -> list[Any] | None:
    """What is written in Base64, if it is JSON; several values as one list."""
    if not isinstance(held, str) or not re.match(CODED, held):
        return None
    try:
        text = base64.b64decode(held, validate=True).decode()
    except ValueError:
        return None
    return _written(text) or _written("[" + re.sub(JOINED, "},{", text.strip(" \t\r\n,")) + "]")


def _fits(layout: EventLayout, record: Any, kept: set[str]) -> bool:
    def has(path: str) -> bool:
        return path in kept if path.startswith("^") else _at(record, path) is not None

    return any(all(map(has, mark)) for mark in layout.marks) and not any(map(has, layout.lacks))


def _at(record: Any, path: str) -> Any:
    """What stands at a path; None for nothing."""
    for step in path.split("."):
        found = _STEP.fullmatch(step)
        if not found or not isinstance(record, dict):
            return _MISSING
        record = record.get(found[1])
        if found[2] is not None:
            at = int(found[2])
            record = record[at] if isinstance(record, list) and len(record) > at else _MISSING
    return record


def _list(record: Any, path: str) -> list[Any]:
    held = _at(record, path.partition("[*]")[0])
    return held if isinstance(held, list) else []
