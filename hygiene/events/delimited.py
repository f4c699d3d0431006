"""Delimited texts as SQL: every cell a text, damaged lines set aside with their numbers.

What a person's export has around its table is left out, and said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from hygiene.errors import UnreadableInput
from hygiene.events.layout import quote
from hygiene.events.query import MOST_TEXT
from hygiene.events.recogniser import Task
from hygiene.events.tablelog import TableLog
from hygiene.events.titled import are_events, is_header, sums_below, titles_above
from hygiene.events.unpacked import LIMITS, Part, link
from hygiene.intake.guard import MIB, shown
from hygiene.intake.source import Source, open_sources

_REJECTS = "event_rejects"
_UNLIKE = re.compile(rb"(?<!\r)\n")  # a line end that is not CR LF
_SHOWN = 64 << 10  # bytes that show what stands above a header
_END = 4 << 10  # … and below the last record
_ABOVE = "lines above its header, left out:"
_OF_DIALECT = ("no header", "separated by", "one address a line")  # what is said of a text's first record


@dataclass(frozen=True, kw_only=True, slots=True)
class DelimitedText:
    """A text with a header, as SQL."""

    name: str
    path: Path
    size: int
    query: str  # from …
    columns: tuple[str, ...]
    damaged: int  # lines that are not among the records
    said: tuple[str, ...]
    skipped: Mapping[str, int] = field(default_factory=dict)  # what is no record → how many
    above: tuple[str, ...] = ()  # what of it tells of lines above the header

    def as_log(self, most: int) -> TableLog:
        """The table, its rows numbered where it has no more bytes than that."""
        columns = dict.fromkeys(self.columns, "VARCHAR")
        return TableLog(name=self.name, query=self.query, columns=columns, numbered=self.size <= most)


def open_delimited(part: Part) -> Iterator[DelimitedText]:
    """The tables of a text or workbook; raises UnreadableInput where there is no header."""
    try:
        sources = open_sources([part.path], part.scratch.folder, limits=LIMITS)
    except UnreadableInput as error:  # of a file that nobody named, where it was unpacked
        raise UnreadableInput(str(error).replace(shown(part.path), part.name)) from None
    for given in sources:
        source, sums = _plain_table(given, part)
        if source.header is None or not source.delimiter:
            raise UnreadableInput(f"{part.name} is no event log: its first line names no columns")
        names = distinct(source.header)
        yield DelimitedText(
            name=part.name,
            path=source.path,
            size=source.path.stat().st_size,
            query=_query(source, part, names),
            columns=tuple(names),
            damaged=len(source.damaged),
            said=source.said,
            skipped={"a line of sums": 1} if sums else {},
            above=tuple(one for one in source.said if one.startswith(_ABOVE)),
        )


def _plain_table(source: Source, part: Part) -> tuple[Source, bool]:
    """The table without titles above its header and, of events, a row of sums at its end; whether one was.

    Reports know their sums themselves.
    """
    with source.path.open("rb") as file:
        start = file.read(_SHOWN)
        size = file.seek(0, 2)
        file.seek(max(0, size - _END))
        end = file.read()
    if _UNLIKE.search(start + end) and b"\r\n" in start + end:
        source = _opened_again(source, part, (0, 0), size)
        return _plain_table(source, part)
    titles, begin = (0, 0) if is_header(source.header or (), part.name) else titles_above(start, part.name)
    below = sums_below(end) if size > len(start) or b"\n" in start[begin:-1] else 0
    if titles:
        source = _opened_again(source, part, (titles, begin), size)
        source = replace(source, said=(*source.said, f"{_ABOVE} {titles}"))
        titles, begin, size = 0, 0, source.path.stat().st_size
    if not below or not are_events(source.header or ()):
        return source, False
    return _opened_again(source, part, (titles, begin), size - below), True


def _ended_alike(file: BinaryIO, left: int) -> Iterator[bytes]:
    """So many bytes with one kind of line end: DuckDB refuses lines that end in two ways, or finds none."""
    held = b""
    while left and (chunk := held + file.read(min(MIB, left))):
        left -= len(chunk) - len(held)
        held = chunk[-1:] if chunk.endswith(b"\r") else b""
        yield chunk.removesuffix(held).replace(b"\r\n", b"\n")
    yield held


def _opened_again(source: Source, part: Part, titles: tuple[int, int], end: int) -> Source:
    """The text with blank lines for its titles, so that lines keep their numbers, up to a place."""
    path = part.scratch.new_path(".csv")
    part.scratch.need(end)
    lines, begin = titles
    with part.scratch.writing(), source.path.open("rb") as given, path.open("wb") as target:
        given.seek(begin)
        target.write(b"\n" * lines)
        target.writelines(_ended_alike(given, end - begin))
    (again,) = open_sources([path], part.scratch.folder, limits=LIMITS)
    told = [one for one in source.said if not one.startswith(_OF_DIALECT)]
    said = tuple(dict.fromkeys([*told, *again.said]))
    return replace(again, said=said, damaged=source.damaged)


def _query(source: Source, part: Part, names: Sequence[str]) -> str:
    columns = ", ".join(f"{quote(name)}: 'VARCHAR'" for name in names)
    mark = quote('"' if source.quoted else "")
    path = quote(str(link(source.path, part.scratch, ".csv")))
    return (
        f"from read_csv({path}, auto_detect = false, header = false, "
        f"skip = {source.data_line - 1}, delim = {quote(source.delimiter)}, quote = {mark}, escape = {mark}, "
        f"columns = {{{columns}}}, store_rejects = true, rejects_table = '{_REJECTS}', "
        f"rejects_scan = '{_REJECTS}_scan', rejects_limit = 0)"
    )


def distinct(header: Sequence[str]) -> list[str]:
    """The names of columns, each once: the database knows no case."""
    names: list[str] = []
    for at, name in enumerate(header):
        taken = {each.lower() for each in names}
        plain = name.strip("\ufeff \t") or f"column {at + 1}"
        names.append(plain if plain.lower() not in taken else f"{plain} {at + 1}")
    return names


def take_damaged(task: Task) -> int:
    """How many lines reading a text set aside; they go to `unread`, and are forgotten here."""
    con = task.connection
    there = con.execute("select count(*) from duckdb_tables() where table_name = ?", [_REJECTS])
    if there.fetchone() == (0,):
        return 0
    rejects = f"select line, min(csv_line) as csv_line from {_REJECTS} group by line"
    (damaged,) = con.execute(f"select count(*) from ({rejects})").fetchone() or (0,)
    con.execute(
        f"insert into unread by name select {task.number}::int as file, line::bigint as line, "
        f"'cells that do not fit the columns' as why, left(csv_line, {MOST_TEXT}) as text from ({rejects})"
    )
    con.execute(f"drop table {_REJECTS}")
    con.execute(f"drop table {_REJECTS}_scan")
    return int(damaged)
