"""Whose mail servers a domain uses: the provider that mail to it is paced for, by its MX hosts."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

from hygiene.address import split
from hygiene.events.values import providers
from hygiene.files import packaged_text
from hygiene.resolver import Answer, Resolver, run_now

OTHER: Final = "other"  # providers that nobody named
MOST_DOMAINS: Final = 10_000  # asked about, the most frequent first
_AT_ONCE: Final = 100


def provider_of(address: str, exchangers: Mapping[str, str] | None = None) -> str:
    """The provider of an address: named after its domain, else as its mail servers tell, else "other"."""
    domain = split(address)[1].lower()
    return providers().get(domain) or (exchangers or {}).get(domain, OTHER)


def provider_by_hosts(hosts: Iterable[str]) -> str:
    """The provider that the names of a domain's mail servers tell; "other" for any else.

    >>> provider_by_hosts(["aspmx.l.google.com.", "alt1.aspmx.l.google.com."])
    'gmail'
    """
    names = [host.rstrip(".").lower() for host in hosts]
    for suffix, provider in _suffixes().items():
        if any(name == suffix or name.endswith(f".{suffix}") for name in names):
            return provider
    return OTHER


def look_up_providers(domains: Iterable[str], resolver: Resolver) -> dict[str, str]:
    """Domain → provider, of those domains that are none's own and whose mail servers tell one.

    What DNS does not answer stays out: such mail is paced as any other.
    """
    unknown = [domain for domain in dict.fromkeys(domains) if domain.lower() not in providers()]
    return run_now(_look_up(unknown[:MOST_DOMAINS], resolver))


async def _look_up(domains: list[str], resolver: Resolver) -> dict[str, str]:
    room = asyncio.Semaphore(_AT_ONCE)

    async def ask(domain: str) -> Answer:
        async with room:
            return await resolver.resolve(domain, "MX")

    answers = await asyncio.gather(*(ask(domain) for domain in domains))
    found = {
        domain.lower(): provider_by_hosts(answer.values)
        for domain, answer in zip(domains, answers, strict=True)
    }
    return {domain: provider for domain, provider in found.items() if provider != OTHER}


@cache
def _suffixes() -> dict[str, str]:
    """Suffix → provider."""
    data = tomllib.loads(packaged_text("hygiene.sending", "data/exchangers.toml"))
    return {suffix: name for name, suffixes in data["suffixes"].items() for suffix in suffixes.split()}
