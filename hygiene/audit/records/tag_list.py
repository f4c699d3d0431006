"""The ``tag=value; tag=value`` list of RFC 6376 §3.2, shared by DKIM, DMARC, MTA-STS, TLS-RPT and BIMI.

The text is split once; each protocol brings its grammar as data and decides whether a fault ends the reading
(`sound_tags`) or is only reported (`parse_tags`). A fault of one tag never hides the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from hygiene.errors import RecordError

BLANKS = " \t"  # WSP, RFC 5234 §B.1
MAX_TAGS = 256  # tags read; real records hold a dozen
MAX_FRAGMENT = 80  # characters of a record quoted in an error

_EXTENSION_VALUE = re.compile(r"[\x21-\x3a\x3c\x3e-\x7e]+")  # RFC 8461 §3.1, RFC 8460 §3


class Fault(StrEnum):
    """What kind of fault a tag has."""

    MALFORMED = "malformed"  #: not a tag at all; ignored
    INVALID = "invalid"  #: a known tag whose value breaks its rule; its default applies
    REPEATED = "repeated"  #: given before; the first one counts
    CASE = "case"  #: name not in lower case; read, but not by every reader


@dataclass(frozen=True, kw_only=True)
class TagProblem:
    """A fault the record's readers survive: the tag, its value as published, and why."""

    tag: str  # "" when no name could be read
    value: str
    reason: str
    fault: Fault = Fault.INVALID


@dataclass(frozen=True, kw_only=True, slots=True)
class Tag:
    """One element of the list. `name` is empty when none can be read; `problem` is empty when all is sound."""

    name: str
    value: str
    raw: str  # as published, between two semicolons
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class TagGrammar:
    """What one protocol allows in a tag list."""

    section: str  # where it is written
    name: re.Pattern[str]
    value: re.Pattern[str]
    blanks_at_equals: str = BLANKS
    folding: bool = False  # CRLF before a blank may occur


#: RFC 6376 §3.2: ``tag-name = ALPHA *(ALPHA / DIGIT / "_")``, values of VCHAR and blanks without ";"
RFC6376 = TagGrammar(
    section="RFC 6376 §3.2",
    name=re.compile(r"[A-Za-z][A-Za-z0-9_]*"),
    value=re.compile(r"[\x21-\x3a\x3c-\x7e \t]*"),
    folding=True,
)


def field_grammar(section: str) -> TagGrammar:
    """The fields of MTA-STS and TLS-RPT: no blanks around "=", values not empty.

    Their unknown fields are stricter still, see `extension_fields`.
    """
    return TagGrammar(
        section=section,
        name=re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}"),
        value=re.compile(r"[\x21-\x3a\x3c-\x7e][\x20-\x3a\x3c-\x7e\t]*"),
        blanks_at_equals="",
    )


def parse_tags(text: str, grammar: TagGrammar = RFC6376) -> tuple[Tag, ...]:
    """Every tag in order, faults kept as data; one trailing semicolon is allowed.

    >>> [(tag.name, tag.value) for tag in parse_tags("v=DKIM1; k = rsa;")]
    [('v', 'DKIM1'), ('k', 'rsa')]
    """
    segments = (unfold(text) if grammar.folding else text).split(";", MAX_TAGS)
    if not segments[-1].strip(BLANKS):
        segments.pop()
    return tuple(_read_tag(segment, grammar) for segment in segments)


def sound_tags(text: str, grammar: TagGrammar = RFC6376) -> tuple[Tag, ...]:
    """The tags of a record that a single fault spoils.

    Raises:
        RecordError: at the first tag that breaks the grammar.
    """
    tags = parse_tags(text, grammar)
    for tag in tags:
        if tag.problem:
            raise RecordError(tag.problem, fragment=excerpt(tag.raw), section=grammar.section)
    return tags


def refuse_repeats(tags: Iterable[Tag], section: str = RFC6376.section) -> dict[str, str]:
    """Values by name, for records in which a repeated tag spoils the list.

    Raises:
        RecordError: a name occurs twice.
    """
    values: dict[str, str] = {}
    for tag in tags:
        if tag.name in values:
            raise RecordError(f"tag {tag.name}= occurs twice", fragment=excerpt(tag.raw), section=section)
        values[tag.name] = tag.value
    return values


def first_of_each(
    tags: Iterable[Tag], *, consequence: str = "only the first one counts"
) -> tuple[dict[str, str], tuple[TagProblem, ...]]:
    """Values by name, and the repeats that were passed over."""
    values: dict[str, str] = {}
    repeats = []
    for tag in tags:
        if tag.name in values:
            reason = f"{tag.name}= occurs more than once; {consequence}"
            repeats.append(TagProblem(tag=tag.name, value=tag.value, reason=reason, fault=Fault.REPEATED))
        else:
            values[tag.name] = tag.value
    return values, tuple(repeats)


def extension_fields(tags: Iterable[Tag], known: Iterable[str], section: str) -> tuple[tuple[str, str], ...]:
    """The unknown fields of MTA-STS and TLS-RPT, which readers ignore.

    Raises:
        RecordError: a value holds a blank or "=", which makes the record unreadable.
    """
    fields = tuple((tag.name, tag.value) for tag in tags if tag.name not in frozenset(known))
    for name, value in fields:
        if not _EXTENSION_VALUE.fullmatch(value):
            raise RecordError(f'{name}= holds a blank or "="', fragment=excerpt(value), section=section)
    return fields


def join_tags(pairs: Iterable[tuple[str, str]]) -> str:
    """The canonical text: ``name=value`` joined by "; ", no trailing semicolon."""
    return "; ".join(f"{name}={value}" for name, value in pairs)


def unfold(text: str) -> str:
    """Without folds: a CRLF before a blank goes, the blank stays (RFC 5322 §2.2.3)."""
    return text.replace("\r\n ", " ").replace("\r\n\t", "\t")


def excerpt(text: str) -> str:
    """The start of a text, short enough for a sentence."""
    return text if len(text) <= MAX_FRAGMENT else f"{text[: MAX_FRAGMENT - 1]}…"


def _read_tag(segment: str, grammar: TagGrammar) -> Tag:
    raw = segment.strip(BLANKS)
    name, equals, value = raw.partition("=")
    name, value = name.rstrip(grammar.blanks_at_equals), value.lstrip(grammar.blanks_at_equals)
    if ";" in raw:  # the unsplit rest
        return Tag(name="", value="", raw=raw, problem=f"more than {MAX_TAGS} tags")
    if not raw:
        return Tag(name="", value="", raw=raw, problem="nothing between two semicolons")
    if not equals:
        return Tag(name="", value="", raw=raw, problem='no "=" in a tag')
    if not grammar.name.fullmatch(name):
        return Tag(name="", value=value, raw=raw, problem="not a tag name")
    return Tag(name=name, value=value, raw=raw, problem=_value_problem(name, value, grammar))


def _value_problem(name: str, value: str, grammar: TagGrammar) -> str:
    if grammar.value.fullmatch(value):
        return ""
    return f"{name}= holds a character that is not allowed" if value else f"{name}= is empty"
