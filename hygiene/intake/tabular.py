"""Parquet and JSON as CSV files, by DuckDB: values as text, nested ones as JSON text, rows in their order."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hygiene.errors import UnreadableInput
from hygiene.intake.guard import MIB, Scratch
from hygiene.intake.lines import BATCH, lines_schema, to_batch

if TYPE_CHECKING:
    import numpy as np
    from duckdb import DuckDBPyConnection
    from numpy.typing import NDArray

_FEWEST_BYTES = 0.05  # of a Parquet file to one row: addresses differ, so they cannot shrink to nothing
_FREE_ROWS = 5_000_000  # below which nobody asks
_SHOWN = 2_000  # characters of a damaged line
_SAID = {None: "not valid JSON", "ARRAY": "a JSON array, not an object", "NULL": "null, not an object"}


@dataclass(frozen=True, kw_only=True, slots=True)
class DamagedLine:
    """A record that could not even be converted."""

    line: int  # number in the original, from 1
    text: str  # shortened to 2,000 characters
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TableText:
    """A table as CSV with a header; `rows` are the numbers of its records in the original."""

    path: Path
    rows: NDArray[np.int64]
    damaged: tuple[DamagedLine, ...] = ()


def convert_parquet(path: Path, scratch: Scratch) -> TableText:
    """Write a Parquet file's columns as text; raises UnreadableInput when it is damaged or a bomb."""
    import numpy as np

    with _connect(scratch, "it is damaged or cut short, or no Parquet file") as duck:
        source = f"read_parquet({_quote(_plain_name(path, scratch))})"
        columns = duck.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        (count,) = _one(duck, f"SELECT count(*) FROM {source}")
        if count > max(_FREE_ROWS, path.stat().st_size / _FEWEST_BYTES):
            scratch.spend(scratch.allowance + 1)
        texts = [_as_text(name, kind) for name, kind, *_ in columns]
        lengths = " + ".join(f"coalesce(strlen({text}), 0)::HUGEINT" for text in texts)
        (size,) = _one(duck, f"SELECT coalesce(sum({lengths} + {len(texts)}), 0) FROM {source}")
        scratch.spend(int(size))
        scratch.need(int(size))
        target = _copy_out(duck, source, texts, [name for name, *_ in columns], scratch)
    return TableText(path=target, rows=np.arange(1, count + 1, dtype=np.int64))


def _as_text(name: str, kind: str) -> str:
    column = _identifier(name)
    if kind.startswith(("STRUCT", "MAP", "UNION")) or kind.endswith("]"):
        return f"to_json({column})::VARCHAR"
    if kind == "BLOB":  # text whose writer did not say so
        return f"coalesce(try(decode({column})), {column}::VARCHAR)"
    return f"{column}::VARCHAR"


def convert_json_lines(path: Path, start: int, line_end: bytes, scratch: Scratch) -> TableText:
    """Write JSON Lines from byte `start` of a UTF-8 file; lines that are no object are `damaged`."""
    import pyarrow as pa

    with _connect(scratch, "its lines cannot be read as JSON") as duck, path.open("rb") as file:
        file.seek(start)
        broken: list[DamagedLine] = []
        lines = pa.RecordBatchReader.from_batches(
            lines_schema(), _line_batches(file, line_end, broken, scratch)
        )
        duck.register("lines", lines)
        duck.execute(
            "CREATE TABLE records AS"
            " SELECT line, text, CASE WHEN json_valid(text) THEN json_type(text) END kind FROM lines"
            " WHERE json_valid(text) OR trim(text, E' \\t\\r\\n') <> ''"
        )
        return _write_objects(duck, broken, scratch)


def _line_batches(file: Any, line_end: bytes, broken: list[DamagedLine], scratch: Scratch) -> Iterator[Any]:
    """The lines of a text with their numbers, in Arrow batches; what is not UTF-8 goes to `broken`."""
    held, line = b"", 1
    while True:
        fresh = file.read(BATCH)
        data = held + fresh
        cut = data.rfind(line_end) + 1 if fresh else len(data)
        held, data = data[cut:], data[:cut]
        if data:
            yield to_batch(_set_aside(data, line_end, line, broken, scratch), line_end, line)
            line += data.count(line_end)
        if not fresh:
            return


def _set_aside(data: bytes, line_end: bytes, line: int, broken: list[DamagedLine], scratch: Scratch) -> bytes:
    """The same lines, those that are not UTF-8 emptied."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        lines = data.split(line_end)
        for at, text in enumerate(lines):
            shortened = text.decode("utf-8", "replace")
            if text != shortened.encode():
                cut = shortened[:_SHOWN].rstrip("\r\n")
                broken.append(DamagedLine(line=line + at, text=cut, why="not valid UTF-8"))
                lines[at] = b""
        _refuse_many(len(broken), scratch)
        return line_end.join(lines)
    return data


def convert_json_array(path: Path, start: int, scratch: Scratch) -> TableText:
    """Write a JSON array of objects, numbered from 1; raises UnreadableInput for any flaw in it."""
    with _connect(scratch, "it is not well-formed JSON, or cut short") as duck:
        plain = _without_mark(path, start, scratch) if start else _plain_name(path, scratch)
        duck.execute(
            "CREATE TABLE records AS SELECT row_number() OVER () AS line, json::VARCHAR AS text,"
            f" json_type(json) AS kind FROM read_json_objects({_quote(plain)}, format = 'array',"
            f" compression = 'uncompressed', maximum_object_size = {scratch.limits.line})"
        )
        return _write_objects(duck, [], scratch)


def _write_objects(duck: DuckDBPyConnection, broken: list[DamagedLine], scratch: Scratch) -> TableText:
    """The objects of the table `records` with one column a key, in the order the keys are first seen."""
    import numpy as np

    where = "WHERE kind = 'OBJECT'"
    damaged = _read_damaged(duck, broken, scratch)
    rows = np.asarray(duck.execute(f"SELECT line FROM records {where}").fetchnumpy()["line"], dtype=np.int64)
    seen = duck.execute(
        "SELECT key, min((line, place)) AS first FROM (SELECT line, unnest(json_keys(text)) AS key,"
        f" generate_subscripts(json_keys(text), 1) AS place FROM records {where})"
        " GROUP BY key ORDER BY first"
    )
    keys = [key for key, _ in seen.fetchall()]
    if not keys:
        raise UnreadableInput(f"{scratch.name} holds no key: its JSON objects are all empty")
    if len(keys) > scratch.limits.keys:
        raise UnreadableInput(f"{scratch.name} has {len(keys):,} different keys, which is no table")
    scratch.spend(len(rows) * len(keys))
    pointers = ", ".join(_quote(_pointer(key)) for key in keys)
    table = f"(SELECT json_extract_string(text, [{pointers}]) AS v FROM records {where})"
    texts = [f"v[{number}]" for number in range(1, len(keys) + 1)]
    target = _copy_out(duck, table, texts, keys, scratch)
    return TableText(path=target, rows=rows, damaged=damaged)


def _read_damaged(
    duck: DuckDBPyConnection, broken: list[DamagedLine], scratch: Scratch
) -> tuple[DamagedLine, ...]:
    bad = "FROM records WHERE kind IS DISTINCT FROM 'OBJECT'"
    (count,) = _one(duck, f"SELECT count(*) {bad}")
    _refuse_many(count + len(broken), scratch)
    found = duck.execute(f"SELECT line, rtrim(left(text, {_SHOWN}), E'\\r\\n'), kind {bad}").fetchall()
    others = [
        DamagedLine(line=line, text=text, why=_SAID.get(kind, "a JSON value, not an object"))
        for line, text, kind in found
    ]
    return tuple(sorted([*broken, *others], key=lambda damage: damage.line))


def _refuse_many(count: int, scratch: Scratch) -> None:
    if count > scratch.limits.damaged:
        raise UnreadableInput(
            f"{scratch.name} cannot be read: more than {scratch.limits.damaged:,} lines are no JSON objects"
        )


@contextmanager
def _connect(scratch: Scratch, damage: str) -> Iterator[DuckDBPyConnection]:
    """A database of its own that never fetches an extension; its errors as one sentence."""
    import duckdb

    settings: dict[str, str | bool | int | float | list[str]] = {
        "temp_directory": str(scratch.folder),
        "memory_limit": "512MB",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "preserve_insertion_order": "true",
    }
    database = scratch.new_path(".duckdb")
    try:
        with scratch.writing(), duckdb.connect(str(database), config=settings) as duck:
            duck.execute("SET TimeZone = 'UTC'")
            yield duck
    except duckdb.Error as error:
        if "No space left" in str(error) or "Could not write" in str(error) or "File too large" in str(error):
            raise scratch.full() from None
        raise UnreadableInput(f"{scratch.name} cannot be read: {damage}") from None
    finally:
        database.unlink(missing_ok=True)


def _copy_out(
    duck: DuckDBPyConnection, source: str, texts: Sequence[str], header: Sequence[str], scratch: Scratch
) -> Path:
    """Write `texts` of a table to a CSV file in their order.

    The first cell is never NULL, so no record is a blank line. The header goes in as a prefix, as the database
    renames columns that differ in case only; a prefix demands a suffix, which is cut off again.
    """
    target = scratch.new_path(".csv")
    cells = ", ".join(
        [f"coalesce({texts[0]}, '') AS c0", *(f"{text} AS c{n}" for n, text in enumerate(texts[1:], 1))]
    )
    head = ",".join('"' + name.replace('"', '""') + '"' for name in header) + "\n"
    duck.execute(
        f"COPY (SELECT {cells} FROM {source}) TO {_quote(str(target))} (FORMAT csv, HEADER false,"
        f" DELIMITER ',', QUOTE '\"', ESCAPE '\"', PREFIX {_quote(head)}, SUFFIX '\n')"
    )
    os.truncate(target, target.stat().st_size - 1)
    return target


def _plain_name(path: Path, scratch: Scratch) -> str:
    """The file under a name without the letters that mean a pattern to the database."""
    link = scratch.new_path(".link")
    link.symlink_to(path.resolve())
    return str(link)


def _without_mark(path: Path, start: int, scratch: Scratch) -> str:
    target = scratch.new_path(".json")
    with scratch.writing(), path.open("rb") as source, target.open("wb") as file:
        source.seek(start)
        while chunk := source.read(MIB):
            file.write(chunk)
    return str(target)


def _one(duck: DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    return duck.execute(query).fetchone() or (0,)


def _pointer(key: str) -> str:
    """A key of the outermost object as a JSON Pointer (RFC 6901 §3)."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _identifier(name: str) -> str:
    """A name between double quotes, doubled inside: the same in SQL and in CSV."""
    return '"' + name.replace('"', '""') + '"'
