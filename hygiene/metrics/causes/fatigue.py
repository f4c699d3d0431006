"""Fatigue and decay: rates by how many mails people get a week, and by how long they have been there.

Both compare people who differ in other ways, too: they say who, never why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hygiene.metrics.causes.chance import interval
from hygiene.metrics.causes.rates import BY_NAME, Counts, Rate, Row, of, rows_of
from hygiene.metrics.causes.thresholds import Fatigue, thresholds
from hygiene.metrics.words import range_text, rate_text

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
    FIRST_MAIL: "were there when the log began and are left out: their age is not known.",
    SIGN_UP: "are left out: the list does not tell their sign-up.",
}
_NO_CAUSE = "People who get more differ from others in other ways, too: this says who, not why."
_REPEATED = "One person counts with every mail, so the intervals are a little too narrow."


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
class Tiredness:
    """Rates by mails a week; `unknown` is why nothing can be said, else empty."""

    groups: tuple[Pressure, ...]
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


def measure_fatigue(table: Counts) -> Tiredness:
    """Rates by mails a week, from counts by ``mails_a_week`` with ``person_weeks``."""
    limits = thresholds().fatigue
    rows = sorted(
        (row for row in rows_of(table) if row["mails_a_week"]), key=lambda row: int(row["mails_a_week"])
    )
    groups = tuple(
        Pressure(
            mails=int(row["mails_a_week"]),
            or_more=int(row["mails_a_week"]) >= limits.most_mails,
            person_weeks=int(row["person_weeks"]),
            rates=tuple(_measured(rate, row) for rate in FATIGUE_RATES),
        )
        for row in rows
    )
    large = [one for one in groups if _delivered(one) >= limits.least_n]
    unknown = "" if len(large) > 1 else "everybody got about the same number of mails a week"
    if not groups:
        unknown = "the log names nobody, or has no dates"
    said = (
        [_compared(large[0], large[-1], place) for place in range(len(FATIGUE_RATES))] if len(large) > 1 else []
    )
    found = " ".join(one for one in said if one)
    return Tiredness(
        groups=groups,
        unknown=unknown,
        sentence=f"Fatigue cannot be told: {unknown}." if unknown else found or _no_difference(large),
        caveats=() if unknown else (_NO_CAUSE, _REPEATED),
    )


def _measured(rate: Rate, row: Row) -> Measured:
    k, n = of(rate, row)
    low, high = interval(k, n)
    return Measured(rate=rate, k=k, n=n, low=low, high=high)


def _delivered(group: Pressure) -> int:
    return group.rates[-1].n


def _no_difference(large: Sequence[Pressure]) -> str:
    return (
        f"People with {large[-1].label} mails a week do not differ clearly from those with {large[0].label}: "
        "chance alone could do it."
    )


def _compared(few: Pressure, many: Pressure, place: int) -> str:
    """A sentence where the intervals do not meet."""
    one, other = few.rates[place], many.rates[place]
    if one.value is None or other.value is None or not (one.high < other.low or other.high < one.low):
        return ""
    return (
        f"{_said(other)} {one.rate.verb} in weeks with {many.label} mails, "
        f"{_said(one)} in weeks with {few.label}."
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
        caveats.append(f"{left_out:,} people {_LEFT_OUT[since]}")
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
        return f"{start} It does not fall to half within {told[-1].week} weeks."
    return f"{start} From week {half} on it is under half of what it was."
