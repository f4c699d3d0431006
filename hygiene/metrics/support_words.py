"""What words and numbers of support exports mean, whatever the layout: ratings, yes and no, lengths of time."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Final

import msgspec

from hygiene.errors import UsageError
from hygiene.files import packaged_text

#: lengths that a table may tell instead of moments; each is a list of stems, and a field for every unit
LENGTHS: Final = ("first_reply", "resolution")
#: what a number of a rating is out of: the scale that is assumed by its largest number
FIVE: Final = (1.0, 5.0)
_THUMBS, _TEN, _HUNDRED = (0.0, 1.0), (0.0, 10.0), (0.0, 100.0)
_SATISFIED = 0.75  # of the way from the worst rating to the best: 4 of 1 to 5


class Unit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A unit of time."""

    length: int  # seconds
    words: tuple[str, ...]


class SupportWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `support_words.toml` declares."""

    source: tuple[str, ...]
    read: str  # year-month
    yes: tuple[str, ...]
    no: tuple[str, ...]
    ratings: dict[str, int]  # 1 to 5
    units: dict[str, Unit]


@cache
def support_words() -> SupportWords:
    """The declared words."""
    return msgspec.convert(
        tomllib.loads(packaged_text("hygiene.metrics", "data/support_words.toml")), SupportWords
    )


def word_key(text: str) -> str:
    """A column or word for comparison: lower case without accents, single blanks for _ and -, but a minus.

    >>> word_key(" Première-Réponse  le "), word_key("-103")
    ('premiere reponse le', '-103')
    """
    plain = "".join(one for one in unicodedata.normalize("NFD", text) if unicodedata.category(one) != "Mn")
    return " ".join(re.sub(r"([^_\s-])[_\s-]+", r"\1 ", plain.replace("\ufeff", "")).split()).casefold()


def length_fields(length: str) -> tuple[str, ...]:
    """The fields of a length: one a unit, and one whose cells tell the unit themselves.

    >>> length_fields("resolution")[-1]
    'resolution_length'
    """
    return (*(f"{length}_{unit}" for unit in support_words().units), f"{length}_length")


def unit_names(stems: Sequence[str], unit: str) -> Iterator[str]:
    """How columns of a length in a unit are named.

    >>> "first reply time (min)" in unit_names(["first reply time"], "minutes")
    True
    """
    for stem in stems:
        for word in support_words().units[unit].words:
            yield from (f"{stem} {word}", f"{stem} in {word}", f"{stem} ({word})", f"{stem} (in {word})")


def rating_scale(lowest: float | None, highest: float | None) -> tuple[float, float] | None:
    """From and to which number a column rates, by the numbers it holds; None where they do not tell.

    >>> rating_scale(0, 9), rating_scale(1, 5), rating_scale(2, 7)
    ((0.0, 10.0), (1.0, 5.0), None)
    """
    if highest is None or lowest is None:
        return FIVE
    if lowest < 0 or highest > _HUNDRED[1]:
        return None
    if highest <= 1 and lowest == 0:
        return _THUMBS
    if highest <= FIVE[1]:
        return FIVE
    if highest > _TEN[1]:
        return _HUNDRED
    return _TEN if highest > 7 else None  # up to 6 or 7 it could be a scale of its own


def read_scale(text: str) -> tuple[float, float]:
    """From and to which number is rated, as a person writes it; raises UsageError.

    >>> read_scale("1-7")
    (1.0, 7.0)
    """
    written = re.fullmatch(r"\s*(\d{1,3})\s*[-–]\s*(\d{1,3})\s*", text)
    if not written or int(written[1]) >= int(written[2]):
        raise UsageError(f"{text[:40]!r} are no ratings: write from and to which number, like 1-5 or 0-10")
    return float(written[1]), float(written[2])


def satisfied_from(scale: tuple[float, float]) -> float:
    """The number from which on a rating is one of 4 or 5.

    >>> satisfied_from((0, 10))
    7.5
    """
    low, high = scale
    return low + (high - low) * _SATISFIED


def common_ratings() -> Mapping[str, int]:
    """Word → 1 to 5, as `word_key` has them."""
    return {word_key(word): score for word, score in support_words().ratings.items()}
