"""The kept rows as files: clean.csv, winback.csv and one file a segment, in the form of the input."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

import duckdb
import pyarrow as pa

from hygiene.contacts.copy import (
    Output,
    Written,
    cell_bytes,
    cell_texts,
    copy_rows,
    header_of,
    select_rows,
)
from hygiene.contacts.layout import column_key
from hygiene.contacts.read import Export
from hygiene.contacts.rows import OWN_COLUMN
from hygiene.intake.cells import text_of
from hygiene.intake.records import Positions
from hygiene.intake.scan import scan

MailTo: TypeAlias = Callable[[Positions], pa.Array]  # rows → the address to write to of each

_AT_ONCE = 500_000  # rows whose addresses are in memory together


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
    """Write the rows of these numbers (ascending).

    Where a cell among them is not itself the address to write to, every row gets that address in a last column,
    `hygiene_address`, in the place of an earlier cleaning's; where nothing is to be added that stays as it is.
    """
    mail_to = partial(_addresses, connection) if needs_address(connection, shape, rows) else None
    shape = shape if mail_to is None else with_room(shape)
    with Output(path) as output:
        write = _write_alike if shape.alike else _write_united
        write(shape, rows, mail_to, output)
    return output.written


def with_room(shape: Shape) -> Shape:
    """The shape in which the address can stand last; a list without columns or their names becomes a table."""
    source = shape.exports[0].source
    if source.header is not None and source.delimiter and OWN_COLUMN not in shape.columns:
        return shape
    return replace(shape, alike=False, columns=tuple(name for name in shape.columns if name != OWN_COLUMN))


def needs_address(connection: duckdb.DuckDBPyConnection, shape: Shape, rows: Positions) -> bool:
    """Whether the address to write to must stand beside the cells: one is not it, or only some files say it."""
    saying = [OWN_COLUMN in export.recognised.header for export in shape.exports]
    if any(saying) and not all(saying):
        return len(rows) > 0
    with _chosen(connection, rows) as chosen:
        return connection.execute(f"select 1 from {chosen} where repaired limit 1").fetchall() != []


def _addresses(connection: duckdb.DuckDBPyConnection, rows: Positions) -> pa.Array:
    """The address to write to of each of these rows."""
    with _chosen(connection, rows) as chosen:
        query = f"""select coalesce(d.normal, c.address) as mail_to from {chosen} d
            join contacts c on c."row" = d."row" order by d."row" """
        return connection.sql(query).arrow().read_all()["mail_to"].combine_chunks()


@contextmanager
def _chosen(connection: duckdb.DuckDBPyConnection, rows: Positions) -> Iterator[str]:
    """The decisions on these rows, as something to select from."""
    connection.register("chosen", {"number": rows})
    try:
        yield '(select decisions.* from decisions semi join chosen on decisions."row" = chosen.number)'
    finally:
        connection.unregister("chosen")


def _write_alike(shape: Shape, rows: Positions, mail_to: MailTo | None, output: Output) -> None:
    output.write(header_of(shape.exports[0], with_address=mail_to is not None))
    for export, chosen in _parts(shape, rows):
        if output.rows:
            output.end_line(export.source.line_end)
        cells = None if mail_to is None else cell_texts(mail_to(chosen), export.source.delimiter)
        copy_rows(output, export, chosen, cells)


def _write_united(shape: Shape, rows: Positions, mail_to: MailTo | None, output: Output) -> None:
    """Under the columns of all of them."""
    names = [*shape.columns, *([OWN_COLUMN] if mail_to is not None else [])]
    output.write((",".join(cell_bytes(name, ",").decode() for name in names) + "\n").encode())
    part = output.path.with_suffix(".part")
    for export, chosen in _parts(shape, rows):
        with Output(part) as records:
            copy_rows(records, export, chosen)
        _recut(export, shape, part, None if mail_to is None else mail_to(chosen), output)
    part.unlink(missing_ok=True)


def _parts(shape: Shape, rows: Positions) -> Iterator[tuple[Export, Positions]]:
    """The rows by the export that holds them, so many at a time that their addresses fit in memory."""
    for export in shape.exports:
        chosen = select_rows(export, rows)
        for first in range(0, len(chosen), _AT_ONCE):
            yield export, chosen[first : first + _AT_ONCE]


def _recut(export: Export, shape: Shape, part: Path, mail_to: pa.Array | None, output: Output) -> None:
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
            if mail_to is not None:
                columns.append(mail_to.slice(written, len(block)))
            sink = pa.BufferOutputStream()
            batch = pa.RecordBatch.from_arrays(columns, names=[str(place) for place in range(len(columns))])
            csv.write_csv(batch, sink, options)
            output.write(memoryview(sink.getvalue()), len(block))
            written += len(block)
