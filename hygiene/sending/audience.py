"""To whom a campaign goes: a list that a cleaning vouches for, in batches, the most engaged first.

A list without a manifest, or changed since, is never mailed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

from hygiene.contacts.column_names import column_key
from hygiene.contacts.folder import CLEAN, FLAGGED, REJECTED, CleaningFolder, Tables, open_cleaning, unreadable
from hygiene.contacts.layout import recognise
from hygiene.errors import UnreadableInput, UsageError
from hygiene.intake.dates import DateFormat, day_month, settled_formats
from hygiene.intake.dates_sql import latest_sql, moment_sql, order_counts_sql
from hygiene.sending.definition import MergeField

BATCH: Final = 1_000
_LINES: Final = 5  # shown of those at fault

Recipient: TypeAlias = tuple[str, dict[str, str]]  # address, merge fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Blank:
    """A field that is empty for some, with nothing to stand for it."""

    field: str
    column: str
    count: int
    lines: tuple[int, ...]  # of the file, the first few


@dataclass(frozen=True, slots=True, kw_only=True)
class Extremes:
    """Recipients to look at: those whose fields are longest, shortest and emptiest."""

    longest: Recipient
    shortest: Recipient
    emptiest: Recipient

    def each(self) -> dict[str, Recipient]:
        """By what they are; somebody may be several of it."""
        found = {"longest": self.longest, "shortest": self.shortest, "emptiest": self.emptiest}
        labels: dict[str, list[str]] = {}
        for label, (address, _) in found.items():
            labels.setdefault(address, []).append(label)
        return {", ".join(each): found[each[0]] for each in labels.values()}


class Audience:
    """A list of a cleaning, opened for a campaign's fields; made by `open_audience`."""

    def __init__(self, folder: CleaningFolder, name: str, fields: Mapping[str, MergeField]) -> None:
        self.folder, self.name, self.fields = folder, name, dict(fields)
        self._tables = Tables()
        self._tables.keep_order()
        columns = self._tables.columns(folder, name)
        self._places, self.missing = _places(columns, fields)
        self._activity = _activity(folder, columns)

    @property
    def path(self) -> Path:
        """The list."""
        return self.folder.path / self.name

    @property
    def made_at(self) -> datetime:
        """When it was cleaned."""
        made = datetime.fromisoformat(self.folder.manifest.made_at)
        return made if made.tzinfo else made.replace(tzinfo=UTC)

    @property
    def by_activity(self) -> bool:
        """Whether the list tells who was engaged last, so that they come first."""
        return bool(self._activity)

    def changes(self) -> tuple[str, ...]:
        """A sentence if the list is not what its manifest says."""
        return tuple(each for each in self.folder.changes() if each.startswith(f"{self.path} "))

    def count(self) -> int:
        """How many recipients."""
        return int(self._rows(f"select count(*) from ({self._query()})")[0][0])

    def batches(self, size: int = BATCH) -> Iterator[list[Recipient]]:
        """Everybody once, the most engaged first.

        A field whose cell is empty has its default, or is "". Raises UsageError for a list that was changed:
        before the first batch, or behind the last one where it was changed while it was read.
        """
        self._demand_unchanged()
        labels = list(self._places)
        wanted = ", ".join(["address", *(f"f{number}" for number in range(len(labels)))])
        try:
            with unreadable(self.path):
                cursor = self._tables.connection.cursor()
                cursor.execute(f"select {wanted} from ({self._query()}){self._order(cursor)}")
                while rows := cursor.fetchmany(size):
                    yield [self._recipient(row, labels) for row in rows]
        except UnreadableInput:
            self._demand_unchanged()
            raise
        self._demand_unchanged()

    def _demand_unchanged(self) -> None:
        for change in self.changes():
            raise UsageError(f"{change} Clean it again.")

    def blanks(self) -> tuple[Blank, ...]:
        """Fields without a default that are empty for somebody."""
        asked = {
            name: f"f{number}"
            for number, name in enumerate(self._places)
            if self.fields[name].default in {None, ""}
        }
        if not asked:
            return ()
        counts = ", ".join(f"count(*) filter ({_blank(cell)})" for cell in asked.values())
        found = self._rows(f"select {counts} from ({self._query()})")[0]
        return tuple(
            Blank(field=name, column=self.fields[name].column, count=count, lines=self._lines(_blank(cell)))
            for (name, cell), count in zip(asked.items(), found, strict=True)
            if count
        )

    def unsafe_links(
        self, names: Sequence[str], schemes: Sequence[str]
    ) -> dict[str, tuple[int, tuple[int, ...]]]:
        """Of fields that are links: how many lead nowhere for want of a scheme, and the lines of the first."""
        found = {}
        allowed = f"^\\s*({'|'.join(schemes)}):"
        for number, name in enumerate(self._places):
            if name not in names:
                continue
            wrong = f"not ({_blank(f'f{number}')}) and not regexp_matches(lower(f{number}), '{allowed}')"
            count = self._rows(f"select count(*) from ({self._query()}) where {wrong}")[0][0]
            if count:
                found[name] = (count, self._lines(wrong))
        return found

    def domains(self, most: int = 10_000) -> list[tuple[str, int]]:
        """Mailboxes by domain, the most frequent first."""
        domain = "lower(regexp_extract(address, '@([^@]+)$', 1))"
        query = f"select {domain}, count(*) from ({self._query()}) group by 1 order by 2 desc, 1 limit {most}"
        return [(str(name), int(count)) for name, count in self._rows(query)]

    def extremes(self) -> Extremes | None:
        """Whom to look at before sending; None for an empty list."""
        cells = [f"f{number}" for number in range(len(self._places))]
        length = " + ".join(["length(address)", *(f"length(coalesce({cell}, ''))" for cell in cells)])
        empty = " + ".join(["0", *(f"({_blank(cell)})::int" for cell in cells)])
        row = f"row({', '.join(['address', *cells])})"
        query = (
            f"select arg_max({row}, {length}), arg_min({row}, {length}), arg_max({row}, {empty}) "
            f"from ({self._query()})"
        )
        found = self._rows(query)[0]
        if found[0] is None:
            return None
        labels = list(self._places)
        longest, shortest, emptiest = (self._recipient(_cells(each), labels) for each in found)
        return Extremes(longest=longest, shortest=shortest, emptiest=emptiest)

    def _query(self) -> str:
        cells = {f"f{number}": place for number, place in enumerate(self._places.values())}
        dates = {f"d{number}": place for number, (place, _, _) in enumerate(self._activity)}
        return self._tables.list_with(self.folder, self.name, {**cells, **dates})

    def _order(self, cursor: Any) -> str:
        moments = []
        for number, (_, formats, part) in enumerate(self._activity):
            counts = cursor.execute(
                f"select {order_counts_sql(f'd{number}')} from ({self._query()})"
            ).fetchall()
            moments.append(moment_sql(f"d{number}", settled_formats(formats, day_month(*counts[0])), part))
        return f" order by {latest_sql(moments)} desc nulls last" if moments else ""

    def _lines(self, condition: str) -> tuple[int, ...]:
        header = int(self.folder.manifest.clean.header)
        numbered = f"select *, row_number() over () + {header} as line from ({self._query()})"
        found = self._rows(f"select line from ({numbered}) where {condition} order by line limit {_LINES}")
        return tuple(int(line) for (line,) in found)

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        with unreadable(self.path):
            return list(self._tables.connection.execute(query).fetchall())

    def _recipient(self, row: Sequence[str | None], labels: Sequence[str]) -> Recipient:
        cells = dict(zip(labels, row[1:], strict=True))
        return str(row[0] or ""), {
            name: (cells.get(name) or "").strip() or field.default or "" for name, field in self.fields.items()
        }


def open_audience(to: Path | str, fields: Mapping[str, MergeField], *, segment: str = "") -> Audience:
    """The list of a cleaning: its folder, or one of the lists in it; of a folder clean.csv, or the segment's.

    Raises UnreadableInput with one sentence for a list that no cleaning vouches for.
    """
    to = Path(to)
    if not to.exists():
        raise UnreadableInput(f"{to} is not there: name the folder of a cleaning, or clean.csv in it")
    folder = open_cleaning(to if to.is_dir() else to.parent)
    name = (f"{segment}.csv" if segment else CLEAN) if to.is_dir() else to.name
    if segment and name != f"{segment}.csv":
        raise UsageError(f"the campaign goes to the segment {segment}, and {to} is another list")
    if name in {REJECTED, FLAGGED} or not name.endswith(".csv") or name not in folder.manifest.outputs:
        raise UnreadableInput(f"{folder.path / name} is no list of people to mail that hygiene clean wrote")
    if not (folder.path / name).is_file():
        raise UnreadableInput(f"{folder.path / name} is missing: the manifest names it")
    return Audience(folder, name, fields)


def _places(
    columns: Sequence[str], fields: Mapping[str, MergeField]
) -> tuple[dict[str, int], tuple[MergeField, ...]]:
    """Where the columns of the fields are, and the fields whose column is not there."""
    keys = [column_key(name) for name in columns]
    exact = {name: columns.index(each.column) for name, each in fields.items() if each.column in columns}
    loose = {
        name: keys.index(column_key(each.column))
        for name, each in fields.items()
        if column_key(each.column) in keys
    }
    places = {**loose, **exact}
    return places, tuple(each for name, each in fields.items() if name not in places)


def _activity(folder: CleaningFolder, columns: Sequence[str]) -> list[tuple[int, tuple[DateFormat, ...], str]]:
    """Columns that date the last engagement: position, formats, the part of the cell."""
    policy = folder.manifest.policy
    try:
        found = recognise(columns, CLEAN, policy.get("columns") or {}, policy.get("layout") or "")
    except UsageError:
        return []
    return [(place, found.layout.dates, found.layout.date_part) for place, _ in found.activity]


def _blank(cell: str) -> str:
    return f"trim(coalesce({cell}, '')) = ''"


def _cells(row: Any) -> Sequence[str | None]:
    return list(row.values()) if isinstance(row, dict) else list(row)
