"""What is behind a day that stands out: the dimension and the slice that account for most of the change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hygiene.metrics.causes.anomalies import Anomaly
from hygiene.metrics.causes.decomposition import Decomposition, Effect, decompose, decompose_parts
from hygiene.metrics.causes.rates import Counts, Rate, Row, listed, of, rows_of
from hygiene.metrics.causes.thresholds import thresholds
from hygiene.metrics.words import rate_text

UNTOLD: Final = "(not told)"
REASON: Final = "bounce reason"
_SAID = 3  # slices in a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A slice that accounts for most of a change."""

    dimension: str
    effect: Effect
    share: float  # of the change
    mail: float  # its share of the mail, of then or now, whichever is larger


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A change, shared out along every dimension that is told; `named` is empty where no slice stands out."""

    anomaly: Anomaly
    decompositions: tuple[Decomposition, ...]
    named: tuple[Named, ...]  # at most one of a dimension, the most telling first
    sentence: str


def explain(anomaly: Anomaly, tables: Mapping[str, Counts], reasons: Counts | None = None) -> Explanation:
    """Share out the change of an anomaly of all mail.

    `tables` maps dimensions to counts by period and dimension, `reasons` are counts by period, bounce class and
    enhanced status.
    """
    before, after = {point.when for point in anomaly.before}, set(anomaly.days)
    found = []
    for dimension, table in tables.items():
        if dimension:
            sides = (_sums(anomaly, dimension, rows_of(table), days) for days in (before, after))
            found.append(decompose(dimension, *sides))
    if reasons is not None and anomaly.rate.numerator == "bounced":
        found.append(_by_reason(anomaly, rows_of(reasons), before, after))
    told = tuple(one for one in found if one and _is_told(one))
    return _judged(anomaly, told)


def _sums(anomaly: Anomaly, dimension: str, rows: Iterable[Row], days: set[int]) -> dict[str, tuple[int, int]]:
    k, n = _totals(
        anomaly.rate,
        (row for row in rows if row[anomaly.period] in days),
        lambda row: UNTOLD if row[dimension] is None else str(row[dimension]),
    )
    return {name: (k[name], n[name]) for name in n}


def _totals(rate: Rate, rows: Iterable[Row], name: Callable[[Row], str]) -> tuple[Counter[str], Counter[str]]:
    k: Counter[str] = Counter()
    n: Counter[str] = Counter()
    for row in rows:
        some, total = of(rate, row)
        k[name(row)] += some
        n[name(row)] += total
    return k, n


def _by_reason(
    anomaly: Anomaly, rows: Sequence[Row], before: set[int], after: set[int]
) -> Decomposition | None:
    sides = []
    for days in (before, after):
        chosen = [row for row in rows if row[anomaly.period] in days]
        k, n = _totals(anomaly.rate, chosen, _reason_name)
        sides.append(({name: count for name, count in k.items() if count}, sum(n.values())))
    (old, n_old), (new, n_new) = sides
    return decompose_parts(REASON, old, n_old, new, n_new)


def _reason_name(row: Row) -> str:
    told = [str(row[column]) for column in ("bounce_class", "smtp_status") if row.get(column)]
    return " ".join(told) or UNTOLD


def _is_told(one: Decomposition) -> bool:
    """Whether the dimension splits the mail at all."""
    return any(effect.slice != UNTOLD for effect in one.effects) and len(one.effects) > 1


def _judged(anomaly: Anomaly, told: tuple[Decomposition, ...]) -> Explanation:
    best = [found for one in told if (found := _most_telling(one))]
    best.sort(key=lambda found: found.mail - min(1.0, found.share))
    return Explanation(
        anomaly=anomaly,
        decompositions=told,
        named=tuple(best),
        sentence=_sentence(anomaly, told, best[:_SAID]),
    )


def _most_telling(one: Decomposition) -> Named | None:
    """The slice that accounts for most of the change beyond its part of the mail; None where none does."""
    limits = thresholds().explanation
    candidates = [
        Named(dimension=one.dimension, effect=effect, share=one.share(effect), mail=_part(one, effect))
        for effect in one.effects
    ]
    found = max(candidates, key=lambda each: min(1.0, each.share) - each.mail)
    lift = min(1.0, found.share) - found.mail
    return found if found.share >= limits.named and lift >= limits.lift else None


def _part(one: Decomposition, effect: Effect) -> float:
    """A slice's part of the mail, then or now; of a reason: its part of the bounces before."""
    if one.dimension == REASON:
        return effect.before[0] / effect.before[1] / one.before if one.before else 0.0
    before, after = sum(each.before[1] for each in one.effects), sum(each.after[1] for each in one.effects)
    return max(effect.before[1] / before, effect.after[1] / after)


def _sentence(anomaly: Anomaly, told: tuple[Decomposition, ...], best: Sequence[Named]) -> str:
    moved = "rise" if anomaly.rises else "fall"
    if not told:
        return f"Nothing in the log tells where the {moved} comes from."
    if not best:
        names = listed([one.dimension for one in told])
        return f"No single slice explains the {moved}: it is spread over every {names}."
    return " ".join(_explains(one, moved) for one in best)


def _explains(one: Named, moved: str) -> str:
    share = "all" if one.share >= 0.995 else rate_text(one.share)
    (k0, n0), (k1, n1) = one.effect.before, one.effect.after
    if one.dimension == REASON:
        now, then = rate_text(k1 / n1), rate_text(k0 / n0)
        return f"{one.effect.slice} explains {share} of the {moved}: {now} of the mail, {then} before."
    mail = rate_text(one.mail)
    name = f"{one.dimension} {one.effect.slice}"
    return f"{name} explains {share} of the {moved} with {mail} of the mail: {_how(one.effect)}."


def _how(effect: Effect) -> str:
    (k0, n0), (k1, n1) = effect.before, effect.after
    if not n0:
        return f"it is new, and {rate_text(k1 / n1)} is its rate"
    if not n1:
        return "it got no mail this time"
    rates = f"its own rate went from {rate_text(k0 / n0)} to {rate_text(k1 / n1)}"
    if abs(effect.mix) > abs(effect.rate):
        return f"it got another share of the mail; {rates}"
    return rates
