"""The layouts of event logs, declared in data/events.toml, and the SQL that reads records by them.

The SQL is DuckDB's. A record is reached through `Reach`: for each path of a layout the expression that yields
its text, null where it is missing; paths that the file does not have are left out.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Final, TypeAlias

import msgspec

from hygiene.event import BounceClass, EventKind
from hygiene.files import packaged_text
from hygiene.status import Status

Reach: TypeAlias = Mapping[str, str]  # path → SQL of its text

PLAIN: Final = "plain"
LATEST: Final = (1 << 32) - 1  # seconds; 2106
EARLIEST: Final = 631_152_000  # seconds: 1990, before anybody mailed a list; smaller numbers were no times

#: the offset in front of anything else: DuckDB's TIMESTAMP ignores it (2.0)
_MOMENT = (
    r"^\s*(\d{4}-\d{1,2}-\d{1,2})(?:[T ]+(\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?))?"
    r"\s*(Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?(?: UTC)?)?\s*$"
)
_STANDINGS: Final = {
    EventKind.COMPLAINED: Status.COMPLAINED,
    EventKind.UNSUBSCRIBED: Status.UNSUBSCRIBED,
}


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What it means when each field of `when` has one of its words; no kind, no standing: no mail event."""

    when: dict[str, tuple[str, ...]]
    kind: EventKind | None = None
    bounce: BounceClass = BounceClass.UNKNOWN
    standing: Status | None = None
    machine: bool | None = None

    @property
    def says(self) -> Status | None:
        """Where the person stands after it, before the class of a bounce is known for certain."""
        return self.standing or (_STANDINGS.get(self.kind) if self.kind else None)


class EventLayout(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How one platform writes its events."""

    name: str
    title: str
    marks: tuple[tuple[str, ...], ...]  # a record is of this layout if it has all the paths of one of these
    fields: dict[str, tuple[str, ...]]
    rules: tuple[Rule, ...]
    recipients: tuple[str, ...] = ()  # paths to lists, the first that is not empty; else the field `recipient`
    alone: tuple[EventKind, ...] = ()  # kinds that name nobody when there are several recipients

    @property
    def paths(self) -> Iterator[str]:
        """Every path to a single value."""
        for group in (*self.marks, *self.fields.values()):
            yield from group


class MachineWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a log says that a machine opened: by a flag, else by the user agent."""

    no: tuple[str, ...]
    unknown: tuple[str, ...]
    agents: tuple[str, ...]
    proxies: tuple[str, ...]


class StatusClass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The class of a bounce by its enhanced status code."""

    pattern: str
    bounce: BounceClass


class Declared(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that is declared."""

    as_of: str
    machine: MachineWords
    status: tuple[StatusClass, ...]
    layouts: tuple[EventLayout, ...]

    @property
    def rules(self) -> list[Rule]:
        """The rules of all layouts; their place here is their number in SQL."""
        return [rule for layout in self.layouts for rule in layout.rules]


@cache
def declared() -> Declared:
    """The layouts that ship with the package."""
    text = packaged_text("hygiene.events", "data/events.toml")
    return msgspec.convert(tomllib.loads(text), Declared)


# Reaching values


def quote(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def name_key(name: str) -> str:
    """A column's name or a word for comparison, as `_word` has it in SQL."""
    return name.strip().lower().translate(str.maketrans(" -.", "___"))


def find_names(paths: Iterable[str], names: Sequence[str], *, nested: bool) -> dict[str, tuple[str, str]]:
    """Path → (the column or outermost key it begins with, the rest of the path), for those that are there."""
    known = {name_key(name): name for name in reversed(names)} | {name: name for name in names}
    found = {}
    for path in paths:
        head, dot, rest = path.partition(".") if nested else (path, "", "")
        head, bracket, index = head.partition("[")
        name = known.get(head) or known.get(name_key(head))
        if name is not None:
            found[path] = (name, bracket + index + dot + rest)
    return found


def json_path(name: str, rest: str) -> str:
    """The path as DuckDB's JSON functions take it.

    >>> json_path("bounce", ".recipients[0].status")
    '$."bounce"."recipients"[0]."status"'
    """
    steps = [f'"{step}"' for step in (name,)]
    for step in rest.split(".")[1:]:
        key, bracket, index = step.partition("[")
        steps.append(f'"{key}"{bracket}{index}')
    return "$." + ".".join(steps)


# Reading records


def fitting(reach: Reach, *, nested: bool) -> list[EventLayout]:
    """The layouts that records with these paths may be of, and can be read by."""
    return [layout for layout in declared().layouts if _may_fit(layout, reach, nested=nested)]


def _may_fit(layout: EventLayout, reach: Reach, *, nested: bool) -> bool:
    if layout.recipients:
        return nested and any(all(path in reach for path in mark) for mark in layout.marks)
    has = {name: any(path in reach for path in layout.fields[name]) for name in ("word", "recipient")}
    marked = any(all(path in reach for path in mark) for mark in layout.marks)
    return all(has.values()) and (marked or not layout.marks)


def layout_sql(layouts: Sequence[EventLayout], reach: Reach) -> str:
    """The number of a record's layout, null when it is of none."""
    numbers = {layout.name: at for at, layout in enumerate(declared().layouts)}
    cases = []
    for layout in layouts:
        marks = [mark for mark in layout.marks if all(path in reach for path in mark)]
        held = " or ".join(
            "(" + " and ".join(f"{reach[path]} is not null" for path in mark) + ")" for mark in marks
        )
        cases.append(f"when {held or 'sound'} then {numbers[layout.name]}")
    return f"case {' '.join(cases)} end" if cases else "null::int"


def field_sql(layouts: Sequence[EventLayout], field: str, reach: Reach) -> str:
    """The text of a field, by the record's layout; a blank one is null, save for a machine's flag."""
    numbers = {layout.name: at for at, layout in enumerate(declared().layouts)}
    cases = []
    for layout in layouts:
        texts = [f"trim({reach[path]})" for path in layout.fields.get(field, ()) if path in reach]
        filled = texts if field == "machine" else [f"nullif({text}, '')" for text in texts]
        if filled:
            cases.append(f"when {numbers[layout.name]} then coalesce({', '.join(filled)})")
    return f"case layout {' '.join(cases)} end" if cases else "null::varchar"


def rule_sql(layouts: Sequence[EventLayout]) -> str:
    """The number of the rule that holds, over the columns `layout` and `f_…` of the fields; null for none."""
    cases, first = [], 0
    for at, layout in enumerate(declared().layouts):
        if layout in layouts:
            rules = (f"when {_holds(rule)} then {number}" for number, rule in enumerate(layout.rules, first))
            cases.append(f"when {at} then case {' '.join(rules)} end")
        first += len(layout.rules)
    return f"case layout {' '.join(cases)} end" if cases else "null::int"


def _holds(rule: Rule) -> str:
    return " and ".join(f"w_{field} in ({', '.join(map(quote, words))})" for field, words in rule.when.items())


def word_sql(column: str) -> str:
    """A word for comparison, as `name_key` has it; a blank one is empty."""
    return f"coalesce(translate(lower({column}), ' -.', '___'), '')"


def rule_fields(layouts: Sequence[EventLayout]) -> list[str]:
    """The fields that rules of these layouts ask for."""
    return sorted({field for layout in layouts for rule in layout.rules for field in rule.when})


def unknown_sql(layouts: Sequence[EventLayout]) -> str:
    """What to call an event without a rule: its word, and its class where the word alone is known."""
    known = {word for layout in layouts for rule in layout.rules for word in rule.when.get("word", ())}
    words = ", ".join(map(quote, sorted(known)))
    return f"left(case when w_word in ({words}) then concat_ws(' / ', f_word, f_class) else f_word end, 100)"


# What a record says


def timed(query: str, column: str) -> str:
    """The query with `seconds` since 1970 UTC of a column of texts, and `zoneless` where UTC was assumed.

    Numbers are seconds, milliseconds or microseconds by their size; texts ISO 8601. Null for anything else, and
    for what lies before 1990 or behind 2106. In steps, as DuckDB computes an expression as often as it stands.
    """
    parts = f"regexp_extract({column}, {quote(_MOMENT)}, ['day', 'clock', 'zone'])"
    local = "try_cast(t_parts.day || ' ' || coalesce(nullif(t_parts.clock, ''), '00:00') as timestamp)"
    digits = "rpad(regexp_replace(t_parts.zone, '[^0-9]', '', 'g'), 4, '0')"
    offset = (
        "case when t_parts.zone in ('', 'Z') then 0 else if(t_parts.zone like '-%', -1, 1) * "
        f"({digits}[1:2]::int * 3600 + {digits}[3:4]::int * 60) end"
    )
    sizes = " ".join(
        f"when t_number between {EARLIEST * unit} and {LATEST * unit} then floor(t_number / {unit})::bigint"
        for unit in (1, 10**3, 10**6)
    )
    return f"""
    select *, case {sizes} when t_moment between {EARLIEST} and {LATEST} then t_moment end as seconds,
        coalesce(t_moment is not null and t_parts.zone = '', false) as zoneless
    from (
        select *, case when t_number is null then epoch_us({local}) // 1000000 - {offset} end as t_moment
        from (select *, try_cast({column} as double) as t_number, {parts} as t_parts from ({query}))
    )"""


def machine_sql(flag: str, agent: str) -> str:
    """True for a machine, false for a person, null where it cannot be told."""
    words = declared().machine
    listed = {name: ", ".join(map(quote, getattr(words, name))) for name in ("no", "unknown", "agents")}
    proxied = " or ".join(f"contains({agent}, {quote(proxy)})" for proxy in words.proxies)
    return (
        f"case when lower({flag}) in ({listed['no']}) then false "
        f"when lower({flag}) in ({listed['unknown']}) then null when {flag} is not null then true "
        f"when {agent} in ({listed['agents']}) then true "
        f"when {agent} is null or {proxied} then null else false end"
    )


def status_sql(column: str) -> str:
    """The class of a bounce by its enhanced status code, null where the code says nothing."""
    cases = " ".join(
        f"when regexp_matches({column}, {quote(one.pattern)}) then {quote(one.bounce)}"
        for one in declared().status
    )
    return f"case {cases} end"
