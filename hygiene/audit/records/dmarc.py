"""DMARC policy records (RFC 9989, tags of RFC 7489 kept): text ↔ `DmarcRecord`, and what it amounts to.

Only the version can make a text no DMARC record. Every other fault is a `TagProblem` and the tag's default
applies (RFC 9989 §4.8). Sections of RFC 9989 are those of draft-ietf-dmarc-dmarcbis-41.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from hygiene.audit.records.report_uri import ReportUri, join_report_uris, parse_report_uris
from hygiene.audit.records.tag_list import (
    Fault,
    Tag,
    TagGrammar,
    TagProblem,
    excerpt,
    first_of_each,
    join_tags,
    parse_tags,
)
from hygiene.errors import RecordError

SECTION = "RFC 9989 §4.8"
GRAMMAR = TagGrammar(
    section=SECTION,
    name=re.compile(r"[A-Za-z]+"),
    value=re.compile(r"[\x20-\x3a\x3c-\x7e]+"),
)

_VERSION = re.compile(r"[Vv][ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)")
_NEAR_VERSION = re.compile(r"[ \t]*v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)", re.IGNORECASE)
_KEYWORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")  # RFC 5321 §4.1.2
E = TypeVar("E", bound=StrEnum)

_REPEAT_RULE = "the first one counts (RFC 9989 §4.8), stricter readers discard the record (RFC 6376 §3.2)"


class Policy(StrEnum):
    """What the owner asks for mail that fails, weakest first."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"

    @property
    def weaker(self) -> Policy:
        """One level down; none stays none."""
        return Policy.QUARANTINE if self is Policy.REJECT else Policy.NONE


class Alignment(StrEnum):
    """How close the authenticated domain must be to the one in From."""

    RELAXED = "r"
    STRICT = "s"


class Psd(StrEnum):
    """Whether the domain is a public suffix."""

    YES = "y"
    NO = "n"
    UNSAID = "u"


class Reader(StrEnum):
    """Which text a receiver follows."""

    RFC9989 = "RFC 9989"
    RFC7489 = "RFC 7489"


@dataclass(frozen=True, kw_only=True)
class Effective:
    """What happens to failing mail: `policy` for `percent` of it, `rest` for the others."""

    policy: Policy
    percent: int = 100
    applies: bool = True  # False: the receiver does no DMARC processing at all

    @property
    def rest(self) -> Policy:
        """The policy for mail outside `percent`, so the least all of it gets (RFC 7489 §6.6.4)."""
        return self.policy if self.percent == 100 else self.policy.weaker


@dataclass(frozen=True, kw_only=True)
class DmarcRecord:
    """A policy record as published; None where a tag is absent or its value invalid (then see `problems`)."""

    p: Policy | None = None  # "p=", for the domain itself
    sp: Policy | None = None  # "sp=", existing subdomains, default as p
    np: Policy | None = None  # "np=", non-existent subdomains, default as sp, then p
    t: bool | None = None  # "t=", default n
    psd: Psd | None = None  # "psd=", default u
    adkim: Alignment | None = None  # "adkim=", default r
    aspf: Alignment | None = None  # "aspf=", default r
    rua: tuple[ReportUri, ...] | None = None  # "rua=", its valid addresses, default no reports
    ruf: tuple[ReportUri, ...] | None = None  # "ruf=", its valid addresses, default no reports
    fo: tuple[str, ...] | None = None  # "fo=", default 0
    pct: int | None = None  # "pct=", per cent, default 100; RFC 7489 only
    rf: tuple[str, ...] | None = None  # "rf=", default afrf; RFC 7489 only
    ri: int | None = None  # "ri=", seconds, default 86400; RFC 7489 only
    unknown: tuple[tuple[str, str], ...] = ()  # ignored by every reader
    problems: tuple[TagProblem, ...] = ()
    legacy_problems: tuple[TagProblem, ...] = ()  # faults for RFC 7489 readers only

    @property
    def applies(self) -> bool:
        """False when an RFC 9989 receiver does no DMARC processing with this record."""
        return self.policy_for().applies

    @property
    def policy(self) -> Policy:
        """What RFC 9989 receivers do with failing mail of the domain itself."""
        return self.policy_for(None).policy

    @property
    def subdomain_policy(self) -> Policy:
        """The same for an existing subdomain without a record of its own."""
        return self.policy_for(True).policy

    @property
    def nonexistent_policy(self) -> Policy:
        """The same for a subdomain that does not exist."""
        return self.policy_for(False).policy

    @property
    def testing(self) -> bool:
        """True for ``t=y``."""
        return bool(self.t)

    @property
    def dkim_alignment(self) -> Alignment:
        """The alignment mode that applies to DKIM."""
        return self.adkim or Alignment.RELAXED

    @property
    def spf_alignment(self) -> Alignment:
        """The alignment mode that applies to SPF."""
        return self.aspf or Alignment.RELAXED

    @property
    def failure_options(self) -> tuple[str, ...]:
        """The ``fo`` that applies; nothing without a place for failure reports (RFC 9989 §4.7)."""
        return (self.fo or ("0",)) if self.ruf else ()

    def policy_for(self, existing: bool | None = None, reader: Reader = Reader.RFC9989) -> Effective:
        """What a receiver does for the domain itself (None), an existing or a non-existent subdomain."""
        published = self._published_policy(existing, reader)
        if published is None:
            return Effective(policy=Policy.NONE, applies=bool(self.rua))
        if reader is Reader.RFC9989:
            return Effective(policy=published.weaker if self.testing else published)
        share = 100 if self.pct is None or published is Policy.NONE else self.pct
        return Effective(policy=published, percent=share)

    def _published_policy(self, existing: bool | None, reader: Reader) -> Policy | None:
        """None when a policy tag is unusable, which spoils all of them (RFC 9989 §4.10.1, RFC 7489 §6.6.3)."""
        knows_np = reader is Reader.RFC9989
        policy_tags = {"sp", "np"} if knows_np else {"sp"}
        if self.p is None or not policy_tags.isdisjoint(self._invalid_tags()):
            return None
        np = self.np if knows_np and existing is False else None
        sp = self.sp if existing is not None else None
        return np or sp or self.p

    def _invalid_tags(self) -> frozenset[str]:
        return frozenset(problem.tag for problem in self.problems if problem.fault is Fault.INVALID)

    def to_text(self) -> str:
        """The canonical record: what was valid, in the RFC's order of importance."""
        return join_tags(self._pairs())

    def _pairs(self) -> Iterator[tuple[str, str]]:
        yield "v", "DMARC1"
        for name, write in _WRITERS.items():
            value = getattr(self, name)
            if value is not None and value != ():
                yield name, write(value)
        yield from self.unknown


def is_dmarc(text: str) -> bool:
    """True when the first tag is ``v`` and its value exactly DMARC1.

    >>> is_dmarc("v = DMARC1 ; p=none"), is_dmarc("v=DMARC1x; p=none"), is_dmarc("v=dmarc1")
    (True, False, False)
    """
    return _VERSION.match(text) is not None


def parse(text: str) -> DmarcRecord:
    """Read a policy record; faults after the version are kept as problems.

    Raises:
        RecordError: the text is no DMARC record.
    """
    if not is_dmarc(text):
        raise RecordError(_why_no_dmarc(text), fragment=excerpt(text), section="RFC 9989 §4.7")
    tags = parse_tags(text, GRAMMAR)
    named = [_in_lower_case(tag) for tag in tags if tag.name]
    values, repeats = first_of_each(named, consequence=_REPEAT_RULE)
    published, problems, legacy_problems = _read_values(values)
    return DmarcRecord(
        **published,
        unknown=tuple((name, value) for name, value in values.items() if _is_unknown(name, value)),
        problems=(*_tag_faults(tags), *repeats, *problems),
        legacy_problems=(*_legacy_order(named), *legacy_problems),
    )


def _why_no_dmarc(text: str) -> str:
    if not _NEAR_VERSION.match(text):
        return "not a DMARC record: it does not start with v=DMARC1"
    if text[0] in " \t":
        return "not a DMARC record: a blank comes before v=DMARC1"
    return "not a DMARC record: DMARC1 must be in upper case"


def _in_lower_case(tag: Tag) -> Tag:
    return Tag(name=tag.name.lower(), value=tag.value, raw=tag.raw, problem=tag.problem)


def _is_unknown(name: str, value: str) -> bool:
    return name not in _WRITERS and name != "v" and GRAMMAR.value.fullmatch(value) is not None


def _tag_faults(tags: tuple[Tag, ...]) -> Iterator[TagProblem]:
    """Faults that can be seen without knowing what a tag means."""
    for tag in tags:
        name = tag.name.lower()
        if not tag.name or (tag.problem and name not in _WRITERS):
            yield TagProblem(tag=name, value=tag.raw, reason=tag.problem, fault=Fault.MALFORMED)
        elif name != tag.name:
            reason = "tag names are lower case; some readers ignore this one (RFC 6376 §3.2)"
            yield TagProblem(tag=name, value=tag.raw, reason=reason, fault=Fault.CASE)


def _read_values(values: Mapping[str, str]) -> tuple[dict[str, Any], list[TagProblem], list[TagProblem]]:
    published: dict[str, Any] = {}
    problems: list[TagProblem] = []
    legacy_problems: list[TagProblem] = []
    for name, value in values.items():
        if name in _ADDRESS_TAGS:
            published[name], faults = parse_report_uris(name, value)
            problems.extend(faults)
        elif name in _READERS:
            try:
                published[name] = _READERS[name](value)
            except ValueError as error:
                problem = TagProblem(tag=name, value=value, reason=str(error))
                (legacy_problems if name in _REMOVED_TAGS else problems).append(problem)
    return published, problems, legacy_problems


def _legacy_order(named: list[Tag]) -> Iterator[TagProblem]:
    """RFC 7489 §6.3 requires p, directly after v."""
    if not any(tag.name == "p" for tag in named):
        yield TagProblem(tag="p", value="", reason="p= is required by RFC 7489 §6.3", fault=Fault.MALFORMED)
    elif named[1].name != "p":
        reason = "p= must come directly after v= (RFC 7489 §6.3)"
        yield TagProblem(tag="p", value=named[1].raw, reason=reason, fault=Fault.MALFORMED)


def _member(kind: type[E]) -> Callable[[str], E]:
    def read(value: str) -> E:
        try:
            return kind(value.lower())
        except ValueError:
            raise ValueError(f"must be {', '.join(kind)}") from None

    return read


def _yes_or_no(value: str) -> bool:
    if value.lower() not in ("y", "n"):
        raise ValueError("must be y or n")
    return value.lower() == "y"


def _number(highest: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,10}", value) or int(value) > highest:
            raise ValueError(f"must be a number from 0 to {highest}")
        return int(value)

    return read


def _failure_options(value: str) -> tuple[str, ...]:
    options = tuple(option.strip().lower() for option in value.split(":"))
    if not {"0", "1", "d", "s"}.issuperset(options):
        raise ValueError("must be a colon list of 0, 1, d and s")
    if len(options) != len(set(options)) or {"0", "1"}.issubset(options):
        raise ValueError("must hold each option once, and not both 0 and 1")
    return options


def _keywords(value: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in value.split(":"))
    if not all(_KEYWORD.fullmatch(word) for word in words):
        raise ValueError("must be a colon list of report formats")
    return words


_READERS: dict[str, Callable[[str], Any]] = {
    "p": _member(Policy),
    "sp": _member(Policy),
    "np": _member(Policy),
    "t": _yes_or_no,
    "psd": _member(Psd),
    "adkim": _member(Alignment),
    "aspf": _member(Alignment),
    "fo": _failure_options,
    "pct": _number(100),
    "rf": _keywords,
    "ri": _number(2**32 - 1),
}
_WRITERS: dict[str, Callable[[Any], str]] = {
    "p": str,
    "sp": str,
    "np": str,
    "t": lambda testing: "y" if testing else "n",
    "psd": str,
    "adkim": str,
    "aspf": str,
    "rua": join_report_uris,
    "ruf": join_report_uris,
    "fo": ":".join,
    "pct": str,
    "rf": ":".join,
    "ri": str,
}
_ADDRESS_TAGS = frozenset({"rua", "ruf"})
_REMOVED_TAGS = frozenset({"pct", "rf", "ri"})  # RFC 9989 §A.7 and appendix C
