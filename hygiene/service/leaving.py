"""Leaving a list, or all marketing: what is written, in one transaction. Receipts are never touched by it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, insert, select

from hygiene.contacts.suppression.workspace import suppress_within
from hygiene.event import EventKind
from hygiene.sending.ledger import moment, write_events
from hygiene.service.people import Origin, Sending, find_sendings
from hygiene.store import insert_into
from hygiene.suppression_forms import Reason
from hygiene.tables import CONSENT, OPT_OUT, SUPPRESSION

EVERYTHING: Final = ""  # in place of a topic: all marketing


@dataclass(frozen=True, kw_only=True)
class Leave:
    """A wish to leave. `how` is one-click or page, `wording` what the person saw and pressed."""

    ref: str
    everything: bool = False
    how: str
    wording: str
    origin: Origin


def leave_all(connection: Connection, wishes: Sequence[Leave], key: bytes, now_us: int) -> list[Sending | None]:
    """Write down who left what; the mail of each wish, None where none is known.

    Who has left before leaves again without a trace: a token is good for as long as mail lies in inboxes.
    Of a mail that belongs to no list, as receipts do not, one leaves all marketing.
    """
    known = find_sendings(connection, [wish.ref for wish in wishes], key)
    mine = [(wish, known[wish.ref]) for wish in wishes if wish.ref in known]
    wide = [(wish, mail) for wish, mail in mine if wish.everything or not mail.marketing]
    lists = [(wish, mail) for wish, mail in mine if not wish.everything and mail.marketing]
    rows = [
        *_consents(lists, _opt_out(connection, lists, now_us), now_us),
        *_consents(wide, _suppress(connection, wide, key, now_us), now_us),
    ]
    if rows:
        connection.execute(insert(CONSENT), rows)
    write_events(connection, [mail.event(EventKind.UNSUBSCRIBED, now_us) for mail in _each_once(mine)])
    return [known.get(wish.ref) for wish in wishes]


def _opt_out(
    connection: Connection, lists: Sequence[tuple[Leave, Sending]], now_us: int
) -> set[tuple[str, str]]:
    """Write opt-outs; (topic, person) of those that are new."""
    rows = {
        (mail.topic, mail.person): {
            "topic": mail.topic,
            "person": mail.person,
            "since_us": now_us,
            "source": wish.how,
        }
        for wish, mail in lists
    }
    if not rows:
        return set()
    new = (
        insert_into(connection, OPT_OUT)
        .on_conflict_do_nothing(index_elements=["topic", "person"])
        .returning(OPT_OUT.c.topic, OPT_OUT.c.person)
    )
    return {(topic, person) for topic, person in connection.execute(new, list(rows.values()))}


def _suppress(
    connection: Connection, wide: Sequence[tuple[Leave, Sending]], key: bytes, now_us: int
) -> set[tuple[str, str]]:
    """Suppress people as unsubscribed; (EVERYTHING, person) of those who were not."""
    people = {mail.person: mail for _, mail in wide if mail.recipient}
    if not people:
        return set()
    s = SUPPRESSION.c
    as_strict = (Reason.UNSUBSCRIBED, Reason.COMPLAINED, Reason.ERASED)
    query = select(s.mailbox).where(s.mailbox.in_(sorted(people)), s.reason.in_(as_strict))
    before = set(connection.scalars(query))
    new = [mail for person, mail in people.items() if person not in before]
    how = {mail.ref: wish.how for wish, mail in wide}
    for source in sorted({how[mail.ref] for mail in new}):
        addresses = [mail.recipient or "" for mail in new if how[mail.ref] == source]
        suppress_within(
            connection, key, addresses, reason=Reason.UNSUBSCRIBED, now=moment(now_us), source=source
        )
    return {(EVERYTHING, mail.person) for mail in new}


def _consents(
    pairs: Iterable[tuple[Leave, Sending]], new: set[tuple[str, str]], now_us: int
) -> list[dict[str, Any]]:
    """Evidence of each withdrawal that is new."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for wish, mail in pairs:
        for topic in (mail.topic, EVERYTHING):
            if (topic, mail.person) in new:
                row = consent_row(mail, topic, "withdrawn", wish.wording, wish.origin, now_us)
                found.setdefault((topic, mail.person), row)
    return list(found.values())


def consent_row(  # noqa: PLR0917 - the columns
    mail: Sending, topic: str, act: str, wording: str, origin: Origin, now_us: int
) -> dict[str, Any]:
    """A row of evidence."""
    return {
        "person": mail.person,
        "address": mail.recipient,
        "topic": topic,
        "act": act,
        "wording": wording,
        "remote": origin.remote,
        "agent": origin.agent,
        "at_us": now_us,
    }


def _each_once(mine: Sequence[tuple[Leave, Sending]]) -> list[Sending]:
    return list({mail.ref: mail for _, mail in mine}.values())
