"""Requests that wait at the same time are done in one transaction, and answered after its commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from sqlalchemy import Connection

from hygiene.sending.ledger import Ledger

A = TypeVar("A")
B = TypeVar("B")

_MOST: Final = 150  # below SQLite's limit of parameters, however many a row has


class Together(Generic[A, B]):
    """A step over many, asked for one by one: while a transaction runs, the next ones gather."""

    def __init__(self, ledger: Ledger, step: Callable[[Connection, Sequence[A]], Sequence[B]]) -> None:
        self._ledger, self._step = ledger, step
        self._waiting: list[tuple[A, asyncio.Future[B]]] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, item: A) -> B:
        """The answer of the step, committed; raises what the step raised."""
        done: asyncio.Future[B] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        return await done

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            await self._do(batch)

    async def _do(self, batch: Sequence[tuple[A, asyncio.Future[B]]]) -> None:
        items = [item for item, _ in batch]
        try:
            answers = await self._ledger.run(lambda connection: self._step(connection, items))
        except Exception as error:
            if len(batch) > 1:  # one of them may be to blame, the others shall not suffer
                for each in batch:
                    await self._do([each])
            elif not batch[0][1].done():
                batch[0][1].set_exception(error)
            return
        for (_, done), answer in zip(batch, answers, strict=True):
            if not done.done():
                done.set_result(answer)
