"""Delimited text to records: where each begins and ends, to the byte, and which lines are damaged.

The grammar is RFC 4180: quotes doubled inside quotes, records over several lines; a quote inside an unquoted
cell is itself. No record is ever padded, merged or dropped: what has not the header's number of fields, opens
a quote that nothing closes, or holds a NUL or bytes that are no UTF-8, is handed out as damaged, with its line
and its bytes. numpy looks at a block of bytes at a time; only a stretch behind a damaged line is walked record
by record.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np

from hygiene.errors import UnreadableInput
from hygiene.intake.cut import Cut, regular_block
from hygiene.intake.records import (
    MAX_QUOTED,
    NEWLINE,
    RETURN,
    Block,
    Damage,
    Dialect,
    miscounted,
    sound_block,
)

BLOCK = 1 << 20  # bytes looked at together: what is computed of them still fits the cache, and the heap
STRETCH = 64 << 10  # bytes walked record by record once something is wrong
_HEAP = 24 << 20  # bytes; glibc follows what is freed up to 32 MiB (M_MMAP_THRESHOLD of mallopt(3))
MAX_LINE = 16 << 20  # bytes; a longer physical line is no list


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
    _keep_heap()
    while True:
        fresh = file.read(block)
        data += fresh
        if not fresh and data and not data.endswith(newline):
            data += newline  # the last line may lack its end
        used = 0
        for taken, reached, found in _blocks(_Text(data, start, line, dialect, whole=not fresh), wanted):
            used, line = taken, reached
            yield found
        start, data = start + used, data[used:]
        if not fresh:
            return
        if len(data) > MAX_LINE and newline not in data:
            raise UnreadableInput(f"line {line:,} is longer than {MAX_LINE >> 20} MiB: this is no list")


def _keep_heap() -> None:
    """Free so much at once that glibc keeps the heap of smaller pieces, rather than fetch it for each block."""
    np.empty(_HEAP, np.uint8)


@dataclass(frozen=True, slots=True)
class _Text:
    """The bytes at hand, from byte `base` and line `line` of the file on; `whole`: nothing follows."""

    data: bytes
    base: int
    line: int
    dialect: Dialect
    whole: bool


def _blocks(text: _Text, wanted: Sequence[int]) -> Iterator[tuple[int, int, Block]]:
    """The records that are complete in a text, in blocks, each with the position and the line behind it."""
    array, position, line = np.frombuffer(text.data, np.uint8), 0, text.line
    while position < len(text.data):
        cut = Cut.of(array[position:], text.dialect)
        sure = cut.sure()
        stop = position + (int(cut.stops[sure - 1]) if sure else 0)
        if sure:
            found = sound_block(regular_block(cut, sure, wanted, text.base + position, line))
            line += int(np.searchsorted(cut.newlines, stop - position))
            yield stop, line, found
        if sure == len(cut.ends) and not cut.is_overdue(whole=text.whole):
            return
        position, line, found = _walk(text, stop, line, wanted)
        if position == stop:
            return
        yield position, line, sound_block(found)


def _walk(text: _Text, start: int, line: int, wanted: Sequence[int]) -> tuple[int, int, Block]:
    """A stretch of records, one by one from position `start` on `line`; and position and line behind them."""
    walked, position = _Walked(text, []), start
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
    return position, line, walked.block(wanted)


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
        cells = cells.reshape(len(self.records), len(wanted), 2)
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
