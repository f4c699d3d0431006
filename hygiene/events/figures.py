"""The SQL that reads figures out of cells: counts, money, dates, as people and platforms write them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from hygiene.events.layout import quote
from hygiene.intake.dates import FIRST_YEAR, DateFormat, DayMonth, day_month, settled_formats
from hygiene.intake.dates_sql import order_counts_sql

if TYPE_CHECKING:
    import duckdb

_BETWEEN: Final = r"[.,'’\s\x{A0}\x{2009}\x{202F}]"  # between groups of three (or, in India, two) digits
_WHOLE: Final = rf"^\d+$|^\d{{1,3}}(?:{_BETWEEN}\d{{2,3}})*{_BETWEEN}\d{{3}}$"
_NAUGHT: Final = r"[.,]0{1,2}$"  # 12768.0; 1.234,00
_AS_TEXT: Final = r"""^(?:'|="?)|"$"""  # '1234 and ="1234", as spreadsheets are told that it is a text
_SHARE: Final = r"\s*\([^()]*%\s*\)$"  # 350 (35.18%)
SAYS_NOTHING: Final = "('', '-', '–', '—', 'n/a', 'na', 'none', 'null', 'nan')"
_MONEY: Final = rf"^[^0-9.,-]*(-?)[^0-9.,-]*((?:\d|{_BETWEEN})*\d(?:{_BETWEEN})*)[^0-9]*$"
_SIGNS: Final = {
    "€": "EUR",
    "£": "GBP",
    "zł": "PLN",
    "₹": "INR",
    "₺": "TRY",
    "₩": "KRW",
    "₪": "ILS",
    "₴": "UAH",
}
#: what a row of sums is called, for both engines (re and RE2)
_SUMS: Final = (
    r"(?:(?:grand |sub-?)?totals?|sums?|summe|(?:zwischen|gesamt)summe|gesamt(?:ergebnis)?|insgesamt|overall"
    r"|averages?|durchschnitt|mittelwert|total g[eé]n[eé]ral|totale|totaux|totaal|totalt|suma|somme|moyenne"
    r"|razem|łącznie|gemiddelde|promedio|média|genomsnitt|średnia)"
    r"(?: (?:campaigns?|events?|rows?|records?)| \(.*\))?\s*(?::\s*[\d.,]*)?"
)
_MOST: Final = 9 * 10**12  # units of money: so many millionths are still a BIGINT


def is_sum(cell: str) -> bool:
    """Whether the first cell of a row says that the row is of sums.

    >>> is_sum("Grand total:"), is_sum("Total (2 campaigns)"), is_sum("Total Wellness")
    (True, True, False)
    """
    return re.fullmatch(_SUMS, cell.strip().lower()) is not None


def is_sum_sql(cell: str) -> str:
    """The same, as SQL."""
    return f"regexp_full_match(lower(trim({cell})), {quote(_SUMS)})"


def quiet_sql(cell: str) -> str:
    """Whether a cell says nothing."""
    return f"lower(trim({cell})) in {SAYS_NOTHING}"


def count_sql(cell: str) -> str:
    """A number of things: BIGINT, null for anything else, shares among it.

    A point or comma before three digits stands between thousands, as nothing is counted in parts.
    """
    text = f"regexp_replace(trim({cell}), {quote(_AS_TEXT)}, '', 'g')"
    text = f"trim(regexp_replace({text}, {quote(_SHARE)}, ''))"
    text = f"regexp_replace({text}, {quote(_NAUGHT)}, '')"
    return (
        f"case when regexp_matches({text}, {quote(_WHOLE)}) "
        f"then try_cast(regexp_replace({text}, '\\D', '', 'g') as bigint) end"
    )


def decimal_mark(cells: str, table: str, connection: duckdb.DuckDBPyConnection) -> str:
    """What stands before the parts of a unit in a column of money: "." or ",", by the cells that tell.

    Three digits behind it tell nothing; where no cell tells, it is a point.
    """
    query = " , ".join(
        f"count(*) filter (regexp_matches({cells}, {quote(f'{mark}(?:[0-9]{{1,2}}|[0-9]{{4,}})[^0-9.,]*$')}))"
        for mark in (r"\.", ",")
    )
    points, commas = connection.execute(f"select {query} from {table}").fetchall()[0]
    return "," if commas > points else "."


def money_sql(cell: str, mark: str) -> str:
    """Millionths of a unit of money: BIGINT, null for no amount; brackets and a minus are less than none.

    Of a point and a comma in one cell the last stands before the parts of a unit; alone, it is read as `mark`.
    """
    text = f"regexp_replace(trim(replace({cell}, '−', '-')), '([A-Za-z])[.]', '\\1', 'g')"  # Rs. 5, kr. 5
    digits = f"regexp_extract({text}, {quote(_MONEY)}, 2)"
    both = f"contains({digits}, '.') and contains({digits}, ',')"
    last = f"strpos(reverse({digits}), ',') < strpos(reverse({digits}), '.')"
    kept = (
        f"if(case when {both} then {last} else {mark == ','} end, {_plain(digits, ',')}, {_plain(digits, '.')})"
    )
    behind = f"regexp_matches({text}, '\\d-$')"  # as accounts write it; 5,- is five
    less = f"regexp_extract({text}, {quote(_MONEY)}, 1) = '-' or starts_with({text}, '(') or {behind}"
    amount = f"try_cast({kept} as decimal(30, 6))"
    return f"case when {amount} < {_MOST} then (if({less}, -1, 1) * {amount} * 1000000)::bigint end"


def _plain(digits: str, mark: str) -> str:
    """The digits with a point for `mark`; where that stands several times, it parts thousands."""
    once = f"len({digits}) - len(replace({digits}, {quote(mark)}, '')) = 1"
    kept = f"regexp_replace({digits}, {quote(f'[^0-9{mark}]')}, '', 'g')"
    return f"replace({kept}, {quote(mark)}, if({once}, '.', ''))"


def currency_sql(cell: str, amount: str) -> str:
    """The currency: three letters in its own cell, else what stands beside the amount; null for neither."""
    letters = r"(?:^|[^A-Za-z])([A-Za-z]{3})(?:[^A-Za-z]|$)"
    signs = " ".join(
        f"when contains({amount}, {quote(sign)}) then {quote(code)}" for sign, code in _SIGNS.items()
    )
    return (
        f"coalesce(nullif(upper(regexp_extract({cell}, '^\\s*([A-Za-z]{{3}})\\s*$', 1)), ''), "
        f"nullif(upper(regexp_extract({amount}, {quote(letters)}, 1)), ''), case {signs} end)"
    )


def settled(
    cells: str, table: str, formats: Sequence[DateFormat], connection: duckdb.DuckDBPyConnection
) -> tuple[tuple[DateFormat, ...], bool]:
    """The formats to read a column of dates with, and whether its days and months cannot be told apart."""
    counts = connection.execute(f"select {order_counts_sql(cells)} from {table}").fetchall()[0]
    order = day_month(*counts)
    kept = settled_formats(formats, order)
    return kept, order is DayMonth.AMBIGUOUS and len(kept) < len(formats)


def instant_sql(cell: str, formats: Sequence[DateFormat], timezone: str) -> tuple[str, str]:
    """Microseconds since 1970 UTC, null for no date; and whether the cell told no zone: `timezone` counts.

    A closing Z is an offset of none, and no blank stands before an offset.
    """
    digits = f"nullif(regexp_extract({cell}, ':\\d\\d[.,](\\d{{1,6}})', 1), '')"
    fraction = f"coalesce(rpad({digits}, 6, '0')::bigint, 0)"
    plain = f"regexp_replace(trim({cell}), '(:\\d\\d)[.,]\\d+', '\\1')"
    plain = f"regexp_replace({plain}, '\\s*(?:Z|UTC|GMT)$', '+00:00')"
    plain = f"regexp_replace({plain}, '\\s+([+-]\\d\\d:?\\d\\d)$', '\\1')"
    floor = f"epoch_us(timestamp '{FIRST_YEAR}-01-01')"
    tries, bare = [], []
    for one in formats:
        read = f"try_strptime({plain}, {quote(one.format)})"
        if one.zone == "none":
            bare.append(f"epoch_us({read}) >= {floor}")
            read = read if timezone == "UTC" else f"timezone({quote(timezone)}, {read})"
        tries.append(f"case when epoch_us({read}) >= {floor} then epoch_us({read}) end")
    if not tries:
        return "null::bigint", "false"
    return (
        f"(coalesce({', '.join(tries)}, null) + {fraction})",
        f"coalesce({' or '.join(bare) or 'false'}, false)",
    )
