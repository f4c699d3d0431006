"""Support exports to one table of tickets: CSV, Excel, Parquet and JSON, of helpdesks or plain."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hygiene.errors import UnreadableInput, UsageError
from hygiene.events.figures import decimal_mark
from hygiene.intake.guard import shown
from hygiene.intake.moments_sql import NUMERIC
from hygiene.metrics.support_cells import BARE, number_sql, quote, word_sql, words_sql
from hygiene.metrics.support_file import REJECTS, SupportFile, damage, open_support_file, open_support_frame
from hygiene.metrics.support_layout import Layout, Shape
from hygiene.metrics.support_sql import (
    GATHERED,
    MESSAGE,
    MOMENTS,
    RATED,
    RATING,
    TICKET,
    UNRATED,
    Manner,
    insertion,
    name,
)
from hygiene.metrics.support_words import (
    FIVE,
    LENGTHS,
    length_fields,
    rating_scale,
    satisfied_from,
)
from hygiene.metrics.words import counted

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_SAID = 5  # unknown words in a note
_TABLES = {"support_tickets": TICKET, "support_messages": MESSAGE, "support_ratings": RATING}


@dataclass(frozen=True, kw_only=True)
class TicketTable:
    """The tickets as columns (see `TICKET`), and what became of the records."""

    tickets: pa.Table
    files: tuple[str, ...]
    layouts: tuple[str, ...]
    records: int
    set_aside: Mapping[str, int]  # why → records or tickets that are not measured
    notes: tuple[str, ...]
    as_of_us: int
    tells_replies: frozenset[str]  # names of layouts whose files say when tickets were answered
    tells_closings: frozenset[str]  # … and when, or whether, they were closed


@dataclass(slots=True)
class _Reading:
    connection: duckdb.DuckDBPyConnection
    zone: str
    day_first: bool | None
    scale: tuple[float, float] | None
    notes: list[str] = field(default_factory=list)
    set_aside: Counter[str] = field(default_factory=Counter)
    records: int = 0


def read_tickets(
    given: Sequence[Any],
    *,
    zone: str = "UTC",
    day_first: bool | None = None,
    scale: tuple[float, float] | None = None,
    as_of_us: int | None = None,
) -> TicketTable:
    """Read support exports, paths or data frames; times that name no zone are in `zone`, a name of the IANA.

    `day_first` and `scale` (from and to which number is rated) settle what a file does not tell.

    Raises UnreadableInput, UnwritableOutput or UsageError with one sentence.
    """
    import duckdb

    if not given:
        raise UsageError("name at least one file of tickets or messages")
    with tempfile.TemporaryDirectory(prefix="hygiene-support-", ignore_cleanup_errors=True) as work:
        settings: dict[str, Any] = {"autoinstall_known_extensions": False, "temp_directory": work}
        with duckdb.connect(str(Path(work) / "support.db"), config=settings) as connection:
            reading = _Reading(connection, zone, day_first, scale)
            for table, columns in _TABLES.items():
                listed = ", ".join(f"{name(column)} {kind}" for column, kind in columns.items())
                connection.execute(f"create table {table} ({listed})")
            files = [file for one in given for file in _opened(one, Path(work), connection)]
            for file in files:
                _load(file, reading)
            return _finish(files, reading, as_of_us)


def _opened(one: Any, work: Path, connection: duckdb.DuckDBPyConnection) -> list[SupportFile]:
    if isinstance(one, str | Path):
        return open_support_file(Path(one), work, connection)
    return [open_support_frame(one, connection)]


# records → tickets


def _load(file: SupportFile, reading: _Reading) -> None:
    connection, layout = reading.connection, file.layout
    with damage(file.name):
        connection.execute(f"create or replace temp table support_given as {file.records}")
    damaged = file.damaged + _take_rejects(connection)
    reading.set_aside["damaged line"] += damaged
    reading.records += damaged
    manner = _manner(file, reading)
    connection.execute(
        f"create or replace temp table support_told as {manner.told(layout, 'select * from support_given')}"
    )
    reading.records += _one(connection, "select count(*) from support_given")
    _note_unread(file, reading)
    _note_unknown(layout, reading)
    without = _one(connection, "select count(*) from support_given where f_ticket is null")
    reading.set_aside["no ticket id"] += without
    reading.notes += [note for note in layout.notes if note not in reading.notes]
    if layout.unconfirmed:
        reading.notes.append(f"{layout.name}: not confirmed by its maker: {layout.unconfirmed}")
    connection.execute(insertion(layout, "select * from support_told where f_ticket is not null"))


def _take_rejects(connection: duckdb.DuckDBPyConnection) -> int:
    """How many lines the reading of a table could not make out; forgets them."""
    if not _one(connection, f"select count(*) from duckdb_tables() where table_name = '{REJECTS}'"):
        return 0
    damaged = _one(connection, f"select count(distinct line) from {REJECTS}")
    connection.execute(f"drop table {REJECTS}")
    connection.execute(f"drop table {REJECTS}_scan")
    return damaged


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    return int((connection.execute(query).fetchone() or (0,))[0] or 0)


def _manner(file: SupportFile, reading: _Reading) -> Manner:
    lengths = [one for length in LENGTHS for one in length_fields(length) if one in file.fields]
    return Manner(
        zone=reading.zone,
        day_first=_order(file, reading),
        marks={one: decimal_mark(f"f_{one}", "support_given", reading.connection) for one in lengths},
        scale=_scale(file, reading),
        fields=file.fields,
    )


def _order(file: SupportFile, reading: _Reading) -> bool | None:
    """Whether days come first in dates like 3/4/2026; None without any. The file settles it, or the caller."""
    cells = " union all ".join(f"select f_{one} as cell from support_given" for one in MOMENTS)
    parts = f"regexp_extract(cell, {quote(NUMERIC)}, ['a', 'b', 'c'])"
    found = reading.connection.execute(
        "select count(*), count(*) filter (p.a::int > 12), "
        "count(*) filter (coalesce(nullif(p.b, ''), p.c)::int > 12) "
        f"from (select {parts} as p from ({cells}) where regexp_matches(cell, {quote(NUMERIC)}))"
    ).fetchone() or (0, 0, 0)
    numeric, day_first, month_first = found
    if not numeric:
        return None
    if bool(day_first) != bool(month_first):
        return bool(day_first)
    if reading.day_first is None or (day_first and month_first):
        raise UnreadableInput(
            f"{file.name} has dates like 3/4/2026 and does not tell which is the month: "
            "say --dates day-first or --dates month-first"
        )
    return reading.day_first


def _scale(file: SupportFile, reading: _Reading) -> tuple[float, float] | None:
    """From and to which number is rated, by the caller or by the numbers; what is not from 1 to 5 is said."""
    if any(word.lstrip("-").isdigit() for word in file.layout.ratings):
        return None  # the platform's own numbers
    if reading.scale:
        return reading.scale
    number = number_sql("f_rating")
    lowest, highest = reading.connection.execute(
        f"select min({number}), max({number}) from support_given "
        f"where regexp_full_match(f_rating, {quote(BARE)})"
    ).fetchone() or (None, None)
    scale = rating_scale(lowest, highest)
    if scale is None:
        reading.notes.append(
            f"{file.name}: ratings reach from {lowest:g} to {highest:g}, and of how many nothing tells: "
            "they are not counted; say it like --ratings 1-7"
        )
    elif scale != FIVE:
        reading.notes.append(
            f"{file.name}: ratings are taken to be from {scale[0]:g} to {scale[1]:g}; from "
            f"{satisfied_from(scale):g} on they are satisfied"
        )
    return scale


def _note_unread(file: SupportFile, reading: _Reading) -> None:
    """Cells that should be moments or lengths and are none."""
    moments = {one: f"{one}_us" for one in MOMENTS}
    moments["first_reply"] = "coalesce(first_reply_us, first_reply_for_us)"
    lengths = {one: f"{length}_for_us" for length in LENGTHS for one in length_fields(length)}
    if "first_reply" in file.fields:  # perhaps the same column, which is told of once
        del lengths["first_reply_length"]
    for kind, cells in (("no date with a time", moments), ("no length of time", lengths)):
        for told, value in cells.items():
            row = reading.connection.execute(
                f"select count(*), min(f_{told}) from support_told "
                f"where f_{told} is not null and {value} is null"
            ).fetchone()
            if row and row[0]:
                of = told.replace("_", " ")
                cells_are = counted(row[0], f"cell of {of} is", f"cells of {of} are")
                reading.notes.append(f"{file.name}: {cells_are} {kind}, like {shown(row[1], 40)!r}")


def _note_unknown(layout: Layout, reading: _Reading) -> None:
    """Words that no rule knows; they are counted, never guessed."""
    statuses, words = layout.statuses, layout.words
    asked = {"asked": [*layout.rating_words("asked"), *layout.rating_words("not_asked")]}
    known = {
        "status": words_sql("f_status", {"known": [*statuses.open, *statuses.closed, *statuses.left_out]}),
        "rating": f"coalesce(rating::varchar, {words_sql('f_rating', asked)})",
    }
    if layout.kind is Shape.MESSAGES:
        acts = (words.message, words.closed, words.reopened, words.rated, words.asked, words.ignored)
        all_acts = [word for group in (*acts, words.left_out) for word in group]
        people = [*words.customer, *words.agent, *words.machine]
        known |= {"what": words_sql("f_what", {"known": all_acts})}
        known |= {"author": words_sql("f_author", {"known": people})}
    for one, meaning in known.items():
        rows = reading.connection.execute(
            f"select {word_sql(f'f_{one}')} as word, count(*) from support_told "
            f"where ({meaning}) is null and f_{one} is not null group by word order by 2 desc, 1"
        ).fetchall()
        if rows:
            said = ", ".join(f"{shown(word, 40)!r} ({count:,})" for word, count in rows[:_SAID])
            more = f" and {len(rows) - _SAID} more" if len(rows) > _SAID else ""
            reading.notes.append(f"{layout.name}: {one} words that are not known here: {said}{more}")


def _finish(files: Sequence[SupportFile], reading: _Reading, as_of_us: int | None) -> TicketTable:
    connection = reading.connection
    if as_of_us is None:  # 0 where the files hold no moment at all
        latest = "greatest(created_us, reply_us, closed_us, updated_us)"
        as_of_us = max(
            _one(connection, f"select max({latest}) from support_tickets"),
            _one(connection, "select max(us) from support_messages"),
            _one(connection, "select max(us) from support_ratings"),
        )
    _set_messages_aside(reading)
    connection.execute(GATHERED.replace("$as_of", str(as_of_us)))
    _keep_one_each(reading)
    _join_ratings(files, reading, as_of_us)
    _cut(reading, as_of_us)
    kept = connection.sql(
        f"select {', '.join(map(name, TICKET))} from support_tickets order by created_us, layout, ticket"
    )
    return TicketTable(
        tickets=kept.arrow().read_all(),
        files=tuple(file.name for file in files),
        layouts=tuple(dict.fromkeys(file.layout.name for file in files)),
        records=reading.records,
        set_aside={why: count for why, count in sorted(reading.set_aside.items()) if count},
        notes=tuple(dict.fromkeys(reading.notes)),
        as_of_us=as_of_us,
        tells_replies=frozenset(file.layout.name for file in files if _tells(file, "first_reply")),
        tells_closings=_closings(files, connection),
    )


def _tells(file: SupportFile, field_name: str) -> bool:
    """Messages tell of replies by themselves."""
    if field_name == "first_reply" and file.layout.kind is Shape.MESSAGES:
        return True
    return any(one.startswith(field_name) for one in file.fields)


def _closings(files: Sequence[SupportFile], connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    rows = connection.execute(
        "select distinct layout from support_tickets where closed_us is not null or state is not null"
    ).fetchall()
    telling = {"closed", "status", *length_fields("resolution")}
    by_field = {file.layout.name for file in files if telling & file.fields}
    return frozenset({layout for (layout,) in rows} | by_field)


def _set_messages_aside(reading: _Reading) -> None:
    """Tickets of a log in which no customer wrote: nothing to answer."""
    reading.set_aside["no customer wrote"] += _one(
        reading.connection,
        "select count(*) from (select layout, ticket from support_messages group by all having not "
        "coalesce(bool_or(act = 'message' and who = 'customer' and us is not null), false))",
    )


def _join_ratings(files: Sequence[SupportFile], reading: _Reading, as_of_us: int) -> None:
    """Put ratings of files of their own on the tickets they are of."""
    rated = [file for file in files if file.layout.kind is Shape.RATINGS]
    if not rated:
        return
    if len(rated) == len(files):
        raise UsageError(f"{rated[0].name} holds ratings only: give the export of the tickets they are of, too")
    connection = reading.connection
    connection.execute("create or replace temp table support_families (layout varchar, family varchar)")
    families = {(file.layout.name, file.layout.family) for file in files}
    connection.executemany("insert into support_families values (?, ?)", sorted(families))
    connection.execute(RATED.replace("$as_of", str(as_of_us)))
    reading.set_aside["rating of a ticket that is not here"] += _one(connection, UNRATED)


def _keep_one_each(reading: _Reading) -> None:
    """A ticket that is there several times is the one that changed last."""
    connection = reading.connection
    columns = ", ".join(name(column) for column in TICKET)
    before = _one(connection, "select count(*) from support_tickets")
    connection.execute(
        f"create or replace table support_tickets as select {columns} from support_tickets "
        "qualify row_number() "
        "over (partition by layout, ticket order by updated_us desc nulls last, closed_us desc nulls last, "
        "reply_us desc nulls last, hash(support_tickets)) = 1"
    )
    reading.set_aside["told more than once"] += before - _one(
        connection, "select count(*) from support_tickets"
    )


def _cut(reading: _Reading, as_of_us: int) -> None:
    """Leave out what is no case, and what happened after the moment asked for."""
    for why, condition in (
        ("spam, deleted or merged", "state = 'left out'"),
        ("not dated", "created_us is null"),
        ("created later", f"created_us > {as_of_us}"),
        ("closed before it was created", "state is distinct from 'open' and closed_us < created_us"),
    ):
        reading.set_aside[why] += _one(
            reading.connection, f"select count(*) from support_tickets where {condition}"
        )
        reading.connection.execute(f"delete from support_tickets where {condition}")
    early = _one(reading.connection, "select count(*) from support_tickets where reply_us < created_us")
    if early:
        reading.notes.append(
            f"{counted(early, 'ticket was', 'tickets were')} answered before being created: "
            "that reply is not counted"
        )
    reading.connection.execute(
        f"update support_tickets set answered = answered and coalesce(reply_us, 0) <= {as_of_us}, "
        f"reply_us = if(reply_us between created_us and {as_of_us}, reply_us, null), "
        f"state = if(closed_us > {as_of_us}, 'open', state)"
    )
