"""What became of every event of the logs that were read for a cleaning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from hygiene.errors import HygieneError
from hygiene.event import EventKind
from hygiene.events.file import EventFile
from hygiene.events.layout import ANY, PLAIN, EventLayout, declared

if TYPE_CHECKING:
    import duckdb

#: the kinds by their numbers in SQL
KINDS: Final = tuple(EventKind)

_WORDS_NAMED = 50  # unknown words, the most frequent first
_NAMED = {
    "recipient": "address",
    "word": "event",
    "time": "time",
    "class": "bounce class",
    "machine": "machine",
}


class Aside(StrEnum):
    """Why an event tells nothing of anybody, in the order in which it is asked."""

    DAMAGED = "damaged"  #: not a record of its file
    NO_LAYOUT = "no-layout"  #: a record of none of the layouts
    UNKNOWN_WORD = "unknown-word"  #: what happened is said in a word unknown here
    NO_MAIL_EVENT = "no-mail-event"  #: tests, forwards, automatic replies, changes of a list
    SEVERAL_RECIPIENTS = "several-recipients"  #: which of them opened, clicked or complained is not said
    NO_ADDRESS = "no-address"
    INVALID_ADDRESS = "invalid-address"
    UNDATED = "undated"  #: no time, or none that can be read; a bounce or opt-out stands without one


@dataclass(frozen=True, kw_only=True, slots=True)
class LogFile:
    """How one log was read."""

    name: str
    events: int  # damaged ones included; one a recipient
    layouts: Mapping[str, int]  # title → events
    said: tuple[str, ...]  # what was assumed, for a person


@dataclass(frozen=True, kw_only=True, slots=True)
class ActivityReport:
    """Every event of the logs: `events` = `used` + all of `aside`."""

    files: tuple[LogFile, ...]
    events: int
    used: int
    aside: Mapping[Aside, int]
    kinds: Mapping[EventKind, int]  # of all events of a layout, used or not
    unknown_words: Mapping[str, int]  # the most frequent ones
    machine_opens: int
    machine_clicks: int
    opens_maybe_machine: int  # no flag in the log, and no user agent or that of an image proxy
    zoneless: int  # times taken for UTC
    mailboxes: int


def report_events(
    files: Sequence[EventFile], connection: duckdb.DuckDBPyConnection, events: str, persons: str
) -> ActivityReport:
    """The account of the tables `events` and `persons`; raises HygieneError where it does not add up."""
    rows = connection.execute(
        "select file, layout, aside, kind, machine, count(*), count(*) filter (zoneless) "
        f"from {events} group by all"
    ).fetchall()
    aside = Counter({Aside.DAMAGED: sum(file.damaged for file in files)})
    kinds: Counter[EventKind] = Counter()
    machines: Counter[tuple[EventKind, bool | None]] = Counter()
    for _, _, why, code, machine, count, _ in rows:
        if why:
            aside[Aside(why)] += count
        kind = KINDS[code] if code is not None else EventKind.UNKNOWN if why == Aside.UNKNOWN_WORD else None
        if kind:
            kinds[kind] += count
            machines[kind, machine] += count
    read = tuple(_log_file(number, file, rows) for number, file in enumerate(files))
    report = ActivityReport(
        files=read,
        events=sum(file.events for file in read),
        used=_count(connection, f"{events} where aside is null"),
        aside={why: aside[why] for why in Aside if aside[why]},
        kinds={kind: kinds[kind] for kind in EventKind if kinds[kind]},
        unknown_words=_unknown_words(connection, events),
        machine_opens=machines[EventKind.OPENED, True],
        machine_clicks=machines[EventKind.CLICKED, True],
        opens_maybe_machine=machines[EventKind.OPENED, None],
        zoneless=sum(row[-1] for row in rows),
        mailboxes=_count(connection, persons),
    )
    if report.events != report.used + sum(report.aside.values()):
        raise HygieneError("the events of the logs do not add up: this is a fault of hygiene, please report it")
    return report


def _count(connection: duckdb.DuckDBPyConnection, source: str) -> int:
    (count,) = connection.execute(f"select count(*) from {source}").fetchone() or (0,)
    return int(count)


def _log_file(number: int, file: EventFile, rows: Sequence[tuple[Any, ...]]) -> LogFile:
    layouts: Counter[str] = Counter()
    events, zoneless = file.damaged, 0
    for at, layout, _, _, _, count, without_zone in rows:
        if at == number:
            events, zoneless = events + count, zoneless + without_zone
            if layout is not None:
                layouts[declared().layouts[layout].title] += count
    notes = list(file.said)
    if any(title == layout.title for layout in file.layouts if layout.name == PLAIN for title in layouts):
        notes += [_columns_said(layout, file) for layout in file.layouts if layout.name == PLAIN]
    if zoneless:
        notes.append("times without a zone are taken for UTC")
    return LogFile(name=file.name, events=events, layouts=dict(layouts), said=tuple(notes))


def _columns_said(layout: EventLayout, file: EventFile) -> str:
    """Which columns a plain log was read by."""
    found = {
        said: next((path.removeprefix(ANY) for path in layout.fields[field] if path in file.reach), None)
        for field, said in _NAMED.items()
    }
    return "read by " + ", ".join(f"{said} = {path}" for said, path in found.items() if path)


def _unknown_words(connection: duckdb.DuckDBPyConnection, events: str) -> dict[str, int]:
    rows = connection.execute(
        f"select coalesce(word, ''), count(*) from {events} where aside = ? "
        "group by 1 order by 2 desc, 1 limit ?",
        [str(Aside.UNKNOWN_WORD), _WORDS_NAMED],
    ).fetchall()
    return dict(rows)
