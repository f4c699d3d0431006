"""What is made of the figures: findings, exit codes, frames, JSON, and the page as people see it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from hygiene.event import EventKind
from hygiene.finding import Severity
from hygiene.metrics.evaluate import Telling
from hygiene.metrics.frames import columns_of, frame_of
from hygiene.metrics.kpis import KPIS
from hygiene.render.markdown import render_markdown
from hygiene.render.page import render_page
from hygiene.render.terminal import render_terminal

from .count_tables import row
from .measurements import measurement
from .test_kpis import SPRING

GOOD = row(
    campaign="good",
    delivered=98_000,
    hard=1_500,
    soft=400,
    pending=100,
    complained=20,
    delivered_fbl=50_000,
    complained_fbl=20,
    unsubscribed=100,
    opened_all=30_000,
    opened_human=20_000,
    opens_total=50_000,
    clicked_all=4_000,
    clicked_human=3_000,
    engaged_human=20_500,
    converted=300,
    orders=310,
    revenue_micros=9_000_000_000,
)
BAD = row(
    campaign="bad",
    delivered=8_000,
    hard=2_000,
    complained=80,
    opened_all=1_000,
    opened_human=400,
    opens_total=1_000,
    clicked_all=90,
    clicked_human=40,
    engaged_human=420,
)
TINY = row(campaign="tiny", delivered=20, opened_all=4, opened_human=4, opens_total=4, engaged_human=4)


def text(kpis, *, width=80, verbose=False):
    return render_terminal(kpis.sections(), width=width, colour=False, verbose=verbose)


def test_a_good_mailing_has_no_findings_and_exits_0():
    kpis = measurement(GOOD)
    assert kpis.findings() == ()
    assert kpis.exit_code() == 0
    assert "met 5 of 5" in text(kpis).splitlines()[0]


def test_what_is_missed_is_a_finding_with_proof_reason_and_a_command():
    kpis = measurement(BAD)
    found = {each.id: each for each in kpis.findings()}
    assert set(found) == {
        "delivery-rate-missed",
        "bounce-rate-missed",
        "complaint-rate-delivered-missed",
        "open-rate-human-missed",
        "click-rate-human-missed",
    }
    complaints = found["complaint-rate-delivered-missed"]
    assert complaints.severity is Severity.HIGH
    assert complaints.evidence == ("all: 1.0 % (80 of 8,000; 95 % sure 0.804–1.2 %)",)
    assert complaints.fix.startswith("hygiene clean ")
    assert complaints.why.endswith(".")
    assert complaints.rule == "the project's own thresholds, as of 2026-11-28"
    assert kpis.exit_code() == 1
    assert kpis.exit_code(Severity.CRITICAL) == kpis.exit_code(None) == 0


def test_few_mails_prove_nothing_and_exit_3():
    kpis = measurement(TINY)
    assert kpis.exit_code() == 3
    (complaints,) = [each for each in kpis.findings() if each.id == "complaint-rate-delivered-not-proven"]
    assert complaints.unknown
    assert complaints.why == "Too few mails; 3,818 more mails at the same rate would prove it met."


def test_slices_that_missed_are_the_evidence_of_one_finding():
    kpis = measurement(GOOD, BAD, TINY, by=["campaign"])
    (bounces,) = [each for each in kpis.findings() if each.id == "bounce-rate-missed"]
    assert bounces.subject == "bad"
    assert bounces.evidence == ("bad: 20.0 % (2,000 of 10,000; 95 % sure 19.2–20.8 %)",)
    assert kpis.exit_code() == 1


def test_only_so_many_slices_are_named_and_the_others_counted():
    rows = [row(campaign=f"c{number:02}", delivered=100, hard=100 + number) for number in range(14)]
    kpis = measurement(*rows, by=["campaign"])
    (bounces,) = [each for each in kpis.findings() if each.id == "bounce-rate-missed"]
    assert bounces.subject == "all"
    assert len(bounces.evidence) == 11
    assert bounces.evidence[1].startswith("c13: ")
    assert bounces.evidence[-1] == "and 5 smaller slices"


def test_a_family_is_the_figure_asked_for():
    assert measurement(SPRING)["open_rate"].name == "open_rate_human"
    all_opens = measurement(SPRING, human=False)
    assert all_opens["open_rate"].name == "open_rate_all"
    assert all_opens["open_rate"].benchmark == "15–30 %"
    assert all_opens["open_rate_human"].benchmark is None


def test_a_frame_has_honest_types():
    frame = measurement(GOOD, BAD, by=["campaign"]).to_frame()
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "campaign": "string",
        "kpi": "category",
        "numerator": "Int64",
        "n": "Int64",
        "value": "Float64",
        "why_null": "string",
        "low": "Float64",
        "high": "Float64",
        "benchmark": "string",
        "verdict": "category",
        "needed": "Int64",
        "note": "string",
    }
    assert len(frame) == 3 * len(KPIS)
    assert frame["campaign"].isna().sum() == len(KPIS)
    bad = frame[(frame.campaign == "bad") & (frame.kpi == "bounce_rate")].iloc[0]
    assert (bad["numerator"], bad["n"], bad["value"]) == (2_000, 10_000, 0.2)


def test_days_are_dates_in_a_frame():
    rows = [row(day=20_000, delivered=5), row(day=None, delivered=5)]
    frame = measurement(*rows, by=["day"]).to_frame()
    assert {str(day.date()) for day in frame["day"].dropna()} == {"2024-10-04"}
    assert frame["day"].isna().any()
    assert str(frame["day"].dtype) == "datetime64[s]"


def test_the_dictionary_is_json_without_anything_that_is_no_number():
    kpis = measurement(GOOD, BAD, row(campaign="none"), by=["campaign"], platform="ses")
    written = json.loads(json.dumps(kpis.to_dict(), allow_nan=False))
    assert {each["name"] for each in written["kpis"]} == set(KPIS)
    assert written["counts"]["sent"] == 110_000
    assert written["as"]["platform"] == "ses"
    empty = [each for each in written["slices"] if each["slice"] == {"campaign": "none"}]
    assert all(each["value"] is None and each["why_null"] for each in empty)


def test_a_count_that_no_log_tells_is_null():
    kpis = measurement(row("mailchimp", told=False, sent=100, submitted=100, delivered=90, bounced=10))
    assert kpis.counts()["sent"] == 100
    assert kpis.counts()["hard"] is None


# the page


@pytest.mark.parametrize("width", [80, 100, 140])
def test_every_line_fits(width):
    rows = [
        GOOD,
        BAD,
        TINY,
        row(campaign="a-campaign-with-a-very-long-name-of-many-words-2026-11", delivered=10),
    ]
    kpis = measurement(*rows, by=["campaign"], platform="mailchimp", young=("tiny",))
    commands = ("hygiene ",)
    for line in text(kpis, width=width, verbose=True).splitlines():
        assert len(line) <= width or line.startswith(commands), line


def test_the_verdict_comes_first():
    lines = text(measurement(GOOD, BAD, by=["campaign"])).splitlines()
    assert lines[0].startswith("1.jsonl and 1 more")
    assert lines[0].endswith("met 4 of 5 · 1 not proven")
    assert "Amazon SES, 110,000 mails sent, 1 Sep 2026 to 20 Nov 2026 (Europe/Berlin)." in " ".join(lines[1:3])


def test_the_sums_are_shown():
    shown = text(measurement(SPRING))
    assert "10,000 sent = 9,000 delivered + 500 bounced + 500 under way ✓" in shown
    assert "11,000 handed over = 10,000 sent + 1,000 refused by the platform ✓" in shown
    assert "7   events without a mail of this log" in shown


def test_both_counts_of_opens_are_shown_whichever_is_asked_for():
    human, every = text(measurement(SPRING)), text(measurement(SPRING, human=False))
    assert "opened *" in human
    assert "with machines opens 40.0 % and clicks 8.0 %" in " ".join(human.split())
    assert "by people, as far as can be told, opens 20.0 % and clicks 4.0 %" in " ".join(every.split())


def test_marks_say_what_is_missed_and_what_is_not_proven():
    shown = text(measurement(GOOD, BAD, TINY, by=["campaign"]))
    (bad,) = [line for line in shown.splitlines() if line.startswith("  bad ") and "10,000" in line]
    (tiny,) = [line for line in shown.splitlines() if line.startswith("  tiny ") and " 20 " in line]
    assert bad.count("✗") == 3
    assert tiny.count("?") >= 1


def test_a_long_list_of_slices_shows_those_that_missed_and_says_what_is_hidden():
    rows = [row(campaign=f"c{number:02}", delivered=100_000 - number) for number in range(30)]
    rows.append(row(campaign="small and bad", delivered=50, hard=50))
    short, full = (
        text(measurement(*rows, by=["campaign"])),
        text(measurement(*rows, by=["campaign"]), verbose=True),
    )
    assert "small and bad" in short
    assert "19 more slices are not shown" in short
    assert "c29" not in short
    assert "c29" in full


def test_many_columns_of_names_and_long_names_still_make_a_table():
    rows = [row(day=20_000, campaign="x" * 300, provider="gmail", delivered=10)]
    shown = text(measurement(*rows, by=["day", "campaign", "provider"]))
    assert "  day · campaign · provider" in shown
    assert "x" * 49 not in shown.replace("\n", "").replace(" ", "")
    assert "2024-10-04" in shown


def test_nothing_sent_is_said_and_no_figure_invented():
    shown = text(measurement(row()))
    assert "No mail was sent, as far as the log tells." in " ".join(shown.split())
    assert "nothing was sent" in shown
    assert "nan" not in shown.lower()
    assert measurement(row()).exit_code() == 3


def test_the_difference_to_others_is_shown_line_by_line():
    shown = " ".join(text(measurement(SPRING, platform="ses")).split())
    assert "As Amazon SES would count it" in shown
    assert "hard / sent = 300 / 10,000" in shown
    assert "unknown" in text(measurement(SPRING, platform="gmail"))


def test_other_formats_show_the_same():
    kpis = measurement(GOOD, BAD, by=["campaign"], platform="klaviyo")
    assert "1.0 %" in render_markdown([kpis.sections()])
    page = render_page([kpis.sections()], title="Mail measured")
    assert "complaint-rate-delivered-missed" in page
    assert kpis._repr_html_().startswith('<div class="hygiene-result">')
    assert repr(kpis) == "<Kpis 110,000 mails sent: 4 met, 0 missed, 1 not proven yet>"


def test_hostile_names_of_campaigns_do_no_harm():
    name = "<script>alert(1)</script>\x1b[31m|\n`x`"
    kpis = measurement(row(campaign=name, delivered=10), by=["campaign"])
    assert "<script>alert" not in render_page([kpis.sections()], title="x")
    assert "\x1b[31m" not in text(kpis)


def test_without_orders_there_is_no_word_of_them():
    telling = Telling(silent={}, no_orders="no orders were given")
    shown = text(measurement(GOOD, telling=telling))
    assert "converted" not in shown
    assert "revenue" not in shown


COUNTED = st.tuples(
    st.sampled_from(["a", "b", "c", None]),
    st.integers(0, 40),
    st.integers(0, 40),
    st.integers(0, 40),
    st.sampled_from(["ses", "mute"]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(COUNTED, min_size=1, max_size=8, unique_by=lambda one: (one[0], one[4])), st.booleans())
def test_a_frame_built_by_columns_is_that_of_the_values(counted, human):
    """Young slices, silent sources, empty ones."""
    rows = [
        row(campaign=name, source=source, delivered=k + n, opened_human=k, bounced=bounced, hard=bounced)
        for name, k, n, bounced, source in counted
    ]
    telling = Telling(silent={"mute": {EventKind.OPENED}}, currencies=("EUR",))
    kpis = measurement(*rows, by=["campaign"], young={"a"}, telling=telling, human=human)
    slow = frame_of([columns_of(kpis.values, ["campaign"])], ["campaign"])
    assert_frame_equal(kpis.to_frame(), slow)
