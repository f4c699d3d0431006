"""Chosen rows of exports to one file: the bytes of each record as they came, in the order they came."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from hygiene.contacts.read import Export
from hygiene.intake.records import RETURN, Mask, Positions

PORTION = 4 << 20  # bytes copied together
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, kw_only=True)
class Written:
    """A file that was written: what its manifest says of it."""

    name: str
    sha256: str
    size: int
    rows: int


def hash_written(path: Path, rows: int) -> Written:
    """What there is to say of a file that somebody else wrote."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Written(name=path.name, sha256=digest, size=path.stat().st_size, rows=rows)


class Output:
    """A file on its way: written and hashed on a thread of its own, while what comes next is put together."""

    def __init__(self, path: Path) -> None:
        self.path, self.rows, self.size = path, 0, 0
        self._hash = hashlib.sha256()
        self._file = path.open("wb")
        self._last = b"\n"
        self._beside = ThreadPoolExecutor(max_workers=1)
        self._pending: Future[None] | None = None

    def write(self, data: bytes | memoryview, rows: int = 0) -> None:
        """Add bytes that hold so many records; what failed before is raised here, or in the end."""
        if len(data):
            self._settle()  # so that one portion at most waits
            self._pending = self._beside.submit(self._put, data)
            self.size += len(data)
            self._last = bytes(data[-1:])
        self.rows += rows

    def _put(self, data: bytes | memoryview) -> None:
        self._file.write(data)
        self._hash.update(data)

    def _settle(self) -> None:
        if self._pending:
            self._pending.result()

    def end_line(self, line_end: bytes) -> None:
        """Let what follows begin on a line of its own."""
        if self._last not in {b"\n", b"\r"}:
            self.write(line_end)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._settle()
        finally:
            self._beside.shutdown()
            self._file.close()

    @property
    def written(self) -> Written:
        """What was written so far."""
        self._settle()
        return Written(name=self.path.name, sha256=self._hash.hexdigest(), size=self.size, rows=self.rows)


def copy_rows(output: Output, export: Export, chosen: Positions, cells: pa.Array | None = None) -> None:
    """Append the chosen rows (ascending) of an export; with `cells`, each with one more at its end."""
    for rows, data, spans, keep in _portions(export, chosen):
        if cells is None:
            written = _kept(data, spans, keep)
        else:
            added = cells.slice(int(np.searchsorted(chosen, rows[0])), len(rows))
            written = _with_cell(export, data, spans, keep, added)
        output.write(_bytes_of(written), len(rows))


def _portions(export: Export, chosen: Positions) -> Iterator[tuple[Positions, bytes, Positions, Mask]]:
    """Portion by portion: the chosen rows, the bytes, in which records they stand, and which are chosen."""
    spans = export.load_spans()
    with export.source.path.open("rb") as file:
        for begin, end in _groups(spans, chosen):
            part = np.asarray(spans[begin:end])
            keep = _among(part[:, 2], chosen)
            if not keep.any():
                continue
            base = int(part[0, 0])
            file.seek(base)
            data = file.read(int(part[-1, 1]) - base)
            # the last line of a file may lack its end
            yield part[keep, 2], data, np.minimum(part[:, :2] - base, len(data)), keep


def _groups(spans: Positions, chosen: Positions) -> Iterator[tuple[int, int]]:
    """Records to read together, as ranges of their index; none far from the chosen rows."""
    count, step = len(spans), 1 << 16
    for begin in range(0, count, step):
        end, start = min(begin + step, count), begin
        if not len(chosen) or spans[end - 1, 2] < chosen[0] or spans[begin, 2] > chosen[-1]:
            continue
        stops = np.asarray(spans[begin:end, 1])
        while start < end:
            limit = int(spans[start, 0]) + PORTION
            stop = begin + int(np.searchsorted(stops, limit, side="right"))
            stop = min(max(stop, start + 1), end)
            yield start, stop
            start = stop


def _among(rows: Positions, chosen: Positions) -> Mask:
    """Which rows are among the chosen; both ascend."""
    low, high = np.searchsorted(chosen, [rows[0], rows[-1] + 1])
    return np.isin(rows, chosen[low:high], assume_unique=True)


def _kept(data: bytes, spans: Positions, keep: Mask) -> pa.Array:
    """The bytes of the kept records, as an array of binary; what lies between records belongs to none."""
    edges = pa.py_buffer(spans.reshape(-1).astype(np.int32))
    pieces = pa.BinaryArray.from_buffers(pa.binary(), 2 * len(spans) - 1, [None, edges, pa.py_buffer(data)])
    wanted = np.zeros(len(pieces), bool)
    wanted[::2] = keep
    return pieces.filter(pa.array(wanted))


def _with_cell(export: Export, data: bytes, spans: Positions, keep: Mask, cells: pa.Array) -> pa.Array:
    """The kept records with one more cell before their line ends, as `_extended` has it."""
    line_end, starts, stops = export.source.line_end, spans[:, 0], spans[:, 1]
    letters = np.frombuffer(data, np.uint8)
    ended = letters[stops - 1] == line_end[-1]
    returned = ended & (stops - starts > 1) & (letters[stops - 2] == RETURN) & (line_end == b"\n")
    bodies = _kept(data, np.column_stack([starts, stops - ended - returned]), keep)
    ends = pc.if_else(pa.array(returned[keep]), b"\r\n", line_end)
    delimiter = export.source.delimiter.encode()
    return pc.binary_join_element_wise(bodies, delimiter, cells.cast(pa.binary()), ends, b"")


def _bytes_of(pieces: pa.Array) -> memoryview:
    """What an array of binary or text holds, one piece after the other."""
    _, offsets, data = pieces.buffers()
    first, last = np.frombuffer(offsets, np.int32)[[pieces.offset, pieces.offset + len(pieces)]]
    return memoryview(data or b"")[first:last]


def _extended(export: Export, record: bytes, cell: bytes) -> bytes:
    """A record with one more cell; a carriage return before the line end is part of that, one only."""
    line_end = export.source.line_end
    body = record.removesuffix(line_end)
    if body != record and line_end == b"\n":
        body = body.removesuffix(b"\r")
    return body + export.source.delimiter.encode() + cell + (record[len(body) :] or line_end)


def header_of(export: Export, added: Sequence[str] = ()) -> bytes:
    """The header as it came, byte order mark and all; with the names of the cells that are added."""
    start, stop = export.source.header_bytes
    with export.source.path.open("rb") as file:
        mark = BOM if file.read(len(BOM)) == BOM else b""
        file.seek(start)
        header = file.read(stop - start)
    for name in added if header else ():
        header = _extended(export, header, name.encode())
    return mark + header


def cell_bytes(text: str, delimiter: str) -> bytes:
    """A text as a cell of a delimited file, quoted where it must be."""
    return str(cell_texts(pa.array([text], pa.string()), delimiter)[0]).encode()


def cell_texts(texts: pa.Array, delimiter: str) -> pa.Array:
    """Texts as cells of a delimited file, quoted where they must be."""
    letters = bytes(_bytes_of(texts))
    if not any(mark in letters for mark in f'"\r\n{delimiter or ","}'.encode()):
        return texts
    special = pc.match_substring_regex(texts, f'["\r\n{re.escape(delimiter or ",")}]')
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(texts, '"', '""'), '"', "")
    return pc.if_else(special, quoted, texts)


def select_rows(export: Export, rows: npt.NDArray[np.int64]) -> Positions:
    """Those of the ascending rows that are lines of this export."""
    low, high = np.searchsorted(rows, [export.base + 1, export.base + export.last_line + 1])
    return rows[low:high]
