"""How long it takes: medians and nine in ten of times that are known by buckets, with those still open.

A mail that is still under way counts as longer than all that arrived (right-censored), and where too many are
open, the figure is null instead of too small.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Final

from hygiene.metrics.intervals import Z


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """A time that is measured."""

    title: str
    definition: str
    empty: str  # why there is none


ABOUT: Final = MappingProxyType(
    {
        "time_to_deliver": About(
            title="until delivered",
            definition="From the sending of a mail to its delivery. Mails still under way count as longer than "
            "all others; those that bounced do not count.",
            empty="no delivery is dated",
        ),
        "time_to_first_open": About(
            title="until first opened",
            definition="From the sending of a mail to the first time a person opened it, of the mails that "
            "were opened.",
            empty="no open by a person is dated",
        ),
        "time_to_first_click": About(
            title="until first clicked",
            definition="From the sending of a mail to the first click of a person, of the mails that were "
            "clicked.",
            empty="no click by a person is dated",
        ),
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bucket:
    """So many took from `low_s` to `high_s` seconds."""

    low_s: float
    high_s: float
    mails: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Duration:
    """The time that half of the mails took at most, and nine in ten. Exact to the width of a bucket."""

    name: str
    n: int  # dated
    open: int  # still under way
    median_s: float | None
    low_s: float | None  # 95 % interval of the median
    high_s: float | None
    p90_s: float | None
    why_null: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def measure_duration(name: str, buckets: Sequence[Bucket], still_open: int = 0) -> Duration:
    """The median, its interval and the ninth decile of times known by buckets.

    >>> half = [Bucket(low_s=0, high_s=10, mails=5), Bucket(low_s=10, high_s=100, mails=5)]
    >>> measure_duration("time_to_deliver", half).median_s
    10.0
    """
    ordered = sorted((each for each in buckets if each.mails), key=lambda each: each.low_s)
    known = sum(each.mails for each in ordered)
    total = known + still_open
    if not known:
        return Duration(
            name=name,
            n=0,
            open=still_open,
            median_s=None,
            low_s=None,
            high_s=None,
            p90_s=None,
            why_null=ABOUT[name].empty,
        )
    half, spread = total / 2, Z * math.sqrt(total) / 2
    median = _at_rank(ordered, half)
    return Duration(
        name=name,
        n=known,
        open=still_open,
        median_s=median,
        low_s=_at_rank(ordered, max(half - spread, 0.0)) if median is not None else None,
        high_s=_at_rank(ordered, half + spread) if median is not None else None,
        p90_s=_at_rank(ordered, total * 0.9),
        why_null="more than half are still under way" if median is None else None,
    )


def _at_rank(buckets: Sequence[Bucket], rank: float) -> float | None:
    """The time at a rank, inside a bucket in proportion to the logarithm; None beyond those that are known."""
    before = 0
    for each in buckets:
        if rank <= before + each.mails:
            return _inside(each, (rank - before) / each.mails)
        before += each.mails
    return None


def _inside(bucket: Bucket, share: float) -> float:
    if bucket.low_s <= 0:
        return bucket.low_s + (bucket.high_s - bucket.low_s) * share
    return math.exp(math.log(bucket.low_s) + (math.log(bucket.high_s) - math.log(bucket.low_s)) * share)
