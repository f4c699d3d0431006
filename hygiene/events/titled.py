"""What people's exports have around a table: lines of a title above its header, a row of sums at its end."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from typing import Final

from hygiene.errors import UsageError
from hygiene.events.figures import is_sum
from hygiene.events.layout import find_names, fitting, layouts
from hygiene.events.readers import READERS
from hygiene.events.recogniser import Head
from hygiene.intake.dialect import SEPARATORS

MOST_TITLES: Final = 30  # lines above a header, blank ones among them
_FIRST_CELL: Final = re.compile(rb'\s*"?([^",;\t|]*)')


def are_events(columns: Sequence[str]) -> bool:
    """Whether a header is one of a table of events.

    >>> are_events(["Email", "Event"]), are_events(["Event report", "2026"])
    (True, False)
    """
    known = layouts()
    paths = dict.fromkeys(path for layout in known for path in layout.paths)
    found = find_names(list(paths), list(columns), nested=False)
    return bool(fitting(dict.fromkeys(found, ""), known, nested=False))


def is_header(columns: Sequence[str], name: str) -> bool:
    """Whether a header is one of a table that is read: of events, a campaign report or orders."""
    head = Head(name=name, start=b"", columns=tuple(columns))
    try:
        return len(columns) > 1 and (are_events(columns) or any(one.recognises(head) for one in READERS))
    except UsageError:  # of two reports alike: which, is asked where it is read
        return True


def titles_above(start: bytes, name: str) -> tuple[int, int]:
    """The lines above the header of a text that begins so, and their bytes; zeros where none below is one."""
    size = 0
    for number, line in enumerate(start.splitlines(keepends=True)[: MOST_TITLES + 1]):
        text = line.decode("utf-8", "replace").strip("\ufeff\r\n")
        for separator in SEPARATORS:
            try:
                (cells,) = csv.reader([text], delimiter=separator.decode(), strict=True)
            except (csv.Error, ValueError):
                continue
            while cells and not cells[-1].strip():
                cells.pop()
            if number and is_header([cell.strip() for cell in cells], name):
                return number, size
        size += len(line)
    return 0, 0


def sums_below(end: bytes) -> int:
    """How many bytes at the end of a text are a row of sums and what is blank below it.

    >>> sums_below(b"ann@example.com,open\\nTotal,1\\n"), sums_below(b"ann@example.com,open\\n")
    (8, 0)
    """
    above, line_end, line = end.rstrip().rpartition(b"\n")
    found = _FIRST_CELL.match(line)
    sums = found is not None and is_sum(found[1].decode("utf-8", "replace"))
    return len(end) - len(above) - len(line_end) if line_end and sums and b"@" not in line else 0
