"""The columns of events that hold one of few words: enumerations, of an octet where a text takes 16."""

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


def make_words(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The SQL types of these columns, made there with what `kept_sql` and `known_sql` call."""
    for name, words in WORDS.items():
        marks = tuple(Mark) if name == "kind" else ()
        listed = ", ".join(map(quote, sorted((*words, *marks))))  # so that they sort as their texts do
        connection.execute(f"create type if not exists {_type(name)} as enum ({listed})")
        kept, members = f"case word {_members(name, (*words, *marks))} end", _members(name, words)
        known = f"case word {members} else case lower(trim(word)) {members} end end"
        connection.execute(f"create or replace temp macro kept_{name}(word) as {kept}")
        connection.execute(
            f"create or replace temp macro known_{name}(word) as case when word is not null then {known} end"
        )
    return {name: _type(name) for name in WORDS}


def kept_sql(column: str, word: str) -> str:
    """One of the words, or a Mark, as the column keeps it, as SQL."""
    return f"kept_{column}({word})"


def known_sql(column: str, text: str) -> str:
    """The word that a text is, in any case and between blanks, as the column keeps it; null for none."""
    return f"known_{column}({text})"


def _type(column: str) -> str:
    return f"word_of_{column}"


def _members(column: str, words: Iterable[str]) -> str:
    return " ".join(f"when {quote(word)} then {quote(word)}::{_type(column)}" for word in words)
