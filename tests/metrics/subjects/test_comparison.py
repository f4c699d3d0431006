"""Rates with a feature and without it, worked by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, t

from hygiene.metrics.kpis import KPIS
from hygiene.metrics.subjects.comparison import Drawn, adjusted, better, differ


def drawn(k, n, campaigns=None, kpi="open_rate_human"):
    places = range(len(k)) if campaigns is None else campaigns
    return Drawn(kpi=KPIS[kpi], k=np.array(k), n=np.array(n), campaigns=np.array(places, np.int64))


def compared(k, n, has, campaigns=None, **given):
    return differ(drawn(k, n, campaigns, **given), np.array(has), np.ones(len(k), np.bool_))


HAS = [True, True, True, False, False, False]
#: 30 %, 20 %, 40 % with it, 20 %, 10 %, 15 % without, 100 mails each: the squares of how far they lie apart
#: are 0 + 100 + 100 and 25 + 25 + 0
SIX = ([30, 20, 40, 20, 10, 15], [100] * 6, HAS)


def wilson(share, n, z):
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return middle - half, middle + half


def test_campaigns_are_what_was_drawn():
    found = compared(*SIX)
    assert (found.with_.k, found.with_.n, found.with_.campaigns) == (90, 300, 3)
    assert (found.without.k, found.without.n, found.without.campaigns) == (45, 300, 3)
    assert found.value == pytest.approx(0.15)
    # (3/2 × 200 + 3/2 × 50) / 300² against (0.3 × 0.7 + 0.15 × 0.85) / 300
    assert found.fewer == pytest.approx((375 / 90_000) / (0.3375 / 300))
    assert found.fewer == pytest.approx(3.7037, abs=1e-4)
    n = 300 / found.fewer  # 81 mails a side
    freedom = 375**2 / (300**2 / 2 + 75**2 / 2)
    assert freedom == pytest.approx(2.9412, abs=1e-4)
    error = math.sqrt(0.225 * 0.775 * 2 / n)
    assert found.p == pytest.approx(2 * t.sf(0.15 / error, freedom))
    assert found.p == pytest.approx(0.108, abs=1e-3)
    z = float(t.ppf(0.975, freedom))
    (low, high), (below, above) = wilson(0.3, n, z), wilson(0.15, n, z)
    assert found.low == pytest.approx(0.15 - math.hypot(0.3 - low, above - 0.15))
    assert found.high == pytest.approx(0.15 + math.hypot(high - 0.3, 0.15 - below))


def test_campaigns_that_do_not_differ_are_as_good_as_single_mails():
    found = compared([20, 20, 20, 10, 10, 10], [100] * 6, HAS)
    assert found.fewer == 1
    share = 90 / 600
    assert found.p == pytest.approx(2 * t.sf(0.1 / math.sqrt(share * (1 - share) * 2 / 300), 4))


def test_cells_of_one_campaign_are_one_campaign():
    """As of two subjects with the same feature in it."""
    whole = compared([30, 20, 40, 20, 10, 15], [100] * 6, HAS)
    split = compared([10, 20, 20, 40, 20, 10, 15], [50, 50, *[100] * 5], [True, *HAS], [0, 0, 1, 2, 3, 4, 5])
    assert split == whole


@pytest.mark.parametrize(
    ("has", "unknown"),
    [
        ([True, True, False, False, False, False], "only 2 campaigns with it"),
        ([True, True, True, True, True, False], "only 1 campaign without it"),
    ],
)
def test_a_few_campaigns_tell_nothing(has, unknown):
    found = compared(SIX[0], SIX[1], has)
    assert (found.unknown, found.p, found.low, found.stands_out) == (unknown, None, None, False)
    assert found.value is not None


def test_what_hardly_happens_is_not_compared():
    found = compared([1, 0, 0, 0, 1, 0], [100] * 6, HAS, kpi="complaint_rate_delivered")
    assert found.unknown == "too little was seen"
    assert found.p is None
    assert found.low < 0 < found.high


def test_mails_whose_subject_is_not_known_are_on_neither_side():
    known = np.array([True] * 6 + [False])
    found = differ(drawn([*SIX[0], 100], [100] * 7), np.array([*HAS, False]), known)
    assert found == compared(*SIX)


def test_so_many_comparisons_make_chance_likely():
    """Benjamini and Hochberg: 0.02 among four is 0.08, four times 0.02."""
    likely = compared([30, 30, 30, 10, 10, 10], [1_000] * 6, HAS)
    one = compared(*SIX)
    assert adjusted([[likely]])[0][0].p_adjusted == likely.p
    (first, *_), *_ = adjusted([[likely], [one], [one], [one]])
    assert first.p_adjusted == pytest.approx(4 * likely.p)
    assert adjusted([[compared(SIX[0], SIX[1], [True] * 5 + [False])]])[0][0].p_adjusted is None


def test_which_is_better():
    assert better(compared(*SIX))
    assert not better(compared(*SIX, kpi="unsubscribe_rate"))


CELLS = st.lists(
    st.tuples(st.integers(1, 5_000), st.floats(0, 1)), min_size=3, max_size=8
)  # mails and rate of a campaign


@given(CELLS, CELLS)
def test_the_sides_mirror_each_other(one, other):
    cells = [*one, *other]
    k, n = [round(mails * rate) for mails, rate in cells], [mails for mails, _ in cells]
    has = [True] * len(one) + [False] * len(other)
    found, back = compared(k, n, has), compared(k, n, [not each for each in has])
    assert found.fewer >= 1
    assert found.fewer == pytest.approx(back.fewer)
    assert -1 <= found.low <= found.value + 1e-9
    assert found.value - 1e-9 <= found.high <= 1
    assert (found.low, found.high) == pytest.approx((-back.high, -back.low))
    assert found.p == back.p or found.p == pytest.approx(back.p)


def test_false_alarms_stay_rare_where_campaigns_differ():
    """Where single mails were taken for what was drawn, three of five would be."""
    rng = np.random.default_rng(4)
    alarms = naive = 0
    for _ in range(400):
        n = np.maximum(50, rng.lognormal(7.5, 0.8, 20)).astype(np.int64)
        k = rng.binomial(n, rng.beta(0.2 * 199, 0.8 * 199, 20))
        has = np.arange(20) < 8
        alarms += differ(drawn(k, n), has, np.ones(20, np.bool_)).p < 0.05
        shares = [(k[side].sum(), n[side].sum()) for side in (has, ~has)]
        share = k.sum() / n.sum()
        error = math.sqrt(share * (1 - share) * sum(1 / whole for _, whole in shares))
        naive += 2 * norm.sf(abs(shares[0][0] / shares[0][1] - shares[1][0] / shares[1][1]) / error) < 0.05
    assert alarms < 0.09 * 400
    assert naive > 0.5 * 400


def test_three_campaigns_that_look_alike_by_chance_prove_little():
    """Forty others show how much campaigns differ; three that happen to agree do not know better."""
    k = [300, 301, 299, *[100 + 20 * (place % 11) for place in range(40)]]
    has = [True] * 3 + [False] * 40
    found = compared(k, [1_000] * 43, has)
    rates = np.array(k[3:]) / 1_000
    between = float(((rates - rates.mean()) ** 2).sum()) / 41  # of the three next to nothing
    error = math.sqrt(between / 3 + between / 40)
    assert found.p == pytest.approx(2 * t.sf(abs(0.3 - rates.mean()) / error, 41), rel=0.1)
    assert found.p > 0.001  # alone, the three would say 5 · 10⁻¹⁵
    assert found.low < 0.04


@pytest.mark.parametrize("campaigns", [12, 50])
def test_a_log_in_which_subjects_do_nothing_hardly_ever_names_a_feature(campaigns):
    """Twelve features and two rates, as they are compared: of a hundred such logs at most a few."""
    rng = np.random.default_rng(7)
    everything = np.ones(campaigns, np.bool_)
    named = 0
    for _ in range(60):
        n = np.maximum(100, rng.lognormal(9, 1.2, campaigns)).astype(np.int64)
        rates = [
            drawn(rng.binomial(n, rng.beta(rate * size, (1 - rate) * size, campaigns)), n)
            for rate, size in ((0.2, 49), (0.03, 124))
        ]
        features = [rng.random(campaigns) < share for share in (0.05, 0.1, 0.2, 0.3, 0.4, 0.5) * 2]
        rows = adjusted([[differ(rate, has, everything) for rate in rates] for has in features])
        named += any(one.stands_out for row in rows for one in row)
    assert named <= 6


def test_a_large_campaign_that_decides_alone_is_told():
    """By mails 30 % against 20 %; by campaigns 13 % against 20 %."""
    found = compared([3_000, 50, 50, 200, 200, 200], [9_000, 1_000, 1_000, 1_000, 1_000, 1_000], HAS)
    assert found.value == pytest.approx(3_100 / 11_000 - 0.2)
    assert found.of_campaigns == pytest.approx((1 / 3 + 0.05 + 0.05) / 3 - 0.2)
    assert found.large_decide
    assert not compared(*SIX).large_decide
