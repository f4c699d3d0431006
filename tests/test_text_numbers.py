"""Texts are told apart by their numbers, though they differ in a few places only."""

import duckdb
import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from hygiene.text_numbers import number_sql

#: ids and addresses as senders make them, of which a few digits differ
FORMS = (
    "'cmp-000' || a || '-2026-1' || b || '-' || c || 'person' || d || '@example.com'",
    "printf('%s%08d%08d%08d@mail.example', 'x', a * 11111111, b * 1111111, c * 1111) || d",
    "printf('2026-11-%02d-news-%03d-user-%06d@shop.example', a * 3 + b // 4, c, d * 7919) || b",
)


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as made:
        yield made


def shared(connection, texts):
    """How many of the texts have a number that another one has, too."""
    rows = connection.execute(
        f"select count(distinct text), count(distinct {number_sql('text')}) from ({texts})"
    ).fetchall()
    ((number, numbers),) = rows
    return number - numbers


@pytest.mark.parametrize("form", FORMS)
def test_ids_of_a_form_have_numbers_of_their_own(connection, form):
    ranges = "range(10) t(a), range(10) u(b), range(100) v(c), range(40) w(d)"
    assert not shared(connection, f"select {form} as text from {ranges}")


@settings(max_examples=40, deadline=None)
@given(
    places=st.sets(st.integers(0, 39), min_size=3, max_size=3),
    step=st.sampled_from((0, 8)),
    length=st.integers(40, 60),
)
def test_texts_that_differ_in_three_places_have_numbers_of_their_own(connection, places, step, length):
    first, second, third = sorted(places) if not step else (min(places) % 8 + step * at for at in range(3))
    text = f"overlay_at(overlay_at(overlay_at(repeat('x', {length}), {first}, a), {second}, b), {third}, c)"
    connection.execute(
        "create or replace temp macro overlay_at(text, place, number) as "
        "left(text, place) || chr((number + 33)::int) || substr(text, place + 2)"
    )
    assert not shared(connection, f"select {text} as text from range(40) t(a), range(40) u(b), range(40) v(c)")


def test_no_text_has_no_number(connection):
    query = f"select {number_sql('text')} is null from (values (null), ('')) as given(text)"
    assert connection.execute(query).fetchall() == [(True,), (False,)]
