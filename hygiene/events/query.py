"""The one query that makes events of records: which layout, what it says, for whom, as rows of the event table.

What is no event leaves a row with a kind of `Mark`, so that one pass over a log accounts for all of it; the
loader counts those rows and takes them out again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from hygiene.event import EVENT, EventKind, Machine
from hygiene.events.layout import (
    OWN,
    EventLayout,
    Reach,
    by_layout,
    declared,
    field_sql,
    layout_sql,
    quote,
    rule_fields,
    rule_sql,
    word_sql,
)
from hygiene.events.opening import KEPT
from hygiene.events.values import (
    address_sql,
    bounce_sql,
    code_sql,
    domain_sql,
    flagged_sql,
    found_status_sql,
    is_kind,
    machine_sql,
    provider_words,
    timed,
)

if TYPE_CHECKING:
    import duckdb

#: fields of layouts that become columns
FIELDS: Final = (
    *("word", "recipient", "time", "status", "smtp", "text", "machine", "agent", "id", "message", "url"),
    *(
        "campaign",
        "variant",
        "segment",
        "stream",
        "subject",
        "provider",
        "tracked",
        "track_open",
        "track_click",
    ),
    *("micros", "value", "currency", "source"),
)
_TOLD_WHY = (EventKind.BOUNCED, EventKind.REJECTED, EventKind.DEFERRED)
_SEEN = (EventKind.OPENED, EventKind.CLICKED)
_MOST_REASON = 500  # characters
_MOST_SUBJECT = 1_000  # characters: RFC 5322 §2.1.1 allows 998 a line
MOST_TEXT: Final = 2_000  # characters of what was not understood
_TRACKED = ("open", "click", "both", "none")
_NO = "'', '0', 'false', 'no', 'f', 'n'"
_NUMBERS = ("time", "micros", "value")  # fields that are the same number however it is written
_EXPONENT = r"-?\d(\.\d+)?e[+-]\d+"  # begins with what sorts before a colon, which is found sooner
_DOT = " || '.' || "
_DAY = 86_400_000_000  # microseconds


class Mark(StrEnum):
    """The kind of a row that is no event."""

    DAMAGED = "-damaged"  #: not a record of its file
    LEFT = "-left"  #: of no layout that was tried, or of several recipients where one was expected
    SKIPPED = "-skipped"  #: known, and no event of a mail


@dataclass(frozen=True, kw_only=True, slots=True)
class Records:
    """Records as SQL: columns line, body (null for a damaged one), and what `reach` needs."""

    query: str
    reach: Reach
    layouts: tuple[EventLayout, ...]
    several: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # list → the texts of its first two
    listed: Callable[[str], str] | None = None  # path of a list → its elements, where lists are taken apart
    inside: Callable[[str], str] | None = None  # path inside an element, reached as `item` → its text
    raw: str = "body"  # the record as it stood
    damaged: str = "body is null"  # whether it is none; what cannot be told from records of no layout is left
    shortened: bool = (
        False  # whether numbers may be written otherwise than where they are reached by their text
    )
    trimmed: bool = False  # whether white space around cells is none of their text


def _kinded(records: Records, timezone: str) -> str:
    """The records with their layout, fields (f_…), words (w_…), rule and kind."""
    layouts, reach = records.layouts, records.reach
    asked = rule_fields(layouts)
    told = ", ".join(
        f"{field_sql(layouts, name, reach, trimmed=records.trimmed)} as f_{name}"
        for name in dict.fromkeys([*FIELDS, *asked])
    )
    words = "".join(f", {word_sql(f'f_{name}')} as w_{name}" for name in asked)
    return f"""
    with laid as not materialized (
        select *, {layout_sql(layouts, reach)} as layout from ({records.query}) as record),
    told as not materialized (
        select *, {told}, {_status_parts(layouts, reach)} as f_parts,
        {_zone(layouts, reach, timezone)} as f_zone, {_several(records)} as several from laid),
    worded as not materialized (select *{words} from told),
    ruled as not materialized (select *, {rule_sql(layouts)} as rule from worded),
    kinded as not materialized (select *, {_kind(records)} as kind from ruled)"""


def events_sql(records: Records, number: int, timezone: str) -> str:
    """Rows of the event table and `zoneless`, for the file of that number."""
    layouts = records.layouts
    named = f"{_kinded(records, timezone)} select *, {_named(records)} from kinded"
    addressed = f"select *, {address_sql('person')} as recipient, {_found()} from ({named})"
    placed = f"select *, {domain_sql('recipient')} as domain from ({addressed})"
    zone = "f_zone" if any(layout.zones for layout in layouts) else quote(timezone)
    return f"""
    select {_columns(layouts, number)}, zoneless
    from ({timed(placed, "f_time", zone=zone)}) as one left join event_provider using (domain)"""


def unread_sql(records: Records, number: int, most: int) -> str:
    """Rows of `unread`: what was not understood, save damaged records, whose text is not here."""
    return f"""
    {_kinded(records, "UTC")} select {number}::int as file, line, case kind
        when '{EventKind.UNKNOWN}' then 'unknown event: ' || {_unknown(records.layouts)}
        else 'no event of any layout known here' end as why, left({records.raw}, {MOST_TEXT}) as text
    from kinded where kind in ('{EventKind.UNKNOWN}', '{Mark.LEFT}') limit {most}"""


def left_sql(records: Records, *kinds: Mark) -> str:
    """The records that these layouts leave, with all that was taken out of their envelopes."""
    return f"""
    {_kinded(records, "UTC")} select line, body, {", ".join(KEPT.values())}
    from kinded where {is_kind("kind", *kinds)}"""


def insert_events(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    """Put rows into `events`.

    A text has no length that DuckDB could plan with: left to itself it builds its hash table of the log instead
    of the few providers, and runs out of memory.
    """
    connection.execute("set disabled_optimizers = 'join_order,build_side_probe_side'")
    try:
        connection.execute(f"insert into events by name {query}")
    finally:
        connection.execute("reset disabled_optimizers")


# Rules


def _rules(attribute: Callable[..., object]) -> str:
    """What a rule says, by its number, as an element of a list."""
    said = (attribute(rule) for rule in declared().rules)
    texts = ", ".join("null" if one is None else quote(str(one)) for one in said)
    return f"[{texts}][rule + 1]"


def _kind(records: Records) -> str:
    left = "" if records.listed or not records.several else f"when several is not null then '{Mark.LEFT}' "
    if records.shortened:
        left += f"when {_shortened(records)} then '{Mark.LEFT}' "
    return (
        f"case when {records.damaged} then '{Mark.DAMAGED}' when layout is null then '{Mark.LEFT}' {left}"
        f"when rule is null then '{EventKind.UNKNOWN}' "
        f"else coalesce({_rules(lambda rule: rule.kind)}, '{Mark.SKIPPED}') end"
    )


def _shortened(records: Records) -> str:
    """Whether a text that becomes one of an event is a number with an exponent, as DuckDB writes it."""
    fields = dict.fromkeys([*FIELDS, *rule_fields(records.layouts)])
    texts = [f"f_{name}" for name in fields if name not in _NUMBERS and _is_told(records, name)]
    texts += [first for first, _ in records.several.values()]
    return " or ".join(f"({text} < ':' and regexp_full_match({text}, {quote(_EXPONENT)}))" for text in texts)


def _is_told(records: Records, name: str) -> bool:
    paths = {path for layout in records.layouts for path in layout.fields.get(name, ())}
    return not paths.isdisjoint(records.reach.keys() - KEPT.keys())


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
    nobody = f"{_alone(records.layouts)} or {_rules(lambda rule: rule.nobody)} = 'True'"
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
        f"case when {is_kind('kind', *_TOLD_WHY)} then {status} end as found_status, "
        f"case when {is_kind('kind', EventKind.BOUNCED)} then {code} end as found_code"
    )


# Columns


def _columns(layouts: Sequence[EventLayout], number: int) -> str:
    """The columns of EVENT, in their order."""
    told_why = is_kind("kind", *_TOLD_WHY)
    made = {
        "source": _source(layouts),
        "event_id": _event_id(layouts),
        "message_id": _message(layouts),
        "campaign": "nullif(nullif(trim(f_campaign), ''), '[]')",
        "variant": "nullif(trim(f_variant), '')",
        "segment": "nullif(trim(f_segment), '')",
        "stream": "nullif(trim(f_stream), '')",
        "subject": f"nullif(left(trim(f_subject), {_MOST_SUBJECT}), '')",
        "provider": _provider(layouts),
        "bounce_class": f"case when {is_kind('kind', EventKind.BOUNCED)} then {_bounce()} end",
        "smtp_status": "found_status",
        "reason": f"case when {told_why} or kind = '{EventKind.UNKNOWN}' and rule is not null "
        f"then left(why, {_MOST_REASON}) "
        f"when {is_kind('kind', EventKind.UNKNOWN, Mark.SKIPPED)} then nullif({_unknown(layouts)}, '') end",
        "machine": f"case when {is_kind('kind', *_SEEN)} then {_machine(layouts)} end",
        "url": f"case when kind = '{EventKind.CLICKED}' then f_url end",
        "tracked": _tracked(),
        "value_micros": f"case when kind = '{EventKind.CONVERTED}' then {_micros()} end",
        "currency": f"case when kind = '{EventKind.CONVERTED}' then upper(f_currency) end",
        "file": f"{number}::int",
    }
    return ", ".join(f"{made.get(name, name)} as {name}" for name in EVENT)


def _source(layouts: Sequence[EventLayout]) -> str:
    numbers = {layout.name: at for at, layout in enumerate(declared().layouts)}
    names = " ".join(f"when {numbers[layout.name]} then {quote(layout.name)}" for layout in layouts)
    told = f"coalesce(f_source, case layout {names} end)"
    return f"case when kind in ('{Mark.DAMAGED}', '{Mark.LEFT}') then null else {told} end"


def _provider(layouts: Sequence[EventLayout]) -> str:
    """By the domain, else by the platform's word; ours is believed."""
    own = [at for at, layout in enumerate(declared().layouts) if layout in layouts and layout.name == OWN]
    words = " ".join(f"when {quote(word)} then {quote(name)}" for word, name in provider_words().items())
    told = f"coalesce(event_provider.provider, case lower(f_provider) {words} end, domain)"
    return (
        f"case when layout = {own[0]} and f_provider is not null then f_provider else {told} end"
        if own
        else told
    )


def _event_id(layouts: Sequence[EventLayout]) -> str:
    daily = [at for at, layout in enumerate(declared().layouts) if layout in layouts and layout.daily_id]
    if not daily:
        return "f_id"
    return (
        f"case when layout in ({', '.join(map(str, daily))}) then (ts_us // {_DAY})::varchar || '/' || f_id "
        "else f_id end"
    )


def _message(layouts: Sequence[EventLayout]) -> str:
    cut = {
        at: layout.message_until
        for at, layout in enumerate(declared().layouts)
        if layout in layouts and layout.message_until
    }
    cases = " ".join(f"when {at} then split_part(f_message, {quote(end)}, 1)" for at, end in cut.items())
    text = f"case layout {cases} else f_message end" if cases else "f_message"
    framed = f"contains({text}, '<') or contains({text}, ' ')"
    return f"nullif(case when {framed} then trim({text}, '<> ') else {text} end, '')"


def _bounce() -> str:
    return bounce_sql("found_status", "found_code", "why", _label())


def _label() -> str:
    """The class that the platform's own words mean."""
    return f"nullif({_rules(lambda rule: rule.bounce)}, 'unknown')"


def _machine(layouts: Sequence[EventLayout]) -> str:
    bare = f"if(kind = '{EventKind.OPENED}', '{Machine.MPP}', '{Machine.SCANNER}')"
    told = machine_sql("f_machine", "f_agent", flagged=flagged_sql(layouts), bare=bare)
    return f"coalesce({_rules(lambda rule: rule.machine)}, {told})"


def _unknown(layouts: Sequence[EventLayout]) -> str:
    """What to call an event without a rule: its word, and its class where the word alone is known."""
    known = {word for layout in layouts for rule in layout.rules for word in rule.when.get("word", ())}
    words = ", ".join(map(quote, sorted(known)))
    classed = (
        "concat_ws(' / ', f_word, nullif(f_class, f_word))" if "class" in rule_fields(layouts) else "f_word"
    )
    return f"coalesce(left(case when w_word in ({words}) then {classed} else f_word end, 100), '')"


def _tracked() -> str:
    flags = {name: f"lower(f_track_{name}) not in ({_NO})" for name in ("open", "click")}
    both = " ".join(
        f"when {'' if opened else 'not '}coalesce({flags['open']}, false) and "
        f"{'' if clicked else 'not '}coalesce({flags['click']}, false) then '{word}'"
        for word, opened, clicked in (("both", 1, 1), ("open", 1, 0), ("click", 0, 1))
    )
    return (
        f"case when f_tracked in ({', '.join(map(quote, _TRACKED))}) then f_tracked "
        f"when f_track_open is null and f_track_click is null then null {both} else 'none' end"
    )


def _micros() -> str:
    return (
        "coalesce(try_cast(f_micros as bigint), "
        "try_cast(try_cast(f_value as decimal(28, 6)) * 1000000 as bigint))"
    )
