"""An Excel workbook's sheet of contacts as a CSV file: cells as text, dates as ISO 8601, rows by number."""

from __future__ import annotations

import csv
import datetime as dt
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from hygiene.errors import UnreadableInput, UsageError
from hygiene.intake.guard import Scratch, shown
from hygiene.intake.unpack import open_zip, read_through

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from python_calamine import CalamineSheet, CalamineWorkbook

Cell: TypeAlias = int | float | str | bool | dt.time | dt.date | dt.datetime | dt.timedelta

_MOST_WHOLE = 2**53  # beyond it a float no longer holds every whole number (IEEE 754)
_ROWS_JUDGED = 200
_ROWS_BETWEEN_CHECKS = 4_096
_REFERENCE = re.compile(rb"""\br=["']([A-Z]{1,3})([0-9]{1,7})["']""")  # ECMA-376 part 1, 18.3.1.4
_LONGEST_REFERENCE = 16  # bytes
_ADDRESS = re.compile(r"\s*\S+@[^\s@]+\.[^\s@]+\s*")


@dataclass(frozen=True, kw_only=True, slots=True)
class SheetText:
    """One sheet as CSV; `rows` are the numbers of its records, the header included."""

    path: Path
    sheet: str
    rows: NDArray[np.int64]
    said: tuple[str, ...]


def is_workbook(archive: zipfile.ZipFile, scratch: Scratch) -> bool:
    """Whether a zip is an .xlsx; raises UnreadableInput for other office documents."""
    names = {info.filename for info in archive.infolist()}
    if {"[Content_Types].xml", "xl/workbook.xml"} <= names:
        return True
    if "[Content_Types].xml" in names or {"mimetype", "content.xml"} <= names:
        raise UnreadableInput(f"{scratch.name} is an office document but no .xlsx: save it as .xlsx or .csv")
    return False


def convert_workbook(path: Path, sheet: str, scratch: Scratch) -> SheetText:
    """Write the sheet named, or the one that holds contacts, to the scratch folder.

    Raises UsageError when two sheets hold addresses and none was named, or the one named does not exist;
    UnreadableInput for a workbook that is damaged, empty or larger than can be held in memory.
    """
    from python_calamine import CalamineError, CalamineWorkbook

    _measure(path, scratch)
    try:
        with CalamineWorkbook.from_path(path) as book:
            name, said = _choose(book, sheet, scratch)
            return _write(book.get_sheet_by_name(name), name, said, scratch)
    except (CalamineError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UnreadableInput(
            f"{scratch.name} cannot be read: it is damaged, or no workbook after all"
        ) from None


def _measure(path: Path, scratch: Scratch) -> None:
    """Unpack every part once, as the sizes it declares may lie, and see how wide its sheets claim to be."""
    with open_zip(path, scratch) as archive:
        for info in archive.infolist():
            area = _Area()
            for chunk in read_through(archive, info, scratch):
                area.feed(chunk)
            if area.cells > scratch.limits.cells:
                raise UnreadableInput(
                    f"{scratch.name} cannot be read: a sheet spans {area.cells:,} cells; save it as .csv"
                )


@dataclass(slots=True)
class _Area:
    """The rectangle from A1 to the last cell that a part of a workbook refers to."""

    rows: int = 0
    columns: int = 0
    tail: bytes = b""

    @property
    def cells(self) -> int:
        return self.rows * self.columns

    def feed(self, chunk: bytes) -> None:
        found = _REFERENCE.findall(self.tail + chunk)
        self.tail = chunk[-_LONGEST_REFERENCE:]
        if found:
            self.columns = max(self.columns, *map(_column_number, {letters for letters, _ in found}))
            self.rows = max(self.rows, *(int(digits) for _, digits in found))


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64  # A is 1
    return number


def _choose(book: CalamineWorkbook, wanted: str, scratch: Scratch) -> tuple[str, tuple[str, ...]]:
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    sheets = [data for data in book.sheets_metadata if data.typ == SheetTypeEnum.WorkSheet]
    if wanted:
        if wanted not in [data.name for data in sheets]:
            have = _listed(data.name for data in sheets)
            raise UsageError(f"{scratch.name} has no sheet {shown(wanted)}; it has {have}")
        return wanted, (f"sheet “{shown(wanted)}”",)
    seen = [data.name for data in sheets if data.visible == SheetVisibleEnum.Visible]
    filled = {name: addressed for name in seen if (addressed := _look(book, name)) is not None}
    holding = [name for name, addressed in filled.items() if addressed]
    if len(holding) > 1:
        raise UsageError(
            f"{scratch.name} has addresses on {len(holding)} sheets, {_listed(holding)}; "
            f"name one as {scratch.name}#{shown(holding[0])}"
        )
    chosen = next(iter(holding or filled), None)
    if chosen is None:
        raise UnreadableInput(f"{scratch.name} is empty: no sheet has a row")
    return chosen, (f"sheet “{shown(chosen)}” of {len(sheets)}",) if len(sheets) > 1 else ()


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"“{shown(name)}”" for name in names)


def _look(book: CalamineWorkbook, name: str) -> bool | None:
    """Whether the sheet holds addresses; None when it holds nothing."""
    sheet = book.get_sheet_by_name(name)
    if sheet.start is None:
        return None
    rows = sheet.to_python(nrows=_ROWS_JUDGED)
    return any(isinstance(cell, str) and _ADDRESS.fullmatch(cell) for row in rows for cell in row)


def _write(sheet: CalamineSheet, name: str, said: tuple[str, ...], scratch: Scratch) -> SheetText:
    import numpy as np

    numbers: list[int] = []
    path = scratch.new_path(".csv")
    with scratch.writing(), path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")  # so that it quotes cells with either
        for batch in _batches(sheet.iter_rows()):
            kept = [(number, [to_text(cell) for cell in row]) for number, row in batch]
            kept = [(number, cells) for number, cells in kept if any(cell.strip() for cell in cells)]
            scratch.spend(sum(len(cell) + 1 for _, cells in kept for cell in cells))
            writer.writerows(cells for _, cells in kept)
            numbers.extend(number for number, _ in kept)
    if not numbers:
        raise UnreadableInput(f"{scratch.name} is empty: sheet {shown(name)} has no row")
    return SheetText(path=path, sheet=name, rows=np.array(numbers, dtype=np.int64), said=said)


def _batches(rows: Iterator[Sequence[Cell]]) -> Iterator[list[tuple[int, Sequence[Cell]]]]:
    batch: list[tuple[int, Sequence[Cell]]] = []
    for number, row in enumerate(rows, start=1):
        batch.append((number, row))
        if len(batch) == _ROWS_BETWEEN_CHECKS:
            yield batch
            batch = []
    yield batch


def to_text(cell: Cell) -> str:
    """A cell as a person reads it: 2024-05-01, 2024-05-01 12:00:00, 42, 0.3, TRUE.

    >>> to_text(42.0), to_text(True), to_text(dt.date(2024, 5, 1))
    ('42', 'TRUE', '2024-05-01')
    """
    match cell:
        case bool():
            return "TRUE" if cell else "FALSE"
        case float() if cell.is_integer() and abs(cell) < _MOST_WHOLE:
            return str(int(cell))
        case dt.datetime():
            return cell.isoformat(sep=" ", timespec="milliseconds" if cell.microsecond else "seconds")
        case dt.date() | dt.time():
            return cell.isoformat()
        case _:
            return str(cell)
