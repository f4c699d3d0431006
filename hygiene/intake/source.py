"""What a person drops on the command, as UTF-8 text that can be scanned, and how each file was read.

Encoding, separator and header are found here and said; records are found by the scanner. A file that is plain
UTF-8 text already is scanned where it lies; everything else becomes a text in the caller's work folder.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from hygiene.errors import UnreadableInput, UnwritableOutput, UsageError
from hygiene.intake import encoding as enc
from hygiene.intake.dialect import SAID_AS, Dialect, read_dialect, read_own_dialect
from hygiene.intake.guard import MIB, Input, Limits, Scratch, locate_input, shown, unreadable
from hygiene.intake.json_document import LARGEST, may_be_document, records_within
from hygiene.intake.kinds import PACKED, Kind, binary_kind, is_other_json, looks_binary, refuse, text_kind
from hygiene.intake.tabular import (
    DamagedLine,
    TableText,
    convert_json_array,
    convert_json_lines,
    convert_parquet,
)
from hygiene.intake.unpack import decompress, extract_member, list_members, open_zip, without_suffix
from hygiene.intake.workbook import convert_workbook, is_workbook

if TYPE_CHECKING:
    import zipfile

    import numpy as np
    from numpy.typing import NDArray

DEFAULT_LIMITS = Limits()

_HEAD = 64 << 10  # bytes that tell what kind of file it is
_SAMPLES = (MIB, 4 * MIB, 17 * MIB)  # bytes that tell the dialect; more when the first record is that long
_NAMED = 5  # skipped members named in one sentence


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """One text to scan and how it was read; offsets count bytes of `path`, lines from 1."""

    name: str  # what a person calls it: subscribers.zip/subscribed_members.csv
    file_name: str  # the last part: subscribed_members.csv
    path: Path  # UTF-8 bytes: the file itself where it is such a text already, else a file in the work folder
    size: int  # bytes of the file as given, packed
    encoding: str  # as found; "UTF-8" for what we converted
    start: int  # of the first record: after the byte order mark, blank lines and ``sep=;``
    delimiter: str  # one character, or "" for one address a line
    quoted: bool  # whether quotes apply
    line_end: bytes  # b"\n" (a b"\r" before it is no part of the cell), or b"\r" when there is no b"\n" at all
    fields: int  # cells of most records
    header: tuple[str, ...] | None  # cells of the first record as written; None: it is a record like the others
    header_bytes: tuple[int, int]  # of the header record with its line end; empty without one
    data_line: int  # physical line of the first record after the header
    lines: NDArray[np.int64] | None = field(
        default=None, compare=False
    )  # of each record after the header, when
    #: the records come from numbered rows or lines of something else; None: count the physical lines of `path`
    damaged: tuple[DamagedLine, ...] = ()  # what could not even be converted
    said: tuple[str, ...] = ()  # what was assumed, for the person
    sheet: str = ""  # of a workbook
    given: Input

    def check_unchanged(self) -> None:
        """Raise UnreadableInput when the file as given is not what it was when it was opened."""
        self.given.check_unchanged()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """A file to read: as given, or taken out of an archive."""

    path: Path
    name: str
    file_name: str
    given: Input


class _Blank(UnreadableInput):
    """Nothing but white space; in an archive it is skipped."""


def open_sources(paths: Sequence[Path], work: Path, *, limits: Limits = DEFAULT_LIMITS) -> list[Source]:
    """Every text in the files given, in their order; ``book.xlsx#Sheet`` names a sheet.

    What has to be unpacked or converted is written below `work`, which must exist; the caller removes it.
    Raises UnreadableInput, UnwritableOutput (no room in `work`) or UsageError (the same file twice, a choice of
    sheets), each with one sentence.
    """
    given = [locate_input(Path(path)) for path in paths]
    _refuse_twice(given)
    sources: list[Source] = []
    for one, name in zip(given, _short_names(given), strict=True):
        scratch = Scratch.for_input(one, _new_folder(work), limits)
        with _steady(one):
            sources += _read_input(one, name, scratch)
    return sources


def _refuse_twice(given: Sequence[Input]) -> None:
    seen: dict[tuple[int, int], list[Input]] = {}
    for one in given:
        others = seen.setdefault((one.stamp.device, one.stamp.inode), [])
        for other in others:
            if one.sheet == other.sheet or not (one.sheet and other.sheet):
                also = "" if one.path == other.path else f", also as {other.shown}"
                raise UsageError(f"{one.shown} was given twice{also}")
        others.append(one)


def _short_names(given: Sequence[Input]) -> list[str]:
    """File names alone, where that tells the files apart."""
    count = Counter(one.path.name for one in given)
    short = [shown(one.path.name) if count[one.path.name] == 1 or one.sheet else one.shown for one in given]
    return [f"{name}#{shown(one.sheet)}" if one.sheet else name for one, name in zip(given, short, strict=True)]


def _new_folder(work: Path) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix="input-", dir=work))
    except OSError as error:
        raise UnwritableOutput(f"{shown(work)} cannot be written: {error.strerror or error}") from None


@contextmanager
def _steady(given: Input) -> Iterator[None]:
    """A file that changes under the reader may look damaged: say that it changed."""
    try:
        yield
    except (UnreadableInput, UsageError):
        given.check_unchanged()
        raise
    except OSError as error:
        raise unreadable(given.path, error) from None
    given.check_unchanged()


def _read_input(given: Input, name: str, scratch: Scratch) -> list[Source]:
    part = _Part(path=given.path, name=name, file_name=shown(given.path.name), given=given)
    if binary_kind(_head(given.path)) is Kind.ZIP:
        with open_zip(given.path, scratch) as archive:
            if not is_workbook(archive, scratch):
                _refuse_sheet(part)
                return _read_members(archive, part, scratch)
    return [_read_part(part, scratch)]


def _read_members(archive: zipfile.ZipFile, whole: _Part, scratch: Scratch) -> list[Source]:
    taken, skipped = list_members(archive)
    sources: list[Source] = []
    for info in taken:
        scratch.name = f"{whole.given.shown}/{shown(info.filename)}"
        part = replace(
            whole,
            path=extract_member(archive, info, scratch),
            name=f"{whole.name}/{shown(info.filename)}",
            file_name=shown(PurePosixPath(info.filename).name),
        )
        try:
            sources.append(_read_part(part, scratch))
        except _Blank:
            skipped.append(f"{shown(info.filename)} (empty)")
    if not sources:
        holds = f"only {_listed(skipped)}" if skipped else "no file"
        raise UnreadableInput(f"{whole.given.shown} holds no list: {holds}")
    if skipped:
        sources[0] = replace(sources[0], said=(*sources[0].said, f"skipped in the archive: {_listed(skipped)}"))
    return sources


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _read_part(part: _Part, scratch: Scratch) -> Source:
    """A file that is not an archive of several."""
    kind = binary_kind(_head(part.path))
    if kind in PACKED.values():
        path = decompress(part.path, kind, scratch)
        part = replace(part, path=path, file_name=without_suffix(part.file_name))
        kind = binary_kind(_head(part.path))
        if kind in PACKED.values():
            raise UnreadableInput(f"{scratch.name} is compressed twice; unpack it first")
    if kind is Kind.ZIP:
        return _read_workbook(part, scratch)
    _refuse_sheet(part)
    if kind is Kind.PARQUET:
        table = convert_parquet(part.path, scratch)
        return _own_source(part, table, scratch, has_header=True, said=("Parquet",))
    return _read_text(part, scratch)


def _refuse_sheet(part: _Part) -> None:
    if part.given.sheet:
        raise UsageError(f"{part.given.shown} has no sheets to choose from: it is no .xlsx workbook")


def _read_workbook(part: _Part, scratch: Scratch) -> Source:
    with open_zip(part.path, scratch) as archive:
        if not is_workbook(archive, scratch):
            raise UnreadableInput(f"{scratch.name} is an archive in an archive; unpack it first")
    sheet = convert_workbook(part.path, part.given.sheet, scratch)
    table = TableText(path=sheet.path, rows=sheet.rows)
    source = _own_source(part, table, scratch, has_header=None, said=("Excel workbook", *sheet.said))
    return replace(source, sheet=shown(sheet.sheet))


def _own_source(
    part: _Part, table: TableText, scratch: Scratch, *, has_header: bool | None, said: tuple[str, ...]
) -> Source:
    """A source from a CSV file we wrote; without `has_header` its first record may be one."""
    for sample, complete in _samples(table.path, 0):
        dialect = read_own_dialect(sample, complete=complete, has_header=has_header)
        if dialect.whole:
            break
    else:
        raise _endless(scratch)
    text = _Text(path=table.path, start=0, line_end=b"\n", encoding=enc.UTF_8)
    counted = 1 if dialect.header is not None and has_header is None else 0
    return replace(_source(part, text, dialect, said), lines=table.rows[counted:], damaged=table.damaged)


def _source(part: _Part, text: _Text, dialect: Dialect, said: tuple[str, ...]) -> Source:
    return Source(
        name=part.name,
        file_name=part.file_name,
        path=text.path,
        size=part.given.stamp.size,
        encoding=text.encoding,
        start=text.start + dialect.start,
        delimiter=dialect.delimiter,
        quoted=dialect.quoted,
        line_end=text.line_end,
        fields=dialect.fields,
        header=dialect.header,
        header_bytes=(text.start + dialect.start, text.start + dialect.data_start),
        data_line=dialect.data_line,
        said=(*text.said, *said, *(() if dialect.header is not None else ("no header",))),
        given=part.given,
    )


def _read_text(part: _Part, scratch: Scratch) -> Source:
    head = _head(part.path)
    why = refuse(head) or ("it is not text" if looks_binary(head) and not enc.is_utf_16(head) else "")
    if why:
        raise UnreadableInput(f"{scratch.name} cannot be read: {why}")
    survey = enc.survey_text(part.path, scratch.name, scratch.limits)
    text = _Text(path=part.path, start=survey.mark, line_end=survey.line_end, encoding=survey.encoding)
    if survey.encoding not in (enc.UTF_8, enc.UTF_8_BOM):
        path = enc.transcode(part.path, survey, scratch)
        survey = enc.survey_text(path, scratch.name, scratch.limits)
        text = replace(text, path=path, start=0, line_end=survey.line_end)
    if survey.blank:
        raise _Blank(f"{scratch.name} is empty: it holds nothing but blank lines")
    return _read_utf_8(part, text, scratch)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Text:
    """A UTF-8 text; `encoding` is what it was in before."""

    path: Path
    start: int  # after the byte order mark
    line_end: bytes
    encoding: str
    also: tuple[str, ...] = ()  # what else is to be said

    @property
    def said(self) -> tuple[str, ...]:
        return (*(() if self.encoding == enc.UTF_8 else (self.encoding,)), *self.also)


def _read_utf_8(part: _Part, text: _Text, scratch: Scratch) -> Source:
    for sample, complete in _samples(text.path, text.start):
        if not complete and text.line_end not in sample.lstrip():
            continue
        if may_be_document(sample) and (found := _read_document(part, text, scratch)):
            return found
        kind = text_kind(sample)
        if kind is not Kind.TEXT:
            return _read_json(part, text, kind, scratch)
        if is_other_json(sample):
            raise UnreadableInput(
                f"{scratch.name} is JSON, but neither one object a line nor an array of objects"
            )
        dialect = read_dialect(sample, line_end=text.line_end, complete=complete)
        if dialect.whole and dialect.missing:
            return _read_utf_8(part, _widened(text, dialect, scratch), scratch)
        if dialect.whole:
            return _source(part, text, dialect, _said(dialect, text.line_end))
    raise _endless(scratch)


def _widened(text: _Text, dialect: Dialect, scratch: Scratch) -> _Text:
    """The text with as many cells in its header as its rows have."""
    target = scratch.new_path(".txt")
    scratch.need(text.path.stat().st_size)
    with scratch.writing(), text.path.open("rb") as source, target.open("wb") as file:
        header = source.read(text.start + dialect.data_start)
        name = header.rstrip(b"\r\n")
        file.write(name + dialect.delimiter.encode() * dialect.missing + header[len(name) :])
        shutil.copyfileobj(source, file, MIB)
    cells = f"{dialect.missing} cell{'s' if dialect.missing > 1 else ''}"
    return replace(text, path=target, also=(f"the header lacks {cells}, which no row fills",))


def _said(dialect: Dialect, line_end: bytes) -> tuple[str, ...]:
    between = SAID_AS.get(dialect.delimiter, dialect.delimiter)
    cut = ("one address a line",) if not dialect.delimiter else (f"separated by {between}",)
    return (*(cut if dialect.delimiter != "," else ()), *(("lines end in CR",) if line_end == b"\r" else ()))


def _read_json(part: _Part, text: _Text, kind: Kind, scratch: Scratch) -> Source:
    if kind is Kind.JSON_LINES:
        table = convert_json_lines(text.path, text.start, text.line_end, scratch)
    else:
        table = convert_json_array(text.path, text.start, scratch)
    source = _own_source(part, table, scratch, has_header=True, said=(kind.value, *text.said))
    return replace(source, encoding=text.encoding)


def _read_document(part: _Part, text: _Text, scratch: Scratch) -> Source | None:
    """The records in a JSON document, numbered from 1; None where it holds no array of them."""
    if text.path.stat().st_size > LARGEST:
        return None
    records = records_within(text.path.read_bytes()[text.start :])
    if records is None:
        return None
    array = scratch.new_path(".json")
    with scratch.writing():
        array.write_text(json.dumps(records), encoding="utf-8")
    table = convert_json_array(array, 0, scratch)
    said = (f"{Kind.JSON_ARRAY.value} within a document", *text.said)
    return replace(_own_source(part, table, scratch, has_header=True, said=said), encoding=text.encoding)


def _samples(path: Path, start: int) -> Iterator[tuple[bytes, bool]]:
    """Ever more of the beginning of a text, and whether that is all of it."""
    for size in _SAMPLES:
        with path.open("rb") as file:
            file.seek(start)
            sample = file.read(size)
            yield sample, not file.read(1)


def _endless(scratch: Scratch) -> UnreadableInput:
    return UnreadableInput(
        f"{scratch.name} cannot be read: its first record does not end within 16 MiB, so it is no list"
    )


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)
