"""The SMTP dialogue as octets on a connection: commands out, replies in, plain or TLS (RFC 5321, RFC 3207)."""

from __future__ import annotations

import asyncio
import base64
import re
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

_REPLY: Final = re.compile(rb"(\d{3})(?:([ -])(.*))?\Z", re.DOTALL)
_ENHANCED: Final = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|\Z)")  # RFC 2034 §4
_MAX_LINE: Final = 4096  # octets; RFC 5321 §4.5.3.1.5 allows 512
_MAX_LINES: Final = 100  # of one reply
_CONNECT_S: Final = 30.0
_PARTING_S: Final = 2.0


class WireError(Exception):
    """The other side is gone, silent beyond patience, or does not speak SMTP; the text says which."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply: its code, its enhanced status code or "", its text as one line."""

    code: int
    status: str
    text: str
    lines: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the command was done."""
        return self.code // 100 == 2  # RFC 5321 §4.2.1

    @property
    def go_on(self) -> bool:
        """Whether the server waits for more."""
        return self.code // 100 == 3


class Wire:
    """One connection. `extensions` are the keywords of its EHLO reply with their parameters."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.extensions: dict[str, str] = {}
        self.mails = 0

    @property
    def own_address(self) -> str:
        """Our end of the connection."""
        return str(self._writer.get_extra_info("sockname")[0])

    async def ask(self, command: str, patience_s: float) -> Answer:
        """A command and its reply."""
        self.write(command.encode("utf-8") + b"\r\n")
        await self.flush(patience_s)
        return await self.listen(patience_s)

    def write(self, octets: bytes) -> None:
        """Put octets into the connection's buffer."""
        self._writer.write(octets)

    async def flush(self, patience_s: float) -> None:
        """Wait until most of the buffer is on its way."""
        try:
            async with asyncio.timeout(patience_s):
                await self._writer.drain()
        except TimeoutError:
            raise WireError(f"the server took nothing for {patience_s:g} s") from None
        except OSError as error:
            raise WireError(_reason(error)) from None

    async def listen(self, patience_s: float) -> Answer:
        """The next reply, of as many lines as it has."""
        try:
            async with asyncio.timeout(patience_s):
                return await self._reply()
        except TimeoutError:
            raise WireError(f"the server said nothing for {patience_s:g} s") from None
        except OSError as error:
            raise WireError(_reason(error)) from None

    async def _reply(self) -> Answer:
        lines: list[str] = []
        while len(lines) < _MAX_LINES:
            code, more, text = await self._line()
            lines.append(text)
            if not more:
                return _answer(code, lines)
        raise WireError("the server's reply does not end")

    async def _line(self) -> tuple[int, bool, str]:
        try:
            line = await self._reader.readuntil(b"\n")
        except asyncio.IncompleteReadError:
            raise WireError("the server closed the connection") from None
        except asyncio.LimitOverrunError:
            raise WireError("the server's reply has a line without end") from None
        found = _REPLY.match(line.rstrip(b"\r\n"))
        if not found:
            raise WireError("the server does not speak SMTP")
        return int(found[1]), found[2] == b"-", _printable(found[3] or b"")

    async def start_tls(self, context: ssl.SSLContext, host: str) -> Wire:
        """The connection over TLS. What came after the reply to STARTTLS is dropped unread.

        A plaintext reply smuggled in before the handshake would else be taken for one that TLS protects.
        """
        plain = self._writer.transport.get_extra_info("socket").dup()
        self._writer.transport.abort()
        plain.setblocking(False)
        return await _secured(plain, context, host)

    def abort(self) -> None:
        """Drop the connection where it is."""
        self._writer.transport.abort()

    async def quit(self) -> None:
        """Part politely, without waiting long for the answer."""
        with suppress(WireError):
            await self.ask("QUIT", _PARTING_S)
        self.abort()


async def connect(host: str, port: int) -> Wire:
    """A plain connection; raises WireError."""
    try:
        async with asyncio.timeout(_CONNECT_S):
            return Wire(*await asyncio.open_connection(host, port, limit=_MAX_LINE))
    except TimeoutError:
        raise WireError(f"no connection to {host}:{port} within {_CONNECT_S:g} s") from None
    except OSError as error:
        raise WireError(f"no connection to {host}:{port}: {_reason(error)}") from None


async def connect_tls(host: str, port: int, context: ssl.SSLContext) -> Wire:
    """A connection that begins with TLS (RFC 8314 §3.3); raises WireError."""
    plain = await connect(host, port)
    return await plain.start_tls(context, host)


async def _secured(plain: socket.socket, context: ssl.SSLContext, host: str) -> Wire:
    try:
        async with asyncio.timeout(_CONNECT_S):
            opened = await asyncio.open_connection(
                sock=plain, ssl=context, server_hostname=host, limit=_MAX_LINE
            )
            return Wire(*opened)
    except TimeoutError:
        raise WireError(f"TLS did not come about within {_CONNECT_S:g} s") from None
    except ssl.SSLCertVerificationError as error:
        raise WireError(f"the certificate of {host} does not hold: {error.verify_message}") from None
    except OSError as error:
        raise WireError(f"TLS failed: {_reason(error)}") from None


def stuffed(content: bytes) -> bytes:
    """A message for DATA, without the last dot: lines end with CRLF alone, dots that begin one are doubled.

    Bare CR or LF never leaves: servers that take them for line ends could be told of another message
    (SMTP smuggling; RFC 5321 §2.3.8).
    """
    if not content.count(b"\r\n") == content.count(b"\n") == content.count(b"\r"):
        content = re.sub(rb"\r\n|\r|\n", b"\r\n", content)
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    dotted = content.replace(b"\r\n.", b"\r\n..")
    return b"." + dotted if dotted.startswith(b".") else dotted


def plain_credentials(username: str, password: str) -> str:
    """The initial response of AUTH PLAIN (RFC 4616)."""
    return base64.b64encode(f"\0{username}\0{password}".encode()).decode("ascii")


def base64_of(text: str) -> str:
    """One answer of AUTH LOGIN."""
    return base64.b64encode(text.encode()).decode("ascii")


def read_extensions(lines: Sequence[str]) -> dict[str, str]:
    """The keywords of an EHLO reply (RFC 5321 §4.1.1.1); ``AUTH=LOGIN`` of old servers counts, too."""
    found: dict[str, str] = {}
    for line in lines[1:]:
        keyword, _, parameters = line.replace("=", " ", 1).partition(" ")
        name = keyword.upper()
        found[name] = f"{found[name]} {parameters.strip()}" if name in found else parameters.strip()
    return found


def _answer(code: int, lines: Sequence[str]) -> Answer:
    status, texts = "", []
    for line in lines:
        found = _ENHANCED.match(line)
        status = status or (found[1] if found else "")
        texts.append(line[found.end() :] if found else line)
    return Answer(code, status, " ".join(" ".join(texts).split()), tuple(lines))


def _printable(octets: bytes) -> str:
    text = octets.decode("utf-8", "replace")
    return "".join(character if character.isprintable() else " " for character in text)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error) or type(error).__name__).lower()
