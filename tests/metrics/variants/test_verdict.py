"""What is said of arms of known numbers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hygiene.metrics.variants.evidence import mixture_interval, mixture_p, pooled_variance
from hygiene.metrics.variants.verdict import Doubt, Test, Verdict, check_split, default_effect, judge, overall

from .trials import arm, money, rules


def judged(*arms, **options):
    pairs = judge(arms, rules(arms, **options))
    return *overall(arms, pairs), pairs


def test_a_clear_winner_by_hand():
    arms = arm("A", 300, 10_000), arm("B", 400, 10_000)
    verdict, winner, (pair,) = judged(*arms, effect=0.01)
    assert (verdict, winner, pair.better, pair.doubt) == (Verdict.BETTER, "B", "B", Doubt.NONE)
    assert pair.difference == pytest.approx(0.01)
    assert pair.lift == pytest.approx(1 / 3)
    variance = 0.035 * 0.965 * 2 / 10_000  # pooled 3.5 %; the larger of that and the arms' own
    evidence = math.sqrt(variance / (variance + 1e-4)) * math.exp(1e-8 / (2 * variance * (variance + 1e-4)))
    assert pair.p == pytest.approx(1 / evidence)
    assert pair.always == mixture_interval(pair.difference, pooled_variance((300, 400), (10_000, 10_000)), 0.01)


def test_fewer_is_better_where_it_is():
    arms = arm("A", 300, 10_000), arm("B", 400, 10_000)
    assert judged(*arms, effect=0.01, metric="unsubscribe_rate")[:2] == (Verdict.BETTER, "A")
    assert judged(*arms, effect=0.01, metric="complaint_rate")[:2] == (Verdict.BETTER, "A")


def test_the_order_of_the_arms_does_not_matter():
    a, b = arm("A", 300, 10_000), arm("B", 400, 9_000)
    (one,), (other,) = judged(a, b)[2], judged(b, a)[2]
    assert (one.p, one.better, one.difference) == (other.p, other.better, -other.difference)
    assert one.once.low == pytest.approx(-other.once.high)


def test_equal_arms_keep_running():
    verdict, winner, (pair,) = judged(arm("A", 300, 10_000), arm("B", 300, 10_000))
    assert (verdict, winner, pair.better, pair.doubt) == (Verdict.KEEP_RUNNING, None, None, Doubt.CHANCE)
    assert pair.p == 1
    assert pair.needed is None


def test_equal_arms_are_equivalent_where_a_difference_is_named_that_does_not_matter():
    many = arm("A", 30_000, 1_000_000), arm("B", 30_100, 1_000_000)
    assert judged(*many, within=0.005)[0] is Verdict.EQUIVALENT
    assert judged(*many, within=0.0001)[0] is Verdict.KEEP_RUNNING
    few = arm("A", 30, 1_000), arm("B", 30, 1_000)
    assert judged(*few, within=0.005)[0] is Verdict.KEEP_RUNNING


def test_what_is_different_and_does_not_matter_is_equivalent():
    arms = arm("A", 30_000, 1_000_000), arm("B", 31_500, 1_000_000)
    assert judged(*arms)[:2] == (Verdict.BETTER, "B")
    assert judged(*arms, within=0.005)[:2] == (Verdict.EQUIVALENT, None)


@pytest.mark.parametrize(
    "arms",
    [
        (arm("A", 0, 10_000), arm("B", 0, 10_000)),
        (arm("A", 10, 10), arm("B", 10, 10)),
        (arm("A", 0, 1), arm("B", 1, 1)),
        (arm("A", 0, 100), arm("B", 9, 100)),
        (arm("A", 5, 5_000), arm("B", 0, 1)),
    ],
)
def test_a_few_decide_nothing(arms):
    for test in Test:
        verdict, winner, (pair,) = judged(*arms, test=test) if arms[1].total != 9 else judged(*arms)
        assert (verdict, winner, pair.doubt) == (Verdict.KEEP_RUNNING, None, Doubt.FEW)
        assert 0 < pair.p <= 1


def test_no_success_in_one_arm_and_many_in_the_other_is_decided():
    assert judged(arm("A", 0, 10_000), arm("B", 60, 10_000))[:2] == (Verdict.BETTER, "B")
    assert judged(arm("A", 0, 100), arm("B", 9, 100), test=Test.FIXED)[:2] == (Verdict.BETTER, "B")  # Fisher's


def test_an_empty_arm_is_said():
    verdict, winner, (pair,) = judged(arm("A", 0, 0), arm("B", 50, 1_000))
    assert (verdict, winner, pair.difference, pair.doubt) == (Verdict.KEEP_RUNNING, None, None, Doubt.EMPTY)


def test_huge_numbers():
    n = 2_000_000_000
    assert judged(arm("A", n // 50, n), arm("B", n // 50 + 400_000, n))[:2] == (Verdict.BETTER, "B")
    assert judged(arm("A", n // 50, n), arm("B", n // 50 + 1_000, n))[0] is Verdict.KEEP_RUNNING


def test_three_arms_are_made_valid_together():
    arms = arm("A", 300, 10_000), arm("B", 300, 10_000), arm("C", 420, 10_000)
    verdict, winner, pairs = judged(*arms, effect=0.01)
    assert (verdict, winner) == (Verdict.BETTER, "C")
    assert [(pair.first, pair.second) for pair in pairs] == [("A", "B"), ("A", "C"), ("B", "C")]
    raw = mixture_p(0.012, pooled_variance((300, 420), (10_000, 10_000)), 0.01)
    assert pairs[1].p == pytest.approx(raw)
    assert pairs[1].p_adjusted == pytest.approx(3 * raw)
    assert pairs[1].always == mixture_interval(
        pairs[1].difference, pooled_variance((300, 420), (10_000, 10_000)), 0.01, 0.05 / 3
    )


def test_the_best_of_three_must_beat_both():
    arms = arm("A", 300, 10_000), arm("B", 420, 10_000), arm("C", 425, 10_000)
    verdict, winner, pairs = judged(*arms, effect=0.01)
    assert (verdict, winner) == (Verdict.KEEP_RUNNING, None)
    assert [pair.verdict for pair in pairs] == [Verdict.BETTER, Verdict.BETTER, Verdict.KEEP_RUNNING]


def test_what_is_still_needed_decides():
    first, second = arm("A", 150, 5_000), arm("B", 180, 5_000)
    for test in Test:
        (pair,) = judged(first, second, effect=0.006, test=test)[2]
        factor = pair.needed / 5_000
        more = [
            arm(each.name, round(each.total * factor * 1.01), round(5_000 * factor * 1.01))
            for each in (first, second)
        ]
        less = [
            arm(each.name, round(each.total * factor * 0.97), round(5_000 * factor * 0.97))
            for each in (first, second)
        ]
        assert judged(*more, effect=0.006, test=test)[1] == "B"
        assert judged(*less, effect=0.006, test=test)[1] is None


def test_arms_of_different_age_wait():
    arms = arm("A", 300, 10_000), arm("B", 400, 10_000)
    verdict, _, (pair,) = judged(*arms, effect=0.01, uneven=True)
    assert (verdict, pair.doubt) == (Verdict.KEEP_RUNNING, Doubt.YOUNG)


def test_alike_so_far_is_not_alike():
    many = arm("A", 30_000, 1_000_000), arm("B", 30_100, 1_000_000)
    verdict, _, (pair,) = judged(*many, within=0.005, young=True)
    assert (verdict, pair.doubt) == (Verdict.KEEP_RUNNING, Doubt.EARLY)
    unlike = arm("A", 300, 10_000), arm("B", 400, 10_000)
    assert judged(*unlike, effect=0.01, young=True)[:2] == (Verdict.BETTER, "B")  # that holds at any age


def test_few_are_waited_for_until_they_are_enough():
    (pair,) = judged(arm("A", 0, 1_000), arm("B", 5, 1_000), effect=0.005)[2]
    assert pair.doubt is Doubt.FEW
    assert pair.needed >= 4_000  # ten clicks are expected of each arm from there
    (none,) = judged(money("A", [], 1_000), money("B", [9.0] * 5, 1_000), metric="revenue_per_mail")[2]
    assert (none.doubt, none.needed) == (Doubt.FEW, None)  # of nobody nothing can be foretold


# --- several mails a person


def test_ten_mails_a_person_are_not_ten_people():
    """Who clicks, clicks all ten: the variance is that of a tenth of the mails."""
    alone = arm("A", 3_000, 100_000), arm("B", 3_300, 100_000)
    repeated = [
        arm(each.name, each.total, each.n, people=10_000, people_in=10_000, squares=each.total * 10,
            crossed=each.total * 10, sizes=each.n * 10)
        for each in alone
    ]  # fmt: skip
    assert repeated[0].variance == pytest.approx(10 * alone[0].variance)
    assert repeated[0].inflation == pytest.approx(10)
    assert judged(*alone)[1] == "B"
    assert judged(*repeated)[1] is None


def test_one_mail_a_person_is_the_textbook():
    one = arm("A", 37, 1_000)
    assert one.variance == pytest.approx(0.037 * 0.963 / 1_000)
    assert one.inflation == 1


# --- revenue


def test_revenue_is_welch_and_the_mixture():
    chance = np.random.default_rng(3)
    spent = [chance.lognormal(3, 0.5, number).round(2) for number in (300, 450)]
    arms = money("A", spent[0], 10_000), money("B", spent[1], 10_000)
    whole = [np.append(values, np.zeros(10_000 - len(values))) for values in spent]
    assert [each.value for each in arms] == pytest.approx([values.mean() for values in whole])
    assert [each.variance for each in arms] == pytest.approx([values.var() / 10_000 for values in whole])
    verdict, winner, (pair,) = judged(*arms, metric="revenue_per_mail", test=Test.FIXED)
    expected = stats.ttest_ind(whole[1], whole[0], equal_var=False)
    assert pair.p == pytest.approx(expected.pvalue, rel=0.05)  # a hair more: as if both were one crowd
    assert pair.p > expected.pvalue
    assert (pair.once.low, pair.once.high) == pytest.approx(tuple(expected.confidence_interval()), rel=2e-3)
    assert (verdict, winner) == (Verdict.BETTER, "B")
    assert judged(*arms, metric="revenue_per_mail", effect=0.3)[1] == "B"


def test_a_small_arm_is_not_sure_of_what_it_does_not_hold():
    """Rare large orders are in the large arm alone: by its own variance the small one would have lost."""
    small, large = money("A", [20.0] * 20, 1_000), money("B", [*[20.0] * 1_700, *[900.0] * 40], 90_000)
    spent = np.concatenate([np.zeros(91_000 - 1_760), [20.0] * 1_720, [900.0] * 40])
    (pair,) = judged(small, large, metric="revenue_per_mail")[2]
    variance = spent.var() * (1 / 1_000 + 1 / 90_000)
    assert small.variance + large.variance < variance / 3
    rho = 0.2 * spent.mean()
    assert pair.p == pytest.approx(mixture_p(pair.difference, variance, rho))
    always = mixture_interval(pair.difference, variance, rho)
    assert (pair.always.low, pair.always.high) == pytest.approx((always.low, always.high))
    assert mixture_p(pair.difference, small.variance + large.variance, rho) < pair.p


def test_one_huge_order_does_not_decide():
    usual = [30.0] * 100
    for test in Test:
        arms = money("A", usual, 10_000), money("B", [*usual, 5_000.0, 900.0], 10_000)
        verdict, winner, (pair,) = judged(*arms, metric="revenue_per_mail", test=test, effect=0.3)
        assert (verdict, winner) == (Verdict.KEEP_RUNNING, None)
        assert pair.doubt in {Doubt.CHANCE, Doubt.ONE_PERSON}


def test_a_lead_that_is_gone_without_one_person_is_said():
    usual = [30.0] * 400
    arms = money("A", usual, 10_000), money("B", [*[30.0] * 455, 700.0], 10_000)
    (pair,) = judged(*arms, metric="revenue_per_mail", test=Test.FIXED)[2]
    assert pair.p < 0.05
    assert (pair.verdict, pair.doubt) == (Verdict.KEEP_RUNNING, Doubt.ONE_PERSON)


def test_few_customers_decide_nothing():
    arms = money("A", [10.0] * 9, 10_000), money("B", [10.0] * 60, 10_000)
    assert judged(*arms, metric="revenue_per_mail")[2][0].doubt is Doubt.FEW


# --- the split


def test_a_broken_split_is_seen_and_an_uneven_one_that_was_meant_is_not():
    even = [arm("A", 30, 5_000), arm("B", 30, 5_000)]
    assert not check_split(even, (1, 1)).broken
    lost = [arm("A", 30, 5_000), arm("B", 30, 4_600)]
    assert check_split(lost, (1, 1)).broken
    meant = [arm("A", 30, 1_000), arm("B", 30, 9_050)]
    assert not check_split(meant, (10, 90)).broken
    assert check_split([arm("A", 1, 2), arm("B", 0, 0)], (1, 1)).p is None


def test_the_effect_worth_finding_is_a_fifth_of_the_rate():
    assert default_effect([arm("A", 30, 1_000), arm("B", 50, 1_000)]) == pytest.approx(0.2 * 0.04)
    assert default_effect([arm("A", 0, 0), arm("B", 0, 0)]) == 0
    assert default_effect([money("A", [50.0], 100), money("B", [], 100)]) == pytest.approx(0.05)


# --- any numbers


SIZES = st.one_of(st.integers(0, 3), st.integers(0, 200), st.integers(0, 10**6), st.integers(0, 10**12))


@st.composite
def shares(draw, name):
    n = draw(SIZES)
    total = draw(st.one_of(st.just(0), st.just(n), st.integers(0, n), st.integers(0, min(n, 20))))
    return arm(name, total, n)


@given(
    shares("A"),
    shares("B"),
    shares("C"),
    st.sampled_from(list(Test)),
    st.sampled_from([None, 1e-6, 0.01, 0.5]),
    st.sampled_from([None, 0.001, 0.5]),
)
def test_any_numbers_have_a_verdict(first, second, third, test, effect, within):
    for arms in ((first, second), (first, second, third)):
        verdict, winner, pairs = judged(*arms, test=test, effect=effect, within=within)
        assert (winner is not None) == (verdict is Verdict.BETTER)
        for pair in pairs:
            assert 0 <= pair.p <= pair.p_adjusted <= 1
            assert (pair.verdict is Verdict.KEEP_RUNNING) == (pair.doubt is not Doubt.NONE)
            if pair.once:
                assert -1 <= pair.once.low <= pair.difference + 1e-9
                assert pair.difference - 1e-9 <= pair.once.high <= 1
    once = judged(first, second, test=test, effect=effect, within=within)
    turned = judged(second, first, test=test, effect=effect, within=within)
    assert once[:2] == turned[:2]


@st.composite
def revenues(draw, name):
    spent = draw(st.lists(st.floats(-500, 5_000).map(lambda value: round(value, 2)), max_size=40))
    return money(name, spent, draw(st.integers(max(len(spent), 1), 10**5)))


@given(
    st.one_of(
        st.tuples(*(shares(name) for name in "ABCD"), st.just("click_rate")),
        st.tuples(*(shares(name) for name in "ABCD"), st.just("unsubscribe_rate")),
        st.tuples(*(revenues(name) for name in "ABCD"), st.just("revenue_per_mail")),
    ),
    st.permutations("ABCD"),
    st.integers(2, 4),
    st.sampled_from(list(Test)),
    st.sampled_from([None, 0.01]),
)
def test_to_turn_the_arms_mirrors_the_verdict(drawn, order, number, test, within):
    *arms, metric = drawn
    arms = arms[:number]
    turned = sorted(arms, key=lambda each: order.index(each.name))
    verdict, winner, pairs = judged(*arms, test=test, within=within, metric=metric)
    verdict_, winner_, pairs_ = judged(*turned, test=test, within=within, metric=metric)
    assert (verdict, winner) == (verdict_, winner_)
    mirrored = {frozenset((pair.first, pair.second)): pair for pair in pairs_}
    for pair in pairs:
        other = mirrored[frozenset((pair.first, pair.second))]
        sign = 1 if pair.first == other.first else -1
        assert (pair.verdict, pair.doubt, pair.better) == (other.verdict, other.doubt, other.better)
        assert pair.p_adjusted == pytest.approx(other.p_adjusted)
        if pair.difference is not None:
            assert pair.difference == pytest.approx(sign * other.difference)
            low, high = (other.always.low, other.always.high)
            ends = (low, high) if sign == 1 else (-high, -low)
            assert (pair.always.low, pair.always.high) == pytest.approx(ends)
