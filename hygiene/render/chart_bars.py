"""Figures side by side: bars with their intervals, the steps of a funnel, and a table of shades."""

from __future__ import annotations

from typing import Final

from hygiene.render import svg
from hygiene.render.charts import Canvas, colour_of, ends_of, mark_of
from hygiene.render.lettering import TINY, distinct, width_of
from hygiene.render.sections import Picture, Point, Scale

_ROW: Final = 26.0
_BAR: Final = 12.0
_MARK: Final = 16.0  # pixels of a mark beside a figure
_NAMES: Final = {Scale.SHARE: 0.4, Scale.COUNT: 0.55}  # of the width, at most
_MOST_LIMIT: Final = 4.0  # times the largest figure: a benchmark further out is said, not drawn
_STEP: Final = 44.0
_CELL: Final = (52.0, 26.0)
_STRONGEST: Final = 0.5  # opacity of the strongest shade: text on it stays readable


def paint_bars(canvas: Canvas, picture: Picture) -> None:
    """One bar a row: its name, its length with the interval, its figure."""
    points = picture.series[0].points
    names = min(max(width_of(point.label) for point in points), canvas.width * _NAMES[picture.scale])
    labels = distinct([point.label for point in points], names)
    marks = _MARK if any(mark_of(point) for point in points) else 0.0
    figures = canvas.width - marks
    left, right = names + 10, figures - max(width_of(point.figure, bold=bool(marks)) for point in points) - 8
    highest = max(ends_of(points)) or 1.0
    near = [limit for limit in picture.limits if limit <= highest * _MOST_LIMIT]
    scale = (right - left) / max([highest, *near])
    bottom = 4 + _ROW * len(points)
    for row, (point, label) in enumerate(zip(points, labels, strict=True)):
        canvas.text(0, 4 + _ROW * (row + 0.5) + 4, label, colour=svg.INK)
        _bar(canvas, point, (4 + _ROW * row, left, right, figures), scale)
    canvas.height = bottom + 4
    for number, limit in enumerate(near):
        place = left + limit * scale
        canvas.line([place, place], [0, bottom], svg.INK, dashed=True)
        if not number:
            text = f"aim {picture.aim}"
            half = width_of(text, TINY) / 2
            middle = min(max(place, half), canvas.width - half)
            canvas.text(middle, bottom + 14, text, colour=svg.INK, size=TINY, align="center")
            canvas.height = bottom + 20


def _bar(canvas: Canvas, point: Point, place: tuple[float, ...], scale: float) -> None:
    top, left, right, figures = place
    middle = top + _ROW / 2
    if point.value is None:
        canvas.text(figures, middle + 4, point.figure, align="right")
        return
    length = max(point.value * scale, 1.5 if point.value else 0.0)
    canvas.line([left, left], [top, top + _ROW], svg.LINE)
    canvas.rect(left, middle - _BAR / 2, length, _BAR, colour_of(point))
    if point.low is not None and point.high is not None:
        low, high = left + point.low * scale, min(left + point.high * scale, right)
        canvas.line([low, high], [middle, middle], svg.CARD, width=3)
        canvas.line([low, high], [middle, middle], svg.INK, width=1.25)
    mark = mark_of(point)
    colour = colour_of(point) if mark else svg.INK
    canvas.text(figures, middle + 4, point.figure, colour=colour, align="right", bold=bool(mark))
    if mark:
        canvas.text(canvas.width, middle + 4, mark, colour=colour, align="right", bold=True)


def paint_funnel(canvas: Canvas, picture: Picture) -> None:
    """What is left after each step: how many, and which share of the step before."""
    points = picture.series[0].points
    whole = max((point.value or 0 for point in points), default=0) or 1.0
    for row, point in enumerate(points):
        top = _STEP * row
        share = (point.value or 0) / whole
        canvas.text(0, top + 14, point.label, colour=svg.INK, bold=True)
        canvas.text(width_of(point.label, bold=True) + 10, top + 14, point.note, size=TINY)
        canvas.text(canvas.width, top + 14, point.figure, colour=svg.INK, align="right", bold=True)
        canvas.rect(0, top + 20, canvas.width, 10, svg.PALE)
        canvas.rect(0, top + 20, max(canvas.width * share, 1.5 if share else 0), 10, svg.ACCENT)
    canvas.height = _STEP * len(points) - 8


def paint_heat(canvas: Canvas, picture: Picture) -> None:
    """A row for each series, a shade and a figure for each of its points."""
    rows = picture.series
    columns = max(len(series.points) for series in rows)
    names = max(width_of(series.label) for series in rows) + 12
    width = min((canvas.width - names) / columns, _CELL[0] * 1.4)
    strongest = max(point.value or 0 for series in rows for point in series.points) or 1.0
    heads = max(rows, key=lambda series: len(series.points)).points
    for column, point in enumerate(heads):
        canvas.text(names + width * (column + 0.5), 12, point.label, size=TINY, align="center")
    for number, series in enumerate(rows):
        top = 20 + _CELL[1] * number
        canvas.text(0, top + 17, series.label, colour=svg.INK)
        for column, point in enumerate(series.points):
            if point.value is None:
                continue
            left = names + width * column
            shade = 0.04 + (_STRONGEST - 0.04) * point.value / strongest
            canvas.rect(left, top, width - 2, _CELL[1] - 2, svg.ACCENT, opacity=round(shade, 2))
            if width >= width_of(point.figure) - 6:
                middle = left + width / 2 - 1
                canvas.text(middle, top + 16, point.figure, colour=svg.INK, size=TINY, align="center")
    canvas.height = 20 + _CELL[1] * len(rows)
    canvas.width = min(canvas.width, names + width * columns)
