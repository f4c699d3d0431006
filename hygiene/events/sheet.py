"""Tables and small JSON that a person drops, as texts in DuckDB: the wanted columns, each with its line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hygiene.errors import UnreadableInput
from hygiene.intake.guard import MIB
from hygiene.intake.source import Source

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from hygiene.intake.records import Block, Positions

_KEPT = 2_000  # characters of a damaged line
_FIRST_COUNT = "Total Recipients"  # the label that begins a part
_MOST_JSON = 64 * MIB  # bytes: campaigns are few, so they are taken as objects


@dataclass(slots=True)
class Sheet:
    """What was read of a table."""

    rows: int = 0
    damaged: list[tuple[int, str, str]] = field(default_factory=list)  # line, what is wrong, text


def load_sheet(
    source: Source, columns: dict[str, int], connection: duckdb.DuckDBPyConnection, *, table: str, file: int
) -> Sheet:
    """Make `table` of the columns (name → position in the header) and ``line``; damaged lines go to `unread`.

    Raises UnreadableInput when the file has no header.
    """
    import pyarrow as pa

    if source.header is None:
        raise UnreadableInput(f"{source.name} cannot be read: its first line names no columns")
    sheet = Sheet(damaged=[(one.line, one.why, one.text[:_KEPT]) for one in source.damaged])
    schema = pa.schema([("line", pa.int64()), *((name, pa.string()) for name in columns)])
    batches = _batches(source, tuple(columns.values()), schema, sheet)
    connection.register("sheet_batches", pa.RecordBatchReader.from_batches(schema, batches))
    try:
        connection.execute(f"create or replace temp table {table} as select * from sheet_batches")
    finally:
        connection.unregister("sheet_batches")
    source.check_unchanged()
    _set_aside(sheet, connection, file)
    return sheet


def _batches(
    source: Source, places: Sequence[int], schema: pa.Schema, sheet: Sheet
) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    from hygiene.intake.cells import text_of
    from hygiene.intake.records import NEWLINE, RETURN, Dialect
    from hygiene.intake.scan import scan

    dialect = Dialect(
        fields=len(source.header or ()),
        delimiter=source.delimiter,
        quoted=source.quoted,
        newline=RETURN if source.line_end == b"\r" else NEWLINE,
    )
    start, records = max(source.start, source.header_bytes[1]), 0
    with source.path.open("rb") as file:
        for block in scan(file, dialect, places, start=start, line=source.data_line):
            lines, damaged = _lines(source, block, records)
            records += len(block) + len(block.damaged)
            for line, one in zip(damaged, block.damaged, strict=True):
                sheet.damaged.append((int(line), one.reason, _text(source, one.start, one.stop)))
            sheet.rows += len(block)
            if len(block):
                cells = [text_of(block, number) for number in range(len(places))]
                yield pa.RecordBatch.from_arrays([pa.array(lines), *cells], schema=schema)


def _lines(source: Source, block: Block, records: int) -> tuple[Positions, Positions]:
    """The lines, in the file as given, of the sound records and of the damaged ones."""
    import numpy as np

    damaged = np.array([one.start for one in block.damaged], np.int64)
    if source.lines is None:
        return block.lines, np.array([one.line for one in block.damaged], np.int64)
    every = np.sort(np.concatenate([block.starts, damaged]))
    lines = source.lines[records : records + len(every)]
    return lines[np.searchsorted(every, block.starts)], lines[np.searchsorted(every, damaged)]


def _text(source: Source, start: int, stop: int) -> str:
    with source.path.open("rb") as file:
        file.seek(start)
        return file.read(min(stop - start, _KEPT)).decode("utf-8", "backslashreplace").rstrip("\r\n")[:_KEPT]


def _set_aside(sheet: Sheet, connection: duckdb.DuckDBPyConnection, file: int) -> None:
    import pyarrow as pa

    if not sheet.damaged:
        return
    lines, reasons, texts = zip(*sheet.damaged, strict=True)
    connection.register("sheet_damaged", pa.table({"line": lines, "why": reasons, "text": texts}))
    connection.execute(
        f"insert into unread by name select {file}::int as file, line, why, text from sheet_damaged"
    )
    connection.unregister("sheet_damaged")


def peek(path: Path) -> bytes:
    """The first MiB of a file."""
    with path.open("rb") as file:
        return file.read(MIB)


# JSON


def load_records(
    path: Path, items: Sequence[str], paths: Sequence[str], connection: duckdb.DuckDBPyConnection, *, table: str
) -> int:
    """Make `table` of the values at `paths` (c0, c1 …) and ``line``, of the objects below one of `items`.

    The file is JSON or JSON lines; how many objects there are. Raises UnreadableInput where it is neither.
    """
    if path.stat().st_size > _MOST_JSON:
        raise UnreadableInput(
            f"{path.name} cannot be read: campaign reports of more than 64 MiB are not read as JSON"
        )
    records = [one for page in _pages(path.read_bytes(), path.name) for one in _listed(page, items)]
    rows = [[_value(one, place) for place in paths] for one in records]
    return _load_rows(rows, range(1, len(rows) + 1), len(paths), connection, table=table)


def _load_rows(
    rows: Sequence[Sequence[str | None]],
    lines: Sequence[int],
    width: int,
    connection: duckdb.DuckDBPyConnection,
    *,
    table: str,
) -> int:
    import pyarrow as pa

    columns = {"line": pa.array(lines, pa.int64())}
    for number in range(width):
        columns[f"c{number}"] = pa.array([row[number] for row in rows], pa.string())
    connection.register("sheet_records", pa.table(columns))
    connection.execute(f"create or replace temp table {table} as select * from sheet_records")
    connection.unregister("sheet_records")
    return len(rows)


def _pages(data: bytes, name: str) -> list[Any]:
    try:
        return [json.loads(data)]
    except (ValueError, RecursionError):
        pass
    try:
        return [json.loads(line) for line in data.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        raise UnreadableInput(f"{name} cannot be read: its JSON is damaged or cut short") from None


def _listed(page: Any, items: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The objects of a page: below one of `items`, in a list, or the page itself."""
    if isinstance(page, dict):
        page = next((page[key] for key in items if isinstance(page.get(key), list)), [page])
    yield from (one for one in page if isinstance(one, dict)) if isinstance(page, list) else ()


def _value(record: Any, place: str) -> str | None:
    """The value at a path as text; None where there is none, or no single value."""
    for step in place.split("."):
        record = record.get(step) if isinstance(record, dict) else None
    return None if record is None or isinstance(record, dict | list | bool) else str(record)


# Labels and values


def load_labels(path: Path, labels: Sequence[str], connection: duckdb.DuckDBPyConnection, *, table: str) -> int:
    """Make `table` of the values behind labels (c0, c1 …) and ``line``; how many times the labels begin anew.

    What stands before the first repeated label holds for all.
    """
    text = path.read_bytes()[:_MOST_JSON].decode("utf-8-sig", "replace")
    common: dict[str, str] = {}
    parts: list[tuple[int, dict[str, str]]] = []
    for line, cells in enumerate(csv.reader(io.StringIO(text)), 1):
        if not cells or cells[0].strip()[-1:] != ":":
            continue
        label, value = cells[0].strip()[:-1], cells[1].strip() if len(cells) > 1 else ""
        if label == _FIRST_COUNT:
            parts.append((line, {}))
        (parts[-1][1] if parts else common).setdefault(label, value)
    rows = [[{**common, **part}.get(label) for label in labels] for _, part in parts]
    return _load_rows(rows, [line for line, _ in parts], len(labels), connection, table=table)
