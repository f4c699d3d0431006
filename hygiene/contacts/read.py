"""Exports to the contact table: every record of every file once, as a row or as a damaged line."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, TypeAlias

import duckdb
import msgspec
import narwhals as nw
import numpy as np
import pyarrow as pa

from hygiene.config import CleaningPolicy
from hygiene.contacts.ahead import ahead
from hygiene.contacts.consent_search import (
    Heard,
    consent_column,
    listen,
    unspoken,
    watched_note,
    with_ends,
)
from hygiene.contacts.date_columns import DateColumn, holding_numbers, needs_counts, settle_columns
from hygiene.contacts.facts import read_facts_sql
from hygiene.contacts.layout import OWN_ADDRESS, OWN_FACTS, PLAIN, Recognised, layouts, recognise
from hygiene.contacts.rows import RowReader, count_addresses, user_words
from hygiene.contacts.steps import read_ordinary
from hygiene.contacts.table import CONTACT, LATEST, ROWS
from hygiene.engines.engine import streaming
from hygiene.errors import UnreadableInput, UsageError
from hygiene.intake.cells import text_of
from hygiene.intake.dates_sql import first_sql, latest_sql, no_later_sql, unread_sql
from hygiene.intake.records import NEWLINE, RETURN, Block, Dialect, Positions
from hygiene.intake.scan import scan
from hygiene.intake.source import Source
from hygiene.status import Status

Tick: TypeAlias = Callable[
    [str, int, float], None
]  # the file being read, how many more rows, which share is done

_CLOCKS_APART = timedelta(days=2)  # zones and clocks that are ahead of ours
_TITLES = 20  # records among which a header is looked for that is not the first
_SAMPLE = 2_000  # records looked at first, to find the columns of address and consent
_STRETCHES, _STRETCH = 24, 48 << 10  # how many, and how many bytes, are looked at further on


@dataclass(frozen=True, kw_only=True)
class Export:
    """One file of the input: how it was read, and what of it became rows.

    A row's number is `base` + its line, so it says both. `spans` holds for each sound record its bytes in the
    source (start, stop) and its row, as int64, on disk.
    """

    source: Source
    recognised: Recognised
    base: int
    spans: Path
    address: int = 0  # position of the address in the header
    rows: int = 0
    damaged: int = 0
    blank: int = 0
    last_line: int = 0
    unread_dates: int = 0
    told: frozenset[str] = frozenset()  # see `RowReader.told`
    notes: tuple[str, ...] = ()

    @property
    def dialect(self) -> Dialect:
        """How the source is cut."""
        return Dialect(
            fields=len(self.recognised.header),
            delimiter=self.source.delimiter,
            quoted=self.source.quoted,
            newline=RETURN if self.source.line_end == b"\r" else NEWLINE,
            escape=self.recognised.layout.quote_escape,
        )

    def load_spans(self) -> Positions:
        """The bytes and the row of each sound record, three columns, left on disk."""
        if not self.rows:
            return np.zeros((0, 3), np.int64)
        return np.memmap(self.spans, np.int64, "r", shape=(self.rows, 3))


def scan_export(export: Export, wanted: Sequence[int]) -> Iterator[Block]:
    """The records of an export, with the wanted cells."""
    source = export.source
    start = max(source.start, source.header_bytes[1])
    with source.path.open("rb") as file:
        yield from scan(file, export.dialect, wanted, start=start, line=source.data_line)


def read_exports(
    sources: Sequence[Source],
    connection: duckdb.DuckDBPyConnection,
    work: Path,
    policy: CleaningPolicy,
    tick: Tick = lambda _name, _rows, _share: None,
    *,
    now: datetime | None = None,
) -> list[Export]:
    """Fill the tables ``contacts`` (see `hygiene.contacts.table`) and ``damaged`` from the files, in their
    order. What is dated after `now` is misdated.

    Raises UnreadableInput when there is no row at all, UsageError when a column has to be named.
    """
    columns = ", ".join(f"{name} {kind}" for name, kind in CONTACT.items())
    connection.execute(f"create or replace table contacts ({columns})")
    connection.execute('create or replace table damaged ("row" BIGINT, reason VARCHAR, text VARCHAR)')
    exports: list[Export] = []
    base = 0
    for number, source in enumerate(sources):
        recognised = _recognise(source, policy)
        export = Export(source=source, recognised=recognised, base=base, spans=work / f"spans-{number}")
        exports.append(_Reading(export, connection, policy, tick, now).run())
        base += exports[-1].last_line
        if base >= ROWS:
            raise UnreadableInput(f"these files have more than {ROWS:,} lines: clean them in parts")
    if not any(export.rows or export.damaged for export in exports):
        names = ", ".join(export.source.name for export in exports)
        raise UnreadableInput(f"{names} has a header and no rows")
    return exports


def _recognise(source: Source, policy: CleaningPolicy) -> Recognised:
    """The file's layout; where neither it nor anybody says what the consent is, its cells may."""
    header = source.header or tuple(f"column_{number}" for number in range(1, source.fields + 1))

    def reading(columns: Mapping[str, str]) -> Recognised:
        try:
            return recognise(header, f"{source.file_name} {source.sheet}", columns, policy.layout or "")
        except UsageError as error:
            raise UsageError(f"{source.name}: {error}") from None

    found = reading(policy.columns)
    named = policy.columns.get("status")
    if OWN_FACTS in header or named == "":
        return found
    sampled = Export(source=source, recognised=found, base=0, spans=Path())
    places = unspoken(found)
    heard = listen(found, places, _sample(sampled, places))
    told = found.tells_consent or named is not None
    if not told and (place := _consent_column(source, found, heard)) is not None:
        del heard[place]
        found, told = reading({**policy.columns, "status": f"#{place + 1}"}), True
        said = f"{header[place].strip()!r} is read as the consent, by its cells"
        found = msgspec.structs.replace(
            found, notes=(*found.notes, f"{said}; --column status= says it is none.")
        )
    return with_ends(found, heard, told=told)


def _consent_column(source: Source, found: Recognised, heard: Mapping[int, Heard]) -> int | None:
    try:
        return consent_column(found, heard)
    except UsageError as error:
        raise UsageError(f"{source.name}: {error}") from None


def _sample(export: Export, places: Sequence[int]) -> Iterator[Block]:
    """The first records of a file, and of a large one stretches of it up to its end, with these cells."""
    if not places:
        return
    seen, stop = 0, export.source.start
    for block in scan_export(export, places):
        yield block
        seen += len(block) + len(block.damaged)
        stop = int(block.stops[-1]) if len(block) else stop
        if seen >= _SAMPLE:
            break
    else:
        return
    size = export.source.path.stat().st_size
    with export.source.path.open("rb") as file:
        for begin in np.linspace(stop, max(stop, size - _STRETCH), _STRETCHES, dtype=np.int64):
            file.seek(int(begin))
            lines = file.read(_STRETCH)
            whole = io.BytesIO(lines[lines.find(bytes([export.dialect.newline])) + 1 :])
            yield from scan(whole, export.dialect, places)


def _own_words(policy: CleaningPolicy) -> dict[str, Status]:
    known = [status.value for status in Status]
    for word, status in policy.status_words.items():
        if status not in known:
            raise UsageError(f"status_words: {word!r} cannot mean {status!r}; there are {', '.join(known)}")
    return user_words(policy.status_words)


def _unread_note(rows: int) -> str:
    many = f"{rows:,} rows have" if rows > 1 else "1 row has"
    return f"{many} a date of activity that cannot be read or lies ahead: whether they are inactive is unknown."


class _Reading:
    """One file on its way into the tables."""

    def __init__(
        self,
        export: Export,
        connection: duckdb.DuckDBPyConnection,
        policy: CleaningPolicy,
        tick: Tick,
        now: datetime | None,
    ) -> None:
        self.export, self.connection, self.tick = export, connection, tick
        self.until = int((now + _CLOCKS_APART).timestamp()) if now else LATEST - 1
        self.source, self.recognised = export.source, export.recognised
        self.rows = self.damaged = self.blank = self.records = 0
        address = self.recognised.address
        self.reader = RowReader(
            recognised=self.recognised,
            address=self._find_address() if address is None else address,
            opens=policy.opens,
            words=_own_words(policy),
        )
        self.set_aside = [(line.line, line.why, line.text) for line in self.source.damaged]
        self.last_line = self.source.data_line
        self.size = self.source.path.stat().st_size

    def run(self) -> Export:
        """Read the file; the export with its counts."""
        columns = self._date_columns()
        with (
            self.export.spans.open("wb") as spans,
            streaming(self.connection, self.reader.schema, self._batches(spans)),
        ):
            query = self.connection.sql(self._query(columns))
            read = read_ordinary(nw.from_native(query)).select(*CONTACT).to_native().sql_query()
            self.connection.execute(f"insert into contacts {read}")
        self._flush()
        self.source.check_unchanged()
        unread = self._count_unread()
        return replace(
            self.export,
            address=self.reader.address,
            rows=self.rows,
            damaged=self.damaged,
            blank=self.blank,
            last_line=self.last_line,
            unread_dates=unread,
            told=self.reader.told,
            notes=(
                *self.source.said,
                *self.recognised.notes,
                *(note for one in columns for note in one.notes(self.recognised.header[one.place])),
                *([_unread_note(unread)] if unread else []),
                *(watched_note(self.recognised, place) for place in sorted(self.reader.spoke)),
                *self._strange(),
            ),
        )

    def _count_unread(self) -> int:
        """Rows with a date of activity that could not be read."""
        if not self.reader.activity:
            return 0
        (count,) = self.connection.execute(
            'select count(*) from contacts where "row" > ? and "row" <= ? and activity = ?',
            [self.export.base, self.export.base + self.last_line, LATEST],
        ).fetchall()[0]
        return int(count)

    def _strange(self) -> Iterator[str]:
        for word, rows in self.reader.strange.most_common():
            known = "is no status known here: say what it means in hygiene.toml, [clean.status_words]"
            yield f"{word!r}, the status of {rows:,} row{'s' if rows > 1 else ''}, {known}"

    def _find_address(self) -> int:
        """The column whose cells are addresses, when no name says it."""
        header = self.recognised.header
        counts, seen = np.zeros(len(header), np.int64), 0
        for block in self._scan(range(len(header))):
            if not seen and self.recognised.layout is layouts()[PLAIN]:
                self._refuse_titles(block)
            counts += [
                0 if name in {OWN_ADDRESS, OWN_FACTS} else count_addresses(block, number)
                for number, name in enumerate(header)
            ]
            seen += len(block) + len(block.damaged)
            if seen >= _SAMPLE:
                break
        likely = np.flatnonzero((counts > 0) & (counts * 2 >= counts.max()))
        names = ", ".join(repr(header[place]) for place in likely)
        if len(likely) > 1:
            choice = f"--column 'address={header[likely[0]]}'"
            raise UsageError(f"{self.source.name}: {names} all hold addresses: say which, as in {choice}")
        if not len(likely):
            names = ", ".join(repr(name) for name in header)
            raise UnreadableInput(f"{self.source.name} has no column of e-mail addresses; it has {names}")
        return int(likely[0])

    def _refuse_titles(self, block: Block) -> None:
        """A header below lines of something else: what it says of consent would go unread."""
        for place in range(len(self.recognised.header)):
            for row, cell in enumerate(text_of(block, place)[:_TITLES].to_pylist()):
                if "@" not in cell and recognise([cell]).address is not None:
                    line = self._lines(block)[0][row]
                    raise UnreadableInput(
                        f"{self.source.name}: line {line} looks like its header ({cell.strip()!r}): "
                        "delete what stands above it"
                    )

    def _scan(self, wanted: Sequence[int]) -> Iterator[Block]:
        return scan_export(self.export, wanted)

    def _batches(self, spans: BinaryIO) -> Iterator[pa.RecordBatch]:
        for block in ahead(self._scan(self.reader.wanted)):
            lines, damaged_lines = self._lines(block)
            row = self.export.base + lines
            spans.write(np.column_stack([block.starts, block.stops, row]).tobytes())
            for line, one in zip(damaged_lines, block.damaged, strict=True):
                self.set_aside.append((int(line), one.reason, self._text(one.start, one.stop)))
            self.blank += block.blank
            self.rows += len(block)
            self.tick(self.source.name, len(block) + len(block.damaged), self._share(block))
            if len(block):
                self.last_line = max(self.last_line, int(lines[-1]))
                yield self.reader.batch(block, row)

    def _share(self, block: Block) -> float:
        return int(block.stops[-1]) / max(self.size, 1) if len(block) else 0.0

    def _lines(self, block: Block) -> tuple[Positions, Positions]:
        """The lines, in the file as given, of the sound records and of the damaged ones."""
        damaged = np.array([one.start for one in block.damaged], np.int64)
        if self.source.lines is None:
            return block.lines, np.array([one.line for one in block.damaged], np.int64)
        every = np.sort(np.concatenate([block.starts, damaged]))
        lines = self.source.lines[self.records : self.records + len(every)]
        self.records += len(every)
        return lines[np.searchsorted(every, block.starts)], lines[np.searchsorted(every, damaged)]

    def _text(self, start: int, stop: int) -> str:
        with self.source.path.open("rb") as file:
            file.seek(start)
            return file.read(stop - start).decode("utf-8", "backslashreplace").rstrip("\r\n")

    def _flush(self) -> None:
        """Write out the damaged lines."""
        if not self.set_aside:
            return
        lines, reasons, texts = zip(*self.set_aside, strict=True)
        row = np.array(lines, np.int64) + self.export.base
        self.connection.register("lines", pa.table({"row": row, "reason": reasons, "text": texts}))
        self.connection.execute('insert into damaged select "row", reason, text from lines')
        self.connection.unregister("lines")
        self.damaged += len(lines)
        self.last_line = max(self.last_line, *lines)

    def _query(self, columns: Sequence[DateColumn]) -> str:
        """From the batches to the columns of the contact table."""
        part = self.recognised.layout.date_part
        moments = {one.place: no_later_sql(one.moment(part), self.until) for one in columns}
        unread = " or ".join(unread_sql(f"c{place}", moments[place]) for place in self.reader.activity)
        activity = latest_sql([moments[place] for place in self.reader.activity])
        ignored = [f"try_cast(trim(c{place}) as bigint)" for place in self.reader.ignored]
        values = {
            "row": '"row"',
            "address": "address",
            "standing": "standing",
            "joined": first_sql([moments[place] for place in self.recognised.joined]),
            "activity": f"case when {unread} then {LATEST} else {activity} end" if unread else activity,
            "tracked": "true" if self.reader.activity else "false",
            "confirmed": "confirmed",
            "ignored_mails": ignored[0] if ignored else "null::bigint",
        }
        if self.reader.facts is not None:
            values |= read_facts_sql(f"c{self.reader.facts}")
        return f"select {', '.join(f'{value} as {name}' for name, value in values.items())} from batches"

    def _date_columns(self) -> list[DateColumn]:
        """How each column of dates is read."""
        layout = self.recognised.layout
        places = sorted({*self.reader.activity, *self.recognised.joined})
        if not places or not needs_counts(layout):
            return [DateColumn(place=place, formats=layout.dates) for place in places]
        first = next(self._scan(places), None)
        numbers = holding_numbers(first, places) if first is not None else []
        return settle_columns(layout, places, numbers, self._count, self.until)

    def _count(self, counts: str) -> tuple[int, ...]:
        """Counts over the columns of dates: a pass over the file for these alone."""
        reader = replace(self.reader, also=())
        batches = (reader.batch(block, block.lines) for block in self._scan(reader.wanted) if len(block))
        with streaming(self.connection, reader.schema, batches):
            return self.connection.execute(f"select {counts} from batches").fetchall()[0]
