"""Sign-ups as they are handed over: a table of people and moments, of any kind of frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw

from hygiene.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

_WANTED = (
    "sign-ups are a data frame of recipient and joined_us (microseconds since 1970 UTC) or joined (a date)"
)


def read_joined(joined: Any) -> pa.Table:
    """recipient, in lower case, and joined_us; raises UsageError for anything else."""
    try:
        known = nw.from_native(joined)
    except TypeError:
        raise UsageError(f"{_WANTED}, not {type(joined).__name__}") from None
    table = known.collect() if isinstance(known, nw.LazyFrame) else known
    if "recipient" not in table.columns or not {"joined_us", "joined"} & set(table.columns):
        raise UsageError(f"{_WANTED}; this one has {', '.join(map(repr, table.columns[:8]))}")
    if "joined_us" not in table.columns:
        if not isinstance(table.schema["joined"], nw.Date | nw.Datetime):
            raise UsageError(f"{_WANTED}; joined is {table.schema['joined']}")
        moment = nw.col("joined").cast(nw.Datetime("us", getattr(table.schema["joined"], "time_zone", None)))
        table = table.with_columns(joined_us=moment.dt.timestamp("us"))
    table = table.select(
        recipient=nw.col("recipient").cast(nw.String).str.strip_chars().str.to_lowercase(),
        joined_us=nw.col("joined_us").cast(nw.Int64),
    )
    return table.drop_nulls().to_arrow()
