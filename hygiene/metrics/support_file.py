"""Support exports as records that DuckDB can be asked for: delimited text, Excel, Parquet and JSON."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hygiene.errors import UnreadableInput
from hygiene.events.figures import quiet_sql
from hygiene.events.frames import as_table
from hygiene.intake.guard import MIB, Limits, Scratch, locate_input, unreadable
from hygiene.intake.kinds import PACKED, binary_kind, refuse
from hygiene.intake.source import Source, open_sources
from hygiene.intake.unpack import decompress
from hygiene.metrics.support_cells import quote
from hygiene.metrics.support_layout import EACH, FLAGS, TRAITS, Layout, layouts, tell_layout
from hygiene.metrics.support_words import LENGTHS, length_fields

if TYPE_CHECKING:
    import duckdb

REJECTS: Final = "support_rejects"  # lines that a file's records lack, once they are read

_HEAD = 64 << 10
_LARGEST = 1 << 30  # bytes of one JSON value, which a page of an API is
_MARK = b"\xef\xbb\xbf"
_FIELDS = (
    *("ticket", "created", "updated", "closed", "first_reply", "reopened", "status", "reopens", "rating"),
    *("time", "what", "author", "automatic", "private", "public", "state", *FLAGS, "tags", *TRAITS),
    *(field for length in LENGTHS for field in length_fields(length)),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SupportFile:
    """A file as SQL: `records` yields rows with ``f_…`` columns, text, null where blank."""

    name: str
    layout: Layout
    records: str
    fields: frozenset[str]  # that the file has
    damaged: int = 0  # records that could not even be converted


def open_support_file(path: Path, work: Path, connection: duckdb.DuckDBPyConnection) -> list[SupportFile]:
    """The export at `path`, or those in an archive; raises UnreadableInput with one sentence."""
    given = locate_input(path)
    scratch = Scratch.for_input(given, Path(tempfile.mkdtemp(prefix="input-", dir=work)), Limits())
    try:
        inside, head = given.path, _head(given.path)
        kind = binary_kind(head)
        if kind in PACKED.values():
            inside = decompress(given.path, kind, scratch)
            head = _head(inside)
        if head.removeprefix(_MARK).lstrip().startswith((b"{", b"[")):
            why = refuse(head)
            if why:
                raise UnreadableInput(f"{scratch.name} cannot be read: {why}")
            return [_open_json(inside, head, scratch, connection)]
    except OSError as error:
        raise unreadable(path, error) from None
    return [_open_table(source, scratch) for source in open_sources([path], scratch.folder)]


def open_support_frame(frame: Any, connection: duckdb.DuckDBPyConnection) -> SupportFile:
    """The tickets or messages in a data frame; raises UsageError or UnreadableInput with one sentence."""
    table = f"support_records_{len(connection.execute('show tables').fetchall())}"
    with as_table(frame, connection, what="a support export") as given:
        connection.execute(f"create table {table} as select * from {given}")
    names = [name for name, *_ in connection.execute(f"describe {table}").fetchall()]
    layout, found = tell_layout(names, "the data frame")
    columns = {
        field: [f'"{name.replace(chr(34), chr(34) * 2)}"::varchar' for name in told]
        for field, told in found.items()
    }
    return SupportFile(
        name="the data frame",
        layout=layout,
        records=_records(columns, f"select * from {table}"),
        fields=frozenset(found),
    )


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)


@contextmanager
def damage(file_name: str) -> Iterator[None]:
    """Around a query of records: damage found on the way becomes one sentence."""
    import duckdb

    try:
        yield
    except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.IOException):
        raise UnreadableInput(f"{file_name} cannot be read: it is damaged or cut short") from None


def _open_json(path: Path, head: bytes, scratch: Scratch, connection: duckdb.DuckDBPyConnection) -> SupportFile:
    mark = head.startswith(_MARK)
    target = scratch.new_path(".log")
    if mark:
        target.write_bytes(path.read_bytes()[3:])
    else:
        target.symlink_to(path.resolve())
    kind = "array" if head[3 if mark else 0 :].lstrip().startswith(b"[") else "unstructured"
    damaged = _load_json(target, kind, scratch, connection)
    wrappers = dict.fromkeys(wrapper for one in layouts().values() for wrapper in one.wrappers)
    cases = " ".join(
        f"when json_type(body, {quote(json_path(wrapper))}) = 'ARRAY' "
        f"then json_extract(body, {quote(json_path(wrapper) + '[*]')}) "
        f"when json_type(body, {quote(json_path(wrapper))}) = 'OBJECT' "
        f"then [json_extract(body, {quote(json_path(wrapper))})]"
        for wrapper in wrappers
    )
    table = f"support_records_{len(connection.execute('show tables').fetchall())}"
    connection.execute(
        f"create table {table} as select body from (select unnest(case {cases} else [body] end) as body "
        "from (select unnest(case json_type(body) when 'ARRAY' then json_extract(body, '$[*]') "
        "else [body] end) as body from support_page where body is not null)) where json_type(body) = 'OBJECT'"
    )
    return replace(_tell_json(table, scratch, connection), damaged=damaged)


def _load_json(target: Path, kind: str, scratch: Scratch, connection: duckdb.DuckDBPyConnection) -> int:
    """Put the values of a file into `support_page`; how many of its lines are damaged.

    Where it cannot be read as a whole, each line is a value of its own.
    """
    import duckdb

    size = min(_LARGEST, max(16 * MIB, target.stat().st_size + 1))
    read = (
        f"create or replace temp table support_page as select json as body from read_json_objects("
        f"{quote(str(target))}, maximum_object_size = {size}, compression = 'uncompressed', format = "
    )
    try:
        connection.execute(f"{read}'{kind}')")
    except (duckdb.InvalidInputException, duckdb.ConversionException):
        with damage(scratch.name):
            connection.execute(f"{read}'newline_delimited', ignore_errors = true)")
            whole, lost = connection.execute(
                "select count(body), count(*) - count(body) from support_page"
            ).fetchall()[0]
        if not whole:
            raise UnreadableInput(f"{scratch.name} cannot be read: it is damaged or cut short") from None
        return int(lost)
    return 0


def _tell_json(table: str, scratch: Scratch, connection: duckdb.DuckDBPyConnection) -> SupportFile:
    layout, found = tell_layout(_names(table, scratch, connection), scratch.name)
    part = "null::json as part"
    if layout.each:
        part = f"unnest(json_extract(body, {quote(json_path(layout.each) + '[*]')})) as part"
    columns = {field: [_text(path) for path in paths] for field, paths in found.items()}
    return SupportFile(
        name=scratch.name,
        layout=layout,
        records=_records(columns, f"select body, {part} from {table}"),
        fields=frozenset(found),
    )


def _text(path: str) -> str:
    place = "part" if path.startswith(EACH) else "body"
    return f"json_extract_string({place}, {quote(json_path(path.removeprefix(EACH)))})"


def _names(table: str, scratch: Scratch, connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The outermost keys of the records, and the paths of layouts that any of them has."""
    rows = connection.execute(
        f"select distinct unnest(json_keys(body)) from {table} limit {scratch.limits.keys}"
    ).fetchall()
    keys = sorted(key for (key,) in rows if not set(key) & set('"\\'))
    nested = [path for path in _declared_paths() if "." in path]
    asked = ", ".join(f"coalesce(bool_or(json_exists(body, {quote(json_path(one))})), false)" for one in nested)
    there = connection.execute(f"select {asked} from {table}").fetchone() or ()
    paths = [path for path, is_there in zip(nested, there, strict=True) if is_there]
    parts = [
        path
        for layout in layouts().values()
        if layout.each in paths
        for fields in layout.fields.values()
        for path in fields
        if path.startswith(EACH)
    ]
    return [*keys, *paths, *parts]


def _declared_paths() -> list[str]:
    paths = [
        path
        for layout in layouts().values()
        if not layout.plain
        for group in (*layout.shapes, *layout.fields.values(), (layout.each,))
        for path in group
    ]
    return [path for path in dict.fromkeys(paths) if path and not path.startswith(EACH)]


def json_path(path: str) -> str:
    """A path of a layout in DuckDB's words: numbers are places in a list.

    >>> json_path("tags.0.tag")
    '$."tags"[0]."tag"'
    """
    return "$" + "".join(f"[{part}]" if part.isdigit() else f'."{part}"' for part in path.split("."))


def _open_table(source: Source, scratch: Scratch) -> SupportFile:
    if source.header is None or not source.delimiter:
        raise UnreadableInput(f"{source.name} is no support export: its first line names no columns")
    link = scratch.new_path(".csv")
    link.symlink_to(source.path.resolve())
    places = {column: f"c{at}" for at, column in reversed(list(enumerate(source.header)))}
    layout, found = tell_layout([column for column in source.header if column.strip()], source.name)
    columns = ", ".join(f"'c{at}': 'VARCHAR'" for at in range(len(source.header)))
    mark = quote('"' if source.quoted else "")
    query = (
        f"select * from read_csv({quote(str(link))}, auto_detect = false, header = false, "
        f"skip = {source.data_line - 1}, delim = {quote(source.delimiter)}, quote = {mark}, escape = {mark}, "
        f"columns = {{{columns}}}, store_rejects = true, rejects_table = '{REJECTS}', "
        f"rejects_scan = '{REJECTS}_scan', rejects_limit = 0)"
    )
    reached = {field: [places[column] for column in names] for field, names in found.items()}
    return SupportFile(
        name=source.name,
        layout=layout,
        records=_records(reached, query),
        fields=frozenset(found),
        damaged=len(source.damaged),
    )


def _records(columns: Mapping[str, Sequence[str]], query: str) -> str:
    """All fields as text; of several columns the first that is not blank."""
    told = []
    for field_name in _FIELDS:
        cells = [f"case when not {_blank(cell)} then trim({cell}) end" for cell in columns.get(field_name, ())]
        text = f"coalesce({', '.join(cells)}, null)" if cells else "null"
        told.append(f"{text}::varchar as f_{field_name}")
    return f"select {', '.join(told)} from ({query})"


def _blank(cell: str) -> str:
    """Whether a cell says nothing, as N/A does, or the date that some databases write for none."""
    return f"({quiet_sql(cell)} or {cell} like '0000-00-00%')"
