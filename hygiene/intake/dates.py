"""The dates of an export: how they are written, in which zone, and whether day and month can be told apart.

Formats are for `datetime.strptime` and DuckDB's `try_strptime` alike. Where the two differ (DuckDB 2.0):

- ``%z`` takes no literal ``Z`` in DuckDB, so the format spells UTC out; ``%Z`` knows few zones: not used.
- ``%Y`` takes ``24`` for the year 24 in DuckDB: years before `FIRST_YEAR` are no dates.
- ``%-m`` is unknown to Python, and ``%m`` reads one digit anyway; ``%f`` takes one to six digits in both.
- ``%z`` yields TIMESTAMPTZ. Read each format by itself and compare `epoch_us()`: a list that mixes both
  kinds takes zone-less cells for local time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Literal

import msgspec

FIRST_YEAR = 1990  # nobody subscribed earlier; what parses to less was misread

#: for both engines (re and RE2): 13/2/2024 can only begin with the day, 2/13/2024 only with the month
NUMERIC_DATE = r"^\s*\d{1,2}[/-]\d{1,2}[/-]\d{4}\b"
DAY_FIRST = r"^\s*(?:1[3-9]|2\d|3[01])[/-](?:0?[1-9]|1[0-2])[/-]\d{4}\b"
MONTH_FIRST = r"^\s*(?:0?[1-9]|1[0-2])[/-](?:1[3-9]|2\d|3[01])[/-]\d{4}\b"


class DayMonth(StrEnum):
    """In which order a column writes day and month."""

    NONE = "none"  # no cell like 3/4/2024: nothing to settle
    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"
    AMBIGUOUS = "ambiguous"  # no cell settles it, or the cells contradict each other


class DateFormat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way a date is written: the strptime format and the zone of what it yields."""

    format: str
    zone: Literal[
        "utc", "cell", "none"
    ]  # cell: the cell holds the offset (%z); none: the platform does not say

    @property
    def order(self) -> DayMonth:
        """The order of day and month where it could be mistaken; dots are day-first everywhere."""
        found = re.match(r"%([dm])[/-]%[dm][/-]%Y", self.format)
        if not found:
            return DayMonth.NONE
        return DayMonth.DAY_FIRST if found[1] == "d" else DayMonth.MONTH_FIRST


class Numbered(StrEnum):
    """How a column counts its dates, where it writes them as numbers."""

    SECONDS = "seconds since 1970"
    MILLISECONDS = "milliseconds since 1970"
    MICROSECONDS = "microseconds since 1970"
    DAYS = "days as Excel counts them"
    CALENDAR = "year, month and day without anything between"


#: a cell that may be one of these, and how each looks
ANY_NUMBER = r"^\s*\d{5,16}(?:[.,]\d+)?\s*$"
NUMBER_SHAPES = {
    Numbered.SECONDS: r"\d{9,10}(?:\.\d+)?",
    Numbered.MILLISECONDS: r"\d{12,13}",
    Numbered.MICROSECONDS: r"\d{15,16}",
    Numbered.DAYS: r"\d{5}(?:[.,]\d+)?",
    Numbered.CALENDAR: r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])",
}
_FEWEST_DAYS = 3  # five digits can count anything else


def numbered(filled: int, fitting: Mapping[Numbered, int]) -> Numbered | None:
    """How a column counts its dates: when every cell that is `filled` fits one kind, and lies in its time."""
    kinds = [kind for kind, cells in fitting.items() if cells == filled > 0]
    if len(kinds) != 1 or (kinds[0] is Numbered.DAYS and filled < _FEWEST_DAYS):
        return None
    return kinds[0]


def day_month(numeric: int, day_first: int, month_first: int) -> DayMonth:
    """The order, from the numbers of cells that match `NUMERIC_DATE`, `DAY_FIRST` and `MONTH_FIRST`."""
    if not numeric:
        return DayMonth.NONE
    if bool(day_first) == bool(month_first):
        return DayMonth.AMBIGUOUS
    return DayMonth.DAY_FIRST if day_first else DayMonth.MONTH_FIRST


def column_order(cells: Iterable[str]) -> DayMonth:
    """The order of day and month in a column, from its cells (unique ones will do)."""
    texts = tuple(cells)
    counts = (
        sum(bool(re.match(rule, text)) for text in texts) for rule in (NUMERIC_DATE, DAY_FIRST, MONTH_FIRST)
    )
    return day_month(*counts)


def settled_formats(formats: Sequence[DateFormat], order: DayMonth) -> tuple[DateFormat, ...]:
    """The formats to read a column with.

    Where a layout allows both orders only the column's own is left; of an ambiguous column neither, as a wrong
    date is worse than none. A layout that knows but one order is believed.
    """
    orders = {one.order for one in formats} - {DayMonth.NONE}
    if len(orders) < 2:
        return tuple(formats)
    return tuple(one for one in formats if one.order in {DayMonth.NONE, order})
