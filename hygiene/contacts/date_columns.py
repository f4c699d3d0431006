"""How each column of dates of a file is to be read: which formats, which order, or which numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow.compute as pc

from hygiene.contacts.layout import Layout
from hygiene.intake.cells import text_of
from hygiene.intake.dates import (
    ANY_NUMBER,
    NUMBER_SHAPES,
    DateFormat,
    DayMonth,
    Numbered,
    day_month,
    numbered,
    settled_formats,
)
from hygiene.intake.dates_sql import moment_sql, number_counts_sql, number_moment_sql, order_counts_sql
from hygiene.intake.records import Block

_ORDERS = 3  # counts of `order_counts_sql`


@dataclass(frozen=True, kw_only=True, slots=True)
class DateColumn:
    """One column of dates, named c and its position."""

    place: int
    formats: tuple[DateFormat, ...] = ()
    order: DayMonth = DayMonth.NONE
    number: Numbered | None = None  # its cells are such numbers, all of them

    def moment(self, date_part: str) -> str:
        """The expression for its moment, in seconds; `date_part` as `moment_sql` has it."""
        if self.number:
            return number_moment_sql(f"c{self.place}", self.number)
        return moment_sql(f"c{self.place}", self.formats, date_part)

    def notes(self, name: str) -> Iterator[str]:
        """What has to be said of it."""
        if self.number:
            yield f"{name}: its numbers are read as dates, in {self.number}."
        elif self.order is DayMonth.AMBIGUOUS:
            yield f"{name}: day and month cannot be told apart, so its dates are unknown"


def needs_counts(layout: Layout) -> bool:
    """Whether the cells must be looked at, since the layout leaves several ways to read a date."""
    return len({one.order for one in layout.dates} - {DayMonth.NONE}) > 1


def holding_numbers(block: Block, places: Sequence[int]) -> list[int]:
    """The columns of a block with a cell that may be a date as a number; `places` are those it has."""
    return [
        place
        for number, place in enumerate(places)
        if pc.any(pc.match_substring_regex(text_of(block, number), ANY_NUMBER)).as_py()
    ]


def settle_columns(
    layout: Layout,
    places: Sequence[int],
    numbers: Sequence[int],
    count: Callable[[str], Sequence[int]],
    until: int,
) -> list[DateColumn]:
    """How to read the columns; `numbers` are those that may hold numbers. Dates after `until` are none.

    `count` works out a list of counts over the file.
    """
    asked = [order_counts_sql(f"c{place}") for place in places]
    asked += [number_counts_sql(f"c{place}", until) for place in numbers]
    counts = iter(count(", ".join(asked)) if asked else ())
    orders = {place: day_month(*(next(counts) for _ in range(_ORDERS))) for place in places}
    kinds = {place: numbered(next(counts), {kind: next(counts) for kind in NUMBER_SHAPES}) for place in numbers}
    return [
        DateColumn(
            place=place,
            formats=settled_formats(layout.dates, orders[place]),
            order=orders[place],
            number=kinds.get(place),
        )
        for place in places
    ]
