"""Letters that are not what they seem: mixed scripts, and characters that draw nothing."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

#: draws nothing between two letters, and has no use there in Latin, Greek or Cyrillic
_INVISIBLE = "\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff\u180e\u00ad\u034f"
_BETWEEN = re.compile(rf"([^\W\d_])([{_INVISIBLE}]+)(?=[^\W\d_])")
_WORD = re.compile(r"[^\W\d_]{3,}")
_LOOKALIKE = {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"}
_PLAIN = {"LATIN", "CYRILLIC", "GREEK"}
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")


@lru_cache(4096)
def script(letter: str) -> str:
    """The first word of a letter's name, which is its script."""
    if letter.isascii():
        return "LATIN"
    return unicodedata.name(letter, "").partition(" ")[0]


def mixed_words(text: str) -> list[str]:
    """Words that take letters of two scripts which look alike (UTS #39).

    >>> mixed_words("p\u0430ypal and \u041c\u043e\u0441\u043a\u0432\u0430")  # a Cyrillic а in a Latin word
    ['p\u0430ypal']
    """
    if text.isascii():
        return []
    return [
        word
        for word in _WORD.findall(text)
        if not word.isascii() and len({script(letter) for letter in word} & _LOOKALIKE) > 1
    ]


def hidden_characters(text: str, *, soft_hyphens: bool = False) -> list[str]:
    """Names of the characters that draw nothing inside words; a soft hyphen is at home in a body."""
    if text.isascii():
        return []
    found = [
        character
        for match in _BETWEEN.finditer(text)
        if script(match[1]) in _PLAIN
        for character in match[2]
        if soft_hyphens or character != "\u00ad"
    ]
    found += _DIRECTION.findall(text)
    return [f"U+{ord(one):04X} {unicodedata.name(one, '').lower()}".strip() for one in found]


#: letters and digits of mathematics, and those in circles and squares (Unicode 16, chapters 22.2 and 22.7)
_DRESSED = re.compile("[\U0001d400-\U0001d7ff\u24b6-\u24e9\U0001f130-\U0001f189]{3,}")


def dressed_letters(text: str) -> list[str]:
    """Words drawn with letters of mathematics, to look bold or slanted where there is no bold.

    >>> dressed_letters("\U0001d5d9\U0001d5ff\U0001d5f2\U0001d5f2 plants")
    ['\U0001d5d9\U0001d5ff\U0001d5f2\U0001d5f2']
    """
    return [] if text.isascii() else _DRESSED.findall(text)
