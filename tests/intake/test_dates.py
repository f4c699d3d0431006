"""Day and month: which comes first is taken from the column, never guessed; alike in Python and in DuckDB."""

import duckdb
import pytest

from hygiene.contacts.layout import layouts
from hygiene.intake.dates import (
    DAY_FIRST,
    MONTH_FIRST,
    NUMERIC_DATE,
    DayMonth,
    column_order,
    day_month,
    settled_formats,
)


@pytest.mark.parametrize(
    ("cells", "order"),
    [
        (["2024-03-12", "", "3.4.2024"], DayMonth.NONE),
        (["13/2/2024", "1/2/2024"], DayMonth.DAY_FIRST),
        (["2/13/2024 2:30 PM", "1/2/2024"], DayMonth.MONTH_FIRST),
        (["25-03-2024"], DayMonth.DAY_FIRST),
        (["1/2/2024", "3/4/2024"], DayMonth.AMBIGUOUS),
        (["13/2/2024", "2/13/2024"], DayMonth.AMBIGUOUS),
        (["99/99/2024"], DayMonth.AMBIGUOUS),
        ([], DayMonth.NONE),
    ],
)
def test_day_and_month(cells, order):
    assert column_order(cells) is order
    connection = duckdb.connect()
    counts = [
        connection.execute(
            "SELECT count(*) FILTER (regexp_matches(cell, ?)) FROM (SELECT unnest(?::VARCHAR[]) AS cell)",
            [rule, cells],
        ).fetchone()[0]
        for rule in (NUMERIC_DATE, DAY_FIRST, MONTH_FIRST)
    ]
    assert day_month(*counts) is order


def test_an_ambiguous_column_is_not_read_either_way():
    dates = layouts()["hubspot"].dates
    american = settled_formats(dates, DayMonth.MONTH_FIRST)
    assert {one.order for one in american} == {DayMonth.NONE, DayMonth.MONTH_FIRST}
    assert {one.order for one in settled_formats(dates, DayMonth.AMBIGUOUS)} == {DayMonth.NONE}
    assert {one.order for one in settled_formats(dates, DayMonth.NONE)} == {DayMonth.NONE}
    known = tuple(one for one in dates if one.order is not DayMonth.DAY_FIRST)
    assert settled_formats(known, DayMonth.AMBIGUOUS) == known
