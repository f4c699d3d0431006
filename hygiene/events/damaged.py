"""Damaged JSON: values that nothing or a comma parts, a list cut short, lines of several values or of none.

What is whole is read, whatever stands around it; the rest is counted as damaged, and its text kept.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final

from hygiene.errors import UnreadableInput
from hygiene.events.json_values import LONGEST, in_one_line, values_of
from hygiene.events.jsonlog import DAMAGED, MOST_UNREAD, JsonLog, json_form, load_bodies, load_json
from hygiene.events.layout import quote
from hygiene.events.query import MOST_TEXT, put_events
from hygiene.events.recogniser import Task
from hygiene.events.records import Mark
from hygiene.events.sample import SAMPLE_VALUES
from hygiene.events.unpacked import Part, link, one_sentence, without_mark
from hygiene.events.zipped import holds_gzip, unzipped
from hygiene.intake.encoding import is_utf_16
from hygiene.intake.guard import MIB, Scratch
from hygiene.intake.kinds import Kind, binary_kind, refuse

_AGAIN: Final = -2  # the file of rows that do not have theirs back yet
_TABLE: Final = "event_again"
_TOGETHER: Final = 50_000  # lines read again at a time

LINES: Final = "newline_delimited"

# Whole files


def is_json(part: Part) -> bool:
    """Whether a file begins as JSON does."""
    text = part.head.removeprefix(codecs.BOM_UTF8).lstrip()
    is_text = binary_kind(part.head) is Kind.TEXT and not refuse(part.head)
    return part.lines or (is_text and text.startswith((b"{", b"[")) and not is_utf_16(part.head))


def json_log(part: Part) -> JsonLog:
    """A file as a log of JSON, without a byte order mark and what it holds in gzip unpacked."""
    if holds_gzip(part.head):
        return log_at(unzipped(part.path, part.scratch), LINES, part.scratch)
    marked = part.head.startswith(codecs.BOM_UTF8)
    path = without_mark(part.path, part.scratch) if marked else part.path
    return log_at(path, LINES if part.lines else json_form(part.head), part.scratch)


def log_at(path: Path, form: str, scratch: Scratch) -> JsonLog:
    """The log at a path; `form` is a word of `json_form`."""
    return JsonLog(path=path, link=quote(str(link(path, scratch, ".log"))), form=form, size=path.stat().st_size)


def load_file(task: Task, part: Part) -> JsonLog:
    """Put the events of a file of JSON into `events`; the log that was read.

    Raises UnreadableInput where nothing in it is whole.
    """
    log = json_log(part)
    try:
        with one_sentence(task.name, "JSON"):
            load_json(task, log)
    except UnreadableInput:
        whole = mended(log, part.scratch)
        if whole is None:
            raise
        log = whole
        with one_sentence(task.name, "JSON"):
            load_json(task, log)
    keep_damaged(task, log)
    return log


def mended(log: JsonLog, scratch: Scratch) -> JsonLog | None:
    """What is whole in a file that DuckDB refuses, one value a line; None where nothing is."""
    if log.form == LINES:
        return None
    path = scratch.new_path(".json")
    scratch.need(log.size)
    whole = 0
    with scratch.writing(), path.open("wb") as target:
        for text, sound in values_in(log):
            whole += sound
            target.write(in_one_line(text))
    return log_at(path, LINES, scratch) if whole else None


def values_in(log: JsonLog) -> Iterator[tuple[str, bool]]:
    """The values of a log, as `values_of` gives them."""
    with log.path.open("rb") as file:
        yield from values_of(_texts(file))


def _texts(file: BinaryIO) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    while chunk := file.read(MIB):
        yield decoder.decode(chunk)


# Lines


def keep_damaged(task: Task, log: JsonLog) -> bool:
    """Read what is whole in damaged lines, and keep the text of the rest; whether there was any.

    Lines are known by their numbers among those that are not blank.
    """
    con = task.connection
    damaged = f"from events where file = {task.number} and kind = '{Mark.DAMAGED}'"
    if log.form != LINES or not con.execute(f"select 1 {damaged} limit 1").fetchall():
        return False
    rows = con.execute(f"select line from ({log.read(numbered=True)}) where body is null").fetchall()
    con.execute(f"delete {damaged}")
    found: list[tuple[int, str]] = []
    lost: list[tuple[int, str]] = []
    for line, text in _lines(log.path, {line for (line,) in rows}):
        values = list(values_of([text]))
        found += ((line, value) for value, sound in values if sound)
        if not values or not all(sound for _, sound in values):
            kept = text[:MOST_TEXT].encode("utf-8", "replace").decode() if len(lost) < MOST_UNREAD else ""
            lost.append((line, kept))
        if len(found) >= _TOGETHER:
            _load_again(task, found)
            found = []
    _load_again(task, found)
    _keep(task, lost)
    return True


def _lines(path: Path, wanted: set[int]) -> Iterator[tuple[int, str]]:
    number = 0
    with path.open("rb") as file:
        while text := file.readline(LONGEST):
            if text.isspace():
                continue
            number += 1
            if number in wanted:
                yield number, text.decode("utf-8", "surrogateescape").strip()


def _keep(task: Task, lost: list[tuple[int, str]]) -> None:
    """Count the lines that are no values, and keep the text of the first of them."""
    con = task.connection
    file, why = f"{task.number} as file, line", f"{quote(DAMAGED)} as why, body as text"
    with _as_table(task, lost) as table:
        put_events(con, f"select '{Mark.DAMAGED}' as kind, {file} from {table}", rare=False)
        con.execute(
            f"insert into unread by name select {file}, {why} from {table} order by line limit {MOST_UNREAD}"
        )


def _load_again(task: Task, values: list[tuple[int, str]]) -> None:
    """Put values and their lines into `events`: apart at first, as readings know what they left by the file."""
    if not values:
        return
    with _as_table(task, values) as table:
        bodies = f"select line, body::json as body from {table}"
        sample = [text for _, text in values[:SAMPLE_VALUES]]
        load_bodies(replace(task, number=_AGAIN), bodies, bodies, sample)
    for name in ("events", "unread"):
        task.connection.execute(f"update {name} set file = {task.number} where file = {_AGAIN}")


@contextmanager
def _as_table(task: Task, rows: list[tuple[int, str]]) -> Iterator[str]:
    """Numbers of lines and texts as a table, columns line and body."""
    import pyarrow as pa

    lines, texts = zip(*rows, strict=True) if rows else ((), ())
    con = task.connection
    con.register(
        "event_given", pa.table({"line": pa.array(lines, pa.int64()), "body": pa.array(texts, pa.string())})
    )
    con.execute(f"create or replace temp table {_TABLE} as from event_given")
    con.unregister("event_given")
    yield f"temp.{_TABLE}"
    con.execute(f"drop table temp.{_TABLE}")
