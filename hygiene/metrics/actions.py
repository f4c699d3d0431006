"""What to do next, what promises most first: missed aims by how bad and how far, then reasons of bounces."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hygiene.finding import Severity
from hygiene.metrics.judgement import advice_on
from hygiene.metrics.kpis import KPIS, KpiValue, Verdict
from hygiene.metrics.words import rate_text, slice_text

if TYPE_CHECKING:
    from hygiene.metrics.benchmarks import Target
    from hygiene.metrics.measured import Kpis

MOST: Final = 5
_REASONS: Final = 3
_PART: Final = 1 / 3  # of what is counted, from which a slice is named
_WORSE: Final = 1.5  # times the rate of all mail


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """What to do, and what it is about."""

    what: str
    why: str
    order: tuple[float, ...]  # smaller ones first


def actions_of(kpis: Kpis) -> tuple[Action, ...]:
    """The first few; for aims that are reached with one effort, only the first."""
    found: dict[str, Action] = {}
    for action in sorted([*_missed(kpis), *_bounces(kpis)], key=lambda each: each.order):
        found.setdefault(action.what, action)
    return tuple(found.values())[:MOST]


def _missed(kpis: Kpis) -> list[Action]:
    """One for each KPI that missed; what bounced was not delivered, and is told once."""
    found = dict(_worst(kpis))
    if "bounce_rate" in found:
        found.pop("delivery_rate", None)
    return list(found.values())


def _worst(kpis: Kpis) -> Iterator[tuple[str, Action]]:
    """Of each KPI all mail together if it missed, else the slice that did by the most."""
    for value in kpis.overall:
        target = kpis.profile.target_of(value.name, human=kpis.settings.human)
        if target is None:
            continue
        missed = [value] if value.verdict is Verdict.MISSED else []
        missed = missed or [
            each for each in kpis.by_slice if each.name == value.name and each.verdict is Verdict.MISSED
        ]
        if missed:
            worst = max(missed, key=lambda each: _times(each, target))
            yield value.name, _action(kpis, worst, target)


def _action(kpis: Kpis, value: KpiValue, target: Target) -> Action:
    advice = advice_on(value.name)
    where = slice_text(value.slice) if value.slice else _where(kpis, value)
    said = f"{KPIS[value.name].title} {rate_text(value.value or 0)}, aim {target.limit}"
    said = f"{said}: {_distance(value, target)}"
    return Action(
        what=advice.action,
        why=f"{said}; {where}" if where else said,
        order=(advice.severity.rank, -_times(value, target)),
    )


def _times(value: KpiValue, target: Target) -> float:
    """How many times as bad as the limit."""
    share = value.value or 0.0
    if target.high is not None and share > target.high:
        return share / target.high if target.high else math.inf
    return (target.low or 0.0) / share if share else math.inf


def _distance(value: KpiValue, target: Target) -> str:
    """How many of what is counted are too many, or missing."""
    numerator, n = value.numerator or 0, value.n or 0
    if target.high is not None and numerator > target.high * n:
        return f"{numerator:,} of {n:,}, {numerator - math.floor(target.high * n):,} too many"
    return f"{numerator:,} of {n:,}, {math.ceil((target.low or 0.0) * n) - numerator:,} too few"


def _where(kpis: Kpis, value: KpiValue) -> str:
    """The slice that most of it comes from, if it is much worse than all mail; only of what should be low."""
    if kpis.overviews is None or KPIS[value.name].better == "higher" or not value.numerator:
        return ""
    said = []
    for name in kpis.overviews.slices:
        if name == kpis.overviews.period:
            continue
        most = max((each[value.name] for each in kpis.by(name)), key=lambda each: each.numerator or 0)
        part = (most.numerator or 0) / value.numerator
        named = most.slice[name] is not None and len(kpis.by(name)) > 1
        if named and part >= _PART and (most.value or 0) >= _WORSE * (value.value or 0):
            said.append(f"{most.numerator:,} of them from {name} {most.slice[name]}")
    return ", ".join(said)


def _bounces(kpis: Kpis) -> Iterator[Action]:
    """What the receivers' reasons call for, the commonest first."""
    reasons = kpis.causes.reasons if kpis.causes else None
    for one in reasons.top[:_REASONS] if reasons else ():
        advice = one.rule.advice
        yield Action(
            what=f"{advice[:1].upper()}{advice[1:]}.",
            why=f"{one.rule.name}: {one.mails:,} of {reasons.bounced:,} bounces" if reasons else "",
            order=(Severity.LOW.rank - 0.5, -one.mails),
        )
