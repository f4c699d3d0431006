"""How long after sending things happen, as whole numbers of mails: for medians, curves and forecasts.

Mails in which it has not happened are counted, too: without them all would look best when nobody reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import narwhals as nw

from hygiene.engines.engine import Engine, Frame
from hygiene.metrics.counts import check_slices
from hygiene.metrics.local_time import HOUR_US, SECOND_US, divide
from hygiene.metrics.table import State

if TYPE_CHECKING:
    import pyarrow as pa

#: where one bucket of `delays` ends and the next begins, ten to a decade: from a second to over three months
EDGES_US: Final = tuple(round(10 ** (step / 10) * SECOND_US) for step in range(70))
#: `elapsed` counts whatever is later as of this hour; platforms collect opens for 60 days
LAST_HOUR: Final = 60 * 24

_SENT = nw.col("state") != State.REJECTED.value
_DELIVERED = nw.col("state") == State.DELIVERED.value
#: what happens → (in which mails it can, when it does)
_HAPPENS: Final[Mapping[str, tuple[nw.Expr, str]]] = {
    "delivery": (_SENT, "delivered_us"),
    "bounce": (_SENT, "bounced_us"),
    "open": (_DELIVERED & nw.col("track_open"), "first_open_us"),
    "click": (_DELIVERED & nw.col("track_click"), "first_click_us"),
    "complaint": (_DELIVERED, "complained_us"),
    "unsubscription": (_DELIVERED, "unsubscribed_us"),
}


def delays(mails: Frame, by: Sequence[str] = (), *, engine: Engine) -> pa.Table:
    """Mails by slice, `what` (delivery, open or click) and `bucket`.

    Bucket n lies between ``EDGES_US[n - 1]`` and ``EDGES_US[n]``; null: it has not happened, or is not dated.
    """
    return _counted(mails, by, ("delivery", "open", "click"), column="bucket", place=_bucket, engine=engine)


def elapsed(mails: Frame, by: Sequence[str] = (), *, engine: Engine) -> pa.Table:
    """Mails by slice, `what` happened for the first time, and the `hour` after sending; null: it has not."""
    return _counted(mails, by, tuple(_HAPPENS), column="hour", place=_hour, engine=engine)


def _counted(
    mails: Frame,
    by: Sequence[str],
    whats: Sequence[str],
    *,
    column: str,
    place: Callable[[nw.Expr], nw.Expr],
    engine: Engine,
) -> pa.Table:
    check_slices(by)
    parts = []
    for what in whats:
        possible, when = _HAPPENS[what]
        since = nw.max_horizontal(nw.col(when) - nw.col("sent_us"), nw.lit(0, nw.Int64))
        since = nw.when(~nw.col(when).is_null() & ~nw.col("sent_us").is_null()).then(since)
        parts.append(mails.filter(possible).select(*by, what=nw.lit(what), delay=since))
    placed = nw.concat(parts).with_columns(**{column: place(nw.col("delay")).cast(nw.Int64)})
    counted = placed.group_by(*by, "what", column).agg(mails=nw.len().cast(nw.Int64))
    return engine.collect(counted.select(*by, "what", column, "mails").sort(*by, "what", column))


def _bucket(delay: nw.Expr) -> nw.Expr:
    return nw.when(~delay.is_null()).then(_reached(delay, 0, len(EDGES_US)))


def _reached(delay: nw.Expr, least: int, most: int) -> nw.Expr:
    """How many edges a delay has reached, by halves: to ask for each of them would cost ten times as much."""
    if least == most:
        return nw.lit(least, nw.Int64)
    middle = (least + most + 1) // 2
    above, below = _reached(delay, middle, most), _reached(delay, least, middle - 1)
    return nw.when(delay >= EDGES_US[middle - 1]).then(above).otherwise(below)


def _hour(delay: nw.Expr) -> nw.Expr:
    return (
        nw.when(delay < LAST_HOUR * HOUR_US)
        .then(divide(delay, HOUR_US))
        .otherwise(nw.when(~delay.is_null()).then(nw.lit(LAST_HOUR, nw.Int64)))
    )
