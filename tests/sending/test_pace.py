"""The laws of pacing: no window ever sees more than its rate, nothing of it is lost, warm-up goes by days."""

from dataclasses import replace
from itertools import accumulate, zip_longest

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


def drawn(rates, draws, receipts=()):
    """What may leave: (the latest moment there was so far, messages); draws of no receipt leave a share."""
    now_us, latest_us = START_US, START_US
    levels = {rate: full(rate, now_us) for rate in rates}
    taken = []
    for (passed_us, wanted), prompt in zip_longest(draws, receipts[: len(draws)], fillvalue=True):
        now_us += passed_us
        latest_us = max(latest_us, now_us)
        levels = {rate: at(bucket, rate, now_us) for rate, bucket in levels.items()}
        left = (available(bucket, 0 if prompt else rate.kept) for rate, bucket in levels.items())
        count = min([wanted, *left])
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


SHARED = RATES.map(lambda rate: replace(rate, shared=True))


@settings(max_examples=200)
@given(
    rates=st.lists(SHARED, min_size=1, max_size=3, unique=True),
    draws=DRAWS,
    receipts=st.lists(st.booleans(), min_size=60, max_size=60),
)
@example(
    rates=[Rate(3, 1, shared=True)], draws=[(0, 5), (0, 5), (999_999, 5), (1, 5)], receipts=[False, True] * 30
)
def test_both_lanes_together_see_no_more_than_the_rate(rates, draws, receipts):
    taken = drawn(rates, draws, receipts)
    for rate in rates:
        for last, (moment_us, _) in enumerate(taken):
            inside = [count for us, count in taken[: last + 1] if moment_us - us < rate.window_s * SECOND_US]
            assert sum(inside) <= rate.count


@given(rate=SHARED, pauses=st.lists(st.integers(0, 10**10), max_size=20))
def test_a_receipt_finds_its_share_whatever_a_campaign_drew(rate, pauses):
    assume(rate.count > 2)
    bucket, now_us = full(rate, START_US), START_US
    for pause_us in pauses:
        now_us += pause_us
        bucket = at(bucket, rate, now_us)
        bucket = take(bucket, available(bucket, rate.kept))
        assert available(bucket) >= rate.kept // 1000 >= 1
    assert rate.kept <= rate.burst / 2


@given(rate=SHARED)
def test_what_is_kept_for_receipts_slows_no_campaign_down(rate):
    """What comes back is the campaign's where there are no receipts; only what leaves at once is less."""
    bucket, step_us, taken = full(rate, START_US), rate.time_us(1000), 0
    for number in range(1, 50):
        bucket = at(bucket, rate, START_US + number * step_us)
        count = available(bucket, rate.kept)
        bucket, taken = take(bucket, count), taken + count
    assert taken >= 48


@pytest.mark.parametrize(("text", "at_once"), [("100/h", 5), ("10/h", 1), ("3/h", 1), ("20000/d", 1000)])
def test_a_receipt_leaves_at_once_during_a_campaign(tmp_path, text, at_once):
    """The campaign has drawn all that it may; the receipts of a shared account have their share at once."""
    with open_store(str(tmp_path / "w.db"), key=KEY) as store:
        clock, account, transport = Clock(), AccountSettings(rates=(text,)), Played(capacity=1000)
        new_campaign(store, [f"p{number}@example.com" for number in range(3000)])
        work(worker_on(store, transport, clock, account=account, shared=["relay"]))
        assert len(transport.taken) == at_once
        receipts = [f"buyer{number}@example.com" for number in range(3000)]
        new_campaign(store, receipts, name="receipts", stream="transactional")
        work(worker_on(store, transport, clock, account=account, shared=["relay"]))
        bought = [mail for mail in transport.taken if mail.recipient.startswith("buyer")]
        assert len(bought) == at_once


def test_receipts_draw_all_that_comes_back_while_they_wait(tmp_path):
    with open_store(str(tmp_path / "w.db"), key=KEY) as store:
        clock, account, transport = Clock(), AccountSettings(rates=("60/h",)), Played()
        new_campaign(store, [f"p{number}@example.com" for number in range(100)])
        receipts = [f"buyer{number}@example.com" for number in range(20)]
        new_campaign(store, receipts, name="receipts", stream="transactional")
        while sum(mail.recipient.startswith("buyer") for mail in transport.taken) < 20:
            work(worker_on(store, transport, clock, account=account, shared=["relay"]))
            clock.move(seconds=67)
    newsletters = [mail for mail in transport.taken if mail.recipient.startswith("p")]
    assert len(newsletters) <= 3, "no more than left at once"


def test_streams_have_rates_of_their_own(tmp_path):
    with open_store(str(tmp_path / "w.db"), key=KEY) as store:
        transport = Played()
        new_campaign(store, [f"p{number}@example.com" for number in range(30)])
        bought = [f"b{number}@example.com" for number in range(30)]
        new_campaign(store, bought, name="receipts", stream="transactional")
        work(worker_on(store, transport, Clock(), rates=("20/h",)))
    assert sorted(mail.recipient[0] for mail in transport.taken) == ["b", "b", "p", "p"]


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
