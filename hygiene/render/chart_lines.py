"""Figures along time: lines with their intervals, and columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from hygiene.render import svg
from hygiene.render.charts import Canvas, colour_of, ends_of, tick_texts, ticks
from hygiene.render.lettering import TINY, distinct, width_of
from hygiene.render.sections import Event, Picture, Point, Scale, Tone

_HEIGHT: Final = 140.0  # of the plot
_TOP, _BOTTOM = 18.0, 24.0
_RIGHT: Final = 8.0
_SEVERAL: Final = 14  # points from which they are small
_MANY: Final = 20  # points from which intervals are a band, and only dots that say something are drawn
_MOST_TICKS: Final = 30  # where more began, one began nearly everywhere
_LANE: Final = 16.0
_LANES: Final = 3
_NAME: Final = 150.0  # pixels of the name of an event
_ROOM: Final = 8.0  # pixels from the middle of a text to what is drawn, at least
_CLEAR: Final = 16.0  # pixels between a text and a line that are enough
_MOST_LIMIT: Final = 4.0  # times the largest figure: a benchmark further out is said, not drawn


class _Plot:
    """Where figures and days are."""

    def __init__(self, canvas: Canvas, picture: Picture, *, top: float) -> None:
        self.canvas, self.picture = canvas, picture
        self.points = [point for point in picture.series[0].points if point.value is not None]
        highest = max(ends_of(self.points))
        near = [limit for limit in picture.limits if limit <= highest * _MOST_LIMIT or not highest]
        self.ticks = ticks(self._lowest(near), max([highest, *near]) or self._widest())
        self.texts = tick_texts(self.ticks, picture.scale)
        self.left = max(width_of(text, TINY) for text in self.texts) + 12
        self.right = canvas.width - _RIGHT
        self.top, self.bottom = top, top + _HEIGHT
        canvas.height = self.bottom + _BOTTOM
        places = [point.at for series in picture.series for point in series.points]
        self.first, self.last = min(places), max(places)
        self.limits = near

    def _lowest(self, limits: Sequence[float]) -> float:
        """Nothing, except for shares near to everything, whose differences would not be seen."""
        lowest = min([*ends_of(self.points), *limits])
        return 0.0 if self.picture.scale is Scale.COUNT or lowest < 0.5 else lowest

    def _widest(self) -> float:
        """What an axis reaches to where all figures are nothing: as far as the surest of them is sure."""
        return min((point.high for point in self.points if point.high), default=1.0)

    def x(self, at: float) -> float:
        """The place of a moment, half a column inside."""
        inset = 13.0
        room = self.right - self.left - 2 * inset
        share = (at - self.first) / (self.last - self.first) if self.last > self.first else 0.5
        return self.left + inset + room * share

    def y(self, value: float) -> float:
        """The height of a figure, kept within the plot."""
        low, high = self.ticks[0], self.ticks[-1]
        share = (value - low) / (high - low) if high > low else 0.0
        return self.bottom - (self.bottom - self.top) * min(max(share, 0.0), 1.0)

    def frame(self) -> None:
        """Hairlines with their figures, and the days."""
        for place, text in zip(self.ticks, self.texts, strict=True):
            height = self.y(place)
            self.canvas.line([self.left, self.right], [height, height], svg.LINE)
            self.canvas.text(self.left - 8, height + 4, text, size=TINY, align="right")
        ends = self.left - 4
        points = self.picture.series[0].points
        last = points[-1]
        for point in points:
            half = width_of(point.label, TINY) / 2
            place = min(max(self.x(point.at), self.left + half), self.right - half)
            alone = point is last or place + half + 12 < self.x(last.at) - width_of(last.label, TINY)
            if place - half > ends and alone:
                self.canvas.text(place, self.bottom + 17, point.label, size=TINY, align="center")
                ends = place + half + 12

    def limit(self) -> None:
        """The benchmark as a line with its name."""
        for number, limit in enumerate(self.limits):
            height = self.y(limit)
            self.canvas.line([self.left, self.right], [height, height], svg.INK, dashed=True)
            if not number:
                self._name_limit(height, f"aim {self.picture.aim}")

    def _name_limit(self, height: float, text: str) -> None:
        """The name beside the line where there is room for it, else above the plot."""
        width = width_of(text, TINY)
        (x, y), room = self._free_place(height, width)
        if room < _ROOM:
            x, y = self.right - width, self.top - 6
            self.canvas.line([x - 24, x - 6], [y - 4, y - 4], svg.INK, dashed=True)
        self.canvas.text(x, y, text, colour=svg.INK, size=TINY)

    def _free_place(self, height: float, width: float) -> tuple[tuple[float, float], float]:
        """Where a text beside a line at `height` is furthest from all that is drawn, and how far."""
        steps = [self.right - width - (self.right - self.left - width) * step / 8 for step in range(9)]
        places = [
            (x, y) for y in (height - 5, height + 14) for x in steps if self.top - 12 < y <= self.bottom - 6
        ]
        drawn = _dense([(self.x(each.at), self.y(each.value or 0)) for each in self.points])
        for each in self.points:
            if each.low is not None and each.high is not None:
                ends = self.y(each.low), self.y(each.high)
                drawn += [(self.x(each.at), ends[0] + (ends[1] - ends[0]) * step / 8) for step in range(9)]

        def room(place: tuple[float, float]) -> float:
            near = [abs(y - (place[1] - 4)) for x, y in drawn if place[0] - 8 <= x <= place[0] + width + 8]
            return min(min(near, default=_CLEAR), _CLEAR)

        best = max(places, key=room, default=(self.right, self.top))
        return best, room(best) if places else 0.0


def _dense(places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Places along a line, close to each other."""
    found = list(places[:1])
    for (x, y), (later_x, later_y) in pairwise(places):
        found += [(x + (later_x - x) * step / 12, y + (later_y - y) * step / 12) for step in range(1, 13)]
    return found


def paint_line(canvas: Canvas, picture: Picture) -> None:
    """Figures with their intervals, the benchmark, and where campaigns went out."""
    plot = _Plot(canvas, picture, top=_TOP)
    plot.frame()
    begun = sorted({event.at for event in picture.events})
    for at in begun if len(begun) <= _MOST_TICKS else ():
        place = plot.x(at)
        canvas.line([place, place], [plot.bottom, plot.bottom + 5], svg.SOFT, width=1.5)
    _intervals(plot)
    plot.limit()
    points = plot.points
    canvas.line(
        [plot.x(each.at) for each in points], [plot.y(each.value or 0) for each in points], svg.ACCENT, width=2
    )
    radius = 3.0 if len(points) < _SEVERAL else 2.25
    for point in points:
        if len(points) < _MANY or point.open or point.tone is Tone.BAD:
            x, y = plot.x(point.at), plot.y(point.value or 0)
            canvas.dot(x, y, colour_of(point), hollow=point.open, radius=radius)


def _intervals(plot: _Plot) -> None:
    known = [
        (plot.x(each.at), each.low, each.high)
        for each in plot.points
        if each.low is not None and each.high is not None
    ]
    if len(plot.points) >= _MANY and len(known) > 1:
        upper = [(x, plot.y(high)) for x, _, high in known]
        lower = [(x, plot.y(low)) for x, low, _ in reversed(known)]
        plot.canvas.area([*upper, *lower], svg.PALE)
        return
    for x, low, high in known:
        plot.canvas.line([x, x], [plot.y(low), plot.y(high)], svg.REST, width=5)


def paint_columns(canvas: Canvas, picture: Picture) -> None:
    """Amounts by day or week, and the names of campaigns above the day they went out."""
    names = distinct([event.label for event in picture.events], _NAME, TINY)
    events = (replace(event, label=name) for event, name in zip(picture.events, names, strict=True))
    picture = replace(picture, events=tuple(events))
    lanes = _lanes(canvas, picture)
    plot = _Plot(canvas, picture, top=_TOP + _LANE * len(lanes))
    plot.frame()
    gaps = [later.at - one.at for one, later in pairwise(plot.points)]
    width = min(max((plot.x(plot.first + min(gaps)) - plot.x(plot.first)) * 0.7, 2.0) if gaps else 24.0, 24.0)
    for point in plot.points:
        height = plot.y(point.value or 0)
        canvas.rect(plot.x(point.at) - width / 2, height, width, plot.bottom - height, svg.ACCENT)
    _name_events(plot, lanes, {point.at: point for point in plot.points})


def _lanes(canvas: Canvas, picture: Picture) -> list[list[Event]]:
    """The events that can be named, first ones first: no name runs into another or is crossed by a line."""
    probe = _Plot(Canvas(canvas.width), picture, top=0)
    lanes: list[list[Event]] = [[] for _ in range(_LANES)]
    for event in picture.events:
        for lane in range(_LANES):
            if _has_room(probe, lanes, lane, event):
                lanes[lane].append(event)
                break
    return [lane for lane in lanes if lane]


def _has_room(plot: _Plot, lanes: Sequence[Sequence[Event]], lane: int, event: Event) -> bool:
    start, end = _span(plot.x, event, plot.canvas.width)
    spans = [[(*_span(plot.x, each, plot.canvas.width), plot.x(each.at)) for each in one] for one in lanes]
    beside = all(end + 10 < first or last + 10 < start for first, last, _ in spans[lane])
    over = all(not first - 3 < plot.x(event.at) < last + 3 for one in spans[:lane] for first, last, _ in one)
    under = all(not start - 3 < place < end + 3 for one in spans[lane + 1 :] for _, _, place in one)
    return beside and over and under


def _span(x: Callable[[float], float], event: Event, width: float) -> tuple[float, float]:
    """Where the name of an event begins and ends: beside its place, within the picture."""
    length = width_of(event.label, TINY)
    place = x(event.at)
    start = place + 5 if place + 5 + length <= width else place - 5 - length
    return start, start + length


def _name_events(plot: _Plot, lanes: Sequence[Sequence[Event]], columns: dict[float, Point]) -> None:
    for lane, events in enumerate(lanes):
        height = plot.top - 8 - lane * _LANE
        for event in events:
            start, _ = _span(plot.x, event, plot.canvas.width)
            place = plot.x(event.at)
            point = columns.get(event.at)
            foot = plot.y(point.value or 0) if point else plot.bottom
            plot.canvas.line([place, place], [height - 8, foot], svg.SOFT)
            plot.canvas.text(start, height, event.label, colour=svg.INK, size=TINY)
