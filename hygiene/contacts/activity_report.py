"""What became of every event of the logs that were read for a cleaning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from hygiene.errors import HygieneError
from hygiene.event import EventKind
from hygiene.events.report import EventReport, LogReport
from hygiene.events.sources import title_of

if TYPE_CHECKING:
    import duckdb


class Aside(StrEnum):
    """Why an event tells nothing of anybody, in the order in which it is asked."""

    DAMAGED = "damaged"  #: not a record of its file
    NO_LAYOUT = "no-layout"  #: a record of none of the layouts
    UNKNOWN_WORD = "unknown-word"  #: what happened is said in a word unknown here
    NO_MAIL_EVENT = "no-mail-event"  #: tests, forwards, automatic replies, changes of a list
    NOBODY = "nobody"  #: no address, or those of several, of whom it is not said who opened or complained
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
    read: EventReport, connection: duckdb.DuckDBPyConnection, events: str, persons: str
) -> ActivityReport:
    """The account of the logs, over the tables `events` and `persons`; HygieneError if it does not add up."""
    rows = connection.execute(f"select aside, kind, machine, count(*) from {events} group by all").fetchall()
    standing = sum(count for _, kind, _, count in rows if kind is None)  # what says where somebody stands alone
    aside = Counter(
        {
            Aside.DAMAGED: read.damaged,
            Aside.NO_LAYOUT: read.unread,
            Aside.NO_MAIL_EVENT: sum(read.skipped.values()) - standing,
        }
    )
    kinds: Counter[EventKind] = Counter()
    machines: Counter[tuple[EventKind, bool | None]] = Counter()
    for why, kind, machine, count in rows:
        if why:
            aside[Aside(why)] += count
        if kind:
            kinds[EventKind(kind)] += count
            machines[EventKind(kind), machine] += count
    report = ActivityReport(
        files=tuple(map(_log_file, read.files)),
        events=sum(map(_events, read.files)),
        used=sum(count for why, _, _, count in rows if why is None),
        aside={why: aside[why] for why in Aside if aside[why]},
        kinds={kind: kinds[kind] for kind in EventKind if kinds[kind]},
        unknown_words=read.unknown_words,
        machine_opens=machines[EventKind.OPENED, True],
        machine_clicks=machines[EventKind.CLICKED, True],
        opens_maybe_machine=machines[EventKind.OPENED, None],
        zoneless=read.zoneless,
        mailboxes=_count(connection, persons),
    )
    if report.events != report.used + sum(report.aside.values()):
        raise HygieneError("the events of the logs do not add up: this is a fault of hygiene, please report it")
    return report


def _count(connection: duckdb.DuckDBPyConnection, source: str) -> int:
    (count,) = connection.execute(f"select count(*) from {source}").fetchone() or (0,)
    return int(count)


def _events(file: LogReport) -> int:
    return file.events + sum(file.skipped.values()) + file.unread + file.damaged


def _log_file(file: LogReport) -> LogFile:
    return LogFile(
        name=file.name.rpartition("/")[2],
        events=_events(file),
        layouts={title_of(name): count for name, count in file.layouts.items()},
        said=file.notes,
    )
