"""Support figures against other implementations: survival, business hours, and whole logs counted by hand."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.duration.survfunc import SurvfuncRight

from hygiene.metrics.business_hours import read_business_hours, worked_between
from hygiene.metrics.support import measure_support
from hygiene.metrics.survival import estimate_survival

CASES = st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=40)


@given(CASES)
def test_survival_is_that_of_statsmodels(cases):
    times, over = (np.array(column) for column in zip(*cases, strict=True))
    if not over.any():
        assert estimate_survival(times, over).quantile(0.5).value is None
        return
    ours, theirs = estimate_survival(times, over), SurvfuncRight(times, over)
    assert list(ours.times) == list(theirs.surv_times)
    assert ours.open_part == pytest.approx(theirs.surv_prob)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # theirs divides by zero where all are over
@given(
    st.lists(
        st.tuples(st.floats(0.1, 30), st.booleans()), min_size=8, max_size=40, unique_by=lambda one: one[0]
    )
)
def test_intervals_are_those_of_statsmodels(cases):
    times, over = (np.array(column) for column in zip(*cases, strict=True))
    if over.sum() < 2:
        return
    theirs = SurvfuncRight(times, over)
    for part in (0.5, 0.9):
        low, high = theirs.quantile_ci(part)
        found = estimate_survival(times, over).quantile(part)
        assert found.low == (None if np.isnan(low) else pytest.approx(low))
        if not np.isnan(high):
            last = over.all() and found.high == theirs.surv_times[-1]  # where all are over they see no end
            assert last or found.high == (None if np.isinf(high) else pytest.approx(high))


@given(CASES, st.sampled_from([0.1, 0.5, 0.9]))
def test_quantiles_are_found_by_counting(cases, part):
    open_part, expected = 1.0, None
    for time in sorted({time for time, over in cases if over}):
        at_risk = sum(1 for other, _ in cases if other >= time)
        ended = sum(1 for other, over in cases if over and other == time)
        open_part *= 1 - ended / at_risk
        if expected is None and open_part <= 1 - part + 1e-12:
            expected = time
    times, over = zip(*cases, strict=True)
    assert estimate_survival(times, over).quantile(part).value == expected


def test_without_open_cases_it_is_the_plain_quantile():
    times = list(range(1, 101))
    assert estimate_survival(times, [True] * 100).quantile(0.9).value == 90


def test_leaving_out_who_waits_would_look_better():
    times, over = [1, 2, 3, 50, 60, 70, 80], [True, True, True, False, False, False, False]
    assert estimate_survival(times, over).quantile(0.5).value is None
    assert estimate_survival(times[:3], over[:3]).quantile(0.5).value == 2


# business hours


def by_minute(week, zone, start, end):
    """Minutes of business hours, counted one by one."""
    minutes, moment = 0, start
    while moment < end:
        local = moment.astimezone(zone)
        now = local.hour * 60 + local.minute
        minutes += any(opens <= now < closes for opens, closes in week[local.weekday()])
        moment += timedelta(minutes=1)
    return minutes


@pytest.mark.parametrize(
    "schedule", ["Mon-Fri 9-17", "Mon-Fri 9-12:30 13:30-18; Sat 10-14", "Sun,Tue 0-24", "24/7"]
)
@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]
)
def test_business_hours_count_as_minute_by_minute(schedule, zone):
    hours, where, rng = read_business_hours(schedule), ZoneInfo(zone), random.Random(f"{schedule}{zone}")
    for around in (
        datetime(2026, 3, 29, tzinfo=UTC),
        datetime(2026, 10, 25, tzinfo=UTC),
        datetime(2026, 6, 1, tzinfo=UTC),
    ):
        starts = [around + timedelta(minutes=rng.randrange(-9_000, 9_000)) for _ in range(6)]
        ends = [start + timedelta(minutes=rng.choice([0, 1, 45, 600, 5_000])) for start in starts]
        found = worked_between(
            hours, where, *([round(m.timestamp() * 1e6) for m in side] for side in (starts, ends))
        )
        expected = [by_minute(hours.week, where, start, end) for start, end in zip(starts, ends, strict=True)]
        assert [us / 60e6 for us in found] == expected


@given(st.lists(st.integers(0, 10**15), min_size=3, max_size=3).map(sorted))
@settings(deadline=None, max_examples=30)
def test_business_hours_add_up(moments):
    hours, zone = read_business_hours("Mon-Fri 9-17"), ZoneInfo("Europe/Berlin")
    a, b, c = moments
    first, second, both = worked_between(hours, zone, [a, b, a], [b, c, c])
    assert first + second == both
    assert 0 <= both <= c - a


def test_no_hours_at_all_are_none():
    hours = read_business_hours("Mon 9-10")
    day = 86_400_000_000
    assert list(worked_between(hours, ZoneInfo("UTC"), [day, day], [day, 3 * day])) == [0, 0]


# whole logs


def made_log(seed, tickets=60):
    """Random messages as rows of (ticket, time, author, event, topic, rating)."""
    rng, rows = random.Random(seed), []
    for number in range(tickets):
        at = datetime(2026, 11, 2, tzinfo=UTC) + timedelta(minutes=rng.randrange(20_000))
        topic = rng.choice(["billing", "delivery", ""])
        rows.append((f"T{number}", at, "customer", "message", topic, ""))
        if rng.random() < 0.7:
            rows.append((f"T{number}", at + timedelta(seconds=5), "auto", "message", topic, ""))
        for _ in range(rng.randrange(5)):
            at += timedelta(minutes=rng.randrange(1, 4_000))
            author, event = rng.choice(
                [
                    ("agent", "message"),
                    ("agent", "closed"),
                    ("customer", "message"),
                    ("agent", "note"),
                    ("customer", "rated"),
                ]
            )
            rows.append(
                (f"T{number}", at, author, event, topic, str(rng.randrange(1, 6)) if event == "rated" else "")
            )
    return rows


def write(path, rows):
    lines = ["ticket,time,author,event,topic,rating"]
    lines += [f"{ticket},{at.isoformat()},{','.join(rest)}" for ticket, at, *rest in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def by_hand(rows):
    """The counts of a log, one ticket after the other."""
    tickets = {}
    for ticket, at, author, event, topic, rating in sorted(rows, key=lambda row: row[1]):
        told = tickets.setdefault(
            ticket,
            {
                "topic": topic,
                "start": None,
                "reply": None,
                "closed": None,
                "open": True,
                "reopens": 0,
                "rating": None,
            },
        )
        if event == "message" and author == "customer":
            told["start"] = told["start"] or at
            told["reopens"] += told["closed"] is not None and not told["open"]
            told["open"] = True
        elif event == "message" and author == "agent" and told["start"]:
            told["reply"] = told["reply"] or at
        elif event == "closed":
            told["closed"], told["open"] = at, False
        elif event == "rated":
            told["rating"] = int(rating)
    return tickets


@pytest.mark.parametrize("seed", range(6))
def test_a_log_counts_as_by_hand(tmp_path, seed):
    rows = made_log(seed)
    found, tickets = measure_support(write(tmp_path / "log.csv", rows)), by_hand(rows).values()
    end = max(row[1] for row in rows)
    whole = found.whole
    assert whole.tickets == len(tickets)
    assert whole.answered == sum(one["reply"] is not None for one in tickets)
    assert whole.open == sum(one["open"] for one in tickets)
    assert whole.waiting == sum(one["open"] and one["reply"] is None for one in tickets)
    assert whole.tickets == whole.answered + whole.waiting + whole.closed_unanswered
    assert (whole.reopened.k, whole.satisfaction.k, whole.satisfaction.n) == (
        sum(one["reopens"] > 0 for one in tickets),
        sum(one["rating"] is not None and one["rating"] >= 4 for one in tickets),
        sum(one["rating"] is not None for one in tickets),
    )
    ends = [one["reply"] or (end if one["open"] else one["closed"]) for one in tickets]
    waits = [(at - one["start"]).total_seconds() for at, one in zip(ends, tickets, strict=True)]
    expected = SurvfuncRight(np.array(waits), np.array([one["reply"] is not None for one in tickets]))
    reached = [
        time for time, part in zip(expected.surv_times, expected.surv_prob, strict=True) if part <= 0.5 + 1e-12
    ]
    assert whole.first_response.median.value == (reached[0] if reached else None)
    assert (whole.resolution.over, whole.resolution.open) == (whole.closed, whole.open)
    ages = [(end - one["start"]).total_seconds() for one in tickets if one["open"]]
    assert whole.backlog_oldest_age == max(ages)


@pytest.mark.parametrize("seed", range(3))
def test_order_doubling_and_splitting_change_nothing(tmp_path, seed):
    rows = made_log(seed)
    expected = measure_support(write(tmp_path / "whole.csv", rows), by=["topic"])
    mixed = rows + random.Random(seed).sample(rows, 30)
    random.Random(seed).shuffle(mixed)
    parts = [write(tmp_path / f"part{at}.csv", mixed[at::3]) for at in range(3)]
    found = measure_support(parts, by=["topic"])
    assert found.groups == expected.groups


@pytest.mark.parametrize("by", ["day", "week", "month", "topic"])
def test_slices_add_up(tmp_path, by):
    found = measure_support(write(tmp_path / "log.csv", made_log(9)), by=[by], timezone="America/New_York")
    for name in ("tickets", "answered", "waiting", "closed_unanswered", "closed", "open"):
        assert sum(getattr(one, name) for one in found.groups[1:]) == getattr(found.whole, name)


def test_days_are_local(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,created\n1,2026-11-02T23:30:00Z\n2,2026-03-29T00:30:00Z\n")
    berlin = measure_support(path, by=["day"], timezone="Europe/Berlin")
    assert [one.slice["day"] for one in berlin.groups[1:]] == ["2026-03-29", "2026-11-03"]


def test_the_past_is_seen_as_it_was(tmp_path):
    rows = made_log(4)
    then = sorted(row[1] for row in rows)[len(rows) // 2]
    path, before = write(tmp_path / "all.csv", rows), [row for row in rows if row[1] <= then]
    seen = measure_support(path, as_of=then)
    assert seen.groups == measure_support(write(tmp_path / "then.csv", before), as_of=then).groups
    assert seen.as_of == then


def test_what_no_file_tells_is_null_with_a_reason(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,created\n1,2026-11-02 09:00\n")
    whole = measure_support(path).whole
    assert whole.first_response.median.value is None
    assert whole.first_response.why_null == "no file tells when tickets were answered"
    assert whole.resolution.why_null == "no file tells when tickets were closed"
    assert whole.satisfaction.value is None
    assert whole.satisfaction.why_null == "nobody rated"
    assert (whole.waiting, whole.open) == (0, 0)


def test_answered_at_an_unknown_time_is_not_waiting(tmp_path):
    path = tmp_path / "t.csv"
    rows = ["1,2026-11-02 09:00,quickly,2026-11-02 12:00", "2,2026-11-02 09:00,2026-11-02 10:00,last week"]
    path.write_text("\n".join(["id,created,first reply,closed", *rows, "3,2026-11-02 09:00,,"]) + "\n")
    found = measure_support(path)
    whole = found.whole
    assert (whole.answered, whole.waiting, whole.closed, whole.open) == (2, 1, 2, 1)
    assert (whole.first_response.over, whole.first_response.open) == (1, 1)
    assert (whole.resolution.over, whole.resolution.open) == (1, 1)
    assert any("1 cell of first reply" in note for note in found.notes)
    assert any("1 cell of closed" in note for note in found.notes)


def test_the_frame_has_honest_types(tmp_path):
    frame = measure_support(write(tmp_path / "log.csv", made_log(2)), by=["topic"]).to_frame()
    kinds = {name: str(kind) for name, kind in frame.dtypes.items()}
    assert kinds["tickets"] == kinds["satisfaction_n"] == "Int64"
    assert kinds["first_response_median_s"] == kinds["satisfaction_rate"] == "Float64"
    assert kinds["topic"].startswith("str")
