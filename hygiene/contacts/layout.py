"""The layout of an export: which columns are the address, the consent, the dates. Declared in formats/."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

import msgspec

from hygiene.contacts.column_names import column_key, listed_words, word_key
from hygiene.contacts.consent_signs import dated_by_name, ended_by_name, holds_date, sentence_status
from hygiene.contacts.file_names import status_of_name
from hygiene.contacts.header import Positions
from hygiene.errors import UsageError
from hygiene.files import packaged_text
from hygiene.intake.dates import DateFormat
from hygiene.status import Status, strictest

PLAIN = "plain"
ROLES = ("address", "status", "activity", "joined", "confirmed")  # what --column can name
FIGURES = ("orders", "spent", "last_order", "country", "sent_since")
ENDS = frozenset({Status.BOUNCED, Status.UNSUBSCRIBED, Status.COMPLAINED})
NOBODY_TOLD = "Nothing in this file says who has subscribed or unsubscribed: every status is unknown."
_READ_BY_NAME = "is read, by its name: whom it says to be gone is not mailed."
NO_OVERRIDES: Mapping[str, str] = MappingProxyType({})


class ActivityKind(StrEnum):
    """What a date of last activity counts."""

    CLICK = "click"
    ORDER = "order"
    VISIT = "visit"
    OPEN = "open"  # machine opens (Apple Mail Privacy Protection, scanners) cannot be told apart in an export
    ANY = "any"  # the platform does not say what it counts; opens may be among it


class StatusColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a column's cells say where a contact stands; words are written as `word_key` gives them.

    A blank cell means `blank`, a word of `silent` says nothing, a word of `words` what it maps to, any other
    `present` if set and else `otherwise`.
    """

    column: str
    words: dict[str, Status] = {}
    silent: tuple[str, ...] = ()
    present: Status | None = None
    blank: Status | None = None
    otherwise: Status | None = Status.UNREADABLE  # None: such a word says nothing
    listed: bool = False  # several words in a cell, as "[A, B]", "A,B" or '["A"]': the strictest wins
    dated: Status | None = None  # what a date in a cell means; None: it is a word like others
    consent: bool = False  # two candidates for this column are refused, and --column status= may replace it


class ActivityColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column that truly holds the date of the last engagement."""

    column: str
    kind: ActivityKind


class Confirmation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a double opt-in shows: the cell is not blank, and passes what else is asked here (by `word_key`)."""

    column: str
    words: tuple[str, ...] = ()  # one of these; none: any
    unless: tuple[str, ...] = ()  # none of these
    differs_from: str = ""  # a column that is filled too, with something else


class FileKind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column whose presence says the status of every row, in the absence of another."""

    column: str
    without: str
    status: Status


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One platform's export. Columns are named as the platform writes them; what the file lacks is left out."""

    id: str
    name: str
    source: tuple[str, ...]  # where it is described
    read: str  # year-month the sources were read
    shapes: tuple[tuple[str, ...], ...] = ()  # sets of columns, one of which must all be there; none: plain
    aliases: dict[str, tuple[str, ...]] = {}  # column → its other spellings
    loose: bool = False  # names are compared by `name_key`
    address: str
    address_pattern: str = ""  # a regular expression for further names of an address column
    status: Status | None = None  # what a row means that says nothing
    status_columns: tuple[StatusColumn, ...] = ()
    status_files: dict[str, Status] = {}  # beginning of the file's name → status of all its rows
    status_kinds: tuple[FileKind, ...] = ()
    activity: tuple[ActivityColumn, ...] = ()  # the latest counts
    joined: tuple[str, ...] = ()  # subscribed or created; the first that is not blank counts
    confirmed: Confirmation | None = None
    dates: tuple[DateFormat, ...] = ()  # the first that fits counts
    date_part: str = ""  # a regular expression for the date within a cell; a cell without it holds none
    quote_escape: str = '"'  # what stands before a quote within a quoted cell
    ignored: tuple[str, ...] = ()  # look like a date, an address or a consent, and cannot be named as one
    orders: str = ""
    spent: str = ""
    last_order: str = ""
    country: str = ""
    sent_since: str = ""  # campaigns sent since the last engagement
    notes: tuple[str, ...] = ()  # what a person must be told


OWN_ADDRESS: Final = (
    "hygiene_address"  # what a cleaning adds where a cell is not itself the address to write to
)
OWN_FACTS: Final = "hygiene_facts"  # and where a row alone does not tell why its person may be mailed


class Recognised(msgspec.Struct, frozen=True, kw_only=True):
    """A header with its layout. Columns are positions in the header, from 0."""

    layout: Layout
    header: tuple[str, ...]
    address: int | None  # None: look at the cells
    status_columns: tuple[tuple[int, StatusColumn], ...]  # the strictest word of all wins
    file_status: Status | None  # joins every row's status
    default_status: Status  # of a row of which neither the file nor a column says anything
    activity: tuple[tuple[int, ActivityKind], ...]
    joined: tuple[int, ...]
    confirmed: tuple[int, int | None, Confirmation] | None  # the column, the one it must differ from, the rule
    figures: dict[str, int]  # of `FIGURES`, for segments
    notes: tuple[str, ...]
    watched: tuple[tuple[int, StatusColumn], ...] = ()  # columns that may say something further down

    @property
    def tells_consent(self) -> bool:
        """Whether the file says who has subscribed, or that nobody was asked."""
        says = self.file_status is not None or self.layout.status is not None or OWN_FACTS in self.header
        return says or _tell_consent(self.status_columns)


def status_of(rule: StatusColumn, cell: str) -> Status | None:
    """What a cell says of its contact; None when it says nothing. Meant for unique values."""
    keys = [key for key in map(word_key, listed_words(cell) if rule.listed else [cell]) if key]
    if not keys:
        return rule.blank
    said = [status for key in keys if (status := _status_of_word(rule, key))]
    return strictest(*said) if said else None


def _status_of_word(rule: StatusColumn, key: str) -> Status | None:
    if key in rule.silent:
        return None
    if rule.dated and (dated := holds_date(key)) is not None:
        return rule.dated if dated else rule.blank
    said = rule.words.get(key) or rule.present
    return said or sentence_status(rule.words, key, yes=rule.consent) or rule.otherwise


def status_of_file(layout: Layout, file_name: str, *, begins: bool = False) -> Status | None:
    """What the name of a file (also of one within a folder or archive) says of all its rows; None: nothing.

    What stops mail may stand anywhere in the name, unless only what it `begins` with is asked.
    """
    return status_of_name(layout.status_files, file_name, begins=begins)


def confirmed_of(rule: Confirmation, cell: str, other: str = "") -> bool:
    """Whether a row shows a double opt-in; `other` is its cell in `differs_from`."""
    key = word_key(cell)
    if not key or key in rule.unless or (rule.words and key not in rule.words):
        return False
    return not rule.differs_from or (bool(other.strip()) and other.strip() != cell.strip())


@cache
def layouts() -> Mapping[str, Layout]:
    """Every declared layout by id."""
    names = sorted(one.name for one in files("hygiene.contacts").joinpath("formats").iterdir())
    found = (_load(name) for name in names if name.endswith(".toml"))
    return MappingProxyType({layout.id: layout for layout in found})


def _load(name: str) -> Layout:
    return msgspec.convert(tomllib.loads(packaged_text("hygiene.contacts", f"formats/{name}")), Layout)


def recognise(
    header: Sequence[str],
    file_name: str = "",
    overrides: Mapping[str, str] = NO_OVERRIDES,
    layout_id: str = "",
) -> Recognised:
    """The layout of a file, from its header and name, by columns in any order; the plain one when none fits.

    `overrides` maps a word of `ROLES` to a column's name, or to nothing when the file has no such column.
    `layout_id` settles what several layouts claim. Raises UsageError when two layouts fit equally well, when
    two columns could be the address or the consent, and for an override that cannot be.
    """
    if OWN_FACTS in header and OWN_ADDRESS in header:
        _checked(overrides)
        return _own_words(header)
    columns = [column_key(name) for name in header]
    layout = _chosen_layout(columns, layout_id)
    at = Positions(layout, header)
    named = {role: at.named(role, name) for role, name in _checked(overrides).items()}
    declared = tuple(_status_columns(at, named))
    undeclared = tuple(_undeclared_ends(at, {place for place, _ in declared}))
    file_status = _file_status(at, file_name, known=_tell_consent(declared))
    activity = tuple(_activity(at, named))
    read_by_name = [place for place, _ in undeclared if file_status not in ENDS]
    return Recognised(
        layout=layout,
        header=tuple(header),
        address=_address(at, named),
        status_columns=(*declared, *undeclared),
        file_status=file_status,
        default_status=layout.status or Status.UNKNOWN,
        activity=activity,
        joined=tuple(_joined(at, named)),
        confirmed=_confirmed(at, named),
        figures={role: found[0] for role in FIGURES if (found := at.of(getattr(layout, role)))},
        notes=(
            *layout.notes,
            *(f"{header[place].strip()!r} {_READ_BY_NAME}" for place in read_by_name),
            *_silences(layout, (*declared, *undeclared), file_status, activity),
        ),
    )


def _own_words(header: Sequence[str]) -> Recognised:
    """A file in which a cleaning has written for every row what is known of the person.

    Nothing else counts, but that somebody has left since, where another column came to say so.
    """
    plain = layouts()[PLAIN]
    at = Positions(plain, header)
    consent = ((place, rule) for rule in plain.status_columns if rule.consent for place in at.of(rule.column))
    ends = {place: _ends_alone(rule) for place, rule in consent} | dict(_undeclared_ends(at, set()))
    return Recognised(
        layout=plain,
        header=tuple(header),
        address=header.index(OWN_ADDRESS),
        status_columns=tuple(ends.items()),
        file_status=None,
        default_status=Status.UNKNOWN,
        activity=(),
        joined=(),
        confirmed=None,
        figures={},
        notes=(f"The column {OWN_FACTS} of an earlier cleaning says what is known of each person.",),
    )


def _checked(overrides: Mapping[str, str]) -> Mapping[str, str]:
    for role in overrides:
        if role not in ROLES:
            raise UsageError(f"--column {role}=… is not known: a column can be named for {', '.join(ROLES)}")
    return overrides


def _chosen_layout(columns: Sequence[str], layout_id: str) -> Layout:
    if layout_id and layout_id not in layouts():
        raise UsageError(f"no layout is called {layout_id!r}; there are {', '.join(layouts())}")
    if layout_id:
        return layouts()[layout_id]
    sizes = {one.id: size for one in layouts().values() if (size := _fit(one, columns))}
    best = [one for one, size in sizes.items() if size == max(sizes.values())]
    if len(best) > 1:
        names = " or ".join(layouts()[one].name for one in best)
        raise UsageError(f"the header could be an export of {names}: say which with --layout {best[0]}")
    return layouts()[best[0] if best else PLAIN]


def _fit(layout: Layout, columns: Sequence[str]) -> int:
    """How many columns the largest shape that is all there has; 0: none is."""
    present = {name for name in _spellings(layout) if _keys(layout, name) & set(columns)}
    return max((len(shape) for shape in layout.shapes if present.issuperset(shape)), default=0)


def _spellings(layout: Layout) -> set[str]:
    return {name for shape in layout.shapes for name in shape}


def _keys(layout: Layout, name: str) -> set[str]:
    return {column_key(spelling) for spelling in (name, *layout.aliases.get(name, ()))}


def _address(at: Positions, named: Mapping[str, int | None]) -> int | None:
    if "address" in named:
        return named["address"]
    return at.single("address", [*at.of(at.layout.address), *at.matching(at.layout.address_pattern)])


def _status_columns(at: Positions, named: Mapping[str, int | None]) -> Iterator[tuple[int, StatusColumn]]:
    """A column named as the status replaces a plain file's consent; a platform's own words always count."""
    for rule in at.layout.status_columns:
        if not rule.consent:
            yield from ((place, rule) for place in at.of(rule.column) if place != named.get("status"))
        elif "status" not in named and (found := at.single("status", at.of(rule.column))) is not None:
            yield found, _dated(at.header[found], rule)
    if (chosen := named.get("status")) is not None:
        yield chosen, _rule_for(at, chosen)


def _dated(name: str, rule: StatusColumn) -> StatusColumn:
    """Of a column that is named for saying yes, a date is when that was."""
    return msgspec.structs.replace(rule, dated=Status.SUBSCRIBED) if dated_by_name(name) else rule


def _tell_consent(statuses: Iterable[tuple[int, StatusColumn]]) -> bool:
    """Whether a column among these says who has subscribed."""
    return any(rule.consent or Status.SUBSCRIBED in rule.words.values() for _, rule in statuses)


def _undeclared_ends(at: Positions, declared: Set[int]) -> Iterator[tuple[int, StatusColumn]]:
    """Columns that are not the platform's, and can tell of an end: no other word of theirs counts."""
    plain = layouts()[PLAIN]
    general = {rule.column: rule for rule in plain.status_columns}
    foreign = Positions(plain, at.header) if at.layout is not plain else None
    spared = {*declared, *(place for one in at.layout.ignored for place in at.of(one))}
    for place, name in enumerate(at.header):
        if place in spared:
            continue
        if role := ended_by_name(name):
            yield place, general[role]
        elif foreign and any(rule.consent and place in foreign.of(rule.column) for rule in general.values()):
            yield from ((place, _ends_alone(rule)) for rule in general.values() if rule.consent)


def _ends_alone(rule: StatusColumn) -> StatusColumn:
    ends = {word: status for word, status in rule.words.items() if status in ENDS}
    return msgspec.structs.replace(rule, words=ends, otherwise=None, blank=None, consent=False)


def _rule_for(at: Positions, place: int) -> StatusColumn:
    declared = [rule for rule in at.layout.status_columns if place in at.of(rule.column)]
    general = [rule for rule in layouts()[PLAIN].status_columns if rule.consent]
    return [*declared, *general][0]


def _file_status(at: Positions, file_name: str, *, known: bool) -> Status | None:
    """What is said of every row; what a file's name says in passing only where no column tells of consent."""
    said = [one.status for one in at.layout.status_kinds if at.of(one.column) and not at.of(one.without)]
    named = at.layout if at.layout.status_files or known else layouts()[PLAIN]
    by_name = status_of_file(named, file_name, begins=known)
    return strictest(*said, *([by_name] if by_name else [])) if said or by_name else None


def _activity(at: Positions, named: Mapping[str, int | None]) -> Iterator[tuple[int, ActivityKind]]:
    declared = [(place, one.kind) for one in at.layout.activity for place in at.of(one.column)]
    if "activity" not in named:
        yield from declared
    elif (chosen := named["activity"]) is not None:
        yield chosen, dict(declared).get(chosen, ActivityKind.ANY)


def _joined(at: Positions, named: Mapping[str, int | None]) -> Iterator[int]:
    if "joined" not in named:
        yield from (place for column in at.layout.joined for place in at.of(column))
    elif (chosen := named["joined"]) is not None:
        yield chosen


def _confirmed(at: Positions, named: Mapping[str, int | None]) -> tuple[int, int | None, Confirmation] | None:
    rule = at.layout.confirmed
    places = at.of(rule.column) if rule else []
    if "confirmed" in named and named["confirmed"] not in places:
        chosen, rule = named["confirmed"], layouts()[PLAIN].confirmed
        return (chosen, None, rule) if chosen is not None and rule else None
    if not rule or not places:
        return None
    others = at.of(rule.differs_from)
    return places[0], others[0] if others else None, rule


def _silences(
    layout: Layout,
    statuses: Sequence[tuple[int, StatusColumn]],
    file_status: Status | None,
    activity: Sequence[tuple[int, ActivityKind]],
) -> Iterator[str]:
    """What the file does not say, and what follows."""
    if not statuses and not file_status and layout.status is None:
        yield NOBODY_TOLD
    if file_status:
        yield f"Every contact of this file is taken as {file_status}, as its name or its columns say."
    if not activity:
        yield "No column holds a date of last engagement: whether a contact is inactive is unknown."
    elif {kind for _, kind in activity} == {ActivityKind.OPEN}:
        yield "The only engagement here is opens, many of which mail programs and scanners make by themselves."
