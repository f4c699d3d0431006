"""Where the mails of a campaign stand: what is asked of the outbox again and again, from its indexes alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from sqlalchemy import ColumnElement, Connection, Select, func, literal, literal_column, select, true, union_all

from hygiene.sending.outbox import DEFERRED, DOUBTFUL, LEASED, READY, End
from hygiene.sending.states import FINAL, State
from hygiene.tables import OUTBOX

_O: Final = OUTBOX.c
# Written out, as the partial index has it.
_UNSENT: Final = _O.state.in_(
    [literal_column(f"'{state}'") for state in (State.FAILED, State.SUPPRESSED, State.EXPIRED, State.CANCELLED)]
)


def counts(connection: Connection, campaign: int) -> dict[State, int]:
    """Mails of a campaign by state; states that do not occur are left out."""
    return counts_by_campaign(connection, campaign).get(campaign, {})


def counts_by_campaign(connection: Connection, campaign: int | None = None) -> dict[int, dict[State, int]]:
    """Mails by campaign and state, of one campaign or all, as one moment has them.

    Of each state but one the mails are counted in an index that has no others; the rest of all mails was sent.
    """
    found: dict[int, dict[State, int]] = {}
    for number, state, count in connection.execute(union_all(*_tallies(campaign))):
        found.setdefault(number, {})[State(state)] = count
    for states in found.values():
        states[State.SENT] -= sum(count for state, count in states.items() if state is not State.SENT)
    return {
        number: {state: count for state, count in states.items() if count} for number, states in found.items()
    }


def _tallies(campaign: int | None) -> Iterator[Select[int, str, int]]:
    """(campaign, state, count): of all mails as if they were sent, then of those in each other state."""
    anywhere = _O.campaign + 0  # of few mails, found by another index
    for state, which, of in (
        (State.SENT, true(), _O.campaign),
        (State.READY, READY, _O.campaign),
        (State.UNKNOWN, DOUBTFUL, _O.campaign),
        (State.DEFERRED, DEFERRED, anywhere),
    ):
        yield _tally(literal(state.value), which, of, campaign).group_by(of)
    for which, of in ((LEASED, anywhere), (_UNSENT, _O.campaign)):
        yield _tally(_O.state, which, of, campaign).group_by(of, _O.state)


def _tally(
    state: ColumnElement[str], which: ColumnElement[bool], of: ColumnElement[int], campaign: int | None
) -> Select[int, str, int]:
    query = select(of, state, func.count()).where(which)
    return query if campaign is None else query.where(of == campaign)


def open_rows(connection: Connection, campaign: int) -> int:
    """How many mails of a campaign have not come to their end, counted one by one."""
    query = select(func.count()).where(_O.campaign == campaign, _O.state.not_in(tuple(FINAL)))
    return int(connection.scalar(query) or 0)


def is_open(connection: Connection, campaign: int) -> bool:
    """Whether a campaign has mails that have not come to their end, found through the indexes alone."""
    return has_due(connection, campaign) or _any(connection, campaign, DEFERRED)


def has_due(connection: Connection, campaign: int) -> bool:
    """Whether a campaign has mails that somebody is at, or could be."""
    return _any(connection, campaign, READY) or _any(connection, campaign, LEASED)


def is_open_before(connection: Connection, campaign: int, place: int, providers: Iterable[str]) -> bool:
    """Whether mails in front of a place in the order have not come to their end."""
    front = _O.place < place
    waiting = (_any(connection, campaign, READY, _O.provider == name, front) for name in providers)
    return any(waiting) or any(_any(connection, campaign, which, front) for which in (LEASED, DEFERRED))


def last_change_before(connection: Connection, campaign: int, place: int) -> int:
    """When the last of the mails in front of a place changed."""
    query = select(func.max(_O.changed_us)).where(_O.campaign == campaign, _O.place < place)
    return int(connection.scalar(query) or 0)


def standing(connection: Connection, ends: Sequence[End]) -> set[int]:
    """The mails that stand where these ends have them; what is told of others would contradict the outbox."""
    query = select(_O.id, _O.state).where(_O.id.in_([end.id for end in ends]))
    stand = {(number, state) for number, state in connection.execute(query)}
    return {end.id for end in ends if (end.id, end.state) in stand}


def _any(connection: Connection, campaign: int, which: ColumnElement[bool], *more: ColumnElement[bool]) -> bool:
    # A sum keeps SQLite from looking at every mail of the campaign where another index has few.
    of = _O.campaign if which is READY else _O.campaign + 0
    query = select(_O.id).where(which, of == campaign, *more).limit(1)
    return connection.scalar(query) is not None
