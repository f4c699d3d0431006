"""Segments of the kept rows: their columns read once more, only those that the expressions mention."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import duckdb
import numpy as np
import pyarrow as pa

from hygiene.contacts.column_names import column_key
from hygiene.contacts.kept import Shape, shape_of
from hygiene.contacts.read import Export, scan_export
from hygiene.contacts.rows import RowReader
from hygiene.contacts.segments import Evaluated, Segment, evaluate, needed_columns, needed_words, stored_names
from hygiene.contacts.table import LATEST
from hygiene.engines.engine import streaming
from hygiene.intake.dates import DayMonth, day_month, settled_formats
from hygiene.intake.dates_sql import moment_sql, order_counts_sql, quoted
from hygiene.intake.records import Positions
from hygiene.status import Status

_FIGURES = {"orders": "double", "spent": "double", "last_order": "timestamp", "country": "varchar"}
_STATUSES = ", ".join(quoted(status) for status in Status)
_OURS = {
    "joined": "make_timestamp(p.joined * 1000000)",
    "last_activity": f"make_timestamp(nullif(p.activity, {LATEST}) * 1000000)",
    "life": "p.life",
    "status": f"[{_STATUSES}][p.standing + 1]",
    "domain": "p.domain",
    "provider": "p.provider",
}


def find_segments(
    connection: duckdb.DuckDBPyConnection,
    exports: Sequence[Export],
    segments: Sequence[Segment],
    rows: Positions,
    as_of: datetime,
) -> dict[str, Evaluated]:
    """The kept rows (`rows`, ascending) of each segment; raises UsageError for an expression that cannot be."""
    if not segments:
        return {}
    shape = shape_of(exports, rows)
    known = [
        *_OURS,
        *(name for name in _FIGURES if any(name in one.recognised.figures for one in shape.exports)),
    ]
    places = needed_columns(segments, shape.columns, known)
    words = needed_words(segments, shape.columns, known)
    _fill(connection, shape, places, words)
    return evaluate(connection, "segment_rows", segments, as_of=as_of, header=shape.columns)


def _fill(
    connection: duckdb.DuckDBPyConnection, shape: Shape, places: Sequence[int], words: frozenset[str]
) -> None:
    """The table ``segment_rows``: the kept rows with the columns that the expressions need."""
    stored = stored_names(shape.columns)
    queries = []
    for number, export in enumerate(shape.exports):
        own = {column_key(name): place for place, name in reversed(list(enumerate(export.recognised.header)))}
        cells = {stored[place]: own.get(column_key(shape.columns[place])) for place in places}
        figures = {word: export.recognised.figures.get(word) for word in _FIGURES if word in words}
        table = f"segment_cells_{number}"
        _read(connection, export, {*cells.values(), *figures.values()}, table)
        order = _order(connection, table, figures.get("last_order"))
        columns = [
            *(f"{_cell(place)} as {_name(name)}" for name, place in cells.items()),
            *(f"{_figure(word, place, export, order)} as {word}" for word, place in figures.items()),
            *(f"{_OURS[word]} as {word}" for word in _OURS if word in words),
        ]
        queries.append(
            f"""select {", ".join(['c."row"', *columns])} from {table} c
            join persons p on p.kept_row = c."row" where p.reason is null"""
        )
    connection.execute(f"create or replace table segment_rows as {' union all by name '.join(queries)}")


def _read(
    connection: duckdb.DuckDBPyConnection, export: Export, places: Iterable[int | None], table: str
) -> None:
    """The cells of an export's rows at these positions, as c0, c1, …"""
    also = tuple(sorted({place for place in places if place is not None}))
    reader = RowReader(recognised=export.recognised, address=export.address, also=also)
    columns = ", ".join(['"row"', *(f"c{place}" for place in also)])
    with streaming(connection, reader.schema, _batches(export, reader)):
        connection.execute(f"create or replace table {table} as select {columns} from batches")


def _batches(export: Export, reader: RowReader) -> Iterator[pa.RecordBatch]:
    spans, done = export.load_spans(), 0
    for block in scan_export(export, reader.wanted):
        if len(block):
            yield reader.batch(block, np.asarray(spans[done : done + len(block), 2]))
            done += len(block)


def _cell(place: int | None) -> str:
    return "null::varchar" if place is None else f"c.c{place}"


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _order(connection: duckdb.DuckDBPyConnection, table: str, place: int | None) -> DayMonth:
    """In which order a column of dates writes day and month."""
    if place is None:
        return DayMonth.NONE
    counts = connection.execute(f"select {order_counts_sql(f'c{place}')} from {table}").fetchall()[0]
    return day_month(*counts)


def _figure(word: str, place: int | None, export: Export, order: DayMonth) -> str:
    kind = _FIGURES[word]
    if place is None:
        return f"null::{kind}"
    if kind == "timestamp":
        layout = export.recognised.layout
        moment = moment_sql(f"c.c{place}", settled_formats(layout.dates, order), layout.date_part)
        return f"make_timestamp({moment} * 1000000)"
    return f"nullif(trim(c.c{place}), '')" if kind == "varchar" else f"try_cast(trim(c.c{place}) as {kind})"
