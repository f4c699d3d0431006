"""A campaign as a worker needs it: what its mails are made of, which way they go, what is held against them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from hygiene.address import Address, judge_address, split
from hygiene.config import Stream
from hygiene.sending.last_dot import Going
from hygiene.sending.letter import Mail
from hygiene.sending.states import LANES, Lane
from hygiene.suppression_forms import Form, Reason, digest, domains_above, hash_forms

#: reasons that do not keep a receipt or an answer from somebody who asked for it
_STILL_ALLOWED: Final = frozenset({Reason.UNSUBSCRIBED.value})
_HASHES: Final = (Form.MD5, Form.SHA256, Form.UID2, Form.HMAC)


class Composing(Protocol):
    """Whoever makes the mail of a row."""

    def mail(self, row: Mapping[str, Any], now: datetime) -> Mail:
        """The mail, signed; raises HygieneError where its fields do not fit."""
        ...


@dataclass(frozen=True, kw_only=True)
class Canary:
    """The first mails of a campaign, and how long to watch what becomes of them."""

    count: int
    wait_us: int


@dataclass(frozen=True, kw_only=True)
class Mailing:
    """One campaign under way. `rates` are those of its stream, `secret` the workspace's key."""

    id: int
    name: str
    stream: Stream
    topic: str
    account: str
    composing: Composing
    secret: bytes
    sender_domain: str = ""
    resends_doubts: bool = False
    canary: Canary | None = None
    rates: tuple[str, ...] = ()
    not_before_us: int = 0
    tracked: str | None = None  # open, click, both or none; None where a provider may count, and we cannot tell

    @property
    def lane(self) -> Lane:
        """Which claims and connections it uses."""
        return LANES[self.stream]

    def about(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """What the events of a mail say of it."""
        return about_row({"name": self.name, "stream": self.stream, "tracked": self.tracked}, row)

    def going(self, row: Mapping[str, Any], owner: str) -> Going:
        """What is asked of the outbox when the last dot is due."""
        return going_to(
            row["recipient"] or "",
            row=row["id"],
            owner=owner,
            stream=self.stream,
            topic=self.topic,
            secret=self.secret,
        )


def about_row(campaign: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """What the events of a mail say of it, from the rows of its campaign and its own."""
    recipient = row["recipient"]
    return {
        "campaign": campaign["name"],
        "subject": None,
        "stream": campaign["stream"],
        "message_id": row["ref"],
        "domain": split(recipient)[1].lower() or None if recipient else None,
        "variant": row["variant"] or None,
        "tracked": campaign.get("tracked"),
    }


def going_to(address: str, *, row: int, stream: str, topic: str, secret: bytes, owner: str = "") -> Going:
    """What is asked of the outbox about a mail to an address."""
    person = judge_address(address)
    return Going(
        id=row,
        owner=owner,
        person=digest(person.mailbox, Form.HMAC, secret) if isinstance(person, Address) else "",
        topic=topic,
        targets=_targets(person, secret) if isinstance(person, Address) else (),
        allowed=_STILL_ALLOWED if stream != "marketing" else frozenset(),
    )


def _targets(person: Address, secret: bytes) -> tuple[tuple[str, str], ...]:
    """The entries of a suppression list that mean a person; those of addresses are found by their mailbox."""
    hashes = ((form.value, value) for form in _HASHES for value in hash_forms(person, form, secret))
    domains = ((Form.DOMAIN.value, domain) for domain in domains_above(split(person.normal)[1]))
    return (*hashes, *domains)
