"""The lists that account for the rows: rejected, flagged and suppressed, each written by one query."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import duckdb

from hygiene.contacts.copy import Written, hash_written
from hygiene.contacts.read import Export
from hygiene.contacts.reasons import ABOUT, BY_STATUS, RejectReason
from hygiene.engines.engine import in_order
from hygiene.intake.dates_sql import quoted

#: What a spreadsheet would run, blanks before it and full-width signs too (https://owasp.org/www-community/attacks/
#: CSV_Injection, 2026-11). An apostrophe before it stops that; one more before apostrophes can be taken back.
FORMULA = r"^['\x20\xA0\t\r\n]*[=+\-@＝＋－＠\t\r\n]"
#: texts from the first to the second, which begin with a letter, are none: seen sooner than matched
_LETTERS = ("A", "\x7f")

SUPPRESSING = (
    RejectReason.COMPLAINED,
    RejectReason.UNSUBSCRIBED,
    RejectReason.BOUNCED,
    RejectReason.SUPPRESSED,
)
_DUPLICATES = (RejectReason.DUPLICATE, RejectReason.DUPLICATE_MAILBOX)


def write_rejected(connection: duckdb.DuckDBPyConnection, exports: Sequence[Export], path: Path) -> Written:
    """One line for every row that is not kept, in the order of the input."""
    place = _Places(exports)
    # most rows are duplicates: asked first, the other reasons are looked at for few
    reasons = sorted(ABOUT, key=lambda reason: reason not in _DUPLICATES)
    steps = " ".join(f"when {quoted(reason)} then {quoted(ABOUT[reason].step)}" for reason in reasons)
    rows = 'select "row", address, reason, detail, said_row, "last", kept_row, null as text from decisions'
    damaged = (
        f'select "row", null, {quoted(RejectReason.DAMAGED_LINE)}, reason, null, null, null, text from damaged'
    )
    query = f"""
        select {place.safe_file('"row"')} as file, {place.line('"row"')} as line, {_safe("address")} as
        address, case reason {steps} end as step, reason, {_safe("words")} as detail,
            case when {_is(_DUPLICATES)} then {place.safe_name("kept_row")} end as kept_row,
            {_safe("text")} as text
        from (select *, {_detail(place)} as words from rejected)
    """
    # what is known of the rows is put in order, not the longer words that say it
    with in_order(
        connection, "rejected", f'{rows} where reason is not null union all {damaged} order by "row"'
    ):
        return _copied(connection, query, path)


def write_flagged(connection: duckdb.DuckDBPyConnection, exports: Sequence[Export], path: Path) -> Written:
    """The kept rows of which something is to be said, and the address to write to where the cell is not it."""
    place = _Places(exports)
    query = f"""
        select {place.safe_file('"row"')} as file, {place.line('"row"')} as line, {_safe("address")} as
        address, concat_ws(' ', flags, case when repaired then 'repaired' end) as flags, suggestion,
            {_safe("case when repaired then normal end")} as mail_to
        from decisions where reason is null and (flags is not null or repaired) order by "row"
    """
    return _copied(connection, query, path)


def write_suppressions(connection: duckdb.DuckDBPyConnection, exports: Sequence[Export], path: Path) -> Written:
    """Everybody found here who must never be mailed: one line an address, for other systems to obey."""
    place = _Places(exports)
    query = f"""
        select {_safe("address")} as address, reason, {_safe("source")} as source from (
            select coalesce(judged_key, lower(address)) as address, min("row") as first,
                any_value(case when {_is((RejectReason.SUPPRESSED,))} then split_part(detail, chr(9), 2) else
                reason end) as reason,
                min_by(case when {_is((RejectReason.SUPPRESSED,))} then split_part(detail, chr(9), 3)
                    else {place.name("said_row")} end, "row") as source
            from decisions where {_is(SUPPRESSING)} group by 1
        ) order by first
    """
    return _copied(connection, query, path)


class _Places:
    """Row numbers as files and lines."""

    def __init__(self, exports: Sequence[Export]) -> None:
        self.exports = exports

    def file(self, row: str) -> str:
        """The name of the file of a row."""
        return self._chosen(row, [quoted(export.source.name) for export in self.exports])

    def safe_file(self, row: str) -> str:
        """The same, so that no spreadsheet runs it."""
        names = [export.source.name for export in self.exports]
        return self._chosen(row, [quoted(f"'{name}" if re.search(FORMULA, name) else name) for name in names])

    def safe_name(self, row: str) -> str:
        """File and line, so that no spreadsheet runs them."""
        return f"{self.safe_file(row)} || ':' || {self.line(row)}"

    def line(self, row: str) -> str:
        """The line of a row in its file."""
        return f"({row} - {self._chosen(row, [str(export.base) for export in self.exports])})"

    def name(self, row: str) -> str:
        """Both, as in ``subscribers.csv:17``."""
        return f"{self.file(row)} || ':' || {self.line(row)}"

    def _chosen(self, row: str, values: Sequence[str]) -> str:
        if len(values) == 1:
            return values[0]
        pairs = reversed(list(zip(self.exports[1:], values[1:], strict=True)))
        cases = " ".join(f"when {row} > {export.base} then {value}" for export, value in pairs)
        return f"(case {cases} else {values[0]} end)"


def _is(reasons: Sequence[RejectReason]) -> str:
    """Not as a list with `in`: DuckDB makes a join of a long one, which loses the order of the rows."""
    cases = " ".join(f"when {quoted(reason)} then true" for reason in reasons)
    return f"(case reason {cases} else false end)"


def _detail(place: _Places) -> str:
    """What a reason rests on, in words."""
    cases = {
        RejectReason.SUPPRESSED: "replace(substr(detail, strpos(detail, chr(9)) + 1), chr(9), ', in ')",
        RejectReason.SOFT_BOUNCED: "detail || ' soft bounces in a row'",
        RejectReason.MISTYPED: "'probably ' || detail",
        RejectReason.DISPOSABLE: "'listed in ' || detail",
        RejectReason.INACTIVE: "'last sign of life ' || strftime(make_timestamp(last * 1000000), '%Y-%m-%d')",
    }
    words = " ".join(f"when reason = {quoted(reason)} then {text}" for reason, text in cases.items())
    by_other = f"""when {_is(tuple(BY_STATUS.values()))} and detail is null and said_row <> "row"
        then 'said by ' || {place.name("said_row")}"""
    return f"case when {_is(_DUPLICATES)} then detail {words} {by_other} else detail end"


def _safe(text: str) -> str:
    """A cell that no spreadsheet runs."""
    return f"case when regexp_matches({text}, {quoted(FORMULA)}) then '''' || {text} else {text} end"


def _copied(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> Written:
    """Write a query as CSV with a header; what was written."""
    found = connection.execute(f"copy ({query}) to {quoted(str(path))} (format csv, header)").fetchall()
    return hash_written(path, rows=int(found[0][0]))
