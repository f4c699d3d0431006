"""The rates at each mailbox provider, and which of them are worse than at all the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hygiene.metrics.causes.chance import interval
from hygiene.metrics.causes.rates import RATES, Counts, Rate, Row, of, pooled, rows_of
from hygiene.metrics.causes.thresholds import thresholds
from hygiene.metrics.words import range_text, rate_text

_SHOWN = 12
UNTOLD = "(not told)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A rate at a provider, beside that of all others."""

    rate: Rate
    k: int
    n: int
    low: float
    high: float
    others: float | None  # rate of all other mail; None: there is none
    worse: bool  # the intervals do not meet, and the difference is worth a look

    @property
    def value(self) -> float | None:
        """None without mail."""
        return self.k / self.n if self.n else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A mailbox provider."""

    name: str
    sent: int
    share: float  # of all mail sent
    rates: tuple[Share, ...]
    sentence: str

    @property
    def worse(self) -> tuple[Share, ...]:
        """What is worse here than elsewhere."""
        return tuple(one for one in self.rates if one.worse)


@dataclass(frozen=True, slots=True, kw_only=True)
class Providers:
    """The largest, and what is left over: together they are all mail sent."""

    largest: tuple[Provider, ...]
    others: int
    sentence: str


def compare_providers(table: Counts, rates: Sequence[Rate] = RATES) -> Providers:
    """Compare each of the largest providers with all the others, from counts by provider."""
    rows: dict[str, Row] = {
        UNTOLD if row["provider"] is None else str(row["provider"]): row for row in rows_of(table)
    }
    sent = sum(int(row["sent"] or 0) for row in rows.values())
    names = sorted(rows, key=lambda name: (-int(rows[name]["sent"] or 0), name))[:_SHOWN]
    largest = tuple(_provider(name, rows, sent, rates) for name in names if rows[name]["sent"])
    return Providers(
        largest=largest,
        others=sent - sum(one.sent for one in largest),
        sentence=_summary(largest),
    )


def _provider(name: str, rows: Mapping[str, Row], sent: int, rates: Sequence[Rate]) -> Provider:
    shares = tuple(_shares(name, rows, rates))
    own = int(rows[name]["sent"] or 0)
    return Provider(
        name=name,
        sent=own,
        share=own / sent,
        rates=shares,
        sentence=_sentence(name, own / sent, [one for one in shares if one.worse]),
    )


def _shares(name: str, rows: Mapping[str, Row], rates: Sequence[Rate]) -> Iterator[Share]:
    limits = thresholds().anomalies
    for rate in rates:
        k, n = of(rate, rows[name])
        all_k, all_n = pooled(rate, rows.values())
        low, high = interval(k, n)
        rest_low, rest_high = interval(all_k - k, all_n - n)
        others = (all_k - k) / (all_n - n) if all_n > n else None
        apart = low > rest_high if rate.more_is_worse else high < rest_low
        enough = others is not None and n >= limits.least_n and all_n - n >= limits.least_n
        large = others is not None and n > 0 and abs(k / n - others) >= limits.least_change * others
        yield Share(rate=rate, k=k, n=n, low=low, high=high, others=others, worse=apart and enough and large)


def _sentence(name: str, share: float, worse: Sequence[Share]) -> str:
    start = f"{name}, {rate_text(share)} of the mail"
    if not worse:
        return f"{start}: no rate is worse than elsewhere."
    said = [
        f"{rate_text(one.value or 0)} ({range_text(one.low, one.high)}) {one.rate.verb}, "
        f"elsewhere {rate_text(one.others or 0)}"
        for one in worse
    ]
    return f"{start}: {'; '.join(said)}."


def _summary(largest: Sequence[Provider]) -> str:
    if not largest:
        return "Nothing was sent."
    worse = [one.name for one in largest if one.worse]
    if not worse:
        return (
            "No provider stands out: where rates differ, chance alone could do it, or the difference is small."
        )
    return f"{'Worse than elsewhere' if len(largest) > 1 else 'Bad'} at {', '.join(worse)}."
