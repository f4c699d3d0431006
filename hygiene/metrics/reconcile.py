"""From events to mails: each event counted once, one state a mail, and nothing lost; the same on every engine.

What is concluded, and what is not:

- the state is the worst that is told, in any order: rejected, bounced (hard, block, soft, undetermined),
  delivered, pending; a deferral is no bounce, and a delivery never takes a bounce back;
- an open, click, complaint, answer or opt-out proves the delivery; it is marked as inferred;
- a source that tells of sends tells of all: events of other mails are orphans. One that never does has its
  sends inferred from deliveries, bounces and deferrals; one that never tells of deliveries has them inferred;
- an event that names no message or nobody is an orphan, never joined by guess. Only where a source names no
  message at all, the campaign stands for it.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Final

import narwhals as nw

from hygiene.engines.engine import Engine, Frame
from hygiene.event import EventKind
from hygiene.metrics.attribution import Attribution, credit, distinct_orders, per_mail, read_attribution
from hygiene.metrics.census import ASIDE, Census, keyed, placed, take_census
from hygiene.metrics.laws import check_events
from hygiene.metrics.local_time import day_of, local, offsets, read_zone, week_of
from hygiene.metrics.repeats import distinct, is_early, judge_clicks, recount
from hygiene.metrics.states import UNDATED, dated, decide, establish, gather
from hygiene.metrics.table import KEY, MAIL

#: what a plan reads of the event table
READ: Final = (
    *KEY,
    *("event_id", "campaign", "variant", "segment", "stream", "domain", "provider", "kind", "bounce_class"),
    *("smtp_status", "reason", "machine", "url", "tracked", "ts_us", "value_micros", "currency"),
)
NO_MESSAGE: Final = "names no message"
NOBODY: Final = "names nobody"
NO_SEND: Final = "its mail was not sent within this log"
NO_PROOF: Final = "nothing proves that its mail was sent"


@dataclass(frozen=True, kw_only=True, slots=True)
class Orphans:
    """Events that belong to no mail of the log."""

    source: str
    kind: str
    reason: str
    events: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Orders:
    """What became of the orders."""

    attribution: str
    distinct: int = 0
    credited: int = 0
    currency: str | None = None  # that revenue is summed in: the one of most orders
    other_currencies: Mapping[str, int]  # orders that add nothing to the revenue


@dataclass(frozen=True, kw_only=True)
class Reconciled:
    """The mails of a log (`MAIL`), settled on the engine, and what else it held."""

    mails: Frame
    engine: Engine
    census: Census
    orphans: tuple[Orphans, ...]
    duplicates: int  # events of mails that say what another one says
    swept_clicks: int  # clicks of people's mails that a scanner's sweep explains
    orders: Orders
    timezone: str
    zone_changes: tuple[tuple[int, int], ...]  # (from when, microseconds to add to UTC)

    @property
    def orphaned(self) -> int:
        """Events without a mail."""
        return sum(orphans.events for orphans in self.orphans)


def reconcile(
    events: Frame,
    engine: Engine,
    *,
    sends: Frame | None = None,
    orders: Frame | None = None,
    attribution: str = "last-click:5d",
    timezone: str = "UTC",
    never: Mapping[str, Collection[str]] | None = None,
) -> Reconciled:
    """The mails of the events (`hygiene.event.EVENT`), settled on the engine.

    `sends` and `orders` are further rows of that table, of a list of what was sent and of a shop's orders.
    `never` says which kinds of event a source has no word for. Raises UsageError for an attribution or a time
    zone that is none, and BrokenSum where the sums do not hold.
    """
    rule, zone = read_attribution(attribution), read_zone(timezone)
    log = events.select(*READ)
    if sends is not None:
        log = nw.concat([log, _given_sends(sends, log, engine)])
    census = take_census(log, engine, never or {})
    log = keyed(log, census)
    changes = offsets(zone, census.earliest_us or 0, census.latest_us or 0)
    gathered = engine.settle("gathered", establish(gather(placed(log), census), census))
    known = gathered.filter(nw.col("known"))
    again = engine.settle("again", distinct(placed(log), _repeated(known)))
    clicks = engine.settle("clicks_again", judge_clicks(again, engine))
    told, credited = _credit(log, orders, known, (again, clicks), rule=rule, engine=engine)
    mails = decide(known, census).join(recount(again, clicks), on=list(KEY), how="left")
    mails = _with_times(mails, changes)
    mails = _with_tracking(mails, census, engine)
    mails = _with_orders(mails, credited)
    mails = engine.settle("mails", mails.select(**_columns()))
    found = _find_orphans(log, gathered, census, engine)
    events_of_mails, repeated = _tally(known, again, engine)
    _account(census, events_of_mails, found)
    swept = engine.collect(clicks.filter(nw.col("swept")).select(nw.len())).to_pylist()[0]["len"]
    engine.drop("gathered", "again", "clicks_again", "sweeps")
    return Reconciled(
        mails=mails,
        engine=engine,
        census=census,
        orphans=found,
        duplicates=repeated,
        swept_clicks=swept,
        orders=told,
        timezone=timezone,
        zone_changes=tuple(changes),
    )


# Sends from a list


def _given_sends(sends: Frame, log: Frame, engine: Engine) -> Frame:
    """The sends of a list, under the source of the log whose mails they are; without one, under their own."""
    given = sends.select(*READ).filter(nw.col("kind") == EventKind.SENT.value)
    names = engine.collect(log.group_by("source").agg(rows=nw.len()))["source"].to_pylist()
    if len(names) == 1:
        return given.with_columns(source=nw.lit(names[0]))
    pair = ["message_id", "recipient"]
    owners = log.group_by(*pair).agg(owner=nw.col("source").min())
    owned = given.join(owners, on=pair, how="left")
    return owned.with_columns(source=nw.coalesce("owner", "source")).select(*READ)


# Mails


def _repeated(known: Frame) -> Frame:
    return known.filter(nw.col("events") > nw.col("kinds")).select(*KEY, "delivered_at")


def _with_times(mails: Frame, changes: list[tuple[int, int]]) -> Frame:
    sent = nw.coalesce(dated("sent_at"), "first_at")
    mails = mails.with_columns(sent_us=sent)
    return mails.with_columns(day=day_of(local(nw.col("sent_us"), changes)))


def _with_tracking(mails: Frame, census: Census, engine: Engine) -> Frame:
    """Whether opens and clicks could be seen: as told of the mail, else of its campaign that day, else yes."""
    seen = {"open": "opened_at", "click": "clicked_at"}
    if not census.tells_tracking:
        return mails.with_columns(**{f"track_{what}": nw.lit(value=True) for what in seen})
    filled = mails.with_columns(
        told_campaign=nw.col("campaign").fill_null(""), told_day=nw.col("day").fill_null(-UNDATED)
    )
    told = ["source", "told_campaign", "told_day"]
    days = engine.settle(
        "tracking",
        filled.group_by(*told).agg(open_day=nw.col("open_told").max(), click_day=nw.col("click_told").max()),
    )
    joined = filled.join(days, on=told, how="left")
    return joined.with_columns(
        **{
            f"track_{what}": ~nw.col(at).is_null()
            | (nw.coalesce(f"{what}_told", f"{what}_day") != 1).fill_null(value=True)
            for what, at in seen.items()
        }
    )


def _with_orders(mails: Frame, credited: Frame | None) -> Frame:
    if credited is None:
        nothing = nw.lit(0, nw.Int64)
        return mails.with_columns(orders=nothing, revenue_micros=nothing)
    joined = mails.join(credited, on=list(KEY), how="left")
    return joined.with_columns(nw.col("orders").fill_null(0), nw.col("revenue_micros").fill_null(0))


def _columns() -> dict[str, nw.Expr]:
    """The columns of a mail from what is known of it."""
    again = ~nw.col("distinct_events").is_null()
    once_click = nw.when(~is_early(nw.col("human_click"), nw.col("delivered_at"))).then(nw.col("human_click"))
    first = nw.when(again).then(nw.col("person_click")).otherwise(once_click)
    last = nw.when(again).then(nw.col("person_last")).otherwise(nw.when(first < UNDATED).then(first))
    made = {
        "sent_us": nw.col("sent_us"),
        "week": week_of(nw.col("day")),
        "delivered_us": dated("delivered_at"),
        "bounced_us": dated("bounced_at"),
        "complained": ~nw.col("complained_at").is_null(),
        "complained_us": dated("complained_at"),
        "unsubscribed": _still_unsubscribed(),
        "unsubscribed_us": dated("unsubscribed_at"),
        "opens_total": _times("distinct_opens", "opened_at"),
        "clicks_total": _times("distinct_clicks", "clicked_at"),
        "opened_all": ~nw.col("opened_at").is_null(),
        "opened_human": ~nw.col("human_open").is_null(),
        "clicked_all": ~nw.col("clicked_at").is_null(),
        "clicked_human": ~first.is_null(),
        "first_open_us": dated("human_open"),
        "first_click_us": nw.when(first < UNDATED).then(first),
        "last_click_us": last,
        "converted": nw.col("orders") > 0,
    }
    whole = [name for name, kind in MAIL.items() if kind == "BIGINT"]
    columns = {name: made.get(name, nw.col(name)) for name in MAIL}
    return columns | {name: columns[name].cast(nw.Int64) for name in whole}


def _still_unsubscribed() -> nw.Expr:
    undone = nw.col("resubscribed_last") > nw.col("unsubscribed_last")
    undone = undone & (nw.col("resubscribed_last") < UNDATED)
    return ~nw.col("unsubscribed_at").is_null() & ~undone.fill_null(value=False)


def _times(counted: str, at: str) -> nw.Expr:
    once = nw.when(~nw.col(at).is_null()).then(nw.lit(1, nw.Int64)).otherwise(nw.lit(0, nw.Int64))
    return nw.coalesce(counted, once)


# Orders


def _credit(
    log: Frame,
    orders: Frame | None,
    known: Frame,
    again: tuple[Frame, Frame],
    *,
    rule: Attribution,
    engine: Engine,
) -> tuple[Orders, Frame | None]:
    """What became of the orders, and those of each mail."""
    conversions = log.filter(nw.col("kind") == EventKind.CONVERTED.value)
    if orders is not None:
        conversions = nw.concat([conversions, orders.select(*READ)])
    single = engine.settle("orders", distinct_orders(conversions))
    currencies = engine.collect(single.group_by("currency").agg(orders=nw.len())).to_pylist()
    count = sum(row["orders"] for row in currencies)
    if not count:
        return Orders(attribution=rule.text, other_currencies={}), None
    named = sorted((-row["orders"], row["currency"]) for row in currencies if row["currency"] is not None)
    main = named[0][1] if named else None
    touches = _touches(known, *again, rule=rule) if rule.by_touch else None
    chosen = credit(single, touches, rule, engine)
    chosen = engine.settle("credited", chosen.join(known.select(*KEY), on=list(KEY), how="inner"))
    mails = engine.settle("orders_of_mails", per_mail(chosen, main))
    credited = engine.collect(mails.select(nw.col("orders").sum())).to_pylist()[0]["orders"]
    told = Orders(
        attribution=rule.text,
        distinct=count,
        credited=int(credited or 0),
        currency=main,
        other_currencies={name: -number for number, name in named[1:]},
    )
    return told, mails


def _touches(known: Frame, again: Frame, clicks: Frame, *, rule: Attribution) -> Frame:
    """What people did with mails, and when: `KEY`, `touched_us`."""
    once = known.filter(nw.col("events") <= nw.col("kinds"))
    opened = again.filter((nw.col("kind") == EventKind.OPENED.value) & (nw.col("human") == 1))
    parts = []
    if EventKind.CLICKED in rule.kinds:
        late = ~is_early(nw.col("human_click"), nw.col("delivered_at"))
        parts += [
            once.filter(late).select(*KEY, touched_us=nw.col("human_click")),
            clicks.filter(nw.col("human") == 1).select(*KEY, touched_us=nw.col("ts_us")),
        ]
    if EventKind.OPENED in rule.kinds:
        parts += [
            once.select(*KEY, touched_us=nw.col("human_open")),
            opened.select(*KEY, touched_us=nw.col("ts_us")),
        ]
    return nw.concat(parts).filter((nw.col("touched_us") < UNDATED).fill_null(value=False))


# What is accounted for


def _find_orphans(log: Frame, gathered: Frame, census: Census, engine: Engine) -> tuple[Orphans, ...]:
    """The events of no mail, by source, kind and reason."""
    events = log.filter(~nw.col("kind").is_in([kind.value for kind in ASIDE]))
    no_message, nobody = nw.col("message_id").is_null(), nw.col("recipient").is_null()
    reason = nw.when(no_message).then(nw.lit(NO_MESSAGE)).otherwise(nw.lit(NOBODY))
    nameless = events.filter(no_message | nobody).with_columns(why=reason)
    counted = [engine.collect(nameless.group_by("source", "kind", "why").agg(events=nw.len())).to_pylist()]
    strays = engine.settle("strays", gathered.filter(~nw.col("known")).select(*KEY))
    if engine.collect(strays.select(nw.len())).to_pylist()[0]["len"]:
        stray = placed(events).join(strays, on=list(KEY), how="inner")
        rows = engine.collect(stray.group_by("source", "kind").agg(events=nw.len())).to_pylist()
        silent = set(census.named(without="says_sends"))
        counted.append([{**row, "why": NO_PROOF if row["source"] in silent else NO_SEND} for row in rows])
    engine.drop("strays")
    found = [
        Orphans(source=row["source"], kind=row["kind"], reason=row["why"], events=row["events"])
        for row in reduce(operator.add, counted)
    ]
    return tuple(sorted(found, key=lambda each: (-each.events, each.source, each.kind, each.reason)))


def _tally(known: Frame, again: Frame, engine: Engine) -> tuple[int, int]:
    """The events of the mails, and how many of them only repeat another one."""
    repeated = nw.when(nw.col("events") > nw.col("kinds")).then(nw.col("events"))
    sums = known.select(nw.col("events").sum(), repeated=repeated.sum())
    row = engine.collect(sums).to_pylist()[0]
    distinct_events = engine.collect(again.select(nw.len())).to_pylist()[0]["len"]
    return int(row["events"] or 0), int(row["repeated"] or 0) - distinct_events


def _account(census: Census, events_of_mails: int, orphans: tuple[Orphans, ...]) -> None:
    kinds = {kind: sum(source.kinds.get(kind, 0) for source in census.sources) for kind in ASIDE}
    parts = {"of mails": events_of_mails, "without a mail": sum(each.events for each in orphans)}
    check_events(census.events, {**parts, **{kind.value: number for kind, number in kinds.items()}})
