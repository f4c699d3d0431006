"""The words by which notices are known: who sends them, how they begin, where the original stands in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final

from hygiene.bounces.rules import data
from hygiene.bounces.wording import Phrase, Phrases, normal, phrase

MAX_LINES: Final = 2_000
_MAX_LINE: Final = 1_000

_QUOTED = re.compile(r"^[ \t]*(?:>|\|)[ \t]?")
_ORIGINAL_FIELD = re.compile(
    r"^(?:received|return-path|message-id|from|to|subject|date|mime-version|content-type|dkim-signature"
    r"|reply-to|x-[\w-]{1,40})[ \t]*:[ \t]",
    re.IGNORECASE,
)
_FIRST = re.compile(r"[A-Za-z0-9]+")
_FIELDS_OF_ORIGINAL = 3  # header lines together that no sentence of a notice makes


@dataclass(frozen=True)
class Words:
    """Phrases of which one must stand in a text, and others of which none may."""

    text: tuple[Phrase, ...]
    unless: tuple[Phrase, ...] = ()

    def are_in(self, words: str) -> bool:
        """Whether a normal text has them."""
        return self.sought.any_in(words) and not any(each.is_in(words) for each in self.unless)

    @cached_property
    def sought(self) -> Phrases:
        """The phrases, to be sought together."""
        return Phrases((each, 0) for each in self.text)

    def begin(self, words: str) -> bool:
        """Whether a normal text begins with one."""
        if not words.startswith(self._beginnings):
            return False
        return any(
            words.startswith((each.pieces[0], f" {each.pieces[0]}")) and each.is_in(words) for each in self.text
        )

    @cached_property
    def _beginnings(self) -> tuple[str, ...]:
        return tuple(begin for each in self.text for begin in (each.pieces[0], f" {each.pieces[0]}"))

    @cached_property
    def by_first(self) -> dict[str, list[Phrase]]:
        """The phrases by their first word, if that is whole."""
        found: dict[str, list[Phrase]] = {}
        for each in self.text:
            head = each.pieces[0]
            first = head.split()[0] if head[0] == " " and " " in head.strip() + head[-1] else ""
            found.setdefault(first if head.startswith(f" {first} ") else "", []).append(each)
        return found

    def end(self, words: str) -> bool:
        """Whether a normal text ends with one."""
        return words.rstrip().endswith(self._ends)

    @cached_property
    def _ends(self) -> tuple[str, ...]:
        return tuple(each.pieces[-1].rstrip() for each in self.text)


@cache
def words(name: str) -> Words:
    """A list of ``notices.toml``."""
    table = data("notices")[name]
    return Words(*(tuple(phrase(each) for each in table.get(key, ())) for key in ("text", "unless")))


@cache
def whole_words(name: str) -> frozenset[str]:
    """Texts of ``notices.toml`` that are compared whole."""
    return frozenset(normal(each) for each in data("notices")[name]["words"])


def split_original(text: str) -> tuple[list[str], str]:
    """The lines of the notice, and what follows of the original."""
    lines = [line[:_MAX_LINE] for line in text.split("\n", MAX_LINES)[:MAX_LINES]]
    for number, line in enumerate(lines):
        if _separates(line, lines, number):
            return lines[:number], "\n".join(_QUOTED.sub("", each) for each in lines[number:])
    return lines, ""


def _separates(line: str, lines: list[str], number: int) -> bool:
    stripped = line.strip()
    if not stripped:
        return False
    if ":" in stripped and _ORIGINAL_FIELD.match(_QUOTED.sub("", line)):
        near = lines[number : number + 8]
        fields = {match[0].lower() for each in near if (match := _ORIGINAL_FIELD.match(_QUOTED.sub("", each)))}
        return len(fields) >= _FIELDS_OF_ORIGINAL or (number > 2 and _only_fields(lines[number:]))
    if len(stripped) > 120 or "@" in stripped or not _may_separate(stripped):
        return False
    return words("separators").begin(normal(stripped)) and not _vetoed(stripped)


def _may_separate(line: str) -> bool:
    """Whether its first word begins a separator: most lines are let go without a closer look."""
    first = _FIRST.search(line)
    return not line.isascii() or (first is not None and first[0].lower() in words("separators").by_first)


def _vetoed(line: str) -> bool:
    said = normal(line)
    return any(each.is_in(said) for each in words("separators").unless)


def _only_fields(lines: list[str]) -> bool:
    """Two header lines or more, then nothing or an empty line."""
    count = 0
    for line in lines:
        if not _ORIGINAL_FIELD.match(_QUOTED.sub("", line)):
            return count > 1 and not line.strip()
        count += 1
    return count > 1
