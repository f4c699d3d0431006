"""Days and weeks that stand out: an over-dispersed control chart for every series, and what explains a change.

A point is compared with the points before it, not with all of them, so a change shows on the day it began. All
tests are judged together: of the days named, at most the declared share is chance (Benjamini–Hochberg). Slices
are held against what the others did on the same day, where there are enough of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from hygiene.metrics.causes.baseline import Baseline, estimate_baselines
from hygiene.metrics.causes.chance import false_discovery
from hygiene.metrics.causes.others import beside_others
from hygiene.metrics.causes.rates import RATES, Counts, Point, Rate, Row, day_text, of, rows_of
from hygiene.metrics.causes.thresholds import Anomalies, thresholds
from hygiene.metrics.words import counted, range_text, rate_text

ALL: Final = ""  # the dimension of all mail together
_STEP: Final = {"day": 1, "week": 7}


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """A stretch of days or weeks whose rate is not the usual one."""

    rate: Rate
    dimension: str  # "" for all mail
    slice: str
    period: str  # day or week
    points: tuple[Point, ...]  # one after the other in the series
    before: tuple[Point, ...]  # what it was compared with
    usual: float
    expected: tuple[float, float]  # where 95 % of points of that size would lie
    p: float  # adjusted for all tests; the least of the stretch

    @property
    def k(self) -> int:
        """Of the stretch."""
        return sum(point.k for point in self.points)

    @property
    def n(self) -> int:
        """Of the stretch."""
        return sum(point.n for point in self.points)

    @property
    def value(self) -> float:
        """The rate of the stretch."""
        return self.k / self.n

    @property
    def rises(self) -> bool:
        """Whether the rate is higher than usual."""
        return self.value > self.usual

    @property
    def worse(self) -> bool:
        """Whether the change is one for the worse."""
        return self.rises == self.rate.more_is_worse

    @property
    def days(self) -> tuple[int, ...]:
        """The first days of its points."""
        return tuple(point.when for point in self.points)

    @property
    def when(self) -> str:
        """As it is said."""
        first, last = self.points[0].when, self.points[-1].when
        of_what = "" if self.period == "day" else "in the week of " if first == last else "in the weeks of "
        start = day_text(first) if of_what else f"on {day_text(first)}"
        return (
            of_what + start if first == last else f"{of_what or 'from '}{day_text(first)} to {day_text(last)}"
        )

    @property
    def sentence(self) -> str:
        """What a person is told."""
        whose = f" to {self.slice}" if self.dimension in {"provider", "domain"} else ""
        whose = whose or (f" of {self.dimension} {self.slice}" if self.dimension else "")
        when = self.when[0].upper() + self.when[1:]
        usual = "beside what other mail did then, usual is" if self.is_beside else "usual is"
        return (
            f"{when}, {rate_text(self.value)} of the {self.rate.of}{whose} {self.rate.verb} "
            f"({self.k:,} of {self.n:,}); {usual} {rate_text(self.usual)} ({range_text(*self.expected)})."
        )

    @property
    def is_beside(self) -> bool:
        """Whether it was held against what the other slices did at the same time."""
        return any(point.doubt for point in self.points)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charted:
    """What was looked at, and what stood out."""

    anomalies: tuple[Anomaly, ...]
    tests: int
    series: int
    period: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Series:
    rate: Rate
    dimension: str
    slice: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Test:
    series: _Series
    place: int  # in the points of the series
    window: int  # how many points before it are the baseline
    baseline: Baseline
    p: float


def find_anomalies(
    tables: Mapping[str, Counts],
    *,
    period: str = "day",
    complete_until: Callable[[Rate], int] = lambda _rate: 10**9,
    rates: Sequence[Rate] = RATES,
) -> Charted:
    """Chart the series of each table: dimension ("" for all mail) → counts by ``day`` or ``week`` and it.

    Points after the day `complete_until` says are still growing, and neither judged nor compared with.
    """
    limits = thresholds().anomalies
    series = [
        one
        for rate in rates
        for dimension, table in tables.items()
        for one in _series(
            rate, dimension, rows_of(table), period=period, until=complete_until(rate), limits=limits
        )
    ]
    tests = list(_tests(series, limits))
    adjusted = false_discovery([test.p for test in tests])
    flagged = [
        replace(test, p=p)
        for test, p in zip(tests, adjusted, strict=True)
        if p <= limits.false_discovery and _is_worth_it(test, limits)
    ]
    found = sorted(_stretches(flagged, period), key=lambda one: (bool(one.dimension), one.p, one.days))
    return Charted(
        anomalies=tuple(found),
        tests=len(tests),
        series=len({(one.series.rate.name, one.series.dimension, one.series.slice) for one in tests}),
        period=period,
        sentence=_summary(len(found), len(tests), period, limits),
    )


def choose_period(by_day: Counts) -> str:
    """Days where enough of them have enough mail to be charted, else weeks."""
    limits = thresholds().anomalies
    enough = sum(
        1 for row in rows_of(by_day) if row["day"] is not None and (row["sent"] or 0) >= limits.least_n
    )
    return "day" if enough > limits.least_points else "week"


def _series(
    rate: Rate, dimension: str, rows: Sequence[Row], *, period: str, until: int, limits: Anomalies
) -> Iterator[_Series]:
    points: defaultdict[str, list[Point]] = defaultdict(list)
    for row in rows:
        k, n = of(rate, row)
        name = str(row[dimension]) if dimension and row[dimension] is not None else ""
        last_day = (row[period] or 0) + _STEP[period] - 1
        if row[period] is None or (dimension and not name) or not n or last_day > until:
            continue
        points[name].append(Point(int(row[period]), k, n))
    largest = sorted(points, key=lambda name: (-sum(point.n for point in points[name]), name))
    ordered = {name: sorted(points[name], key=lambda point: point.when) for name in largest[: limits.series]}
    for name, beside in beside_others(ordered).items():
        enough = tuple(point for point in beside if point.n >= limits.least_n)
        yield _Series(rate=rate, dimension=dimension, slice=name, points=enough)


def _tests(series: Sequence[_Series], limits: Anomalies) -> Iterator[_Test]:
    places = [
        (one, place, min(place, limits.window))
        for one in series
        for place in range(limits.least_points, len(one.points))
    ]
    if not places:
        return
    sides = {name: np.zeros((len(places), limits.window)) for name in ("k", "n", "shift", "doubt")}
    for line, (one, place, window) in enumerate(places):
        for name, side in sides.items():
            side[line, :window] = [getattr(point, name) for point in one.points[place - window : place]]
    estimates = estimate_baselines(
        **sides, least_variation=limits.least_variation, unknown_variation=limits.unknown_variation
    )
    for (one, place, window), baseline in zip(places, estimates, strict=True):
        if baseline:
            p = baseline.surprise(one.points[place])
            yield _Test(series=one, place=place, window=window, baseline=baseline, p=p)


def _is_worth_it(test: _Test, limits: Anomalies) -> bool:
    """Whether enough was seen, and enough changed, beside others and as such; all are tests all the same."""
    point, mean = test.series.points[test.place], test.baseline.mean
    usual = test.baseline.usual(point)
    value = point.k / point.n
    seen = max(point.k, usual * point.n) >= limits.least_events
    alike = (value - usual) * (value - mean) >= 0
    return seen and alike and all(abs(value - one) >= limits.least_change * one for one in (usual, mean))


def _rises(test: _Test) -> bool:
    point = test.series.points[test.place]
    return point.k / point.n > test.baseline.usual(point)


def _stretches(flagged: Sequence[_Test], period: str) -> Iterator[Anomaly]:
    """Neighbours of one series that went the same way, as one; compared with what was before the first."""
    held: list[_Test] = []
    for test in [*flagged, None]:
        last = held[-1] if held else None
        if last and not (
            test
            and test.series is last.series
            and test.place == last.place + 1
            and _rises(test) == _rises(last)
        ):
            yield _anomaly(held, period)
            held = []
        if test:
            held.append(test)


def _anomaly(tests: Sequence[_Test], period: str) -> Anomaly:
    first, series = tests[0], tests[0].series
    points = tuple(series.points[test.place] for test in tests)
    whole = _together(points)
    return Anomaly(
        rate=series.rate,
        dimension=series.dimension,
        slice=series.slice,
        period=period,
        points=points,
        before=series.points[first.place - first.window : first.place],
        usual=first.baseline.usual(whole),
        expected=first.baseline.expected(whole),
        p=min(test.p for test in tests),
    )


def _together(points: Sequence[Point]) -> Point:
    """Several as one."""
    k, n = sum(point.k for point in points), sum(point.n for point in points)
    shift, doubt = (sum(getattr(point, name) * point.n for point in points) / n for name in ("shift", "doubt"))
    return Point(points[0].when, k, n, shift, doubt)


def _summary(found: int, tests: int, period: str, limits: Anomalies) -> str:
    if not tests:
        return (
            f"Too few {period}s to tell what is usual: at least {limits.least_points + 1} with "
            f"{limits.least_n} mails or more are needed."
        )
    chance = f"at most {rate_text(limits.false_discovery)} of what is named here would be chance"
    if not found:
        return f"No {period} stands out: {counted(tests, 'was', 'were')} compared with the {period}s before."
    compared = f"{counted(tests, period)} of all series {'was' if tests == 1 else 'were'} compared"
    return f"{compared} with those before; {chance}."
