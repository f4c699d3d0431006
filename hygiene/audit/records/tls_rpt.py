"""TLS-RPT records (RFC 8460 §3): where reports of failed TLS go; text ↔ `TlsRptRecord`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from hygiene.audit.records.report_uri import ReportUri, join_report_uris, parse_report_uris
from hygiene.audit.records.tag_list import (
    TagProblem,
    excerpt,
    extension_fields,
    field_grammar,
    join_tags,
    sound_tags,
)
from hygiene.errors import RecordError

SECTION = "RFC 8460 §3"
VERSION = "TLSRPTv1"
SCHEMES = frozenset({"mailto", "https"})

_VERSION = re.compile(r"v=TLSRPTv1[ \t]*(?:;|\Z)")


@dataclass(frozen=True, kw_only=True)
class TlsRptRecord:
    """The record at ``_smtp._tls``."""

    rua: tuple[ReportUri, ...]  # "rua=", mailto: or https:, at least one; several fields add up
    unknown: tuple[tuple[str, str], ...] = ()  # ignored by reporters
    problems: tuple[TagProblem, ...] = ()  # addresses that cannot be used

    def to_text(self) -> str:
        """The canonical record, with the final semicolon."""
        return join_tags((("v", VERSION), ("rua", join_report_uris(self.rua)), *self.unknown)) + ";"


def is_tls_rpt(text: str) -> bool:
    """True for a TXT record that starts with the version; others at the name are discarded."""
    return _VERSION.match(text) is not None


def parse(text: str) -> TlsRptRecord:
    """Read the record.

    Raises:
        RecordError: reporters see no record, or none of its addresses can be used.
    """
    if not is_tls_rpt(text):
        raise RecordError(f"does not start with v={VERSION};", fragment=excerpt(text), section=SECTION)
    tags = sound_tags(text, field_grammar(SECTION))[1:]
    unknown = extension_fields(tags, ("rua",), SECTION)
    uris, problems = _addresses(tag.value for tag in tags if tag.name == "rua")
    if not uris:
        reason = problems[0].reason if problems else "no rua= field"
        raise RecordError(reason, fragment=excerpt(problems[0].value if problems else text), section=SECTION)
    return TlsRptRecord(rua=uris, unknown=unknown, problems=problems)


def _addresses(values: Iterable[str]) -> tuple[tuple[ReportUri, ...], tuple[TagProblem, ...]]:
    usable: list[ReportUri] = []
    problems: list[TagProblem] = []
    for value in values:
        uris, faults = parse_report_uris("rua", value)
        problems.extend(faults)
        for uri in uris:
            if reason := _why_unusable(uri):
                problems.append(TagProblem(tag="rua", value=uri.to_text(), reason=reason))
            else:
                usable.append(uri)
    return tuple(usable), tuple(problems)


def _why_unusable(uri: ReportUri) -> str:
    if uri.size_limit is not None:
        return 'TLS-RPT knows no size limit; "!" must be written %21'
    return "" if uri.scheme in SCHEMES else "must be mailto: or https:"
