"""The check engine: what a check is, how checks are chosen, and views → findings.

A check is a generator function. Its name is the finding's id (`dmarc_policy_none` → ``dmarc-policy-none``), its
docstring the title, its parameters the subjects it judges; it yields one evidence line, or `Problem`, per fault
seen. A subject that could not be looked up is reported once, and the checks that need it are never called: a
time-out is never a fault. Keyword-only parameters are subjects that only weigh the verdict: the check copes
when they are unknown.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from importlib import import_module
from typing import Any

from hygiene.errors import UsageError
from hygiene.finding import Confidence, Evidence, Finding, Open, Problem, Severity, State, inside_sentence

MAX_EVIDENCE = 12  # lines shown of one finding; the rest is counted
MAX_EVIDENCE_LENGTH = 600  # characters of one line

AREAS = ("domain", "spf", "dkim", "dmarc", "mx", "transport", "bimi", "reputation", "message")
#: files of ``hygiene/audit/checks``; the area is the first word
CHECK_MODULES = (*AREAS[:2], "spf_tree", *AREAS[2:])

#: subjects without which an audit has not answered its question; the others are optional
ESSENTIAL = frozenset({"domain", "spf", "dkim", "dmarc", "mx"})


@dataclass(frozen=True, kw_only=True)
class Check:
    """One registered check and what it declares."""

    id: str
    title: str
    area: str
    severity: Severity
    confidence: Confidence
    rule: str
    source: str
    why: str
    fix: str
    optional: bool
    needs: tuple[str, ...]
    weighs: tuple[str, ...]
    judge: Callable[..., Evidence]


_CHECKS: dict[str, Check] = {}


def check(
    *,
    severity: Severity,
    rule: str,
    why: str,
    fix: str = "",
    source: str = "",
    confidence: Confidence = Confidence.SURE,
    optional: bool = False,
) -> Callable[[Callable[..., Evidence]], Callable[..., Evidence]]:
    """Register a check. `rule` is an RFC section or a provider's page; `fix` may hold ``{domain}``."""

    def register(judge: Callable[..., Evidence]) -> Callable[..., Evidence]:
        name = judge.__name__.replace("_", "-")
        if name in _CHECKS:
            raise ValueError(f"there is a check named {name} already")
        _CHECKS[name] = Check(
            id=name,
            title=(judge.__doc__ or "").strip().rstrip("."),
            area=judge.__module__.rpartition(".")[2].partition("_")[0],
            severity=severity,
            confidence=confidence,
            rule=rule,
            source=source or rfc_url(rule),
            why=why,
            fix=fix,
            optional=optional,
            needs=_parameters(judge, inspect.Parameter.POSITIONAL_OR_KEYWORD),
            weighs=_parameters(judge, inspect.Parameter.KEYWORD_ONLY),
            judge=judge,
        )
        return judge

    return register


def _parameters(judge: Callable[..., Evidence], kind: inspect._ParameterKind) -> tuple[str, ...]:
    parameters = inspect.signature(judge).parameters.values()
    return tuple(each.name for each in parameters if each.kind is kind)


@cache
def all_checks() -> Mapping[str, Check]:
    """Every check by id, area by area."""
    for module in CHECK_MODULES:
        import_module(f"hygiene.audit.checks.{module}")
    return dict(_CHECKS)


def choose(select: Sequence[str] = (), ignore: Sequence[str] = ()) -> tuple[Check, ...]:
    """The checks to run: ids, areas or patterns like ``spf-*``; raises UsageError for a word that fits none."""
    chosen = set().union(*map(_matching, select)) if select else set(all_checks())
    dropped = set().union(*map(_matching, ignore))
    return tuple(each for each in all_checks().values() if each.id in chosen - dropped)


def run(
    views: Mapping[str, Any],
    *,
    words: Mapping[str, str],
    checks: Iterable[Check],
    waived: frozenset[str] = frozenset(),
) -> tuple[Finding, ...]:
    """Judge: every check over its subjects.

    `words` fill the fixes (``domain``, ``today``); `waived` are subjects whose silence does not matter here.
    """
    checks = tuple(checks)
    findings = [
        finding
        for each in checks
        if not any(views[name].unknown for name in each.needs)
        for finding in _judge(each, views, words)
    ]
    return (*findings, *_unknowns(views, words["domain"], checks, waived))


def rfc_url(rule: str) -> str:
    """The page of ``RFC 7208 §4.6.4`` at the RFC Editor; '' for other rules."""
    match = re.match(r"RFC (\d+)(?: §([0-9.]*[0-9]))?", rule)
    if not match:
        return ""
    section = f"#section-{match[2]}" if match[2] else ""
    return f"https://www.rfc-editor.org/rfc/rfc{match[1]}{section}"


def _matching(word: str) -> set[str]:
    checks = all_checks()
    found = {each.id for each in checks.values() if word == each.area or fnmatchcase(each.id, word)}
    if not found and not word.endswith("-unknown"):
        near = get_close_matches(word, [*checks, *AREAS], n=1)
        hint = f"; did you mean {near[0]}?" if near else "; hygiene explain lists them"
        raise UsageError(f"there is no check {word!r}{hint}")
    return found


def _judge(each: Check, views: Mapping[str, Any], words: Mapping[str, str]) -> Iterator[Finding]:
    seen = list(each.judge(**{name: views[name] for name in (*each.needs, *each.weighs)}))
    problems = [Problem(evidence=item) if isinstance(item, str) else item for item in seen]
    faults = [item for item in problems if isinstance(item, Problem)]
    open_questions = [item.reason for item in problems if isinstance(item, Open)]
    if faults:
        yield _fault(each, faults, words)
    if open_questions:
        yield _open_question(each, open_questions, words["domain"])


def _fault(each: Check, faults: list[Problem], words: Mapping[str, str]) -> Finding:
    fixes = [fault.fix for fault in faults if fault.fix] or [each.fix]
    return Finding(
        id=each.id,
        title=each.title,
        area=each.area,
        subject=words["domain"],
        severity=min((fault.severity or each.severity for fault in faults), key=lambda word: word.rank),
        confidence=faults[0].confidence or each.confidence,
        why=each.why,
        evidence=_lines([fault.evidence for fault in faults]),
        rule=each.rule,
        source=each.source,
        fix="\n".join(dict.fromkeys(_fill(fix, words) for fix in fixes)),
        optional=each.optional,
    )


def _fill(text: str, words: Mapping[str, str]) -> str:
    for name, word in words.items():
        text = text.replace(f"{{{name}}}", word)
    return text


def _open_question(each: Check, reasons: list[str], domain: str) -> Finding:
    return Finding(
        id=each.id,
        title=f"Not determined whether {inside_sentence(each.title)}",
        area=each.area,
        subject=domain,
        severity=each.severity,
        confidence=each.confidence,
        state=State.UNKNOWN,
        evidence=_lines(reasons),
        rule=each.rule,
        source=each.source,
        optional=each.optional,
    )


def _unknowns(
    views: Mapping[str, Any], domain: str, checks: tuple[Check, ...], waived: frozenset[str]
) -> Iterator[Finding]:
    """One finding for each subject that could not be looked up and that a chosen check needs."""
    for name, view in views.items():
        blocked = [each.id for each in checks if name in each.needs]
        if not view.unknown or not blocked or name in waived:
            continue
        label = name.replace("_", "-")
        yield Finding(
            id=f"{label}-unknown",
            title=f"{SUBJECT_NAMES[name]} could not be looked up",
            area=next(each.area for each in all_checks().values() if each.needs[0] == name),
            subject=domain,
            severity=Severity.HIGH if name in ESSENTIAL else Severity.LOW,
            confidence=Confidence.SURE,
            state=State.UNKNOWN,
            why=f"{len(blocked)} checks were not made. No answer is not the same as no record.",
            evidence=_lines([view.unknown]),
            rule="RFC 2308 §7",
            source=rfc_url("RFC 2308 §7"),
            fix=f"hygiene audit {domain} --timeout 10",
            optional=name not in ESSENTIAL,
        )


SUBJECT_NAMES: Mapping[str, str] = {
    "domain": "The domain",
    "spf": "SPF",
    "dkim": "DKIM",
    "dmarc": "DMARC",
    "mx": "MX",
    "mta_sts": "MTA-STS",
    "tls_rpt": "TLS-RPT",
    "dnssec": "DNSSEC",
    "dane": "DANE",
    "starttls": "STARTTLS",
    "bimi": "BIMI",
    "reverse_dns": "Reverse DNS",
    "blocklists": "Blocklists",
    "message": "The message",
}


def _lines(texts: Sequence[str]) -> tuple[str, ...]:
    unique = list(dict.fromkeys(_shorten(text) for text in texts))
    if len(unique) <= MAX_EVIDENCE:
        return tuple(unique)
    return (*unique[: MAX_EVIDENCE - 1], f"… and {len(unique) - MAX_EVIDENCE + 1} more")


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_EVIDENCE_LENGTH else f"{text[: MAX_EVIDENCE_LENGTH - 1]}…"
