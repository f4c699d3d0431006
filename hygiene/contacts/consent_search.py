"""What the cells of a file say of consent where no name of a column does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from hygiene.contacts.column_names import word_key
from hygiene.contacts.consent_signs import (
    consent_by_cells,
    ending_words,
    holds_many,
    leading_word,
    may_be_consent,
    of_other_channel,
    refusing_words,
    verdict_by_cells,
    verdict_words,
)
from hygiene.contacts.header import Positions
from hygiene.contacts.layout import ENDS, NOBODY_TOLD, PLAIN, Recognised, StatusColumn, layouts
from hygiene.errors import UsageError
from hygiene.intake.cells import filled, text_of
from hygiene.intake.records import Block
from hygiene.status import Status

_LONGEST = 40  # characters of a word
_BETWEEN = r'[,;|\[\]{}"]+'  # words of a cell that holds many
_SENTENCE = r"[,.;:!(].*$"  # what follows the first word of one
_FEW = 40  # different texts in the sample: a column of that many is one of words
_MOST_WATCHED = 6  # columns read to the end of a file, though nothing was found in them
_BY_CELLS = "is read, by its cells: whom it says to be gone is not mailed."
_VERDICT = (
    "is the verdict of a program that checks addresses, which is no consent: whom it refuses is not mailed."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """What a sample of a column holds: known words and how often, and how many cells are not blank."""

    words: Counter[str] = field(default_factory=Counter)
    filled: int = 0
    different: int = 0  # texts
    many: bool = False  # words a cell


def _heard(texts: pa.Array, *, many: bool) -> Heard:
    """What the cells of a column's sample say."""
    counted = pc.value_counts(texts.filter(pa.array(filled(texts))))
    return Heard(
        words=_tags(counted.field(0)) if many else _words(counted),
        filled=int(pc.sum(counted.field(1)).as_py() or 0),
        different=len(counted),
        many=many,
    )


def _words(counted: pa.StructArray) -> Counter[str]:
    """The known words that are a whole cell, or that a sentence begins with, and how often."""
    near = counted.filter(pc.less_equal(pc.utf8_length(counted.field(0)), _LONGEST))
    leading = _lowered(pc.replace_substring_regex(near.field(0), _SENTENCE, ""))
    known = near.filter(pc.or_(_is_known(leading), _is_known(_lowered(near.field(0)))))
    words: Counter[str] = Counter()
    for cell, times in zip(known.field(0).to_pylist(), known.field(1).to_pylist(), strict=True):
        key = word_key(cell)
        words[key if key in _known() else leading_word(key)[0]] += times
    return words


def _tags(cells: pa.Array) -> Counter[str]:
    """The known words among the many of different cells."""
    words = pc.list_flatten(pc.split_pattern_regex(cells, _BETWEEN))
    return Counter(word_key(word) for word in words.filter(_is_known(_lowered(words))).to_pylist())


@cache
def _consent_words() -> Mapping[str, Status]:
    """The words of consent of a list of any make."""
    rules = (rule for rule in layouts()[PLAIN].status_columns if rule.consent)
    return MappingProxyType({word: status for rule in rules for word, status in rule.words.items()})


@cache
def _known() -> frozenset[str]:
    verdicts = verdict_words()
    return frozenset({*_consent_words(), *verdicts.silent, *verdicts.stops})


@cache
def _known_array() -> pa.Array:
    return pa.array(sorted(_known()), pa.string())


def _is_known(keys: pa.Array) -> pa.Array:
    return pc.is_in(keys, value_set=_known_array())


def _lowered(texts: pa.Array) -> pa.Array:
    """As `word_key` has them, but for marks that hardly occur."""
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(pc.utf8_lower(texts), "[_-]+", " "))


@cache
def ends_of_words() -> Mapping[str, Status]:
    """The words that tell of an end whatever they stand in, with the status they mean."""
    known = _stopping(ending_words()).items()
    return MappingProxyType({word: status for word, status in known if status in ENDS})


def unspoken(found: Recognised) -> list[int]:
    """The columns that have no other meaning."""
    at = Positions(found.layout, found.header)
    taken = {
        found.address,
        *(place for one in found.layout.ignored for place in at.of(one)),
        *found.joined,
        *found.figures.values(),
        *(place for place, _ in (*found.activity, *found.status_columns)),
    }
    return [
        place for place, name in enumerate(found.header) if place not in taken and not of_other_channel(name)
    ]


def listen(found: Recognised, places: Sequence[int], blocks: Iterable[Block]) -> dict[int, Heard]:
    """What a sample of the file, with these cells, holds of words that are known."""
    escape = found.layout.quote_escape.encode()
    texts: list[list[pa.Array]] = [[] for _ in places]
    for block in blocks:
        for number, column in enumerate(texts):
            column.append(text_of(block, number, escape=escape))
    return {
        place: _heard(pa.concat_arrays(column), many=holds_many(found.header[place]))
        for place, column in zip(places, texts, strict=True)
        if column
    }


def consent_column(found: Recognised, heard: Mapping[int, Heard]) -> int | None:
    """The column whose cells are words of consent; raises UsageError when there are two."""
    places = [
        place
        for place, said in heard.items()
        if not said.many
        and not verdict_by_cells(found.header[place], said.words, said.filled)
        and consent_by_cells(found.header[place], said.words, _consent_words(), filled=said.filled)
    ]
    if len(places) > 1:
        names = " and ".join(repr(found.header[place].strip()) for place in places)
        raise UsageError(
            f"{names} all hold words of consent: say which counts, as in "
            f"--column 'status={found.header[places[0]].strip()}', or --column status= for none"
        )
    return places[0] if places else None


def with_ends(found: Recognised, heard: Mapping[int, Heard], *, told: bool) -> Recognised:
    """The same, where columns by whose cells people have left stop mail, too.

    Where the file has `told` of consent, a plain no in another column may be one of many preferences, and says
    nothing; where it has not, columns of a few words are watched to the file's end.
    """
    rules = {place: _rule_of(found.header[place], said, told=told) for place, said in heard.items()}
    spoken = {place: rule for place, rule in rules.items() if heard[place].words.keys() & rule.words}
    quiet = [] if told else _watched(found, heard, spoken)
    return msgspec.structs.replace(
        found,
        status_columns=(*found.status_columns, *spoken.items()),
        watched=tuple((place, rules[place]) for place in quiet),
        notes=(
            *(note for note in found.notes if not spoken or note != NOBODY_TOLD),
            *_notes(found, heard, spoken),
        ),
    )


def watched_note(found: Recognised, place: int) -> str:
    """What is to be said of a watched column that turned out to tell of an end."""
    return f"{found.header[place].strip()!r} {_BY_CELLS}"


def _notes(found: Recognised, heard: Mapping[int, Heard], spoken: Mapping[int, StatusColumn]) -> Iterator[str]:
    for place in spoken:
        verdict = verdict_by_cells(found.header[place], heard[place].words, heard[place].filled)
        yield f"{found.header[place].strip()!r} {_VERDICT if verdict else _BY_CELLS}"


def _rule_of(name: str, said: Heard, *, told: bool) -> StatusColumn:
    """How a column is read of which no name says that it is one of consent."""
    if verdict_by_cells(name, said.words, said.filled):
        return _rule(verdict_words().stops)
    if said.many or not may_be_consent(name):
        return msgspec.structs.replace(_rule(ends_of_words()), listed=said.many)
    if told:
        return _rule({**_stopping(refusing_words()), **ends_of_words()})
    return _rule(_stopping(_consent_words()))


def _stopping(words: Iterable[str]) -> dict[str, Status]:
    """Of these words of consent those that stop mail."""
    known = ((word, _consent_words()[word]) for word in words if word in _consent_words())
    return {word: status for word, status in known if status.rank > Status.SUBSCRIBED.rank}


def _rule(words: Mapping[str, Status]) -> StatusColumn:
    return StatusColumn(column="", words=dict(words), otherwise=None)


def _watched(found: Recognised, heard: Mapping[int, Heard], spoken: Mapping[int, StatusColumn]) -> list[int]:
    """The columns that could still tell of an end: named like consent, or of few words or none."""
    left = [place for place in heard if place not in spoken and heard[place].different <= _FEW]
    return sorted(left, key=lambda place: (not may_be_consent(found.header[place]), heard[place].filled))[
        :_MOST_WATCHED
    ]
