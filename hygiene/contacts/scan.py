"""Delimited text to records: where each begins and ends, to the byte, and which lines are damaged.

The grammar is RFC 4180: quotes doubled inside quotes, records over several lines; a quote inside an unquoted
cell is itself. No record is ever padded, merged or dropped: what has not the header's number of fields, opens
a quote that nothing closes, or holds a NUL or bytes that are no UTF-8, is handed out as damaged, with its line
and its bytes. numpy looks at a block of bytes at a time; only a stretch behind a damaged line is walked record
by record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt

from hygiene.errors import UnreadableInput

Bytes: TypeAlias = npt.NDArray[np.uint8]
Positions: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

BLOCK = 1 << 20  # bytes looked at together: more do not fit the processor's cache
STRETCH = 64 << 10  # bytes walked record by record once something is wrong
MAX_LINE = 16 << 20  # bytes; a longer physical line is no list
MAX_QUOTED = 1 << 20  # bytes; a quote still open after so many was not meant to span them

QUOTE, RETURN, NEWLINE, SPACE = b'"\r\n '
ASCII = 0x7F  # the last byte of ASCII


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A record that cannot be read: its bytes in the file, its first line, and what is wrong."""

    start: int
    stop: int
    line: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The sound records of one stretch of a file, in order, and what else stood there.

    Record i is the bytes `starts[i]` to `stops[i]` of the file, its line end included, and begins on line
    `lines[i]` (from 1). `cells[k]` says where the k-th wanted cell of each record begins and ends in `data`,
    as written, quotes and all; `data` are the bytes from `base` on.
    """

    data: Bytes
    base: int
    starts: Positions
    stops: Positions
    lines: Positions
    cells: tuple[tuple[Positions, Positions], ...]
    damaged: tuple[Damage, ...] = ()
    blank: int = 0  # lines with nothing on them, which are no records
    blank_bytes: int = 0
    quoted: bool = True  # whether quotes around a cell are no part of it

    def __len__(self) -> int:
        """How many sound records."""
        return len(self.starts)


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a text is cut: into `fields` cells a record at `delimiter` (one character; empty: one cell a line).

    `escape` stands before a quote that is part of a quoted cell: a quote, or a backslash.
    """

    fields: int
    delimiter: str = ","
    quoted: bool = True
    newline: int = NEWLINE
    escape: str = '"'

    @cached_property
    def separator(self) -> int:
        """The byte between cells; the line end itself where there is only one cell."""
        return ord(self.delimiter) if self.delimiter else self.newline

    @cached_property
    def cell(self) -> re.Pattern[bytes]:
        """One cell as it may be written, up to its separator or line end."""
        separator, newline = re.escape(bytes([self.separator])), re.escape(bytes([self.newline]))
        plain = rb"[^%b%b]*+" % (separator, newline)
        if not self.quoted:
            return re.compile(plain)
        ending = rb"(?=%b|\r?%b)" % (separator, newline)
        inside = rb'(?:[^"]++|"")*+' if self.escape == '"' else rb'(?:[^"\\]++|\\.|"")*+'
        return re.compile(rb'(?s:"%b"%b|(?!")%b)' % (inside, ending, plain))


def scan(
    file: BinaryIO,
    dialect: Dialect,
    wanted: Sequence[int],
    *,
    start: int = 0,
    line: int = 1,
    block: int = BLOCK,
) -> Iterator[Block]:
    """The records of a file from byte `start`, the beginning of physical line `line`; `wanted` are cells by
    number.

    Raises UnreadableInput for a line longer than `MAX_LINE`.
    """
    file.seek(start)
    data, newline = b"", bytes([dialect.newline])
    while True:
        fresh = file.read(block)
        data += fresh
        if not fresh and data and not data.endswith(newline):
            data += newline  # the last line may lack its end
        used = 0
        for taken, found in _blocks(_Text(data, start, line, dialect, whole=not fresh), wanted):
            used = taken
            yield found
        line += data.count(newline, 0, used)
        start, data = start + used, data[used:]
        if not fresh:
            return
        if len(data) > MAX_LINE and newline not in data:
            raise UnreadableInput(f"line {line:,} is longer than {MAX_LINE >> 20} MiB: this is no list")


@dataclass(frozen=True, slots=True)
class _Text:
    """The bytes at hand, from byte `base` and line `line` of the file on; `whole`: nothing follows."""

    data: bytes
    base: int
    line: int
    dialect: Dialect
    whole: bool

    def line_at(self, position: int) -> int:
        return self.line + self.data.count(bytes([self.dialect.newline]), 0, position)


def _blocks(text: _Text, wanted: Sequence[int]) -> Iterator[tuple[int, Block]]:
    """The records that are complete in a text, in blocks, each with the position behind it."""
    array, position = np.frombuffer(text.data, np.uint8), 0
    while position < len(text.data):
        cut = _Cut.of(array[position:], text.dialect)
        sure = cut.sure()
        stop = position + (int(cut.stops[sure - 1]) if sure else 0)
        if sure:
            yield stop, _sound(_regular(cut, sure, wanted, text.base + position, text.line_at(position)))
        if sure == len(cut.ends) and not cut.is_overdue(whole=text.whole):
            return
        position, found = _walk(text, stop, wanted)
        if position == stop:
            return
        yield position, _sound(found)


@dataclass(frozen=True, slots=True)
class _Cut:
    """A stretch of bytes cut by counting quotes: right up to the first quote that stands where none may."""

    data: Bytes
    dialect: Dialect
    newlines: Positions  # every line end, inside quotes too
    marks: Positions  # separators and line ends outside quotes
    ends: Positions  # which of the marks end a record
    misplaced: int  # the first quote where none may stand; behind the data if all are well placed

    @classmethod
    def of(cls, data: Bytes, dialect: Dialect) -> _Cut:
        special = (data == dialect.newline) | (data == dialect.separator)
        if dialect.quoted:
            special |= _quotes(data, dialect)
        marks = np.flatnonzero(special)
        kinds = data[marks]
        newlines, misplaced = marks[kinds == dialect.newline], len(data)
        if dialect.quoted:
            quotes = kinds == QUOTE
            inside = np.bitwise_xor.accumulate(quotes)
            misplaced = _misplaced(data, marks[quotes & inside], marks[quotes & ~inside], dialect)
            outside = ~(inside | quotes)
            marks, kinds = marks[outside], kinds[outside]
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
    opens = (opening == 0) | (before == dialect.separator) | (before == dialect.newline) | (before == QUOTE)
    after = data[np.minimum(closing + 1, last)]
    line_end = (after == RETURN) & (data[np.minimum(closing + 2, last)] == dialect.newline)
    closes = (after == dialect.separator) | (after == dialect.newline) | (after == QUOTE) | line_end
    closes |= closing >= last - 1  # what follows is not here yet; the record is not complete either
    wrong = np.concatenate([opening[~opens], closing[~closes]])
    return int(wrong.min()) if len(wrong) else len(data)


def _regular(cut: _Cut, number: int, wanted: Sequence[int], base: int, line: int) -> Block:
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


def _cell(cut: _Cut, first: Positions, starts: Positions, k: int) -> tuple[Positions, Positions]:
    """Where the k-th cell of each record begins and ends."""
    begins = cut.marks[first + k - 1] + 1 if k else starts
    ends = cut.marks[first + k]
    if k == cut.dialect.fields - 1:  # a carriage return belongs to the line end
        ends = ends - ((ends > begins) & (cut.data[np.maximum(ends - 1, 0)] == RETURN))
    return begins, ends


def miscounted(found: int, wanted: int) -> str:
    """What is wrong with a record that has another number of cells than the header."""
    return f"{found} of {wanted} fields" if found < wanted else f"{found} fields where the header has {wanted}"


def _walk(text: _Text, start: int, wanted: Sequence[int]) -> tuple[int, Block]:
    """A stretch of records, one by one from position `start`; and the position behind them."""
    walked, position, line = _Walked(text, []), start, text.line_at(start)
    newline = bytes([text.dialect.newline])
    while position < len(text.data) and position - start < STRETCH:
        line_stop = text.data.find(newline, position) + 1
        record = _record(text, position, line_stop)
        fits = record is not None and len(record.cells) == text.dialect.fields
        if not line_stop or (not fits and not text.whole and len(text.data) - position <= MAX_QUOTED):
            break  # the rest of it is not here yet
        stop = record.stop if record is not None and fits else line_stop
        walked.add(position, stop, line, record)
        line += text.data.count(newline, position, stop)
        position = stop
    return position, walked.block(wanted)


@dataclass(frozen=True, slots=True)
class _Record:
    """The cells of one record, as positions, and the position behind its line end."""

    cells: list[tuple[int, int]]
    stop: int


def _record(text: _Text, start: int, line_stop: int) -> _Record | None:
    """The record at a position; None if a quote in it is misplaced, or open for longer than a quote may be."""
    data, dialect = text.data, text.dialect
    limit = max(start + MAX_QUOTED, line_stop)
    cells, position = [], start
    while (match := dialect.cell.match(data, position, limit)) is not None:
        begin, end = match.span()
        position = end + 1
        if data[end : end + 1] == dialect.delimiter.encode() != b"":
            cells.append((begin, end))
            continue
        if data[end : end + 2] == b"\r\n" and dialect.newline == NEWLINE:
            position += 1
        elif data[end : end + 1] != bytes([dialect.newline]):
            return None
        elif end > begin and data[end - 1] == RETURN:
            end -= 1
        cells.append((begin, end))
        return _Record(cells, position)
    return None


@dataclass(slots=True)
class _Walked:
    """What a walk found."""

    text: _Text
    records: list[tuple[int, int, int, _Record]]
    damaged: list[Damage] = field(default_factory=list)
    blank: int = 0
    blank_bytes: int = 0

    def add(self, start: int, stop: int, line: int, record: _Record | None) -> None:
        """Put the bytes from `start` to `stop` where they belong."""
        fields = self.text.dialect.fields
        fits = record is not None and record.stop == stop and len(record.cells) == fields
        if not self.text.data[start:stop].strip() and not (fits and fields > 1):
            self.blank, self.blank_bytes = self.blank + 1, self.blank_bytes + stop - start
        elif record is not None and fits:
            self.records.append((start, stop, line, record))
        else:
            alone = record is not None and record.stop == stop
            reason = (
                miscounted(len(record.cells), fields) if record and alone else "a quote is open or out of place"
            )
            base = self.text.base
            self.damaged.append(Damage(start=base + start, stop=base + stop, line=line, reason=reason))

    def block(self, wanted: Sequence[int]) -> Block:
        """The same as arrays."""
        spans = np.array([entry[:3] for entry in self.records], np.int64).reshape(-1, 3)
        cells = np.array([[entry[3].cells[k] for k in wanted] for entry in self.records], np.int64)
        cells = cells.reshape(-1, len(wanted), 2)
        return Block(
            data=np.frombuffer(self.text.data, np.uint8),
            base=self.text.base,
            starts=self.text.base + spans[:, 0],
            stops=self.text.base + spans[:, 1],
            lines=spans[:, 2],
            cells=tuple((cells[:, k, 0], cells[:, k, 1]) for k in range(len(wanted))),
            damaged=tuple(self.damaged),
            blank=self.blank,
            blank_bytes=self.blank_bytes,
            quoted=self.text.dialect.quoted,
        )


def _sound(block: Block) -> Block:
    """The block without the records that hold a NUL or are not UTF-8: those are damaged."""
    if not len(block):
        return block
    data = block.data[block.starts[0] - block.base : block.stops[-1] - block.base]
    faults: dict[int, str] = {}
    if data.max() > ASCII and not _is_utf8(data):
        faults |= dict.fromkeys(_not_utf8(block), "bytes that are no UTF-8")
    if data.min() == 0:
        faults |= dict.fromkeys(_holding(block, block.data == 0), "a NUL character")
    return _without(block, faults) if faults else block


def _is_utf8(data: Bytes) -> bool:
    try:
        data.tobytes().decode()
    except UnicodeDecodeError:
        return False
    return True


def _not_utf8(block: Block) -> list[int]:
    starts, stops = block.starts - block.base, block.stops - block.base
    return [i for i in _holding(block, block.data > ASCII) if not _is_utf8(block.data[starts[i] : stops[i]])]


def _holding(block: Block, where: Mask) -> list[int]:
    """The records that hold a byte of these."""
    places = np.flatnonzero(where) + block.base
    index = np.searchsorted(block.starts, places, side="right") - 1
    inside = (index >= 0) & (places < block.stops[index])
    return [int(i) for i in np.unique(index[inside])]


def _without(block: Block, faults: dict[int, str]) -> Block:
    """The block with some records moved to the damaged, which stay in the order of the file."""
    rows = sorted(faults)
    damaged = [
        Damage(start=int(block.starts[i]), stop=int(block.stops[i]), line=int(block.lines[i]), reason=faults[i])
        for i in rows
    ]
    keep = np.ones(len(block), bool)
    keep[rows] = False
    return replace(
        block,
        starts=block.starts[keep],
        stops=block.stops[keep],
        lines=block.lines[keep],
        cells=tuple((begins[keep], ends[keep]) for begins, ends in block.cells),
        damaged=tuple(sorted((*block.damaged, *damaged), key=lambda damage: damage.start)),
    )
