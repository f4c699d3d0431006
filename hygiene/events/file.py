"""Event logs as records that DuckDB can be asked for: JSON, delimited text and Parquet, in gzip or not."""

from __future__ import annotations

import codecs
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hygiene.errors import UnreadableInput
from hygiene.events.damaged import LINES, log_at, mended
from hygiene.events.jsonlog import JsonLog, json_form
from hygiene.events.layout import (
    EventLayout,
    Reach,
    declared,
    find_names,
    fitting,
    iso_sql,
    json_path,
    quote,
)
from hygiene.events.opening import KEPT, MOST_ROUNDS, opened_sql, openings
from hygiene.events.unpacked import rewritten, writer_of
from hygiene.events.zipped import holds_gzip, unzipped
from hygiene.intake.encoding import is_utf_16
from hygiene.intake.guard import MIB, Limits, Scratch, locate_input, shown, unreadable
from hygiene.intake.kinds import Kind, binary_kind, refuse
from hygiene.intake.source import Source, open_sources
from hygiene.intake.unpack import gunzip

if TYPE_CHECKING:
    import duckdb

LIMITS = Limits()

_HEAD = MIB  # bytes that tell what kind of log it is
_NESTED = ("STRUCT", "MAP", "JSON", "VARIANT")
_NAMED = 8  # columns named in one sentence
_REJECTS = "event_rejects"
_NO_OBJECT = "[]"


@dataclass(frozen=True, kw_only=True, slots=True)
class EventFile:
    """A log as SQL: `records` yields one row a record, with a boolean `sound`."""

    name: str
    records: str
    reach: Reach  # path of a layout → its text in such a row
    lists: Mapping[str, str]  # path of a layout → a list of texts
    layouts: tuple[EventLayout, ...]  # that its records may be of
    kind: str  # what it is, for a sentence
    damaged: int = 0  # lines that are not among the records
    said: tuple[str, ...] = ()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Around a query of the records: damage found on the way becomes one sentence."""
        with _damage(self.name, self.kind):
            yield


@contextmanager
def _damage(name: str, kind: str) -> Iterator[None]:
    import duckdb

    try:
        yield
    except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.IOException):
        raise UnreadableInput(f"{name} cannot be read: its {kind} is damaged or cut short") from None


def open_event_log(path: Path, work: Path, connection: duckdb.DuckDBPyConnection) -> list[EventFile]:
    """The log at `path`, or those in an archive of delimited texts; what must be unpacked goes below `work`.

    Raises UnreadableInput, UnwritableOutput or UsageError with one sentence.
    """
    try:
        return _open_log(path, work, connection)
    except OSError as error:
        raise unreadable(path, error) from None


def _open_log(path: Path, work: Path, connection: duckdb.DuckDBPyConnection) -> list[EventFile]:
    given = locate_input(path)
    scratch = Scratch.for_input(given, Path(tempfile.mkdtemp(prefix="log-", dir=work)), LIMITS)
    inside, head = given.path, _head(given.path)
    if binary_kind(head) is Kind.GZIP:
        inside, _ = gunzip(given.path, scratch)
        head = _head(inside)
    if write := writer_of(head):
        log = log_at(rewritten(inside, write, scratch), LINES, scratch)
        return [_json_records(_bodies(log), scratch, connection)]
    if binary_kind(head) is Kind.PARQUET:
        return [_open_parquet(inside, scratch, connection)]
    why = refuse(head)
    if why:
        raise UnreadableInput(f"{scratch.name} cannot be read: {why}")
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if is_utf_16(head) or not text.startswith((b"{", b"[")):
        sources = open_sources([path], scratch.folder, limits=LIMITS)
        return [_open_delimited(source, scratch) for source in sources]
    return [_open_json(inside, head, scratch, connection)]


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)


def _link(path: Path, scratch: Scratch, suffix: str) -> str:
    """The file under a name that the database takes for neither a pattern nor a compressed file."""
    link = scratch.new_path(suffix)
    link.symlink_to(path.resolve())
    return str(link)


# JSON


def _open_json(path: Path, head: bytes, scratch: Scratch, connection: duckdb.DuckDBPyConnection) -> EventFile:
    if head.startswith(codecs.BOM_UTF8):
        path = _without_mark(path, scratch)
    if holds_gzip(head):
        return _json_records(_bodies(log_at(unzipped(path, scratch), LINES, scratch)), scratch, connection)
    log = log_at(path, json_form(head), scratch)
    try:
        return _json_records(_bodies(log), scratch, connection)
    except UnreadableInput:
        whole = mended(log, scratch)
        if whole is None:
            raise
        return _json_records(_bodies(whole), scratch, connection)


def _bodies(log: JsonLog) -> str:
    lenient = ", ignore_errors = true" if log.form == LINES else ""
    return f"select json as body from read_json_objects({log.link}, format = '{log.form}'{lenient})"


def _without_mark(path: Path, scratch: Scratch) -> Path:
    target = scratch.new_path(".json")
    scratch.need(path.stat().st_size)
    with scratch.writing(), path.open("rb") as source, target.open("wb") as file:
        source.seek(len(codecs.BOM_UTF8))
        while chunk := source.read(MIB):
            file.write(chunk)
    return target


def _json_records(
    bodies: str, scratch: Scratch, connection: duckdb.DuckDBPyConnection, *, kind: str = "JSON"
) -> EventFile:
    with _damage(scratch.name, kind):
        found = _keys(bodies, scratch, connection)
        wrapped = bool(found & _wrappers())
        if wrapped:
            bodies = opened_sql(f"select null::bigint as line, body from ({bodies})", MOST_ROUNDS)
            found = _keys(bodies, scratch, connection)
    keys = sorted(key for key in found - {_NO_OBJECT} if not set(key) & set('"\\'))
    known = find_names(_all_paths(), keys, nested=True)
    places = {path: json_path(*found) for path, found in known.items()}
    reach = {path: f"v[{at}]" for at, path in enumerate(places, 1)} | (KEPT if wrapped else {})
    layouts = _fitting(reach, keys, scratch.name, nested=True)
    listed = find_names((path for one in layouts for path in one.recipients), keys, nested=True)
    paths = ", ".join(map(quote, places.values()))
    return EventFile(
        name=Path(scratch.name).name,
        records=f"select *, json_extract_string(body, [{paths}]) as v, "
        f"json_type(body) = 'OBJECT' as sound from ({bodies})",
        reach=reach,
        lists={
            path: f"json_extract_string(body, {quote(json_path(*found))})" for path, found in listed.items()
        },
        layouts=layouts,
        kind=kind,
    )


def _wrappers() -> set[str]:
    """The outermost keys of what a record may stand in."""
    return {_NO_OBJECT, *(opening.held.partition(".")[0] for opening in openings())}


def _keys(bodies: str, scratch: Scratch, connection: duckdb.DuckDBPyConnection) -> set[str]:
    """The outermost keys of all objects, and `_NO_OBJECT` if there is anything else."""
    rows = connection.execute(
        f"select distinct unnest(if(json_type(body) = 'OBJECT', json_keys(body), ['{_NO_OBJECT}'])) "
        f"from ({bodies}) limit {LIMITS.keys + 1}"
    ).fetchall()
    if len(rows) > LIMITS.keys:
        raise UnreadableInput(f"{scratch.name} cannot be read: it holds more than {LIMITS.keys} different keys")
    return {key for (key,) in rows}


def _all_paths() -> list[str]:
    return list(dict.fromkeys(path for layout in declared().layouts for path in layout.paths))


def _fitting(reach: Reach, names: Sequence[str], name: str, *, nested: bool) -> tuple[EventLayout, ...]:
    layouts = tuple(fitting(reach, nested=nested))
    if layouts:
        return layouts
    more = len(names) - _NAMED
    held = ", ".join(shown(each, 40) for each in names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    raise UnreadableInput(
        f"{name} is no event log known here: it needs a column of addresses and one of events, "
        f"and holds {held or 'no records'}"
    )


# Tables


def _open_parquet(path: Path, scratch: Scratch, connection: duckdb.DuckDBPyConnection) -> EventFile:
    read = f"read_parquet({quote(_link(path, scratch, '.parquet'))})"
    with _damage(scratch.name, "Parquet"):
        described = connection.execute(f"describe select * from {read}").fetchall()
    if any(kind.startswith(_NESTED) or kind.endswith("]") for _, kind, *_ in described):
        bodies = f"select to_json(given) as body from {read} as given"
        return _json_records(bodies, scratch, connection, kind="Parquet")
    return _table(Path(scratch.name).name, [name for name, *_ in described], f"select * from {read}", "Parquet")


def _table(
    name: str, columns: Sequence[str], query: str, kind: str, *, damaged: int = 0, said: tuple[str, ...] = ()
) -> EventFile:
    found = {path: column for path, (column, _) in find_names(_all_paths(), columns, nested=False).items()}
    places = {column: f"c{at}" for at, column in enumerate(sorted(set(found.values())))}
    reach = {path: places[column] for path, column in found.items()}
    layouts = _fitting(reach, columns, name, nested=False)
    needed = [
        f"{iso_sql(layouts, column, f'{_identifier(column)}::varchar')} as {place}"
        for column, place in places.items()
    ]
    return EventFile(
        name=name,
        records=f"select {', '.join(['true as sound', *needed])} from ({query})",
        reach=reach,
        lists={},
        layouts=layouts,
        kind=kind,
        damaged=damaged,
        said=said,
    )


def _open_delimited(source: Source, scratch: Scratch) -> EventFile:
    if source.header is None or not source.delimiter:
        raise UnreadableInput(f"{source.name} is no event log: its first line names no columns")
    names = _distinct(source.header)
    columns = ", ".join(f"{quote(name)}: 'VARCHAR'" for name in names)
    mark = quote('"' if source.quoted else "")
    query = (
        f"from read_csv({quote(_link(source.path, scratch, '.csv'))}, auto_detect = false, header = false, "
        f"skip = {source.data_line - 1}, delim = {quote(source.delimiter)}, quote = {mark}, escape = {mark}, "
        f"columns = {{{columns}}}, store_rejects = true, rejects_table = '{_REJECTS}', "
        f"rejects_scan = '{_REJECTS}_scan', rejects_limit = 0)"
    )
    return _table(source.name, names, query, "text", damaged=len(source.damaged), said=source.said)


def take_rejects(connection: duckdb.DuckDBPyConnection) -> int:
    """How many lines the last reading of a delimited text set aside; forgets them."""
    there = connection.execute("select count(*) from duckdb_tables() where table_name = ?", [_REJECTS])
    if there.fetchone() == (0,):
        return 0
    (damaged,) = connection.execute(f"select count(distinct line) from {_REJECTS}").fetchone() or (0,)
    connection.execute(f"drop table {_REJECTS}")
    connection.execute(f"drop table {_REJECTS}_scan")
    return int(damaged)


def _distinct(header: Sequence[str]) -> list[str]:
    """The names of columns, each once: the database knows no case."""
    names: list[str] = []
    for at, name in enumerate(header):
        taken = {each.lower() for each in names}
        plain = name.strip("\ufeff \t") or f"column {at + 1}"
        names.append(plain if plain.lower() not in taken else f"{plain} {at + 1}")
    return names


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
