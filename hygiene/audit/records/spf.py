"""SPF records (RFC 7208 §4.5, §5, §6): text ↔ terms, and every syntax error a record can have.

A syntax error anywhere makes the whole record a permerror, also behind `all` (§4.6), so `parse` refuses
what the grammar of §12 refuses and nothing more: unknown modifiers, odd case and '/' in a domain-spec are fine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from ipaddress import (
    AddressValueError,
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_network,
)
from typing import Literal, TypeAlias, cast

from hygiene.audit.records.spf_macros import MacroString, parse_macro_string
from hygiene.errors import RecordError
from hygiene.ip import IPAddress

Network: TypeAlias = IPv4Network | IPv6Network
Kind: TypeAlias = Literal["all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"]

#: mechanisms and modifiers that cost one of the ten look-ups (RFC 7208 §4.6.4)
LOOKUP_TERMS = frozenset({"include", "a", "mx", "ptr", "exists", "redirect"})
MECHANISMS = frozenset({"all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"})

_VERSION = re.compile(r"v=spf1(?= |\Z)", re.IGNORECASE | re.ASCII)
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9\-_.]*)=(.*)", re.DOTALL)
_DIRECTIVE = re.compile(r"([+\-~?]?)([^:/]*)(.*)", re.DOTALL)
_DUAL_CIDR = re.compile(r"(?:/(\d+))?(?://(\d+))?\Z", re.ASCII)
_PREFIX = re.compile(r"0|[1-9][0-9]{0,2}")


class Qualifier(StrEnum):
    """What a matching mechanism means (RFC 7208 §4.6.2)."""

    PASS = "+"  # noqa: S105
    FAIL = "-"
    SOFTFAIL = "~"
    NEUTRAL = "?"

    @property
    def result(self) -> str:
        """The result word of RFC 7208 §2.6."""
        return self.name.lower()


@dataclass(frozen=True, kw_only=True)
class Mechanism:
    """One directive. `prefix4` and `prefix6` are None when not written."""

    kind: Kind
    qualifier: Qualifier = Qualifier.PASS
    domain: MacroString | None = None
    address: IPAddress | None = None
    prefix4: int | None = None
    prefix6: int | None = None

    @property
    def network(self) -> Network | None:
        """The range of an ip4 or ip6, host bits cleared."""
        return None if self.address is None else self.around(self.address)

    def around(self, address: IPAddress) -> Network:
        """The range that the written prefix length cuts around an address, host bits cleared."""
        prefix = self.prefix4 if address.version == 4 else self.prefix6
        length = address.max_prefixlen if prefix is None else prefix
        return ip_network((address, length), strict=False)

    def to_text(self) -> str:
        """The shortest way to write it."""
        qualifier = "" if self.qualifier is Qualifier.PASS else self.qualifier.value
        target = str(self.address) if self.address is not None else self.domain and self.domain.to_text()
        return f"{qualifier}{self.kind}{':' + target if target else ''}{self._cidr()}"

    def _cidr(self) -> str:
        four = "" if self.prefix4 is None else f"/{self.prefix4}"
        if self.prefix6 is None:
            return four
        return f"/{self.prefix6}" if self.kind == "ip6" else f"{four}//{self.prefix6}"


@dataclass(frozen=True, kw_only=True)
class Modifier:
    """`redirect`, `exp`, or one this version does not know (ignored, RFC 7208 §6)."""

    name: str
    value: MacroString

    def to_text(self) -> str:
        """``name=value``."""
        return f"{self.name}={self.value.to_text()}"


Term: TypeAlias = Mechanism | Modifier


@dataclass(frozen=True)
class SpfRecord:
    """A sound record: its terms in the order published."""

    terms: tuple[Term, ...] = ()

    @property
    def mechanisms(self) -> tuple[Mechanism, ...]:
        """The directives, in order."""
        return tuple(term for term in self.terms if isinstance(term, Mechanism))

    @property
    def modifiers(self) -> tuple[Modifier, ...]:
        """All modifiers, known and unknown."""
        return tuple(term for term in self.terms if isinstance(term, Modifier))

    @property
    def all(self) -> Mechanism | None:
        """The first `all`; nothing behind it is ever reached."""
        return next((term for term in self.mechanisms if term.kind == "all"), None)

    @property
    def reachable(self) -> tuple[Mechanism, ...]:
        """The directives up to and with `all`."""
        end = self.all
        return self.mechanisms[: self.mechanisms.index(end) + 1] if end else self.mechanisms

    @property
    def redirect(self) -> MacroString | None:
        """The target that takes over when nothing matches; ignored beside `all` (§6.1)."""
        return None if self.all else self.modifier("redirect")

    @property
    def explanation(self) -> MacroString | None:
        """Where the text for a fail is published."""
        return self.modifier("exp")

    def modifier(self, name: str) -> MacroString | None:
        """The value of a modifier as written."""
        return next((term.value for term in self.modifiers if term.name == name), None)

    def to_text(self) -> str:
        """The record as it would be published."""
        return " ".join(["v=spf1", *(term.to_text() for term in self.terms)])


def is_spf(text: str) -> bool:
    """True when a TXT record is an SPF record at all: the version, then a space or the end (§4.5)."""
    return _VERSION.match(text) is not None


def parse(text: str) -> SpfRecord:
    """Read one record; raises RecordError with the first fault."""
    record, errors = scan(text)
    if errors:  # raised as a copy: `scan` keeps its own, and a raised error collects tracebacks
        first = errors[0]
        raise RecordError(first.reason, fragment=first.fragment, section=first.section)
    return record


@lru_cache(maxsize=1024)
def scan(text: str) -> tuple[SpfRecord, tuple[RecordError, ...]]:
    """Read one record as far as it goes: the sound terms, and every fault."""
    if not is_spf(text):
        return SpfRecord(), (RecordError("does not begin with v=spf1", fragment=text, section="RFC 7208 §4.5"),)
    terms: list[Term] = []
    errors: list[RecordError] = []
    for word in filter(None, text[len("v=spf1") :].split(" ")):
        try:
            terms.append(parse_term(word))
        except RecordError as error:
            errors.append(error)
    return SpfRecord(tuple(terms)), (*errors, *_repeated(terms))


def parse_term(word: str) -> Term:
    """Read one term."""
    modifier = _MODIFIER.fullmatch(word)
    return _read_modifier(modifier[1], modifier[2], word) if modifier else _read_directive(word)


def _repeated(terms: list[Term]) -> list[RecordError]:
    names = [term.name for term in terms if isinstance(term, Modifier)]
    return [
        RecordError(f"{name}= appears {names.count(name)} times", section="RFC 7208 §6")
        for name in ("redirect", "exp")
        if names.count(name) > 1
    ]


def _read_modifier(name: str, value: str, word: str) -> Modifier:
    name = name.lower()
    if name in ("redirect", "exp"):
        return Modifier(name=name, value=_domain_spec(value, word))
    return Modifier(name=name, value=parse_macro_string(value, word=word))


def _read_directive(word: str) -> Mechanism:
    match = _DIRECTIVE.fullmatch(word)
    assert match is not None  # noqa: S101 - the pattern matches every string
    sign, written, rest = match.groups()
    kind = written.lower()
    if kind not in MECHANISMS:
        raise RecordError("unknown mechanism", fragment=word, section="RFC 7208 §4.6.1")
    qualifier = Qualifier(sign or "+")
    return _READERS[kind](cast("Kind", kind), qualifier, rest, word)


def _read_all(kind: Kind, qualifier: Qualifier, rest: str, word: str) -> Mechanism:
    if rest:
        raise RecordError("all takes no argument", fragment=word, section="RFC 7208 §5.1")
    return Mechanism(kind=kind, qualifier=qualifier)


def _read_target(kind: Kind, qualifier: Qualifier, rest: str, word: str) -> Mechanism:
    if not rest.startswith(":"):
        raise RecordError(f"{kind} needs a domain", fragment=word, section=_SECTIONS[kind])
    return Mechanism(kind=kind, qualifier=qualifier, domain=_domain_spec(rest[1:], word))


def _read_ptr(kind: Kind, qualifier: Qualifier, rest: str, word: str) -> Mechanism:
    return _read_target(kind, qualifier, rest, word) if rest else Mechanism(kind=kind, qualifier=qualifier)


def _read_host(kind: Kind, qualifier: Qualifier, rest: str, word: str) -> Mechanism:
    cidr = _DUAL_CIDR.search(rest)
    assert cidr is not None  # noqa: S101 - both groups are optional
    target = rest[: cidr.start()]
    if target and not target.startswith(":"):
        raise RecordError(f"malformed {kind}", fragment=word, section=_SECTIONS[kind])
    return Mechanism(
        kind=kind,
        qualifier=qualifier,
        domain=_domain_spec(target[1:], word) if target else None,
        prefix4=_prefix(cidr[1], 32, word),
        prefix6=_prefix(cidr[2], 128, word),
    )


def _read_ip4(kind: Kind, qualifier: Qualifier, rest: str, word: str) -> Mechanism:
    host, prefix = _split_network(rest, word)
    try:
        address = IPv4Address(host)
    except AddressValueError:
        raise RecordError("not an IPv4 address", fragment=word, section="RFC 7208 §5.6") from None
    return Mechanism(kind=kind, qualifier=qualifier, address=address, prefix4=_prefix(prefix, 32, word))


def _read_ip6(kind: Kind, qualifier: Qualifier, rest: str, word: str) -> Mechanism:
    host, prefix = _split_network(rest, word)
    try:
        address = IPv6Address("" if "%" in host else host)  # a scope id is not part of the grammar
    except AddressValueError:
        raise RecordError("not an IPv6 address", fragment=word, section="RFC 7208 §5.6") from None
    return Mechanism(kind=kind, qualifier=qualifier, address=address, prefix6=_prefix(prefix, 128, word))


_READERS = {
    "all": _read_all,
    "include": _read_target,
    "exists": _read_target,
    "ptr": _read_ptr,
    "a": _read_host,
    "mx": _read_host,
    "ip4": _read_ip4,
    "ip6": _read_ip6,
}
_SECTIONS = {
    "include": "RFC 7208 §5.2",
    "a": "RFC 7208 §5.3",
    "mx": "RFC 7208 §5.4",
    "ptr": "RFC 7208 §5.5",
    "exists": "RFC 7208 §5.7",
}


def _split_network(rest: str, word: str) -> tuple[str, str | None]:
    if not rest.startswith(":"):
        raise RecordError("an address is missing", fragment=word, section="RFC 7208 §5.6")
    host, slash, prefix = rest[1:].partition("/")
    return host, prefix if slash else None


def _prefix(digits: str | None, longest: int, word: str) -> int | None:
    if digits is None:
        return None
    if not _PREFIX.fullmatch(digits) or int(digits) > longest:
        raise RecordError(f"prefix length is not 0 to {longest}", fragment=word, section="RFC 7208 §5.6")
    return int(digits)


def _domain_spec(text: str, word: str) -> MacroString:
    """Read a domain-spec (§7.1): no receiver-only macros, and a real top label or a macro at the end."""
    spec = parse_macro_string(text, word=word)
    if letters := spec.letters & set("crt"):
        reason = f"macro %{{{min(letters)}}} is only allowed in explanation text"
        raise RecordError(reason, fragment=word, section="RFC 7208 §7.2")
    tail = spec.parts[-1] if spec.parts else ""
    if isinstance(tail, str) and not _ends_in_top_label(tail):
        raise RecordError("not a domain name of two labels or more", fragment=word, section="RFC 7208 §7.1")
    return spec


def _ends_in_top_label(text: str) -> bool:
    _, dot, label = text.removesuffix(".").rpartition(".")
    letters = label.replace("-", "")
    return bool(
        dot
        and letters
        and letters.isascii()
        and letters.isalnum()
        and (not letters.isdigit() or "-" in label)
        and not label.startswith("-")
        and not label.endswith("-")
    )
