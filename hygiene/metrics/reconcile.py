"""From events to mails: each event counted once, one state a mail, and nothing lost; the same on every engine.

What is concluded, and what is not:

- the state is the worst that is told, in any order: rejected, bounced (hard, block, soft, undetermined),
  delivered, pending; a deferral is no bounce, and a delivery never takes a bounce back;
- an open, click, complaint, answer or opt-out proves the delivery; it is marked as inferred;
- a source that tells of sends tells of all: events of other mails are orphans. One that never does has its
  sends inferred from deliveries, bounces and deferrals; one that never tells of deliveries has them inferred;
- an event that names no message or nobody is an orphan, never joined by guess. Only where a source names no
  message at all, the campaign stands for it; and where it names no campaign either, and tells of no two mails
  to the same person, all of it is one message.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

import narwhals as nw

from hygiene.engines.engine import Engine, Frame
from hygiene.event import EventKind
from hygiene.metrics.attribution import Attribution, credit, distinct_orders, per_mail, read_attribution
from hygiene.metrics.census import ASIDE, Census, keyed, placed, sourced, take_census
from hygiene.metrics.laws import check_events
from hygiene.metrics.local_time import day_of, local, offsets, read_zone, week_of
from hygiene.metrics.repeats import RECOUNTED, corrected, distinct, is_early, judge_clicks, recount
from hygiene.metrics.states import SLICED, UNDATED, dated, decide, establish, gather
from hygiene.metrics.table import KEY, MAIL

#: what a plan reads of the event table
READ: Final = (
    *KEY,
    *("event_id", "campaign", "variant", "segment", "stream", "domain", "provider", "kind", "bounce_class"),
    *("smtp_status", "reason", "machine", "url", "tracked", "ts_us", "value_micros", "currency"),
)
_UNTRACKED: Final = 1
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
    log = _with_sends(events.select(*READ), sends, engine)
    census = take_census(log, engine, never or {})
    log = keyed(log, census, engine)
    of_mails = placed(log, census)
    changes = offsets(zone, census.earliest_us or 0, census.latest_us or 0)
    implied = _implied(census, changes)
    gathered = _gather(of_mails, census, implied, engine)
    known = gathered.filter(nw.col("known"))
    again = sourced(engine.settle("again", distinct(of_mails, _puzzling(gathered, census), census)), census)
    orphaned, again = again.filter(nw.col("known") == 0), again.filter(nw.col("known") == 1)
    clicks = engine.settle("clicks_again", judge_clicks(again, census, engine))
    mails = _count_again(known, (again, clicks), census, implied, engine)
    told, credited = _credit(log, orders, mails, (again, clicks), census=census, rule=rule, engine=engine)
    mails = _finish(mails, census, credited, engine)
    found = _find_orphans(orphaned, census, engine)
    reconciled = Reconciled(
        mails=mails,
        engine=engine,
        census=census,
        orphans=found,
        duplicates=_account(census, known, again, found, engine),
        swept_clicks=_rows(clicks.filter(nw.col("swept")), engine),
        orders=told,
        timezone=timezone,
        zone_changes=tuple(changes),
    )
    engine.drop("again", "clicks_again", "sweeps")
    return reconciled


def _alike(further: Frame, log: Frame) -> Frame:
    """Further rows as the log is typed: words may be texts in one table and enumerated in the other."""
    wanted, given = log.collect_schema(), further.collect_schema()
    other = {name: nw.col(name).cast(wanted[name]) for name in READ if given[name] != wanted[name]}
    return further.select(**{name: other.get(name, nw.col(name)) for name in READ})


# Sends from a list


def _with_sends(log: Frame, sends: Frame | None, engine: Engine) -> Frame:
    """The log with the sends of a list, under the source whose mails they are; without one, under their own."""
    if sends is None:
        return log
    given = _alike(sends, log).filter(nw.col("kind") == EventKind.SENT.value)
    names = engine.collect(log.group_by("source").agg(rows=nw.len()))["source"].to_pylist()
    if len(names) == 1:
        return nw.concat([log, given.with_columns(source=nw.lit(names[0]))])
    pair = ["message_id", "recipient"]
    owners = log.group_by(*pair).agg(owner=nw.col("source").min())
    owned = given.join(owners, on=pair, how="left")
    return nw.concat([log, owned.with_columns(source=nw.coalesce("owner", "source")).select(*READ)])


# Mails


def _gather(of_mails: Frame, census: Census, implied: Mapping[str, nw.Expr], engine: Engine) -> Frame:
    """One row a mail that any event names, settled, as if no kind of event occurred twice in it."""
    mails = decide(establish(gather(of_mails, census), census), census)
    mails = mails.with_columns(sent_us=nw.coalesce(dated("sent_at"), "first_at"))
    settled = _settled(census, implied)
    kept = {name: value for name, value in _columns().items() if name in settled}
    return sourced(engine.settle("gathered", mails.select(**kept)), census).with_columns(**implied)


def _settled(census: Census, implied: Mapping[str, nw.Expr]) -> set[str]:
    """The columns of a mail that are kept: what is implied, or is the same in all, need not be."""
    return {*MAIL, *_MORE} - {*implied} - ({*KEY} - {*census.key})


def _puzzling(gathered: Frame, census: Census) -> Frame:
    """Whose events are to be looked at again: mails with repetitions, and what is no mail of this log."""
    known = nw.when(nw.col("known")).then(nw.lit(1)).otherwise(nw.lit(0))
    return gathered.filter(_repeats() | ~nw.col("known")).select(*census.key, "delivered_us", known=known)


def _count_again(
    known: Frame, again: tuple[Frame, Frame], census: Census, implied: Mapping[str, nw.Expr], engine: Engine
) -> Frame:
    """The mails, with what occurs twice counted exactly."""
    counted = corrected(known.filter(_repeats()), recount(*again, census), census)
    implied = {name: value for name, value in implied.items() if name not in RECOUNTED}
    columns, settled = [*MAIL, *_TOLD], _settled(census, implied)
    kept = [name for name in columns if name in settled]
    fixed = sourced(engine.settle("corrected", counted.select(*kept)), census).with_columns(**implied)
    return nw.concat([frame.select(*columns) for frame in (known.filter(~_repeats()), fixed)])


def _repeats() -> nw.Expr:
    """Whether a kind of event occurs more than once in a mail."""
    return nw.col("events") > nw.col("kinds")


def _finish(mails: Frame, census: Census, credited: Frame | None, engine: Engine) -> Frame:
    """The mails with what rests on others: their orders, and the tracking of their campaign."""
    if not census.tells_tracking and credited is None:
        return mails.select(*MAIL)
    if census.tells_tracking:
        mails = _with_tracking(mails, engine)
    if credited is not None:
        orders = nw.col("credited_orders").fill_null(0)
        mails = mails.join(credited, on=list(KEY), how="left").with_columns(
            orders=orders, converted=orders > 0, revenue_micros=nw.col("credited_micros").fill_null(0)
        )
    settled = engine.settle("mails", mails.select(*MAIL))
    engine.drop("corrected")
    return settled


def _with_tracking(mails: Frame, engine: Engine) -> Frame:
    """Whether opens and clicks could be seen: as told of the mail, else of its campaign that day, else yes."""
    told = ["source", "told_campaign", "told_day"]
    filled = mails.with_columns(
        told_campaign=nw.col("campaign").fill_null(""), told_day=nw.col("day").fill_null(-UNDATED)
    )
    days = engine.settle(
        "tracking",
        filled.group_by(*told).agg(open_day=nw.col("open_told").max(), click_day=nw.col("click_told").max()),
    )
    return filled.join(days, on=told, how="left").with_columns(
        **{
            f"track_{what}": nw.col(seen)
            | (nw.coalesce(f"{what}_told", f"{what}_day") != _UNTRACKED).fill_null(value=True)
            for what, seen in (("open", "opened_all"), ("click", "clicked_all"))
        }
    )


#: what is kept of a mail besides until the end
_TOLD: Final = ("open_told", "click_told")
_MORE: Final = ("known", "kinds", *_TOLD)
_DERIVED: Final = (
    *("day", "week", "opens_total", "clicks_total", "last_click_us", "track_open", "track_click", "converted"),
    *("orders", "revenue_micros"),
)


def _implied(census: Census, changes: list[tuple[int, int]]) -> dict[str, nw.Expr]:
    """What follows from the other columns, or from what the log never says: to keep it would only cost."""
    day = day_of(local(nw.col("sent_us"), changes))
    missing = {name: nw.lit(None, nw.String) for name in SLICED if name not in census.tells}
    if not census.tells_tracking:
        missing |= {name: nw.lit(None, nw.Int64) for name in _TOLD}
    return missing | {
        "day": day,
        "week": week_of(day),
        "opens_total": _once("opened_all"),
        "clicks_total": _once("clicked_all"),
        "last_click_us": nw.col("first_click_us"),
        **{name: nw.lit(value=True) for name in ("track_open", "track_click")},
        "converted": nw.lit(value=False),
        **{name: nw.lit(0, nw.Int64) for name in ("orders", "revenue_micros")},
    }


def _columns() -> dict[str, nw.Expr]:
    """The columns of a mail in which no kind of event occurs twice; see `_implied` for the others."""
    human_click = nw.col("human_click")
    by_person = nw.when(~is_early(human_click, dated("delivered_at"))).then(human_click)
    dated_click = nw.when(by_person < UNDATED).then(by_person)
    made = {
        "delivered_us": dated("delivered_at"),
        "bounced_us": dated("bounced_at"),
        "complained": ~nw.col("complained_at").is_null(),
        "complained_us": dated("complained_at"),
        "unsubscribed": _still_unsubscribed(),
        "unsubscribed_us": dated("unsubscribed_at"),
        "opened_all": ~nw.col("opened_at").is_null(),
        "opened_human": ~nw.col("human_open").is_null(),
        "clicked_all": ~nw.col("clicked_at").is_null(),
        "clicked_human": ~by_person.is_null(),
        "first_open_us": dated("human_open"),
        "first_click_us": dated_click,
    }
    columns = {name: made.get(name, nw.col(name)) for name in (*MAIL, *_MORE) if name not in _DERIVED}
    return columns | {
        name: value.cast(nw.Int64) for name, value in columns.items() if MAIL.get(name) == "BIGINT"
    }


def _still_unsubscribed() -> nw.Expr:
    undone = nw.col("resubscribed_last") > nw.col("unsubscribed_last")
    return ~nw.col("unsubscribed_at").is_null() & ~undone.fill_null(value=False)


def _once(flag: str) -> nw.Expr:
    return nw.when(nw.col(flag)).then(nw.lit(1, nw.Int64)).otherwise(nw.lit(0, nw.Int64))


# Orders


def _credit(
    log: Frame,
    orders: Frame | None,
    mails: Frame,
    again: tuple[Frame, Frame],
    *,
    census: Census,
    rule: Attribution,
    engine: Engine,
) -> tuple[Orders, Frame | None]:
    """What became of the orders, and those of each mail."""
    nothing = Orders(attribution=rule.text, other_currencies={})
    if orders is None and EventKind.CONVERTED not in census.kinds:
        return nothing, None
    conversions = log.filter(nw.col("kind") == EventKind.CONVERTED.value)
    if orders is not None:
        conversions = nw.concat([conversions, _alike(orders, log)])
    single = engine.settle("orders", distinct_orders(conversions))
    currencies = engine.collect(single.group_by("currency").agg(orders=nw.len())).to_pylist()
    count = sum(row["orders"] for row in currencies)
    if not count:
        return nothing, None
    named = sorted((-row["orders"], row["currency"]) for row in currencies if row["currency"] is not None)
    main = named[0][1] if named else None
    touches = _touches(mails, *again, rule=rule) if rule.by_touch else None
    chosen = credit(single, touches, rule, engine)
    chosen = engine.settle("credited", chosen.join(mails.select(*KEY), on=list(KEY), how="inner"))
    credited = engine.settle("orders_of_mails", per_mail(chosen, main))
    told = Orders(
        attribution=rule.text,
        distinct=count,
        credited=_rows(chosen, engine),
        currency=main,
        other_currencies={name: -number for number, name in named[1:]},
    )
    return told, credited


def _touches(mails: Frame, again: Frame, clicks: Frame, *, rule: Attribution) -> Frame:
    """What people did with mails, and when: `KEY`, `touched_us`; the first ones twice, which does no harm."""
    opens = again.filter((nw.col("kind") == EventKind.OPENED.value) & (nw.col("human") == 1))
    clicks = clicks.filter(nw.col("human") == 1)
    parts = []
    for kind, first, others in (
        (EventKind.CLICKED, "first_click_us", clicks),
        (EventKind.OPENED, "first_open_us", opens),
    ):
        if kind in rule.kinds:
            parts.append(mails.select(*KEY, touched_us=nw.col(first)))
            parts.append(others.select(*KEY, touched_us=nw.col("ts_us")))
    return nw.concat(parts).filter((nw.col("touched_us") < UNDATED).fill_null(value=False))


# What is accounted for


def _find_orphans(orphaned: Frame, census: Census, engine: Engine) -> tuple[Orphans, ...]:
    """The events of no mail, by source, kind and reason."""
    found = [
        Orphans(source=source.name, kind=kind, reason=reason, events=events)
        for source in census.sources
        for reason, kinds in ((NO_MESSAGE, source.no_message), (NOBODY, source.nobody))
        for kind, events in kinds.items()
        if events and kind not in ASIDE
    ]
    silent = set(census.named(without="says_sends"))
    counted = orphaned.group_by("source", "kind").agg(strays=nw.col("copies").sum())
    found += [
        Orphans(
            source=row["source"],
            kind=row["kind"],
            reason=NO_PROOF if row["source"] in silent else NO_SEND,
            events=int(row["strays"]),
        )
        for row in engine.collect(counted).to_pylist()
    ]
    return tuple(sorted(found, key=lambda each: (-each.events, each.source, each.kind, each.reason)))


def _rows(frame: Frame, engine: Engine) -> int:
    return int(engine.collect(frame.select(nw.len())).to_pylist()[0]["len"])


def _account(census: Census, known: Frame, again: Frame, orphans: tuple[Orphans, ...], engine: Engine) -> int:
    """Check that every event of the log went somewhere; how many only repeat another event of their mail."""
    repeated = nw.when(_repeats()).then(nw.col("events"))
    row = engine.collect(known.select(nw.col("events").sum(), repeated=repeated.sum())).to_pylist()[0]
    kinds = {kind.value: sum(source.kinds.get(kind, 0) for source in census.sources) for kind in ASIDE}
    parts = {"of mails": int(row["events"] or 0), "without a mail": sum(each.events for each in orphans)}
    check_events(census.events, parts | kinds)
    return int(row["repeated"] or 0) - _rows(again, engine)
