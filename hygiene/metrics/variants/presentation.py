"""An A/B test as sections: the verdict, the arms, the differences, and how sure and how it was reckoned."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from hygiene.metrics.kpis import Unit
from hygiene.metrics.variants.evidence import ALPHA, LEAST_EXPECTED, SPLIT_ALPHA, Interval
from hygiene.metrics.variants.sentence import difference_text, lift_text, name_of, points_text, value_text
from hygiene.metrics.variants.verdict import Doubt, Pair, Test, Verdict
from hygiene.metrics.words import duration_text, range_text, rate_text
from hygiene.render.figures import unbroken
from hygiene.render.sections import (
    Block,
    Cell,
    Chart,
    ChartKind,
    Document,
    Headline,
    Paragraph,
    Picture,
    Point,
    Scale,
    Section,
    Series,
    Table,
    Tone,
)

if TYPE_CHECKING:
    from hygiene.metrics.variants.arms import Arm
    from hygiene.metrics.variants.comparison import Comparison

_TONES: Final = {
    Verdict.BETTER: Tone.GOOD,
    Verdict.EQUIVALENT: Tone.GOOD,
    Verdict.KEEP_RUNNING: Tone.UNKNOWN,
    Verdict.SPLIT_BROKEN: Tone.BAD,
}
_SECOND_US: Final = 1_000_000
_LABEL: Final = 8  # characters of a name beside another, and two less where there are more
_WIDER: Final = (10, 14, 18)  # … where they are not told apart by fewer
_LEAST_P: Final = 0.0001  # below it a figure more tells nobody more
_TWO: Final = 2
_SAME: Final = 4  # characters that names begin with, from which they are left out
_NONE: Final = Cell("", Tone.MUTED)


def document(comparison: Comparison) -> Document:
    """The whole page."""
    verdict = comparison.verdict
    said = f"{name_of(comparison.winner)} better" if comparison.winner else verdict.value
    files = [name.rstrip("/").rpartition("/")[2] for name in comparison.files]
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    subject = comparison.campaign or (f"{files[0]}{more}" if files else "a table of events")
    return Document(
        headline=Headline(
            subject=subject,
            verdict=said,
            tone=_TONES[verdict],
            sentence=unbroken(comparison.sentence),
        ),
        sections=tuple(_sections(comparison)),
        footer=_footer(comparison),
    )


def _sections(comparison: Comparison) -> Iterator[Section]:
    yield Section(title=f"{comparison.kpi.title.capitalize()}, by {comparison.by}", blocks=(_arms(comparison),))
    yield Section(title="The difference", blocks=tuple(_pairs(comparison)))
    yield Section(title="May the test be believed?", blocks=tuple(_checks(comparison)))
    yield Section(title="How it was reckoned", blocks=tuple(_method(comparison)), detail=True)


def _arms(comparison: Comparison) -> Chart:
    title = comparison.kpi.title
    done = "revenue" if comparison.kpi.unit is Unit.MONEY else "number"
    table = Table(
        columns=(comparison.by, title, "95 % sure", done, "counted", "people"),
        rows=tuple(_arm(comparison, arm) for arm in comparison.arms),
        align="lrrrrr",
    )
    picture = Picture(
        title=f"{title.capitalize()}, with 95 % intervals",
        kind=ChartKind.BARS,
        scale=Scale.COUNT if comparison.kpi.unit is Unit.MONEY else Scale.SHARE,
        series=(Series(points=tuple(_point(comparison, arm) for arm in comparison.arms)),),
        summary="; ".join(
            f"{name_of(arm.name)} {value_text(comparison, arm.value)}" for arm in comparison.arms
        ),
    )
    drawn = any(arm.value is not None for arm in comparison.arms)
    return Chart(pictures=(picture,) if drawn else (), tables=(table,))


def _point(comparison: Comparison, arm: Arm) -> Point:
    interval = comparison.interval(arm)
    known = interval is not None and math.isfinite(interval.low) and math.isfinite(interval.high)
    return Point(
        label=name_of(arm.name),
        value=arm.value,
        figure=value_text(comparison, arm.value),
        low=max(interval.low, 0.0) if interval and known else None,
        high=interval.high if interval and known else None,
        tone=Tone.GOOD if arm.name == comparison.winner else Tone.PLAIN,
    )


def _arm(comparison: Comparison, arm: Arm) -> tuple[Cell, ...]:
    tone = Tone.GOOD if arm.name == comparison.winner else Tone.PLAIN
    interval = comparison.interval(arm)
    money = comparison.kpi.unit is Unit.MONEY
    total = f"{arm.total * arm.scale:,.2f}" if money else f"{arm.total:,}"
    return (
        Cell(name_of(arm.name)),
        Cell(value_text(comparison, arm.value), tone if arm.value is not None else Tone.UNKNOWN),
        _NONE if interval is None else Cell(_ends(comparison, interval), Tone.MUTED),
        Cell(total),
        Cell(f"{arm.n:,}"),
        Cell(f"{arm.people:,}"),
    )


def _ends(comparison: Comparison, interval: Interval) -> str:
    if not (math.isfinite(interval.low) and math.isfinite(interval.high)):
        return "not known"
    if comparison.kpi.unit is Unit.MONEY:
        return f"{interval.low:,.4f} – {interval.high:,.4f}".replace("-", "−")
    return range_text(interval.low, interval.high)


def _pairs(comparison: Comparison) -> Iterator[Block]:
    sure = f"{100 * (1 - ALPHA / max(len(comparison.pairs), 1)):.4g} %"
    yield Table(
        columns=("arms", "difference", "at every look", "seen once", "lift", "p"),
        rows=tuple(_pair(comparison, pair) for pair in comparison.pairs),
        align="lrrrrr",
    )
    unit = "in points of per cent" if comparison.kpi.unit is Unit.SHARE else "in money a mail"
    yield Paragraph(
        f"Second against first, {unit}; intervals {sure} sure: the first however often you look, the second "
        "for one look on a day set before.",
        Tone.MUTED,
    )


def _pair(comparison: Comparison, pair: Pair) -> tuple[Cell, ...]:
    short = _labels(comparison)
    tone = _TONES[pair.verdict] if comparison.verdict is not Verdict.SPLIT_BROKEN else Tone.PLAIN
    difference = "" if pair.difference is None else _signed(comparison, pair.difference)
    p = f"{pair.p_adjusted:.4f}" if pair.p_adjusted >= _LEAST_P else f"< {_LEAST_P:.4f}"
    return (
        Cell(f"{short[pair.first]} → {short[pair.second]}"),
        Cell(difference, tone),
        Cell(_span(comparison, pair.always), Tone.MUTED),
        Cell(_span(comparison, pair.once), Tone.MUTED),
        Cell(lift_text(pair.lift)),
        Cell(p),
    )


def labels(names: Sequence[str]) -> dict[str, str]:
    """Names short enough to stand beside each other: without what all long ones begin with.

    >>> labels(["A", "B"]), labels(["newsletter-old", "newsletter-new"])
    ({'A': 'A', 'B': 'B'}, {'newsletter-old': '…-old', 'newsletter-new': '…-new'})
    >>> list(labels(["Sale! Only today", "Sale! Only this week", "New in"]).values())
    ['Sal…ay', 'Sal…ek', 'New in']
    """
    room = _LABEL if len(names) <= _TWO else _LABEL - 2
    if all(len(name) <= room for name in names):
        return {name: name for name in names}
    same = next((at for at, letters in enumerate(zip(*names, strict=False)) if len(set(letters)) > 1), 0)
    rests = {name: f"…{name[same - 1 :]}" if same > _SAME else name for name in names}
    for wide in (room, *_WIDER):
        for end in (0, wide // 2 - 1):  # their beginnings, else their beginnings and ends
            cut = {name: _cut(rest, wide, end) for name, rest in rests.items()}
            if len(set(cut.values())) == len(names):
                return cut
    return {name: name_of(name) for name in names}


def _cut(name: str, room: int, end: int) -> str:
    """A name in so many characters, of which so many are its end."""
    return name if len(name) <= room else f"{name[: room - 1 - end]}…{name[len(name) - end :]}"


def _labels(comparison: Comparison) -> dict[str, str]:
    return labels([arm.name for arm in comparison.arms])


def _signed(comparison: Comparison, number: float) -> str:
    mark = "+" if number > 0 else "−" if number < 0 else ""
    if comparison.kpi.unit is Unit.MONEY:
        return f"{mark}{abs(number):,.4f}"
    return f"{mark}{points_text(abs(number))}"


def _span(comparison: Comparison, interval: Interval | None) -> str:
    if interval is None or not (math.isfinite(interval.low) and math.isfinite(interval.high)):
        return "not known"
    return f"{_signed(comparison, interval.low)} … {_signed(comparison, interval.high)}"


# the checks


def _checks(comparison: Comparison) -> Iterator[Block]:
    rows = (_split_row(comparison), _age_row(comparison), _machine_row(comparison), _size_row(comparison))
    yield Table(rows=rows, align="ll")
    for note in comparison.notes:
        yield Paragraph(unbroken(note), Tone.MUTED)


def _split_row(comparison: Comparison) -> tuple[Cell, Cell]:
    split = comparison.split
    even = len(set(split.expected)) == 1
    meant = "even" if even else ":".join(f"{part:g}" for part in split.expected)
    if not all(split.people):
        return Cell("split", Tone.UNKNOWN), Cell("nobody was sent every variant: there is nothing to check")
    if split.p is None:
        return Cell("split", Tone.UNKNOWN), Cell(f"too few people to check whether it was {meant}")
    p = _p(split.p)
    if split.broken:
        return Cell("split", Tone.BAD), Cell(f"not {meant}, {p}: that is no chance")
    as_meant = ", as meant" if comparison.split_given else ""
    return Cell("split", Tone.GOOD), Cell(f"{meant}{as_meant}, {p}")


def _p(p: float) -> str:
    return f"p = {p:.3g}" if p >= _LEAST_P else f"p < {_LEAST_P:.4f}"


def _age_row(comparison: Comparison) -> tuple[Cell, Cell]:
    span = duration_text(comparison.mature_after_us / _SECOND_US)
    until = comparison.seen_until_us
    dated = [arm for arm in comparison.arms if arm.mean_us is not None]
    if until is None or not dated:
        return Cell("age", Tone.UNKNOWN), Cell("not known: nothing is dated")
    short = _labels(comparison)
    ages = ", ".join(
        f"{short[arm.name]} {duration_text(max(until - (arm.mean_us or 0), 0) / _SECOND_US)}" for arm in dated
    )
    young = any(arm.young > 0.1 * arm.mails for arm in dated)
    told = f"mails are {ages} old on average"
    return (
        (Cell("age", Tone.WARN), Cell(f"{told}; more than a tenth is younger than {span}"))
        if young
        else (Cell("age", Tone.GOOD), Cell(f"{told}, which is enough"))
    )


def _machine_row(comparison: Comparison) -> tuple[Cell, Cell]:
    short = _labels(comparison)
    shares = [
        f"{short[arm.name]} {rate_text((arm.opened_all - arm.opened_human) / arm.open_tracked)}"
        for arm in comparison.arms
        if arm.open_tracked
    ]
    told = f"of the mails of {', '.join(shares)}" if shares else "opens were not tracked"
    if comparison.machine_p is None:
        return Cell("opened by machines alone", Tone.UNKNOWN), Cell(f"{told}: too few to compare")
    tone, word = (Tone.WARN, "not the same") if comparison.machines_differ else (Tone.GOOD, "alike")
    return Cell("opened by machines alone", tone), Cell(f"{told}: {word}, {_p(comparison.machine_p)}")


def _size_row(comparison: Comparison) -> tuple[Cell, Cell]:
    few = any(pair.doubt in {Doubt.FEW, Doubt.EMPTY} for pair in comparison.pairs)
    least = LEAST_EXPECTED
    if comparison.kpi.unit is Unit.MONEY:
        said = f"fewer than {least} customers in an arm" if few else f"{least} customers or more in every arm"
    elif few:
        said = f"fewer than {least} are expected to have done it, or not, in an arm"
    else:
        said = f"{least} or more are expected to have done it, and not, in every arm"
    return Cell("size", Tone.UNKNOWN if few else Tone.GOOD), Cell(said)


# how


def _method(comparison: Comparison) -> Iterator[Block]:
    rules, kpi = comparison.rules, comparison.kpi
    effect = difference_text(comparison, rules.rho, sign=False)
    source = "--effect" if comparison.effect_given else "a fifth of the figure of all arms; --effect changes it"
    rows = [
        ("metric", kpi.definition),
        ("test", _test_text(rules.test)),
        ("effect worth finding (ρ)", f"{effect}: {source}"),
        ("error", f"a winner is named without there being one in at most {ALPHA * 100:.0f} % of all tests"),
        (
            "arms",
            "Wilson's interval; of revenue Student's, of its logarithm. Several mails to a person are one draw",
        ),
        (
            "difference, seen once",
            "Newcombe's interval; of revenue Welch's, at least as wide as for arms that spend alike",
        ),
        ("split", f"chi-square by people, broken below p = {SPLIT_ALPHA:g}; nothing else is judged then"),
        ("time zone", comparison.timezone),
    ]
    if len(comparison.pairs) > 1:
        rows.append(("several arms", "every two compared, p-values by Holm, intervals by Bonferroni"))
    if rules.within is not None:
        within = difference_text(comparison, rules.within, sign=False)
        rows.append(("equivalent", f"where the interval of the test lies within ±{within}"))
    if comparison.kpi.name in {"conversion_rate", "revenue_per_mail"}:
        rows.append(("attribution of orders", comparison.attribution))
    yield Table(rows=tuple((Cell(name), Cell(text, Tone.MUTED)) for name, text in rows))


def _test_text(test: Test) -> str:
    if test is Test.ALWAYS:
        return "always valid: normal mixture (Robbins 1970; Johari and others 2022), so you may look every day"
    return "fixed horizon: z, or Fisher's exact where few did it; of revenue Welch's. Legal for one look only"


def _footer(comparison: Comparison) -> str:
    looks = "look as often as you like" if comparison.rules.test is Test.ALWAYS else "valid for one look only"
    effect = difference_text(comparison, comparison.rules.rho, sign=False)
    return f"{comparison.rules.test.value} test, effect worth finding {effect} · {looks}"
