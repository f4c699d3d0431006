"""A second cleaning, in plain Python and slow: what every row of an export comes to, from the facts alone."""

from __future__ import annotations

from dataclasses import dataclass

_LONGEST_QUOTE = 1 << 20  # bytes


@dataclass(frozen=True)
class Line:
    """A record, damaged (no `cells`) or blank (empty `cells`): its bytes, the number of its first line, its texts."""

    start: int
    stop: int
    line: int
    cells: tuple[str, ...] | None


def read_lines(
    data: bytes,
    *,
    fields: int,
    delimiter: str,
    quoted: bool,
    line_end: bytes = b"\n",
    escape: str = '"',
    line: int = 1,
    start: int = 0,
    most: int = _LONGEST_QUOTE,
) -> list[Line]:
    """RFC 4180, one character after the other; the data end with a line end.

    A record of several lines that is wrong in any way was never one: then its first line is judged alone.
    """
    found, position = [], start
    while position < len(data):
        stop_of_line = data.index(line_end, position) + 1
        record = _read_record(data, position, delimiter.encode(), quoted, line_end, escape.encode())
        if record is not None:
            cells, stop = record
            several = stop > stop_of_line
            if several and (len(cells) != fields or stop - position > most):
                record = None
        if record is None:
            cells, stop = None, stop_of_line
        elif len(cells) != fields:
            cells = None
        if not data[position:stop].strip() and not (cells and fields > 1):
            found.append(Line(position, stop, line, ()))
        else:
            found.append(Line(position, stop, line, _decoded(cells, data[position:stop])))
        line += data.count(line_end, position, stop)
        position = stop
    return found


def _decoded(cells, whole):
    if cells is None or b"\0" in whole:
        return None
    try:
        whole.decode()
    except UnicodeDecodeError:
        return None
    return tuple(cell.decode() for cell in cells)


def _read_record(data, at, delimiter, quoted, line_end, escape):
    """The cells of the record at a position and where it stops; None where a quote is wrong."""
    cells = []
    while True:
        if quoted and data[at : at + 1] == b'"':
            read = _read_quoted(data, at + 1, escape)
            if read is None:
                return None
            cell, at = read
            if line_end == b"\n" and data[at : at + 2] == b"\r\n":
                at += 1
            if data[at : at + 1] not in {delimiter, line_end} or at >= len(data):
                return None
        else:
            cell = b""
            while data[at : at + 1] not in {delimiter, line_end}:
                cell += data[at : at + 1]
                at += 1
            if data[at : at + 1] == line_end == b"\n":
                cell = cell.removesuffix(b"\r")
        cells.append(cell)
        at += 1
        if data[at - 1 : at] == line_end:
            return cells, at


def _read_quoted(data, at, escape):
    """The text up to the closing quote and the position behind it."""
    cell = b""
    while at < len(data):
        here, pair = data[at : at + 1], data[at : at + 2]
        if pair == b'""':
            cell, at = cell + (b'"' if escape == b'"' else pair), at + 2
        elif here == b"\\" == escape and len(pair) > 1:
            cell, at = cell + (b'"' if pair == b'\\"' else pair), at + 2
        elif here == b'"':
            return cell, at + 1
        else:
            cell, at = cell + here, at + 1
    return None
