"""Who left, as told by rows that are rejected unread: several addresses in a cell, or a damaged line.

An apostrophe before an address is an old way to tell a spreadsheet that it is text: there both are meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from hygiene.address import Address, addresses_in, judge_address
from hygiene.contacts.column_names import word_key
from hygiene.contacts.consent_search import ends_of_words
from hygiene.contacts.layout import ENDS
from hygiene.contacts.suppression import Form, Reason, SuppressionList
from hygiene.contacts.suppression.entries import collect
from hygiene.status import Status, strictest
from hygiene.suppression_forms import read_target

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

    from hygiene.contacts.read import Export
    from hygiene.suppression_forms import Target

_AT_ONCE = 10_000  # rows that are Python objects at a time
_REASONS: Final = {
    Status.BOUNCED: Reason.BOUNCED,
    Status.UNSUBSCRIBED: Reason.UNSUBSCRIBED,
    Status.COMPLAINED: Reason.COMPLAINED,
}
_CELLS = re.compile(r"[,;\t|\"]+")


def gone_unread(connection: duckdb.DuckDBPyConnection, exports: Sequence[Export]) -> SuppressionList | None:
    """The addresses in rows that say that somebody left, and of which no row of a contact can be made.

    Who is meant by such a row is not to be mailed on the word of another. None where there is nobody.
    """
    found = collect(_entries(connection, exports))
    return found if len(found) else None


def _entries(
    connection: duckdb.DuckDBPyConnection, exports: Sequence[Export]
) -> Iterator[tuple[Target, Reason, datetime | None, str]]:
    least = min(status.rank for status in ENDS)
    texts = connection.cursor().execute(
        'select "row", address, standing from contacts'
        " where standing >= ? and (not ordinary or starts_with(address, chr(39)))"
        " and regexp_matches(address, '[@＠﹫]|%40|&#')",
        [least],
    )
    while rows := texts.fetchmany(_AT_ONCE):
        for row, text, rank in rows:
            if text.startswith("'") or not isinstance(judge_address(text), Address):
                yield from _of_text(text, list(Status)[rank], _place(exports, row))
    damaged = connection.cursor().execute("select \"row\", text from damaged where contains(text, '@')")
    while rows := damaged.fetchmany(_AT_ONCE):
        for row, text in rows:
            if status := _end_of_line(text, _export_of(exports, row).recognised.file_status):
                yield from _of_text(text, status, _place(exports, row))


def _of_text(text: str, status: Status, place: str) -> Iterator[tuple[Target, Reason, datetime | None, str]]:
    for address in addresses_in(text):
        if target := read_target(address, Form.ADDRESS):
            yield target, _REASONS[status], None, place


def _end_of_line(text: str, file_status: Status | None) -> Status | None:
    """Whether a damaged line tells of an end: by its file, or by a word that nothing else is called by."""
    keys = {word_key(cell) for cell in _CELLS.split(text.replace("\0", "").strip())}
    said = [status for key in keys if (status := ends_of_words().get(key))]
    said += [file_status] if file_status in ENDS and file_status is not None else []
    return strictest(*said) if said else None


def _export_of(exports: Sequence[Export], row: int) -> Export:
    return next(export for export in reversed(exports) if row > export.base)


def _place(exports: Sequence[Export], row: int) -> str:
    export = _export_of(exports, row)
    return f"{export.source.name}:{row - export.base}"
