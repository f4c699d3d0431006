"""What one thing that came back makes of the mail it is about: an event, and whether it counts. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from hygiene.address import split
from hygiene.bounce import Blame, Bounce, BounceKind
from hygiene.event import BounceClass, EventKind
from hygiene.feedback.clues import Clues
from hygiene.feedback.mails import Mail, facts_of
from hygiene.finding import Confidence
from hygiene.tables import EVENT

SOURCE: Final = "feedback"  # of events that are of no mail of ours; the others' is the outbox's

_KINDS: Final = {
    BounceKind.BOUNCE: EventKind.BOUNCED,
    BounceKind.DELAYED: EventKind.DEFERRED,
    BounceKind.DELIVERED: EventKind.DELIVERED,
    BounceKind.COMPLAINT: EventKind.COMPLAINED,
    BounceKind.UNSUBSCRIBE: EventKind.UNSUBSCRIBED,
}
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
_WORDS: Final = 500  # characters of what a server said that are kept
_EMPTY: Final = dict.fromkeys(EVENT.c.keys())


@dataclass(frozen=True, kw_only=True)
class Matched:
    """The mail that something is about, and what says so: token, reference, provider's id, or recipient."""

    mail: Mail
    by: str
    person: str | None = None  # HMAC of the mailbox key of whom it was for


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What is to be written of one thing that came back."""

    bounce: Bounce
    place: str
    matched: Matched | None
    row: dict[str, Any] | None  # of the event table; None where nothing is written
    leaves: bool = False  # a wish to leave that is believed
    everything: bool = False  # and it says of no list which

    @property
    def sender_fault(self) -> bool:
        """Whether it failed because of us: then nobody is suppressed."""
        return self.bounce.kind is BounceKind.BOUNCE and self.bounce.blame is Blame.SENDER

    @property
    def counts(self) -> bool:
        """Whether the event says something of a person: it is of a mail of ours."""
        return self.matched is not None and self.row is not None


def choose(bounces: Sequence[Bounce], recipient: str | None) -> tuple[Bounce, bool]:
    """Of what a report says of several, that of the one our mail was for; and whether that is certain.

    Our mails are for one person each: a single one that is named is that person, wherever it was forwarded to.
    """
    same = [each for each in bounces if each.recipient and each.recipient == (recipient or "").lower()]
    return (same or list(bounces))[0], bool(same) or len(bounces) == 1


def judge(
    bounce: Bounce,
    clues: Clues,
    matched: Matched | None,
    *,
    certain: bool,
    place: str,
    key: str,
    erased: bool,
    now: datetime,
) -> Fate:
    """The fate of one thing. `key` is its own in the event table where it belongs to no mail.

    Of somebody `erased` the event names nobody, and keeps no words of a server either, as those name people.
    """
    kind = _KINDS.get(bounce.kind)
    if kind is None:
        return Fate(bounce=bounce, place=place, matched=matched, row=None)
    asks = bounce.kind is BounceKind.UNSUBSCRIBE
    if asks and matched is not None and not _may_leave(clues, matched):
        matched = None
    row = _row(bounce, matched, kind, _microseconds(clues.sent, now), key=key, certain=certain)
    if erased or (matched is not None and not matched.mail["recipient"]):
        row |= {"recipient": None, "domain": None, "reason": bounce.reason.about.meaning}
    return Fate(
        bounce=bounce,
        place=place,
        matched=matched,
        row=row,
        leaves=asks and matched is not None,
        everything=asks and matched is not None and _is_of_no_list(matched),
    )


def _may_leave(clues: Clues, matched: Matched) -> bool:
    """Whoever has the token of a mail, or writes from the address it was sent to."""
    mail = matched.mail
    own = clues.sender is not None and clues.sender == (mail["recipient"] or "").lower()
    return own or clues.leaving == mail["ref"]


def _is_of_no_list(matched: Matched) -> bool:
    return matched.by == "recipient" or matched.mail["stream"] != "marketing"


def _row(
    bounce: Bounce, matched: Matched | None, kind: EventKind, ts_us: int, *, key: str, certain: bool
) -> dict[str, Any]:
    """A row of the event table; its id is natural, so that the same thing twice is one.

    What belongs to no mail of ours is kept under the kind that says nothing of anybody.
    """
    said = clean(bounce.evidence or bounce.diagnostic or bounce.reason.about.meaning)
    common = {"ts_us": ts_us, "smtp_status": clean(bounce.status) or None, "reason": said}
    if matched is None:
        recipient = clean(bounce.recipient or "") or None
        return {
            **_EMPTY,
            **common,
            "event_id": f"{SOURCE}:{key}",
            "source": SOURCE,
            "recipient": recipient,
            "domain": split(recipient)[1].lower() or None if recipient else None,
            "kind": EventKind.UNKNOWN.value,
            "reason": f"{kind.value}, of no mail of ours: {said}",
        }
    parts = [SOURCE, matched.mail["ref"], kind.value]
    if kind is EventKind.BOUNCED:
        parts.append(bounce.reason.value)
    return {
        **_EMPTY,
        **facts_of(matched.mail),
        **common,
        "event_id": ":".join(parts),
        "kind": kind.value,
        "bounce_class": _bounce_class(bounce, certain=certain) if kind is EventKind.BOUNCED else None,
    }


def _bounce_class(bounce: Bounce, *, certain: bool) -> BounceClass:
    """The class of a bounce; a guess is never hard."""
    found = bounce.bounce_class or BounceClass.UNKNOWN
    sure = certain and bounce.confidence is not Confidence.GUESS
    return BounceClass.UNKNOWN if found is BounceClass.HARD and not sure else found


def _microseconds(sent: datetime | None, now: datetime) -> int:
    """When it was sent, by its own word, but never later than now."""
    moment = min(max(sent, datetime(1970, 1, 1, tzinfo=UTC)), now) if sent else now
    return round(moment.timestamp() * 1_000_000)


def clean(text: str) -> str:
    """A text on one line, without what breaks logs and databases."""
    return _CONTROL.sub(" ", text).strip()[:_WORDS]
