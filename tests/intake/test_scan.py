"""The scanner against a reader that goes character by character, and against Python's csv module."""

import csv
import io
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hygiene.errors import UnreadableInput
from hygiene.intake import cut
from hygiene.intake import scan as scanner
from hygiene.intake.cells import text_of
from hygiene.intake.records import NEWLINE, RETURN, Dialect
from hygiene.intake.scan import scan

from ..contacts.oracle import Line, read_lines

BLOCKS = (1, 5, 1 << 20)  # bytes read at a time


def scanned(data, dialect, block=1 << 20, start=0, line=1):
    """Every record, damaged line and blank line that a scan finds: lines of the oracle, and the blank bytes."""
    found, blanks, blank_bytes = [], 0, 0
    for one in scan(io.BytesIO(data), dialect, range(dialect.fields), start=start, line=line, block=block):
        texts = [text_of(one, k, escape=dialect.escape.encode()).to_pylist() for k in range(dialect.fields)]
        cells = zip(*texts, strict=True) if len(one) else []
        spans = zip(one.starts.tolist(), one.stops.tolist(), one.lines.tolist(), strict=True)
        found += [
            Line(start, stop, line, tuple(row)) for (start, stop, line), row in zip(spans, cells, strict=True)
        ]
        found += [Line(bad.start, bad.stop, bad.line, None) for bad in one.damaged]
        assert list(one.starts) == sorted(one.starts)
        blanks += one.blank
        blank_bytes += one.blank_bytes
    return sorted(found, key=lambda line: line.start), blanks, blank_bytes


def expected(data, dialect, **limits):
    ended = data if not data or data.endswith(bytes([dialect.newline])) else data + bytes([dialect.newline])
    lines = read_lines(
        ended,
        fields=dialect.fields,
        delimiter=dialect.delimiter,
        quoted=dialect.quoted,
        line_end=bytes([dialect.newline]),
        escape=dialect.escape,
        **limits,
    )
    blank = [line for line in lines if line.cells == ()]
    return (
        [line for line in lines if line.cells != ()],
        len(blank),
        sum(line.stop - line.start for line in blank),
    )


def check(data, dialect, blocks=BLOCKS, **limits):
    wanted = expected(data, dialect, **limits)
    for block in blocks:
        got = scanned(data, dialect, block)
        assert got == wanted, f"in blocks of {block}"
    lines, _, blank_bytes = got
    ended = len(data) + bool(data and not data.endswith(bytes([dialect.newline])))
    assert sum(line.stop - line.start for line in lines) + blank_bytes == ended
    assert all(one.stop <= two.start for one, two in pairwise(lines))
    return wanted


@st.composite
def dialects(draw):
    delimiter = draw(st.sampled_from(",,,;\t|")) if draw(st.integers(0, 5)) else ""
    return Dialect(
        fields=draw(st.integers(1, 4)) if delimiter else 1,
        delimiter=delimiter,
        quoted=bool(delimiter) and draw(st.integers(0, 7)) > 0,
        newline=draw(st.sampled_from([NEWLINE] * 5 + [RETURN])),
        escape=draw(st.sampled_from('"""\\')),
    )


@st.composite
def torn(draw):
    """Bytes that are all trouble, and a dialect."""
    dialect = draw(dialects())
    newline, separator = bytes([dialect.newline]), dialect.delimiter.encode()
    piece = st.sampled_from(
        [b"a", b'"', b'"', b'""', b'","', newline, newline, b"\r\n", b"\r", b" ", b"\xc3\xa9", b"\\", b'\\"']
        + [separator] * 4
        + [b"\x00", b"\xff", b"\x0b"]
    )
    return b"".join(draw(st.lists(piece, max_size=40))), dialect


@given(torn())
@settings(max_examples=300)
@example((b'a\t"\n\t\nb\tc\n', Dialect(fields=2, delimiter="\t")))
@example((b'"a""b",c\nx"y,z\n"a""b",c\n', Dialect(fields=2, escape="\\")))
@example((b'"a\\\\",b\n"c",d\n', Dialect(fields=2, escape="\\")))
@example((b',,\\"","', Dialect(fields=3, escape="\\")))
def test_finds_what_reading_by_character_finds_in_blocks_of_any_size(case):
    check(*case)


@given(torn(), st.integers(4, 40), st.integers(1, 40))
@settings(max_examples=150)
def test_a_quote_that_spans_too_much_was_not_meant(case, most, stretch):
    data, dialect = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanner, "MAX_QUOTED", most)
        patch.setattr(cut, "MAX_QUOTED", most)
        patch.setattr(scanner, "STRETCH", stretch)
        check(data, dialect, most=most)


@st.composite
def well_formed(draw):
    fields = draw(st.integers(1, 4))
    every = fields == 1 or draw(st.booleans())  # a lone cell of blanks is a blank line unless it is quoted
    cell = st.text("ab\",;\t\n é'=" + "\r" * every, max_size=6)
    rows = draw(st.lists(st.lists(cell, min_size=fields, max_size=fields), min_size=1, max_size=12))
    delimiter = draw(st.sampled_from(",;\t"))
    line_end = draw(st.sampled_from(["\n", "\r\n"]))
    text = io.StringIO()
    writer = csv.writer(
        text,
        delimiter=delimiter,
        lineterminator=line_end,
        quoting=csv.QUOTE_ALL if every else csv.QUOTE_MINIMAL,
    )
    writer.writerows(rows)
    data = text.getvalue().encode()
    return rows, data[: len(data) - draw(st.booleans()) * len(line_end)], delimiter


@given(well_formed())
@settings(max_examples=150)
def test_reads_what_the_csv_module_reads(case):
    rows, data, delimiter = case
    assert list(csv.reader(io.StringIO(data.decode(), newline=""), delimiter=delimiter)) == rows
    for block in BLOCKS:
        lines, blank, _ = scanned(data, Dialect(fields=len(rows[0]), delimiter=delimiter), block)
        assert [list(line.cells) for line in lines] == rows
        assert not blank


@pytest.mark.parametrize(
    ("data", "damaged"),
    [
        pytest.param(b'a,b\n"open,1\nc,d\n', ['"open,1'], id="an open quote costs its line alone"),
        pytest.param(b'a,b\n"x"y,1\nc,d\n', ['"x"y,1'], id="text after a closing quote"),
        pytest.param(b"a,b\nshort\nc,d\n", ["short"], id="a short row"),
        pytest.param(b"a,b\n1,2,3\nc,d\n", ["1,2,3"], id="a long row"),
        pytest.param(b"a,b\nx\x00,1\nc,d\n", ["x\x00,1"], id="a NUL"),
        pytest.param(b"a,b\n\xff,1\nc,d\n", ["\\xff,1"], id="bytes that are no UTF-8"),
        pytest.param(
            b'a,b\n"x\xc3\n\xa9",1\nc,d\n', ['"x\\xc3\n\\xa9",1'], id="a character torn by a line end"
        ),
        pytest.param(b'a,b\n"1","2\n3,"4"\nc,d', ['"1","2'], id="a quote left open before one that is closed"),
        pytest.param(b"a,b\r\nx\r\nc,d\r\n", ["x\r"], id="a short row that ends in CR LF"),
    ],
)
def test_a_damaged_line_costs_nothing_but_itself(data, damaged):
    lines, *_ = check(data, Dialect(fields=2))
    told = [
        data[line.start : line.stop].decode("utf-8", "backslashreplace") for line in lines if not line.cells
    ]
    assert [text.removesuffix("\n") for text in told] == damaged
    assert [line.cells for line in lines if line.cells][:1] == [("a", "b")]
    assert [line.cells for line in lines if line.cells][-1:] == [("c", "d")]


@pytest.mark.parametrize(
    ("cell", "cells"),
    [
        (b'5" pipe', '5" pipe'),
        (b'"5"" pipe"', '5" pipe'),
        (b'"a\r\nb"', "a\r\nb"),
        (b"a\rb", "a\rb"),
        (b' "a"', ' "a"'),
        (b'""', ""),
        (b'""""', '"'),
        (b'"', None),
    ],
)
def test_a_cell_is_what_rfc_4180_says(cell, cells):
    lines, *_ = check(b"x," + cell + b"\ny,z\n", Dialect(fields=2))
    assert lines[0].cells == (None if cells is None else ("x", cells))


def test_a_record_of_more_than_a_mebibyte():
    long, wide = b"x" * (1 << 20), (b"y" * 63 + b"\n") * (1 << 14)
    data = b'a,b\n"%b",1\n%b,2\n"%b",3\n"%b",4\nc,d\n' % (long[:-8], long, wide[:-8], wide)
    lines, *_ = scanned(data, Dialect(fields=2))
    sound = [line for line in lines if line.cells]
    assert [line.cells[1] for line in sound] == ["b", "1", "2", "3", "d"]
    assert sound[-1].line == data.count(b"\n")
    # the quote that joins too many lines was not meant to: each of them is damaged by itself
    assert len(lines) - len(sound) == (1 << 14) + 1
    assert sum(line.stop - line.start for line in lines) == len(data)


def test_a_line_without_end_is_no_list(monkeypatch):
    monkeypatch.setattr(scanner, "MAX_LINE", 1000)
    with pytest.raises(UnreadableInput, match="line 2 is longer"):
        scanned(b"a,b\n" + b"x" * 2000, Dialect(fields=2), block=100)


def test_goes_on_from_the_line_it_is_told():
    lines, *_ = scanned(b'head\n"a\nb",1\nc,2\n', Dialect(fields=2), start=5, line=2)
    assert [(line.start, line.line) for line in lines] == [(5, 2), (13, 4)]


def test_nothing_is_found_in_nothing():
    assert scanned(b"", Dialect(fields=2)) == ([], 0, 0)


@given(st.lists(st.text(max_size=8), min_size=1, max_size=30), st.integers(1, 30))
def test_columns_hold_the_text_of_their_cells(cells, block):
    data = "".join('"' + cell.replace('"', '""') + '",1\n' for cell in cells).encode()
    lines, *_ = scanned(data, Dialect(fields=2), block)
    assert [line.cells[0] if line.cells else "\0" for line in lines] == [
        "\0" if "\0" in cell else cell for cell in cells
    ]
