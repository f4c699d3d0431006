"""The rates whose causes are looked for, and the count tables they are read from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, TypeAlias

Row: TypeAlias = Mapping[str, Any]
Counts: TypeAlias = Any  # a pyarrow table or a list of rows with the columns of hygiene.metrics.table.COUNTS

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share of mails. `event` names what it waits for: it grows until that has come in."""

    name: str
    numerator: str
    denominator: str
    verb: str  # "9.3 % of the mails bounced"
    of: str
    event: str
    more_is_worse: bool


@dataclass(frozen=True, slots=True)
class Point:
    """One day or week of a series; `when` is its first day.

    `shift` is how far the log odds of other slices were from what is usual for them then, `doubt` its variance;
    both are 0 where it is not held against others.
    """

    when: int
    k: int
    n: int
    shift: float = 0.0
    doubt: float = 0.0


RATES: Final = (
    Rate(
        name="bounce_rate",
        numerator="bounced",
        denominator="sent",
        verb="bounced",
        of="mails sent",
        event="bounce",
        more_is_worse=True,
    ),
    Rate(
        name="complaint_rate_delivered",
        numerator="complained",
        denominator="delivered",
        verb="were reported as spam",
        of="mails delivered",
        event="complaint",
        more_is_worse=True,
    ),
    Rate(
        name="unsubscribe_rate",
        numerator="unsubscribed",
        denominator="delivered",
        verb="led to an opt-out",
        of="mails delivered",
        event="click",
        more_is_worse=True,
    ),
    Rate(
        name="open_rate_human",
        numerator="opened_human",
        denominator="delivered_open_tracked",
        verb="were opened by a person",
        of="mails delivered with open tracking",
        event="open",
        more_is_worse=False,
    ),
    Rate(
        name="click_rate_human",
        numerator="clicked_human",
        denominator="delivered_click_tracked",
        verb="were clicked by a person",
        of="mails delivered with tracked links",
        event="click",
        more_is_worse=False,
    ),
)
BY_NAME: Final = {rate.name: rate for rate in RATES}


def rows_of(table: Counts) -> list[Row]:
    """The rows of a count table, which is small."""
    rows: list[Row] = table.to_pylist() if hasattr(table, "to_pylist") else list(table)
    return rows


def summed(rows: Iterable[Row], by: Sequence[str]) -> list[Row]:
    """Counts added up to fewer slices, in the order in which those come; without `by` of all, one row or none.

    >>> summed([{"day": 1, "sent": 2}, {"day": 1, "sent": 3}, {"day": 2, "sent": None}], ["day"])
    [{'day': 1, 'sent': 5}, {'day': 2, 'sent': None}]
    """
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        held = found.setdefault(tuple(row[name] for name in by), {name: row[name] for name in by})
        for name, value in row.items():
            if name not in by and (isinstance(value, int) or value is None):
                before = held.get(name)
                held[name] = before if value is None else value + (before or 0)
    return list(found.values())


def of(rate: Rate, row: Row) -> tuple[int, int]:
    """Numerator and denominator of a row; none of either where the log does not tell one of them."""
    k, n = row[rate.numerator], row[rate.denominator]
    return (0, 0) if k is None or n is None else (int(k), int(n))


def pooled(rate: Rate, rows: Iterable[Row]) -> tuple[int, int]:
    """Of many rows: counts are added, never rates averaged."""
    pairs = [of(rate, row) for row in rows]
    return sum(k for k, _ in pairs), sum(n for _, n in pairs)


def day_text(day: int) -> str:
    """A day number as people write it.

    >>> day_text(20785)
    '28 Nov 2026'
    """
    try:
        when = _EPOCH + timedelta(days=day)
    except OverflowError:
        return f"day {day}"
    return f"{when.day} {when:%b %Y}"


def listed(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
