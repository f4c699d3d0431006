"""MTA-STS (RFC 8461): the TXT record `StsRecord` and the policy file `StsPolicy`, each text ↔ dataclass."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from hygiene.audit.records.host_names import is_host_name, to_a_labels
from hygiene.audit.records.tag_list import (
    Tag,
    TagProblem,
    excerpt,
    extension_fields,
    field_grammar,
    first_of_each,
    join_tags,
    sound_tags,
)
from hygiene.errors import RecordError

RECORD_SECTION = "RFC 8461 §3.1"
POLICY_SECTION = "RFC 8461 §3.2"
VERSION = "STSv1"
MAX_POLICY_BYTES = 65_536  # what large senders read, RFC 8461 §3.3 lets them choose
MAX_LINES = 4096  # of a policy file
MAX_AGE_LIMIT_S = 31_557_600  # about a year, RFC 8461 §3.2

_VERSION = re.compile(r"v=STSv1[ \t]*(?:;|\Z)")
_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SECONDS = re.compile(r"[0-9]{1,10}")
_REPEAT_RULE = "the first one counts (RFC 8461 §3.2)"


@dataclass(frozen=True, kw_only=True)
class StsRecord:
    """The record at ``_mta-sts``: its id changes whenever the policy does."""

    id: str  # "id=", 1 to 32 letters and digits
    unknown: tuple[tuple[str, str], ...] = ()  # ignored by senders
    problems: tuple[TagProblem, ...] = ()

    def to_text(self) -> str:
        """The canonical record, with the final semicolon old senders look for."""
        return join_tags((("v", VERSION), ("id", self.id), *self.unknown)) + ";"


class Mode(StrEnum):
    """What a sender does when a host does not match or its certificate fails."""

    ENFORCE = "enforce"
    TESTING = "testing"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class StsPolicy:
    """The policy file at ``https://mta-sts.<domain>/.well-known/mta-sts.txt``."""

    mode: Mode  # "mode:"
    max_age_s: int  # "max_age:", seconds, 0 to 31,557,600
    mx: tuple[str, ...] = ()  # "mx:", host names or "*." and a host name
    unknown: tuple[tuple[str, str], ...] = ()  # ignored by senders
    problems: tuple[TagProblem, ...] = ()

    def matches(self, host: str) -> bool:
        """True when a pattern covers the host; "*." stands for exactly one label (§4.1).

        >>> StsPolicy(mode=Mode.ENFORCE, max_age_s=86400, mx=("*.example.com",)).matches("MX1.example.com.")
        True
        """
        name = to_a_labels(host)
        if name is None:
            return False
        wildcard = f"*.{name.partition('.')[2]}"
        return any(pattern.lower() in (name, wildcard) for pattern in self.mx)

    def to_text(self) -> str:
        """The canonical file, lines ended by CRLF."""
        return "".join(f"{key}: {value}\r\n" for key, value in self._pairs())

    def _pairs(self) -> Iterator[tuple[str, str]]:
        yield "version", VERSION
        yield "mode", self.mode
        for pattern in self.mx:
            yield "mx", pattern
        yield "max_age", str(self.max_age_s)
        yield from self.unknown


def is_mta_sts(text: str) -> bool:
    """True for a TXT record that starts with the version; others at the name are discarded."""
    return _VERSION.match(text) is not None


def parse_record(text: str) -> StsRecord:
    """Read the TXT record.

    Raises:
        RecordError: senders see no MTA-STS here.
    """
    if not is_mta_sts(text):
        raise RecordError(f"does not start with v={VERSION};", fragment=excerpt(text), section=RECORD_SECTION)
    tags = sound_tags(text, field_grammar(RECORD_SECTION))
    unknown = extension_fields(tags, ("v", "id"), RECORD_SECTION)
    values, repeats = first_of_each(tags, consequence=_REPEAT_RULE)
    if not _ID.fullmatch(values.get("id", "")):
        reason = "id= must be 1 to 32 letters and digits" if "id" in values else "no id= field"
        raise RecordError(reason, fragment=excerpt(values.get("id", text)), section=RECORD_SECTION)
    return StsRecord(
        id=values["id"],
        unknown=tuple((name, values[name]) for name in dict(unknown)),
        problems=repeats,
    )


def parse_policy(content: bytes | str) -> StsPolicy:
    """Read the policy file.

    Raises:
        RecordError: senders cannot use the policy.
    """
    lines, blank_lines = _key_values(_decode(content))
    patterns = tuple(_mx_pattern(line.value) for line in lines if line.name == "mx")
    values, repeats = first_of_each((line for line in lines if line.name != "mx"), consequence=_REPEAT_RULE)
    _check_version(values)
    mode = _mode(values)
    if not patterns and mode is not Mode.NONE:
        raise RecordError(f"no mx: line, but mode is {mode}", section=POLICY_SECTION)
    return StsPolicy(
        mode=mode,
        max_age_s=_max_age(values),
        mx=patterns,
        unknown=tuple(pair for pair in values.items() if pair[0] not in ("version", "mode", "max_age")),
        problems=(*blank_lines, *repeats),
    )


def _decode(content: bytes | str) -> str:
    if len(content) > MAX_POLICY_BYTES:
        raise RecordError(f"longer than {MAX_POLICY_BYTES} bytes", section="RFC 8461 §3.3")
    if isinstance(content, str):
        return content
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise RecordError("not UTF-8", section=POLICY_SECTION) from None


def _key_values(text: str) -> tuple[list[Tag], tuple[TagProblem, ...]]:
    lines = text.replace("\r\n", "\n").split("\n", MAX_LINES)
    if not lines[-1]:
        lines.pop()
    filled = [line for line in lines if line.strip(" \t")]
    if len(filled) == len(lines):
        return [_key_value(line) for line in filled], ()
    reason = "blank lines, which strict readers refuse (RFC 8461 §3.2)"
    return [_key_value(line) for line in filled], (TagProblem(tag="", value="", reason=reason),)


def _key_value(line: str) -> Tag:
    key, colon, value = line.partition(":")
    value = value.strip(" \t")
    if not colon or not _KEY.fullmatch(key):
        raise RecordError('not a "key: value" line', fragment=excerpt(line), section=POLICY_SECTION)
    if not value or _CONTROL.search(value):
        reason = "a value is empty or holds a control character"
        raise RecordError(reason, fragment=excerpt(line), section=POLICY_SECTION)
    return Tag(name=key, value=value, raw=line)


def _check_version(values: Mapping[str, str]) -> None:
    if values.get("version") != VERSION:
        reason = f"version must be {VERSION}" if "version" in values else "no version: line"
        raise RecordError(reason, fragment=excerpt(values.get("version", "")), section=POLICY_SECTION)


def _mode(values: Mapping[str, str]) -> Mode:
    try:
        return Mode(values.get("mode", ""))
    except ValueError:
        reason = "mode must be enforce, testing or none" if "mode" in values else "no mode: line"
        raise RecordError(reason, fragment=excerpt(values.get("mode", "")), section=POLICY_SECTION) from None


def _max_age(values: Mapping[str, str]) -> int:
    value = values.get("max_age", "")
    if _SECONDS.fullmatch(value) and int(value) <= MAX_AGE_LIMIT_S:
        return int(value)
    reason = f"max_age must be 0 to {MAX_AGE_LIMIT_S} seconds" if value else "no max_age: line"
    raise RecordError(reason, fragment=excerpt(value), section=POLICY_SECTION)


def _mx_pattern(value: str) -> str:
    if is_host_name(value.removeprefix("*.")):
        return value
    raise RecordError(_why_no_pattern(value), fragment=excerpt(value), section=POLICY_SECTION)


def _why_no_pattern(value: str) -> str:
    if not value.isascii():
        return "an mx pattern must be written in A-labels (xn--…)"
    if "*" in value.removeprefix("*."):
        return 'the only wildcard is a whole first label, "*."'
    return "not a host name or pattern"
