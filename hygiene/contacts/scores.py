"""Recency, frequency, monetary: how good a customer is among the customers of the list, from 1 to 5 (best).

After Hughes 1994 and Bult & Wansbeek 1995 (doi:10.1287/mksc.14.4.378), with a rule that the order of the rows
cannot sway. A customer is a row with `orders` above 0 or, where their number is unknown, with a `last_order`
or with `spent` above 0. Of the N customers whose figure is known, one has the score 1 + ⌊5·w/N⌋, w being the
number of those who are strictly worse: a 5 says that at least four fifths are. At most a fifth can have it,
and equal figures have equal scores. Better is a later last order, more orders, more spent. Nobody else has a
score.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import duckdb

#: score → the figure it ranks
SCORES: Final = MappingProxyType({"recency": "last_order", "frequency": "orders", "monetary": "spent"})


def score_expressions(
    connection: duckdb.DuckDBPyConnection, table: str, scores: Sequence[str], known: Collection[str]
) -> dict[str, str]:
    """The SQL of each score over the rows of a table (its name quoted), which has the columns `known`.

    A score is one more than the number of limits that the figure exceeds. The limit k is the ⌈k·N/5⌉-th
    smallest figure: whoever exceeds it, and nobody else, has at least k·N/5 below.
    """
    if not scores:
        return {}
    customer = _customer(known)
    limits = ", ".join(f"quantile_disc({SCORES[score]}, [0.2, 0.4, 0.6, 0.8])" for score in scores)
    ((*found,),) = connection.execute(f"select {limits} from {table} where {customer}").fetchall()
    return {
        score: _score(customer, SCORES[score], limits_of_score or ())
        for score, limits_of_score in zip(scores, found, strict=True)
    }


def _customer(known: Collection[str]) -> str:
    orders, spent, last = (name if name in known else "null" for name in ("orders", "spent", "last_order"))
    return f"coalesce({orders} > 0, {last} is not null or coalesce({spent} > 0, false))"


def _score(customer: str, figure: str, limits: Sequence[object]) -> str:
    exceeded = "".join(f" + cast({figure} > {literal(limit)} as integer)" for limit in limits)
    return f"case when {customer} and {figure} is not null then 1{exceeded} end"


def literal(value: object) -> str:
    """A moment or a number as SQL."""
    return f"timestamp '{value}'" if isinstance(value, datetime) else f"cast('{value!r}' as double)"
