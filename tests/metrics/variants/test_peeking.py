"""Who looks every day: how often a winner is named that is none, and how often one is found that there is.

Everything here is drawn with a fixed seed. The figures beside the limits are what was measured.
"""

import numpy as np
import pytest

from hygiene.metrics.variants.verdict import Verdict, judge, overall

from .peeking import ALPHA, LOOKS, bought, sent_at_once, sent_daily, verdicts
from .trials import rules

TESTS = 2_000
NAMES = "ABCDE"


@pytest.fixture
def chance():
    return np.random.default_rng(20_261_128)


def ever(at_looks):
    """The share of tests in which it is said at any look."""
    return at_looks.any(axis=1).mean()


def grown(chance, rates, sizes, way=sent_daily, tests=TESTS):
    return [way(chance, rate, size, tests) for rate, size in zip(rates, sizes, strict=True)]


# --- the simulation is that of the product


def agreement(arms, looks, metric, **options):
    """The product's verdicts at these looks, and those of the simulation."""
    winner, equal, _ = verdicts(arms, **options)
    for test, look in looks:
        counted = [run.at(test, look, NAMES[at]) for at, run in enumerate(arms)]
        asked = rules(counted, metric=metric, **options)
        expected = (
            (Verdict.BETTER, NAMES[winner[test, look]])
            if winner[test, look] >= 0
            else (Verdict.EQUIVALENT if equal[test, look] else Verdict.KEEP_RUNNING, None)
        )
        yield overall(counted, judge(counted, asked)), expected


@pytest.mark.parametrize(
    ("rates", "sizes", "options"),
    [
        ((0.03, 0.04), (9_000, 9_000), {}),
        ((0.03, 0.04), (2_000, 16_000), {"effect": 0.01}),
        ((0.20, 0.21), (9_000, 9_000), {"within": 0.03}),
        ((0.03, 0.03, 0.05), (6_000, 6_000, 6_000), {}),
        ((0.10, 0.10, 0.10, 0.10, 0.16), (900, 900, 900, 900, 2_000), {"effect": 0.05}),
    ],
)
def test_the_simulated_verdict_is_the_verdict(chance, rates, sizes, options):
    arms = grown(chance, rates, sizes, tests=40)
    looks = chance.integers((0, 0), (40, LOOKS), (120, 2)).tolist()
    told = list(agreement(arms, looks, "click_rate", **options))
    assert all(said == expected for said, expected in told)
    assert len({said[0] for said, _ in told}) > 1  # not all of one kind


@pytest.mark.parametrize("sizes", [(30_000, 30_000), (12_000, 90_000)])
def test_the_simulated_verdict_is_the_verdict_of_revenue_too(chance, sizes):
    arms = [
        bought(chance, size, 40, share=0.02, spread=0.7, factor=factor)
        for size, factor in zip(sizes, (1, 2), strict=True)
    ]
    looks = chance.integers((0, 0), (40, LOOKS), (120, 2)).tolist()
    told = list(agreement(arms, looks, "revenue_per_mail"))
    assert all(said == expected for said, expected in told)
    assert len({said[0] for said, _ in told}) > 1


# --- false winners


@pytest.mark.parametrize("way", [sent_daily, sent_at_once])
@pytest.mark.parametrize(
    ("rate", "sizes", "effect"),
    [
        (0.2, (5_000, 5_000), None),
        (0.2, (5_000, 5_000), 0.03),
        (0.03, (30_000, 30_000), None),
        (0.03, (30_000, 30_000), 0.005),
        (0.03, (30_000, 30_000), 0.03),
        (0.03, (30_000, 30_000), 0.3),
        (0.001, (500_000, 500_000), None),
        (0.001, (20_000, 20_000), 0.0005),
        (0.98, (5_000, 5_000), None),
        (0.03, (2_000, 18_000), None),
        (0.03, (20_000, 180_000), 0.003),
        (0.001, (50_000, 450_000), None),
    ],
)
def test_looking_every_day_names_a_false_winner_in_at_most_five_tests_of_a_hundred(
    chance, way, rate, sizes, effect
):
    """At most 2.5 of a hundred, in fact."""
    winner, _, _ = verdicts(grown(chance, (rate, rate), sizes, way), effect=effect)
    assert ever(winner >= 0) <= 0.025 < ALPHA


@pytest.mark.parametrize("way", [sent_daily, sent_at_once])
@pytest.mark.parametrize(
    ("rate", "sizes"),
    [
        (0.03, (10_000,) * 3),
        (0.03, (10_000,) * 5),
        (0.001, (200_000,) * 5),
        (0.03, (1_000, 1_000, 8_000)),
        (0.20, (4_000, 4_000, 4_000, 4_000, 100)),
    ],
)
def test_several_arms_are_as_safe(chance, way, rate, sizes):
    """Neither is a winner named, nor is any of two arms called better, in more: the correction is Holm's."""
    winner, _, apart = verdicts(grown(chance, (rate,) * len(sizes), sizes, way))
    assert ever(winner >= 0) <= 0.01
    assert ever(apart) <= 0.025 < ALPHA


@pytest.mark.parametrize("sizes", [(20_000, 20_000), (5_000, 45_000), (1_000, 60_000)])
@pytest.mark.parametrize("spread", [0.7, 1.0, 1.5, 2.0])
def test_revenue_is_as_safe_whatever_the_split_and_however_large_the_largest_orders(chance, sizes, spread):
    """A small arm has few large orders: by its own variance alone it would lose in up to 28 of a hundred."""
    arms = [bought(chance, size, 1_000, share=0.02, spread=spread) for size in sizes]
    winner, _, _ = verdicts(arms)
    assert ever(winner >= 0) <= 0.02 < ALPHA


def test_looking_every_day_at_a_test_for_one_look_does_not_hold(chance):
    """The simulation can fail: the z test at each of 50 looks is wrong in about three tests of ten."""
    first, second = grown(chance, (0.2, 0.2), (5_000, 5_000))
    share = (first.total + second.total) / (2 * first.mails)
    z = (second.total - first.total) / first.mails / np.sqrt(2 * share * (1 - share) / first.mails)
    assert 0.25 < ever(np.abs(z) > 1.96) < 0.38


# --- equivalence


@pytest.mark.parametrize(
    ("rates", "size", "effect", "within"),
    [
        ((0.20, 0.22), 20_000, None, 0.02),
        ((0.03, 0.035), 200_000, None, 0.005),
        ((0.03, 0.033), 200_000, 0.003, 0.003),
        ((0.001, 0.0012), 900_000, None, 0.0002),
    ],
)
def test_what_differs_by_as_much_as_matters_is_rarely_called_equivalent(chance, rates, size, effect, within):
    """In about 0.5 of a hundred tests, while looking every day."""
    _, equal, _ = verdicts(grown(chance, rates, (size, size)), effect=effect, within=within)
    assert ever(equal) <= 0.02 < ALPHA


def test_what_is_alike_is_called_equivalent(chance):
    """In 94 of a hundred tests of 20,000 mails an arm, where 2 points do not matter."""
    _, equal, _ = verdicts(grown(chance, (0.2, 0.2), (20_000, 20_000)), within=0.02)
    assert ever(equal) > 0.88


def test_while_clicks_come_in_everything_is_alike(chance):
    """Why equivalence waits for the mails to be old enough: at the first looks nearly nobody has clicked."""
    arms = grown(chance, (0.03, 0.035), (200_000, 200_000), sent_at_once, 50)
    _, equal, _ = verdicts(arms, within=0.005)
    assert ever(equal) == 1


# --- power


@pytest.mark.parametrize(
    ("rates", "size", "effect", "power", "stops"),
    [
        ((0.20, 0.23), 5_000, 0.03, 0.79, 0.53),
        ((0.20, 0.23), 5_000, None, 0.80, 0.51),
        ((0.03, 0.035), 30_000, 0.005, 0.74, 0.54),
        ((0.03, 0.035), 30_000, None, 0.73, 0.52),
        ((0.001, 0.0013), 400_000, None, 0.87, 0.51),
    ],
)
def test_the_power_while_looking_every_day(chance, rates, size, effect, power, stops):
    """What is worth finding is found, and after about half of the mails on average."""
    arms = grown(chance, rates, (size, size))
    winner, _, _ = verdicts(arms, effect=effect)
    right = winner == 1
    found = right.any(axis=1)
    assert found.mean() == pytest.approx(power, abs=0.04)
    stopped = np.take_along_axis(arms[0].mails, right.argmax(axis=1)[:, None], axis=1)[found]
    assert stopped.mean() / size == pytest.approx(stops, abs=0.06)
    assert ever(winner == 0) <= 0.005  # the worse one hardly ever


def test_the_effect_worth_finding_may_be_off_by_half_or_double(chance):
    """A fifth of the rate is a guess that costs little: power 0.68, 0.74, 0.71; five times too large, 0.60."""
    arms = grown(chance, (0.03, 0.035), (30_000, 30_000))
    power = [ever(verdicts(arms, effect=0.005 * factor)[0] == 1) for factor in (0.5, 1, 2, 5)]
    assert power == pytest.approx([0.68, 0.74, 0.71, 0.60], abs=0.05)


def test_the_power_of_revenue(chance):
    """A third more buyers among 2 %, with 50,000 mails an arm: 0.79 while looking every day."""
    arms = [bought(chance, 50_000, 1_000, share=share, spread=0.7) for share in (0.02, 0.0265)]
    assert ever(verdicts(arms)[0] == 1) > 0.7
