"""Moments as people, spreadsheets and helpdesks write them, in DuckDB: texts to microseconds since 1970 UTC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hygiene.intake.dates_sql import quoted

#: day and month as numbers, in an order that the text does not tell; of two digits a year stands behind slashes
NUMERIC: Final = r"^\s*(\d{1,2})(?:[/-](\d{1,2})[/-]\d{4}|/(\d{1,2})/\d{2})\b"

#: rewritten in turn, whatever the case
_REWRITTEN: Final = (
    (r"[\x{A0}\x{2009}\x{202F}]", " "),
    (r"(:\d\d),(\d{1,9})", r"\1.\2"),
    (r"^\s*(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?[.,]?\s+", ""),
    (
        r"^([a-z]{3} +\d{1,2}) (\d{1,2}:\d\d:\d\d)(?: ([a-z]{3,4}|[+-]\d{4}))? (\d{4})$",
        r"\1 \4 \2 \3",
    ),  # date(1)
    (r"\s(?:at|um)\s|\suhr\b|[,()]", " "),
    (r"(\d) ?([ap])\.?m\b\.?", r"\1 \2M"),
    (r"\b(?:utc|gmt) ?([+-]\d)", r"\1"),
    (r"\s+", " "),
)
_ZONE: Final = r"Z|z|[A-Za-z]{3,4}|[+-]\d{2}(?::?\d{2})?"
_SPLIT: Final = rf"^ ?(.*[T ]\d{{1,2}}:\d{{2}}(?::\d{{2}}(?:\.\d{{1,9}})?)?(?: [APap]M)?) ?({_ZONE})? ?$"
_ISO: Final = r"\d{4}-\d{1,2}-\d{1,2}[T ][0-9:.]*"
_CLOCKS: Final = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "%H:%M:%S.%f")
#: two digits of a year come first, as %Y takes 26 for the year 26
_DAYS: Final = (
    *("%d.%m.%y", "%d.%m.%Y", "%Y/%m/%d", "%Y-%m-%d", "%d %b %y", "%d %b %Y", "%b %d %Y", "%d %B %Y"),
    *("%B %d %Y", "%d-%b-%y", "%d-%b-%Y", "%d/%b/%y", "%d/%b/%Y"),
)
_DAY_FIRST: Final = ("%d/%m/%y", "%d/%m/%Y", "%d-%m-%Y")
_MONTH_FIRST: Final = ("%m/%d/%y", "%m/%d/%Y", "%m-%d-%Y")
#: hours from UTC; RFC 5322 §4.3, and Europe's summer and winter. What means several zones is none (IST).
_ZONES: Final = {
    "z": 0,
    "utc": 0,
    "gmt": 0,
    "wet": 0,
    "west": 1,
    "bst": 1,
    "cet": 1,
    "cest": 2,
    "eet": 2,
    "eest": 3,
    "est": -5,
    "edt": -4,
    "cst": -6,
    "cdt": -5,
    "mst": -7,
    "mdt": -6,
    "pst": -8,
    "pdt": -7,
}
#: 1990 and 2100 in microseconds since 1970: what lies outside was misread
_EARLIEST, _LATEST = 631_152_000_000_000, 4_102_444_800_000_000
_EXCEL = 25_569  # 1970-01-01 in days as Excel counts them


def with_moments(query: str, columns: Mapping[str, str], zone: str, *, day_first: bool | None) -> str:
    """The query with a column for each of `columns` (name → column of text): the moment of the text.

    BIGINT, null for what is none, as a day without a time is. What names no zone is in `zone`. Numbers are
    seconds, milliseconds or microseconds by their size, and with five digits before a point days of Excel.
    `day_first` settles 3/4/2026; where it is None such a text is no moment. In steps, as DuckDB computes an
    expression as often as it stands.
    """
    steps = (
        ("told", lambda text, _: _told(text)),
        ("parts", lambda _, at: f"regexp_extract({at}_told, {quoted(_SPLIT)}, ['clock', 'zone'])"),
        ("local", lambda _, at: _local(f"{at}_parts.clock", day_first=day_first)),
        ("us", lambda text, at: _moment(text, at, zone)),
    )
    for step, told in steps:
        added = ", ".join(f"{told(text, f'm_{name}')} as m_{name}_{step}" for name, text in columns.items())
        query = f"select *, {added} from ({query})"
    helpers = ", ".join(f"m_{name}_{step}" for name in columns for step, _ in steps)
    bounded = ", ".join(
        f"case when m_{name}_us between {_EARLIEST} and {_LATEST} then m_{name}_us end as {name}"
        for name in columns
    )
    return f"select * exclude ({helpers}), {bounded} from ({query})" if columns else query


def zoned_sql(text: str) -> str:
    """Whether a text that is a moment names its zone, or is a number that needs none."""
    zone = f"regexp_extract({_told(text)}, {quoted(_SPLIT)}, 2)"
    return f"({zone} <> '' or regexp_full_match({text}, '\\d{{9,16}}(\\.\\d+)?'))"


def _moment(text: str, at: str, zone: str) -> str:
    here = "epoch_us({})" if zone == "UTC" else f"epoch_us(timezone({quoted(zone)}, {{}}))"
    days = f"round((try_cast(replace({text}, ',', '.') as double) - {_EXCEL}) * 86400, 3)"
    number = f"try_cast({text} as double)"
    return f"""case
        when {text} is null then null
        when {at}_parts.clock <> '' and {at}_parts.zone = '' then {here.format(f"{at}_local")}
        when {at}_parts.clock <> '' then epoch_us({at}_local) - {_offset(f"{at}_parts.zone")} * 1000000
        when regexp_full_match({text}, '\\d{{9,10}}(\\.\\d+)?') then round({number} * 1000000)::bigint
        when regexp_full_match({text}, '\\d{{12,13}}') then {text}::bigint * 1000
        when regexp_full_match({text}, '\\d{{15,16}}') then {text}::bigint
        when regexp_full_match({text}, '\\d{{5}}[.,]\\d+')
            then {here.format(f"make_timestamp(({days} * 1000000)::bigint)")} end"""


def _told(text: str) -> str:
    """Without the words and marks around it; a text that has none is left as it is."""
    told = text
    for pattern, instead in _REWRITTEN:
        told = f"regexp_replace({told}, {quoted(pattern)}, {quoted(instead)}, 'gi')"
    return f"case when regexp_full_match({text}, '[0-9T:.Z +-]*') then {text} else {told} end"


def _local(clock: str, *, day_first: bool | None) -> str:
    """The timestamp of a day and a time."""
    orders = () if day_first is None else _DAY_FIRST if day_first else _MONTH_FIRST
    patterns = ", ".join(quoted(f"{day} {time}") for day in (*_DAYS, *orders) for time in _CLOCKS)
    return (
        f"case when regexp_full_match({clock}, {quoted(_ISO)}) then try_cast({clock} as timestamp) "
        f"else try_strptime({clock}, [{patterns}]) end"
    )


def _offset(zone: str) -> str:
    """Seconds from UTC; null for an abbreviation that is not known."""
    names, hours = ", ".join(map(quoted, _ZONES)), ", ".join(str(one * 3600) for one in _ZONES.values())
    digits = f"rpad(regexp_replace({zone}, '[^0-9]', '', 'g'), 4, '0')"
    numbers = f"{digits}[1:2]::bigint * 3600 + {digits}[3:4]::bigint * 60"
    return (
        f"case when regexp_matches({zone}, '^[+-]') then if({zone} like '-%', -1, 1) * ({numbers}) "
        f"else map([{names}], [{hours}])[lower({zone})] end"
    )
