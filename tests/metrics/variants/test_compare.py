"""From logs to a verdict."""

import json
import random
import re
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import requires
from pathlib import Path

import pandas as pd
import pytest

import hygiene
from hygiene.errors import UsageError
from hygiene.metrics.measure import measure
from hygiene.metrics.variants.asked import METRICS
from hygiene.metrics.variants.compare import compare_variants
from hygiene.metrics.variants.verdict import Doubt, Verdict
from hygiene.render.markdown import render_markdown
from hygiene.render.page import render_page
from hygiene.render.terminal import render_terminal

from .trials import DAY, SENT, mails, write

REPORT = Path(__file__).parents[2] / "events" / "reports" / "brevo.csv"
README = Path(__file__).parents[3] / "README.md"


@pytest.fixture
def log(tmp_path):
    """Writes a log of these events and names it."""
    return lambda *arms: str(write(tmp_path / "autumn.jsonl", *arms))


def text(comparison, *, width=80, verbose=False):
    return render_terminal(comparison.sections(), width=width, colour=False, verbose=verbose)


def at(seconds):
    """So long after the first mail."""
    return datetime.fromtimestamp(SENT + seconds, UTC).isoformat()


def told(comparison):
    """All the prose, without line ends."""
    return " ".join(text(comparison, verbose=True).split())


# --- the verdict


def test_a_winner_from_a_log(log):
    compared = hygiene.compare_variants(log(mails("A", 3_000, 90), mails("B", 3_000, 180)), "spring")
    assert (compared.verdict, compared.winner, compared.exit_code) == (Verdict.BETTER, "B", 0)
    assert [(arm.name, arm.mails, arm.people, arm.n, arm.total) for arm in compared.arms] == [
        ("A", 3_000, 3_000, 3_000, 90),
        ("B", 3_000, 3_000, 3_000, 180),
    ]
    assert compared.sentence.startswith("B is better: 6.0 % clicked, against 3.0 % (+100 %). You may stop here")
    assert repr(compared) == "<Comparison of click_rate_human, A | B: B better>"


def test_the_same_arms_keep_running_and_say_so(log):
    compared = compare_variants(log(mails("A", 1_000, 40), mails("B", 1_000, 40)))
    assert (compared.verdict, compared.winner, compared.exit_code) == (Verdict.KEEP_RUNNING, None, 3)
    assert compared.sentence == "Keep running: no variant leads."


def test_a_lead_that_may_be_chance_says_how_many_more_mails(log):
    compared = compare_variants(log(mails("A", 1_000, 40), mails("B", 1_000, 50)))
    assert compared.sentence.startswith(
        "Keep running: B leads with 5.0 % clicked, against 4.0 % of A, but chance alone can make such"
    )
    assert re.search(
        r"If the difference stays, about [\d,]+ mails to each would decide it\.$", compared.sentence
    )


def test_equivalent_within_what_matters(log):
    events = log(mails("A", 4_000, 800), mails("B", 4_000, 804))
    compared = compare_variants(events, equivalent_within="5%")
    assert (compared.verdict, compared.exit_code) == (Verdict.EQUIVALENT, 0)
    assert compared.sentence.startswith(
        "A and B are equivalent: they differ by less than 5.0 points of per cent."
    )


def test_young_mails_are_alike_for_the_time_being(log):
    arms = mails("A", 4_000, 800, until=1), mails("B", 4_000, 804, until=1)
    compared = compare_variants(log(*arms), equivalent_within="5%")
    assert (compared.verdict, compared.pairs[0].doubt) == (Verdict.KEEP_RUNNING, Doubt.EARLY)
    assert compared.sentence == (
        "Keep running: the variants are alike so far, but most late readers are still to come. Wait until all "
        "mails are 5 d old."
    )


def test_a_broken_split_names_no_winner(log):
    compared = compare_variants(log(mails("A", 3_000, 90), mails("B", 2_500, 250)))
    assert (compared.verdict, compared.winner, compared.exit_code) == (Verdict.SPLIT_BROKEN, None, 1)
    assert compared.sentence == (
        "The split is broken, so no winner is named: A has 3,000 people, B has 2,500, where an even split "
        "gives each about 2,750. Chance does not do that. If they were to be divided otherwise, say how, as in "
        "--split 10:90; if not, find out who was lost or added before you believe any difference."
    )


def test_a_split_that_was_meant_is_none_that_broke(log):
    events = log(mails("A", 500, 15), mails("B", 4_500, 450))
    assert compare_variants(events, split="10:90").verdict is not Verdict.SPLIT_BROKEN
    asked = compare_variants(events, split="50:50")
    assert asked.verdict is Verdict.SPLIT_BROKEN
    assert "where 2,500 : 2,500 were meant. Chance does not do that. Find out who was lost" in asked.sentence


def test_the_parts_of_a_split_are_in_the_order_of_the_arms_named(log):
    events = log(mails("A", 500, 15), mails("B", 4_500, 450))
    compared = compare_variants(events, arms=["B", "A"], split="90:10")
    assert [arm.name for arm in compared.arms] == ["B", "A"]
    assert not compared.split.broken
    assert (compared.pairs[0].first, compared.pairs[0].second) == ("B", "A")


def test_several_campaigns_are_said(log):
    events = log(mails("A", 300, 9), mails("B", 300, 9), mails("A", 300, 9, campaign="autumn", start=900))
    assert any(note.startswith("The mails are of 2 campaigns") for note in compare_variants(events).notes)
    assert not any("campaigns" in note for note in compare_variants(events, "spring").notes)


def test_three_arms(log):
    compared = compare_variants(
        log(mails("A", 3_000, 90), mails("B", 3_000, 95), mails("C", 3_000, 240)), effect="2%"
    )
    assert compared.winner == "C"
    assert len(compared.pairs) == 3
    assert "against 3.0 % (A) and 3.2 % (B)" in compared.sentence
    assert "98.33 % sure" in told(compared)


def test_the_loser_of_three_is_named(log):
    compared = compare_variants(
        log(mails("A", 3_000, 60), mails("B", 3_000, 240), mails("C", 3_000, 235)), effect="2%"
    )
    assert compared.verdict is Verdict.KEEP_RUNNING
    assert compared.sentence.startswith("A can be left out. Keep running: B leads")


def test_an_arm_that_was_never_sent_is_empty(log):
    for number in (4, 1_000):
        compared = compare_variants(log(mails("A", number, 1)), arms=["A", "B"])
        assert (compared.verdict, compared.pairs[0].doubt) == (Verdict.KEEP_RUNNING, Doubt.EMPTY)
        assert compared.sentence == "Keep running: the log holds no mail of B."
        assert "nobody was sent every variant" in told(compared)


def test_an_arm_of_which_nothing_arrived_is_said(log):
    bounced = [{**line, "event": "bounced", "bounce_class": "hard"} for line in mails("B", 30)[1:60:2]]
    sent = [line for line in mails("B", 30) if line["event"] == "sent"]
    compared = compare_variants(log(mails("A", 30, 1), sent, bounced))
    assert compared.sentence == "Keep running: nothing of B was delivered that could be counted."


def test_a_tiny_arm_is_left_out_or_waited_for(log):
    events = log(mails("A", 3_000, 60), mails("B", 3_000, 240), mails("C", 20, 1))
    compared = compare_variants(events, split="3000:3000:20")
    assert compared.sentence == (
        "A can be left out. Keep running: B leads with 8.0 % clicked, but too few people got C to tell: wait, "
        "or leave it out (--arms A,B)."
    )
    assert compare_variants(events, arms=["A", "B"]).winner == "B"


def test_one_mail_an_arm(log):
    compared = compare_variants(log(mails("A", 1, 1), mails("B", 1)))
    assert (compared.verdict, compared.pairs[0].doubt) == (Verdict.KEEP_RUNNING, Doubt.FEW)
    assert json.dumps(compared.to_dict(), allow_nan=False)
    assert text(compared)


def test_opens_are_secondary_and_machines_must_be_balanced(log):
    events = log(mails("A", 2_000, opened=400, mpp=200), mails("B", 2_000, opened=400, mpp=500))
    compared = compare_variants(events, metric="open_rate")
    assert [arm.total for arm in compared.arms] == [400, 400]
    assert any(note.startswith("Opens are a secondary figure") for note in compared.notes)
    assert compared.machines_differ
    assert compared.verdict is Verdict.KEEP_RUNNING
    assert "Machines opened A 10.0 %, B 25.0 %: chance does not do that." in told(compared)


def test_a_lead_in_opens_is_none_where_machines_opened_one_arm_more(log):
    less = mails("B", 2_000, 90, opened=300, mpp=600)
    events = log(mails("A", 2_000, 30, opened=600, mpp=100), less)
    opens = compare_variants(events, metric="open_rate")
    assert (opens.verdict, opens.pairs[0].doubt) == (Verdict.KEEP_RUNNING, Doubt.MACHINES)
    assert opens.sentence.startswith(
        "Keep running, or decide by clicks: machines opened one arm more than another"
    )
    assert compare_variants(events).winner == "B"  # by clicks


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_counts_as_measuring_does(log, tmp_path, metric):
    events = [
        *mails("A", 300, 30, opened=90),
        *mails("B", 300, 40, opened=100),
    ]
    for line in list(events):
        place = int(line["message_id"].rpartition("-")[2])
        if line["event"] == "delivered" and place % 25 == 0:
            events.append({**line, "event": "unsubscribed", "timestamp": line["timestamp"] + 500})
        if line["event"] == "delivered" and place % 60 == 0:
            events.append({**line, "event": "complained", "timestamp": line["timestamp"] + 500})
        if line["event"] == "delivered" and place % 40 == 1:
            events.append(
                {**line, "event": "bounced", "bounce_class": "hard", "timestamp": line["timestamp"] + 9}
            )
    orders = tmp_path / "orders.csv"
    rows = [f"{n},a{n}@shop.example,{19 + n}.90,EUR,{at(4_000 + n)}" for n in range(12)]
    rows += [f"{n + 50},b{n}@shop.example,{29 + n}.90,EUR,{at(4_000 + n)}" for n in range(15)]
    orders.write_text("order_id,email,total,currency,created_at\n" + "\n".join(rows) + "\n")
    path = log(events)
    compared = compare_variants(path, metric=metric, orders=[orders])
    kpis = measure(path, by="variant", orders=[orders], causes=False)
    expected = {
        value.slice["variant"]: (value.numerator, value.n, value.value)
        for value in kpis.by_slice
        if value.name == compared.kpi.name
    }
    assert all(numerator for numerator, _, _ in expected.values())
    for arm in compared.arms:
        assert (arm.total, arm.n) == expected[arm.name][:2]
        assert arm.value == pytest.approx(expected[arm.name][2])
    assert len(text(compared)) > 500


def test_revenue_of_a_log(log, tmp_path):
    orders = tmp_path / "orders.csv"
    rows = [f"{n},a{n}@shop.example,20.00,EUR,{at(4_000 + n)}" for n in range(40)]
    rows += [f"{n + 500},b{n}@shop.example,20.00,EUR,{at(4_000 + n)}" for n in range(120)]
    orders.write_text("order_id,email,total,currency,created_at\n" + "\n".join(rows) + "\n")
    events = log(mails("A", 2_000, 200), mails("B", 2_000, 200))
    compared = compare_variants(events, metric="revenue_per_mail", orders=orders, effect="0.5")
    first, second = compared.arms
    assert (first.value, second.value) == (pytest.approx(0.4), pytest.approx(1.2))
    assert (first.squares, first.largest, first.winners) == (40 * 20_000_000**2, 20_000_000, 40)
    assert first.variance == pytest.approx((40 * 400 / 2_000 - 0.16) / 2_000)
    assert (compared.winner, compared.to_dict()["currency"]) == ("B", "EUR")
    assert "B is better: 1.20 EUR revenue per mail, against 0.4000 EUR" in compared.sentence
    assert "No winner is named whose lead is gone without its largest customer." in compared.notes


def test_without_orders_nothing_is_compared(log):
    compared = compare_variants(log(mails("A", 500, 20), mails("B", 500, 40)), metric="conversion_rate")
    assert (compared.verdict, compared.exit_code) == (Verdict.KEEP_RUNNING, 3)
    assert compared.sentence == "Nothing can be compared: no orders were given: add them with --orders."


def test_without_any_click_nothing_is_compared(log):
    compared = compare_variants(log(mails("A", 500), mails("B", 500)))
    assert (
        compared.sentence
        == "Nothing can be compared: the log holds no clicks at all: there were none, or it does not tell."
    )


# --- may it be believed?


def test_young_mails_are_said(log):
    events = log(mails("A", 3_000, 90, until=1), mails("B", 3_000, 180, until=1))
    compared = compare_variants(events)
    assert compared.winner == "B"
    assert any(note.startswith("Mails younger than 5 d: A 100 %, B 100 %.") for note in compared.notes)


def test_arms_of_different_age_are_not_judged_while_one_is_young(log):
    late = mails("B", 3_000, 60, after=9 * DAY)
    events = log(mails("A", 3_000, 180), late)
    compared = compare_variants(events, now="2026-10-01")
    young = [pair.doubt for pair in compared.pairs]
    assert (compared.verdict, young) == (Verdict.KEEP_RUNNING, [Doubt.YOUNG])
    assert "The arms were sent 9 d apart on average" in told(compared)
    later = compare_variants(events, now="2026-11-20")
    assert later.winner == "A"
    assert any("the time may be the reason" in note for note in later.notes)


def test_arms_of_many_mailings_are_not_apart_by_chance(log):
    """Fourteen weeks, each person in an arm by chance: the averages differ by hours, by nobody's doing."""
    dice = random.Random(5)
    weeks = [
        mails(dice.choice("AB"), 1, 0, after=week * 7 * DAY, start=number)
        for number, week in enumerate(list(range(14)) * 40)
    ]
    compared = compare_variants(log(*weeks))
    means = [arm.mean_us for arm in compared.arms]
    assert max(means) - min(means) > 3_600_000_000
    assert "apart on average" not in told(compared)


def test_strays_are_counted(log):
    both = mails("B", 1_500, 90)
    again = [{**line, "recipient": "a7@shop.example"} for line in both if line["message_id"] == "spring-B-3"]
    nobody = [{key: value for key, value in line.items() if key != "variant"} for line in mails("C", 5)]
    compared = compare_variants(log(mails("A", 1_500, 40), both, again, nobody))
    assert (compared.twice, compared.unnamed) == (1, 5)
    assert (
        "1 person was sent more than one variant and counts in each: the arms are not quite apart."
        in compared.notes
    )
    assert "5 mails name no variant and belong to no arm." in compared.notes


def test_strays_of_arms_that_are_not_compared_are_none(log):
    again = [{**line, "recipient": "a7@shop.example"} for line in mails("C", 1)[:2]]
    events = log(mails("A", 100, 4), mails("B", 100, 9), again)
    assert (compare_variants(events).twice, compare_variants(events, arms=["A", "B"]).twice) == (1, 0)


def test_a_mail_whose_events_tell_two_variants_is_said(log):
    changed = [{**line, "variant": "B"} for line in mails("A", 1, 1) if line["event"] == "clicked"]
    compared = compare_variants(log(mails("A", 300, 9), mails("B", 300, 9), changed))
    assert compared.changed == 1
    assert "1 mail is of one variant in one event and of another in the next" in told(compared)
    assert compare_variants(log(mails("A", 300, 9), mails("B", 300, 9))).changed == 0


@pytest.mark.parametrize("seed", range(3))
def test_neither_order_nor_repetition_of_events_changes_anything(log, seed):
    chance = random.Random(seed)
    events = [*mails("A", 300, 12, opened=90, mpp=80), *mails("B", 500, 40, opened=150, mpp=90)]
    expected = compare_variants(log(events), split="3:5").to_dict()
    chance.shuffle(events)
    assert compare_variants(log(events), split="3:5").to_dict() == expected
    assert compare_variants(log(events, events), split="3:5").to_dict() == expected


def test_who_got_several_mails_is_one_draw(log):
    weeks = [
        mails(name, 300, clicks, campaign=f"week-{week}")
        for week in range(8)
        for name, clicks in (("A", 9), ("B", 18))
    ]
    compared = compare_variants(log(*weeks))
    first = compared.arms[0]
    assert (first.mails, first.people, first.total, first.squares, first.sizes) == (
        2_400,
        300,
        72,
        9 * 64,
        300 * 64,
    )
    assert first.inflation == pytest.approx(8)
    assert compared.winner is None


def test_other_columns_tell_variants(log):
    events = log(mails("x", 1_500, 30, campaign="old"), mails("x", 1_500, 120, campaign="new", start=2_000))
    compared = compare_variants(events, by="campaign")
    assert (compared.winner, compared.by) == ("new", "campaign")


def test_numbers_stand_in_their_order(log):
    events = log(*(mails(name, 200, 5, start=place * 1_000) for place, name in enumerate(["10", "9", "1"])))
    assert [arm.name for arm in compare_variants(events).arms] == ["1", "9", "10"]


def test_long_names_are_told_apart(log):
    names = [f"Autumn campaign for all who bought before, {which} subject" for which in ("first", "other")]
    compared = compare_variants(log(mails(names[0], 800, 20), mails(names[1], 800, 90)))
    assert compared.sentence.startswith("Autumn campaign for all w… other subject is better")


def test_any_column_tells_variants(log, tmp_path):
    def renamed(events, name):
        return [{name if key == "variant" else key: value for key, value in line.items()} for line in events]

    path = log(*(renamed(mails(*arm), "X-Variant") for arm in (("A", 800, 20), ("B", 800, 90))))
    compared = compare_variants(path, by="X-Variant")
    assert (compared.winner, compared.by) == ("B", "X-Variant")
    assert compared.to_frame().columns[0] == "variant"
    assert "Clicked, by X-Variant" in text(compared)
    frame = pd.read_json(path, lines=True)
    frame.to_csv(tmp_path / "log.csv", index=False)
    for log_, column in ((frame, "X-Variant"), (str(tmp_path / "log.csv"), "x-variant")):
        assert [arm.total for arm in compare_variants(log_, by=column).arms] == [20, 90]
    with hygiene.read_events(path, variant_column="X-Variant") as events:
        assert compare_variants(events, by="X-Variant").winner == "B"
        with pytest.raises(UsageError, match="were read without 'ab_group'"):
            compare_variants(events, by="ab_group")
    with pytest.raises(UsageError, match="no mail tells its X-Variants"):
        compare_variants(path, by="X-Variants")


def test_the_variant_of_a_list_of_sends_is_that_of_the_mail(log, tmp_path):
    arms = mails("A", 800, 20), mails("B", 800, 90)
    assigned = {line["recipient"]: (line["variant"], line["message_id"]) for line in [*arms[0], *arms[1]]}
    rows = "".join(f"{person},{name},{message}\n" for person, (name, message) in assigned.items())
    (tmp_path / "assigned.csv").write_text("email,AB group,message_id\n" + rows, encoding="utf-8")
    bare = [{key: value for key, value in line.items() if key != "variant"} for line in [*arms[0], *arms[1]]]
    compared = compare_variants(log(bare), by="AB group", sends=[str(tmp_path / "assigned.csv")])
    assert [(arm.name, arm.n, arm.total) for arm in compared.arms] == [("A", 800, 20), ("B", 800, 90)]


def test_the_subject_tells_variants(log):
    old, new = mails("A", 800, 20, subject="Autumn"), mails("B", 800, 90, subject="Only today")
    assert compare_variants(log(old, new), by="subject").winner == "Only today"


def test_a_frame_and_events_that_stay_open(log):
    path = log(mails("A", 800, 20), mails("B", 800, 90))
    frame = pd.read_json(path, lines=True)
    with hygiene.read_events(path) as events:
        first, again = compare_variants(events), compare_variants(events)
    assert first.to_dict() == again.to_dict() == {**compare_variants(path).to_dict()}
    assert compare_variants(frame).winner == "B"


def test_the_fixed_horizon_says_when_it_holds(log):
    compared = compare_variants(log(mails("A", 1_500, 40), mails("B", 1_500, 66)), test="fixed-horizon")
    assert compared.winner == "B"
    assert "This holds if you look only once" in compared.sentence
    assert compare_variants(log(mails("A", 1_500, 40), mails("B", 1_500, 66))).winner is None


# --- how it comes out


def test_every_form(log):
    compared = compare_variants(log(mails("A", 800, 20), mails("B", 800, 90)), "spring")
    written = json.loads(json.dumps(compared.to_dict(), allow_nan=False))
    assert (written["verdict"], written["winner"]) == ("better", "B")
    assert written["test"]["effect"] == pytest.approx(0.2 * 110 / 1_600)
    assert written["arms"][1]["numerator"] == 90
    frame = compared.to_frame()
    assert list(frame["variant"]) == ["A", "B"]
    assert frame["winner"].tolist() == [False, True]
    assert len(compared.pairs_frame()) == 1
    assert "B better" in render_markdown([compared.sections()])
    assert "B is better" in compared._repr_html_()


def test_columns_have_their_types_whatever_is_in_them(log):
    """A share that happens to be whole is no whole number, and a column of nothing is no object."""
    compared = [
        compare_variants(log(mails("A", 800, 20), mails("B", 800, 90))),
        compare_variants(log(mails("A", 3, 0), mails("B", 3, 3))),
    ]
    kinds = compared[0].to_frame().dtypes.astype(str)
    assert set(kinds) == {"string", "Int64", "Float64", "boolean"}
    assert set(kinds[["value", "low", "high", "young_share", "machine_open_share"]]) == {"Float64"}
    for first, second in zip(*((one.to_frame(), one.pairs_frame()) for one in compared), strict=True):
        assert first.dtypes.equals(second.dtypes)
        assert "object" not in set(first.dtypes.astype(str))


def test_arms_draw_themselves(log):
    from matplotlib.figure import Figure

    names = ("$\\frac{", "日本 😀")
    compared = compare_variants(log(mails(names[0], 800, 20), mails(names[1], 800, 90)))
    axes = compared.plot(ax=Figure().add_subplot())
    axes.figure.canvas.draw()
    assert [float(each.lines[0].get_xdata()[0]) for each in axes.containers] == [0.025, 0.1125]
    assert len({each.lines[0].get_color() for each in axes.containers}) == 2
    assert axes.get_yticklabels()[0].get_text() == names[0]
    assert axes.get_title(loc="left") == "Clicked by variant"
    assert axes.get_xlabel() == "clicked, % of mails\nlines: 95 % intervals"
    assert axes.xaxis.get_major_formatter()(0.1, 0).endswith("%")


def test_arms_of_which_nothing_is_counted_say_so(log):
    from matplotlib.figure import Figure

    compared = compare_variants(log(mails("A", 9, 0), mails("B", 9, 0)), metric="open_rate")
    compared = replace(compared, arms=tuple(replace(arm, n=0) for arm in compared.arms), silent="no opens")
    axes = compared.plot(ax=Figure().add_subplot())
    assert [text.get_text() for text in axes.texts] == ["no opens"]
    assert not axes.containers


def test_everything_fits_in_80_columns(log):
    long = "a variant with a name that is much too long for any table of 80 columns"
    three = log(mails("A", 500, 30), mails(long, 500, 30), mails("C" * 100, 500, 80))
    for compared in (compare_variants(three), compare_variants(three, metric="open_rate")):
        assert max(map(len, text(compared, verbose=True).splitlines())) <= 80


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", "\x1b[31mr", "a|b`c*_", "=1+1", "\u202egnp", "\n\n# head", "A', 'B", "{{x}}"],
)
def test_hostile_names_stay_text(log, name):
    compared = compare_variants(log(mails("A", 800, 20), mails(name, 800, 90)))
    assert compared.winner == name
    shown = text(compared, verbose=True)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "<script>alert" not in render_page([compared.sections()], title="A/B test")
    assert "<script>" not in render_markdown([compared.sections()])
    assert "\n# head" not in render_markdown([compared.sections()])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"metric": "hearts"}, "variants are not compared by 'hearts': there are open_rate, click_rate"),
        ({"by": "day"}, "no mail tells its day: name the column, key or tag that does with --variant-column"),
        ({"by": ""}, "the variants need the name of a column, key or tag: it is empty"),
        ({"by": "a'b"}, '"a\'b" cannot be the name of a column'),
        (
            {"by": "segment"},
            "no mail tells its segment: name the column, key or tag that does with --variant-column; "
            "the log itself has variant (2 values)",
        ),
        ({"campaign": "autumn"}, "no mail of the log is of a campaign 'autumn': there are 'spring'"),
        ({"arms": ["A"]}, "name two arms or more"),
        ({"arms": ["a", "b"]}, "no mail of the log is of variant 'a' or 'b': there are 'A', 'B'"),
        ({"split": "half"}, "--split 'half' is no split"),
        ({"split": "0:100"}, "--split '0:100' is no split"),
        ({"split": "1:1:1"}, "--split has 3 parts, and there are 2 variants: 'A', 'B'"),
        ({"effect": "5"}, "--effect '5' is no share"),
        ({"effect": float("nan")}, "--effect 'nan' is no share"),
        ({"effect": "1%", "metric": "revenue_per_mail"}, "--effect '1%' is no amount of money a mail"),
        ({"equivalent_within": "-1%"}, "--equivalent-within '-1%' is no share"),
        ({"test": "t"}, "no test is called 't'"),
        ({"engine": "abacus"}, "no engine is called 'abacus'"),
        ({"by": "provider"}, "all mails that tell their provider are of 'shop.example': nothing to compare"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(log, options, said):
    events = log(mails("A", 20, 2), mails("B", 20, 2))
    with pytest.raises(UsageError) as refused:
        compare_variants(events, **options)
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)


def test_a_report_of_sums_is_no_log_of_a_test():
    with pytest.raises(
        UsageError, match="holds sums of campaigns alone: a test takes an export of who got what"
    ):
        compare_variants(str(REPORT))


def test_many_values_are_no_test(log):
    events = log(*(mails(f"v{number}", 2, 1) for number in range(11)))
    with pytest.raises(UsageError, match="more than 10 values of variant: name the ones to compare"):
        compare_variants(events)
    assert len(compare_variants(events, arms=["v1", "v2"]).arms) == 2


def test_what_is_imported_is_installed():
    assert {"scipy", "statsmodels"} <= {re.split(r"[<>=\[]", name)[0] for name in requires("hygiene")}


def test_the_comparison_shown_is_the_comparison_made(log):
    (block,) = re.findall(
        r"```console\n\$ hygiene compare autumn.jsonl[^\n]*\n(.*?)```", README.read_text("utf-8"), re.DOTALL
    )
    events = log(
        mails("A", 10_000, 320, opened=2_100, mpp=1_150), mails("B", 10_000, 426, opened=2_230, mpp=1_190)
    )
    made = text(compare_variants(events, "spring"))
    assert block.rstrip().splitlines() == made.rstrip().splitlines()
