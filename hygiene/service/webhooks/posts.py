"""Verified posts, stored as they came before anything is made of them: no error of reading loses one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, RowMapping, delete, func, select, update

from hygiene.config import Webhook
from hygiene.service.webhooks.post import Post, Refused, Verified
from hygiene.store import Store, insert_into
from hygiene.tables import WEBHOOK

_W = WEBHOOK.c
BATCH_BYTES: Final = 8 * 2**20  # of bodies that are read at once


@dataclass(frozen=True, kw_only=True)
class Stored:
    """It is stored, now or before: to be answered 200."""

    new: bool
    status: int = 200


def store_post(store: Store, verdict: Verified, post: Post, *, now: datetime) -> Stored | Refused:
    """Store a verified post; the same again is no error, another one with its replay key is refused."""
    digest = hashlib.sha256(f"{verdict.provider}\0".encode() + post.body).hexdigest()
    row = {
        "digest": digest,
        "provider": verdict.provider,
        "replay": verdict.replay_key.encode("utf-8", "replace").decode().replace("\0", ""),
        "body": post.body,
        "at_us": microseconds(now),
        "done_us": None,
        "unread": 0,
    }
    with store.writing() as connection:
        insert = insert_into(connection, WEBHOOK).values(row).on_conflict_do_nothing()
        if connection.scalar(insert.returning(_W.digest)):
            return Stored(new=True)
        known = connection.scalar(select(_W.digest).where(_W.digest == digest))
    return Stored(new=False) if known else Refused("what proves it was used before, for another body", 403)


def count_pending(store: Store) -> int:
    """How many posts wait to be read."""
    with store.reading() as connection:
        query = select(func.count()).select_from(WEBHOOK).where(_W.done_us.is_(None))
        return int(connection.scalar(query) or 0)


def pending(connection: Connection, limit: int) -> Sequence[RowMapping]:
    """The oldest posts that wait, of one provider, as many as are read at once."""
    oldest = select(_W.provider).where(_W.done_us.is_(None)).order_by(_W.at_us, _W.digest).limit(1)
    provider = connection.scalar(oldest)
    query = select(WEBHOOK).where(_W.done_us.is_(None), _W.provider == provider)
    rows = connection.execute(query.order_by(_W.at_us, _W.digest).limit(limit)).mappings()
    taken: list[RowMapping] = []
    size = 0
    for row in rows:
        size += len(row["body"] or b"")
        if taken and size > BATCH_BYTES:
            break
        taken.append(row)
    return taken


def mark_done(connection: Connection, unread: Mapping[str, int], *, now: datetime) -> None:
    """Posts (digest → records not understood) are read; the bodies of those wholly understood go."""
    at_us = microseconds(now)
    for digest, count in unread.items():
        values = {"done_us": at_us, "unread": count} | ({} if count else {"body": None})
        connection.execute(update(WEBHOOK).where(_W.digest == digest).values(values))


def forget_posts(store: Store, *, before: datetime) -> int:
    """Delete posts that were read before a moment, and with them what is known of replays; how many."""
    with store.writing() as connection:
        return int(connection.execute(delete(WEBHOOK).where(_W.done_us < microseconds(before))).rowcount)


def microseconds(moment: datetime) -> int:
    """A moment as the tables hold it."""
    return round(moment.timestamp() * 1_000_000)


def provider_of(rows: Sequence[RowMapping]) -> Webhook:
    """Whose posts these are."""
    found: Webhook = rows[0]["provider"]
    return found
