"""A transport that sends nothing: it keeps mails in memory, and answers as it was told to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from hygiene.sending.letter import Mail
from hygiene.sending.reply import Outcome, Phase, Reply
from hygiene.sending.transports.transport import MayLeave

#: what a mail is answered; None: it is taken
Script: TypeAlias = Callable[[Mail], Reply | None]

TAKEN = Reply(outcome=Outcome.SENT, phase=Phase.DOT, code=250, status="2.0.0", text="kept in memory")
_BEFORE_THE_DOT = frozenset(Phase) - {Phase.DOT}


class MemoryTransport:
    """For tests and rehearsals. `mails` are those that were taken, or may have been, in order.

    `script` answers a mail; its reply may also stand in `replies`, which are used up first. A reply of a phase
    before the dot comes without `may_leave` being asked, as a server's would.
    """

    def __init__(
        self, *, capacity: int = 10, script: Script | None = None, replies: Iterable[Reply] = ()
    ) -> None:
        self.capacity = capacity
        self.mails: list[Mail] = []
        self.tried: list[Mail] = []
        self.closed = False
        self._script, self._replies = script, list(replies)

    async def send(self, mail: Mail, may_leave: MayLeave) -> Reply:
        """Answer one mail; see `Transport`."""
        self.tried.append(mail)
        reply = self._replies.pop(0) if self._replies else (self._script and self._script(mail)) or TAKEN
        if reply.phase in _BEFORE_THE_DOT:
            return reply
        if not await may_leave():
            return Reply(outcome=Outcome.WITHHELD, phase=Phase.DOT)
        if reply.outcome in {Outcome.SENT, Outcome.UNKNOWN}:
            self.mails.append(mail)
        return reply

    async def close(self) -> None:
        """Nothing to part from."""
        self.closed = True
