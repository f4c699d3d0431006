"""The tests behind a verdict: by hand, against scipy and statsmodels, and by simulation under daily looks."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

from hygiene.metrics.variants.evidence import (
    ALPHA,
    holm,
    is_large,
    means_p,
    mixture_interval,
    mixture_log_evidence,
    mixture_p,
    newcombe,
    pooled_variance,
    same_shares_p,
    shares_p,
    split_p,
    welch,
)
from hygiene.metrics.variants.verdict import RELATIVE_EFFECT

LOOKS = 50
TESTS = 1_500


def test_the_mixture_by_hand():
    # p = 0.5 in 2 × 100: V = 0.25 · 0.02 = 0.005; ρ = 0.1: V + ρ² = 0.015; d = 0.2
    variance = pooled_variance((40, 60), (100, 100))
    assert variance == pytest.approx(0.005)
    evidence = math.sqrt(1 / 3) * math.exp(0.01 * 0.04 / (2 * 0.005 * 0.015))
    assert math.exp(mixture_log_evidence(0.2, variance, 0.1)) == pytest.approx(evidence)
    assert evidence == pytest.approx(8.3092, abs=1e-4)
    assert mixture_p(0.2, variance, 0.1) == pytest.approx(1 / evidence)


def test_the_mixture_is_the_mean_of_likelihood_ratios():
    """L is the normal density of d, averaged over N(0, ρ²), by the one at no difference."""
    difference, variance, rho = 0.013, 0.00004, 0.01
    effects = np.linspace(-0.1, 0.1, 200_001)
    ratios = stats.norm.pdf(difference, effects, math.sqrt(variance)) * stats.norm.pdf(effects, 0, rho)
    mean = ratios.sum() * (effects[1] - effects[0]) / stats.norm.pdf(difference, 0, math.sqrt(variance))
    assert math.exp(mixture_log_evidence(difference, variance, rho)) == pytest.approx(mean, rel=1e-6)


@given(
    difference=st.floats(-0.5, 0.5),
    variance=st.floats(1e-9, 0.1),
    rho=st.floats(1e-5, 0.5),
    alpha=st.floats(0.001, 0.2),
)
def test_the_interval_holds_what_the_test_does_not_reject(difference, variance, rho, alpha):
    interval = mixture_interval(difference, variance, rho, alpha)
    for end in (interval.low, interval.high):
        assert mixture_log_evidence(difference - end, variance, rho) == pytest.approx(
            math.log(1 / alpha), rel=1e-6
        )


def test_without_variance_there_is_no_evidence():
    assert mixture_p(0.5, 0.0, 0.1) == 1
    assert mixture_interval(0.0, 0.0, 0.1).low == -math.inf
    assert pooled_variance((0, 0), (0, 10)) == 0


counts = st.tuples(st.integers(0, 400), st.integers(0, 400), st.integers(0, 4_000), st.integers(0, 4_000))


@given(counts)
def test_newcombe_is_what_statsmodels_says(numbers):
    won, other, lost, other_lost = numbers
    trials = (won + lost, other + other_lost)
    if not all(trials):
        assert newcombe((won, other), trials) is None
        return
    interval = newcombe((won, other), trials)
    expected = confint_proportions_2indep(other, trials[1], won, trials[0], method="newcomb")
    assert (interval.low, interval.high) == pytest.approx(expected)
    assert interval.low <= other / trials[1] - won / trials[0] <= interval.high


def test_newcombe_by_the_published_example():
    """Newcombe 1998, table II, example (a): 56/70 − 48/80, method 10."""
    interval = newcombe((48, 56), (80, 70))
    assert (interval.low, interval.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_one_look_is_the_z_test_and_where_few_did_it_fishers():
    assert shares_p((120, 150), (1_000, 1_000)) == pytest.approx(
        proportions_ztest([120, 150], [1_000, 1_000])[1]
    )
    assert shares_p((120, 150), (1_000, 1_000)) == pytest.approx(0.0496, abs=5e-5)
    assert shares_p((1, 9), (10, 10)) == pytest.approx(stats.fisher_exact([[1, 9], [9, 1]]).pvalue)
    assert shares_p((0, 0), (10, 10)) == shares_p((10, 10), (10, 10)) == shares_p((0, 3), (0, 10)) == 1


@pytest.mark.parametrize(
    ("won", "of"),
    [
        ((2, 9), (400_000, 900_000)),
        ((9, 2), (400_000, 900_000)),
        ((399_998, 899_989), (400_000, 900_000)),
        ((5, 300_000), (6, 1_300_000)),
        ((1, 1_299_000), (6, 1_300_000)),
        ((1_200_000, 9), (1_300_000, 9)),
    ],
)
def test_few_in_a_huge_test_are_fishers_limit(won, of):
    table = [[won[0], of[0] - won[0]], [won[1], of[1] - won[1]]]
    assert not is_large(won, of)
    assert shares_p(won, of) == pytest.approx(stats.fisher_exact(table).pvalue, rel=5e-3)


def test_a_huge_test_takes_no_time():
    assert shares_p((5, 10**12), (10, 10**12 + 5)) < 1e-30
    assert shares_p((3, 4), (10**12, 10**12)) == 1


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_is_what_statsmodels_says(p_values):
    expected = list(multipletests(p_values, method="holm")[1]) if p_values else []
    assert holm(p_values) == pytest.approx(expected)


def test_means_are_welchs():
    chance = np.random.default_rng(5)
    first, second = chance.exponential(2.0, 60), chance.exponential(3.0, 90)
    expected = stats.ttest_ind(second, first, equal_var=False)
    variance = first.var(ddof=1) / 60 + second.var(ddof=1) / 90
    assert means_p(second.mean() - first.mean(), variance, expected.df) == pytest.approx(expected.pvalue)
    interval = welch(second.mean() - first.mean(), variance, expected.df)
    assert (interval.low, interval.high) == pytest.approx(tuple(expected.confidence_interval()))


def test_the_split_is_chi_square():
    assert split_p([5_000, 5_000], [1, 1]) == 1
    assert split_p([900, 100], [9, 1]) == 1
    assert split_p([4_800, 5_200], [50, 50]) == pytest.approx(stats.chisquare([4_800, 5_200]).pvalue)
    assert split_p([3, 5], [50, 50]) is None
    assert split_p([0, 1_000], [50, 50]) < 1e-200


def test_shares_of_several_arms_are_chi_square():
    expected = stats.chi2_contingency([[30, 70], [45, 55], [20, 80]], correction=False).pvalue
    assert same_shares_p([30, 45, 20], [100, 100, 100]) == pytest.approx(expected)
    assert same_shares_p([0, 0], [100, 100]) is None
    assert same_shares_p([5, 0], [10, 0]) is None


def test_few_are_not_many():
    assert is_large((10, 10), (5_000, 5_000))
    assert not is_large((9, 10), (5_000, 5_000))
    assert not is_large((4_990, 4_995), (5_000, 5_000))
    assert not is_large((20, 180), (100, 9_000))  # two expected in the small arm
    assert not is_large((0, 5), (0, 10))


# --- simulations: who looks every day


def looks_of(chance, rate, number):
    """Successes so far at each of 50 looks of a test that grows evenly."""
    steps = np.full(LOOKS, number // LOOKS)
    return chance.binomial(steps, rate, (TESTS, LOOKS)).cumsum(axis=1), steps.cumsum()


def coming_in(chance, rate, number):
    """The same where all mails are sent at once and clicks come in later, most on the first days."""
    clicked = chance.binomial(number, rate, TESTS)
    share = 1 - np.exp(-np.arange(1, LOOKS + 1) / 8)
    steps = np.diff(np.append(0.0, share / share[-1]))
    return chance.multinomial(clicked, steps).cumsum(axis=1), np.full(LOOKS, number)


def named(first, second, sizes, effect=None):
    """The look at which each test names a winner, as a comparison would; −1 for never."""
    found = []
    for row, other in zip(first.tolist(), second.tolist(), strict=True):
        stop = -1
        for look, (won, more) in enumerate(zip(row, other, strict=True)):
            trials = (int(sizes[0][look]), int(sizes[1][look]))
            if not is_large((won, more), trials):
                continue
            rho = effect or RELATIVE_EFFECT * (won + more) / sum(trials)
            difference = more / trials[1] - won / trials[0]
            if mixture_p(difference, pooled_variance((won, more), trials), rho) <= ALPHA:
                stop = look
                break
        found.append(stop)
    return np.array(found)


@pytest.mark.parametrize("grown", [looks_of, coming_in], ids=["sent daily", "sent at once"])
@pytest.mark.parametrize(
    ("rate", "sizes", "effect"),
    [
        (0.2, (5_000, 5_000), None),
        (0.2, (5_000, 5_000), 0.03),
        (0.03, (30_000, 30_000), None),
        (0.03, (30_000, 30_000), 0.005),
        (0.03, (30_000, 30_000), 0.03),
        (0.001, (20_000, 20_000), 0.0005),
        (0.03, (2_000, 18_000), 0.01),
    ],
)
def test_looking_every_day_names_a_false_winner_in_at_most_five_tests_of_a_hundred(grown, rate, sizes, effect):
    chance = np.random.default_rng(20_261_128)
    (first, of), (second, other) = (grown(chance, rate, number) for number in sizes)
    false = (named(first, second, (of, other), effect) >= 0).mean()
    assert false <= ALPHA
    assert false <= 0.025  # and the normal mixture stays well below


def test_looking_every_day_at_a_test_for_one_look_does_not():
    """The simulation can fail: the z test at each of 50 looks is wrong in about three tests of ten."""
    chance = np.random.default_rng(20_261_128)
    (first, of), (second, _) = (looks_of(chance, 0.2, 5_000) for _ in range(2))
    share = (first + second) / (2 * of)
    z = (second - first) / of / np.sqrt(2 * share * (1 - share) / of)
    assert 0.25 < (np.abs(z) > 1.96).any(axis=1).mean() < 0.38


@pytest.mark.parametrize(
    ("rates", "number", "effect", "power"),
    [
        ((0.20, 0.23), 5_000, 0.03, 0.74),
        ((0.03, 0.035), 30_000, 0.005, 0.70),
        ((0.03, 0.035), 30_000, None, 0.70),
    ],
)
def test_the_power_while_looking_every_day(rates, number, effect, power):
    """About 0.78, 0.74 and 0.74: what is worth finding is found, long before the end."""
    chance = np.random.default_rng(20_261_128)
    (first, of), (second, _) = (looks_of(chance, rate, number) for rate in rates)
    stops = named(first, second, (of, of), effect)
    won = (stops >= 0) & (second[np.arange(TESTS), stops] > first[np.arange(TESTS), stops])
    assert power < won.mean() < power + 0.08
    assert of[stops[stops >= 0]].mean() < 0.65 * number


def test_the_always_valid_interval_covers_the_difference_at_every_look():
    chance = np.random.default_rng(7)
    (first, of), (second, _) = (looks_of(chance, rate, 10_000) for rate in (0.10, 0.12))
    missed = 0
    for row, other in zip(first[:500].tolist(), second[:500].tolist(), strict=True):
        for won, more, size in zip(row, other, of.tolist(), strict=True):
            variance = pooled_variance((won, more), (size, size))
            interval = mixture_interval((more - won) / size, variance, 0.02)
            if is_large((won, more), (size, size)) and not interval.low <= 0.02 <= interval.high:
                missed += 1
                break
    assert missed / 500 <= ALPHA
