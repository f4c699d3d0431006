"""Items made on another thread come as they would have come without it."""

import threading

import pytest

from hygiene.contacts.ahead import AHEAD, ahead


def test_the_same_items_in_the_same_order():
    assert list(ahead(range(10_000))) == list(range(10_000))
    assert list(ahead([])) == []


def test_what_making_them_raises_is_raised_where_they_are_used():
    def items():
        yield 1
        raise KeyError("lost")

    taken = []
    with pytest.raises(KeyError, match="lost"):
        taken.extend(ahead(items()))
    assert taken == [1]


def test_who_stops_early_leaves_no_thread_behind():
    made = []

    def items():
        for number in range(1_000):
            made.append(number)
            yield number

    before = threading.active_count()
    some = ahead(items())
    assert next(some) == 0
    some.close()
    assert threading.active_count() == before
    assert len(made) <= AHEAD + 3
