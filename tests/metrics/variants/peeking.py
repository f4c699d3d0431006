"""Tests that are looked at fifty times, thousands at once: a second implementation of the verdict, in numpy.

`test_peeking` holds it against the product's own verdict at looks drawn at random, and counts with it how often
a winner or equivalence is named that is none.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from hygiene.metrics.kpis import Unit

from .trials import arm

LOOKS = 50
ALPHA = 0.05
LEAST = 10
RELATIVE = 0.2


@dataclass(frozen=True)
class Run:
    """One arm of many tests: arrays of shape (tests, looks)."""

    mails: np.ndarray
    total: np.ndarray  # successes, or money
    squares: np.ndarray | None = None  # of money
    winners: np.ndarray | None = None
    largest: np.ndarray | None = None

    def without_largest(self, where):
        gone = np.where(where, self.largest, 0)
        return Run(self.mails, self.total - gone, self.squares - gone**2, self.winners, self.largest)

    def at(self, test, look, name):
        """The arm as the product counts it."""
        n, total = int(self.mails[test, look]), int(self.total[test, look])
        if self.squares is None:
            return arm(name, total, n)
        return arm(
            name,
            total * 10**6,
            n,
            winners=int(self.winners[test, look]),
            squares=int(self.squares[test, look]) * 10**12,
            crossed=total * 10**6,
            largest=int(self.largest[test, look]) * 10**6,
            unit=Unit.MONEY,
        )


def sent_daily(chance, rate, number, tests):
    """Shares of a test that grows evenly."""
    steps = np.diff(np.linspace(0, number, LOOKS + 1).round().astype(np.int64))
    total = chance.binomial(steps, rate, (tests, LOOKS)).cumsum(axis=1)
    return Run(np.broadcast_to(steps.cumsum(), total.shape), total)


def sent_at_once(chance, rate, number, tests):
    """Shares of a test whose mails go out at once while clicks come in later, most on the first days."""
    share = 1 - np.exp(-np.arange(1, LOOKS + 1) / 8)
    clicked = chance.binomial(number, rate, tests)
    total = chance.multinomial(clicked, np.diff(np.append(0.0, share / share[-1]))).cumsum(axis=1)
    return Run(np.full(total.shape, number), total)


def bought(chance, number, tests, *, share, spread, factor=1.0):
    """Revenue of a test that grows evenly: few buy, log-normal amounts in whole units of the currency."""
    buyers = chance.binomial(number, share, tests)
    where = np.repeat(np.arange(tests), buyers) * LOOKS + chance.integers(0, LOOKS, buyers.sum())
    spent = (chance.lognormal(3.5, spread, buyers.sum()) * factor).round() + 1

    def summed(weights):
        return np.bincount(where, weights, tests * LOOKS).reshape(tests, LOOKS).cumsum(axis=1)

    largest = np.zeros(tests * LOOKS)
    np.maximum.at(largest, where, spent)
    mails = np.broadcast_to(np.linspace(number / LOOKS, number, LOOKS).astype(np.int64), (tests, LOOKS))
    return Run(
        mails,
        summed(spent),
        summed(spent**2),
        summed(np.ones(len(spent))),
        np.maximum.accumulate(largest.reshape(tests, LOOKS), axis=1),
    )


def _spread(runs):
    n, total = sum(run.mails for run in runs), sum(run.total for run in runs)
    squares = total if runs[0].squares is None else sum(run.squares for run in runs)
    return np.maximum(squares / n - (total / n) ** 2, 0)


def _evidence(first, second, rho):
    """Difference, its variance, the p-value."""
    own = _spread([first]) / first.mails + _spread([second]) / second.mails
    variance = np.maximum(own, _spread([first, second]) * (1 / first.mails + 1 / second.mails))
    difference = second.total / second.mails - first.total / first.mails
    whole = variance + rho**2
    with np.errstate(divide="ignore", invalid="ignore"):
        log = 0.5 * np.log(variance / whole) + (rho * difference) ** 2 / (2 * variance * whole)
    return difference, variance, np.where((variance > 0) & (rho > 0), np.exp(np.minimum(-log, 0)), 1.0)


def _large(first, second):
    if first.squares is not None:
        return np.minimum(first.winners, second.winners) >= LEAST
    share = (first.total + second.total) / (first.mails + second.mails)
    return np.minimum(first.mails, second.mails) * np.minimum(share, 1 - share) >= LEAST


def _holm(p):
    many, order = p.shape[-1], np.argsort(p, axis=-1)
    stepped = np.take_along_axis(p, order, -1) * np.arange(many, 0, -1)
    stepped = np.minimum(np.maximum.accumulate(stepped, axis=-1), 1)
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, stepped, -1)
    return adjusted


def verdicts(arms, *, effect=None, within=None):
    """The winner's number at each look (−1: none), whether all are equivalent, any two told apart."""
    rho = effect or RELATIVE * sum(run.total for run in arms) / sum(run.mails for run in arms)
    both = list(combinations(range(len(arms)), 2))
    found = [_evidence(arms[a], arms[b], rho) for a, b in both]
    raw = np.stack([p for *_, p in found], axis=-1)
    factor = _holm(raw) / np.maximum(raw, 1e-300)
    better = np.zeros((len(arms), *found[0][0].shape), dtype=int)
    equal = np.ones(found[0][0].shape, dtype=bool)
    apart = ~equal
    for at, ((a, b), (difference, variance, p)) in enumerate(zip(both, found, strict=True)):
        large = _large(arms[a], arms[b])
        inside = large & _inside(difference, variance, rho, within, ALPHA / len(both))
        wins = large & ~inside & (p * factor[..., at] <= ALPHA)
        if arms[a].squares is not None:
            less = (arms[a].without_largest(difference < 0), arms[b].without_largest(difference > 0))
            left, _, again = _evidence(*less, rho)
            wins &= (left * difference > 0) & (again * np.maximum(factor[..., at], 1) <= ALPHA)
        better[a] += wins & (difference < 0)
        better[b] += wins & (difference > 0)
        equal &= inside
        apart |= wins
    won = better == len(arms) - 1
    return np.where(won.any(axis=0), won.argmax(axis=0), -1), equal, apart


def _inside(difference, variance, rho, within, alpha):
    if within is None:
        return np.zeros(difference.shape, dtype=bool)
    whole = variance + rho**2
    with np.errstate(divide="ignore", invalid="ignore"):
        half = np.sqrt(2 * variance * whole / rho**2 * (np.log(1 / alpha) + 0.5 * np.log(whole / variance)))
    return (variance > 0) & (np.abs(difference) + half < within)
