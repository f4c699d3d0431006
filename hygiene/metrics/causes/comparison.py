"""The rates of each slice beside those of all other mail, and which of them are worse than chance explains."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from hygiene.metrics.causes.chance import false_discovery, interval
from hygiene.metrics.causes.rates import RATES, Counts, Rate, Row, of, pooled, rows_of
from hygiene.metrics.causes.thresholds import thresholds
from hygiene.metrics.words import range_text, rate_text

UNTOLD = "(not told)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A rate of a slice, beside that of all other mail."""

    rate: Rate
    k: int
    n: int
    low: float
    high: float
    others: float | None  # rate of all other mail; None: there is none
    part: float  # of all that is counted: 0.62 of the complaints
    mail: float  # of all mail that could have been counted
    p: float  # that chance alone makes such a difference, adjusted for all that were compared
    worse: bool  # more than chance, and worth a look

    @property
    def value(self) -> float | None:
        """None without mail."""
        return self.k / self.n if self.n else None

    @property
    def sentence(self) -> str:
        """What a person is told."""
        return (
            f"{rate_text(self.value or 0)} ({range_text(self.low, self.high)}) {self.rate.verb}, "
            f"elsewhere {rate_text(self.others or 0)}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A provider, a campaign …"""

    name: str
    sent: int
    share: float  # of all mail sent
    rates: tuple[Share, ...]

    @property
    def worse(self) -> tuple[Share, ...]:
        """What is worse here than elsewhere."""
        return tuple(one for one in self.rates if one.worse)

    @property
    def sentence(self) -> str:
        """What a person is told."""
        start = f"{self.name}, {rate_text(self.share)} of the mail"
        if not self.worse:
            return f"{start}: no rate is worse than elsewhere."
        return f"{start}: {'; '.join(one.sentence for one in self.worse)}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The slices of a dimension, the largest first: together they are all mail sent."""

    dimension: str
    slices: tuple[Slice, ...]
    sentence: str

    @property
    def worse(self) -> tuple[tuple[Slice, Share], ...]:
        """What is worse somewhere than elsewhere, the least likely first."""
        found = [(one, share) for one in self.slices for share in one.worse]
        return tuple(sorted(found, key=lambda pair: (pair[1].p, -pair[1].part)))


def compare(
    dimension: str,
    table: Counts,
    rates: Sequence[Rate] = RATES,
    *,
    complete: Callable[[Rate, str], bool] = lambda _rate, _name: True,
) -> Compared:
    """Compare each slice of a dimension with all the others, from counts by it.

    What is not `complete`, as the opens of yesterday's campaign are not, is never called worse.
    """
    rows: dict[str, Row] = {
        UNTOLD if row[dimension] is None else str(row[dimension]): row for row in rows_of(table)
    }
    sent = sum(_sent(row) for row in rows.values())
    totals = {rate.name: pooled(rate, rows.values()) for rate in rates}
    names = sorted((name for name in rows if _sent(rows[name])), key=lambda name: (-_sent(rows[name]), name))
    shares = {name: [_share(rate, rows[name], totals[rate.name]) for rate in rates] for name in names}
    adjusted = iter(false_discovery([one.p for name in names for one in shares[name]]))
    slices = tuple(
        Slice(
            name=name,
            sent=_sent(rows[name]),
            share=_sent(rows[name]) / sent,
            rates=tuple(_judged(one, next(adjusted), complete(one.rate, name)) for one in shares[name]),
        )
        for name in names
    )
    return Compared(dimension=dimension, slices=slices, sentence=_summary(dimension, slices))


def _sent(row: Mapping[str, int | None]) -> int:
    return int(row["sent"] or 0)


def _share(rate: Rate, row: Row, total: tuple[int, int]) -> Share:
    k, n = of(rate, row)
    all_k, all_n = total
    low, high = interval(k, n)
    return Share(
        rate=rate,
        k=k,
        n=n,
        low=low,
        high=high,
        others=(all_k - k) / (all_n - n) if all_n > n else None,
        part=k / all_k if all_k else 0.0,
        mail=n / all_n if all_n else 0.0,
        p=_chance(k, n, all_k - k, all_n - n),
        worse=all_n > n and _is_apart(rate, (low, high), interval(all_k - k, all_n - n)),
    )


def _is_apart(rate: Rate, own: tuple[float, float], rest: tuple[float, float]) -> bool:
    """Whether the intervals do not meet, on the side that is worse."""
    return own[0] > rest[1] if rate.more_is_worse else own[1] < rest[0]


def _chance(k: int, n: int, other_k: int, other_n: int) -> float:
    """The two-sided p-value of the difference of two shares, by the score test."""
    if not n or not other_n:
        return 1.0
    both = (k + other_k) / (n + other_n)
    variance = both * (1 - both) * (1 / n + 1 / other_n)
    return math.erfc(abs(k / n - other_k / other_n) / math.sqrt(2 * variance)) if variance > 0 else 1.0


def _judged(one: Share, p: float, complete: bool) -> Share:
    limits = thresholds().anomalies
    others = one.others or 0.0
    large = one.n >= limits.least_n and abs((one.value or 0.0) - others) >= limits.least_change * others
    return replace(one, p=p, worse=one.worse and complete and large and p <= limits.false_discovery)


def _summary(dimension: str, slices: Sequence[Slice]) -> str:
    if not slices:
        return "Nothing was sent."
    worse = [one.name for one in slices if one.worse]
    if not worse:
        return f"No {dimension} stands out: where rates differ, chance alone could do it, or it is little."
    return f"Worse than elsewhere: {', '.join(worse)}."
