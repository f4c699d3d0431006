"""From stored posts to events, and to what follows from them; repeating any of it changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import RowMapping, select

from hygiene.config import CleaningPolicy, Webhook
from hygiene.event import EventKind
from hygiene.feedback.consequences import (
    is_disputed,
    resolve_doubts,
    soft_bounced,
    softly_bounced,
    suppress,
    suppressions,
)
from hygiene.feedback.mails import find_mails
from hygiene.sending.ledger import write_events
from hygiene.service.webhooks.joining import Joined, join
from hygiene.service.webhooks.posts import count_pending, mark_done, microseconds, pending, provider_of
from hygiene.service.webhooks.reading import read_records
from hygiene.service.webhooks.records import line_of, records_of, refs_of
from hygiene.store import Store
from hygiene.suppression_forms import Reason
from hygiene.tables import EVENT

_BATCH: Final = 500


@dataclass(frozen=True, kw_only=True)
class Processed:
    """What became of one batch. `events` are new ones, `repeated` were there before."""

    posts: int = 0
    events: int = 0
    repeated: int = 0
    unjoined: int = 0  # new ones, of no mail of the outbox
    unknown: int = 0  # new ones, with a word that is not known
    unread: int = 0  # records of no known form; their posts keep their bodies
    disputed: int = 0  # hard bounces whose words blame the sender: nobody was suppressed
    resolved: int = 0  # mails in doubt that had been taken
    suppressed: Mapping[Reason, int]  # entries added
    left: int = 0  # posts that still wait


@dataclass(frozen=True)
class _Written:
    suppressed: Mapping[Reason, int]
    resolved: int


@dataclass(frozen=True)
class _Record:
    digest: str
    content: Any


def process_pending(
    store: Store, *, now: datetime, policy: CleaningPolicy | None = None, limit: int = 200
) -> Processed:
    """Read the oldest posts that wait, of one provider, into events; call again until `left` is 0.

    `policy.soft_bounces` is how many days of soft bounces in a row are too many. A post is done when all that
    follows from it is written; until then a crash only makes it be read again.
    """
    threshold = (policy or CleaningPolicy()).soft_bounces
    with store.reading() as connection:
        posts = pending(connection, limit)
    if not posts:
        return Processed(suppressed={})
    provider = provider_of(posts)
    unread = dict.fromkeys((row["digest"] for row in posts), 0)
    joined = _joined(store, provider, _records(posts, unread), unread)
    new = _new(store, joined)
    added = _write(store, provider, joined, new, threshold=threshold, now=now)
    with store.writing() as connection:
        mark_done(connection, unread, now=now)
    return Processed(
        posts=len(posts),
        events=len(new),
        repeated=len(joined) - len(new),
        unjoined=sum(each.mail is None for each in new),
        unknown=sum(each.event.kind is EventKind.UNKNOWN for each in new),
        unread=sum(unread.values()),
        disputed=sum(is_disputed(each.row) for each in new),
        resolved=added.resolved,
        suppressed=added.suppressed,
        left=count_pending(store),
    )


def _records(posts: Sequence[RowMapping], unread: dict[str, int]) -> list[_Record]:
    """The records of all posts; one that is no JSON counts as a record that was not understood."""
    found: list[_Record] = []
    for row in posts:
        contents = records_of(row["body"] or b"[]")
        if contents is None:
            unread[row["digest"]] += 1
        found += [_Record(row["digest"], content) for content in contents or ()]
    return found


def _joined(
    store: Store, provider: Webhook, records: Sequence[_Record], unread: dict[str, int]
) -> list[Joined]:
    if not records:
        return []
    reading = read_records(provider, [record.content for record in records])
    for place in reading.unread:
        unread[records[place].digest] += 1
    refs = [list(refs_of(provider, record.content)) for record in records]
    remotes = {each.columns["message_id"] or "" for each in reading.events}
    with store.reading() as connection:
        mails = find_mails(connection, {ref for each in refs for ref in each}, remotes)
    return [
        join(event, refs[event.record], mails, line_of(records[event.record].content))
        for event in reading.events
    ]


def _new(store: Store, joined: Sequence[Joined]) -> list[Joined]:
    """The events that are not there yet, each once."""
    once = {each.row["event_id"]: each for each in joined}
    ids, known = sorted(once), set[str]()
    with store.reading() as connection:
        for start in range(0, len(ids), _BATCH):
            query = select(EVENT.c.event_id).where(EVENT.c.event_id.in_(ids[start : start + _BATCH]))
            known |= set(connection.scalars(query))
    return [each for key, each in once.items() if key not in known]


def _write(
    store: Store,
    provider: Webhook,
    joined: Sequence[Joined],
    new: Sequence[Joined],
    *,
    threshold: int,
    now: datetime,
) -> _Written:
    """New events and all that follows from them, in one transaction."""
    key, source = store.key, f"{provider} webhook"
    rows = [each.row for each in new]
    with store.writing(alone=True) as connection:
        added = suppress(connection, key, suppressions(rows), source=source, now=now)
        for start in range(0, len(rows), _BATCH):
            write_events(connection, rows[start : start + _BATCH])
        resolved = resolve_doubts(connection, _taken(new), now_us=microseconds(now))
        too_often = soft_bounced(connection, softly_bounced(each.row for each in joined), threshold)
        softly = [(person, Reason.BOUNCED) for person in too_often]
        counted = suppress(connection, key, softly, source=source, now=now)
    return _Written(Counter(added) + Counter(counted), resolved)


def _taken(new: Sequence[Joined]) -> dict[int, str]:
    """The mails that a provider had taken, and what it calls them."""
    return {
        each.mail["id"]: each.mail["remote"] or each.event.columns["message_id"] or ""
        for each in new
        if each.mail is not None and each.event.kind is not EventKind.UNKNOWN
    }
