"""Suppression lists from files: one entry a line or a delimited file; plain or gzip, UTF-8 or UTF-16."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path

from hygiene.address import addresses_in
from hygiene.contacts.suppression.entries import ReadNote, SuppressionList, collect
from hygiene.errors import UnreadableInput, UsageError
from hygiene.intake.json_document import LARGEST, records_of
from hygiene.suppression_forms import Form, Reason, Target, read_target

MAX_LINE = 1 << 20  # characters
LINES_NAMED = 20  # of those that are no entry

_SAMPLE_LINES = 1000
_SAMPLE_BYTES = 4096
_DELIMITERS = "\t;,|"
_MOSTLY = 0.9  # share of the records that a delimiter must divide
_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
#: a first line with one of these and no entry is a header
_HEADER_WORDS = ("mail", "address", "adresse", "hash", "md5", "sha", "uid", "hmac", "domain", "value", "entry")

_APART = re.compile(r"[\s,;]+")
_SEPARATOR_LINE = re.compile(r'"?sep=.?"?\s*\Z', re.IGNORECASE)  # as Excel writes it

Record = tuple[int, list[str]]  # number of its first line, cells


def read_suppressions(
    path: Path,
    form: Form | None = None,
    key: bytes | None = None,
    *,
    column: str | None = None,
    reason: Reason = Reason.IMPORTED,
    since: datetime | None = None,
) -> SuppressionList:
    """The entries of a file, each by its look or all as the `form` given; other lines are named in `notes`.

    Of a delimited file the one column that holds entries is read, or the `column` named; columns named
    ``reason`` and ``since``, which our own exports have, are read, too. Raises UnreadableInput for a file that
    cannot be read, holds no entry, or has two columns to choose from; UsageError for keyed hashes without key.
    """
    try:
        reading = _Reading(path, form, column, reason, since)
        with path.open("rb") as file, _open_text(file, path) as text:
            found = collect(reading.entries(text), key=key)
    except OSError as error:  # gzip.BadGzipFile is one
        raise UnreadableInput(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UnreadableInput(f"{path} cannot be read: it begins as UTF-16 and does not go on so") from None
    except (EOFError, zlib.error):
        raise UnreadableInput(f"{path} cannot be read: its compressed data is damaged or cut short") from None
    if not len(found):
        raise UnreadableInput(f"{path} holds no {form or 'address, domain or hash'}")
    return SuppressionList(found.table, key, (reading.note,))


@dataclass
class _Reading:
    """One file while it is read."""

    path: Path
    form: Form | None
    column: str | None
    reason: Reason
    since: datetime | None
    found: int = 0
    unreadable: int = 0
    lines: list[int] = field(default_factory=list)

    @property
    def note(self) -> ReadNote:
        return ReadNote(self.path.name, self.found, self.unreadable, tuple(self.lines))

    def entries(self, text: io.TextIOBase) -> Iterator[tuple[Target, Reason, datetime | None, str]]:
        """The entries, while lines that are none are counted."""
        lines = _numbered(text, self.path)
        sample = list(islice(lines, _SAMPLE_LINES))
        delimiter = _delimiter([line for _, line in sample])
        if self.column and not delimiter:
            raise UsageError(f"{self.path} has no column {self.column!r}: it has one entry a line")
        everything = chain(sample, lines)
        records = _split(everything, delimiter, self.path) if delimiter else _whole(everything)
        first = list(islice(records, _SAMPLE_LINES))
        layout = self._layout(first) if delimiter else _Layout()
        source = self.path.name
        for number, cells in chain(first, records):
            cell = cells[layout.entry] if layout.entry < len(cells) else ""
            targets = self._targets(cell, cells)
            for target in targets:
                self.found += 1
                yield target, layout.reason_of(cells, self.reason), layout.since_of(cells, self.since), source
            if not targets and not (number == first[0][0] and _is_header(cell)):
                self._set_aside(number)

    def _targets(self, cell: str, cells: Sequence[str]) -> list[Target]:
        """Whom a record means: its cell, every address in it, or where it is blank another cell.

        Better one too many than one overlooked.
        """
        if target := read_target(cell, self.form):
            plain = cell.strip().removeprefix("'")  # how a spreadsheet is told that it is text: both are meant
            also = read_target(plain, self.form) if plain != cell.strip() else None
            return [target, also] if also else [target]
        if not cell.strip() and not self.column:
            others = (read_target(one, self.form) for one in cells)
            return [found for found in others if found and found.form is not Form.DOMAIN][:1]
        several = [read_target(part, self.form) for part in _APART.split(cell.strip())]
        found = [target for target in several if target and target.form is Form.ADDRESS]
        if len(found) == len(several):
            return found
        sought = addresses_in(cell) if self.form in {None, Form.ADDRESS} else []
        return [target for one in sought if (target := read_target(one, Form.ADDRESS))]

    def _set_aside(self, number: int) -> None:
        self.unreadable += 1
        if len(self.lines) < LINES_NAMED:
            self.lines.append(number)

    def _layout(self, records: Sequence[Record]) -> _Layout:
        header = [cell.strip().lower() for cell in records[0][1]] if records else []
        return _Layout(
            self._entry_column(records, header),
            header.index("reason") if "reason" in header else None,
            header.index("since") if "since" in header else None,
        )

    def _entry_column(self, records: Sequence[Record], header: Sequence[str]) -> int:
        if self.column is not None:
            wanted = self.column.strip().lower()
            if header.count(wanted) != 1:
                raise UsageError(f"{self.path} has no single column {self.column!r}")
            return header.index(wanted)
        seen = {at: self._forms_in(records, at) for at in range(len(header))}
        columns = [at for at, forms in seen.items() if set(forms) - {Form.DOMAIN}]
        columns = columns or [at for at, forms in seen.items() if forms]  # then names of hosts will be meant
        if len(columns) > 1:  # hashes beside the addresses they are of say nothing more
            columns = [at for at in columns if seen[at][Form.ADDRESS]] or columns
        if len(columns) > 1:
            names = ", ".join(repr(header[at]) for at in columns)
            raise UnreadableInput(f"{self.path} has several columns that could be meant ({names}): name one")
        return columns[0] if columns else 0

    def _forms_in(self, records: Sequence[Record], at: int) -> Counter[Form]:
        targets = (read_target(cells[at], self.form) for _, cells in records if at < len(cells))
        return Counter(target.form for target in targets if target)


@dataclass(frozen=True)
class _Layout:
    """Which cells of a record count."""

    entry: int = 0
    reason: int | None = None
    since: int | None = None

    def reason_of(self, cells: Sequence[str], default: Reason) -> Reason:
        """The stricter of the record's own and the one given; a word that is no reason says nothing."""
        if self.reason is None or self.reason >= len(cells):
            return default
        word = cells[self.reason].strip().lower()
        return max(default, Reason(word), key=lambda each: each.rank) if word in _REASONS else default

    def since_of(self, cells: Sequence[str], default: datetime | None) -> datetime | None:
        """The record's own moment, if it is ISO 8601 with a time zone."""
        if self.since is None or self.since >= len(cells):
            return default
        try:
            moment = datetime.fromisoformat(cells[self.since].strip())
        except ValueError:
            return default
        return moment.astimezone(UTC) if moment.tzinfo else default


_REASONS = frozenset(Reason)


# bytes → text → lines → records


def _open_text(file: io.BufferedReader, path: Path) -> io.TextIOBase:
    if file.peek(len(_ZIP)).startswith(_ZIP):
        raise UnreadableInput(f"{path} is an archive or a workbook: unpack it, or save it as CSV")
    if file.peek(len(_GZIP)).startswith(_GZIP):
        file = io.BufferedReader(gzip.GzipFile(fileobj=file))
    # a byte that is not UTF-8 spoils the entry it stands in, not the file
    sample = file.peek(_SAMPLE_BYTES)[:_SAMPLE_BYTES]
    if sample.removeprefix(codecs.BOM_UTF8).lstrip()[:1] in {b"{", b"["}:
        return _open_json(file, path)
    encoding = _encoding(sample)
    return io.TextIOWrapper(file, encoding, errors="surrogateescape", newline="")


def _open_json(file: io.BufferedReader, path: Path) -> io.TextIOBase:
    """JSON as the delimited text it could have been; what only begins like it stays what it is."""
    data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise UnreadableInput(f"{path} is JSON of more than {LARGEST >> 20} MiB: save it as CSV")
    records = records_of(data.removeprefix(codecs.BOM_UTF8))
    if records is None:
        return io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", errors="surrogateescape", newline="")
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, list(dict.fromkeys(key for one in records for key in one)))
    writer.writeheader()
    writer.writerows(records)
    table.seek(0)
    return table


def _encoding(sample: bytes) -> str:
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) > len(sample) // 4:
        return "utf-16-be" if even > odd else "utf-16-le"
    return "utf-8-sig"


def _numbered(text: io.TextIOBase, path: Path) -> Iterator[tuple[int, str]]:
    number = 0
    while line := text.readline(MAX_LINE):
        number += 1
        if number == 1 and _SEPARATOR_LINE.match(line):
            continue
        if len(line) == MAX_LINE:
            raise UnreadableInput(f"{path} is not a list: line {number} has over a million characters")
        yield number, line


def _delimiter(lines: Iterable[str]) -> str:
    """What separates the cells; nothing in a list with one entry a line."""
    telling = [line for line in lines if line.strip() and not line.startswith("#")]
    shares = {mark: _divided(telling, mark) for mark in _DELIMITERS if telling and mark in telling[0]}
    best = max(shares, key=lambda mark: shares[mark], default="")
    return best if best and shares[best] >= _MOSTLY else ""


def _divided(lines: Sequence[str], delimiter: str) -> float:
    """The share of records that a delimiter divides; a record may have several lines."""
    try:
        widths = [len(cells) for cells in csv.reader(lines, delimiter=delimiter)]
    except csv.Error:  # a field too long, as after an open quote: reading says where
        return 1.0
    return sum(width > 1 for width in widths) / len(widths)


def _whole(lines: Iterable[tuple[int, str]]) -> Iterator[Record]:
    for number, line in lines:
        if line.strip() and not line.startswith("#"):
            yield number, [line]


def _split(lines: Iterable[tuple[int, str]], delimiter: str, path: Path) -> Iterator[Record]:
    rows = csv.reader((line for _, line in lines), delimiter=delimiter, strict=True)
    begins = 1
    try:
        for cells in rows:
            if any(cell.strip() for cell in cells):
                yield begins, cells
            begins = rows.line_num + 1
    except csv.Error:
        raise UnreadableInput(
            f"{path} is damaged: the quotes of the record at line {begins} do not match"
        ) from None


def _is_header(cell: str) -> bool:
    lowered = cell.lower()
    return "@" not in cell and any(word in lowered for word in _HEADER_WORDS)
