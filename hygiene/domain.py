"""Domain names: what a person typed → A-labels, and which domain an organisation registered."""

from __future__ import annotations

from functools import cache, lru_cache
from reprlib import Repr
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hygiene.errors import UsageError
from hygiene.ip import parse_ip
from hygiene.resolver import canonical_name

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

MAX_NAME_LENGTH = 253  # octets in text form, RFC 1035 §2.3.4
MAX_LABEL_LENGTH = 63  # octets, RFC 1035 §2.3.4

_QUOTE = Repr()  # what was typed, shortened in the middle
_QUOTE.maxstring = 80


def parse_domain(text: str) -> str:
    """The A-label form of the domain meant by `text`: a name, an IDN, an address or a URL.

    Raises UsageError with one sentence for anything that is not a domain of two labels or more.

    >>> parse_domain("https://www.shop.example/sale?x=1"), parse_domain("Ann@Bücher.example.")
    ('www.shop.example', 'xn--bcher-kva.example')
    """
    written = text.strip()
    shown = _QUOTE.repr(written)
    host = _host_part(written, shown)
    if parse_ip(host):
        raise UsageError(f"{shown} is an IP address; audit the domain that sends from it and add --ip {host}")
    name = _a_labels(canonical_name(host), shown)
    if not is_queryable(name):
        raise UsageError(f"{shown} is not a domain name: a label is empty or too long")
    if "." not in name:
        raise UsageError(
            f"{shown} is a single label; a domain that sends mail has two or more, like shop.example"
        )
    return name


def is_queryable(name: str) -> bool:
    """True when the name can be asked for in DNS at all (RFC 1035 §2.3.4)."""
    fits = len(name) <= MAX_NAME_LENGTH and name.isascii()
    return fits and all(0 < len(label) <= MAX_LABEL_LENGTH for label in name.split("."))


def to_ascii(name: str) -> str:
    """The name in A-labels (RFC 5891, mapped as in UTS 46), case and final dot as given if it is ASCII already.

    Raises UnicodeError when a label has no A-label.
    """
    if name.isascii():
        return name
    import idna

    return idna.encode(name, uts46=True).decode("ascii")


def to_unicode(name: str) -> str:
    """The name as people write it; A-labels that do not decode stay as they are."""
    import idna

    try:
        return idna.decode(name)
    except UnicodeError:  # idna.IDNAError is one
        return name


def is_public_suffix(name: str) -> bool:
    """True when names below `name` belong to different owners (publicsuffix.org)."""
    return bool(_suffixes().publicsuffix(name) == name)


@lru_cache(maxsize=4096)
def registered_domain(name: str) -> str:
    """The organizational domain by the public suffix list, as RFC 7489 §3.2 wants it; a suffix stays itself."""
    return _suffixes().privatesuffix(name) or name


def is_below(name: str, parent: str) -> bool:
    """True for `parent` itself and everything under it."""
    return name == parent or name.endswith(f".{parent}")


@cache
def _suffixes() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()


def _host_part(written: str, shown: str) -> str:
    if "://" in written or written.startswith("//"):
        try:
            return urlsplit(written).hostname or ""
        except ValueError:
            raise UsageError(f"{shown} is not a URL with a host name in it") from None
    host = written.removeprefix("mailto:").partition("/")[0]
    return host.rpartition("@")[2].strip("[]<>") if "@" in host or host.startswith("[") else host


def _a_labels(name: str, shown: str) -> str:
    try:
        name = to_ascii(name).removesuffix(".")
    except UnicodeError as error:
        fault, *_ = str(error).split(" at position ")  # behind it stands the whole input again
        raise UsageError(f"{shown} is not a domain name: {fault}") from None
    letters = name.replace("-", "").replace("_", "").replace(".", "")
    if not letters.isalnum():
        raise UsageError(f"{shown} is not a domain name: only letters, digits, '-' and '.' may stand in one")
    return name
