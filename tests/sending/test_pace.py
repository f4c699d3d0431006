"""The laws of pacing: no window ever sees more than its rate, nothing of it is lost, warm-up goes by days."""

from dataclasses import replace
from itertools import accumulate

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from hygiene.config import AccountSettings
from hygiene.errors import UsageError
from hygiene.sending.allowance import allow, note_day, warm_up_of
from hygiene.sending.mailing import Canary
from hygiene.sending.pace import (
    SECOND_US,
    Rate,
    at,
    available,
    full,
    read_rate,
    retry_wait_s,
    take,
    warm_up_days,
)
from hygiene.store import open_store
from tests.sending.mailings import KEY, START_US, Clock, Played, new_campaign, worker_on
from tests.sending.test_worker import work

RATES = st.builds(Rate, st.integers(1, 500), st.sampled_from([1, 7, 60, 600, 3600, 86_400]))
#: seconds that pass (a clock may go back), and how many messages are wanted then
DRAWS = st.lists(
    st.tuples(st.floats(-100, 5000).map(lambda s: round(s * SECOND_US)), st.integers(1, 400)), max_size=60
)


def drawn(rates, draws):
    """What may leave: (the latest moment there was so far, messages)."""
    now_us, latest_us = START_US, START_US
    levels = {rate: full(rate, now_us) for rate in rates}
    taken = []
    for passed_us, wanted in draws:
        now_us += passed_us
        latest_us = max(latest_us, now_us)
        levels = {rate: at(bucket, rate, now_us) for rate, bucket in levels.items()}
        count = min(wanted, *map(available, levels.values()))
        levels = {rate: take(bucket, count) for rate, bucket in levels.items()}
        taken.append((latest_us, count))
    return taken


@settings(max_examples=200)
@given(rates=st.lists(RATES, min_size=1, max_size=3, unique=True), draws=DRAWS)
@example(rates=[Rate(1, 1)], draws=[(0, 5), (999_999, 5), (1, 5)])
@example(rates=[Rate(24, 3600)], draws=[(200_000, 1)] * 60)
def test_no_window_sees_more_than_its_rate(rates, draws):
    taken = drawn(rates, draws)
    sums = [0, *accumulate(count for _, count in taken)]
    for rate in rates:
        first = 0
        for last, (moment_us, _) in enumerate(taken):
            while moment_us - taken[first][0] >= rate.window_s * SECOND_US:
                first += 1
            assert sums[last + 1] - sums[first] <= rate.count


@settings(max_examples=50)
@given(rate=RATES, step_us=st.integers(1, 3 * SECOND_US))
@example(rate=Rate(24, 3600), step_us=300_000)
def test_looking_often_loses_nothing(rate, step_us):
    """Whoever looks every few moments gets all that comes back, but for what is no whole message yet."""
    assume(rate.refilled(step_us) + 1001 < rate.burst)
    steps = min(2000, 2 * rate.window_s * SECOND_US // step_us)
    bucket, taken = full(rate, START_US), 0
    for number in range(1, steps + 1):
        bucket = at(bucket, rate, START_US + number * step_us)
        count = available(bucket)
        bucket, taken = take(bucket, count), taken + count
    due = rate.burst + rate.refilled((steps - 1) * step_us)
    assert taken * 1000 > due - 2000


@pytest.mark.parametrize("text", ["", "0/h", "5", "5/0h", "-5/h", "5/fortnight", "1e3/s", "5/h 6/d", "٥/h/"])
def test_what_is_no_rate(text):
    with pytest.raises(UsageError, match="is no rate"):
        read_rate(text)


@given(RATES)
def test_a_rate_is_read_as_it_is_written(rate):
    assert read_rate(str(rate)) == rate


def test_levels_outlive_a_restart_and_a_clock_that_went_back(tmp_path):
    rates = {"relay 100/h": Rate(100, 3600)}
    place, taken = str(tmp_path / "w.db"), []
    for passed_s in (0, 60, -3600, 30, 3600):
        with open_store(place, key=KEY) as store, store.writing() as connection:
            allowance = allow(connection, rates, START_US + passed_s * SECOND_US)
            taken.append(allowance.of(1000))
            allowance.spend(connection, taken[-1])
    assert taken == [10, 1, 0, 0, 10]


def test_what_is_not_taken_is_not_spent(tmp_path):
    """While a canary is watched its campaign draws nothing, so that another of the account may go on."""
    with open_store(str(tmp_path / "w.db"), key=KEY) as store:
        first, second = Played(), Played()
        clock, account = Clock(), AccountSettings(rates=("100/h",))
        new_campaign(store, [f"a{number}@example.com" for number in range(50)], name="watched")
        canary = Canary(count=2, wait_us=3600 * SECOND_US)
        for _ in range(3):
            work(worker_on(store, first, clock, account=account, canary=canary))
        new_campaign(store, [f"b{number}@example.com" for number in range(50)], name="free")

        worker = worker_on(store, second, clock, account=account)
        plain = worker._make
        worker._make = lambda row: plain(row) if row["name"] == "free" else _watched(plain(row), canary)
        work(worker)
    assert len(first.taken) == 2
    assert len(second.taken) == 8, "what is left of a tenth at once"
    assert all(mail.recipient.startswith("b") for mail in second.taken)


def _watched(mailing, canary):
    return replace(mailing, canary=canary)


def test_a_warm_up_goes_by_days_on_which_mail_was_sent(tmp_path):
    account, day_us = AccountSettings(warm_up="aggressive"), 86_400 * SECOND_US
    days = warm_up_days("aggressive")
    with open_store(str(tmp_path / "w.db"), key=KEY) as store, store.writing() as connection:
        for sent, calendar_day in enumerate((0, 1, 5, 30)):
            now_us = START_US + calendar_day * day_us
            allowed = warm_up_of(connection, "relay", account, now_us)
            assert max(rate.count for rate in allowed.values()) == days[sent]
            note_day(connection, "relay", now_us)
            assert warm_up_of(connection, "relay", account, now_us) == allowed, "the same all day"
        for extra in range(31, 31 + len(days)):
            note_day(connection, "relay", START_US + extra * day_us)
        assert warm_up_of(connection, "relay", account, START_US + 99 * day_us) == {}
        assert warm_up_of(connection, "rel_y", account, START_US) != {}, "another account has its own days"


@given(tries=st.integers(1, 10**6), asked_s=st.none() | st.floats(0, 10**6))
def test_waits_grow_stay_within_bounds_and_keep_what_was_asked(tries, asked_s):
    wait = retry_wait_s(tries, "ref", asked_s)
    assert wait == retry_wait_s(tries, "ref", asked_s)
    assert wait >= (asked_s or 0)
    assert 54 <= wait <= max(4 * 3600 * 1.1, asked_s or 0)
    if tries < 8:
        assert retry_wait_s(tries + 1, "ref") > retry_wait_s(tries, "ref")


def test_those_deferred_together_do_not_come_back_together():
    assert len({retry_wait_s(1, f"ref{number}") for number in range(100)}) > 50
