"""What a log says at all: which sources tell of sends and deliveries, name messages, tell what they track."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import narwhals as nw

from hygiene.engines.engine import Engine, Frame
from hygiene.event import EventKind
from hygiene.metrics.local_time import SECOND_US
from hygiene.metrics.table import KEY

#: what is no event of a mail: conversions are attributed, unknown words are only counted
ASIDE = (EventKind.CONVERTED, EventKind.UNKNOWN)
#: what did not arrive, or not at once: with it may be told why
FAILED = (EventKind.BOUNCED, EventKind.REJECTED, EventKind.DEFERRED)
#: from so many sends on, a source that tells of bounces or readers but of no delivery at all cannot tell of any
ENOUGH_SENDS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """One source of events, as its log turns out."""

    name: str
    kinds: Mapping[str, int]  # events of each kind
    names_messages: bool  # else the campaign stands for the message
    one_mailing: bool  # names no campaign either, and nobody was mailed twice: all of it is one message
    no_message: Mapping[str, int]  # events of each kind that name no message, nor what stands for it
    nobody: Mapping[str, int]  # that name a message and nobody
    says_sends: bool  # a mail without a sent event is none of this log's
    says_deliveries: bool  # else what was sent and did not come back was delivered

    @property
    def events(self) -> int:
        """All of them."""
        return sum(self.kinds.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class Census:
    """What a log says at all."""

    sources: tuple[Source, ...]
    earliest_us: int | None
    latest_us: int | None
    undated: int  # events
    tells_tracking: bool
    tells: frozenset[str]  # the columns to split by, and of what was said of failures, that hold anything
    kinds: frozenset[str]

    @property
    def events(self) -> int:
        """All events of the log."""
        return sum(source.events for source in self.sources)

    @property
    def key(self) -> tuple[str, ...]:
        """What tells the mails of this log apart: its source only where there are several; fewer is faster."""
        return KEY[1:] if len(self.sources) == 1 else KEY

    @property
    def baseless(self) -> frozenset[str]:
        """The sources that tell of neither sends nor deliveries, so that only what came back proves a mail."""
        return frozenset(
            source.name
            for source in self.sources
            if not source.says_sends and not source.kinds.get(EventKind.DELIVERED)
        )

    def named(self, *, without: str) -> list[str]:
        """The sources that lack a property."""
        return [source.name for source in self.sources if not getattr(source, without)]


#: columns that many logs leave empty: then nothing need be computed of them
_SAID = ("smtp_status", "reason")
_OPTIONAL = ("campaign", "variant", "segment", "stream", "domain", "provider")


def take_census(events: Frame, engine: Engine, never: Mapping[str, Collection[str]]) -> Census:
    """Count the events of each source and kind, and see what is told at all.

    `never` is what is declared of sources: the kinds that they have no word for.
    """
    ts = nw.col("ts_us")
    told = events.group_by("source", "kind").agg(
        events=nw.len(),
        named=nw.col("message_id").count(),
        placed=_both("message_id", "recipient").count(),
        addressed=nw.col("recipient").count(),
        in_campaign=_both("campaign", "recipient").count(),
        dated=ts.count(),
        earliest=ts.min(),
        latest=ts.max(),
        tracking=nw.col("tracked").count(),
        **{name: nw.col(name).count() for name in (*_OPTIONAL, *_SAID)},
    )
    rows = engine.collect(told).to_pylist()
    single = _find_mailings(events, rows, engine)
    names = sorted({row["source"] for row in rows})
    dated = [row for row in rows if row["dated"]]
    return Census(
        sources=tuple(
            _describe(
                name,
                [row for row in rows if row["source"] == name],
                never=frozenset(never.get(name, ())),
                one_mailing=name in single,
            )
            for name in names
        ),
        earliest_us=min((row["earliest"] for row in dated), default=None),
        latest_us=max((row["latest"] for row in dated), default=None),
        undated=sum(row["events"] - row["dated"] for row in rows),
        tells_tracking=any(row["tracking"] for row in rows),
        kinds=frozenset(str(row["kind"]) for row in rows),
        tells=frozenset(
            [name for name in _OPTIONAL if any(row[name] for row in rows)]
            + [name for name in _SAID if any(row[name] for row in rows if row["kind"] in FAILED)]
        ),
    )


def _find_mailings(events: Frame, rows: list[dict[str, Any]], engine: Engine) -> set[str]:
    """The sources that name neither messages nor campaigns, and tell of no two mails to the same person."""
    told = [row for row in rows if row["kind"] not in ASIDE]
    named = {row["source"] for row in told if row["named"] or row["campaign"]}
    silent = sorted({row["source"] for row in told} - named)
    if not silent:
        return set()
    mailed = nw.col("kind").is_in([EventKind.SENT.value, EventKind.DELIVERED.value])
    people = events.filter(nw.col("source").is_in(silent) & mailed).group_by("source", "kind", "recipient")
    spans = people.agg(span=nw.col("ts_us").max() - nw.col("ts_us").min())
    twice = engine.collect(spans.filter(nw.col("span") >= SECOND_US).group_by("source").agg(people=nw.len()))
    return set(silent) - set(twice["source"].to_pylist())


def _both(one: str, other: str) -> nw.Expr:
    return nw.when(~nw.col(one).is_null() & ~nw.col(other).is_null()).then(nw.lit(1))


def _describe(name: str, rows: list[dict[str, Any]], *, never: frozenset[str], one_mailing: bool) -> Source:
    kinds = {str(row["kind"]): row["events"] for row in rows}
    names_messages = any(row["named"] for row in rows if row["kind"] not in ASIDE)
    messages, people = ("named", "placed") if names_messages else ("campaign", "in_campaign")
    if one_mailing:
        messages, people = "events", "addressed"
    usable = {str(row["kind"]): row[people] for row in rows}
    sends = usable.get(EventKind.SENT, 0)
    later = (EventKind.BOUNCED, EventKind.OPENED, EventKind.CLICKED, EventKind.COMPLAINED)
    silent = sends >= ENOUGH_SENDS and any(usable.get(kind) for kind in later)
    return Source(
        name=name,
        kinds=kinds,
        no_message={str(row["kind"]): row["events"] - row[messages] for row in rows},
        nobody={str(row["kind"]): row[messages] - row[people] for row in rows},
        names_messages=names_messages,
        one_mailing=one_mailing,
        says_sends=sends > 0,
        says_deliveries=bool(kinds.get(EventKind.DELIVERED)) or not (silent or EventKind.DELIVERED in never),
    )


def keyed(events: Frame, census: Census, engine: Engine) -> Frame:
    """The events, with the campaign as the message where a source names none, or one message for all."""
    events = sourced(events, census)
    nameless = census.named(without="names_messages")
    if not nameless:
        return events
    single = [source.name for source in census.sources if source.one_mailing]
    message = nw.when(nw.col("source").is_in(single)).then(nw.col("source")).otherwise(nw.col("campaign"))
    hashed = events.collect_schema()["recipient"] != nw.String
    events = engine.numbered(events.with_columns(message=message), "message", "stand_in", exactly=not hashed)
    stand_in = nw.when(nw.col("source").is_in(nameless)).then(nw.col("stand_in"))
    return events.with_columns(message_id=stand_in.otherwise(nw.col("message_id"))).drop("message", "stand_in")


def sourced(frame: Frame, census: Census) -> Frame:
    """The frame with the name of the source written in, where it is alone: then no table need keep it."""
    if len(census.sources) != 1:
        return frame
    return frame.with_columns(source=nw.lit(census.sources[0].name))


def placed(events: Frame, census: Census) -> Frame:
    """The events that name a mail: a message and somebody; no conversions, and no unknown words."""
    wanted = ~nw.col("message_id").is_null() & ~nw.col("recipient").is_null()
    aside = [kind.value for kind in ASIDE if kind in census.kinds]
    return events.filter(wanted & ~nw.col("kind").is_in(aside) if aside else wanted)
