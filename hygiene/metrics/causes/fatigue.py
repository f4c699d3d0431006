"""Fatigue and decay: rates by how many mails people get a week, and by how long they have been there.

Both compare people who differ in other ways, too: they say who, never why.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from hygiene.metrics.causes.chance import interval
from hygiene.metrics.causes.rates import BY_NAME, Counts, Rate, Row, of, rows_of, summed
from hygiene.metrics.causes.thresholds import Fatigue, thresholds
from hygiene.metrics.words import counted, range_text, rate_text

FATIGUE_RATES: Final = tuple(
    BY_NAME[name]
    for name in ("open_rate_human", "click_rate_human", "unsubscribe_rate", "complaint_rate_delivered")
)
ENGAGED: Final = Rate(
    name="engaged_rate_human",
    numerator="engaged_human",
    denominator="delivered",
    verb="were opened or clicked by a person",
    of="mails delivered",
    event="open",
    more_is_worse=False,
)
FIRST_MAIL: Final = "the first mail of the log"
SIGN_UP: Final = "sign-up"
_LEFT_OUT: Final = {
    FIRST_MAIL: "People who were there when the log began are left out, as their age is not known",
    SIGN_UP: "People whose sign-up the list does not tell are left out",
}
_NO_CAUSE = "People who get more differ from others in other ways, too: this says who, not why."
_REPEATED = "One person counts with every mail, so the intervals of the groups are a little too narrow."
_LAST_OF_WEEK = 6  # days after its Monday
_DOUBT = 0.05
_FEW = 3  # campaigns whose differences tell nothing of how much they vary


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A rate of a group."""

    rate: Rate
    k: int
    n: int
    low: float
    high: float

    @property
    def value(self) -> float | None:
        """None without mail."""
        return self.k / self.n if self.n else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressure:
    """People's weeks with so many mails; the last group holds all with more."""

    mails: int
    or_more: bool
    person_weeks: int
    rates: tuple[Measured, ...]

    @property
    def label(self) -> str:
        """``3``, ``8 or more``."""
        return f"{self.mails} or more" if self.or_more else f"{self.mails}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """A rate of people with many mails a week beside that of people with few, of the same campaigns and weeks.

    Both are weighted by what each campaign tells of their difference; `low` and `high` are its 95 % interval,
    which holds for all rates together.
    """

    rate: Rate
    few: float
    many: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether more than chance tells them apart."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiredness:
    """Rates by mails a week, of complete weeks; `unknown` is why nothing can be said, else empty."""

    groups: tuple[Pressure, ...]
    contrasts: tuple[Contrast, ...]
    unknown: str
    sentence: str
    caveats: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """Mails to people who have been there for so many weeks."""

    week: int
    people: int
    engaged: Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Decay:
    """Engagement by weeks since sign-up, or since the first mail of the log.

    `half_week` is the first week whose interval lies below half of the first one's rate, and stays below; None:
    not reached. `left_out` are people whose age is not known.
    """

    ages: tuple[Age, ...]
    since: str
    half_week: int | None
    left_out: int
    unknown: str
    sentence: str
    caveats: tuple[str, ...]


def measure_fatigue(table: Counts, same: Counts, *, until: int | None = None) -> Tiredness:
    """Rates by mails a week, from counts by ``week`` and ``mails_a_week`` with ``person_weeks``.

    `same` are counts by campaign, too: what a campaign or a week does to rates is no matter of how many mails.
    `until` is the last day whose opens, clicks, opt-outs and complaints are in: later weeks are left out.
    """
    rows = [row for row in rows_of(table) if row["mails_a_week"]]
    ripe = [row for row in rows if _is_ripe(row, until)]
    groups = tuple(_group(row) for row in sorted(summed(ripe, ("mails_a_week",)), key=_mails_a_week))
    strata = _strata(row for row in rows_of(same) if row["mails_a_week"] and _is_ripe(row, until))
    pair = _pair(groups, strata)
    unknown = "" if pair else _why_unknown(rows, groups)
    contrasts = tuple(_contrasts(*pair, strata)) if pair else ()
    found = " ".join(_told(one, *pair) for one in contrasts if pair and one.is_clear)
    return Tiredness(
        groups=groups,
        contrasts=contrasts,
        unknown=unknown,
        sentence=found or (_no_difference(*pair) if pair else f"Fatigue cannot be told: {unknown}."),
        caveats=() if unknown else (_NO_CAUSE, _REPEATED),
    )


def _is_ripe(row: Row, until: int | None) -> bool:
    return until is None or int(row["week"]) + _LAST_OF_WEEK <= until


def _strata(rows: Iterable[Row]) -> list[dict[int, Row]]:
    """Of each campaign in each week the counts by mails a week."""
    found: defaultdict[tuple[int, Any], dict[int, Row]] = defaultdict(dict)
    for row in rows:
        found[int(row["week"]), row["campaign"]][_mails_a_week(row)] = row
    return list(found.values())


def _mails_a_week(row: Row) -> int:
    return int(row["mails_a_week"])


def _group(row: Row) -> Pressure:
    mails = _mails_a_week(row)
    return Pressure(
        mails=mails,
        or_more=mails >= thresholds().fatigue.most_mails,
        person_weeks=int(row["person_weeks"]),
        rates=tuple(_measured(rate, row) for rate in FATIGUE_RATES),
    )


def _measured(rate: Rate, row: Row) -> Measured:
    k, n = of(rate, row)
    low, high = interval(k, n)
    return Measured(rate=rate, k=k, n=n, low=low, high=high)


def _delivered(group: Pressure) -> int:
    return group.rates[-1].n


def _pair(groups: Sequence[Pressure], strata: Sequence[dict[int, Row]]) -> tuple[Pressure, Pressure] | None:
    """The groups furthest apart of which each has enough mails of campaigns that the other got, too."""
    least = thresholds().fatigue.least_n
    large = [one for one in groups if _delivered(one) >= least]
    pairs = [(few, many) for few in large for many in large if many.mails > few.mails]
    for few, many in sorted(pairs, key=lambda two: (two[0].mails - two[1].mails, two[0].mails)):
        shared = [(one[few.mails], one[many.mails]) for one in strata if {few.mails, many.mails} <= one.keys()]
        if min(sum(int(two[side]["delivered"]) for two in shared) for side in (0, 1)) >= least:
            return few, many
    return None


def _why_unknown(rows: Sequence[Row], groups: Sequence[Pressure]) -> str:
    if not rows:
        return "the log names nobody, or has no dates"
    if not groups:
        return "no week is complete yet"
    large = sum(_delivered(one) >= thresholds().fatigue.least_n for one in groups)
    if not large:
        return "too few mails"
    if large == 1:
        return "everybody got about the same number of mails a week"
    return "too few mails of the same campaigns went to people with more mails a week and with fewer"


def _contrasts(few: Pressure, many: Pressure, strata: Sequence[dict[int, Row]]) -> Iterator[Contrast]:
    both = [(one[few.mails], one[many.mails]) for one in strata if {few.mails, many.mails} <= one.keys()]
    for rate in FATIGUE_RATES:
        pairs = [(*of(rate, one), *of(rate, other)) for one, other in both]
        told = np.array([pair for pair in pairs if pair[1] and pair[3]], dtype=float)
        if len(told) and (found := _contrast(rate, told)):
            yield found


def _contrast(rate: Rate, strata: Any) -> Contrast | None:
    """From rows of k and n of few, k and n of many; None where too little happened to compare."""
    from scipy import special

    (k0, n0, k1, n1), total = strata.T, strata.sum(axis=0)
    if max(total[2], total[0] / total[1] * total[3]) < thresholds().anomalies.least_events:
        return None
    weight = n0 * n1 / (n0 + n1)
    part = weight / weight.sum()
    few, many = float((part * k0 / n0).sum()), float((part * k1 / n1).sum())
    usual = (k0 + k1) / (n0 + n1)
    chance = float((part**2 * usual * (1 - usual) / weight).sum())
    effective = 1 / float((part**2).sum())  # strata, were they of one size
    own = k1 / n1 - k0 / n0 - (many - few)
    between = float((part**2 * own**2).sum()) * effective / (effective - 1) if effective > _FEW else 0.0
    quantile = 1 - _DOUBT / 2 / len(FATIGUE_RATES)
    half = float(special.ndtri(quantile)) * math.sqrt(chance)
    if between > chance:
        half = float(special.stdtrit(effective - 1, quantile)) * math.sqrt(between)
    return Contrast(rate=rate, few=few, many=many, low=many - few - half, high=many - few + half)


def _no_difference(few: Pressure, many: Pressure) -> str:
    return (
        f"People with {many.label} mails a week do not differ clearly from those with {few.label} that got the "
        "same campaigns: chance alone could do it."
    )


def _told(one: Contrast, few: Pressure, many: Pressure) -> str:
    ends = sorted((abs(one.low), abs(one.high)))
    points = range_text(*ends).removesuffix(" %")
    return (
        f"{rate_text(one.many)} {one.rate.verb} where people got {many.label} mails a week, "
        f"{rate_text(one.few)} of the same campaigns where they got {few.label}: {points} points "
        f"{'more' if one.low > 0 else 'less'} (95 % sure)."
    )


def _said(one: Measured) -> str:
    return f"{rate_text(one.value or 0)} ({range_text(one.low, one.high)})"


def measure_decay(table: Counts, *, since: str = FIRST_MAIL, left_out: int = 0) -> Decay:
    """Engagement by age, from counts by ``weeks_since`` with ``people``."""
    limits = thresholds().fatigue
    rows = [row for row in rows_of(table) if row["weeks_since"] is not None and int(row["weeks_since"]) >= 0]
    ages = tuple(
        Age(week=int(row["weeks_since"]), people=int(row["people"]), engaged=_measured(ENGAGED, row))
        for row in sorted(rows, key=lambda row: int(row["weeks_since"]))
        if int(row["weeks_since"]) <= limits.most_weeks
    )
    told = [one for one in ages if one.engaged.n >= limits.least_n]
    unknown = "" if len(told) > 1 else "too few people are seen from their first weeks on"
    half = None if unknown else _half_week(told, limits)
    caveats = [] if unknown else ["Later weeks hold only people who joined early and are still mailed."]
    if left_out:
        caveats.append(f"{_LEFT_OUT[since]}: {left_out:,}.")
    return Decay(
        ages=ages,
        since=since,
        half_week=half,
        left_out=left_out,
        unknown=unknown,
        sentence=f"Decay cannot be told: {unknown}." if unknown else _decay(told, half, since),
        caveats=tuple(caveats),
    )


def _half_week(told: Sequence[Age], limits: Fatigue) -> int | None:
    first = told[0].engaged.value or 0.0
    below = [one.engaged.high < limits.half * first for one in told]
    for place, one in enumerate(told):
        if all(below[place:]):
            return one.week
    return None


def _decay(told: Sequence[Age], half: int | None, since: str) -> str:
    first, last = told[0].engaged, told[-1].engaged
    start = (
        f"In week {told[0].week} since {since} {_said(first)} of the mails are opened or clicked by a person, "
        f"in week {told[-1].week} {_said(last)}."
    )
    if half is None:
        return f"{start} It does not fall to half within {counted(told[-1].week, 'week')}."
    return f"{start} From week {half} on it is under half of what it was."
