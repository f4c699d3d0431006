"""The usual rate of a series and how much it differs from one day to the next, whatever a few odd days say.

Many windows are estimated at once: a row of the arrays is a window, a column one of its days, n = 0 no day.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from hygiene.metrics.causes.chance import tails
from hygiene.metrics.causes.rates import Point

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
_MOST_BETWEEN = 25.0  # variance of log odds
_RARE = 5  # events a point
FEWEST = 4  # points below which nothing is said


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The usual rate, its own uncertainty, and how much points differ: by what they are multiplied, not by what
    is added to them, so that odds above the usual ones are as common as those as many times below.
    """

    mean: float
    spread: float  # rho of the beta-binomial, 0: no more than chance
    centre: float  # log odds of the middle point
    between: float  # standard deviation of the points' log odds
    error: float  # standard error of the centre
    points: int

    def surprise(self, point: Point) -> float:
        """The two-sided p-value of a new point, with what the baseline itself leaves open."""
        from scipy import special

        between = math.sqrt(self._estimated + point.doubt)
        p = min(1.0, 2 * min(tails(point.k, point.n, self.centre + point.shift, between)))
        deviations = special.ndtri(1 - p / 2) if p > _EXACT else math.sqrt(-2 * math.log(max(p, 1e-300)))
        return float(2 * special.stdtr(self._freedom(point), -deviations))

    def usual(self, point: Point) -> float:
        """The rate that half of such points have; of one held against others: beside what those did."""
        return _share(self.centre + point.shift)

    def expected(self, point: Point) -> tuple[float, float]:
        """Where 95 % of such points would lie, as rates."""
        from scipy import special

        variance = self._estimated + self._chance(point)
        half = float(special.stdtrit(self._freedom(point), 0.975)) * math.sqrt(variance)
        return _share(self.centre + point.shift - half), _share(self.centre + point.shift + half)

    @property
    def _estimated(self) -> float:
        """What of the variance of a new point's log odds is estimated from few points."""
        return self.between**2 + self.error**2

    def _chance(self, point: Point) -> float:
        return 1 / (point.n * self.mean * (1 - self.mean)) + point.doubt

    def _freedom(self, point: Point) -> float:
        """Degrees of freedom of that variance, after Satterthwaite: few where it is mostly between points."""
        share = self._estimated / (self._estimated + self._chance(point))
        return _EFFICIENCY * (self.points - 1) / max(share**2, 1e-6)


def _share(odds: float) -> float:
    """Of log odds."""
    return (1 + math.tanh(odds / 2)) / 2


def estimate_baseline(points: Sequence[tuple[int, int]]) -> Baseline | None:
    """The baseline of one series of (k, n); None for fewer than four points with mail.

    >>> estimate_baseline([(2, 100), (3, 100), (2, 100), (60, 100), (1, 100)]).mean < 0.05
    True
    """
    k, n = (np.array([[point[side] for point in points]], dtype=float) for side in (0, 1))
    return estimate_baselines(k, n)[0]


def estimate_baselines(
    k: Array,
    n: Array,
    *,
    least_variation: float = 0.0,
    unknown_variation: float = 0.0,
    shift: Array = 0.0,
    doubt: Array = 0.0,
) -> list[Baseline | None]:
    """The baseline of each window; None for fewer than four points with mail.

    The rate is Huber's mean, the spread solves Huber's second proposal: a day far out weighs no more than one
    that is 1.5 standard deviations out. `least_variation` is how much days differ at the least, relative to
    their rate, however alike a few of them look, `unknown_variation` how much as far as few events do not
    tell. `shift` and `doubt` are those of the points. A window without a success has the rate of half of one.
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
    variations = (least_variation, unknown_variation)
    centre, between, error = _log_odds(k, n, mean, variations=variations, shift=shift, doubt=doubt)
    return [
        Baseline(
            mean=float(m), spread=float(s), centre=float(c), between=float(b), error=float(e), points=int(d)
        )
        if d >= FEWEST
        else None
        for m, s, c, b, e, d in zip(mean, spread, centre, between, error, days, strict=True)
    ]


def _log_odds(
    k: Array, n: Array, mean: Array, *, variations: tuple[float, float], shift: Array, doubt: Array
) -> tuple[Array, Array, Array]:
    """Centre, standard deviation between points and standard error of the centre, by Huber's second proposal.

    Of rare events, where most points have none, the mean tells the centre.
    """
    there, unit = n > 0, (mean * (1 - mean))[:, None]
    days = there.sum(axis=1)
    odds = np.where(there, np.log((k + 0.5) / (n - k + 0.5)) - shift, np.nan)
    chance = np.where(there, 1 / (np.maximum(n, 1) * unit) + doubt, np.nan)
    usual = np.log(mean / (1 - mean))
    centre = usual.copy()
    for _ in range(_ROUNDS):
        squares = (odds - centre[:, None]) ** 2
        between = _solve(squares, lambda variance: chance + variance[:, None], days)
        variance = chance + between[:, None]
        weight = _huber(np.sqrt(squares / variance)) / variance
        centre = np.nansum(weight * odds, axis=1) / np.maximum(np.nansum(weight, axis=1), 1e-300)
    rare = mean * n.sum(axis=1) < _RARE * days
    between = np.maximum(between, _least(chance, days, *variations) / (1 - mean) ** 2)
    centre = np.where(rare, usual - between / 2 * (1 - 2 * mean), centre)
    error = np.maximum(np.nansum(1 / (chance + between[:, None]), axis=1), 1e-300) ** -0.5
    return centre, np.sqrt(between), error


def _least(chance: Array, days: Array, least: float, unknown: float) -> Array:
    """The variance between points that is allowed for: where their events tell less of it, more is assumed."""
    told = 1 / (1 + np.nansum(chance, axis=1) / np.maximum(days, 1) / max(unknown**2, 1e-300))
    return told * least**2 + (1 - told) * unknown**2


def _median_rate(rate: Array, n: Array) -> Array:
    """The rate at which half of the mail had less."""
    order = np.argsort(rate, axis=1)  # NaN last, and without mail
    reached = np.cumsum(np.take_along_axis(n, order, axis=1), axis=1) >= n.sum(axis=1, keepdims=True) / 2
    at = np.take_along_axis(order, reached.argmax(axis=1)[:, None], axis=1)
    return np.nan_to_num(np.take_along_axis(rate, at, axis=1)[:, 0])


def _variance(n: Array, mean: Array, spread: Array) -> Array:
    return (mean * (1 - mean))[:, None] * (1 + (n - 1) * spread[:, None]) / n


def _huber(out: Array) -> Array:
    """How much a point counts that is so many standard deviations out."""
    return np.minimum(1, _CUT / np.maximum(out, 1e-300))


def _weight(rate: Array, n: Array, mean: Array, spread: Array) -> Array:
    """How much of a point counts: less the more it is out, and the less its size tells where days differ."""
    out = np.abs(rate - mean[:, None]) / np.sqrt(_variance(n, mean, spread))
    return np.nan_to_num(_huber(out) / (1 + (n - 1) * spread[:, None]))


def _solve_spread(rate: Array, n: Array, mean: Array, days: Array) -> Array:
    """The spread at which the days differ as much as they should."""
    squares = (rate - mean[:, None]) ** 2
    return _solve(squares, lambda spread: _variance(n, mean, spread), days, most=_MOST_SPREAD)


def _solve(
    squares: Array, variance: Callable[[Array], Array], days: Array, most: float = _MOST_BETWEEN
) -> Array:
    """The parameter at which squares are as large as their variance says, by halving; 0 where chance does."""

    def too_small(one: Array) -> Array:
        bounded = np.minimum(squares / variance(one), _CUT**2)
        return np.nansum(bounded, axis=1) > _EXPECTED * np.maximum(days - 1, 1)

    low, high = np.full(len(days), 1e-9), np.full(len(days), most)
    differs = too_small(np.zeros(len(days)))
    for _ in range(_HALVINGS):
        middle = np.sqrt(low * high)  # they go over many orders of magnitude
        more = too_small(middle)
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    return np.where(differs, high, 0.0)
