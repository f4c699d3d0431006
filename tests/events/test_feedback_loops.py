"""A provider's place says what its name says: whether it reports complaints, and which of two is greater."""

import duckdb
import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from hygiene.events.feedback_loops import feedback_loops, place_sql

NEAR = st.sampled_from(feedback_loops()).flatmap(
    lambda name: st.sampled_from(
        [name, name[:-1], f"{name}.au", f"{name} ", name.upper(), f"x{name}", f"{name[:-1]}~"]
    )
)


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as made:
        yield made


@settings(max_examples=200, deadline=None)
@given(names=st.lists(NEAR | st.text(max_size=20), min_size=1, max_size=4))
def test_the_greatest_place_is_that_of_the_greatest_name(connection, names):
    names = [name.replace("\0", "") for name in names]
    ((place, greatest),) = connection.execute(
        f"select max({place_sql('name')}), max(name) from (select unnest(?::varchar[]) as name)", [names]
    ).fetchall()
    assert (place % 2 == 1) == (greatest in feedback_loops())


def test_each_that_reports_has_an_odd_place_and_none_has_none(connection):
    rows = connection.execute(
        f"select {place_sql('name')} from (select unnest(?::varchar[]) as name)",
        [list(feedback_loops())],
    ).fetchall()
    assert rows == [(2 * at + 1,) for at in range(len(feedback_loops()))]
    assert connection.execute(f"select {place_sql('null::varchar')}").fetchone() == (None,)
