"""Figures of a measurement as words, the same in every place that says them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final

_EPOCH: Final = date(1970, 1, 1)
_MICROS: Final = 1_000_000
_RARE: Final = 0.01  # shares below have three digits that count, others one decimal
_MOST_DECIMALS: Final = 7
_UNITS: Final = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))
UNNAMED: Final = "(none)"
ALL: Final = "all"


def rate_text(share: float) -> str:
    """A rate in per cent, with as many digits as say something; nothing and all only where they are meant.

    >>> [rate_text(share) for share in (0.951, 0.00021, 0.0014, 0.0, 1.0, 0.99996)]
    ['95.1 %', '0.021 %', '0.14 %', '0 %', '100 %', '99.996 %']
    """
    return f"{_per_cent(share)} %"


def range_text(low: float, high: float) -> str:
    """Both ends of an interval.

    >>> range_text(0.00121, 0.00163), range_text(0, 0.001)
    ('0.121–0.163 %', '0–0.1 %')
    """
    return f"{_per_cent(low)}–{_per_cent(high)} %"


def _per_cent(share: float) -> str:
    """One decimal; more for what is nearly nothing or nearly all."""
    if share in {0.0, 1.0}:
        return f"{share * 100:.0f}"
    per_cent = share * 100
    if share >= _RARE:
        whole = next((places for places in range(1, _MOST_DECIMALS) if round(per_cent, places) < 100), 1)
        return f"{per_cent:.{whole}f}"
    decimals = min(2 - math.floor(math.log10(per_cent)), _MOST_DECIMALS)
    return f"{per_cent:.{decimals}f}".rstrip("0").rstrip(".")


def points_text(change: float) -> str:
    """A difference of shares in points of per cent, with its sign.

    >>> [points_text(change) for change in (0.0922, -0.0013, 0.0, -0.00002)]
    ['+9.2', '−0.13', '0', '−0.002']
    """
    return f"{'+' if change > 0 else '−'}{_per_cent(abs(change))}" if change else "0"


def money_text(amount: float, currency: str | None) -> str:
    """An amount for one mail: `0.137 EUR`."""
    decimals = 2 if abs(amount) >= 1 or amount == 0 else 4
    return f"{amount:,.{decimals}f} {currency or ''}".strip()


def duration_text(seconds: float) -> str:
    """A length of time in its largest unit.

    >>> [duration_text(each) for each in (0.4, 75, 5_400, 200_000)]
    ['0.4 s', '1.2 min', '1.5 h', '2.3 d']
    """
    size, unit = next((each for each in _UNITS if seconds >= each[0]), _UNITS[-1])
    return f"{seconds / size:.1f} {unit}".replace(".0 ", " ")


def slice_text(slice_: Mapping[str, Any]) -> str:
    """The name of a slice: `spring-sale · gmail`; without any, all mail."""
    return " · ".join(cell_text(name, cell) for name, cell in slice_.items()) or ALL


def cell_text(name: str, cell: Any) -> str:
    """One value of a column to split by; days as dates.

    >>> cell_text("week", 20_003), cell_text("campaign", None)
    ('week of 2024-10-07', '(none)')
    """
    if cell is None or cell == "":
        return UNNAMED
    if name in {"day", "week", "cohort"}:
        day = (_EPOCH + timedelta(days=int(cell))).isoformat()
        return day if name == "day" else f"week of {day}"
    return str(cell)


def day_text(moment_us: int, zone: tzinfo = UTC) -> str:
    """The day of a moment: `1 Sep 2026`; the moment's number where no calendar reaches."""
    try:
        moment = datetime.fromtimestamp(moment_us // _MICROS, zone)
    except (OverflowError, ValueError, OSError):
        return f"{moment_us} µs"
    return f"{moment.day} {moment:%b %Y}"


def counted(number: int, word: str, words: str = "") -> str:
    """`1 mail`, `2 mails`."""
    return f"{number:,} {word if number == 1 else words or word + 's'}"
