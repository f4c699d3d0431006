"""Dates as DuckDB reads them: cells of text to whole seconds since 1970 UTC."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from hygiene.intake.dates import (
    DAY_FIRST,
    FIRST_YEAR,
    MONTH_FIRST,
    NUMBER_SHAPES,
    NUMERIC_DATE,
    DateFormat,
    Numbered,
)

#: what stands for no date: blank, a word, or the beginning of somebody's calendar
_NEVER = (
    r"|never|none|null|nan|nat|n/?a|#n/a|-+|–|—|nie|jamais|nunca|mai|nooit|0"
    r"|(?:0000-00-00|0001-01-01|1899-12-3[01]|1900-01-0[01]|1970-01-01)(?:[t ].*)?"
)

#: the first moment that is believed, in microseconds since 1970 UTC
_FIRST_US = int(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000


def quoted(text: str) -> str:
    """A text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def moment_sql(column: str, formats: Sequence[DateFormat], date_part: str = "") -> str:
    """An expression for the moment in a column of text: BIGINT seconds, null for what is no date.

    `date_part` is a regular expression for the date within a cell. Each format is tried by itself: a list of
    them would read zone-less cells in the session's zone as soon as one of them has a zone. A year before
    `FIRST_YEAR` is a misread one.
    """
    trimmed = f"trim({column})"
    # trimming takes longer than reading a date: only what is none as it stands is trimmed
    cells = [f"regexp_extract({trimmed}, {quoted(date_part)})"] if date_part else [column, trimmed]
    tries = [f"epoch_us(try_strptime({cell}, {quoted(one.format)}))" for cell in cells for one in formats]
    # what stands twice in an expression is worked out for every row: so what is too early becomes less than
    # nothing, which no unsigned number is, and greatest() leaves nulls out
    parts = [f"try_cast(greatest({one}, {_FIRST_US - 1}) - {_FIRST_US} as ubigint)" for one in tries]
    later = f"coalesce({', '.join(parts)}, null)::bigint"
    return f"({later} // 1000000 + {_FIRST_US // 1_000_000})" if parts else "null::bigint"


def no_later_sql(moment: str, until: int) -> str:
    """A moment, null when it is later than `until` in seconds."""
    return f"nullif(least({moment}, {until + 1}), {until + 1})"


def unread_sql(column: str, moment: str) -> str:
    """Whether a cell holds something and `moment` is no date for it; a cell that says never holds nothing."""
    return f"(({moment}) is null and coalesce({filled_sql(column)}, false))"


def filled_sql(column: str) -> str:
    """Whether a cell holds something that does not say never."""
    text = f"lower(trim({column}, ' \t\r\n\u00a0'))"
    return f"not regexp_full_match({text}, {quoted(_NEVER)})"


_EXCEL_1970 = 25_569  # days from Excel's beginning to 1970 (ECMA-376 part 1, 18.17.4.1)
_PER_SECOND = {Numbered.SECONDS: 1, Numbered.MILLISECONDS: 1_000, Numbered.MICROSECONDS: 1_000_000}


def number_moment_sql(column: str, kind: Numbered) -> str:
    """The moment that a cell counts, in BIGINT seconds; null for what is no number of this kind."""
    text = f"trim({column})"
    if kind is Numbered.CALENDAR:
        return f"epoch_us(try_strptime({text}, '%Y%m%d')) // 1000000"
    number = f"try_cast(replace({text}, ',', '.') as double)"
    if kind is Numbered.DAYS:
        return f"try_cast(round(({number} - {_EXCEL_1970}) * 86400) as bigint)"
    return f"try_cast(floor({number} / {_PER_SECOND[kind]}) as bigint)"


def number_counts_sql(column: str, until: int) -> str:
    """Counts over a column of text, for `hygiene.intake.dates.numbered`: filled cells, then each kind's.

    A cell fits when it looks like the kind and its moment is from `FIRST_YEAR` to `until`, in seconds.
    """
    begin = f"epoch(timestamp '{FIRST_YEAR}-01-01')"
    fitting = [
        f"count(*) filter (regexp_full_match(trim({column}), {quoted(shape)})"
        f" and {number_moment_sql(column, kind)} between {begin} and {until})"
        for kind, shape in NUMBER_SHAPES.items()
    ]
    return ", ".join([f"count(*) filter ({filled_sql(column)})", *fitting])


def order_counts_sql(column: str) -> str:
    """Three counts over a column of text, for `hygiene.intake.dates.day_month`."""
    rules = (NUMERIC_DATE, DAY_FIRST, MONTH_FIRST)
    return ", ".join(f"count(*) filter (regexp_matches({column}, {quoted(rule)}))" for rule in rules)


def latest_sql(moments: Sequence[str]) -> str:
    """The latest of several moments; nulls do not count."""
    return (
        f"greatest({', '.join(moments)})" if len(moments) > 1 else (moments[0] if moments else "null::bigint")
    )


def first_sql(moments: Sequence[str]) -> str:
    """The first of several moments that is one."""
    return f"coalesce({', '.join(moments)}, null)" if moments else "null::bigint"
