"""What a line is drawn of: how wide it is, its pictures and its special signs."""

from __future__ import annotations

import re
import unicodedata

#: the emoji below U+1F000; the stars and arrows beside them are signs
_OLD_EMOJI = (
    "☀-☄☎☑☔☕☘☝☠☢☣☦☪☮☯☸-☺♀♂♈-♓♟♠♣♥♦♨♻♾♿⚒-⚗⚙⚛⚜⚠⚡⚧⚪⚫⚰⚱⚽⚾⛄⛅⛈⛎⛏⛑⛓⛔⛩⛪⛰-⛵⛷-⛺⛽✂✅✈-✍✏✒✔✖✝✡✨✳✴❄❇❌❎❓-❕❗❣❤"
    "➕-➗➡➰➿⬅-⬇⭐⭕⌚⌛⏩-⏳"
)
_SKIN = "\U0001f3fb-\U0001f3ff"
_PICTURE = f"[\U0001f300-\U0001f3fa\U0001f400-\U0001faff{_OLD_EMOJI}]"
_DRESSED = f"{_PICTURE}[\ufe0f{_SKIN}\U000e0020-\U000e007f]*"
#: a flag, or a picture with its skin, joined with others by U+200D (UTS #51 §1.4.9)
_EMOJI = re.compile(
    f"[\U0001f1e6-\U0001f1ff]{{2}}|{_DRESSED}(?:\u200d{_DRESSED})*|[{_SKIN}\U0001f1e6-\U0001f1ff]"
)
_USUAL = frozenset("%+&@#=<>|°©®™§…–—")


def emoji(text: str) -> list[str]:
    """The pictures in a text, each as people see it.

    >>> len(emoji("👨\u200d👩\u200d👧\u200d👦 👍🏽 🇩🇪"))
    3
    """
    return _EMOJI.findall(text)


def width(text: str) -> int:
    """How much of a line a text takes, in Latin letters: Chinese, Japanese and pictures are two, marks none.

    >>> width("abc"), width("新品上市"), width("👩\u200d🌾"), width("e\u0301")
    (3, 8, 2, 1)
    """
    if text.isascii():
        return len(text)
    pictures = emoji(text)
    return 2 * len(pictures) + sum(map(_width_of, _EMOJI.sub("", text)))


def _width_of(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def symbols(text: str) -> list[str]:
    """Signs that are neither letters, digits, usual punctuation, money nor emoji."""
    return [sign for sign in _EMOJI.sub("", text) if _is_symbol(sign)]


def _is_symbol(sign: str) -> bool:
    kind = unicodedata.category(sign)
    return (kind.startswith("S") and kind != "Sc" and sign not in _USUAL) or sign in "*~^_\\"
