"""The figures of other platforms, worked out by hand from their definitions."""

import pytest

from hygiene.errors import UsageError
from hygiene.metrics.as_others import count_as, find_platform, platforms, to_dict
from hygiene.metrics.evaluate import Telling
from hygiene.metrics.kpis import KPIS
from hygiene.metrics.slices import slice_counts
from hygiene.metrics.table import COUNTS

from .count_tables import row, table
from .test_kpis import SPRING

# delivered 9,000 (8,000 tracked, 7,500 with links), pending 500, bounced 500 of them 40 late, rejected 1,000
THEIRS = {
    "mailchimp": {
        "delivery_rate": 9_500 / 10_000,
        "soft_bounce_rate": 200 / 10_000,
        "complaint_rate_delivered": 9 / 9_500,
        "open_rate_human": 3_200 / 9_500,
        "click_rate_human": 600 / 9_500,
        "ctor": 600 / 3_200,
        "unsubscribe_rate": 45 / 9_500,
        "conversion_rate": None,
    },
    "klaviyo": {
        "delivery_rate": 9_040 / 9_500,
        "bounce_rate": 500 / 9_500,
        "complaint_rate_delivered": 9 / 9_040,
        "open_rate_human": 3_200 / 9_040,
        "click_rate_human": 600 / 9_040,
        "unsubscribe_rate": 45 / 9_040,
        "ctor": 600 / 3_200,
        "conversion_rate": None,
    },
    "ses": {
        "delivery_rate": 9_040 / 11_000,
        "bounce_rate": 300 / 10_000,
        "complaint_rate_delivered": 6 / 3_000,
        "open_rate_human": 3_200 / 8_000,
        "click_rate_human": 600 / 7_500,
    },
    "gmail": {"complaint_rate_delivered": None, "delivery_rate": None, "open_rate_human": None},
}


def counted_as(name, *rows):
    slices = slice_counts([table(*rows)], ())
    return count_as(slices, find_platform(name), Telling(silent={}))


@pytest.mark.parametrize("name", sorted(THEIRS))
def test_the_figures_of_a_platform_are_what_its_definitions_say(name):
    found = counted_as(name, SPRING)
    assert {each.kpi: each.theirs.value for each in found.differences} == pytest.approx(
        THEIRS[name], nan_ok=True
    )
    assert found.source
    assert found.as_of


def test_all_platforms_are_worked_out_by_hand_here():
    assert set(platforms()) == set(THEIRS)


def test_every_difference_is_explained_and_shows_both_sides():
    for platform in platforms():
        for each in counted_as(platform, SPRING).differences:
            assert each.why
            assert each.ours.value is not None
            assert each.ours.formula.count("/") == 1
            if each.theirs.value is None:
                assert each.theirs.why_null == each.why
            else:
                assert each.theirs.formula != each.ours.formula


def test_the_steps_of_a_difference_add_up_to_it():
    for platform in platforms():
        for each in counted_as(platform, SPRING).differences:
            if each.theirs.value is None:
                assert each.steps == ()
            else:
                total = sum(step.change for step in each.steps)
                assert total == pytest.approx(each.theirs.value - each.ours.value, abs=1e-15)
                assert all(step.what != "of the logs that tell of it" for step in each.steps)


def test_a_difference_is_explained_line_by_line():
    opens = next(one for one in counted_as("mailchimp", SPRING).differences if one.kpi == "open_rate_human")
    ours = opens.ours.numerator
    assert [(step.what, pytest.approx(step.change)) for step in opens.steps] == [
        ("counting opened all, not opened human", (3_200 - ours) / 8_000),
        ("dividing by delivered + pending, not delivered open tracked", 3_200 / 9_500 - 3_200 / 8_000),
    ]
    soft = next(one for one in counted_as("mailchimp", SPRING).differences if one.kpi == "soft_bounce_rate")
    assert [step.what for step in soft.steps] == ["counting block, too", "counting undetermined, too"]


def test_what_only_some_logs_tell_is_a_step_of_its_own():
    """A report of sums tells no pending: its mails are in our figure, and not in theirs."""
    sums = {**row("report", delivered=1_000, complained=4), "pending": None}
    (complaints,) = [
        one for one in counted_as("mailchimp", SPRING, sums).differences if one.kpi.startswith("complaint")
    ]
    assert complaints.steps[-1].what == "of the logs that tell of it"
    assert sum(step.change for step in complaints.steps) == pytest.approx(
        complaints.theirs.value - complaints.ours.value
    )


def test_gmail_shows_nothing_else():
    assert counted_as("gmail", SPRING).rest.startswith("Gmail shows no other figures")
    assert counted_as("ses", SPRING).rest == "Figures not listed are counted alike."


def test_platforms_are_made_of_counts_that_exist():
    for platform in platforms().values():
        for line in platform.line:
            assert line.kpi in KPIS
            assert {*line.numerator, *line.denominator, *line.minus} <= set(COUNTS)
            assert bool(line.unknown) != bool(line.numerator and line.denominator)


def test_what_cannot_be_worked_out_is_unknown_and_says_where_to_look():
    (complaints, *_) = counted_as("gmail", SPRING).differences
    assert complaints.theirs.value is None
    assert "Postmaster Tools" in complaints.theirs.why_null


def test_nothing_sent_is_null_on_both_sides():
    for platform in ("mailchimp", "klaviyo", "ses"):
        for each in counted_as(platform, row()).differences:
            assert each.ours.value is each.theirs.value is None
            assert each.theirs.why_null


def test_it_can_be_written_as_json():
    said = to_dict(counted_as("ses", SPRING))
    assert said["differences"][1]["theirs"] == {
        "formula": "hard / sent",
        "numerator": 300,
        "n": 10_000,
        "value": 0.03,
        "why_null": None,
    }


def test_a_platform_nobody_knows_lists_those_that_are_known():
    with pytest.raises(UsageError, match="choose mailchimp, klaviyo, ses, gmail"):
        find_platform("outlook")
