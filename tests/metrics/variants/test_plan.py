"""How many mails a test takes: published figures, statsmodels, and a simulation that finds what was planned."""

import numpy as np
import pytest
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import proportion_effectsize

from hygiene.errors import UsageError
from hygiene.metrics.variants.evidence import ALPHA, mixture_p, pooled_variance
from hygiene.metrics.variants.plan import plan_test
from hygiene.render.terminal import render_terminal

from .peeking import sent_daily, verdicts


@pytest.mark.parametrize(
    ("baseline", "effect", "mails"),
    [
        (0.20, 0.02, 6_510),
        (0.20, 0.03, 2_943),
        (0.03, 0.005, 19_743),
        (0.03, 0.003, 53_211),
        (0.02, 0.005, 13_809),
    ],
)
def test_for_one_look(baseline, effect, mails):
    plan = plan_test(baseline=baseline, effect=effect)
    assert plan.once == mails
    other = NormalIndPower().solve_power(
        proportion_effectsize(baseline + effect, baseline), alpha=0.05, power=0.8, ratio=1
    )  # by arcsine
    assert mails == pytest.approx(other, rel=0.01)


def test_looking_every_day_costs_more_at_most_and_little_on_average():
    plan = plan_test(baseline=0.03, effect=0.005)
    assert 1.7 < plan.always / plan.once < 2.1
    assert 0.9 < plan.usual / plan.once < 1.3
    assert plan_test(baseline=0.03, effect=0.005) == plan


def test_a_test_as_planned_finds_the_effect_in_that_share_of_tests():
    plan = plan_test(baseline=0.10, effect=0.02)
    chance = np.random.default_rng(1)
    first, second = (chance.binomial(plan.always, rate, 4_000) for rate in (0.10, 0.12))
    found = [
        mixture_p((more - won) / plan.always, pooled_variance((won, more), (plan.always, plan.always)), 0.02)
        <= ALPHA
        for won, more in zip(first.tolist(), second.tolist(), strict=True)
    ]
    assert np.mean(found) == pytest.approx(0.80, abs=0.02)


@pytest.mark.parametrize(("baseline", "effect"), [(0.03, 0.005), (0.001, 0.0005), (0.3, 0.1)])
def test_who_looks_daily_finds_it_more_often_and_sooner_as_is_said(baseline, effect):
    """By the other implementation: in 86 of a hundred tests."""
    plan, chance = plan_test(baseline=baseline, effect=effect), np.random.default_rng(2)
    arms = [sent_daily(chance, rate, plan.always, 2_000) for rate in (baseline, baseline + effect)]
    won = verdicts(arms, effect=effect)[0] == 1
    stops = np.where(won.any(axis=1), arms[0].mails[0][won.argmax(axis=1)], plan.always)
    assert won.any(axis=1).mean() == pytest.approx(plan.found, abs=0.025)
    assert won.any(axis=1).mean() > plan.power + 0.03
    assert stops.mean() == pytest.approx(plan.usual, rel=0.03)


def test_more_variants_and_more_power_take_more():
    two = plan_test(baseline=0.1, effect=0.02)
    assert plan_test(baseline=0.1, effect=0.02, variants=4).once > two.once
    assert plan_test(baseline=0.1, effect=0.02, power=0.95).always > two.always
    assert plan_test(baseline=0.1, effect=0.02, variants=4).alpha == pytest.approx(ALPHA / 6)


def test_a_plan_shows_itself():
    plan = plan_test(baseline=0.03, effect=0.005, variants=3, power=0.9)
    shown = render_terminal(plan.sections(), width=80, colour=False)
    assert max(map(len, shown.splitlines())) <= 80
    assert f"{plan.always:,}" in shown
    assert "power 90 %" in " ".join(shown.split())
    assert list(plan.to_frame()["mails_per_arm"]) == [plan.once, plan.always]
    assert plan.to_dict()["sentence"] == plan.sentence
    assert "planned" in plan._repr_html_()
    assert repr(plan) == f"<Plan {plan.always:,} mails an arm, {plan.once:,} for one look>"


@pytest.mark.parametrize(
    "given",
    [
        {"baseline": 0.0},
        {"baseline": 0.6, "effect": 0.5},
        {"effect": 0.0},
        {"effect": 1e-9},
        {"effect": float("nan")},
        {"power": 0.4},
        {"power": 1.0},
        {"variants": 1},
        {"variants": 11},
    ],
)
def test_what_cannot_be_planned_is_refused(given):
    with pytest.raises(UsageError):
        plan_test(**{"baseline": 0.03, "effect": 0.005, **given})
