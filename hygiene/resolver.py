"""The one seam to DNS: what an answer is, who can give one, and two resolvers that need no network.

`Zone` answers from a dict (tests, samples, "what if"), `Recorded` from the answers of an earlier audit;
`hygiene.dns_client.LiveResolver` asks real servers. An answer is always one of a few outcomes, and a
time-out or SERVFAIL is never mistaken for "there is no such record".
"""

from __future__ import annotations

import threading
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol, TypeAlias, TypeVar

from hygiene.errors import UsageError

T = TypeVar("T")

MAX_ALIASES = 8  # CNAME steps followed before a chain counts as broken
MAX_STRING = 255  # octets of one character-string, RFC 1035 §3.3


class Outcome(StrEnum):
    """What became of one question."""

    RECORDS = "records"  #: there are records of this type
    NODATA = "nodata"  #: the name exists, without records of this type (RFC 2308 §2.2)
    NXDOMAIN = "nxdomain"  #: the name does not exist, nor anything below it (RFC 8020)
    SERVFAIL = "servfail"  #: the server failed, or DNSSEC validation did
    REFUSED = "refused"  #: the server will not answer this question
    TIMEOUT = "timeout"  #: no answer in time
    MALFORMED = "malformed"  #: something came back that is not an answer
    UNREACHABLE = "unreachable"  #: the network said no: nothing listens there
    UNRECORDED = "unrecorded"  #: a saved audit does not hold this question

    @property
    def is_known(self) -> bool:
        """True when the zone's content is known from this answer."""
        return self in _KNOWN

    @property
    def is_void(self) -> bool:
        """A "void lookup" of RFC 7208 §4.6.4: a sound answer without records."""
        return self in _VOID


_KNOWN = frozenset({Outcome.RECORDS, Outcome.NODATA, Outcome.NXDOMAIN})
_VOID = frozenset({Outcome.NODATA, Outcome.NXDOMAIN})


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question.

    `name` is lower-case without the final dot. Each record is a tuple of its presentation fields: the
    character-strings of a TXT (bytes 0–255 as code points 0–255), ``("10", "mx.example")`` of an MX.
    `aliases` is the CNAME chain that was followed, in order. `ttl` is in seconds. `authenticated` is the
    AD bit of a validating resolver. `detail` says why there is no answer.
    """

    name: str
    rdtype: str
    outcome: Outcome
    records: tuple[tuple[str, ...], ...] = ()
    aliases: tuple[str, ...] = ()
    ttl: int = 0
    authenticated: bool = False
    detail: str = ""

    @property
    def is_known(self) -> bool:
        """True for records, NODATA and NXDOMAIN."""
        return self.outcome.is_known

    @property
    def texts(self) -> tuple[str, ...]:
        """TXT records, their character-strings joined without a space (RFC 7208 §3.3, RFC 6376 §3.6.2.2)."""
        return tuple("".join(record) for record in self.records)

    @property
    def values(self) -> tuple[str, ...]:
        """Addresses, or target names of PTR, NS, CNAME: the last field of each record."""
        return tuple(record[-1] for record in self.records)

    @property
    def exchanges(self) -> tuple[tuple[int, str], ...]:
        """MX records as (preference, host), most preferred first; the host of a null MX is ''."""
        return tuple(sorted((int(preference), host) for preference, host in self.records))

    @property
    def reason(self) -> str:
        """Why this is unknown, in words; '' for a known answer."""
        return "" if self.is_known else f"{self.rdtype} {self.name}: {self.detail or self.outcome.value}"


class Resolver(Protocol):
    """Whoever answers DNS questions. Never raises for what the network does: that is an `Outcome`."""

    async def resolve(self, name: str, rdtype: str) -> Answer:
        """Answer one question; `name` may be in any case, with or without a final dot."""
        ...


def canonical_name(name: str) -> str:
    """Lower-case, without the final dot: the form in which names are compared and stored."""
    return name.removesuffix(".").lower()


def character_strings(text: str) -> list[str]:
    """The text of a TXT record in pieces of at most 255 octets, at least one (RFC 1035 §3.3)."""
    return [text[start : start + MAX_STRING] for start in range(0, len(text), MAX_STRING)] or [""]


Records: TypeAlias = "str | Outcome | Sequence[str | Sequence[Any]]"
ZoneData: TypeAlias = "Mapping[str, Outcome | str | Mapping[str, Records] | Sequence[Any]]"


class Zone:
    """A resolver over a dict: name → record type → records.

    A record is a string in presentation form or a sequence of fields; a TXT string longer than 255 octets
    is one record all the same. Failures are outcomes, for one type or for the whole name. Wildcards, CNAME
    chains and empty non-terminals behave as in RFC 1034 and RFC 4592.

    >>> zone = Zone({
    ...     "shop.example": {"TXT": ["v=spf1 mx -all", ["two ", "strings"]], "MX": ["10 mx.shop.example"]},
    ...     "mx.shop.example": {"A": "192.0.2.1"},
    ...     "slow.example": Outcome.TIMEOUT,
    ...     "half.example": {"A": "192.0.2.2", "TXT": Outcome.SERVFAIL},
    ... })
    >>> resolve_now(zone, "SHOP.example.", "TXT").texts
    ('v=spf1 mx -all', 'two strings')
    >>> resolve_now(zone, "slow.example", "A").outcome.value
    'timeout'

    The list form of the public SPF test suites is understood too: ``"h.example": [{"A": "192.0.2.1"},
    {"MX": [10, "mx.example"]}, "TIMEOUT"]``, one record an entry; a failure word answers every type that
    is not listed.
    """

    def __init__(self, data: ZoneData) -> None:
        self.nodes: dict[str, dict[str, Outcome | tuple[tuple[str, ...], ...]]] = {}
        for name, node in data.items():
            self.nodes.setdefault(canonical_name(name), {}).update(_read_node(name, node))
        self._ancestors = {ancestor for name in self.nodes for ancestor in _ancestors(name)}

    @classmethod
    def from_text(cls, text: str, *, origin: str = ".") -> Zone:
        """Read a master file (RFC 1035 §5); names without a final dot are below `origin`."""
        import dns.exception

        try:
            rrsets = _master_file(text, origin)
        except (dns.exception.DNSException, ValueError) as error:
            raise UsageError(f"this is not a zone file: {error}") from None
        data: dict[str, dict[str, list[Sequence[str]]]] = {}
        for rrset in rrsets:
            node = data.setdefault(rrset.name.to_text(), {})
            node.setdefault(str(rrset.rdtype.name), []).extend(record_fields(rdata) for rdata in rrset)
        return cls(data)

    def with_changes(self, data: ZoneData) -> Zone:
        """The same zone with other records at the names in `data`."""
        changed = Zone(data)
        changed.nodes = {**self.nodes, **changed.nodes}
        changed._ancestors |= self._ancestors
        return changed

    @property
    def record_sets(self) -> tuple[str, ...]:
        """What it holds, as ``name TYPE``."""
        return tuple(f"{name} {rdtype}" for name, node in self.nodes.items() for rdtype in node)

    def exists(self, name: str) -> bool:
        """True when the name, or one below it, has records."""
        return canonical_name(name) in self.nodes or canonical_name(name) in self._ancestors

    async def resolve(self, name: str, rdtype: str) -> Answer:
        """Answer from the dict."""
        return self.answer(name, rdtype)

    def answer(self, name: str, rdtype: str) -> Answer:
        """The answer, following aliases inside the zone."""
        asked, current = canonical_name(name), canonical_name(name)
        aliases: list[str] = []
        for _ in range(MAX_ALIASES + 1):
            node = self._node(current)
            if node is None:
                outcome = Outcome.NODATA if current in self._ancestors else Outcome.NXDOMAIN
                return Answer(asked, rdtype, outcome, aliases=tuple(aliases))
            found = node.get(rdtype, node.get("*"))
            if isinstance(found, Outcome):
                return Answer(asked, rdtype, found, aliases=tuple(aliases), detail=found.value)
            if found:
                return Answer(asked, rdtype, Outcome.RECORDS, found, tuple(aliases), ttl=300)
            target = node.get("CNAME")
            if not target or isinstance(target, Outcome):
                return Answer(asked, rdtype, Outcome.NODATA, aliases=tuple(aliases))
            current = canonical_name(target[0][-1])
            aliases.append(current)
        return Answer(asked, rdtype, Outcome.SERVFAIL, aliases=tuple(aliases), detail="CNAME loop")

    def _node(self, name: str) -> Mapping[str, Outcome | tuple[tuple[str, ...], ...]] | None:
        if name in self.nodes:
            return self.nodes[name]
        if name in self._ancestors:
            return None
        for ancestor in _ancestors(name):  # the closest encloser decides (RFC 4592 §3.3.1)
            if (wildcard := f"*.{ancestor}") in self.nodes:
                return self.nodes[wildcard]
            if ancestor in self.nodes or ancestor in self._ancestors:
                return None
        return None


class Assumed:
    """A resolver that believes some records are published already and asks another one for the rest.

    A record set of `zone` replaces the published one of the same name and type; a CNAME there replaces the
    whole name.

    >>> published = Zone({"shop.example": {"TXT": "v=spf1 ?all", "MX": "10 mx.shop.example"}})
    >>> tried = Assumed(published, Zone({"shop.example": {"TXT": "v=spf1 mx -all"}}))
    >>> resolve_now(tried, "shop.example", "TXT").texts, resolve_now(tried, "shop.example", "MX").exchanges
    (('v=spf1 mx -all',), ((10, 'mx.shop.example'),))
    """

    def __init__(self, resolver: Resolver, zone: Zone) -> None:
        self.resolver, self.zone = resolver, zone

    @property
    def queries(self) -> int:
        """Questions that went to the other resolver's servers."""
        return int(getattr(self.resolver, "queries", 0))

    async def resolve(self, name: str, rdtype: str) -> Answer:
        """The assumed answer, or the published one."""
        asked = canonical_name(name)
        node = self.zone.nodes.get(asked, {})
        alias = node.get("CNAME")
        if alias and not isinstance(alias, Outcome) and rdtype != "CNAME":
            end = await self.resolve(alias[0][-1], rdtype)
            return replace(end, name=asked, aliases=(canonical_name(alias[0][-1]), *end.aliases))
        if rdtype in node:
            return self.zone.answer(asked, rdtype)
        answer = await self.resolver.resolve(asked, rdtype)
        if answer.outcome is Outcome.NXDOMAIN and self.zone.exists(asked):
            return replace(answer, outcome=Outcome.NODATA)
        return answer


class Recorded:
    """A resolver over the answers of an earlier run; what was not asked is `UNRECORDED`, never absent."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self.answers = {(answer.name, answer.rdtype): answer for answer in answers}

    async def resolve(self, name: str, rdtype: str) -> Answer:
        """The recorded answer."""
        return self.answer(name, rdtype)

    def answer(self, name: str, rdtype: str) -> Answer:
        """The recorded answer, without waiting."""
        asked = canonical_name(name)
        missing = Answer(asked, rdtype, Outcome.UNRECORDED, detail="not asked in this audit")
        return self.answers.get((asked, rdtype), missing)


def run_now(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end from ordinary code, also where an event loop already runs (notebooks)."""
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    result: list[T] = []
    failure: list[BaseException] = []

    def target() -> None:
        try:
            result.append(asyncio.run(work))
        except BaseException as error:  # handed on to the caller's thread
            failure.append(error)

    thread = threading.Thread(target=target, name="hygiene-run-now")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return result[0]


def resolve_now(resolver: Resolver, name: str, rdtype: str) -> Answer:
    """One question from ordinary code."""
    return run_now(resolver.resolve(name, rdtype))


def record_fields(rdata: Any) -> tuple[str, ...]:
    """The presentation fields of a dnspython rdata, names canonical, TXT strings byte for byte."""
    kind = rdata.rdtype.name
    if kind in {"TXT", "SPF"}:
        return tuple(part.decode("latin-1") for part in rdata.strings)
    fields = rdata.to_text().split(" ")
    if kind in {"MX", "CNAME", "PTR", "NS", "DNAME"}:
        fields[-1] = canonical_name(fields[-1])
    if kind == "CAA":
        return (*fields[:2], rdata.value.decode("latin-1"))
    if kind in _IN_PIECES:
        start = _IN_PIECES[kind]
        fields = [*fields[:start], "".join(fields[start:])]
    return tuple(fields)


# the field at which a digest, key or signature begins, which dnspython prints in pieces
_IN_PIECES = {"TLSA": 3, "SMIMEA": 3, "DS": 3, "CDS": 3, "DNSKEY": 3, "CDNSKEY": 3, "RRSIG": 8, "SSHFP": 2}


def _master_file(text: str, origin: str) -> list[Any]:
    """The rrsets of a master file; unlike `dns.zonefile.read_rrsets` it allows $ORIGIN, $TTL, class and SOA."""
    import dns.name
    import dns.rdataclass
    import dns.tokenizer
    import dns.zonefile

    class AnyApex(dns.name.Name):
        """Differs from no name: a file of several zones has several SOAs."""

        def __ne__(self, other: object) -> bool:
            return False

    manager: Any = dns.zonefile.RRSetsReaderManager(dns.name.from_text(origin), False, dns.rdataclass.IN)
    with manager.writer(True) as transaction:
        transaction._origin_information = lambda: (None, False, AnyApex([]))
        tokens = dns.tokenizer.Tokenizer(text, "line")
        dns.zonefile.Reader(tokens, dns.rdataclass.IN, transaction, default_ttl=300).read()
    return list(manager.rrsets)


def _ancestors(name: str) -> Iterator[str]:
    labels = name.split(".")
    for start in range(1, len(labels)):
        yield ".".join(labels[start:])


def _read_node(name: str, node: Any) -> dict[str, Outcome | tuple[tuple[str, ...], ...]]:
    if isinstance(node, str):  # Outcome is a str as well
        return {"*": _failure(name, node)}
    if isinstance(node, Mapping):
        return {rdtype.upper(): _read_records(rdtype.upper(), value) for rdtype, value in node.items()}
    listed: dict[str, Any] = {}
    for entry in node:
        if isinstance(entry, str):
            listed["*"] = _failure(name, entry)
            continue
        for rdtype, value in entry.items():
            if isinstance(value, Outcome):
                listed[rdtype.upper()] = value
            else:
                listed.setdefault(rdtype.upper(), []).append(value)
    return {rdtype: _read_records(rdtype, value) for rdtype, value in listed.items()}


def _failure(name: str, word: str) -> Outcome:
    try:
        return Outcome(word.lower())
    except ValueError:
        raise UsageError(f"{name}: {word!r} is neither records nor an outcome such as 'TIMEOUT'") from None


def _read_records(rdtype: str, value: Any) -> Outcome | tuple[tuple[str, ...], ...]:
    if isinstance(value, Outcome):
        return value
    lone = isinstance(value, str) or any(isinstance(part, int) for part in value)  # (10, "mx.example")
    entries = [value] if lone else value
    return tuple(_read_record(rdtype, entry) for entry in entries)


def _read_record(rdtype: str, entry: Any) -> tuple[str, ...]:
    if isinstance(entry, str):
        fields = (entry,) if rdtype in {"TXT", "SPF"} else tuple(entry.split())
    else:
        fields = tuple(str(part) for part in entry)
    if rdtype in {"MX", "CNAME", "PTR", "NS", "DNAME"}:
        return (*fields[:-1], canonical_name(fields[-1]))
    return fields
