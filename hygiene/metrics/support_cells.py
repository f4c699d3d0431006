"""Cells of support exports in DuckDB: a word, a rating, a length of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from hygiene.events.figures import money_sql
from hygiene.metrics.support_layout import Layout
from hygiene.metrics.support_words import FIVE, support_words, word_key

#: a number of a rating, a scale being assumed for all of a file
BARE: Final = r"\d{1,3}(?:[.,]\d+)?"
_OUT_OF: Final = {5: FIVE, 10: (0.0, 10.0), 100: (0.0, 100.0)}
_OF: Final = r"^(\d{1,3}(?:[.,]\d+)?) ?(?:/|of|out of|von|sur|de) ?(\d+)\b"
_PERCENT: Final = r"^(\d{1,3}(?:[.,]\d+)?) ?%$"
_STARS: Final = r"^([1-5](?:[.,]\d+)?) ?(?:stars?|sterne?|étoiles?|estrellas?)$"
_LABELLED: Final = r"^([1-5]) ?[-–—:=(] ?[^0-9]+$"
_GLYPHS: Final = r"^([★⭐]{1,5})☆*$"
#: 26:05:10, 1 day 02:05
_CLOCK: Final = (
    r"^(?:(\d{1,5}) ?(?:d|days?|tage?|jours?|dias?),? )?(\d{1,5}):([0-5]\d)(?::([0-5]\d)(?:[.,]\d+)?)?$"
)
_NUMBER: Final = r"^-?[\d.,' ]*\d[\d.,]*$"
_LONGEST = 100 * 365 * 86_400 * 10**6  # a century in microseconds: what is longer was misread
_ISO_LENGTH: Final = r"^p(?:\d|t)"  # ISO 8601: PT45M


def quote(text: str) -> str:
    """A text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def word_sql(text: str) -> str:
    """As `word_key` does it, for texts of one line."""
    blanked = f"regexp_replace(trim(coalesce({text}, '')), '([^_\\s-])[_\\s-]+', '\\1 ', 'g')"
    return f"strip_accents(lower(trim({blanked})))"


def words_sql(text: str, meanings: Mapping[str, Sequence[str]]) -> str:
    """What a word means; null for one that is not known, and for none unless the empty word is declared."""
    told = {word_key(word): meaning for meaning, words in reversed(list(meanings.items())) for word in words}
    return f"{_map(told)}[{word_sql(text)}]" if told else "null::varchar"


def _map(told: Mapping[str, str | int]) -> str:
    """A table of words within a query: a CASE would work out the word for each of them."""
    values = ", ".join(quote(one) if isinstance(one, str) else str(one) for one in told.values())
    return f"map([{', '.join(map(quote, told))}], [{values}])"


# ratings


def rating_sql(layout: Layout, text: str, scale: tuple[float, float] | None) -> str:
    """1 to 5, null for none. `scale` is that of bare numbers; others tell theirs: 8/10, 80 %, 4 stars."""
    cell, low = f"trim({text})", f"lower(trim({text}))"
    known = f"{_map(layout.scores)}[{word_sql(text)}]"
    outs = "".join(
        f" when regexp_extract({low}, {quote(_OF)}, 2) = '{most}' then {_scaled(_first(low, _OF), scale_of)}"
        for most, scale_of in _OUT_OF.items()
    )
    told = "".join(
        f" when regexp_matches({low}, {quote(shape)}) then {_scaled(_first(low, shape), scale_of)}"
        for shape, scale_of in ((_PERCENT, _OUT_OF[100]), (_STARS, FIVE), (_LABELLED, FIVE))
    )
    bare = f" when regexp_full_match({cell}, {quote(BARE)}) then {_scaled(cell, scale)}" if scale else ""
    glyphs = (
        f" when regexp_matches({cell}, {quote(_GLYPHS)}) then len(regexp_extract({cell}, {quote(_GLYPHS)}, 1))"
    )
    return f"coalesce({known}, case when false then null{bare}{outs}{told}{glyphs} end)::bigint"


def _first(text: str, shape: str) -> str:
    return f"regexp_extract({text}, {quote(shape)}, 1)"


def number_sql(text: str) -> str:
    """A bare number with a point or a comma: DOUBLE."""
    return f"try_cast(replace({text}, ',', '.') as double)"


def _scaled(number: str, scale: tuple[float, float]) -> str:
    """Whole steps from 1 to 5; null outside of the scale."""
    (low, high), value = scale, number_sql(number)
    steps = f"floor(1 + 4 * ({value} - {low}) / {high - low} + 1e-9)"
    return f"if({value} between {low} and {high}, {steps}, null)"


# lengths


def length_sql(text: str, unit: int | None, mark: str) -> str:
    """Microseconds: 1:05:00, 1h 5m, PT1H5M, or a number of `unit` seconds with `mark` before its parts.

    BIGINT, null for what is none, as a number is whose unit nobody tells.
    """
    low = f"lower(trim({text}))"
    parts = f"regexp_extract({low}, {quote(_CLOCK)}, ['d', 'h', 'm', 's'])"
    clock = " + ".join(
        f"coalesce(try_cast({parts}.{part} as bigint), 0) * {seconds}"
        for part, seconds in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
    )
    spelled = _spelled(low)
    plain = (
        f"when regexp_matches({low}, {quote(_NUMBER)}) then {money_sql(low, mark)}::double * {unit}"
        if unit
        else ""
    )
    told = (
        f"case when regexp_matches({low}, {quote(_CLOCK)}) then ({clock}) * 1e6 {plain} "
        f"when regexp_matches({spelled}, {quote(_spellings())}) then {_summed(spelled)} end"
    )
    return f"nullif(least({told}, {_LONGEST}), {_LONGEST})::bigint"


def _spelled(low: str) -> str:
    """PT1H5M as 1h5m."""
    return f"if(regexp_matches({low}, {quote(_ISO_LENGTH)}), regexp_replace({low}, '[pt]', ' ', 'g'), {low})"


def _spellings() -> str:
    words = "|".join(word for unit in support_words().units.values() for word in unit.words)
    return rf"^(?:(?:\s|,|and|und|et|y)*\d+(?:[.,]\d+)?\s?(?:{words})\.?)+\s*$"


def _summed(text: str) -> str:
    sums = []
    for unit in support_words().units.values():
        shape = rf"(\d+(?:[.,]\d+)?)\s?(?:{'|'.join(unit.words)})(?:[^a-z]|$)"
        number = number_sql(f"regexp_extract({text}, {quote(shape)}, 1)")
        sums.append(f"coalesce({number}, 0) * {unit.length}")
    return f"round(({' + '.join(sums)}) * 1000000)"
