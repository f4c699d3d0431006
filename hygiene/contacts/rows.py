"""Records to columns: what a block of an export says of address, status and confirmation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from hygiene.contacts.column_names import word_key
from hygiene.contacts.layout import (
    OWN_ADDRESS,
    OWN_FACTS,
    ActivityKind,
    Recognised,
    StatusColumn,
    confirmed_of,
    status_of,
)
from hygiene.contacts.table import OPTIONAL
from hygiene.errors import UsageError
from hygiene.intake.cells import filled, mapped, text_of
from hygiene.intake.records import Block, Mask
from hygiene.status import Status

_STRANGE, _MORE = 20, "…"  # different unknown words counted one by one, and what the others are counted as
_SILENT = -1  # no rank: the row says nothing


@dataclass(frozen=True, kw_only=True)
class RowReader:
    """How the records of one file become columns."""

    recognised: Recognised
    address: int  # position of the address in the header
    opens: bool = True  # whether a date of an open counts as activity
    words: Mapping[str, Status] = field(
        default_factory=dict
    )  # status words of the user's own, as `word_key` has them
    also: tuple[int, ...] = ()  # further cells to hand out as text
    strange: Counter[str] = field(default_factory=Counter, compare=False)  # status words unknown here → rows
    spoke: set[int] = field(default_factory=set, compare=False)  # watched columns that said something

    @property
    def own(self) -> int | None:
        """The column in which an earlier cleaning wrote the address to write to."""
        places = [place for place, name in enumerate(self.recognised.header) if name == OWN_ADDRESS]
        return places[0] if places else None

    @property
    def facts(self) -> int | None:
        """The column in which an earlier cleaning wrote what it knew of each person."""
        header = self.recognised.header
        return header.index(OWN_FACTS) if OWN_FACTS in header and self.own is not None else None

    @property
    def activity(self) -> tuple[int, ...]:
        """The columns with a date of activity."""
        return tuple(
            place for place, kind in self.recognised.activity if self.opens or kind is not ActivityKind.OPEN
        )

    @property
    def ignored(self) -> tuple[int, ...]:
        """The column that counts mails since the last engagement, if there is one."""
        return tuple(place for name, place in self.recognised.figures.items() if name == "sent_since")

    @property
    def told(self) -> frozenset[str]:
        """What the file tells of what it need not (see `hygiene.contacts.table.OPTIONAL`)."""
        if self.facts is not None:
            return OPTIONAL
        confirmed = {"confirmed"} if self.recognised.confirmed is not None else set()
        active = {"activity", "tracked"} if self.activity else set()
        return frozenset(confirmed | active | ({"ignored_mails"} if self.ignored else set()))

    @property
    def texts(self) -> tuple[int, ...]:
        """The columns that are handed out as text, named c0, c1, … by their position."""
        facts = () if self.facts is None else (self.facts,)
        return tuple(sorted({*self.activity, *self.recognised.joined, *self.ignored, *facts, *self.also}))

    @property
    def wanted(self) -> tuple[int, ...]:
        """Every column that is read."""
        confirmed = [place for place in (self.recognised.confirmed or ())[:2] if place is not None]
        own = [] if self.own is None else [self.own]
        statuses = [place for place, _ in (*self.recognised.status_columns, *self.recognised.watched)]
        return tuple(sorted({self.address, *own, *statuses, *confirmed, *self.texts}))

    @property
    def schema(self) -> pa.Schema:
        """The columns of a batch."""
        first = [
            ("row", pa.int64()),
            ("address", pa.string()),
            ("standing", pa.int8()),
            ("confirmed", pa.bool_()),
        ]
        return pa.schema([*first, *((f"c{place}", pa.string()) for place in self.texts)])

    def batch(self, block: Block, row: npt.NDArray[np.int64]) -> pa.RecordBatch:
        """A block as columns; `row` are the numbers of its records."""
        escape = self.recognised.layout.quote_escape.encode()
        cells = {place: text_of(block, number, escape=escape) for number, place in enumerate(self.wanted)}
        arrays = [
            pa.array(row),
            self._address(cells),
            pa.array(self._standing(cells, len(block))),
            self._confirmed(cells, len(block)),
            *(cells[place] for place in self.texts),
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _address(self, cells: Mapping[int, pa.Array]) -> pa.Array:
        if self.own is None:
            return cells[self.address]
        return pc.if_else(pa.array(filled(cells[self.own])), cells[self.own], cells[self.address])

    def _standing(self, cells: Mapping[int, pa.Array], rows: int) -> npt.NDArray[np.int8]:
        """The rank of each row's status: the strictest of what the file and its columns say."""
        by_file = self.recognised.file_status
        said = np.full(rows, _SILENT if by_file is None else by_file.rank, np.int8)
        for place, rule in self.recognised.status_columns:
            np.maximum(said, self._said(cells[place], rule), out=said)
        for place, rule in self.recognised.watched:
            by_column = self._said(cells[place], rule)
            if (by_column != _SILENT).any():
                self.spoke.add(place)
            np.maximum(said, by_column, out=said)
        return np.where(said == _SILENT, np.int8(self.recognised.default_status.rank), said)

    def _said(self, texts: pa.Array, rule: StatusColumn) -> npt.NDArray[np.int8]:
        if rule.present and not rule.words and not rule.silent:  # dates: each different, all meaning one thing
            return np.where(filled(texts), np.int8(rule.present.rank), np.int8(self._rank(rule, "")))
        words = texts.dictionary_encode()
        ranks = np.array([self._rank(rule, text) for text in words.dictionary.to_pylist()], np.int8)
        places = words.indices.to_numpy()
        if (ranks == Status.UNREADABLE.rank).any():
            self._note_strange(words.dictionary.to_pylist(), ranks, np.bincount(places, minlength=len(ranks)))
        said: npt.NDArray[np.int8] = ranks[places]
        return said

    def _note_strange(
        self, texts: list[str], ranks: npt.NDArray[np.int8], counts: npt.NDArray[np.int64]
    ) -> None:
        """Count the status words that nobody here knows."""
        for place in np.flatnonzero(ranks == Status.UNREADABLE.rank):
            word = (
                texts[place].strip()
                if len(self.strange) < _STRANGE or texts[place].strip() in self.strange
                else _MORE
            )
            self.strange[word] += int(counts[place])

    def _rank(self, rule: StatusColumn, text: str) -> int:
        status = self.words.get(word_key(text)) or status_of(rule, text)
        return _SILENT if status is None else status.rank

    def _confirmed(self, cells: Mapping[int, pa.Array], rows: int) -> pa.Array:
        """Whether a double opt-in shows; null where the file cannot say."""
        if self.recognised.confirmed is None:
            return pa.nulls(rows, pa.bool_())
        place, other, rule = self.recognised.confirmed
        alone = msgspec.structs.replace(rule, differs_from="")
        shown = filled(cells[place])
        if rule.words or rule.unless:
            shown = mapped(cells[place], lambda text: confirmed_of(alone, text)).astype(bool)
        if rule.differs_from:
            shown = shown & (np.zeros(rows, bool) if other is None else _differ(cells[place], cells[other]))
        return pa.array(shown)


def _differ(one: pa.Array, other: pa.Array) -> Mask:
    """Where both are filled, with different things."""
    unequal = pc.not_equal(pc.utf8_trim_whitespace(one), pc.utf8_trim_whitespace(other))
    different: Mask = np.asarray(unequal.to_numpy(zero_copy_only=False), bool)
    return different & filled(other)


def count_addresses(block: Block, number: int) -> int:
    """How many of a column's cells look like an address."""
    return int(pc.sum(pc.match_substring_regex(text_of(block, number), r"[^@\s]@[^@\s]+\.[^@\s]")).as_py() or 0)


def user_words(words: Mapping[str, str]) -> dict[str, Status]:
    """The policy's status words, as cells are compared with them; raises UsageError for what is no status."""
    for word, status in words.items():
        if status not in set(Status):
            known = ", ".join(Status)
            raise UsageError(f"[clean.status_words] {word} = {status!r}: a status is one of {known}")
    return {word_key(word): Status(status) for word, status in words.items()}
