"""Two cleanings compared, person by person: who entered, who left, and whose reason changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from hygiene.address import Address, judge_address
from hygiene.contacts.folder import (
    CLEAN,
    REJECTED,
    CleaningFolder,
    Tables,
    open_cleaning,
    quoted,
    unreadable,
)
from hygiene.contacts.ledger import FORMULA
from hygiene.contacts.manifest import NAME as MANIFEST
from hygiene.contacts.reasons import RejectReason
from hygiene.contacts.steps import Frame, normal_form, read_ordinary
from hygiene.errors import HygieneError, UnreadableInput, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from hygiene.render.sections import Document

KEPT: Final = "kept"
ABSENT: Final = "absent"  #: not in the list at all

_AT_ONCE = 50_000  # unusual addresses judged together
_EXAMPLES = 5  # addresses shown for each kind of change

_CHANGES = 'select {0} as address, before as "from", after as "to" from changes order by key'


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """How many people went from one state to another; a state is `KEPT`, `ABSENT` or a reason."""

    before: str
    after: str
    people: int
    examples: tuple[str, ...]  # the first by key


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What differs between two cleanings; `kept_before` and `kept_after` count people."""

    old: CleaningFolder
    new: CleaningFolder
    kept_before: int
    kept_after: int
    shifts: tuple[Shift, ...]  # most people first
    warnings: tuple[str, ...]
    tables: Tables = field(repr=False, compare=False)

    @property
    def entered(self) -> int:
        """People who are mailed now and were not."""
        return _people(shift for shift in self.shifts if shift.after == KEPT)

    @property
    def left(self) -> int:
        """People who were mailed and are not now."""
        return _people(shift for shift in self.shifts if shift.before == KEPT)

    @property
    def changed_reason(self) -> int:
        """People who are not mailed, as before, for another reason."""
        return _people(shift for shift in self.shifts if {shift.before, shift.after}.isdisjoint({KEPT, ABSENT}))

    @property
    def unmailed(self) -> int:
        """People who came into the list or went from it, and were never mailed."""
        return _people(shift for shift in self.shifts if KEPT not in {shift.before, shift.after}) - (
            self.changed_reason
        )

    @property
    def circumstances(self) -> tuple[tuple[str, str, str], ...]:
        """What was different about the cleanings themselves: name, then, now."""
        return tuple(_differences(_circumstances(self.old), _circumstances(self.new)))

    def to_frame(self) -> pd.DataFrame:
        """One row a person who changed: address, from, to."""
        frame: pd.DataFrame = self.tables.connection.sql(_CHANGES.format("address")).df()
        return frame

    def write(self, place: Path) -> int:
        """Write all changes to a CSV file (address, from, to); how many there are.

        Raises UsageError where the file belongs to one of the cleanings, UnwritableOutput.
        """
        for folder in (self.old, self.new):
            if place.resolve() in {(folder.path / name).resolve() for name in _files(folder)}:
                raise UsageError(f"{place} belongs to a cleaning that is compared: name another file")
        safe = f"case when regexp_matches(address, {quoted(FORMULA)}) then '''' || address else address end"
        self.tables.write_csv(_CHANGES.format(safe), place)
        return _people(self.shifts)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "old": {**_said(self.old), "kept": self.kept_before},
            "new": {**_said(self.new), "kept": self.kept_after},
            "entered": self.entered,
            "left": self.left,
            "changed_reason": self.changed_reason,
            "came_or_went_unmailed": self.unmailed,
            "counts": [
                {"from": one.before, "to": one.after, "people": one.people, "examples": list(one.examples)}
                for one in self.shifts
            ],
            "circumstances": [{"name": name, "old": old, "new": new} for name, old, new in self.circumstances],
            "warnings": list(self.warnings),
        }

    def sections(self) -> Document:
        """What a person should see."""
        from hygiene.contacts.diff_presentation import document

        return document(self)

    def _repr_html_(self) -> str:
        from hygiene.render.fragment import render_fragment

        return render_fragment([self.sections()])

    def __repr__(self) -> str:
        return f"<Changes: {self.entered} entered, {self.left} left, {self.changed_reason} changed reason>"


def _people(shifts: Any) -> int:
    return sum(shift.people for shift in shifts)


def _files(folder: CleaningFolder) -> set[str]:
    return {MANIFEST, *folder.manifest.outputs}


def _said(folder: CleaningFolder) -> dict[str, str]:
    manifest = folder.manifest
    return {"folder": str(folder.path), "made_at": manifest.made_at, "hygiene": manifest.hygiene}


def _circumstances(folder: CleaningFolder) -> dict[str, str]:
    manifest = folder.manifest
    return {
        **{f"policy {name}": _written(value) for name, value in manifest.policy.items()},
        "as of": manifest.as_of,
        "hygiene": manifest.hygiene,
        **manifest.versions,
        **{f"list {one.name}": f"{one.entries:,} entries ({one.sha256[:12]})" for one in manifest.lists},
        **{f"input {one.name}": f"{one.rows:,} rows ({one.sha256[:12]})" for one in manifest.inputs},
    }


def _written(value: object) -> str:
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _differences(old: dict[str, str], new: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    for name in {**old, **new}:
        if old.get(name) != new.get(name):
            yield name, old.get(name, "–"), new.get(name, "–")


def compare_cleanings(old: str | Path, new: str | Path) -> Changes:
    """Who is mailed in the cleaning `new` and was not in `old`, who no more, and why; people by identity key.

    Rows that hold no address at all are nobody. Raises UnreadableInput where a folder holds no sound cleaning,
    and HygieneError should the sums not add up.
    """
    before, after = open_cleaning(Path(old)), open_cleaning(Path(new))
    tables = Tables()
    with unreadable(*(folder.path / name for folder in (before, after) for name in (CLEAN, REJECTED))):
        notes = [*_read_people(tables, before, "old_people"), *_read_people(tables, after, "new_people")]
        tables.connection.execute(_JOIN.format(_STATE.format("o"), _STATE.format("n")))
        changes = Changes(
            old=before,
            new=after,
            kept_before=_count(tables, "old_people where state = ''"),
            kept_after=_count(tables, "new_people where state = ''"),
            shifts=tuple(_shifts(tables)),
            warnings=tuple(dict.fromkeys([*before.changes(), *after.changes(), *notes])),
            tables=tables,
        )
        tables.engine.drop("old_people", "new_people")
    _check(changes)
    return changes


_STATE = (
    f"case when {{0}}.state is null then '{ABSENT}' when {{0}}.state = '' then '{KEPT}' else {{0}}.state end"
)

_JOIN = """
create table changes as
select
    key,
    case when n.key is null then coalesce(o.spelled, o.key) else coalesce(n.spelled, n.key) end as address,
    {0} as before, {1} as after
from old_people o full join new_people n using (key)
where o.state is distinct from n.state
"""


def _check(changes: Changes) -> None:
    """Kept now = kept then + entered − left: the people were counted apart from the changes."""
    expected = changes.kept_before + changes.entered - changes.left
    if changes.kept_after != expected:
        raise HygieneError(
            f"the comparison does not add up: {changes.kept_before:,} kept then + {changes.entered:,} entered"
            f" − {changes.left:,} left is not the {changes.kept_after:,} kept now"
        )


def _count(tables: Tables, what: str) -> int:
    ((number,),) = tables.connection.execute(f"select count(*) from {what}").fetchall()
    return int(number)


def _shifts(tables: Tables) -> Iterator[Shift]:
    found = tables.connection.execute(
        f"select before, after, count(*), arg_min(address, key, {_EXAMPLES}) from changes"
        " group by all order by count(*) desc, before, after"
    )
    for before, after, people, examples in found.fetchall():
        yield Shift(before=before, after=after, people=people, examples=tuple(examples))


# the people of one cleaning


def _read_people(tables: Tables, folder: CleaningFolder, name: str) -> Iterator[str]:
    """Fill a table of people: key, the address as it is spelled where the key is not it, and state.

    The state is empty for who is kept, else the reason. Yields what has to be said.
    """
    rows = f"({tables.kept(folder)})"
    reason = f"select address, reason as state from ({tables.rejected(folder)})"
    cells = tables.connection.sql(
        f"select address, '' as state from {rows} union all "
        f"{reason} where reason <> {quoted(RejectReason.DAMAGED_LINE.value)}"
    )
    tables.engine.settle("cells_read", _keyed(nw.from_native(cells)))
    _judge_unusual(tables)
    tables.connection.execute(_PEOPLE.format(name))
    kept, people = _count(tables, "cells_read where state = ''"), _count(tables, f"{name} where state = ''")
    blank = _count(tables, "cells_read where state = '' and trim(coalesce(cell, 'x')) = ''")
    tables.engine.drop("cells_read", "judged")
    if blank:
        raise UnreadableInput(f"{folder.path / CLEAN} has {blank:,} kept rows without an address to write to")
    if kept != people:
        yield f"{folder.path / CLEAN} holds {kept:,} rows for {people:,} people: each was counted once."


def _keyed(cells: Frame) -> Frame:
    """The cells as `key`, `spelled` (null where it is the key) and `state`; `cell` is for Python to judge."""
    address, ordinary = nw.col("address"), nw.col("ordinary")
    normal, key = normal_form(address), address.str.to_lowercase()
    return read_ordinary(cells).select(
        "state",
        key=nw.when(ordinary).then(key),
        spelled=nw.when(ordinary & (normal != key)).then(normal),
        cell=nw.when(~ordinary).then(address),
    )


_PEOPLE = """
create table {0} as
select
    coalesce(r.key, j.key) as key,
    case when bool_or(state = '') then min(coalesce(r.spelled, j.spelled)) filter (state = '')
        else min(coalesce(r.spelled, j.spelled)) end as spelled,
    min(state) as state
from cells_read r left join judged j using (cell)
where coalesce(r.key, j.key) is not null
group by 1
"""


def _judge_unusual(tables: Tables) -> None:
    """Fill the table ``judged`` with what Python says of the cells that are no ordinary address.

    A cell that is no address stands for itself, so that what has become one, or was one, is still compared.
    """
    import pyarrow as pa

    connection = tables.connection
    connection.execute("create table judged (cell varchar, key varchar, spelled varchar)")
    cells = connection.cursor().execute("select distinct cell from cells_read where trim(cell) <> ''")
    while some := cells.fetchmany(_AT_ONCE):
        found = [_judged(cell) for (cell,) in some]
        columns = [pa.array(column, pa.string()) for column in zip(*found, strict=True)]
        connection.register("found", pa.table(columns, names=["cell", "key", "spelled"]))
        connection.execute("insert into judged select * from found")
        connection.unregister("found")


def _judged(cell: str) -> tuple[str, str, str | None]:
    judged = judge_address(cell)
    key, spelled = (judged.key, judged.normal) if isinstance(judged, Address) else (cell.strip().lower(), cell)
    return cell, key, spelled if spelled != key else None
