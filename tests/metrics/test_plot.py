"""Figures that draw themselves: values, intervals, aims and units, and a sentence where they cannot."""

from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest

from hygiene.errors import UsageError
from hygiene.metrics.evaluate import Telling
from hygiene.metrics.overviews import Overviews
from hygiene.metrics.plot import MOST_ROWS
from hygiene.metrics.slices import slice_counts

from .count_tables import row, table
from .measurements import measurement

MONDAY = 20_003  # 2024-10-07
FIRST = row(
    week=MONDAY, campaign="a", delivered=1_000, opened_human=200, revenue_micros=5_000_000_000, converted=9
)
SECOND = row(week=MONDAY + 7, campaign="b", delivered=500, opened_human=50)
MORE = row(week=MONDAY + 7, campaign="a", delivered=500, opened_human=150)


@pytest.fixture(autouse=True)
def quiet():
    """No window, and no figure left open."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    yield
    plt.close("all")


def drawn(axes):
    """Places and values of the points."""
    line = axes.containers[0].lines[0]
    return list(line.get_xdata()), [round(float(value), 6) for value in line.get_ydata()]


def ends(axes):
    """Lower and upper ends of the intervals, of vertical ones."""
    (bars,) = axes.containers[0].lines[2]
    return [(segment[0][1], segment[1][1]) for segment in bars.get_segments()]


def test_weeks_are_in_order_with_their_intervals_and_the_aim():
    axes = measurement(SECOND, FIRST, MORE, by=["week"]).plot("open_rate")
    days, values = drawn(axes)
    assert [str(day)[:10] for day in days] == ["2024-10-07", "2024-10-14"]
    assert values == [0.2, 0.2]
    (first, second) = ends(axes)
    assert first == pytest.approx((0.1764, 0.2259), abs=1e-4)  # Wilson's of 200 of 1,000
    assert second == pytest.approx(first)
    assert {float(line.get_ydata()[0]) for line in axes.lines if line.get_linestyle() == "--"} == {0.15, 0.3}
    assert axes.get_xlabel() == "dashed: aim 15–30 % · lines: 95 % intervals"
    assert axes.get_title(loc="left") == "Opened by week"
    assert "%" in axes.get_ylabel()
    assert axes.yaxis.get_major_formatter()(0.2, 0).endswith("%")


def test_several_columns_are_pooled_to_the_one_drawn():
    kpis = measurement(FIRST, SECOND, MORE, by=["campaign", "week"])
    assert drawn(kpis.plot("open_rate", by="week"))[1] == [0.2, 0.2]
    values, places = drawn(kpis.plot("open_rate", by="campaign"))
    assert [round(float(value), 6) for value in values] == [0.233333, 0.1]  # 350 of 1,500 and 50 of 500
    assert places == [0, 1]


def test_weeks_follow_from_days():
    rows = [
        row(day=MONDAY + at, delivered=100, opened_human=at) for at in (0, 3, 6, 7)
    ]  # the last is the next Monday
    days, values = drawn(measurement(*rows, by=["day"]).plot("open_rate", by="week"))
    assert [str(day)[:10] for day in days] == ["2024-10-07", "2024-10-14"]
    assert values == [0.03, 0.07]


def test_what_was_not_asked_for_comes_from_the_overviews():
    slices = slice_counts(
        [table(row(provider="gmail", delivered=10), row(provider="yahoo", delivered=5))], ["provider"]
    )
    overviews = Overviews(
        period="week", slices={"provider": slices}, young={"provider": np.array([False, False])}
    )
    axes = measurement(FIRST, overviews=overviews).plot("delivery_rate", by="provider")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["gmail", "yahoo"]


def test_money_has_its_currency_and_no_interval():
    axes = measurement(FIRST, by=["week"]).plot("revenue_per_mail")
    assert drawn(axes)[1] == [5.0]
    assert "EUR" in axes.get_ylabel()
    assert "intervals" not in axes.get_xlabel()
    assert not axes.containers[0].has_yerr


def test_it_draws_where_it_is_told_to():
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    assert measurement(FIRST, by=["week"]).plot("open_rate", ax=axes) is axes


def test_hostile_and_many_names_are_names():
    names = ["$\\frac{", "\x1b[31m\nred", "x" * 500, "日本", None]
    rows = [row(campaign=name, delivered=1_000 - at) for at, name in enumerate(names)]
    rows += [row(campaign=f"c{at}", delivered=1) for at in range(100)]
    axes = measurement(*rows, by=["campaign"]).plot("delivery_rate", by="campaign")
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert len(labels) == MOST_ROWS
    assert labels[0] == "$\\frac{"
    assert labels[1] == " [31m red"
    assert len(labels[2]) == 40
    assert "75 smaller ones not drawn" in axes.get_title(loc="left")


@pytest.mark.parametrize(
    ("metric", "by", "said"),
    [
        ("opne_rate", "week", "no KPI is called 'opne_rate'"),
        ("open_rate", "campaign", "no figures by 'campaign', only by week"),
        ("open_rate", "x" * 999, "no figures by 'x.*, only by week; mails can be split by campaign, provider"),
        ("open_rate", "variant", "measure again with by='variant'"),
    ],
)
def test_what_is_not_there_is_said_in_one_sentence(metric, by, said):
    with pytest.raises(UsageError, match=said) as caught:
        measurement(FIRST, by=["week"]).plot(metric, by=by)
    assert isinstance(caught.value, ValueError)
    assert len(str(caught.value)) < 700
    assert "\n" not in str(caught.value)


def test_where_there_is_nothing_to_draw_the_axes_say_why():
    from hygiene.event import EventKind

    telling = Telling(silent={"ses": {EventKind.CLICKED}}, currencies=("EUR",))
    silent = measurement(FIRST, by=["week"], telling=telling).plot("click_rate")
    undated = measurement(row(week=None, delivered=10), by=["week"]).plot("delivery_rate")
    assert [text.get_text() for text in silent.texts] == ["the log tells of no clicks"]
    assert silent.get_title(loc="left") == "Clicked by week"
    assert [text.get_text() for text in undated.texts] == [
        "the mails have no date, so there is no week to draw"
    ]
    assert not undated.lines


def test_names_are_drawn_in_letters_that_the_fonts_hold():
    """A letter that no font holds would be a warning, and those are errors here."""
    names = ["😀 sale", "❤\ufe0f you", "日本", "Ünïcode", "\U000f0000"]
    kpis = measurement(
        *(row(campaign=name, delivered=10 + at) for at, name in enumerate(names)), by=["campaign"]
    )
    axes = kpis.plot("delivery_rate", by="campaign")
    axes.figure.canvas.draw()
    assert {"😀 sale", "Ünïcode", "❤ you"} <= {label.get_text() for label in axes.get_yticklabels()}


def test_many_rows_have_room():
    rows = [row(campaign=f"spring-{at}", delivered=100 - at) for at in range(60)]
    axes = measurement(*rows, by=["campaign"]).plot("delivery_rate", by="campaign")
    axes.figure.canvas.draw()
    boxes = sorted((label.get_window_extent() for label in axes.get_yticklabels()), key=lambda box: box.y0)
    assert all(above.y0 >= below.y1 - 4 for below, above in pairwise(boxes))


def test_a_day_alone_has_an_axis_of_days():
    axes = measurement(row(day=MONDAY, delivered=10), by=["day"]).plot("delivery_rate", by="day")
    first, last = axes.get_xlim()
    assert 6 <= last - first <= 14


def test_absurd_days_are_left_out():
    rows = [row(week=MONDAY, delivered=10), row(week=10**9, delivered=10), row(week=None, delivered=10)]
    assert len(drawn(measurement(*rows, by=["week"]).plot("delivery_rate"))[0]) == 1


def hollow(axes):
    """Places of the points that are not final."""
    lines = [line for line in axes.lines if line.get_label() == "hollow: more may come"]
    return [place for line in lines for place in line.get_xdata()]


def test_young_weeks_are_hollow_where_more_may_come():
    weeks = measurement(SECOND, FIRST, by=["week"], young={MONDAY + 7})
    axes = weeks.plot("open_rate")
    assert [str(day)[:10] for day in hollow(axes)] == ["2024-10-14"]
    assert "hollow: more may come" in axes.get_xlabel()
    assert hollow(weeks.plot("delivery_rate")) == []
    assert hollow(measurement(SECOND, FIRST, by=["week"]).plot("open_rate")) == []


def test_weeks_of_days_are_young_by_their_mails():
    """One mail in ten that is young does not make a week young; one in five does."""
    for young, marked in ((100, []), (250, ["2024-10-07"])):
        rows = [
            row(day=MONDAY, delivered=900, opened_human=90),
            row(day=MONDAY + 1, delivered=young, opened_human=1),
        ]
        axes = measurement(*rows, by=["day"], young={MONDAY + 1}).plot("open_rate", by="week")
        assert [str(day)[:10] for day in hollow(axes)] == marked


def test_young_campaigns_are_hollow_side_by_side():
    axes = measurement(FIRST, SECOND, by=["campaign"], young={"b"}).plot("open_rate", by="campaign")
    assert hollow(axes) == [pytest.approx(0.1)]
