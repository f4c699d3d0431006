"""The kept rows as files: clean.csv, winback.csv and one file a segment, in the form of the input."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from hygiene.contacts.column_names import column_key
from hygiene.contacts.copy import (
    Output,
    Written,
    cell_bytes,
    cell_texts,
    copy_rows,
    header_of,
    select_rows,
)
from hygiene.contacts.facts import facts_sql
from hygiene.contacts.layout import OWN_ADDRESS, OWN_FACTS
from hygiene.contacts.read import Export
from hygiene.intake.cells import text_of
from hygiene.intake.records import Positions
from hygiene.intake.scan import scan
from hygiene.status import Status

_OWN = {OWN_ADDRESS, OWN_FACTS}
_AT_ONCE = 500_000  # rows whose addresses are in memory together


@dataclass(frozen=True)
class Added:
    """Columns behind those of a file: their names, and their cells for some rows."""

    names: tuple[str, ...]
    cells: Callable[[Positions], list[pa.Array]]

    def of(self, rows: Positions) -> list[pa.Array]:
        """The cells of these rows, column by column."""
        return self.cells(rows) if self.names else []


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How the rows of these exports are written together.

    Rows of exports with one header and one dialect are copied byte for byte; others are brought under the
    columns of all of them, comma-separated.
    """

    exports: tuple[Export, ...]
    columns: tuple[str, ...]
    alike: bool

    @property
    def delimiter(self) -> str:
        """What stands between cells; empty for one address a line."""
        return self.exports[0].source.delimiter if self.alike else ","


def shape_of(exports: Sequence[Export], rows: Positions) -> Shape:
    """The shape for these rows: only the exports that hold one of them count; the first when there is none."""
    used = tuple(export for export in exports if len(select_rows(export, rows))) or tuple(exports[:1])
    first = used[0]
    alike = all(_form(export) == _form(first) for export in used)
    columns = (
        first.recognised.header if alike else tuple(_united([export.recognised.header for export in used]))
    )
    return Shape(exports=used, columns=columns, alike=alike)


def _form(export: Export) -> tuple[object, ...]:
    source = export.source
    names = tuple(map(column_key, export.recognised.header))
    return names, source.header is None, source.delimiter, source.quoted, source.line_end, export.dialect.escape


def _united(headers: Sequence[Sequence[str]]) -> Iterator[str]:
    """Every column once, in the order of first sight; a name that a header has twice counts twice."""
    seen: set[tuple[str, int]] = set()
    for header in headers:
        for key, name in zip(_numbered(header), header, strict=True):
            if key not in seen:
                seen.add(key)
                yield name


def _numbered(header: Sequence[str]) -> list[tuple[str, int]]:
    keys = [column_key(name) for name in header]
    return [(key, keys[:place].count(key)) for place, key in enumerate(keys)]


def write_rows(connection: duckdb.DuckDBPyConnection, shape: Shape, rows: Positions, path: Path) -> Written:
    """Write the rows of these numbers (ascending), with the columns of `added_columns` behind their own."""
    names = added_columns(connection, shape, rows)
    added = Added(names, partial(_added_cells, connection, names))
    with Output(path) as output:
        shape = with_room(shape) if names else shape
        write = _write_alike if shape.alike else _write_united
        write(shape, rows, added, output)
    return output.written


def with_room(shape: Shape) -> Shape:
    """The shape in which columns can be added; a list without columns or their names becomes a table."""
    source = shape.exports[0].source
    if source.header is not None and source.delimiter and not _OWN & set(shape.columns):
        return shape
    return replace(shape, alike=False, columns=tuple(name for name in shape.columns if name not in _OWN))


def added_columns(connection: duckdb.DuckDBPyConnection, shape: Shape, rows: Positions) -> tuple[str, ...]:
    """What has to stand behind the cells of these rows, in the place of an earlier cleaning's.

    The address to write to, where a cell is not it, or where only some files say it; and what is known of each
    person, where a row does not tell it itself. Where nothing is to be added, everything stays as it is.
    """
    if not len(rows):
        return ()
    with _chosen(connection, rows):
        untold = not shape.alike and any(map(_tells, shape.exports))
        if untold or _any(connection, "persons where reason is null and speechless and kept_row"):
            return OWN_ADDRESS, OWN_FACTS
        saying = [OWN_ADDRESS in export.recognised.header for export in shape.exports]
        partly = any(saying) and not all(saying)
        return (OWN_ADDRESS,) if partly or _any(connection, 'decisions where repaired and "row"') else ()


def _tells(export: Export) -> bool:
    """Whether a file says more of a person than the address."""
    found = export.recognised
    words = (found.status_columns, found.file_status, found.activity, found.joined, found.confirmed)
    return any(words) or found.default_status is not Status.UNKNOWN or OWN_FACTS in found.header


def _any(connection: duckdb.DuckDBPyConnection, rows: str) -> bool:
    return connection.execute(f'select 1 from {rows} in (select "row" from chosen) limit 1').fetchall() != []


def _added_cells(
    connection: duckdb.DuckDBPyConnection, names: Sequence[str], rows: Positions
) -> list[pa.Array]:
    """The cells that are added to each of these rows, column by column."""
    first, last = rows[[0, -1]]
    facts = facts_sql("p") if OWN_FACTS in names else "null"
    of_persons = 'left join persons p on p.kept_row = c."row"' if OWN_FACTS in names else ""
    query = f"""select coalesce(d.normal, c.address) as {OWN_ADDRESS}, {facts} as {OWN_FACTS}
        from contacts c semi join chosen using ("row")
        left join (select "row", normal from decisions where repaired) d using ("row") {of_persons}
        where c."row" between {first} and {last} order by c."row" """
    with _chosen(connection, rows):
        found = connection.sql(query).arrow().read_all()
    return [found[name].combine_chunks() for name in names]


@contextmanager
def _chosen(connection: duckdb.DuckDBPyConnection, rows: Positions) -> Iterator[None]:
    """These rows as the table ``chosen``."""
    connection.register("chosen", {"row": rows})
    try:
        yield
    finally:
        connection.unregister("chosen")


def _write_alike(shape: Shape, rows: Positions, added: Added, output: Output) -> None:
    output.write(header_of(shape.exports[0], added.names))
    for export, chosen in _parts(shape, rows):
        if output.rows:
            output.end_line(export.source.line_end)
        delimiter = export.source.delimiter
        cells = [cell_texts(texts, delimiter) for texts in added.of(chosen)]
        copy_rows(output, export, chosen, pc.binary_join_element_wise(*cells, delimiter) if cells else None)


def _write_united(shape: Shape, rows: Positions, added: Added, output: Output) -> None:
    """Under the columns of all of them."""
    names = [cell_bytes(name, ",").decode() for name in (*shape.columns, *added.names)]
    output.write((",".join(names) + "\n").encode())
    part = output.path.with_suffix(".part")
    for export, chosen in _parts(shape, rows):
        with Output(part) as records:
            copy_rows(records, export, chosen)
        _recut(export, shape, part, added.of(chosen), output)
    part.unlink(missing_ok=True)


def _parts(shape: Shape, rows: Positions) -> Iterator[tuple[Export, Positions]]:
    """The rows by the export that holds them, so many at a time that their addresses fit in memory."""
    for export in shape.exports:
        chosen = select_rows(export, rows)
        for first in range(0, len(chosen), _AT_ONCE):
            yield export, chosen[first : first + _AT_ONCE]


def _recut(export: Export, shape: Shape, part: Path, added: Sequence[pa.Array], output: Output) -> None:
    """Append the records of a file, which are in the form of one export, brought under the columns of all."""
    from pyarrow import csv

    places = {key: place for place, key in enumerate(_numbered(export.recognised.header))}
    dialect, written = export.dialect, 0
    options = csv.WriteOptions(include_header=False, quoting_style="needed")
    with part.open("rb") as file:
        for block in scan(file, dialect, range(dialect.fields)):
            cells = [text_of(block, place, escape=dialect.escape.encode()) for place in range(dialect.fields)]
            blank = pa.array([""] * len(block), pa.string())
            columns = [cells[places[key]] if key in places else blank for key in _numbered(shape.columns)]
            columns += [texts.slice(written, len(block)) for texts in added]
            sink = pa.BufferOutputStream()
            batch = pa.RecordBatch.from_arrays(columns, names=[str(place) for place in range(len(columns))])
            csv.write_csv(batch, sink, options)
            output.write(memoryview(sink.getvalue()), len(block))
            written += len(block)
