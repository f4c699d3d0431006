"""What other slices did on the same day: a poor campaign is poor everywhere, a blocked one is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from hygiene.metrics.causes.rates import Point

_FEWEST: Final = 3  # others, of which no single one can move the middle one far
_LEAST: Final = 5  # events, usual for a slice and day, from which it tells of other slices
_MOST_MISSING: Final = 0.2  # of the points: where more lack others, none is held against them
_MEDIAN: Final = np.pi / 2  # variance of a median beside that of a mean


def beside_others(series: Mapping[str, Sequence[Point]]) -> dict[str, tuple[Point, ...]]:
    """The points of each slice, with the middle of how far the others were from what is usual for them then.

    A series stays as it is where fewer than three others have enough mail; of one that is held against others,
    the few points without them are left out.
    """
    apart = {name: _apart(points) for name, points in series.items()}
    found = {}
    for name, points in series.items():
        others = [one for other, one in apart.items() if other != name]
        told = tuple(beside for point in points if (beside := _beside(point, others)))
        found[name] = told if len(told) >= (1 - _MOST_MISSING) * len(points) else tuple(points)
    return found


def _apart(points: Sequence[Point]) -> dict[int, tuple[float, float]]:
    """Of each point how far its log odds are from the middle ones, and their variance by chance."""
    k, n = (np.array([getattr(point, side) for point in points], dtype=float) for side in ("k", "n"))
    odds = np.log((k + 0.5) / (n - k + 0.5))
    usual = float(np.median(odds))
    share = 1 / (1 + np.exp(-usual))
    found = zip(points, odds - usual, n * share * (1 - share), strict=True)
    return {point.when: (float(out), 1 / float(events)) for point, out, events in found if events >= _LEAST}


def _beside(point: Point, others: Sequence[Mapping[int, tuple[float, float]]]) -> Point | None:
    then = [one[point.when] for one in others if point.when in one]
    if len(then) < _FEWEST:
        return None
    out, chance = zip(*then, strict=True)
    return replace(point, shift=float(np.median(out)), doubt=float(_MEDIAN * np.mean(chance) / len(then)))
