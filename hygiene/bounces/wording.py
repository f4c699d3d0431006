"""Text as rules see it, without case, accents, punctuation, addresses and codes; and phrases in it."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import Final

MAX_TEXT: Final = 2_000  # characters of one reply; longer ones repeat themselves
MAX_GAP: Final = 50  # characters that a ``*`` of a phrase may stand for
_MAX_STARTS = 4  # places at which a phrase is tried

STOP: Final = "|"  # the end of a sentence: no phrase goes across it

_IN_ADDRESS = r"[^\s<>()\[\]\"',;:@]"
_ADDRESS = re.compile(rf"(?<!{_IN_ADDRESS}){_IN_ADDRESS}{{1,128}}@{_IN_ADDRESS}{{1,255}}")
_IPV4 = re.compile(r"[0-9](?<![\w.].)\d{0,2}(?:\.\d{1,3}){3}(?![\w.]*\d)")
_IPV6 = re.compile(r"\b[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){3,7}\b")
_STATUS = r"[245]\.\d{1,3}\.\d{1,3}(?![\w.]*\d)"
#: the first character is consumed before what may not stand before it is looked at: many times faster
_CODES = re.compile(
    rf"[245#](?:(?<![\w.].)(?:(?<=[245])[0-7]\d(?:[-\s]+#?{_STATUS}|-)"
    rf"|(?<=[245])\.\d{{1,3}}\.\d{{1,3}}(?![\w.]*\d)|(?<=#){_STATUS})|(?<![^\n].)(?<=[245])[0-7]\d\s)"
)
_DOTTED = re.compile(r"\.[a-z0-9-]")
_HOST = re.compile(
    r"(?<![\w.-])[a-z0-9-]{1,63}(?:(?:\.[a-z0-9-]{1,63}){2,}|\.(?:com|net|org|example))(?![\w-])"
)
#: host names say nothing, but for those of blocklists and filters; Exchange's words only look like names
_TELLING = re.compile(
    r"spam|rbl|dnsbl|black|block|abuse|barracuda|reputation|sorbs|uceprotect|surbl|uribl|openspf|cloudmark"
    r"|resolver|storedrv|smtpsend|exception|transport|senderbase|talos|symantec|messagelabs|proofpoint|manitu|surriel|mailspike|invaluement"
)
_DIGIT = re.compile(r"[0-9]")
_END = re.compile(r"[.!?:\n。！？](?:(?<=[.!?])[\"')\]]*\s+|(?<=:)[ \t]*\n|(?<=\n)[ \t]*\n|(?<=[。！？]))")
_NO_WORD = re.compile(rf"(?:[^\w{STOP}]|_)+")
#: ASCII that is no part of a word
_BETWEEN = {number: " " for number in range(128) if not chr(number).isalnum() and chr(number) != STOP}
_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ß": "ss", "æ": "ae", "œ": "oe", "ı": "i", "’": "'"})
_OTHER_SCRIPT = "\u0e00"  # no word
_UNSPACED = "\u0e00"  # from Thai on: scripts without word boundaries, and Hangul, which inflects


def normal(text: str) -> str:
    """The words of a text, a space around each: ``550 5.1.1 <a@x.test> User-Unknown``, `` user unknown ``."""
    return _normal(text[:MAX_TEXT])


@lru_cache(maxsize=128)  # subjects and openings are asked for several times in a mail
def _normal(text: str) -> str:
    words = plain(text)
    if "@" in words:
        words = _ADDRESS.sub(" ", words)
    if _DIGIT.search(words):
        words = _CODES.sub(" ", _without_ips(words))
    if _DOTTED.search(words):
        words = _HOST.sub(_telling, words)
    return _spaced(_END.sub(f" {STOP} ", words))


def _without_ips(words: str) -> str:
    if words.count(".") >= 3:
        words = _IPV4.sub(" ", words)
    return _IPV6.sub(" ", words) if words.count(":") >= 3 else words


def _telling(host: re.Match[str]) -> str:
    return host[0] if _TELLING.search(host[0]) else " "


def plain(text: str) -> str:
    """Lower case without accents, at most `MAX_TEXT` characters."""
    text = text[:MAX_TEXT].lower()
    if text.isascii():
        return text
    return _marks().sub("", unicodedata.normalize("NFKD", text.translate(_LETTERS)))


@cache
def _marks() -> re.Pattern[str]:
    """Accents and other marks that combine with the letter before; no plane but the first two has any."""
    every = "".join(c for number in range(0x300, 0x20000) if unicodedata.combining(c := chr(number)))
    return re.compile(f"[{every}]+")


def _spaced(text: str) -> str:
    words = text.translate(_BETWEEN).split() if text.isascii() else _NO_WORD.split(text)
    return f" {' '.join(words)} ".replace("  ", " ")


@dataclass(frozen=True)
class Phrase:
    """Pieces that follow each other, at most `MAX_GAP` characters apart."""

    pieces: tuple[str, ...]

    def is_in(self, words: str) -> bool:
        """Whether a normal text has it."""
        first = self.pieces[0]
        start = words.find(first)
        if start < 0 or len(self.pieces) == 1:
            return start >= 0
        rest = self.pieces[1:]
        for _ in range(_MAX_STARTS):
            if _follow(rest, words, start + len(first)):
                return True
            start = words.find(first, start + 1)
            if start < 0:
                return False
        return False

    @property
    def whole_words(self) -> list[str]:
        """The whole words in it, which any text that has the phrase has."""
        found = (word for piece in self.pieces for word in re.findall(r"(?<= )\S+(?= )", piece))
        return [word for word in found if word < _UNSPACED]

    @property
    def keys(self) -> list[str]:
        """Pairs of neighbouring words where it has any, else its whole words; any text that has it has them."""
        of_pieces = [re.findall(r"(?<= )\S+(?= )", piece) for piece in self.pieces]
        pairs = [f"{one} {next_one}" for each in of_pieces for one, next_one in pairwise(each)]
        return [pair for pair in pairs if max(pair) < _UNSPACED] or self.whole_words

    @property
    def script(self) -> str:
        """The key of a phrase without whole words: "" if it is ASCII, which any text may have."""
        return "" if all(piece.isascii() for piece in self.pieces) else _OTHER_SCRIPT


def _follow(pieces: tuple[str, ...], words: str, end: int) -> bool:
    for piece in pieces:
        start = words.find(piece, end - 1, end + MAX_GAP + len(piece))  # the space between them is shared
        if start < 0 or STOP in words[end:start]:
            return False
        end = start + len(piece)
    return True


@cache
def phrase(text: str) -> Phrase:
    """A phrase as rules write it: whole words; ``*`` stands for anything short, ``black*`` for a word's end."""
    return Phrase(tuple(_bounded(piece) for piece in f" {text} ".split("*") if piece.strip()))


def _bounded(piece: str) -> str:
    words = _spaced(plain(piece)).strip()
    before = " " if piece[0] == " " and words[0] < _UNSPACED else ""
    after = " " if piece[-1] == " " and words[-1] < _UNSPACED else ""
    return f"{before}{words}{after}"


class Phrases:
    """Many phrases, sought together: only those are tried that share a word or two with a text."""

    def __init__(self, phrases: Iterable[tuple[Phrase, int]]) -> None:
        every = list(phrases)
        common = Counter(key for each, _ in every for key in each.keys)
        self._sure: dict[str, list[int]] = {}  # phrases that are no more than their key
        self._whole: dict[str, list[tuple[str, int]]] = {}  # others of one piece
        self._pieces: dict[str, list[tuple[Phrase, int]]] = {}
        for each, number in every:
            rarest = min(each.keys, key=lambda key: common[key], default=each.script)
            if each.pieces == (f" {rarest} ",):
                self._sure.setdefault(rarest, []).append(number)
            elif len(each.pieces) == 1:
                self._whole.setdefault(rarest, []).append((each.pieces[0], number))
            else:
                self._pieces.setdefault(rarest, []).append((each, number))
        self._keys = frozenset(self._sure.keys() | self._whole.keys() | self._pieces.keys())

    def found_in(self, words: str) -> set[int]:
        """The numbers whose phrases a normal text has."""
        found: set[int] = set()
        for key in self._keys & _keys_of(words):
            found.update(self._sure.get(key, ()))
            if key in self._whole:
                found.update([number for piece, number in self._whole[key] if piece in words])
            if key in self._pieces:
                found.update([number for each, number in self._pieces[key] if each.is_in(words)])
        return found

    def any_in(self, words: str) -> bool:
        """Whether a normal text has any of the phrases."""
        common = self._keys & _keys_of(words)
        if not common.isdisjoint(self._sure):
            return True
        return any(piece in words for key in common for piece, _ in self._whole.get(key, ())) or any(
            each.is_in(words) for key in common for each, _ in self._pieces.get(key, ())
        )


@lru_cache(maxsize=64)  # a mail is asked for several lists of phrases
def _keys_of(words: str) -> frozenset[str]:
    """All keys of a normal text: its words, pairs of neighbours, and those of phrases without whole words."""
    each = words.split()
    scripts = ("",) if words.isascii() else ("", _OTHER_SCRIPT)
    return frozenset((*each, *map(" ".join, pairwise(each)), *scripts))
