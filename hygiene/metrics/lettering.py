"""Names as pictures can write them: on one line, in fonts that hold their letters."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Final

LONGEST: Final = 40  # characters of a name
_STYLES: Final = dict.fromkeys(map(ord, "\ufe0e\ufe0f\u200d"))  # of emoji, which fonts have no letters for
_ABSENT: Final = "□"  # for a letter that no font here holds

#: beside the fonts chosen, where they are installed and a name needs them
_FURTHER: Final = (
    *("Noto Sans CJK JP", "Noto Sans CJK SC", "Source Han Sans", "Hiragino Sans", "PingFang SC", "Yu Gothic"),
    *("Microsoft YaHei", "Malgun Gothic", "Apple SD Gothic Neo", "WenQuanYi Zen Hei", "Arial Unicode MS"),
    *("Noto Sans Thai", "Noto Sans Devanagari", "Leelawadee UI", "Nirmala UI"),
    *("Noto Emoji", "Symbola", "Segoe UI Symbol"),
)


def written(name: str) -> str:
    """A name on one line, and without what cannot be printed.

    >>> written("spring\\nsale")
    'spring sale'
    """
    text = "".join(each if each.isprintable() else " " for each in name.translate(_STYLES))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def lettered(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """The names, and the families of fonts that hold their letters; what none of them holds is a box."""
    from matplotlib import rcParams

    names, families = list(names), list(rcParams["font.family"])
    held = frozenset().union(*map(_letters, families)) or _letters("DejaVu Sans")
    missing = set("".join(names)) - held
    for family in _FURTHER:
        more = _letters(family) if missing else frozenset()
        families += [family] if missing & more else []
        missing -= more
    boxes = str.maketrans(dict.fromkeys(missing, _ABSENT))
    return [name.translate(boxes) for name in names], families


@cache
def _letters(family: str) -> frozenset[str]:
    """What the font of a family holds; nothing where none is installed."""
    from matplotlib import font_manager

    try:
        place = font_manager.findfont(font_manager.FontProperties(family=family), fallback_to_default=False)
        return frozenset(map(chr, font_manager.get_font(place).get_charmap()))
    except (ValueError, RuntimeError, OSError):  # none of this name, or none that can be read
        return frozenset()
