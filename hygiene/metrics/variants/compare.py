"""Logs → which variant is better: the public way in of A/B tests."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import narwhals as nw

from hygiene.engines.engine import check_engine
from hygiene.errors import UsageError
from hygiene.event import EventKind
from hygiene.events.progress import Tick
from hygiene.metrics.attribution import read_attribution
from hygiene.metrics.event_log import MEMORY
from hygiene.metrics.kpis import Kpi, Unit, find_kpi
from hygiene.metrics.local_time import DAY_US, read_zone
from hygiene.metrics.moments import read_moment
from hygiene.metrics.opened import ATTRIBUTION, NO_ORDERS, Opened, Say, is_nothing, open_mails
from hygiene.metrics.variants.arms import Arm, count_arms, count_campaigns, count_strays
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

METRICS: Final = (
    *("open_rate", "click_rate", "conversion_rate", "revenue_per_mail", "ctor", "unsubscribe_rate"),
    "complaint_rate",
)
#: what a test can be between
BY: Final = ("variant", "campaign", "segment", "stream", "source", "provider", "domain")
MATURE_US: Final = 5 * DAY_US  # people have done by then most of what they will do
APART_US: Final = 3_600_000_000  # arms sent further apart than this are not of the same age
YOUNG_SHARE: Final = 0.1  # of an arm, from which it is called young
_PARTS: Final = re.compile(r"\d{1,9}(?:\.\d{1,9})?(?::\d{1,9}(?:\.\d{1,9})?)+")
_NUMBER: Final = re.compile(r"(\d{1,12}(?:\.\d{1,12})?|\.\d{1,12})\s*(%?)")


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

    `metric` is one of `METRICS`, `by` the column that names the variants, `arms` the variants meant where there
    are more. `split` is how people were to be divided ("50:50", in the order of `arms`, else of the names).
    `effect` is the difference worth finding: a share (0.005, "0.5%") or money a mail; differences within
    `equivalent_within` do not matter. `orders`, `sends` and `now` are those of `hygiene.measure`.
    Raises UsageError, UnreadableInput or UnwritableOutput with one sentence.
    """
    kpi, chosen = _metric(metric), _by(by)
    rho, within = _amount(effect, kpi, "--effect"), _amount(equivalent_within, kpi, "--equivalent-within")
    names, asked = tuple(dict.fromkeys(arms)), _test(test)
    parts = _split(split)
    if len(names) == 1:
        raise UsageError("name two arms or more, as in --arms A,B")
    zone = read_zone(timezone)
    now_us = read_moment(now, zone, "--now", end=True)
    mature_us = read_attribution(attribution).window_us if EventKind.CONVERTED in kpi.needs else MATURE_US
    check_engine(engine)
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
    ) as opened:
        say("Counting")
        mails = _mails(opened, campaign)
        seen = now_us if now_us is not None else opened.found.census.latest_us
        young = None if seen is None else seen - (mature_us or MATURE_US)
        counted = count_arms(mails, kpi, chosen, opened.tables, young_after_us=young, only=names)
        unnamed, twice = count_strays(mails, chosen, opened.tables)
        campaigns = 1 if chosen == "campaign" else count_campaigns(mails, chosen, opened.tables)
        silent = _silent(opened, kpi, has_orders=not is_nothing(orders))
        files = tuple(file.name for file in opened.events.report.files)
        currency = opened.found.orders.currency
        others = dict(opened.found.orders.other_currencies)
    _check_arms(counted, chosen, unnamed)
    expected = parts or (1.0,) * len(counted)
    if len(expected) != len(counted):
        raise UsageError(
            f"--split has {len(expected)} parts, and there are {len(counted)} variants: "
            + ", ".join(repr(arm.name[:20]) for arm in counted)
        )
    rules = Rules(
        kpi=kpi,
        test=asked,
        rho=rho if rho is not None else default_effect(counted),
        within=within,
        uneven=_uneven(counted),
        machines=EventKind.OPENED in kpi.needs and _differ(counted),
    )
    return Comparison(
        files=files,
        campaign=campaign,
        by=chosen,
        rules=rules,
        effect_given=rho is not None,
        arms=counted,
        split=check_split(counted, expected),
        pairs=judge(counted, rules),
        silent=silent,
        campaigns=campaigns,
        unnamed=unnamed,
        twice=twice,
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
        raise UsageError(f"no mail of the log is of a campaign {campaign[:60]!r}")
    return chosen


def _silent(opened: Opened, kpi: Kpi, *, has_orders: bool) -> str:
    """Why the log says nothing of the metric; empty where it does."""
    kinds = opened.found.census.kinds
    if EventKind.CONVERTED in kpi.needs and not opened.found.orders.distinct:
        return "the orders hold none that was paid and kept" if has_orders else NO_ORDERS
    missing = [kind for kind in kpi.needs if kind is not EventKind.CONVERTED and kind not in kinds]
    return f"the log holds no {missing[0].value} event at all" if missing else ""


def _check_arms(arms: Sequence[Arm], by: str, unnamed: int) -> None:
    if len(arms) > 1:
        return
    if arms:
        raise UsageError(f"all mails that name a {by} are of {arms[0].name[:40]!r}: nothing to compare")
    what = "no mail" if unnamed else "the log holds no mail, so none"
    raise UsageError(f"{what} names a {by}: say which column does, as in --variant-column segment")


def _uneven(arms: Sequence[Arm]) -> bool:
    """Whether arms are of different age while one of them is young."""
    means = [arm.mean_us for arm in arms if arm.mean_us is not None]
    young = any(arm.young > YOUNG_SHARE * arm.mails for arm in arms)
    return young and bool(means) and max(means) - min(means) > APART_US


def _differ(arms: Sequence[Arm]) -> bool:
    """Whether machines opened one arm more than another."""
    p = machine_p(arms)
    return p is not None and p < SPLIT_ALPHA


# what was asked for


def _metric(word: str) -> Kpi:
    if word not in METRICS:
        raise UsageError(f"variants are not compared by {word[:40]!r}: there are {', '.join(METRICS)}")
    return find_kpi(word)


def _by(word: str) -> str:
    if word not in BY:
        raise UsageError(f"no column {word[:40]!r} tells variants: there are {', '.join(BY)}")
    return word


def _test(word: str) -> Test:
    if word not in set(Test):
        raise UsageError(f"no test is called {word[:40]!r}: there are {' and '.join(Test)}")
    return Test(word)


def _split(text: str | None) -> tuple[float, ...]:
    if text is None:
        return ()
    written = _PARTS.fullmatch(text.strip())
    parts = tuple(float(part) for part in text.split(":")) if written else ()
    if not parts or min(parts) <= 0:
        raise UsageError(f"--split {text[:40]!r} is no split: write the parts as in 50:50 or 10:10:80")
    return parts


def _amount(given: str | float | None, kpi: Kpi, option: str) -> float | None:
    if given is None:
        return None
    return read_share(given, option) if kpi.unit is Unit.SHARE else read_money(given, option)


def read_share(given: str | float, option: str) -> float:
    """A share between 0 and 1, as 0.005 or "0.5%"; raises UsageError for another.

    >>> read_share("0.5%", "--effect"), read_share(0.25, "--effect")
    (0.005, 0.25)
    """
    written = _NUMBER.fullmatch(str(given).strip())
    share = float(written[1]) / (100 if written[2] else 1) if written else 0.0
    if not 0 < share < 1:
        raise UsageError(f"{option} {str(given)[:20]!r} is no share: write it as in 0.5% or 0.005")
    return share


def read_money(given: str | float, option: str) -> float:
    """An amount a mail; raises UsageError for another."""
    written = _NUMBER.fullmatch(str(given).strip())
    amount = float(written[1]) if written and not written[2] else 0.0
    if amount <= 0:
        raise UsageError(f"{option} {str(given)[:20]!r} is no amount of money a mail: write it as in 0.05")
    return amount
