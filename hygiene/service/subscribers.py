"""Who confirmed that they want a list, with the evidence of it: a file that `hygiene clean` reads as consent.

Whoever left the list since, is suppressed, or was erased is not in it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from sqlalchemy import Connection, select

from hygiene.errors import UsageError
from hygiene.sending.ledger import moment
from hygiene.service.agreeing import ASKED, CONFIRMED, topics_of
from hygiene.service.leaving import EVERYTHING
from hygiene.store import Store
from hygiene.tables import CONSENT, OPT_OUT, SUPPRESSION

#: what a spreadsheet would take for a formula; a browser calls itself whatever it likes
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_C, _O, _S = CONSENT.c, OPT_OUT.c, SUPPRESSION.c


@dataclass(frozen=True, kw_only=True)
class Subscriber:
    """One person on one list. Moments are ISO 8601 in UTC, "" where nothing was written down."""

    email: str
    topic: str
    status: str = "subscribed"
    asked_at: str  # when the address was given
    asked_from: str  # and from which network address
    confirmed_at: str
    confirmed_from: str
    confirmed_with: str  # the browser's name for itself
    agreed_to: str  # the words, as they stood there


COLUMNS: Final = tuple(each.name for each in fields(Subscriber))


@dataclass(frozen=True, kw_only=True)
class Subscribers:
    """Who is on the lists, and how many are not any more, or may not be mailed."""

    people: tuple[Subscriber, ...]
    left: int

    def to_csv(self) -> str:
        """A CSV file, in which no cell but an address is a formula."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([each.email, *map(_harmless, _cells(each)[1:])] for each in self.people)
        return text.getvalue()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        rows = [dict(zip(COLUMNS, _cells(each), strict=True)) for each in self.people]
        return {"subscribers": rows, "left_out": self.left}


def read_subscribers(store: Store, topic: str | None = None) -> Subscribers:
    """Who is on a list, or on any, as they confirmed; UsageError for a list that is not there."""
    with store.reading() as connection:
        acts = _acts(connection)
        lists = {*topics_of(connection), *(act.topic for act in acts)} - {EVERYTHING}
        if topic is not None and topic not in lists:
            raise UsageError(f"there is no list {topic[:80]!r}; there are {', '.join(sorted(lists)) or 'none'}")
        wanted, ever = _wanted([act for act in acts if topic in (None, act.topic) or act.topic == EVERYTHING])
        kept = list(_kept(connection, wanted))
    people = sorted(map(_subscriber, kept), key=lambda each: (each.confirmed_at, each.email))
    return Subscribers(people=tuple(people), left=ever - len(people))


def _acts(connection: Connection) -> Sequence[Any]:
    return connection.execute(select(CONSENT).order_by(_C.at_us, _C.id)).all()


def _wanted(acts: Iterable[Any]) -> tuple[list[tuple[Any, Any]], int]:
    """(what was asked or None, what was confirmed) where that was the last word; how many ever confirmed."""
    asked: dict[tuple[str, str], Any] = {}
    confirmed: dict[tuple[str, str], tuple[Any, Any]] = {}
    ever = set()
    for act in acts:
        each = (act.person, act.topic)
        if act.act == ASKED:
            asked[each] = act
        elif act.act == CONFIRMED:
            ever.add(each)
            confirmed[each] = asked.get(each), act
        elif act.topic == EVERYTHING:
            confirmed = {of: said for of, said in confirmed.items() if of[0] != act.person}
        else:
            confirmed.pop(each, None)
    return list(confirmed.values()), len(ever)


def _kept(connection: Connection, wanted: Sequence[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
    """Without those against whom something is listed, and of whom no address is left."""
    left = {(row.person, row.topic) for row in connection.execute(select(_O.person, _O.topic))}
    suppressed = set(connection.scalars(select(_S.mailbox).where(_S.mailbox.is_not(None))))
    for asked, said in wanted:
        if said.address and said.person not in suppressed and (said.person, said.topic) not in left:
            yield asked, said


def _subscriber(pair: tuple[Any, Any]) -> Subscriber:
    asked, said = pair
    return Subscriber(
        email=said.address,
        topic=said.topic,
        asked_at=moment(asked.at_us).isoformat(timespec="seconds") if asked else "",
        asked_from=asked.remote if asked else "",
        confirmed_at=moment(said.at_us).isoformat(timespec="seconds"),
        confirmed_from=said.remote,
        confirmed_with=said.agent,
        agreed_to=said.wording,
    )


def _cells(each: Subscriber) -> list[str]:
    return [getattr(each, name) for name in COLUMNS]


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
