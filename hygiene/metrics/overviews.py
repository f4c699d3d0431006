"""All mail by time and by what a page compares, whatever was asked to split by: what its pictures show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from hygiene.metrics.slices import Flags, Slices

DAY, WEEK = "day", "week"
#: slices of an overview: the largest, or the latest periods
MOST_SLICES: Final = 520
#: what a page compares, where the log tells it
COMPARED: Final = ("campaign", "provider", "segment")
_FEW_DAYS: Final = 21  # of a log that is shown by day
_DAYS_A_WEEK: Final = 7
LEAST: Final = 50  # mails delivered to a cohort that is shown, and to most in their first week
_FEW: Final = 4  # weeks that small cohorts are put together by
MOST_COHORTS: Final = 14
MOST_AGES: Final = 13
_WIDTHS: Final = (1, 4, 13, 26, 52, 104, 260)  # weeks, of which one is chosen


@dataclass(frozen=True, kw_only=True, slots=True)
class Cohort:
    """People who began in some weeks: their mails of each age since, and those opened or clicked."""

    week: int  # the first Monday, as a day since 1970
    weeks: int
    delivered: Mapping[int, int]  # age in steps → mails
    engaged: Mapping[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cohorts:
    """Groups of people, oldest first, and what is not shown of them."""

    groups: tuple[Cohort, ...] = ()
    step: int = 1  # weeks of an age
    joined: bool = False  # whether they began by signing up, else by their first mail in the log
    few: int = 0  # groups with too few mails to be shown
    few_mails: int = 0
    unknown: int = 0  # mails of people whose beginning is not known

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; days as dates."""
        return {
            "since": "sign-up" if self.joined else "first mail",
            "weeks_of_an_age": self.step,
            "groups": [
                {
                    "from": (date(1970, 1, 1) + timedelta(days=one.week)).isoformat(),
                    "weeks": one.weeks,
                    "ages": [
                        {"age": age, "delivered": one.delivered[age], "engaged": one.engaged.get(age, 0)}
                        for age in sorted(one.delivered)
                    ],
                }
                for one in self.groups
            ],
            "groups_with_few_mails": self.few,
            "mails_of_those": self.few_mails,
            "mails_of_unknown_age": self.unknown,
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Overviews:
    """Counts by `period` (day or week) and by each column of COMPARED that is told."""

    period: str
    slices: Mapping[str, Slices]
    young: Mapping[str, Flags]
    launches: tuple[tuple[int, str, int], ...] = ()  # period, campaign and its mails: those that began there
    cohorts: Cohorts | None = None


def choose_period(first_us: int | None, last_us: int | None) -> str:
    """Days for a short log, else weeks."""
    if first_us is None or last_us is None:
        return DAY
    return DAY if last_us - first_us < _FEW_DAYS * 86_400_000_000 else WEEK


def limited(slices: Slices, period: str) -> Slices:
    """The largest slices, or the latest periods, which stand last."""
    number = len(slices.keys)
    if slices.by != (period,):
        return slices.part(0, min(number, MOST_SLICES))
    dated = number - sum(key[0] is None for key in slices.keys)
    return slices.part(max(dated - MOST_SLICES, 0), dated)


def launches_of(rows: Iterable[Mapping[str, Any]], period: str) -> tuple[tuple[int, str, int], ...]:
    """When each campaign began and how many mails it has, from counts by campaign and period; largest first."""
    first: dict[str, int] = {}
    mails: dict[str, int] = {}
    for row in rows:
        name, when = row["campaign"], row[period]
        if name is None or when is None:
            continue
        first[name] = min(int(when), first.get(name, int(when)))
        mails[name] = mails.get(name, 0) + int(row["sent"] or 0)
    return tuple(
        sorted(((first[name], name, mails[name]) for name in first), key=lambda one: (-one[2], one[1]))
    )


def cohorts_of(rows: Sequence[Mapping[str, Any]], *, joined: bool = False) -> Cohorts:
    """From counts by ``cohort`` and ``weeks_since``, oldest first, weeks put together where one has few.

    People who signed up long ago may be of any age: then ages are put together, too.
    """
    known = [row for row in rows if row["cohort"] is not None and row["weeks_since"] is not None]
    unknown = sum(int(row["delivered_open_tracked"]) for row in rows) - sum(
        int(row["delivered_open_tracked"]) for row in known
    )
    if not known:
        return Cohorts(joined=joined, unknown=unknown)
    weeks, step = _widths(known) if joined else (_few_weeks(known), 1)
    first = min(int(row["cohort"]) for row in known)
    found: dict[int, tuple[Counter[int], Counter[int]]] = {}
    for row in known:
        place = first + (int(row["cohort"]) - first) // (weeks * _DAYS_A_WEEK) * weeks * _DAYS_A_WEEK
        delivered, engaged = found.setdefault(place, (Counter(), Counter()))
        delivered[int(row["weeks_since"]) // step] += int(row["delivered_open_tracked"])
        engaged[int(row["weeks_since"]) // step] += int(row["engaged_human"])
    few = [sum(delivered.values()) for delivered, _ in found.values() if sum(delivered.values()) < LEAST]
    return Cohorts(
        groups=tuple(
            Cohort(week=place, weeks=weeks, delivered=dict(delivered), engaged=dict(engaged))
            for place, (delivered, engaged) in sorted(found.items())
            if sum(delivered.values()) >= LEAST
        ),
        step=step,
        joined=joined,
        few=len(few),
        few_mails=sum(few),
        unknown=unknown,
    )


def _few_weeks(known: Sequence[Mapping[str, Any]]) -> int:
    """One week a group, unless most have few mails in their first."""
    return _width([int(row["delivered_open_tracked"]) for row in known if not row["weeks_since"]])


def _width(mails: Sequence[int]) -> int:
    return 1 if mails and sorted(mails)[len(mails) // 2] >= LEAST else _FEW


def _widths(known: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """Weeks of a group, and of an age: the narrowest that are not too many, nor most groups too small."""
    mails: Counter[int] = Counter()
    for row in known:
        mails[int(row["cohort"])] += int(row["delivered_open_tracked"])
    span, oldest = (max(mails) - min(mails)) // _DAYS_A_WEEK, max(int(row["weeks_since"]) for row in known)
    weeks = next((width for width in _WIDTHS if span // width < MOST_COHORTS), span)
    step = next((width for width in _WIDTHS if oldest // width < MOST_AGES), oldest)
    return max(weeks, _width(list(mails.values()))), step
