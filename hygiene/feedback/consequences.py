"""What follows from events, whichever way they came: who is not mailed any more, which doubts are resolved.

A hard bounce suppresses, unless its own words say that the sender was at fault; a complaint and an opt-out
suppress. Soft bounces are counted by UTC days since anything last arrived, and forgotten after a while.
Steps inside a transaction of the caller's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select, update

from hygiene.address import Address, judge_address
from hygiene.bounce import Blame
from hygiene.bounces.refusal import classify_reply
from hygiene.contacts.suppression.workspace import suppress_within
from hygiene.event import BounceClass, EventKind
from hygiene.finding import Confidence
from hygiene.sending.states import State
from hygiene.soft_bounces import SOFT, is_handover, soft_days
from hygiene.suppression_forms import Form, Reason, digest
from hygiene.tables import EVENT, OUTBOX, SUPPRESSION

_E, _S = EVENT.c, SUPPRESSION.c
_BATCH: Final = 500
_REASONS: Final = {EventKind.COMPLAINED: Reason.COMPLAINED, EventKind.UNSUBSCRIBED: Reason.UNSUBSCRIBED}


def suppressions(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Reason]]:
    """Addresses that rows of the event table say must not be mailed any more, and why."""
    for row in rows:
        reason = _REASONS.get(row["kind"]) or (Reason.BOUNCED if is_hard(row) else None)
        if reason and row["recipient"]:
            yield row["recipient"], reason


def is_hard(row: Mapping[str, Any]) -> bool:
    """Whether an event is a bounce that says that the mailbox is no more."""
    return _is_called_hard(row) and not is_disputed(row)


def is_disputed(row: Mapping[str, Any]) -> bool:
    """Whether a bounce that is called hard blames the sender in its own words: then nobody is suppressed."""
    if not _is_called_hard(row) or not row["reason"]:
        return False
    verdict = classify_reply(550, row["smtp_status"] or "", row["reason"])
    return verdict.blame is Blame.SENDER and verdict.confidence is not Confidence.GUESS


def _is_called_hard(row: Mapping[str, Any]) -> bool:
    return bool(row["kind"] == EventKind.BOUNCED and row["bounce_class"] == BounceClass.HARD)


def softly_bounced(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """Whom rows of the event table say a soft bounce, or one of no known class, came back for."""
    bounced = (row for row in rows if row["kind"] == EventKind.BOUNCED and row["bounce_class"] in SOFT)
    return {row["recipient"] for row in bounced if row["recipient"]}


def soft_bounced(
    connection: Connection, people: Iterable[str], threshold: int, *, since_us: int = 0
) -> list[str]:
    """Of these people those with soft bounces on so many UTC days since anything last arrived."""
    return [each for each in sorted(people) if len(_days(connection, each, since_us)) >= threshold]


def _days(connection: Connection, person: str, since_us: int) -> set[int]:
    columns = (_E.kind, _E.bounce_class, _E.ts_us, _E.message, _E.event_id, _E.source)
    theirs = _E.recipient.in_((person, person.lower()))
    query = select(*columns).where(theirs, _E.ts_us.is_not(None))
    rows = connection.execute(query).mappings()
    history = [{**row, "handover": is_handover(row["event_id"], row["source"])} for row in rows]
    return soft_days(history, since_us)


def suppress(
    connection: Connection, key: bytes, found: Iterable[tuple[str, Reason]], *, source: str, now: datetime
) -> dict[Reason, int]:
    """List addresses; how many entries that added, by reason. People who were erased stay so."""
    by_reason: dict[Reason, set[str]] = {}
    for address, reason in found:
        by_reason.setdefault(reason, set()).add(address)
    added = Counter[Reason]()
    for reason in sorted(by_reason, key=lambda each: each.rank, reverse=True):
        addresses = sorted(by_reason[reason])
        before = _listed(connection, key, addresses)
        suppress_within(connection, key, addresses, reason=reason, now=now, source=source)
        added[reason] += len(_listed(connection, key, addresses) - before)
    return {reason: number for reason, number in added.items() if number}


def _listed(connection: Connection, key: bytes, addresses: Sequence[str]) -> set[str]:
    judged = (judge_address(address) for address in addresses)
    values = sorted({digest(each.key, Form.HMAC, key) for each in judged if isinstance(each, Address)})
    found: set[str] = set()
    for start in range(0, len(values), _BATCH):
        listed = (_S.form == Form.ADDRESS.value, _S.value.in_(values[start : start + _BATCH]))
        found |= set(connection.scalars(select(_S.value).where(*listed)))
    return found


def resolve_doubts(connection: Connection, taken: Mapping[int, str], *, now_us: int) -> int:
    """Mails that somebody tells of had been taken; how many of them were in doubt.

    `taken` gives for the ids of the outbox what the server calls those mails, or "".
    """
    resolved = 0
    for message, remote in taken.items():
        doubtful = (OUTBOX.c.id == message, OUTBOX.c.state == State.UNKNOWN)
        values = {"state": State.SENT, "changed_us": now_us} | ({"remote": remote} if remote else {})
        resolved += connection.execute(update(OUTBOX).where(*doubtful).values(values)).rowcount
    return resolved
