"""Counts of slices, pooled: rows of a counts table by slice, column by column, as plain numpy arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from hygiene.metrics.table import COUNTS

if TYPE_CHECKING:
    import pyarrow as pa

Integers: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"
Flags: TypeAlias = "np.ndarray[Any, np.dtype[np.bool_]]"
Key: TypeAlias = tuple[Any, ...]

SOURCE: Final = "source"
_ORDERED: Final = {"day", "week", "hour", "cohort", "weeks_since"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Slices:
    """Rows of counts, each of one slice and one source; a cell that is not told adds nothing and is marked."""

    by: tuple[str, ...]
    keys: tuple[Key, ...]  # of the slices, largest first
    codes: Integers  # row → its slice
    sources: tuple[str, ...]  # row → its source
    counts: Mapping[str, Integers]  # column → row → count
    told: Mapping[str, Flags]  # column → row → whether it is told

    def sums(self, columns: Sequence[str], among: Flags | None = None) -> Integers:
        """The sum of some columns for each slice, over all rows or those marked."""
        sums = np.zeros(len(self.keys), np.int64)
        for column in columns:
            rows = self.counts[column]
            np.add.at(sums, self.codes, rows if among is None else np.where(among, rows, 0))
        return sums

    def any_of(self, rows: Flags) -> Flags:
        """The slices that have one of these rows."""
        found = np.zeros(len(self.keys), np.bool_)
        found[self.codes[rows]] = True
        return found

    def part(self, first: int, last: int) -> Slices:
        """The slices from one place to before another."""
        rows = (self.codes >= first) & (self.codes < last)
        return Slices(
            by=self.by,
            keys=self.keys[first:last],
            codes=self.codes[rows] - first,
            sources=tuple(source for source, kept in zip(self.sources, rows, strict=True) if kept),
            counts={name: column[rows] for name, column in self.counts.items()},
            told={name: column[rows] for name, column in self.told.items()},
        )

    def slice_of(self, place: int) -> dict[str, Any]:
        """The slice at a place, by the names of its columns."""
        return dict(zip(self.by, self.keys[place], strict=True))


def slice_counts(tables: Sequence[pa.Table], by: Sequence[str]) -> Slices:
    """The rows of tables with the columns `by`, ``source`` and those of COUNTS, by slice.

    Without `by` there is one slice, of all mail, even where there is none.
    """
    sources, keys = _column(tables, SOURCE), list(zip(*(_column(tables, name) for name in by), strict=True))
    keys = keys or [()] * len(sources)
    counts = {name: _integers(_column(tables, name)) for name in COUNTS}
    told = {name: _told(_column(tables, name)) for name in COUNTS}
    found = list(dict.fromkeys(keys)) if by else [()]
    places = {key: place for place, key in enumerate(found)}
    slices = Slices(
        by=tuple(by),
        keys=tuple(found),
        codes=np.array([places[key] for key in keys], np.int64),
        sources=tuple(sources),
        counts=counts,
        told=told,
    )
    return _largest_first(slices)


def pooled(slices: Slices, column: str, key_of: Callable[[Any], Any] = lambda cell: cell) -> Slices:
    """The same rows by one of their columns alone, or by what `key_of` makes of it."""
    place = slices.by.index(column)
    cells = [key_of(key[place]) for key in slices.keys]
    keys = list(dict.fromkeys(cells))
    places = {cell: number for number, cell in enumerate(keys)}
    codes = np.array([places[cells[code]] for code in slices.codes.tolist()], np.int64)
    return _largest_first(replace(slices, by=(column,), keys=tuple((key,) for key in keys), codes=codes))


def _column(tables: Sequence[pa.Table], name: str) -> list[Any]:
    return [cell for table in tables for cell in table.column(name).to_pylist()]


def _integers(cells: Sequence[int | None]) -> Integers:
    return np.array([cell or 0 for cell in cells], np.int64)


def _told(cells: Sequence[int | None]) -> Flags:
    return np.array([cell is not None for cell in cells], np.bool_)


def _largest_first(slices: Slices) -> Slices:
    """Days and weeks in their order, all else by the mails handed over, then by name."""
    size = slices.sums(["submitted"])
    dated = [at for at, name in enumerate(slices.by) if name in _ORDERED]

    def rank(place: int) -> tuple[Any, ...]:
        key = slices.keys[place]
        days = tuple(_sortable(key[at]) for at in dated)
        rest = tuple(_sortable(key[at]) for at in range(len(key)) if at not in dated)
        return (days, -int(size[place]), rest)

    order = sorted(range(len(slices.keys)), key=rank)
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    return Slices(
        by=slices.by,
        keys=tuple(slices.keys[place] for place in order),
        codes=places[slices.codes],
        sources=slices.sources,
        counts=slices.counts,
        told=slices.told,
    )


def _sortable(cell: Any) -> tuple[bool, int, str]:
    """Missing ones last; numbers by size, words by letter."""
    return (cell is None, cell if isinstance(cell, int) else 0, str(cell))
