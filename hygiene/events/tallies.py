"""Campaign reports, which only have sums: one row a campaign, from tables and JSON of platforms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from hygiene.errors import UnreadableInput
from hygiene.event import TALLY
from hygiene.events.figures import (
    count_sql,
    currency_sql,
    decimal_mark,
    instant_sql,
    is_sum_sql,
    money_sql,
    quiet_sql,
    settled,
)
from hygiene.events.layout import name_key, quote
from hygiene.events.recogniser import FileRead, Head, Recogniser, Task
from hygiene.events.report_layout import (
    COUNTS,
    PLAIN,
    Recognised,
    recognise_columns,
    recognise_keys,
    recognise_labels,
    reports,
)
from hygiene.events.sheet import load_labels, load_records, load_sheet, peek
from hygiene.intake.source import Source, open_sources

if TYPE_CHECKING:
    import duckdb

_READ: Final = "tally_read"
_FEWEST_SUMS: Final = 3  # figures that are all those of the other rows together: no chance
_FIELDS: Final = ("campaign", "subject", "sent_us", "revenue", "currency", *COUNTS)

_VARIED: Final = "[MULTIPLE VARIATIONS]"  # Klaviyo, in place of the subjects of a test

_INSERT: Final = f"""
insert into tallies by name
select {{number}}::int as file, {", ".join(name for name in TALLY if name != "file")}
from tally_row where mailed and not summed and not empty"""

_STRANGE: Final = """
insert into unread by name
select {number}::int as file, line, {what} as why, left(tally_cell.{field}, 2000) as text
from tally_cell join tally_row as read using (line)
where read.mailed and not read.summed and tally_cell.{field} is not null and read.{column} is null"""

_EMPTY: Final = """
insert into unread by name
select {number}::int as file, line, 'a row that names no campaign and no count' as why, '' as text
from tally_row where mailed and empty"""

#: undated rows of which every figure is that of all other rows together, of at least two
_SUMMED: Final = f"""
update tally_row set summed = true from (
    select line, not dated and mailed
        and {" and ".join(f"(r.{name} is null or 2 * r.{name} = sum(r.{name}) over others)" for name in COUNTS)}
        and {" + ".join(f"coalesce(r.{name} > 0, false)::int" for name in COUNTS)} >= {_FEWEST_SUMS}
        and count(*) filter (r.sent > 0 or r.delivered > 0) over others > 2 as summed
    from tally_row as r where mailed and not summed window others as ()
) as found where found.summed and found.line = tally_row.line"""

_TOLD: Final = """
select count(*) filter (not mailed), count(*) filter (mailed and summed), count(*) filter (mailed and empty),
    count(*) filter (mailed and bare), count(*) filter (mailed and dated and tally_row.sent_us is null)
from tally_row"""


def is_report(head: Head) -> bool:
    """Whether a file begins like a campaign report."""
    text = head.start.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if text.startswith(("{", "[")):
        return recognise_keys(text) is not None
    if recognise_labels(text) is not None:
        return True
    return bool(head.columns) and recognise_columns(head.columns, head.name) is not None


def read_report(task: Task) -> FileRead:
    """Put the campaigns of a report into `tallies`; see `hygiene.events.recogniser`."""
    start = peek(task.path).decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if start.startswith(("{", "[")):
        found = recognise_keys(start)
        if found is not None:
            return _Reading(task, found).read_json()
        raise UnreadableInput(f"{task.name} is no campaign report known here")
    found = recognise_labels(start)
    if found is not None:
        return _Reading(task, found).read_labels()
    (source, *_) = open_sources([task.path], task.work)
    found = recognise_columns(source.header or (), task.name)
    if found is None:
        raise UnreadableInput(f"{task.name} is no campaign report known here")
    return _Reading(task, found).read_table(source)


class _Reading:
    """One report on its way into `tallies`."""

    def __init__(self, task: Task, found: Recognised) -> None:
        self.task, self.report, self.form = task, found.report, found.form
        self.name = PurePath(task.name).name
        self.places: dict[str, str] = {}  # key of a column, or path → column of `_READ`

    def read_table(self, source: Source) -> FileRead:
        """A delimited text, a workbook or Parquet."""
        keys = [name_key(name) for name in source.header or ()]
        wanted = [name_key(name) for name in self._wanted()]
        self.places = {key: f"c{keys.index(key)}" for key in dict.fromkeys(wanted) if key in keys}
        columns = {place: int(place[1:]) for place in self.places.values()}
        sheet = load_sheet(source, columns, self.task.connection, table=_READ, file=self.task.number)
        return self._fill(sheet.rows + len(sheet.damaged), len(sheet.damaged), source.said)

    def read_json(self) -> FileRead:
        """Pages of an API, or JSON lines."""
        paths = list(dict.fromkeys(self._wanted()))
        self.places = {path: f"c{number}" for number, path in enumerate(paths)}
        connection = self.task.connection
        records = load_records(self.task.path, self.form.items, paths, connection, table=_READ)
        return self._fill(records, 0, ())

    def read_labels(self) -> FileRead:
        """The report of one campaign."""
        labels = list(dict.fromkeys(self._wanted()))
        self.places = {name_key(label): f"c{number}" for number, label in enumerate(labels)}
        records = load_labels(self.task.path, labels, self.task.connection, table=_READ)
        return self._fill(records, 0, ())

    def _wanted(self) -> list[str]:
        return [*(name for names in self.form.columns.values() for name in names), *self.form.only]

    def _cells(self, field: str) -> list[str]:
        """The columns that may hold a field, by their order."""
        by_column = self.form.keys == ()
        names = [name_key(name) if by_column else name for name in self.form.columns.get(field, ())]
        return list(dict.fromkeys(self.places[name] for name in names if name in self.places))

    def _cell(self, field: str) -> str:
        filled = [f"case when not {quiet_sql(cell)} then trim({cell}) end" for cell in self._cells(field)]
        return f"coalesce({', '.join(filled)})" if filled else "null::varchar"

    def _fill(self, records: int, damaged: int, said: tuple[str, ...]) -> FileRead:
        connection = self.task.connection
        texts = ", ".join(f"{self._cell(field)} as {field}" for field in _FIELDS)
        connection.execute(
            "create or replace temp table tally_cell as "
            f"select line, {texts}, {self._only()} as mailed from {_READ}"
        )
        instant, unclear = self._instant()
        connection.execute(self._rows_sql(instant))
        connection.execute(_SUMMED)
        ((count,),) = connection.execute(_INSERT.format(number=self.task.number)).fetchall()
        strange = sum(map(self._set_aside, (*COUNTS, "revenue")))
        connection.execute(_EMPTY.format(number=self.task.number))
        told = connection.execute(_TOLD).fetchall()[0]
        others, sums, empty, zoneless, undated = map(int, told)
        for table in (_READ, "tally_cell", "tally_row"):
            connection.execute(f"drop table {table}")
        skipped = {"not sent by e-mail": others, "a line of sums": sums, "nothing in it": empty}
        return FileRead(
            name=self.task.name,
            layouts=(self.report.name,),
            records=records,
            skipped={why: number for why, number in skipped.items() if number},
            damaged=damaged,
            zoneless=zoneless,
            tallies=int(count),
            notes=(*said, *self._notes(unclear=unclear, undated=undated, strange=strange)),
        )

    def _set_aside(self, field: str) -> int:
        """Keep the cells of a field that are no number; how many there are."""
        column = "revenue_micros" if field == "revenue" else field
        what = quote(f"no number: {self._named(field)}")
        query = _STRANGE.format(number=self.task.number, field=field, column=column, what=what)
        ((kept,),) = self.task.connection.execute(query).fetchall()
        return int(kept)

    def _instant(self) -> tuple[tuple[str, str], bool]:
        """How dates are read, and whether day and month cannot be told apart.

        Where none is written as the platform does, a spreadsheet saved them again.
        """
        connection, timezone = self.task.connection, self.task.timezone
        formats, unclear = settled("sent_us", "tally_cell", self.form.dates, connection)
        instant = instant_sql("sent_us", formats, timezone)
        found = connection.execute(f"select 1 from tally_cell where {instant[0]} is not null limit 1")
        if unclear or found.fetchone():
            return instant, unclear
        formats, unclear = settled("sent_us", "tally_cell", reports()[-1].forms[0].dates, connection)
        return instant_sql("sent_us", formats, timezone), unclear

    def _named(self, field: str) -> str:
        """The first of the field's columns that is there, as it is declared."""
        names = self.form.columns.get(field, ())
        keyed = ((name if self.form.keys else name_key(name), name) for name in names)
        return next((name for key, name in keyed if key in self.places), field)

    def _only(self) -> str:
        """Whether a row tells of mails: by words of a column, where the form names one."""
        by_key = {name_key(name): words for name, words in self.form.only.items()}
        return (
            " and ".join(
                f"lower(trim(coalesce({self.places[key]}, ''))) in ({', '.join(map(quote, words))})"
                for key, words in by_key.items()
                if key in self.places
            )
            or "true"
        )

    def _rows_sql(self, instant: tuple[str, str]) -> str:
        moment, bare = instant
        mark = decimal_mark("revenue", "tally_cell", self.task.connection)
        counts = ", ".join(f"{count_sql(field)} as {field}" for field in COUNTS)
        money = money_sql("revenue", mark)
        summed = f"coalesce({is_sum_sql('campaign')} and sent_us is null, false)"
        return f"""
        create or replace temp table tally_row as
        select line, {quote(self.report.name)} as source, campaign, nullif(subject, '{_VARIED}') as subject,
            {moment} as sent_us, {bare} as bare,
            sent_us is not null as dated, {counts}, {money} as revenue_micros,
            case when {money} is not null then {currency_sql("currency", "revenue")} end as currency,
            mailed, {summed} as summed, coalesce(campaign, {", ".join(COUNTS)}, revenue) is null as empty
        from tally_cell"""

    def _notes(self, *, unclear: bool, undated: int, strange: int) -> Iterator[str]:
        if self.form.loose:
            yield (
                f"{self.name} is taken for an export of {self.report.title}: no copy of one was seen "
                f"({self.report.read}), so its columns are found by their names"
            )
        if self.report.name == PLAIN and self._cells("opens_total") and not self._cells("opened_all"):
            yield f"{self.name} counts opens and not the people who opened: it gives no open rate"
        if self.report.name == PLAIN and self._cells("clicks_total") and not self._cells("clicked_all"):
            yield f"{self.name} counts clicks and not the people who clicked: it gives no click rate"
        if strange:
            yield (
                f"{self.name}: counts nobody can read: {strange:,}; they are in no sum, but in the table unread"
            )
        if unclear:
            yield f"{self.name}: day and month cannot be told apart, so its dates are unknown"
        elif undated:
            yield f"{self.name}: dates that cannot be read: {undated:,}"


# Reports only grow: of several files that tell of one campaign, the one with the most opens and clicks is the
# latest. Rows of one file are parts, as of a test of two subjects, and all count.
_TOLD_ALL: Final = ", ".join(name for name in TALLY if name not in ("file", "line"))
_LATEST: Final = f"""
with told as (
    select rowid as row, file, source, campaign, sent_us, sent, coalesce(opens_total, opened_all, 0)
        + coalesce(clicks_total, clicked_all, 0) + coalesce(unsubscribed, 0) + coalesce(complained, 0) as seen,
        if(sent_us is null, hash({_TOLD_ALL}), 0) as same
    from tallies
),
files as (
    select source, campaign, sent_us, sent, same, file, sum(seen) as seen from told group by all
),
latest as (
    select source, campaign, sent_us, sent, same, arg_max(file, (seen, file)) as file from files group by all
)
select row from told where not exists (
    from latest as l where l.file = told.file and l.same = told.same and l.source = told.source
        and l.campaign is not distinct from told.campaign and l.sent_us is not distinct from told.sent_us
        and l.sent is not distinct from told.sent)"""


def drop_repeats(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Keep each campaign once where several reports tell of it; what is to be said of it."""
    ((deleted,),) = connection.execute(f"delete from tallies where rowid in ({_LATEST})").fetchall()
    return (f"campaigns told again by a later report, counted once: {deleted:,}",) if deleted else ()


REPORTS: Final = Recogniser(name="campaign report", recognises=is_report, read=read_report, finish=drop_repeats)
