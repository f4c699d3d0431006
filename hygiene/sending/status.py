"""How campaigns stand, and what a person may do with them: pause, resume, cancel, resolve doubts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from sqlalchemy import Connection, RowMapping, select, update

from hygiene.errors import UsageError
from hygiene.sending.census import counts_by_campaign, is_open
from hygiene.sending.definition import begins_us
from hygiene.sending.judging import event_of_resolved
from hygiene.sending.ledger import write_events
from hygiene.sending.mailing import about_row
from hygiene.sending.outbox import DEFERRED, DOUBTFUL, campaigns, cancel_rest, find_campaign, move_campaign
from hygiene.sending.states import FINAL, STANDING, CampaignState, State
from hygiene.store import Store
from hygiene.tables import CAMPAIGN, OUTBOX

if TYPE_CHECKING:
    import pandas as pd

    from hygiene.render.sections import Document

Resolution: TypeAlias = Literal["sent", "resend"]

_O: Final = OUTBOX.c


@dataclass(frozen=True, kw_only=True)
class CampaignStatus:
    """One campaign. `counts` are its mails by state; `next_us` is when the first deferred one is due.

    `begins_us` is when its mails may leave at the earliest, 0 where that was not said.
    """

    name: str
    stream: str
    state: CampaignState
    held_because: str
    counts: Mapping[State, int]
    next_us: int | None = None
    begins_us: int = 0
    overrides: Mapping[str, str]

    @property
    def total(self) -> int:
        """All mails."""
        return sum(self.counts.values())

    @property
    def open(self) -> int:
        """Mails that have not come to their end."""
        return sum(count for state, count in self.counts.items() if state not in FINAL)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "campaign": self.name,
            "stream": self.stream,
            "state": self.state.value,
            "held_because": self.held_because,
            "mails": self.total,
            "open": self.open,
            "states": {state.value: self.counts.get(state, 0) for state in State},
            "overrides": dict(self.overrides),
        }


@dataclass(frozen=True, kw_only=True)
class Status:
    """The campaigns of a workspace, oldest first."""

    campaigns: tuple[CampaignStatus, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"campaigns": [each.to_dict() for each in self.campaigns]}

    def to_frame(self) -> pd.DataFrame:
        """One row a campaign, a column a state."""
        import pandas as pd

        rows = [
            {"campaign": each.name, "stream": each.stream, "state": each.state.value}
            | {state.value: each.counts.get(state, 0) for state in State}
            for each in self.campaigns
        ]
        kinds = dict.fromkeys(("campaign", "stream", "state"), "string")
        kinds |= dict.fromkeys((state.value for state in State), "int64")
        return pd.DataFrame(rows, columns=list(kinds)).astype(kinds)

    def sections(self) -> Document:
        """For every renderer."""
        from hygiene.sending.presentation import status_document

        return status_document(self)

    def _repr_html_(self) -> str:
        from hygiene.render.fragment import render_fragment

        return render_fragment([self.sections()])

    def __repr__(self) -> str:
        waiting = sum(each.open for each in self.campaigns)
        return f"<Status of {len(self.campaigns):,} campaigns: {waiting:,} mails open>"


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """A mail of which nobody knows whether it was taken."""

    id: int
    campaign: str
    recipient: str
    ref: str
    since_us: int
    what: str

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "id": self.id,
            "campaign": self.campaign,
            "recipient": self.recipient,
            "message_id": self.ref,
            "since_us": self.since_us,
            "what": self.what,
        }


def read_status(store: Store, name: str | None = None) -> Status:
    """All campaigns, or one; raises UsageError for a name that there is not."""
    with store.reading() as connection:
        rows = [_found(connection, name)] if name else campaigns(connection)
        found = counts_by_campaign(connection, rows[0]["id"] if name else None)
        return Status(campaigns=tuple(_status(connection, row, found.get(row["id"], {})) for row in rows))


def _status(connection: Connection, row: RowMapping, counted: Mapping[State, int]) -> CampaignStatus:
    import msgspec

    due = select(_O.due_us).where(_O.campaign + 0 == row["id"], DEFERRED).order_by(_O.due_us)
    return CampaignStatus(
        name=row["name"],
        stream=row["stream"],
        state=CampaignState(row["state"]),
        held_because=row["held_because"],
        counts=counted,
        next_us=connection.scalar(due.limit(1)),
        begins_us=begins_us(row["definition"]),
        overrides=msgspec.json.decode(row["overrides"], type=dict[str, str]),
    )


def _found(connection: Connection, name: str) -> RowMapping:
    row = find_campaign(connection, name)
    if row is None:
        known = ", ".join(each["name"] for each in campaigns(connection)) or "there are none"
        raise UsageError(f"there is no campaign {name} in this workspace ({known})")
    return row


def pause(store: Store, name: str) -> None:
    """Send nothing more of it until it is resumed; mails being talked about are decided at their last dot."""
    among = (CampaignState.RUNNING, CampaignState.HELD)
    _move(store, name, CampaignState.PAUSED, among, "only a campaign that runs can be paused")


def resume(store: Store, name: str) -> None:
    """Let a campaign go on that was paused, or held by the breaker."""
    among = (CampaignState.PAUSED, CampaignState.HELD)
    _move(store, name, CampaignState.RUNNING, among, "only a campaign that was paused or held can be resumed")


def cancel(store: Store, name: str, *, now_us: int) -> int:
    """End a campaign; what was not sent stays unsent. How many mails that were."""
    with store.reading() as connection:
        if _found(connection, name)["definition"] == STANDING:
            raise UsageError(f"{name} is a stream, whose mails are handed in one by one: it can only be paused")
    among = (CampaignState.PREPARING, CampaignState.RUNNING, CampaignState.PAUSED, CampaignState.HELD)
    _move(store, name, CampaignState.CANCELLED, among, "it has ended already", ended_us=now_us)
    with store.writing() as connection:
        return cancel_rest(connection, _found(connection, name)["id"], now_us=now_us)


def finish(store: Store, campaign: int, *, now_us: int) -> None:
    """Mark a campaign whose mails all have their end; of one that was cancelled, cancel what came back."""
    with store.writing() as connection:
        row = connection.execute(select(CAMPAIGN).where(CAMPAIGN.c.id == campaign)).mappings().one()
        if row["state"] == CampaignState.CANCELLED:
            cancel_rest(connection, campaign, now_us=now_us)
        elif row["definition"] != STANDING and not is_open(connection, campaign):
            running = (CampaignState.RUNNING,)
            move_campaign(connection, campaign, CampaignState.FINISHED, among=running, ended_us=now_us)


def _move(
    store: Store,
    name: str,
    to: CampaignState,
    among: Sequence[CampaignState],
    otherwise: str,
    *,
    ended_us: int | None = None,
) -> None:
    with store.writing() as connection:
        row = _found(connection, name)
        if not move_campaign(connection, row["id"], to, among=among, ended_us=ended_us):
            raise UsageError(f"the campaign {name} is {row['state']}: {otherwise}")


def read_doubts(store: Store, name: str | None = None) -> tuple[Doubt, ...]:
    """The mails in doubt of one campaign or all, oldest first."""
    query = (
        select(_O.id, CAMPAIGN.c.name, _O.recipient, _O.ref, _O.changed_us, _O.reply)
        .join(CAMPAIGN, CAMPAIGN.c.id == _O.campaign)
        .where(DOUBTFUL)
        .order_by(_O.changed_us, _O.id)
    )
    with store.reading() as connection:
        if name:
            query = query.where(_O.campaign == _found(connection, name)["id"])
        return tuple(
            Doubt(id=id_, campaign=campaign, recipient=recipient or "", ref=ref, since_us=since, what=what)
            for id_, campaign, recipient, ref, since, what in connection.execute(query)
        )


def resolve_doubts(store: Store, ids: Sequence[int], how: Resolution, *, now_us: int) -> int:
    """Say of mails in doubt that they were sent, or have them sent once more; how many were still in doubt.

    Nothing is sent again of a campaign that was cancelled.
    """
    with store.writing() as connection:
        parts = (ids[start : start + 500] for start in range(0, len(ids), 500))
        return sum(_resolve(connection, part, how, now_us) for part in parts)


def _resolve(connection: Connection, ids: Sequence[int], how: Resolution, now_us: int) -> int:
    doubtful = [_O.id.in_(ids), DOUBTFUL]
    if how == "resend":
        cancelled = select(CAMPAIGN.c.id).where(CAMPAIGN.c.state == CampaignState.CANCELLED)
        doubtful.append(_O.campaign.not_in(cancelled))
    to = {"sent": State.SENT, "resend": State.READY}[how]
    values = {"state": to, "due_us": now_us, "changed_us": now_us}
    resolved = connection.execute(update(OUTBOX).where(*doubtful).values(values).returning(*OUTBOX.c))
    rows = [dict(row) for row in resolved.mappings()]
    if how == "resend":
        _reopen(connection, {row["campaign"] for row in rows})
    else:
        by_id = {each["id"]: dict(each) for each in campaigns(connection)} if rows else {}
        taken = [event_of_resolved(row, about_row(by_id[row["campaign"]], row), now_us) for row in rows]
        write_events(connection, taken)
    return len(rows)


def _reopen(connection: Connection, which: Collection[int]) -> None:
    """Campaigns that had finished run again."""
    finished = (CAMPAIGN.c.id.in_(which), CAMPAIGN.c.state == CampaignState.FINISHED)
    connection.execute(update(CAMPAIGN).where(*finished).values(state=CampaignState.RUNNING, ended_us=None))
