"""An A/B test as matplotlib axes: each variant with its interval, the better one in its own colour."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from hygiene.metrics.kpis import Unit
from hygiene.metrics.lettering import lettered, written
from hygiene.metrics.variants.sentence import name_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hygiene.metrics.variants.arms import Arm
    from hygiene.metrics.variants.comparison import Comparison

_BETTER, _ACCENT, _SOFT = "#0b6b4f", "#1d5c8f", "#59616b"
_ROW_IN: Final = 0.4  # height of an arm, in inches


def plot_arms(comparison: Comparison, ax: Axes | None = None) -> Axes:
    """A row an arm; where nothing is counted of any, that is said."""
    arms = [arm for arm in comparison.arms if arm.value is not None]
    axes: Any = ax if ax is not None else _new_axes(len(arms))
    for place, arm in enumerate(arms):
        colour = _BETTER if arm.name == comparison.winner else _ACCENT
        axes.errorbar([arm.value], [place], xerr=_reach(comparison, arm), fmt="o", color=colour, capsize=3)
    names, families = lettered(written(name_of(arm.name)) for arm in arms)
    axes.set_yticks(range(len(arms)), names, parse_math=False, fontfamily=families)
    axes.invert_yaxis()
    axes.margins(y=0.5 / max(len(arms), 1))
    _finish(axes, comparison)
    if not arms:
        why = comparison.silent or "nothing is counted yet"
        axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center", color=_SOFT)
        axes.set_xticks([])
    return axes  # type: ignore[no-any-return]


def _reach(comparison: Comparison, arm: Arm) -> list[list[float]] | None:
    """How far the interval reaches below and above."""
    interval, value = comparison.interval(arm), arm.value or 0.0
    if interval is None or not (math.isfinite(interval.low) and math.isfinite(interval.high)):
        return None
    return [[max(value - interval.low, 0.0)], [max(interval.high - value, 0.0)]]


def _finish(axes: Any, comparison: Comparison) -> None:
    """Units and words."""
    from matplotlib.ticker import PercentFormatter

    kpi, unit = comparison.kpi, "% of mails"
    if kpi.unit is Unit.MONEY:
        unit = comparison.currency or "unit of the orders"
    else:
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    axes.set_xlabel(
        f"{kpi.title}, {unit}\nlines: 95 % intervals", fontsize="small", color=_SOFT, parse_math=False
    )
    said = f"{kpi.title.capitalize()} by {comparison.by}"
    axes.set_title(said, loc="left", fontsize="medium", parse_math=False)
    axes.grid(axis="x", color=_SOFT, alpha=0.2)
    axes.spines[["top", "right"]].set_visible(False)


def _new_axes(rows: int) -> Any:
    from matplotlib import pyplot as plt

    _, axes = plt.subplots(figsize=(8, 1.2 + _ROW_IN * max(rows, 2)), layout="constrained")
    return axes
