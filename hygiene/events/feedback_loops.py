"""The mailbox providers that report complaints to senders (RFC 6449), and the place of others among them."""

from __future__ import annotations

import tomllib
from functools import cache
from typing import Final

from hygiene.events.layout import quote
from hygiene.files import packaged_text

#: SQL type of a place; odd ones are those of providers that report
PLACE: Final = "USMALLINT"


@cache
def feedback_loops() -> tuple[str, ...]:
    """By name or domain, in the order of texts."""
    data = tomllib.loads(packaged_text("hygiene.events", "data/feedback_loops.toml"))
    return tuple(sorted(name for loop in data["loop"] for name in loop["names"]))


def place_sql(provider: str) -> str:
    """Where a provider stands among those that report complaints, as SQL: 2n + 1 is the nth, 2n before it.

    The greatest of some places is that of the greatest name, and a small number costs less to keep and to
    compare than most names do.
    """
    return f"(case when {provider} is not null then {_place(provider, 0, len(feedback_loops()))} end)::{PLACE}"


def _place(provider: str, least: int, most: int) -> str:
    """Where it stands, if between `least` and `most` names come before it or are its own: by halves."""
    if most == 0:
        return "0"
    if least == most:
        return f"if({provider} = {quote(feedback_loops()[least - 1])}, {2 * least - 1}, {2 * least})"
    middle = (least + most + 1) // 2
    above, below = _place(provider, middle, most), _place(provider, least, middle - 1)
    return f"case when {provider} >= {quote(feedback_loops()[middle - 1])} then {above} else {below} end"
