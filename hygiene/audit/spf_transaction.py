"""The transaction SPF judges (RFC 7208 §2.4, §4.3): who connects, and in whose name."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

from hygiene.domain import is_queryable, to_ascii
from hygiene.errors import UsageError
from hygiene.ip import IPAddress

_LITERAL = re.compile(r"\[.*\]|[0-9.]+")


def client_address(ip: str | IPAddress) -> IPAddress:
    """The client's address as it is judged; raises UsageError for anything else."""
    try:
        address = ip_address(ip) if isinstance(ip, str) else ip
    except ValueError:
        raise UsageError(f"{ip!r} is not an IP address") from None
    if isinstance(address, IPv4Address):
        return address
    # §5: an IPv4-mapped address is judged as IPv4; a scope id means nothing outside its host
    return address.ipv4_mapped or IPv6Address(int(address))


def sender_of(mail_from: str, helo: str) -> str:
    """The sender with its local part filled in (§2.4, §4.3) and its domain in A-labels (RFC 8616 §4)."""
    local, _, domain = (mail_from or f"@{helo}").rpartition("@")
    return f"{local or 'postmaster'}@{to_a_labels(domain)}"


def to_a_labels(domain: str) -> str:
    """A-labels of an internationalised domain (RFC 8616 §4); a name that has none is left as it is."""
    name = domain.removesuffix(".")
    if name.isascii():
        return name
    try:  # label by label, for an underscore in one of them is no fault in DNS
        return ".".join(map(to_ascii, name.split("."))).removesuffix(".")
    except UnicodeError:
        return name


def is_checkable(domain: str) -> bool:
    """§4.3: a well-formed name of at least two labels, and no address."""
    return "." in domain and is_queryable(domain) and not _LITERAL.fullmatch(domain)


def dotted(ip: IPAddress) -> str:
    """Macro i: dotted quad, or the 32 nibbles of an IPv6 address (§7.3)."""
    return str(ip) if ip.version == 4 else ".".join(ip.exploded.replace(":", "").upper())
