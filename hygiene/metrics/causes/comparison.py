"""The rates of each slice beside those of all other mail, and which of them are worse than chance explains."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from hygiene.metrics.causes.chance import false_discovery, interval
from hygiene.metrics.causes.rates import RATES, Counts, Rate, Row, of, rows_of
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
    ripe: Callable[[Rate], Counts | None] = lambda _rate: None,
) -> Compared:
    """Compare each slice of a dimension with all the others, from counts by it.

    `ripe` gives the counts of the mails whose events of a rate are in, None if they are alike in that: what
    people have not done yet, as with yesterday's opens, makes no slice look worse, nor any other better.
    """
    rows = _by_name(dimension, table)
    sent = sum(_sent(row) for row in rows.values())
    names = sorted((name for name in rows if _sent(rows[name])), key=lambda name: (-_sent(rows[name]), name))
    found = [(rate, ripe(rate)) for rate in rates]
    shares = [_shares(rate, rows, rows if told is None else _by_name(dimension, told)) for rate, told in found]
    adjusted = iter(false_discovery([of_rate[name].p for name in names for of_rate in shares]))
    slices = tuple(
        Slice(
            name=name,
            sent=_sent(rows[name]),
            share=_sent(rows[name]) / sent,
            rates=tuple(_judged(of_rate[name], next(adjusted)) for of_rate in shares),
        )
        for name in names
    )
    return Compared(dimension=dimension, slices=slices, sentence=_summary(dimension, slices))


def _by_name(dimension: str, table: Counts) -> dict[str, Row]:
    return {UNTOLD if row[dimension] is None else str(row[dimension]): row for row in rows_of(table)}


def _sent(row: Mapping[str, int | None]) -> int:
    return int(row["sent"] or 0)


def _told(rate: Rate, row: Row) -> tuple[int, int]:
    """Numerator and denominator; nothing of complaints where no receiver tells of any, as Gmail does not."""
    k, n = of(rate, row)
    tells = rate.numerator != "complained" or k or row["delivered_fbl"]
    return (k, n) if tells else (0, 0)


def _shares(rate: Rate, rows: Mapping[str, Row], ripe: Mapping[str, Row]) -> dict[str, Share]:
    """A rate of every slice; of what can still grow, the young mails count on the side that they help."""
    all_counts = {name: _told(rate, row) for name, row in rows.items()}
    complete = {name: _told(rate, row) for name, row in ripe.items()}
    own, rest = (all_counts, complete) if rate.more_is_worse else (complete, all_counts)
    total, total_rest = _sum(all_counts), _sum(rest)
    return {
        name: _share(rate, counts, total, own.get(name, (0, 0)), _less(total_rest, rest.get(name, (0, 0))))
        for name, counts in all_counts.items()
    }


def _sum(counts: Mapping[str, tuple[int, int]]) -> tuple[int, int]:
    return sum(k for k, _ in counts.values()), sum(n for _, n in counts.values())


def _less(total: tuple[int, int], part: tuple[int, int]) -> tuple[int, int]:
    return total[0] - part[0], total[1] - part[1]


def _share(
    rate: Rate, counts: tuple[int, int], total: tuple[int, int], own: tuple[int, int], rest: tuple[int, int]
) -> Share:
    """`own` and `rest` are what is judged: the slice and all other mail, as far as their events are in."""
    (k, n), (all_k, all_n) = counts, total
    low, high = interval(k, n)
    others = rest[0] / rest[1] if rest[1] else None
    return Share(
        rate=rate,
        k=k,
        n=n,
        low=low,
        high=high,
        others=(all_k - k) / (all_n - n) if all_n > n else None,
        part=k / all_k if all_k else 0.0,
        mail=n / all_n if all_n else 0.0,
        p=_chance(*own, *rest),
        worse=others is not None
        and _is_apart(rate, interval(*own), interval(*rest))
        and _is_large(own, others),
    )


def _is_large(own: tuple[int, int], others: float) -> bool:
    """Enough mail, and enough of a difference, to be worth a look."""
    limits = thresholds().anomalies
    return own[1] >= limits.least_n and abs(own[0] / own[1] - others) >= limits.least_change * others


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


def _judged(one: Share, p: float) -> Share:
    return replace(one, p=p, worse=one.worse and p <= thresholds().anomalies.false_discovery)


def _summary(dimension: str, slices: Sequence[Slice]) -> str:
    if not slices:
        return "Nothing was sent."
    worse = [one.name for one in slices if one.worse]
    if not worse:
        return f"No {dimension} stands out: where rates differ, chance alone could do it, or it is little."
    return f"Worse than elsewhere: {', '.join(worse)}."
