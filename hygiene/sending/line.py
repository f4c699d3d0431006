"""One way out with its couriers: two a connection, so that a mail is ready when the one before it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from hygiene.sending.mailing import Mailing
from hygiene.sending.outbox import Row
from hygiene.sending.pace import SECOND_US
from hygiene.sending.reply import Outcome, Phase, Reply
from hygiene.sending.transports.transport import Transport

_LONGEST_PAUSE_S: Final = 60
_REFUSALS: Final = frozenset({401, 403, *range(500, 600)})  # of HTTP, of SMTP
_REFUSED_LOGINS: Final = 3  # in a row, after which the way is shut
SHUT_S: Final = 900  # until a way that was shut is tried again


@dataclass(frozen=True, slots=True)
class Claimed:
    """A mail that is ours for now."""

    row: Row
    mailing: Mailing


@dataclass
class Line:
    """A transport of one account and lane."""

    account: str
    transport: Transport
    waiting: asyncio.Queue[Claimed] = field(default_factory=asyncio.Queue)
    busy: int = 0
    failures: int = 0  # in a row, of the way itself
    failing_since_us: int | None = None
    paused_until_us: int = 0
    trouble: Reply | None = None

    @property
    def most(self) -> int:
        """How many mails it holds at once: one being talked about and one made ready, a connection."""
        return 2 * self.transport.capacity

    @property
    def room(self) -> int:
        """How many more mails to claim for it."""
        return self.most - self.waiting.qsize() - self.busy

    @property
    def shut(self) -> bool:
        """Whether the login is refused: somebody has to mend it, and it is tried again once in a while."""
        if self.trouble is None or self.trouble.phase is not Phase.AUTH:
            return False
        return self.failures >= _REFUSED_LOGINS and (self.trouble.code or 0) in _REFUSALS

    def is_open(self, now_us: int) -> bool:
        """Whether mails may be claimed for it."""
        return now_us >= self.paused_until_us

    def note(self, reply: Reply, now_us: int) -> None:
        """Learn from the end of a try: the way failed, or it holds."""
        if reply.outcome is not Outcome.NOT_SENT:
            self.failures, self.failing_since_us, self.trouble = 0, None, None
            return
        if now_us < self.paused_until_us:
            return  # tried at the same time as the one that made it pause
        self.failures += 1
        self.failing_since_us = self.failing_since_us if self.failing_since_us is not None else now_us
        self.trouble = reply
        pause_s = SHUT_S if self.shut else min(2 ** min(self.failures - 1, 10), _LONGEST_PAUSE_S)
        self.paused_until_us = now_us + pause_s * SECOND_US

    def drain(self) -> list[Any]:
        """The mails that wait, which nobody is at."""
        left = []
        while not self.waiting.empty():
            left.append(self.waiting.get_nowait())
        return left


#: makes the transport of an account for a lane: (account, lane) → transport
Opens = Callable[[str, str], Transport]
