"""Finding wordings in a text, whatever its capitals, its marks and its script."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

#: İ in lower case, and ı: Turkish capitals of both are lost in others' hands
_DOTTED_I = re.compile("i\u0307|\u0131")


def fold(text: str) -> str:
    """The text in one form for comparing: compatibility forms, case, apostrophes and Turkish i set aside.

    >>> fold("İNDİRİM"), fold("Fırsat"), fold("ＳＡＬＥ"), fold("don’t")
    ('indirim', 'firsat', 'sale', "don't")
    """
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return _DOTTED_I.sub("i", plain).replace("\u2019", "'")


def holds_any(folded: str, wordings: Iterable[str]) -> bool:
    """One of the wordings stands in the text, as whole words."""
    return any(found_wording(folded, wording) for wording in wordings)


def found_wording(folded: str, wording: str) -> bool:
    """The wording stands in the text and does not go on in a letter or digit; both are folded.

    >>> found_wording("our sale", "sale"), found_wording("wholesale", "sale"), found_wording("您中奖了", "中奖")
    (True, False, True)
    """
    at = folded.find(wording)
    while at >= 0:
        before = folded[at - 1 : at]
        after = folded[at + len(wording) : at + len(wording) + 1]
        if not _goes_on(wording[0], before) and not _goes_on(wording[-1], after):
            return True
        at = folded.find(wording, at + 1)
    return False


def _goes_on(edge: str, neighbour: str) -> bool:
    """A word does not end between these two."""
    return edge.isalnum() and neighbour.isalnum() and not is_dense(edge)


def is_dense(letter: str) -> bool:
    """A letter of a script that sets no blanks between words: Chinese, Japanese, Thai and their neighbours.

    Korean sets some, but endings stick to its words.
    """
    if letter.isascii() or not letter.isalpha():
        return False
    return unicodedata.east_asian_width(letter) in {"W", "H"} or "\u0e00" <= letter <= "\u0eff"


def longest(found: Iterable[str]) -> list[str]:
    """The wordings that are no part of another one.

    >>> longest(["guaranteed", "satisfaction guaranteed"])
    ['satisfaction guaranteed']
    """
    wordings = list(found)
    return [one for one in wordings if not any(one != other and one in other for other in wordings)]
