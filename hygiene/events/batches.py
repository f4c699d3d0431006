"""Small logs of JSON, many at a time: a folder of posts holds thousands, and each query costs its planning.

Their values wait in one table, each with its file and line in one number, and are read by one query; the rows
then get their file and line back, so that nobody can tell them from those of a file that was read alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from hygiene.errors import UnreadableInput
from hygiene.event import EVENT
from hygiene.events.jsonlog import JsonLog, load_bodies
from hygiene.events.recogniser import Task
from hygiene.events.sample import SAMPLE_VALUES
from hygiene.events.unpacked import one_sentence

if TYPE_CHECKING:
    import duckdb

LARGEST: Final = 256 * 1024  # bytes of a file that waits for others
_MOST_BYTES: Final = 16 * 1024 * 1024
_MOST_FILES: Final = 2_000

_TABLE: Final = "event_batch"
_TOGETHER: Final = -1  # the file of rows that do not have theirs back yet
_LINE_BITS: Final = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """A file whose values wait."""

    task: Task
    log: JsonLog
    named: bool  # asked for itself, so that what is wrong with it ends the reading


@dataclass(slots=True)
class Batch:
    """The files that wait, in their order."""

    connection: duckdb.DuckDBPyConnection
    files: list[Waiting] = field(default_factory=list)
    size: int = 0

    @property
    def full(self) -> bool:
        """Whether to wait no longer."""
        return self.size >= _MOST_BYTES or len(self.files) >= _MOST_FILES

    def add(self, one: Waiting) -> None:
        """Let the values of a file wait; raises what DuckDB says of a damaged one, of which nothing is kept."""
        if not self.files:
            self.connection.execute(f"create or replace temp table {_TABLE} (line bigint, body json)")
        place = one.task.number << _LINE_BITS
        self.connection.execute(
            f"insert into temp.{_TABLE} select {place} + line, body from ({one.log.read(numbered=True)})"
        )
        self.files.append(one)
        self.size += one.log.size

    def forget(self, first: int) -> None:
        """Let go of the files from a number on."""
        kept = [one for one in self.files if one.task.number < first]
        if len(kept) < len(self.files):
            self.connection.execute(f"delete from temp.{_TABLE} where line >= {first << _LINE_BITS}")
            self.files = kept

    def load(self) -> Iterator[tuple[Waiting, UnreadableInput | None]]:
        """Put the events of all files into the tables; each file, and why it could not be read.

        What one of them spoils for all is found by reading each alone.
        """
        files, self.files, self.size = self.files, [], 0
        try:
            self._load(replace(files[0].task, number=_TOGETHER), f"select line, body from temp.{_TABLE}")
            yield from ((one, None) for one in files)
        except UnreadableInput:
            yield from ((one, self._load_alone(one)) for one in files)
        finally:
            self.connection.execute(f"drop table if exists temp.{_TABLE}")

    def _load_alone(self, one: Waiting) -> UnreadableInput | None:
        first = one.task.number << _LINE_BITS
        bodies = (
            f"select line, body from temp.{_TABLE} where line between {first} and {first + 2**_LINE_BITS - 1}"
        )
        try:
            self._load(replace(one.task, number=_TOGETHER), bodies)
        except UnreadableInput as error:
            return error
        return None

    def _load(self, task: Task, bodies: str) -> None:
        # it tells the file, and may be spared otherwise
        self.connection.execute(f"alter table events add column if not exists line {EVENT['line']}")
        try:
            with one_sentence(task.name, "JSON"):
                load_bodies(task, bodies, bodies, self._sample(bodies))
        except BaseException:
            for table in ("events", "unread"):
                self.connection.execute(f"delete from {table} where file = {_TOGETHER}")
            raise
        for table in ("events", "unread"):
            self.connection.execute(
                f"update {table} set file = (line >> {_LINE_BITS})::int, line = line & {2**_LINE_BITS - 1} "
                f"where file = {_TOGETHER}"
            )

    def _sample(self, bodies: str) -> list[str]:
        """Values of all over the files."""
        ((count,),) = self.connection.execute(f"select count(*) from ({bodies})").fetchall()
        step = max(int(count) // SAMPLE_VALUES, 1)
        query = (
            f"select body from (select body, row_number() over (order by line) as place from ({bodies})) "
            f"where body is not null and place % {step} = 0 limit {SAMPLE_VALUES}"
        )
        return [body for (body,) in self.connection.execute(query).fetchall()]
