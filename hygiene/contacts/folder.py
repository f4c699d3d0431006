"""A folder that `hygiene clean` wrote, read back: its manifest, and its tables as queries of DuckDB."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from hygiene.contacts.layout import OWN_ADDRESS
from hygiene.contacts.ledger import FORMULA
from hygiene.contacts.manifest import FORMAT
from hygiene.contacts.manifest import NAME as MANIFEST
from hygiene.engines.engine import DuckEngine
from hygiene.errors import UnreadableInput, UnwritableOutput
from hygiene.files import read_bytes
from hygiene.intake.dialect import split_records
from hygiene.intake.scan import MAX_LINE

if TYPE_CHECKING:
    import duckdb

CLEAN: Final = "clean.csv"
REJECTED: Final = "rejected.csv"
FLAGGED: Final = "flagged.csv"

#: the columns of the tables that are ours
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    REJECTED: ("file", "line", "address", "step", "reason", "detail", "kept_row", "text"),
    FLAGGED: ("file", "line", "address", "flags", "suggestion", "mail_to"),
}

_HEAD = 1 << 20  # octets that hold the first record
_NO_DELIMITER = "\x1f"  # for DuckDB, which wants one: no line has it
_NO_TEXT = "\x01"  # for DuckDB, which wants a text that stands for NULL: no cell is that


class CleanDialect(msgspec.Struct, frozen=True):
    """How clean.csv is cut: as the input was."""

    delimiter: str = ","  # "" for one address a line
    header: bool = True
    quoted: bool = True
    bom: bool = False
    escape: str = '"'  # before a quote inside quotes


class InputFile(msgspec.Struct, frozen=True):
    """One file that was cleaned."""

    name: str
    sha256: str = ""
    rows: int = 0


class OutputFile(msgspec.Struct, frozen=True):
    """One file that was written."""

    sha256: str
    size: int = 0  # octets


class ListUsed(msgspec.Struct, frozen=True):
    """One suppression list that was asked."""

    name: str
    sha256: str = ""
    entries: int = 0


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a cleaning says of itself; `policy` are the fields of CleaningPolicy."""

    format: int
    hygiene: str  # version
    made_at: str  # ISO 8601
    as_of: str = ""  # the moment from which inactivity was counted
    inputs: tuple[InputFile, ...]
    outputs: dict[str, OutputFile]
    policy: dict[str, Any] = {}
    versions: dict[str, str] = {}
    address_column: str | int = 0  # of clean.csv: a name, or a position from 0
    address_place: int | None = None  # the position alone, where it is given
    clean: CleanDialect = CleanDialect()
    lists: tuple[ListUsed, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CleaningFolder:
    """A cleaning on disk."""

    path: Path
    manifest: Manifest

    @property
    def rows(self) -> int:
        """How many rows came in."""
        return sum(one.rows for one in self.manifest.inputs)

    def changes(self) -> tuple[str, ...]:
        """A sentence for each output that is no longer what the manifest says."""
        found = ((name, self._change(name, said)) for name, said in self.manifest.outputs.items())
        return tuple(f"{self.path / name} {change}" for name, change in found if change)

    def _change(self, name: str, said: OutputFile) -> str:
        place = self.path / name
        if not place.is_file():
            return "is missing: the manifest names it."
        if place.stat().st_size == said.size and _sha256(place) == said.sha256:
            return ""
        return "was changed after the cleaning: its hash is not the one in the manifest."


def open_cleaning(path: Path) -> CleaningFolder:
    """The cleaning in a folder; raises UnreadableInput with one sentence when there is none."""
    if not path.is_dir():
        raise UnreadableInput(
            f"{path} is {'no' if path.exists() else 'not there: name the'} folder of a cleaning"
        )
    place = path / MANIFEST
    if not place.exists():
        raise UnreadableInput(
            f"{path} holds no cleaning: there is no {MANIFEST} in it, as hygiene clean writes it"
        )
    return CleaningFolder(path=path, manifest=_read_manifest(place))


def _read_manifest(place: Path) -> Manifest:
    try:
        manifest = msgspec.json.decode(read_bytes(place), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableInput(f"{place} is not the manifest of a cleaning: {error}") from None
    if manifest.format != FORMAT:
        raise UnreadableInput(f"{place} has format {manifest.format}; this hygiene reads format {FORMAT}")
    return manifest


def _sha256(place: Path) -> str:
    try:
        with place.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableInput(f"{place} cannot be read: {error.strerror or error}") from None


class Tables:
    """DuckDB over the tables of cleanings; what does not fit in memory waits in a folder that goes with it."""

    def __init__(self) -> None:
        try:
            self._work = Path(tempfile.mkdtemp(prefix="hygiene-"))
        except OSError as error:
            raise UnwritableOutput(f"no temporary folder can be made: {error.strerror or error}") from None
        self.engine = DuckEngine(self._work)
        self.close = weakref.finalize(self, _clear_away, self.connection, self._work)
        self._links = 0

    def keep_order(self) -> None:
        """From now on rows come out as they stand in their files, and as queries order them."""
        self.connection.execute("set preserve_insertion_order = true")

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """Where the queries run."""
        return self.engine.connection

    def kept(self, folder: CleaningFolder) -> str:
        """A query for clean.csv: `address`, the cell to write to; raises UnreadableInput without one."""
        return self.list_with(folder, CLEAN, {})

    def list_with(self, folder: CleaningFolder, name: str, cells: Mapping[str, int]) -> str:
        """A query for a list of a cleaning: `address`, and the cells at these positions under these names."""
        dialect = folder.manifest.clean
        names, query = self._csv(folder.path / name, dialect)
        if not names:
            nothing = (f", null::varchar as {label}" for label in cells)
            return f"select null::varchar as address{''.join(nothing)} where false"
        place = _address_place(folder, names)
        cell = f"c{place}"
        if dialect.header and OWN_ADDRESS in names:
            cell = f"coalesce(nullif(c{names.index(OWN_ADDRESS)}, ''), {cell})"
        further = (f", c{at} as {label}" for label, at in cells.items())
        return f"select {cell} as address{''.join(further)} from ({query})"

    def columns(self, folder: CleaningFolder, name: str) -> list[str]:
        """The columns of a list of a cleaning; none where it has no header."""
        if not folder.manifest.clean.header or not (folder.path / name).is_file():
            return []
        return _first_record(folder.path / name, folder.manifest.clean)

    def rejected(self, folder: CleaningFolder) -> str:
        """A query for rejected.csv, as the cells were before a spreadsheet was kept from running them."""
        return self._own(folder, REJECTED)

    def flagged(self, folder: CleaningFolder) -> str:
        """A query for flagged.csv; without such a file nothing was flagged."""
        if FLAGGED not in folder.manifest.outputs and not (folder.path / FLAGGED).exists():
            return f"select {', '.join(f'null::varchar as {name}' for name in COLUMNS[FLAGGED])} where false"
        return self._own(folder, FLAGGED)

    def _own(self, folder: CleaningFolder, name: str) -> str:
        names, query = self._csv(folder.path / name, CleanDialect())
        missing = [column for column in COLUMNS[name] if column not in names]
        if missing:
            raise UnreadableInput(
                f"{folder.path / name} is not as hygiene clean wrote it: it has no column {missing[0]!r}"
            )
        places = ((f"c{names.index(column)}", column) for column in COLUMNS[name])
        guarded = quoted(FORMULA.replace("^", "^'", 1))  # with the apostrophe that was put before it
        cells = (
            f"case when regexp_matches({cell}, {guarded}) then {cell}[2:] else {cell} end as {column}"
            for cell, column in places
        )
        return f"select {', '.join(cells)} from ({query})"

    def _csv(self, place: Path, dialect: CleanDialect) -> tuple[list[str], str]:
        """The cells of the first record, and a query for the records as text columns c0, c1, …"""
        if not place.is_file():
            raise UnreadableInput(f"{place} is missing: a cleaning has one")
        if not place.stat().st_size:
            return [], ""
        names = _first_record(place, dialect)
        return names, _read_csv(self._link(place), dialect, len(names))

    def _link(self, place: Path) -> Path:
        """The file under a name without the characters that mean a pattern to DuckDB."""
        self._links += 1
        link = self._work / f"{self._links}.csv"
        link.symlink_to(place.resolve())
        return link

    def write_csv(self, query: str, place: Path) -> None:
        """Write the rows of a query to a CSV file, whole or not at all; raises UnwritableOutput."""
        import duckdb

        self.keep_order()
        part = place if place.exists() and not place.is_file() else place.resolve().with_name(_part_name())
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            self.connection.execute(f"copy ({query}) to {quoted(str(part))} (format csv, header true)")
            if part != place:
                part.replace(place.resolve())
        except (OSError, duckdb.Error) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
            raise UnwritableOutput(f"{place} cannot be written: {reason}") from None
        finally:
            if part != place:
                with suppress(OSError):
                    part.unlink(missing_ok=True)


def _clear_away(connection: duckdb.DuckDBPyConnection, work: Path) -> None:
    connection.close()
    shutil.rmtree(work, ignore_errors=True)


def _part_name() -> str:
    return f".{secrets.token_hex(8)}.part"


@contextmanager
def unreadable(*places: Path) -> Iterator[None]:
    """What DuckDB cannot read, as one sentence about the files."""
    import duckdb

    try:
        yield
    except (duckdb.InvalidInputException, duckdb.IOException, duckdb.OutOfMemoryException) as error:
        first = next(iter(str(error).splitlines()), "")
        if "No space left" in first or "Could not write" in first:
            raise UnwritableOutput(f"the folder for temporary files is full: {first}") from None
        names = " or ".join(map(str, places))
        raise UnreadableInput(f"{names} cannot be read as hygiene clean wrote it: {first}") from None


def _first_record(place: Path, dialect: CleanDialect) -> list[str]:
    try:
        with place.open("rb") as file:
            head = file.read(_HEAD).removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise UnreadableInput(f"{place} cannot be read: {error.strerror or error}") from None
    line_end = b"\n" if b"\n" in head else b"\r"
    records = split_records(head, 0, dialect.delimiter.encode(), line_end, quoted=dialect.quoted, most=1)
    return [cell.decode("utf-8", "replace") for record in records for cell in record.cells]


def _read_csv(link: Path, dialect: CleanDialect, width: int) -> str:
    """The records as text columns c0, c1, …"""
    quote = '"' if dialect.quoted else ""
    columns = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(width))
    options = [
        quoted(str(link)),
        f"delim={quoted(dialect.delimiter or _NO_DELIMITER)}",
        f"quote={quoted(quote)}",
        f"escape={quoted(dialect.escape if quote else '')}",
        f"header={str(dialect.header).lower()}",
        f"columns={{{columns}}}",
        f"max_line_size={MAX_LINE}",
        f"buffer_size={2 * MAX_LINE}",  # by itself DuckDB takes sixteen times as much, for every thread
        f"nullstr={quoted(_NO_TEXT)}",
        "auto_detect=false",
        "compression='none'",
        "strict_mode=false",
    ]
    return f"select * from read_csv({', '.join(options)})"


def _address_place(folder: CleaningFolder, names: Sequence[str]) -> int:
    manifest = folder.manifest
    wanted = manifest.address_column if manifest.address_place is None else manifest.address_place
    if isinstance(wanted, str) and wanted in names:
        return names.index(wanted)
    if isinstance(wanted, int) and 0 <= wanted < len(names):
        return wanted
    raise UnreadableInput(
        f"{folder.path / CLEAN} has no column {wanted!r}, where the manifest puts the addresses"
    )


def quoted(text: str) -> str:
    """A text as SQL has it."""
    return "'" + text.replace("'", "''") + "'"
