"""Several workers on one outbox in PostgreSQL: one killed, rates shared, a mail handed in twice at once."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from hygiene.demo import crash
from hygiene.demo.smtp_sink import SmtpSink
from hygiene.sending.allowance import allow
from hygiene.sending.census import counts, is_open
from hygiene.sending.pace import SECOND_US, Rate
from hygiene.sending.queueing import Message, queue_message
from hygiene.sending.states import State
from hygiene.store import open_store
from hygiene.tables import METADATA, OUTBOX
from tests.sending.campaign_files import a_settings
from tests.sending.mailings import KEY, START, START_US

pytestmark = pytest.mark.server("initdb", "postgres")
MAILS = {1: 150, 5: 400}  # by connections


@pytest.fixture
def store(url):
    with open_store(url, key=KEY) as opened:
        yield opened
        with opened.writing() as connection:
            METADATA.drop_all(connection)


@pytest.mark.parametrize("connections", [1, 5])
def test_the_other_takes_over_from_one_that_was_killed(tmp_path, store, connections):
    key = tmp_path / "hygiene.key"
    key.write_text(KEY.hex())
    taken = []
    campaign = crash._queue(store, MAILS[connections])
    with SmtpSink(taken.append, delay_s=(0.002, 0.02)) as sink:
        place = store.engine.url.render_as_string(hide_password=False)
        config = crash._config(tmp_path, place, key, sink.port, connections)
        first, second = crash._start(config), crash._start(config)
        try:
            owners = until(lambda: owners_of(store), lambda found: len(found) == 2)
            assert len(owners) == 2, crash._words(config)
            until(lambda: len(taken), lambda count: count > 20)
            first.kill()
            first.join()
            killed = time.monotonic()
            left = until(lambda: owners_of(store), lambda found: len(found) < 2, crash.LEASE_S + 10)
            took_s = time.monotonic() - killed
            second.join(60)
            assert second.exitcode == 0, crash._words(config)
        finally:
            for worker in (first, second):
                worker.kill()
                worker.join()
    assert len(left) < 2
    assert took_s < crash.LEASE_S + 10
    twice = [address for address, count in Counter(mail.recipient for mail in taken).items() if count > 1]
    assert not twice
    with store.reading() as connection:
        found = counts(connection, campaign)
        rows = connection.execute(select(OUTBOX.c.recipient, OUTBOX.c.state)).all()
        assert not is_open(connection, campaign)
    assert set(found) <= {State.SENT, State.UNKNOWN}
    assert found.get(State.UNKNOWN, 0) <= connections
    there = {mail.recipient for mail in taken}
    assert all(recipient in there for recipient, state in rows if state == State.SENT)


def owners_of(store):
    """The workers that hold mails now."""
    with store.reading() as connection:
        return set(connection.scalars(select(OUTBOX.c.owner).where(OUTBOX.c.owner.is_not(None)).distinct()))


def until(look, enough, longest_s=30):
    deadline = time.monotonic() + longest_s
    while not enough(found := look()) and time.monotonic() < deadline:
        time.sleep(0.002)
    return found


def test_workers_that_draw_at_once_stay_within_every_rate(url, store):
    """The buckets are not there at first: nothing to lock, and each would begin full."""
    rates = {
        "relay 100/h": Rate(100, 3600),
        "relay 300/d": Rate(300, 86_400),
        "relay gmail 50/h": Rate(50, 3600),
    }

    def draw(number):
        names = list(rates) if number % 2 else list(reversed(rates))
        with open_store(url, key=KEY) as own, own.writing() as connection:
            allowance = allow(connection, {name: rates[name] for name in names}, START_US + number * SECOND_US)
            count = allowance.of(1 + number % 3)
            allowance.spend(connection, count)
            return count

    with ThreadPoolExecutor(8) as threads:
        drawn = sum(threads.map(draw, range(64)))
    assert 5 <= drawn <= 6, "a tenth of the smallest at once, and what a minute brings"


def test_the_same_key_at_once_is_one_mail(url, store):
    letter = Message(to="a@example.com", subject="Your order", text="Thank you")
    settings = a_settings()

    def hand_in(_):
        with open_store(url, key=KEY) as own:
            return queue_message(own, letter, settings, idempotency_key="order 1", now=START)

    with ThreadPoolExecutor(8) as threads:
        queued = list(threads.map(hand_in, range(24)))
    assert sum(each.new for each in queued) == 1
    assert len({each.id for each in queued}) == 1
