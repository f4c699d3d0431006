"""The one query that makes events of records: which layout, what it says, for whom, as rows of the event table.

What is no event leaves a row with a kind of `Mark`, so that one pass over a log accounts for all of it; the
loader counts those rows and takes them out again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from hygiene.event import EVENT, EventKind
from hygiene.events.columns import columns_sql, unknown_word_sql
from hygiene.events.feedback_loops import PLACE, place_sql
from hygiene.events.layout import (
    EventLayout,
    Reach,
    Rule,
    by_layout,
    declared,
    field_sql,
    layout_sql,
    quote,
    rule_sql,
    word_sql,
)
from hygiene.events.opening import KEPT
from hygiene.events.recogniser import Task
from hygiene.events.records import ALWAYS, SELDOM, TOLD_WHY, Mark, Records, rules_sql
from hygiene.events.values import address_sql, code_sql, domain_sql, found_status_sql, is_kind, timed
from hygiene.events.words import make_words
from hygiene.text_numbers import number_sql

if TYPE_CHECKING:
    import duckdb


MOST_TEXT: Final = 2_000  # characters of what was not understood

#: the texts of an event that tell mails, people and links apart, long ones
NAMES: Final = ("message_id", "recipient", "url")
PROVIDER: Final = "provider"
#: columns that few kinds of event need: of these alone a spared one is kept, and is made when the first come
RARE: Final = {
    **dict.fromkeys(("event_id", "value_micros", "currency"), (EventKind.CONVERTED,)),
    "reason": (EventKind.UNKNOWN, *Mark),
}
_DOT = " || '.' || "


def _kinded(records: Records, timezone: str) -> str:
    """The records with their layout, fields (f_…), the event's word (w_word), rule and kind."""
    layouts, reach = records.layouts, records.reach
    told = ", ".join(f"{_field(records, name)} as f_{name}" for name in ALWAYS)
    seldom = ", ".join(
        f"case when {is_kind('kind', *kinds)} then {_field(records, name)} end as f_{name}"
        for name, kinds in SELDOM.items()
    )
    return f"""
    with laid as not materialized (
        select *, {layout_sql(layouts, reach)} as layout from ({records.query}) as record),
    told as not materialized (
        select *, {told}, {_zone(layouts, reach, timezone)} as f_zone, {_several(records)} as several
        from laid),
    worded as not materialized (select *, {word_sql("f_word")} as w_word from told),
    ruled as not materialized (select *, {rule_sql(layouts, _words(records))} as rule from worded),
    sorted as not materialized (select *, {_kind(records)} as kind from ruled),
    kinded as not materialized (
        select *, {seldom}, case when {is_kind("kind", *TOLD_WHY)} then {_status_parts(layouts, reach)} end
            as f_parts from sorted)"""


def _field(records: Records, name: str) -> str:
    return field_sql(records.layouts, name, records.reach, trimmed=records.trimmed)


def _words(records: Records) -> Callable[[EventLayout, str], str]:
    """A field's word: all but the event's own are worked out where a rule asks them, of few records."""

    def word(layout: EventLayout, name: str) -> str:
        told = field_sql([layout], name, records.reach, trimmed=records.trimmed)
        return "w_word" if name == "word" else f"coalesce(translate(lower({told}), ' -.', '___'), '')"

    return word


def events_sql(records: Records, task: Task) -> str:
    """Rows of the event table, `zoneless` and, where the task asks for it, `standing`."""
    layouts = records.layouts
    named = f"{_kinded(records, task.timezone)} select *, {_named(records)} from kinded"
    addressed = f"select *, {address_sql('person')} as recipient, {_found()} from ({named})"
    placed = f"select *, {domain_sql('recipient')} as domain from ({addressed})"
    zone = "f_zone" if any(layout.zones for layout in layouts) else quote(task.timezone)
    standing = f", {rules_sql(layouts, lambda rule: rule.standing)} as standing" if task.standings else ""
    return f"""
    select {columns_sql(records, task.number)}, zoneless{standing}
    from ({timed(placed, "f_time", zone=zone)}) as one left join event_provider using (domain)"""


def unread_sql(records: Records, number: int, most: int) -> str:
    """Rows of `unread`: what was not understood, save damaged records, whose text is not here."""
    return f"""
    {_kinded(records, "UTC")} select {number}::int as file, line, case kind
        when '{EventKind.UNKNOWN}' then 'unknown event: ' || {unknown_word_sql(records.layouts)}
        else 'no event of any layout known here' end as why, left({records.raw}, {MOST_TEXT}) as text
    from kinded where kind in ('{EventKind.UNKNOWN}', '{Mark.LEFT}') limit {most}"""


def left_sql(records: Records, *kinds: Mark) -> str:
    """The records that these layouts leave, with all that was taken out of their envelopes."""
    return f"""
    {_kinded(records, "UTC")} select line, body, {", ".join(KEPT.values())}
    from kinded where {is_kind("kind", *kinds)}"""


def make_events(
    connection: duckdb.DuckDBPyConnection, *, hashed: bool = False, spared: Sequence[str] = ()
) -> None:
    """The table `events`, empty, and the macros `kept` and `placed`, of what goes into it.

    `kept` are NAMES: texts; or, `hashed`, numbers that tell them apart: two texts might share one, though none
    among a thousand million are likely to. Columns that are `spared` are not there, but for those of RARE later
    and, hashed, the place of the provider among those that report complaints: `placed`.
    """
    types = EVENT | make_words(connection)
    types |= dict.fromkeys(NAMES, "UBIGINT") if hashed else {}
    wanted = {name: kind for name, kind in types.items() if name not in spared}
    places = hashed and PROVIDER in spared
    if places:
        wanted[PROVIDER] = PLACE
    columns = ", ".join(f"{name} {kind}" for name, kind in wanted.items())
    connection.execute(f"create or replace table events ({columns}, zoneless boolean)")
    told = number_sql("name") if hashed else "name"
    connection.execute(f"create or replace temp macro kept(name) as {told}")
    connection.execute(
        f"create or replace temp macro placed(name) as {place_sql('name') if places else 'name'}"
    )


def lacking(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The columns of RARE that `events` has not, as no event needed them so far."""
    there = _columns(connection)
    return [name for name in RARE if name not in there]


def insert_events(
    connection: duckdb.DuckDBPyConnection, query: str, spared: Sequence[str] = (), *, rare: bool = True
) -> None:
    """Put rows of the event table into `events`; without `rare` no columns are made for those of few kinds.

    A text has no length that DuckDB could plan with: left to itself it builds its hash table of the log instead
    of the few providers, and runs out of memory.
    """
    # `in_clause` makes a join of each list of words, for every row, though most are asked for a few rows alone
    connection.execute("set disabled_optimizers = 'join_order,build_side_probe_side,in_clause'")
    given = {name: f"kept({name})" for name in NAMES}
    spare = {name: f"case when {is_kind('kind', *kinds)} then {name} end" for name, kinds in RARE.items()}
    spare[PROVIDER] = f"placed({PROVIDER})"
    given |= {name: value for name, value in spare.items() if name in spared}
    replaced = ", ".join(f"{value} as {name}" for name, value in given.items())
    try:
        put_events(connection, f"select * replace ({replaced}) from ({query})", rare=rare)
    finally:
        connection.execute("reset disabled_optimizers")


def put_events(connection: duckdb.DuckDBPyConnection, query: str, *, rare: bool = True) -> None:
    """Put rows into `events` as they are: the columns that it has."""
    for name in lacking(connection) if rare else ():
        connection.execute(f"alter table events add column {name} {EVENT[name]}")
    there = ", ".join(map(quote, _columns(connection)))
    columns = f"columns(lambda name: name in ({there}))"
    connection.execute(f"insert into events by name select {columns} from ({query})")


def _columns(connection: duckdb.DuckDBPyConnection) -> list[str]:
    return [name for name, *_ in connection.execute("describe events").fetchall()]


# Rules


def _kind(records: Records) -> str:
    kind = rules_sql(records.layouts, lambda rule: _kind_of(rule, opened=records.opened))
    left = "" if records.listed or not records.several else f"when several is not null then '{Mark.LEFT}' "
    return (
        f"case when {records.damaged} then '{Mark.DAMAGED}' when layout is null then '{Mark.LEFT}' {left}"
        f"when rule is null then '{EventKind.UNKNOWN}' "
        f"else coalesce({kind}, '{Mark.SKIPPED}') end"
    )


def _kind_of(rule: Rule, *, opened: bool) -> str | None:
    return Mark.LEFT if rule.envelope and not opened else rule.kind


def _status_parts(layouts: Sequence[EventLayout], reach: Reach) -> str:
    """An enhanced status that stands in three numbers."""
    cases = {
        layout.name: _DOT.join(reach[path] for path in layout.status_parts)
        for layout in layouts
        if layout.status_parts and all(path in reach for path in layout.status_parts)
    }
    return by_layout(cases, layouts)


def _zone(layouts: Sequence[EventLayout], reach: Reach, timezone: str) -> str:
    """The zone of the clock that a time without one was read from."""
    cases = {}
    for layout in layouts:
        if layout.zones:
            found = " ".join(
                f"when {reach[path]} <> '' then {quote(layout.zones.get(path, timezone))}"
                for path in layout.fields["time"]
                if path in reach
            )
            cases[layout.name] = f"case {found} else {quote(timezone)} end" if found else quote(timezone)
    return by_layout(cases, layouts, quote(timezone))


# Recipients


def _several(records: Records) -> str:
    """The number of the list that names the recipients, if they are several."""
    cases = {}
    for layout in records.layouts:
        lists = [path for path in layout.recipients if path in records.several]
        found = " ".join(
            f"when {second} is not null then {at} when {first} is not null then null"
            for at, path in enumerate(lists)
            for first, second in (records.several[path],)
        )
        if found:
            cases[layout.name] = f"case {found} end"
    return by_layout(cases, records.layouts, "null::int")


def _single(records: Records) -> str:
    """The recipient where there is one: of the first list that is not empty, else of the field."""
    cases = {}
    for layout in records.layouts:
        firsts = [records.several[path][0] for path in layout.recipients if path in records.several]
        if firsts:
            cases[layout.name] = f"coalesce({', '.join([*firsts, 'f_recipient'])})"
    return by_layout(cases, records.layouts, "f_recipient")


def _alone(layouts: Sequence[EventLayout]) -> str:
    """Whether a kind names nobody among several recipients, or never the person."""
    numbers = {layout.name: at for at, layout in enumerate(declared().layouts)}
    pairs = [
        f"(layout = {numbers[one.name]} and {is_kind('kind', *one.alone)})" for one in layouts if one.alone
    ]
    return f"several is not null and ({' or '.join(pairs)})" if pairs else "false"


def _named(records: Records) -> str:
    """`recipient`, `domain` and what is told of this recipient alone, one row a recipient."""
    nobody = f"{_alone(records.layouts)} or {rules_sql(records.layouts, lambda rule: rule.nobody)} = 'True'"
    single = f"case when {nobody} then null else {_single(records)} end"
    if records.listed is None or records.inside is None:
        return _addressed(single, "f_status", "f_text")
    numbers = {layout.name: at for at, layout in enumerate(declared().layouts)}
    lists, leaves, inner = [], [], {"status": [], "text": []}  # type: ignore[var-annotated]
    for layout in records.layouts:
        for at, path in enumerate(path for path in layout.recipients if path in records.several):
            head, _, leaf = path.partition("[*]")
            when = f"when layout = {numbers[layout.name]} and several = {at} then"
            lists.append(f"{when} {records.listed(head)}")
            leaves.append(f"{when} {records.inside(leaf)}")
            for name, cases in inner.items():
                for told in layout.fields.get(name, ()):
                    if told.startswith(f"{head}[0]."):
                        cases.append(f"{when} {records.inside(told.removeprefix(f'{head}[0]'))}")
    item = f"unnest(case when {nobody} then [null] {' '.join(lists)} else [null] end) as item"
    texts = {
        name: f"case when item is null then f_{name} {' '.join(cases)} else f_{name} end"
        for name, cases in inner.items()
    }
    return f"{item}, " + _addressed(
        f"case when item is null then {single} {' '.join(leaves)} end", texts["status"], texts["text"]
    )


def _addressed(person: str, status: str, text: str) -> str:
    return f"{person} as person, coalesce({status}, f_parts) as status, {text} as why"


def _found() -> str:
    """What the receiver's reply says: in steps, as an expression is computed as often as it stands."""
    status = found_status_sql("status", "why")
    code = code_sql("f_smtp", "status", "why")
    return (
        f"case when {is_kind('kind', *TOLD_WHY)} then {status} end as found_status, "
        f"case when {is_kind('kind', EventKind.BOUNCED)} then {code} end as found_code"
    )
