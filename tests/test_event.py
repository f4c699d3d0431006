"""The one vocabulary of events: every word has a meaning, every column a type."""

import duckdb
import pytest

from hygiene.event import BOUNCE_MEANING, EVENT, MEANING, BounceClass, EventKind


@pytest.mark.parametrize("word", [*EventKind, *BounceClass])
def test_a_word_is_plain_and_has_one_line_of_meaning(word):
    assert word == word.name.lower()
    assert word.isalpha()
    assert word.meaning
    assert len(word.meaning.splitlines()) == 1


def test_no_meaning_is_left_over_or_said_twice():
    assert set(MEANING) == set(EventKind)
    assert set(BOUNCE_MEANING) == set(BounceClass)
    meanings = [*MEANING.values(), *BOUNCE_MEANING.values()]
    assert len(set(meanings)) == len(meanings)


def test_the_columns_make_a_table():
    columns = ", ".join(f"{name} {kind}" for name, kind in EVENT.items())
    with duckdb.connect() as connection:
        connection.execute(f"create table event ({columns})")
        described = connection.execute("describe event").fetchall()
    assert {name: kind for name, kind, *_ in described} == dict(EVENT)


def test_time_is_a_whole_number():
    assert EVENT["ts_us"] == "BIGINT"
