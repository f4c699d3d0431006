"""The rules of refusals, read from ``data/*.toml`` once, and the strongest one that a refusal meets."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any, Final

from hygiene.bounce import BounceReason
from hygiene.bounces.wording import Phrase, Phrases, phrase
from hygiene.files import packaged_text

#: the files of rules; each begins with the weight of its rules that name none
RULES: Final = ("sender", "recipient", "infrastructure", "languages", "statuses")

STATUS_OF_REPORT: Final = 15  # what a status loses that stands in the report only: a relay made it up


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """What one server said: `words` as `hygiene.bounces.wording.normal` has it, codes "" or 0 where not told.

    `statuses` stand in the reply itself, `reported` in a field beside it; `phase` is the command refused.
    """

    words: str
    code: int = 0
    statuses: tuple[str, ...] = ()
    reported: str = ""
    phase: str = ""
    provider: str = ""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule: every condition that is given must hold, of a list any entry.

    `status` entries may end in ``*``. `weight` from 1 to 100 orders the rules: an unmistakable
    text weighs more than a status code, a status code more than a vague text. `outright`: the text holds even
    where the refusal came after the message.
    """

    id: str
    reason: BounceReason
    weight: int
    text: tuple[Phrase, ...] = ()
    unless: tuple[Phrase, ...] = ()
    status: tuple[str, ...] = ()
    code: tuple[int, ...] = ()
    phase: tuple[str, ...] = ()
    provider: tuple[str, ...] = ()
    only_retry: bool = False
    outright: bool = False

    def holds(self, refusal: Refusal) -> bool:
        """Whether the refusal meets its other conditions than the text."""
        return (
            (not self.code or refusal.code in self.code)
            and (not self.phase or refusal.phase in self.phase)
            and (not self.provider or refusal.provider in self.provider)
            and (not self.status or any(self.names(status) for status in refusal.statuses))
            and not (self.unless and self._vetoes.any_in(refusal.words))
        )

    @cached_property
    def _vetoes(self) -> Phrases:
        return Phrases((each, 0) for each in self.unless)

    def names(self, status: str) -> bool:
        """Whether a status is one of the rule's."""
        return any(status == each or (each[-1] == "*" and status.startswith(each[:-1])) for each in self.status)


def rule(fields: Mapping[str, Any], weight: int) -> Rule:
    """A rule from its table; a misspelt key is a TypeError."""
    known = {**fields, "reason": BounceReason(fields["reason"]), "weight": fields.get("weight", weight)}
    for key in ("text", "unless"):
        known[key] = tuple(phrase(each) for each in fields.get(key, ()))
    for key in ("status", "code", "phase", "provider"):
        known[key] = tuple(fields.get(key, ()))
    return Rule(**known)


@cache
def data(name: str) -> Mapping[str, Any]:
    """A data file by its name without ``.toml``."""
    return tomllib.loads(packaged_text("hygiene.bounces.data", f"{name}.toml"))


@cache
def rules() -> tuple[Rule, ...]:
    """All rules, heaviest first; among equals as the files have them."""
    every = (rule(fields, data(name)["weight"]) for name in RULES for fields in data(name)["rule"])
    return tuple(sorted(every, key=lambda each: -each.weight))


@cache
def _phrases() -> Phrases:
    return Phrases((each, number) for number, rule in enumerate(rules()) for each in rule.text)


@cache
def _textless() -> Mapping[str, tuple[int, ...]]:
    """Numbers of the rules that codes and phase alone decide: by status, its class (``5.7.``), code, or ""."""
    found: dict[str, tuple[int, ...]] = {}
    for number, each in enumerate(rules()):
        if not each.text:
            keys = [status.rstrip("*") for status in each.status] or [str(code) for code in each.code] or [""]
            for key in keys:
                found[key] = (*found.get(key, ()), number)
    return found


def _decided_by_codes(refusal: Refusal) -> Iterator[int]:
    """Numbers of those rules that may hold."""
    by = _textless()
    yield from by.get("", ())
    yield from by.get(str(refusal.code), ())
    for status in refusal.statuses:
        for end in range(1, len(status) + 1):
            yield from by.get(status[:end], ())


@cache
def _number_of(rule_id: str) -> int:
    return next(number for number, each in enumerate(rules()) if each.id == rule_id)


def may_decide(rule_id: str, words: str) -> bool:
    """Whether a normal text has a phrase of a rule, or the rule needs none."""
    number = _number_of(rule_id)
    return not rules()[number].text or number in _phrases().found_in(words)


@cache
def _of_report() -> tuple[Rule, ...]:
    """The rules that a status alone decides."""
    return tuple(each for each in rules() if each.status and not each.text)


@lru_cache(maxsize=4096)  # the same words come from a server again and again
def strongest(refusal: Refusal) -> tuple[Rule, int] | None:
    """The heaviest rule that holds, with its weight in this case."""
    every = rules()
    numbers = sorted(_phrases().found_in(refusal.words).union(_decided_by_codes(refusal)))
    reply = next((every[number] for number in numbers if every[number].holds(refusal)), None)
    report = next(_by_report(refusal), None)
    if reply is None or (report is not None and report.weight - STATUS_OF_REPORT > reply.weight):
        return None if report is None else (report, report.weight - STATUS_OF_REPORT)
    return reply, reply.weight


def _by_report(refusal: Refusal) -> Iterator[Rule]:
    if refusal.reported and refusal.reported not in refusal.statuses:
        for each in _of_report():
            if each.names(refusal.reported) and (not each.code or refusal.code in each.code):
                yield each
