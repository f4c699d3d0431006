"""Business hours: how much of a stretch of time was inside them, in local time, with summer time and all.

A schedule is written ``Mon-Fri 9-17``, ``Mon-Fri 9:00-12:30 13:30-18:00; Sat 10-14`` or ``24/7``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np

from hygiene.errors import UsageError

Array: TypeAlias = Any  # of numpy, int64: microseconds since 1970 UTC

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 24 * 60  # minutes
_MOST_DAYS = 366 * 200  # that hours are laid out for
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WRITTEN = re.compile(r"\s*([a-z, -]+?)\s+(\d.*)", re.IGNORECASE)
_HOURS = re.compile(r"(\d{1,2})(?::(\d{2}))?\s*-\s*(\d{1,2})(?::(\d{2}))?")
_EXAMPLE: Final = 'write "Mon-Fri 9-17" or "Mon-Fri 9-12:30 13:30-18; Sat 10-14"'


@dataclass(frozen=True, slots=True)
class BusinessHours:
    """For each day from Monday on its stretches, as minutes after midnight; `text` is how it was written."""

    week: tuple[tuple[tuple[int, int], ...], ...]
    text: str

    def __str__(self) -> str:
        """As it was written."""
        return self.text


def read_business_hours(text: str) -> BusinessHours:
    """The schedule that a text says; raises UsageError for another.

    >>> read_business_hours("Mon-Fri 9-17; Sat 10-12:30").week[4:]
    (((540, 1020),), ((600, 750),), ())
    """
    if text.strip() in {"24/7", "24x7"}:
        return BusinessHours(tuple(((0, _DAY),) for _ in _DAYS), "24/7")
    week: list[list[tuple[int, int]]] = [[] for _ in _DAYS]
    for part in text.split(";"):
        written = _WRITTEN.fullmatch(part)
        if not written:
            raise UsageError(f"{text[:60]!r} is no schedule of business hours: {_EXAMPLE}")
        for day in _days(written[1], text):
            week[day] += _stretches(written[2], text)
    return BusinessHours(tuple(_merged(day, text) for day in week), " ".join(text.split()))


def _days(text: str, whole: str) -> list[int]:
    days: list[int] = []
    for words in text.lower().split(","):
        ends = [word.strip()[:3] for word in words.split("-")]
        if len(ends) > 2 or any(end not in _DAYS for end in ends):
            raise UsageError(f"{whole[:60]!r} names a day that is none: {_EXAMPLE}")
        first, last = _DAYS.index(ends[0]), _DAYS.index(ends[-1])
        days += [(first + step) % 7 for step in range((last - first) % 7 + 1)]
    return days


def _stretches(text: str, whole: str) -> list[tuple[int, int]]:
    found = []
    for one in re.split(r"[,\s]+(?=\d{1,2}(?::\d{2})?\s*-)", text.strip()):
        written = _HOURS.fullmatch(one.strip())
        if not written:
            raise UsageError(f"{whole[:60]!r} has hours that are none: {_EXAMPLE}")
        start, end = (int(written[at]) * 60 + int(written[at + 1] or 0) for at in (1, 3))
        minutes_fit = all(int(written[at] or 0) < 60 for at in (2, 4))
        if not minutes_fit or not start < end <= _DAY:
            raise UsageError(f"{one.strip()[:20]!r} are no hours of one day: {_EXAMPLE}")
        found.append((start, end))
    return found


def _merged(day: Sequence[tuple[int, int]], whole: str) -> tuple[tuple[int, int], ...]:
    ordered = sorted(day)
    if any(ordered[at][1] > ordered[at + 1][0] for at in range(len(ordered) - 1)):
        raise UsageError(f"{whole[:60]!r} has hours that overlap: {_EXAMPLE}")
    return tuple(ordered)


def worked_between(hours: BusinessHours, zone: ZoneInfo, start: Array, end: Array) -> Array:
    """Microseconds of business hours between pairs of moments, which are in order."""
    start, end = np.asarray(start, np.int64), np.asarray(end, np.int64)
    if not len(start):
        return np.zeros(0, np.int64)
    opens, closes = _laid_out(hours, zone, int(start.min()), int(end.max()))
    worked = np.concatenate(([0], np.cumsum(closes - opens)))
    found: Array = _worked_by(end, opens, closes, worked) - _worked_by(start, opens, closes, worked)
    return found


def _worked_by(moments: Array, opens: Array, closes: Array, worked: Array) -> Array:
    """Time worked from the first opening to each moment."""
    if not len(opens):
        return np.zeros(len(moments), np.int64)
    at = np.searchsorted(opens, moments, side="right")
    inside = np.minimum(moments, closes[at - 1]) - opens[at - 1]
    return np.where(at > 0, worked[at - 1] + inside, 0)


def _laid_out(hours: BusinessHours, zone: ZoneInfo, earliest: int, latest: int) -> tuple[Array, Array]:
    """Every opening and closing from the day before the earliest moment to the day after the latest."""
    first, last = (_local_day(us, zone) for us in (earliest, latest))
    if (last - first).days > _MOST_DAYS:
        raise UsageError("business hours are reckoned over at most 200 years: look at the dates of the tickets")
    stretches: list[tuple[int, int]] = []
    for step in range(-1, (last - first).days + 2):
        day = first + timedelta(days=step)
        stretches += [
            (_moment(day, opens, zone), _moment(day, closes, zone))
            for opens, closes in hours.week[day.weekday()]
        ]
    laid = np.array([one for one in stretches if one[0] < one[1]], np.int64).reshape(-1, 2)
    return laid[:, 0], laid[:, 1]


def _local_day(us: int, zone: ZoneInfo) -> date:
    return (_EPOCH + timedelta(microseconds=us)).astimezone(zone).date()


def _moment(day: date, minutes: int, zone: ZoneInfo) -> int:
    """Clock time to a moment; an hour that is skipped is the one after, of one that comes twice the first."""
    midnight = datetime.combine(day + timedelta(days=minutes // _DAY), time(), zone)
    clock = midnight.replace(hour=minutes % _DAY // 60, minute=minutes % 60)
    return (clock.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)
