"""Decisions counted: the summary of a cleaning, and the sums that must add up before anything is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import duckdb

from hygiene.config import CleaningPolicy
from hygiene.contacts.plan import horizon, period_marks
from hygiene.contacts.read import Export
from hygiene.contacts.reasons import RejectReason
from hygiene.contacts.summary import PREVIEW_MONTHS, FileSummary, Life, Summary, broken_sums, ordered
from hygiene.contacts.suppression import SuppressionList
from hygiene.intake.dates_sql import quoted
from hygiene.status import Status


def count(
    connection: duckdb.DuckDBPyConnection,
    exports: Sequence[Export],
    policy: CleaningPolicy,
    as_of: datetime,
    *,
    segments: Mapping[str, tuple[int, int]],
    listed: SuppressionList | None,
    events: Mapping[str, Any] | None,
) -> Summary:
    """The numbers of a cleaning, from the tables ``contacts``, ``damaged``, ``decisions`` and ``persons``."""
    reasons = dict(_pairs(connection, "select reason, count(*) from decisions group by 1"))
    kept = reasons.pop(None, 0)
    damaged = sum(export.damaged for export in exports)
    statuses = _pairs(connection, "select standing, count(*) from contacts group by 1 order by 1")
    words = list(Status)
    return Summary(
        files=tuple(_file_summary(export) for export in exports),
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


def _file_summary(export: Export) -> FileSummary:
    source = export.source
    return FileSummary(
        name=source.name,
        layout=export.recognised.layout.name,
        encoding=source.encoding,
        delimiter=source.delimiter,
        size=source.size,
        sha256=source.digest,
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


def check_sums(connection: duckdb.DuckDBPyConnection, exports: Sequence[Export], summary: Summary) -> list[str]:
    """What does not add up; nothing, unless the program itself is wrong.

    Every line has one decision, every person who may be mailed exactly one row kept and nobody else any, every
    duplicate points to a row that is kept, and no row kept is on a suppression list.
    """
    sound = sum(export.rows for export in exports)
    decided, different = connection.execute('select count(*), count(distinct "row") from decisions').fetchall()[
        0
    ]
    mailable = _number(connection, "select count(*) from persons where reason is null")
    listed = _number(connection, "select count(*) from persons where reason is null and listed is not null")
    pointing = _number(
        connection,
        """select count(*) from decisions d anti join (select "row" from decisions where reason is null) k
        on d.kept_row = k."row" where d.reason in ('duplicate', 'duplicate-mailbox')""",
    )
    return broken_sums(
        summary,
        [
            ("rows read and decisions", sound, decided),
            ("decisions and different rows", decided, different),
            ("rows kept and people to mail", summary.kept, mailable),
            ("people kept in spite of a suppression list and none", listed, 0),
            ("duplicates of a row that is not kept and none", pointing, 0),
        ],
    )


def _pairs(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, int]]:
    return connection.execute(query).fetchall()


def _number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(connection.execute(query).fetchall()[0][0])
