"""A small asynchronous DNS client: `LiveResolver` asks real servers over UDP, and TCP where it must (RFC 7766).

The messages themselves are the business of `hygiene.dns_wire`.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from types import TracebackType
from typing import Any, NamedTuple, Self

from hygiene.dns_wire import MAX_TTL_S, NoSuchName, Query, Step, chain_trouble, is_truncated, read_reply
from hygiene.errors import UsageError
from hygiene.ip import parse_ip
from hygiene.resolver import Answer, Outcome, canonical_name

DATAGRAM_OCTETS = 4096  # room for servers that send more than they were asked for
MAX_CACHED = 100_000  # answers, about 0.5 KB each
BOGUS = "DNSSEC validation failed (bogus)"

_HOST_NAME = re.compile(r"(?=.*[a-z])[a-z0-9_]([a-z0-9._-]*[a-z0-9.])?", re.IGNORECASE)
_WORTH_REPEATING = frozenset({Outcome.TIMEOUT, Outcome.MALFORMED})
_BLAME = (Outcome.SERVFAIL, Outcome.REFUSED, Outcome.MALFORMED, Outcome.TIMEOUT, Outcome.UNREACHABLE)


class Server(NamedTuple):
    """Where a DNS server listens."""

    host: str
    port: int = 53

    def __str__(self) -> str:
        if self.port == 53:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_server(text: str) -> Server:
    """Read ``192.0.2.53``, ``127.0.0.1:5353``, ``::1``, ``[::1]:53`` or ``localhost:5300``."""
    text = text.strip()
    host, port = _split_port(text)
    if "/" in text or not (parse_ip(host) or _HOST_NAME.fullmatch(host)):
        raise UsageError(f"{text!r} is not a DNS server: give an address such as 192.0.2.53 or [::1]:5353")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65535):
        raise UsageError(f"{text!r} is not a DNS server: the port must be a number from 1 to 65535")
    return Server(host, int(port))


def _split_port(text: str) -> tuple[str, str]:
    if bracketed := re.fullmatch(r"\[([0-9a-f:.%]+)\](?::(.*))?", text, re.IGNORECASE):
        return bracketed[1], "53" if bracketed[2] is None else bracketed[2]
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return host, port
    return text, "53"


def system_servers() -> tuple[Server, ...]:
    """The servers this machine is set up to use (/etc/resolv.conf)."""
    import dns.resolver

    with contextlib.suppress(dns.resolver.NoResolverConfiguration):
        system = dns.resolver.Resolver()
        if system.nameservers:
            return tuple(Server(str(host), system.port) for host in system.nameservers)
    raise UsageError("this machine has no DNS server set up: name one")


class _Endpoint(NamedTuple):
    """A server after its host name, if it has one, was looked up."""

    family: int
    address: tuple[Any, ...]
    server: Server


def _endpoints(server: Server) -> list[_Endpoint]:
    try:
        found = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise UsageError(f"the DNS server {server.host} cannot be found: {error.strerror}") from None
    return [_Endpoint(family, address, server) for family, _, _, _, address in found]


class _Exchange:
    """One question being asked; a socket stays open over repeats, so that a late answer still counts."""

    def __init__(self, query: Query) -> None:
        self.query = query
        self.sent = 0
        self._sockets: dict[_Endpoint, socket.socket] = {}
        self._garbled: set[_Endpoint] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        for opened in self._sockets.values():
            opened.close()

    async def ask(self, endpoint: _Endpoint, deadline: float) -> Step:
        """Send the question once and listen until `deadline` (loop time)."""
        server = endpoint.server
        try:
            async with asyncio.timeout_at(deadline):
                return await self._over_udp(endpoint)
        except TimeoutError:
            outcome, why = Outcome.TIMEOUT, f"no answer from {server}"
        except ConnectionRefusedError:
            outcome, why = Outcome.UNREACHABLE, f"nothing answers at {server.host}:{server.port}"
        except (OSError, EOFError) as error:
            outcome, why = Outcome.UNREACHABLE, f"cannot talk to {server}: {error}"
        if endpoint in self._garbled:
            outcome, why = Outcome.MALFORMED, f"unreadable or foreign answers from {server}"
        return self.query.failed(outcome, why)

    async def _over_udp(self, endpoint: _Endpoint) -> Step:
        loop = asyncio.get_running_loop()
        sock = self._socket(endpoint)
        self.sent += 1
        await loop.sock_sendall(sock, self.query.wire)
        while True:
            reply = await loop.sock_recv(sock, DATAGRAM_OCTETS)
            if not self.query.is_answered_by(reply):
                self._garbled.add(endpoint)
                await asyncio.sleep(0)  # a flood of junk must not keep the time-out from firing
                continue
            if is_truncated(reply):
                return await self._over_tcp(endpoint)
            if step := read_reply(self.query, reply, endpoint.server):
                return step
            self._garbled.add(endpoint)  # ours, but cut short
            return await self._over_tcp(endpoint)

    def _socket(self, endpoint: _Endpoint) -> socket.socket:
        if endpoint in self._sockets:
            return self._sockets[endpoint]
        opened = self._sockets[endpoint] = socket.socket(endpoint.family, socket.SOCK_DGRAM)
        opened.setblocking(False)
        opened.connect(endpoint.address)  # a random source port, and the kernel drops other senders
        return opened

    async def _over_tcp(self, endpoint: _Endpoint) -> Step:
        self.sent += 1
        host, port = endpoint.address[:2]
        reader, writer = await asyncio.open_connection(host, port, family=endpoint.family)
        try:
            writer.write(struct.pack("!H", len(self.query.wire)) + self.query.wire)
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            reply = await reader.readexactly(length)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        step = read_reply(self.query, reply, endpoint.server) if self.query.is_answered_by(reply) else None
        return step or self.query.failed(
            Outcome.MALFORMED, f"unreadable answer from {endpoint.server} over TCP"
        )


@dataclass(slots=True)
class _Flight:
    """What belongs to one event loop: the questions under way, and how many more may start."""

    slots: asyncio.Semaphore
    pending: dict[tuple[str, str], asyncio.Future[Step | None]] = field(default_factory=dict)


class LiveResolver:
    """Asks DNS servers; see `hygiene.resolver.Resolver`.

    `servers` are asked in the order given; without any, the system's. `timeout_s` is the time for one
    question over all repeats and servers, counted from when it is sent; where a server leaves following an
    alias to us, the rest of the chain has as much again. At most `max_in_flight` questions are out at once.
    `cache` keeps answers for their TTL; equal questions asked at the same time always share one packet.
    `queries` counts the questions really sent. One resolver may serve several event loops, one after another.
    """

    def __init__(
        self,
        servers: Sequence[Server] | None = None,
        *,
        timeout_s: float = 5.0,
        max_in_flight: int = 256,
        cache: bool = True,
    ) -> None:
        self.servers = tuple(servers) if servers else system_servers()
        self.timeout_s, self.max_in_flight, self.cache = timeout_s, max_in_flight, cache
        self.queries = 0
        endpoints = [endpoint for server in self.servers for endpoint in _endpoints(server)]
        self._schedule = tuple(_schedule(endpoints))
        self._cache: dict[tuple[str, str], tuple[float, Step]] = {}
        self._flights: dict[asyncio.AbstractEventLoop, _Flight] = {}

    async def resolve(self, name: str, rdtype: str) -> Answer:
        """Answer one question, following aliases; never raises for what the network does."""
        step = await self._step(canonical_name(name), rdtype.upper())
        if not step.dangling:
            return step.answer
        try:
            async with asyncio.timeout(self.timeout_s):
                return await self._follow(step.answer)
        except TimeoutError:
            return replace(step.answer, outcome=Outcome.TIMEOUT, detail=self._silence())

    async def _follow(self, answer: Answer) -> Answer:
        while True:
            if trouble := chain_trouble((answer.name, *answer.aliases)):
                return replace(answer, outcome=Outcome.SERVFAIL, records=(), detail=trouble)
            step = await self._step(answer.aliases[-1], answer.rdtype)
            answer = _joined(answer, step.answer)
            if not step.dangling:
                return answer

    async def _step(self, name: str, rdtype: str) -> Step:
        """One server's answer: from the cache, from whoever is asking already, or by asking."""
        flight = self._flight()
        while True:
            if kept := self._recall(name, rdtype):
                return kept
            pending = flight.pending.get((name, rdtype))
            if pending is None:
                return await self._lead(flight, name, rdtype)
            if shared := await asyncio.shield(pending):
                return shared

    async def _lead(self, flight: _Flight, name: str, rdtype: str) -> Step:
        pending = flight.pending[name, rdtype] = asyncio.get_running_loop().create_future()
        step = None
        try:
            async with flight.slots:
                step = await self._ask(name, rdtype)
            self._remember(name, rdtype, step)
            return step
        finally:
            del flight.pending[name, rdtype]
            pending.set_result(step)  # None when cancelled: one of those waiting asks again

    async def _ask(self, name: str, rdtype: str) -> Step:
        try:
            query = Query.build(name, rdtype)
        except NoSuchName as error:
            return Step(Answer(name, rdtype, Outcome.NXDOMAIN, ttl=MAX_TTL_S, detail=str(error)))
        deadline = asyncio.get_running_loop().time() + self.timeout_s
        step = await self._ask_servers(query, deadline)
        if step.answer.outcome is not Outcome.SERVFAIL:
            return step
        unchecked = await self._ask_servers(Query.build(name, rdtype, checking_disabled=True), deadline)
        return Step(replace(step.answer, detail=BOGUS)) if unchecked.answer.is_known else step

    async def _ask_servers(self, query: Query, deadline: float) -> Step:
        """Ask in turn until a server knows; only silence and junk are reasons to ask the same one again."""
        begin = asyncio.get_running_loop().time()
        failures: dict[_Endpoint, Step] = {}
        with _Exchange(query) as exchange:
            try:
                for endpoint, share in self._schedule:
                    if endpoint in failures and failures[endpoint].answer.outcome not in _WORTH_REPEATING:
                        continue
                    step = await exchange.ask(endpoint, begin + share * (deadline - begin))
                    if step.answer.is_known:
                        return step
                    failures[endpoint] = step
            finally:
                self.queries += exchange.sent
        worst = min(failures.values(), key=lambda step: _BLAME.index(step.answer.outcome))
        silent = worst.answer.outcome is Outcome.TIMEOUT
        return Step(replace(worst.answer, detail=self._silence())) if silent else worst

    def _silence(self) -> str:
        return f"no answer within {self.timeout_s:g} s from {', '.join(map(str, self.servers))}"

    def _flight(self) -> _Flight:
        loop = asyncio.get_running_loop()
        if loop not in self._flights:
            alive = {known: flight for known, flight in self._flights.items() if not known.is_closed()}
            self._flights = alive | {loop: _Flight(asyncio.Semaphore(self.max_in_flight))}
        return self._flights[loop]

    def _recall(self, name: str, rdtype: str) -> Step | None:
        expires, step = self._cache.get((name, rdtype), (0.0, None))
        return step if expires > time.monotonic() else None

    def _remember(self, name: str, rdtype: str, step: Step) -> None:
        if not self.cache or step.answer.ttl <= 0:
            return
        if len(self._cache) >= MAX_CACHED:
            self._cache.pop(next(iter(self._cache)), None)
        self._cache[name, rdtype] = (time.monotonic() + step.answer.ttl, step)


def _schedule(endpoints: Sequence[_Endpoint]) -> Iterator[tuple[_Endpoint, float]]:
    """Who is asked when: each attempt with the share of the whole time at which it ends."""
    turns = [*endpoints] * (3 if len(endpoints) == 1 else 2)
    ends = list(accumulate(min(2**turn, 4) for turn in range(len(turns))))
    return ((endpoint, end / ends[-1]) for endpoint, end in zip(turns, ends, strict=True))


def _joined(first: Answer, rest: Answer) -> Answer:
    """The answer for an alias, made from that for its target."""
    return replace(
        rest,
        name=first.name,
        aliases=first.aliases + rest.aliases,
        ttl=min(first.ttl, rest.ttl),
        authenticated=first.authenticated and rest.authenticated,
    )
