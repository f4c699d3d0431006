"""Reports that hold sums only: what they tell is counted, what they do not tell stays unknown."""

from zoneinfo import ZoneInfo

import pytest

from hygiene.metrics.benchmarks import load_profile
from hygiene.metrics.evaluate import Telling, values_of
from hygiene.metrics.kpis import KPIS
from hygiene.metrics.slices import slice_counts
from hygiene.metrics.table import COUNTS
from hygiene.metrics.tallied import broken, counts_of

BERLIN = ZoneInfo("Europe/Berlin")
MAILCHIMP = {
    "source": "mailchimp",
    "campaign": "Spring",
    "sent_us": 1_788_213_600_000_000 - 1,  # 31 Aug 2026, 23:59:59 in Berlin
    "sent": 1_000,
    "bounced_hard": 10,
    "bounced_soft": 15,
    "opened_all": 390,
    "opens_total": 700,
    "clicked_all": 39,
    "complained": 1,
    "unsubscribed": 4,
}


def only(*rows, by=("campaign",)):
    return counts_of(rows, by, BERLIN).to_pylist()


def test_deliveries_are_concluded_from_sends_and_bounces_and_marked():
    (found,) = only(MAILCHIMP)
    assert (found["sent"], found["delivered"], found["bounced"], found["inferred"]) == (1_000, 975, 25, 975)
    assert (found["hard"], found["soft"], found["undetermined"], found["pending"]) == (10, 15, 0, 0)
    assert found["opened_human"] is found["clicks_total"] is found["orders"] is None


def test_the_day_is_that_of_the_time_zone():
    (found,) = only(MAILCHIMP, by=("day", "week"))
    (later,) = only({**MAILCHIMP, "sent_us": MAILCHIMP["sent_us"] + 1}, by=("day", "week"))
    assert later["day"] == found["day"] + 1
    assert found["week"] <= found["day"] < found["week"] + 7
    assert (found["week"] - 4) % 7 == 0


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"sent": 10}, {"sent": 10, "delivered": None, "bounced": None, "pending": None}),
        ({"sent": 10, "delivered": 7}, {"bounced": None, "pending": None}),
        ({"sent": 10, "bounced": 1}, dict.fromkeys(["rejected", "late", "deferred"])),
        ({"delivered": 9, "bounced": 1}, {"sent": 10, "delivered": 9, "inferred": 0}),
        ({"sent": 10, "delivered": 7, "bounced": 1}, {"pending": 2}),
        ({"sent": 10, "bounced": 2, "bounced_hard": 1}, {"hard": 1, "soft": None, "undetermined": None}),
        ({}, dict.fromkeys(["sent", "delivered", "opened_all", "complained"])),
    ],
)
def test_what_is_not_told_is_null(given, expected):
    (found,) = only({"source": "x", "campaign": "c", **given})
    assert {name: found[name] for name in expected} == expected
    assert set(COUNTS) <= set(found)


def test_a_report_whose_sums_do_not_add_up_is_named():
    wrong = {**MAILCHIMP, "campaign": "Wrong", "delivered": 990}
    assert broken([MAILCHIMP, wrong, {"source": "x", "campaign": None, "sent": 3}]) == ["Wrong"]
    more = {**MAILCHIMP, "campaign": "More", "bounced": 20}
    assert broken([more]) == ["More"]
    assert only(more)[0]["undetermined"] == 0


def test_the_figures_of_a_report():
    slices = slice_counts([counts_of([MAILCHIMP], (), BERLIN)], ())
    found = {
        value.name: value
        for value in values_of(slices, tuple(KPIS.values()), Telling(silent={}), load_profile("default"))
    }
    assert found["open_rate_all"].value == 390 / 975
    assert "people from machines" in found["open_rate_human"].why_null
    assert found["bounce_rate"].value == 0.025
    assert found["complaint_rate_fbl"].value is None
    assert found["conversion_rate"].value is None
