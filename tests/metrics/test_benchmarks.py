"""The profiles against the figures they quote, files of one's own, and verdicts in three values."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.errors import HygieneError, UsageError
from hygiene.metrics.benchmarks import Target, industry, load_profile, profiles
from hygiene.metrics.intervals import wilson
from hygiene.metrics.kpis import KPIS, Verdict, find_kpi
from hygiene.metrics.verdict import judge


def verdict(profile, name, numerator, n, **options):
    kpi = find_kpi(name)
    low, high = wilson(numerator, n)
    target = load_profile(profile).target_of(kpi.name)
    return judge(kpi, target, numerator=numerator, n=n, low=low, high=high, **options)


@pytest.mark.parametrize(
    ("profile", "limits"),
    [
        (
            "default",
            {
                "delivery_rate": "> 90 %",
                "bounce_rate": "< 10 %",
                "complaint_rate_delivered": "< 0.1 %",
                "open_rate_human": "15–30 %",
                "click_rate_human": "2–5 %",
            },
        ),
        ("ses", {"hard_bounce_rate": "< 2 %", "complaint_rate_fbl": "< 0.1 %"}),
        ("gmail-yahoo", {"complaint_rate_fbl": "< 0.1 %"}),
        (
            "strict",
            {
                "delivery_rate": "≥ 98 %",
                "bounce_rate": "< 2 %",
                "complaint_rate_delivered": "< 0.01 %",
                "open_rate_human": "> 33 %",
                "unsubscribe_rate": "< 0.3 %",
            },
        ),
    ],
)
def test_a_profile_holds_the_thresholds_it_quotes(profile, limits):
    found = load_profile(profile)
    assert {find_kpi(one.kpi).name: one.limit for one in found.target} == limits
    assert found.source
    assert found.as_of


def test_industry_figures_are_of_kpis_that_exist_with_source_and_definition():
    assert len(industry()) >= 7
    for one in industry():
        assert set(one.figures) <= set(KPIS)
        assert all(0 < figure < 1 for figure in one.figures.values())
        assert one.source
        assert one.as_of
        assert one.whose


@pytest.mark.parametrize(
    ("profile", "kpi", "counted", "expected", "needed"),
    [
        ("default", "bounce_rate", (5, 100), Verdict.NOT_PROVEN, 39),
        ("default", "bounce_rate", (7, 140), Verdict.MET, None),
        ("default", "bounce_rate", (200, 1_000), Verdict.MISSED, None),
        ("default", "delivery_rate", (133, 140), Verdict.MET, None),
        ("default", "delivery_rate", (800, 1_000), Verdict.MISSED, None),
        ("default", "complaint_rate", (0, 3_837), Verdict.NOT_PROVEN, 1),
        ("default", "complaint_rate", (0, 3_838), Verdict.MET, None),
        ("default", "complaint_rate", (0, 100), Verdict.NOT_PROVEN, 3_738),
        ("default", "open_rate", (2_000, 10_000), Verdict.MET, None),
        ("default", "open_rate", (1_000, 10_000), Verdict.MISSED, None),
        ("default", "click_rate", (20, 1_000), Verdict.NOT_PROVEN, None),  # on the limit no number proves it
    ],
)
def test_a_verdict_and_what_would_prove_it(profile, kpi, counted, expected, needed):
    found = verdict(profile, kpi, *counted)
    assert (found.verdict, found.needed) == (expected, needed)


def test_what_more_mails_would_prove_is_said():
    assert verdict("default", "bounce_rate", 5, 100).leans is Verdict.MET
    assert verdict("default", "bounce_rate", 15, 100).leans is Verdict.MISSED
    assert verdict("default", "bounce_rate", 7, 140).leans is None


def test_more_opens_than_usual_are_no_fault_but_suspect():
    found = verdict("default", "open_rate", 6_000, 10_000)
    assert found.verdict is Verdict.MET
    assert "machines" in found.note


@pytest.mark.parametrize(
    ("counted", "note"),
    [
        ((10, 1_000), None),
        ((60, 1_000), "from 5 % on: the account is put under review (not proven yet)"),
        ((600, 10_000), "from 5 % on: the account is put under review"),
        ((1_500, 10_000), "from 10 % on: sending may be paused"),
    ],
)
def test_the_steps_of_amazon_are_told_when_they_are_reached(counted, note):
    assert verdict("ses", "hard_bounce_rate", *counted).note == note


@given(st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.integers(1, 99))
def test_a_rate_and_its_mirror_have_the_same_verdict(counted, per_cent):
    """Bounced below 10 % is not bounced above 90 %."""
    k, n = counted
    limit = per_cent / 100
    down, up = Target(kpi="bounce_rate", below=limit), Target(kpi="delivery_rate", above=1 - limit)
    low, high = wilson(k, n)
    below = judge(KPIS["bounce_rate"], down, numerator=k, n=n, low=low, high=high)
    mirrored = {"numerator": n - k, "n": n, "low": 1 - high, "high": 1 - low}
    above = judge(KPIS["delivery_rate"], up, **mirrored)
    if min(abs(low - limit), abs(high - limit)) > 1e-12:  # 1 - 0.1 is not 0.9 in binary
        assert below.verdict is above.verdict


@given(st.integers(1, 3_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_so_many_more_at_the_same_rate_do_prove_it_and_one_fewer_would_not(counted):
    k, n = counted
    found = verdict("default", "bounce_rate", k, n)
    if found.needed is None:
        return
    rate = k / n
    for more, proven in ((found.needed, True), (found.needed - 1, False)):
        low, high = wilson(rate * (n + more), n + more)
        assert bool(high < 0.1 or low >= 0.1) is proven or math.isclose(
            min(abs(low - 0.1), abs(high - 0.1)), 0, abs_tol=1e-9
        )


@given(st.integers(0, 200))
def test_more_complaints_never_improve_a_verdict(k):
    order = [Verdict.MET, Verdict.NOT_PROVEN, Verdict.MISSED]
    fewer, more = (verdict("default", "complaint_rate", each, 20_000).verdict for each in (k, k + 1))
    assert order.index(fewer) <= order.index(more)


# files of one's own


def own(tmp_path, text):
    path = tmp_path / "ours.toml"
    path.write_text(text, encoding="utf-8")
    return load_profile(path)


def test_a_file_of_ones_own_says_what_it_says_and_the_rest_from_its_name(tmp_path):
    found = own(
        tmp_path, "[[target]]\nkpi = 'open_rate'\nabove = '25 %'\n[[target]]\nkpi = 'ctor'\nat_most = 0.5\n"
    )
    assert (found.name, found.source) == ("ours", "ours.toml")
    assert [one.limit for one in found.target] == ["> 25 %", "≤ 50 %"]
    assert found.target_of("open_rate_human").low == 0.25
    assert found.target_of("open_rate_all") is None
    assert found.target_of("open_rate_all", human=False).low == 0.25


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "holds no [[target]]"),
        ("[[target", "is not TOML"),
        ("[[target]]\nkpi = 'opens'\nabove = 0.1", "no KPI is called 'opens': there are"),
        ("[[target]]\nkpi = 'ctor'", "has no range: write above, at_least, below or at_most"),
        ("[[target]]\nkpi = 'ctor'\nabove = 25", "above = 25 is no share: write 0.1 or '10 %'"),
        ("[[target]]\nkpi = 'ctor'\nabove = 'much'", "'much' is no share"),
        ("[[target]]\nkpi = 'ctor'\nabove = 0.1\nat_least = 0.2", "both above and at_least"),
        ("[[target]]\nkpi = 'ctor'\nabove = 0.2\nbelow = 0.1", "nothing lies between"),
        ("[[target]]\nkpi = 'ctor'\nover = 0.2", "unknown field `over`"),
        ("[target]\nkpi = 'ctor'\nabove = 0.2", "a target begins with [[target]], in two brackets"),
        ("[[target]]\nkpi = 'bounce_rate'\nbelow = 0", "no share lies below 0"),
        ("[[target]]\nkpi = 'delivery_rate'\nabove = '100 %'", "no share lies above 1"),
        (
            "[[target]]\nkpi = 'open_rate'\nat_least = 0.3\nsuspect_above = 0.2",
            "suspect_above must be more than the lower end",
        ),
        ("[[target]]\nkpi = 'revenue_per_mail'\nabove = 0.2", "only shares have targets"),
        (
            "[[target]]\nkpi = 'open_rate'\nabove = 0.2\n[[target]]\nkpi = 'open_rate_human'\nabove = 0.1",
            "open_rate_human has two targets",
        ),
    ],
)
def test_a_file_that_cannot_be_is_refused_in_one_sentence(tmp_path, text, why):
    with pytest.raises(HygieneError) as refused:
        own(tmp_path, text)
    assert why in str(refused.value)
    assert "ours.toml" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_without_a_date_is_quoted_without_one(tmp_path):
    target = "[[target]]\nkpi = 'ctor'\nabove = 0.1\n"
    assert own(tmp_path, target).dated == "thresholds of ours.toml"
    assert own(tmp_path, f"as_of = '2026-10'\n{target}").dated == "thresholds of ours.toml, as of 2026-10"


def test_a_name_that_is_none_lists_those_that_are():
    with pytest.raises(UsageError, match=r"there are default, ses, gmail-yahoo, strict, or name a \.toml file"):
        load_profile("gold")
    assert list(profiles()) == ["default", "ses", "gmail-yahoo", "strict"]
