"""Where the tables are computed: DuckDB in the process, or Spark; and the little that Narwhals cannot say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import narwhals as nw

from hygiene.errors import UnwritableOutput, UsageError
from hygiene.suppression_forms import Form, digest_sql
from hygiene.text_numbers import number_sql

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

Frame: TypeAlias = nw.LazyFrame[Any]

MEMORY = "500MB"  # that DuckDB may hold; the rest waits on disk
ENGINES = ("duckdb", "spark")


class Engine(Protocol):
    """What a cleaning asks of an engine besides what Narwhals gives."""

    def load(self, name: str, table: pa.Table) -> Frame:
        """A small table, of what Python found out, for joins."""

    def settle(self, name: str, frame: Frame) -> Frame:
        """Compute a frame once and keep it, so that what follows reads it instead of computing it again."""

    def drop(self, *names: str) -> None:
        """Forget settled frames."""

    def collect(self, frame: Frame) -> pa.Table:
        """A result, for Python to look at."""

    def hashed(self, frame: Frame, column: str, form: Form, key: bytes | None) -> Frame:
        """The frame with a column ``hash`` of the text in `column`, in a form of suppression lists."""

    def numbered(self, frame: Frame, text: str, name: str, *, exactly: bool) -> Frame:
        """The frame with a column `name` that tells the texts of a column apart: null for null.

        It is a number where numbers are grouped and joined faster. Two texts might then share one, though none
        among a thousand times a thousand million are likely to; `exactly`: none do.
        """

    def adopt(self, name: str, reading: DuckEngine) -> Frame:
        """A table that DuckDB read, as a frame here."""

    def hand_over(self, frames: Mapping[str, Frame], reading: DuckEngine) -> None:
        """Make settled frames tables of DuckDB, by these names."""

    def close(self) -> None:
        """Let go of what is held."""


class DuckEngine:
    """DuckDB, where what does not fit in memory waits on disk.

    Tables go to a database file at once; with `in_memory` only when there is no more room for them.
    """

    def __init__(
        self, folder: Path, *, threads: int | None = None, memory: str | None = MEMORY, in_memory: bool = False
    ) -> None:
        import duckdb

        settings: dict[str, Any] = {
            "temp_directory": str(folder / "spill"),
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        if memory:  # else DuckDB's own: four fifths of what there is
            settings["memory_limit"] = memory
        if threads:
            settings["threads"] = threads
        place = ":memory:" if in_memory else str(folder / "tables.db")
        self.connection: duckdb.DuckDBPyConnection = duckdb.connect(place, config=settings)
        # nothing outlives the run: no search for the best compression, nothing to put in order at the end
        self.connection.execute("pragma disable_checkpoint_on_shutdown")
        self.connection.execute("pragma force_compression='uncompressed'")

    def table(self, name: str) -> Frame:
        """A table that is there."""
        return nw.from_native(self.connection.table(name))

    def load(self, name: str, table: pa.Table) -> Frame:
        """See Engine."""
        self.connection.register("given", table)
        self.connection.execute(f"create or replace table {name} as select * from given")
        self.connection.unregister("given")
        return self.table(name)

    def settle(self, name: str, frame: Frame) -> Frame:
        """See Engine."""
        query = frame.to_native().sql_query()
        self.connection.execute(f"create or replace table {name} as {query}")
        return self.table(name)

    def drop(self, *names: str) -> None:
        """See Engine."""
        for name in names:
            self.connection.execute(f"drop table if exists {name}")

    def collect(self, frame: Frame) -> pa.Table:
        """See Engine."""
        return frame.to_native().arrow().read_all()

    def hashed(self, frame: Frame, column: str, form: Form, key: bytes | None) -> Frame:
        """See Engine."""
        relation = frame.to_native()
        hashed: Frame = nw.from_native(relation.project(f"*, {digest_sql(column, form, key)} as hash"))
        return hashed

    def numbered(self, frame: Frame, text: str, name: str, *, exactly: bool) -> Frame:
        """See Engine."""
        if exactly:
            return frame.with_columns(nw.col(text).alias(name))
        numbered: Frame = nw.from_native(frame.to_native().project(f"*, {number_sql(text)} as {name}"))
        return numbered

    def adopt(self, name: str, reading: DuckEngine) -> Frame:
        """See Engine: the same connection."""
        del reading
        return self.table(name)

    def hand_over(self, frames: Mapping[str, Frame], reading: DuckEngine) -> None:
        """See Engine: they are tables already."""

    def close(self) -> None:
        """Let go of the database file."""
        self.connection.close()


@contextmanager
def open_engine(
    name: str, folder: Path, threads: int | None = None, *, memory: str = MEMORY, in_memory: bool = False
) -> Iterator[tuple[Engine, DuckEngine]]:
    """The engine of that name, and DuckDB, which reads and writes the files; they may be one.

    Raises UsageError for a name that is none. What DuckDB says of a full disk or memory is one sentence, too.
    """
    check_engine(name)
    with (
        explained(folder),
        closing(DuckEngine(folder, threads=threads, memory=memory, in_memory=in_memory)) as reading,
        engine_beside(name, reading, folder, threads) as engine,
    ):
        yield engine, reading


def check_engine(name: str) -> None:
    """Refuse a name that is none."""
    if name not in ENGINES:
        raise UsageError(f"no engine is called {name!r}: there are {' and '.join(ENGINES)}")


@contextmanager
def engine_beside(name: str, reading: DuckEngine, folder: Path, threads: int | None = None) -> Iterator[Engine]:
    """The engine of that name; DuckDB, which reads the files, may be it."""
    if name != "spark":
        yield reading
        return
    from hygiene.engines.spark import SparkEngine

    with closing(SparkEngine(folder, threads=threads)) as engine:
        yield engine


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Around work of DuckDB in `folder`: a full disk, too little memory and Ctrl-C, each in one sentence."""
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise UnwritableOutput(f"there is too little memory or disk: {_sentence(error)}") from None
    except (duckdb.Error, RuntimeError) as error:
        if _was_interrupted(error):
            raise KeyboardInterrupt from None
        if isinstance(error, duckdb.IOException) or "Could not write" in str(error):
            raise UnwritableOutput(f"{folder.parent} cannot be written: {_sentence(error)}") from None
        raise


@contextmanager
def streaming(
    connection: duckdb.DuckDBPyConnection, schema: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> Iterator[None]:
    """Batches made in Python as the table ``batches``, once; what fails in making them is raised as it is."""
    import duckdb
    import pyarrow as pa

    failed: list[Exception] = []

    def made() -> Iterator[pa.RecordBatch]:
        try:
            yield from batches
        except Exception as error:
            failed.append(error)
            raise

    connection.register("batches", pa.RecordBatchReader.from_batches(schema, made()))
    try:
        yield
    except duckdb.Error:
        if failed:
            raise failed[0] from None
        raise
    finally:
        connection.unregister("batches")


@contextmanager
def in_order(connection: duckdb.DuckDBPyConnection, name: str, query: str) -> Iterator[None]:
    """What a query, which ends with its order, finds, as a table that is read in that order."""
    connection.execute("set preserve_insertion_order = true")
    try:
        connection.execute(f"create or replace table {name} as {query}")
        yield
    finally:
        connection.execute(f"drop table if exists {name}")
        connection.execute("set preserve_insertion_order = false")


def _sentence(error: Exception) -> str:
    return str(error).split("\n", 1)[0][:200]


def _was_interrupted(error: Exception) -> bool:
    """Whether it was Ctrl-C: DuckDB makes other errors of it, and of one in what streams rows to it."""
    said = str(error).rstrip(": \n")
    return said == "Query interrupted" or said.startswith("INTERRUPT") or said.endswith("KeyboardInterrupt")
