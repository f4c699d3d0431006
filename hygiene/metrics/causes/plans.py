"""What the causes ask of the table of mails itself: small sums, on DuckDB or Spark, whole numbers only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import narwhals as nw

from hygiene.engines.engine import Engine
from hygiene.metrics.causes.maturity import HOURS, OTHERS
from hygiene.metrics.causes.reasons import LONGEST, MASKS
from hygiene.metrics.causes.thresholds import thresholds

Frame: TypeAlias = nw.LazyFrame[Any]

_MOST: Final = {"provider": 40, "campaign": 2_000}  # slices that are told apart
_MANY: Final = 200
MOST_REASONS: Final = 2_000  # texts that reach Python, the commonest first

_HOUR_US = 3_600_000_000
_WEEK_US = 7 * 24 * _HOUR_US
_BOUNCED, _DELIVERED = "bounced", "delivered"

#: event → when it came in
_ARRIVALS: Final = {
    "open": "first_open_us",
    "click": "first_click_us",
    "complaint": "complained_us",
    "bounce": "bounced_us",
}


def _total(column: str) -> nw.Expr:
    return nw.col(column).sum().cast(nw.Int64)


def masked(text: nw.Expr) -> nw.Expr:
    """A text without what differs from mail to mail, as `hygiene.metrics.causes.reasons.mask` does it."""
    shown = text.str.to_lowercase()
    for pattern, put in MASKS:
        shown = shown.str.replace_all(pattern, put)
    return shown.str.strip_chars(" ").str.slice(0, LONGEST)


def with_few_slices(mails: Frame, engine: Engine, dimensions: Sequence[str]) -> Frame:
    """The mails, with all but the largest slices of each dimension under one name."""
    for name in dimensions:
        known = mails.filter(~nw.col(name).is_null()).select(name, one=nw.lit(1)).group_by(name)
        largest = known.agg(mails=_total("one")).sort("mails", name, descending=[True, False])
        names = engine.collect(largest.head(_MOST.get(name, _MANY) + 1))[name].to_pylist()
        if len(names) > _MOST.get(name, _MANY):
            small = ~nw.col(name).is_null() & ~nw.col(name).is_in(names[:-1])
            mails = mails.with_columns(nw.when(small).then(nw.lit(OTHERS)).otherwise(nw.col(name)).alias(name))
    return mails


def bounce_reasons(mails: Frame) -> Frame:
    """provider, bounce_class, smtp_status, text, example, mails: the commonest of the bounced mails."""
    bounced = mails.filter(nw.col("state") == _BOUNCED)
    keys = ("provider", "bounce_class", "smtp_status")
    return (
        bounced.select(*keys, "reason", masked(nw.col("reason").fill_null("")).alias("text"))
        .with_columns(one=nw.lit(1))
        .group_by(*keys, "text")
        .agg(example=nw.col("reason").min(), mails=_total("one"))
        .sort("mails", "text", "provider", "smtp_status", descending=[True, False, False, False])
        .head(MOST_REASONS)
    )


def campaign_ages(mails: Frame) -> Frame:
    """campaign, first_us, last_us: when its first and last mail went out."""
    dated = mails.filter(~nw.col("campaign").is_null(), ~nw.col("sent_us").is_null())
    return dated.group_by("campaign").agg(first_us=nw.col("sent_us").min(), last_us=nw.col("sent_us").max())


def latest(mails: Frame) -> Frame:
    """One row: latest_us, the last moment that the mails hold."""
    columns = ["sent_us", "delivered_us", *_ARRIVALS.values()]
    return mails.select(*(nw.col(name).max() for name in columns)).select(
        latest_us=nw.max_horizontal(*(nw.col(name) for name in columns))
    )


def delays(mails: Frame, event: str) -> Frame:
    """campaign, hours, events: how long after sending an event came in; null hours: longer than the last."""
    column = _ARRIVALS[event]
    told = mails.filter(
        ~nw.col("campaign").is_null(), ~nw.col("sent_us").is_null(), ~nw.col(column).is_null()
    ).select("campaign", took=nw.col(column) - nw.col("sent_us"))
    hours = nw.lit(None, nw.Int64)
    for end in reversed(HOURS):
        hours = nw.when(nw.col("took") <= end * _HOUR_US).then(nw.lit(end, nw.Int64)).otherwise(hours)
    return (
        told.select("campaign", hours=hours, one=nw.lit(1))
        .group_by("campaign", "hours")
        .agg(events=_total("one"))
    )


def _flags(mails: Frame) -> Frame:
    """Mails with the counts of `hygiene.metrics.table.COUNTS` that fatigue needs, as 0 and 1."""
    delivered = nw.col("state") == _DELIVERED
    parts: Mapping[str, nw.Expr] = {
        "delivered": delivered,
        "complained": delivered & nw.col("complained"),
        "unsubscribed": delivered & nw.col("unsubscribed"),
        "delivered_open_tracked": delivered & nw.col("track_open"),
        "opened_human": delivered & nw.col("track_open") & nw.col("opened_human"),
        "delivered_click_tracked": delivered & nw.col("track_click"),
        "clicked_human": delivered & nw.col("track_click") & nw.col("clicked_human"),
        "engaged_human": delivered & (nw.col("opened_human") | nw.col("clicked_human")),
    }
    counted = {name: nw.when(part).then(nw.lit(1)).otherwise(nw.lit(0)) for name, part in parts.items()}
    named = mails.filter(~nw.col("recipient").is_null(), ~nw.col("sent_us").is_null())
    return named.select("recipient", "campaign", "week", "sent_us", **counted)


_SUMMED = (
    *("delivered", "complained", "unsubscribed", "delivered_open_tracked", "opened_human"),
    *("delivered_click_tracked", "clicked_human", "engaged_human"),
)


def pressure(mails: Frame) -> tuple[Frame, Frame]:
    """week, mails_a_week (delivered; the last holds all with more), person_weeks, counts; and by campaign."""
    most = thresholds().fatigue.most_mails
    weekly = _flags(mails).filter(~nw.col("week").is_null(), nw.col("delivered") > 0)
    people = weekly.group_by("recipient", "week").agg(*(_total(name) for name in _SUMMED))
    grouped = nw.when(nw.col("delivered") >= most).then(nw.lit(most)).otherwise(nw.col("delivered"))
    people = people.with_columns(mails_a_week=grouped, one=nw.lit(1))
    counts = [_total(name) for name in _SUMMED]
    campaigns = weekly.join(people.select("recipient", "week", "mails_a_week"), on=["recipient", "week"])
    return (
        people.group_by("week", "mails_a_week").agg(*counts, person_weeks=_total("one")),
        campaigns.group_by("week", "campaign", "mails_a_week").agg(*counts),
    )


def first_sent() -> nw.Expr:
    """When the log begins."""
    return nw.col("sent_us").min()


def _first_mails(mails: Frame) -> Frame:
    return (
        mails.filter(~nw.col("recipient").is_null(), ~nw.col("sent_us").is_null())
        .group_by("recipient")
        .agg(first_us=nw.col("sent_us").min())
    )


def cohorts(mails: Frame, *, since_us: int, until_us: int) -> Frame:
    """weeks_since the first mail, people, and counts, of people first mailed from `since_us` on."""
    return ages(mails, _first_mails(mails).filter(nw.col("first_us") >= since_us), until_us=until_us)


def ages(mails: Frame, first: Frame, *, until_us: int) -> Frame:
    """weeks_since `first` (recipient, first_us), people, and counts: of mails from then until `until_us`."""
    aged = (
        _flags(mails)
        .filter(nw.col("sent_us") <= until_us)
        .join(first, on="recipient", how="inner")
        .filter(nw.col("sent_us") >= nw.col("first_us"))
        .with_columns(weeks_since=(nw.col("sent_us") - nw.col("first_us")) // _WEEK_US)
        .group_by("recipient", "weeks_since")
        .agg(*(_total(name) for name in _SUMMED))
        .filter(nw.col("delivered") > 0)
        .with_columns(one=nw.lit(1))
    )
    return aged.group_by("weeks_since").agg(*(_total(name) for name in _SUMMED), people=_total("one"))


def signed_up(joined: Frame) -> Frame:
    """recipient and first_us, of a table with recipient and joined_us."""
    return joined.group_by("recipient").agg(first_us=nw.col("joined_us").min())


def people_without(mails: Frame, first: Frame) -> Frame:
    """One row: people who were mailed, and are not in `first`."""
    people = _first_mails(mails).join(first.select("recipient"), on="recipient", how="anti")
    return people.select(people=nw.col("recipient").count())


def people_before(mails: Frame, *, since_us: int) -> Frame:
    """One row: people first mailed before `since_us`."""
    return _first_mails(mails).filter(nw.col("first_us") < since_us).select(people=nw.col("recipient").count())
