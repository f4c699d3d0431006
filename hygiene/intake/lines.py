"""The lines of a text with their numbers, as batches of columns: none is a Python object of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from hygiene.errors import UnreadableInput
from hygiene.intake.guard import MIB, Limits, in_units

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 8 * MIB  # bytes handed over at a time


def lines_schema() -> pa.Schema:
    """The columns of a batch: ``line``, from 1, and ``text``, its line end included."""
    import pyarrow as pa

    return pa.schema([("line", pa.int64()), ("text", pa.string())])


def read_lines(
    file: BinaryIO, name: str, *, line_end: bytes = b"\n", limits: Limits | None = None
) -> Iterator[pa.RecordBatch]:
    """The lines of a file from where it stands; what is not UTF-8 is replaced, a NUL by a blank.

    Raises UnreadableInput for a line longer than `limits` allow.
    """
    most = (limits or Limits()).line
    held, line = b"", 1
    while True:
        fresh = file.read(BATCH)
        data = held + fresh
        cut = data.rfind(line_end) + 1 if fresh else len(data)
        held, data = data[cut:], data[:cut]
        if len(held) > most:
            raise UnreadableInput(f"{name} cannot be read: line {line:,} is longer than {in_units(most)}")
        if data:
            yield to_batch(_as_utf_8(data), line_end, line)
            line += data.count(line_end)
        if not fresh:
            return


def _as_utf_8(data: bytes) -> bytes:
    if 0 in data:
        data = data.replace(b"\0", b" ")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace").encode()
    return data


def to_batch(data: bytes, line_end: bytes, line: int) -> pa.RecordBatch:
    """Whole lines as a batch; the first of them has the number `line`."""
    import numpy as np
    import pyarrow as pa

    ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == line_end[0]) + 1
    if not data.endswith(line_end):
        ends = np.append(ends, len(data))
    offsets = np.concatenate(([0], ends)).astype(np.int32)
    texts = pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(data))
    numbers = pa.array(np.arange(line, line + len(ends), dtype=np.int64))
    return pa.record_batch([numbers, texts], schema=lines_schema())
