"""All causes of one measurement, from its counts and, where given, its table of mails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from hygiene.engines.engine import Engine, Frame
from hygiene.metrics.causes import plans
from hygiene.metrics.causes.anomalies import ALL, Anomaly, Charted, choose_period, find_anomalies
from hygiene.metrics.causes.comparison import Compared, compare
from hygiene.metrics.causes.explanation import Explanation, explain
from hygiene.metrics.causes.fatigue import (
    FATIGUE_RATES,
    SIGN_UP,
    Decay,
    Tiredness,
    measure_decay,
    measure_fatigue,
)
from hygiene.metrics.causes.forecast import Forecast, forecast_complaints
from hygiene.metrics.causes.maturity import Ripeness, judge_maturity
from hygiene.metrics.causes.rates import BY_NAME, RATES, Counts, Rate, Row, pooled, rows_of, summed
from hygiene.metrics.causes.reasons import BounceReasons, find_reasons
from hygiene.metrics.causes.thresholds import Rule, thresholds
from hygiene.metrics.counts import count as count_mails

if TYPE_CHECKING:
    from hygiene.render.sections import Section

Count: TypeAlias = Callable[[Sequence[str]], Counts]

#: what changes are explained by, where the log tells it
DIMENSIONS: Final = ("provider", "campaign", "segment", "stream", "variant")
_CHARTED: Final = ("provider", "segment", "stream")  # campaigns come and go: they have no usual rate
_ENGAGING: Final = ("open_rate_human", "click_rate_human")
_REASON: Final = ("bounce_class", "smtp_status")
_EXPLAINED = 10  # anomalies
_DAY_US: Final = 86_400_000_000
_WEEK_DAYS = 7


@dataclass(frozen=True, kw_only=True)
class Causes:
    """What was found; None where it was not looked for, as the table of mails was not given."""

    compared: tuple[Compared, ...]  # a dimension each, of those that the log tells
    reasons: BounceReasons | None
    charted: Charted
    explanations: tuple[Explanation, ...]  # of the anomalies of all mail
    forecast: Forecast
    fatigue: Tiredness | None
    decay: Decay | None
    ripeness: Ripeness | None
    as_of_us: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}

    def sections(self) -> tuple[Section, ...]:
        """What a person should see."""
        from hygiene.metrics.causes.presentation import causes_sections

        return causes_sections(self)


def find_causes(
    count: Count,
    *,
    mails: Frame | None = None,
    engine: Engine | None = None,
    slices: Sequence[str] = DIMENSIONS,
    complaints_told: bool | None = None,
    next_send: int | None = None,
    as_of_us: int | None = None,
    period: str | None = None,
    joined: Frame | None = None,
) -> Causes:
    """Look for causes. `count` gives the counts by any slices; `mails` with `engine` add what needs the mails,
    and are counted instead, with the many small slices of a dimension as one.

    A rate of which nothing was seen at all is left out. `slices` are the columns that the log fills,
    `complaints_told` says whether its sources report complaints at all (None: what the counts tell), `as_of_us`
    is when the log was taken (default: its last event), `period` is day or week (default: days, if they have
    enough mail), `joined` (recipient, joined_us) tells of sign-ups.
    """
    told = [name for name in DIMENSIONS if name in slices]
    if mails is not None and engine is not None:
        mails = plans.with_few_slices(mails, engine, told)
        count = _counting(mails, engine)
    daily = {name: rows_of(count(["day", name])) for name in told} or {ALL: rows_of(count(["day"]))}
    any_split = next(iter(daily.values()))
    whole, by_day = summed(any_split, ()), summed(any_split, ("day",))
    by_campaign = summed(daily.get("campaign", []), ("campaign",))
    rates = [rate for rate in RATES if pooled(rate, whole)[0]]
    latest_us = as_of_us if as_of_us is not None else _latest(by_day, mails, engine)
    ripeness = _ripeness(by_campaign, mails, engine, as_of_us=latest_us, rates=rates)
    period = period or choose_period(by_day)
    complete_until = partial(_complete_until, ripeness=ripeness, as_of_us=latest_us)
    tables = {name: _by_period(table, period, name) for name, table in ({ALL: by_day} | daily).items()}
    charted = find_anomalies(
        {name: table for name, table in tables.items() if name in {ALL, *_CHARTED}},
        period=period,
        complete_until=complete_until,
        rates=rates,
    )
    forecast = _forecast(
        by_campaign, by_day, ripeness, told=complaints_told, next_send=next_send, as_of_us=latest_us
    )
    fatigue, decay = _people(mails, engine, joined, complete_until=complete_until, rates=rates)
    return Causes(
        compared=_compared(daily, ripeness, rates, complete_until),
        reasons=_reasons(whole, mails, engine),
        charted=charted,
        explanations=_explanations(charted, tables, count, period),
        forecast=forecast,
        fatigue=fatigue,
        decay=decay,
        ripeness=ripeness,
        as_of_us=latest_us,
    )


def _counting(mails: Frame, engine: Engine) -> Count:
    return lambda by: count_mails(mails, by, engine=engine)


def _compared(
    daily: Mapping[str, Sequence[Row]],
    ripeness: Ripeness | None,
    rates: Sequence[Rate],
    complete_until: Callable[[Rate], int],
) -> tuple[Compared, ...]:
    """Each dimension; young campaigns, and of other slices the latest days, are judged where that is fair."""
    young = ripeness.growing() if ripeness else frozenset()

    def is_ripe(rate: Rate, name: str, row: Row) -> bool:
        if name == "campaign":
            return (str(row[name]), rate.name) not in young
        return row["day"] is None or int(row["day"]) <= complete_until(rate)

    def ripe(rate: Rate, name: str, table: Sequence[Row]) -> Counts | None:
        rows = [row for row in table if is_ripe(rate, name, row)]
        of_one_day = name != "campaign" and len({row["day"] for row in table}) == 1
        return None if len(rows) == len(table) or of_one_day else summed(rows, (name,))

    return tuple(
        compare(name, summed(table, (name,)), rates, ripe=partial(ripe, name=name, table=table))
        for name, table in daily.items()
        if name
    )


def _latest(by_day: Counts, mails: Frame | None, engine: Engine | None) -> int:
    if mails is not None and engine is not None:
        found = engine.collect(plans.latest(mails)).to_pylist()
        if found and found[0]["latest_us"] is not None:
            return int(found[0]["latest_us"])
    days = [int(row["day"]) for row in rows_of(by_day) if row["day"] is not None]
    return (max(days, default=0) + 1) * _DAY_US


def _by_period(table: Sequence[Row], period: str, dimension: str) -> list[Row]:
    """Counts by day as they are, or added up to weeks that begin on Monday."""
    rows = [row for row in table if row["day"] is not None]
    if period == "day":
        return rows
    day_of_week = (int(row["day"]) + 3 for row in rows)  # day 0 was a Thursday
    weekly = [
        {**row, "week": int(row["day"]) - days % _WEEK_DAYS}
        for row, days in zip(rows, day_of_week, strict=True)
    ]
    names = [name for name in (dimension, *_REASON) if name and weekly and name in weekly[0]]
    return summed(weekly, ("week", *names))


def _complete_until(rate: Rate, ripeness: Ripeness | None, as_of_us: int) -> int:
    """The last day whose events are in, to its last mail."""
    assumed = thresholds().maturity.assumed_hours[rate.event]
    hours = ripeness.delay(rate.event).complete_h if ripeness else assumed
    return int((as_of_us - hours * 3.6e9) // _DAY_US) - 1


def _ripeness(
    by_campaign: Counts,
    mails: Frame | None,
    engine: Engine | None,
    *,
    as_of_us: int,
    rates: Sequence[Rate],
) -> Ripeness | None:
    if mails is None or engine is None:
        return None
    told = [
        {**row, "event": event}
        for event in thresholds().maturity.assumed_hours
        for row in engine.collect(plans.delays(mails, event)).to_pylist()
    ]
    return judge_maturity(
        engine.collect(plans.campaign_ages(mails)), told, by_campaign, as_of_us=as_of_us, rates=rates
    )


def _reasons(whole: Sequence[Row], mails: Frame | None, engine: Engine | None) -> BounceReasons | None:
    if mails is None or engine is None:
        return None
    bounced = sum(int(row["bounced"] or 0) for row in whole)
    return find_reasons(engine.collect(plans.bounce_reasons(mails)), bounced=bounced)


def _explanations(
    charted: Charted, tables: dict[str, Counts], count: Count, period: str
) -> tuple[Explanation, ...]:
    of_all = [one for one in charted.anomalies if not one.dimension][:_EXPLAINED]
    reasons = None
    if any(one.rate.numerator == "bounced" for one in of_all):
        reasons = _by_period(rows_of(count(["day", *_REASON])), period, ALL)
    return tuple(explain(one, tables, reasons) for one in of_all)


def _forecast(
    by_campaign: Counts,
    by_day: Counts,
    ripeness: Ripeness | None,
    *,
    told: bool | None,
    next_send: int | None,
    as_of_us: int,
) -> Forecast:
    """By campaign where the log names any, else by day; with the complaints that are still to come."""
    names = any(row["campaign"] is not None for row in rows_of(by_campaign))
    delay = ripeness.delay("complaint") if ripeness else None
    ages = {one.campaign: one.age_h for one in ripeness.young} if ripeness else {}

    def seen_share(row: Row) -> float:
        if delay is None:
            return 1.0
        if names:
            age = ages.get(str(row["campaign"]))
            return 1.0 if age is None else delay.by(age)[1]
        return 1.0 if row["day"] is None else delay.by((as_of_us / _DAY_US - row["day"] - 1) * 24)[1]

    return forecast_complaints(
        by_campaign if names else by_day,
        reported=told,
        next_send=next_send,
        seen_share=seen_share,
        delay=delay.sentence.split(": ", 1)[1].rstrip(".") if delay else "",
    )


def _people(
    mails: Frame | None,
    engine: Engine | None,
    joined: Frame | None,
    *,
    complete_until: Callable[[Rate], int],
    rates: Sequence[Rate],
) -> tuple[Tiredness | None, Decay | None]:
    """Both of mails whose events are in: the latest ones would make everybody look tired."""
    if mails is None or engine is None:
        return None, None
    last_day = min((complete_until(rate) for rate in FATIGUE_RATES if rate in rates), default=None)
    fatigue = measure_fatigue(*map(engine.collect, plans.pressure(mails)), until=last_day)
    until_us = (min(complete_until(BY_NAME[name]) for name in _ENGAGING) + 1) * _DAY_US
    if joined is not None:
        first = plans.signed_up(joined)
        missing = engine.collect(plans.people_without(mails, first)).to_pylist()[0]["people"]
        told = engine.collect(plans.ages(mails, first, until_us=until_us))
        return fatigue, measure_decay(told, since=SIGN_UP, left_out=int(missing))
    started = engine.collect(mails.select(sent_us=plans.first_sent())).to_pylist()[0]["sent_us"]
    if started is None:
        return fatigue, measure_decay([])
    since = int(started) + thresholds().fatigue.warm_up_weeks * _WEEK_DAYS * _DAY_US
    before = engine.collect(plans.people_before(mails, since_us=since)).to_pylist()[0]["people"]
    told = engine.collect(plans.cohorts(mails, since_us=since, until_us=until_us))
    return fatigue, measure_decay(told, left_out=int(before))


def _plain(value: Any) -> Any:
    if isinstance(value, Rate):
        return value.name
    if isinstance(value, Anomaly):
        own = {
            "value": value.value,
            "k": value.k,
            "n": value.n,
            "worse": value.worse,
            "sentence": value.sentence,
        }
        return {**{field.name: _plain(getattr(value, field.name)) for field in fields(value)}, **own}
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value.name if isinstance(value, Rule) else value
