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

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from hygiene.address import Address, judge_address
from hygiene.contacts.activity_report import KINDS, ActivityReport, Aside, report_events
from hygiene.contacts.steps import read_ordinary
from hygiene.event import BounceClass, EventKind, Machine
from hygiene.events.file import EventFile, open_event_log, take_rejects
from hygiene.events.layout import (
    Rule,
    declared,
    field_sql,
    layout_sql,
    rule_fields,
    rule_sql,
    unknown_sql,
    word_sql,
)
from hygiene.events.values import machine_sql, status_sql, timed
from hygiene.soft_bounces import ARRIVED, SOFT, handover_sql, soft_days
from hygiene.status import Status

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
_MACHINES = (Machine.MPP, Machine.SCANNER)  # not a proxy's, which a person may stand behind
_SOFTLY = ", ".join(f"'{one}'" for one in SOFT)
_CODE = {kind: code for code, kind in enumerate(KINDS)}
_FIELDS = ("word", "recipient", "time", "status", "machine", "agent", "message", "source", "id")
_ALIVE = (EventKind.CLICKED, EventKind.REPLIED, EventKind.CONVERTED)


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

    JSON lines, JSON arrays, delimited text and Parquet, plain or in gzip. With `opens` false, no open is a sign
    of life. Raises UnreadableInput, UnwritableOutput or UsageError with one sentence.
    """
    files: list[EventFile] = []
    with tempfile.TemporaryDirectory(prefix="hygiene-events-", ignore_cleanup_errors=True) as work:
        try:
            _make_tables(connection)
            for path in paths:
                for file in open_event_log(Path(path), Path(work), connection):
                    files.append(_load_events(len(files), file, connection))
            _find_persons(connection)
            connection.execute(_JUDGED)
            _write_activity(connection, table, opens=opens)
            report = report_events(files, connection, "event_judged", table)
        finally:
            for name in _TEMPORARY:
                connection.execute(f"drop table if exists temp.{name}")
    return Activity(table=table, report=report)


# Records → events

_TEMPORARY = (
    *("event_log", "event_rule", "event_mailbox", "event_person", "event_address", "event_judged"),
    *("event_life", "event_soft", "event_history", "event_ignored"),
)

_LOG = """
create or replace temp table event_log (
    file smallint, layout tinyint, sound boolean, rule smallint, word varchar, recipients integer,
    address varchar, seconds bigint, zoneless boolean, bounce varchar, machine boolean, message ubigint,
    handover boolean
)"""
_RULES = """
create or replace temp table event_rule (
    rule smallint, kind tinyint, bounce varchar, standing tinyint, machine boolean
)"""


def _make_tables(connection: duckdb.DuckDBPyConnection) -> None:
    rows = ", ".join(_rule_row(number, rule) for number, rule in enumerate(declared().rules))
    connection.execute(_LOG)
    connection.execute(_RULES)
    connection.execute(f"insert into event_rule values {rows}")


def _rule_row(number: int, rule: Rule) -> str:
    kind = "null" if rule.kind is None else _CODE[rule.kind]
    standing = "null" if rule.says is None else rule.says.rank
    machine = "null" if rule.machine is None else rule.machine in _MACHINES
    return f"({number}, {kind}, '{rule.bounce}', {standing}, {machine})"


def _load_events(number: int, file: EventFile, connection: duckdb.DuckDBPyConnection) -> EventFile:
    """Put the events of a file into `event_log`; the file, with the lines that turned out damaged."""
    with file.reading():
        connection.execute(_events_sql(number, file))
    return replace(file, damaged=file.damaged + take_rejects(connection))


def _events_sql(number: int, file: EventFile) -> str:
    layouts, reach = file.layouts, file.reach
    asked = rule_fields(layouts)
    told = ", ".join(
        f"{field_sql(layouts, field, reach)} as f_{field}" for field in dict.fromkeys([*_FIELDS, *asked])
    )
    words = ", ".join(f"{word_sql(f'f_{field}')} as w_{field}" for field in asked)
    records = f"""
    with laid as (select *, {layout_sql(layouts, reach)} as layout from ({file.records}) as record),
    told as (select layout, sound, {told}, {_recipients_sql(file)} as listed from laid),
    worded as (select *, {words} from told)
    select *, len(listed) as recipients,
        unnest(case when len(listed) > 0 then listed else [f_recipient] end) as address
    from worded"""
    return f"""
    insert into event_log
    select {number}, layout, sound, {rule_sql(layouts)} as rule,
        case when rule is null then {unknown_sql(layouts)} end, recipients,
        nullif(trim(address), ''), ts_us // 1000000 as seconds, zoneless,
        case when recipients < 2 then {status_sql("f_status")} end,
        {_machine_sql()}, case when f_message is not null then hash(f_message) end,
        {handover_sql("f_id", "f_source")}
    from ({timed(records, "f_time")})"""


def _machine_sql() -> str:
    """True for a machine, false for a person, null where it cannot be told."""
    machines = " ".join(f"when '{machine}' then true" for machine in _MACHINES)
    return f"case {machine_sql('f_machine', 'f_agent')} when '{Machine.NONE}' then false {machines} end"


def _recipients_sql(file: EventFile) -> str:
    """The recipients of layouts that list them; an empty list elsewhere."""
    cases = []
    for number, layout in enumerate(declared().layouts):
        if layout in file.layouts and layout.recipients:
            lists = [file.lists[path] for path in layout.recipients if path in file.lists]
            chosen = " ".join(f"when len({texts}) > 0 then {texts}" for texts in lists)
            cases.append(f"when layout = {number} then case {chosen} else [] end" if lists else "")
    return f"case {' '.join(cases)} else []::varchar[] end" if any(cases) else "[]::varchar[]"


# Addresses → persons


def _find_persons(connection: duckdb.DuckDBPyConnection) -> None:
    """`event_address`: address → person, `event_person`: person → mailbox; what is no address is in neither."""
    connection.execute(
        "create or replace temp table event_address as "
        "select distinct address from event_log where address is not null"
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


def _alone_sql() -> str:
    """Whether an event's kind names nobody among several recipients."""
    pairs = [
        f"(layout = {number} and kind in ({_codes(layout.alone)}))"
        for number, layout in enumerate(declared().layouts)
        if layout.alone
    ]
    return f"({' or '.join(pairs)})"


def _codes(kinds: Sequence[EventKind]) -> str:
    return ", ".join(str(_CODE[kind]) for kind in kinds)


_PROVEN = f"""case when kind = {_CODE[EventKind.BOUNCED]} and class = '{BounceClass.HARD}'
    then greatest(coalesce(rule.standing, 0), {Status.BOUNCED.rank}) else rule.standing end"""

_JUDGED = f"""
create or replace temp table event_judged as
with joined as (
    select file, layout, sound, word, recipients, address, person, seconds, zoneless, message, handover, kind,
        log.rule is not null as known,
        case when kind = {_CODE[EventKind.BOUNCED]} then coalesce(log.bounce, rule.bounce) end as class,
        coalesce(rule.machine, log.machine) as machine, {_PROVEN} as standing
    from event_log as log left join event_rule as rule using (rule) left join event_address using (address)
)
select * exclude (address, sound, known, recipients), case
    when sound is not true then '{Aside.DAMAGED}'
    when layout is null then '{Aside.NO_LAYOUT}'
    when not known then '{Aside.UNKNOWN_WORD}'
    when kind is null and standing is null then '{Aside.NO_MAIL_EVENT}'
    when recipients > 1 and {_alone_sql()} then '{Aside.SEVERAL_RECIPIENTS}'
    when address is null then '{Aside.NO_ADDRESS}'
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
    kinds = _codes((*_ALIVE, EventKind.OPENED) if opens else _ALIVE)
    return f"""
    create or replace temp table event_life as
    select person, max(seconds) filter (kind in ({kinds}) and machine is not true) as activity,
        max(standing) as standing, max(seconds) filter (kind in ({_codes(ARRIVED)})) as arrived
    from event_judged where aside is null group by person"""


#: Of persons of whom no log has anything of our own outbox: there the rule comes down to this.
_SOFT = f"""
create or replace temp table event_soft as
select person, count(*) as days from (
    select distinct person, seconds // 86400 as day from event_judged join event_life using (person)
    where aside is null and class in ({_SOFTLY}) and seconds > coalesce(arrived, 0)
) group by person"""

#: All that is dated of the few persons who bounced softly and had mail that our own outbox handed over.
_HISTORY = f"""
create or replace temp table event_history as
select person, kind, class, seconds, message, handover from event_judged
where aside is null and seconds is not null
    and person in (select person from event_judged where aside is null and handover)
    and person in (select person from event_judged where aside is null and class in ({_SOFTLY}))"""


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
    _person: int, kind: int, bounce: str | None, seconds: int, message: int | None, handover: bool
) -> dict[str, Any]:
    return {
        "kind": KINDS[kind] if kind is not None else None,
        "bounce_class": bounce,
        "ts_us": seconds * 1_000_000,
        "message": message,
        "handover": handover,
    }


_IGNORED = f"""
create or replace temp table event_ignored as
with mailing as (
    select layout, if(bool_or(kind = {_CODE[EventKind.DELIVERED]}), {_CODE[EventKind.DELIVERED]},
        {_CODE[EventKind.SENT]}) as counted
    from event_judged where aside is null and seconds is not null group by layout
)
select person, count(*) filter (later) as mails from (
    select distinct person, layout, seconds, message, seconds > coalesce(activity, 0) as later
    from event_judged join mailing using (layout) join event_life using (person)
    where aside is null and kind = counted and seconds is not null
) group by person"""

_ACTIVITY = """
select mailbox, activity, standing::tinyint as standing, coalesce(days, 0)::bigint as soft_bounces,
    case when exists (from event_ignored) then coalesce(mails, 0) end::bigint as mails_ignored
from event_life join event_person using (person) left join event_soft using (person)
    left join event_ignored using (person)"""
