"""What a page of a measurement draws, and says to do."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from hygiene.event import EventKind
from hygiene.metrics.actions import actions_of
from hygiene.metrics.charts_presentation import day_labels
from hygiene.metrics.evaluate import Telling
from hygiene.metrics.measure import measure
from hygiene.metrics.overviews import (
    MOST_SLICES,
    Cohort,
    Cohorts,
    Overviews,
    choose_period,
    cohorts_of,
    launches_of,
    limited,
)
from hygiene.metrics.slices import slice_counts
from hygiene.metrics.tiles_presentation import tiles
from hygiene.render.sections import Chart, ChartKind

from ..browser.season import write_season
from .count_tables import row, table
from .measurements import measurement

DAY_US = 86_400_000_000


def sections_of(kpis):
    return {section.title: section for section in kpis.sections().sections}


def charts_of(kpis):
    return {
        title: block
        for title, section in sections_of(kpis).items()
        for block in section.blocks
        if isinstance(block, Chart)
    }


@pytest.fixture(scope="module")
def season(tmp_path_factory):
    return measure(write_season(tmp_path_factory.mktemp("season") / "log.jsonl"), by="campaign")


def test_the_periods_and_slices_add_up_to_all_mail(season):
    whole = season.counts()
    for slices in season.overviews.slices.values():
        for name in ("sent", "delivered", "bounced", "opened_human"):
            assert slices.sums([name]).sum() == whole[name]
    assert set(season.overviews.slices) == {"week", "campaign", "provider", "segment"}


def test_every_picture_has_its_figures_in_the_table_behind_it(season):
    charts = charts_of(season)
    assert {"Over time", "What became of the mail", "By campaign", "By mailbox provider", "By segment"} < set(
        charts
    )
    for title, chart in charts.items():
        cells = {cell.text for each in chart.tables for row in each.rows for cell in row}
        for picture in chart.pictures:
            figures = {point.figure for series in picture.series for point in series.points if point.figure}
            assert figures <= cells, (title, picture.title)


def test_the_funnel_only_has_the_steps_that_the_log_tells(season):
    funnel = charts_of(season)["What became of the mail"].pictures[0]
    steps = {point.label: point.value for point in funnel.series[0].points}
    counts = season.counts()
    assert list(steps) == ["sent", "delivered", "opened or clicked", "clicked"]
    assert list(steps.values()) == [
        counts[name] for name in ("sent", "delivered", "engaged_human", "clicked_human")
    ]


def test_columns_name_the_campaigns_in_the_week_they_began(season):
    columns = charts_of(season)["Over time"].pictures[0]
    assert columns.kind is ChartKind.COLUMNS
    weeks = {point.at for point in columns.series[0].points}
    assert len(columns.events) == 26
    assert {event.at for event in columns.events} == weeks
    assert all(at % 7 == 4 for at in weeks)  # Mondays


def test_several_campaigns_of_a_week_are_told_by_the_largest_and_their_number():
    shown = overviews(*({**mail(), "week": 4 + 7 * at} for at in range(3)))
    launches = ((11, "large", 900), (4, "alone", 500), (11, "small", 20), (11, "smaller", 10))
    kpis = measurement(mail(), overviews=replace(shown, launches=launches))
    events = charts_of(kpis)["Over time"].pictures[0].events
    assert [(event.at, event.label) for event in events] == [(11, "large +2"), (4, "alone")]


def test_days_of_several_years_say_which():
    assert day_labels([0, 7, 350]) == ["1 Jan", "8 Jan", "17 Dec"]
    assert day_labels([0, 370]) == ["1 Jan 1970", "6 Jan 1971"]


def test_periods_that_are_not_drawn_are_told():
    def chart(weeks):
        shown = overviews(*({**mail(), "week": 4 + 7 * at} for at in range(weeks)))
        return charts_of(measurement(mail(), overviews=shown))["Over time"]

    assert "Not drawn" not in chart(160).note
    assert "Not drawn: 3 earlier weeks, which count in all other figures." in chart(163).note
    assert len(chart(163).pictures[0].series[0].points) == len(chart(163).tables[0].rows) == 160


def test_mail_without_tracking_is_no_mail_unopened():
    """Tracking switched on midway must not halve the rate (of 400 tracked, 100 opened or clicked)."""
    kpis = measurement(
        mail(sent=1_000, delivered_open_tracked=400, opened_human=90, engaged_human=100, clicked_human=25)
    )
    chart = charts_of(kpis)["What became of the mail"]
    notes = {point.label: point.note for point in chart.pictures[0].series[0].points}
    assert notes["opened or clicked"] == "25.0 % of the 400 with tracking"
    assert notes["clicked"] == "25.0 % of those before"
    assert "Not all mail was tracked" in chart.note
    rows = {row[0].text: [cell.text for cell in row] for row in chart.tables[0].rows}
    assert rows["opened or clicked"] == ["opened or clicked", "100", "400 tracked", "25.0 %", "–"]
    assert rows["delivered"] == ["delivered", "1,000", "1,000", "100 %", "100 %"]


def test_the_funnel_is_named_by_its_last_step():
    silent = {mail()["source"]: {EventKind.OPENED, EventKind.CLICKED, EventKind.CONVERTED}}
    chart = charts_of(measurement(mail(), telling=Telling(silent=silent)))["What became of the mail"]
    assert (chart.pictures[0].title, chart.note) == ("From sent to delivered", "")


def test_points_that_may_still_grow_are_open(season):
    lines = {picture.title: picture for picture in charts_of(season)["Over time"].pictures}
    assert [point.open for point in lines["Opened"].series[0].points] == [False] * 25 + [True]
    assert not any(point.open for point in lines["Bounced"].series[0].points)


def test_cohorts_show_the_decay_of_the_simulation(season):
    chart = charts_of(season)["Do people stay?"]
    rows = chart.pictures[0].series
    assert len(rows) >= 5
    first = [row.points[0].value for row in rows]
    last = [row.points[12].value for row in rows if len(row.points) == 13]
    assert min(first) > 0.3  # 0.49 in the simulation
    assert max(last) < 0.35  # 0.23
    shown = sum(sum(cohort.delivered.values()) for cohort in season.overviews.cohorts.groups)
    left_out = season.counts()["delivered"] - shown
    assert 0 < left_out < 50  # the group that joined last is too small to be shown
    assert season.overviews.cohorts.few_mails == left_out
    assert f"1 group with fewer than 50 mails is left out ({left_out} mails)." in chart.note


def test_without_causes_nothing_is_drawn_and_nothing_breaks(tmp_path):
    kpis = measure(write_season(tmp_path / "log.jsonl", people=5), by="day", causes=False)
    assert kpis.overviews is None
    assert set(charts_of(kpis)) == {"What became of the mail"}


def test_a_short_log_is_shown_by_day():
    assert choose_period(None, None) == "day"
    assert choose_period(0, 20 * DAY_US) == "day"
    assert choose_period(0, 21 * DAY_US) == "week"


def test_launches_are_the_first_period_of_each_campaign():
    rows = [
        {"campaign": "a", "week": 11, "sent": 5},
        {"campaign": "a", "week": 4, "sent": 2},
        {"campaign": "b", "week": 4, "sent": None},
        {"campaign": None, "week": 4, "sent": 9},
        {"campaign": "c", "week": None, "sent": 9},
    ]
    assert launches_of(rows, "week") == ((4, "a", 7), (4, "b", 0))


def test_the_page_is_the_same_bytes_in_every_process(tmp_path):
    log = write_season(tmp_path / "log.jsonl", people=40)
    pages = []
    for seed in ("1", "2"):
        command = [sys.executable, "-m", "hygiene", "measure", str(log), "--by", "campaign,provider"]
        command += ["--format", "html", "--fail-on", "never", "--output", "-"]
        done = subprocess.run(
            command, env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=False
        )
        assert done.returncode in {0, 3}
        pages.append(done.stdout)
    assert pages[0] == pages[1]
    assert pages[0].count(b"<svg viewBox") > 12


def test_small_cohorts_are_put_together():
    def rows(mails, weeks):
        return [
            {
                "cohort": 4 + 7 * week,
                "weeks_since": since,
                "delivered_open_tracked": mails,
                "engaged_human": since,
            }
            for week in range(weeks)
            for since in range(2)
        ]

    large = cohorts_of(rows(100, 3)).groups
    assert large[0] == Cohort(week=4, weeks=1, delivered={0: 100, 1: 100}, engaged={0: 0, 1: 1})
    assert [each.week for each in large] == [4, 11, 18]
    small = cohorts_of(rows(20, 6)).groups
    assert [(each.week, each.weeks, each.delivered[0]) for each in small] == [(4, 4, 80), (32, 4, 40)]
    assert cohorts_of([]) == Cohorts()
    tiny = cohorts_of(rows(5, 6))
    assert (tiny.groups, tiny.few, tiny.few_mails) == ((), 2, 60)


def test_people_of_any_age_are_shown_by_longer_spans():
    """Sign-ups of three years, mailed at one time: 14 groups and 13 ages at most."""
    rows = [
        {"cohort": 4 + 7 * week, "weeks_since": 156 - week, "delivered_open_tracked": 60, "engaged_human": week}
        for week in range(156)
    ]
    rows.append({"cohort": None, "weeks_since": None, "delivered_open_tracked": 9, "engaged_human": 0})
    found = cohorts_of(rows, joined=True)
    assert (found.step, found.groups[0].weeks, len(found.groups), found.unknown) == (13, 13, 12, 9)
    assert found.groups[0].delivered == {12: 60, 11: 720}
    assert found.groups[0].engaged == {12: 0, 11: sum(range(1, 13))}
    assert found.to_dict()["groups"][0]["from"] == "1970-01-05"


def test_overviews_hold_the_largest_slices_and_the_latest_periods():
    many = MOST_SLICES + 30
    rows = [row(campaign=f"c{at:04}", delivered=at + 1) for at in range(many)]
    kept = limited(slice_counts([table(*rows)], ("campaign",)), "week")
    assert len(kept.keys) == MOST_SLICES
    assert kept.keys[0] == (f"c{many - 1:04}",)
    assert kept.sums(["sent"]).tolist() == list(range(many, 30, -1))


# what to do


def overviews(*rows, period="week"):
    slices = slice_counts([table(*rows)], (period,))
    return Overviews(
        period=period, slices={period: slices}, young={period: np.zeros(len(slices.keys), np.bool_)}
    )


def mail(**counts):
    sent = counts.pop("sent", 10_000)
    return row(**{"delivered": sent - counts.get("bounced", 0), **counts})


def test_what_is_worse_comes_first_and_says_by_how_much():
    kpis = measurement(mail(bounced=1_500, hard=1_500, complained=9 * 17))
    first, second, *_ = actions_of(kpis)
    assert first.what.startswith("Stop mailing who has not engaged")
    assert "153 of 8,500, 145 too many" in first.why
    assert second.what.startswith("Clean the list")
    assert "1,500 of 10,000, 500 too many" in second.why


def test_what_bounced_and_so_was_not_delivered_is_one_thing_to_do():
    steps = [action.why for action in actions_of(measurement(mail(bounced=1_500, hard=1_500)))]
    assert sum(why.startswith("bounced") for why in steps) == 1
    assert not any(why.startswith("delivered") for why in steps)


def test_nothing_to_do_where_all_aims_are_met():
    met = mail(bounced=100, hard=100, opened_human=2_000, clicked_human=300, unsubscribed=1)
    assert actions_of(measurement(met)) == ()


# where it is going


def tile(kpis, title):
    return next(each for each in tiles(kpis).tiles if each.title == title)


@pytest.mark.parametrize(
    ("bounced", "arrow", "change"),
    [
        ([100, 100, 100, 400], "↑", "from 1.0 to 4.0 %"),
        ([400, 400, 400, 100], "↓", "from 4.0 to 1.0 %"),
        ([100, 110, 90, 105], "→", "no clear change"),
        ([100], "", ""),
    ],
)
def test_a_trend_is_only_named_where_chance_does_not_explain_it(bounced, arrow, change):
    rows = [{**mail(bounced=each, hard=each), "week": 4 + 7 * at} for at, each in enumerate(bounced)]
    kpis = measurement(mail(sent=40_000, bounced=700, hard=700), overviews=overviews(*rows))
    found = tile(kpis, "bounced")
    assert (found.arrow, found.change) == (arrow, change)
    assert len(found.trend) == len(bounced)


def test_young_periods_are_left_out_of_what_still_grows():
    rows = [
        {**mail(opened_human=each, delivered_open_tracked=10_000), "week": 4 + 7 * at}
        for at, each in enumerate((2_000, 2_000, 50))
    ]
    shown = overviews(*rows)
    shown.young["week"][2] = True
    kpis = measurement(mail(), overviews=shown, telling=Telling(silent={}))
    assert tile(kpis, "opened *").trend == (0.2, 0.2)
    assert len(tile(kpis, "delivered").trend) == 3


def test_the_table_of_all_mail_has_no_trend_without_periods():
    assert not any(each.arrow or each.trend for each in tiles(measurement(mail())).tiles)
