"""The events of a workspace as a log: what was sent, and what came back, out of its store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hygiene.event import EVENT

if TYPE_CHECKING:
    import pyarrow as pa

    from hygiene.store import Store

_SQLITE: Final = b"SQLite format 3\0"  # https://www.sqlite.org/fileformat.html §1.3
_SERVERS: Final = ("postgresql://", "postgres://", "postgresql+psycopg://")
_BATCH: Final = 50_000
_COLUMNS: Final = tuple(name for name in EVENT if name not in ("file", "line"))


def is_workspace(log: Any) -> bool:
    """Whether a log is a workspace's store: an SQLite file, or a database's address."""
    if isinstance(log, str) and log.startswith(_SERVERS):
        return True
    if not isinstance(log, str | Path):
        return False
    try:
        with Path(log).open("rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except OSError:
        return False


def write_events(store: Store, place: Path) -> int:
    """Write the events of a store to a Parquet file in our own columns, in batches; how many."""
    import pyarrow.parquet as pq

    count = 0
    with pq.ParquetWriter(place, _schema(), compression="zstd") as writer:
        for batch in _batches(store):
            writer.write_table(batch)
            count += batch.num_rows
    return count


def _batches(store: Store) -> Iterator[pa.Table]:
    import pyarrow as pa
    from sqlalchemy import null, select

    from hygiene.tables import EVENT as TABLE

    # what the store does not keep of an event is null, as in any log that does not tell of it
    query = select(*(TABLE.c[name] if name in TABLE.c else null().label(name) for name in _COLUMNS)).order_by(
        TABLE.c.event_id
    )
    with store.reading() as connection:
        result = connection.execution_options(yield_per=_BATCH).execute(query)
        for rows in result.partitions():
            columns: Sequence[Sequence[Any]] = list(zip(*rows, strict=True))
            yield pa.Table.from_arrays(
                [pa.array(values, field.type) for values, field in zip(columns, _schema(), strict=True)],
                schema=_schema(),
            )


def _schema() -> pa.Schema:
    import pyarrow as pa

    types = {"VARCHAR": pa.string(), "BIGINT": pa.int64()}
    return pa.schema([(name, types[EVENT[name]]) for name in _COLUMNS])
