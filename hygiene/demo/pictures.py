"""The pictures and the data of the sample: the same bytes every time."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hygiene.files import write_whole

if TYPE_CHECKING:
    from hygiene.contacts.cleaned import Cleaned
    from hygiene.metrics.measured import Kpis

#: figure and what it is split by
DRAWN: Final = (
    ("open_rate", "week"),
    ("click_rate", "week"),
    ("complaint_rate", "campaign"),
    ("bounce_rate", "provider"),
)
_DIGITS: Final = "%.12g"


def write_measured(kpis: Kpis, folder: Path) -> None:
    """``measure.csv``, every figure of every slice, and pictures of some."""
    write_whole(folder / "measure.csv", _csv(kpis.to_frame()))
    for metric, by in DRAWN:
        path = folder / "pictures" / f"{metric}-by-{by}.svg".replace("_", "-")
        write_whole(path, draw(partial(kpis.plot, metric, by)))


def write_cleaned(cleaned: Cleaned, folder: Path) -> None:
    """``rejected-by-reason.csv``, the rows by step and reason, and its picture."""
    write_whole(folder / "rejected-by-reason.csv", _csv(cleaned.to_frame()))
    write_whole(folder / "pictures" / "rejected-by-reason.svg", draw(cleaned.plot))


def draw(paint: Callable[..., object]) -> str:
    """What is painted on the axes given as `ax`, as SVG, whatever the machine's settings of matplotlib."""
    import matplotlib as mpl
    from matplotlib import style
    from matplotlib.figure import Figure

    text = io.StringIO()
    settings: Any = {"svg.hashsalt": "hygiene", "svg.fonttype": "none"}
    with style.context("default"), mpl.rc_context(settings):
        figure = Figure(figsize=(8, 3.5), layout="constrained")
        paint(ax=figure.add_subplot())
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def _csv(frame: Any) -> str:
    return str(frame.to_csv(index=False, lineterminator="\n", float_format=_DIGITS))
