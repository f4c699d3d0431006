"""How sure a difference is: a test that may be looked at every day, and one that may be looked at once.

The always-valid test is the normal mixture of Robbins (1970), as Johari, Koomen, Pekelis and Walsh use it for
A/B tests (Operations Research 70, 2022): with the difference d, its variance V and the effect ρ worth finding,

    L = √(V / (V + ρ²)) · exp(ρ² d² / (2 V (V + ρ²)))

is the evidence against "no difference". Without one it passes 1/α with a probability of at most α, however
often it is looked at; its inverse is a p-value, and the differences it does not reject are an interval, both
always valid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

ALPHA: Final = 0.05
SPLIT_ALPHA: Final = 0.001  # of checks that are made beside every test: a false alarm spoils a whole test
#: successes and failures that each arm must be expected to have before a normal distribution describes it
LEAST_EXPECTED: Final = 10
LEAST_SPENDERS: Final = 3  # before anything is said of what people spend
_MOST_REACH: Final = 6.0  # of the logarithm: what orders alone do not reach
_FISHER_MOST: Final = 10**6  # trials


@dataclass(frozen=True, slots=True)
class Interval:
    """Both ends; they may be infinite where nothing is known."""

    low: float
    high: float

    def within(self, limit: float) -> bool:
        """Whether it lies inside ±limit."""
        return -limit < self.low and self.high < limit


def mixture_log_evidence(difference: float, variance: float, rho: float) -> float:
    """The logarithm of L; 0, no evidence, where nothing varies.

    >>> round(math.exp(mixture_log_evidence(0.03, 0.00011, 0.03)), 2)
    12.64
    """
    if variance <= 0 or rho <= 0:
        return 0.0
    whole = variance + rho * rho
    return 0.5 * math.log(variance / whole) + (rho * difference) ** 2 / (2 * variance * whole)


def mixture_p(difference: float, variance: float, rho: float) -> float:
    """The p-value that holds at every look."""
    return math.exp(min(0.0, -mixture_log_evidence(difference, variance, rho)))


def mixture_interval(difference: float, variance: float, rho: float, alpha: float = ALPHA) -> Interval:
    """The differences that the always-valid test does not reject."""
    if variance <= 0 or rho <= 0:
        return Interval(-math.inf, math.inf)
    whole = variance + rho * rho
    half = math.sqrt(
        2 * variance * whole / (rho * rho) * (math.log(1 / alpha) + 0.5 * math.log(whole / variance))
    )
    return Interval(difference - half, difference + half)


def pooled_variance(successes: Sequence[float], trials: Sequence[float]) -> float:
    """The variance of the difference of two shares, if they are the same."""
    whole = sum(trials)
    if not all(trials):
        return 0.0
    share = sum(successes) / whole
    return share * (1 - share) * sum(1 / number for number in trials)


def newcombe(
    successes: tuple[float, float], trials: tuple[float, float], alpha: float = ALPHA
) -> Interval | None:
    """Newcombe's interval of second share − first share; None where an arm is empty."""
    from statsmodels.stats.proportion import confint_proportions_2indep

    if not all(trials):
        return None
    low, high = confint_proportions_2indep(
        successes[1], trials[1], successes[0], trials[0], method="newcomb", alpha=alpha
    )
    return Interval(max(float(low), -1.0), min(float(high), 1.0))


def welch(difference: float, variance: float, freedom: float, alpha: float = ALPHA) -> Interval:
    """The interval of a difference of means."""
    from scipy.stats import t

    half = float(t.ppf(1 - alpha / 2, freedom)) * math.sqrt(variance)
    return Interval(difference - half, difference + half)


def mean_interval(
    mean: float, variance: float, counted: tuple[int, int], alpha: float = ALPHA
) -> Interval | None:
    """The interval of a mean that a few people make: on a logarithmic scale, with Student's t of those few.

    `counted` is how many people there are, and how many of them spent anything. What is mostly nothing and
    rarely much is skewed: the textbook interval goes below zero and too often ends below the true mean: with 20
    log-normal orders (σ = 1) it covers 88 %, this one 94 %. None where fewer than three spent.
    """
    from scipy.stats import t

    people, spenders = counted
    if spenders < LEAST_SPENDERS or variance <= 0:
        return None
    reach = float(t.ppf(1 - alpha / 2, spenders - 1)) * math.sqrt(variance)
    if not 0 < reach < _MOST_REACH * mean:  # after refunds
        return welch(mean, variance, max(people - 1, 1), alpha)
    return Interval(mean / math.exp(reach / mean), mean * math.exp(reach / mean))


def shares_p(successes: tuple[float, float], trials: tuple[float, float]) -> float:
    """The p-value of one look at two shares: the z test; where an arm is too small for it, Fisher's."""
    from statsmodels.stats.proportion import proportions_ztest

    total = sum(successes)
    if not all(trials) or total <= 0 or total >= sum(trials):
        return 1.0
    if is_large(successes, trials):
        return float(proportions_ztest(list(successes), list(trials))[1])
    first, second = ((math.floor(won), math.ceil(of)) for won, of in zip(successes, trials, strict=True))
    return _exact_p(first, second)


def _exact_p(first: tuple[int, int], second: tuple[int, int]) -> float:
    """Fisher's test; in huge numbers, where an arm or what is counted is rare, its limit: a binomial one.

    scipy's walks through all tables, for minutes, and overflows in the end.
    """
    from scipy.stats import binomtest, fisher_exact

    (won, of), (other, others) = first, second
    whole = of + others
    if whole <= _FISHER_MOST:
        return float(fisher_exact([[won, of - won], [other, others - other]]).pvalue)
    if of > others:
        (won, of), (other, others) = second, first
    rare, rarer = won + other, won  # of both outcomes the rarer one
    if rare > whole - rare:
        rare, rarer = whole - rare, of - won
    if of < rare:  # a small arm: draws from what is nearly the other arm alone
        return float(binomtest(rarer, of, rare / whole).pvalue)
    return float(binomtest(rarer, rare, of / whole).pvalue)


def means_p(difference: float, variance: float, freedom: float) -> float:
    """The p-value of one look at two means: Welch's test."""
    from scipy.stats import t

    return float(2 * t.sf(abs(difference) / math.sqrt(variance), freedom)) if variance > 0 else 1.0


def is_large(successes: Sequence[float], trials: Sequence[float]) -> bool:
    """Whether each arm is expected to have enough successes and failures for a normal distribution."""
    if not all(trials):
        return False
    share = sum(successes) / sum(trials)
    return min(trials) * min(share, 1 - share) >= LEAST_EXPECTED


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values of several comparisons, each made valid for all of them together."""
    from statsmodels.stats.multitest import multipletests

    if len(p_values) < 2:
        return list(p_values)
    return [float(p) for p in multipletests(list(p_values), method="holm")[1]]


def split_p(counts: Sequence[int], expected: Sequence[float]) -> float | None:
    """The p-value of a split by the chi-square test; None where an arm should have fewer than five."""
    from scipy.stats import chisquare

    total, whole = sum(counts), sum(expected)
    wanted = [total * part / whole for part in expected]
    return float(chisquare(list(counts), wanted).pvalue) if min(wanted, default=0) >= 5 else None


def same_shares_p(successes: Sequence[int], trials: Sequence[int]) -> float | None:
    """The p-value of several shares being one, by chi-square; None where they are too few to tell."""
    from scipy.stats import chi2_contingency

    rows = [(won, of - won) for won, of in zip(successes, trials, strict=True) if of]
    if len(rows) < 2 or not is_large([won for won, _ in rows], [won + lost for won, lost in rows]):
        return None
    return float(chi2_contingency(rows, correction=False).pvalue)
