"""Into the outbox: a whole list for a campaign, or one transactional mail, each at most once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, delete, select, update

from hygiene.address import Address, judge_address
from hygiene.config import Settings, Stream
from hygiene.errors import UsageError
from hygiene.period import read_duration
from hygiene.sending.composing import CampaignComposing, Message
from hygiene.sending.definition import Definition
from hygiene.sending.exchangers import provider_of
from hygiene.sending.judging import judge_suppressed
from hygiene.sending.ledger import write_events
from hygiene.sending.mailing import about_row
from hygiene.sending.outbox import add_campaign, find_campaign, move_campaign, queue, queue_one
from hygiene.sending.pace import SECOND_US
from hygiene.sending.states import STANDING, CampaignState, State
from hygiene.store import Store
from hygiene.suppression_forms import Form, Reason, digest
from hygiene.tables import CAMPAIGN, OUTBOX, SUPPRESSION
from hygiene.tokens import make_ref

_EMPTY: Final = {
    "state": State.READY,
    "owner": None,
    "lease_us": None,
    "tries": 0,
    "code": None,
    "status": "",
    "reply": "",
    "reason": "",
    "remote": "",
}
_FORGOTTEN: Final = "{}"  # fields of a mail whose person was erased after it was queued


@dataclass(frozen=True, kw_only=True)
class Queued:
    """A mail that was handed in: `new` is False for a repeated one, which changes nothing."""

    id: int
    ref: str
    new: bool


class KeyReused(UsageError):
    """An idempotency key came back with another mail."""


def queue_campaign(
    store: Store,
    definition: Definition,
    recipients: Iterable[Sequence[tuple[str, Mapping[str, str]]]],
    *,
    manifest: str,
    overrides: Mapping[str, str],
    now_us: int,
    exchangers: Mapping[str, str] | None = None,
    tick: Callable[[int], None] = lambda _count: None,
) -> int:
    """Queue a mail to each recipient, and let the campaign run once all are there; its id.

    Called again for a campaign that was half queued, it adds who is missing and doubles nobody. Of
    somebody erased whom the list still has no address is written down, and nothing is sent. `exchangers` are
    providers by domain, as mail servers tell them. Raises UsageError when a campaign of that name has other
    content, goes to another list, or has ended. Where `recipients` raises one, nothing stays queued.
    """
    secret = store.key
    with store.writing() as connection:
        row = add_campaign(connection, _campaign_row(definition, manifest, overrides, now_us))
    _check_same(dict(row), definition, manifest)
    if row["state"] != CampaignState.PREPARING:
        return int(row["id"])
    row_of = _rows_of(
        int(row["id"]), CampaignComposing(definition, secret, ()), secret, now_us, exchangers or {}
    )
    with store.reading() as connection:
        erased = erased_people(connection)
    place = 0
    try:
        for rows in _rows_by_batch(recipients, row_of, erased, secret):
            with store.writing() as connection:
                queue(connection, rows)
            place += len(rows)
            tick(place)
    except UsageError:  # of the list; a store that fails now may hold what another process queues
        with store.writing() as connection:
            withdraw(connection, row["id"])
        raise
    with store.writing() as connection:
        connection.execute(update(CAMPAIGN).where(CAMPAIGN.c.id == row["id"]).values(queued=place))
        move_campaign(connection, row["id"], CampaignState.RUNNING, among=[CampaignState.PREPARING])
    return int(row["id"])


def _rows_by_batch(
    recipients: Iterable[Sequence[tuple[str, Mapping[str, str]]]],
    row_of: Callable[[str, Mapping[str, str], int], dict[str, Any]],
    erased: Set[str],
    secret: bytes,
) -> Iterator[list[dict[str, Any]]]:
    """The rows of each batch, in the order of the list; somebody erased has no address in theirs."""
    place = 0
    for batch in recipients:
        rows = [row_of(address, fields, place + number) for number, (address, fields) in enumerate(batch)]
        yield [_unnamed(row) if erased and person_of(row, secret) in erased else row for row in rows]
        place += len(batch)


def withdraw(connection: Connection, campaign: int) -> None:
    """Undo the queueing of a campaign that was not released: its mails, and its name."""
    c = CAMPAIGN.c
    unreleased = (c.id == campaign, c.state == CampaignState.PREPARING)
    connection.execute(delete(OUTBOX).where(OUTBOX.c.campaign.in_(select(c.id).where(*unreleased))))
    connection.execute(delete(CAMPAIGN).where(*unreleased))


def _rows_of(
    campaign: int, composing: CampaignComposing, secret: bytes, now_us: int, exchangers: Mapping[str, str]
) -> Callable[[str, Mapping[str, str], int], dict[str, Any]]:
    """What makes a row of a recipient, the merge fields and the place in the order."""
    definition = composing.composer.definition
    due_us, expires_us = definition.due_us(now_us), definition.expires_us(now_us)

    def row(address: str, fields: Mapping[str, str], place: int) -> dict[str, Any]:
        return {
            **_EMPTY,
            **_about(composing, _person(address, place), secret, exchangers),
            "campaign": campaign,
            "place": place,
            "fields": msgspec.json.encode(dict(fields)).decode(),
            "due_us": due_us,
            "expires_us": expires_us,
            "changed_us": now_us,
        }

    return row


def erased_people(connection: Connection, among: str = "") -> frozenset[str]:
    """The keyed hashes of people who were erased; of one alone where its hash is given."""
    s = SUPPRESSION.c
    query = select(s.mailbox).where(s.reason == Reason.ERASED, s.mailbox.is_not(None))
    return frozenset(connection.scalars(query.where(s.mailbox == among) if among else query))


def person_of(row: Mapping[str, Any], secret: bytes) -> str:
    """The keyed hash of the mailbox of a row's address."""
    return digest(_person(row["recipient"], row["place"]).mailbox, Form.HMAC, secret)


def _unnamed(row: Mapping[str, Any], fields: str = "{}") -> dict[str, Any]:
    """A row of somebody erased: nothing of them is written down again."""
    return {**row, "recipient": None, "fields": fields}


def _campaign_row(
    definition: Definition, manifest: str, overrides: Mapping[str, str], now_us: int
) -> dict[str, Any]:
    return {
        "name": definition.name,
        "stream": definition.stream,
        "topic": definition.topic,
        "state": CampaignState.PREPARING,
        "held_because": "",
        "definition": definition.to_json(),
        "manifest": manifest,
        "overrides": msgspec.json.encode(dict(overrides)).decode(),
        "queued": 0,
        "made_us": now_us,
        "ended_us": None,
    }


def _check_same(row: Mapping[str, Any], definition: Definition, manifest: str) -> None:
    name = definition.name
    if row["definition"] != definition.to_json():
        raise UsageError(
            f"a campaign {name} was queued before with other content: give this one another name, "
            "or restore what it was made from"
        )
    if row["manifest"] != manifest:
        raise UsageError(
            f"the campaign {name} was queued for another list, or for this one before it was cleaned again: "
            f"hygiene send resume {name} goes on with it, and another name sends to this one"
        )
    if row["state"] in (CampaignState.CANCELLED, CampaignState.FINISHED):
        raise UsageError(f"the campaign {name} is {row['state']}: give a new one another name")


def _person(address: str, place: int) -> Address:
    judged = judge_address(address)
    if not isinstance(judged, Address):
        raise UsageError(f"number {place + 1} of the list is no address that can be mailed: clean it again")
    return judged


def _about(
    composing: CampaignComposing, person: Address, secret: bytes, exchangers: Mapping[str, str]
) -> dict[str, Any]:
    """What the person makes of a row."""
    key = digest(person.key, Form.HMAC, secret)
    ref = make_ref(composing.composer.definition.name, key, secret)
    return {
        "key": key,
        "ref": ref,
        "recipient": person.normal,
        "provider": provider_of(person.normal, exchangers),
        "variant": composing.composer.variant(ref),
    }


def queue_message(
    store: Store,
    message: Message,
    settings: Settings,
    *,
    idempotency_key: str,
    now: datetime,
    stream: Stream = "transactional",
) -> Queued:
    """Queue one mail; when it returns, that is committed. The same key and mail again is the same mail.

    One to somebody erased is written down without them, and ended as suppressed. Raises UsageError for what
    cannot be sent, KeyReused for a key that stands for another mail.
    """
    person = judge_address(message.to)
    if not isinstance(person, Address):
        raise UsageError(f"the recipient is no address: {person.detail}")
    if stream not in settings.streams:
        raise UsageError(f"the settings have no [streams.{stream}] to send it by")
    now_us, body = round(now.timestamp() * SECOND_US), msgspec.json.encode(message).decode()
    key = _key(idempotency_key)
    lasts_us = read_duration(settings.streams[stream].expires_after) * SECOND_US
    row = {
        **_EMPTY,
        "key": key,
        "ref": make_ref(stream, key, store.key),
        "recipient": person.normal,
        "provider": provider_of(person.normal),
        "variant": "",
        "place": now_us,
        "fields": body,
        "due_us": now_us,
        "expires_us": now_us + lasts_us,
        "changed_us": now_us,
    }
    hashed = digest(person.mailbox, Form.HMAC, store.key)
    with store.writing() as connection:
        if erased_people(connection, hashed):
            # what it says is of them, too; a keyed hash of it tells another mail with the same key
            fields = msgspec.json.encode({"hmac": digest(body, Form.HMAC, store.key)}).decode()
            row = {**_unnamed(row, fields), "state": State.SUPPRESSED, "reason": Reason.ERASED.value}
        return _queue_once(connection, row, _standing_campaign(connection, stream, settings, now_us))


def message_ref(stream: Stream, idempotency_key: str, secret: bytes) -> str:
    """The reference that a mail has, or will have, which is queued with that key."""
    return make_ref(stream, _key(idempotency_key), secret)


def _key(idempotency_key: str) -> str:
    return f"key {hashlib.sha256(idempotency_key.encode()).hexdigest()}"


def _queue_once(connection: Connection, row: dict[str, Any], campaign: Mapping[str, Any]) -> Queued:
    o = OUTBOX.c
    there = select(o.id, o.ref, o.fields).where(o.campaign == campaign["id"], o.key == row["key"])
    new = queue_one(connection, {**row, "campaign": campaign["id"]})
    found = connection.execute(there).one()
    if found.fields not in (row["fields"], _FORGOTTEN):
        raise KeyReused("this idempotency key stands for another mail already")
    if new and row["recipient"] is None:
        ended = {**row, "id": found.id}
        about, now_us = about_row(campaign, ended), row["changed_us"]
        write_events(connection, judge_suppressed(ended, about, Reason.ERASED.value, now_us).events)
    return Queued(id=found.id, ref=found.ref, new=new)


def _standing_campaign(
    connection: Connection, stream: Stream, settings: Settings, now_us: int
) -> Mapping[str, Any]:
    """The campaign that stands for a stream, which always runs."""
    found = find_campaign(connection, stream)
    if found is None:
        values = {
            "name": stream,
            "stream": stream,
            "topic": settings.streams[stream].topic or stream,
            "state": CampaignState.RUNNING,
            "held_because": "",
            "definition": STANDING,
            "manifest": None,
            "overrides": "{}",
            "queued": 0,
            "made_us": now_us,
            "ended_us": None,
        }
        found = add_campaign(connection, values)
    return dict(found)
