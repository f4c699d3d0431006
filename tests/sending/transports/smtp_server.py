"""An SMTP server that does what a test tells it, and notes what it saw."""

import asyncio
import ssl
import threading
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field

import trustme

HOST = "127.0.0.1"
EHLO = ("relay.example", "PIPELINING", "SIZE 1000000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")
HANG_UP, STALL = "(hang up)", "(stall)"


@dataclass
class Script:
    """What is answered: by the verb, its n-th time or always; a reply, HANG_UP, STALL or octets as they are.

    A list is used up one by one, its last counts on. "banner" and "dot" are verbs, too.
    """

    answers: dict[str, object] = field(default_factory=dict)
    ehlo: tuple[str, ...] = EHLO
    context: ssl.SSLContext | None = None
    implicit: bool = False
    after_tls: tuple[str, ...] | None = None
    in_body: object = None  # said when the content begins
    challenges: dict[str, str] = field(default_factory=dict)  # of mechanisms, before the reply to AUTH


@dataclass
class Seen:
    """What the server saw."""

    connections: int = 0
    open: int = 0
    most_open: int = 0
    commands: list[str] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)
    dots: int = 0
    cut: int = 0  # messages that ended without their dot


DEFAULTS = {
    "banner": "220 relay.example ESMTP",
    "HELO": "250 relay.example",
    "STARTTLS": "220 2.0.0 go ahead",
    "AUTH": "235 2.7.0 welcome",
    "MAIL": "250 2.1.0 ok",
    "RCPT": "250 2.1.5 ok",
    "DATA": "354 go ahead",
    "dot": "250 2.0.0 Ok: queued as 4XyZ",
    "RSET": "250 2.0.0 ok",
    "QUIT": "221 2.0.0 bye",
}


class Server:
    """One listening server."""

    def __init__(self, script):
        self.script, self.seen, self.port = script, Seen(), 0
        self.stalled, self.spoke = asyncio.Event(), asyncio.Event()
        self.readers, self.writers, self.received = [], [], 0
        self._tasks = set()

    def answer(self, verb):
        told = self.script.answers.get(verb)
        if isinstance(told, list):
            told = told.pop(0) if len(told) > 1 else told[0]
        return DEFAULTS.get(verb, "502 5.5.2 what?") if told is None else told

    async def serve(self, reader, writer):
        seen = self.seen
        seen.connections += 1
        seen.open += 1
        seen.most_open = max(seen.most_open, seen.open)
        self.readers.append(reader)
        self.writers.append(writer)
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            with suppress(OSError, asyncio.CancelledError, Hung):
                await Dialogue(self, reader, writer).run()
        finally:
            seen.open -= 1
            self._tasks.discard(task)
            writer.transport.abort()

    async def is_left(self):
        """Until nobody is connected but those that it keeps waiting."""
        while self.seen.open and not self.stalled.is_set():
            await asyncio.sleep(0.001)

    async def stop(self):
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Hung(Exception):
    """The script hung up."""


def begins(said, code):
    return (said if isinstance(said, bytes) else said.encode()).startswith(code.encode())


class Dialogue:
    def __init__(self, server, reader, writer):
        self.server, self.reader, self.writer = server, reader, writer
        self.secured = server.script.implicit

    async def run(self):
        await self.say("banner")
        while line := await self.reader.readline():
            command = line.decode("utf-8", "replace").rstrip("\r\n")
            self.server.seen.commands.append(command)
            verb = command.partition(" ")[0].upper()
            if verb == "EHLO":
                await self.ehlo()
            elif verb == "AUTH":
                await self.auth(command)
            elif verb == "DATA":
                if begins(await self.say("DATA"), "354"):
                    await self.content()
            else:
                said = await self.say(verb)
                if verb == "STARTTLS" and begins(said, "220"):
                    await self.secure()
                if verb == "QUIT":
                    return

    async def ehlo(self):
        script = self.server.script
        if "EHLO" in script.answers:
            await self.say("EHLO")
            return
        words = script.ehlo
        if self.secured and script.after_tls is not None:
            words = script.after_tls
        elif script.context and not self.secured:
            words = (*words, "STARTTLS")
        lines = [f"250-{word}" for word in words[:-1]] + [f"250 {words[-1]}"]
        self.writer.write("".join(f"{line}\r\n" for line in lines).encode())

    async def auth(self, command):
        if command.upper() == "AUTH LOGIN":
            for asked in ("334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"):
                self.writer.write(f"{asked}\r\n".encode())
                self.server.seen.commands.append((await self.reader.readline()).decode().strip())
        challenge = self.server.script.challenges.get(command.split()[1].upper())
        if challenge:
            self.writer.write(f"334 {challenge}\r\n".encode())
            self.server.seen.commands.append((await self.reader.readline()).decode().rstrip("\r\n"))
        await self.say("AUTH")

    async def content(self):
        seen, lines = self.server.seen, []
        if self.server.script.in_body is not None:
            await self.reader.readline()
            try:
                await self.put(self.server.script.in_body)
            finally:
                self.server.spoke.set()
        while True:
            line = await self.reader.readline()
            if not line.endswith(b"\n"):
                seen.cut += 1
                return
            if line == b".\r\n":
                break
            lines.append(line.removeprefix(b"."))
            self.server.received += len(lines[-1])
        seen.dots += 1
        said = self.server.answer("dot")
        if begins(said, "250"):
            seen.messages.append(b"".join(lines))
        await self.put(said)

    async def secure(self):
        await self.writer.start_tls(self.server.script.context)
        self.secured = True

    async def say(self, verb):
        said = self.server.answer(verb)
        await self.put(said)
        return said

    async def put(self, said):
        if said == HANG_UP:
            raise Hung
        if said == STALL:
            self.server.stalled.set()
            await asyncio.Event().wait()
        self.writer.write(said if isinstance(said, bytes) else f"{said}\r\n".encode())
        with suppress(ConnectionError):
            await self.writer.drain()
        if isinstance(said, str) and said.startswith("421"):
            raise Hung


@asynccontextmanager
async def running(script=None, **answers):
    """A server on a free port; keywords are answers of its script."""
    script = script or Script(answers=answers)
    server = Server(script)
    context = script.context if script.implicit else None
    listening = await asyncio.start_server(server.serve, HOST, 0, ssl=context)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await server.stop()
        await listening.wait_closed()


@contextmanager
def in_thread(script):
    """The same beside code that has an event loop of its own."""
    loop, ready, done = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def serve():
        async with running(script) as found:
            served.append(found)
            ready.set()
            await done.wait()

    served = []
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield served[0]
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
        loop.close()


def authority(folder, *names, **certificate):
    """A server's context with a certificate for these names, and the file of who signed it."""
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*names, **certificate).configure_cert(context)
    path = folder / "ca.pem"
    ca.cert_pem.write_to_path(path)
    return context, str(path)
