"""Pictures as inline SVG, by matplotlib: the same bytes every time, and names beside what they name."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from hygiene.render import svg
from hygiene.render.lettering import SMALL
from hygiene.render.safe import printable
from hygiene.render.sections import ChartKind, Picture, Point, Scale, Tone

#: units of the drawing: as many CSS pixels on a phone of 390; a wide one scrolls there
WIDTH, WIDE = 360.0, 760.0
_SETTINGS: Final[Any] = {"svg.hashsalt": "hygiene", "svg.fonttype": "none", "path.simplify": False}
_TONES: Final = {Tone.GOOD: svg.GOOD, Tone.WARN: svg.WARN, Tone.BAD: svg.BAD, Tone.UNKNOWN: svg.UNKNOWN}
_MARKS: Final = {Tone.BAD: "✗", Tone.UNKNOWN: "?", Tone.WARN: "!"}


def draw(picture: Picture) -> Markup:
    """The picture as an SVG element; empty where it has no figure."""
    if not any(point.value is not None for series in picture.series for point in series.points):
        return Markup("")
    from hygiene.render import chart_bars, chart_lines

    painters: dict[ChartKind, Callable[[Canvas, Picture], None]] = {
        ChartKind.LINE: chart_lines.paint_line,
        ChartKind.COLUMNS: chart_lines.paint_columns,
        ChartKind.BARS: chart_bars.paint_bars,
        ChartKind.FUNNEL: chart_bars.paint_funnel,
        ChartKind.HEAT: chart_bars.paint_heat,
    }
    canvas = Canvas(width=WIDE if picture.wide else WIDTH)
    painters[picture.kind](canvas, picture)
    return canvas.element(picture.summary)


def _drawing(width: float, height: float) -> tuple[Any, Any]:
    """A figure and axes in which a unit is a pixel, from the top left corner."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 72, height / 72), dpi=72)
    FigureCanvasSVG(figure)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    return figure, axes


@dataclass(slots=True)
class Canvas:
    """What is drawn so far; all places are in pixels from the top left corner."""

    width: float
    height: float = 0.0
    shapes: list[Callable[[Any], None]] | None = None

    def element(self, summary: str) -> Markup:
        """The element, with a sentence for those who do not see it."""
        import matplotlib as mpl

        stream = io.BytesIO()
        with mpl.rc_context(_SETTINGS), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph")  # the page's font has it
            figure, axes = _drawing(self.width, self.height)
            for add in self.shapes or []:
                add(axes)
            for order, artist in enumerate(axes.get_children()):
                artist.set_zorder(order)  # as they were added, whatever they are
            figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
        return svg.tidy(stream.getvalue(), width=self.width, height=self.height, summary=printable(summary))

    def _add(self, add: Callable[[Any], None]) -> None:
        self.shapes = [*(self.shapes or []), add]

    def line(
        self,
        xs: Sequence[float],
        ys: Sequence[float],
        colour: str,
        *,
        width: float = 1.0,
        dashed: bool = False,
    ) -> None:
        """A line through places."""
        dashes: Any = (0, (3 / width, 3 / width)) if dashed else "-"

        def add(axes: Any) -> None:
            from matplotlib.lines import Line2D

            axes.add_line(
                Line2D(xs, ys, color=colour, linewidth=width, linestyle=dashes, clip_on=False),
            )

        self._add(add)

    def rect(self, x: float, y: float, width: float, height: float, colour: str, *, opacity: float = 1) -> None:
        """A filled rectangle."""

        def add(axes: Any) -> None:
            from matplotlib.patches import Rectangle

            axes.add_patch(
                Rectangle(
                    (x, y), width, height, facecolor=colour, edgecolor="none", alpha=opacity, clip_on=False
                )
            )

        self._add(add)

    def area(self, places: Sequence[tuple[float, float]], colour: str) -> None:
        """A filled outline."""

        def add(axes: Any) -> None:
            from matplotlib.patches import Polygon

            axes.add_patch(Polygon(places, facecolor=colour, edgecolor="none", clip_on=False))

        self._add(add)

    def dot(self, x: float, y: float, colour: str, *, hollow: bool = False, radius: float = 3.0) -> None:
        """A point; a hollow one is not final."""
        fill = svg.CARD if hollow else colour

        def add(axes: Any) -> None:
            from matplotlib.patches import Circle

            axes.add_patch(
                Circle((x, y), radius, facecolor=fill, edgecolor=colour, linewidth=1.5, clip_on=False)
            )

        self._add(add)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        colour: str = svg.SOFT,
        size: int = SMALL,
        align: str = "left",
        bold: bool = False,
    ) -> None:
        """A text on the line `y`; never taken for a formula."""

        def add(axes: Any) -> None:
            axes.text(
                x,
                y,
                printable(text),
                color=colour,
                fontsize=size,
                ha=align,
                va="baseline",
                fontweight="bold" if bold else "normal",
                parse_math=False,
                clip_on=False,
            )

        self._add(add)


def colour_of(point: Point) -> str:
    """The colour of a figure; most have the accent."""
    return _TONES.get(point.tone, svg.ACCENT)


def mark_of(point: Point) -> str:
    """The mark that says the same as the colour."""
    return _MARKS.get(point.tone, "")


def ticks(low: float, high: float, *, most: int = 4) -> list[float]:
    """Round figures from `low` to beyond `high`."""
    from matplotlib.ticker import MaxNLocator

    places = MaxNLocator(nbins=most, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    found = [float(place) for place in places if place >= low - 1e-12]
    while len(found) > 2 and found[-2] >= high:
        found.pop()
    return found


def tick_texts(places: Sequence[float], scale: Scale) -> list[str]:
    """Their names, all with the same decimals."""
    if scale is Scale.COUNT:
        return [f"{place:,.0f}" for place in places]
    shares = [place * 100 for place in places]
    decimals = next((n for n in range(5) if all(abs(share - round(share, n)) < 1e-9 for share in shares)), 5)
    return ["0" if not share else f"{share:.{decimals}f} %" for share in shares]


def ends_of(points: Sequence[Point]) -> Iterator[float]:
    """All figures that must have a place: values, and intervals as far as they do not dwarf the values."""
    values = [point.value for point in points if point.value is not None]
    most = max(values, default=0.0)
    yield from values
    yield from (min(point.high, 2 * most) for point in points if point.high is not None and most)
    yield from (point.low for point in points if point.low is not None)
