"""The columns of events that hold one of few words: texts, or enumerations of an octet instead of 16."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from hygiene.event import TRACKED, BounceClass, EventKind, Machine
from hygiene.events.layout import quote
from hygiene.events.records import Mark

if TYPE_CHECKING:
    import duckdb

_OFTEN: Final = (EventKind.SENT, EventKind.DELIVERED, EventKind.OPENED)  # nearly all events are one of these
#: column → its words in the order in which they are asked for: DuckDB compares a text with each in turn
WORDS: Final = {
    "kind": tuple(dict.fromkeys((*_OFTEN, *EventKind))),
    "bounce_class": tuple(BounceClass),
    "machine": tuple(Machine),
    "tracked": TRACKED,
}


def make_words(connection: duckdb.DuckDBPyConnection, *, enumerated: bool) -> dict[str, str]:
    """The SQL types of these columns, as texts or `enumerated`, with what `kept_sql` and `known_sql` call."""
    for name, words in WORDS.items():
        marks = tuple(Mark) if name == "kind" else ()
        connection.execute(f"create type if not exists word_of_{name} as enum ({_listed((*words, *marks))})")
        find = _member if enumerated else _itself
        kept = find(name, (*words, *marks), "word") if enumerated else "word"
        known = find(name, words, "word", f"else {find(name, words, 'lower(trim(word))')}")
        connection.execute(f"create or replace temp macro kept_{name}(word) as {kept}")
        connection.execute(
            f"create or replace temp macro known_{name}(word) as case when word is not null then {known} end"
        )
    return {name: f"word_of_{name}" if enumerated else "VARCHAR" for name in WORDS}


def kept_sql(column: str, word: str) -> str:
    """One of the words, or a Mark, as the column keeps it, as SQL."""
    return f"kept_{column}({word})"


def known_sql(column: str, text: str) -> str:
    """The word that a text is, in any case and between blanks, as the column keeps it; null for none."""
    return f"known_{column}({text})"


def _member(column: str, words: Iterable[str], text: str, otherwise: str = "") -> str:
    members = " ".join(f"when {quote(word)} then {quote(word)}::word_of_{column}" for word in words)
    return f"case {text} {members} {otherwise} end"


def _itself(column: str, words: Iterable[str], text: str, otherwise: str = "") -> str:
    often = f"when {text} in ({_listed(_OFTEN)}) then {text}" if column == "kind" else ""
    return f"case {often} when {text} in ({_listed(words)}) then {text} {otherwise} end"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(map(quote, words))
