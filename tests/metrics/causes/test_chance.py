"""Tails, adjusted p-values and baselines against other implementations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats
from statsmodels.stats.multitest import multipletests

from hygiene.metrics.causes.baseline import estimate_baseline, estimate_baselines
from hygiene.metrics.causes.chance import at_least, at_most, beta_quantile, false_discovery, tails
from hygiene.metrics.causes.rates import Point

MEANS = st.floats(1e-4, 0.9999)


@given(st.integers(1, 500), st.data(), MEANS, st.floats(1e-6, 0.5))
@settings(max_examples=200, deadline=None)
def test_tails_are_those_of_scipy(n, data, mean, spread):
    k, total = data.draw(st.integers(0, n)), 1 / spread - 1
    expected = stats.betabinom.cdf(k, n, mean * total, (1 - mean) * total)
    assert at_most(k, n, mean, spread) == pytest.approx(expected, abs=1e-8)
    assert at_least(k + 1, n, mean, spread) == pytest.approx(1 - expected, abs=1e-8)


@given(st.integers(1, 200_000), st.data(), MEANS)
@settings(max_examples=200, deadline=None)
def test_without_spread_they_are_binomial(n, data, mean):
    k = data.draw(st.integers(0, min(n, 2_000)))
    assert at_most(k, n, mean, 0.0) == pytest.approx(stats.binom.cdf(k, n, mean), abs=1e-8)


@pytest.mark.parametrize("spread", [1e-6, 1e-4, 1e-2])
@pytest.mark.parametrize("deviations", [-3, -1, 0, 1, 3])
def test_large_counts_are_close_enough(spread, deviations):
    n, mean = 40_000, 0.2
    deviation = (n * mean * (1 - mean) * (1 + (n - 1) * spread)) ** 0.5
    k, total = int(n * mean + deviations * deviation), 1 / spread - 1
    expected = stats.betabinom.cdf(k, n, mean * total, (1 - mean) * total)
    assert at_most(k, n, mean, spread) == pytest.approx(expected, rel=0.05, abs=1e-4)


@given(st.lists(st.floats(1e-12, 1.0), min_size=1, max_size=40))
def test_false_discovery_is_that_of_statsmodels(p_values):
    expected = multipletests(p_values, method="fdr_bh")[1]
    assert false_discovery(p_values) == pytest.approx(list(expected))


def test_quantiles_turn_the_tail_around():
    assert stats.beta.cdf(beta_quantile(0.3, 2.5, 900), 2.5, 900) == pytest.approx(0.3)


@pytest.mark.parametrize(("k", "n"), [(0, 40), (3, 40), (40, 40), (60, 500), (9, 5_000), (900, 5_000)])
@pytest.mark.parametrize("between", [0.0, 0.1, 0.5, 1.5])
def test_tails_are_those_of_rates_whose_odds_vary(k, n, between):
    """Beside an integral by scipy."""
    centre = -2.0

    def weighted(chance):
        def density(z):
            return stats.norm.pdf(z) * chance(special.expit(centre + between * z))

        return integrate.quad(density, -8, 8, points=np.linspace(-7, 7, 29).tolist(), limit=200)[0]

    low, high = tails(k, n, centre, between)
    assert low == pytest.approx(weighted(lambda rate: stats.binom.cdf(k, n, rate)), rel=0.01, abs=1e-9)
    assert high == pytest.approx(weighted(lambda rate: stats.binom.sf(k - 1, n, rate)), rel=0.01, abs=1e-9)


def test_odd_days_do_not_move_the_baseline():
    rng = np.random.default_rng(3)
    usual = [(int(rng.binomial(5_000, 0.02)), 5_000) for _ in range(25)]
    clean, odd = estimate_baseline(usual), estimate_baseline([*usual, (2_500, 5_000), (1_500, 5_000)])
    assert odd.mean == pytest.approx(clean.mean, rel=0.05)
    assert odd.mean == pytest.approx(0.02, rel=0.1)
    assert odd.spread < 0.002


@pytest.mark.parametrize("spread", [0.0005, 0.005, 0.05])
def test_the_spread_is_found_again(spread):
    rng, total = np.random.default_rng(4), 1 / spread - 1
    found = []
    for _ in range(40):
        rates = rng.beta(0.1 * total, 0.9 * total, 28)
        found.append(estimate_baseline([(int(rng.binomial(3_000, rate)), 3_000) for rate in rates]).spread)
    assert np.median(found) == pytest.approx(spread, rel=0.35)


def test_windows_are_judged_as_if_alone():
    rng = np.random.default_rng(5)
    k, n = rng.integers(0, 50, (7, 12)).astype(float), rng.integers(50, 900, (7, 12)).astype(float)
    n[3, 8:], k[3, 8:] = 0, 0
    together = estimate_baselines(k, n)
    for row, one in enumerate(together):
        points = [(int(a), int(b)) for a, b in zip(k[row], n[row], strict=True) if b]
        alone = estimate_baseline(points)
        assert one.mean == pytest.approx(alone.mean)
        assert one.spread == pytest.approx(alone.spread)


@pytest.mark.parametrize("points", [[], [(1, 10)] * 3, [(0, 0)] * 9])
def test_too_few_points_have_no_baseline(points):
    assert estimate_baseline(points or [(0, 0)]) is None


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=4, max_size=20), st.integers(1, 300)
)
def test_a_baseline_never_breaks(pairs, n):
    points = [(min(pair), max(pair)) for pair in pairs]
    baseline = estimate_baseline(points)
    if baseline:
        assert 0 < baseline.mean < 1
        point = Point(0, n // 2, n)
        assert 0 <= baseline.surprise(point) <= 1
        low, high = baseline.expected(point)
        assert 0 <= low <= baseline.usual(point) <= high <= 1


@given(st.lists(st.integers(1, 299), min_size=6, max_size=20), st.integers(0, 300))
def test_opens_and_what_was_not_opened_surprise_alike(counts, new):
    """Odds have no better side: the shares that did and that did not do it are judged the same."""
    did, did_not = (
        estimate_baseline([(count, 300) for count in side]) for side in (counts, [300 - k for k in counts])
    )
    assert did.between == pytest.approx(did_not.between, abs=1e-6)
    if 300 * min(did.mean, 1 - did.mean) > 5:
        assert did.surprise(Point(0, new, 300)) == pytest.approx(
            did_not.surprise(Point(0, 300 - new, 300)), rel=1e-3
        )


@pytest.mark.parametrize("rate", [0.002, 0.2])
def test_days_that_differ_by_what_they_are_multiplied_surprise_as_seldom_as_they_say(rate):
    """Rates of campaigns are half or double the usual one alike: few more p-values below 1 % than 1 %."""
    rng, small = np.random.default_rng(6), []
    for _ in range(400):
        rates = np.minimum(rate * np.exp(rng.normal(0, 0.5, 29)), 0.95)
        days = [Point(day, int(rng.binomial(20_000, one)), 20_000) for day, one in enumerate(rates)]
        small.append(estimate_baseline([(day.k, day.n) for day in days[:-1]]).surprise(days[-1]) < 0.01)
    assert sum(small) <= 11
