"""The SMTP dialogue as octets on a connection: commands out, replies in, plain or TLS (RFC 5321, RFC 3207)."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from contextlib import suppress

from hygiene.sending.transports.smtp_syntax import Answer, WireError, read_answer, read_reply_line

_MAX_LINE = 4096  # octets; RFC 5321 §4.5.3.1.5 allows 512
_MAX_LINES = 100  # of one reply
_PARTING_S = 2.0


class Wire(asyncio.Protocol):
    """One connection. `extensions` are the keywords of its EHLO reply with their parameters."""

    def __init__(self) -> None:
        self.extensions: dict[str, str] = {}
        self.mails = 0
        self.idle_since = 0.0
        self._transport: asyncio.Transport
        self._unread, self._lines, self._answers = b"", list[str](), deque[Answer]()
        self._lost = ""
        self._clear = True  # whether all octets written are on their way
        self._waiting: asyncio.Future[None] | None = None

    # what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep nothing back: `flush` waits until the last octet is handed over."""
        self._transport = transport  # type: ignore[assignment] # a stream's
        self._transport.set_write_buffer_limits(high=1)  # with 0, TLS of asyncio never goes on

    def data_received(self, data: bytes) -> None:
        """Take in octets, and the replies that they complete."""
        *lines, self._unread = (self._unread + data).split(b"\n")
        try:
            for line in lines:
                self._take_line(line)
            if len(self._unread) > _MAX_LINE:
                raise WireError("the server's reply has a line without end")
            if len(self._answers) > _MAX_LINES:
                raise WireError("the server answers what was not asked")
        except WireError as error:
            self._lose(str(error))
            self._transport.abort()
        self._wake()

    def eof_received(self) -> None:
        """The other side is done; so is the connection."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more."""
        self._lose(_reason(exc) if isinstance(exc, OSError) else "the server closed the connection")
        self._wake()

    def pause_writing(self) -> None:
        """Octets wait to be taken."""
        self._clear = False

    def resume_writing(self) -> None:
        """All are on their way."""
        self._clear = True
        self._wake()

    # what the transport calls

    @property
    def own_address(self) -> str:
        """Our end of the connection."""
        return str(self._transport.get_extra_info("sockname")[0])

    @property
    def spoke_up(self) -> bool:
        """Whether the server said something that has not been listened to, or hung up."""
        return bool(self._answers or self._lines or self._unread or self._lost)

    async def ask(self, command: str, patience_s: float) -> Answer:
        """A command and its reply."""
        self.write(command.encode("utf-8") + b"\r\n")
        await self.flush(patience_s)
        return await self.listen(patience_s)

    def write(self, octets: bytes) -> None:
        """Put octets on their way."""
        if not self._lost:
            self._transport.write(octets)

    async def flush(self, patience_s: float) -> None:
        """Wait until all that was written is handed to the network, or the server speaks before that."""
        while not self._clear and not self._answers:
            if self._lost:
                raise WireError(self._lost)
            await self._news(patience_s, f"the server took nothing for {patience_s:g} s")
        if self._lost and not self._answers:
            raise WireError(self._lost)

    async def listen(self, patience_s: float) -> Answer:
        """The next reply, of as many lines as it has."""
        while not self._answers:
            if self._lost:
                raise WireError(self._lost)
            await self._news(patience_s, f"the server said nothing for {patience_s:g} s")
        return self._answers.popleft()

    async def start_tls(self, context: ssl.SSLContext, host: str, patience_s: float) -> None:
        """Go on over TLS.

        Whatever came in clear behind the reply to STARTTLS ends the connection: it would else pass for
        something that TLS protects (CVE-2011-0411).
        """
        if self.spoke_up:
            raise WireError(self._lost or "the server goes on in clear where TLS should begin")
        try:
            secured = await asyncio.get_running_loop().start_tls(
                self._transport, self, context, server_hostname=host, ssl_handshake_timeout=patience_s
            )
        except ssl.SSLCertVerificationError as error:
            raise WireError(f"the certificate of {host} does not hold: {error.verify_message}") from None
        except OSError as error:  # ssl.SSLError and TimeoutError are, too
            raise WireError(f"TLS failed: {_reason(error)}") from None
        if secured is None:
            raise WireError("TLS failed: the server closed the connection")
        self.extensions = {}
        self.connection_made(secured)

    def abort(self) -> None:
        """Drop the connection where it is."""
        self._lose("the connection was dropped")
        self._transport.abort()

    async def quit(self) -> None:
        """Part politely, without waiting long for the answer."""
        try:
            with suppress(WireError):
                await self.ask("QUIT", _PARTING_S)
        finally:
            self.abort()

    def part(self) -> None:
        """Part politely without waiting at all."""
        self.write(b"QUIT\r\n")
        self._lose("the connection was closed")
        self._transport.close()

    async def _news(self, patience_s: float, silence: str) -> None:
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(patience_s):
                await self._waiting
        except TimeoutError:
            raise WireError(silence) from None
        finally:
            self._waiting = None

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _lose(self, why: str) -> None:
        self._lost = self._lost or why

    def _take_line(self, line: bytes) -> None:
        if len(line) > _MAX_LINE:
            raise WireError("the server's reply has a line without end")
        code, more, text = read_reply_line(line)
        self._lines.append(text)
        if len(self._lines) > _MAX_LINES:
            raise WireError("the server's reply does not end")
        if not more:
            self._answers.append(read_answer(code, self._lines))
            self._lines.clear()


async def connect(host: str, port: int, patience_s: float) -> Wire:
    """A connection, in clear; raises WireError."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(patience_s):
            _, wire = await loop.create_connection(Wire, host, port)
    except TimeoutError:
        raise WireError(f"no connection to {host}:{port} within {patience_s:g} s") from None
    except OSError as error:
        raise WireError(f"no connection to {host}:{port}: {_reason(error)}") from None
    return wire


def _reason(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return (error.strerror or str(error) or type(error).__name__).lower()
