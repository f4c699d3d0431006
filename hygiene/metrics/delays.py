"""How long after sending things happen, as whole numbers of mails: for medians and quantiles.

Mails in which it has not happened, or is not dated, are not listed: they are the rest of their slice, which is
counted anyway, and most mails are neither opened nor clicked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import narwhals as nw

from hygiene.engines.engine import Engine, Frame
from hygiene.metrics.counts import check_slices
from hygiene.metrics.local_time import SECOND_US
from hygiene.metrics.table import State

if TYPE_CHECKING:
    import pyarrow as pa

#: where one bucket of `delays` ends and the next begins, ten to a decade: from a second to over three months
EDGES_US: Final = tuple(round(10 ** (step / 10) * SECOND_US) for step in range(70))
_SENT = nw.col("state") != State.REJECTED.value
_DELIVERED = nw.col("state") == State.DELIVERED.value
#: what happens → (in which mails it can, when it does)
_HAPPENS: Final[Mapping[str, tuple[nw.Expr, str]]] = {
    "delivery": (_SENT, "delivered_us"),
    "open": (_DELIVERED & nw.col("track_open"), "first_open_us"),
    "click": (_DELIVERED & nw.col("track_click"), "first_click_us"),
}


def delays(mails: Frame, by: Sequence[str] = (), *, engine: Engine) -> pa.Table:
    """Mails by slice, `what` (delivery, open or click) and `bucket`.

    Bucket n lies between ``EDGES_US[n - 1]`` and ``EDGES_US[n]``.
    """
    check_slices(by)
    parts = []
    for what, (possible, when) in _HAPPENS.items():
        happened = possible & ~nw.col(when).is_null() & ~nw.col("sent_us").is_null()
        delay = nw.max_horizontal(nw.col(when) - nw.col("sent_us"), nw.lit(0, nw.Int64))
        parts.append(mails.filter(happened).select(*by, what=nw.lit(what), delay=delay))
    placed = nw.concat(parts).with_columns(bucket=_reached(nw.col("delay"), 0, len(EDGES_US)).cast(nw.Int64))
    counted = placed.group_by(*by, "what", "bucket").agg(mails=nw.len().cast(nw.Int64))
    return engine.collect(counted.select(*by, "what", "bucket", "mails").sort(*by, "what", "bucket"))


def _reached(delay: nw.Expr, least: int, most: int) -> nw.Expr:
    """How many edges a delay has reached, by halves: to ask for each of them would cost ten times as much."""
    if least == most:
        return nw.lit(least, nw.Int64)
    middle = (least + most + 1) // 2
    above, below = _reached(delay, middle, most), _reached(delay, least, middle - 1)
    return nw.when(delay >= EDGES_US[middle - 1]).then(above).otherwise(below)
