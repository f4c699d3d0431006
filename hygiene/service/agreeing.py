"""Agreeing to a list and coming back to it, with evidence: who, to what words, when, whence (GDPR Art. 7(1)).

Steps inside a transaction. What a person does here undoes their own opt-outs, never a bounce or a complaint.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from hygiene.event import EventKind
from hygiene.sending.ledger import write_events
from hygiene.service.leaving import EVERYTHING, consent_row
from hygiene.service.people import Origin, Sending
from hygiene.store import insert_into
from hygiene.suppression_forms import Form, Reason
from hygiene.tables import CAMPAIGN, CONSENT, OPT_OUT, SUPPRESSION

ASKED: Final = "asked"
CONFIRMED: Final = "confirmed"
WITHDRAWN: Final = "withdrawn"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Somebody, perhaps its owner, gave an address for a list."""

    person: str
    topic: str
    wording: str
    at_us: int


def is_erased(connection: Connection, person: str) -> bool:
    """Whether a person asked to be forgotten: nothing of them is written down again."""
    s = SUPPRESSION.c
    query = select(s.mailbox).where(s.mailbox == person, s.reason == Reason.ERASED).limit(1)
    return connection.scalar(query) is not None


def asked_by(connection: Connection, person: str) -> list[Asked]:
    """What was asked for in a person's name, latest first."""
    c = CONSENT.c
    query = (
        select(c.person, c.topic, c.wording, c.at_us)
        .where(c.person == person, c.act == ASKED)
        .order_by(c.at_us.desc(), c.id.desc())
    )
    return [
        Asked(person=row.person, topic=row.topic, wording=row.wording, at_us=row.at_us)
        for row in connection.execute(query)
    ]


def ask(connection: Connection, asked: Asked, address: str, origin: Origin) -> None:
    """Write down that it was asked for; that is no consent yet."""
    connection.execute(
        insert(CONSENT).values(
            person=asked.person,
            address=address,
            topic=asked.topic,
            act=ASKED,
            wording=asked.wording,
            remote=origin.remote,
            agent=origin.agent,
            at_us=asked.at_us,
        )
    )


def agree(  # noqa: PLR0917 - the evidence
    connection: Connection, mail: Sending, topic: str, wording: str, origin: Origin, now_us: int
) -> bool:
    """Write down that a person wants a list, and lift what kept it from them; False if they had it already.

    An opt-out of all marketing that they asked for ends too, and leaves them out of the other lists.
    """
    if _wants(connection, mail.person, topic):
        return False
    connection.execute(insert(CONSENT).values(consent_row(mail, topic, CONFIRMED, wording, origin, now_us)))
    if _lift(connection, mail.person):
        others = [each for each in topics_of(connection) if each != topic]
        _opt_out(connection, mail.person, others, now_us)
    o = OPT_OUT.c
    left = connection.execute(delete(OPT_OUT).where(o.topic == topic, o.person == mail.person)).rowcount
    if left:
        write_events(connection, [mail.event(EventKind.RESUBSCRIBED, now_us, number=str(now_us))])
    return True


def _wants(connection: Connection, person: str, topic: str) -> bool:
    """Whether the last word about a list was a confirmation, and nothing speaks against it."""
    c, o = CONSENT.c, OPT_OUT.c
    last = (
        select(c.act)
        .where(c.person == person, c.topic.in_((topic, EVERYTHING)), c.act != ASKED)
        .order_by(c.at_us.desc(), c.id.desc())
        .limit(1)
    )
    against = connection.scalar(select(o.person).where(o.topic == topic, o.person == person))
    return connection.scalar(last) == CONFIRMED and not against and not has_left_all(connection, person)


def has_left_all(connection: Connection, person: str) -> bool:
    """Whether a person wants no marketing at all."""
    return connection.scalar(select(SUPPRESSION.c.mailbox).where(*_own_wish(person)).limit(1)) is not None


def _lift(connection: Connection, person: str) -> bool:
    return bool(connection.execute(delete(SUPPRESSION).where(*_own_wish(person))).rowcount)


def _own_wish(person: str) -> tuple[ColumnElement[bool], ...]:
    s = SUPPRESSION.c
    return s.mailbox == person, s.form == Form.ADDRESS.value, s.reason == Reason.UNSUBSCRIBED.value


def topics_of(connection: Connection, also: Iterable[str] = ()) -> list[str]:
    """The lists that there are: of campaigns so far, and those the settings name."""
    query = select(CAMPAIGN.c.topic).where(CAMPAIGN.c.stream == "marketing").distinct()
    return sorted({*connection.scalars(query), *also} - {EVERYTHING})


def topics_left(connection: Connection, person: str) -> set[str]:
    """The lists that a person has left."""
    return set(connection.scalars(select(OPT_OUT.c.topic).where(OPT_OUT.c.person == person)))


def _opt_out(connection: Connection, person: str, topics: Sequence[str], now_us: int) -> None:
    rows = [{"topic": topic, "person": person, "since_us": now_us, "source": "page"} for topic in topics]
    if rows:
        new = insert_into(connection, OPT_OUT).on_conflict_do_nothing(index_elements=["topic", "person"])
        connection.execute(new, rows)


def choose(  # noqa: PLR0917 - likewise
    connection: Connection, mail: Sending, wanted: set[str], topics: Sequence[str], origin: Origin, now_us: int
) -> None:
    """Set which lists a person gets: a change is written down with its evidence, what stays is not."""
    off = topics_left(connection, mail.person)
    nothing_now = has_left_all(connection, mail.person)
    for topic in topics:
        gets = topic not in off and not nothing_now
        if topic in wanted and not gets:
            agree(connection, mail, topic, f"{topic}: on", origin, now_us)
        elif topic not in wanted and gets:
            _opt_out(connection, mail.person, [topic], now_us)
            row = consent_row(mail, topic, WITHDRAWN, f"{topic}: off", origin, now_us)
            connection.execute(insert(CONSENT).values(row))
            write_events(connection, [mail.event(EventKind.UNSUBSCRIBED, now_us)])
