"""How readers of other kinds of logs than records join in: a look at the beginning, and a way to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from hygiene.event import EventKind

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """What is seen of a file before it is read; it is unpacked already."""

    name: str  # of the file as given
    start: bytes  # the first MiB, without a byte order mark; of a binary file, too
    columns: tuple[str, ...] = ()  # of a table: a delimited text or Parquet file


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One file to read into the tables `events`, `unread` and `tallies` of the connection."""

    path: Path  # unpacked
    name: str  # for sentences
    number: int  # the column `file`
    connection: duckdb.DuckDBPyConnection
    work: Path  # a folder for what must be written meanwhile
    timezone: str = "UTC"  # of times without a zone
    year: int | None = None  # of times without a year; None: find it, and say so
    modified: int | None = None  # when the file as given was last changed, in seconds since 1970 UTC
    cut: str = ""  # what to say of a file whose end is missing
    variant_column: str = ""  # the sender's own column, key or tag that tells variants, where one was named
    spared: tuple[str, ...] = ()  # columns of events that nobody will look at
    hashed: bool = False  # whether `message_id`, `recipient` and `url` of events are numbers
    standings: bool = (
        False  # whether events have a column `standing`: where a person is said to stand, a Status
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class FileRead:
    """How one file was read. What became rows of `events` is counted there, not here."""

    name: str
    layouts: tuple[str, ...] = ()  # names
    records: int = 0  # as they stood in the file: events, damaged and skipped ones
    skipped: Mapping[str, int] = field(default_factory=Counter)  # why they are no events → how many
    damaged: int = 0
    zoneless: int = 0  # times taken for the time zone given
    tallies: int = 0  # rows put into `tallies`
    notes: tuple[str, ...] = ()  # what was assumed, for a person


Read: TypeAlias = Callable[[Task], FileRead]
Finish: TypeAlias = Callable[["duckdb.DuckDBPyConnection"], tuple[str, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recogniser:
    """A reader and how it knows its files; asked before any layout of records is tried."""

    name: str
    recognises: Callable[[Head], bool]
    read: Read
    never: Mapping[str, tuple[EventKind, ...]] = field(default_factory=dict)  # source → what it cannot say
    finish: Finish | None = None  # once, after the last of its files: what several of them say together; notes
