"""DNS messages: writing a question, reading what came back, and records as dnspython holds them.

RFC 1035 §4, RFC 6891 (EDNS), RFC 2308 (negative answers). Questions are written by hand because that is
cheap; answers come from strangers and are read by dnspython.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TXT
import dns.rrset

from hygiene.errors import UsageError
from hygiene.resolver import (
    MAX_ALIASES,
    Answer,
    Outcome,
    canonical_name,
    character_strings,
    record_fields,
)

UDP_PAYLOAD = 1232  # octets; what passes unfragmented (RFC 9715)
MAX_TTL_S = 86_400
SOA_NUMBERS = 20  # octets of the five numbers at the end of a SOA, RFC 1035 §3.3.13
FAILURE_TTL_S = 30  # RFC 2308 §7 allows up to five minutes
SIGNED_TYPES = frozenset({"DS", "DNSKEY", "RRSIG"})  # asked for with DO set (RFC 3225)
RD, AD, CD = 0x0100, 0x0020, 0x0010  # header flags
OPT_OCTETS = 11  # an EDNS record without options


class NoSuchName(Exception):
    """The name cannot be put into a message, so no server can have it."""


class Query(NamedTuple):
    """One question, ready to be sent: `wire` is a header of 12 octets, the question and an OPT record."""

    asked: str
    kind: str
    rdtype: int
    name: dns.name.Name
    wire: bytes

    @classmethod
    def build(cls, asked: str, kind: str, *, checking_disabled: bool = False) -> Query:
        """Write a question with RD and AD (RFC 6840 §5.7), or CD (RFC 4035 §3.2.2), and EDNS."""
        name, rdtype = _wire_name(asked), _wire_type(kind)
        flags = RD | (CD if checking_disabled else AD)
        header = struct.pack("!6H", secrets.randbits(16), flags, 1, 0, 0, 1)
        question = name.to_digestable() + struct.pack("!HH", rdtype, dns.rdataclass.IN)
        edns_flags = 0x8000 if kind in SIGNED_TYPES else 0  # DO
        opt = struct.pack("!BHHIH", 0, dns.rdatatype.OPT, UDP_PAYLOAD, edns_flags, 0)
        return cls(asked, kind, rdtype, name, header + question + opt)

    def is_answered_by(self, reply: bytes) -> bool:
        """Whether this is a response with our ID and question; errors may leave the question out."""
        if len(reply) < 12 or reply[:2] != self.wire[:2] or reply[2] & 0xF8 != 0x80:  # QR and opcode
            return False
        if reply[4:6] == b"\0\0":
            return reply[3] & 0x0F not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}
        end = len(self.wire) - OPT_OCTETS
        same_name = reply[12 : end - 4].lower() == self.wire[12 : end - 4]
        return reply[4:6] == b"\0\1" and same_name and reply[end - 4 : end] == self.wire[end - 4 : end]

    def failed(self, outcome: Outcome, why: str) -> Step:
        """The answer when there is none."""
        return Step(Answer(self.asked, self.kind, outcome, ttl=FAILURE_TTL_S, detail=why))


class Step(NamedTuple):
    """What one server said; `dangling` when its last alias must still be asked for."""

    answer: Answer
    dangling: bool = False


def _wire_name(asked: str) -> dns.name.Name:
    try:
        return dns.name.from_text(asked, idna_codec=None if asked.isascii() else dns.name.IDNA_2008_UTS_46)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise NoSuchName(f"no such name can exist: {str(error).rstrip('.')}") from None


def _wire_type(kind: str) -> int:
    try:
        return dns.rdatatype.from_text(kind)
    except (dns.rdatatype.UnknownRdatatype, ValueError):
        raise UsageError(f"{kind!r} is not a DNS record type") from None


def is_truncated(reply: bytes) -> bool:
    """Whether the whole answer must be fetched over TCP: the TC bit."""
    return bool(reply[2] & 0x02)


def read_reply(query: Query, reply: bytes, server: object) -> Step | None:
    """Turn a response into an answer; None when it cannot be read. `server` is named in failures."""
    needed = reply[:10] + b"\0\0" + reply[12:]  # ARCOUNT 0: glue and OPT would double the work
    if denial := _plain_denial(query, needed):
        return denial
    try:
        return _read_message(query, dns.message.from_wire(needed, ignore_trailing=True), server)
    except Exception:  # strangers' bytes fail in more ways than DNSException
        return None


def _plain_denial(query: Query, reply: bytes) -> Step | None:
    """NXDOMAIN with nothing but the SOA, read by hand: most selectors tried are answered so.

    None for any other answer, which then is read in full.
    """
    flags, _, answers, authorities = struct.unpack_from("!4H", reply, 2)
    if flags & 0x000F != dns.rcode.NXDOMAIN or (answers, authorities) != (0, 1):
        return None
    start = _name_end(reply, len(query.wire) - OPT_OCTETS)
    if start is None or len(reply) < start + 10:
        return None
    rdtype, _, soa_ttl, length = struct.unpack_from("!HHIH", reply, start)
    end = start + 10 + length
    if rdtype != dns.rdatatype.SOA or length < SOA_NUMBERS + 2 or len(reply) < end:
        return None
    minimum = struct.unpack_from("!I", reply, end - 4)[0]  # RFC 1035 §3.3.13
    ttl = min(soa_ttl, minimum, MAX_TTL_S)
    secure = bool(flags & AD)
    return Step(Answer(query.asked, query.kind, Outcome.NXDOMAIN, ttl=ttl, authenticated=secure))


def _name_end(wire: bytes, position: int) -> int | None:
    """Where a name in a message ends (RFC 1035 §4.1.4)."""
    while position < len(wire):
        octet = wire[position]
        if octet >= 0xC0:
            return position + 2
        if octet == 0:
            return position + 1
        position += 1 + octet
    return None


def _read_message(query: Query, message: dns.message.Message, server: object) -> Step:
    aliases, ttls, rrsets = _walk(query, message)
    outcome, why = _rcode_failure(message, server) or _chain_failure((query.asked, *aliases)) or (None, "")
    dangling = outcome is None and not rrsets and bool(aliases) and not _soas(message)
    if outcome is None:
        outcome, why = _content(message, bool(rrsets), dangling=dangling)
    records: tuple[tuple[str, ...], ...] = ()
    if outcome is Outcome.RECORDS:
        records = tuple(record_fields(rdata) for rrset in rrsets for rdata in rrset)
        ttls.extend(rrset.ttl for rrset in rrsets)
    elif not dangling:
        ttls.append(FAILURE_TTL_S if why else _negative_ttl_s(message))
    ttl = min(*ttls, MAX_TTL_S)
    secure = outcome.is_known and bool(message.flags & AD)
    return Step(Answer(query.asked, query.kind, outcome, records, aliases, ttl, secure, why), dangling)


def _rcode_failure(message: dns.message.Message, server: object) -> tuple[Outcome, str] | None:
    rcode = message.rcode()
    if rcode == dns.rcode.NOERROR:
        return None
    if rcode == dns.rcode.NXDOMAIN:
        return Outcome.NXDOMAIN, ""
    refused = rcode in {dns.rcode.REFUSED, dns.rcode.NOTAUTH}
    why = f"{server} answers {dns.rcode.to_text(rcode)}"
    return (Outcome.REFUSED if refused else Outcome.SERVFAIL), why


def _content(message: dns.message.Message, has_records: bool, *, dangling: bool) -> tuple[Outcome, str]:
    if has_records:
        return Outcome.RECORDS, ""
    if _is_lame(message) and not dangling:
        return Outcome.REFUSED, "lame: not a resolver for this name"
    return Outcome.NODATA, ""


def _walk(query: Query, message: dns.message.Message) -> tuple[tuple[str, ...], list[int], list[Any]]:
    """Follow the aliases inside the answer section: (aliases, their TTLs, the records at the end)."""
    section: dict[tuple[dns.name.Name, int], list[Any]] = {}
    for rrset in message.answer:
        section.setdefault((rrset.name, rrset.rdtype), []).append(rrset)
    aliases: list[str] = []
    ttls: list[int] = []
    name = query.name
    while True:
        found = section.get((name, query.rdtype))
        alias = section.get((name, dns.rdatatype.CNAME))
        if found or not alias or len(aliases) > MAX_ALIASES:
            return tuple(aliases), ttls, found or []
        name = alias[0][0].target
        aliases.append(canonical_name(name.to_text()))
        ttls.append(alias[0].ttl)


def chain_trouble(chain: Sequence[str]) -> str:
    """What is wrong with a name and its aliases, in words; '' when nothing is."""
    if len(set(chain)) < len(chain):
        return "CNAME loop"
    return f"more than {MAX_ALIASES} CNAME steps" if len(chain) > MAX_ALIASES + 1 else ""


def _chain_failure(chain: Sequence[str]) -> tuple[Outcome, str] | None:
    why = chain_trouble(chain)
    return (Outcome.SERVFAIL, why) if why else None


def _soas(message: dns.message.Message) -> list[Any]:
    return [rrset for rrset in message.authority if rrset.rdtype == dns.rdatatype.SOA]


def _negative_ttl_s(message: dns.message.Message) -> int:
    """RFC 2308 §5; an answer without SOA is kept briefly, so that one run sees one answer."""
    return min((min(soa.ttl, soa[0].minimum) for soa in _soas(message)), default=FAILURE_TTL_S)


def _is_lame(message: dns.message.Message) -> bool:
    """A referral from a server that neither knows the name nor looks it up (RFC 9499 §7)."""
    refers = any(rrset.rdtype == dns.rdatatype.NS for rrset in message.authority)
    return refers and not _soas(message) and not message.flags & (dns.flags.AA | dns.flags.RA)


def to_rrset(owner: dns.name.Name, rdtype: str, records: Sequence[Sequence[str]], ttl: int) -> dns.rrset.RRset:
    """Records of presentation fields as a record set: the way back of `hygiene.resolver.record_fields`.

    Names need no final dot. Texts are octets as code points up to 255, and UTF-8 where one is higher; what is
    longer than a character-string is cut.
    """
    return dns.rrset.from_rdata_list(owner, ttl, [_rdata(rdtype, fields) for fields in records])


def _rdata(rdtype: str, fields: Sequence[str]) -> dns.rdata.Rdata:
    kind = dns.rdatatype.from_text(rdtype)
    if rdtype in {"TXT", "SPF"}:
        strings = [part.encode("latin-1") for text in fields for part in character_strings(_octets(text))]
        return dns.rdtypes.ANY.TXT.TXT(dns.rdataclass.IN, kind, strings)
    if rdtype == "CAA":
        fields = [*fields[:2], _quoted(" ".join(fields[2:]))]
    text = " ".join(field or "." for field in fields)  # the root, as in a null MX
    return dns.rdata.from_text(dns.rdataclass.IN, kind, text, origin=dns.name.root, relativize=False)


def _octets(text: str) -> str:
    return text if all(ord(sign) < 256 for sign in text) else text.encode().decode("latin-1")


def _quoted(text: str) -> str:
    inner = text.strip('"').replace("\\", r"\\").replace('"', r"\"")
    return f'"{inner}"'
