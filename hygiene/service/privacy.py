"""What is held of a person: shown to them, or forgotten everywhere; and how long events name anybody.

After erasure rows stay, so that sums still add up, and name nobody: keyed hashes keep the next import from
mailing them. A database's own write-ahead log and backups are its administrator's to expire.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import Column, ColumnElement, Connection, Table, and_, case, func, literal, or_, select, update

from hygiene.address import SAME_DOMAIN, Address, judge_address, split
from hygiene.contacts.suppression.workspace import erase_people
from hygiene.errors import UsageError
from hygiene.period import read_period
from hygiene.sending.ledger import moment
from hygiene.sending.states import State
from hygiene.service.people import UNNAMED, person_of
from hygiene.service.webhooks.posts import forget_posts, microseconds
from hygiene.service.webhooks.receive import process_pending
from hygiene.store import Store
from hygiene.suppression_forms import Reason
from hygiene.tables import CAMPAIGN, CONSENT, EVENT, OPT_OUT, OUTBOX, SUPPRESSION, WEBHOOK

T = TypeVar("T")

POSTS_KEPT: Final = timedelta(days=30)  # longer than a provider tries again
_BATCH: Final = 500
_AT_ONCE: Final = 50  # people sought in one query
_ADDRESS: Final = re.compile(r"[^\s\"'<>,;:\\]{1,64}@[^\s\"'<>,;:\\]{1,255}")
_O, _E, _C = OUTBOX.c, EVENT.c, CONSENT.c
#: mails that were not sent, which nobody is at the last dot of
_WAITING: Final = (State.READY, State.DEFERRED, State.CLAIMED, State.UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class Forgotten:
    """What became of people: rows that named them and do not any more, by table, and mails not sent by that.

    `wiped` is false when another program kept copies of old rows from being overwritten.
    """

    people: int
    rows: dict[str, int]
    stopped: int
    wiped: bool


@dataclass(frozen=True, kw_only=True)
class Held:
    """All that is held of a person, by table, as plain values."""

    address: str
    suppression: list[dict[str, Any]] = field(default_factory=list)
    opt_outs: list[dict[str, Any]] = field(default_factory=list)
    consents: list[dict[str, Any]] = field(default_factory=list)
    mails: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def erase_everywhere(store: Store, addresses: Sequence[str], *, now: datetime) -> Forgotten:
    """Forget people in every table. Raises UsageError, and erases nobody, when one is no address."""
    people = [_person(text, number) for number, text in enumerate(addresses, 1)]
    while process_pending(store, now=now).left:  # what waits would name them again
        pass
    key = store.key
    with store.writing(alone=True) as connection:
        mails = _ids(connection, OUTBOX, _O.recipient, _O.id, people)
        stopped = _stop(connection, mails, microseconds(now))
        rows = {
            "outbox": _blank(connection, _O.id, mails, {"recipient": None, "fields": "{}", "reply": ""}),
            "event": _blank_events(connection, people, mails),
            "consent": _blank_consents(connection, [person_of(each.normal, key) or "" for each in people]),
            "webhook": _blank_posts(connection, people),
        }
    erased = erase_people(store, addresses, now=now, also=tuple(rows))
    rows["suppression"] = erased.replaced
    return Forgotten(people=erased.people, rows=rows, stopped=stopped, wiped=erased.wiped)


def show_everything(store: Store, address: str) -> Held:
    """All that is held of a person. Raises UsageError for what is no address."""
    person = _person(address, 1)
    mailbox = person_of(person.normal, store.key)
    with store.reading() as connection:
        mails = _ids(connection, OUTBOX, _O.recipient, _O.id, [person])
        events = {*_ids(connection, EVENT, _E.recipient, _E.event_id, [person]), *_of_mails(connection, mails)}
        mail = select(OUTBOX, CAMPAIGN.c.name.label("campaign_name")).join(
            CAMPAIGN, _O.campaign == CAMPAIGN.c.id
        )
        return Held(
            address=person.normal,
            suppression=_plain(connection, select(SUPPRESSION).where(SUPPRESSION.c.mailbox == mailbox)),
            opt_outs=_plain(connection, select(OPT_OUT).where(OPT_OUT.c.person == mailbox)),
            consents=_plain(connection, select(CONSENT).where(_C.person == mailbox).order_by(_C.id)),
            mails=[row for part in _parts(mails) for row in _plain(connection, mail.where(_O.id.in_(part)))],
            events=[
                row
                for part in _parts(sorted(events))
                for row in _plain(connection, select(EVENT).where(_E.event_id.in_(part)))
            ],
        )


def apply_retention(store: Store, keep_events: str, *, now: datetime) -> int:
    """Let events of mails older than a period (``2y``) name nobody any more; how many. They still count."""
    before_us = microseconds(read_period(keep_events).before(now))
    forget_posts(store, before=now - POSTS_KEPT)
    old_mails = select(_E.message_id).where(_E.ts_us < before_us, _E.message_id.is_not(None))
    old = or_(_E.message_id.in_(old_mails), and_(_E.message_id.is_(None), _E.ts_us < before_us))
    named = and_(_E.recipient.is_not(None), _E.recipient.not_like(f"{UNNAMED}%"))
    with store.writing() as connection:
        return int(connection.execute(update(EVENT).where(old, named).values(_nobody(connection))).rowcount)


def _nobody(connection: Connection) -> dict[str, Any]:
    """What events say in place of a person: the same for all of one mail, so that they belong together.

    A subject stays where it was the same for everybody: others may hold a name.
    """
    same = _E.campaign.in_(list(_of_one_subject(connection)))
    return {
        "recipient": literal(UNNAMED) + _E.message_id,
        "reason": None,
        "url": None,
        "subject": case((same, _E.subject), else_=None),
    }


def _of_one_subject(connection: Connection) -> Iterator[str]:
    """Campaigns whose subject has no template tags; of mails that were handed in whole nobody knows."""
    for name, definition in connection.execute(select(CAMPAIGN.c.name, CAMPAIGN.c.definition)):
        versions = msgspec.json.decode(definition or "{}").get("versions", ())
        if versions and not any("{" in each["subject"] for each in versions):
            yield name


def _person(text: str, number: int) -> Address:
    judged = judge_address(text)
    if not isinstance(judged, Address):
        raise UsageError(f"number {number} of the addresses is no address; nothing was done")
    return judged


# finding


def _ids(
    connection: Connection, table: Table[Any], column: Column[Any], id_: Column[Any], people: Sequence[Address]
) -> list[Any]:
    """The rows whose address is another spelling of the mailbox of one of these people, or the same.

    The whole column is read, about a second for a million rows: all that spellings share for an index is their
    first character and domain, and one more index would cost every mail that is sent.
    """
    mailboxes, ids = {person.mailbox for person in people}, dict[Any, None]()
    for some in _parts(people, _AT_ONCE):
        query = select(id_, column).select_from(table).where(or_(*(_alike(column, each) for each in some)))
        found = connection.execute(query.execution_options(yield_per=_BATCH * 10))
        ids |= {id_: None for id_, address in found if _mailbox(address) in mailboxes}
    return list(ids)


def _alike(column: Column[Any], person: Address) -> ColumnElement[bool]:
    """What may be a spelling: it begins with the same character, at a domain that is the same."""
    local, domain = split(person.mailbox)
    domains = [domain, *(other for other, same in SAME_DOMAIN.items() if same == domain)]
    lowered = func.lower(column)
    likes = (lowered.like(f"{_literal(local[:1])}%@{_literal(each)}", escape="\\") for each in domains)
    return or_(lowered == person.key, column == person.normal, *likes)


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _mailbox(text: str) -> str:
    judged = judge_address(text)
    return judged.mailbox if isinstance(judged, Address) else ""


def _of_mails(connection: Connection, mails: Sequence[int]) -> Iterator[str]:
    for part in _parts(mails):
        yield from connection.scalars(select(_E.event_id).where(_E.message.in_(part)))


def _parts(rows: Sequence[T], size: int = _BATCH) -> Iterable[Sequence[T]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _plain(connection: Connection, query: Any) -> list[dict[str, Any]]:
    """Rows as JSON has them: moments as text."""
    return [
        {name.removesuffix("_us"): _text(name, value) for name, value in row.items() if value not in (None, "")}
        for row in connection.execute(query).mappings()
    ]


def _text(name: str, value: Any) -> Any:
    if name.endswith("_us"):
        return moment(value).isoformat()
    return value.isoformat() if isinstance(value, datetime) else value


# forgetting


def _stop(connection: Connection, mails: Sequence[int], now_us: int) -> int:
    """Nothing more is sent to them; one whose last dot was written ends as it ends."""
    count = 0
    for part in _parts(mails):
        values = {"state": State.SUPPRESSED, "reason": Reason.ERASED.value, "owner": None, "lease_us": None}
        done = connection.execute(
            update(OUTBOX).where(_O.id.in_(part), _O.state.in_(_WAITING)).values(**values, changed_us=now_us)
        )
        count += done.rowcount
    return count


def _blank(connection: Connection, id_: Column[Any], rows: Sequence[Any], values: dict[str, Any]) -> int:
    for part in _parts(rows):
        connection.execute(update(id_.table).where(id_.in_(part)).values(values))
    return len(rows)


def _blank_events(connection: Connection, people: Sequence[Address], mails: Sequence[int]) -> int:
    named = {*_ids(connection, EVENT, _E.recipient, _E.event_id, people), *_of_mails(connection, mails)}
    return _blank(connection, _E.event_id, sorted(named), _nobody(connection))


def _blank_consents(connection: Connection, mailboxes: Sequence[str]) -> int:
    values = {"address": None, "remote": "", "agent": ""}
    parts = (update(CONSENT).where(_C.person.in_(part)).values(values) for part in _parts(mailboxes))
    return sum(int(connection.execute(part).rowcount) for part in parts)


def _blank_posts(connection: Connection, people: Sequence[Address]) -> int:
    """Posts of providers that were kept because something in them was not understood."""
    w = WEBHOOK.c
    bodies = connection.execute(select(w.digest, w.body).where(w.body.is_not(None)))
    mailboxes = {person.mailbox for person in people}
    named = [digest for digest, body in bodies if _names(body or b"", mailboxes)]
    return _blank(connection, w.digest, named, {"body": None})


def _names(body: bytes, mailboxes: Collection[str]) -> bool:
    return any(_mailbox(text) in mailboxes for text in _ADDRESS.findall(body.decode("utf-8", "replace")))
