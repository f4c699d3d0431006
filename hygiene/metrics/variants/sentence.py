"""The verdict of a test in words that need no statistics, and what must be known beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from hygiene.metrics.kpis import Better, Unit
from hygiene.metrics.variants.arms import sent_apart
from hygiene.metrics.variants.verdict import Doubt, Test, Verdict
from hygiene.metrics.words import counted, duration_text, money_text, rate_text

if TYPE_CHECKING:
    from hygiene.metrics.variants.arms import Arm
    from hygiene.metrics.variants.comparison import Comparison

_SECOND_US = 1_000_000
_NAME = 40  # characters of a variant's name in a sentence
_BEGINNING = 25  # … of which so many are its beginning
_TWO = 2

_OPENS = ("open_rate_human", "open_rate_all")


def value_text(comparison: Comparison, value: float | None) -> str:
    """The metric of an arm."""
    if value is None:
        return "not known"
    if comparison.kpi.unit is Unit.MONEY:
        return money_text(value, comparison.currency)
    return rate_text(value)


def difference_text(comparison: Comparison, difference: float, *, sign: bool = True) -> str:
    """A difference: in points of per cent, or in money."""
    mark = "" if not sign else "+" if difference > 0 else "−" if difference < 0 else ""
    if comparison.kpi.unit is Unit.MONEY:
        return f"{mark}{money_text(abs(difference), comparison.currency)}"
    return f"{mark}{points_text(abs(difference))} points"


def points_text(share: float) -> str:
    """A difference of shares in percentage points, with two digits that count.

    >>> points_text(0.005), points_text(0.123), points_text(0.00021), points_text(0)
    ('0.5', '12.3', '0.021', '0')
    """
    points = share * 100
    if points >= 1:
        return f"{points:.1f}"
    return f"{points:.2g}" if points >= 0.0001 else "0"


def lift_text(lift: float | None) -> str:
    """How much more or less of the first arm's value: `+17 %`."""
    if lift is None:
        return ""
    shown = f"{lift * 100:+.0f} %" if abs(lift) >= 0.1 else f"{lift * 100:+.1f} %"
    return shown.replace("-", "−")


def name_of(name: str) -> str:
    """A variant's name, short enough for a sentence; names of one campaign often differ at their end.

    >>> name_of("B"), name_of("spring sale, long subject with a question, second version")
    ('B', 'spring sale, long subject…second version')
    """
    return name if len(name) <= _NAME else f"{name[:_BEGINNING]}…{name[_BEGINNING + 1 - _NAME :]}"


def say_verdict(comparison: Comparison) -> str:
    """A few sentences that need no statistics, and say what to do."""
    if comparison.verdict is Verdict.SPLIT_BROKEN:
        return _broken(comparison)
    if comparison.silent:
        return f"Nothing can be compared: {comparison.silent}."
    if comparison.verdict is Verdict.BETTER:
        return _better(comparison)
    if comparison.verdict is Verdict.EQUIVALENT:
        within = difference_text(comparison, comparison.rules.within or 0.0, sign=False)
        unit = " of per cent" if comparison.kpi.unit is Unit.SHARE else ""
        names = joined([arm.name for arm in comparison.arms])
        return f"{names} are equivalent: they differ by less than {within}{unit}. Take whichever you like."
    return _running(comparison)


def joined(names: Sequence[str]) -> str:
    """Names of variants in a row.

    >>> joined(["A", "B", "C"]), joined(["A"])
    ('A, B and C', 'A')
    """
    *others, last = [name_of(name) for name in names]
    return f"{', '.join(others)} and {last}" if others else last


def _broken(comparison: Comparison) -> str:
    split = comparison.split
    whole, total = sum(split.expected), sum(split.people)
    found = ", ".join(
        f"{name_of(arm.name)} has {people:,}{' people' * (not at)}"
        for at, (arm, people) in enumerate(zip(comparison.arms, split.people, strict=True))
    )
    advice = "find out who was lost or added before you believe any difference."
    if comparison.split_given:
        meant = f"{' : '.join(f'{total * part / whole:,.0f}' for part in split.expected)} were meant"
        advice = advice.capitalize()
    else:
        meant = f"an even split gives each about {total / len(split.people):,.0f}"
        advice = f"If they were to be divided otherwise, say how, as in --split 10:90; if not, {advice}"
    return (
        f"The split is broken, so no winner is named: {found}, where {meant}. Chance does not do that. {advice}"
    )


def _better(comparison: Comparison) -> str:
    winner = comparison.winner or ""
    arms = {arm.name: arm for arm in comparison.arms}
    mine = value_text(comparison, arms[winner].value)
    others = [arm for arm in comparison.arms if arm.name != winner]
    against = " and ".join(
        f"{value_text(comparison, arm.value)}" + (f" ({name_of(arm.name)})" if len(others) > 1 else "")
        for arm in others
    )
    lift = _lead(arms[winner], others[0]) if len(others) == 1 else ""
    where = f", in {comparison.campaigns:,} campaigns together" if comparison.campaigns > 1 else ""
    said = f"{name_of(winner)} is better: {mine} {comparison.kpi.title}, against {against}{lift}{where}."
    return f"{said} {_when(comparison)}"


def _lead(winner: Arm, other: Arm) -> str:
    """By how much, of the other's value."""
    return f" ({lift_text((winner.value or 0.0) / other.value - 1)})" if other.value else ""


def _when(comparison: Comparison) -> str:
    if comparison.rules.test is Test.ALWAYS:
        return "You may stop here, however often you have looked."
    return "This holds if you look only once, at the size or on the day set before the test began."


def _running(comparison: Comparison) -> str:
    doubts = {pair.doubt for pair in comparison.pairs}
    beaten = _beaten(comparison)
    said = f"{joined(beaten)} can be left out. " if beaten else ""
    for doubt, tell in _TOLD.items():
        if doubt in doubts:
            return f"{said}{tell(comparison)}"
    lead, next_ = _leaders(comparison)
    if lead is None or next_ is None:
        return f"{said}Keep running: no variant leads."
    mine, others = (value_text(comparison, arm.value) for arm in (lead, next_))
    leads = f"{said}Keep running: {name_of(lead.name)} leads with {mine} {comparison.kpi.title}"
    few = _too_few(comparison, lead)
    if few and beaten and len(beaten) + len(few) == len(comparison.arms) - 1:
        rest = ",".join(arm.name for arm in comparison.arms if arm.name not in few)
        return f"{leads}, but too few people got {joined(few)} to tell: wait, or leave it out (--arms {rest})."
    why = _why(comparison, lead, few=bool(few))
    return f"{leads}, against {others} of {name_of(next_.name)}, but {why}.{_more(comparison)}"


def _why(comparison: Comparison, lead: Arm, *, few: bool) -> str:
    """Why the leading variant does not win yet."""
    if few:
        return "too few people did it so far to tell"
    pairs = (pair for pair in comparison.pairs if lead.name in {pair.first, pair.second})
    if any(pair.doubt is Doubt.ONE_PERSON for pair in pairs):
        return "without its largest customer the lead could be chance"
    return "chance alone can make such a difference"


def _empty(comparison: Comparison) -> str:
    unsent = [arm.name for arm in comparison.arms if not arm.mails]
    if unsent:
        return f"Keep running: the log holds no mail of {joined(unsent)}."
    silent = [arm.name for arm in comparison.arms if not arm.n]
    return f"Keep running: nothing of {joined(silent)} was delivered that could be counted."


def _wait(comparison: Comparison) -> str:
    """Until when, where arms are too young."""
    return f"Wait until all mails are {duration_text(comparison.mature_after_us / _SECOND_US)} old."


#: doubts that are told instead of who leads, the gravest first
_TOLD: Final[dict[Doubt, Callable[[Comparison], str]]] = {
    Doubt.EMPTY: _empty,
    Doubt.MACHINES: lambda _: f"Keep running, or decide by clicks: {Doubt.MACHINES.value}.",
    Doubt.YOUNG: lambda comparison: f"Keep running: {Doubt.YOUNG.value}. {_wait(comparison)}",
    Doubt.EARLY: lambda comparison: f"Keep running: {Doubt.EARLY.value}. {_wait(comparison)}",
}


def _beaten(comparison: Comparison) -> list[str]:
    """The variants that some other one is better than."""
    won = [pair for pair in comparison.pairs if pair.verdict is Verdict.BETTER]
    lost = {pair.second if pair.better == pair.first else pair.first for pair in won}
    return [arm.name for arm in comparison.arms if arm.name in lost]


def _too_few(comparison: Comparison, lead: Arm) -> list[str]:
    """The variants that cannot be told from the leading one as too few people did anything."""
    few = [{pair.first, pair.second} for pair in comparison.pairs if pair.doubt is Doubt.FEW]
    return [arm.name for arm in comparison.arms if {arm.name, lead.name} in few]


def _leaders(comparison: Comparison) -> tuple[Arm | None, Arm | None]:
    """The arms with the best and the second best value; none where they are told alike."""
    known = [arm for arm in comparison.arms if arm.value is not None]
    higher = comparison.kpi.better is Better.HIGHER
    ordered = sorted(known, key=lambda arm: arm.value or 0.0, reverse=higher)
    if len(ordered) < _TWO:
        return None, None
    first, second = ordered[:_TWO]
    alike = value_text(comparison, first.value) == value_text(comparison, second.value)
    return (None, None) if alike else (first, second)


def _more(comparison: Comparison) -> str:
    lead, _ = _leaders(comparison)
    needed = [pair.needed for pair in comparison.pairs if lead and lead.name in {pair.first, pair.second}]
    known = [number for number in needed if number is not None]
    if not known or len(known) < len(needed):
        return ""
    return f" If the difference stays, about {_rounded(max(known)):,} mails to each would decide it."


def _rounded(number: int) -> int:
    """Two digits that count."""
    places = max(len(str(number)) - 2, 0)
    step = int(10**places)
    return -(-number // step) * step


# beside the verdict


def say_notes(comparison: Comparison) -> Iterator[str]:
    """What must be known before the verdict is used."""
    yield from _about_age(comparison)
    if comparison.kpi.name in _OPENS:
        yield (
            "Opens are a secondary figure: images are loaded by machines and hidden by privacy. Decide by "
            "clicks or orders where you can."
        )
    if comparison.kpi.name == "ctor":
        yield (
            "Click-to-open compares those who opened, not those who were divided by chance: a subject that "
            "draws other readers changes it, too. Decide by clicks."
        )
    if comparison.machines_differ:
        yield (
            f"Machines opened {_machine_shares(comparison)}: chance does not do that. The arms hold different "
            "mailboxes, or one was scanned; do not decide by opens."
        )
    if comparison.delivered_p is not None and comparison.delivered_p < 0.001:
        yield (
            f"Not the same share was delivered: {_delivered_shares(comparison)}. A filter may have judged the "
            "variants differently; only what was delivered is compared."
        )
    if comparison.campaigns > 1:
        yield (
            f"The mails are of {comparison.campaigns:,} campaigns, and a variant of one need not be that of "
            "another: --campaign chooses one."
        )
    if comparison.twice:
        one, several = (
            f"{word} sent more than one variant and count" for word in ("person was", "people were")
        )
        yield f"{counted(comparison.twice, f'{one}s', several)} in each: the arms are not quite apart."
    if comparison.changed:
        mails = counted(comparison.changed, "mail is", "mails are")
        yield f"{mails} of one variant in one event and of another in the next: the last name of them is taken."
    if comparison.unnamed:
        mails = counted(comparison.unnamed, "mail names", "mails name")
        yield f"{mails} no {comparison.by} and belong{'s' if comparison.unnamed == 1 else ''} to no arm."
    yield from _about_money(comparison)


def _about_age(comparison: Comparison) -> Iterator[str]:
    span = duration_text(comparison.mature_after_us / _SECOND_US)
    young = [arm for arm in comparison.arms if arm.is_young]
    if all(arm.mean_us is None for arm in comparison.arms):
        yield "The mails are not dated, so nobody can say whether they are old enough."
    if young:
        shares = ", ".join(f"{name_of(arm.name)} {rate_text(arm.young / arm.mails)}" for arm in young)
        yield f"Mails younger than {span}: {shares}. Late readers are still to come."
    if apart := sent_apart(comparison.arms):
        words = duration_text(apart / _SECOND_US)
        yield f"The arms were sent {words} apart on average: the time may be the reason, not the variant."


def _about_money(comparison: Comparison) -> Iterator[str]:
    if comparison.kpi.unit is not Unit.MONEY or comparison.silent:
        return
    for arm in comparison.arms:
        if arm.total > 0 and arm.largest > 0.25 * arm.total:
            share = rate_text(min(arm.largest / arm.total, 1.0))
            yield f"One person's orders are {share} of the revenue of {name_of(arm.name)}."
    yield "No winner is named whose lead is gone without its largest customer."
    if comparison.other_currencies:
        named = ", ".join(f"{number:,} in {name}" for name, number in comparison.other_currencies.items())
        yield f"Orders in other currencies than {comparison.currency} are left out: {named}."


def _machine_shares(comparison: Comparison) -> str:
    return _shares(comparison, lambda arm: (arm.opened_all - arm.opened_human, arm.open_tracked))


def _delivered_shares(comparison: Comparison) -> str:
    return _shares(comparison, lambda arm: (arm.delivered, arm.mails))


def _shares(comparison: Comparison, parts: Callable[[Arm], tuple[int, int]]) -> str:
    said = []
    for arm in comparison.arms:
        part, whole = parts(arm)
        if whole:
            said.append(f"{name_of(arm.name)} {rate_text(part / whole)}")
    return ", ".join(said)
