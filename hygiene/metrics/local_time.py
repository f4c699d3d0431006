"""Local days in any time zone of the IANA, the same on every engine: offsets are worked out here, not there."""

from __future__ import annotations

import operator
from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import narwhals as nw

from hygiene.errors import UsageError

SECOND_US: Final = 1_000_000
HOUR_US: Final = 3_600 * SECOND_US
DAY_US: Final = 24 * HOUR_US
_MONDAY: Final = 4  # day 4 of 1970 is the first one
#: datetime ends in 9999; what lies further out takes the offset of the nearest year
_RANGE: Final = (datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))


def read_zone(name: str) -> ZoneInfo:
    """The zone of that name; raises UsageError for another."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f"{name[:60]!r} is no time zone: write a name like Europe/Berlin, or UTC") from None


def offsets(zone: ZoneInfo, earliest_us: int, latest_us: int) -> list[tuple[int, int]]:
    """(from when, microseconds to add to UTC), for the range; the first holds from ever.

    >>> offsets(read_zone("Europe/Berlin"), 1_774_000_000_000_000, 1_775_000_000_000_000)
    [(1774000000000000, 3600000000), (1774746000000000, 7200000000)]
    """
    start, end = (min(max(_moment(us), _RANGE[0]), _RANGE[1]) for us in (earliest_us, latest_us))
    found = [(earliest_us, _offset(zone, start))]
    day = start
    while day < end:
        following = min(day + timedelta(days=1), end)
        if _offset(zone, following) != found[-1][1]:
            change = _change(zone, day, following)
            found.append((_microseconds(change), _offset(zone, change)))
        day = following
    return found


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The second in which the offset changes."""
    old = _offset(zone, before)
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        middle = max(middle, before + timedelta(seconds=1))
        before, after = (middle, after) if _offset(zone, middle) == old else (before, middle)
    return after.replace(microsecond=0)


def _offset(zone: ZoneInfo, moment: datetime) -> int:
    return round((moment.astimezone(zone).utcoffset() or timedelta()).total_seconds()) * SECOND_US


def _moment(us: int) -> datetime:
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
    except OverflowError:
        return _RANGE[us > 0]


def _microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def local(ts: nw.Expr, changes: list[tuple[int, int]]) -> nw.Expr:
    """The local time of a moment, as if it were UTC."""
    steps = [ts + changes[0][1]]
    for (_, before), (since, offset) in pairwise(changes):
        change = nw.lit(offset - before, nw.Int64)
        steps.append(nw.when(ts >= since).then(change).otherwise(nw.lit(0, nw.Int64)))
    while len(steps) > 1:  # in pairs: centuries of changes, one after another, would be nested too deep
        steps = [reduce(operator.add, steps[place : place + 2]) for place in range(0, len(steps), 2)]
    return steps[0]


def day_of(ts: nw.Expr) -> nw.Expr:
    """The day of a moment: days since 1970-01-01."""
    return divide(ts, DAY_US)


def week_of(day: nw.Expr) -> nw.Expr:
    """The day that is the Monday of the week."""
    return day - (day - _MONDAY) % 7


def divide(number: nw.Expr, by: int) -> nw.Expr:
    """The whole part of a division, towards the past; exact, as only multiples pass through doubles."""
    return ((number - number % by) / by).cast(nw.Int64)
