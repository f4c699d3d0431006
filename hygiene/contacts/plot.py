"""A cleaning as matplotlib axes: why rows were rejected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hygiene.contacts.summary import Summary

_ACCENT, _SOFT = "#1d5c8f", "#59616b"
_ROW_IN: Final = 0.3  # height of a bar's row, in inches


def plot_reasons(summary: Summary, ax: Axes | None = None) -> Axes:
    """A bar a reason, with its rows; where nothing was rejected, that is said."""
    reasons = {reason.value: count for reason, count in summary.reasons.items() if count}
    axes: Any = ax if ax is not None else _new_axes(len(reasons))
    bars = axes.barh(list(reasons), list(reasons.values()), color=_ACCENT, height=0.6)
    axes.bar_label(bars, [f" {count:,}" for count in reasons.values()], color=_SOFT, fontsize="small")
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.set_xlabel(f"rows rejected, of {summary.rows:,}")
    title = f"{summary.rejected:,} rows rejected, {summary.kept:,} kept" if reasons else "No row was rejected"
    axes.set_title(title, loc="left", fontsize="medium")
    axes.spines[["top", "right"]].set_visible(False)
    return axes  # type: ignore[no-any-return]


def _new_axes(rows: int) -> Any:
    from matplotlib import pyplot as plt

    _, axes = plt.subplots(figsize=(8, 1.2 + _ROW_IN * max(rows, 1)), layout="constrained")
    return axes
