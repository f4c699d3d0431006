"""Mails of the outbox by what tells of them: our reference, or the id that a provider gave them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, Connection, and_, select, text

from hygiene.sending.judging import SOURCE
from hygiene.sending.mailing import about_row
from hygiene.tables import CAMPAIGN, OUTBOX

#: a row of the outbox, with name, stream and topic of its campaign
Mail: TypeAlias = Mapping[str, Any]

_BATCH: Final = 500
_O, _C = OUTBOX.c, CAMPAIGN.c
_MAIL: Final = (
    *(_O.id, _O.ref, _O.key, _O.remote, _O.recipient, _O.provider, _O.variant, _O.state, _O.changed_us),
    _C.name.label("campaign"),
    _C.stream.label("stream"),
    _C.topic.label("topic"),
)


@dataclass(frozen=True, kw_only=True)
class Mails:
    """Mails of the outbox that events may be of."""

    by_ref: Mapping[str, Mail]
    by_remote: Mapping[str, Sequence[Mail]]


def find_mails(connection: Connection, refs: Iterable[str], remotes: Iterable[str]) -> Mails:
    """The mails with these references, or these ids of the provider."""
    by_ref = {row["ref"]: row for row in _mails(connection, _O.ref.in_, refs)}
    by_remote: dict[str, list[Mail]] = {}
    told = text("outbox.remote <> ''")  # in the words of the index
    for row in _mails(connection, lambda part: and_(_O.remote.in_(part), told), remotes):
        by_remote.setdefault(row["remote"], []).append(row)
    return Mails(by_ref=by_ref, by_remote=by_remote)


def find_mails_to(connection: Connection, keys: Iterable[str]) -> Iterator[Mail]:
    """The mails of campaigns to people, by the keyed hashes of their addresses."""
    return _mails(connection, _O.key.in_, keys)


def facts_of(mail: Mail) -> dict[str, Any]:
    """What every event of a mail says of it, in the outbox's name: mails of two sources would count twice."""
    campaign = {"name": mail["campaign"], "stream": mail["stream"]}
    named = {name: mail[name] for name in ("recipient", "provider")}
    return {**about_row(campaign, mail), **named, "message": mail["id"], "source": SOURCE}


def _mails(
    connection: Connection, condition: Callable[[list[str]], ColumnElement[bool]], values: Iterable[str]
) -> Iterator[Mail]:
    wanted = sorted({*values} - {""})
    for start in range(0, len(wanted), _BATCH):
        query = select(*_MAIL).join(CAMPAIGN, _C.id == _O.campaign)
        found = connection.execute(query.where(condition(wanted[start : start + _BATCH])))
        yield from map(dict, found.mappings())
