"""The one reader of event logs: files, folders, patterns, archives and data frames into the event table.

The tables `events` (EVENT), `unread` (UNREAD) and `tallies` (TALLY) of the connection are made anew. Records
stay in DuckDB: Python sees the beginning of a file, what could not be read, and counts.
"""

from __future__ import annotations

import codecs
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from hygiene.errors import UnreadableInput, UsageError
from hygiene.event import TALLY, UNREAD, EventKind
from hygiene.events.batches import LARGEST, Batch, Waiting
from hygiene.events.damaged import is_json, json_log, keep_damaged, load_file, mended
from hygiene.events.delimited import open_delimited, take_damaged
from hygiene.events.jsonlog import JsonLog
from hygiene.events.layout import PLAIN, quote
from hygiene.events.metric_names import join_names
from hygiene.events.progress import Tick, listening
from hygiene.events.query import lacking, make_events
from hygiene.events.readers import READERS
from hygiene.events.recogniser import FileRead, Head, Recogniser, Task
from hygiene.events.records import Mark
from hygiene.events.report import EventReport, LogReport, Told, guesses, report_of
from hygiene.events.tablelog import TableLog, load_table
from hygiene.events.unpacked import Found, Part, link, list_logs, one_sentence, unpack
from hygiene.events.values import providers
from hygiene.intake.guard import MIB, Scratch
from hygiene.intake.kinds import Kind, binary_kind, refuse

if TYPE_CHECKING:
    import duckdb

#: unknown words, the most frequent first
_WORDS: Final = (
    f"select coalesce(reason, ''), count(*) from events where kind = '{EventKind.UNKNOWN}' group by 1 "
    "order by 2 desc, 1 limit 50"
)
_NUMBERED_TABLE: Final = 32 * MIB  # bytes of a table whose rows are numbered
TABLES: Final = ("events", "unread", "tallies", "standings")
_STANDING: Final = {"file": "INTEGER", "source": "VARCHAR", "recipient": "VARCHAR", "standing": "VARCHAR"}
_TEMPORARY: Final = ("event_provider", "event_sample", "event_left", "event_rest", "event_batch")


def read_events(
    logs: Any,
    connection: duckdb.DuckDBPyConnection,
    *,
    timezone: str = "UTC",
    year: int | None = None,
    tick: Tick | None = None,
    variant_column: str = "",
    spared: Sequence[str] = (),
    hashed: bool = False,
    standings: bool = False,
) -> EventReport:
    """Read event logs into the tables `events`, `unread` and `tallies` of the connection, made anew.

    `logs` is a path, a pattern, a folder, a data frame (pandas, Polars, Arrow, a DuckDB relation) or several of
    these. Times without a zone are of `timezone`, dates without a year of `year`. `tick` hears the name of each
    file, the events so far, and how much of the file is read. `variant_column` names the column, key or tag of
    the sender's own that tells variants, where it is not a known one. Columns that are `spared` are left out,
    and `hashed` makes numbers of `message_id`, `recipient` and `url` that tell them apart: both are faster.
    With `standings` events have one more column: the Status that a platform says a person has, as of one it
    will not mail any more; and what says only that, without an event of a mail, is in the table `standings`
    (file, source, recipient, standing). Raises UnreadableInput, UnwritableOutput or UsageError with one
    sentence; then none of the tables is left.
    """
    _check_zone(timezone)
    given = list_logs(logs)
    with tempfile.TemporaryDirectory(prefix="hygiene-events-", ignore_cleanup_errors=True) as work:
        frame = Task(path=Path(work), name="the data frame", number=0, connection=connection, work=Path(work))
        asked = replace(frame, timezone=timezone, year=year, standings=standings)
        asked = replace(asked, variant_column=variant_column, spared=tuple(spared), hashed=hashed)
        return _Reading(asked, tick).run(given)


def _check_zone(timezone: str) -> None:
    try:
        ZoneInfo(timezone)
    except (KeyError, OSError, ValueError):
        raise UsageError(f"no time zone is called {timezone!r}: names are such as Europe/Berlin") from None


class _Reading:
    """One reading: what all its files have in common, and what was found so far."""

    def __init__(self, common: Task, tick: Tick | None) -> None:
        self.common, self.connection, self.tick = common, common.connection, tick
        self.files: list[LogReport] = []
        self.refused: list[str] = []
        self.used: dict[str, Recogniser] = {}
        self.batch = Batch(self.connection)
        self.logs: dict[int, tuple[Task, JsonLog, Scratch]] = {}  # of JSON, by the number of the file
        self.events = 0  # so far, for the tick

    def run(self, given: Sequence[Any]) -> EventReport:
        """Read all that is given; whatever is raised, none of the tables is left."""
        try:
            self.make_tables()
            for one in given:
                if isinstance(one, Found):
                    self.read_path(one)
                else:
                    self.read_frame(one)
            return self.finish()
        except BaseException:
            for table in TABLES:
                self.connection.execute(f"drop table if exists {table}")
            raise
        finally:
            for table in _TEMPORARY:
                self.connection.execute(f"drop table if exists temp.{table}")

    def make_tables(self) -> None:
        """Empty tables, and the mailbox providers by their domains."""
        make_events(self.connection, hashed=self.common.hashed, spared=self.common.spared)
        for name, columns in zip(TABLES[1:], (UNREAD, TALLY, _STANDING), strict=True):
            made = ", ".join(f"{column} {kind}" for column, kind in columns.items())
            self.connection.execute(f"create or replace table {name} ({made})")
        if self.common.standings:
            self.connection.execute("alter table events add column standing varchar")
        # not as a frame: DuckDB loads pandas, if it is there, to look whether it is given one
        self.connection.execute(
            "create or replace temp table event_provider as "
            "select unnest(?::varchar[]) as domain, unnest(?::varchar[]) as provider",
            [list(providers()), list(providers().values())],
        )

    @property
    def _next(self) -> int:
        """The number of the next file."""
        return len(self.files) + len(self.batch.files)

    def read_path(self, found: Found) -> None:
        """The logs of one file; one of a folder that is no log is noted and left."""
        before = self._next
        try:
            for part in unpack(found.path, self.common.work):
                self._read_part(part, named=found.named)
        except UnreadableInput as error:
            if found.named:
                raise
            self.refused.append(str(error))
            self._forget(before)

    def _forget(self, before: int) -> None:
        """Take out what a file gave before it turned out unreadable."""
        self.batch.forget(before)
        for table in TABLES:
            self.connection.execute(f"delete from {table} where file >= {before}")
        del self.files[before:]

    def _read_part(self, part: Part, *, named: bool) -> None:
        task = replace(
            self.common,
            path=part.path,
            name=part.name,
            number=self._next,
            work=part.scratch.folder,
            modified=part.modified,
            cut=part.cut,
        )
        head = Head(name=part.name, start=part.head.removeprefix(codecs.BOM_UTF8))
        reader = next((one for one in READERS if one.recognises(head)), None)
        if reader is None and is_json(part) and len(part.head) <= LARGEST:
            self._await(Waiting(task=task, log=json_log(part), named=named), part)
            return
        self.load_waiting()
        with listening(self._hear(task.name, part.path.stat().st_size)):
            self._read_large(task, part, reader)

    def _hear(self, name: str, size: int) -> Callable[[int], None] | None:
        tick = self.tick
        return tick and (lambda octets: tick(name, self.events, octets, size))

    def _read_large(self, task: Task, part: Part, reader: Recogniser | None) -> None:
        if reader:
            self.used[reader.name] = reader
            self._account(task, reader.read(task))
            return
        for read in self._read_records(task, part):
            self._account(replace(task, number=len(self.files)), read)

    def _await(self, one: Waiting, part: Part) -> None:
        try:
            with one_sentence(one.task.name, "JSON"):
                self.batch.add(one)
        except UnreadableInput:
            log = mended(one.log, part.scratch)
            if log is None:
                raise
            one = replace(one, log=log)
            self.batch.add(one)
        self.logs[one.task.number] = one.task, one.log, part.scratch
        if self.batch.full:
            self.load_waiting()

    def load_waiting(self) -> None:
        """Read the small files that wait for each other."""
        if not self.batch.files:
            return
        loaded = list(self.batch.load())
        rows = self._rows_of(loaded[0][0].task.number)
        for one, error in loaded:
            if error and one.named:
                raise error
            if error:
                self.refused.append(str(error))
            told: list[Told] | None = rows.get(one.task.number, [])
            if keep_damaged(one.task, one.log):
                told = None
            if not error:
                self._account(one.task, FileRead(name=one.task.name), told)

    def _read_records(self, task: Task, part: Part) -> Iterator[FileRead]:
        why = refuse(part.head)
        if why:
            raise UnreadableInput(f"{task.name} cannot be read: {why}")
        if binary_kind(part.head) is Kind.PARQUET:
            yield self._read_parquet(task, part)
        elif is_json(part):
            yield self._read_json(task, part)
        else:
            yield from self._read_delimited(task, part)

    def _read_json(self, task: Task, part: Part) -> FileRead:
        self.logs[task.number] = task, load_file(task, part), part.scratch
        return FileRead(name=task.name)

    def _read_parquet(self, task: Task, part: Part) -> FileRead:
        query = f"from read_parquet({quote(str(link(part.path, part.scratch, '.parquet')))})"
        numbered = part.path.stat().st_size <= _NUMBERED_TABLE
        with one_sentence(task.name, "Parquet"):
            return self._read_table(task, query, numbered=numbered)

    def _read_table(self, task: Task, query: str, *, numbered: bool) -> FileRead:
        described = self.connection.execute(f"describe select * {query}").fetchall()
        columns = {name: kind for name, kind, *_ in described}
        head = Head(name=task.name, start=b"", columns=tuple(columns))
        reader = next((one for one in READERS if one.recognises(head)), None)
        if reader:
            self.used[reader.name] = reader
            return reader.read(replace(task, path=self._as_text(query, task)))
        table = TableLog(name=task.name, query=query, columns=columns, numbered=numbered)
        return FileRead(name=task.name, notes=load_table(task, table))

    def _as_text(self, query: str, task: Task) -> Path:
        """A table as delimited text, for readers that take nothing else."""
        path = self.common.work / f"table-{task.number}.csv"
        self.connection.execute(
            f"copy (select columns(*)::varchar {query}) to {quote(str(path))} (header, quote '\"')"
        )
        return path

    def _read_delimited(self, task: Task, part: Part) -> Iterator[FileRead]:
        for text in open_delimited(part):
            task = replace(task, number=len(self.files), name=text.name)
            head = Head(name=text.name, start=part.head.removeprefix(codecs.BOM_UTF8), columns=text.columns)
            reader = next((one for one in READERS if one.recognises(head)), None)
            if reader:
                self.used[reader.name] = reader
                read = reader.read(replace(task, path=text.path))
                yield replace(read, notes=(*text.above, *read.notes))
                continue
            table = text.as_log(_NUMBERED_TABLE)
            with one_sentence(text.name, "text"):
                try:
                    notes = load_table(task, table)
                finally:
                    damaged = text.damaged + take_damaged(task)
            said = (*text.said, *notes)
            yield FileRead(name=text.name, skipped=text.skipped, damaged=damaged, notes=said)

    def read_frame(self, frame: Any) -> None:
        """A data frame, as if it were a file."""
        self.load_waiting()
        from hygiene.events.frames import as_table

        task = replace(self.common, number=len(self.files))
        with as_table(frame, self.connection) as name, one_sentence(task.name, "content"):
            self._account(task, self._read_table(task, f"from {name}", numbered=True))

    # the account

    def _rows_of(self, first: int) -> dict[int, list[Told]]:
        """What the files from a number on gave: kind, source, word, rows, rows without a zone."""
        word = "null" if "reason" in lacking(self.connection) else f"if(kind = '{Mark.SKIPPED}', reason, null)"
        rows = self.connection.execute(
            f"select file, kind, source, {word}, count(*), count(*) filter (zoneless) "
            f"from events where file >= {first} group by all"
        ).fetchall()
        found: dict[int, list[Told]] = {}
        for file, *told in rows:
            found.setdefault(file, []).append(tuple(told))
        return found

    def _account(self, task: Task, read: FileRead, rows: Sequence[Told] | None = None) -> None:
        """Take the account of a file."""
        report = self._count(task, read, rows)
        self.files.append(report)
        self.events += report.events
        if self.tick:
            self.tick(read.name, self.events, 0, 0)

    def _count(self, task: Task, read: FileRead, rows: Sequence[Told] | None = None) -> LogReport:
        """Count what a file gave, and take out the rows that are no events."""
        if rows is None:
            rows = self._rows_of(task.number).get(task.number, [])
        report, strangers = report_of(task, read, rows)
        if strangers and self.common.standings:
            self.connection.execute(
                f"insert into standings by name select {', '.join(_STANDING)} from events "
                f"where file = {task.number} and kind = '{Mark.SKIPPED}' and standing is not null"
            )
        if strangers:
            self.connection.execute(f"delete from events where file = {task.number} and kind like '-%'")
        return report

    def finish(self) -> EventReport:
        """The report; raises UnreadableInput where nothing could be read."""
        self.load_waiting()
        notes = join_names(self.logs, self.files, self.connection, self._count)
        for reader in self.used.values():
            if reader.finish:
                notes += reader.finish(self.connection)
        for column in ("zoneless", "doubtful"):
            self.connection.execute(f"alter table events drop column if exists {column}")
        if not self.common.standings:
            self.connection.execute("drop table standings")
        if self.used:
            self._recount()
        useful = [
            file for file in self.files if file.events or file.tallies or not (file.unread or file.damaged)
        ]
        if not useful or self._says_nothing():
            self._refuse()
        words = self.connection.execute(_WORDS).fetchall() if self._tells(EventKind.UNKNOWN) else []
        nobody = self.connection.execute(
            "select kind, count(*) from events where recipient is null group by 1"
        ).fetchall()
        undated = self.connection.execute("select count(*) from events where ts_us is null").fetchone()
        return EventReport(
            files=tuple(self.files),
            refused=tuple(self.refused),
            unknown_words=dict(words),
            nobody={EventKind(kind): count for kind, count in nobody},
            undated=int(undated[0]) if undated else 0,
            timezone=self.common.timezone,
            notes=(*notes, *guesses(dict(nobody))),
        )

    def _tells(self, kind: EventKind) -> bool:
        """Whether any file tells of that kind."""
        return any(kind in file.kinds for file in self.files)

    def _says_nothing(self) -> bool:
        """Whether all that was read are records with an address, and none says what happened."""
        if any(file.tallies or {*file.kinds} - {EventKind.UNKNOWN} for file in self.files):
            return False
        if not self._tells(EventKind.UNKNOWN):
            return False
        told = f"source <> '{PLAIN}' or reason is not null"
        return self.connection.execute(f"select 1 from events where {told} limit 1").fetchone() is None

    def _recount(self) -> None:
        """Events that a reader made of all its files together are counted for the files they stand in."""
        rows = self.connection.execute(
            "select file, kind, source, count(*) from events group by all"
        ).fetchall()
        for at, file in enumerate(self.files):
            kinds: Counter[EventKind] = Counter()
            layouts: Counter[str] = Counter()
            for number, kind, source, count in rows:
                if number == file.number:
                    kinds[EventKind(kind)] += count
                    layouts[source] += count
            ordered = {kind: kinds[kind] for kind in EventKind if kinds[kind]}
            self.files[at] = replace(file, kinds=ordered, layouts=dict(sorted(layouts.items())))

    def _refuse(self) -> None:
        if self.refused and not self.files:
            more = len(self.refused) - 1
            others = f"; nor can {more} other files" if more > 1 else "; nor can one other file" if more else ""
            raise UnreadableInput(f"{self.refused[0]}{others}")
        file = self.files[0]
        held = file.events + file.unread + file.damaged
        raise UnreadableInput(
            f"{file.name} is no event log known here: none of its {held:,} records says what happened to a mail"
        )
