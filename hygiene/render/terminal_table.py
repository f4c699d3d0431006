"""A table in a terminal: measured columns, the prose ones wrapped, or one record below the other."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest

from hygiene.render.figures import bar_text
from hygiene.render.pen import Pen, cells, pad, wrap
from hygiene.render.sections import Cell, Table, Tone
from hygiene.render.tones import mark_of

GAP = 3
_HANG = 4
#: Prose in a narrower column is no longer read, it is spelt.
NARROWEST_PROSE = 12
#: A last column of prose that would be narrower hangs below its row instead.
NARROWEST_LAST = 24


@dataclass(frozen=True)
class _Column:
    cells: tuple[Cell, ...]
    right: bool
    texts: int  # cells of the widest text
    marks: int  # cells the marks take, with the space beside them

    @property
    def drawn(self) -> bool:
        """Whether it holds bars, which only repeat the figures beside them."""
        return any(cell.bar is not None for cell in self.cells)

    @property
    def width(self) -> int:
        return self.texts + self.marks

    @property
    def gap(self) -> int:
        """Blanks to the next column; a mark alone belongs to the text beside it."""
        return GAP if self.texts else 1


def table_lines(table: Table, pen: Pen, width: int) -> list[str]:
    """The rows, head first; no line is longer than `width`."""
    columns = [column for column in _columns(table, pen) if column.width]
    if _natural(columns) > width:
        columns = [column for column in columns if not column.drawn]
    fitted = _fitted(columns, width)
    if _is_cramped(columns, fitted) and _natural(columns[:-1]) <= width:
        return _hung(columns, pen, width, head=bool(table.columns))
    return _stacked(table, pen, width) if fitted is None else _rows(fitted, pen)


def _natural(columns: list[_Column]) -> int:
    return sum(column.width for column in columns) + sum(column.gap for column in columns[:-1])


def _is_cramped(columns: list[_Column], fitted: list[_Column] | None) -> bool:
    """Whether the last column is the prose of the table and has too little room."""
    prose = [column.texts for column in columns if not column.right]
    if len(columns) < 2 or columns[-1].right or columns[-1].texts < max(prose):
        return False
    return fitted is None or fitted[-1].texts < min(NARROWEST_LAST, columns[-1].texts)


def _hung(columns: list[_Column], pen: Pen, width: int, *, head: bool) -> list[str]:
    """The rows, each with the last cell below it; the head of that column is left out."""
    *first, last = columns
    lines: list[str] = []
    for number, cells_of_row in enumerate(zip(*(column.cells for column in columns), strict=True)):
        row = [
            _Column((cell,), column.right, column.texts, column.marks)
            for cell, column in zip(cells_of_row, first, strict=False)
        ]
        lines += _rows(row, pen)
        cell, room = cells_of_row[-1], width - _HANG - last.marks
        if cell.text and not (head and not number):
            below = _cell_lines(cell, _Column((cell,), False, min(last.texts, room), last.marks), pen)
            lines += [" " * _HANG + line.rstrip(" ") for line in below]
    return lines


def _columns(table: Table, pen: Pen) -> list[_Column]:
    head = tuple(Cell(name, Tone.MUTED if name else Tone.PLAIN) for name in table.columns)
    rows = (head, *table.rows) if head else table.rows
    count = max(map(len, rows), default=0)
    filled = [row + (Cell(""),) * (count - len(row)) for row in rows]
    return [
        _column(column, pen, right=table.align[index : index + 1] == "r")
        for index, column in enumerate(zip(*filled, strict=True))
    ]


def _column(column: tuple[Cell, ...], pen: Pen, *, right: bool) -> _Column:
    texts = max(cells(_text(cell, pen)) for cell in column)
    marks = 2 if texts else 1
    return _Column(column, right, texts, marks if any(map(mark_of, column)) else 0)


def _text(cell: Cell, pen: Pen) -> str:
    if cell.bar is not None:
        return pen.drawn(bar_text(cell.bar))
    return pen.exact(cell.text) if cell.code else pen.prose(cell.text)


def _fitted(columns: list[_Column], width: int) -> list[_Column] | None:
    """The columns with their prose narrowed to fit, or None if it would become unreadable."""
    room = width - sum(column.gap for column in columns[:-1]) - sum(column.marks for column in columns)
    room -= sum(column.texts for column in columns if column.right)
    prose = [column.texts for column in columns if not column.right]
    cap = next((cap for cap in range(max(prose, default=0), -1, -1) if _total(prose, cap) <= room), None)
    if cap is None or (room < sum(prose) and cap < NARROWEST_PROSE):
        return None
    return [
        column if column.right else _Column(column.cells, False, min(column.texts, cap), column.marks)
        for column in columns
    ]


def _total(widths: list[int], cap: int) -> int:
    return sum(min(width, cap) for width in widths)


def _rows(columns: list[_Column], pen: Pen) -> list[str]:
    lines: list[str] = []
    for row in zip(*(column.cells for column in columns), strict=True):
        drawn = [_cell_lines(cell, column, pen) for cell, column in zip(row, columns, strict=True)]
        for height in range(max(map(len, drawn))):
            parts = (
                (text[height] if height < len(text) else " " * column.width) + " " * column.gap
                for text, column in zip(drawn, columns, strict=True)
            )
            lines.append("".join(parts).rstrip(" "))
    return lines


def _cell_lines(cell: Cell, column: _Column, pen: Pen) -> list[str]:
    """One cell as padded, painted lines; marks stand before text and after figures."""
    mark, tone, lines = pen.drawn(mark_of(cell)), cell.tone, []
    for text in wrap(_text(cell, pen), max(column.texts, 1)):
        slot = pad("", max(column.marks - len(mark), 0))
        blank = " " * max(0, column.texts - cells(text))
        if column.right:
            lines.append(f"{blank}{pen.paint(text, tone)}{slot}{pen.paint(mark, tone)}")
        else:
            lines.append(f"{pen.paint(mark, tone)}{slot}{pen.paint(text, tone)}{blank}")
        mark = ""
    return lines


def _stacked(table: Table, pen: Pen, width: int) -> list[str]:
    names = [pen.prose(name) for name in table.columns]
    label = min(max(map(cells, names), default=0), width // 3)
    lines: list[str] = []
    for row in table.rows:
        if lines:
            lines.append("")
        for index, cell in enumerate(row):
            name = names[index] if index < len(names) else ""
            lines += _labelled(name, cell, label, pen, width) if cell.bar is None else []
    return lines


def _labelled(name: str, cell: Cell, label: int, pen: Pen, width: int) -> list[str]:
    mark = pen.drawn(mark_of(cell))
    shown = f"{mark} {_text(cell, pen)}".strip() if mark else _text(cell, pen)
    indent = label + GAP if label else 0
    texts = wrap(shown, width - indent)
    labels = wrap(name, label) if label else []
    if not shown:
        return []
    return [
        (pen.paint(pad(head, label), Tone.MUTED) + " " * (indent - label) + pen.paint(text, cell.tone)).rstrip(
            " "
        )
        for head, text in zip_longest(labels, texts, fillvalue="")
    ]
