"""The layouts of event logs, declared in formats/ and data/shared.toml, and the SQL that tells records by them.

A layout fits a record that holds all the keys of one of its `marks` and none that it `lacks`; `plain` takes
what fits none. `fields` are paths into a JSON record, or columns of that name in a table; the first that is not
blank counts; a path that begins with ^ is what the record stood in. Rules are asked in their order; one holds
where every field it names has one of its words ("" is a blank field). Words are compared in lower case, with _
for blanks, hyphens and full stops. A word that no rule knows stays unknown.

The SQL is DuckDB's. A record is reached through `Reach`: for each path of a layout the expression that yields
its text, null where it is missing; paths that the file does not have are left out.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Final, TypeAlias

import msgspec

from hygiene.event import BounceClass, EventKind, Machine
from hygiene.files import packaged_text
from hygiene.status import Status

Reach: TypeAlias = Mapping[str, str]  # path → SQL of its text

PLAIN: Final = "plain"
OWN: Final = "own"
ANY: Final = "~"  # before a path of the plain layout: any spelling of its names will do

_PACKAGE: Final = "hygiene.events"
_OURS: Final = ("subject",)  # fields that may tell variants, wherever a platform writes them
_COLUMN: Final = r"""[^."'\\\[\]^~*\x00-\x1f][^"'\\\[\]^~*\x00-\x1f]{0,199}(\[\d{1,3}\])?"""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What it means when each field of `when` has one of its words; no kind, no standing: no mail event."""

    when: dict[str, tuple[str, ...]]
    contains: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)  # field → parts of its text
    kind: EventKind | None = None
    bounce: BounceClass = BounceClass.UNKNOWN
    standing: Status | None = None
    machine: Machine | None = None
    nobody: bool = False  # the address in the record is not the person's
    envelope: bool = False  # it may hold events: only when all that can be opened was does it hold


class EventLayout(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How one platform writes its events."""

    name: str
    title: str
    marks: tuple[tuple[str, ...], ...]  # a record is of this layout if it has all the paths of one of these
    fields: dict[str, tuple[str, ...]]
    rules: tuple[Rule, ...]
    lacks: tuple[str, ...] = ()  # … and none of these
    never: tuple[EventKind, ...] = ()  # what the platform does not say, whatever happens
    labels: tuple[str, ...] = ()  # where the sender's own values stand, * being their name; at last as columns
    recipients: tuple[str, ...] = ()  # paths to lists, the first that is not empty; else the field `recipient`
    alone: tuple[EventKind, ...] = ()  # kinds that name nobody when there are several recipients
    reports: tuple[str, ...] = ()  # words of what is told of a report that came in: the id is the report's
    zones: dict[str, str] = msgspec.field(default_factory=dict)  # path of a time → zone of its clock
    dates: dict[str, str] = msgspec.field(default_factory=dict)  # column of a table → how its times are written
    status_parts: tuple[str, ...] = ()  # paths to class, subject and detail of a status that is no text
    patterns: dict[str, str] = msgspec.field(default_factory=dict)  # path → what of its text counts, in a group
    message_until: str = ""  # where the id of the mail ends in its field
    daily_id: bool = False  # ids of events are unique within a day only
    flagged: Machine = Machine.SCANNER  # what a flag says that only says yes

    @property
    def unsaid(self) -> tuple[EventKind, ...]:
        """What it never says: as declared, and what no rule of it means."""
        meant = {rule.kind for rule in self.rules}
        return tuple(kind for kind in EventKind if kind in self.never or kind not in meant)

    @property
    def paths(self) -> Iterator[str]:
        """Every path to a single value."""
        for group in (*self.marks, self.lacks, *self.fields.values(), self.status_parts):
            yield from group


class MachineWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a log says that a machine opened: by a flag, else by the user agent."""

    no: tuple[str, ...]
    unknown: tuple[str, ...]
    agents: tuple[str, ...]
    proxies: tuple[str, ...]
    named: dict[str, Machine]  # flag → which machine


class StatusClass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The class of a bounce by its enhanced status code, or by the text of the reply."""

    pattern: str
    bounce: BounceClass


class Declared(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that is declared."""

    as_of: str
    machine: MachineWords
    status: tuple[StatusClass, ...]
    reply: tuple[StatusClass, ...]
    layouts: tuple[EventLayout, ...]

    @property
    def rules(self) -> list[Rule]:
        """The rules of all layouts; their place here is their number in SQL."""
        return [rule for layout in self.layouts for rule in layout.rules]


#: files of formats/, in the order in which their layouts are asked; the last takes what no other knows
FORMATS: Final = (
    *(
        "own",
        "ses",
        "sendgrid",
        "mailgun",
        "postmark",
        "sparkpost",
        "brevo",
        "mandrill",
        "mailjet",
        "mailersend",
        "resend",
        "smtp2go",
        "hubspot",
        "iterable",
        "customerio",
        "activecampaign",
        "constant_contact",
        "mailchimp",
        "klaviyo",
        "kumomta",
        "powermta",
    ),
    PLAIN,
)


@cache
def declared() -> Declared:
    """The layouts that ship with the package."""
    shared = tomllib.loads(packaged_text(_PACKAGE, "data/shared.toml"))
    formats = [tomllib.loads(packaged_text(_PACKAGE, f"formats/{name}.toml")) for name in FORMATS]
    fields = formats[-1]["fields"]
    formats[-1]["fields"] = {name: [ANY + path for path in paths] for name, paths in fields.items()}
    return msgspec.convert({**shared, "layouts": formats}, Declared)


@cache
def layouts(variant_column: str = "") -> tuple[EventLayout, ...]:
    """The layouts, with variants told by a column, key or tag of the sender's own where one is named."""
    if not variant_column:
        return declared().layouts
    return tuple(_told_by(layout, variant_column) for layout in declared().layouts)


def _told_by(layout: EventLayout, column: str) -> EventLayout:
    ours = layout.fields.get(column, ()) if column in _OURS else ()
    theirs = [place.replace("*", column) for place in (*layout.labels, "*")]
    paths = [ANY + path for path in theirs] if layout.name == PLAIN else theirs
    return msgspec.structs.replace(layout, fields={**layout.fields, "variant": (*ours, *paths)})


def is_column(name: str) -> bool:
    """Whether a name can be looked for in logs: as a column, or as a path of keys with dots between."""
    return re.fullmatch(_COLUMN, name) is not None


def names_of(layouts: Iterable[EventLayout]) -> frozenset[str]:
    """Their names, by which layouts are told apart."""
    return frozenset(layout.name for layout in layouts)


# Reaching values


def quote(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def name_key(name: str) -> str:
    """A column's name or a word for comparison, as `_word` has it in SQL."""
    return name.strip().lower().translate(str.maketrans(" -.", "___"))


def find_names(paths: Iterable[str], names: Sequence[str], *, nested: bool) -> dict[str, tuple[str, str]]:
    """Path → (the column or outermost key it begins with, the rest of the path), for those that are there.

    Keys of JSON are found as they are written, columns in any case, the plain layout's however spelled.
    """
    spelled = {name_key(name): name for name in reversed(names)}
    known = {name: name for name in names} if nested else {name.lower(): name for name in reversed(names)}
    found = {}
    for path in paths:
        head, dot, rest = path.removeprefix(ANY).partition(".") if nested else (path.removeprefix(ANY), "", "")
        head, bracket, index = head.partition("[") if nested else (head, "", "")
        if path.startswith(ANY):
            name = known.get(head) or spelled.get(name_key(head))
        else:
            name = known.get(head if nested else head.lower())
        if name is not None:
            found[path] = (name, bracket + index + dot + rest)
    return found


def iso_sql(layouts: Sequence[EventLayout], column: str, text: str) -> str:
    """A column's text (SQL), in ISO 8601 where a layout says how the platform writes its times (strptime)."""
    patterns = [
        pattern
        for layout in layouts
        for name, pattern in layout.dates.items()
        if name == column.strip().lower()
    ]
    moments = [f"strftime(try_strptime({text}, {quote(each)}), '%Y-%m-%d %H:%M:%S')" for each in patterns]
    return f"coalesce({', '.join([*moments, text])})" if moments else text


def json_path(name: str, rest: str) -> str:
    """The path as DuckDB's JSON functions take it.

    >>> json_path("bounce", ".recipients[0].status")
    '$."bounce"."recipients"[0]."status"'
    """
    index, *others = rest.split(".")
    steps = [f'"{name}"{index}']
    for step in filter(None, others):
        key, bracket, index = step.partition("[")
        steps.append(f'"{key}"{bracket}{index}')
    return "$." + ".".join(steps)


# Reading records


def fitting(reach: Reach, known: Iterable[EventLayout], *, nested: bool) -> list[EventLayout]:
    """The layouts that records with these paths may be of, and can be read by."""
    return [layout for layout in known if _may_fit(layout, reach, nested=nested)]


def _may_fit(layout: EventLayout, reach: Reach, *, nested: bool) -> bool:
    if layout.recipients and nested:
        return any(all(path in reach for path in mark) for mark in layout.marks)
    has = {name: any(path in reach for path in layout.fields.get(name, ())) for name in ("word", "recipient")}
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
        lacking = "".join(f" and {reach[path]} is null" for path in layout.lacks if path in reach)
        cases.append(f"when ({held or _says(layout, reach)}){lacking} then {numbers[layout.name]}")
    return f"case {' '.join(cases)} end" if cases else "null::int"


def _says(layout: EventLayout, reach: Reach) -> str:
    """Whether a record says what happened or to whom, for the layout that takes what no other knows."""
    told = [reach[path] for name in ("word", "recipient") for path in layout.fields[name] if path in reach]
    return " or ".join(f"{text} is not null" for text in told) or "false"


def field_sql(layouts: Sequence[EventLayout], field: str, reach: Reach, *, trimmed: bool = True) -> str:
    """The text of a field, by the record's layout; a blank one is null, save for a machine's flag.

    Without `trimmed` white space stays, and only an empty text is blank: to trim every path of a JSON record
    costs more than to find it.
    """
    cases = {}
    for layout in layouts:
        texts = [_told(layout, path, reach[path]) for path in layout.fields.get(field, ()) if path in reach]
        texts = [f"trim({text})" for text in texts] if trimmed else texts
        filled = texts if field == "machine" else [f"nullif({text}, '')" for text in texts]
        if filled:
            cases[layout.name] = f"coalesce({', '.join(filled)})" if len(filled) > 1 else filled[0]
    return by_layout(cases, layouts)


def _told(layout: EventLayout, path: str, text: str) -> str:
    """What counts of a path's text."""
    pattern = layout.patterns.get(path)
    return f"regexp_extract({text}, {quote(pattern)}, 1)" if pattern else text


def by_layout(
    cases: Mapping[str, str], layouts: Sequence[EventLayout], otherwise: str = "null::varchar"
) -> str:
    """The SQL of a record's layout; of one alone without a question, as what is of none is never used."""
    if len(layouts) == 1 and len(cases) == 1:
        return next(iter(cases.values()))
    numbers = {layout.name: at for at, layout in enumerate(declared().layouts)}
    when = " ".join(f"when {numbers[name]} then {sql}" for name, sql in cases.items())
    return f"case layout {when} else {otherwise} end" if cases else otherwise


def rule_sql(
    layouts: Sequence[EventLayout], word: Callable[[EventLayout, str], str] = lambda _, field: f"w_{field}"
) -> str:
    """The number of the rule that holds, over the column `layout` and the word of each field; null for none."""
    cases, first, asked = {}, 0, names_of(layouts)
    for layout in declared().layouts:
        if layout.name in asked:
            rules = (
                f"when {_holds(rule, partial(word, layout))} then {number}"
                for number, rule in enumerate(layout.rules, first)
            )
            cases[layout.name] = f"case {' '.join(rules)} end"
        first += len(layout.rules)
    return by_layout(cases, layouts, "null::int")


def _holds(rule: Rule, word: Callable[[str], str]) -> str:
    """Whether a rule holds; one that asks nothing always does."""
    asked = [f"{word(field)} in ({', '.join(map(quote, words))})" for field, words in rule.when.items()]
    for field, parts in rule.contains.items():
        asked.append("(" + " or ".join(f"contains({word(field)}, {quote(part)})" for part in parts) + ")")
    return " and ".join(asked) or "true"


def word_sql(column: str) -> str:
    """A word for comparison, as `name_key` has it; a blank one is empty."""
    # translating takes longer than all else: single words need none
    several = " or ".join(f"contains({column}, '{mark}')" for mark in " -.")
    return (
        f"case when {several} then translate(lower(trim({column})), ' -.', '___') "
        f"else coalesce(lower({column}), '') end"
    )


def rule_fields(layouts: Sequence[EventLayout]) -> list[str]:
    """The fields that rules of these layouts ask for."""
    return sorted(
        {field for layout in layouts for rule in layout.rules for field in (*rule.when, *rule.contains)}
    )
