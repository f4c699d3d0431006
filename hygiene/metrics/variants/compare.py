"""Logs → which variant is better: the public way in of A/B tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, Final

import narwhals as nw

from hygiene.engines.engine import Engine, check_engine
from hygiene.errors import UsageError
from hygiene.event import EventKind
from hygiene.events.progress import Tick
from hygiene.metrics.attribution import read_attribution
from hygiene.metrics.event_log import MEMORY
from hygiene.metrics.kpis import Kpi
from hygiene.metrics.local_time import DAY_US, read_zone
from hygiene.metrics.moments import read_moment
from hygiene.metrics.opened import ATTRIBUTION, NO_ORDERS, Opened, Say, is_nothing, open_mails
from hygiene.metrics.variants.arms import (
    MOST_ARMS,
    Arm,
    count_arms,
    count_campaigns,
    count_changed,
    count_strays,
    name_values,
    sent_apart,
)
from hygiene.metrics.variants.asked import Asked, read_asked
from hygiene.metrics.variants.comparison import Comparison
from hygiene.metrics.variants.evidence import SPLIT_ALPHA
from hygiene.metrics.variants.verdict import (
    Rules,
    Test,
    check_split,
    default_effect,
    judge,
    machine_p,
)

MATURE_US: Final = 5 * DAY_US  # people have done by then most of what they will do
_WORDS: Final = {
    EventKind.OPENED: "opens",
    EventKind.CLICKED: "clicks",
    EventKind.UNSUBSCRIBED: "opt-outs",
    EventKind.COMPLAINED: "complaints",
}
_LIKELY: Final = ("variant", "segment", "campaign", "stream")  # what else is worth naming


def compare_variants(
    logs: Any,
    campaign: str | None = None,
    metric: str = "click_rate",
    by: str = "variant",
    *,
    arms: Sequence[str] = (),
    split: str | None = None,
    effect: str | float | None = None,
    equivalent_within: str | float | None = None,
    test: str = Test.ALWAYS,
    sends: Any = (),
    orders: Any = (),
    attribution: str = ATTRIBUTION,
    timezone: str = "UTC",
    now: str | date | None = None,
    year: int | None = None,
    engine: str = "duckdb",
    memory_limit: str = MEMORY,
    threads: int | None = None,
    tick: Tick | None = None,
    say: Say = lambda _what: None,
) -> Comparison:
    """Compare the variants of a test: from logs (paths, a data frame, or `Events`) to a verdict.

    `metric` is one of `METRICS`; `by` names the column, key or tag of the log that tells the variants; `arms`
    are the variants meant where there are more, in the order to compare them in. `split` is how people were to
    be divided ("50:50", in the order of `arms`, else of the names). `effect` is the difference worth finding: a
    share (0.005, "0.5%") or money a mail; differences within `equivalent_within` do not matter. `orders`,
    `sends` and `now` are those of `hygiene.measure`.
    Raises UsageError, UnreadableInput or UnwritableOutput with one sentence.
    """
    asked = read_asked(
        metric,
        by,
        logs=logs,
        arms=arms,
        split=split,
        effect=effect,
        equivalent_within=equivalent_within,
        test=test,
    )
    kpi, chosen, names = asked.kpi, asked.column, asked.arms
    now_us = read_moment(now, read_zone(timezone), "--now", end=True)
    mature_us = read_attribution(attribution).window_us if EventKind.CONVERTED in kpi.needs else MATURE_US
    check_engine(engine)
    with open_mails(
        logs,
        sends=sends,
        orders=orders,
        attribution=attribution,
        timezone=timezone,
        year=year,
        variant_column=asked.own,
        engine=engine,
        memory_limit=memory_limit,
        threads=threads,
        tick=tick,
        say=say,
    ) as opened:
        say("Counting")
        mails = _mails(opened, campaign)
        seen = now_us if now_us is not None else opened.found.census.latest_us
        young = None if seen is None else seen - (mature_us or MATURE_US)
        counted = count_arms(
            mails, kpi, chosen, opened.tables, young_after_us=young, only=names, called=asked.by
        )
        _check_arms(counted, asked, mails, opened)
        unnamed, twice = count_strays(mails, chosen, opened.tables, only=names)
        campaigns = 1 if chosen == "campaign" else count_campaigns(mails, chosen, opened.tables)
        silent = _silent(opened, kpi, has_orders=not is_nothing(orders))
        files = tuple(file.name for file in opened.events.report.files)
        currency = opened.found.orders.currency
        others = dict(opened.found.orders.other_currencies)
        changed = count_changed(opened.events.reading.connection) if chosen == "variant" else 0
    rules = _rules(asked, counted)
    return Comparison(
        files=files,
        campaign=campaign,
        by=asked.by,
        rules=rules,
        effect_given=asked.rho is not None,
        arms=counted,
        split=check_split(counted, _expected(asked, counted)),
        split_given=bool(asked.parts),
        pairs=judge(counted, rules),
        silent=silent,
        campaigns=campaigns,
        unnamed=unnamed,
        twice=twice,
        changed=changed,
        seen_until_us=seen,
        mature_after_us=mature_us or MATURE_US,
        timezone=timezone,
        attribution=attribution,
        currency=currency,
        other_currencies=others,
    )


def _mails(opened: Opened, campaign: str | None) -> Any:
    """The mails of the test, platforms' refusals included: they were divided, too."""
    mails = opened.found.mails
    if campaign is None:
        return mails
    chosen = mails.filter(nw.col("campaign") == campaign)
    if not opened.tables.collect(chosen.select(mails=nw.len())).to_pylist()[0]["mails"]:
        there = ", ".join(repr(name[:40]) for name in name_values(mails, "campaign", opened.tables)[:MOST_ARMS])
        raise UsageError(f"no mail of the log is of a campaign {campaign[:60]!r}: there are {there or 'none'}")
    return chosen


def _silent(opened: Opened, kpi: Kpi, *, has_orders: bool) -> str:
    """Why the log says nothing of the metric; empty where it does."""
    kinds = opened.found.census.kinds
    if EventKind.CONVERTED in kpi.needs and not opened.found.orders.distinct:
        return "the orders hold none that was paid and kept" if has_orders else NO_ORDERS
    missing = [kind for kind in kpi.needs if kind is not EventKind.CONVERTED and kind not in kinds]
    return (
        f"the log holds no {_WORDS[missing[0]]} at all: there were none, or it does not tell" if missing else ""
    )


def _check_arms(arms: Sequence[Arm], asked: Asked, mails: Any, opened: Opened) -> None:
    """Raises UsageError where there are no two arms with a mail between them."""
    if len(arms) > 1 and any(arm.mails for arm in arms):
        return
    tables = opened.tables
    if not tables.collect(mails.select(mails=nw.len())).to_pylist()[0]["mails"]:
        if opened.events.count("tallies"):
            raise UsageError("the log holds sums of campaigns alone: a test takes an export of who got what")
        raise UsageError("the log holds no mail, so there is nothing to compare")
    if asked.arms:
        there = name_values(mails, asked.column, tables)
        wanted = " or ".join(repr(name[:40]) for name in asked.arms)
        found = ", ".join(repr(name[:40]) for name in there[:MOST_ARMS]) or "none at all"
        raise UsageError(f"no mail of the log is of {asked.by} {wanted}: there are {found}")
    if arms:
        raise UsageError(
            f"all mails that tell their {asked.by} are of {arms[0].name[:40]!r}: nothing to compare"
        )
    others = [f"{name} ({len(there)} values)" for name, there in _splits(mails, tables) if name != asked.column]
    also = f"; the log itself has {', '.join(others)}" if others else ""
    raise UsageError(
        f"no mail tells its {asked.by}: name the column, key or tag that does with --variant-column{also}"
    )


def _splits(mails: Any, tables: Engine) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What else a log may be split by: column, values."""
    for column in _LIKELY:
        there = name_values(mails, column, tables)
        if 1 < len(there) <= MOST_ARMS:
            yield column, there


def _expected(asked: Asked, arms: Sequence[Arm]) -> tuple[float, ...]:
    """How people were to be divided."""
    expected = asked.parts or (1.0,) * len(arms)
    if len(expected) != len(arms):
        raise UsageError(
            f"--split has {len(expected)} parts, and there are {len(arms)} variants: "
            + ", ".join(repr(arm.name[:20]) for arm in arms)
        )
    return expected


def _rules(asked: Asked, arms: Sequence[Arm]) -> Rules:
    """How these arms are judged."""
    young = any(arm.is_young for arm in arms)
    return Rules(
        kpi=asked.kpi,
        test=asked.test,
        rho=asked.rho if asked.rho is not None else default_effect(arms),
        within=asked.within,
        young=young,
        uneven=young and sent_apart(arms) > 0,
        machines=EventKind.OPENED in asked.kpi.needs and _differ(arms),
    )


def _differ(arms: Sequence[Arm]) -> bool:
    """Whether machines opened one arm more than another."""
    p = machine_p(arms)
    return p is not None and p < SPLIT_ALPHA
