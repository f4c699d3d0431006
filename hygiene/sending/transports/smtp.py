"""Mail by SMTP to a relay: pooled connections, pipelined commands, and a verdict that knows the phase.

MAIL, RCPT and DATA travel together where the server allows it (RFC 2920). The message is written whole but for
its last dot, which waits until the outbox has committed that it may be written.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from hygiene.config import AccountSettings
from hygiene.credentials import NO_SECRET, Secret
from hygiene.errors import HygieneError, UnreadableInput
from hygiene.sending.letter import Mail
from hygiene.sending.reply import Outcome, Phase, Reply
from hygiene.sending.transports.smtp_dialogue import (
    CLOSING,
    NotSent,
    commands_of,
    goes_on,
    refusal_of,
    unfit,
    verdict,
)
from hygiene.sending.transports.smtp_login import choose_login, wanted
from hygiene.sending.transports.smtp_syntax import Answer, WireError, read_extensions, stuffed
from hygiene.sending.transports.smtp_wire import Wire, connect
from hygiene.sending.transports.transport import MayLeave

#: seconds to wait in each phase, RFC 5321 §4.5.3.2; an account's patience shortens them all
_PATIENCE: Final = MappingProxyType(
    {
        Phase.CONNECT: 300.0,
        Phase.EHLO: 300.0,
        Phase.TLS: 120.0,
        Phase.AUTH: 120.0,
        Phase.MAIL: 300.0,
        Phase.RCPT: 300.0,
        Phase.DATA: 180.0,
        Phase.DOT: 600.0,
    }
)
_CONNECT_S: Final = 30.0
_TIDYING_S: Final = 5.0  # for replies that change no verdict
_UNKNOWN_COMMAND: Final = frozenset({500, 502, 504})  # RFC 5321 §4.2.4
_IDLE_S: Final = 60.0  # after which servers tire of a connection, and so do we


class SmtpTransport:
    """A relay; `connections` how many are open at once, `own_name` what we call ourselves in EHLO.

    `read_token` gives the token of XOAUTH2 that is good now, which takes the place of a password.
    Raises UnreadableInput where the account's certificate authorities cannot be read.
    """

    def __init__(
        self,
        account: AccountSettings,
        *,
        connections: int,
        password: Secret = NO_SECRET,
        read_token: Callable[[], Secret] = lambda: NO_SECRET,
        own_name: str = "",
    ) -> None:
        self.capacity = connections
        self._account, self._own_name = account, own_name
        self._password, self._read_token = password, read_token
        self._context = _context(account)
        self._free = asyncio.Semaphore(connections)
        self._idle: list[Wire] = []
        self._sweeping: asyncio.TimerHandle | None = None

    async def send(self, mail: Mail, may_leave: MayLeave) -> Reply:
        """Send one mail; see `Transport`."""
        async with self._free:
            try:
                wire, refusal = await self._ready(mail)
                return refusal or await self._content(wire, mail, may_leave)
            except NotSent as failed:
                return failed.reply

    async def close(self) -> None:
        """Finish the mails under way, then part from the relay."""
        for _ in range(self.capacity):
            await self._free.acquire()
        try:
            idle, self._idle = self._idle, []
            await asyncio.gather(*(wire.quit() for wire in idle))
        finally:
            for _ in range(self.capacity):
                self._free.release()

    async def check(self) -> Reply:
        """Connect, greet, secure and log in as for a mail, and part again.

        REFUSED for good, or DEFERRED where asking again may help.
        """
        try:
            wire = await self._open()
        except NotSent as failed:
            reply = failed.reply
            final = (reply.code or 0) >= 500 or (reply.code is None and reply.phase is Phase.TLS)
            return replace(reply, outcome=Outcome.REFUSED if final else Outcome.DEFERRED)
        await wire.quit()
        return Reply(outcome=Outcome.SENT, phase=Phase.AUTH, text="the relay is ready")

    # connections

    async def _connection(self) -> tuple[Wire, bool]:
        """A connection, and whether it is a new one."""
        oldest = asyncio.get_running_loop().time() - _IDLE_S
        while self._idle:
            wire = self._idle.pop()
            if wire.spoke_up:  # it was closed, or the server says that it will be
                wire.abort()
            elif wire.mails >= self._account.per_connection or wire.idle_since < oldest:
                await wire.quit()  # before another is opened: relays count
            else:
                return wire, False
        return await self._open(), True

    def _keep(self, wire: Wire) -> None:
        if wire.spoke_up:
            wire.abort()
            return
        loop = asyncio.get_running_loop()
        wire.idle_since = loop.time()
        self._idle.append(wire)
        if self._sweeping is None:
            self._sweeping = loop.call_later(_IDLE_S, self._sweep)

    def _sweep(self) -> None:
        """Part from the connections that nothing was sent on for long."""
        loop, self._sweeping = asyncio.get_running_loop(), None
        left = []
        for wire in self._idle:
            if loop.time() - wire.idle_since < _IDLE_S:
                left.append(wire)
            else:
                wire.part()
        self._idle = left
        if left:
            self._sweeping = loop.call_later(_IDLE_S, self._sweep)

    def _patience(self, phase: Phase) -> float:
        return min(_PATIENCE[phase], self._account.patience_s)

    @property
    def _tidying_s(self) -> float:
        return min(_TIDYING_S, self._account.patience_s)

    async def _open(self) -> Wire:
        account = self._account
        try:
            wire = await connect(account.host, account.port, min(_CONNECT_S, account.patience_s))
        except WireError as error:
            raise NotSent(Phase.CONNECT, str(error)) from None
        try:
            await self._welcome(wire)
        except BaseException:
            wire.abort()
            raise
        return wire

    async def _welcome(self, wire: Wire) -> None:
        """All that comes before the first mail."""
        account = self._account
        if account.tls == "tls":
            await self._secure(wire)
        answer = await self._answer(wire, Phase.CONNECT)
        if not answer.ok:
            raise NotSent(Phase.CONNECT, f"the relay turns us away: {answer.code} {answer.text}", answer)
        await self._ehlo(wire)
        if account.tls == "starttls":
            if "STARTTLS" not in wire.extensions:
                raise NotSent(Phase.TLS, 'the relay offers no STARTTLS; tls = "none" sends without it')
            await self._ask(wire, "STARTTLS", Phase.TLS)
            await self._secure(wire)
            await self._ehlo(wire)  # what was offered in clear counts no longer, RFC 3207 §4.2
        if account.username:
            await self._log_in(wire)

    async def _ehlo(self, wire: Wire) -> None:
        """Greet; a server that knows no EHLO is greeted as those before it (RFC 5321 §3.2)."""
        name = self._own_name or _own_name(wire)
        answer = await self._say(wire, f"EHLO {name}", Phase.EHLO)
        if answer.code in _UNKNOWN_COMMAND:
            await self._ask(wire, f"HELO {name}", Phase.EHLO)
            wire.extensions = {}
            return
        wire.extensions = read_extensions(_accepted(answer, Phase.EHLO).lines)

    async def _secure(self, wire: Wire) -> None:
        try:
            await wire.start_tls(self._context, self._account.host, self._patience(Phase.TLS))
        except WireError as error:
            raise NotSent(Phase.TLS, str(error)) from None

    async def _log_in(self, wire: Wire) -> None:
        account, token = self._account, self._token()
        offered = wire.extensions.get("AUTH", "").upper().split()
        secured = account.tls != "none"
        login = choose_login(offered, account.username, password=self._password, token=token, secured=secured)
        if login is None:
            known = wanted(token=bool(token))
            text = f"the relay offers no login by {known} (it offers {' '.join(offered) or 'none'})"
            raise NotSent(Phase.AUTH, text, Answer(504, "5.5.4", text))  # RFC 4954 §4
        answer = await self._say(wire, login.command, Phase.AUTH)
        for respond in login.responds:
            if answer.go_on:
                answer = await self._say(wire, respond(answer.text), Phase.AUTH)
        _accepted(answer, Phase.AUTH, secrets=login.secrets)

    def _token(self) -> Secret:
        """Read anew for each connection, as tokens expire."""
        try:
            return self._read_token()
        except HygieneError as error:
            raise NotSent(Phase.AUTH, str(error)) from None

    async def _ask(self, wire: Wire, line: str, phase: Phase) -> Answer:
        """A command that has to succeed."""
        return _accepted(await self._say(wire, line, phase), phase)

    async def _say(self, wire: Wire, line: str, phase: Phase) -> Answer:
        """A line and its reply."""
        wire.write(line.encode("utf-8") + b"\r\n")
        return await self._answer(wire, phase)

    async def _answer(self, wire: Wire, phase: Phase) -> Answer:
        """The next reply; raises NotSent where there is none."""
        try:
            await wire.flush(self._patience(phase))
            return await wire.listen(self._patience(phase))
        except WireError as error:
            raise NotSent(phase, str(error)) from None

    # one mail

    async def _ready(self, mail: Mail) -> tuple[Wire, Reply | None]:
        """A connection that waits for the content, or the refusal of the envelope.

        A connection that was used before may have been closed meanwhile; then a new one is asked.
        """
        wire, fresh = await self._connection()
        while True:
            try:
                refusal = await self._envelope(wire, mail)
            except NotSent:
                if fresh:
                    raise
            else:
                if fresh or refusal is None or refusal.code != CLOSING:
                    return wire, refusal
            wire, fresh = await self._open(), True

    async def _envelope(self, wire: Wire, mail: Mail) -> Reply | None:
        """MAIL, RCPT and DATA up to the 354, or the refusal; with that, the connection is kept or dropped."""
        if refusal := unfit(mail, wire.extensions):
            self._keep(wire)
            return refusal
        wire.mails += 1
        try:
            answers = await self._exchange(wire, commands_of(mail, wire.extensions))
            refusal = refusal_of(answers)
            if refusal is not None:
                await self._tidy_up(wire, dict(answers))
        except BaseException:
            wire.abort()
            raise
        return refusal

    async def _exchange(self, wire: Wire, commands: list[tuple[Phase, bytes]]) -> list[tuple[Phase, Answer]]:
        """The replies, as many as come."""
        pipelined = "PIPELINING" in wire.extensions
        if pipelined:
            wire.write(b"".join(command for _, command in commands))
        answers: list[tuple[Phase, Answer]] = []
        for phase, command in commands:
            if not pipelined:
                wire.write(command)
            try:
                answer = await self._answer(wire, phase)
            except NotSent:
                if refusal_of(answers) is None:
                    raise
                wire.abort()  # it hung up or fell silent behind a refusal, which counts
                break
            answers.append((phase, answer))
            if answer.code == CLOSING or not (pipelined or goes_on(phase, answer)):
                break
        return answers

    async def _tidy_up(self, wire: Wire, answers: dict[Phase, Answer]) -> None:
        """Make the connection ready for another mail, or drop it.

        A server that waits for the message to nobody gets an empty one (RFC 2920 §3.1). Where it took the
        recipient, the dot would send that.
        """
        waits = Phase.DATA in answers and answers[Phase.DATA].go_on
        if any(answer.code == CLOSING for answer in answers.values()) or (waits and answers[Phase.RCPT].ok):
            wire.abort()
            return
        try:
            await wire.ask("." if waits else "RSET", self._tidying_s)
        except WireError:
            wire.abort()
        else:
            self._keep(wire)

    async def _content(self, wire: Wire, mail: Mail, may_leave: MayLeave) -> Reply:
        try:
            wire.write(stuffed(mail.content))
            await wire.flush(self._patience(Phase.DATA))
            leaves = wire.spoke_up or await may_leave()
            if wire.spoke_up:
                return await self._cut_short(wire)
            if leaves:
                return await self._dot(wire)
        except WireError as error:
            raise NotSent(Phase.DATA, str(error)) from None
        finally:
            if wire not in self._idle:
                wire.abort()  # without its last dot it is no message
        return Reply(outcome=Outcome.WITHHELD, phase=Phase.DATA)

    async def _dot(self, wire: Wire) -> Reply:
        """The last dot: from here on only the server knows."""
        try:
            answer = await wire.ask(".", self._patience(Phase.DOT))
        except WireError as error:
            return Reply(outcome=Outcome.UNKNOWN, phase=Phase.DOT, text=str(error))
        if answer.code != CLOSING:
            self._keep(wire)
        return verdict(Phase.DOT, answer)

    async def _cut_short(self, wire: Wire) -> Reply:
        """It spoke before the last dot, or hung up: the message is incomplete, so it was not accepted."""
        answer = await wire.listen(self._tidying_s)
        if not (answer.passing or answer.final):
            raise NotSent(Phase.DATA, f"the server answers {answer.code} before the end of the message", answer)
        return verdict(Phase.DATA, answer)


def _accepted(answer: Answer, phase: Phase, *, secrets: Sequence[str] = ()) -> Answer:
    """A reply that has to be a yes; one that repeats a secret is not told on."""
    if answer.ok:
        return answer
    repeats = any(secret and secret in answer.text for secret in secrets)
    text = "(its text repeats the login)" if repeats else answer.text
    raise NotSent(phase, f"{answer.code} {text}", answer)


def _context(account: AccountSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=account.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise UnreadableInput(
            f"the certificate authorities in {account.ca_file} cannot be read: {error}"
        ) from None


def _own_name(wire: Wire) -> str:
    """Our name for EHLO: the host's where it has a full one, else our address (RFC 5321 §4.1.3)."""
    name = socket.gethostname()
    if "." in name.strip("."):
        return name
    return f"[IPv6:{wire.own_address}]" if ":" in wire.own_address else f"[{wire.own_address}]"
