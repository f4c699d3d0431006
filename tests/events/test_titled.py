"""What exports have around their table: a title above the header, a row of sums at the end."""

import io

import duckdb
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hygiene.errors import UnreadableInput
from hygiene.events.figures import is_sum
from hygiene.events.read import read_events

EVENTS = (
    "email,event,time,campaign\n"
    "ann@example.com,delivered,2026-09-01T10:00:00Z,c\n"
    "bob@example.com,open,2026-09-01T10:00:01Z,c\n"
)
REPORT = "Campaign,Sent,Delivered,Unique opens\nA,100,90,10\nB,200,180,20\n"
TITLES = {
    "a name": "Event report\n",
    "and a date": "Event report\nGenerated on 2026-11-28 10:00\n\n",
    "commas": "Events of Shop, Inc.\nSep 1, 2026 - Sep 30, 2026, all lists\n\n",
    "cells": "Event report,,,\n,,,\nGenerated on:,2026-11-28,,\n",
    "quotes": '"Event ""report"", September",,,\r\n"Account:","Shop"\r\n\r\n',
    "German": "Kampagnenbericht für Müller\nErstellt am 28.11.2026\n\n",
    "a mark": "\ufeffEvent report\n\n",
}


def read(tmp_path, content, name="export.csv"):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with duckdb.connect() as connection:
        report = read_events(tmp_path / name, connection)
        events = connection.execute("select recipient, kind, line from events order by ts_us").fetchall()
        tallies = connection.execute("select campaign, sent, line from tallies order by line").fetchall()
    return events, tallies, report.files[0]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("title", TITLES)
def test_titles_above_events(tmp_path, title, separator):
    text = TITLES[title] + EVENTS.replace(",", separator)
    events, _, file = read(tmp_path, text)
    assert [row[:2] for row in events] == [("ann@example.com", "delivered"), ("bob@example.com", "opened")]
    above = TITLES[title].count("\n")
    assert f"lines above its header, left out: {above}" in file.notes
    assert (file.damaged, file.unread, file.skipped) == (0, 0, {})


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("title", TITLES)
def test_titles_above_reports(tmp_path, title, separator):
    above = TITLES[title].count("\n")
    _, tallies, file = read(tmp_path, TITLES[title] + REPORT.replace(",", separator))
    assert tallies == [("A", 100, above + 2), ("B", 200, above + 3)]
    assert f"lines above its header, left out: {above}" in file.notes


def test_a_title_in_another_encoding_and_in_a_workbook(tmp_path):
    for encoding in ("cp1252", "utf-16"):
        text = "Bericht für September\n\n" + EVENTS
        assert len(read(tmp_path, text.encode(encoding))[0]) == 2
    book, data = openpyxl.Workbook(), io.BytesIO()
    for line in ["Event report", "", *EVENTS.splitlines(), "Total,2"]:
        book.active.append(line.split(","))
    book.save(data)
    events, _, file = read(tmp_path, data.getvalue(), "export.xlsx")
    assert len(events) == 2
    assert file.skipped == {"a line of sums": 1}


@pytest.mark.parametrize("ends", [("\n", "\n"), ("\n", "\r\n"), ("\r\n", "\n"), ("\r\n", "\r\n")])
def test_lines_end_in_either_way(tmp_path, ends):
    above, below = ends
    for text in (
        "Report{0}{0}" + EVENTS.replace("\n", "{1}") + "Total,2{1}",
        "sep=,{0}" + EVENTS.replace("\n", "{1}") + "Total,2{1}",
        EVENTS.replace("\n", "{1}").replace("{1}", "{0}", 1) + "Total,2{1}",
        EVENTS.replace("\n", "{1}").replace("{1}", "{0}", 2) + "Total,2{0}",
    ):
        events, _, file = read(tmp_path, text.format(above, below))
        assert [row[:2] for row in events] == [("ann@example.com", "delivered"), ("bob@example.com", "opened")]
        assert (file.damaged, file.skipped) == (0, {"a line of sums": 1})


def test_a_cell_of_several_lines_stays_one(tmp_path):
    cell = '"two\nlines, and ""more"""'
    text = EVENTS.replace("\n", "\r\n") + f"cy@example.com,open,2026-09-01T10:00:02Z,{cell}\r\n"
    assert [row[0][:2] for row in read(tmp_path, text)[0]] == ["an", "bo", "cy"]


@pytest.mark.parametrize(
    "sums",
    [
        "Total,2,,",
        "Summe,,,2",
        '"Total","2"',
        "Total: 2",
        "\nGrand total,2",
        "Total (2 events);",
        "Totals,2,,\r\n\r\n",
    ],
)
def test_a_row_of_sums_is_no_event(tmp_path, sums):
    for text in (EVENTS + sums, f"Report\n\n{EVENTS}{sums}\n"):
        events, _, file = read(tmp_path, text)
        assert len(events) == 2
        assert (file.damaged, file.unread, file.skipped) == (0, 0, {"a line of sums": 1})


@pytest.mark.parametrize(
    "sums",
    ["Total,300,270,30", "Summe,300,270,30", "Total:,300,270,30", "Gesamtsumme,300,270,30", ",300,270,30",
     "Total (2 campaigns),300,270,30", "Overall,300,270,30", "Average,150,135,15"],
)  # fmt: skip
def test_a_row_of_sums_is_no_campaign(tmp_path, sums):
    _, tallies, file = read(tmp_path, f"{REPORT}{sums}\n")
    assert [row[:2] for row in tallies] == [("A", 100), ("B", 200)]
    assert file.skipped == {"a line of sums": 1}


def test_what_only_looks_like_sums_is_counted(tmp_path):
    _, tallies, _ = read(tmp_path, f"{REPORT}Total Wellness,300,270,30\n,299,270,30\nSummer,5,5,5\n")
    assert [sent for _, sent, _ in tallies] == [100, 200, 300, 299, 5]
    dated = "Campaign,Send date,Sent,Delivered\nA,2026-09-01,100,90\nTotal,2026-09-02,100,90\n"
    assert [name for name, _, _ in read(tmp_path, dated)[1]] == ["A", "Total"]
    assert len(read(tmp_path, EVENTS + "total@example.com,open,2026-09-01T10:00:02Z,Total\n")[0]) == 3


def test_a_title_above_no_table_is_refused(tmp_path):
    for text in ("Event report\n\nname,city\nAnn,Ulm\n", "Total,2\nSumme,3\n", "x\n" * 40 + EVENTS):
        with pytest.raises(UnreadableInput) as caught:
            read(tmp_path, text)
        assert "\n" not in str(caught.value)


@settings(max_examples=50, deadline=None)
@given(
    titles=st.lists(st.text('abcdef ,;:.-0123456789"é', max_size=30), max_size=6),
    sums=st.sampled_from(["", "Total,2\n", "Summe\n"]),
)
def test_whatever_stands_around_it_the_table_is_the_same(tmp_path_factory, titles, sums):
    above = "".join(f"{title}\n" for title in titles)
    events, _, file = read(tmp_path_factory.mktemp("titled"), f"{above}{EVENTS}{sums}")
    assert [row[:2] for row in events] == [("ann@example.com", "delivered"), ("bob@example.com", "opened")]
    assert file.skipped == ({"a line of sums": 1} if sums else {})


@pytest.mark.parametrize("word", ["Total", "TOTALS:", "Sub-total", "Gesamt", "Totaux", "Summe: 1.234"])
def test_words_for_sums(word):
    assert is_sum(word)
    assert not is_sum(f"{word} in July")
