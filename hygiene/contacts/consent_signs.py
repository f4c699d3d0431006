"""Columns that speak of consent though no layout declares them: by their names, and by the words in cells."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from functools import cache
from typing import Final

import msgspec

from hygiene.contacts.column_names import name_key
from hygiene.files import packaged_text
from hygiene.status import Status

_DATE = re.compile(r"(?:\d{4}[ ./]\d\d?[ ./]\d\d?|\d\d?[ ./]\d\d?[ ./](?:19|20)\d\d)(?!\d)")
_NO_DATE = re.compile(r"0000|0001|1899|1900 01 0|1970 01 01|00[ ./]00")
ENOUGH: Final = 0.9  # share of a column's filled cells that must be words of consent


class Verdicts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The words of programs that check addresses: those that stop mail, and those that say nothing of it."""

    source: tuple[str, ...]
    sure: frozenset[str]  # words that nothing else has
    names: str  # of columns that need none of them
    silent: tuple[str, ...]
    stops: dict[str, Status]


class _Signs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    as_of: str
    source: tuple[str, ...]
    other_channels: str
    mail: str
    no_sign: str
    ended: dict[str, tuple[str, ...]]
    consent: str
    telling: frozenset[str]
    elsewhere: frozenset[str]
    refusals: frozenset[str]
    dated: str
    state: str
    leaving: frozenset[str]
    against: str
    many: str
    hedges: str
    verdicts: Verdicts


@cache
def _signs() -> _Signs:
    return msgspec.convert(tomllib.loads(packaged_text("hygiene.contacts", "data/consent_signs.toml")), _Signs)


def sentence_status(words: Mapping[str, Status], key: str, *, yes: bool) -> Status | None:
    """What a sentence says that begins with one of the words; a `yes` counts if nothing takes it back."""
    word, whole = leading_word(key)
    found = words.get(word)
    if found is None or found.rank > Status.SUBSCRIBED.rank:
        return found
    return found if whole and yes else None


def holds_date(key: str) -> bool | None:
    """Whether a cell, as `word_key` has it, begins with a date; False: with one that stands for none."""
    return None if not _DATE.match(key) else not _NO_DATE.match(key)


@cache
def _sentence() -> re.Pattern[str]:
    return re.compile(r"(?s)([^,.;:!(]*)([,.;:!(]?)(.*)")


@cache
def _ended() -> Mapping[str, re.Pattern[str]]:
    return {role: re.compile("|".join(patterns)) for role, patterns in _signs().ended.items()}


def ended_by_name(name: str) -> str | None:
    """Which of the plain layout's columns of an end a name is one more of; None: it is none.

    >>> ended_by_name("Opted Out?"), ended_by_name("Unsubscribe link"), ended_by_name("Von E-Mails abgemeldet")
    ('unsubscribed', None, 'unsubscribed')
    """
    key = name_key(name)
    return (
        None
        if _is_something_else(key)
        else next((role for role, pattern in _ended().items() if pattern.search(key)), None)
    )


def consent_by_cells(
    name: str, words: Mapping[str, int], known: Collection[str], *, filled: int | None = None
) -> bool:
    """Whether a column of this name is one of consent, from its words and how often each is there.

    Words are as `word_key` has them; `known` are the words of consent, `filled` the cells that are not blank
    where `words` are not all of them. Without a name that may mean it, one of them must be a word that only
    consent has.
    """
    if filled is None:
        filled = sum(count for word, count in words.items() if word)
    understood = sum(count for word, count in words.items() if word in known)
    if not filled or understood < ENOUGH * filled:
        return False
    telling = not _signs().telling.isdisjoint(words)
    left = re.search(_signs().state, name_key(name)) and not _signs().leaving.isdisjoint(words)
    return telling or bool(left) or may_be_consent(name)


def ending_words() -> frozenset[str]:
    """The words that, where one of them stops mail, do so in a column of any name."""
    return _signs().telling - _signs().elsewhere


def refusing_words() -> frozenset[str]:
    """The words that stop mail, besides those, in a column that may be one of consent."""
    return _signs().refusals


def verdict_by_cells(name: str, words: Mapping[str, int], filled: int) -> bool:
    """Whether a column is the verdict of a program that checks addresses; `filled` cells are not blank."""
    verdicts = _signs().verdicts
    said = sum(words.get(word, 0) for word in {*verdicts.silent, *verdicts.stops})
    sure = not verdicts.sure.isdisjoint(words) or bool(re.search(verdicts.names, name_key(name)))
    return bool(filled) and said >= ENOUGH * filled and sure


def verdict_words() -> Verdicts:
    """The words of such a program."""
    return _signs().verdicts


def dated_by_name(name: str) -> bool:
    """Whether a date in a consent column of this name is when somebody said yes."""
    return bool(re.search(_signs().dated, name_key(name)))


def may_be_consent(name: str) -> bool:
    """Whether a column of this name may be one of consent to mail."""
    key = name_key(name)
    turned = bool(re.search(_signs().against, key))
    return bool(re.search(_signs().consent, key)) and not turned and not _is_something_else(key)


def holds_many(name: str) -> bool:
    """Whether a column of this name holds many words a cell."""
    return bool(re.search(_signs().many, name_key(name))) and not may_be_consent(name)


def leading_word(key: str) -> tuple[str, bool]:
    """The word that a sentence begins with, and whether the rest takes nothing of it back.

    >>> leading_word("no, thank you"), leading_word("yes, but only by post")
    (('no', True), ('yes', False))
    """
    word, mark, rest = _sentence().match(key).groups()  # type: ignore[union-attr]  # it matches anything
    return word.strip(), bool(mark) and not re.search(_signs().hedges, rest)


def of_other_channel(name: str) -> bool:
    """Whether a name is about another channel than mail."""
    return _is_elsewhere(name_key(name))


def _is_elsewhere(key: str) -> bool:
    return bool(re.search(_signs().other_channels, key) and not re.search(_signs().mail, key))


def _is_something_else(key: str) -> bool:
    """Whether a name is about another channel than mail, or about a number or a place."""
    return _is_elsewhere(key) or bool(re.search(_signs().no_sign, key))
