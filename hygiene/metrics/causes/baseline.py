"""The usual rate of a series and how much it differs from one day to the next, whatever a few odd days say.

Many windows are estimated at once: a row of the arrays is a window, a column one of its days, n = 0 no day.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from hygiene.metrics.causes.chance import two_sided

Array: TypeAlias = Any  # of numpy, of floats

_CUT: Final = 1.5  # standard deviations beyond which a day counts no more (Huber)
#: the mean of min(z², cut²) of a standard normal variable
_EXPECTED: Final = (
    math.erf(_CUT / math.sqrt(2))
    - 2 * _CUT * math.exp(-_CUT * _CUT / 2) / math.sqrt(2 * math.pi)
    + _CUT * _CUT * (1 - math.erf(_CUT / math.sqrt(2)))
)
_EFFICIENCY = 0.5  # of Huber's scale beside the standard deviation, in days
_EXACT = 1e-14  # p-values that a normal quantile can still tell apart from 0
_ROUNDS = 8
_HALVINGS = 40
_MOST_SPREAD = 0.99
FEWEST = 4  # points below which nothing is said


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The usual rate, its own uncertainty, and the spread between points."""

    mean: float
    error: float  # standard error of the mean
    spread: float  # rho of the beta-binomial, 0: no more than chance
    points: int

    def surprise(self, k: int, n: int) -> float:
        """The two-sided p-value of a new point, with what the baseline itself leaves open."""
        from scipy import special

        p = two_sided(k, n, self.mean, self._spread_of_new(n))
        deviations = special.ndtri(1 - p / 2) if p > _EXACT else math.sqrt(-2 * math.log(max(p, 1e-300)))
        return float(2 * special.stdtr(self._freedom(n), -deviations))

    def expected(self, n: int) -> tuple[float, float]:
        """Where 95 % of new points would lie, as rates."""
        from scipy import special

        half = float(special.stdtrit(self._freedom(n), 0.975)) * math.sqrt(self._variance(n))
        return max(0.0, self.mean - half), min(1.0, self.mean + half)

    def _estimated(self, n: int) -> float:
        """What of a new rate's variance is estimated from few days: between days, and of the mean."""
        return self.mean * (1 - self.mean) * self.spread * (n - 1) / n + self.error**2

    def _variance(self, n: int) -> float:
        return self.mean * (1 - self.mean) / n + self._estimated(n)

    def _freedom(self, n: int) -> float:
        """Degrees of freedom of that variance, after Satterthwaite: few where it is mostly between days."""
        return _EFFICIENCY * (self.points - 1) / max((self._estimated(n) / self._variance(n)) ** 2, 1e-6)

    def _spread_of_new(self, n: int) -> float:
        unit = self.mean * (1 - self.mean)
        if n <= 1:
            return self.spread
        return min(_MOST_SPREAD, max(self.spread, (n * self._variance(n) / unit - 1) / (n - 1)))


def estimate_baseline(points: Sequence[tuple[int, int]]) -> Baseline | None:
    """The baseline of one series of (k, n); None for fewer than four points with mail.

    >>> estimate_baseline([(2, 100), (3, 100), (2, 100), (60, 100), (1, 100)]).mean < 0.05
    True
    """
    k, n = (np.array([[point[side] for point in points]], dtype=float) for side in (0, 1))
    return estimate_baselines(k, n)[0]


def estimate_baselines(k: Array, n: Array, least_variation: float = 0.0) -> list[Baseline | None]:
    """The baseline of each window; None for fewer than four points with mail.

    The rate is Huber's mean, the spread solves Huber's second proposal: a day far out weighs no more than one
    that is 1.5 standard deviations out. `least_variation` is how much days differ at the least, relative to
    their rate, however alike a few of them look. A window without a success has the rate of half a success.
    """
    days, total = (n > 0).sum(axis=1), n.sum(axis=1)
    size = np.maximum(n, 1)
    rate = np.where(n > 0, k / size, np.nan)
    least = 0.5 / np.maximum(total, 1)
    mean = np.clip(_median_rate(rate, n), least, 1 - least)
    spread = np.zeros(len(n))
    for _ in range(_ROUNDS):
        spread = _solve_spread(rate, size, mean, days)
        weight = _weight(rate, size, mean, spread)
        mean = np.clip(
            (weight * k).sum(axis=1) / np.maximum((weight * n).sum(axis=1), 1e-300), least, 1 - least
        )
    spread = np.maximum(spread, least_variation**2 * mean / (1 - mean))
    precision = np.where(n > 0, 1 / _variance(size, mean, spread), 0).sum(axis=1)
    return [
        Baseline(mean=float(m), error=float(p**-0.5), spread=float(s), points=int(d)) if d >= FEWEST else None
        for m, s, p, d in zip(mean, spread, precision, days, strict=True)
    ]


def _median_rate(rate: Array, n: Array) -> Array:
    """The rate at which half of the mail had less."""
    order = np.argsort(rate, axis=1)  # NaN last, and without mail
    reached = np.cumsum(np.take_along_axis(n, order, axis=1), axis=1) >= n.sum(axis=1, keepdims=True) / 2
    at = np.take_along_axis(order, reached.argmax(axis=1)[:, None], axis=1)
    return np.nan_to_num(np.take_along_axis(rate, at, axis=1)[:, 0])


def _variance(n: Array, mean: Array, spread: Array) -> Array:
    return (mean * (1 - mean))[:, None] * (1 + (n - 1) * spread[:, None]) / n


def _weight(rate: Array, n: Array, mean: Array, spread: Array) -> Array:
    """How much of a point counts: less the more it is out, and the less its size tells where days differ."""
    out = np.abs(rate - mean[:, None]) / np.sqrt(_variance(n, mean, spread))
    return np.nan_to_num(np.minimum(1, _CUT / np.maximum(out, 1e-300)) / (1 + (n - 1) * spread[:, None]))


def _solve_spread(rate: Array, n: Array, mean: Array, days: Array) -> Array:
    """The spread at which the days differ as much as they should, by halving."""
    squares = (rate - mean[:, None]) ** 2

    def too_small(spread: Array) -> Array:
        bounded = np.minimum(squares / _variance(n, mean, spread), _CUT**2)
        return np.nansum(bounded, axis=1) > _EXPECTED * np.maximum(days - 1, 1)

    low, high = np.full(len(n), 1e-9), np.full(len(n), _MOST_SPREAD)
    differs = too_small(np.zeros(len(n)))
    for _ in range(_HALVINGS):
        middle = np.sqrt(low * high)  # spreads go over many orders of magnitude
        more = too_small(middle)
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    return np.where(differs, high, 0.0)
