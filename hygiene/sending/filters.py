"""The filters of templates: small functions of text, each bounded in what it gives back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Undefined

SCHEMES: Final = ("http", "https", "mailto", "tel")
NOWHERE: Final = "#"  # what a link becomes whose scheme is none of these

_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.\-]*):", re.IGNORECASE)
_PLAIN_LINK: Final = re.compile(
    r"(?:https?|mailto|tel):[A-Za-z0-9._~!$()*,;:@/?&=+#-]*", re.ASCII | re.IGNORECASE
)
_INVISIBLE: Final = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]+")
_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DATE_WORDS: Final = re.compile(r"(?:%[-]?[dmYyBbAaHMjeIp]|[^%])*")
_NOT_CSS: Final = re.compile(r"[^\w#%.,() +-]+")
_LONGEST: Final = 10_000  # characters that a filter may be asked for
_URL_SAFE: Final = "-._~!$'()*,;:@/?&=+#%[]"

#: style → (between thousands, before decimals, whether the sign stands behind)
MONEY: Final[Mapping[str, tuple[str, str, bool]]] = {
    "en": (",", ".", False),
    "de": (".", ",", True),
    "fr": ("\u202f", ",", True),
    "ch": ("’", ".", False),
}


def default(value: Any, other: str = "") -> Any:
    """The value, or `other` where it is missing or empty."""
    return other if isinstance(value, Undefined) or not str(value).strip() else value


def title(value: Any) -> str:
    """Each word with a capital: ``ANN-MARIE o'neil`` → ``Ann-Marie O'neil``."""
    return re.sub(r"[^\W\d_][\w'’]*", lambda word: word[0][0].upper() + word[0][1:].lower(), str(value))


def capitalize(value: Any) -> str:
    """The first letter large, the others as they are."""
    return str(value)[:1].upper() + str(value)[1:]


def truncate(value: Any, length: int = 40) -> str:
    """At most so many characters, cut between words, with an ellipsis."""
    text = str(value)
    if len(text) <= length:
        return text
    cut = text[: max(length - 1, 1)]
    return f"{cut.rpartition(' ')[0] or cut}…"


def money(value: Any, symbol: str = "", style: str = "en") -> str:
    """An amount with two decimals: ``1234.5|money("€")`` → ``€1,234.50``, in the style of en, de, fr or ch."""
    if style not in MONEY:
        raise ValueError(f"money has no style {style!r}: {', '.join(MONEY)} are")
    group, point, behind = MONEY[style]
    amount = f"{_decimal(value):,.2f}".translate({ord(","): group, ord("."): point})
    if not symbol:
        return amount
    if behind:
        return f"{amount}\u00a0{symbol}"
    space = "\u00a0" if symbol.isalpha() else ""
    sign, figures = ("-", amount[1:]) if amount.startswith("-") else ("", amount)
    return f"{sign}{symbol}{space}{figures}"


def number(value: Any, decimals: int = 0) -> str:
    """A number with a comma between thousands."""
    return f"{_decimal(value):,.{min(max(decimals, 0), 10)}f}"


def _decimal(value: Any) -> Decimal:
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError(f"{str(value)[:40]!r} is no number") from None
    if not found.is_finite() or abs(found) >= Decimal(10) ** 15:
        raise ValueError(f"{str(value)[:40]!r} is no number that can be written")
    return found


def day(value: Any, pattern: str = "%-d %B %Y") -> str:
    """A date written as 2026-03-20, as the pattern of strftime has it, months in English."""
    if not _DATE_WORDS.fullmatch(pattern) or len(pattern) > 100:
        raise ValueError(f"{pattern[:40]!r} is no pattern of a date: write %d %B %Y")
    text = str(value).strip()
    try:
        found = date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no date: 2026-03-20 is one") from None
    return found.strftime(pattern)


def whole(value: Any) -> int:
    """A whole number."""
    return int(_decimal(value))


def decimal(value: Any) -> float:
    """A number with decimals."""
    return float(_decimal(value))


def round_off(value: Any, decimals: int = 0) -> float:
    """Rounded to so many decimals."""
    return round(float(_decimal(value)), min(max(decimals, 0), 10))


def first_word(value: Any) -> str:
    """What stands before the first blank: of a full name the first one."""
    return next(iter(str(value).split()), "")


def urlencode(value: Any) -> str:
    """For a part of a link: everything but letters, digits and ``-._~`` as %XX."""
    return quote(str(value), safe="")


def link(value: Any) -> str:
    """A link of http, https, mailto or tel; anything else leads nowhere. Put around each field in an href."""
    text = str(value)
    if _PLAIN_LINK.fullmatch(text):
        return text
    text = _INVISIBLE.sub("", text)
    scheme = _SCHEME.match(text)
    if not text:
        return ""
    return _url(text) if scheme and scheme[1].lower() in SCHEMES else NOWHERE


def link_or_path(value: Any) -> str:
    """A link, or part of its path where what stands before it is known only later; a colon gets harmless."""
    found = link(value)
    return _url(_INVISIBLE.sub("", str(value))).replace(":", "%3A") if found == NOWHERE else found


def link_path(value: Any) -> str:
    """Within the path of a link: what must not stand there is written as %XX."""
    return _url(str(value).strip())


def _url(text: str) -> str:
    return quote(_PERCENT.sub("%25", text), safe=_URL_SAFE)


def css(value: Any) -> str:
    """Within a style: letters, digits and ``#%.,() +-`` only, so that a value adds no declaration."""
    return _NOT_CSS.sub("", str(value))[:_LONGEST]


def upper(value: Any) -> str:
    """In capitals."""
    return str(value).upper()


def lower(value: Any) -> str:
    """In small letters."""
    return str(value).lower()


def trim(value: Any) -> str:
    """Without blanks around it."""
    return str(value).strip()


def length_of(value: Any) -> int:
    """How many characters."""
    return len(str(value))


#: filters that refuse some texts
PARTIAL: Final = frozenset({"date", "float", "int", "money", "number", "round"})

FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "capitalize": capitalize,
    "css": css,
    "date": day,
    "default": default,
    "first_word": first_word,
    "float": decimal,
    "int": whole,
    "length": length_of,
    "link": link,
    "link_or_path": link_or_path,
    "link_path": link_path,
    "lower": lower,
    "money": money,
    "number": number,
    "round": round_off,
    "title": title,
    "trim": trim,
    "truncate": truncate,
    "upper": upper,
    "urlencode": urlencode,
}
