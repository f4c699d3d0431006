"""Whether people stay: a shade for each group of people and each week since their first mail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from hygiene.metrics.charts_presentation import short_day
from hygiene.metrics.intervals import wilson
from hygiene.metrics.overviews import LEAST, MOST_AGES, MOST_COHORTS, Cohort, Cohorts
from hygiene.metrics.words import cell_text, counted, range_text
from hygiene.render.sections import (
    Cell,
    Chart,
    ChartKind,
    Picture,
    Point,
    Section,
    Series,
    Table,
)

if TYPE_CHECKING:
    from hygiene.metrics.measured import Kpis

_YEAR: Final = 52  # weeks, from which a day says its year


def cohort_sections(kpis: Kpis) -> Iterator[Section]:
    """How long people go on opening and clicking, by the week of their sign-up or first mail."""
    found = kpis.overviews.cohorts if kpis.overviews else None
    if found is None:
        return
    later = [one for one in found.groups if len(one.delivered) > 1]
    if len(found.groups) < 3 or not later:
        return
    first, shown = found.groups[0], found.groups[-MOST_COHORTS:]
    span = "week" if first.weeks == 1 else f"{first.weeks} weeks"
    began = "sign-up" if found.joined else "first mail"
    series = tuple(_heat_row(one, found, earlier=one is first and not found.joined) for one in shown)
    picture = Picture(
        title=f"Opened or clicked, by the {span} of the {began} and weeks since then",
        kind=ChartKind.HEAT,
        series=series,
        summary=f"Share of mails opened or clicked of {len(shown)} groups of people, by weeks since {began}.",
        wide=True,
    )
    rows = tuple(
        (
            Cell(row.label),
            Cell(f"{sum(one.delivered.values()):,}"),
            *(Cell(point.figure if point.value is not None else "") for point in row.points),
        )
        for one, row in zip(shown, series, strict=True)
    )
    ages = max(len(row.points) for row in series)
    table = Table(
        columns=(began, "mails", *(_age(age, found.step) for age in range(ages))),
        rows=rows,
        align="lr" + "r" * ages,
    )
    note = " ".join(_notes(found, cut=first is not shown[0]))
    chart = Chart(pictures=(picture,), tables=(table,), note=note)
    yield Section(title="Do people stay?", blocks=(chart,), drawn=True)


def _notes(found: Cohorts, *, cut: bool) -> Iterator[str]:
    yield "Per cent of the mails delivered with open tracking."
    if not found.joined and not cut:
        yield "The first group holds all who were on the list before the log begins."
    if cut:
        yield f"Earlier groups are not drawn: {counted(len(found.groups) - MOST_COHORTS, 'group')}."
    if found.few:
        yield (
            f"{counted(found.few, 'group')} with fewer than {LEAST} mails "
            f"{'is' if found.few == 1 else 'are'} left out ({counted(found.few_mails, 'mail')})."
        )
    if found.joined and found.unknown:
        yield (
            f"{counted(found.unknown, 'mail')} went to people whose sign-up the list does not tell, or before "
            "it: left out."
        )


def _heat_row(cohort: Cohort, found: Cohorts, *, earlier: bool) -> Series:
    last = min(max(cohort.delivered), MOST_AGES - 1)
    day = _day(cohort.week, found)
    return Series(
        label=f"{day} or before" if earlier else day,
        points=tuple(_shade(age, cohort, found.step) for age in range(last + 1)),
    )


def _day(week: int, found: Cohorts) -> str:
    """`3 Nov`, with its year where there are several."""
    day = short_day(week) or str(week)
    years = (found.groups[-1].week - found.groups[0].week) // 7 >= _YEAR or found.step > 1
    return f"{day} {cell_text('day', week)[:4]}" if years and short_day(week) else day


def _age(age: int, step: int) -> str:
    """`week 3`, `weeks 4–7`."""
    return f"week {age}" if step == 1 else f"weeks {age * step}–{(age + 1) * step - 1}"


def _shade(age: int, cohort: Cohort, step: int) -> Point:
    n, k = cohort.delivered.get(age, 0), cohort.engaged.get(age, 0)
    label = _age(age, step).removeprefix("weeks ") if age or step > 1 else "week 0"
    label = label.removeprefix("week ") if age else label
    if not n:
        return Point(label=label, value=None, figure="")
    low, high = wilson(k, n)
    return Point(
        label=label, value=k / n, figure=f"{k / n * 100:.0f}", low=low, high=high, note=range_text(low, high)
    )
