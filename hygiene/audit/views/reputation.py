"""The addresses behind the domain: reverse DNS (FCrDNS) and, when asked, blocklists (RFC 5782)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from hygiene.audit.facts import Look
from hygiene.audit.records.spf import Qualifier, is_spf, scan
from hygiene.audit.views.mx import is_unreachable, read_mx
from hygiene.domain import is_below, registered_domain
from hygiene.resolver import Answer

MAX_ADDRESSES = 24  # looked at per audit, given ones first
MAX_NAMES = 10  # PTR names followed per address

#: Spamhaus answers in 127.255.255.0/24 are errors, not listings (spamhaus.org/faq, read 2026-11)
REFUSALS = {
    "127.255.255.252": "typing error in the list's name",
    "127.255.255.254": "asked through a public resolver",
    "127.255.255.255": "too many queries",
}


@dataclass(frozen=True, kw_only=True)
class ReverseDns:
    """One address. `origin` says why it is looked at; `confirmed` are the names that lead back to it."""

    address: str
    origin: str  # "given", "spf", "mx", or "provider": a mail host of somebody else
    names: tuple[str, ...] = ()
    confirmed: tuple[str, ...] = ()
    unknown: str = ""


@dataclass(frozen=True, kw_only=True)
class ReverseDnsView:
    """Reverse DNS of all addresses that may send."""

    addresses: tuple[ReverseDns, ...] = ()
    unknown: str = ""

    @property
    def accountable(self) -> tuple[ReverseDns, ...]:
        """Those the domain's owner can answer for."""
        return tuple(one for one in self.addresses if one.origin != "provider")

    @property
    def given(self) -> tuple[ReverseDns, ...]:
        """The addresses the user named: the only ones known to send."""
        return tuple(one for one in self.addresses if one.origin == "given")


@dataclass(frozen=True, kw_only=True)
class Listing:
    """One subject on one list. `listed` is None when the list could not be believed (`unknown`)."""

    zone: str
    subject: str
    listed: bool | None
    codes: tuple[str, ...] = ()
    text: str = ""
    unknown: str = ""


@dataclass(frozen=True, kw_only=True)
class BlocklistView:
    """Blocklists; empty unless asked for."""

    listings: tuple[Listing, ...] = ()
    unknown: str = ""


def read_reverse_dns(facts: Look) -> ReverseDnsView:
    """PTR and forward confirmation of given and implied addresses."""
    return ReverseDnsView(
        addresses=tuple(
            _reverse(address, origin, facts) for address, origin in sending_addresses(facts).items()
        )
    )


def sending_addresses(facts: Look) -> dict[str, str]:
    """Address → why it is looked at: named by the user, a mail host, or a single address in the SPF record."""
    found = dict.fromkeys(facts.options.ips, "given")
    for text in facts.answer(facts.domain, "TXT").texts:
        if is_spf(text):
            for mechanism in scan(text)[0].mechanisms:
                network = mechanism.network
                if network and network.num_addresses == 1 and mechanism.qualifier is Qualifier.PASS:
                    found.setdefault(str(network.network_address), "spf")
    own = registered_domain(facts.domain)
    for host in read_mx(facts).hosts:
        for address in host.addresses:
            found.setdefault(address, "mx" if is_below(host.name, own) else "provider")
    reachable = {address: origin for address, origin in found.items() if not is_unreachable(address)}
    return dict(list(reachable.items())[:MAX_ADDRESSES])


def _reverse(address: str, origin: str, facts: Look) -> ReverseDns:
    parsed = ip_address(address)
    pointer = facts.answer(parsed.reverse_pointer, "PTR")
    names = tuple(name for name in pointer.values if name)
    forward = {name: facts.answer(name, "A" if parsed.version == 4 else "AAAA") for name in names[:MAX_NAMES]}
    confirmed = tuple(name for name, answer in forward.items() if _leads_to(answer, address))
    open_question = next((answer.reason for answer in forward.values() if answer.reason), "")
    return ReverseDns(
        address=address,
        origin=origin,
        names=names,
        confirmed=confirmed,
        unknown=pointer.reason or ("" if confirmed else open_question),
    )


def _leads_to(answer: Answer, address: str) -> bool:
    return any(ip_address(value) == ip_address(address) for value in answer.values)


def read_blocklists(facts: Look) -> BlocklistView:
    """Every address known to send on every list the user chose; nothing is asked by default."""
    given = facts.options.ips or tuple(
        address for address, origin in sending_addresses(facts).items() if origin == "spf"
    )
    addresses = given or tuple(sending_addresses(facts))
    return BlocklistView(
        listings=tuple(
            _listing(zone, address, facts) for zone in facts.options.blocklists for address in addresses
        )
    )


def _listing(zone: str, address: str, facts: Look) -> Listing:
    doubt = _why_not_believed(zone, ip_address(address).version, facts)
    if doubt:
        return Listing(zone=zone, subject=address, listed=None, unknown=doubt)
    name = f"{reversed_address(address)}.{zone}"
    answer = facts.answer(name, "A")
    refusal = _refusal(answer)
    if refusal or not answer.is_known:
        return Listing(zone=zone, subject=address, listed=None, unknown=refusal or answer.reason)
    codes = tuple(code for code in answer.values if _is_listing(code))
    text = " ".join(facts.answer(name, "TXT").texts) if codes else ""
    return Listing(zone=zone, subject=address, listed=bool(codes), codes=codes, text=text)


def _why_not_believed(zone: str, version: int, facts: Look) -> str:
    """The test entries of RFC 5782 §5: 127.0.0.2 must be listed, 127.0.0.1 must not."""
    listed, unlisted = ("127.0.0.2", "127.0.0.1") if version == 4 else ("::ffff:7f00:2", "::ffff:7f00:1")
    positive = facts.answer(f"{reversed_address(listed)}.{zone}", "A")
    negative = facts.answer(f"{reversed_address(unlisted)}.{zone}", "A")
    for answer in (positive, negative):
        if reason := _refusal(answer) or answer.reason:
            return f"{zone} does not answer us: {reason}"
    if not any(_is_listing(code) for code in positive.values):
        return f"{zone} does not list its test entry; it is closed, or the resolver filters it"
    if any(_is_listing(code) for code in negative.values):
        return f"{zone} lists everything"
    return ""


def _refusal(answer: Answer) -> str:
    return next((REFUSALS[code] for code in answer.values if code in REFUSALS), "")


def _is_listing(code: str) -> bool:
    """Only 127.0.0.0/8 counts, and 127.0.0.1 never does (RFC 5782 §2.1, §5)."""
    return code.startswith("127.") and code != "127.0.0.1" and not code.startswith("127.255.255.")


def reversed_address(address: str) -> str:
    """The address as DNSBL zones key it (RFC 5782 §2.1, §2.4)."""
    pointer = ip_address(address).reverse_pointer
    return pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
