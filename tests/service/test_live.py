"""What an open dashboard is told: what is known last while something slow is made anew, and not too often."""

import asyncio
import threading

import pytest

from hygiene.service.site import Site
from hygiene.store import open_store

from ..sending.mailings import KEY, Clock
from .site import settings_of


@pytest.fixture
def site(tmp_path):
    with open_store(str(tmp_path / "hygiene.db"), key=KEY) as store:
        yield Site(store=store, settings=settings_of(), clock=Clock())


def test_nobody_waits_for_what_takes_long_and_it_is_there_the_next_time(site):
    gate, made = threading.Event(), []

    def slow():
        gate.wait(30)
        made.append(1)
        return f"made {len(made)}"

    async def watch():
        first = [await site.soon("x", 10, slow, 0.01) for _ in range(3)]
        gate.set()
        found = await site.kept("x", 10, slow)
        gate.clear()
        site.clock.move(seconds=1)
        old = [await site.soon("x", 10, slow, 0.01) for _ in range(3)]
        gate.set()
        return first, found, old, await site.kept("x", 10, slow)

    first, found, old, new = asyncio.run(watch())
    assert first == [None] * 3
    assert (found, old, new) == ("made 1", ["made 1"] * 3, "made 2")
    assert len(made) == 2


def test_what_takes_long_is_made_more_seldom(site):
    def slow():
        site.clock.move(seconds=5)
        return site.clock()

    async def made_at(*waits):
        found = [await site.kept("x", 1_000_000, slow)]
        for seconds in waits:
            site.clock.move(seconds=seconds)
            found.append(await site.kept("x", 1_000_000, slow))
        return found

    found = asyncio.run(made_at(50, 44, 10))
    assert found[0] == found[1] == found[2] != found[3]


def test_what_cannot_be_made_is_an_error_for_who_waits_and_for_nobody_else(site):
    async def ask():
        with pytest.raises(ZeroDivisionError):
            await site.soon("x", 10, lambda: 1 // 0, 5)
        return await site.soon("x", 10, lambda: 7, 5)

    assert asyncio.run(ask()) == 7
