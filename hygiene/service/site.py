"""What every endpoint needs: the store, the settings, and the one thread that writes."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parseaddr
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import urlsplit

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from hygiene.config import Settings
from hygiene.credentials import Secret
from hygiene.errors import HygieneError, UsageError
from hygiene.sending.ledger import Ledger, moment
from hygiene.service.entry import Sessions, read_token_setting
from hygiene.service.leaving import Leave, leave_all
from hygiene.service.limits import Limit
from hygiene.service.people import Origin, Sending
from hygiene.service.privacy import apply_retention
from hygiene.service.provider_posts import Posts
from hygiene.service.together import Together
from hygiene.service.webhooks.gate import open_gate
from hygiene.store import Store
from hygiene.web import Fetcher, RecordedFetcher

T = TypeVar("T")

_DAY_S = 86_400
_SHARE = 20  # of the time, at most, goes into what is made again and again
_WRONG_TOKENS = 10  # a minute, of one network address
_LONGEST_AGENT = 300  # characters of a browser's name for itself


@dataclass(kw_only=True)
class Site:
    """A workspace that is served. `clock` gives microseconds since 1970 UTC, `log` takes lines.

    Writing begins with `begin`, on the event loop that serves.
    """

    store: Store
    settings: Settings
    clock: Callable[[], int]
    log: Callable[[str], None] = field(default=lambda _line: None)
    log_addresses: bool = False
    fetcher: Fetcher = field(default_factory=lambda: RecordedFetcher(()))  # of what SNS names
    log_place: str = ""  # what `measure` reads the events from; "" is the store's file
    stopping: bool = False
    _daily: asyncio.Task[None] | None = field(init=False, default=None)
    posts: Posts = field(init=False)
    ledger: Ledger = field(init=False)
    leaves: Together[Leave, Sending | None] = field(init=False)
    _kept: dict[str, tuple[asyncio.Lock, list[Any]]] = field(init=False, default_factory=dict)

    def begin(self) -> None:
        """Begin to write. Raises UsageError for settings that cannot be."""
        self.check()
        self.ledger = Ledger(self.store, self.clock)
        self.leaves = Together(
            self.ledger,
            lambda connection, wishes: leave_all(connection, wishes, self.store.key, self.clock()),
        )
        self.posts = Posts(self, self.fetcher)
        self.posts.begin()
        if keep := self.settings.workspace.keep_events:
            self._daily = asyncio.create_task(self._retain(keep))

    async def _retain(self, keep: str) -> None:
        while True:
            try:
                await run_in_threadpool(lambda: apply_retention(self.store, keep, now=self.now))
            except HygieneError as error:
                self.log(f"events could not be made to name nobody: {error}")
            await asyncio.sleep(_DAY_S)

    def check(self) -> None:
        """Read every secret and network of the settings; raises UsageError for one that cannot be."""
        _ = self.api_token, self.dashboard_token, self._proxies
        for name, settings in self.settings.webhooks.items():
            open_gate(name, settings)

    async def end(self) -> None:
        """Write what waits."""
        if self._daily:
            self._daily.cancel()
        await self.posts.end()
        self.ledger.close()

    @property
    def now(self) -> datetime:
        """The moment."""
        return moment(self.clock())

    @property
    def key(self) -> bytes:
        """The workspace's secret."""
        return self.store.key

    @property
    def base(self) -> str:
        """The address people reach it by, without a slash at its end; never taken from a request."""
        return self.settings.service.url.rstrip("/")

    @cached_property
    def root(self) -> str:
        """The path it is served under behind a proxy, "" for the top."""
        return urlsplit(self.base).path

    async def read(self, step: Callable[[Connection], T]) -> T:
        """A step that only reads, off the event loop."""
        return await run_in_threadpool(self._read, step)

    def _read(self, step: Callable[[Connection], T]) -> T:
        with self.store.reading() as connection:
            return step(connection)

    async def kept(self, name: str, for_us: int, make: Callable[[], T]) -> T:
        """What `make` gives, off the event loop and at most once in a while; others wait for it.

        What takes long is made more seldom.
        """
        lock, held = self._kept.setdefault(name, (asyncio.Lock(), []))
        async with lock:
            if not self._is_fresh(held, for_us):
                began, made = self.clock(), await run_in_threadpool(make)
                held[:] = [began, made, self.clock() - began]
            found: T = held[1]
            return found

    async def soon(self, name: str, for_us: int, make: Callable[[], T], patience_s: float) -> T | None:
        """What `kept` gives; where that takes longer than one would wait, what it gave last, or None."""
        lock, held = self._kept.setdefault(name, (asyncio.Lock(), []))
        if held and (lock.locked() or self._is_fresh(held, for_us)):
            last: T = held[1]
            return last
        making = asyncio.ensure_future(self.kept(name, for_us, make))
        done, _ = await asyncio.wait({making}, timeout=patience_s)
        if done:
            return making.result()
        making.add_done_callback(lambda task: task.cancelled() or task.exception())
        return held[1] if held else None

    def _is_fresh(self, held: list[Any], for_us: int) -> bool:
        return bool(held) and self.clock() - held[0] <= max(for_us, _SHARE * held[2])

    def forget(self, name: str) -> None:
        """Have it made anew the next time."""
        self._kept.pop(name, None)

    async def write(self, step: Callable[[Connection], T]) -> T:
        """A step that writes; committed when it returns."""
        return await self.ledger.run(step)

    @cached_property
    def api_token(self) -> Secret:
        """The token of the API; false where there is none."""
        return read_token_setting(self.settings.service.api_token, "service.api_token")

    @cached_property
    def dashboard_token(self) -> Secret:
        """The token that one signs in with; false where there is none."""
        return read_token_setting(self.settings.service.dashboard_token, "service.dashboard_token")

    @cached_property
    def sessions(self) -> Sessions:
        """Who is signed in."""
        return Sessions(self.key, self.dashboard_token, self.clock)

    @cached_property
    def api_limit(self) -> Limit:
        """Of requests with the API's token."""
        return Limit(self.settings.service.api_per_minute, self.clock)

    @cached_property
    def strangers(self) -> Limit:
        """Of wrong tokens, by network address."""
        return Limit(_WRONG_TOKENS, self.clock)

    @cached_property
    def forms(self) -> Limit:
        """Of forms that send a mail, by network address."""
        return Limit(self.settings.service.forms_per_minute, self.clock)

    @cached_property
    def _proxies(self) -> tuple[Any, ...]:
        return tuple(_network(written) for written in self.settings.service.proxies)

    def peer(self, request: Request) -> str:
        """The network address a request comes from; a proxy of ours is believed, nobody else."""
        at = request.client.host if request.client else ""
        given = request.headers.getlist("x-forwarded-for")
        for hop in reversed([each.strip() for line in given for each in line.split(",")]):
            if not self._is_proxy(at) or not _is_address(hop):
                break
            at = hop
        return at

    def _is_proxy(self, host: str) -> bool:
        return _is_address(host) and any(ipaddress.ip_address(host) in each for each in self._proxies)

    def origin(self, request: Request) -> Origin:
        """The evidence a request carries of where it comes from."""
        return Origin(remote=self.peer(request), agent=request.headers.get("user-agent", "")[:_LONGEST_AGENT])

    def sender_name(self, stream: str = "marketing") -> str:
        """Who the mails of a stream come from, in words."""
        settings = self.settings.streams.get(stream)  # type: ignore[call-overload]
        name, address = parseaddr(settings.sender if settings else "")
        return name or address.rpartition("@")[2]


def site_of(request: Request) -> Site:
    """The site that a request came to."""
    site: Site = request.app.state.site
    return site


def _network(written: str) -> Any:
    try:
        return ipaddress.ip_network(written)
    except ValueError:
        raise UsageError(f"service.proxies: {written!r} is no network such as 192.0.2.0/24") from None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
