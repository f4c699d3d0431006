"""The layouts of support exports, declared in support_formats/, and how a file is told by its columns."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

import msgspec

from hygiene.errors import UnreadableInput
from hygiene.files import packaged_text
from hygiene.intake.guard import shown
from hygiene.metrics.support_words import LENGTHS, common_ratings, support_words, unit_names, word_key

EACH: Final = "each."  # a field of every message within a record
#: what groups can be made by, besides time
TRAITS: Final = ("topic", "channel", "group", "agent", "priority")
#: fields that say yes where a ticket is no support case
FLAGS: Final = ("spam", "deleted", "merged")
_NAMED = 8  # columns in a sentence


class Shape(StrEnum):
    """What a record is."""

    TICKETS = "tickets"  # one ticket
    MESSAGES = "messages"  # one message, or something else that happened to a ticket
    RATINGS = "ratings"  # what a customer said of a ticket that another file tells of


class Statuses(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words of a status column."""

    open: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()  # no support case: spam, deleted, merged into another
    left_out_tags: tuple[str, ...] = ()  # … by a tag


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words of a log of messages: what happened, and who did it."""

    message: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    reopened: tuple[str, ...] = ()
    rated: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()  # the ticket is no support case
    private: tuple[str, ...] = ()  # the customer does not see it, or it was never sent
    customer: tuple[str, ...] = ()
    agent: tuple[str, ...] = ()
    machine: tuple[str, ...] = ()


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One export. A field names columns, or paths in JSON; the first that is not blank counts."""

    id: str
    name: str
    kind: Shape
    source: tuple[str, ...]  # where it is described
    read: str  # year-month
    confirmed: bool
    unconfirmed: str = ""  # what of it no source confirms
    shapes: tuple[
        tuple[str, ...], ...
    ]  # sets of columns, one of which must be there; of a plain one, of fields
    plain: bool = False
    fields: dict[str, tuple[str, ...]]
    wrappers: tuple[str, ...] = ()  # paths of a list of records in a page
    each: str = ""  # path of the list of messages in a record
    statuses: Statuses = Statuses()
    words: Words = Words()
    ratings: dict[str, int | tuple[str, ...]] = {}
    notes: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """Whose tickets these are: ids of one helpdesk say nothing of another's; blank for plain tables."""
        return "" if self.plain else self.id.partition("-")[0]

    @property
    def scores(self) -> Mapping[str, int]:
        """Word → 1 to 5; what the layout says of a word goes before what it means elsewhere."""
        own = {word_key(word): score for word, score in self.ratings.items() if isinstance(score, int)}
        return {**common_ratings(), **own}

    def rating_words(self, name: str) -> tuple[str, ...]:
        """The words for asked and not_asked."""
        words = self.ratings.get(name, ())
        return () if isinstance(words, int) else words


@cache
def layouts() -> Mapping[str, Layout]:
    """Every declared layout by id, the platforms' before the plain ones, whose ratings come last."""
    names = sorted(one.name for one in files("hygiene.metrics").joinpath("support_formats").iterdir())
    found = [_load(name) for name in names if name.endswith(".toml")]
    ordered = sorted(found, key=lambda one: (one.plain, one.kind is Shape.RATINGS))
    return MappingProxyType({one.id: one for one in ordered})


def _load(name: str) -> Layout:
    declared = tomllib.loads(packaged_text("hygiene.metrics", f"support_formats/{name}"))
    return msgspec.convert({**declared, "fields": dict(_with_units(declared["fields"]))}, Layout)


def _with_units(fields: Mapping[str, list[str]]) -> Iterator[tuple[str, list[str]]]:
    """The fields, and for the stems of a length one more for each unit."""
    for field, names in fields.items():
        if field.removesuffix("_length") in LENGTHS:
            for unit in support_words().units:
                yield f"{field.removesuffix('_length')}_{unit}", list(unit_names(names, unit))
        yield field, names


def tell_layout(names: Sequence[str], file_name: str) -> tuple[Layout, dict[str, tuple[str, ...]]]:
    """The layout that a file with these columns or paths is of, and field → those of them that it has.

    Raises UnreadableInput with one sentence when none fits.
    """
    known: dict[str, str] = {}
    for name in names:
        known.setdefault(word_key(name), name)
    best: tuple[int, Layout] | None = None
    for layout in layouts().values():
        size = max((len(shape) for shape in layout.shapes if _fits(layout, shape, known)), default=0)
        if size and (best is None or (size > best[0] and (best[1].plain or not layout.plain))):
            best = (size, layout)
    if best is None:
        raise UnreadableInput(_stranger(names, file_name))
    return best[1], dict(_found(best[1], known))


def _fits(layout: Layout, shape: Sequence[str], known: Mapping[str, str]) -> bool:
    if layout.plain:
        return all(any(word_key(name) in known for name in layout.fields[field]) for field in shape)
    return all(word_key(name) in known for name in shape)


def _found(layout: Layout, known: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    taken: set[str] = set()
    for field, columns in layout.fields.items():
        either = field.endswith("_length")  # a column of moments or of lengths, which the cells tell
        there = tuple(
            known[key]
            for key in dict.fromkeys(map(word_key, columns))
            if key in known and (either or key not in taken)
        )
        if layout.plain:  # a column is one thing only, and a plain field is one column
            there = there[:1]
            taken |= {word_key(name) for name in there}
        if there:
            yield field, there


def _stranger(names: Sequence[str], file_name: str) -> str:
    more = len(names) - _NAMED
    held = ", ".join(shown(each, 40) for each in names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    return (
        f"{file_name} is no support export known here: it needs a column of tickets with when each was "
        f"created, or of messages with their time and author, and holds {held or 'no columns'}"
    )
