"""Which mail of the outbox an event is of: by our reference, which a provider tells again, or by its id."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, select, text

from hygiene.event import EventKind
from hygiene.sending.judging import SOURCE
from hygiene.sending.mailing import about_row
from hygiene.service.webhooks.reading import Told
from hygiene.tables import CAMPAIGN, EVENT, OUTBOX

_BATCH: Final = 500
_O = OUTBOX.c
_MAIL: Final = (
    *(_O.id, _O.ref, _O.remote, _O.recipient, _O.provider, _O.variant, _O.state),
    CAMPAIGN.c.name.label("campaign"),
    CAMPAIGN.c.stream.label("stream"),
)


@dataclass(frozen=True, kw_only=True)
class Mails:
    """Mails of the outbox that events may be of."""

    by_ref: Mapping[str, RowMapping]
    by_remote: Mapping[str, Sequence[RowMapping]]


@dataclass(frozen=True, kw_only=True)
class Joined:
    """An event and its mail, None where it is of none of ours. `row` is that of the table of events."""

    event: Told
    mail: RowMapping | None
    row: dict[str, Any]


def find_mails(connection: Connection, refs: Iterable[str], remotes: Iterable[str]) -> Mails:
    """The mails with these references, or these ids of the provider."""
    by_ref = {row["ref"]: row for row in _mails(connection, _O.ref.in_, set(refs))}
    by_remote: dict[str, list[RowMapping]] = {}
    told = text("outbox.remote <> ''")  # in the words of the index
    for row in _mails(connection, lambda part: and_(_O.remote.in_(part), told), set(remotes) - {""}):
        by_remote.setdefault(row["remote"], []).append(row)
    return Mails(by_ref=by_ref, by_remote=by_remote)


def _mails(
    connection: Connection, condition: Callable[[list[str]], ColumnElement[bool]], values: set[str]
) -> Iterable[RowMapping]:
    wanted = sorted(values)
    for start in range(0, len(wanted), _BATCH):
        query = select(*_MAIL).join(CAMPAIGN, CAMPAIGN.c.id == _O.campaign)
        yield from connection.execute(query.where(condition(wanted[start : start + _BATCH]))).mappings()


def join(event: Told, refs: Sequence[str], mails: Mails, record: bytes) -> Joined:
    """An event with its mail, which it then says the same of as the outbox's own events.

    So it names whom the mail was for, not where it was forwarded; and nobody, where that person was erased. Its
    source is the outbox's, too: to a measurement, mails of two sources are two mails.
    """
    mail = next((mails.by_ref[ref] for ref in refs if ref in mails.by_ref), None)
    mail = mail or _by_remote(event, mails)
    ours: dict[str, Any] = {"message": None}
    if mail is not None:
        ours = {
            **about_row({"name": mail["campaign"], "stream": mail["stream"]}, dict(mail)),
            **{name: mail[name] for name in ("recipient", "provider")},
            "message": mail["id"],
            "source": SOURCE,
        }
    told = event.columns
    row = {name: ours.get(name, told.get(name)) for name in EVENT.c.keys()}  # noqa: SIM118 - a collection of columns
    return Joined(event=event, mail=mail, row=row | {"event_id": natural_key(told, record)})


def _by_remote(event: Told, mails: Mails) -> RowMapping | None:
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
