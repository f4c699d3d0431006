"""The one seam to HTTPS: what a fetched page is, who can fetch one, and a replay that needs no network.

`LiveFetcher` asks our own resolver for addresses, never connects to one that is not public (RFC 6890), and
verifies the host's certificate; a failure is a `FetchOutcome`, never an exception.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache, cached_property
from typing import Any, Protocol
from urllib.parse import quote, urljoin, urlsplit

import httpcore

from hygiene.domain import to_ascii
from hygiene.errors import UsageError
from hygiene.ip import IPAddress, is_public, parse_ip
from hygiene.resolver import Answer, Outcome, Resolver

MAX_REDIRECTS = 3
MAX_ADDRESSES = 4  # tried of one host
CONNECT_TIMEOUT_S = 1.0  # before the next address of a host is tried

_REDIRECTS = frozenset({301, 302, 303, 307, 308})  # RFC 9110 §15.4
_SAFE = "!#$%&'()*+,/:;=?@[]~"  # characters of a URL that stay as they are (RFC 3986 §2.2)


class FetchOutcome(StrEnum):
    """What became of one fetch."""

    FETCHED = "fetched"  #: a whole response, of any status that is not a redirect
    NOT_FOUND_NAME = "no-such-host"  #: the host name does not exist or has no address
    UNRESOLVED = "unresolved"  #: the DNS gave no answer about the host
    PRIVATE_ADDRESS = "private-address"  #: the host points into a network that is not public
    UNREACHABLE = "unreachable"  #: no connection could be made
    TIMEOUT = "timeout"  #: not finished in time
    TLS = "bad-certificate"  #: the certificate does not prove the host's name
    TOO_LARGE = "too-large"  #: more octets than the caller allows
    REDIRECT = "redirect"  #: the page is elsewhere, and was not followed there
    PROTOCOL = "protocol"  #: not an https address, or not HTTPS that answers
    UNRECORDED = "unrecorded"  #: a saved audit does not hold this page


@dataclass(frozen=True)
class Page:
    """The result of a fetch; `location` is where a redirect points or where followed redirects ended."""

    url: str
    status: int | None
    content_type: str
    body: bytes
    outcome: FetchOutcome
    detail: str = ""
    location: str = ""


class Fetcher(Protocol):
    """Whoever fetches pages. Never raises for what the network does: that is a `FetchOutcome`."""

    async def fetch(self, url: str, *, max_bytes: int, accept_redirects: bool = False) -> Page:
        """Fetch an https:// address of at most `max_bytes` octets."""
        ...


class RecordedFetcher:
    """Replays the pages of an earlier run; what was not fetched then is `UNRECORDED`."""

    def __init__(self, pages: Iterable[Page]) -> None:
        self.pages = {page.url: page for page in pages}

    async def fetch(self, url: str, *, max_bytes: int, accept_redirects: bool = False) -> Page:  # noqa: ARG002
        """The recorded page."""
        missing = _failed(url, FetchOutcome.UNRECORDED, "not fetched in this audit")
        return self.pages.get(url, missing)


class LiveFetcher:
    """Fetches over HTTPS (HTTP/1.1); see `Fetcher`.

    `timeout_s` is the time for one whole fetch, redirects included. `allow_private` lifts the ban on private
    addresses, `ca_file` replaces the public certificate authorities and `port` the TCP port, all three for
    servers of one's own. Proxy variables of the environment are not read.
    """

    def __init__(
        self,
        resolver: Resolver,
        *,
        timeout_s: float = 5.0,
        allow_private: bool = False,
        ca_file: str | None = None,
        port: int | None = None,
    ) -> None:
        self.resolver, self.timeout_s, self.allow_private = resolver, timeout_s, allow_private
        self.port = port
        self._ca_file = ca_file
        if ca_file is not None:
            _ = self._tls  # a wrong file is the caller's error, to be told at once

    async def fetch(self, url: str, *, max_bytes: int, accept_redirects: bool = False) -> Page:
        """Fetch an https:// address of at most `max_bytes` octets."""
        try:
            async with asyncio.timeout(self.timeout_s):
                return await self._fetch(url, max_bytes, MAX_REDIRECTS if accept_redirects else 0)
        except TimeoutError:
            return _failed(url, FetchOutcome.TIMEOUT, f"not fetched within {self.timeout_s:g} s")

    async def _fetch(self, url: str, max_bytes: int, redirects: int) -> Page:
        page = await self._fetch_once(url, max_bytes)
        for _ in range(redirects):
            if page.outcome is not FetchOutcome.REDIRECT:
                break
            target = page.location
            page = await self._fetch_once(target, max_bytes)
            page = replace(page, url=url, location=page.location or target)
        return page

    async def _fetch_once(self, url: str, max_bytes: int) -> Page:
        try:
            return await self._get(url, _target(url), max_bytes)
        except _Failure as failure:
            return _failed(url, failure.outcome, str(failure))
        except httpcore.TimeoutException:
            raise TimeoutError from None
        except TimeoutError:
            raise
        except (httpcore.NetworkError, OSError) as error:
            return _failed(url, *_network_failure(error))
        except (httpcore.ProtocolError, ValueError) as error:  # ValueError: a host or location beyond repair
            return _failed(url, FetchOutcome.PROTOCOL, f"not valid HTTP: {error}")

    async def _get(self, url: str, target: httpcore.URL, max_bytes: int) -> Page:
        host = target.host.decode()
        headers = [("Host", _authority(host, target.port)), ("Accept-Encoding", "identity")]
        addresses = self._permitted(host, await _addresses(self.resolver, host))
        # reading the authorities takes as long as two questions
        tls = await asyncio.to_thread(lambda: self._tls)
        async with (
            httpcore.AsyncConnectionPool(
                ssl_context=tls, network_backend=_PinnedBackend(addresses, self.port)
            ) as pool,
            pool.stream("GET", target, headers=headers) as response,
        ):
            return await _read(url, response, max_bytes)

    def _permitted(self, host: str, addresses: list[IPAddress]) -> list[IPAddress]:
        permitted = [address for address in addresses if self.allow_private or is_public(address)]
        if not permitted:
            shown = ", ".join(map(str, addresses))
            raise _Failure(FetchOutcome.PRIVATE_ADDRESS, f"the address of {host} is not public: {shown}")
        return permitted

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        if self._ca_file is None:
            return _public_authorities()
        try:
            return ssl.create_default_context(cafile=self._ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise UsageError(f"{self._ca_file} holds no certificates: {error}") from None


class _Failure(Exception):
    """Ends a fetch with an outcome."""

    def __init__(self, outcome: FetchOutcome, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome


@cache
def _public_authorities() -> ssl.SSLContext:
    return httpcore.default_ssl_context()


class _PinnedBackend(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were looked up and permitted beforehand, whatever the host is called."""

    def __init__(self, addresses: list[IPAddress], port: int | None) -> None:
        self._addresses, self._port = addresses[:MAX_ADDRESSES], port
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - already looked up
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Try the addresses in turn: what was checked is what is connected to."""
        *others, last = self._addresses
        port = self._port or port
        for address in others:
            with contextlib.suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return await self._inner.connect_tcp(str(address), port, CONNECT_TIMEOUT_S)
        return await self._inner.connect_tcp(str(last), port, timeout, local_address, socket_options)


async def _addresses(resolver: Resolver, host: str) -> list[IPAddress]:
    literal = parse_ip(host)
    if literal:
        return [literal]
    answers = await asyncio.gather(resolver.resolve(host, "A"), resolver.resolve(host, "AAAA"))
    found = [address for answer in answers for value in answer.values if (address := parse_ip(value))]
    return found or _raise_no_address(host, answers)


def _raise_no_address(host: str, answers: Iterable[Answer]) -> list[IPAddress]:
    if unknown := [answer.reason for answer in answers if not answer.is_known]:
        raise _Failure(FetchOutcome.UNRESOLVED, "; ".join(unknown))
    missing = any(answer.outcome is Outcome.NXDOMAIN for answer in answers)
    detail = f"{host} does not exist" if missing else f"{host} has no address"
    raise _Failure(FetchOutcome.NOT_FOUND_NAME, detail)


def _target(url: str) -> httpcore.URL:
    """Take an address apart; raises `_Failure` unless it is one we fetch."""
    try:
        parts = urlsplit(url)
        host, port = _ascii_host(parts.hostname or ""), parts.port
    except ValueError as error:  # UnicodeError is one
        raise _Failure(FetchOutcome.PROTOCOL, f"not a valid address: {error}") from None
    if parts.scheme != "https" or not host:
        raise _Failure(FetchOutcome.PROTOCOL, "only https:// addresses are fetched")
    if "@" in parts.netloc:
        raise _Failure(FetchOutcome.PROTOCOL, "an address with a user name in it is not fetched")
    path = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE)}" if parts.query else "")
    return httpcore.URL(scheme="https", host=host, port=port, target=path)


def _ascii_host(host: str) -> str:
    ascii_host = to_ascii(host)
    if not parse_ip(host) and any(not (sign.isalnum() or sign in "-._") for sign in ascii_host):
        raise ValueError(f"{host!r} is not a host name")
    return ascii_host.removesuffix(".")


def _authority(host: str, port: int | None) -> str:
    shown = f"[{host}]" if ":" in host else host
    return shown if port in {None, 443} else f"{shown}:{port}"


async def _read(url: str, response: httpcore.Response, max_bytes: int) -> Page:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    kind = headers.get("content-type", "")
    page = Page(url, response.status, kind, b"", FetchOutcome.FETCHED)
    if response.status in _REDIRECTS and "location" in headers:
        location = urljoin(url, headers["location"])
        return replace(
            page, outcome=FetchOutcome.REDIRECT, detail=f"redirects to {location}", location=location
        )
    if headers.get("content-encoding", "identity") != "identity":
        detail = f"compressed ({headers['content-encoding']}) without being asked to"
        return replace(page, outcome=FetchOutcome.PROTOCOL, detail=detail)
    body = await _collect(response.aiter_stream(), max_bytes)
    if body is None:
        return replace(page, outcome=FetchOutcome.TOO_LARGE, detail=f"larger than {max_bytes} octets")
    return replace(page, body=body)


async def _collect(stream: AsyncIterator[bytes], max_bytes: int) -> bytes | None:
    """The whole stream, or None as soon as it exceeds `max_bytes`."""
    body = bytearray()
    async for chunk in stream:
        body += chunk
        if len(body) > max_bytes:
            return None
    return bytes(body)


def _network_failure(error: BaseException) -> tuple[FetchOutcome, str]:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return FetchOutcome.TLS, f"certificate not accepted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return FetchOutcome.PROTOCOL, f"TLS failed: {cause.reason or cause}"
    if isinstance(error, httpcore.ConnectError):
        return FetchOutcome.UNREACHABLE, f"no connection: {error}"
    return FetchOutcome.PROTOCOL, f"the connection broke: {error}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _failed(url: str, outcome: FetchOutcome, detail: str) -> Page:
    return Page(url, None, "", b"", outcome, detail)
