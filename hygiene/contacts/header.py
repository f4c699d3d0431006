"""Where the columns of a layout are in the header of a file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from hygiene.contacts.column_names import column_key, name_key
from hygiene.errors import UsageError

if TYPE_CHECKING:
    from hygiene.contacts.layout import Layout


class Positions:
    """Where the columns of a layout are in a header."""

    def __init__(self, layout: Layout, header: Sequence[str]) -> None:
        self.layout, self.header = layout, header
        self._key = name_key if layout.loose else column_key
        self.keys = [self._key(name) for name in header]

    def of(self, name: str) -> list[int]:
        """Every position of a column, by any of its spellings."""
        if not name:
            return []
        keys = {self._key(spelling) for spelling in (name, *self.layout.aliases.get(name, ()))}
        return [place for place, key in enumerate(self.keys) if key in keys]

    def matching(self, pattern: str) -> list[int]:
        """Every position whose name is of the pattern."""
        return [place for place, key in enumerate(self.keys) if pattern and re.fullmatch(pattern, key)]

    def named(self, role: str, name: str) -> int | None:
        """The position of a column somebody named, or numbered as in #3; None for an empty name."""
        if not name.strip():
            return None
        found = [place for place, one in enumerate(self.header) if column_key(one) == column_key(name)]
        if re.fullmatch(r"#\d+", name) and int(name[1:]) - 1 in range(len(self.header)):
            found = found or [int(name[1:]) - 1]
        if len(found) != 1:
            many = "is there more than once, use its number" if found else "is not there"
            listed = ", ".join(f"#{place} {one.strip()!r}" for place, one in enumerate(self.header, 1))
            raise UsageError(f"--column {role}={name}: that column {many}; the file has {listed}")
        if any(found[0] in self.of(one) for one in self.layout.ignored):
            of_whom = f"{name.strip()} of a {self.layout.name} export"
            raise UsageError(f"--column {role}={name}: {of_whom} looks like it and is something else")
        return found[0]

    def single(self, role: str, found: Iterable[int]) -> int | None:
        """The one position found, or None; two are an error that says how to choose."""
        places = sorted(set(found))
        if len(places) > 1:
            names = " and ".join(repr(self.header[place].strip()) for place in places)
            first = self.header[places[0]].strip()
            alike = len({column_key(self.header[place]) for place in places}) < len(places)
            choice = f"#{places[0] + 1}" if alike or not first.isprintable() else first
            raise UsageError(f"{names} could each be the {role}: say which, as in --column '{role}={choice}'")
        return places[0] if places else None
