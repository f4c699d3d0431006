"""Which mail led to an order: the last human click within a window, or another rule that is named.

An order is joined to touches by recipient, then filtered by time, and counted once; of touches at the same
moment the one of the smaller source and message id wins, on every engine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import narwhals as nw

from hygiene.engines.engine import Engine, Frame
from hygiene.errors import UsageError
from hygiene.event import EventKind
from hygiene.metrics.local_time import DAY_US, HOUR_US, SECOND_US
from hygiene.metrics.states import UNDATED
from hygiene.metrics.table import KEY

_WRITTEN: Final = re.compile(r"(last|first)-(click|open|touch):(\d{1,4})(h|d|w)")
_UNITS: Final = {"h": HOUR_US, "d": DAY_US, "w": 7 * DAY_US}
_BREAK: Final = "\x1f"
#: one order
ORDER: Final = ("shop", "order", "alone")


@dataclass(frozen=True, kw_only=True, slots=True)
class Attribution:
    """How orders are credited to mails."""

    last: bool  # or the first touch
    kinds: tuple[EventKind, ...]  # what counts as a touch; empty: the log's own word
    window_us: int
    text: str

    @property
    def by_touch(self) -> bool:
        """Whether touches decide, and not the log's own conversions."""
        return bool(self.kinds)


def read_attribution(text: str) -> Attribution:
    """The rule that a text like ``last-click:5d`` says; raises UsageError for another.

    >>> read_attribution("last-click:5d").window_us // 86_400_000_000
    5
    """
    if text == "none":
        return Attribution(last=True, kinds=(), window_us=0, text=text)
    written = _WRITTEN.fullmatch(text)
    if not written or not int(written[3]):
        raise UsageError(f"{text[:40]!r} is no attribution: write last-click:5d, last-touch:24h or none")
    touches = {
        "click": (EventKind.CLICKED,),
        "open": (EventKind.OPENED,),
        "touch": (EventKind.OPENED, EventKind.CLICKED),
    }
    return Attribution(
        last=written[1] == "last",
        kinds=touches[written[2]],
        window_us=int(written[3]) * _UNITS[written[4]],
        text=text,
    )


def distinct_orders(conversions: Frame) -> Frame:
    """Each order once: by its number in its shop, or without one by person, second and value."""
    number = nw.col("event_id").fill_null("")
    ts = nw.col("ts_us").fill_null(UNDATED)
    words = [
        nw.col("recipient").cast(nw.String).fill_null(""),
        (ts - ts % SECOND_US).cast(nw.String),
        nw.col("value_micros").cast(nw.String).fill_null(""),
        nw.col("currency").fill_null(""),
    ]
    alone = nw.when(number == "").then(nw.concat_str(words, separator=_BREAK)).otherwise(nw.lit(""))
    return (
        conversions.with_columns(shop=nw.col("source"), order=number, alone=alone)
        .group_by(*ORDER)
        .agg(
            nw.col("ts_us").min(),
            nw.col("value_micros").max(),
            *(nw.col(name).min() for name in ("source", "message_id", "recipient", "currency")),
        )
    )


def credit(orders: Frame, touches: Frame | None, rule: Attribution, engine: Engine) -> Frame:
    """The orders (`ORDER`, `value_micros`, `currency`) with the mail (`KEY`) that each is credited to."""
    if touches is None:
        return orders.filter(~nw.col("message_id").is_null() & ~nw.col("recipient").is_null())
    since = nw.col("ts_us") - nw.col("touched_us")
    within = (
        orders.select(*ORDER, "recipient", "ts_us", "value_micros", "currency")
        .join(touches, on="recipient", how="inner")
        .filter((since >= 0) & (since <= rule.window_us))
        .with_columns(mail=nw.concat_str("source", nw.col("message_id").cast(nw.String), separator=_BREAK))
    )
    within = engine.settle("touched", within)
    touched = nw.col("touched_us")
    chosen = within.group_by(*ORDER).agg(chosen_us=touched.max() if rule.last else touched.min())
    best = (
        within.join(chosen, on=list(ORDER), how="inner")
        .filter(touched == nw.col("chosen_us"))
        .group_by(*ORDER)
        .agg(
            nw.col("mail").min(),
            *(nw.col(name).min() for name in ("recipient", "value_micros", "currency")),
        )
    )
    parts, names = nw.col("mail").str.split(_BREAK), orders.collect_schema()
    return best.with_columns(source=parts.list.get(0), message_id=parts.list.get(1).cast(names["message_id"]))


def per_mail(credited: Frame, currency: str | None) -> Frame:
    """One row a mail: its orders, and their value in the one currency that is summed."""
    value = nw.col("value_micros").fill_null(0)
    if currency is not None:
        value = nw.when(nw.col("currency").fill_null(currency) == currency).then(value)
    return credited.group_by(*KEY).agg(credited_orders=nw.len(), credited_micros=value.sum())
