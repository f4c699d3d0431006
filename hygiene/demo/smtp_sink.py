"""An SMTP server on loopback that takes mail and delivers it nowhere: for the demo, and to test against.

It notes what it takes before it says so, as a real server does; a reply may come late, so that a sender can be
cut off between the two.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

HOST: Final = "127.0.0.1"
_MAX_LINE: Final = 64 * 1024
_EXTENSIONS: Final = ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "SIZE 52428800")


@dataclass(frozen=True, slots=True)
class Taken:
    """One mail that was taken."""

    return_path: str
    recipient: str
    content: bytes


@dataclass
class SmtpSink:
    """A server in a thread of its own; `port` is where it listens once entered.

    `taken` is called with each mail before it is acknowledged, `answer` with a recipient: a reply to RCPT, or
    None to take it. Acknowledging takes up to `delay_s` seconds, by chance.
    """

    taken: Callable[[Taken], None]
    answer: Callable[[str], str | None] = lambda _recipient: None
    delay_s: tuple[float, float] = (0.0, 0.0)
    port: int = 0
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def __enter__(self) -> SmtpSink:
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, HOST, self.port, limit=_MAX_LINE)
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, name="smtp sink", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._close())
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                await _Dialogue(self, reader, writer).run()
        finally:
            writer.close()


class _Dialogue:
    """One connection."""

    def __init__(self, sink: SmtpSink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._sink, self._reader, self._writer = sink, reader, writer
        self._return_path, self._recipients = "", list[str]()

    async def run(self) -> None:
        self._say("220 sink.example ESMTP")
        while True:
            line = (await self._reader.readuntil(b"\r\n")).decode("utf-8", "replace").rstrip("\r\n")
            verb = line.partition(" ")[0].upper()
            if verb == "QUIT":
                self._say("221 2.0.0 bye")
                await self._writer.drain()
                return
            await self._obey(verb, line)
            await self._writer.drain()

    async def _obey(self, verb: str, line: str) -> None:
        if verb in ("EHLO", "HELO"):
            lines = ["sink.example", *_EXTENSIONS]
            for number, text in enumerate(lines, 1):
                self._say(f"250{' ' if number == len(lines) else '-'}{text}")
        elif verb == "MAIL":
            self._return_path, self._recipients = _path(line), []
            self._say("250 2.1.0 ok")
        elif verb == "RCPT":
            self._rcpt(_path(line))
        elif verb == "DATA":
            await self._data()
        elif verb in ("RSET", "NOOP"):
            self._recipients = []
            self._say("250 2.0.0 ok")
        else:
            self._say("502 5.5.1 not here")

    def _rcpt(self, recipient: str) -> None:
        refusal = self._sink.answer(recipient)
        if refusal is None:
            self._recipients.append(recipient)
        self._say(refusal or "250 2.1.5 ok")

    async def _data(self) -> None:
        if not self._recipients:
            self._say("554 5.5.1 no recipients")
            return
        self._say("354 go on")
        await self._writer.drain()
        content = await self._content()
        for recipient in self._recipients:
            self._sink.taken(Taken(self._return_path, recipient, content))
        self._recipients = []
        delay_s = random.uniform(*self._sink.delay_s)  # noqa: S311 - to spread replies
        if delay_s:
            await asyncio.sleep(delay_s)
        self._say("250 2.0.0 ok: queued as sink")

    async def _content(self) -> bytes:
        lines: list[bytes] = []
        while (line := await self._reader.readuntil(b"\r\n")) != b".\r\n":
            lines.append(line.removeprefix(b"."))
        return b"".join(lines)

    def _say(self, line: str) -> None:
        self._writer.write(f"{line}\r\n".encode())


def _path(line: str) -> str:
    return line.partition("<")[2].partition(">")[0]
