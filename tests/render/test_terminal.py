import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.render.pen import Pen, cells, wrap
from hygiene.render.safe import lines_of
from hygiene.render.sections import Cell, Document, FindingList, Section, Table, Tone, Tree
from hygiene.render.terminal import render_terminal
from hygiene.render.terminal_table import table_lines

from .render_samples import HOSTILE, KEPT, LOOKUPS, REASONS, SHOP, documents

SGR = re.compile(r"\x1b\[[0-9;]+m")


def drawn(*blocks, width=60, **options):
    document = replace(SHOP, sections=(Section(title="", blocks=blocks),), footer="")
    return render_terminal(document, width=width, colour=False, **options).split("\n\n", 1)[1]


def test_a_document():
    assert (
        render_terminal(SHOP, width=72, colour=False)
        == """\
shop.example                             grade C · 1 finding · 1 unknown
Gmail would refuse bulk mail.

  Would bulk mail be accepted?
  Gmail   ✗ no    SPF is broken
  Yahoo   ✓ yes   as of 2026-05
  BIMI    –

  Findings
  high      spf-too-many-lookups   sure
            SPF needs 11 look-ups
            Receivers stop at ten (RFC 7208 §4.6.4).
            seen   v=spf1 a mx include:_spf.google.com ~all
            fix
shop.example. TXT "v=spf1 include:_spf.google.com ip4:192.0.2.10 ~all"

  unknown   dkim-selector-not-found   k2._domainkey.shop.example
            No answer for k2

55 answers in 0.09 s
"""
    )


def test_details_are_for_the_verbose():
    assert """
  How SPF is evaluated
  v=spf1 …
  ├─ include:a
  │  └─ ✗ ip4
  └─ mx
""" in render_terminal(SHOP, width=72, colour=False, verbose=True)


def test_a_fix_stands_beside_its_label_when_it_fits():
    assert f"            fix    {LOOKUPS.fix}\n" in render_terminal(SHOP, width=100, colour=False)


def test_a_long_fix_is_never_broken():
    fix = 'x. TXT ( "' + "A" * 255 + '"\n  "B" )'
    assert f"            fix\n{fix}\n" in drawn(FindingList((replace(LOOKUPS, fix=fix),)))


def test_evidence_hangs():
    key = "v=DKIM1; p=" + "M" * 60
    assert drawn(FindingList((replace(LOOKUPS, evidence=(key, "second"), fix=""),))).endswith("""\
            seen   v=DKIM1; p=MMMMMMMMMMMMMMMMMMMMMMMMMMMM
                     MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM
                   second
""")


def test_much_evidence_is_counted():
    finding = replace(LOOKUPS, evidence=tuple(map(str, range(20))))
    assert "… and 12 more" in drawn(FindingList((finding,)))
    assert "more" not in drawn(FindingList((finding,)), verbose=True)


def test_wide_characters_and_figures_align():
    rows = (
        (Cell("日本語"), Cell("1,204"), Cell("x")),
        (Cell("é"), Cell("7", Tone.BAD), Cell("y")),
    )
    assert (
        drawn(Table(columns=("Name", "Sent", ""), rows=rows, align="lr"))
        == """\
  Name      Sent
  日本語   1,204     x
  é            7 ✗   y
"""
    )


def test_prose_in_a_table_wraps():
    rows = ((Cell("SPF"), Cell("", Tone.BAD), Cell("word " * 14), Cell("aside", Tone.MUTED)),)
    assert (
        drawn(Table(rows=rows))
        == """\
  SPF   ✗ word word word word word word word word      aside
          word word word word word word
"""
    )


def test_a_split_is_a_line_a_part():
    assert (
        drawn(KEPT)
        == """\
  ✓ kept       861,204   71.5 %   ████████▌   clean.csv
    rejected   343,307   28.5 %   ███▌
"""
    )
    assert "  + kept       861,204   71.5 %   ########=   clean.csv\n" in drawn(KEPT, encoding="ascii")


def test_bars_go_where_there_is_no_room():
    assert (
        drawn(REASONS, width=90)
        == """\
    reason      rows                  what it means
    bounced   12,004   ████████████   mail to this address came back for good
  ! role           3   ▌              the address of a task
"""
    )
    assert (
        drawn(REASONS, width=64)
        == """\
    reason      rows   what it means
    bounced   12,004   mail to this address came back for good
  ! role           3   the address of a task
"""
    )


def test_prose_that_would_be_spelt_hangs_below_its_row():
    rows = ((Cell("duplicate-mailbox-of-somebody"), Cell("1,000"), Cell("another spelling of the row kept")),)
    assert (
        drawn(Table(columns=("reason", "rows", "what it means"), rows=rows, align="lrl"))
        == """\
  reason                           rows
  duplicate-mailbox-of-somebody   1,000
      another spelling of the row kept
"""
    )


def test_a_table_too_wide_becomes_records():
    rows = ((Cell("spring"), *[Cell("1,000,000,000", Tone.BAD)] * 5),)
    assert drawn(Table(columns=("campaign", *"abcde"), rows=rows, align="lrrrrr")).startswith("""\
  campaign   spring
  a          ✗ 1,000,000,000
""")


def test_ascii_where_the_stream_needs_it():
    text = render_terminal(SHOP, width=72, colour=False, verbose=True, encoding="ascii")
    assert text.isascii()
    assert "grade C - 1 finding" in text
    assert "  Gmail   x no " in text
    assert "  |- include:a\n  |  `- x ip4\n  `- mx\n" in text


def test_colour_is_only_an_addition():
    coloured = render_terminal(SHOP, width=72, colour=True)
    assert SGR.sub("", coloured) == render_terminal(SHOP, width=72, colour=False)
    assert "\x1b[31mhigh\x1b[0m" in coloured
    assert "\x1b[35munknown\x1b[0m" in coloured


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_and_inert(text):
    finding = replace(LOOKUPS, id=text, title=text, evidence=(text,), fix=text)
    shown = drawn(Tree(Cell(text)), FindingList((finding,)), width=200)
    assert re.search(r"[^\n -~\u00a0-\uffff]", shown) is None
    assert "[bold]" not in text or "[bold]" in shown


@given(
    documents, st.integers(20, 140), st.booleans(), st.booleans(), st.sampled_from(["utf-8", "ascii", "cp1252"])
)
def test_any_document_fits_and_holds_no_controls(document, width, colour, verbose, encoding):
    text = render_terminal(document, width=width, colour=colour, verbose=verbose, encoding=encoding)
    plain = SGR.sub("", text) if colour else text
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\ud800-\udfff]", plain) is None
    text.encode(encoding)
    fixes = {line for line in plain.split("\n") if line in _fixes(document, encoding)}
    assert all(cells(line) <= max(width, 60) for line in plain.split("\n") if line not in fixes)


def _fixes(document: Document, encoding: str) -> set[str]:
    blocks = [block for section in document.sections for block in section.blocks]
    lists = [block for block in blocks if isinstance(block, FindingList)]
    fixes = [line for block in lists for finding in block.findings for line in lines_of(finding.fix)]
    return {Pen(False, encoding).exact(line) for line in fixes}


@given(st.text("ab 日", max_size=60), st.integers(2, 20))
def test_wrapping_loses_only_blanks(text, width):
    lines = wrap(text, width)
    assert all(cells(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_records_have_no_bars():
    row = (Cell("a" * 40), Cell("b" * 40), Cell("", bar=1.0), Cell("1" * 30))
    lines = table_lines(Table(rows=(row,), align="lrlr"), Pen(False), 60)
    assert lines == ["a" * 40, "b" * 40, "1" * 30]


def test_an_empty_table_is_no_lines():
    assert table_lines(Table(rows=()), Pen(False), 60) == []


def test_emoji_are_as_wide_as_they_are_drawn():
    """Their style and joiners are left out: what they change of the width is a matter of the terminal."""
    pen = Pen(False)
    assert pen.prose("❤\ufe0f Sale 👩\u200d👧") == "❤ Sale 👩👧"
    assert pen.exact("a\u200db") == r"a\u200db"
