"""How often somebody may ask, kept in memory: a bucket each, which fills again by the minute."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

_MINUTE_US: Final = 60_000_000
_MOST: Final = 10_000  # buckets; more than that are strangers, and all begin anew


class Limit:
    """So many a minute for each name, all of them at once if need be. `clock` gives microseconds."""

    def __init__(self, per_minute: int, clock: Callable[[], int]) -> None:
        self._most, self._clock = per_minute, clock
        self._left: dict[str, tuple[float, int]] = {}

    def wait_s(self, name: str, *, cost: int = 1) -> int:
        """0, and it is counted; else the seconds until it would be."""
        now_us = self._clock()
        left = self._filled(name, now_us)
        if left < cost:
            return max(math.ceil((cost - left) * 60 / self._most), 1)
        if len(self._left) >= _MOST:
            self._left.clear()
        self._left[name] = (left - cost, now_us)
        return 0

    def _filled(self, name: str, now_us: int) -> float:
        left, at_us = self._left.get(name, (float(self._most), now_us))
        return min(float(self._most), left + max(now_us - at_us, 0) * self._most / _MINUTE_US)
