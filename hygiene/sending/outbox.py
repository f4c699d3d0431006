"""The durable queue: one row a mail, and the only truth about it. SQLite or PostgreSQL, the same statements.

Everything here is one step inside a transaction of its caller. Times are given, in microseconds since 1970 UTC.
Queueing twice is impossible (unique by campaign and key), and a claim is re-checked when the last dot is due.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    Result,
    RowMapping,
    Update,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from hygiene.sending.states import CampaignState, State
from hygiene.store import insert_into
from hygiene.tables import CAMPAIGN, OUTBOX

IN_DOUBT: Final = "in doubt"  # reason of a mail that is sent again after a doubt
CUT_OFF: Final = "the program ended before the reply was written down"
_BATCH: Final = 500  # rows a statement, below SQLite's limit of parameters
_C, _O = CAMPAIGN.c, OUTBOX.c

#: a row of the outbox, by column
Row: TypeAlias = dict[str, Any]
# Written out, as the partial indexes have them.
READY: Final = _O.state == literal_column(f"'{State.READY}'")
DOUBTFUL: Final = _O.state == literal_column(f"'{State.UNKNOWN}'")
DEFERRED: Final = and_(_O.state == literal_column(f"'{State.DEFERRED}'"), _O.due_us >= 0)
LEASED: Final = _O.lease_us >= 0


@dataclass(frozen=True, kw_only=True)
class Lot:
    """Rows to claim: so many of a campaign for one provider, before a place in its order."""

    campaign: int
    provider: str
    count: int
    before: int | None = None


@dataclass(frozen=True, kw_only=True)
class End:
    """What a try came to."""

    id: int
    state: State
    tries: int  # by which to count up
    due_us: int | None = None  # of a deferral
    code: int | None = None
    status: str = ""
    reply: str = ""
    reason: str = ""
    remote: str = ""
    owner: str = ""


# Campaigns


def add_campaign(connection: Connection, values: Mapping[str, Any]) -> RowMapping:
    """The campaign of that name: a new one of these values, or the one that is there."""
    connection.execute(
        insert_into(connection, CAMPAIGN).values(dict(values)).on_conflict_do_nothing(index_elements=["name"])
    )
    return connection.execute(select(CAMPAIGN).where(_C.name == values["name"])).mappings().one()


def find_campaign(connection: Connection, name: str) -> RowMapping | None:
    """The campaign of that name."""
    return connection.execute(select(CAMPAIGN).where(_C.name == name)).mappings().one_or_none()


def campaigns(connection: Connection, *states: CampaignState) -> Sequence[RowMapping]:
    """The campaigns in these states, or all, oldest first."""
    query = select(CAMPAIGN).order_by(_C.id)
    return connection.execute(query.where(_C.state.in_(states)) if states else query).mappings().all()


def move_campaign(
    connection: Connection,
    campaign: int,
    to: CampaignState,
    *,
    among: Iterable[CampaignState],
    because: str = "",
    ended_us: int | None = None,
) -> bool:
    """Change a campaign's state where it is one of `among`; False where it is not."""
    moved = connection.execute(
        update(CAMPAIGN)
        .where(_C.id == campaign, _C.state.in_(tuple(among)))
        .values(state=to, held_because=because, ended_us=ended_us)
    )
    return bool(moved.rowcount)


# Queueing


def queue(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write mails that are not there yet."""
    if rows:
        connection.execute(_new(connection), [dict(row) for row in rows])


def queue_one(connection: Connection, row: Mapping[str, Any]) -> bool:
    """Write a mail; False where it is there already, though another program wrote it this very moment."""
    return connection.scalar(_new(connection).values(dict(row)).returning(_O.id)) is not None


def _new(connection: Connection) -> sqlite.Insert | postgresql.Insert:
    return insert_into(connection, OUTBOX).on_conflict_do_nothing(index_elements=["campaign", "key"])


# Claiming


def providers_ready(connection: Connection, campaign: int) -> list[str]:
    """The providers for which a campaign has mails ready, found by leaps through the index."""
    found: list[str] = []
    while True:
        query = select(_O.provider).where(_O.campaign == campaign, READY)
        if found:
            query = query.where(_O.provider > found[-1])
        name = connection.scalar(query.order_by(_O.provider).limit(1))
        if name is None:
            return found
        found.append(name)


def claim(connection: Connection, lot: Lot, owner: str, *, lease_us: int) -> list[Row]:
    """Take rows that are ready, in the campaign's order; other workers see them no longer."""
    wanted = and_(_O.campaign == lot.campaign, READY, _O.provider == lot.provider)
    if lot.before is not None:
        wanted = and_(wanted, _O.place < lot.before)
    running = select(_C.id).where(_C.id == lot.campaign, _C.state == CampaignState.RUNNING).exists()
    chosen = select(_O.id).where(wanted, running).order_by(_O.place).limit(lot.count)
    if connection.dialect.name == "postgresql":
        chosen = chosen.with_for_update(skip_locked=True, of=OUTBOX)
    taken = connection.execute(
        update(OUTBOX)
        .where(_O.id.in_(chosen))
        .values(state=State.CLAIMED, owner=owner, lease_us=lease_us)
        .returning(*OUTBOX.c)
    )
    return sorted(_rows(taken), key=lambda row: int(row["place"]))


def renew(connection: Connection, owner: str, *, lease_us: int) -> None:
    """Keep what a worker has for longer."""
    held = and_(LEASED, _O.owner == owner, _O.state.in_((State.CLAIMED, State.DATA)))
    connection.execute(update(OUTBOX).where(held).values(lease_us=lease_us))


def give_back(connection: Connection, ids: Sequence[int], owner: str) -> None:
    """Rows of which nothing has left are anybody's again."""
    for part in _parts(ids):
        mine = and_(_O.id.in_(part), _O.owner == owner, _O.state == State.CLAIMED)
        connection.execute(update(OUTBOX).where(mine).values(state=State.READY, owner=None, lease_us=None))


# Afterwards


def conclude(connection: Connection, ends: Sequence[End], *, now_us: int) -> int:
    """Write down what became of mails that are still the owner's, and of those in doubt, which that ends.

    That a mail was taken counts as well where it came late and nothing else was told of the next try. What else
    somebody else has by now, or resolved, stays as it is. How many ends that changed something.
    """
    changed = 0
    for statement, sent in ((_CONCLUDE, False), (_CONCLUDE_SENT, True)):
        some = [_bound(end, now_us) for end in ends if (end.state is State.SENT) is sent]
        changed += connection.execute(statement, some).rowcount if some else 0
    return changed


def _concluding(which: ColumnElement[bool]) -> Update:
    return (
        update(OUTBOX)
        .where(_O.id == bindparam("row"), which)
        .values(
            state=bindparam("to"),
            owner=None,
            lease_us=None,
            due_us=func.coalesce(bindparam("due"), _O.due_us),
            tries=_O.tries + case((_O.state == State.UNKNOWN, 0), else_=bindparam("more")),
            code=bindparam("code_"),
            status=bindparam("status_"),
            reply=bindparam("reply_"),
            reason=bindparam("reason_"),
            remote=bindparam("remote_"),
            changed_us=bindparam("now_us"),
        )
    )


_OURS: Final = or_(_O.owner == bindparam("of"), _O.state == State.UNKNOWN)
_UNTOLD: Final = (State.READY, State.CLAIMED, State.DATA, State.DEFERRED, State.CANCELLED)
_LATE: Final = or_(*(_O.state == state for state in _UNTOLD))
_CONCLUDE: Final = _concluding(_OURS)
_CONCLUDE_SENT: Final = _concluding(or_(_OURS, _LATE))


def _bound(end: End, now_us: int) -> dict[str, Any]:
    return {
        "row": end.id,
        "of": end.owner,
        "to": end.state,
        "due": end.due_us,
        "more": end.tries,
        "code_": end.code,
        "status_": end.status,
        "reply_": end.reply,
        "reason_": end.reason,
        "remote_": end.remote,
        "now_us": now_us,
    }


def sweep(connection: Connection, *, now_us: int) -> list[Row]:
    """Deferred mails that are due become ready, claims that ran out free, and what was at its last dot unknown.

    What a cancelled campaign gets back that way is cancelled.
    The rows that came to an end by that, as they are now: unknown ones, and those that expired.
    """
    late = _O.lease_us <= now_us
    _set(connection, late, _O.state == State.CLAIMED, state=State.READY, owner=None, lease_us=None)
    doubtful = _set(
        connection,
        late,
        _O.state == State.DATA,
        state=State.UNKNOWN,
        owner=None,
        lease_us=None,
        tries=_O.tries + 1,
        reply=CUT_OFF,
        changed_us=now_us,
    )
    overdue = _O.expires_us <= now_us
    expired = _set(connection, DEFERRED, overdue, _O.due_us <= now_us, state=State.EXPIRED, changed_us=now_us)
    _set(connection, DEFERRED, _O.due_us <= now_us, state=State.READY)
    ended = _O.campaign.in_(select(_C.id).where(_C.state == CampaignState.CANCELLED))
    _set(connection, READY, ended, state=State.CANCELLED, changed_us=now_us)
    return [*doubtful, *expired]


def _set(connection: Connection, *where: ColumnElement[bool], **values: Any) -> list[Row]:
    return _rows(connection.execute(update(OUTBOX).where(*where).values(**values).returning(*OUTBOX.c)))


def resend_doubts(connection: Connection, campaign: int) -> int:
    """Mails in doubt are ready once more, each a single time; how many those were."""
    once = and_(_O.campaign == campaign, DOUBTFUL, _O.reason != IN_DOUBT)
    return int(
        connection.execute(update(OUTBOX).where(once).values(state=State.READY, reason=IN_DOUBT)).rowcount
    )


def cancel_rest(connection: Connection, campaign: int, *, now_us: int) -> int:
    """Mails of a campaign that nobody is at come to their end unsent; how many those were."""
    waiting = and_(_O.campaign == campaign, _O.state.in_((State.READY, State.DEFERRED)))
    done = connection.execute(update(OUTBOX).where(waiting).values(state=State.CANCELLED, changed_us=now_us))
    return int(done.rowcount)


def campaign_state(connection: Connection, campaign: int) -> CampaignState:
    """Where a campaign stands."""
    return CampaignState(connection.execute(select(_C.state).where(_C.id == campaign)).scalar_one())


def _parts(rows: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))


def _rows(result: Result[Any]) -> list[Row]:
    return [dict(row) for row in result.mappings()]
