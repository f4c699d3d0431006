"""How wide texts in pictures are, and names cut so that they fit and still differ.

A picture is laid out before anyone knows the reader's font. So texts are measured in DejaVu Sans, which comes
with matplotlib and is wider than what systems have for their interfaces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, Final
from unicodedata import category, combining

from hygiene.render.pen import cells
from hygiene.render.safe import printable

SMALL, TINY = 12, 11
_EM: Final = 100.0  # size at which characters are measured
#: of the size, what the font lacks: a character of one cell, and of two, as emoji are
_ONE_CELL, _TWO_CELLS = 0.75, 1.3
_BOLD: Final = 1.13  # times as wide, at most
_MOST_MARKS: Final = 3  # marks that stand on one letter, in any language; more cover the lines around
_JOINERS: Final = "\u200c\u200d"
_ELLIPSIS: Final = "…"


def width_of(text: str, size: float = SMALL, *, bold: bool = False) -> float:
    """About how wide a text will be in pixels, rather too much than too little."""
    return sum(map(_advance, printable(text))) * size * (_BOLD if bold else 1.0)


@cache
def _font() -> Any:
    from matplotlib import get_data_path
    from matplotlib.font_manager import get_font

    font = get_font(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf")
    font.set_size(_EM, 72)
    return font


@cache
def _advance(character: str) -> float:
    """Of the size."""
    from matplotlib.ft2font import LoadFlags

    if combining(character) or category(character) in {"Mn", "Me", "Cf"}:
        return 0.0
    if glyph := _font().get_char_index(ord(character)):
        return float(_font().load_glyph(glyph, flags=LoadFlags.NO_HINTING).linearHoriAdvance) / 65_536 / _EM
    return _TWO_CELLS if cells(character) > 1 else _ONE_CELL


def shortened(text: str, width: float, size: float = SMALL) -> str:
    """The text, cut in the middle where it is wider: names differ at both ends."""
    return _cut(text, width, size, 0.5)


def distinct(texts: Sequence[str], width: float, size: float = SMALL) -> list[str]:
    """Texts shortened where they are wider, so that as many as can be are told from each other.

    They are cut in the middle, at the end, or without what all of them begin and end with.
    """
    ways: tuple[Callable[[str], str], ...] = (
        lambda text: shortened(text, width, size),
        lambda text: _cut(text, width, size, 1.0),
        lambda text: _cut(_without(text, *_shared(texts)), width, size, 0.5),
    )
    tried = [[way(text) for text in texts] for way in ways]
    return max(tried, key=lambda cut: len(set(cut)))


def _shared(texts: Sequence[str]) -> tuple[int, int]:
    """How many characters all begin with and end with; where all are the same, none."""
    if len(set(texts)) < 2:
        return 0, 0
    head = _alike(texts)
    return head, _alike([text[head:][::-1] for text in texts])


def _alike(texts: Sequence[str]) -> int:
    """How many characters all begin with: as many as the first and the last in order."""
    first, last = min(texts), max(texts)
    return next(
        (at for at, pair in enumerate(zip(first, last, strict=False)) if len(set(pair)) > 1), len(first)
    )


def _without(text: str, head: int, tail: int) -> str:
    """The text with an ellipsis for its ends, but for what is short."""
    start, end = text[:head], text[len(text) - tail :] if tail else ""
    middle = text[head : len(text) - tail]
    return f"{start if head < 3 else _ELLIPSIS}{middle}{end if tail < 3 else _ELLIPSIS}"


def _cut(text: str, width: float, size: float, share: float) -> str:
    """The text within a width: `share` of the room for its beginning, the rest for its end."""
    letters = list(_letters(printable(text)))
    widths = [width_of(letter, size) for letter in letters]
    if sum(widths) <= width:
        return "".join(letters)
    room = width - width_of(_ELLIPSIS, size)
    first = max(_count(widths, room * share), 1)
    last = _count(widths[first:][::-1], room - sum(widths[:first])) if share < 1 else 0
    tail = letters[len(letters) - last :] if last else []
    return f"{''.join(letters[:first]).rstrip()}{_ELLIPSIS}{''.join(tail).lstrip()}"


def _count(widths: Sequence[float], room: float) -> int:
    """How many fit, one after the other."""
    used, number = 0.0, 0
    for width in widths:
        used += width
        if used > room:
            break
        number += 1
    return number


def _letters(text: str) -> Iterator[str]:
    """Characters with what is joined to them, and with the first few marks that stand on them."""
    letter = ""
    for character in text:
        if letter and (character in _JOINERS or letter[-1] in _JOINERS):
            letter += character
            continue
        if letter and not _advance(character):
            if len(letter) <= _MOST_MARKS:
                letter += character
            continue
        if letter:
            yield letter
        letter = character
    if letter:
        yield letter
