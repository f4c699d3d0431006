"""A batch of mails that came back, written down with all that follows from it: one transaction, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, insert, or_, select

from hygiene.config import Settings
from hygiene.feedback.consequences import (
    resolve_doubts,
    soft_bounced,
    softly_bounced,
    suppress,
    suppressions,
)
from hygiene.feedback.judging import Fate
from hygiene.feedback.matching import Letter, match_all
from hygiene.period import read_period
from hygiene.store import insert_into
from hygiene.suppression_forms import Reason
from hygiene.tables import CONSENT, CURSOR, EVENT, OPT_OUT, RECEIVED

_BATCH: Final = 500
_E = EVENT.c
_BY_MAIL: Final = "mail"  # how somebody left


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """How far a mailbox is read with this batch."""

    mailbox: str
    validity: str
    last: str


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What became of a batch. `letters` and `fates` are new ones."""

    letters: tuple[Letter, ...]
    repeated: int  # mails that were there before
    fates: tuple[Fate, ...]
    suppressed: dict[Reason, int]  # entries added
    opted_out: int  # people who left a list, each once
    resolved: int  # mails in doubt that had been taken


def record(
    connection: Connection,
    secret: bytes,
    letters: Sequence[Letter],
    *,
    source: str,
    settings: Settings,
    now: datetime,
    cursor: Cursor | None = None,
) -> Recorded:
    """Write down what these mails say; those that were here before change nothing."""
    now_us = round(now.timestamp() * 1_000_000)
    new = _new(connection, letters)
    fates = match_all(connection, new, secret, settings.feedback, now)
    rows = _earliest(fate.row for fate in fates if fate.row is not None)
    known = _known(connection, [row["event_id"] for row in rows])
    _write_events(connection, rows)
    counting = [fate.row for fate in fates if fate.counts and fate.row and (fate.everything or not fate.leaves)]
    said = f"mail to {source}"[:200]
    suppressed = suppress(connection, secret, suppressions(counting), source=said, now=now)
    opted_out = _opt_out(connection, [fate for fate in fates if fate.leaves], now_us)
    taken = {fate.matched.mail["id"]: "" for fate in fates if fate.matched is not None}
    resolved = resolve_doubts(connection, taken, now_us=now_us)
    since = read_period(settings.feedback.soft_expires_after).before(now)
    often = soft_bounced(
        connection,
        softly_bounced(counting),
        settings.clean.soft_bounces,
        since_us=round(since.timestamp() * 1_000_000),
    )
    softly = suppress(connection, secret, [(each, Reason.BOUNCED) for each in often], source=said, now=now)
    _write_received(connection, new, source, now_us)
    if cursor is not None:
        _move(connection, cursor)
    return Recorded(
        letters=tuple(new),
        repeated=len(letters) - len(new),
        fates=tuple(_each_once(fates, known)),
        suppressed={each: suppressed.get(each, 0) + softly.get(each, 0) for each in {**suppressed, **softly}},
        opted_out=opted_out,
        resolved=resolved,
    )


def read_before(connection: Connection, digests: Iterable[str]) -> dict[str, str]:
    """Of these mails those that were read before, and what they were."""
    wanted, found = sorted(digests), dict[str, str]()
    r = RECEIVED.c
    for start in range(0, len(wanted), _BATCH):
        part = r.digest.in_(wanted[start : start + _BATCH])
        rows = connection.execute(select(r.digest, r.verdict).where(part))
        found |= {row.digest: row.verdict for row in rows}
    return found


def _new(connection: Connection, letters: Sequence[Letter]) -> list[Letter]:
    """Mails that nobody has read yet, each once."""
    once = {each.incoming.digest: each for each in reversed(letters)}
    known = read_before(connection, once)
    return [each for digest, each in reversed(once.items()) if digest not in known]


def _earliest(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each event once, in the words of the earliest notice."""
    ordered = sorted(rows, key=lambda row: (row["ts_us"], row["reason"]), reverse=True)
    return list({row["event_id"]: row for row in ordered}.values())


def _known(connection: Connection, ids: Sequence[str]) -> set[str]:
    found = set[str]()
    for start in range(0, len(ids), _BATCH):
        part = _E.event_id.in_(ids[start : start + _BATCH])
        found |= set(connection.scalars(select(_E.event_id).where(part)))
    return found


def _write_events(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write events; of one that is there the earlier words stay, so that the order of mails means nothing."""
    if not rows:
        return
    new = insert_into(connection, EVENT)
    there = new.excluded
    earlier = or_(there.ts_us < _E.ts_us, (there.ts_us == _E.ts_us) & (there.reason < _E.reason))
    changed = {name: there[name] for name in ("ts_us", "reason", "smtp_status", "bounce_class")}
    upsert = new.on_conflict_do_update(index_elements=["event_id"], set_=changed, where=earlier)
    connection.execute(upsert, list(rows))


def _opt_out(connection: Connection, fates: Sequence[Fate], now_us: int) -> int:
    """Write who left which list, with the evidence; how many had not left before."""
    new = 0
    for fate in sorted(fates, key=_by_time):
        matched, said = fate.matched, fate.row
        if matched is None or said is None or matched.person is None or fate.everything:
            continue
        who = {"topic": matched.mail["topic"], "person": matched.person}
        row = {**who, "since_us": now_us, "source": _BY_MAIL}
        added = insert_into(connection, OPT_OUT).values(row).on_conflict_do_nothing()
        if connection.scalar(added.returning(OPT_OUT.c.topic)) is None:
            continue
        new += 1
        evidence = {
            **who,
            "address": matched.mail["recipient"],
            "act": "withdrawn",
            "wording": said["reason"],
            "remote": "",
            "agent": _BY_MAIL,
            "at_us": now_us,
        }
        connection.execute(insert(CONSENT).values(evidence))
    return new


def _by_time(fate: Fate) -> tuple[int, str]:
    return (fate.row["ts_us"], fate.row["reason"]) if fate.row is not None else (0, "")


def _write_received(connection: Connection, letters: Sequence[Letter], source: str, now_us: int) -> None:
    rows = [
        {"digest": each.incoming.digest, "source": source[:200], "verdict": each.verdict, "at_us": now_us}
        for each in letters
    ]
    if rows:
        connection.execute(insert_into(connection, RECEIVED).on_conflict_do_nothing(), rows)


def _move(connection: Connection, cursor: Cursor) -> None:
    row = {"mailbox": cursor.mailbox, "validity": cursor.validity, "last": cursor.last}
    there = {name: row[name] for name in ("validity", "last")}
    moved = insert_into(connection, CURSOR).values(row)
    connection.execute(moved.on_conflict_do_update(index_elements=["mailbox"], set_=there))


def _each_once(fates: Sequence[Fate], known: set[str]) -> list[Fate]:
    """Fates without those whose event was there before, or comes twice in this batch."""
    seen, kept = set(known), []
    for fate in fates:
        name = fate.row["event_id"] if fate.row is not None else None
        if name in seen:
            continue
        if name is not None:
            seen.add(name)
        kept.append(fate)
    return kept
