"""Which soft bounces of a person count: those on days since anything last arrived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from hygiene.event import BounceClass, EventKind

OUTBOX: Final = "outbox"  # the source of events that sending writes itself
ARRIVED: Final = (EventKind.DELIVERED, EventKind.OPENED, EventKind.CLICKED, EventKind.REPLIED)
SOFT: Final = (BounceClass.SOFT, BounceClass.UNKNOWN)
_DAY_US: Final = 86_400_000_000


def is_handover(event_id: str | None, source: str | None) -> bool:
    """Whether an event tells what the next server said to our outbox, which its id tells where it has one.

    What a provider tells of a mail of ours has the outbox for its source as well.
    """
    return event_id.startswith(f"{OUTBOX}:") if event_id else source == OUTBOX


def handover_sql(event_id: str, source: str) -> str:
    """The same of columns."""
    return f"coalesce(starts_with({event_id}, '{OUTBOX}:'), {source} = '{OUTBOX}', false)"


def soft_days(history: Sequence[Mapping[str, Any]], since_us: int = 0) -> set[int]:
    """The UTC days of a person's soft bounces that count: since anything last arrived, and a given moment.

    That the next server took a mail (what the outbox itself calls delivered) is an arrival only until that mail
    comes back, and says nothing about bounces of mails that left before it: theirs may still be under way.
    `history` has kind, bounce_class, ts_us, message and handover (see `is_handover`) of the dated events.
    """
    bounced = [row for row in history if row["kind"] == EventKind.BOUNCED]
    soft = [row for row in bounced if row["bounce_class"] in SOFT and row["ts_us"] >= since_us]
    returned = {row["message"] for row in bounced}
    left = {row["message"]: row["ts_us"] for row in history if row["kind"] == EventKind.SENT}
    newest = max((left.get(row["message"], row["ts_us"]) for row in soft), default=0)
    arrived = max(
        (
            row["ts_us"]
            for row in history
            if row["kind"] in ARRIVED
            and not (row["handover"] and (row["message"] in returned or row["ts_us"] > newest))
        ),
        default=0,
    )
    return {row["ts_us"] // _DAY_US for row in soft if row["ts_us"] > arrived}
