"""Text as rules see it: no case, accents, punctuation, addresses or codes; and the phrases that are sought in it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

MAX_TEXT = 2_000  # characters of one reply; longer ones repeat themselves
MAX_GAP = 80  # characters that a ``*`` of a phrase may stand for
_MAX_STARTS = 4  # places at which a phrase is tried

_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:@]{1,128}@[^\s<>()\[\]\"',;:@]{1,255}")
_IP = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)|\b[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){3,7}\b")
_CODES = re.compile(
    r"(?<![\w.])(?:[245][0-7]\d(?=[-\s])[-\s]*)?#?[245]\.\d{1,3}\.\d{1,3}(?![\w.]*\d)|(?<![\w.])[245][0-7]\d(?=-|\s|$)"
)
_NO_WORD = re.compile(r"[\W_]+")
_UNSPACED = "\u0e00"  # from Thai on: scripts without word boundaries, and Hangul, which inflects


def normal(text: str) -> str:
    """The words of a text with a space around each: ``550 5.1.1 <a@x.example> User-Unknown`` → `` user unknown ``."""
    words = plain(text)
    for noise in (_ADDRESS, _IP, _CODES):
        words = noise.sub(" ", words)
    return f" {' '.join(_NO_WORD.split(words))} ".replace("  ", " ")


def plain(text: str) -> str:
    """Lower case without accents, at most `MAX_TEXT` characters."""
    text = text[:MAX_TEXT].lower()
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


@dataclass(frozen=True)
class Phrase:
    """Pieces that follow each other, at most `MAX_GAP` characters apart."""

    pieces: tuple[str, ...]

    def is_in(self, words: str) -> bool:
        """Whether a normal text has it."""
        first, *rest = self.pieces
        start = words.find(first)
        if not rest or start < 0:
            return start >= 0
        for _ in range(_MAX_STARTS):
            if _follow(rest, words, start + len(first)):
                return True
            start = words.find(first, start + 1)
            if start < 0:
                return False
        return False


def _follow(pieces: list[str], words: str, end: int) -> bool:
    for piece in pieces:
        start = words.find(piece, end - 1, end + MAX_GAP + len(piece))  # the space between them is shared
        if start < 0:
            return False
        end = start + len(piece)
    return True


@cache
def phrase(text: str) -> Phrase:
    """A phrase as rules write it: whole words; ``*`` stands for anything short, ``black*`` for a word's end."""
    return Phrase(tuple(_bounded(piece) for piece in f" {text} ".split("*") if piece.strip()))


def _bounded(piece: str) -> str:
    words = normal(piece).strip()
    before = " " if piece[0] == " " and words[0] < _UNSPACED else ""
    after = " " if piece[-1] == " " and words[-1] < _UNSPACED else ""
    return f"{before}{words}{after}"
