"""From events to one state a mail: aggregates in which neither order nor repetition can matter.

Every event of a mail goes into smallest and greatest values alone, so that a repeated event changes nothing but
`events`; what is to be counted exactly is looked at again where a kind occurs twice (see `repeats`).
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from functools import reduce
from typing import Final

import narwhals as nw

from hygiene.engines.engine import Frame
from hygiene.event import BounceClass, EventKind
from hygiene.metrics.census import FAILED, Census, sourced
from hygiene.metrics.table import State

#: the time of an event without one: later than any other, and taken out again
UNDATED: Final = 1 << 62
#: machines that are told as such; what came through an image proxy may be a person's
MACHINES: Final = ("mpp", "scanner")
#: between status and reason of what was said: no platform writes it
_BREAK: Final = "\x1f"
SLICED: Final = ("campaign", "variant", "segment", "stream", "domain", "provider")

#: how bad it is; the worst of a mail counts
_REJECTED, _DEFERRED = 6, 1
_SEVERITY: Final = {BounceClass.HARD: 5, BounceClass.BLOCK: 4, BounceClass.SOFT: 3, BounceClass.UNKNOWN: 2}
#: columns of `gather` that hold the first time of a kind
_FIRST: Final = {
    "sent_at": EventKind.SENT,
    "delivered_at": EventKind.DELIVERED,
    "bounced_at": EventKind.BOUNCED,
    "complained_at": EventKind.COMPLAINED,
    "opened_at": EventKind.OPENED,
    "clicked_at": EventKind.CLICKED,
    "replied_at": EventKind.REPLIED,
    "unsubscribed_at": EventKind.UNSUBSCRIBED,
}
_LAST: Final = {
    "bounced_last": EventKind.BOUNCED,
    "unsubscribed_last": EventKind.UNSUBSCRIBED,
}
#: each kind once, as a column of `gather` that is null without it
_SEEN: Final = (*_FIRST, "resubscribed_last", "rejections", "deferrals")
_TOLD: Final = {"open_told", "click_told"}
_WORDS: Final = ("smtp_status", "reason")  # what is said of a failure


def is_one_of(column: str, words: Iterable[str]) -> nw.Expr:
    """Whether a text is one of a few words: compared word by word, not as a list that is made for each row."""
    return reduce(operator.or_, (nw.col(column) == str(word) for word in words))


def is_human() -> nw.Expr:
    """Whether no machine is known to have opened or clicked."""
    return ~is_one_of("machine", MACHINES).fill_null(value=False)


def at(census: Census) -> nw.Expr:
    """When an event happened; UNDATED, where that is not told."""
    return nw.col("ts_us").fill_null(UNDATED) if census.undated else nw.col("ts_us")


def gather(events: Frame, census: Census) -> Frame:
    """One row a mail that any event names, from events with the columns of its key.

    What the census says does not occur is not looked for: that halves the work on most logs.
    """
    wanted = {
        **{name: (kind, _when(kind, at(census)).min()) for name, kind in _FIRST.items()},
        **{name: (kind, _when(kind, at(census)).max()) for name, kind in _LAST.items()},
        "rejections": (EventKind.REJECTED, _when(EventKind.REJECTED, nw.lit(1)).max()),
        "deferrals": (EventKind.DEFERRED, _when(EventKind.DEFERRED, nw.lit(1)).max()),
        "human_open": (EventKind.OPENED, _when(EventKind.OPENED, at(census), is_human()).min()),
        "human_click": (EventKind.CLICKED, _when(EventKind.CLICKED, at(census), is_human()).min()),
    }
    # one that is not dated undoes nothing, whenever another one was
    undone = _when(EventKind.RESUBSCRIBED, nw.col("ts_us").fill_null(-UNDATED))
    wanted["resubscribed_last"] = (EventKind.RESUBSCRIBED, undone.max())
    if EventKind.RESUBSCRIBED not in census.kinds:
        del wanted["unsubscribed_last"]
    made = {name: value for name, (kind, value) in wanted.items() if kind in census.kinds}
    if census.kinds & {*FAILED}:
        made["severity"] = _severity().max()
        if census.tells & {*_WORDS}:
            made["said"] = _said().max()
    if census.tells_tracking:
        made |= {f"{what}_told": _told(what).max() for what in ("open", "click")}
    made |= {name: nw.col(name).max() for name in SLICED if name in census.tells}
    if census.undated or EventKind.REJECTED in census.kinds or census.named(without="says_sends"):
        made["first_at"] = nw.col("ts_us").min()  # of mails without a dated send
    gathered = sourced(events.group_by(*census.key).agg(events=nw.len(), **made), census)
    numbers = {
        *_FIRST,
        *_LAST,
        "resubscribed_last",
        "rejections",
        "deferrals",
        "human_open",
        "human_click",
        "first_at",
        "severity",
    }
    missing = {name: nw.lit(None, nw.Int64) for name in sorted(numbers | _TOLD) if name not in made}
    missing |= {name: nw.lit(None, nw.String) for name in (*SLICED, "said") if name not in made}
    seen = [_flag(~nw.col(name).is_null()) for name in _SEEN if name in made]
    kinds = reduce(operator.add, seen, nw.lit(0, nw.Int64))
    return gathered.with_columns(**missing, kinds=kinds)


def _when(kind: EventKind, value: nw.Expr, also: nw.Expr | None = None) -> nw.Expr:
    condition = nw.col("kind") == kind.value
    return nw.when(condition if also is None else condition & also).then(value)


def _flag(condition: nw.Expr) -> nw.Expr:
    return nw.when(condition).then(nw.lit(1, nw.Int64)).otherwise(nw.lit(0, nw.Int64))


def _told(what: str) -> nw.Expr:
    """2: tracked, 1: not; the greatest of a mail counts."""
    tracked = nw.col("tracked")
    return (
        nw.when(is_one_of("tracked", [what, "both"]))
        .then(nw.lit(2, nw.Int64))
        .when(~tracked.is_null())
        .then(nw.lit(1, nw.Int64))
    )


def _severity() -> nw.Expr:
    """How bad a rejection, bounce or deferral is; null for all else."""
    kind, bounce = nw.col("kind"), nw.lit(_SEVERITY[BounceClass.UNKNOWN], nw.Int64)
    for name in (BounceClass.HARD, BounceClass.BLOCK, BounceClass.SOFT):
        is_it = (nw.col("bounce_class") == name.value).fill_null(value=False)
        bounce = nw.when(is_it).then(nw.lit(_SEVERITY[name], nw.Int64)).otherwise(bounce)
    return (
        nw.when(kind == EventKind.BOUNCED.value)
        .then(bounce)
        .when(kind == EventKind.REJECTED.value)
        .then(nw.lit(_REJECTED, nw.Int64))
        .when(kind == EventKind.DEFERRED.value)
        .then(nw.lit(_DEFERRED, nw.Int64))
    )


def _said() -> nw.Expr:
    """What was said of a rejection, bounce or deferral, after how bad it is: the greatest is the worst."""
    words = [nw.col(name).fill_null("") for name in _WORDS]
    said = nw.concat_str(_severity().cast(nw.String), *words, separator=_BREAK)
    return nw.when(is_one_of("kind", FAILED)).then(said)


def establish(gathered: Frame, census: Census) -> Frame:
    """The mails with `known`: whether the log proves that the mail was handed over within it.

    A source that tells of sends tells of all of them. Elsewhere a delivery, bounce or deferral proves the
    sending. A rejection is a mail of its own anywhere.
    """
    silent = census.named(without="says_sends")
    sent = ~nw.col("sent_at").is_null() | ~nw.col("rejections").is_null()
    if not silent:
        return gathered.with_columns(known=sent)
    proof = reduce(
        operator.or_, (~nw.col(name).is_null() for name in ("delivered_at", "bounced_at", "deferrals"))
    )
    return gathered.with_columns(known=sent | (nw.col("source").is_in(silent) & proof))


def decide(mails: Frame, census: Census) -> Frame:
    """The mails with their state, and what it rests on."""
    bounced, delivered = ~nw.col("bounced_at").is_null(), ~nw.col("delivered_at").is_null()
    rejected, sent = ~nw.col("rejections").is_null(), ~nw.col("sent_at").is_null()
    proofs = ("delivered_at", "opened_at", "clicked_at", "complained_at", "replied_at", "unsubscribed_at")
    arrived = reduce(operator.or_, (~nw.col(name).is_null() for name in proofs))
    silent = census.named(without="says_deliveries")
    if silent:
        arrived = arrived | nw.col("source").is_in(silent)
    state = (
        nw.when(rejected)
        .then(nw.lit(State.REJECTED.value))
        .when(bounced)
        .then(nw.lit(State.BOUNCED.value))
        .when(arrived)
        .then(nw.lit(State.DELIVERED.value))
        .otherwise(nw.lit(State.PENDING.value))
    )
    concluded = (arrived & ~bounced & ~delivered) | ~sent
    return mails.with_columns(
        state=state,
        late=bounced & delivered & ~rejected & (nw.col("bounced_last") >= nw.col("delivered_at")),
        arrived=~rejected & (delivered | (arrived & ~bounced)),
        inferred=~rejected & concluded,
        deferred=~nw.col("deferrals").is_null(),
        bounce_class=_worst_bounce(bounced & ~rejected),
        **_heard(census),
    ).with_columns(late=nw.col("late").fill_null(value=False))


def _worst_bounce(bounced: nw.Expr) -> nw.Expr:
    worst = nw.lit(BounceClass.UNKNOWN.value)
    for name in (BounceClass.SOFT, BounceClass.BLOCK, BounceClass.HARD):
        worst = nw.when(nw.col("severity") == _SEVERITY[name]).then(nw.lit(name.value)).otherwise(worst)
    return nw.when(bounced).then(worst)


def _heard(census: Census) -> dict[str, nw.Expr]:
    """Status and reason of the worst event; a deferral that led to a delivery says nothing of the mail."""
    if not census.tells & {*_WORDS}:
        return {name: nw.lit(None, nw.String) for name in _WORDS}
    final = (nw.col("severity") > _DEFERRED) | nw.col("delivered_at").is_null()
    words = nw.when(final).then(nw.col("said")).str.split(_BREAK)
    told = {name: words.list.get(place) for place, name in enumerate(_WORDS, start=1)}
    return {name: nw.when(word != "").then(word) for name, word in told.items()}


def dated(name: str) -> nw.Expr:
    """A time, null where the event had none."""
    return nw.when(nw.col(name) < UNDATED).then(nw.col(name))
