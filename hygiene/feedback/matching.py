"""From what came back to the mails of the outbox it is about, in few statements for many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select

from hygiene.address import Address, judge_address
from hygiene.bounce import Bounce, BounceKind
from hygiene.config import FeedbackSettings
from hygiene.feedback.clues import Clues
from hygiene.feedback.incoming import Incoming
from hygiene.feedback.judging import Fate, Matched, choose, judge
from hygiene.feedback.mails import Mail, Mails, find_mails, find_mails_to
from hygiene.finding import Confidence
from hygiene.period import read_period
from hygiene.sending.states import State
from hygiene.suppression_forms import Form, Reason, digest
from hygiene.tables import SUPPRESSION

_LEFT: Final = {State.SENT, State.UNKNOWN, State.DATA, State.FAILED}  # mails that reached a server
_BATCH: Final = 500
_ACTING: Final = {BounceKind.BOUNCE, BounceKind.COMPLAINT}


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A mail that came back, and what it says; `bounces` is None where reading it failed."""

    incoming: Incoming
    bounces: tuple[Bounce, ...] | None
    clues: Clues

    @property
    def verdict(self) -> str:
        """What kind of mail it is, in the words of the table of mails received."""
        if self.bounces is None:
            return "unread"
        return self.bounces[0].kind.value if self.bounces else "none"


def match_all(
    connection: Connection, letters: Sequence[Letter], secret: bytes, policy: FeedbackSettings, now: datetime
) -> list[Fate]:
    """The fates of everything that these mails say."""
    refs = {ref for each in letters for ref in (*each.clues.tokens, *each.clues.refs)}
    mails = find_mails(connection, refs, {remote for each in letters for remote in each.clues.remotes})
    by_clues = [_by_clues(each.clues, mails, secret) for each in letters]
    named = (each for each, found in zip(letters, by_clues, strict=True) if found is None)
    people = _People(_mailed(connection, named, secret, policy, now), _erased(connection, letters, secret))
    fates: list[Fate] = []
    for letter, found in zip(letters, by_clues, strict=True):
        fates += _fates(letter, found, people, secret, policy, now)
    return fates


@dataclass(frozen=True)
class _People:
    """Whom mails name: the newest mail to each by keyed hash, and the hashes of those who were erased."""

    mailed: Mapping[str, Mail]
    erased: frozenset[str]


def _erased(connection: Connection, letters: Iterable[Letter], secret: bytes) -> frozenset[str]:
    addresses = {bounce.recipient for letter in letters for bounce in letter.bounces or ()}
    hashes = sorted(filter(None, (_mailbox(address, secret) for address in addresses)))
    s, found = SUPPRESSION.c, set[str]()
    for start in range(0, len(hashes), _BATCH):
        part = s.mailbox.in_(hashes[start : start + _BATCH])
        found |= set(connection.scalars(select(s.mailbox).where(part, s.reason == Reason.ERASED.value)))
    return frozenset(found)


def _by_clues(clues: Clues, mails: Mails, secret: bytes) -> Matched | None:
    for by, refs in (("token", clues.tokens), ("reference", clues.refs)):
        for ref in refs:
            if ref in mails.by_ref:
                return _matched(mails.by_ref[ref], by, secret)
    found = [row for remote in clues.remotes for row in mails.by_remote.get(remote, ())]
    return _matched(found[0], "provider's id", secret) if len(found) == 1 else None


def _matched(mail: Mail, by: str, secret: bytes) -> Matched:
    return Matched(mail=mail, by=by, person=_mailbox(mail["recipient"], secret))


def _mailed(
    connection: Connection, letters: Iterable[Letter], secret: bytes, policy: FeedbackSettings, now: datetime
) -> dict[str, Mail]:
    """The newest mails that reached a server lately, by the keyed hashes of the people who are named."""
    since_us = round(read_period(policy.mailed_within).before(now).timestamp() * 1_000_000)
    wanted = {
        key
        for letter in letters
        for bounce in letter.bounces or ()
        if _may_count(bounce, letter.clues, policy) and (key := _key(bounce.recipient, secret))
    }
    found: dict[str, Mail] = {}
    for row in find_mails_to(connection, wanted):
        newer = row["key"] not in found or row["id"] > found[row["key"]]["id"]
        if newer and row["state"] in _LEFT and row["changed_us"] >= since_us:
            found[row["key"]] = row
    return found


def _may_count(bounce: Bounce, clues: Clues, policy: FeedbackSettings) -> bool:
    """Whether an address that is only named may be believed: the wish to leave of whoever writes always is."""
    if bounce.kind is BounceKind.UNSUBSCRIBE:
        return bounce.recipient is not None and bounce.recipient == clues.sender
    sure = bounce.confidence is Confidence.SURE
    return policy.trust == "recipient" and bounce.kind in _ACTING and sure


def _mailbox(address: str | None, secret: bytes) -> str | None:
    person = judge_address(address or "")
    return digest(person.mailbox, Form.HMAC, secret) if isinstance(person, Address) else None


def _key(address: str | None, secret: bytes) -> str | None:
    person = judge_address(address or "")
    return digest(person.key, Form.HMAC, secret) if isinstance(person, Address) else None


def _fates(  # noqa: PLR0917
    letter: Letter,
    found: Matched | None,
    people: _People,
    secret: bytes,
    policy: FeedbackSettings,
    now: datetime,
) -> Iterator[Fate]:
    told = list(letter.bounces or ())
    place, clues = letter.incoming.place, letter.clues
    if found is not None and told:
        bounce, certain = choose(told, found.mail["recipient"])
        key = letter.incoming.digest
        yield judge(bounce, clues, found, certain=certain, place=place, key=key, erased=False, now=now)
        return
    for number, bounce in enumerate(told):
        named = _key(bounce.recipient, secret) if _may_count(bounce, clues, policy) else None
        mail = people.mailed.get(named or "")
        matched = _matched(mail, "recipient", secret) if mail is not None else None
        key = f"{letter.incoming.digest}:{number}"
        gone = _mailbox(bounce.recipient, secret) in people.erased
        yield judge(bounce, clues, matched, certain=True, place=place, key=key, erased=gone, now=now)
