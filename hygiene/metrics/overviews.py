"""All mail by time and by what a page compares, whatever was asked to split by: what its pictures show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hygiene.metrics.slices import Flags, Slices

DAY, WEEK = "day", "week"
#: slices of an overview: the largest, or the latest periods
MOST_SLICES: Final = 520
#: what a page compares, where the log tells it
COMPARED: Final = ("campaign", "provider", "segment")
_FEW_DAYS: Final = 21  # of a log that is shown by day
_DAYS_A_WEEK: Final = 7
_LEAST: Final = 50  # mails delivered to a cohort that is shown, and to most in their first week
_FEW: Final = 4  # weeks that small cohorts are put together by


@dataclass(frozen=True, kw_only=True, slots=True)
class Cohort:
    """People first mailed in some weeks: their mails in each week since, and those opened or clicked."""

    week: int  # the first Monday, as a day since 1970
    weeks: int
    delivered: Mapping[int, int]
    engaged: Mapping[int, int]


@dataclass(frozen=True, kw_only=True, eq=False)
class Overviews:
    """Counts by `period` (day or week) and by each column of COMPARED that is told."""

    period: str
    slices: Mapping[str, Slices]
    young: Mapping[str, Flags]
    launches: tuple[tuple[int, str, int], ...] = ()  # period, campaign and its mails: those that began there
    cohorts: tuple[Cohort, ...] = ()


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


def cohorts_of(rows: Sequence[Mapping[str, Any]]) -> tuple[Cohort, ...]:
    """From counts by ``cohort`` and ``weeks_since``, oldest first; four weeks together where one has few."""
    known = [row for row in rows if row["cohort"] is not None and row["weeks_since"] is not None]
    started = sorted(int(row["delivered_open_tracked"]) for row in known if not row["weeks_since"])
    if not started:
        return ()
    weeks = 1 if started[len(started) // 2] >= _LEAST else _FEW
    first = min(int(row["cohort"]) for row in known)
    found: dict[int, tuple[Counter[int], Counter[int]]] = {}
    for row in known:
        place = first + (int(row["cohort"]) - first) // (weeks * _DAYS_A_WEEK) * weeks * _DAYS_A_WEEK
        delivered, engaged = found.setdefault(place, (Counter(), Counter()))
        delivered[int(row["weeks_since"])] += int(row["delivered_open_tracked"])
        engaged[int(row["weeks_since"])] += int(row["engaged_human"])
    return tuple(
        Cohort(week=place, weeks=weeks, delivered=dict(delivered), engaged=dict(engaged))
        for place, (delivered, engaged) in sorted(found.items())
        if sum(delivered.values()) >= _LEAST
    )
