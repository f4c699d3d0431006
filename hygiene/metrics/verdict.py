"""A value and its benchmark: met, missed or not proven yet, and how many more mails would prove it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hygiene.metrics.benchmarks import Target
from hygiene.metrics.intervals import NEVER, trials_at_rate
from hygiene.metrics.kpis import Better, Kpi, Verdict

_YOUNG: Final = "the mails are young: more may come"


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on one value; `needed` more mails at the same rate would prove it, either way."""

    verdict: Verdict
    needed: int | None = None
    leans: Verdict | None = None  # what that would prove
    note: str | None = None


def judge(
    kpi: Kpi, target: Target, *, numerator: int, n: int, low: float, high: float, growing: bool = False
) -> Judged:
    """Whether the interval lies inside the range of the target, outside, or across an end of it.

    While mails are young (`growing`) a rate can only rise: then nothing is met that more of it would spoil, and
    nothing is missed that more of it would mend, and a number of mails that would prove so is said with that.
    """
    value = numerator / n
    verdict = _verdict(target, low, high)
    if growing and _may_turn(kpi, verdict):
        return Judged(Verdict.NOT_PROVEN, note=_YOUNG)
    needed, leans = None, None
    if verdict is Verdict.NOT_PROVEN:
        needed = _needed(target, numerator, n, value)
        leans = Verdict.MET if _meets(target, value, value) else Verdict.MISSED
        if growing and _may_turn(kpi, leans):
            return Judged(verdict, needed, leans, _YOUNG)
    return Judged(verdict, needed, leans, _note(target, value, low))


def _verdict(target: Target, low: float, high: float) -> Verdict:
    if _misses(target, low, high):
        return Verdict.MISSED
    return Verdict.MET if _meets(target, low, high) else Verdict.NOT_PROVEN


def _meets(target: Target, low: float, high: float) -> bool:
    above = target.low is None or (low > target.low if target.above is not None else low >= target.low)
    below = target.high is None or (high < target.high if target.below is not None else high <= target.high)
    return above and below


def _misses(target: Target, low: float, high: float) -> bool:
    under = target.low is not None and (high <= target.low if target.above is not None else high < target.low)
    over = target.high is not None and (low >= target.high if target.below is not None else low > target.high)
    return under or over


def _may_turn(kpi: Kpi, verdict: Verdict) -> bool:
    return verdict is (Verdict.MET if kpi.better is Better.LOWER else Verdict.MISSED)


def _needed(target: Target, numerator: int, n: int, value: float) -> int | None:
    """How many more mails tell the value from the end it is beyond, or from all ends of the range it is in."""
    ends = [end for end in (target.low, target.high) if end is not None]
    beyond = [
        end for end, out in ((target.low, -1), (target.high, 1)) if end is not None and out * (value - end) > 0
    ]
    totals = [int(trials_at_rate(numerator, n, end)) for end in beyond or ends]
    return None if NEVER in totals else max(max(totals) - n, 1)


def _note(target: Target, value: float, low: float) -> str | None:
    """The highest step that was reached, or why a good value is suspect."""
    reached = [step for step in target.steps if value >= float(step.start)]
    if reached:
        step = max(reached, key=lambda one: float(one.start))
        sure = low >= float(step.start)
        return f"from {float(step.start) * 100:.6g} % on: {step.means}{'' if sure else ' (not proven yet)'}"
    if target.suspect_above is not None and value > float(target.suspect_above):
        return (
            target.suspicion or f"over {float(target.suspect_above) * 100:.6g} %: too good to be taken as it is"
        )
    return None
