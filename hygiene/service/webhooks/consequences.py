"""What follows from events: who must not be mailed any more, and which mails in doubt had been taken.

A hard bounce suppresses, unless its own words say that the sender was at fault; a complaint and an opt-out
suppress. Soft bounces are counted as in a cleaning: by UTC days since anything last arrived.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, func, select, update

from hygiene.bounce import Blame
from hygiene.bounces.refusal import classify_reply
from hygiene.contacts.suppression.workspace import add_suppressions
from hygiene.event import BounceClass, EventKind
from hygiene.finding import Confidence
from hygiene.sending.states import State
from hygiene.service.webhooks.joining import Joined
from hygiene.store import Store
from hygiene.suppression_forms import Reason, read_target
from hygiene.tables import EVENT, OUTBOX

_E = EVENT.c
_DAY_US: Final = 86_400_000_000
_ARRIVED: Final = (EventKind.DELIVERED, EventKind.OPENED, EventKind.CLICKED, EventKind.REPLIED)
_SOFT: Final = (BounceClass.SOFT, BounceClass.UNKNOWN)
_REASONS: Final = {EventKind.COMPLAINED: Reason.COMPLAINED, EventKind.UNSUBSCRIBED: Reason.UNSUBSCRIBED}


def suppressions(joined: Iterable[Joined]) -> Iterator[tuple[str, Reason]]:
    """Addresses that must not be mailed any more, and why."""
    for each in joined:
        reason = _REASONS.get(each.event.kind) or (Reason.BOUNCED if is_hard(each) else None)
        address = each.row["recipient"]
        if reason and address and read_target(address):
            yield address, reason


def is_hard(each: Joined) -> bool:
    """Whether a bounce says that the mailbox is no more."""
    row = each.row
    hard = each.event.kind is EventKind.BOUNCED and row["bounce_class"] == BounceClass.HARD
    return hard and not is_disputed(each)


def is_disputed(each: Joined) -> bool:
    """Whether a bounce that is called hard blames the sender in its own words: then nobody is suppressed."""
    row = each.row
    if each.event.kind is not EventKind.BOUNCED or row["bounce_class"] != BounceClass.HARD or not row["reason"]:
        return False
    verdict = classify_reply(550, row["smtp_status"] or "", row["reason"])
    return verdict.blame is Blame.SENDER and verdict.confidence is not Confidence.GUESS


def soft_bounced(connection: Connection, people: Iterable[str], threshold: int) -> list[str]:
    """Of these people those with soft bounces on so many UTC days since anything last arrived."""
    return [person for person in sorted(set(people)) if _soft_days(connection, person) >= threshold]


def _soft_days(connection: Connection, person: str) -> int:
    theirs = _E.recipient.in_((person, person.lower()))
    arrived = select(func.coalesce(func.max(_E.ts_us), 0)).where(theirs, _E.kind.in_(_ARRIVED))
    days = select(_E.ts_us).where(
        theirs,
        _E.kind == EventKind.BOUNCED,
        _E.bounce_class.in_(_SOFT),
        _E.ts_us > arrived.scalar_subquery(),
    )
    return len({ts_us // _DAY_US for ts_us in connection.scalars(days) if ts_us is not None})


def suppress(
    store: Store, found: Iterable[tuple[str, Reason]], *, source: str, now: datetime
) -> dict[Reason, int]:
    """List addresses; how many entries that added, by reason."""
    by_reason: dict[Reason, list[str]] = {}
    for address, reason in found:
        by_reason.setdefault(reason, []).append(address)
    return {
        reason: add_suppressions(store, sorted(set(texts)), reason=reason, now=now, source=source).added
        for reason, texts in by_reason.items()
    }


def resolve_doubt(connection: Connection, joined: Sequence[Joined], *, now_us: int) -> int:
    """Mails in doubt that a provider tells of had been taken; how many those were."""
    taken: Mapping[int, str] = {
        each.mail["id"]: each.mail["remote"] or each.event.columns["message_id"] or ""
        for each in joined
        if each.mail is not None and each.event.kind is not EventKind.UNKNOWN
    }
    resolved = 0
    for message, remote in taken.items():
        doubtful = (OUTBOX.c.id == message, OUTBOX.c.state == State.UNKNOWN)
        values = {"state": State.SENT, "remote": remote, "changed_us": now_us}
        resolved += connection.execute(update(OUTBOX).where(*doubtful).values(values)).rowcount
    return resolved
