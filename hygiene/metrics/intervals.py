"""How sure a share is: Wilson's interval, and how many more would prove it. Plain numpy, many shares at once.

Wilson's interval holds the shares that a score test does not reject, so both of its ends and the number of
trials that would move an end across a limit have a closed form. Its coverage stays near 95 % for rare events,
where the textbook interval (Wald) fails: at a true 0.1 % and 500 trials that one covers 39 %.
"""

from __future__ import annotations

import math
from typing import Any, Final, TypeAlias

import numpy as np

Numbers: TypeAlias = Any  # a number or an array of numbers; the result has the same shape

CONFIDENCE: Final = 0.95
Z: Final = 1.959963984540054  # the normal quantile of 0.975
NEVER: Final = -1  # no number of trials would prove it


def wilson(successes: Numbers, trials: Numbers) -> tuple[Numbers, Numbers]:
    """Both ends of the 95 % interval; NaN where there was no trial.

    >>> [round(float(end), 4) for end in wilson(8, 1000)]
    [0.0041, 0.0157]
    """
    if isinstance(successes, int | float) and isinstance(trials, int | float):
        return _wilson_of_one(successes, trials)
    k, n = _float(successes), _float(trials)
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = (k + Z * Z / 2) / (n + Z * Z)
        half = Z / (n + Z * Z) * np.sqrt(k * (n - k) / n + Z * Z / 4)
        low = np.where(k == 0, 0.0, np.maximum(middle - half, 0.0))
        high = np.where(k == n, 1.0, np.minimum(middle + half, 1.0))
    none = n <= 0
    return np.where(none, np.nan, low)[()], np.where(none, np.nan, high)[()]


def _wilson_of_one(k: float, n: float) -> tuple[float, float]:
    """The same without arrays, which cost twenty times as much for a single share."""
    if n <= 0:
        return math.nan, math.nan
    middle = (k + Z * Z / 2) / (n + Z * Z)
    half = Z / (n + Z * Z) * math.sqrt(k * (n - k) / n + Z * Z / 4)
    return (0.0 if k == 0 else max(middle - half, 0.0)), (1.0 if k == n else min(middle + half, 1.0))


def trials_at_rate(successes: Numbers, trials: Numbers, limit: float) -> Numbers:
    """How many trials in all tell the observed rate from `limit`, if it stays; NEVER where it is the limit.

    >>> int(trials_at_rate(0, 1, 0.001)), int(trials_at_rate(5, 100, 0.10))
    (3838, 139)
    """
    k, n = _float(successes), _float(trials)
    with np.errstate(invalid="ignore", divide="ignore"):
        distance = k / n - limit
        needed = np.floor(Z * Z * limit * (1 - limit) / (distance * distance)) + 1
    return _counts(needed)


def trials_without_more(successes: Numbers, limit: float) -> Numbers:
    """How many trials in all prove the rate to be below `limit`, if nothing more happens.

    >>> [int(trials_without_more(seen, 0.001)) for seen in (0, 1, 2)]
    [3838, 5661, 7289]
    """
    k = _float(successes)
    spread = Z * Z * limit * (1 - limit)
    middle = 2 * k * limit + spread
    root = np.sqrt(np.maximum(middle * middle - 4 * limit * limit * k * k, 0.0))
    return _counts(np.floor((middle + root) / (2 * limit * limit)) + 1)


def _float(numbers: Numbers) -> Numbers:
    return np.asarray(numbers, dtype=np.float64)


def _counts(needed: Numbers) -> Numbers:
    known = np.isfinite(needed) & (needed < 2**53)  # beyond that a float no longer counts
    return np.where(known, np.where(known, needed, 0).astype(np.int64), NEVER)[()]
