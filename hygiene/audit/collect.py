"""Every look-up of an audit, once, concurrently.

Each subject's view is read over the facts so far; what it asked for in vain is looked up at once, and the view
is read again until nothing is missing. Subjects settle side by side, so an audit takes as long as its longest
chain of dependent questions.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine, Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from hygiene.audit.facts import AuditOptions, Facts
from hygiene.audit.subjects import SUBJECTS
from hygiene.resolver import Answer, Outcome, Resolver, canonical_name
from hygiene.smtp_probe import Greeting, SmtpProbe
from hygiene.web import Fetcher, Page

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MAX_ROUNDS = 300  # a chain of questions longer than this is an attack, not a domain


@dataclass
class _Inquiry:
    """Facts as one subject sees them while they are gathered; remembers what it lacked."""

    facts: Facts
    questions: dict[tuple[str, str], None] = field(default_factory=dict)
    pages: dict[str, dict[str, Any]] = field(default_factory=dict)
    greetings: dict[tuple[str, str], None] = field(default_factory=dict)

    @property
    def domain(self) -> str:
        return self.facts.domain

    @property
    def options(self) -> AuditOptions:
        return self.facts.options

    @property
    def probe(self) -> str:
        return self.facts.probe

    @property
    def collected_at(self) -> str:
        return self.facts.collected_at

    @property
    def waiting(self) -> bool:
        return True

    def answer(self, name: str, rdtype: str) -> Answer:
        found = self.facts.answer(name, rdtype)
        if found.outcome is Outcome.UNRECORDED:
            self.questions[canonical_name(name), rdtype] = None
        return found

    def recorded(self, name: str, rdtype: str) -> Answer:
        return self.facts.answer(name, rdtype)

    def page(self, url: str, *, max_bytes: int, accept_redirects: bool = False) -> Page:
        if url not in self.facts.pages:
            self.pages[url] = {"max_bytes": max_bytes, "accept_redirects": accept_redirects}
        return self.facts.page(url)

    def greeting(self, host: str, ip: str) -> Greeting:
        if f"{host}/{ip}" not in self.facts.greetings:
            self.greetings[host, ip] = None
        return self.facts.greeting(host, ip)


async def collect(
    domain: str,
    *,
    options: AuditOptions,
    resolver: Resolver,
    fetcher: Fetcher,
    smtp_probe: SmtpProbe,
    probe: str | None = None,
    now: datetime | None = None,
) -> Facts:
    """Gather the facts of one domain. Network trouble becomes part of the facts, never an exception."""
    desk = _Desk(resolver, fetcher, smtp_probe)
    facts = Facts(
        domain=domain,
        options=options,
        probe=probe or f"hygiene-{secrets.token_hex(6)}",
        collected_at=(now or datetime.now(UTC)).isoformat(timespec="seconds"),
        answers=desk.answers,
        pages=desk.pages,
        greetings=desk.greetings,
    )
    started, asked = time.monotonic(), getattr(resolver, "queries", 0)
    await asyncio.gather(*(_settle(read, facts, desk) for read in SUBJECTS.values()))
    return replace(
        facts,
        elapsed_s=round(time.monotonic() - started, 3),
        queries=getattr(resolver, "queries", len(desk.answers)) - asked,
    )


async def _settle(read: Callable[[Any], object], facts: Facts, desk: _Desk) -> None:
    for _ in range(MAX_ROUNDS):
        inquiry = _Inquiry(facts)
        read(inquiry)
        work = [
            *(desk.ask(*question) for question in inquiry.questions),
            *(desk.fetch(url, limits) for url, limits in inquiry.pages.items()),
            *(desk.greet(*server) for server in inquiry.greetings),
        ]
        if not work:
            return
        await asyncio.gather(*work)


@dataclass
class _Desk:
    """Sends out everything once, whichever subject wants it first, and files what comes back."""

    resolver: Resolver
    fetcher: Fetcher
    smtp_probe: SmtpProbe
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)
    pages: dict[str, Page] = field(default_factory=dict)
    greetings: dict[str, Greeting] = field(default_factory=dict)
    under_way: dict[object, asyncio.Task[None]] = field(default_factory=dict)

    def ask(self, name: str, rdtype: str) -> asyncio.Task[None]:
        return self._once((name, rdtype), self.answers, lambda: self.resolver.resolve(name, rdtype))

    def fetch(self, url: str, limits: Mapping[str, Any]) -> asyncio.Task[None]:
        return self._once(url, self.pages, lambda: self.fetcher.fetch(url, **limits))

    def greet(self, host: str, ip: str) -> asyncio.Task[None]:
        return self._once(f"{host}/{ip}", self.greetings, lambda: self.smtp_probe.greet(host, ip))

    def _once(
        self, key: K, file: dict[K, V], start: Callable[[], Coroutine[Any, Any, V]]
    ) -> asyncio.Task[None]:
        async def run() -> None:
            file[key] = await start()

        if key not in self.under_way:
            self.under_way[key] = asyncio.create_task(run())
        return self.under_way[key]
