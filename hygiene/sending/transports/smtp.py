"""Mail by SMTP to a relay: pooled connections, pipelined commands, and a verdict that knows the phase.

MAIL, RCPT and DATA travel together where the server allows it (RFC 2920). The message is written whole but for
its last dot, which waits until the outbox has committed that it may be written.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from types import MappingProxyType
from typing import Final

from hygiene.config import AccountSettings
from hygiene.credentials import Secret
from hygiene.errors import UnreadableInput
from hygiene.sending.letter import Mail
from hygiene.sending.reply import Outcome, Phase, Reply
from hygiene.sending.transports.smtp_wire import (
    Answer,
    Wire,
    WireError,
    base64_of,
    connect,
    connect_tls,
    plain_credentials,
    read_extensions,
    stuffed,
)
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
_CLOSING: Final = 421  # the server is about to close, RFC 5321 §3.8
_LAST_WORDS_S: Final = 1.0  # for what a server says before it hangs up
_TOO_BIG, _NO_UTF8 = "5.3.4", "5.6.7"  # RFC 3463 §3.4, RFC 6531 §3.5


class _NotSent(Exception):
    """The way failed before there was a verdict on a mail."""

    def __init__(self, phase: Phase, text: str, answer: Answer | None = None) -> None:
        self.reply = Reply(
            outcome=Outcome.NOT_SENT,
            phase=phase,
            code=answer.code if answer else None,
            status=answer.status if answer else "",
            text=text,
        )
        super().__init__(text)


class _Refused(Exception):
    """A verdict that is not yes."""

    def __init__(self, phase: Phase, answer: Answer) -> None:
        self.phase, self.answer = phase, answer
        super().__init__(answer.text)


class SmtpTransport:
    """A relay; `connections` how many are open at once."""

    def __init__(self, account: AccountSettings, *, connections: int, password: Secret | None = None) -> None:
        self.capacity = connections
        self._account, self._password = account, password or Secret("")
        self._context = _context(account)
        self._free = asyncio.Semaphore(connections)
        self._idle: list[Wire] = []

    async def send(self, mail: Mail, may_leave: MayLeave) -> Reply:
        """Send one mail; see `Transport`."""
        async with self._free:
            try:
                wire, fresh = await self._connection()
                reply = await self._deliver(wire, mail, may_leave, fresh=fresh)
            except _NotSent as failed:
                return failed.reply
            return reply

    async def close(self) -> None:
        """Part from the relay."""
        idle, self._idle = self._idle, []
        await asyncio.gather(*(wire.quit() for wire in idle))

    async def check(self) -> Reply:
        """Connect, greet, secure and log in as for a mail, and part again."""
        try:
            wire = await self._open()
        except _NotSent as failed:
            return failed.reply
        await wire.quit()
        return Reply(outcome=Outcome.SENT, phase=Phase.AUTH, text="the relay is ready")

    # connections

    async def _connection(self) -> tuple[Wire, bool]:
        if self._idle:
            return self._idle.pop(), False
        return await self._open(), True

    def _keep(self, wire: Wire) -> None:
        wire.mails += 1
        if wire.mails < self._account.per_connection:
            self._idle.append(wire)
        else:
            wire.write(b"QUIT\r\n")
            asyncio.get_running_loop().call_later(1, wire.abort)

    def _patience(self, phase: Phase) -> float:
        return min(_PATIENCE[phase], self._account.patience_s)

    async def _open(self) -> Wire:
        account = self._account
        wire = await self._greeted()
        try:
            await self._ehlo(wire)
            if account.tls == "starttls":
                wire = await self._starttls(wire)
            if account.username:
                await self._log_in(wire)
        except BaseException:
            wire.abort()
            raise
        return wire

    async def _greeted(self) -> Wire:
        account, phase = self._account, Phase.CONNECT
        try:
            if account.tls == "tls":
                phase = Phase.TLS
                wire = await connect_tls(account.host, account.port, self._context)
            else:
                wire = await connect(account.host, account.port)
            phase = Phase.CONNECT
            answer = await wire.listen(self._patience(phase))
        except WireError as error:
            raise _NotSent(phase, str(error)) from None
        if not answer.ok:
            wire.abort()
            raise _NotSent(phase, f"the relay turns us away: {answer.code} {answer.text}", answer)
        return wire

    async def _ehlo(self, wire: Wire) -> None:
        answer = await self._ask(wire, f"EHLO {_own_name(wire)}", Phase.EHLO)
        wire.extensions = read_extensions(answer.lines)

    async def _starttls(self, wire: Wire) -> Wire:
        if "STARTTLS" not in wire.extensions:
            raise _NotSent(Phase.TLS, 'the relay offers no STARTTLS; tls = "none" sends without it')
        await self._ask(wire, "STARTTLS", Phase.TLS)
        try:
            secured = await wire.start_tls(self._context, self._account.host)
        except WireError as error:
            raise _NotSent(Phase.TLS, str(error)) from None
        await self._ehlo(secured)  # what was offered in clear counts no longer, RFC 3207 §4.2
        return secured

    async def _log_in(self, wire: Wire) -> None:
        methods = wire.extensions.get("AUTH", "").upper().split()
        name, password = self._account.username, self._password.reveal()
        if "PLAIN" in methods:
            await self._ask(wire, f"AUTH PLAIN {plain_credentials(name, password)}", Phase.AUTH)
        elif "LOGIN" in methods:
            for line in ("AUTH LOGIN", base64_of(name), base64_of(password)):
                await self._ask(wire, line, Phase.AUTH)
        else:
            offered = " ".join(methods) or "none"
            raise _NotSent(Phase.AUTH, f"the relay offers no login by PLAIN or LOGIN (it offers {offered})")

    async def _ask(self, wire: Wire, line: str, phase: Phase) -> Answer:
        try:
            answer = await wire.ask(line, self._patience(phase))
        except WireError as error:
            raise _NotSent(phase, str(error)) from None
        if not answer.ok and not answer.go_on:
            raise _NotSent(phase, f"{answer.code} {answer.text}", answer)
        return answer

    # one mail

    async def _deliver(self, wire: Wire, mail: Mail, may_leave: MayLeave, *, fresh: bool) -> Reply:
        if unfit := _unfit(wire, mail):
            self._idle.append(wire)
            return unfit
        try:
            await self._envelope(wire, mail)
        except _Refused as refused:
            if refused.answer.code != _CLOSING:
                self._keep(wire)
            elif not fresh:  # it had enough of that connection, not of the mail
                wire.abort()
                return await self._deliver(await self._open(), mail, may_leave, fresh=True)
            return _verdict(refused.phase, refused.answer)
        except WireError as error:
            wire.abort()
            if not fresh:  # it was closed while it was idle
                return await self._deliver(await self._open(), mail, may_leave, fresh=True)
            raise _NotSent(Phase.MAIL, str(error)) from None
        return await self._content(wire, mail, may_leave)

    async def _envelope(self, wire: Wire, mail: Mail) -> None:
        """MAIL, RCPT and DATA up to the 354; raises _Refused with the connection ready for another mail."""
        commands = _commands(wire, mail)
        if "PIPELINING" in wire.extensions:
            wire.write("".join(f"{command}\r\n" for _, command in commands).encode("utf-8"))
            await wire.flush(self._patience(Phase.MAIL))
            answers = [(phase, await wire.listen(self._patience(phase))) for phase, _ in commands]
            await self._settle(wire, answers)
            return
        for phase, command in commands:
            answer = await wire.ask(command, self._patience(phase))
            if not _goes_on(phase, answer):
                await self._reset(wire, answer)
                raise _Refused(phase, answer)

    async def _settle(self, wire: Wire, answers: list[tuple[Phase, Answer]]) -> None:
        wrong = next(((phase, answer) for phase, answer in answers if not _goes_on(phase, answer)), None)
        if wrong is None:
            return
        if answers[-1][1].go_on:  # it waits for a message to nobody: an empty one, RFC 2920 §3.1
            await wire.ask(".", self._patience(Phase.DATA))
        else:
            await self._reset(wire, wrong[1])
        raise _Refused(*wrong)

    async def _reset(self, wire: Wire, answer: Answer) -> None:
        if answer.code != _CLOSING:
            await wire.ask("RSET", self._patience(Phase.MAIL))

    async def _content(self, wire: Wire, mail: Mail, may_leave: MayLeave) -> Reply:
        try:
            wire.write(stuffed(mail.content))
            await wire.flush(self._patience(Phase.DATA))
            leaves = await may_leave()
        except WireError as error:
            return await self._cut_short(wire, str(error))
        except BaseException:
            wire.abort()
            raise
        if not leaves:
            wire.abort()  # without its last dot it is no message
            return Reply(outcome=Outcome.WITHHELD, phase=Phase.DATA)
        try:
            answer = await wire.ask(".", self._patience(Phase.DOT))
        except WireError as error:
            wire.abort()
            return Reply(outcome=Outcome.UNKNOWN, phase=Phase.DOT, text=str(error))
        except BaseException:
            wire.abort()
            raise
        if answer.code == _CLOSING:
            wire.abort()
        else:
            self._keep(wire)
        return _verdict(Phase.DOT, answer)

    async def _cut_short(self, wire: Wire, why: str) -> Reply:
        """The connection went away before the last dot; the server may have said why."""
        try:
            answer = await wire.listen(_LAST_WORDS_S)
        except WireError:
            raise _NotSent(Phase.DATA, why) from None
        finally:
            wire.abort()
        return _verdict(Phase.DATA, answer)


def _commands(wire: Wire, mail: Mail) -> list[tuple[Phase, str]]:
    size = f" SIZE={len(mail.content)}" if "SIZE" in wire.extensions else ""  # RFC 1870
    utf8 = " SMTPUTF8" if _needs_utf8(mail) else ""  # RFC 6531 §3.4
    return [
        (Phase.MAIL, f"MAIL FROM:<{mail.return_path}>{size}{utf8}"),
        (Phase.RCPT, f"RCPT TO:<{mail.recipient}>"),
        (Phase.DATA, "DATA"),
    ]


def _goes_on(phase: Phase, answer: Answer) -> bool:
    return answer.go_on if phase is Phase.DATA else answer.ok


def _needs_utf8(mail: Mail) -> bool:
    return not (mail.recipient.isascii() and mail.return_path.isascii())


def _unfit(wire: Wire, mail: Mail) -> Reply | None:
    """A refusal that need not be asked for."""
    limit = wire.extensions.get("SIZE", "")
    if limit.isdecimal() and 0 < int(limit) < len(mail.content):
        text = f"the message has {len(mail.content)} octets, the relay takes {limit}"
        return Reply(outcome=Outcome.REFUSED, phase=Phase.MAIL, code=552, status=_TOO_BIG, text=text)
    if _needs_utf8(mail) and "SMTPUTF8" not in wire.extensions:
        text = "the relay takes no addresses beyond ASCII"
        return Reply(outcome=Outcome.REFUSED, phase=Phase.RCPT, code=553, status=_NO_UTF8, text=text)
    return None


def _verdict(phase: Phase, answer: Answer) -> Reply:
    if answer.ok and phase is Phase.DOT:
        outcome = Outcome.SENT
    elif answer.code // 100 == 4:
        outcome = Outcome.DEFERRED
    else:
        outcome = Outcome.REFUSED
    taken = (
        answer.text.rpartition("queued as ")[2]
        if outcome is Outcome.SENT and "queued as " in answer.text
        else ""
    )
    return Reply(
        outcome=outcome,
        phase=phase,
        code=answer.code,
        status=answer.status,
        text=answer.text,
        remote_id=taken.split()[0].strip(".,;)") if taken.split() else "",
    )


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
