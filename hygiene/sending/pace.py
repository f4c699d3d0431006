"""How fast: rates as token buckets, warm-up by days on which mail was sent, and the wait before another try.

All of it is pure: a bucket is a level at a moment, and what may leave is worked out from the time that passed.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Final

from hygiene.errors import UsageError
from hygiene.files import packaged_text

SECOND_US: Final = 1_000_000
MILLI: Final = 1000  # a level counts thousandths of a message

_WRITTEN: Final = re.compile(r"\s*(\d{1,9})\s*/\s*(\d{0,6})\s*(s|sec|min|m|h|hour|d|day)\s*", re.IGNORECASE)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_BURST: Final = 0.1  # of what a window allows, at once

_FIRST_WAIT_S: Final = 60
_LONGEST_WAIT_S: Final = 4 * 3600
_SPREAD: Final = 0.2  # of a wait, so that those deferred together do not come back together


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` messages in any `window_s` seconds; of a `shared` one receipts draw first."""

    count: int
    window_s: int
    shared: bool = False

    def __str__(self) -> str:
        unit, seconds = max(
            ((unit, s) for unit, s in _SECONDS.items() if not self.window_s % s), key=lambda each: each[1]
        )
        times = self.window_s // seconds
        return f"{self.count}/{times if times > 1 else ''}{unit}"

    @property
    def burst(self) -> int:
        """Thousandths of a message that may leave at once: part of the window's share, at least one message.

        At least two of a shared one, so that half of them can be kept for receipts.
        """
        least = 2 if self.shared and self.count > 2 else 1
        return max(least * MILLI, int(self.count * _BURST * MILLI))

    @property
    def kept(self) -> int:
        """Thousandths of a message that only receipts may draw: about half of what may leave at once."""
        return self.burst // MILLI // 2 * MILLI if self.shared else 0

    @property
    def per_window(self) -> int:
        """Thousandths of a message that come back in a window.

        A full bucket and the refill of one window are together what the window allows, so that no window of
        this length, wherever it begins, sees more; a rate of one message is refilled once a window.
        """
        return self.count * MILLI - self.burst or MILLI

    def refilled(self, elapsed_us: int) -> int:
        """Thousandths of a message that come back in so long a time."""
        return self.per_window * max(elapsed_us, 0) // (self.window_s * SECOND_US)

    def time_us(self, level: int) -> int:
        """How long it takes until so many thousandths of a message are back."""
        return -(-level * self.window_s * SECOND_US // self.per_window)


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is left of a rate: thousandths of a message at a moment."""

    level: int
    at_us: int


def read_rate(text: str) -> Rate:
    """The rate that a text like ``100/s``, ``500/h``, ``20000/d`` or ``5/10min`` says; raises UsageError.

    >>> read_rate("500/d")
    Rate(count=500, window_s=86400, shared=False)
    """
    written = _WRITTEN.fullmatch(text)
    if not written or not int(written[1]) or written[2] == "0":
        raise UsageError(f"{text[:40]!r} is no rate: write 100/s, 60/min, 500/h or 20000/d")
    return Rate(int(written[1]), int(written[2] or 1) * _SECONDS[written[3][0].lower()])


def full(rate: Rate, now_us: int) -> Bucket:
    """A bucket that nothing was taken from yet."""
    return Bucket(rate.burst, now_us)


def at(bucket: Bucket, rate: Rate, now_us: int) -> Bucket:
    """The bucket at a later moment; a clock that went back refills nothing, and fractions are not lost."""
    gained = rate.refilled(now_us - bucket.at_us)
    if bucket.level + gained >= rate.burst:
        return Bucket(rate.burst, max(now_us, bucket.at_us))
    return Bucket(bucket.level + gained, bucket.at_us + rate.time_us(gained))


def available(bucket: Bucket, kept: int = 0) -> int:
    """Whole messages that may leave now; `kept` thousandths of one stay."""
    return max(bucket.level - kept, 0) // MILLI


def take(bucket: Bucket, count: int) -> Bucket:
    """The bucket after so many messages."""
    return Bucket(bucket.level - count * MILLI, bucket.at_us)


# Warm-up


@cache
def warm_up_days(name: str) -> tuple[int, ...]:
    """Messages a day of a plan, by sending day; raises UsageError for a plan that there is not."""
    plans = tomllib.loads(packaged_text("hygiene.sending", "data/warm_up.toml"))["plans"]
    if name not in plans:
        raise UsageError(f"there is no warm-up plan {name!r}: {', '.join(plans)} are")
    begins, ends, days = (plans[name][word] for word in ("begins", "ends", "days"))
    steps = days - len(begins)
    growth = (ends / begins[-1]) ** (1 / steps)
    return (*begins, *(round(begins[-1] * growth**step) for step in range(1, steps + 1)))


def warm_up_rates(plan: str, sending_day: int) -> tuple[Rate, ...]:
    """What a plan allows on a day, counted from 0 over days on which mail was sent; nothing once it is over."""
    days = warm_up_days(plan)
    if sending_day >= len(days):
        return ()
    return (Rate(days[sending_day], 86_400), Rate(max(1, days[sending_day] // 12), 3600))


# Trying again


def retry_wait_s(tries: int, ref: str, asked_s: float | None = None) -> float:
    """How long to wait after so many tries: a minute, doubling up to four hours, spread by the reference.

    What the server asked for is kept where it is longer.
    """
    wait: float = min(_FIRST_WAIT_S * 2 ** min(max(tries - 1, 0), 20), _LONGEST_WAIT_S)
    share = hashlib.sha256(f"{ref} {tries}".encode()).digest()[0] / 255
    return max(wait * (1 + _SPREAD * (share - 0.5)), asked_s or 0.0)
