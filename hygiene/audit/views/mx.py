"""Mail exchangers: who takes mail for the domain, and can they be reached at all?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, ip_network

from hygiene.audit.facts import Look
from hygiene.audit.views.ownership import free_domain
from hygiene.ip import parse_ip
from hygiene.resolver import Answer, Outcome

_HOST_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))+")

MAX_HOSTS = 64  # looked up; senders try far fewer

#: addresses the public internet cannot reach (RFC 1918, 6598, 3927, 1122, 4193, 4291)
_UNREACHABLE = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::/127",
        "fc00::/7",
        "fe80::/10",
    )
)


@dataclass(frozen=True, kw_only=True)
class MailHost:
    """One MX record and where its name leads."""

    preference: int
    name: str
    addresses: tuple[str, ...] = ()
    alias: str = ""  # target of a CNAME at the name, which RFC 2181 §10.3 forbids
    unknown: str = ""
    free: str = ""  # the registered domain it needs, when nobody has registered that

    @property
    def is_address(self) -> bool:
        """An IP address where a name belongs (RFC 1035 §3.3.9)."""
        return parse_ip(self.name.strip("[]")) is not None

    @property
    def is_host_name(self) -> bool:
        """Letters, digits and hyphens, two labels or more (RFC 5321 §2.3.5)."""
        return _HOST_NAME.fullmatch(self.name) is not None and not self.is_address

    @property
    def private(self) -> tuple[str, ...]:
        """Addresses that the internet cannot reach."""
        return tuple(address for address in self.addresses if is_unreachable(address))

    @property
    def usable(self) -> bool:
        """At least one address the internet can reach."""
        return len(self.private) < len(self.addresses)


@dataclass(frozen=True, kw_only=True)
class MxView:
    """The mail hosts of a domain; `implicit` when there is no MX and the name's own address counts."""

    domain: str
    unknown: str = ""
    hosts: tuple[MailHost, ...] = ()
    null: bool = False  # RFC 7505: takes no mail
    implicit: bool = False
    authenticated: bool = False

    @property
    def published(self) -> bool:
        """There is an MX record."""
        return self.null or bool(self.hosts and not self.implicit)

    @property
    def accepts_mail(self) -> bool:
        """Somebody may take mail for this domain."""
        return bool(self.hosts)

    @property
    def names(self) -> tuple[str, ...]:
        """Host names, each once, most preferred first."""
        return tuple(dict.fromkeys(host.name for host in self.hosts))


def read_mx(facts: Look) -> MxView:
    """The mail hosts of the audited domain."""
    answer = facts.answer(facts.domain, "MX")
    if not answer.is_known:
        return MxView(domain=facts.domain, unknown=answer.reason)
    exchanges = answer.exchanges
    named = [exchange for exchange in exchanges if exchange[1]]
    hosts = tuple(_host(*exchange, facts) for exchange in named[:MAX_HOSTS]) + tuple(
        MailHost(preference=preference, name=name, unknown=f"only the first {MAX_HOSTS} hosts are looked up")
        for preference, name in named[MAX_HOSTS:]
    )
    null = any(not name for _, name in exchanges)
    if exchanges:
        return MxView(domain=facts.domain, hosts=hosts, null=null, authenticated=answer.authenticated)
    if answer.outcome is Outcome.NXDOMAIN:
        return MxView(domain=facts.domain)
    own = _host(0, facts.domain, facts)  # RFC 5321 §5.1
    if own.unknown:
        return MxView(domain=facts.domain, unknown=own.unknown)
    return MxView(domain=facts.domain, hosts=(own,) if own.addresses else (), implicit=True)


def _host(preference: int, name: str, facts: Look) -> MailHost:
    if parse_ip(name.strip("[]")):
        return MailHost(preference=preference, name=name)
    answers = (facts.answer(name, "A"), facts.answer(name, "AAAA"))
    return MailHost(
        preference=preference,
        name=name,
        addresses=tuple(value for answer in answers for value in answer.values),
        alias=next((answer.aliases[0] for answer in answers if answer.aliases), ""),
        unknown=_unknown(answers),
        free=free_domain(answers[0], facts),
    )


def _unknown(answers: tuple[Answer, ...]) -> str:
    """One family known to have addresses is enough to deliver."""
    if any(answer.records for answer in answers):
        return ""
    return next((answer.reason for answer in answers if answer.reason), "")


@lru_cache(maxsize=4096)
def is_unreachable(address: str) -> bool:
    """True for an address, or a whole range, that the public internet cannot route."""
    asked = ip_network(address)
    return any(
        isinstance(asked, IPv4Network) == isinstance(network, IPv4Network) and asked.subnet_of(network)  # type: ignore[arg-type]
        for network in _UNREACHABLE
    )
