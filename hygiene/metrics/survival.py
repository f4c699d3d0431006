"""How long things take when some are not over yet: Kaplan and Meier's estimator, whole arrays at once.

What is still open is known to have taken at least its age. Leaving it out would make the figures look best
where nothing is ever answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from hygiene.metrics.intervals import Z

Array: TypeAlias = Any  # of numpy


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantile:
    """The time by which a part is over; None: not reached, as too many are still open.

    `low` and `high` are the 95 % interval (Brookmeyer and Crowley, on the scale of log(−log S)); None: not
    reached.
    """

    part: float
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Survival:
    """Which part is not over by each time at which something ended."""

    times: Array
    open_part: Array  # S(t)
    greenwood: Array  # Σ d / (n (n − d))

    def quantile(self, part: float) -> Quantile:
        """The first time by which at least this part is over.

        >>> estimate_survival([1, 2, 3, 4], [True, True, True, False]).quantile(0.5).value
        2.0
        """
        reached = np.flatnonzero(self.open_part <= 1 - part + 1e-12)
        value = float(self.times[reached[0]]) if len(reached) else None
        low, high = self._interval(part)
        return Quantile(part=part, value=value, low=low, high=high)

    def _interval(self, part: float) -> tuple[float | None, float | None]:
        """The times at which a part of `part` cannot be refused."""
        inside = (self.open_part > 0) & (self.open_part < 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            log = np.log(self.open_part)
            error = np.sqrt(self.greenwood) / np.abs(log)
            off = np.abs(np.log(-log) - np.log(-np.log(1 - part)))
        kept = inside & (off <= Z * error)
        if not kept.any():
            return None, None
        first, last = np.flatnonzero(kept)[[0, -1]]
        after = self.times[last + 1] if last + 1 < len(self.times) else None
        return float(self.times[first]), None if after is None else float(after)


def estimate_survival(durations: Array, over: Array) -> Survival:
    """The estimator from how long each took so far, and whether it is over.

    What is open for exactly as long as another one took counts as open at that time.
    """
    durations, over = np.asarray(durations, dtype=float), np.asarray(over, dtype=bool)
    times, ended = np.unique(durations[over], return_counts=True)
    at_risk = len(durations) - np.searchsorted(np.sort(durations), times, side="left")
    steps = 1 - ended / at_risk
    with np.errstate(divide="ignore"):
        greenwood = np.cumsum(ended / (at_risk * (at_risk - ended)))
    return Survival(times, np.cumprod(steps), greenwood)
