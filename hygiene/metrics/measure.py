"""Logs → figures: read, reconciled, counted by slice, held against benchmarks; the public way in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import narwhals as nw

from hygiene.engines.engine import Frame, check_engine
from hygiene.errors import UsageError
from hygiene.events.progress import Tick
from hygiene.metrics.as_others import find_platform
from hygiene.metrics.attribution import read_attribution
from hygiene.metrics.benchmarks import DEFAULT, load_profile
from hygiene.metrics.causes.find import DIMENSIONS
from hygiene.metrics.event_log import MEMORY
from hygiene.metrics.joined import read_joined
from hygiene.metrics.local_time import read_zone
from hygiene.metrics.measured import Kpis
from hygiene.metrics.measuring import Asked, Measuring
from hygiene.metrics.moments import SUBJECT_FEATURE, read_by, read_moment
from hygiene.metrics.opened import ATTRIBUTION, NO_ORDERS, Opened, Say, is_nothing, open_mails
from hygiene.metrics.subjects.given import Given, read_subjects

#: by nobody unless it was asked
_SPLIT_BY: Final = (
    *("variant", "segment", "stream", "domain", "provider", "subject", "smtp_status", "reason"),
)
_OF_ORDERS: Final = ("event_id", "value_micros", "currency")
_OF_READING: Final = ("line",)
_OF_CAUSES: Final = (*DIMENSIONS, "smtp_status", "reason")
_OF_SUBJECTS: Final = ("variant", "subject")


def measure(
    logs: Any,
    *,
    by: str | Sequence[str] = (),
    benchmarks: str | Path = DEFAULT,
    since: str | date | None = None,
    until: str | date | None = None,
    timezone: str = "UTC",
    attribution: str = ATTRIBUTION,
    human: bool = True,
    as_platform: str | None = None,
    sends: Any = (),
    orders: Any = (),
    subjects: Any = (),
    joined: Any = None,
    now: str | date | None = None,
    year: int | None = None,
    engine: str = "duckdb",
    memory_limit: str = MEMORY,
    threads: int | None = None,
    causes: bool = True,
    tick: Tick | None = None,
    say: Say = lambda _what: None,
) -> Kpis:
    """Measure mail: from logs (paths, folders, patterns, a data frame, or `Events`) to figures with verdicts.

    `by` splits them, `since` and `until` choose mails by when they were sent. `human` decides whether opens and
    clicks are those of people or of machines, too; both are always there. `sends` and `orders` are files or
    frames of what was sent and what was bought. By "subject-feature" the mails whose subject has a feature are
    held against those whose subject has not; `subjects`, a mapping of campaign to subject or files or frames of
    both, perhaps with a variant, tell them where the log does not. `joined` tells since when people are on the
    list (`hygiene.read_signups`, or a frame of recipient and joined). `now` is when the logs were taken, by
    default their last event.
    Raises UsageError, UnreadableInput or UnwritableOutput with one sentence.
    """
    zone, split = read_zone(timezone), read_by(by)
    if not is_nothing(subjects) and split != (SUBJECT_FEATURE,):
        raise UsageError(f"--subjects is for --by {SUBJECT_FEATURE}: add it")
    asked = Asked(
        by=split,
        sends=not is_nothing(sends),
        profile=load_profile(benchmarks),
        platform=find_platform(as_platform) if as_platform else None,
        since_us=read_moment(since, zone, "--since"),
        until_us=read_moment(until, zone, "--until", end=True),
        now_us=read_moment(now, zone, "--now", end=True),
        timezone=timezone,
        attribution=attribution,
        human=human,
        causes=causes,
        no_orders=NO_ORDERS if is_nothing(orders) else "the orders hold none that was paid and kept",
    )
    check_engine(engine)
    window_us = read_attribution(attribution).window_us
    with open_mails(
        logs,
        sends=sends,
        orders=orders,
        attribution=attribution,
        timezone=timezone,
        year=year,
        engine=engine,
        memory_limit=memory_limit,
        threads=threads,
        tick=tick,
        say=say,
        spared=_spared(split, causes=causes),
        named=joined is not None,
    ) as opened:
        lists, began = _lists(opened, subjects), _joined(opened, joined)
        say("Counting")
        return Measuring(
            asked, opened.events, opened.tables, opened.found, window_us, lists, began, opened.beside
        ).run()


def _spared(by: Sequence[str], *, causes: bool) -> tuple[str, ...]:
    """The columns of events that nobody will look at: to read and to keep them takes its time."""
    asked = {*by, *(_OF_CAUSES if causes else ()), *(_OF_SUBJECTS if SUBJECT_FEATURE in by else ())}
    return (*_OF_READING, *_OF_ORDERS, *(name for name in _SPLIT_BY if name not in asked))


def _lists(opened: Opened, subjects: Any) -> tuple[Given, ...]:
    """The subjects of a list of them; none where none is given."""
    if is_nothing(subjects):
        return ()
    return read_subjects(subjects, opened.events.reading.connection, opened.events.folder)


def _joined(opened: Opened, joined: Any) -> Frame | None:
    """Sign-ups as a frame of the engine; None where none are given."""
    if joined is None:
        return None
    reading = opened.events.reading
    reading.load("joined", read_joined(joined))
    since = opened.tables.adopt("joined", reading)
    shared = opened.found.mails.join(since, on="recipient", how="semi")
    if not opened.tables.collect(shared.select(mails=nw.len())).to_pylist()[0]["mails"]:
        raise UsageError("nobody whose sign-up is told got a mail of the log: both need the addresses")
    return since
