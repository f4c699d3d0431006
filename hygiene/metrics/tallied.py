"""Campaign reports that hold sums only → rows of a counts table; what a report does not tell stays null."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from hygiene.metrics.table import COUNTS

if TYPE_CHECKING:
    import pyarrow as pa

Row: TypeAlias = Mapping[str, Any]
Told: TypeAlias = int | None

#: columns that are numbers
_WHOLE: Final = {"day", "week", "subject_features", "subject_line", "cohort", "weeks_since"}
_EPOCH: Final = datetime(1970, 1, 1)
_MICROS: Final = 1_000_000


def counts_of(rows: Iterable[Row], by: Sequence[str], zone: ZoneInfo) -> pa.Table:
    """Rows of the table ``tallies`` as counts by the columns `by` and ``source``."""
    import pyarrow as pa

    keys = dict.fromkeys([*by, "source"])
    made = [{**_slice(row, keys, zone), **_counts(row)} for row in rows]
    kinds = {name: pa.int64() if name in _WHOLE else pa.string() for name in keys}
    return pa.Table.from_pylist(made, pa.schema([*kinds.items(), *((name, pa.int64()) for name in COUNTS)]))


def broken(rows: Iterable[Row]) -> list[str]:
    """The campaigns whose own sums do not add up."""
    return [str(row.get("campaign") or "(none)") for row in rows if not _adds_up(_counts(row))]


def _adds_up(counts: Mapping[str, Told]) -> bool:
    wholes = {"sent": ("delivered", "bounced", "pending"), "bounced": ("hard", "soft", "undetermined")}
    return all(
        _minus(counts[whole], *(counts[part] for part in parts)) in (None, 0) for whole, parts in wholes.items()
    )


def _slice(row: Row, keys: Iterable[str], zone: ZoneInfo) -> dict[str, Any]:
    day = _day(row.get("sent_us"), zone)
    dated = {"day": day, "week": None if day is None else day - (day - 4) % 7}  # day 4 of 1970 was a Monday
    return {name: dated[name] if name in dated else row.get(name) for name in keys}


def _day(sent_us: Told, zone: ZoneInfo) -> int | None:
    if sent_us is None:
        return None
    try:
        return (datetime.fromtimestamp(sent_us // _MICROS, zone).replace(tzinfo=None) - _EPOCH) // timedelta(1)
    except (OverflowError, ValueError, OSError):
        return None


def _counts(row: Row) -> dict[str, Told]:
    hard, soft = _told(row, "bounced_hard"), _told(row, "bounced_soft")
    bounced = _told(row, "bounced")
    if bounced is None and hard is not None and soft is not None:
        bounced = hard + soft
    sent, delivered = _told(row, "sent"), _told(row, "delivered")
    concluded = delivered is None and sent is not None and bounced is not None
    if concluded:
        delivered = _minus(sent, bounced)
    if sent is None and delivered is not None and bounced is not None:
        sent = delivered + bounced
    known = dict.fromkeys(COUNTS, None) | {
        "submitted": sent,
        "sent": sent,
        "delivered": delivered,
        "delivered_gross": delivered,
        "inferred": delivered if concluded else 0,
        "bounced": bounced,
        "hard": hard,
        "soft": soft,
        "undetermined": _left(bounced, hard, soft),
        "pending": _left(sent, delivered, bounced),
    }
    return known | _reactions(row, delivered)


def _reactions(row: Row, delivered: Told) -> dict[str, Told]:
    """What people did, machines included: reports do not tell them apart."""
    opened, clicked, revenue = (_told(row, name) for name in ("opened_all", "clicked_all", "revenue_micros"))
    return {
        "complained": _told(row, "complained"),
        "unsubscribed": _told(row, "unsubscribed"),
        "delivered_open_tracked": None if opened is None else delivered,
        "opened_all": opened,
        "opens_total": _told(row, "opens_total"),
        "delivered_click_tracked": None if clicked is None else delivered,
        "clicked_all": clicked,
        "clicks_total": _told(row, "clicks_total"),
        "revenue_micros": revenue,
    }


def _told(row: Row, name: str) -> Told:
    value = row.get(name)
    return None if value is None else int(value)


def _minus(whole: Told, *parts: Told) -> Told:
    if whole is None or any(part is None for part in parts):
        return None
    return whole - sum(part or 0 for part in parts)


def _left(whole: Told, *parts: Told) -> Told:
    """What is left of a whole: nothing, where its parts are more than it."""
    left = _minus(whole, *parts)
    return None if left is None else max(left, 0)
