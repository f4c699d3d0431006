"""Moments and limits as people type them: a day or a moment in a time zone, an amount of memory, slices."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from hygiene.errors import UsageError
from hygiene.metrics.table import SLICES

#: what mails can be split by; the last of a mail's life (reasons of bounces …) is told of elsewhere
BY: Final = (
    *("campaign", "provider", "domain", "segment", "variant", "stream", "source", "day", "week"),
    *("cohort", "weeks_since"),
)
COHORTS: Final = {"cohort", "weeks_since"}  # since sign-up, or the first mail of the log
SUBJECT_FEATURE: Final = "subject-feature"  # by itself: one mail has several
LEAST_MEMORY: Final = 100  # MB; below, DuckDB cannot join at all

_MEMORY: Final = re.compile(r"\s*(\d{1,6}(?:\.\d+)?)\s*([KMGT])(?:i?B)?\s*", re.IGNORECASE)
_SIZES: Final = {"K": 1e-3, "M": 1.0, "G": 1e3, "T": 1e6}
_EPOCH_YEAR: Final = 1970
_MICROS: Final = 1_000_000


def read_moment(given: str | date | None, zone: ZoneInfo, option: str, *, end: bool = False) -> int | None:
    """Microseconds since 1970 UTC of what was given; a day is its first moment, as the `end` its last.

    Raises UsageError with one sentence.
    """
    if given is None:
        return None
    if isinstance(given, str):
        return _moment(_parsed(given, option), zone, option, end=end)
    return _moment(given, zone, option, end=end)


def _parsed(text: str, option: str) -> date:
    for parse in (date.fromisoformat, datetime.fromisoformat):
        try:
            return parse(text.strip())
        except ValueError:
            continue
    raise UsageError(f"{option} {text[:40]!r} is no date: write it as in 2026-11-22")


def _moment(moment: date, zone: ZoneInfo, option: str, *, end: bool) -> int:
    if not isinstance(moment, datetime):
        if end and moment != date.max:
            moment += timedelta(days=1)
        moment = datetime.combine(moment, time())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    if moment.year < _EPOCH_YEAR - 1:
        raise UsageError(f"{option} {moment:%Y-%m-%d} lies before 1970, when no mail was sent")
    try:
        return (moment - datetime.fromisoformat("1970-01-01T00:00:00+00:00")) // timedelta(microseconds=1)
    except OverflowError:
        raise UsageError(f"{option} {moment.year} lies beyond the calendar") from None


def read_by(given: str | Sequence[str]) -> tuple[str, ...]:
    """The columns to split by, each once; raises UsageError for others."""
    words = given.split(",") if isinstance(given, str) else [part for word in given for part in word.split(",")]
    names = tuple(dict.fromkeys(_name(word) for word in words if word.strip()))
    for name in names:
        if name not in (*BY, SUBJECT_FEATURE) or name not in (*SLICES, SUBJECT_FEATURE):
            raise UsageError(
                f"mails are not split by {name[:40]!r}: there are {', '.join(BY)}, {SUBJECT_FEATURE}"
            )
    if SUBJECT_FEATURE in names and len(names) > 1:
        raise UsageError(
            f"split by {SUBJECT_FEATURE} alone: a mail has several, so their mails are not told apart"
        )
    if {"day", "week"} <= set(names):
        raise UsageError("a day lies in one week: split by day or by week")
    return names


def _name(word: str) -> str:
    """A column as it was typed: `weeks-since` is weeks_since."""
    name = word.strip().lower()
    return name if name == SUBJECT_FEATURE else name.replace("-", "_")


def read_memory(text: str) -> str:
    """An amount of memory as DuckDB takes it; raises UsageError for what is none or too little.

    >>> read_memory("512 mb"), read_memory("1.5GiB")
    ('512MB', '1500MB')
    """
    written = _MEMORY.fullmatch(text)
    megabytes = float(written[1]) * _SIZES[written[2].upper()] if written else 0.0
    if not written:
        raise UsageError(f"--memory-limit {text[:20]!r} is no amount of memory: write 512MB or 2GB")
    if megabytes < LEAST_MEMORY:
        raise UsageError(f"--memory-limit {text[:20]!r} is too little: give it {LEAST_MEMORY}MB or more")
    return f"{megabytes:.0f}MB"
