"""Records as stretches of bytes: sound ones, damaged ones, and how a text is cut into them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Bytes: TypeAlias = npt.NDArray[np.uint8]
Positions: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

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


def miscounted(found: int, wanted: int) -> str:
    """What is wrong with a record that has another number of cells than the header."""
    return f"{found} of {wanted} fields" if found < wanted else f"{found} fields where the header has {wanted}"


def sound_block(block: Block) -> Block:
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
