"""A figure of a measurement as matplotlib axes: along time, or slice by slice, with intervals and benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import compress
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hygiene.errors import UsageError
from hygiene.metrics.evaluate import values_of
from hygiene.metrics.kpis import Kpi, KpiValue, Unit, find_kpi
from hygiene.metrics.lettering import lettered, written
from hygiene.metrics.measuring import YOUNG_SHARE
from hygiene.metrics.overviews import DAY, WEEK
from hygiene.metrics.slices import Flags, Slices, pooled
from hygiene.metrics.table import SLICES
from hygiene.metrics.words import cell_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hygiene.metrics.benchmarks import Target
    from hygiene.metrics.measured import Kpis

_ROW_IN: Final = 0.22  # height of a row, in inches
_BELOW_YEAR: Final = 17  # points below the days, where their year stands
_LEAST_DAYS: Final = 7  # that an axis of days shows
MOST_ROWS: Final = 30  # slices drawn side by side, the largest
_WITH: Final = "lines: 95 % intervals"
_MORE: Final = "hollow: more may come"
_ACCENT, _AIM, _SOFT = "#1d5c8f", "#ab2e18", "#59616b"
#: days from 1970 that matplotlib can place
_FAR: Final = 700_000


def plot_kpi(kpis: Kpis, metric: str, by: str, ax: Axes | None = None) -> Axes:
    """Draw it, or say why there is nothing to draw.

    Raises UsageError for a metric or a column that is not there.
    """
    kpi = find_kpi(metric, human=kpis.settings.human)
    slices, young = counted_by(kpis, by)
    values = list(
        values_of(slices, (kpi,), kpis.telling, kpis.profile, human=kpis.settings.human, immature=young)
    )
    known = [value for value in values if value.value is not None]
    fresh = {key for key, flag in zip(slices.keys, young, strict=True) if flag} if kpi.grows else set()
    growing = [tuple(value.slice.values()) in fresh for value in known]
    axes: Any = ax if ax is not None else _new_axes(0 if by in {DAY, WEEK} else min(len(known), MOST_ROWS))
    if not known:
        return _say(
            axes, kpi, by, next((value.why_null for value in values if value.why_null), "there is no mail")
        )
    if by not in {DAY, WEEK}:
        _side_by_side(axes, known[:MOST_ROWS], by, growing[:MOST_ROWS])
    elif any(placed := [abs(_day(value.slice[by])) < _FAR for value in known]):
        _along_time(axes, list(compress(known, placed)), by, list(compress(growing, placed)))
    else:
        return _say(axes, kpi, by, f"the mails have no date, so there is no {by} to draw")
    _finish(axes, kpis, kpi, by, hidden=0 if by in {DAY, WEEK} else max(len(known) - MOST_ROWS, 0))
    return axes  # type: ignore[no-any-return]


def _say(axes: Any, kpi: Kpi, by: str, why: str) -> Axes:
    """A sentence in place of a picture."""
    _entitle(axes, kpi, by)
    axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center", color=_SOFT, parse_math=False)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    return axes  # type: ignore[no-any-return]


def counted_by(kpis: Kpis, by: str) -> tuple[Slices, Flags]:
    """The counts by one column, and which of its slices are too young to be final.

    Raises UsageError where they were not taken.
    """
    finer, young = _finer(kpis, by)
    slices = finer
    if finer.by != (by,):
        dated = by == WEEK and WEEK not in finer.by
        slices = replace(pooled(finer, DAY, _monday), by=(WEEK,)) if dated else pooled(finer, by)
    fresh = slices.sums(["sent"], young[finer.codes])  # the rows are the same
    return slices, fresh > YOUNG_SHARE * slices.sums(["sent"])


def _finer(kpis: Kpis, by: str) -> tuple[Slices, Flags]:
    """Counts by this column, or by more or shorter ones, and which are young."""
    found: dict[str, tuple[Slices, Flags]] = {}
    if kpis.overviews is not None:
        young = kpis.overviews.young
        found = {name: (slices, young[name]) for name, slices in kpis.overviews.slices.items()}
    if kpis.slices is not None and kpis.young is not None:
        found |= dict.fromkeys(kpis.slices.by, (kpis.slices, kpis.young))
    if DAY in found:
        found.setdefault(WEEK, found[DAY])
    if by in found:
        return found[by]
    names = f"only by {', '.join(found)}" if found else "not split at all"
    raise UsageError(f"there are no figures by {by[:40]!r}, {names}{_way(by)}")


def _way(by: str) -> str:
    """How one comes by figures that were not taken."""
    return f": measure again with by={by!r}" if by in SLICES else f"; mails can be split by {', '.join(SLICES)}"


def _monday(day: int | None) -> int | None:
    """The Monday of a day's week; 1970 began on a Thursday."""
    return None if day is None else day - (day + 3) % 7


def _new_axes(rows: int) -> Axes:
    from matplotlib import pyplot as plt

    _, axes = plt.subplots(figsize=(8, max(3.5, 1.2 + _ROW_IN * rows)), layout="constrained")
    return axes


def _along_time(axes: Any, values: Sequence[KpiValue], by: str, growing: Sequence[bool]) -> None:
    from matplotlib import dates

    days = np.array([np.datetime64(_day(value.slice[by]), "D") for value in values])
    up = [value.value for value in values]
    axes.errorbar(days, up, yerr=_reach(values), marker="o", markersize=4, **_style())
    _hollow(axes, days, up, growing)
    moments: Any = dates  # without types of its own
    locator = moments.AutoDateLocator(minticks=3, maxticks=8)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(moments.ConciseDateFormatter(locator))
    axes.margins(y=0.1)
    first, last = days.min(), days.max()
    if (last - first).astype(int) < _LEAST_DAYS:
        middle, half = first + (last - first) // 2, np.timedelta64(_LEAST_DAYS // 2 + 1, "D")
        axes.set_xlim(middle - half, middle + half)


def _day(cell: Any) -> int:
    return _FAR if cell is None else int(cell)


def _side_by_side(axes: Any, values: Sequence[KpiValue], by: str, growing: Sequence[bool]) -> None:
    places = np.arange(len(values))
    axes.errorbar(
        [value.value for value in values], places, xerr=_reach(values), marker="o", **_style(line=False)
    )
    _hollow(axes, [value.value for value in values], places, growing)
    names, families = lettered(written(cell_text(by, value.slice[by])) for value in values)
    axes.set_yticks(places, names, parse_math=False, fontfamily=families)
    axes.invert_yaxis()
    axes.margins(y=0.5 / max(len(values), 1))


def _reach(values: Sequence[KpiValue]) -> Any:
    """How far the intervals reach below and above; None where there are none."""
    if any(value.low is None or value.high is None for value in values):
        return None
    below = [max((value.value or 0) - (value.low or 0), 0.0) for value in values]
    return np.array([below, [max((value.high or 0) - (value.value or 0), 0.0) for value in values]])


def _style(*, line: bool = True) -> dict[str, Any]:
    style = {"color": _ACCENT, "ecolor": _ACCENT, "elinewidth": 1, "capsize": 2}
    return {**style, "linestyle": "-" if line else "none"}


def _hollow(axes: Any, across: Any, up: Any, growing: Sequence[bool]) -> None:
    """Points that are not final, as a page shows them."""
    if any(growing):
        axes.plot(
            list(compress(across, growing)),
            list(compress(up, growing)),
            linestyle="none",
            marker="o",
            markersize=6,
            markerfacecolor=axes.get_facecolor(),
            markeredgecolor=_ACCENT,
            zorder=3,
            label=_MORE,
        )


def _finish(axes: Any, kpis: Kpis, kpi: Kpi, by: str, *, hidden: int) -> None:
    """Benchmark, units, words; no legend, which would hide points."""
    from matplotlib.ticker import PercentFormatter

    along, money = by in {DAY, WEEK}, kpi.unit is Unit.MONEY
    figures = axes.yaxis if along else axes.xaxis
    target = kpis.profile.target_of(kpi.name, human=kpis.settings.human)
    if target:
        _add_aim(axes, target, along=along)
    if not money:
        figures.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    unit = f"({kpis.account.currency or 'unit of the orders'})" if money else "% of mails"
    said = f"{kpi.title} {unit}" if money else f"{kpi.title}, {unit}"
    growing = any(line.get_label() == _MORE for line in axes.lines)
    marks = ((f"dashed: aim {target and target.limit}", target), (_WITH, not money), (_MORE, growing))
    reading = " · ".join(text for text, drawn in marks if drawn)
    figures.set_label_text(said if along else f"{said}\n{reading}".strip(), parse_math=False)
    if along:
        axes.set_xlabel(reading, labelpad=_BELOW_YEAR)
    axes.xaxis.label.set(fontsize="small", color=_SOFT)
    _entitle(axes, kpi, by, hidden)
    axes.grid(axis="y" if along else "x", color=_SOFT, alpha=0.2)
    axes.spines[["top", "right"]].set_visible(False)


def _add_aim(axes: Any, target: Target, *, along: bool) -> None:
    """The ends of the range aimed at."""
    top = target.high if target.high is not None or target.low is None else target.suspect_above
    ends = [float(end) for end in (target.low, top) if end is not None]
    for end in ends:
        (axes.axhline if along else axes.axvline)(end, color=_AIM, linestyle="--", linewidth=1)


def _entitle(axes: Any, kpi: Kpi, by: str, hidden: int = 0) -> None:
    more = f", {hidden} smaller ones not drawn" if hidden else ""
    axes.set_title(f"{kpi.title.capitalize()} by {by}{more}", loc="left", fontsize="medium", parse_math=False)
