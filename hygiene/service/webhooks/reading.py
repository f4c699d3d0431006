"""Records of posts through the readers of event logs: the same formats, whichever way an event comes."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from hygiene.config import Webhook
from hygiene.errors import UnreadableInput
from hygiene.event import EVENT, EventKind
from hygiene.service.webhooks.records import line_of

MEMORY: Final = "512MB"


@dataclass(frozen=True, kw_only=True)
class Told:
    """One event and recipient: the columns of the event table, and the place of its record."""

    record: int  # among those read, from 0
    columns: dict[str, Any]

    @property
    def kind(self) -> EventKind:
        """What happened."""
        return EventKind(self.columns["kind"])


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The events of records, and the places of those that are of no known form."""

    events: tuple[Told, ...]
    unread: frozenset[int]


def read_records(provider: Webhook, records: Sequence[Any], *, halvings: int = 6) -> Reading:
    """Read the records of one provider; what another layout than its own would make of one is not believed.

    Where reading fails as a whole, halves are tried, so that one record does not cost its neighbours theirs.
    """
    try:
        return _read(provider, records)
    except UnreadableInput:
        if len(records) == 1 or not halvings:
            return Reading(events=(), unread=frozenset(range(len(records))))
    middle = len(records) // 2
    first = read_records(provider, records[:middle], halvings=halvings - 1)
    second = read_records(provider, records[middle:], halvings=halvings - 1)
    later = (replace(event, record=event.record + middle) for event in second.events)
    unread = first.unread | {place + middle for place in second.unread}
    return Reading(events=(*first.events, *later), unread=frozenset(unread))


def _read(provider: Webhook, records: Sequence[Any]) -> Reading:
    import duckdb

    from hygiene.events.read import read_events

    everything = frozenset(range(len(records)))
    with tempfile.TemporaryDirectory(prefix="hygiene-webhooks-") as folder:
        path = Path(folder) / f"{provider}.jsonl"
        path.write_bytes(b"".join(map(line_of, records)))
        with duckdb.connect(config={"memory_limit": MEMORY, "threads": 1}) as connection:
            read_events(path, connection)
            names = [name for name in EVENT if name != "file"]
            rows = connection.execute(f"select {', '.join(names)} from events order by line").fetchall()  # noqa: S608
            lost = connection.execute("select distinct line from unread where why not like 'unknown event%'")
            unread = {line - 1 for (line,) in lost.fetchall() if line}
    found = [dict(zip(names, row, strict=True)) for row in rows]
    foreign = {row["line"] - 1 for row in found if row["source"] != provider}
    events = [_told(row) for row in found if row["source"] == provider]
    return Reading(events=tuple(events), unread=frozenset(unread | foreign) & everything)


def _told(row: dict[str, Any]) -> Told:
    columns = {
        name: value.replace("\0", "") if isinstance(value, str) else value
        for name, value in row.items()
        if name != "line"
    }
    return Told(record=row["line"] - 1, columns=columns)
