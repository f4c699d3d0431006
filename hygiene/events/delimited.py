"""Delimited texts as SQL: every cell a text, damaged lines set aside with their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hygiene.errors import UnreadableInput
from hygiene.events.layout import quote
from hygiene.events.query import MOST_TEXT
from hygiene.events.recogniser import Task
from hygiene.events.unpacked import LIMITS, Part, link
from hygiene.intake.source import Source, open_sources

_REJECTS = "event_rejects"


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


def open_delimited(part: Part) -> Iterator[DelimitedText]:
    """The tables of a text or workbook; raises UnreadableInput where there is no header."""
    for source in open_sources([part.path], part.scratch.folder, limits=LIMITS):
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
        )


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
