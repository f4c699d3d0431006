"""Wordings that filters count, found in a text."""

from __future__ import annotations

from hygiene.content.knowledge import trigger_words
from hygiene.content.wording import fold, found_wording, longest

_MOST = 200_000  # characters looked at


def counted_wordings(text: str) -> dict[str, float]:
    """Each wording found, with its weight; one inside a longer one is not counted again.

    >>> counted_wordings("Make money: act now")
    {'act now': 2.0, 'make money': 2.0}
    """
    folded, weights = fold(text[:_MOST]), trigger_words()
    found = longest(word for word in weights if found_wording(folded, word))
    return {word: weights[word] for word in found}
