"""Logs → reconciled mails, open as long as they are looked at: the way in of everything that measures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import narwhals as nw

from hygiene.engines.engine import Engine, Frame, check_engine, engine_beside, explained
from hygiene.errors import UnreadableInput
from hygiene.event import EVENT, EventKind
from hygiene.events.progress import Tick
from hygiene.events.query import PROVIDER
from hygiene.events.report import EventReport
from hygiene.metrics.event_log import MEMORY, Events, read_log
from hygiene.metrics.reconcile import READ, Reconciled, reconcile
from hygiene.metrics.sends import as_events, check_kind, join_sends

Say: TypeAlias = Callable[[str], None]

_NO_EXPORT: Final = (
    "is no export of orders known here: it needs a table with the number of each order, the buyer's address, "
    "an amount and a time"
)
NO_ORDERS: Final = "no orders were given: add them with --orders"
ATTRIBUTION: Final = "last-click:5d"


@dataclass(frozen=True, slots=True)
class Opened:
    """Mails, with the log they come from and the engine that holds them."""

    events: Events
    tables: Engine
    found: Reconciled
    beside: tuple[EventReport, ...] = ()  # how lists of what was sent and orders were read


@contextmanager
def open_mails(
    logs: Any,
    *,
    sends: Any = (),
    orders: Any = (),
    attribution: str = ATTRIBUTION,
    timezone: str = "UTC",
    year: int | None = None,
    variant_column: str = "",
    engine: str = "duckdb",
    memory_limit: str = MEMORY,
    threads: int | None = None,
    tick: Tick | None = None,
    say: Say = lambda _what: None,
    spared: Sequence[str] = (),
    named: bool = False,
) -> Iterator[Opened]:
    """Read and reconcile logs: paths, folders, patterns, a data frame, or `Events`, which stay open.

    `variant_column` is that of `read_events`. Columns of events that are `spared` are null: nobody will look at
    them. Mails, people and links are told by numbers, not by their texts, unless these are to be matched
    with others: `named`.
    """
    check_engine(engine)
    with ExitStack() as stack:
        how: dict[str, Any] = {"timezone": timezone, "year": year, "variant_column": variant_column}
        limits: dict[str, Any] = {"memory_limit": memory_limit, "threads": threads, "tick": tick}
        texts = named or engine != "duckdb" or not (is_nothing(sends) and is_nothing(orders))
        if texts:  # a place cannot be matched with a name
            spared = [name for name in spared if name != PROVIDER]
        events = _read(logs, stack, **how, **limits, spared=spared, hashed=not texts)
        stack.enter_context(explained(events.folder))
        tables = stack.enter_context(engine_beside(engine, events.reading, events.folder, threads))
        say("Reconciling")
        sent, ordered = _sends(events, sends, how), _orders(events, orders, how)
        found = reconcile(
            _whole(tables.adopt("events", events.reading)),
            tables,
            sends=tables.adopt("sends", events.reading) if sent else None,
            orders=tables.adopt("shop_orders", events.reading) if ordered else None,
            attribution=attribution,
            timezone=timezone,
            never={source: events.report.never(source) for source in events.report.sources},
        )
        yield Opened(events, tables, found, tuple(report for report in (sent, ordered) if report))


def _read(logs: Any, stack: ExitStack, **options: Any) -> Events:
    return logs if isinstance(logs, Events) else stack.enter_context(read_log(logs, **options))


def _whole(events: Frame) -> Frame:
    """The events with null in the columns that were left out."""
    there = events.collect_schema().names()
    null = {
        name: nw.lit(None, nw.Int64 if EVENT[name] == "BIGINT" else nw.String)
        for name in READ
        if name not in there
    }
    return events.with_columns(**null) if null else events


def _sends(events: Events, sends: Any, options: Mapping[str, Any]) -> EventReport | None:
    """What was sent, into the table ``sends``; None where nothing is given."""
    if is_nothing(sends):
        return None
    connection = events.reading.connection
    lists, notes = as_events(sends, connection, events.folder)
    report = events.read_beside("sends", lists, **options)
    check_kind(connection, "sends", EventKind.SENT, ("--sends", "list of what was sent"))
    join_sends(connection)
    return replace(report, notes=(*notes, *report.notes))


def _orders(events: Events, orders: Any, options: Mapping[str, Any]) -> EventReport | None:
    """The orders, into the table ``shop_orders``; None where none are given."""
    if is_nothing(orders):
        return None
    try:
        report = events.read_beside("shop_orders", orders, **options)
    except UnreadableInput as error:
        name, is_strange, _ = str(error).partition(" is no event log known here")
        raise UnreadableInput(f"{name} {_NO_EXPORT}") if is_strange else error from None
    check_kind(events.reading.connection, "shop_orders", EventKind.CONVERTED, ("--orders", "order"))
    return report


def is_nothing(given: Any) -> bool:
    """Whether no further logs were given."""
    return given is None or (isinstance(given, list | tuple) and not given)
