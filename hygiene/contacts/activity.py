"""The last sign of life and the bounce history of each person, from event logs.

What is counted, and what is not:

- an open or click by a machine is no sign of life; what may be a machine's is one, and is counted;
- a hard bounce, a complaint and an opt-out stand, whatever comes later: nothing in a log takes them back;
- soft bounces count once a UTC day, after the last delivery, open, click or reply (a machine's, too: the mail
  had arrived); a bounce of unknown class counts as soft, a block, which faults the sender, not at all; that the
  next server took a mail, which our own outbox calls delivered, is no arrival of a mail that comes back later;
- mails ignored are deliveries since the last sign of life, or sends where a platform's log holds no delivery;
- a time without zone is taken for UTC.

Neither the order of events and files nor saying the same twice changes any of it. The events stay in DuckDB:
Python sees unusual addresses and counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from hygiene.address import Address, judge_address
from hygiene.contacts.activity_report import ActivityReport, Aside, report_events
from hygiene.contacts.steps import read_ordinary
from hygiene.errors import UnreadableInput
from hygiene.event import BounceClass, EventKind, Machine
from hygiene.events.read import TABLES, read_events
from hygiene.events.report import EventReport
from hygiene.events.values import is_kind
from hygiene.intake.dates_sql import quoted
from hygiene.soft_bounces import ARRIVED, SOFT, handover_sql, soft_days
from hygiene.status import Status
from hygiene.text_numbers import number_sql

if TYPE_CHECKING:
    import duckdb

#: the table's columns: one row a person
ACTIVITY: Final = {
    "mailbox": "VARCHAR",  # canonical key
    "activity": "BIGINT",  # last sign of life; seconds since 1970 UTC, null for none
    "standing": "TINYINT",  # rank of the status that the log proves, null for none
    "soft_bounces": "BIGINT",  # days with soft bounces since the last arrival
    "mails_ignored": "BIGINT",  # since the last sign of life; null when no log says what was sent
}
_MACHINES: Final = (Machine.MPP, Machine.SCANNER)  # not a proxy's, which a person may stand behind
_ALIVE: Final = (EventKind.CLICKED, EventKind.REPLIED, EventKind.CONVERTED)
#: columns of events that nobody looks at here
_SPARED: Final = (
    *("campaign", "variant", "segment", "stream", "subject", "domain", "provider", "smtp_status", "url"),
    *("tracked", "value_micros", "currency"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Activity:
    """What logs say of persons: a table of the connection, with the columns of `ACTIVITY`."""

    table: str
    report: ActivityReport


def read_activity(
    paths: Sequence[Path],
    connection: duckdb.DuckDBPyConnection,
    *,
    opens: bool = True,
    table: str = "event_activity",
) -> Activity:
    """Read event logs into a table of the connection, replacing one of that name.

    Whatever `hygiene.read_events` reads: files, folders and patterns. With `opens` false, no open is a sign of
    life. Raises UnreadableInput, UnwritableOutput or UsageError with one sentence.
    """
    try:
        read = read_events(list(paths), connection, spared=_SPARED, standings=True)
        _refuse_sums(read)
        _find_persons(connection)
        connection.execute(_JUDGED)
        _write_activity(connection, table, opens=opens)
        report = report_events(read, connection, "event_judged", table)
    finally:
        for name in (*TABLES, *(f"temp.{one}" for one in _TEMPORARY)):
            connection.execute(f"drop table if exists {name}")
    return Activity(table=table, report=report)


_TEMPORARY: Final = (
    *("event_mailbox", "event_person", "event_address", "event_judged"),
    *("event_life", "event_soft", "event_history", "event_ignored"),
)


def _refuse_sums(read: EventReport) -> None:
    """Reports of campaigns tell of nobody."""
    for file in read.files:
        if file.tallies and not file.events:
            raise UnreadableInput(f"{file.name} tells of campaigns and not of persons, so it is no event log")


# Addresses → persons


def _find_persons(connection: duckdb.DuckDBPyConnection) -> None:
    """`event_address`: address → person, `event_person`: person → mailbox; what is no address is in neither."""
    connection.execute(
        "create or replace temp table event_address as select distinct recipient as address from ("
        "select recipient from events union all select recipient from standings) where recipient is not null"
    )
    query = read_ordinary(nw.from_native(connection.table("event_address"))).to_native().sql_query()
    connection.execute(
        "create or replace temp table event_mailbox as select address, "
        f"case when ordinary then coalesce(other_mailbox, lower(address)) end as mailbox from ({query})"
    )
    _judge_others(connection)
    connection.execute(
        "create or replace temp table event_person as select mailbox, row_number() over ()::integer as person "
        "from (select distinct mailbox from event_mailbox where mailbox is not null)"
    )
    connection.execute(
        "create or replace temp table event_address as "
        "select address, person from event_mailbox join event_person using (mailbox)"
    )


def _judge_others(connection: duckdb.DuckDBPyConnection) -> None:
    """Python's judgement of addresses that are not ordinary; without an @ in any spelling they are none."""
    import pyarrow as pa

    rows = connection.execute(
        "select address from event_mailbox where mailbox is null and regexp_matches(address, '[@＠﹫]|%40')"
    ).fetchall()
    judged = ((address, judge_address(address)) for (address,) in rows)
    kept = {address: found.mailbox for address, found in judged if isinstance(found, Address)}
    columns = {"address": pa.array(kept.keys(), pa.string()), "mailbox": pa.array(kept.values(), pa.string())}
    connection.register("event_others", pa.table(columns))
    connection.execute("insert into event_mailbox select address, mailbox from event_others")
    connection.unregister("event_others")


# What every event says, or why it says nothing

_KINDS: Final = {EventKind.COMPLAINED: Status.COMPLAINED, EventKind.UNSUBSCRIBED: Status.UNSUBSCRIBED}
#: the rank of the status that an event proves
_PROVEN: Final = f"""greatest(
    case standing {" ".join(f"when {quoted(one)} then {one.rank}" for one in Status)} end,
    case kind {" ".join(f"when {quoted(kind)} then {one.rank}" for kind, one in _KINDS.items())} end,
    case when kind = '{EventKind.BOUNCED}' and bounce_class = '{BounceClass.HARD}'
        then {Status.BOUNCED.rank} end)"""

_JUDGED: Final = f"""
create or replace temp table event_judged as
with told as (
    select source, kind, bounce_class, machine, recipient, standing, ts_us,
        {number_sql("message_id")} as message, {handover_sql("event_id", "source")} as handover from events
    union all by name select source, recipient, standing from standings
),
joined as (
    select source, kind, recipient, person, bounce_class, message, handover, ts_us // 1000000 as seconds,
        case when machine in ({", ".join(map(quoted, _MACHINES))}) then true
            when machine = '{Machine.NONE}' then false end as machine, {_PROVEN} as standing
    from told left join event_address on address = recipient
)
select * exclude (recipient), case
    when kind = '{EventKind.UNKNOWN}' then '{Aside.UNKNOWN_WORD}'
    when recipient is null then '{Aside.NOBODY}'
    when person is null then '{Aside.INVALID_ADDRESS}'
    when seconds is null and standing is null then '{Aside.UNDATED}'
    end as aside
from joined"""


# Events → persons


def _write_activity(connection: duckdb.DuckDBPyConnection, table: str, *, opens: bool) -> None:
    """Statement by statement: all in one, DuckDB 2.0 waited for itself without end when memory was short."""
    for statement in (
        _life_sql(opens=opens),
        _SOFT,
        _HISTORY,
    ):
        connection.execute(statement)
    _judge_handovers(connection)
    for statement in (
        _IGNORED,
        f"create or replace table {table} as {_ACTIVITY}",
    ):
        connection.execute(statement)


def _life_sql(*, opens: bool) -> str:
    alive = is_kind("kind", *_ALIVE, *([EventKind.OPENED] if opens else []))
    return f"""
    create or replace temp table event_life as
    select person, max(seconds) filter ({alive} and machine is not true) as activity,
        max(standing) as standing, max(seconds) filter ({is_kind("kind", *ARRIVED)}) as arrived
    from event_judged where aside is null group by person"""


#: Of persons of whom no log has anything of our own outbox: there the rule comes down to this.
_SOFT = f"""
create or replace temp table event_soft as
select person, count(*) as days from (
    select distinct person, seconds // 86400 as day from event_judged join event_life using (person)
    where aside is null and {is_kind("bounce_class", *SOFT)} and seconds > coalesce(arrived, 0)
) group by person"""

#: All that is dated of the few persons who bounced softly and had mail that our own outbox handed over.
_HISTORY = f"""
create or replace temp table event_history as
select person, kind, bounce_class, seconds, message, handover from event_judged
where aside is null and seconds is not null
    and person in (select person from event_judged where aside is null and handover)
    and person in (select person from event_judged where aside is null and {is_kind("bounce_class", *SOFT)})"""


def _judge_handovers(connection: duckdb.DuckDBPyConnection) -> None:
    """Count the soft bounces of the persons in `event_history` by the rule that feedback has, too."""
    import pyarrow as pa

    rows = connection.execute("select * from event_history order by person").fetchall()
    if not rows:
        return
    counted = {
        person: len(soft_days([_event_of(*row) for row in theirs]))
        for person, theirs in groupby(rows, key=itemgetter(0))
    }
    columns = {"person": pa.array(counted.keys(), pa.int32()), "days": pa.array(counted.values(), pa.int64())}
    connection.register("event_counted", pa.table(columns))
    connection.execute("delete from event_soft where person in (select person from event_counted)")
    connection.execute("insert into event_soft select person, days from event_counted where days > 0")
    connection.unregister("event_counted")


def _event_of(
    _person: int, kind: str | None, bounce: str | None, seconds: int, message: int | None, handover: bool
) -> dict[str, Any]:
    return {
        "kind": kind,
        "bounce_class": bounce,
        "ts_us": seconds * 1_000_000,
        "message": message,
        "handover": handover,
    }


_IGNORED = f"""
create or replace temp table event_ignored as
with mailing as (
    select source, if(bool_or(kind = '{EventKind.DELIVERED}'), '{EventKind.DELIVERED}',
        '{EventKind.SENT}') as counted
    from event_judged where aside is null and seconds is not null group by source
)
select person, count(*) filter (later) as mails from (
    select distinct person, source, seconds, message, seconds > coalesce(activity, 0) as later
    from event_judged join mailing using (source) join event_life using (person)
    where aside is null and kind = counted and seconds is not null
) group by person"""

_ACTIVITY = """
select mailbox, activity, standing::tinyint as standing, coalesce(days, 0)::bigint as soft_bounces,
    case when exists (from event_ignored) then coalesce(mails, 0) end::bigint as mails_ignored
from event_life join event_person using (person) left join event_soft using (person)
    left join event_ignored using (person)"""
