"""Logs that are tables: delimited text, Parquet, data frames. Our own columns go in as they stand."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from hygiene.errors import UnreadableInput
from hygiene.event import EVENT, BounceClass, EventKind, Machine
from hygiene.events.figures import instant_sql, settled
from hygiene.events.jsonlog import MOST_UNREAD, load_bodies
from hygiene.events.layout import (
    ANY,
    OWN,
    PLAIN,
    EventLayout,
    Reach,
    declared,
    find_names,
    fitting,
    iso_sql,
    layouts,
    quote,
)
from hygiene.events.query import MOST_TEXT, RARE, events_sql, insert_events, lacking, unread_sql
from hygiene.events.recogniser import Task
from hygiene.events.records import Records
from hygiene.events.report_layout import reports
from hygiene.events.sample import SAMPLE_VALUES, sniff
from hygiene.events.values import address_sql, domain_sql, is_kind
from hygiene.events.words import kept_sql, known_sql
from hygiene.intake.guard import shown

_NESTED: Final = ("STRUCT", "MAP", "JSON", "VARIANT")
_OWN: Final = {"source", "kind", "recipient", "ts_us"}  # columns that show that a table is ours
_NAMED: Final = 8  # columns named in one sentence
_TIMES: Final = 200  # times looked at
#: a number, or a day as ISO 8601 has it
_USUAL_TIME: Final = re.compile(r"\s*(?:\d{4}-?\d\d-?\d\d|\d+(?:\.\d+)?\s*$)")
_NEEDED = {
    "recipient": "address",
    "word": "event",
    "time": "time",
    "class": "bounce class",
    "machine": "machine",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class TableLog:
    """A table as SQL, with its columns and their types."""

    name: str  # for sentences
    query: str  # ``from …`` that yields the columns
    columns: dict[str, str]
    numbered: bool  # whether numbering its rows is cheap


def load_table(task: Task, table: TableLog) -> tuple[str, ...]:
    """Put the rows of a table into `events`; notes on how. Raises UnreadableInput for no event log."""
    kinds = table.columns.values()
    if any(kind.startswith(_NESTED) or kind.endswith("]") for kind in kinds):
        return _load_json(task, table, "to_json(given)")
    names = {name.lower(): name for name in table.columns}
    if set(names) >= _OWN and "event" not in names:
        _load_own(task, table, names)
        return ()
    reach, places = _reach(table, layouts(task.variant_column))
    fit = tuple(fitting(reach, layouts(task.variant_column), nested=False))
    if not fit:
        column = _column_of_json(task, table)
        if column is None:
            raise UnreadableInput(no_log(table.name, list(table.columns)))
        return _load_json(task, table, f"try_cast({identifier(column)} as json)")
    records, said = _records(table, fit, reach, places)
    records, dates = _dated(task, records)
    con = task.connection
    insert_events(con, events_sql(records, task), task.spared)
    unread = con.execute(
        f"select 1 from events where file = {task.number} and kind in ('unknown', '-left') limit 1"
    ).fetchone()
    if unread:
        con.execute(f"insert into unread by name {unread_sql(records, task.number, MOST_UNREAD)}")
    plain = con.execute(f"select 1 from events where file = {task.number} and source = '{PLAIN}' limit 1")
    return (*(said if plain.fetchone() else ()), *dates)


def _load_json(task: Task, table: TableLog, body: str) -> tuple[str, ...]:
    """Put rows that are JSON (SQL over the columns, or over the row as `given`) into `events`."""
    bodies = f"select {_line(table)} as line, {body} as body from ({table.query}) as given"
    sample = task.connection.execute(f"{bodies} limit {SAMPLE_VALUES}").fetchall()
    load_bodies(task, bodies, bodies, [text for _, text in sample if text is not None])
    return ()


def _column_of_json(task: Task, table: TableLog) -> str | None:
    """The column that holds posts or messages as they came; of several one that shows events."""
    rows = task.connection.execute(
        f"select columns(*)::varchar from ({table.query}) limit {SAMPLE_VALUES}"
    ).fetchall()
    cells = dict(zip(table.columns, zip(*rows, strict=True), strict=True)) if rows else {}
    filled = {name: [cell for cell in column if (cell or "").strip()] for name, column in cells.items()}
    kept = {name: texts for name, texts in filled.items() if texts and all(map(_is_json, texts))}
    shown = (name for name, texts in kept.items() if sniff(texts, layouts(task.variant_column)).layouts)
    return next(shown, next(iter(kept), None))


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _line(table: TableLog) -> str:
    return "row_number() over ()" if table.numbered else "null::bigint"


def _reach(table: TableLog, known: Sequence[EventLayout]) -> tuple[Reach, dict[str, str]]:
    """Path of a layout → SQL of its text, and the place of each column that has one."""
    paths = list(dict.fromkeys(path for layout in known for path in layout.paths))
    found = find_names(paths, list(table.columns), nested=False)
    places = {column: f"c{at}" for at, column in enumerate(sorted({column for column, _ in found.values()}))}
    return {path: places[column] for path, (column, _) in found.items()}, places


def _records(
    table: TableLog, fit: tuple[EventLayout, ...], reach: Reach, places: Mapping[str, str]
) -> tuple[Records, tuple[str, ...]]:
    """The rows as records of the layouts that fit, and how they are read as plain ones."""
    needed = [
        f"{iso_sql(fit, column, f'given.{identifier(column)}::varchar')} as {place}"
        for column, place in places.items()
    ]
    records = Records(
        query=f"select {_line(table)} as line, '' as body, given, {', '.join(needed)} "
        f"from ({table.query}) as given",
        reach=reach,
        layouts=fit,
        raw="to_json(given)::varchar",
        trimmed=True,
    )
    plain = declared().layouts[-1]
    read = {
        said: next((path.removeprefix(ANY) for path in plain.fields[name] if path in reach), None)
        for name, said in _NEEDED.items()
    }
    said = "read by " + ", ".join(f"{name} = {path}" for name, path in read.items() if path)
    return records, (said,)


def _dated(task: Task, records: Records) -> tuple[Records, tuple[str, ...]]:
    """The records with times as people's spreadsheets write them made numbers; notes on how they were read.

    Where one of the first is usual, or as declared of its platform, all are.
    """
    notes: list[str] = []
    times = [(each, path) for each in records.layouts for path in each.fields["time"] if path in records.reach]
    zones = {records.reach[path]: each.zones.get(path, task.timezone) for each, path in reversed(times)}
    for place, zone in zones.items():
        query = f"select {place} from ({records.query}) where trim({place}) <> '' limit {_TIMES}"
        seen = [text for (text,) in task.connection.execute(query).fetchall()]
        if not seen or any(map(_USUAL_TIME.match, seen)):
            continue
        formats, unclear = settled(place, f"({records.query})", reports()[-1].forms[0].dates, task.connection)
        moment, bare = instant_sql(place, formats, zone)
        if unclear:
            notes.append("day and month of its times cannot be told apart: they are not dated")
        elif bare != "false":
            notes.append(f"times without a zone are taken for {zone}")
        changed = f"coalesce(({moment})::varchar, {place}) as {place}"
        records = replace(records, query=f"select * replace ({changed}) from ({records.query})")
    return records, tuple(notes)


def no_log(name: str, columns: Sequence[str]) -> str:
    """The sentence for a table or records that are no events."""
    more = len(columns) - _NAMED
    held = ", ".join(shown(each, 40) for each in columns[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    return (
        f"{name} is no event log known here: it needs a column of addresses and one of events, "
        f"and holds {held or 'no records'}"
    )


def identifier(name: str) -> str:
    """A column's name as SQL."""
    return '"' + name.replace('"', '""') + '"'


# Our own events


def _load_own(task: Task, table: TableLog, names: dict[str, str]) -> None:
    """A table in our columns, straight in: unknown words and classes are the only doubt."""
    given = {
        column: f"try_cast({identifier(names[column])} as {kind})" if column in names else f"null::{kind}"
        for column, kind in EVENT.items()
    }
    if task.variant_column:
        told = names.get(task.variant_column.lower())
        given["variant"] = f"{identifier(told)}::varchar" if told else "null::varchar"
    known = known_sql("kind", given["kind"])
    typed = _listed(given | {"line": _line(table), "known_kind": known})
    made = {column: column for column in EVENT} | _checked() | {"file": f"{task.number}::int"}
    del made["domain"]
    domain = domain_sql("recipient")
    rows = (
        f"select *, {domain} as domain, case when provider is null then {domain} end as provided, "
        f"false as zoneless from (select {_listed(made)} from (select {typed} from ({table.query}) as given))"
    )
    query = (
        "select one.* exclude (provided) replace (coalesce(one.provider, known.provider, provided) "
        f"as provider) from ({rows}) as one left join event_provider as known on known.domain = provided"
    )
    insert_events(task.connection, query, task.spared, rare=False)
    _load_rare(task, query)
    _keep_unknown(task, table, given["kind"])


def _load_rare(task: Task, query: str) -> None:
    """Put the rows in anew that need columns which were not made for the many: to parse those costs most."""
    con = task.connection
    kinds = [kind for name in lacking(con) for kind in RARE[name]]
    here, rare = f"file = {task.number}", is_kind("kind", *kinds)
    if kinds and con.execute(f"select 1 from events where {here} and {rare} limit 1").fetchone():
        con.execute(f"delete from events where {here} and {rare}")
        insert_events(con, f"select * from ({query}) where {rare}", task.spared)


def _listed(columns: dict[str, str]) -> str:
    return ", ".join(f"{sql} as {name}" for name, sql in columns.items())


def _checked() -> dict[str, str]:
    """Our columns of texts, blank ones null and words among ours; `known_kind` is null for an unknown kind."""
    filled = {name: f"nullif({name}, '')" for name, kind in EVENT.items() if kind == "VARCHAR"}
    seen = f"known_kind in ('{EventKind.OPENED}', '{EventKind.CLICKED}')"
    unknown = {"kind": EventKind.UNKNOWN, "bounce_class": BounceClass.UNKNOWN, "machine": Machine.UNKNOWN}
    otherwise = {name: kept_sql(name, quote(word)) for name, word in unknown.items()}
    classed, read = known_sql("bounce_class", "bounce_class"), known_sql("machine", "machine")
    return filled | {
        "source": f"coalesce(nullif(source, ''), '{OWN}')",
        "recipient": address_sql("recipient"),
        "kind": f"coalesce(known_kind, {otherwise['kind']})",
        "bounce_class": f"case when known_kind = '{EventKind.BOUNCED}' "
        f"then coalesce({classed}, {otherwise['bounce_class']}) end",
        "reason": "coalesce(nullif(reason, ''), case when known_kind is null then kind end)",
        "machine": f"case when {seen} then coalesce({read}, {otherwise['machine']}) end",
        "tracked": known_sql("tracked", "tracked"),
    }


def _keep_unknown(task: Task, table: TableLog, kind: str) -> None:
    """The rows whose kind is not known, as they stood."""
    unknown = f"kind = '{EventKind.UNKNOWN}'"
    there = task.connection.execute(f"select 1 from events where file = {task.number} and {unknown} limit 1")
    if not there.fetchone():
        return
    task.connection.execute(
        f"insert into unread by name select {task.number}::int as file, line, "
        f"'unknown event: ' || coalesce(word, '') as why, left(text, {MOST_TEXT}) as text from ("
        f"select row_number() over () as line, {kind} as word, lower(trim({kind})) as kind, "
        f"to_json(given)::varchar as text from ({table.query}) as given) "
        f"where kind is null or {unknown} or kind not in ({', '.join(map(quote, EventKind))}) "
        f"limit {MOST_UNREAD}"
    )
