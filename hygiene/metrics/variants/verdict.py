"""Two arms, and all of them: what may be said of their difference."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import Final

from hygiene.metrics.kpis import Better, Kpi, Unit
from hygiene.metrics.variants.arms import Arm, spread
from hygiene.metrics.variants.evidence import (
    ALPHA,
    LEAST_EXPECTED,
    SPLIT_ALPHA,
    Interval,
    holm,
    is_large,
    means_p,
    mixture_interval,
    mixture_p,
    newcombe,
    pooled_variance,
    same_shares_p,
    shares_p,
    split_p,
    welch,
)

#: of the rate of all arms: the effect worth finding where none is named. Too large costs the test little power,
#: too small much; and as a share of the rate it keeps its meaning while clicks are still coming in.
RELATIVE_EFFECT: Final = 0.2


class Test(StrEnum):
    """How a difference is tested."""

    __test__ = False  # no test of pytest's
    ALWAYS = "always-valid"
    FIXED = "fixed-horizon"


class Verdict(StrEnum):
    """What may be said."""

    BETTER = "better"
    EQUIVALENT = "equivalent"
    KEEP_RUNNING = "keep running"
    SPLIT_BROKEN = "split broken"


class Doubt(StrEnum):
    """Why two arms cannot be told apart, or not yet."""

    NONE = ""
    EMPTY = "an arm has nothing to count"
    FEW = "too few people did it so far"
    CHANCE = "chance alone can make such a difference"
    ONE_PERSON = "it rests on one person's orders"
    EARLY = "the variants are alike so far, but most late readers are still to come"
    MACHINES = "machines opened one arm more than another, so opens cannot be compared"
    YOUNG = "the arms were sent at different times, and one is too young"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two arms: `second` against `first`. Differences are of the metric itself, 0.005 for half a point."""

    first: str
    second: str
    difference: float | None
    lift: float | None  # difference / the value of the first
    once: Interval | None  # Newcombe's, of means Welch's: valid for one look
    always: Interval | None  # valid at every look
    p: float  # of the test that was asked for
    p_adjusted: float  # for all pairs together (Holm)
    verdict: Verdict
    better: str | None
    doubt: Doubt
    needed: int | None = None  # of each arm's denominator until the test would decide, if the difference stays


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """Whether people were divided as was meant."""

    expected: tuple[float, ...]
    people: tuple[int, ...]
    p: float | None  # None: too few to tell, or nobody at all in an arm

    @property
    def broken(self) -> bool:
        """Whether chance cannot have made it."""
        return self.p is not None and self.p < SPLIT_ALPHA


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """How to judge."""

    kpi: Kpi
    test: Test
    rho: float
    within: float | None  # differences below do not matter
    young: bool = False  # an arm is too young for what people will do to be seen
    uneven: bool = False  # … and they are of different age
    machines: bool = False  # they opened one arm more than another, and the metric is of opens


def check_split(arms: Sequence[Arm], expected: Sequence[float]) -> Split:
    """The sample-ratio check, by people."""
    people = tuple(arm.people for arm in arms)
    return Split(expected=tuple(expected), people=people, p=split_p(people, expected) if all(people) else None)


def machine_p(arms: Sequence[Arm]) -> float | None:
    """The p-value of machines alone opening the same share of every arm; None where few did."""
    machines = [arm.opened_all - arm.opened_human for arm in arms]
    return same_shares_p(machines, [arm.open_tracked for arm in arms])


def default_effect(arms: Sequence[Arm]) -> float:
    """The effect worth finding where none is named: a fifth of the value of all arms together."""
    whole = sum(arm.n for arm in arms)
    value = sum(arm.total * arm.scale for arm in arms) / whole if whole else 0.0
    return RELATIVE_EFFECT * abs(value)


def judge(arms: Sequence[Arm], rules: Rules) -> tuple[Pair, ...]:
    """Every two arms, with the p-values made valid for all of them together."""
    both = list(combinations(arms, 2))
    raw = [_p(first, second, rules) for first, second in both]
    adjusted = holm(raw)
    alpha = ALPHA / max(len(both), 1)
    return tuple(
        _pair(arms_, p, p_all, alpha, rules) for arms_, p, p_all in zip(both, raw, adjusted, strict=True)
    )


def overall(arms: Sequence[Arm], pairs: Sequence[Pair]) -> tuple[Verdict, str | None]:
    """The verdict of all arms: a winner is better than every other one."""
    wins: Mapping[str, int] = {
        arm.name: sum(pair.better == arm.name and pair.verdict is Verdict.BETTER for pair in pairs)
        for arm in arms
    }
    for name, number in wins.items():
        if number == len(arms) - 1:
            return Verdict.BETTER, name
    if all(pair.verdict is Verdict.EQUIVALENT for pair in pairs):
        return Verdict.EQUIVALENT, None
    return Verdict.KEEP_RUNNING, None


def _pair(arms: tuple[Arm, Arm], p: float, p_adjusted: float, alpha: float, rules: Rules) -> Pair:
    first, second = arms
    a, b = first.value, second.value
    if a is None or b is None:
        return Pair(
            first=first.name,
            second=second.name,
            difference=None,
            lift=None,
            once=None,
            always=None,
            p=p,
            p_adjusted=p_adjusted,
            verdict=Verdict.KEEP_RUNNING,
            better=None,
            doubt=Doubt.EMPTY,
        )
    once = _once(first, second, alpha)
    always = mixture_interval(b - a, _variance(first, second), rules.rho, alpha)
    verdict, doubt = _verdict(arms, p_adjusted, once if rules.test is Test.FIXED else always, rules)
    better = second.name if (b > a) == (rules.kpi.better is Better.HIGHER) else first.name
    return Pair(
        first=first.name,
        second=second.name,
        difference=b - a,
        lift=(b - a) / a if a else None,
        once=once,
        always=always,
        p=p,
        p_adjusted=p_adjusted,
        verdict=verdict,
        better=better if a != b else None,
        doubt=doubt,
        needed=_needed(first, second, alpha, rules) if doubt in {Doubt.CHANCE, Doubt.FEW} else None,
    )


def _verdict(
    arms: tuple[Arm, Arm], p_adjusted: float, interval: Interval | None, rules: Rules
) -> tuple[Verdict, Doubt]:
    large = _large(*arms)
    equal = rules.within is not None and interval is not None and interval.within(rules.within)
    different = p_adjusted <= ALPHA
    if not large and not (different and rules.test is Test.FIXED and rules.kpi.unit is Unit.SHARE):
        return Verdict.KEEP_RUNNING, Doubt.FEW
    if not (equal or different):
        return Verdict.KEEP_RUNNING, Doubt.CHANCE
    if unfit := _unfit(rules, equal=equal):
        return Verdict.KEEP_RUNNING, unfit
    if equal:
        return Verdict.EQUIVALENT, Doubt.NONE
    if rules.kpi.unit is Unit.MONEY and _rests_on_one(*arms, p_adjusted=p_adjusted, rules=rules):
        return Verdict.KEEP_RUNNING, Doubt.ONE_PERSON
    return Verdict.BETTER, Doubt.NONE


def _unfit(rules: Rules, *, equal: bool) -> Doubt:
    """Why the arms cannot be judged yet, whatever they differ by."""
    if rules.machines:
        return Doubt.MACHINES
    if rules.uneven:
        return Doubt.YOUNG
    # while few did anything, all arms differ by little
    return Doubt.EARLY if equal and rules.young else Doubt.NONE


def _rests_on_one(first: Arm, second: Arm, *, p_adjusted: float, rules: Rules) -> bool:
    """Whether the difference is gone, or turned, without the largest customer of the arm that leads."""
    if (second.value or 0) > (first.value or 0):
        first_, second_ = first, second.without_largest()
    else:
        first_, second_ = first.without_largest(), second
    before = (second.value or 0) - (first.value or 0)
    after = (second_.value or 0) - (first_.value or 0)
    p = _p(first_, second_, rules)
    factor = p_adjusted / max(_p(first, second, rules), 1e-300)  # what Holm multiplied it by
    return before * after <= 0 or p * max(factor, 1.0) > ALPHA


def _large(first: Arm, second: Arm) -> bool:
    if first.unit is Unit.MONEY:
        return min(first.winners, second.winners) >= LEAST_EXPECTED
    return is_large(*_effective(first, second))


def _effective(first: Arm, second: Arm) -> tuple[tuple[float, float], tuple[float, float]]:
    """Successes and trials, as if every person had been sent one mail."""
    widened = max(first.inflation, second.inflation)
    return (first.total / widened, second.total / widened), (first.n / widened, second.n / widened)


def _variance(first: Arm, second: Arm) -> float:
    """Of the difference: the larger of what equal and what different arms give.

    Of revenue, too: a small arm rarely holds any of the few large orders and by itself seems poor, and sure.
    """
    own = first.variance + second.variance
    if first.unit is Unit.MONEY:
        return max(own, _pooled_money(first, second))
    return max(own, pooled_variance(*_effective(first, second)))


def _pooled_money(first: Arm, second: Arm) -> float:
    """The variance of the difference, if people of both arms spend alike."""
    both, n = (first, second), first.n + second.n
    if not (first.n and second.n):
        return 0.0
    per_mail = spread(both, first.total + second.total, n) / n**3 * first.scale**2
    return per_mail * (1 / first.n + 1 / second.n)


def _freedom(first: Arm, second: Arm) -> float:
    """Welch's degrees of freedom."""
    parts = ((first.variance, first.people_in), (second.variance, second.people_in))
    below = sum(variance**2 / max(people - 1, 1) for variance, people in parts)
    return sum(variance for variance, _ in parts) ** 2 / below if below else 1.0


def _once(first: Arm, second: Arm, alpha: float) -> Interval | None:
    if first.unit is Unit.SHARE:
        return newcombe(*_effective(first, second), alpha)
    variance = _variance(first, second)
    return welch((second.value or 0) - (first.value or 0), variance, _freedom(first, second), alpha)


def _p(first: Arm, second: Arm, rules: Rules) -> float:
    if first.value is None or second.value is None:
        return 1.0
    difference, variance = second.value - first.value, _variance(first, second)
    if rules.test is Test.ALWAYS:
        return mixture_p(difference, variance, rules.rho)
    if first.unit is Unit.SHARE:
        return shares_p(*_effective(first, second))
    return means_p(difference, variance, _freedom(first, second))


def _needed(first: Arm, second: Arm, alpha: float, rules: Rules) -> int | None:
    """How many an arm would decide it if the difference stays as it is; None where that is out of sight."""
    difference = (second.value or 0) - (first.value or 0)
    variance, number = _variance(first, second), min(first.n, second.n)
    if not (difference and variance):
        return None
    if rules.test is Test.FIXED:
        from scipy.stats import norm

        factor = float(norm.isf(alpha / 2)) ** 2 * variance / difference**2
    else:
        factor = _growth(difference, variance, rules.rho, alpha)
    enough = _enough(first, second)
    if enough is None:
        return None
    needed = number * max(factor, enough)
    return math.ceil(needed) if number < needed < 1e9 else None


def _enough(first: Arm, second: Arm) -> float | None:
    """By how much more data the arms are large; None where one has nothing to grow."""
    if first.unit is Unit.MONEY:
        fewest = float(min(first.winners, second.winners))
    else:
        successes, trials = _effective(first, second)
        share = sum(successes) / sum(trials)
        fewest = min(trials) * min(share, 1 - share)
    return LEAST_EXPECTED / fewest if fewest > 0 else None


def _growth(difference: float, variance: float, rho: float, alpha: float) -> float:
    """By how much more data the always-valid test decides."""
    low, high = 1.0, 2.0
    while mixture_p(difference, variance / high, rho) > alpha and high < 1e12:
        low, high = high, high * 2
    while high / low > 1.001:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if mixture_p(difference, variance / middle, rho) > alpha else (low, middle)
    return high
