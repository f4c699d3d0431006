"""One thread that writes to the outbox, and many tasks that wait for it: whatever waits is committed together.

A mail's last dot is written only after the commit that marks it, and its end is committed no later than the
mark of the next mail of the same connection. So a crash leaves at most one mail a connection in doubt, however
many commits are saved.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from hygiene.contacts.suppression.workspace import suppress_within
from hygiene.errors import HygieneError
from hygiene.sending.census import standing
from hygiene.sending.judging import SOURCE, Judged
from hygiene.sending.last_dot import Going, Verdict, let_go
from hygiene.sending.outbox import conclude
from hygiene.store import Store, insert_into
from hygiene.tables import EVENT

T = TypeVar("T")

_MOST: Final = 256  # jobs in one transaction
_PATIENCE_S: Final = 0.01  # how long an end that nobody waits for may wait for company


@dataclass(frozen=True, slots=True)
class _Job:
    work: Going | tuple[Judged, str | None] | Callable[[Connection], Any]
    done: asyncio.Future[Any]
    patient: bool = False  # nobody waits for it


class Ledger:
    """The outbox as tasks of one event loop write it; `clock` gives microseconds since 1970 UTC."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store, self._clock = store, clock
        self._key = store.key  # now, as making one is a transaction of its own
        self._broken: HygieneError | None = None
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._write, name="outbox", daemon=True)
        self._thread.start()

    async def let_go(self, going: Going) -> Verdict:
        """Whether the last dot may be written; that it may is committed by then."""
        verdict: Verdict = await self._ask(going)
        return verdict

    def conclude(self, judged: Judged, address: str | None, *, patient: bool = False) -> asyncio.Future[None]:
        """Write down the end of a try with its events; `address` is suppressed as bounced where that is due.

        It stands in the queue when this returns, before whatever is asked afterwards. A `patient` one is
        committed together with the next mark, or a moment later where there is none.
        """
        return self._ask((judged, address), patient=patient)

    async def run(self, step: Callable[[Connection], T]) -> T:
        """Any other step."""
        result: T = await self._ask(step)
        return result

    def close(self) -> None:
        """Write what waits, and end the thread."""
        self._jobs.put(None)
        self._thread.join()

    def _ask(self, work: Any, *, patient: bool = False) -> asyncio.Future[Any]:
        done = self._loop.create_future()
        self._jobs.put(_Job(work, done, patient))
        return done

    def _write(self) -> None:
        while True:
            jobs, go_on = self._waiting()
            if jobs:
                self._commit(jobs)
            if not go_on:
                return

    def _waiting(self) -> tuple[list[_Job], bool]:
        jobs: list[_Job] = []
        job = self._jobs.get()
        until, patient = time.monotonic() + _PATIENCE_S, True
        while job is not None:
            jobs.append(job)
            patient = patient and job.patient
            if len(jobs) >= _MOST:
                return jobs, True
            left_s = until - time.monotonic() if patient else 0.0
            try:
                job = self._jobs.get(timeout=left_s) if left_s > 0 else self._jobs.get_nowait()
            except queue.Empty:
                return jobs, True
        return jobs, False

    def _commit(self, jobs: Sequence[_Job]) -> None:
        if self._broken is not None:
            self._answer([(job, self._broken) for job in jobs])
            return
        try:
            with self._store.writing() as connection:
                answers = self._do(connection, jobs)
        except HygieneError as error:  # of the store: perhaps one job's alone
            self._commit_singly(jobs, error)
        except Exception as error:  # a fault of ours is not to be hidden by trying again
            self._answer([(job, error) for job in jobs])
        else:
            self._answer(list(zip(jobs, answers, strict=True)))

    def _commit_singly(self, jobs: Sequence[_Job], error: HygieneError) -> None:
        """Ends first; after one that cannot be written nothing leaves: one doubt a connection."""
        if len(jobs) > 1:
            for job in sorted(jobs, key=lambda job: not isinstance(job.work, tuple)):
                self._commit([job])
            return
        if isinstance(jobs[0].work, tuple):
            self._broken = error
        self._answer([(jobs[0], error)])

    def _do(self, connection: Connection, jobs: Sequence[_Job]) -> list[Any]:
        """Ends first: a mark of the same connection came after them."""
        now_us = self._clock()
        ended = [job.work for job in jobs if isinstance(job.work, tuple)]
        self._conclude(connection, ended, now_us)
        going = [job.work for job in jobs if isinstance(job.work, Going)]
        verdicts = let_go(connection, going, now_us=now_us) if going else {}
        return [self._answer_to(connection, job, verdicts) for job in jobs]

    def _answer_to(self, connection: Connection, job: _Job, verdicts: dict[int, Verdict]) -> Any:
        if isinstance(job.work, Going):
            return verdicts[job.work.id]
        return None if isinstance(job.work, tuple) else job.work(connection)

    def _conclude(
        self, connection: Connection, ended: Sequence[tuple[Judged, str | None]], now_us: int
    ) -> None:
        if not ended:
            return
        ends = [judged.end for judged, _ in ended]
        if conclude(connection, ends, now_us=now_us) < len(ends):  # somebody else told of the others
            stand = standing(connection, ends)
            ended = [each for each in ended if each[0].end.id in stand]
        write_events(connection, [event for judged, _ in ended for event in judged.events])
        hard = [address for judged, address in ended if judged.suppress and address]
        if hard:
            suppress_within(connection, self._key, hard, now=moment(now_us), source=SOURCE)

    def _answer(self, answers: Sequence[tuple[_Job, Any]]) -> None:
        self._loop.call_soon_threadsafe(_settle, answers)


def moment(us: int) -> datetime:
    """Microseconds since 1970 as a moment in UTC."""
    return datetime.fromtimestamp(us / 1_000_000, UTC)


def write_events(connection: Connection, events: Sequence[dict[str, Any]]) -> None:
    """Write events that are not there yet."""
    if events:
        new = insert_into(connection, EVENT).on_conflict_do_nothing(index_elements=["event_id"])
        connection.execute(new, list(events))


def _settle(answers: Sequence[tuple[_Job, Any]]) -> None:
    for job, answer in answers:
        if job.done.cancelled():
            continue
        if isinstance(answer, BaseException):
            job.done.set_exception(answer)
        else:
            job.done.set_result(answer)
