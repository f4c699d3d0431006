"""The rules of content: what a rule is, how rules are chosen, and content → findings.

A rule is a generator function. Its name is the finding's id (`image_without_alt` → ``image-without-alt``), its
docstring the title, its parameters the parts of a mail it judges; it yields one evidence line, or `Problem`,
per fault seen, and `Open` where it cannot tell. A part that was not given is never a fault: the rule is listed
as not judged. Keyword-only parameters are parts that only weigh the verdict: None when they were not given.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from importlib import import_module
from typing import Any

from hygiene.content.knowledge import Source, sources
from hygiene.content.parts import Content
from hygiene.errors import UsageError
from hygiene.finding import Confidence, Evidence, Finding, Open, Problem, Severity, State, inside_sentence

MAX_EVIDENCE = 12  # lines shown of one finding; the rest is counted
MAX_EVIDENCE_LENGTH = 300  # characters of one line

#: files of ``hygiene/content/rules``; the area of a rule
AREAS = (
    "subject",
    "preheader",
    "body",
    "images",
    "layout",
    "markup",
    "links",
    "action",
    "unsubscribe",
    "message",
    "hidden",
)

#: part of a mail → why rules that need it were not run
NOT_GIVEN: Mapping[str, str] = {
    "subject": "no subject was given",
    "preheader": "there is no HTML and no preheader was given",
    "page": "there is no HTML",
    "text": "there is no text part",
    "message": "there are no header fields: give the message as .eml",
}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One registered rule and what it declares."""

    id: str
    title: str
    area: str
    severity: Severity
    confidence: Confidence
    why: str
    fix: str
    source: Source
    needs: tuple[str, ...]
    weighs: tuple[str, ...]
    judge: Callable[..., Evidence]


_RULES: dict[str, Rule] = {}


def rule(
    *, severity: Severity, source: str, why: str, fix: str, confidence: Confidence = Confidence.SURE
) -> Callable[[Callable[..., Evidence]], Callable[..., Evidence]]:
    """Register a rule. `source` is a key of ``data/sources.toml``; `fix` can be pasted."""

    def register(judge: Callable[..., Evidence]) -> Callable[..., Evidence]:
        name = judge.__name__.replace("_", "-")
        if name in _RULES:
            raise ValueError(f"there is a rule named {name} already")
        _RULES[name] = Rule(
            id=name,
            title=(judge.__doc__ or "").strip().rstrip("."),
            area=judge.__module__.rpartition(".")[2],
            severity=severity,
            confidence=confidence,
            why=why,
            fix=fix,
            source=sources()[source],
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
def all_rules() -> Mapping[str, Rule]:
    """Every rule by id, area by area."""
    for area in AREAS:
        import_module(f"hygiene.content.rules.{area}")
    return {each.id: each for each in sorted(_RULES.values(), key=lambda one: AREAS.index(one.area))}


def choose(select: Sequence[str] = (), ignore: Sequence[str] = ()) -> tuple[Rule, ...]:
    """The rules to apply: ids, areas or patterns like ``link-*``; UsageError for a word that fits none."""
    chosen = set().union(*map(_matching, select)) if select else set(all_rules())
    dropped = set().union(*map(_matching, ignore))
    return tuple(each for each in all_rules().values() if each.id in chosen - dropped)


def _matching(word: str) -> set[str]:
    rules = all_rules()
    found = {each.id for each in rules.values() if word == each.area or fnmatchcase(each.id, word)}
    if not found:
        near = get_close_matches(word, [*rules, *AREAS], n=1)
        hint = f"; did you mean {near[0]}?" if near else "; hygiene explain lists them"
        raise UsageError(f"there is no content rule {word!r}{hint}")
    return found


def run(content: Content, rules: Iterable[Rule]) -> tuple[tuple[Finding, ...], dict[str, str]]:
    """Judge: the findings, and the rules that could not be applied, with the reason."""
    parts = {name: content.part(name) for name in (*NOT_GIVEN, "content")}
    findings: list[Finding] = []
    not_judged: dict[str, str] = {}
    for each in rules:
        missing = [NOT_GIVEN[name] for name in each.needs if parts[name] is None]
        if missing:
            not_judged[each.id] = missing[0]
        else:
            findings += _judge(each, parts, content.name)
    return tuple(findings), not_judged


def _judge(each: Rule, parts: Mapping[str, Any], name: str) -> Iterator[Finding]:
    seen = list(each.judge(**{part: parts[part] for part in (*each.needs, *each.weighs)}))
    problems = [Problem(evidence=item) if isinstance(item, str) else item for item in seen]
    faults = [item for item in problems if isinstance(item, Problem)]
    open_questions = [item.reason for item in problems if isinstance(item, Open)]
    if faults:
        yield _fault(each, faults, name)
    if open_questions:
        yield _open_question(each, open_questions, name)


def _fault(each: Rule, faults: list[Problem], name: str) -> Finding:
    worst = min(faults, key=lambda fault: (fault.severity or each.severity).rank)
    fixes = [fault.fix for fault in faults if fault.fix][:MAX_EVIDENCE] or [each.fix]
    return Finding(
        id=each.id,
        title=each.title,
        area=each.area,
        subject=name,
        severity=worst.severity or each.severity,
        confidence=worst.confidence or each.confidence,
        why=each.why,
        evidence=_lines([fault.evidence for fault in faults]),
        rule=each.source.dated,
        source=each.source.url,
        fix="\n".join(dict.fromkeys(fixes)),
    )


def _open_question(each: Rule, reasons: list[str], name: str) -> Finding:
    return Finding(
        id=each.id,
        title=f"Not determined whether {inside_sentence(each.title)}",
        area=each.area,
        subject=name,
        severity=each.severity,
        confidence=each.confidence,
        state=State.UNKNOWN,
        evidence=_lines(reasons),
        rule=each.source.dated,
        source=each.source.url,
    )


def _lines(texts: Sequence[str]) -> tuple[str, ...]:
    unique = list(dict.fromkeys(_shorten(text) for text in texts))
    if len(unique) <= MAX_EVIDENCE:
        return tuple(unique)
    return (*unique[: MAX_EVIDENCE - 1], f"… and {len(unique) - MAX_EVIDENCE + 1} more")


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_EVIDENCE_LENGTH else f"{text[: MAX_EVIDENCE_LENGTH - 1]}…"
