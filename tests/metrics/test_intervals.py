"""Intervals against scipy and statsmodels, and the numbers needed against a search with them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from statsmodels.stats.proportion import proportion_confint

from hygiene.metrics.intervals import NEVER, trials_at_rate, trials_without_more, wilson

COUNTS = st.integers(1, 10_000_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
LIMITS = st.sampled_from([0.001, 0.003, 0.005, 0.02, 0.05, 0.1, 0.15, 0.3, 0.9, 0.98])


@given(COUNTS)
def test_wilson_is_what_scipy_and_statsmodels_say(counted):
    k, n = counted
    low, high = wilson(k, n)
    scipy = binomtest(k, n).proportion_ci(method="wilson") if n < 100_000 else (low, high)
    assert (low, high) == pytest.approx(tuple(scipy), abs=1e-12)
    assert (low, high) == pytest.approx(proportion_confint(k, n, method="wilson"), abs=1e-12)


@given(COUNTS)
def test_the_interval_contains_the_rate_and_stays_between_0_and_1(counted):
    k, n = counted
    low, high = wilson(k, n)
    assert 0 <= low <= k / n <= high <= 1
    assert low < high


@given(COUNTS)
def test_what_happened_and_what_did_not_have_mirrored_intervals(counted):
    k, n = counted
    low, high = wilson(k, n)
    assert wilson(n - k, n) == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_no_trial_has_no_interval():
    assert all(map(math.isnan, wilson(0, 0)))


def test_many_at_once_are_the_same_as_one_by_one():
    k, n = np.array([0, 3, 10, 0]), np.array([10, 10, 10, 0])
    assert all(map(math.isnan, wilson(0, 0)))
    lows, highs = wilson(k, n)
    for at in range(3):
        assert (lows[at], highs[at]) == wilson(k[at], n[at]) == wilson(int(k[at]), int(n[at]))
    assert math.isnan(lows[3])
    assert math.isnan(highs[3])


@pytest.mark.parametrize(
    ("limit", "seen", "needed"),
    [
        *((0.001, seen, n) for seen, n in [(0, 3838), (1, 5661), (2, 7289), (5, 11702), (10, 18405)]),
        *((0.003, seen, n) for seen, n in [(0, 1277), (1, 1885), (2, 2427), (5, 3898), (10, 6132)]),
    ],
)
def test_the_mails_that_prove_complaints_to_be_few(limit, seen, needed):
    assert trials_without_more(seen, limit) == needed
    assert proportion_confint(seen, needed, method="wilson")[1] < limit
    assert proportion_confint(seen, needed - 1, method="wilson")[1] >= limit


@given(st.integers(0, 2_000), LIMITS)
def test_without_more_is_the_least_number_that_proves_it(seen, limit):
    needed = int(trials_without_more(seen, limit))
    assert wilson(seen, needed)[1] < limit + 1e-12
    assert needed <= max(seen, 1) or wilson(seen, needed - 1)[1] > limit - 1e-9


@pytest.mark.parametrize(("rate", "about"), [((5, 100), 139), ((8, 100), 865)])
def test_the_mails_that_prove_bounces_under_a_tenth(rate, about):
    """A few mails fewer can do where bounces are whole: 6 of 127 are still under 5 %."""
    assert trials_at_rate(*rate, 0.1) == about
    share = rate[0] / rate[1]
    assert wilson(share * about, about)[1] < 0.1
    assert wilson(share * (about - 1), about - 1)[1] >= 0.1
    assert trials_at_rate(rate[1] - rate[0], rate[1], 0.9) == about  # delivery over 90 % likewise


@given(COUNTS, LIMITS)
def test_at_the_same_rate_the_number_is_the_least(counted, limit):
    k, n = counted
    needed = int(trials_at_rate(k, n, limit))
    if needed == NEVER or needed > 1e12:
        return
    rate = k / n
    inner = 1 if rate < limit else 0

    def clear(trials):
        end = wilson(rate * trials, trials)[inner]
        return (limit - end) if inner else (end - limit)

    assert clear(needed * 1.000001 + 1) > 0
    assert needed < 2 or clear(needed * 0.999999 - 1) < 1e-9


@given(st.integers(1, 400), LIMITS)
def test_the_nearer_to_the_limit_the_more_it_takes(step, limit):
    below = round(limit * 10**6) - step
    assert trials_at_rate(below - 1, 10**6, limit) <= trials_at_rate(below, 10**6, limit)


def test_a_rate_on_the_limit_never_proves_anything():
    assert trials_at_rate(1, 10, 0.1) == NEVER
