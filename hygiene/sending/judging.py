"""What a reply makes of a mail: its state, its events, and whether its person is to be suppressed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from hygiene.bounce import Action, Blame, BounceReason, Verdict
from hygiene.bounces.refusal import classify_reply
from hygiene.event import BounceClass, EventKind
from hygiene.finding import Confidence
from hygiene.sending.outbox import IN_DOUBT, End
from hygiene.sending.pace import SECOND_US, retry_wait_s
from hygiene.sending.reply import Outcome, Phase, Reply
from hygiene.sending.states import State
from hygiene.soft_bounces import OUTBOX

SOURCE: Final = OUTBOX  # of the events it writes
MOST_TRIES: Final = 8  # of a mail that is refused for good through no fault of its recipient

#: refused for good, but not because of the recipient: tried again, so that our fault costs nobody a mail
_AGAIN: Final = frozenset({Action.RETRY, Action.SLOW, Action.STOP})
#: refused before a recipient was named
_OURS: Final = frozenset({Phase.AUTH, Phase.EHLO, Phase.TLS, Phase.MAIL})
_WORDS: Final = 500  # characters of a reply that are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What is to be written of one try, in one transaction."""

    end: End
    events: tuple[dict[str, Any], ...]
    suppress: bool = False
    verdict: Verdict | None = None  # of a refusal

    @property
    def ours(self) -> bool:
        """Whether the fault is on the sender's side, and going slower would not mend it."""
        return self.verdict is not None and self.verdict.blame is Blame.SENDER and not self.too_fast

    @property
    def too_fast(self) -> bool:
        """Whether it was refused because mail came too fast."""
        return self.verdict is not None and self.verdict.reason.about.action is Action.SLOW


def judge_reply(row: Mapping[str, Any], about: Mapping[str, Any], reply: Reply, now_us: int) -> Judged:
    """The end of a try with a verdict: sent, deferred, refused or unknown.

    `row` is the mail's row of the outbox, `about` what its events say of it: campaign, stream, message_id,
    domain, variant.
    """
    if reply.outcome is Outcome.SENT:
        kinds = (EventKind.SENT, EventKind.DELIVERED)  # to the next server: what comes back later is a bounce
        events = tuple(_event(row, about, kind, now_us) for kind in kinds)
        return Judged(end=_end(row, reply, State.SENT), events=events)
    if reply.outcome is Outcome.UNKNOWN:
        end = _end(row, reply, State.UNKNOWN, reason=_mark(row))
        return Judged(end=end, events=(_event(row, about, EventKind.SENT, now_us),))
    verdict = classify_reply(reply.code or 0, reply.status, reply.text, reply.phase, row["provider"])
    if reply.phase in _OURS and reply.outcome is Outcome.REFUSED and verdict.blame is not Blame.SENDER:
        verdict = Verdict(reason=BounceReason.REJECTED, confidence=Confidence.LIKELY, evidence=reply.text)
    if _comes_again(row, reply, verdict):
        return _deferred(row, about, reply, verdict, now_us)
    return _failed(row, about, reply, verdict, now_us)


def _mark(row: Mapping[str, Any]) -> str:
    """Of a mail that is sent again after a doubt: it keeps that until its end, lest it be resent once more."""
    return IN_DOUBT if row["reason"] == IN_DOUBT else ""


def _comes_again(row: Mapping[str, Any], reply: Reply, verdict: Verdict) -> bool:
    if reply.outcome is Outcome.DEFERRED or verdict.only_retry:
        return True
    return verdict.reason.about.action in _AGAIN and row["tries"] + 1 < MOST_TRIES


def _deferred(
    row: Mapping[str, Any], about: Mapping[str, Any], reply: Reply, verdict: Verdict, now_us: int
) -> Judged:
    wait_s = retry_wait_s(row["tries"] + 1, row["ref"], reply.retry_after_s)
    due_us = now_us + round(wait_s * SECOND_US)
    end = _end(row, reply, State.DEFERRED, reason=_mark(row) or verdict.reason, due_us=due_us)
    said = _said(reply, verdict)
    events = (
        _event(row, about, EventKind.SENT, now_us),
        _event(row, about, EventKind.DEFERRED, now_us, number=row["tries"] + 1, said=said),
    )
    return Judged(end=end, events=events, verdict=verdict)


def _failed(
    row: Mapping[str, Any], about: Mapping[str, Any], reply: Reply, verdict: Verdict, now_us: int
) -> Judged:
    facts = verdict.reason.about
    said = _said(reply, verdict) | {"bounce_class": facts.bounce_class or BounceClass.UNKNOWN}
    events = (
        _event(row, about, EventKind.SENT, now_us),
        _event(row, about, EventKind.BOUNCED, now_us, said=said),
    )
    return Judged(
        end=_end(row, reply, State.FAILED, reason=verdict.reason),
        events=events,
        suppress=facts.hard and verdict.confidence is not Confidence.GUESS,
        verdict=verdict,
    )


def judge_suppressed(row: Mapping[str, Any], about: Mapping[str, Any], why: str, now_us: int) -> Judged:
    """Found when its turn came: the person must not be mailed."""
    end = End(id=row["id"], state=State.SUPPRESSED, tries=0, reason=why)
    return Judged(
        end=end, events=(_event(row, about, EventKind.REJECTED, now_us, said={"reason": f"suppressed: {why}"}),)
    )


def judge_unfit(row: Mapping[str, Any], about: Mapping[str, Any], why: str, now_us: int) -> Judged:
    """No mail can be made of its fields: it never left."""
    end = End(
        id=row["id"], state=State.FAILED, tries=0, reply=why[:_WORDS], reason=BounceReason.CONTENTERROR.value
    )
    return Judged(end=end, events=(_event(row, about, EventKind.REJECTED, now_us, said={"reason": why}),))


def events_of_ended(
    row: Mapping[str, Any], about: Mapping[str, Any], now_us: int
) -> tuple[dict[str, Any], ...]:
    """The events of a mail that came to its end without a reply: in doubt, or expired."""
    if row["state"] == State.UNKNOWN:
        return (_event(row, about, EventKind.SENT, now_us),)
    if not row["tries"]:
        return (_event(row, about, EventKind.REJECTED, now_us, said={"reason": "expired before it was sent"}),)
    said = {
        "smtp_status": row["status"] or None,
        "reason": row["reply"] or "expired",
        "bounce_class": BounceClass.SOFT,
    }
    return (_event(row, about, EventKind.BOUNCED, now_us, said=said),)


def event_of_resolved(row: Mapping[str, Any], about: Mapping[str, Any], now_us: int) -> dict[str, Any]:
    """The event of a mail in doubt that somebody knows to have been taken."""
    return _event(row, about, EventKind.DELIVERED, now_us)


def _end(
    row: Mapping[str, Any], reply: Reply, state: State, *, reason: str = "", due_us: int | None = None
) -> End:
    return End(
        id=row["id"],
        state=state,
        tries=1,
        due_us=due_us,
        code=reply.code,
        status=reply.status,
        reply=reply.text[:_WORDS],
        reason=str(reason),
        remote=reply.remote_id,
    )


def _said(reply: Reply, verdict: Verdict) -> dict[str, str | None]:
    return {"smtp_status": reply.status or None, "reason": reply.text[:_WORDS] or verdict.reason.about.meaning}


def _event(
    row: Mapping[str, Any],
    about: Mapping[str, Any],
    kind: EventKind,
    now_us: int,
    *,
    number: int = 0,
    said: Mapping[str, str | None] = MappingProxyType({}),
) -> dict[str, Any]:
    """A row of the event table; its id is natural, so that writing it again changes nothing."""
    parts = [SOURCE, row["ref"], kind.value, *([str(number)] if number else [])]
    return {
        **about,
        "event_id": ":".join(parts),
        "message": row["id"],
        "source": SOURCE,
        "recipient": row["recipient"],
        "provider": row["provider"],
        "kind": kind.value,
        "ts_us": now_us,
        "bounce_class": None,
        "smtp_status": None,
        "reason": None,
        **said,
    }
