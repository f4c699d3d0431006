"""The parts of the search for causes, on tables small enough to check by hand."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hygiene.metrics.causes.anomalies import find_anomalies
from hygiene.metrics.causes.comparison import compare
from hygiene.metrics.causes.decomposition import decompose, decompose_parts
from hygiene.metrics.causes.fatigue import measure_decay, measure_fatigue
from hygiene.metrics.causes.forecast import forecast_complaints
from hygiene.metrics.causes.maturity import HOURS, OTHERS, judge_maturity
from hygiene.metrics.causes.rates import RATES
from hygiene.metrics.causes.reasons import find_reasons, rule_for
from hygiene.metrics.causes.thresholds import advice, thresholds
from tests.metrics.count_tables import row

COUNTS = st.tuples(st.integers(0, 500), st.integers(0, 500)).map(lambda pair: (min(pair), max(pair)))
SIDES = st.dictionaries(st.sampled_from("abcdef"), COUNTS, min_size=1)


@given(SIDES, SIDES)
def test_effects_add_up_to_the_change(before, after):
    found = decompose("provider", before, after)
    n0, n1 = (sum(n for _, n in side.values()) for side in (before, after))
    if not n0 or not n1:
        assert found is None
        return
    change = Fraction(sum(k for k, _ in after.values()), n1) - Fraction(sum(k for k, _ in before.values()), n0)
    assert sum(one.total for one in found.effects) == pytest.approx(float(change), abs=1e-12)
    assert found.change == pytest.approx(float(change), abs=1e-12)


@given(SIDES)
def test_the_same_rates_only_mix_and_the_same_mix_only_rates(before):
    assume(sum(n for _, n in before.values()))
    doubled = {name: (2 * k, 2 * n) for name, (k, n) in before.items()}
    assert all(abs(one.total) < 1e-12 for one in decompose("x", before, doubled).effects)


def test_a_newcomer_with_the_usual_rate_explains_nothing():
    found = decompose("campaign", {"old": (20, 1000)}, {"new": (20, 1000)})
    assert [one.total for one in found.effects] == pytest.approx([0, 0])


def test_parts_of_the_numerator_add_up():
    found = decompose_parts("reason", {"a": 5}, 100, {"a": 5, "b": 20}, 200)
    assert [(one.slice, one.total) for one in found.effects] == [("b", 0.1), ("a", -0.025)]
    assert sum(one.total for one in found.effects) == pytest.approx(found.change)


def days(rates, n=10_000, start=20_000, **names):
    return [
        row(day=start + at, delivered=n - round(rate * n), hard=round(rate * n), **names)
        for at, rate in enumerate(rates)
    ]


def test_neighbouring_days_are_one_stretch():
    rng = np.random.default_rng(1)
    rates = [*rng.normal(0.02, 0.001, 20), 0.09, 0.10, 0.08, *rng.normal(0.02, 0.001, 5)]
    (one,) = [one for one in find_anomalies({"": days(rates)}).anomalies if one.rate.name == "bounce_rate"]
    assert one.days == (20_020, 20_021, 20_022)
    assert (one.k, one.n) == (2_700, 30_000)
    assert one.when == "from 24 Oct 2024 to 26 Oct 2024"
    assert one.sentence.startswith(
        "From 24 Oct 2024 to 26 Oct 2024, 9.0 % of the mails sent bounced (2,700 of 30,000)"
    )


def test_noisy_series_need_more_than_quiet_ones():
    rng = np.random.default_rng(2)
    quiet, noisy = ([*np.abs(rng.normal(0.03, sd, 25)), 0.055] for sd in (0.001, 0.015))
    assert [one.days for one in find_anomalies({"": days(quiet)}).anomalies]
    assert not find_anomalies({"": days(noisy)}).anomalies


def test_false_alarms_stay_rare():
    rng, alarms = np.random.default_rng(3), 0
    for _ in range(40):
        rates = rng.beta(20, 980, 40)  # 2 %, differing by a fifth
        alarms += bool(find_anomalies({"": days(list(rates))}).anomalies)
    assert alarms <= 6


@given(st.permutations(range(12)))
def test_the_order_of_rows_says_nothing(order):
    rows = days([0.02] * 11 + [0.2])
    assert find_anomalies({"": [rows[place] for place in order]}) == find_anomalies({"": rows})


def test_slices_are_charted_by_themselves():
    table = days([0.02] * 20, provider="gmail") + days([0.02] * 19 + [0.5], provider="yahoo")
    (one,) = find_anomalies({"provider": table}).anomalies
    assert (one.dimension, one.slice) == ("provider", "yahoo")
    assert "to yahoo bounced" in one.sentence


PROVIDERS = {"gmail": 1_400, "yahoo": 800, "microsoft": 600, "apple": 300, "gmx": 300}


def campaigns_opened(seed, junked=None, apart=0.4):
    """A campaign a day, opened by more or fewer, at every provider alike; on one day one of them junks it."""
    rng = np.random.default_rng(seed)
    return [
        row(day=20_000 + day, provider=name, delivered=n, opened_human=int(rng.binomial(n, rate)))
        for day, campaign in enumerate(0.15 * np.exp(rng.normal(0, apart, 35)))
        for name, n in PROVIDERS.items()
        for rate in [campaign / 4 if (day, name) == junked else campaign]
    ]


def test_a_day_that_one_provider_junked_shows_beside_the_others():
    """Campaigns differ too much for one provider's fall to show by itself."""
    found = [find_anomalies({"provider": campaigns_opened(seed, (30, "gmail"))}).anomalies for seed in range(8)]
    assert all([(one.slice, one.days) for one in some] == [("gmail", (20_030,))] for some in found)
    assert all("beside what other mail did then, usual is" in some[0].sentence for some in found)


def test_a_poor_campaign_is_no_matter_of_one_provider():
    table = campaigns_opened(3, apart=0.1)
    for each in table:
        if each["day"] == 20_030:
            each["opened_human"] //= 4
    assert not find_anomalies({"provider": table}).anomalies


def test_with_few_others_a_provider_is_held_against_its_own_days():
    table = [
        each
        for each in campaigns_opened(3, (30, "gmail"), apart=0.05)
        if each["provider"] in {"gmail", "yahoo"}
    ]
    (one,) = find_anomalies({"provider": table}).anomalies
    assert (one.slice, one.is_beside) == ("gmail", False)


def test_rare_events_that_nobody_expected_are_tests_all_the_same():
    """Days are not chosen by what was seen on them, or the few that are named would be chance."""
    rng, alarms = np.random.default_rng(9), 0
    for _ in range(30):
        rows = [row(day=20_000 + day, delivered=2_000, complained=int(rng.poisson(1))) for day in range(60)]
        alarms += bool(find_anomalies({"": rows}).anomalies)
    assert alarms <= 2


def test_providers_are_compared_with_all_others():
    rows = [row(provider="gmail", delivered=9_800, hard=200), row(provider="yahoo", delivered=800, block=200)]
    found = compare("provider", [*rows, row(provider=None, delivered=100, hard=2)])
    assert [(one.name, [share.rate.name for share in one.worse]) for one in found.slices] == [
        ("gmail", []),
        ("yahoo", ["bounce_rate"]),
        ("(not told)", []),
    ]
    assert sum(one.sent for one in found.slices) == 11_102
    assert "yahoo" in found.sentence
    ((slice_, share),) = found.worse
    assert (slice_.name, share.part, share.mail) == ("yahoo", 200 / 402, 1_000 / 11_102)
    assert "20.0 % (17.6–22.6 %) bounced, elsewhere 2.0 %" in slice_.sentence


def test_of_many_alike_campaigns_none_is_called_worse():
    rng = np.random.default_rng(8)
    rows = [
        row(campaign=f"c{n}", delivered=2_000 - bad, hard=bad)
        for n, bad in enumerate(rng.binomial(2_000, 0.02, 400))
    ]
    assert not compare("campaign", rows).worse


def test_what_still_grows_is_not_called_worse():
    rows = [
        row(campaign="old", delivered=9_000, opened_human=3_000),
        row(campaign="new", delivered=9_000, opened_human=90),
    ]
    assert [pair[0].name for pair in compare("campaign", rows).worse] == ["new"]
    assert not compare("campaign", rows, ripe=lambda _rate: rows[:1]).worse
    bounced = [row(campaign="old", delivered=9_000, hard=90), row(campaign="new", delivered=6_000, hard=3_000)]
    assert [pair[0].name for pair in compare("campaign", bounced, ripe=lambda _rate: bounced[:1]).worse] == [
        "new"
    ]


def test_what_still_grows_makes_nothing_else_look_worse():
    rows = [
        row(segment="old", delivered=9_000, complained=27),
        row(segment="new", delivered=90_000, complained=9),
    ]
    assert [pair[0].name for pair in compare("segment", rows).worse] == ["old"]
    ripe = [rows[0], row(segment="new", delivered=3_000, complained=9)]
    assert not compare("segment", rows, ripe=lambda _rate: ripe).worse


def test_complaints_are_compared_where_they_are_told():
    """Gmail tells of none: beside it every other provider would look worse."""
    rows = [
        row(provider="gmail", delivered=60_000, delivered_fbl=0),
        row(provider="yahoo", delivered=20_000, complained=24),
        row(provider="microsoft", delivered=20_000, complained=20),
        row(provider="small.example", delivered=900, delivered_fbl=0, complained=1),
    ]
    found = compare("provider", rows)
    assert not found.worse
    by_name = {
        one.name: next(each for each in one.rates if each.rate.event == "complaint") for one in found.slices
    }
    assert (by_name["gmail"].value, by_name["gmail"].n) == (None, 0)
    assert by_name["yahoo"].others == 21 / 20_900
    assert by_name["yahoo"].part == 24 / 45


@pytest.mark.parametrize(
    ("bounce_class", "status", "text", "name"),
    [
        ("hard", "5.1.1", "550 5.1.1 user unknown", "no such mailbox"),
        ("block", "5.7.1", "554 5.7.1 blocked using zen.spamhaus.org", "on a blocklist"),
        ("block", "5.7.26", "550-5.7.26 This mail is unauthenticated", "not authenticated"),
        ("soft", "4.2.2", "452 4.2.2 mailbox full", "mailbox full"),
        ("hard", "5.4.1", "550 5.4.1 Recipient address rejected: Access denied", "no such mailbox"),
        ("soft", "4.4.1", "connection timed out", "receiver not reached"),
        ("block", "", "refused", "blocked for another reason"),
        ("hard", "", "", "refused for good, without a reason that is known here"),
        ("", "", "", "not said"),
    ],
)
def test_rules_say_what_to_do(bounce_class, status, text, name):
    assert rule_for(bounce_class, status, text).name == name


def test_every_rule_says_what_to_do_and_where_it_is_from():
    assert all(rule.advice and rule.source for rule in advice().rules)
    assert thresholds().as_of


def test_reasons_of_more_texts_than_are_shown_still_add_up():
    rows = [
        {
            "provider": "x",
            "bounce_class": "hard",
            "smtp_status": "5.1.1",
            "text": f"t{n}",
            "example": f"t{n}",
            "mails": n,
        }
        for n in range(1, 31)
    ]
    found = find_reasons(rows, bounced=500)
    assert sum(one.mails for one in found.top) + found.others == 500
    assert found.top[0].mails == 30
    assert find_reasons([], bounced=0).sentence == "Nothing bounced."


# forecast


def sends(*pairs, fbl=None):
    return [
        row(campaign=f"c{at}", complained=k, delivered=n, delivered_fbl=n if fbl is None else fbl)
        for at, (k, n) in enumerate(pairs)
    ]


@pytest.mark.parametrize(
    ("rows", "reported", "why"),
    [
        (sends((0, 0)), None, "nothing was delivered whose complaints are told"),
        (sends((0, 5_000), fbl=0), None, "no mail went to a provider that reports complaints"),
        (sends((0, 5_000), fbl=0), True, "no mail went to a provider that reports complaints"),
        (sends((0, 5_000)), None, "the log holds no complaint, and does not say that it would"),
        (sends((3, 5_000)), False, "no source of this log reports complaints"),
    ],
)
def test_without_complaints_data_nothing_is_forecast(rows, reported, why):
    found = forecast_complaints(rows, reported=reported)
    assert found.unknown == why
    assert not found.crossings


def test_none_seen_is_no_promise():
    few = forecast_complaints(sends((0, 300)), reported=True).crossings[0]
    many = forecast_complaints(sends(*[(0, 10_000)] * 10), reported=True).crossings[0]
    assert few.alone > many.alone
    assert many.safe is None


def test_a_limit_that_is_crossed_is_said():
    found = forecast_complaints(sends((40, 10_000)))
    assert [one.crossed for one in found.crossings] == [True, True]
    assert [one.safe for one in found.crossings] == [0, 0]


def test_the_safe_number_is_the_last_that_is_safe():
    rng = np.random.default_rng(7)
    found = forecast_complaints(
        sends((9, 10_000), (2, 10_000), (20, 10_000), (1, 10_000), (3, 9_000), (4, 12_000))
    )
    first = found.crossings[0]
    a, b = _beta_of(found)
    for mails, expected in ((first.safe, True), (first.safe * 2, False)):
        drawn = rng.binomial(mails, rng.beta(a, b, 200_000))
        risk = np.mean((found.complained + drawn) >= first.limit * (found.delivered + mails))
        assert bool(risk <= 0.053) is expected


def _beta_of(found):
    """The beta distribution whose 2.5 % and 97.5 % points the forecast tells, found by search."""
    from scipy import optimize, stats

    def off(logs):
        a, b = np.exp(logs)
        ends = stats.beta.ppf([0.025, 0.975], a, b)
        return float(np.sum((np.log(ends) - np.log([found.next_low, found.next_high])) ** 2))

    return np.exp(
        optimize.minimize(off, np.log([1.5, 2_000]), method="Nelder-Mead", options={"maxiter": 4_000}).x
    )


def test_recent_mails_count_for_what_of_them_is_in():
    rows = sends(*[(5, 10_000)] * 6)
    all_in = forecast_complaints(rows)
    half = forecast_complaints(rows, seen_share=lambda _row: 0.5, delay="90 % within 3 days")
    assert half.crossings[0].by_next > all_in.crossings[0].by_next
    assert any("too recent" in caveat for caveat in half.caveats)
    assert any("3 days" in caveat for caveat in half.caveats)


# people


MONDAY = 20_503


def weeks_of(*weeks, campaign="news", start=MONDAY):
    """Both tables of fatigue, from rows {mails a week: counts} of weeks in a row."""
    rows = [
        {
            "week": start + 7 * at,
            "mails_a_week": mails,
            "person_weeks": counts["delivered"] // mails,
            **row(**counts),
        }
        for at, week in enumerate(weeks)
        for mails, counts in week.items()
    ]
    return rows, [{**each, "campaign": campaign} for each in rows]


def test_fatigue_says_who_not_why():
    week = {1: {"delivered": 5_000, "unsubscribed": 5}, 8: {"delivered": 4_000, "unsubscribed": 20}}
    found = measure_fatigue(*weeks_of(*[week] * 10))
    assert [one.label for one in found.groups] == ["1", "8 or more"]
    assert found.sentence == (
        "0.5 % led to an opt-out where people got 8 or more mails a week, 0.1 % of the same campaigns where "
        "they got 1: 0.312–0.488 points more (95 % sure)."
    )
    assert "not why" in found.caveats[0]


@pytest.mark.parametrize(
    ("weeks", "options", "why"),
    [
        ([], {}, "the log names nobody, or has no dates"),
        ([{1: {"delivered": 50_000}}], {}, "everybody got about the same number of mails a week"),
        ([{1: {"delivered": 90}, 2: {"delivered": 90}}], {}, "too few mails"),
        ([{1: {"delivered": 900}, 2: {"delivered": 900}}], {"until": MONDAY + 5}, "no week is complete yet"),
        (
            [{1: {"delivered": 900}}, {2: {"delivered": 900}}],
            {},
            "too few mails of the same campaigns went to people with more mails a week and with fewer",
        ),
    ],
)
def test_where_fatigue_cannot_be_told_it_says_why(weeks, options, why):
    found = measure_fatigue(*weeks_of(*weeks), **options)
    assert (found.unknown, found.contrasts) == (why, ())


def test_weeks_with_better_campaigns_are_no_matter_of_how_many_mails():
    """Where the weeks with many mails had the better campaign, pooled rates differ, and nobody is tired."""
    poor, good = (
        {
            1: {"delivered": one, "opened_human": round(one * rate)},
            4: {"delivered": four, "opened_human": round(four * rate)},
        }
        for one, four, rate in ((9_000, 1_000, 0.1), (1_000, 9_000, 0.4))
    )
    found = measure_fatigue(*weeks_of(*[poor, good] * 6))
    few, many = found.groups
    assert (few.rates[0].value, many.rates[0].value) == pytest.approx((0.13, 0.37))
    assert found.sentence.startswith("People with 4 mails a week do not differ clearly from those with 1")


def test_the_weeks_that_are_young_tire_nobody():
    fresh = {1: {"delivered": 4_000, "opened_human": 80}, 2: {"delivered": 400, "opened_human": 80}}
    told = weeks_of(fresh)
    assert "opened" in measure_fatigue(*told).sentence
    assert measure_fatigue(*told, until=MONDAY + 5).unknown == "no week is complete yet"
    assert measure_fatigue(*told, until=MONDAY + 6) == measure_fatigue(*told)


def test_one_opt_out_is_no_fatigue():
    week = {1: {"delivered": 10_000}, 4: {"delivered": 300, "unsubscribed": 1}}
    found = measure_fatigue(*weeks_of(week))
    assert "unsubscribe_rate" not in {one.rate.name for one in found.contrasts}


def test_decay_says_when_it_is_half():
    rates = [0.3, 0.28, 0.2, 0.12, 0.1, 0.1]
    rows = [
        {"weeks_since": week, "people": 3_000, **row(delivered=3_000, engaged_human=int(3_000 * rate))}
        for week, rate in enumerate(rates)
    ]
    found = measure_decay(rows, left_out=7)
    assert found.half_week == 3
    assert "From week 3 on" in found.sentence
    assert found.caveats[-1].endswith("left out, as their age is not known: 7.")
    assert measure_decay(rows[:2]).half_week is None
    assert measure_decay([]).unknown


# maturity

HOUR_US = 3_600_000_000


def ripeness_of(*ages_h, rates=RATES, names=None):
    """Of campaigns of these ages, each with a mail that nobody has opened."""
    now = 10_000 * HOUR_US
    named = names or [f"c{at}" for at in range(len(ages_h))]
    sent = [now - round(age * HOUR_US) for age in ages_h]
    ages = [{"campaign": name, "first_us": at, "last_us": at} for name, at in zip(named, sent, strict=True)]
    counts = [row(campaign=name, delivered=1) for name in named]
    return judge_maturity(ages, [], counts, as_of_us=now, rates=rates)


def test_a_campaign_of_this_hour_is_young_though_nothing_came_back_at_all():
    found = ripeness_of(0.2, rates=())
    assert found.sentence == "The campaign is too young to be judged in every rate."
    assert [one.sentence for one in found.young] == ["c0 is less than an hour old, too young to be judged."]


@pytest.mark.parametrize(
    ("ages", "names", "sentence"),
    [
        ((2_000,), None, "The campaign is old enough to be judged."),
        ((2_000, 2_000), None, "All 2 campaigns are old enough to be judged."),
        ((2_000, 1), None, "1 of 2 campaigns is too young to be judged in every rate."),
        ((2_000, 1), ["c", OTHERS], "The campaign is old enough to be judged."),
        (
            (9, 9, 2_000, 1),
            ["c", "d", "e", OTHERS],
            "2 of the 3 largest campaigns are too young to be judged in every rate.",
        ),
        ((2_000, 2_000, 1), ["c", "d", OTHERS], "All 2 largest campaigns are old enough to be judged."),
    ],
)
def test_campaigns_are_counted_as_they_are(ages, names, sentence):
    """The small ones of very many count as one, which is no campaign."""
    assert ripeness_of(*ages, names=names).sentence == sentence


def test_one_mail_is_no_mails():
    found = forecast_complaints([row(campaign="c", delivered=1, complained=1)], reported=True)
    assert found.sentence.startswith("100 % of 1 mail delivered was reported as spam")


def test_a_young_campaign_is_headed_where_the_older_ones_went():
    now = 10_000 * HOUR_US
    ages = [{"campaign": f"old{n}", "first_us": 0, "last_us": HOUR_US} for n in range(6)]
    ages.append({"campaign": "young", "first_us": now - 12 * HOUR_US, "last_us": now - 12 * HOUR_US})
    delays = [
        {"campaign": f"old{n}", "event": "open", "hours": hours, "events": events}
        for n in range(6)
        for hours, events in ((1, 200), (12, 300), (48, 400), (168, 100))
    ]
    counts = [row(campaign="young", delivered=10_000, opened_human=1_000)]
    found = judge_maturity(ages, delays, counts, as_of_us=now)
    opens = found.delay("open")
    assert (opens.complete_h, opens.assumed, opens.seen[HOURS.index(12)]) == (48, False, 0.5)
    (young,) = found.young
    nowcast = next(one for one in young.rates if one.rate.name == "open_rate_human")
    assert nowcast.heading == pytest.approx(0.2)
    assert nowcast.low <= 0.2 <= nowcast.high
    assert found.delay("complaint").assumed


def test_flows_that_are_still_sent_are_not_nowcast():
    now = 10_000 * HOUR_US
    ages = [{"campaign": "welcome", "first_us": 0, "last_us": now - HOUR_US}]
    (young,) = judge_maturity(ages, [], [row(campaign="welcome", delivered=10)], as_of_us=now).young
    assert young.still_sent
    assert not young.rates
    assert "still being sent" in young.sentence


@given(st.floats(0, 400))
def test_an_assumed_curve_only_rises(hours):
    delay = judge_maturity([], [], [], as_of_us=0).delay("open")
    low, usual, high = delay.by(hours)
    later = delay.by(hours + 10)
    assert 0 <= low <= usual <= high <= 1
    assert later[1] >= usual
