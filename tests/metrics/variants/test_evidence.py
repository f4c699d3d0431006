"""The tests behind a verdict: by hand, against scipy and statsmodels. Daily looks: see test_peeking."""

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
    mean_interval,
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


def test_revenue_of_few_customers_has_an_interval_that_holds_it():
    """Log-normal orders of 2 % of 2,000 people: the textbook interval covers 91 and 81 % alone."""
    chance = np.random.default_rng(11)
    for spread, least in ((1.0, 0.92), (1.5, 0.85)):
        held, textbook, tests = 0, 0, 2_000
        true = 0.02 * math.exp(3.5 + spread**2 / 2)
        for buyers in chance.binomial(2_000, 0.02, tests):
            spent = chance.lognormal(3.5, spread, buyers)
            mean = spent.sum() / 2_000
            variance = ((spent**2).sum() / 2_000 - mean**2) / 2_000
            interval = mean_interval(mean, variance, (2_000, int(buyers)))
            held += interval.low <= true <= interval.high
            textbook += abs(mean - true) <= 1.961 * math.sqrt(variance)
            assert 0 < interval.low < mean < interval.high
        assert held / tests > max(least, textbook / tests + 0.02)


def test_revenue_of_hardly_anybody_has_no_interval():
    assert mean_interval(0.1, 0.01, (1_000, 2)) is None
    assert mean_interval(0.0, 0.0, (1_000, 0)) is None
    refunded = mean_interval(-0.1, 0.01, (1_000, 5))
    assert (refunded.low, refunded.high) == pytest.approx((-0.1 - 1.9623 * 0.1, -0.1 + 1.9623 * 0.1), abs=1e-3)
    hardly = mean_interval(1e-9, 0.01, (1_000, 5))  # bought and sent back
    assert hardly.low < 0 < hardly.high


def test_the_always_valid_interval_covers_the_difference_at_every_look():
    chance = np.random.default_rng(7)
    steps = np.full(50, 200)
    first, second = (chance.binomial(steps, rate, (500, 50)).cumsum(axis=1) for rate in (0.10, 0.12))
    missed = 0
    for row, other in zip(first.tolist(), second.tolist(), strict=True):
        for won, more, size in zip(row, other, steps.cumsum().tolist(), strict=True):
            variance = pooled_variance((won, more), (size, size))
            interval = mixture_interval((more - won) / size, variance, 0.02)
            if is_large((won, more), (size, size)) and not interval.low <= 0.02 <= interval.high:
                missed += 1
                break
    assert missed / 500 <= ALPHA
