"""BIMI assertion records (draft-brand-indicators-for-message-identification): text ↔ `BimiRecord`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hygiene.audit.records.report_uri import parse_report_uri
from hygiene.audit.records.tag_list import (
    RFC6376,
    TagProblem,
    excerpt,
    join_tags,
    refuse_repeats,
    sound_tags,
)
from hygiene.errors import RecordError

SECTION = "BIMI draft §4.2"
VERSION = "BIMI1"
AVATAR_PREFERENCES = ("brand", "personal")

_VERSION = re.compile(r"v[ \t]*=[ \t]*BIMI1[ \t]*(?:;|\Z)")
_KNOWN = frozenset({"v", "l", "a", "avp", "lps"})


@dataclass(frozen=True, kw_only=True)
class BimiRecord:
    """The record at ``<selector>._bimi``."""

    logo_uri: str  # "l=", https, empty = none
    evidence_uri: str | None = None  # "a=", https, of a mark certificate; empty = none
    avatar_preference: str | None = None  # "avp=", default brand
    local_part_selectors: str | None = None  # "lps="
    unknown: tuple[tuple[str, str], ...] = ()  # ignored by receivers
    problems: tuple[TagProblem, ...] = ()

    @property
    def declined(self) -> bool:
        """True when the owner says there is no logo: ``l=`` and ``a=`` are empty."""
        return not self.logo_uri and not self.evidence_uri

    def to_text(self) -> str:
        """The canonical record, with the final semicolon."""
        return join_tags(self._pairs()) + ";"

    def _pairs(self) -> Iterator[tuple[str, str]]:
        yield "v", VERSION
        yield "l", self.logo_uri
        for name, value in (
            ("a", self.evidence_uri),
            ("avp", self.avatar_preference),
            ("lps", self.local_part_selectors),
        ):
            if value is not None:
                yield name, value
        yield from self.unknown


def is_bimi(text: str) -> bool:
    """True for a TXT record whose first tag is the version."""
    return _VERSION.match(text) is not None


def parse(text: str) -> BimiRecord:
    """Read the record.

    Raises:
        RecordError: receivers ignore it.
    """
    if not is_bimi(text):
        raise RecordError(f"does not start with v={VERSION};", fragment=excerpt(text), section=SECTION)
    values = refuse_repeats(sound_tags(text, RFC6376), SECTION)
    if "l" not in values:
        raise RecordError("no l= tag (it may be empty)", fragment=excerpt(text), section=SECTION)
    preference, problems = _avatar_preference(values.get("avp"))
    return BimiRecord(
        logo_uri=_https_uri("l", values["l"]),
        evidence_uri=_https_uri("a", values["a"]) if "a" in values else None,
        avatar_preference=preference,
        local_part_selectors=values.get("lps"),
        unknown=tuple((name, value) for name, value in values.items() if name not in _KNOWN),
        problems=problems,
    )


def _https_uri(tag: str, value: str) -> str:
    if not value:
        return value
    try:
        uri = parse_report_uri(value.replace("!", "%21"))  # "!" means nothing here
    except ValueError as error:
        raise RecordError(f"{tag}=: {error}", fragment=excerpt(value), section=SECTION) from None
    if uri.scheme != "https" or not uri.host:
        raise RecordError(f"{tag}= must be an https: URI", fragment=excerpt(value), section=SECTION)
    return value


def _avatar_preference(value: str | None) -> tuple[str | None, tuple[TagProblem, ...]]:
    if value is None or value in AVATAR_PREFERENCES:
        return value, ()
    reason = f"must be {' or '.join(AVATAR_PREFERENCES)}; brand applies"
    return None, (TagProblem(tag="avp", value=value, reason=reason),)
