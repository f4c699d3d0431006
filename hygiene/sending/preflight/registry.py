"""The checks of preflight: what a check is, and parts → findings; in the form of `hygiene.content.registry`.

A check is a generator function: its name is the finding's id, its docstring the title, its parameters the parts
it judges. A part that could not be had is reported once where it matters, and its checks are not made.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from importlib import import_module
from typing import Any, Final

from hygiene.audit.registry import rfc_url
from hygiene.errors import UsageError
from hygiene.finding import Confidence, Evidence, Finding, Open, Problem, Severity, State, inside_sentence

MAX_EVIDENCE: Final = 12  # lines shown of one finding; the rest is counted
MAX_EVIDENCE_LENGTH: Final = 300  # characters of one line

#: files of ``hygiene/sending/preflight/checks``; the area of a check
AREAS: Final = ("people", "fields", "domain", "signing", "leaving", "tracking", "volume")


@dataclass(frozen=True, kw_only=True)
class Check:
    """One registered check and what it declares. A `final` one cannot be overridden."""

    id: str
    title: str
    area: str
    severity: Severity
    confidence: Confidence
    rule: str
    source: str
    why: str
    fix: str
    final: bool
    needs: tuple[str, ...]
    judge: Callable[..., Evidence]


_CHECKS: dict[str, Check] = {}


def check(
    *,
    severity: Severity,
    rule: str,
    why: str,
    fix: str,
    source: str = "",
    confidence: Confidence = Confidence.SURE,
    final: bool = False,
) -> Callable[[Callable[..., Evidence]], Callable[..., Evidence]]:
    """Register a check. `rule` is an RFC section, a provider's page with its date, or common practice."""

    def register(judge: Callable[..., Evidence]) -> Callable[..., Evidence]:
        name = judge.__name__.replace("_", "-")
        if name in _CHECKS:
            raise ValueError(f"there is a check named {name} already")
        _CHECKS[name] = Check(
            id=name,
            title=(judge.__doc__ or "").strip().rstrip("."),
            area=judge.__module__.rpartition(".")[2],
            severity=severity,
            confidence=confidence,
            rule=rule,
            source=source or rfc_url(rule),
            why=why,
            fix=fix,
            final=final,
            needs=tuple(inspect.signature(judge).parameters),
            judge=judge,
        )
        return judge

    return register


@cache
def all_checks() -> Mapping[str, Check]:
    """Every check by id, area by area."""
    for area in AREAS:
        import_module(f"hygiene.sending.preflight.checks.{area}")
    return {each.id: each for each in sorted(_CHECKS.values(), key=lambda one: AREAS.index(one.area))}


def all_ids() -> tuple[str, ...]:
    """The ids of what a preflight may find: its own checks, the audit's, and the rules of content."""
    from hygiene.audit.registry import all_checks as audit_checks
    from hygiene.content.registry import all_rules

    return (*all_checks(), *audit_checks(), *all_rules())


def is_known(word: str) -> bool:
    """Whether a word names a finding of preflight, the audit or content, an area, or a pattern of them."""
    areas = (*AREAS, "content")
    return word in areas or word.endswith("-unknown") or any(fnmatchcase(each, word) for each in all_ids())


def demand_known(words: Iterable[str]) -> None:
    """Raise UsageError for a word that names no finding, area or pattern of them."""
    for word in words:
        if not is_known(word):
            raise _unknown(word, (*all_ids(), *AREAS))


def demand_ids(words: Iterable[str]) -> None:
    """Raise UsageError for a word that is not the id of one finding: nobody overrides an area unseen."""
    for word in words:
        if word not in all_ids():
            raise _unknown(word, all_ids())


def _unknown(word: str, known: Sequence[str]) -> UsageError:
    near = get_close_matches(word, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else "; hygiene explain lists them"
    return UsageError(f"there is no check {word!r}{hint}")


def is_meant(finding: Finding, words: Iterable[str]) -> bool:
    """Whether one of the words (ids, areas, patterns) names a finding."""
    return any(word == finding.area or fnmatchcase(finding.id, word) for word in words)


def run(parts: Mapping[str, Any], subject: str) -> tuple[Finding, ...]:
    """Judge: every check whose parts are at hand; a part that is None was not to be had."""
    return tuple(
        finding
        for each in all_checks().values()
        if all(parts[name] is not None for name in each.needs)
        for finding in _judge(each, parts, subject)
    )


def _judge(each: Check, parts: Mapping[str, Any], subject: str) -> Iterator[Finding]:
    seen = list(each.judge(**{name: parts[name] for name in each.needs}))
    problems = [Problem(evidence=item) if isinstance(item, str) else item for item in seen]
    faults = [item for item in problems if isinstance(item, Problem)]
    questions = [item.reason for item in problems if isinstance(item, Open)]
    if faults:
        worst = min(faults, key=lambda fault: (fault.severity or each.severity).rank)
        fixes = [fault.fix for fault in faults if fault.fix] or [each.fix]
        yield _finding(
            each,
            subject,
            title=each.title,
            severity=worst.severity or each.severity,
            confidence=worst.confidence or each.confidence,
            evidence=_lines([fault.evidence for fault in faults]),
            why=each.why,
            fix="\n".join(dict.fromkeys(fixes)),
        )
    if questions:
        title = f"Not determined whether {inside_sentence(each.title)}"
        yield _finding(each, subject, title=title, state=State.UNKNOWN, evidence=_lines(questions))


def _finding(each: Check, subject: str, **said: Any) -> Finding:
    declared = {"severity": each.severity, "confidence": each.confidence}
    return Finding(
        id=each.id, area=each.area, subject=subject, rule=each.rule, source=each.source, **{**declared, **said}
    )


def _lines(texts: Sequence[str]) -> tuple[str, ...]:
    unique = list(dict.fromkeys(_shorten(text) for text in texts))
    if len(unique) <= MAX_EVIDENCE:
        return tuple(unique)
    return (*unique[: MAX_EVIDENCE - 1], f"… and {len(unique) - MAX_EVIDENCE + 1} more")


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_EVIDENCE_LENGTH else f"{text[: MAX_EVIDENCE_LENGTH - 1]}…"
