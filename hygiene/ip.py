"""IP addresses: text → address, and which of them the public internet knows."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TypeAlias

IPAddress: TypeAlias = IPv4Address | IPv6Address

_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052
_GLOBAL_UNICAST_V6 = ip_network("2000::/3")  # RFC 4291 §2.4
_SPECIAL = tuple(  # what older versions of `ipaddress` call global
    ip_network(net) for net in ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20", "5f00::/16")
)


def parse_ip(text: str) -> IPAddress | None:
    """The address a text spells; None when it is something else, such as a name.

    >>> parse_ip("192.0.2.1"), parse_ip("mx.shop.example")
    (IPv4Address('192.0.2.1'), None)
    """
    try:
        return ip_address(text)
    except ValueError:
        return None


def is_public(address: IPAddress) -> bool:
    """Whether an address is global unicast, also after unwrapping an IPv4 address inside an IPv6 one.

    >>> is_public(ip_address("::ffff:10.0.0.1"))
    False
    """
    if isinstance(address, IPv6Address):
        inner = _embedded(address)
        if inner is not None:
            return is_public(inner)
        if address not in _GLOBAL_UNICAST_V6:
            return False
    special = any(address in network for network in _SPECIAL)
    return address.is_global and not (address.is_multicast or address.is_reserved or special)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour
