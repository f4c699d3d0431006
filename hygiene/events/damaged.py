"""Damaged JSON: values that nothing or a comma parts, a list cut short, lines of several values or of none.

What is whole is read, whatever stands around it; the rest is counted as damaged, and its text kept. Only
objects are values here: a list is what stands around some, so that one cut short gives those before the cut.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final

from hygiene.errors import UnreadableInput
from hygiene.events.jsonlog import DAMAGED, MOST_UNREAD, JsonLog, json_form, load_bodies, load_json
from hygiene.events.layout import quote
from hygiene.events.query import MOST_TEXT
from hygiene.events.recogniser import Task
from hygiene.events.records import Mark
from hygiene.events.sample import SAMPLE_VALUES
from hygiene.events.unpacked import Part, link, one_sentence, without_mark
from hygiene.intake.encoding import is_utf_16
from hygiene.intake.guard import MIB, Scratch
from hygiene.intake.kinds import Kind, binary_kind, refuse

_LONGEST: Final = 16 * MIB  # of one value; DuckDB takes no longer ones from lines
_AGAIN: Final = -2  # the file of rows that do not have theirs back yet
_TABLE: Final = "event_again"
_TOGETHER: Final = 50_000  # lines read again at a time

LINES: Final = "newline_delimited"

_DECODER: Final = json.JSONDecoder()
_BETWEEN: Final = re.compile(r"[\s,\[\]\0\x1e]*")
_FIRST_KEY: Final = re.compile(r'\{\s*("(?:[^"\\]|\\.)*")')
_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]")
_END: Final = 16  # characters before the end of what was read, in which a fault may be that more follows


def values_of(chunks: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """The values in a text, each as it stands and whether it is whole; what is none up to the next one, cut.

    >>> list(values_of(['[{"a": 1}, {"a": 2}{"a": ', '3},{"a"']))
    [('{"a": 1}', True), ('{"a": 2}', True), ('{"a": 3}', True), ('{"a"', False)]
    """
    more = iter(chunks)
    held, at, key = "", 0, ""
    while True:
        at = _BETWEEN.match(held, at).end()  # type: ignore[union-attr]  # matches nothing, too
        if at == len(held):
            fresh = next(more, None)
            if fresh is None:
                return
            held, at = fresh, 0
            continue
        end = _end(held, at)
        if end < 0 and len(held) - at < _LONGEST and (fresh := next(more, None)) is not None:
            held, at = held[at:] + fresh, 0
            continue
        if end > 0:
            key = key or _first_key(held, at)
            yield held[at:end], _is_text(held[at:end])
        else:
            end = _next_value(held, at, key)
            yield held[at : min(end, at + MOST_TEXT)].strip(), False
        at = end


def _end(text: str, at: int) -> int:
    """Where the object at a place ends; 0 where there is none, -1 where it may go on behind the text."""
    if text[at] != "{":
        return 0
    try:
        return _DECODER.raw_decode(text, at)[1]
    except json.JSONDecodeError as error:
        cut = error.msg.startswith("Unterminated string") or error.pos >= len(text) - _END
        return -1 if cut else 0
    except (ValueError, RecursionError):
        return 0


def _is_text(value: str) -> bool:
    """Whether a value has no half letters, neither as bytes nor escaped."""
    try:
        value.encode()
        if _HALF.search(value):
            json.dumps(json.loads(value), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _first_key(text: str, at: int) -> str:
    found = _FIRST_KEY.match(text, at)
    return found[1] if found else ""


def _next_value(text: str, at: int, key: str) -> int:
    """Where the next object may begin behind one that is damaged: one that begins as the others do.

    Where none is known yet, it stands at the beginning of a line, or right behind another's end.
    """
    start = text.rfind("\n", 0, at) + 1
    indent = text[start:at] if not text[start:at].strip() else ""
    ways = [rf"\n,?{re.escape(indent)}(?=\{{)", r"\}(?=\{)"]
    if key:
        ways.append(rf"[\}}\n][\s,]*(?=\{{\s*{re.escape(key)})")
    found = re.compile("|".join(ways)).search(text, at + 1)
    return found.end() if found else len(text)


# Whole files


def is_json(part: Part) -> bool:
    """Whether a file begins as JSON does."""
    text = part.head.removeprefix(codecs.BOM_UTF8).lstrip()
    is_text = binary_kind(part.head) is Kind.TEXT and not refuse(part.head)
    return part.lines or (is_text and text.startswith((b"{", b"[")) and not is_utf_16(part.head))


def json_log(part: Part) -> JsonLog:
    """A file as a log of JSON, without a byte order mark."""
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
            target.write(_in_one_line(text))
    return log_at(path, LINES, scratch) if whole else None


def values_in(log: JsonLog) -> Iterator[tuple[str, bool]]:
    """The values of a log, as `values_of` gives them."""
    with log.path.open("rb") as file:
        yield from values_of(_texts(file))


def _texts(file: BinaryIO) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    while chunk := file.read(MIB):
        yield decoder.decode(chunk)


def _in_one_line(text: str) -> bytes:
    """A value in one line: a line end inside stands between its parts, as texts hold none (RFC 8259 §7)."""
    return text.replace("\r", " ").replace("\n", " ").encode("utf-8", "surrogateescape") + b"\n"


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
        while text := file.readline(_LONGEST):
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
        con.execute(f"insert into events by name select '{Mark.DAMAGED}' as kind, {file} from {table}")
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
