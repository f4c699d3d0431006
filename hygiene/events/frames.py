"""Data frames of any library as a table that DuckDB can be asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hygiene.errors import UsageError

if TYPE_CHECKING:
    import duckdb

_NAME = "event_frame"


@contextmanager
def as_table(frame: Any, connection: duckdb.DuckDBPyConnection, *, what: str = "an event log") -> Iterator[str]:
    """The name of a data frame among the connection's tables; raises UsageError for anything else."""
    import narwhals as nw

    try:
        native = nw.from_native(frame)
    except TypeError:
        raise UsageError(f"{what} is a path or a data frame, not {type(frame).__name__}") from None
    except nw.exceptions.DuplicateError:
        raise UsageError("the data frame has two columns of the same name") from None
    whole = native.collect("pyarrow") if isinstance(native, nw.LazyFrame) else native
    if not whole.columns:
        raise UsageError("the data frame has no columns")
    if any(not isinstance(name, str) for name in whole.columns):
        raise UsageError("the data frame has column names that are no texts")
    connection.register(_NAME, whole.to_arrow())
    try:
        yield _NAME
    finally:
        connection.unregister(_NAME)
