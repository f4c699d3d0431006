"""Sending by a provider's API: pooled HTTPS/1.1, one request a mail, no redirect followed, and an honest end.

Until the first octet of the request is written, nothing was accepted; from then on, until an answer is read,
nobody knows. Nothing is repeated here. Proxy variables of the environment are not read.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore

from hygiene.errors import UsageError
from hygiene.sending.letter import Mail
from hygiene.sending.reply import Outcome, Phase, Reply
from hygiene.sending.transports.answer import Answer, Api, Request, one_line, read_probe
from hygiene.sending.transports.transport import MayLeave

CONNECT_S: Final = 15.0  # for the connection, and again for TLS
KEEP_S: Final = 8.0  # an idle connection is kept; servers close theirs later, and a race with that leaves doubt
MAX_ANSWER: Final = 256 * 1024  # octets

_PHASES: Final[Mapping[str, Phase]] = {
    "connection.connect_tcp.started": Phase.CONNECT,
    "connection.start_tls.started": Phase.TLS,
}
_NETWORK: Final = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError)
_REQUEST_BEGINS: Final = "http11.send_request_headers.started"


def _now() -> datetime:
    return datetime.now(UTC)


class HttpApi:
    """A transport over one provider's API; `capacity` is how many connections it keeps.

    `patience_s` is the time from the request's first octet to the answer's last. `ca_file` replaces the public
    certificate authorities. Raises UsageError for an address that is not https.
    """

    def __init__(
        self,
        api: Api,
        *,
        connections: int,
        patience_s: float,
        ca_file: str | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self.api, self.capacity, self.patience_s = api, connections, patience_s
        self._ca_file, self._clock = ca_file, clock
        self._url = _checked_url(api.base_url)
        if ca_file is not None:
            _ = self._tls  # a wrong file is told at once
        self._under_way: set[asyncio.Task[Any]] = set()

    async def send(self, mail: Mail, may_leave: MayLeave) -> Reply:
        """Send one mail; see `Transport`."""
        task = asyncio.current_task()
        if task:
            self._under_way.add(task)
        try:
            return self._without_secrets(await self._send(mail, may_leave))
        finally:
            if task:
                self._under_way.discard(task)

    async def check(self) -> Reply | None:
        """Whether the key is good, as the provider says, without sending; None where there is no way to ask.

        REFUSED for good, or DEFERRED where asking again may help.
        """
        request = self.api.probe()
        if request is None:
            return None
        async with _Try(_at_once, self.patience_s) as attempt:
            return self._without_secrets(read_probe(await self._ask(request, attempt)))
        final = attempt.end.phase is Phase.TLS
        return replace(attempt.end, outcome=Outcome.REFUSED if final else Outcome.DEFERRED)

    async def close(self) -> None:
        """Finish what is under way, then close the connections."""
        others = self._under_way - {asyncio.current_task()}
        if others:
            await asyncio.wait(others)
        if "_pool" in self.__dict__:
            await self._pool.aclose()

    async def _send(self, mail: Mail, may_leave: MayLeave) -> Reply:
        now = self._clock()
        request = self.api.request(mail, now)
        async with _Try(may_leave, self.patience_s) as attempt:
            answer = await self._ask(request, attempt)
            return self.api.read(answer, now)
        return attempt.end

    async def _ask(self, request: Request, attempt: _Try) -> Answer:
        headers = {
            "Host": urlsplit(self._url).netloc,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "hygiene",
            **request.headers,
            **({"Content-Length": str(len(request.body))} if request.method == "POST" else {}),
        }
        async with self._pool.stream(
            request.method,
            self._url + request.path,
            headers=list(headers.items()),
            content=request.body,
            extensions={"trace": attempt.trace, "timeout": {"connect": CONNECT_S}},
        ) as response:
            body, whole = await _read(response)
        return Answer(status=response.status, headers=_headers(response), body=body, whole=whole)

    @cached_property
    def _pool(self) -> httpcore.AsyncConnectionPool:
        return httpcore.AsyncConnectionPool(
            ssl_context=self._tls,
            max_connections=self.capacity,
            max_keepalive_connections=self.capacity,
            keepalive_expiry=KEEP_S,
        )

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        if self._ca_file is None:
            return httpcore.default_ssl_context()
        try:
            return ssl.create_default_context(cafile=self._ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise UsageError(f"{self._ca_file} holds no certificates: {error}") from None

    def _without_secrets(self, reply: Reply) -> Reply:
        text = reply.text
        for secret in self.api.secrets:
            text = text.replace(secret.reveal(), "…") if secret else text
        return replace(reply, text=text)


async def _at_once() -> bool:
    return True


class _Withheld(Exception):
    """The last moment's answer was no."""


class _Try:
    """One request from connection to answer; `end` is what the network made of it where no answer came."""

    def __init__(self, may_leave: MayLeave, patience_s: float) -> None:
        self._may_leave, self._patience_s = may_leave, patience_s
        self._limit = asyncio.timeout(None)
        self._phase, self._left = Phase.CONNECT, False
        self.end: Reply

    async def __aenter__(self) -> _Try:
        await self._limit.__aenter__()
        return self

    async def __aexit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        try:
            await self._limit.__aexit__(kind, error, trace)
        except TimeoutError:
            error = TimeoutError(f"no answer within {self._patience_s:g} s")
        if isinstance(error, _Withheld):
            self.end = Reply(outcome=Outcome.WITHHELD, phase=self._phase)
        elif isinstance(error, _NETWORK):
            self.end = self._failed(error)
        else:
            return False
        return True

    def _failed(self, error: BaseException) -> Reply:
        """Before the request was written nothing was accepted; afterwards nobody knows."""
        if self._left:
            return Reply(outcome=Outcome.UNKNOWN, phase=Phase.DOT, text=f"no answer: {_told(error)}")
        return Reply(outcome=Outcome.NOT_SENT, phase=self._phase, text=_told(error))

    async def trace(self, name: str, _info: Mapping[str, Any]) -> None:
        """Follow httpcore: how far it is, and the moment before the first octet of the request."""
        self._phase = _PHASES.get(name, self._phase)
        if name != _REQUEST_BEGINS:
            return
        if not await self._may_leave():
            raise _Withheld
        self._left = True
        self._limit.reschedule(asyncio.get_running_loop().time() + self._patience_s)


async def _read(response: httpcore.Response) -> tuple[bytes, bool]:
    """The body, and whether it is whole: one that breaks off or is too large still has its status."""
    body = bytearray()
    try:
        async for chunk in response.aiter_stream():
            body += chunk
            if len(body) > MAX_ANSWER:
                return bytes(body[:MAX_ANSWER]), False
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException):
        return bytes(body), False
    return bytes(body), True


def _headers(response: httpcore.Response) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}


def _told(error: BaseException) -> str:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"certificate not accepted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed: {cause.reason or cause}"
    return one_line(str(error)) or type(error).__name__


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        sound = parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc
        _ = parts.port
    except ValueError:
        sound = False
    if not sound or parts.query or parts.fragment:
        raise UsageError(f"an API is reached at https://HOST, not at {one_line(url)[:80]!r}")
    return url.rstrip("/")
