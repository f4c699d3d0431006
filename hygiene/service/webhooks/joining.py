"""Which mail of the outbox an event is of: by our reference, which a provider tells again, or by its id."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hygiene.event import EventKind
from hygiene.feedback.mails import Mail, Mails, facts_of
from hygiene.service.webhooks.reading import Told
from hygiene.tables import EVENT


@dataclass(frozen=True, kw_only=True)
class Joined:
    """An event and its mail, None where it is of none of ours. `row` is that of the table of events."""

    event: Told
    mail: Mail | None
    row: dict[str, Any]


def join(event: Told, refs: Sequence[str], mails: Mails, record: bytes) -> Joined:
    """An event with its mail, which it then says the same of as the outbox's own events.

    So it names whom the mail was for, not where it was forwarded; and nobody, where that person was erased.
    """
    mail = next((mails.by_ref[ref] for ref in refs if ref in mails.by_ref), None)
    mail = mail or _by_remote(event, mails)
    ours: dict[str, Any] = {"message": None}
    if mail is not None:
        ours = facts_of(mail)
    told = event.columns
    row = {name: ours.get(name, told.get(name)) for name in EVENT.c.keys()}  # noqa: SIM118 - a collection of columns
    return Joined(event=event, mail=mail, row=row | {"event_id": natural_key(told, record)})


def _by_remote(event: Told, mails: Mails) -> Mail | None:
    found = mails.by_remote.get(event.columns["message_id"] or "", ())
    theirs = [row for row in found if (row["recipient"] or "").lower() == event.columns["recipient"]]
    return next(iter(theirs or found), None)


def natural_key(told: Mapping[str, Any], record: bytes) -> str:
    """What makes an event the same one: ids of platforms change when a post is repeated. To the second.

    An event without a moment is only the same as one in the same words.
    """
    moment = record if told["ts_us"] is None else str(told["ts_us"] // 1_000_000).encode()
    names = ["source", "message_id", "recipient", "kind", "bounce_class", "url"]
    names += ["reason"] if told["kind"] == EventKind.UNKNOWN else []
    parts = [str(told[name]).encode("utf-8", "replace") for name in names]
    digest = hashlib.sha256(b"\0".join([*parts, moment]))
    return f"{told['source']}:{digest.hexdigest()}"
