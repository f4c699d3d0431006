"""The loop that sends: claim, compose, ask at the last dot, send, write down what came of it.

Several workers may share one outbox in PostgreSQL. Whatever ends a worker, the rows say what is left to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from sqlalchemy import Connection, RowMapping

from hygiene.errors import HygieneError
from hygiene.sending.breaker import Breaker, Trip
from hygiene.sending.census import is_open
from hygiene.sending.claiming import Claimant, Claims
from hygiene.sending.judging import Judged, events_of_ended, judge_reply, judge_suppressed, judge_unfit
from hygiene.sending.last_dot import Verdict
from hygiene.sending.ledger import Ledger, moment, write_events
from hygiene.sending.line import Claimed, Line, Opens
from hygiene.sending.mailing import Mailing, about_row
from hygiene.sending.outbox import End, give_back, move_campaign, renew, resend_doubts, sweep
from hygiene.sending.outbox import campaigns as campaigns_of
from hygiene.sending.pace import SECOND_US
from hygiene.sending.reply import Outcome
from hygiene.sending.states import CampaignState, Lane, State
from hygiene.store import Store
from hygiene.suppression_forms import Reason

LEASE_S: Final = 120.0
_SWEEP_S: Final = 1.0
_POLL_S: Final = 0.1  # between looks at an outbox that had nothing


@dataclass(frozen=True, kw_only=True)
class Settled:
    """One mail that came to the end of a try, for whoever watches."""

    campaign: str
    state: State


@dataclass
class Watching:
    """What a worker tells while it runs; each may be replaced."""

    settled: Callable[[Settled], None] = field(default=lambda _settled: None)
    held: Callable[[Mailing, Trip], None] = field(default=lambda _mailing, _trip: None)
    unfit: Callable[[str, str], None] = field(default=lambda _name, _sentence: None)
    trouble: Callable[[Line], None] = field(default=lambda _line: None)


class Worker:
    """Sends what is due. `mailings` makes a Mailing of a campaign's row, `opens` the transport of an account.

    `clock` gives microseconds since 1970 UTC; `owner` is unique among workers.
    """

    def __init__(
        self,
        store: Store,
        mailings: Callable[[RowMapping], Mailing],
        opens: Opens,
        *,
        owner: str,
        clock: Callable[[], int],
        claims: Claims,
        lease_s: float = LEASE_S,
        watching: Watching | None = None,
    ) -> None:
        self._store, self._make, self._opens, self._claims = store, mailings, opens, claims
        self._owner, self._clock, self._lease_us = owner, clock, round(lease_s * SECOND_US)
        self._watching = watching or Watching()
        self._mailings: dict[int, Mailing] = {}
        self._unfit: set[int] = set()  # campaigns that cannot be sent by these settings
        self._lines: dict[tuple[str, Lane], Line] = {}
        self._breakers: dict[int, Breaker] = {}
        self._couriers: set[asyncio.Task[None]] = set()
        self._ends: set[asyncio.Task[None]] = set()
        self._ledger: Ledger
        self._stopping = asyncio.Event()
        self._freed = asyncio.Event()  # a courier
        self._error: BaseException | None = None

    @property
    def lines(self) -> Sequence[Line]:
        """The ways out that were opened so far."""
        return tuple(self._lines.values())

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Claim nothing more; mails being talked about are finished."""
        self._stopping.set()
        self._freed.set()

    async def run(
        self,
        *,
        lanes: Sequence[Lane] = tuple(Lane),
        campaigns: Sequence[int] | None = None,
        until: Callable[[Connection], bool] | None = None,
    ) -> None:
        """Send until `stop`, or until `until` holds while nothing is under way. Raises what broke the store."""
        self._ledger = Ledger(self._store, self._clock)
        keeper = asyncio.create_task(self._keep())
        feeders = [asyncio.create_task(self._feed(lane, campaigns, until)) for lane in lanes]
        try:
            await asyncio.gather(*feeders)
        finally:
            self.stop()
            keeper.cancel()
            await self._wind_up()
        if self._error is not None:
            raise self._error

    # claiming

    async def _feed(
        self, lane: Lane, campaigns: Sequence[int] | None, until: Callable[[Connection], bool] | None
    ) -> None:
        while not self._stopping.is_set():
            claimed = await self._claim(lane, campaigns)
            for each in claimed:
                self._line(each.mailing).waiting.put_nowait(each)
            if claimed:
                await self._until_room(lane)
            elif until and not self._under_way() and await self._ledger.run(until):
                return
            else:
                await self._pause(_POLL_S)

    async def _claim(self, lane: Lane, campaigns: Sequence[int] | None) -> list[Claimed]:
        by = Claimant(self._owner, self._clock(), self._lease_us)
        rows = await self._ledger.run(lambda connection: self._claims.running(connection, by.now_us))
        chosen = [row for row in rows if campaigns is None or row["id"] in campaigns]
        found = [await self._open(row, lane, by.now_us, alone=campaigns is not None) for row in chosen]
        open_ = [each for each in found if each is not None]
        rooms = {each.account: self._line(each).room for each in open_}
        return (
            await self._ledger.run(lambda connection: self._take(connection, open_, rooms, by)) if open_ else []
        )

    def _take(
        self, connection: Connection, mailings: Sequence[Mailing], rooms: dict[str, int], by: Claimant
    ) -> list[Claimed]:
        """In the thread of the ledger: nothing of the event loop is touched."""
        found: list[Claimed] = []
        for mailing in mailings:
            if mailing.resends_doubts:
                resend_doubts(connection, mailing.id)
            if rooms[mailing.account] > 0:
                rows = self._claims.take(connection, mailing, rooms[mailing.account], by)
                rooms[mailing.account] -= len(rows)
                found += [Claimed(row, mailing) for row in rows]
        return found

    async def _open(self, row: RowMapping, lane: Lane, now_us: int, *, alone: bool) -> Mailing | None:
        """A campaign of the lane that is due and has an open way out.

        One that these settings cannot send is held, once, and keeps no other one waiting; `alone` it raises.
        """
        if row["id"] in self._unfit:
            return None
        try:
            mailing = self._mailing(row)
            due = mailing.lane is lane and mailing.not_before_us <= now_us
            return mailing if due and self._line(mailing).is_open(now_us) else None
        except HygieneError as error:
            if alone:
                raise
            self._unfit.add(row["id"])
            if await self._held(row["id"], str(error)):
                self._watching.unfit(row["name"], str(error))
            return None

    def _mailing(self, row: RowMapping) -> Mailing:
        if row["id"] not in self._mailings:
            self._mailings[row["id"]] = self._make(row)
        return self._mailings[row["id"]]

    def _line(self, mailing: Mailing) -> Line:
        key = (mailing.account, mailing.lane)
        if key not in self._lines:
            line = Line(mailing.account, self._opens(*key))
            self._lines[key] = line
            for _ in range(line.most):
                courier = asyncio.create_task(self._carry(line))
                self._couriers.add(courier)
                courier.add_done_callback(self._courier_ended)
        return self._lines[key]

    async def _until_room(self, lane: Lane) -> None:
        """Wait until a line of the lane can take half of what it holds."""
        while not self._stopping.is_set():
            lines = [line for (_, of), line in self._lines.items() if of is lane]
            if any(line.room >= line.transport.capacity for line in lines):
                return
            self._freed.clear()
            await self._freed.wait()

    def _under_way(self) -> bool:
        busy = any(line.busy or not line.waiting.empty() for line in self._lines.values())
        return busy or bool(self._ends)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    # carrying

    async def _carry(self, line: Line) -> None:
        while True:
            claimed = await line.waiting.get()
            line.busy += 1
            try:
                if self._stopping.is_set() or not line.is_open(self._clock()):
                    await self._return(claimed)
                else:
                    await self._try(line, claimed)
            finally:
                line.busy -= 1
                self._freed.set()

    async def _try(self, line: Line, claimed: Claimed) -> None:
        row, mailing = claimed.row, claimed.mailing
        if row["expires_us"] is not None and row["expires_us"] <= self._clock():
            await self._conclude(claimed, self._expired(claimed))
            return
        if row["recipient"] is None:
            gone = judge_suppressed(row, mailing.about(row), Reason.ERASED.value, self._clock())
            await self._conclude(claimed, gone)
            return
        try:
            mail = mailing.composing.mail(row, moment(self._clock()))
        except (HygieneError, ValueError) as error:
            await self._conclude(claimed, judge_unfit(row, mailing.about(row), str(error), self._clock()))
            return
        verdict = Verdict(None)

        async def may_leave() -> bool:
            nonlocal verdict
            verdict = await self._ledger.let_go(mailing.going(row, self._owner))
            return verdict.state is State.DATA

        reply = await line.transport.send(mail, may_leave)
        line.note(reply, self._clock())
        about = {**mailing.about(row), "subject": mail.letter.subject}
        if reply.outcome is Outcome.NOT_SENT:
            await self._not_sent(line, claimed, verdict)
        elif reply.outcome is Outcome.SENT:
            self._conclude_meanwhile(claimed, judge_reply(row, about, reply, self._clock()))
        elif reply.outcome is not Outcome.WITHHELD:
            await self._conclude(claimed, judge_reply(row, about, reply, self._clock()))
        elif verdict.state is State.SUPPRESSED:
            await self._conclude(claimed, judge_suppressed(row, about, verdict.reason, self._clock()))
        else:
            await self._return(claimed)

    def _expired(self, claimed: Claimed) -> Judged:
        row = {**claimed.row, "state": State.EXPIRED}
        end = End(id=row["id"], state=State.EXPIRED, tries=0, reply=row["reply"], reason=row["reason"])
        about = claimed.mailing.about(row)
        return Judged(end=end, events=events_of_ended(row, about, self._clock()))

    async def _not_sent(self, line: Line, claimed: Claimed, verdict: Verdict) -> None:
        """The way failed, and the mail was certainly not accepted: it is anybody's again, and blameless."""
        if verdict.state is State.DATA:
            known = {name: claimed.row[name] for name in ("id", "code", "status", "reply", "reason", "remote")}
            end = End(**known, state=State.READY, tries=0, owner=self._owner)
            await self._ledger.conclude(Judged(end=end, events=()), None)
        else:
            await self._return(claimed)
        self._watching.trouble(line)

    async def _return(self, claimed: Claimed) -> None:
        await self._ledger.run(lambda connection: give_back(connection, [claimed.row["id"]], self._owner))

    def _conclude_meanwhile(self, claimed: Claimed, judged: Judged) -> None:
        """Let the connection go on: the end stands in the ledger's queue before its next mail's mark."""
        written = self._written(claimed, judged, patient=True)
        task = asyncio.create_task(self._settled(claimed, judged, written))
        self._ends.add(task)
        task.add_done_callback(self._end_settled)

    async def _conclude(self, claimed: Claimed, judged: Judged) -> None:
        await self._settled(claimed, judged, self._written(claimed, judged))

    def _written(self, claimed: Claimed, judged: Judged, *, patient: bool = False) -> asyncio.Future[None]:
        ended = replace(judged, end=replace(judged.end, owner=self._owner))
        return self._ledger.conclude(ended, claimed.row["recipient"], patient=patient)

    async def _settled(self, claimed: Claimed, judged: Judged, written: asyncio.Future[None]) -> None:
        await written
        mailing = claimed.mailing
        self._claims.learn(mailing.account, claimed.row["provider"], judged, self._clock())
        self._watching.settled(Settled(campaign=mailing.name, state=judged.end.state))
        if judged.end.tries:
            breaker = self._breakers.setdefault(mailing.id, Breaker())
            trip = breaker.note(claimed.row["provider"], judged.verdict, ours=judged.ours)
            if trip is not None:
                await self._hold(mailing, trip)

    async def _hold(self, mailing: Mailing, trip: Trip) -> None:
        self._breakers.pop(mailing.id, None)
        if await self._held(mailing.id, trip.sentence):
            self._watching.held(mailing, trip)

    async def _held(self, campaign: int, because: str) -> bool:
        """Hold a campaign; False where it does not run any more."""
        running = (CampaignState.RUNNING,)
        return await self._ledger.run(
            lambda connection: move_campaign(
                connection, campaign, CampaignState.HELD, among=running, because=because
            )
        )

    # keeping

    async def _keep(self) -> None:
        """Renew what this worker has, and sweep up after others, again and again."""
        try:
            while True:
                await self._ledger.run(self._sweep)
                await asyncio.sleep(_SWEEP_S)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self._fail(error)

    def _sweep(self, connection: Connection) -> None:
        """In the thread of the ledger."""
        now_us = self._clock()
        renew(connection, self._owner, lease_us=now_us + self._lease_us)
        ended = sweep(connection, now_us=now_us)
        by_id = {row["id"]: dict(row) for row in campaigns_of(connection)} if ended else {}
        for row in ended:
            about = about_row(by_id[row["campaign"]], row)
            write_events(connection, list(events_of_ended(row, about, now_us)))

    def _end_settled(self, task: asyncio.Task[None]) -> None:
        self._ends.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._fail(error)

    def _courier_ended(self, task: asyncio.Task[None]) -> None:
        self._couriers.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._error = self._error or error
        self.stop()

    async def _wind_up(self) -> None:
        """Finish the mails being talked about, give back the others, part from the servers."""
        try:
            await self._part()
        finally:
            self._ledger.close()

    async def _part(self) -> None:
        left = [claimed.row["id"] for line in self._lines.values() for claimed in line.drain()]
        while any(line.busy for line in self._lines.values()) and self._couriers:
            await asyncio.sleep(0.005)
        await asyncio.gather(*self._ends, return_exceptions=True)
        for courier in tuple(self._couriers):
            courier.cancel()
        await asyncio.gather(*self._couriers, return_exceptions=True)
        for line in self._lines.values():
            await line.transport.close()
        if left and self._error is None:
            await self._ledger.run(lambda connection: give_back(connection, left, self._owner))


def is_done(campaign: int) -> Callable[[Connection], bool]:
    """Whether every mail of a campaign has its end."""
    return lambda connection: not is_open(connection, campaign)
