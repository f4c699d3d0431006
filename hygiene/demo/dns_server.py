"""A small authoritative DNS server on loopback, UDP and TCP, for the demo and the tests.

``python -m hygiene.demo.dns_server zone.txt --port 5353`` serves a master file (RFC 1035 §5).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import secrets
import socket
import struct
import sys
import threading
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from hygiene.dns_client import Server
from hygiene.dns_wire import to_rrset
from hygiene.errors import HygieneError, UsageError
from hygiene.files import read_whole
from hygiene.resolver import Answer, Outcome, Zone, canonical_name

HOST = "127.0.0.1"
NEGATIVE_TTL_S = 300
DATAGRAM_OCTETS = 4096


class Behaviour(StrEnum):
    """How a name is answered."""

    NORMAL = "normal"  #: what the zone says
    DROP = "drop"  #: not at all
    SERVFAIL = "servfail"
    REFUSED = "refused"
    BOGUS = "bogus"  #: SERVFAIL unless the question has CD set, as a validating resolver does
    LAME = "lame"  #: an empty referral
    TRUNCATE = "truncate"  #: TC over UDP, whole over TCP
    GARBAGE = "garbage"  #: random octets
    WRONG_ID = "wrong-id"
    WRONG_QUESTION = "wrong-question"


_OF_OUTCOME = {
    Outcome.TIMEOUT: Behaviour.DROP,
    Outcome.UNREACHABLE: Behaviour.DROP,
    Outcome.UNRECORDED: Behaviour.REFUSED,
    Outcome.MALFORMED: Behaviour.GARBAGE,
    Outcome.SERVFAIL: Behaviour.SERVFAIL,
    Outcome.REFUSED: Behaviour.REFUSED,
}


class Answering(Protocol):
    """Whatever knows the answers: a `Zone`, a `Recorded`."""

    def answer(self, name: str, rdtype: str) -> Answer:
        """Answer one question without waiting."""
        ...


class _Reply(NamedTuple):
    """A finished answer; `wire` lacks the two octets of the ID."""

    question: tuple[str, str]
    wire: bytes
    how: Behaviour

    def to(self, query: bytes) -> bytes | None:
        """The octets to send back, if any."""
        if self.how is Behaviour.DROP:
            return None
        if self.how is Behaviour.GARBAGE:
            return secrets.token_bytes(48)
        if self.how is Behaviour.WRONG_ID:
            return bytes([query[0] ^ 0xFF, query[1]]) + self.wire
        return query[:2] + self.wire


class DnsServer:
    """Serves `zone` on 127.0.0.1 in a thread while the ``with`` block lasts.

    `delay_s` is the time every answer takes; answers do not wait for one another. `behaviour` maps a name,
    ``*.name`` or ``*`` to how it is answered. `drop_first` leaves the first packets unanswered. Without
    `follow_aliases` an alias is answered alone, as by a server whose zone ends there. `questions` lists what
    came in, as (name, type, "udp" or "tcp").
    """

    def __init__(
        self,
        zone: Answering,
        *,
        port: int = 0,
        delay_s: float = 0.0,
        behaviour: Mapping[str, Behaviour] | None = None,
        drop_first: int = 0,
        follow_aliases: bool = True,
    ) -> None:
        self.zone, self.delay_s, self.follow_aliases = zone, delay_s, follow_aliases
        self.behaviour = {canonical_name(name): how for name, how in (behaviour or {}).items()}
        self.questions: list[tuple[str, str, str]] = []
        self.address = Server(HOST, port)
        self._to_drop = drop_first
        self._replies: dict[tuple[bytes, str], _Reply] = {}
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        udp, tcp = _bind(self.address.port)
        self.address = Server(HOST, udp.getsockname()[1])
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        ready = threading.Event()
        serving = self._serve(udp, tcp, ready)
        self._thread = threading.Thread(target=_run, args=(self._loop, serving), name="demo-dns", daemon=True)
        self._thread.start()
        ready.wait()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread:
            self._thread.join()

    async def _serve(self, udp: socket.socket, tcp: socket.socket, ready: threading.Event) -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(udp, self._drain, udp)
        server = await asyncio.start_server(self._serve_tcp, sock=tcp)
        ready.set()
        try:
            await self._stop.wait()
        finally:
            loop.remove_reader(udp)
            udp.close()
            server.close()

    def _drain(self, udp: socket.socket) -> None:
        """Take every datagram that waits; waking up for each would cost more than answering it."""
        with contextlib.suppress(BlockingIOError):
            while True:
                query, sender = udp.recvfrom(DATAGRAM_OCTETS)
                wire = self._reply(query, "udp")
                if wire and self.delay_s:
                    asyncio.get_running_loop().call_later(self.delay_s, _send, udp, wire, sender)
                elif wire:
                    _send(udp, wire, sender)

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                wire = self._reply(await reader.readexactly(length), "tcp")
                await asyncio.sleep(self.delay_s)
                if wire:
                    writer.write(struct.pack("!H", len(wire)) + wire)
                    await writer.drain()
        except (EOFError, OSError, asyncio.CancelledError):
            pass  # the client has gone, or the server stops
        finally:
            writer.close()

    def _reply(self, query: bytes, transport: str) -> bytes | None:
        key = (query[2:], transport)
        if key not in self._replies:
            message = _question(query)
            if message is None:
                return None
            self._replies[key] = self._render(message, transport)
        reply = self._replies[key]
        self.questions.append((*reply.question, transport))
        if self._to_drop:
            self._to_drop -= 1
            return None
        return reply.to(query)

    def _render(self, query: dns.message.Message, transport: str) -> _Reply:
        question = query.question[0]
        name, rdtype = canonical_name(question.name.to_text()), dns.rdatatype.to_text(question.rdtype)
        answer = self.zone.answer(name, rdtype)
        if answer.aliases and not self.follow_aliases:
            answer = Answer(name, "CNAME", Outcome.RECORDS, (answer.aliases[:1],), ttl=answer.ttl)
        how = self._behaviour(name) or _OF_OUTCOME.get(answer.outcome, Behaviour.NORMAL)
        limit = max(query.payload, 512) if transport == "udp" else 65535
        cut = how is Behaviour.TRUNCATE and transport == "udp"
        octets = _fit(_response(query, answer, how), limit, cut=cut)[2:]
        if how is Behaviour.WRONG_QUESTION:  # another first letter in the question's name
            octets = octets[:11] + bytes([octets[11] ^ 0x01]) + octets[12:]
        return _Reply((name, rdtype), octets, how)

    def _behaviour(self, name: str) -> Behaviour | None:
        labels = name.split(".")
        wildcards = (".".join(["*", *labels[start:]]) for start in range(1, len(labels) + 1))
        return next((self.behaviour[key] for key in (name, *wildcards) if key in self.behaviour), None)


def _question(octets: bytes) -> dns.message.Message | None:
    try:
        message = dns.message.from_wire(octets)
    except Exception:  # strangers' bytes fail in more ways than DNSException
        return None
    return message if message.question and not message.flags & dns.flags.QR else None


def _run(loop: asyncio.AbstractEventLoop, serving: Any) -> None:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(serving)


def _bind(port: int) -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket on the same port."""
    for _ in range(20):  # a free UDP port may be taken for TCP
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            udp.bind((HOST, port))
            tcp.bind(udp.getsockname())
            tcp.listen(128)
        except OSError:
            udp.close()
            tcp.close()
            continue
        udp.setblocking(False)
        return udp, tcp
    raise UsageError(f"port {port or 'any'} on {HOST} is taken")


def _send(udp: socket.socket, wire: bytes, sender: Any) -> None:
    with contextlib.suppress(OSError):  # a full buffer or a closed socket loses the packet, as networks do
        udp.sendto(wire, sender)


def _response(query: dns.message.Message, answer: Answer, how: Behaviour) -> dns.message.Message:
    response = dns.message.make_response(query, our_payload=1232)
    if how is Behaviour.LAME:
        response.authority.append(to_rrset(dns.name.root, "NS", [("ns.invalid",)], NEGATIVE_TTL_S))
        return response
    response.flags |= dns.flags.AA
    if how is Behaviour.REFUSED:
        response.set_rcode(dns.rcode.REFUSED)
    elif how is Behaviour.SERVFAIL or (how is Behaviour.BOGUS and not query.flags & dns.flags.CD):
        response.set_rcode(dns.rcode.SERVFAIL)
    else:
        _fill(response, answer)
    return response


def _fill(response: dns.message.Message, answer: Answer) -> None:
    """Put the aliases, the records or the SOA of a negative answer into the response."""
    response.flags |= dns.flags.AD if answer.authenticated else 0
    owner, ttl = response.question[0].name, answer.ttl or NEGATIVE_TTL_S
    for alias in answer.aliases:
        response.answer.append(to_rrset(owner, "CNAME", [(alias,)], ttl))
        owner = dns.name.from_text(alias)
    if answer.outcome is Outcome.RECORDS:
        response.answer.append(to_rrset(owner, answer.rdtype, answer.records, ttl))
        return
    if answer.outcome is Outcome.NXDOMAIN:
        response.set_rcode(dns.rcode.NXDOMAIN)
    response.authority.append(_soa(owner))


def _soa(owner: dns.name.Name) -> dns.rrset.RRset:
    apex = dns.name.Name(owner.labels[-3:])  # the registered domain, near enough
    fields = ["ns.invalid", "hostmaster.invalid", "1", "7200", "900", "1209600", str(NEGATIVE_TTL_S)]
    return to_rrset(apex, "SOA", [fields], NEGATIVE_TTL_S)


def _fit(response: dns.message.Message, limit: int, *, cut: bool) -> bytes:
    """The wire form within `limit` octets: what does not fit is left out and TC set (RFC 2181 §9)."""
    with contextlib.suppress(dns.exception.TooBig):
        if not cut:
            return response.to_wire(max_size=limit, want_shuffle=False)
    response.flags |= dns.flags.TC
    response.answer, response.authority = [], []
    return response.to_wire(max_size=limit)


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m hygiene.demo.dns_server", description=__doc__)
    parser.add_argument("file", type=Path, help="a master file")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--delay", type=float, default=0.0, metavar="MS", help="milliseconds per answer")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Serve a master file until interrupted."""
    arguments = _arguments(words)
    try:
        zone = Zone.from_text(read_whole(arguments.file))
        with DnsServer(zone, port=arguments.port, delay_s=arguments.delay / 1000) as server:
            print(f"{server.address.host}:{server.address.port}", flush=True)
            with contextlib.suppress(KeyboardInterrupt):
                threading.Event().wait()
    except (HygieneError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
