"""What chance alone would do: tails of the beta-binomial distribution, and the false discovery rate.

A beta-binomial is a binomial whose rate differs from one send to the next; `spread` (rho, 0 to 1) says how
much: the variance of a count is n·p·q·(1 + (n − 1)·rho).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from hygiene.metrics.intervals import wilson

_SUMMED = 2_000  # counts up to which a tail is added up term by term; beyond it the beta distribution is close
_NODES = np.linspace(-8, 8, 161)  # of a standard normal variable
_WEIGHTS = np.exp(-_NODES * _NODES / 2) / np.exp(-_NODES * _NODES / 2).sum()
_LEAST_SPREAD = 1e-9  # below it a beta-binomial is a binomial


def interval(k: int, n: int) -> tuple[float, float]:
    """Wilson's interval as plain numbers; all of 0 to 1 when nothing was seen."""
    if n <= 0:
        return 0.0, 1.0
    low, high = wilson(k, n)
    return float(low), float(high)


def beta_quantile(share: float, a: float, b: float) -> float:
    """The value below which a beta variable stays with the chance `share`.

    >>> round(beta_quantile(0.5, 2, 2), 6)
    0.5
    """
    from scipy import special

    return float(special.betaincinv(a, b, share))


def at_most(k: int, n: int, mean: float, spread: float) -> float:
    """The chance that a beta-binomial count of n is at most k."""
    from scipy import special

    if k < 0 or k >= n:
        return 0.0 if k < 0 else 1.0
    if mean <= 0 or mean >= 1:
        return 1.0 if mean <= 0 else 0.0
    if k <= _SUMMED:
        return _added(k, n, mean, spread)
    if n - k - 1 <= _SUMMED:
        return max(0.0, 1.0 - _added(n - k - 1, n, 1 - mean, spread))
    total = 1 / _effective(n, spread) - 1
    if total <= 0:
        return 1 - mean
    return float(special.betainc(mean * total, (1 - mean) * total, (k + 0.5) / n))


def _effective(n: int, spread: float) -> float:
    """The spread of the share that a count of n is, sampling included."""
    return min(1.0, (1 + (n - 1) * spread) / n)


def _added(k: int, n: int, mean: float, spread: float) -> float:
    """P(X ≤ k), term by term, each from the one before."""
    from scipy import special

    steps = np.arange(k, dtype=float)
    if spread < _LEAST_SPREAD:
        first = n * math.log1p(-mean)
        ratios = np.log(n - steps) - np.log(steps + 1) + math.log(mean) - math.log1p(-mean)
    else:
        total = 1 / min(spread, 1 - 1e-12) - 1
        a, b = mean * total, (1 - mean) * total
        first = float(special.betaln(a, n + b) - special.betaln(a, b))
        ratios = np.log(n - steps) + np.log(steps + a) - np.log(steps + 1) - np.log(n - steps - 1 + b)
    logs = np.concatenate(([first], first + np.cumsum(ratios)))
    peak = float(logs.max())
    return min(1.0, math.exp(peak) * float(np.exp(logs - peak).sum()))


def at_least(k: int, n: int, mean: float, spread: float) -> float:
    """The chance that a beta-binomial count of n is at least k."""
    if mean <= 0 or mean >= 1:
        return float(k <= (0 if mean <= 0 else n))
    return max(0.0, 1.0 - at_most(k - 1, n, mean, spread))


def tails(k: int, n: int, centre: float, between: float) -> tuple[float, float]:
    """The chances that a binomial count is at most, and at least k, whose log odds vary normally."""
    from scipy import special

    rates = special.expit(centre + between * _NODES)
    at_most_k = float((_WEIGHTS * special.bdtr(k, n, rates)).sum()) if k < n else 1.0
    at_least_k = float((_WEIGHTS * special.bdtrc(k - 1, n, rates)).sum()) if k > 0 else 1.0
    return at_most_k, at_least_k


def false_discovery(p_values: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's adjusted p-values, in the order given.

    >>> false_discovery([0.01, 0.04, 0.03])
    [0.03, 0.04, 0.04]
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place], reverse=True)
    adjusted, least = [1.0] * len(p_values), 1.0
    for behind, place in enumerate(order):
        least = min(least, p_values[place] * len(p_values) / (len(p_values) - behind))
        adjusted[place] = least
    return adjusted
