"""Complaints to come: how many mails can be sent before a limit is crossed, and what the next send risks.

The rate of the next send is taken from a beta distribution. Its mean is the pooled rate so far, with a weak
prior from a published average; its width is what that mean leaves open plus how much sends differ from each
other. The number of complaints is then beta-binomial.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hygiene.metrics.causes.baseline import estimate_baseline
from hygiene.metrics.causes.chance import at_least, beta_quantile, interval
from hygiene.metrics.causes.rates import Counts, Row, rows_of
from hygiene.metrics.causes.thresholds import Complaints, thresholds
from hygiene.metrics.words import counted, range_text, rate_text

_GRID = 1.25  # step between the numbers of mails that are tried


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """One limit. Numbers of mails are None where the limit is not reached as far as is looked ahead."""

    limit: float
    crossed: bool  # the rate so far is at or above it
    expected: int | None  # mails until the rate so far reaches it, if the next ones complain as before
    safe: int | None  # the most mails that keep the chance of crossing at or below the declared risk
    by_next: float  # chance that the rate, the next send included, is at or above it
    alone: float  # chance that the next send by itself is at or above it
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What the complaints so far say of those to come; `unknown` is why nothing can be said, else empty."""

    unknown: str = ""
    complained: int = 0
    delivered: int = 0
    rate: float = 0.0
    low: float = 0.0  # 95 % interval of the rate so far
    high: float = 1.0
    next_send: int = 0
    next_low: float = 0.0  # where the rate of the next send lies, 95 %
    next_high: float = 1.0
    looked_ahead: int = 0
    crossings: tuple[Crossing, ...] = ()
    caveats: tuple[str, ...] = ()
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class _Next:
    """The beta distribution of the rate of one more send, as its mean and spread."""

    mean: float
    spread: float


def forecast_complaints(
    by_send: Counts,
    *,
    reported: bool | None = None,
    next_send: int | None = None,
    seen_share: Callable[[Row], float] | None = None,
    delay: str = "",
) -> Forecast:
    """Forecast from counts by send, as a campaign is (any other column tells sends apart as well).

    `reported` says whether the sources of the log report complaints at all; None: what the counts tell.
    `next_send` is the number of mails of the next one, by default the median of those so far. `seen_share`
    gives the part of a send's complaints that is in by now (1 for all), `delay` says how long they take.
    """
    limits = thresholds().complaints
    rows = [row for row in rows_of(by_send) if row["delivered"] and row["complained"] is not None]
    why = _unknown(rows, reported)
    if why:
        return Forecast(unknown=why, sentence=f"Complaints cannot be forecast: {why}.")
    told = [(int(row["complained"]), int(row["delivered"])) for row in rows]
    k, n = sum(k for k, _ in told), sum(n for _, n in told)
    seen = sum(row["delivered"] * (seen_share(row) if seen_share else 1.0) for row in rows)
    ahead = _next(told, k, max(seen, k), limits)
    size = next_send or sorted(n for _, n in told)[len(told) // 2]
    total = 1 / ahead.spread - 1
    low, high = interval(k, n)
    crossings = tuple(_crossing(limit, k, n, size=size, ahead=ahead, limits=limits) for limit in limits.limits)
    return Forecast(
        complained=k,
        delivered=n,
        rate=k / n,
        low=low,
        high=high,
        next_send=size,
        next_low=beta_quantile(0.025, ahead.mean * total, (1 - ahead.mean) * total),
        next_high=beta_quantile(0.975, ahead.mean * total, (1 - ahead.mean) * total),
        looked_ahead=int(n * limits.most),
        crossings=crossings,
        caveats=tuple(_caveats(rows, sends=len(told), n=n, seen=seen, delay=delay, limits=limits)),
        sentence=" ".join([_so_far(k, n), *(one.sentence for one in crossings)]),
    )


def _unknown(rows: Sequence[Row], reported: bool | None) -> str:
    if not rows:
        return "nothing was delivered whose complaints are told"
    if reported is False:
        return "no source of this log reports complaints"
    if sum(int(row["complained"]) for row in rows):
        return ""
    if not sum(int(row["delivered_fbl"] or 0) for row in rows):
        return "no mail went to a provider that reports complaints"
    return "" if reported else "the log holds no complaint, and does not say that it would"


def _next(told: Sequence[tuple[int, int]], k: int, seen: float, limits: Complaints) -> _Next:
    """What one more send is drawn from; `seen` are the mails whose complaints are in."""
    mean = (k + limits.prior_rate * limits.prior_mails) / (seen + limits.prior_mails)
    between = limits.between_sends
    if len(told) >= limits.least_sends and (usual := estimate_baseline(told)):
        own = math.sqrt(usual.spread * (1 - usual.mean) / usual.mean)
        between = math.sqrt(
            (len(told) * own**2 + limits.least_sends * between**2) / (len(told) + limits.least_sends)
        )
    of_mean = mean * (1 - mean) / (seen + limits.prior_mails + 1) + (between * mean) ** 2 / len(told)
    variance = of_mean + (between * mean) ** 2
    return _Next(mean, min(0.5, variance / (mean * (1 - mean))))


def _crossing(limit: float, k: int, n: int, *, size: int, ahead: _Next, limits: Complaints) -> Crossing:
    crossed, most = k >= limit * n, int(n * limits.most)
    expected = 0 if crossed else _expected(limit, k, n, ahead.mean)
    expected = expected if expected is not None and expected <= most else None
    safe = 0 if crossed else _safe(limit, k, n, most=most, ahead=ahead, risk=limits.risk)
    by_next, alone = _chance(limit, k, n, size, ahead), _chance(limit, 0, 0, size, ahead)
    return Crossing(
        limit=limit,
        crossed=crossed,
        expected=expected,
        safe=safe,
        by_next=by_next,
        alone=alone,
        sentence=_sentence(limit, crossed=crossed, safe=safe, most=most, size=size, by_next=by_next),
    )


def _expected(limit: float, k: int, n: int, mean: float) -> int | None:
    return None if mean <= limit else math.ceil((limit * n - k) / (mean - limit))


def _chance(limit: float, k: int, n: int, mails: int, ahead: _Next) -> float:
    """That complaints so far and of so many more mails are at or above the limit of them all."""
    needed = math.ceil(limit * (n + mails) - k - 1e-9)
    return at_least(needed, mails, ahead.mean, ahead.spread)


def _safe(limit: float, k: int, n: int, *, most: int, ahead: _Next, risk: float) -> int | None:
    """The number of mails before the first that risks too much; None: none does as far as is looked."""
    good, mails = 0, 1
    while mails <= most:
        if _chance(limit, k, n, mails, ahead) > risk:
            return _between(good, mails, lambda some: _chance(limit, k, n, some, ahead) <= risk)
        good, mails = mails, max(mails + 1, int(mails * _GRID))
    return None


def _between(good: int, bad: int, fits: Callable[[int], bool]) -> int:
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if fits(middle) else (good, middle)
    return good


def _sentence(limit: float, *, crossed: bool, safe: int | None, most: int, size: int, by_next: float) -> str:
    name = rate_text(limit)
    if crossed:
        return f"The rate is at or above {name} already."
    room = (
        f"More than {most:,} further mails are safe from {name}"
        if safe is None
        else f"{counted(safe, 'further mail in one send is', 'further mails in one send are')} safe from {name}"
        if safe
        else f"No further mail is safe from {name}"
    )
    chance = "under 0.1 %" if by_next < 0.001 else "over 99.9 %" if by_next > 0.999 else rate_text(by_next)
    return f"{room}; the next {size:,} cross it with a chance of {chance}."


def _so_far(k: int, n: int) -> str:
    mails = counted(n, "mail delivered was", "mails delivered were")
    return f"{rate_text(k / n)} of {mails} reported as spam ({range_text(*interval(k, n))})."


def _where_told(rows: Sequence[Row]) -> str:
    k, n = (sum(int(row[name] or 0) for row in rows) for name in ("complained_fbl", "delivered_fbl"))
    return f"{rate_text(k / n)} ({range_text(*interval(k, n))})" if n else "not known"


def _caveats(
    rows: Sequence[Row], *, sends: int, n: int, seen: float, delay: str, limits: Complaints
) -> list[str]:
    said = ["Complaints come in late: " + (delay or "over days, and how long is not known here") + "."]
    if seen < n:
        said.append(
            f"{rate_text(1 - seen / n)} of the mails are too recent for their complaints to be in; "
            "the forecast allows for them."
        )
    feedback = sum(int(row["delivered_fbl"] or 0) for row in rows)
    if feedback < n:
        said.append(
            f"{rate_text(1 - feedback / n)} of the mails went where no complaint is reported (Gmail tells "
            f"nobody). Where it is, the rate is {_where_told(rows)}: that is what those receivers see."
        )
    if sends < limits.least_sends:
        said.append(
            f"{counted(sends, 'send does', 'sends do')} not tell how much sends differ; a usual difference is "
            f"assumed ({rate_text(limits.between_sends)} of the rate)."
        )
    return said
