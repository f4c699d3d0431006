"""Decisions counted: the summary of a cleaning, and the sums that must add up before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from hygiene.config import CleaningPolicy
from hygiene.contacts.plan import horizon, period_marks
from hygiene.contacts.read import Export
from hygiene.contacts.reasons import RejectReason
from hygiene.contacts.summary import PREVIEW_MONTHS, FileSummary, Life, Summary, broken_sums, ordered
from hygiene.contacts.suppression import SuppressionList
from hygiene.intake.dates_sql import quoted
from hygiene.intake.records import Positions
from hygiene.status import Status

_AT_ONCE = 500_000  # decisions looked at together


def count(
    connection: duckdb.DuckDBPyConnection,
    exports: Sequence[Export],
    policy: CleaningPolicy,
    as_of: datetime,
    *,
    digest: Callable[[Path], str],
    kept: int,
    segments: Mapping[str, tuple[int, int]],
    listed: SuppressionList | None,
    events: Mapping[str, Any] | None,
) -> Summary:
    """The numbers of a cleaning, from the tables ``contacts``, ``damaged``, ``decisions`` and ``persons``."""
    rejected = "select reason, count(*) from decisions where reason is not null group by 1"
    reasons = dict(_pairs(connection, rejected))
    damaged = sum(export.damaged for export in exports)
    statuses = _pairs(connection, "select standing, count(*) from contacts group by 1 order by 1")
    words = list(Status)
    return Summary(
        files=tuple(_file_summary(export, digest(export.source.given.path)) for export in exports),
        rows=sum(export.rows + export.damaged for export in exports),
        kept=kept,
        reasons=ordered({**reasons, RejectReason.DAMAGED_LINE.value: damaged}),
        flags=_flags(connection),
        repaired=_number(connection, "select count(*) from decisions where reason is null and repaired"),
        free=_number(connection, "select count(*) from persons where reason is null and free"),
        statuses={words[rank].value: rows for rank, rows in statuses},
        life=_life(connection, policy, as_of),
        segments=segments,
        lists=tuple(
            {
                "name": note.source,
                "entries": note.entries,
                "unreadable": note.unreadable,
                "lines": list(note.lines),
            }
            for note in (listed.notes if listed else ())
        ),
        events=events,
    )


def _file_summary(export: Export, digest: str) -> FileSummary:
    source = export.source
    return FileSummary(
        name=source.name,
        layout=export.recognised.layout.name,
        encoding=source.encoding,
        delimiter=source.delimiter,
        size=source.size,
        sha256=digest,
        rows=export.rows + export.damaged,
        damaged=export.damaged,
        blank=export.blank,
        notes=export.notes,
    )


def _flags(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    words = """select unnest(string_split(flags, ' ')) as word from decisions
        where reason is null and flags is not null"""
    return dict(_pairs(connection, f"select word, count(*) from ({words}) group by 1 order by 1"))


def _life(connection: duckdb.DuckDBPyConnection, policy: CleaningPolicy, as_of: datetime) -> Life:
    """Signs of life among the people whom nothing but inactivity keeps from being mailed."""
    marks = period_marks(as_of, PREVIEW_MONTHS)
    old = f"coalesce(joined, 0) < {horizon(policy, as_of).grace}"
    asked = f"coalesce(ignored_mails, {policy.min_ignored}) >= {policy.min_ignored}"
    gone = ", ".join(f'count(*) filter ("last" < {mark} and {old} and {asked})' for mark in marks.values())
    inactive = quoted(RejectReason.INACTIVE)
    found = connection.execute(
        f"""select count(*), count("last"), count(*) filter (reason = {inactive}), {gone}
        from persons where reason is null or reason = {inactive}"""
    ).fetchall()
    people, known, pruned, *shares = found[0]
    would_go = dict(zip(marks, shares, strict=False)) if known else {}
    return Life(people=people, known=known, inactive=pruned, would_go=would_go)


def check_sums(
    connection: duckdb.DuckDBPyConnection, exports: Sequence[Export], summary: Summary, kept: Positions
) -> list[str]:
    """What does not add up; nothing, unless the program itself is wrong.

    Every line is either among the `kept` (ascending) or rejected, once; every duplicate points to a row that is
    kept; who may be mailed has one row kept, and nobody who is on a suppression list has any.
    """
    marked = np.zeros(sum(export.last_line for export in exports) + 1, bool)
    marked[kept] = True
    kept_rows = marked.copy()
    rejected = pointing = 0
    query = """select "row", kept_row, reason in ('duplicate', 'duplicate-mailbox') as duplicate
        from decisions where reason is not null"""
    for batch in connection.sql(query).arrow(_AT_ONCE):
        rows, kept_row, duplicate = (column.to_numpy(zero_copy_only=False) for column in batch.columns)
        rejected += len(rows)
        marked[rows] = True
        pointing += int((~kept_rows[kept_row[duplicate].astype(np.int64)]).sum())
    unmarked = sum(int((~marked[export.load_spans()[:, 2]]).sum()) for export in exports)
    sound = sum(export.rows for export in exports)
    mailable = _number(connection, "select count(*) from persons where reason is null")
    listed = _number(connection, "select count(*) from persons where reason is null and listed is not null")
    return broken_sums(
        summary,
        [
            ("rows read and decisions", sound, len(kept) + rejected),
            ("decisions and different rows", len(kept) + rejected, int(marked.sum())),
            ("rows without a decision and none", unmarked, 0),
            ("rows kept and people to mail", summary.kept, mailable),
            ("people kept in spite of a suppression list and none", listed, 0),
            ("duplicates of a row that is not kept and none", pointing, 0),
        ],
    )


def _pairs(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, int]]:
    return connection.execute(query).fetchall()


def _number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(connection.execute(query).fetchall()[0][0])
