"""Numbers that tell texts apart: DuckDB groups and joins them faster than the texts."""

from __future__ import annotations


def number_sql(text: str) -> str:
    """The number of a text, a UBIGINT, as SQL; null for null.

    Two texts might share one, though none among a thousand million are likely to. DuckDB's hash of a text alone
    is weak: dozens among five million addresses share theirs (2.0).
    """
    return f"if({text} is null, null, hash({text}, reverse({text})))"
