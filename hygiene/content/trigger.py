"""Wordings that filters count, found in a text."""

from __future__ import annotations

import re
from typing import Final

from hygiene.content.knowledge import income_words, trigger_words
from hygiene.content.wording import fold, found_wording, holds_any, longest

_MOST: Final = 200_000  # characters looked at
_SUM: Final = re.compile(
    r"(?:[$€£¥₹₺₽]|\busd|\beur|\br\$)\s?\d|\d\s?(?:[$€£¥₹₺₽]|k\b|usd|eur|chf|tl\b|zł|kr\b|руб)"
)
_LINE: Final = 200  # characters within which a promise of income is made
INCOME: Final = "a sum to be earned again and again"


def counted_wordings(text: str) -> dict[str, float]:
    """Each wording found, with its weight; one inside a longer one is not counted again.

    >>> counted_wordings("Make money: act now")
    {'act now': 2.0, 'make money': 2.0}
    >>> counted_wordings("Make $500 a day"), counted_wordings("Only $5 a month")
    ({'a sum to be earned again and again': 2.0}, {})
    """
    folded, weights = fold(text[:_MOST]), trigger_words()
    found = longest(word for word in weights if found_wording(folded, word))
    return {
        **{word: weights[word] for word in found},
        **({INCOME: 2.0} if promises_income(folded[:_LINE]) else {}),
    }


def promises_income(folded: str) -> bool:
    """A verb of earning, a sum and how often, in one line."""
    verbs, often = income_words()
    return bool(_SUM.search(folded)) and holds_any(folded, often) and holds_any(folded, verbs)
