"""The built-in sample: three shops, and the local servers that play their DNS and web."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from hygiene.dns_client import LiveResolver, Server
from hygiene.files import packaged_text
from hygiene.resolver import Outcome, Zone
from hygiene.web import LiveFetcher

#: a healthy shop, one grown over the years, and one that is broken
SHOPS = ("bakery.example", "outfitters.example", "gadgets.example")

#: what a master file cannot say: names whose servers fail
FAILURES = {
    "k2._domainkey.outfitters.example": Outcome.SERVFAIL,
    "k3._domainkey.outfitters.example": Outcome.SERVFAIL,
}

_ENFORCED = """\
version: STSv1
mode: enforce
mx: aspmx.l.google.com
mx: *.aspmx.l.google.com
max_age: 604800
"""
_OUTGROWN = """\
version: STSv1
mode: testing
mx: mx1.outfitters.example
max_age: 86400
"""

PAGES = {
    "https://mta-sts.bakery.example/.well-known/mta-sts.txt": ("text/plain", _ENFORCED.encode()),
    "https://mta-sts.outfitters.example/.well-known/mta-sts.txt": ("text/plain", _OUTGROWN.encode()),
}


@dataclass(frozen=True, kw_only=True)
class Playground:
    """The sample's servers while they run. `dns` is where its DNS listens."""

    dns: Server
    resolver: LiveResolver
    fetcher: LiveFetcher


def sample_zone() -> Zone:
    """The DNS of the sample."""
    zone = Zone.from_text(packaged_text("hygiene.demo", "sample.zone"))
    return zone.with_changes(FAILURES)


@contextmanager
def playground(*, timeout_s: float = 3.0, txt: Mapping[str, str] | None = None) -> Iterator[Playground]:
    """Start the sample's DNS and HTTPS on free loopback ports, and stop them afterwards.

    `txt` are TXT records beside those of the sample.
    """
    from hygiene.demo.dns_server import DnsServer
    from hygiene.demo.https_server import HttpsServer

    zone = sample_zone().with_changes({name: {"TXT": [text]} for name, text in (txt or {}).items()})
    with DnsServer(zone) as dns, HttpsServer(PAGES) as https:
        resolver = LiveResolver([dns.address], timeout_s=timeout_s)
        fetcher = LiveFetcher(
            resolver, timeout_s=timeout_s, allow_private=True, ca_file=https.ca_file, port=https.port
        )
        yield Playground(dns=dns.address, resolver=resolver, fetcher=fetcher)
