"""Which mail had which subject: of a list, of its own events, of its variant or campaign; else it is not known.

The subject of a message is believed where its source tells it with sends or deliveries: one that tells it with
bounces alone (as Postmark does) would make mails with a subject look as if all of them bounced. A variant or a
campaign has a subject where all that is told of it is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from hygiene.engines.engine import DuckEngine, Engine, Frame
from hygiene.errors import UsageError
from hygiene.metrics.subjects.features import FeatureSets, feature_sets
from hygiene.metrics.subjects.given import Given

if TYPE_CHECKING:
    import duckdb

SET, LINE = "subject_features", "subject_line"
MOST: Final = 200_000  # subjects looked at, the most frequent first: as many as mails where each is personal

_TOLD: Final = """
create or replace temp table subject_told as
select source, message_id, campaign, variant, subject, count(*) as events,
    bool_or(kind in ('sent', 'delivered')) as mailed
from ({rows}) where subject is not null group by all"""
_MAILED: Final = "(select source from subject_told group by source having bool_or(mailed))"
_ONE: Final = """
select {keys}, {set}, {line} from (
    select {keys}, min(subject) as subject from subject_told where {known}
    group by {keys} having min(subject) = max(subject)
) join subject_number using (subject)"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Subjects:
    """What is known of subjects, and how mails come to theirs."""

    sets: FeatureSets
    lists: tuple[Given, ...]
    lookups: tuple[tuple[str, tuple[str, ...]], ...]  # tables, the first that knows a mail counts; their keys

    def join(self, mails: Frame, engine: Engine, reading: DuckEngine) -> Frame:
        """The mails with the numbers of their subject and of its set of features; null: not known."""
        for table, keys in self.lookups:
            known = engine.adopt(table, reading)
            named = {f"{table}_{name}": nw.col(name) for name in (SET, LINE)}
            mails = mails.join(known.select(*keys, **named), on=list(keys), how="left")
        if not self.lookups:
            nothing = nw.lit(None, nw.Int64)
            return mails.with_columns(**{SET: nothing, LINE: nothing})
        return mails.with_columns(
            **{name: nw.coalesce(*(f"{table}_{name}" for table, _ in self.lookups)) for name in (SET, LINE)}
        )

    def drawn_by(self, mails: Frame, engine: Engine, *, campaigns: bool) -> str:
        """The column of what was drawn: campaigns; where none are told subjects, or days if these are fewer.

        Subjects with a name in them are as many as mails, and no mail of one sending is drawn by itself.
        """
        if campaigns:
            return "campaign"
        days = len(engine.collect(mails.group_by("day").agg(mails=nw.len())))
        return LINE if len(self.sets.numbers) <= days else "day"

    def of_report(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A campaign known from sums only, likewise."""
        listed = {one.campaign: one.subject for one in self.lists if one.variant is None}
        subject = listed.get(row["campaign"], row["subject"])
        return {**row, SET: self.sets.sets.get(subject), LINE: self.sets.numbers.get(subject)}


def find_subjects(
    reading: DuckEngine, tallies: Sequence[Mapping[str, Any]], lists: Sequence[Given], *, sends: bool
) -> Subjects:
    """Look at each subject that is told, once; `sends` says that a list of what was sent was read, too.

    Raises UsageError where none is told, or where a list names no campaign of the log.
    """
    connection = reading.connection
    tables = ["events", *(["sends"] if sends else [])]
    columns = "source, message_id, campaign, variant, subject, kind"
    rows = " union all ".join(f"select {columns} from {table}" for table in tables)
    connection.execute(_TOLD.format(rows=rows))
    if lists:
        _check_lists(connection, tallies, lists)
    query = f"select subject from subject_told group by 1 order by sum(events) desc, 1 limit {MOST}"
    told = [subject for (subject,) in connection.execute(query).fetchall()]
    known = [*(one.subject for one in lists), *(row["subject"] for row in tallies if row["subject"]), *told]
    if not known:
        raise UsageError(
            "the log tells no subjects: give them with --subjects FILE, a table of campaign and subject"
        )
    sets = feature_sets(known)
    _load(reading, sets)
    lookups = tuple(_lookups(connection, reading, sets, lists))
    connection.execute("drop table subject_told")
    return Subjects(sets=sets, lists=tuple(lists), lookups=lookups)


def _check_lists(
    connection: duckdb.DuckDBPyConnection, tallies: Sequence[Mapping[str, Any]], lists: Sequence[Given]
) -> None:
    rows = connection.execute("select distinct campaign from events where campaign is not null").fetchall()
    there = {campaign for (campaign,) in rows} | {row["campaign"] for row in tallies}
    if not there & {one.campaign for one in lists}:
        raise UsageError(
            f"no campaign of --subjects is one of the log: {lists[0].campaign[:40]!r} is none of {len(there):,}"
        )


def _load(reading: DuckEngine, sets: FeatureSets) -> None:
    import pyarrow as pa

    table = pa.table(
        {"subject": list(sets.numbers), LINE: list(sets.numbers.values()), SET: list(sets.sets.values())}
    )
    reading.load("subject_number", table)


def _lookups(
    connection: duckdb.DuckDBPyConnection, reading: DuckEngine, sets: FeatureSets, lists: Sequence[Given]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The tables that know anything, in their order."""
    for table, keys, rows in (
        ("subject_of_listed_variant", ("campaign", "variant"), [one for one in lists if one.variant]),
        ("subject_of_listed", ("campaign",), [one for one in lists if not one.variant]),
    ):
        if rows:
            _load_list(reading, table, keys, rows, sets)
            yield table, keys
    for table, keys, known in (
        ("subject_of_message", ("message_id",), f"source in {_MAILED} and message_id is not null"),
        ("subject_of_variant", ("campaign", "variant"), "campaign is not null and variant is not null"),
        ("subject_of_campaign", ("campaign",), "campaign is not null"),
    ):
        query = _ONE.format(keys=", ".join(keys), set=SET, line=LINE, known=known)
        ((count,),) = connection.execute(f"create or replace table {table} as {query}").fetchall()
        if count:
            yield table, keys


def _load_list(
    reading: DuckEngine, table: str, keys: tuple[str, ...], rows: Sequence[Given], sets: FeatureSets
) -> None:
    import pyarrow as pa

    made: dict[str, list[Any]] = {key: [getattr(one, key) for one in rows] for key in keys}
    made[SET] = [sets.sets[one.subject] for one in rows]
    made[LINE] = [sets.numbers[one.subject] for one in rows]
    reading.load(table, pa.table(made))
