"""Mails → whole numbers a slice: the counts that every KPI is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import narwhals as nw

from hygiene.engines.engine import Engine, Frame
from hygiene.errors import UsageError
from hygiene.event import BounceClass
from hygiene.events.feedback_loops import feedback_loops
from hygiene.metrics.laws import check_counts
from hygiene.metrics.states import is_one_of
from hygiene.metrics.table import COUNTS, SLICES, State

if TYPE_CHECKING:
    import pyarrow as pa

_DELIVERED = nw.col("state") == State.DELIVERED.value
_CLASSES = {
    "hard": BounceClass.HARD,
    "soft": BounceClass.SOFT,
    "block": BounceClass.BLOCK,
    "undetermined": BounceClass.UNKNOWN,
}


def count(mails: Frame, by: Sequence[str] = (), *, engine: Engine) -> pa.Table:
    """The counts (`COUNTS`) of each slice, sorted; without columns to split by, of all mails.

    Raises UsageError for a column that is none, and BrokenSum, which names the slice, where a law is broken.
    """
    check_slices(by)
    made = _expressions(_reports(mails))
    counted = mails.group_by(*by).agg(**made) if by else mails.select(**made)
    counted = counted.select(*by, **{name: nw.col(name).cast(nw.Int64).fill_null(0) for name in COUNTS})
    table = engine.collect(counted.sort(*by) if by else counted)
    states = engine.collect(mails.group_by("state").agg(mails=nw.len())).to_pylist()
    check_counts(
        table, by, {state.value: 0 for state in State} | {row["state"]: row["mails"] for row in states}
    )
    return table


def check_slices(by: Sequence[str]) -> None:
    """Refuse what mails cannot be split by."""
    for name in by:
        if name not in SLICES:
            raise UsageError(f"mails are not split by {name[:40]!r}: there are {', '.join(SLICES)}")


def _mails(condition: nw.Expr) -> nw.Expr:
    return nw.when(condition).then(nw.lit(1)).count()


def _sum(column: str, condition: nw.Expr) -> nw.Expr:
    return nw.when(condition).then(nw.col(column)).sum()


def _reports(mails: Frame) -> nw.Expr:
    """Whether the provider of a mail reports complaints; it may be known by its place among those that do."""
    if mails.collect_schema()["provider"] == nw.String:
        return is_one_of("provider", feedback_loops())
    return nw.col("provider") % 2 == 1


def _expressions(reports: nw.Expr) -> dict[str, nw.Expr]:
    state = nw.col("state")
    sent, bounced = state != State.REJECTED.value, state == State.BOUNCED.value
    opens, clicks = _DELIVERED & nw.col("track_open"), _DELIVERED & nw.col("track_click")
    human_open = opens & nw.col("opened_human")
    human_click = clicks & nw.col("clicked_human")
    return {
        "submitted": nw.len(),
        "rejected": _mails(state == State.REJECTED.value),
        "sent": _mails(sent),
        "delivered": _mails(_DELIVERED),
        "delivered_gross": _mails(nw.col("arrived")),
        "inferred": _mails(sent & nw.col("inferred")),
        "bounced": _mails(bounced),
        **{name: _mails(bounced & (nw.col("bounce_class") == kind.value)) for name, kind in _CLASSES.items()},
        "late": _mails(nw.col("late")),
        "pending": _mails(state == State.PENDING.value),
        "deferred": _mails(sent & nw.col("deferred")),
        "complained": _mails(_DELIVERED & nw.col("complained")),
        "delivered_fbl": _mails(_DELIVERED & reports),
        "complained_fbl": _mails(_DELIVERED & nw.col("complained") & reports),
        "unsubscribed": _mails(_DELIVERED & nw.col("unsubscribed")),
        "delivered_open_tracked": _mails(opens),
        "opened_all": _mails(opens & nw.col("opened_all")),
        "opened_human": _mails(human_open),
        "opens_total": _sum("opens_total", opens),
        "delivered_click_tracked": _mails(clicks),
        "clicked_all": _mails(clicks & nw.col("clicked_all")),
        "clicked_human": _mails(human_click),
        "clicks_total": _sum("clicks_total", clicks),
        "engaged_human": _mails(human_open | human_click),
        "converted": _mails(_DELIVERED & nw.col("converted")),
        "orders": nw.col("orders").sum(),
        "revenue_micros": nw.col("revenue_micros").sum(),
    }
