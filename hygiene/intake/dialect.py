"""The dialect of a delimited text, from its first records: separator, quoting, header. Pure.

A separator is judged by what it does to the records: whether it sets addresses free, whether the header has as
many cells as the rows, how many rows agree. ``Name, First <a@b>`` is one address a line, not a table.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

SEPARATORS = (b",", b";", b"\t", b"|")
SAID_AS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
MOST_RECORDS = 200  # judged
_MANY = 0.5  # share of records that settles the matter

_ADDRESS = rb"[^\s@,;|<>\"()\[\]]+@[^\s@,;|<>\"()\[\]]+\.[^\s@,;|<>\"()\[\]]+"
_BARE = re.compile(rb"\s*(?:mailto:)?" + _ADDRESS + rb"\s*", re.IGNORECASE)
_MAILBOX = re.compile(rb"[^<>@]*<\s*(?:mailto:)?" + _ADDRESS + rb"\s*>[\s,;]*", re.IGNORECASE)
_AT = re.compile(rb"[^\s@]@[^\s@]")
_SEP_LINE = re.compile(rb'"?sep=(?!")([\t!-/:-@\[-`{-~])"?[ ]*(?:\r?\n|\r|\Z)', re.IGNORECASE)
_QUOTED_LINE = re.compile(rb'\s*"(?:[^"]|"")*"\s*')

#: what a list without a header may hold besides addresses: digests and domains, as suppression lists do
_SHAPES = (
    re.compile(rb"(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})", re.IGNORECASE),
    re.compile(rb"[A-Za-z0-9+/_-]{43}="),  # 32 octets in base64
    re.compile(rb"(?:[^\s.@,;]+\.)+[^\s.@,;]{2,}"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One record of the sample: where it stands, and its cells without quotes."""

    start: int
    end: int  # after the line end
    cells: tuple[bytes, ...]
    ended: bool  # by a line end, not by the end of the sample

    @property
    def blank(self) -> bool:
        """Whether nothing but white space stands in the line."""
        return len(self.cells) == 1 and not self.cells[0].strip()


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """How the text is to be cut; offsets count from the beginning of the sample."""

    delimiter: str
    quoted: bool
    fields: int  # cells of most records
    header: tuple[str, ...] | None
    start: int  # of the first record, the header included
    data_start: int  # after the header
    data_line: int  # number of the physical line at `data_start`
    whole: bool  # False: the sample ends within the first record, give more
    missing: int = 0  # cells that the header lacks, where rows have that many more and nothing in them


@cache
def _field(separator: bytes, line_end: bytes, quoted: bool) -> re.Pattern[bytes]:
    stop = re.escape(separator) if separator else rb"(?!)"
    plain = rb"[^" + re.escape(separator + line_end) + rb"]*+"
    inside = rb'"([^"]*+(?:""[^"]*+)*+)"(' + plain + rb")" if quoted else rb"(?!)()()"
    return re.compile(rb"(?:" + inside + rb"|(" + plain + rb"))(" + stop + rb"|" + line_end + rb"|\Z)")


def split_records(
    sample: bytes, start: int, separator: bytes, line_end: bytes, *, quoted: bool, most: int = MOST_RECORDS
) -> list[Record]:
    """The first records of a text (RFC 4180 §2); an empty separator makes every line one cell.

    A quote opens a cell only at its beginning, and one that never closes is an ordinary character.
    """
    field, at = _field(separator, line_end, quoted), start
    found: list[Record] = []
    while at < len(sample) and len(found) < most:
        cells: list[bytes] = []
        begin = at
        while True:
            match = field.match(sample, at)
            if match is None:  # cannot be: the plain cell matches anything
                break
            at = match.end()
            quoted_part, after, plain, stop = match.groups()
            last = stop != separator or not separator
            bare = plain if quoted_part is None else after
            if last and line_end == b"\n":  # a carriage return before the line end is part of that
                bare = bare.removesuffix(b"\r")
            cells.append(bare if quoted_part is None else quoted_part.replace(b'""', b'"') + bare)
            if last:
                break
        found.append(Record(start=begin, end=at, cells=tuple(cells), ended=stop == line_end))
    return found


def read_dialect(sample: bytes, *, line_end: bytes, complete: bool) -> Dialect:
    """The dialect of a text that begins with `sample`; `complete` when that is all of it.

    A first line ``sep=;``, as Excel writes it, settles the separator.
    """
    start, named = _skip_preamble(sample, line_end)
    cut = _Cut(sample=sample, start=start, line_end=line_end, complete=complete)
    delimiter, quoted = _choose(cut) if named is None else (named, True)
    records = cut.records(delimiter.encode(), quoted=quoted)
    header = _read_header(records, single=not delimiter)
    return _describe(cut, delimiter, quoted=quoted, records=records, header=header)


def read_own_dialect(sample: bytes, *, complete: bool, has_header: bool | None = None) -> Dialect:
    """The dialect of a CSV file we wrote; without `has_header` its first record says whether it is a header."""
    cut = _Cut(sample=sample, start=0, line_end=b"\n", complete=complete)
    records = cut.records(b",", quoted=True, with_blank=True)
    header = _decode(records[0]) if has_header and records else _read_header(records, single=False)
    return _describe(cut, ",", quoted=True, records=records, header=header)


def _describe(
    cut: _Cut, delimiter: str, *, quoted: bool, records: Sequence[Record], header: tuple[str, ...] | None
) -> Dialect:
    data_start = records[0].end if records and header is not None else cut.start
    return Dialect(
        delimiter=delimiter,
        quoted=quoted,
        fields=_usual_width(records),
        header=header,
        start=cut.start,
        data_start=data_start,
        data_line=1 + cut.sample.count(cut.line_end, 0, data_start),
        whole=cut.complete or bool(records and records[0].ended),
        missing=_missing(records, header),
    )


def _missing(records: Sequence[Record], header: tuple[str, ...] | None) -> int:
    width = _usual_width(records)
    if header is None or len(header) >= width:
        return 0
    more = (cell for row in records if len(row.cells) == width for cell in row.cells[len(header) :])
    return 0 if any(cell.strip() for cell in more) else width - len(header)


def _skip_preamble(sample: bytes, line_end: bytes) -> tuple[int, str | None]:
    """Past blank lines and the line ``sep=;``, and the separator it names."""
    start = _skip_blank(sample, 0, line_end)
    if match := _SEP_LINE.match(sample, start):
        return _skip_blank(sample, match.end(), line_end), match[1].decode("ascii")
    return start, None


def _skip_blank(sample: bytes, at: int, line_end: bytes) -> int:
    blank = re.compile(rb"(?:[ \t\r]*\n)*+" if line_end == b"\n" else rb"(?:[ \t]*\r)*+")
    match = blank.match(sample, at)
    return match.end() if match else at


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cut:
    sample: bytes
    start: int
    line_end: bytes
    complete: bool

    def records(self, separator: bytes, *, quoted: bool, with_blank: bool = False) -> list[Record]:
        """Without blank lines, and without a last record the sample may have torn."""
        found = split_records(self.sample, self.start, separator, self.line_end, quoted=quoted)
        if not self.complete and len(found) > 1 and not found[-1].ended:
            found.pop()
        return [record for record in found if with_blank or not record.blank]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Score:
    """How well a separator fits; compared field by field."""

    addressed: float  # share of rows with a cell that is an address and nothing else
    header_fits: bool
    agreeing: float  # share of records as wide as most
    width: int

    @property
    def order(self) -> tuple[float, bool, float, int]:
        return round(self.addressed, 1), self.header_fits, self.agreeing, self.width


def _choose(cut: _Cut) -> tuple[str, bool]:
    """The separator, "" for one address a line, and whether quotes mean anything."""
    scored = [(score, sep) for sep in SEPARATORS if (score := _score(cut.records(sep, quoted=True)))]
    lines = [record.cells[0] for record in cut.records(b"", quoted=False)]
    best, separator = max(scored, key=lambda pair: pair[0].order, default=(None, b""))
    if best and (best.addressed >= _MANY or not _is_plain_list(lines, best)):
        return separator.decode(), True
    if any(_QUOTED_LINE.fullmatch(line) for line in lines):
        return ",", True
    return "", False


def _score(records: Sequence[Record]) -> _Score | None:
    if not records:
        return None
    width = _usual_width(records)
    if width == 1:
        return None
    count = sum(len(record.cells) == width for record in records)
    rows = records[1:] or records
    addressed = sum(any(_BARE.fullmatch(cell) for cell in row.cells) for row in rows) / len(rows)
    return _Score(
        addressed=addressed,
        header_fits=len(records[0].cells) == width,
        agreeing=count / len(records),
        width=width,
    )


def _usual_width(records: Sequence[Record]) -> int:
    return Counter(len(record.cells) for record in records).most_common(1)[0][0] if records else 1


def _is_plain_list(lines: Sequence[bytes], best: _Score) -> bool:
    """Most lines are a mailbox as a whole, and the first is one too or is no row of the would-be table."""
    if not lines or (best.header_fits and not _is_mailbox(lines[0])):
        return False
    rows = lines[1:] or lines
    return sum(_is_mailbox(line) for line in rows) >= _MANY * len(rows)


def _is_mailbox(line: bytes) -> bool:
    return bool(_BARE.fullmatch(line) or _MAILBOX.fullmatch(line))


def _read_header(records: Sequence[Record], *, single: bool) -> tuple[str, ...] | None:
    if not records or any(_AT.search(cell) for cell in records[0].cells):
        return None
    if (single or len(records[0].cells) == 1) and _shape(records[0]) is not None:
        return None
    return _decode(records[0])


def _decode(record: Record) -> tuple[str, ...]:
    return tuple(cell.decode("utf-8", "replace") for cell in record.cells)


def _shape(record: Record) -> int | None:
    """Which of the things a list may hold the record is."""
    cell = record.cells[0].strip()
    return next((number for number, shape in enumerate(_SHAPES) if shape.fullmatch(cell)), None)
