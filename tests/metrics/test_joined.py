"""Engagement by weeks since sign-up, worked by hand."""

from datetime import UTC, date, datetime

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import hygiene
from hygiene.errors import UsageError

MONDAY = datetime(2026, 8, 31, 10, tzinfo=UTC)
WEEK = pd.Timedelta(weeks=1)
FIRST = (date(2026, 8, 17) - date(1970, 1, 1)).days
#: group → Monday of sign-up in weeks from the first mail, people, openers of each of eight weekly mails
GROUPS = {
    "early": (-2, 60, [30, 30, 30, 15, 15, 15, 15, 15]),
    "now": (0, 60, [45, 30, 30, 30, 15, 15, 15, 15]),
    "late": (2, 60, [0, 0, 45, 30, 30, 30, 15, 15]),
    "stray": (None, 10, [0] * 8),
}


def log():
    rows = []
    for group, (began, people, opened) in GROUPS.items():
        for week, openers in enumerate(opened):
            for person in range(people):
                if group == "late" and week < 2:
                    continue
                mail = {
                    "email": f"{group}{person}@x.example",
                    "message_id": f"{group}-{week}-{person}",
                    "timestamp": (MONDAY + week * WEEK).isoformat(),
                }
                kinds = ["sent", "delivered", *(["opened"] if person < openers else [])]
                rows += [{**mail, "event": kind} for kind in kinds]
        del began
    return pd.DataFrame(rows)


def joined():
    return pd.DataFrame(
        [
            {"recipient": f"{group.upper()}{person}@x.example", "joined": MONDAY + began * WEEK}
            for group, (began, people, _) in GROUPS.items()
            if began is not None
            for person in range(people)
        ]
    )


@pytest.fixture(scope="module")
def measured():
    return hygiene.measure(log(), joined=joined(), by="cohort,weeks-since", now="2026-11-30")


def test_groups_are_those_of_the_same_sign_up(measured):
    found = measured.overviews.cohorts
    assert [one.week for one in found.groups] == [FIRST, FIRST + 14, FIRST + 28]
    early, now, late = found.groups
    assert early.engaged == {2: 30, 3: 30, 4: 30, 5: 15, 6: 15, 7: 15, 8: 15, 9: 15}
    assert now.engaged == dict(enumerate(GROUPS["now"][2]))
    assert late.engaged == {0: 45, 1: 30, 2: 30, 3: 30, 4: 15, 5: 15}
    assert set(early.delivered.values()) == {60}
    assert found.unknown == 80  # ten people, eight mails


def test_decay_is_that_since_the_sign_up(measured):
    decay = measured.causes.decay
    shares = {one.week: (one.people, one.engaged.k, one.engaged.n) for one in decay.ages}
    assert shares[0] == (120, 90, 120)
    assert shares[2] == (180, 90, 180)
    assert shares[9] == (60, 15, 60)
    assert decay.since == "sign-up"
    assert decay.left_out == 10
    assert "People whose sign-up the list does not tell are left out: 10." in decay.caveats


def test_the_last_mails_of_a_log_that_was_taken_at_once_age_nobody():
    decay = hygiene.measure(log(), joined=joined()).causes.decay
    assert max(one.week for one in decay.ages) == 8


def test_every_kpi_by_cohort_and_age(measured):
    values = {
        tuple(value.slice.values()): (value.numerator, value.n)
        for value in measured.by_slice
        if value.name == "open_rate_human"
    }
    assert values[FIRST, 2] == (30, 60)
    assert values[None, None] == (0, 80)
    assert sum(n for _, n in values.values()) == measured.counts()["delivered"]
    frame = measured.to_frame()
    assert frame["cohort"].dropna().min() == pd.Timestamp(2026, 8, 17)
    assert frame["weeks_since"].dtype == "Int64"


def test_the_page_says_what_a_group_is(measured):
    (section,) = [one for one in measured.sections().sections if one.title == "Do people stay?"]
    (chart,) = section.blocks
    assert chart.pictures[0].title == "Opened or clicked, by the week of the sign-up and weeks since then"
    assert [row.label for row in chart.pictures[0].series] == ["17 Aug", "31 Aug", "14 Sep"]
    assert [point.figure for point in chart.pictures[0].series[1].points] == [
        "75",
        "50",
        "50",
        "50",
        *["25"] * 4,
    ]
    assert "80 mails went to people whose sign-up the list does not tell, or before it: left out." in chart.note
    told = measured.to_dict()["cohorts"]
    assert (told["since"], told["mails_of_unknown_age"]) == ("sign-up", 80)
    assert told["groups"][2]["ages"][0] == {"age": 0, "delivered": 60, "engaged": 45}


@pytest.mark.parametrize(
    "frame",
    [
        joined(),
        pl.from_pandas(joined()),
        pl.from_pandas(joined()).lazy(),
        pa.Table.from_pandas(joined()),
        pd.DataFrame(
            {
                "recipient": joined()["recipient"],
                "joined_us": joined()["joined"].map(lambda one: int(one.timestamp() * 10**6)),
            }
        ),
    ],
    ids=["pandas", "polars", "lazy", "arrow", "microseconds"],
)
def test_sign_ups_are_any_frame(measured, frame):
    assert hygiene.measure(log(), joined=frame).to_dict()["cohorts"] == measured.to_dict()["cohorts"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (5, "not int"),
        (pd.DataFrame({"email": ["a"]}), "this one has 'email'"),
        (pd.DataFrame({"recipient": ["a"], "joined": ["soon"]}), "joined is String"),
        (pd.DataFrame({"recipient": ["z@x.example"], "joined_us": [1]}), "nobody whose sign-up is told"),
    ],
)
def test_what_is_no_list_of_sign_ups_is_refused(given, said):
    with pytest.raises(UsageError, match=said):
        hygiene.measure(log(), joined=given, causes=False)
