"""Event logs, read once: a table of events in a database of its own, to be measured as often as one likes."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hygiene.engines.engine import DuckEngine, explained
from hygiene.errors import UnreadableInput, UnwritableOutput
from hygiene.event import EVENT
from hygiene.events.progress import Tick
from hygiene.events.read import read_events as read_into
from hygiene.events.report import EventReport
from hygiene.events.workspace import is_workspace, write_events
from hygiene.metrics.moments import LEAST_MEMORY, read_memory

if TYPE_CHECKING:
    import pandas as pd

    from hygiene.render.sections import Document

_TABLES: Final = ("events", "unread", "tallies")
MEMORY: Final = "auto"  # that DuckDB may hold; the rest waits on disk
_LEAST_MB: Final = 2_000
_THREAD_MB: Final = LEAST_MEMORY  # for each thread, which reads JSON in pieces of 32 MiB
_SHARE: Final = 0.25 / 0.8  # a quarter of what there is, of which DuckDB by itself would take 80 %


class Events:
    """Event logs as the tables `events`, `unread` and `tallies`; gone when nobody holds it any more."""

    def __init__(self, *, memory_limit: str = MEMORY, threads: int | None = None) -> None:
        memory = None if memory_limit == MEMORY else read_memory(memory_limit)
        try:
            self.folder = Path(tempfile.mkdtemp(prefix="hygiene-measure-"))
        except OSError as error:
            raise UnwritableOutput(f"the temporary folder cannot be written: {error.strerror}") from None
        self.threads = threads
        self.reading = DuckEngine(self.folder, threads=threads, memory=memory, in_memory=True)
        self.memory = memory or _take_a_quarter(self.reading)
        if not threads:
            _take_threads(self.reading, self.memory)
        self.report: EventReport
        self.variant_column = ""  # of the sender's own, which variants were read from
        self._gone = weakref.finalize(self, _forget, self.reading, self.folder)

    def close(self) -> None:
        """Let go of the database and its folder."""
        self._gone()

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def count(self, table: str = "events") -> int:
        """The rows of one of the tables."""
        ((rows,),) = self.reading.connection.execute(f"select count(*) from {table}").fetchall()
        return int(rows)

    def read_beside(self, name: str, logs: Any, **options: Any) -> EventReport:
        """Read further logs into a table of their own, leaving those of the events as they are."""
        connection = self.reading.connection
        for table in _TABLES:
            connection.execute(f"alter table {table} rename to kept_{table}")
        try:
            report = read_into(logs, connection, **options)
            connection.execute(f"create or replace table {name} as from events")
        finally:
            for table in _TABLES:
                connection.execute(f"drop table if exists {table}")
                connection.execute(f"alter table kept_{table} rename to {table}")
        return report

    def to_frame(self) -> pd.DataFrame:
        """One row an event and recipient: all of them, in memory; times are UTC."""
        query = f"select {', '.join(EVENT)} from events order by file, line"
        frame = self.reading.connection.execute(query).df()
        texts = dict.fromkeys((name for name, kind in EVENT.items() if kind == "VARCHAR"), "string")
        return frame.astype(texts).assign(ts=_moments(frame["ts_us"]))

    def unread(self) -> pd.DataFrame:
        """What was not understood: file, line, why, text."""
        return self.reading.connection.execute("from unread order by file, line").df()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: the account of the reading, without the events."""
        return self.report.to_dict()

    def sections(self) -> Document:
        """What was read, for a person."""
        from hygiene.metrics.events_presentation import document

        return document(self.report)

    def _repr_html_(self) -> str:
        from hygiene.render.fragment import render_fragment

        return render_fragment([self.sections()])

    def __repr__(self) -> str:
        files = len(self.report.files)
        return f"<Events {self.count():,} in {files} {'file' if files == 1 else 'files'}>"


def _take_a_quarter(reading: DuckEngine) -> str:
    """Let it hold a quarter of the memory of this machine, or of its container, and 2 GB at least."""
    ((most,),) = reading.connection.execute("select current_setting('memory_limit')").fetchall()
    megabytes = float(read_memory(most).removesuffix("MB"))
    memory = f"{max(megabytes * _SHARE, _LEAST_MB):.0f}MB"
    reading.connection.execute(f"set memory_limit = '{memory}'")
    return memory


def _take_threads(reading: DuckEngine, memory: str) -> None:
    """Let no more threads work at once than there is memory for."""
    ((most,),) = reading.connection.execute("select current_setting('threads')").fetchall()
    room = int(float(memory.removesuffix("MB")) // _THREAD_MB)
    reading.connection.execute(f"set threads = {max(min(int(most), room), 1)}")


def _forget(reading: DuckEngine, folder: Path) -> None:
    reading.close()
    shutil.rmtree(folder, ignore_errors=True)


def _moments(microseconds: Any) -> Any:
    import pandas as pd

    return pd.to_datetime(microseconds, unit="us", utc=True)


def read_events(
    logs: Any,
    *,
    timezone: str = "UTC",
    year: int | None = None,
    variant_column: str = "",
    memory_limit: str = MEMORY,
    threads: int | None = None,
    tick: Tick | None = None,
) -> Events:
    """Read event logs: a path, several, folders or patterns, or a data frame (pandas, Polars, Arrow, DuckDB).

    The store of a workspace (``hygiene.db``, or its address in PostgreSQL) is a log, too.
    `timezone` is that of times without a zone, `year` that of times without one. `variant_column` is a column,
    key or tag of the sender's own that tells variants, as in "ab_group"; the usual ones are known. What goes
    beyond `memory_limit` waits on disk; "auto" is a quarter of the memory there is, and 2 GB at least. Raises
    UsageError or UnreadableInput with one sentence.
    """
    options: dict[str, Any] = {"timezone": timezone, "year": year, "variant_column": variant_column}
    return read_log(logs, memory_limit=memory_limit, threads=threads, tick=tick, **options)


def read_log(
    logs: Any,
    *,
    memory_limit: str = MEMORY,
    threads: int | None = None,
    **options: Any,
) -> Events:
    """As `read_events`, with the further options of `hygiene.events.read.read_events`."""
    events = Events(memory_limit=memory_limit, threads=threads)
    try:
        with explained(events.folder):
            events.variant_column = options.get("variant_column", "")
            logs = _out_of_stores(logs, events.folder)
            events.report = read_into(logs, events.reading.connection, **options)
    except BaseException:
        events.close()
        raise
    return events


def _out_of_stores(logs: Any, folder: Path) -> Any:
    """The same logs, with the events of a workspace written out where its store was named."""
    given = list(logs) if isinstance(logs, list | tuple) else [logs]
    if not any(is_workspace(log) for log in given):
        return logs
    return [_written_out(log, folder) if is_workspace(log) else log for log in given]


def _written_out(log: str | Path, folder: Path) -> Path:
    from hygiene.store import open_store

    place = folder / Path(str(log)).name
    with open_store(str(log), create=False) as store:
        if not write_events(store, place):
            raise UnreadableInput(f"the workspace {store.place} holds no events yet: nothing was sent from it")
    return place
