"""A result inside a notebook: all of the page's content, and a style that stays inside."""

import re

import pytest

from hygiene.audit.run import audit_domain
from hygiene.content.lint import lint_content
from hygiene.finding import Finding, Severity
from hygiene.render.fragment import SCOPE, render_fragment
from hygiene.render.sections import Cell, Document, FindingList, Headline, Paragraph, Section, Table, Tone
from hygiene.resolver import Zone

HOSTILE = "</main><script>alert(1)</script><style>*{color:red}</style>"
DOCUMENT = Document(
    headline=Headline(subject=HOSTILE, verdict="C", tone=Tone.BAD, label="grade"),
    sections=(
        Section(title=HOSTILE, blocks=(Paragraph("prose"), Table(rows=((Cell(HOSTILE, code=True),),)))),
        Section(title="More", blocks=(Paragraph("the last word"),), detail=True),
    ),
)


@pytest.fixture
def fragment():
    return render_fragment([DOCUMENT])


def style(fragment):
    (found,) = re.findall(r"<style>(.*?)</style>", fragment, re.DOTALL)
    return re.sub(r"/\*.*?\*/", "", found, flags=re.DOTALL)


def top_rules(css):
    """The selectors that stand in no other rule."""
    depth, start, found = 0, 0, []
    for place, letter in enumerate(css):
        if letter == "{":
            if not depth:
                found.append(css[start:place].strip())
            depth += 1
        elif letter == "}":
            depth -= 1
            start = place + 1
    assert depth == 0
    return found


def test_every_rule_is_about_the_piece_alone(fragment):
    rules = top_rules(style(fragment))
    assert len(rules) == 2
    assert rules[0] == SCOPE
    assert rules[1].endswith(f" {SCOPE}")
    assert "," not in rules[1].replace(rules[1][rules[1].index("(") : rules[1].index(")")], "")


def test_no_rule_is_about_the_whole_page(fragment):
    assert not re.search(r"(?<![\w-])(:root|html|body)(?![\w-])", style(fragment))
    assert not re.search(r"@(import|font-face|page)", style(fragment))
    assert "url(" not in style(fragment)


def test_the_notebook_says_whether_it_is_dark_not_the_system(fragment):
    css = style(fragment)
    assert "prefers-color-scheme" not in css
    dark = css[css.index('[data-jp-theme-light="false"]') :]
    light = css[: css.index('[data-jp-theme-light="false"]')]
    tokens = set(re.findall(r"(--[a-z-]+): ?#", dark))
    assert tokens
    assert tokens <= set(re.findall(r"(--[a-z-]+): ?#", light))
    assert {"--ink", "--card", "--page", "--good", "--bad"} <= tokens


def test_it_is_a_piece_and_holds_all(fragment):
    assert fragment.startswith('<div class="hygiene-result">')
    assert fragment.endswith("</div>")
    assert not re.search(r"<(html|head|body|main|title|meta|link|script|iframe)\b", fragment)
    assert "the last word" in fragment
    assert ' id="' not in fragment


def test_hostile_texts_stay_texts(fragment):
    assert fragment.count("<style>") == 1
    assert "<script" not in fragment
    assert fragment.count("&lt;/main&gt;&lt;script&gt;") == 4  # the table's name, too


def test_results_show_themselves_so():
    audit = audit_domain("shop.example", resolver=Zone({}), second_opinion=False)
    assert audit._repr_html_() == render_fragment([audit.sections()])
    assert repr(audit).startswith("<Audit shop.example: grade F")


def test_the_frame_of_an_audit_has_the_types_it_means():
    audit = audit_domain("shop.example", resolver=Zone({}), second_opinion=False)
    types = audit.to_frame().dtypes.astype(str)
    assert types.pop("severity") == "category"
    assert set(types) == {"string"}
    assert audit.to_frame().shape[0] == len(audit.findings) > 0


def test_the_frames_of_findings_are_alike_and_sort_by_gravity():
    frame = lint_content(subject="LAST CHANCE TO BUY", html="<p>hi</p>").to_frame()
    assert frame["severity"].cat.ordered
    types = frame.dtypes.astype(str)
    assert types.pop("severity") == "category"
    assert set(types) == {"string"}
    assert lint_content(subject="Our spring loaves").to_frame().dtypes.equals(frame.dtypes)


def test_what_stands_below_a_result_is_not_pages_away():
    """The first three sections and the findings are open, the others folded; nothing is left out."""
    finding = Finding(id="x", title="It is so", area="a", subject="s", severity=Severity.HIGH)
    titles = ("First", "Drawn", "Second", "Third", "Fourth")
    sections = [
        Section(title=title, blocks=(Paragraph(f"of {title}"),), drawn=title == "Drawn") for title in titles
    ]
    sections.append(Section(title="Findings", blocks=(FindingList((finding,)),)))
    shown = render_fragment([Document(headline=DOCUMENT.headline, sections=tuple(sections))])
    assert re.findall(r'<details class="section">\s*<summary><h3>(.*?)</h3>', shown) == ["Drawn", "Fourth"]
    assert all(f"of {title}" in shown for title in titles)


def test_facts_are_named_and_not_written_out():
    audit = audit_domain("shop.example", resolver=Zone({}), second_opinion=False)
    assert re.fullmatch(r"<Facts shop.example: \d+ answers, 0 pages>", repr(audit.facts))
