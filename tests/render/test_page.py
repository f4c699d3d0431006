import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.render.markdown import render_markdown
from hygiene.render.page import render_page
from hygiene.render.sections import Cell, FindingList, Headline, Paragraph, Part, Section, Split, Table, Tone
from hygiene.render.terminal import render_terminal

from .render_samples import HOSTILE, KEPT, LOOKUPS, REASONS, SHOP, documents, texts

VOID = {"meta", "link"}
OURS = set(
    re.findall(
        r"\w+",
        """
    html head meta title link style body main h1 h2 h3 h4 nav table thead tbody tr th td a article header p
    span strong div section details summary ul li pre code footer svg rect""",
    )
)


class Outline(HTMLParser):
    """The tags of a page in order, checked for being closed in turn."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def body(page):
    return page[page.index("<body>") :]


def page_of(*blocks):
    return render_page([replace(SHOP, sections=(Section(title="S", blocks=blocks),))], title="T")


def test_the_page_needs_nothing_beside_it():
    page = render_page([SHOP, SHOP], title="Audit")
    assert page.startswith('<!doctype html>\n<html lang="en">')
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in page
    assert not re.search(r"<script|src=|@import|url\(|\son\w+=", page)
    assert set(re.findall(r'href="([^"#][^"]*)"', page)) == {"data:,", LOOKUPS.source}
    assert len(page) < 60_000


def test_the_bytes_are_deterministic():
    assert render_page([SHOP], title="Audit") == render_page([SHOP], title="Audit")


def test_headings_come_in_order():
    tags = Outline(render_page([SHOP, SHOP], title="Audit")).tags
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h\d", tag)]
    assert levels == [1, *[2, 3, 3, 4, 4, 3] * 2]


def test_several_documents_have_an_overview_that_links():
    page = render_page([SHOP, SHOP], title="Audit")
    assert re.findall(r'<a href="#(d\d)">', page) == re.findall(r'id="(d\d)"', page) == ["d1", "d2"]
    assert 'overview"' not in body(render_page([SHOP], title="Audit"))


def test_the_hero():
    assert """\
<p class="verdict warn"><span class="label">grade</span> <strong>C</strong></p>
<div>
<h2>shop.example</h2>
<p class="note"><span class="mark warn" aria-hidden="true">!</span>1 finding · 1 unknown</p>
""" in render_page([SHOP], title="Audit")


@pytest.mark.parametrize(
    ("verdict", "big", "note"),
    [
        ("C at best", "<strong>C</strong>", "at best · n"),
        ("97.4 %", "<strong>97.4 %</strong>", "n"),
        ("not determined", None, "not determined · n"),
    ],
)
def test_a_verdict_is_as_large_as_it_is_short(verdict, big, note):
    headline = Headline(subject="s", verdict=verdict, note="n", tone=Tone.PLAIN)
    page = render_page([replace(SHOP, headline=headline)], title="T")
    assert f'<p class="note">{note}</p>' in page
    assert ("<strong>" in page) is bool(big)
    assert big is None or big in page


def test_a_table():
    rows = ((Cell("k1"), Cell("1024", Tone.WARN)), (Cell("BIMI"), Cell("", Tone.MUTED)))
    page = page_of(Table(columns=("Key", "Bits"), rows=rows, align="lr"))
    assert '<th scope="row">k1</th><td class="r"><span class="mark warn" aria-hidden="true">!</span>' in page
    assert '<span class="mark muted" role="img" aria-label="none">–</span></td>' in page


def test_a_table_keeps_the_place_of_a_mark_free_and_draws_bars():
    page = page_of(REASONS)
    assert '<table class="told">' in page
    assert '<th scope="row"><span class="mark" aria-hidden="true"></span>bounced</th>' in page
    assert 'aria-hidden="true"><rect width="100.00%" height="100%" rx="2"/></svg></td>' in page
    assert '<rect width="2.00%"' in page  # next to nothing, and yet to be seen


def test_a_split_is_drawn_to_scale_with_its_figures():
    page = page_of(KEPT)
    assert '<rect class="good" x="0.00%" width="71.50%" height="100%"/>' in page
    assert '<rect class="plain" x="71.50%" width="28.50%" height="100%"/>' in page
    assert '<strong>861,204</strong> <span class="share">71.5 %</span>' in page
    assert '<p class="note">clean.csv</p>' in page


@pytest.mark.parametrize("shares", [(1.0, 1e-9), (0.0, 0.0), (float("nan"), 2.0), ()])
def test_no_strip_is_longer_than_its_box(shares):
    parts = tuple(Part(label="p", figure="1", share=share) for share in shares)
    ends = [
        sum(map(float, found)) for found in re.findall(r' x="(.*?)%" width="(.*?)%"', page_of(Split(parts)))
    ]
    assert len(ends) == len(shares)
    assert all(end <= 100.01 for end in ends)


def test_what_is_said_of_details_left_out_is_not_said_where_they_are():
    brief = Paragraph("388 more: --verbose", brief=True)
    shop = replace(SHOP, sections=(Section(title="S", blocks=(brief, Paragraph("and this"))),))
    assert "--verbose" not in render_page([shop], title="T")
    assert "--verbose" not in render_markdown([shop])
    assert "--verbose" not in render_terminal(shop, width=80, colour=False, verbose=True)
    assert "388 more: --verbose" in render_terminal(shop, width=80, colour=False)


def test_long_evidence_is_folded_and_all_of_it_is_there():
    evidence = tuple(f"line {number}" for number in range(30))
    page = page_of(FindingList((replace(LOOKUPS, evidence=evidence),)))
    assert "<summary>22 more</summary>" in page
    assert page.index("line 7<") < page.index("22 more") < page.index("line 8<")
    assert all(f">{line}</code>" in page for line in evidence)
    assert "<summary>" not in body(page_of(FindingList((replace(LOOKUPS, evidence=evidence[:8]),))))


def test_figures_do_not_break_from_their_units():
    page = page_of(Paragraph("not < 0.1 %, but 71.5 % are; {% raw %} < b"))
    assert "; {% raw %} &lt; b" in page
    assert "not &lt;\N{NO-BREAK SPACE}0.1\N{NO-BREAK SPACE}%, but 71.5\N{NO-BREAK SPACE}% are" in page
    code = page_of(FindingList((replace(LOOKUPS, fix="a < b % c", evidence=("a < b % c",)),)))
    assert code.count("a &lt; b % c") == 2  # what is to be copied stays as it is


def test_words_of_a_wrapping_cell_are_kept_whole_unless_they_are_long():
    hosts = Cell("customers.example.com, gmail.com, yahoo.com")
    assert '<td class="w">' in page_of(Table(rows=((Cell("a"), hosts),)))
    assert '<td class="w k">' in page_of(Table(rows=((Cell("a"), replace(hosts, text="x" * 40)),)))


def test_numbered_steps_stand_beside_their_number():
    steps = tuple(
        (Cell(f"{number}"), Cell("do this, and then do that, as long as it takes")) for number in (1, 2)
    )
    assert '<table class="numbered">' in page_of(Table(rows=steps))
    assert "numbered" not in body(page_of(Table(rows=steps[::-1])))
    assert "numbered" not in body(page_of(Table(rows=steps, columns=("", "what"))))


def test_a_fix_keeps_its_lines():
    assert ">a (\n  b\n)</code></pre>" in page_of(FindingList((replace(LOOKUPS, fix="a (\n  b\n)\n"),)))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_inert(text):
    finding = replace(LOOKUPS, title=text, why=text + ".", evidence=(text,), fix=text, source=text, rule=text)
    page = page_of(FindingList((finding,)))
    assert "<script" not in page
    assert "<a " not in body(page)
    assert re.search(r"[^\n -~\u00a0-\u1fff\u2010-\u2027\u2030-\uffff]", page) is None


@given(st.lists(documents, max_size=2), texts)
def test_any_document_is_our_markup_only(several, title):
    page = render_page(several, title=title)
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\ud800-\udfff]", page) is None
    outline = Outline(page)
    assert set(outline.tags) <= OURS
    assert not any(name.startswith("on") or name == "style" for name, _ in outline.attributes)
