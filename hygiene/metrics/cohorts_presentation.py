"""Whether people stay: a shade for each group of people and each week since their first mail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from hygiene.metrics.charts_presentation import short_day
from hygiene.metrics.intervals import wilson
from hygiene.metrics.overviews import Cohort
from hygiene.metrics.words import range_text
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

_MOST_COHORTS: Final = 14
_MOST_WEEKS: Final = 13


def cohort_sections(kpis: Kpis) -> Iterator[Section]:
    """How long people go on opening and clicking, by the week of their first mail."""
    cohorts = kpis.overviews.cohorts if kpis.overviews else ()
    later = [one for one in cohorts if len(one.delivered) > 1]
    if len(cohorts) < 3 or not later:
        return
    first, shown = cohorts[0], cohorts[-_MOST_COHORTS:]
    span = "week" if first.weeks == 1 else f"{first.weeks} weeks"
    series = tuple(_heat_row(one, earlier=one is first) for one in shown)
    picture = Picture(
        title=f"Opened or clicked, by the {span} of the first mail and weeks since then",
        kind=ChartKind.HEAT,
        series=series,
        summary=f"Share of mails opened or clicked of {len(shown)} groups of people, week by week.",
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
    weeks = max(len(row.points) for row in series)
    table = Table(
        columns=("first mail", "mails", *(f"week {week}" for week in range(weeks))),
        rows=rows,
        align="lr" + "r" * weeks,
    )
    note = "Per cent of the mails delivered with open tracking."
    if first is shown[0]:
        note += " The first group holds all who were on the list before the log begins."
    chart = Chart(pictures=(picture,), tables=(table,), note=note)
    yield Section(title="Do people stay?", blocks=(chart,), drawn=True)


def _heat_row(cohort: Cohort, *, earlier: bool) -> Series:
    last = min(max(cohort.delivered), _MOST_WEEKS - 1)
    day = short_day(cohort.week) or str(cohort.week)
    return Series(
        label=f"{day} or before" if earlier else day,
        points=tuple(_shade(week, cohort) for week in range(last + 1)),
    )


def _shade(week: int, cohort: Cohort) -> Point:
    n, k = cohort.delivered.get(week, 0), cohort.engaged.get(week, 0)
    label = "week 0" if not week else str(week)
    if not n:
        return Point(label=label, value=None, figure="")
    low, high = wilson(k, n)
    return Point(
        label=label, value=k / n, figure=f"{k / n * 100:.0f}", low=low, high=high, note=range_text(low, high)
    )
