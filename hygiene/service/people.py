"""Whom a reference means: the mail it was made for, its person and its list. Steps inside a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select

from hygiene.address import Address, judge_address
from hygiene.event import EventKind
from hygiene.sending.judging import SOURCE
from hygiene.sending.mailing import about_row
from hygiene.suppression_forms import Form, digest
from hygiene.tables import CAMPAIGN, OUTBOX

UNNAMED: Final = "erased-"  # before the mail that an event is about, in place of its person
_WRITTEN_BY: Final = "service"  # before the id of an event

_O, _C = OUTBOX.c, CAMPAIGN.c


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a request came from: evidence of who agreed to what."""

    remote: str = ""  # network address
    agent: str = ""  # the browser's name for itself


@dataclass(frozen=True, kw_only=True)
class Sending:
    """One mail to one person, as its row and its campaign's tell. `recipient` is None after erasure."""

    id: int
    ref: str
    recipient: str | None
    person: str  # HMAC of the mailbox key
    provider: str
    variant: str
    campaign: str
    stream: str
    topic: str
    definition: str  # JSON
    fields: str  # JSON
    state: str
    queued_us: int  # when it was due first

    @property
    def marketing(self) -> bool:
        """Whether it belongs to a list that can be left."""
        return self.stream == "marketing"

    def event(self, kind: EventKind, now_us: int, *, number: str = "", **said: Any) -> dict[str, Any]:
        """A row of the event table; its id is natural, so that writing it again changes nothing.

        Of somebody erased it names nobody, as their other events do.
        """
        row = {"recipient": self.recipient, "ref": self.ref, "variant": self.variant}
        return {
            **about_row({"name": self.campaign, "stream": self.stream}, row),
            "event_id": ":".join([_WRITTEN_BY, self.ref, kind.value, *([number] if number else [])]),
            "message": self.id,
            "source": SOURCE,  # to a measurement, mails of two sources are two mails
            "recipient": self.recipient or f"{UNNAMED}{self.ref}",
            "provider": self.provider,
            "kind": kind.value,
            "ts_us": now_us,
            **said,
        }


def find_sendings(connection: Connection, refs: Sequence[str], key: bytes) -> dict[str, Sending]:
    """The mails of these references that are known, by reference."""
    query = (
        select(
            *(_O.id, _O.ref, _O.recipient, _O.key, _O.provider, _O.variant, _O.fields, _O.state, _O.due_us),
            *(_C.name, _C.stream, _C.topic, _C.definition),
        )
        .join(CAMPAIGN, _O.campaign == _C.id)
        .where(_O.ref.in_(sorted(set(refs))))
    )
    return {row.ref: _sending(row, key) for row in connection.execute(query)}


def find_sending(connection: Connection, ref: str, key: bytes) -> Sending | None:
    """The mail of a reference."""
    return find_sendings(connection, [ref], key).get(ref)


def person_of(address: str | None, key: bytes) -> str | None:
    """The HMAC of an address's mailbox key; None for what is no address."""
    judged = judge_address(address or "")
    return digest(judged.mailbox, Form.HMAC, key) if isinstance(judged, Address) else None


def _sending(row: Any, key: bytes) -> Sending:
    return Sending(
        id=row.id,
        ref=row.ref,
        recipient=row.recipient,
        person=person_of(row.recipient, key) or row.key,  # of somebody erased the keyed hash is left
        provider=row.provider,
        variant=row.variant,
        campaign=row.name,
        stream=row.stream,
        topic=row.topic,
        definition=row.definition,
        fields=row.fields,
        state=row.state,
        queued_us=row.due_us,
    )
