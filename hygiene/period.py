"""Lengths of time as people write them in a policy: 180d, 26w, 6mo, 1y."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from hygiene.errors import UsageError

_WRITTEN = re.compile(r"\s*(\d{1,5})\s*(d|days?|w|weeks?|mo|months?|y|years?)\s*", re.IGNORECASE)
_UNITS = {"d": (0, 1), "w": (0, 7), "m": (1, 0), "y": (12, 0)}  # months, days
_EARLIEST = datetime(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Period:
    """Months of the calendar and days of 24 hours."""

    months: int = 0
    days: int = 0

    def before(self, moment: datetime) -> datetime:
        """The moment this long ago; the last day of a shorter month, and never before 1970.

        >>> Period(months=6).before(datetime(2026, 8, 31)).date().isoformat()
        '2026-02-28'
        """
        count = moment.year * 12 + moment.month - 1 - self.months
        earliest = _EARLIEST.replace(tzinfo=moment.tzinfo)
        if count < earliest.year * 12:
            return earliest
        year, month = divmod(count, 12)
        day = min(moment.day, calendar.monthrange(year, month + 1)[1])
        return max(moment.replace(year=year, month=month + 1, day=day) - timedelta(days=self.days), earliest)

    def __str__(self) -> str:
        """As it would be written: ``180d``, ``6mo``."""
        return f"{self.days}d" if self.days or not self.months else f"{self.months}mo"


def read_period(text: str) -> Period:
    """The period that a text like ``180d``, ``26w``, ``6mo`` or ``1y`` says; raises UsageError for another.

    >>> read_period("1y"), read_period("2 weeks")
    (Period(months=12, days=0), Period(months=0, days=14))
    """
    written = _WRITTEN.fullmatch(text)
    if not written or not int(written[1]):
        raise UsageError(f"{text[:40]!r} is no period: write 180d, 26w, 6mo or 1y")
    months, days = (int(written[1]) * unit for unit in _UNITS[written[2][0].lower()])
    return Period(months, days)


_DURATION: Final = re.compile(r"\s*(\d{1,5})\s*(min|h|d|w)\s*", re.IGNORECASE)
_SECONDS: Final = {"min": 60, "h": 3600, "d": 86_400, "w": 604_800}


def read_duration(text: str) -> int:
    """Seconds of a text like ``30min``, ``12h``, ``3d`` or ``2w``; raises UsageError for another.

    >>> read_duration("12h")
    43200
    """
    written = _DURATION.fullmatch(text)
    if not written or not int(written[1]):
        raise UsageError(f"{text[:40]!r} is no length of time: write 30min, 12h, 3d or 2w")
    return int(written[1]) * _SECONDS[written[2].lower()]
