"""Logs of JSON: one pass by the layouts that a sample shows, and a second over what that leaves, if anything.

A sample only says what to try first: whatever it missed is left by the first pass and read by the second, which
tries every layout and opens every envelope. DuckDB never infers columns here: each record stays one JSON value.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hygiene.errors import UnreadableInput
from hygiene.event import EventKind
from hygiene.events.layout import ANY, PLAIN, EventLayout, json_path, layouts, name_key, quote
from hygiene.events.opening import KEPT, MOST_ROUNDS, opened_sql
from hygiene.events.query import NAMES, events_sql, insert_events, left_sql, unread_sql
from hygiene.events.recogniser import Task
from hygiene.events.records import ALWAYS, Mark, Records
from hygiene.events.sample import SAMPLE_VALUES, Shown, sample_lines, sniff
from hygiene.events.scan import Scan, declare_columns
from hygiene.events.values import is_kind
from hygiene.intake.guard import MIB, Limits

NUMBERED: Final = 32 * MIB  # bytes; in larger files numbering every record would halve the speed
MOST_UNREAD: Final = 10_000  # records kept of one file
DAMAGED: Final = "not a JSON value, or cut short"

#: a number as DuckDB writes it in a column, though not in the text of a JSON value; alone, or after a day
EXPONENT: Final = r"(\d+/)?-?\d(\.\d+)?[eE][+-]\d+"
#: columns of events that have a text as it stood
_TEXTS: Final = (
    *("source", "event_id", "message_id", "recipient", "campaign", "variant", "segment", "stream", "subject"),
    *("provider", "reason", "url", "currency"),
)

_LARGEST: Final = 256 * MIB  # bytes of one JSON value
_USUAL: Final = 16 * MIB  # … that DuckDB takes anyway
_SNIFFED_LINES = 20
_LINE: Final = {True: "row_number() over ()", False: "null::bigint"}  # whether it is numbered → its number


@dataclass(frozen=True, kw_only=True, slots=True)
class JsonLog:
    """A file of JSON values: `read` yields one a row, with its number where it is cheap or asked for."""

    path: Path
    link: str  # as SQL, a name that is no pattern
    form: str  # newline_delimited, array or unstructured
    size: int

    def read(self, *, numbered: bool) -> str:
        """The values as SQL, columns line and body; a damaged line is null."""
        return f"select {_LINE[numbered]} as line, json as body from read_json_objects({self._source})"

    def scan(self, scan: Scan, *, numbered: bool) -> str:
        """The values as SQL, columns line and those of the scan; a line that is damaged has none of these."""
        read = f"read_json({self._source}, columns = {scan.columns})"
        return f"select *, {scan.texts} from (select {_LINE[numbered]} as line, {scan.names} from {read})"

    @property
    def _source(self) -> str:
        lenient = ", ignore_errors = true" if self.form == "newline_delimited" else ""
        largest = max(_USUAL, min(self.size + 1, _LARGEST)) if self.form == "unstructured" else _USUAL
        return f"{self.link}, format = '{self.form}', maximum_object_size = {largest}{lenient}"


def json_form(head: bytes) -> str:
    """How the values of a file of JSON stand in it, in DuckDB's words."""
    lines = head.removeprefix(codecs.BOM_UTF8).lstrip().splitlines()
    first = lines[0].strip()
    if _is_value(first):
        return "newline_delimited"
    if first.startswith(b"["):
        return "array"
    cut_short = first != b"{" and any(map(_is_value, lines[1:_SNIFFED_LINES]))
    return "newline_delimited" if cut_short else "unstructured"


def _is_value(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict | list)
    except (ValueError, RecursionError):
        return False


def load_json(task: Task, log: JsonLog) -> None:
    """Put the events of a log into `events`, and what is not understood into `unread`."""
    small = log.size <= NUMBERED
    shown, numbered = sniff(_sample(task, log), layouts(task.variant_column)), log.read(numbered=True)
    records = scanned_records(log, shown, numbered=small)
    if not (records and _load_scanned(task, records, numbered)):
        _load_shown(task, log.read(numbered=small), numbered, shown)


def load_bodies(task: Task, bodies: str, numbered: str, sample: Sequence[str | bytes]) -> None:
    """Put the events of JSON values into `events`: those of the layouts of a sample first, then all others."""
    _load_shown(task, bodies, numbered, sniff(sample, layouts(task.variant_column)))


def _load_shown(task: Task, bodies: str, numbered: str, shown: Shown) -> None:
    if not shown.layouts:
        _load_rest(task, numbered, kept=False)
        return
    first = json_records(bodies, shown.layouts, rounds=shown.rounds, apart=shown.several)
    insert_events(task.connection, events_sql(first, task), task.spared)
    again = json_records(numbered, shown.layouts, rounds=shown.rounds, apart=shown.several)
    _keep_unknown(task, again)
    _load_left(task, again, Mark.LEFT)


def _load_scanned(task: Task, records: Records, numbered: str) -> bool:
    """The events of lines read as columns; what is left of them is read by its text.

    False, and nothing is loaded, where the text does not leave as many, or a number is written otherwise in it.
    """
    query = events_sql(records, task)
    if task.hashed:  # then the texts themselves are not kept
        task.connection.execute("alter table events add column if not exists doubtful boolean")
        query = f"select *, {_exponent_in(NAMES)} as doubtful from ({query})"
    insert_events(task.connection, query, task.spared)
    agreed = not _has_exponents(task)
    if agreed:
        again = json_records(numbered, records.layouts)
        _keep_unknown(task, again)
        agreed = _load_left(task, again, Mark.LEFT, Mark.DAMAGED)
    if not agreed:
        for table in ("events", "unread"):
            task.connection.execute(f"delete from {table} where file = {task.number}")
    return agreed


def _has_exponents(task: Task) -> bool:
    """Whether a number with an exponent became a text of an event."""
    kept = [name for name in _TEXTS if name not in (*task.spared, *(NAMES if task.hashed else ()))]
    unknown = is_kind("kind", EventKind.UNKNOWN, Mark.SKIPPED)
    found = [_exponent_in(kept), f"({unknown} and regexp_full_match(reason, {quote(f'(.* / )?{EXPONENT}')}))"]
    if task.hashed:
        found.append("doubtful")
    rows = f"select 1 from events where file = {task.number} and ({' or '.join(found)}) limit 1"
    return task.connection.execute(rows).fetchone() is not None


def _exponent_in(columns: Iterable[str]) -> str:
    """Whether one of these texts is a number with an exponent."""
    return " or ".join(
        # what begins with a digit sorts before a colon, which is found sooner
        f"({column} < ':' and regexp_full_match({column}, {quote(EXPONENT)}))"
        for column in columns
    )


def _keep_unknown(task: Task, again: Records) -> None:
    """The text of events whose words no rule knows."""
    if _count(task, "'unknown'"):
        query = unread_sql(again, task.number, MOST_UNREAD)
        task.connection.execute(
            f"insert into unread by name select * from ({query}) where why like 'unknown event%'"
        )


def _load_left(task: Task, again: Records, *kinds: Mark) -> bool:
    """The records that were left, read by all layouts; whether they were as many as now are of these kinds."""
    con, left = task.connection, _count(task, quote(Mark.LEFT))
    if not left:
        return True
    con.execute(f"delete from events where file = {task.number} and kind = '{Mark.LEFT}'")
    con.execute(f"create or replace temp table event_left as {left_sql(again, *kinds)}")
    found = con.execute("select count(*) from event_left").fetchone()
    agreed = found == (left,)
    if agreed:
        _load_rest(task, "from event_left", kept=True)
    con.execute("drop table temp.event_left")
    return agreed


def _load_rest(task: Task, bodies: str, *, kept: bool) -> None:
    """All envelopes, and all layouts whose keys are there."""
    con = task.connection
    con.execute(f"create or replace temp table event_rest as {opened_sql(bodies, MOST_ROUNDS, kept=kept)}")
    keys = _keys(task)
    possible = _possible(set(keys), layouts(task.variant_column))
    records = json_records("from event_rest", possible, opened=True, keys=keys, apart=True)
    insert_events(con, events_sql(records, task), task.spared)
    if _count(task, f"'unknown', '{Mark.LEFT}'"):
        con.execute(f"insert into unread by name {unread_sql(records, task.number, MOST_UNREAD)}")
    con.execute("drop table temp.event_rest")


def _possible(keys: set[str], known: Iterable[EventLayout]) -> list[EventLayout]:
    """The layouts of which a record with these outermost keys may be; to ask for the others only costs."""

    def has(path: str) -> bool:
        return path.startswith("^") or re.split(r"[.\[]", path, maxsplit=1)[0] in keys

    return [one for one in known if one.name == PLAIN or any(all(map(has, mark)) for mark in one.marks)]


def _keys(task: Task) -> list[str]:
    """The outermost keys of the rest, for the layout that knows columns by their names in any case."""
    most = Limits().keys
    rows = task.connection.execute(
        "select distinct unnest(json_keys(body)) from event_rest where json_type(body) = 'OBJECT' "
        f"limit {most + 1}"
    ).fetchall()
    if len(rows) > most:
        raise UnreadableInput(f"{task.name} cannot be read: it holds more than {most} different keys")
    return sorted(key for (key,) in rows if not set(key) & set('"\\'))


def _count(task: Task, kinds: str) -> int:
    row = task.connection.execute(
        f"select count(*) from events where file = {task.number} and kind in ({kinds})"
    ).fetchone()
    return int(row[0]) if row else 0


def _sample(task: Task, log: JsonLog) -> Sequence[str | bytes]:
    """Some values: of the beginning and, in lines, of places all over the file."""
    if log.form == "newline_delimited":
        with log.path.open("rb") as file:
            return sample_lines(file, log.size)
    rows = task.connection.execute(f"{log.read(numbered=False)} limit {SAMPLE_VALUES}").fetchall()
    return [body for _, body in rows if body]


# Reaching


def scanned_records(log: JsonLog, shown: Shown, *, numbered: bool) -> Records | None:
    """Records of lines that stand in no envelopes, as columns; None where they must be read by their text.

    Damaged lines and mails to several are left.
    """
    if log.form != "newline_delimited" or shown.rounds or shown.several or not shown.layouts:
        return None
    scan = declare_columns(shown.layouts, ALWAYS)
    if scan is None:
        return None
    handed = ", ".join(f"null::varchar as {column}" for column in KEPT.values())
    return Records(
        query=f"select *, {handed} from ({log.scan(scan, numbered=numbered)})",
        reach={**scan.reach, **KEPT},
        layouts=shown.layouts,
        several=scan.several,
        damaged="false",
        opened=False,
    )


def json_records(
    bodies: str,
    layouts: Sequence[EventLayout],
    *,
    rounds: int = 0,
    opened: bool = False,
    keys: Sequence[str] = (),
    apart: bool = False,
) -> Records:
    """Records of JSON values; `apart` takes lists of recipients apart, else their mails are left."""
    lists = [path for layout in layouts for path in layout.recipients]
    paths = [path for layout in layouts if layout.name != PLAIN for path in layout.paths]
    paths += [path.replace("[*]", f"[{at}]") for path in lists for at in (0, 1)]
    places = {path: _place(path) for path in dict.fromkeys(paths) if not path.startswith("^")}
    plain = _plain_places(keys, layouts)
    wanted = list(dict.fromkeys([*places.values(), *(place for found in plain.values() for place in found)]))
    at = {place: f"v[{number}]" for number, place in enumerate(wanted, 1)}
    reach = {path: at[place] for path, place in places.items()}
    reach |= KEPT
    for path, found in plain.items():
        reach[path] = f"coalesce({', '.join(at[place] for place in found)})" if len(found) > 1 else at[found[0]]
    if not opened:
        bodies = opened_sql(bodies, rounds)
    return Records(
        query=f"select *, json_extract_string(body, [{', '.join(map(quote, wanted))}]) as v from ({bodies})",
        reach=reach,
        layouts=tuple(layouts),
        several={
            path: (reach[path.replace("[*]", "[0]")], reach[path.replace("[*]", "[1]")]) for path in lists
        },
        listed=(lambda path: f"json_extract(body, {quote(_place(path) + '[*]')})") if apart else None,
        inside=_inside if apart else None,
        opened=opened,
    )


def _place(path: str) -> str:
    head, dot, rest = path.partition(".")
    head, bracket, index = head.partition("[")
    return json_path(head, bracket + index + dot + rest)


def _inside(path: str) -> str:
    """A text inside an element of a list; the element itself where the path is empty."""
    return f"json_extract_string(item, {quote('$' + _place(path.removeprefix('.'))[1:] if path else '$')})"


def _plain_places(keys: Sequence[str], layouts: Iterable[EventLayout]) -> dict[str, list[str]]:
    """Path of the plain layout, if it is one of these → where it stands among these keys, in any spelling."""
    spelled: dict[str, list[str]] = {}
    for key in keys:
        spelled.setdefault(name_key(key), []).append(key)
    found = {}
    for path in (path for layout in layouts if layout.name == PLAIN for path in layout.paths):
        head, dot, rest = path.removeprefix(ANY).partition(".")
        names = spelled.get(name_key(head), [])
        if names:
            found[path] = [json_path(name, f".{rest}" if dot else "") for name in names]
    return found
