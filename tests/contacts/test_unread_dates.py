"""A date that nobody can read is no silence: whom it speaks of is neither pruned nor called active."""

from datetime import UTC, datetime

import pytest

from hygiene.config import CleaningPolicy
from hygiene.contacts.clean import clean_contacts

NOW = datetime(2026, 11, 28, tzinfo=UTC)
HEADER = "Email,Status,Last click,Sign-up date"


def cleaned(tmp_path, *lines, header=HEADER, **policy):
    path = tmp_path / "list.csv"
    path.write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    asked = CleaningPolicy(**{"inactive_after": "6mo", "max_removed": 1.0, **policy})
    return clean_contacts(path, asked, now=NOW)


def person(cell):
    return f'ann@example.com,yes,"{cell}",2020-01-01'


@pytest.mark.parametrize(
    "cell",
    [
        "46350",  # a day of Excel, or anything
        "9999999999",  # seconds of a time to come
        "123456789",  # seconds of a time before lists
        "03/04/2026",  # 3 April or 4 March
        "13/04/26",
        "yesterday",
        "2027-01-01",  # not yet
        "9999-12-31",
    ],
)
def test_whose_date_cannot_be_read_is_kept_and_counted(tmp_path, cell):
    found = cleaned(tmp_path, person(cell))
    assert (found.summary.kept, found.summary.life.known) == (1, 0)
    assert any(note.startswith("1 row has a date of activity that") for note in found.summary.files[0].notes)


@pytest.mark.parametrize(
    "cell", ["", " ", "never", "N/A", "-", "0", "0000-00-00 00:00:00", "1970-01-01T00:00:00Z"]
)
def test_a_cell_that_says_never_is_a_silence(tmp_path, cell):
    found = cleaned(tmp_path, person(cell))
    assert (found.summary.kept, found.summary.life.inactive) == (0, 1)
    assert not any("cannot be read" in note for note in found.summary.files[0].notes)


@pytest.mark.parametrize(
    ("lately", "long_ago", "kind"),
    [
        ("1795000000", "1600000000", "seconds since 1970"),
        ("1795000000.25", "1600000000", "seconds since 1970"),
        ("1795000000000", "1600000000000", "milliseconds since 1970"),
        ("1795000000000000", "1600000000000000", "microseconds since 1970"),
        ("46345", "44000.75", "days as Excel counts them"),
        ("46345,5", "44000,75", "days as Excel counts them"),
        ("20261120", "20200913", "year, month and day without anything between"),
    ],
)
def test_a_column_of_one_kind_of_number_is_read_as_dates(tmp_path, lately, long_ago, kind):
    lines = [
        person(cell).replace("ann", f"p{row}") for row, cell in enumerate([lately, long_ago, "", "0", lately])
    ]
    found = cleaned(tmp_path, *lines)
    assert (found.summary.kept, found.summary.life.inactive, found.summary.life.known) == (2, 3, 5)
    assert f"Last click: its numbers are read as dates, in {kind}." in found.summary.files[0].notes


@pytest.mark.parametrize(
    "cells",
    [
        ["1600000000", "2019-01-01"],  # two ways
        ["44000", "44100", "12345"],  # counts of something, of which some could be days
        ["44000", "1600000000", "1600000000000"],
        ["12", "45", "99999"],
        ["20200913", "20201399", "20200914"],
    ],
)
def test_numbers_that_are_not_all_dates_are_none(tmp_path, cells):
    lines = [person(cell).replace("ann", f"p{row}") for row, cell in enumerate(cells)]
    found = cleaned(tmp_path, *lines)
    assert found.summary.life.inactive == sum("-" in cell for cell in cells)
    assert not any("numbers are read" in note for note in found.summary.files[0].notes)


def test_six_months_are_counted_by_the_calendar_to_the_second(tmp_path):
    sooner = [person("2026-05-28").replace("ann", "a"), person("2026-05-28T02:00:00+02:00").replace("ann", "b")]
    later = [person("2026-05-27 23:59:59").replace("ann", "c"), person("27.05.2026").replace("ann", "d")]
    found = cleaned(tmp_path, *sooner, *later)
    assert (found.summary.kept, found.summary.life.inactive) == (2, 2)


def test_what_one_row_hides_another_row_of_the_person_does_not_settle(tmp_path):
    unread, blank = person("46350"), person("").replace("ann", "Ann")
    for lines in ((unread, blank), (blank, unread)):
        found = cleaned(tmp_path, *lines)
        assert (found.summary.kept, found.summary.life.known) == (1, 0)


def test_a_segment_reads_no_order_date_whose_day_and_month_cannot_be_told_apart(tmp_path):
    header = "Email,Status,Last order,Sign-up date"
    spring = {"segments": {"spring": "last_order < '2026-05-01'"}}
    found = cleaned(tmp_path, person("03/04/2026"), header=header, inactive_after=None, **spring)
    assert found.summary.segments["spring"] == (0, 1)
    told = [person("03/04/2026"), person("13/04/2026").replace("ann", "bob")]
    found = cleaned(tmp_path, *told, header=header, inactive_after=None, **spring)
    assert found.summary.segments["spring"] == (2, 0)
