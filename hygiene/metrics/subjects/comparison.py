"""Mails whose subject has a feature beside those whose subject has not: their rates, and how sure it is.

Mails of one campaign share more than a subject, so campaigns, not mails, are what was drawn. The variance of a
rate is that of its campaigns' (ratio estimator), and both sides count as so many fewer mails: J. N. K. Rao and
A. J. Scott, A simple method for the analysis of clustered binary data, Biometrics 48 (1992). Newcombe's
interval and the test are taken of those, with Student's distribution, as the campaigns are few; large and small
ones count as fewer equal ones (L. Kish).

Three campaigns may look alike by chance, and then seem to prove a lot. So the same is done once more with a
variance between campaigns that both sides have in common (A. Donner and N. Klar, Design and Analysis of Cluster
Randomization Trials, 2000, §6.2: analysis of variance), and what says less counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

from hygiene.metrics.causes.chance import false_discovery
from hygiene.metrics.evaluate import Figures
from hygiene.metrics.kpis import KPIS, Better, Kpi
from hygiene.metrics.slices import Flags, Integers
from hygiene.metrics.variants.evidence import ALPHA, is_large, newcombe

LEAST_CAMPAIGNS: Final = 3  # with a feature, and without: fewer do not tell how much campaigns differ anyway
FALSE_DISCOVERY: Final = 0.05  # share of the differences named that may be chance
_LEAST_FREEDOM: Final = 1e-6  # one campaign is nearly all mail
NOTHING_SEEN: Final = "too little was seen"


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """The mails with a feature, or those without."""

    k: int
    n: int
    campaigns: int  # that have any of these mails

    @property
    def value(self) -> float | None:
        """None without mail."""
        return self.k / self.n if self.n else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One rate with a feature and without it."""

    kpi: str
    with_: Side
    without: Side
    low: float | None = None  # of value with − value without, 95 %; None: too few campaigns
    high: float | None = None
    p: float | None = None  # that chance alone makes such a difference; None: not compared
    p_adjusted: float | None = None  # … for all that were compared
    of_campaigns: float | None = None  # the same of the mean rates of campaigns, large and small ones alike
    fewer: float = 1.0  # so many mails count as one, as campaigns differ anyway: the design effect
    unknown: str = ""  # why it was not compared

    @property
    def value(self) -> float | None:
        """Value with − value without."""
        one, other = self.with_.value, self.without.value
        return None if one is None or other is None else one - other

    @property
    def large_decide(self) -> bool:
        """Whether the mean campaign says the opposite, so that a few large ones make the difference."""
        return (self.value or 0.0) * (self.of_campaigns or 0.0) < 0

    @property
    def stands_out(self) -> bool:
        """Whether chance, as often as was looked, does not explain it."""
        return self.p_adjusted is not None and self.p_adjusted <= FALSE_DISCOVERY

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        sides = {
            name: {"k": side.k, "n": side.n, "value": side.value, "campaigns": side.campaigns}
            for name, side in (("with", self.with_), ("without", self.without))
        }
        return {
            "kpi": self.kpi,
            **sides,
            "difference": self.value,
            "difference_of_campaigns": self.of_campaigns,
            "low": self.low,
            "high": self.high,
            "p": self.p,
            "p_adjusted": self.p_adjusted,
            "design_effect": self.fewer,
            "stands_out": self.stands_out,
            "unknown": self.unknown or None,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """A rate of each campaign on each side: `cells` are (set of features, campaign)."""

    kpi: Kpi
    k: Integers
    n: Integers
    campaigns: Integers  # cell → its campaign


def drawn(figures: Figures, campaigns: Integers) -> Drawn:
    """What is compared of a KPI."""
    return Drawn(kpi=figures.kpi, k=figures.numerator, n=figures.n, campaigns=campaigns)


def differ(rate: Drawn, has: Flags, known: Flags) -> Difference:
    """The rate of the cells that have a feature beside that of those known not to have it."""
    one, other = _by_campaign(rate, known & has), _by_campaign(rate, known & ~has)
    means = [float((k / n).mean()) if len(n) else None for k, n in (one, other)]
    apart = None if means[0] is None or means[1] is None else means[0] - means[1]
    found = Difference(kpi=rate.kpi.name, with_=_side(one), without=_side(other), of_campaigns=apart)
    few = min(found.with_.campaigns, found.without.campaigns)
    if few < LEAST_CAMPAIGNS:
        where = "with" if found.with_.campaigns == few else "without"
        return replace(found, unknown=f"only {few} campaign{'' if few == 1 else 's'} {where} it")
    return _less_sure(_judged(found, _own(one, other)), _judged(found, _common(one, other)))


Cells: TypeAlias = tuple[Integers, Integers]  # k and n of each campaign


def _by_campaign(rate: Drawn, cells: Flags) -> Cells:
    """Successes and trials of each campaign that has any."""
    size = int(rate.campaigns.max(initial=-1)) + 1
    k, n = np.zeros(size, np.int64), np.zeros(size, np.int64)
    np.add.at(k, rate.campaigns[cells], rate.k[cells])
    np.add.at(n, rate.campaigns[cells], rate.n[cells])
    return k[n > 0], n[n > 0]


def _side(cells: Cells) -> Side:
    k, n = cells
    return Side(k=int(k.sum()), n=int(n.sum()), campaigns=len(n))


@dataclass(frozen=True, slots=True)
class _Spread:
    """The variance of a pooled rate: as its campaigns show it, and as if every mail were drawn by itself."""

    clustered: float
    single: float
    freedom: float

    @classmethod
    def of(cls, k: Integers, n: Integers) -> _Spread:
        whole = int(n.sum())
        rate, equal = int(k.sum()) / whole, 1 / float(((n / whole) ** 2).sum())
        more = max(equal - 1, _LEAST_FREEDOM)
        rest = float(((k / whole - n / whole * rate) ** 2).sum())
        return cls(
            clustered=equal / more * rest,
            single=rate * (1 - rate) / whole,
            freedom=more,
        )


class _Design(NamedTuple):
    """So many mails count as one, and the degrees of freedom that the campaigns leave."""

    fewer: float
    freedom: float

    @classmethod
    def of(cls, clustered: float, single: float, freedom: float) -> _Design:
        return cls(max(clustered / single, 1.0) if single > 0 else 1.0, freedom)


def _own(one: Cells, other: Cells) -> _Design:
    """Each side as its own campaigns differ."""
    left, right = _Spread.of(*one), _Spread.of(*other)
    return _Design.of(left.clustered + right.clustered, left.single + right.single, _freedom(left, right))


def _common(one: Cells, other: Cells) -> _Design:
    """Both sides as all campaigns differ: the variance between them by analysis of variance."""
    sides = (one, other)
    share = sum(float(k.sum()) for k, _ in sides) / sum(float(n.sum()) for _, n in sides)
    noise = share * (1 - share)  # of one mail
    squares = sum(float((n * (k / n - k.sum() / n.sum()) ** 2).sum()) for k, n in sides)
    sizes = sum(float(n.sum()) - float((n.astype(float) ** 2).sum()) / float(n.sum()) for _, n in sides)
    freedom = len(one[1]) + len(other[1]) - 2
    between = max((squares - freedom * noise) / sizes, 0.0)
    clustered = sum(float(((n / n.sum()) ** 2 * (between + noise / n)).sum()) for _, n in sides)
    single = sum(noise / float(n.sum()) for _, n in sides)
    return _Design.of(clustered, single, freedom)


def _less_sure(one: Difference, other: Difference) -> Difference:
    """What both say: the wider interval and the larger p-value; none where one of them has none."""
    known = one.p is not None and other.p is not None
    return replace(
        one,
        low=min(one.low or 0.0, other.low or 0.0),
        high=max(one.high or 0.0, other.high or 0.0),
        p=max(one.p or 0.0, other.p or 0.0) if known else None,
        fewer=max(one.fewer, other.fewer),
        unknown=one.unknown or other.unknown,
    )


def _judged(found: Difference, design: _Design) -> Difference:
    """With interval and p-value."""
    from scipy.stats import norm, t

    fewer, freedom = design
    k = (found.without.k / fewer, found.with_.k / fewer)
    n = (found.without.n / fewer, found.with_.n / fewer)
    wider = 2 * float(norm.sf(t.ppf(1 - ALPHA / 2, freedom)))  # what a normal quantile calls Student's
    interval = newcombe(k, n, wider)
    assert interval is not None  # noqa: S101 - both sides have mail
    found = replace(found, low=interval.low, high=interval.high, fewer=fewer)
    if not is_large(k, n):
        return replace(found, unknown=NOTHING_SEEN)
    share = sum(k) / sum(n)
    error = math.sqrt(share * (1 - share) * sum(1 / each for each in n))
    return replace(found, p=float(2 * t.sf(abs(found.value or 0.0) / error, freedom)))


def _freedom(one: _Spread, other: _Spread) -> float:
    """Welch and Satterthwaite's degrees of freedom."""
    parts = [(each.clustered, each.freedom) for each in (one, other)]
    below = sum(variance**2 / freedom for variance, freedom in parts)
    if below <= 0:
        return max(one.freedom + other.freedom, 1.0)
    return max(sum(variance for variance, _ in parts) ** 2 / below, 1.0)


def adjusted(rows: Sequence[Sequence[Difference]]) -> list[tuple[Difference, ...]]:
    """All differences, each with a p-value that is valid although so many were looked at."""
    p_values = [one.p for row in rows for one in row if one.p is not None]
    found = iter(false_discovery(p_values))
    return [
        tuple(one if one.p is None else replace(one, p_adjusted=next(found)) for one in row) for row in rows
    ]


def better(one: Difference) -> bool:
    """Whether the rate is the better one with the feature."""
    higher = KPIS[one.kpi].better is Better.HIGHER
    return ((one.value or 0.0) > 0) is higher
