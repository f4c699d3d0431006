"""Records of a block of bytes all at once: by counting quotes, as far as they stand where they may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hygiene.intake.records import (
    MAX_QUOTED,
    QUOTE,
    RETURN,
    SPACE,
    Block,
    Bytes,
    Damage,
    Dialect,
    Mask,
    Positions,
    miscounted,
)


@dataclass(frozen=True, slots=True)
class Cut:
    """A stretch of bytes cut by counting quotes: right up to the first quote that stands where none may."""

    data: Bytes
    dialect: Dialect
    newlines: Positions  # every line end, inside quotes too
    marks: Positions  # separators and line ends outside quotes
    ends: Positions  # which of the marks end a record
    misplaced: int  # the first quote where none may stand; behind the data if all are well placed

    @classmethod
    def of(cls, data: Bytes, dialect: Dialect) -> Cut:
        """Cut bytes that begin at a record."""
        special = (data == dialect.newline) | (data == dialect.separator)
        if dialect.quoted:
            special |= _quotes(data, dialect)
        marks, misplaced = np.flatnonzero(special), len(data)
        kinds = data.take(marks)
        newlines = marks.take(np.flatnonzero(kinds == dialect.newline))
        if dialect.quoted:
            quotes = kinds == QUOTE
            quoting = marks.take(np.flatnonzero(quotes))
            misplaced = _misplaced(data, quoting[::2], quoting[1::2], dialect)
            outside = np.flatnonzero(~(np.bitwise_xor.accumulate(quotes) | quotes))
            marks, kinds = marks.take(outside), kinds.take(outside)
        return cls(data, dialect, newlines, marks, np.flatnonzero(kinds == dialect.newline), misplaced)

    @property
    def stops(self) -> Positions:
        """Where each record ends, its line end included."""
        return self.marks[self.ends] + 1

    @property
    def counts(self) -> Positions:
        """How many cells each record has."""
        return np.diff(self.ends, prepend=-1)

    def sure(self) -> int:
        """How many records, from the first, are cut beyond doubt.

        In doubt is one with a misplaced quote, and one over several lines with too many bytes or a wrong
        number of cells: there the quote that joins the lines may be the mistake.
        """
        stops = self.stops
        number = int(np.searchsorted(stops, self.misplaced, side="right"))
        stops = stops[:number]
        odd = (self.counts[:number] != self.dialect.fields) | (np.diff(stops, prepend=0) > MAX_QUOTED)
        lines = np.diff(np.searchsorted(self.newlines, stops), prepend=0)
        doubtful = np.flatnonzero(odd & (lines > 1))
        return int(doubtful[0]) if len(doubtful) else number

    def is_overdue(self, *, whole: bool) -> bool:
        """Whether the quote that is open behind the last record stays open for too long, or to the end."""
        tail = int(self.stops[-1]) if len(self.ends) else 0
        joins_lines = len(self.newlines) > 0 and int(self.newlines[-1]) >= tail
        return joins_lines and (whole or len(self.data) - tail > MAX_QUOTED)


def _quotes(data: Bytes, dialect: Dialect) -> Mask:
    """Where a quote opens, closes or is doubled; not one behind a backslash that escapes it."""
    quotes: Mask = np.equal(data, QUOTE)
    if dialect.escape != '"':
        quotes[_escaped(data, quotes, ord(dialect.escape))] = False
    return quotes


def _escaped(data: Bytes, quotes: Mask, escape: int) -> Positions:
    """The quotes behind an odd number of escapes: a pair of escapes is one that stands for itself."""
    behind = np.flatnonzero(quotes[1:] & (data[:-1] == escape)) + 1
    if not len(behind):
        return behind
    others = np.concatenate([[-1], np.flatnonzero(data != escape)])
    escapes = behind - 1 - others[np.searchsorted(others, behind) - 1]
    odd: Positions = behind[escapes % 2 == 1]
    return odd


def _misplaced(data: Bytes, opening: Positions, closing: Positions, dialect: Dialect) -> int:
    """The first quote that opens inside a cell, or closes before the cell ends."""
    last = len(data) - 1
    before = data[np.maximum(opening - 1, 0)]
    opens = (opening == 0) | (before == dialect.separator) | (before == dialect.newline)
    opens[1:] |= opening[1:] == closing[: max(len(opening) - 1, 0)] + 1  # doubled; not behind an escaped quote
    after = data[np.minimum(closing + 1, last)]
    line_end = (after == RETURN) & (data[np.minimum(closing + 2, last)] == dialect.newline)
    closes = (after == dialect.separator) | (after == dialect.newline) | (after == QUOTE) | line_end
    closes |= closing >= last - 1  # what follows is not here yet; the record is not complete either
    wrong = np.concatenate([opening[~opens], closing[~closes]])
    return int(wrong.min()) if len(wrong) else len(data)


def regular_block(cut: Cut, number: int, wanted: Sequence[int], base: int, line: int) -> Block:
    """The first `number` records of a cut; one with another number of cells is damaged, or blank."""
    ends, counts, stops = cut.ends[:number], cut.counts[:number], cut.stops[:number]
    starts = np.concatenate([np.zeros(1, np.int64), stops[:-1]])
    lines = line + np.searchsorted(cut.newlines, starts)
    fits = counts == cut.dialect.fields
    odd = np.flatnonzero(~fits if cut.dialect.fields > 1 else cut.data[starts] <= SPACE)
    blank = np.array([i for i in odd if not cut.data[starts[i] : stops[i]].tobytes().strip()], dtype=np.int64)
    sound = fits.copy()
    sound[blank] = False
    damaged = tuple(
        Damage(
            start=base + int(starts[i]),
            stop=base + int(stops[i]),
            line=int(lines[i]),
            reason=miscounted(int(counts[i]), cut.dialect.fields),
        )
        for i in np.setdiff1d(np.flatnonzero(~fits), blank, assume_unique=True)
    )
    first = ends[sound] - (cut.dialect.fields - 1)  # the mark behind the first cell of each record
    return Block(
        data=cut.data,
        base=base,
        starts=base + starts[sound],
        stops=base + stops[sound],
        lines=lines[sound],
        cells=tuple(_cell(cut, first, starts[sound], k) for k in wanted),
        damaged=damaged,
        blank=len(blank),
        blank_bytes=int((stops[blank] - starts[blank]).sum()),
        quoted=cut.dialect.quoted,
    )


def _cell(cut: Cut, first: Positions, starts: Positions, k: int) -> tuple[Positions, Positions]:
    """Where the k-th cell of each record begins and ends."""
    begins = cut.marks[first + k - 1] + 1 if k else starts
    ends = cut.marks[first + k]
    if k == cut.dialect.fields - 1:  # a carriage return belongs to the line end
        ends = ends - ((ends > begins) & (cut.data[np.maximum(ends - 1, 0)] == RETURN))
    return begins, ends
