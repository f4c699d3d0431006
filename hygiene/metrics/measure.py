"""Logs → figures: read, reconciled, counted by slice, held against benchmarks; the public way in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeAlias

from hygiene.engines.engine import Engine, Frame, check_engine, engine_beside, explained
from hygiene.event import EventKind
from hygiene.metrics.as_others import find_platform
from hygiene.metrics.attribution import read_attribution
from hygiene.metrics.benchmarks import DEFAULT, load_profile
from hygiene.metrics.event_log import MEMORY, Events, Tick, read_events
from hygiene.metrics.local_time import read_zone
from hygiene.metrics.measured import Kpis
from hygiene.metrics.measuring import Asked, Measuring
from hygiene.metrics.moments import read_by, read_moment
from hygiene.metrics.reconcile import reconcile
from hygiene.metrics.sends import as_events, check_kind, join_sends

Say: TypeAlias = Callable[[str], None]

NO_ORDERS: Final = "no orders were given: add them with --orders"
ATTRIBUTION: Final = "last-click:5d"


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
    frames of what was sent and what was bought. `now` is when the logs were taken, by default their last event.
    Raises UsageError, UnreadableInput or UnwritableOutput with one sentence.
    """
    zone = read_zone(timezone)
    asked = Asked(
        by=read_by(by),
        profile=load_profile(benchmarks),
        platform=find_platform(as_platform) if as_platform else None,
        since_us=read_moment(since, zone, "--since"),
        until_us=read_moment(until, zone, "--until", end=True),
        now_us=read_moment(now, zone, "--now", end=True),
        timezone=timezone,
        attribution=attribution,
        human=human,
        causes=causes,
        no_orders=NO_ORDERS if _is_nothing(orders) else "the orders hold none that was paid and kept",
    )
    check_engine(engine)
    window_us = read_attribution(attribution).window_us
    with ExitStack() as stack:
        options: dict[str, Any] = {"timezone": timezone, "year": year}
        if isinstance(logs, Events):
            events = logs
        else:
            read = read_events(logs, **options, memory_limit=memory_limit, threads=threads, tick=tick)
            events = stack.enter_context(read)
        stack.enter_context(explained(events.folder))
        tables = stack.enter_context(engine_beside(engine, events.reading, events.folder, threads))
        say("Reconciling")
        found = reconcile(
            tables.adopt("events", events.reading),
            tables,
            sends=_sends(events, tables, sends, options),
            orders=_orders(events, tables, orders, options),
            attribution=attribution,
            timezone=timezone,
            never={source: events.report.never(source) for source in events.report.sources},
        )
        say("Counting")
        return Measuring(asked, events, tables, found, window_us).run()


def _sends(events: Events, tables: Engine, sends: Any, options: Mapping[str, Any]) -> Frame | None:
    """What was sent, as a frame of the engine; None where nothing is given."""
    if _is_nothing(sends):
        return None
    connection = events.reading.connection
    events.read_beside("sends", as_events(sends, connection, events.folder), **options)
    check_kind(connection, "sends", EventKind.SENT, ("--sends", "list of what was sent"))
    join_sends(connection)
    return tables.adopt("sends", events.reading)


def _orders(events: Events, tables: Engine, orders: Any, options: Mapping[str, Any]) -> Frame | None:
    """The orders, as a frame of the engine; None where none are given."""
    if _is_nothing(orders):
        return None
    events.read_beside("shop_orders", orders, **options)
    check_kind(events.reading.connection, "shop_orders", EventKind.CONVERTED, ("--orders", "order"))
    return tables.adopt("shop_orders", events.reading)


def _is_nothing(given: Any) -> bool:
    return given is None or (isinstance(given, list | tuple) and not given)
