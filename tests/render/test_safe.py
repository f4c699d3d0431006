import re

import pytest
from hypothesis import given
from markdown_it import MarkdownIt

from hygiene.render.safe import (
    lines_of,
    markdown_block,
    markdown_code,
    markdown_html,
    markdown_link,
    markdown_text,
    printable,
    web_link,
)

from .render_samples import HOSTILE, texts

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def html_text(html: str) -> str:
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        html = html.replace(entity, character)
    return html


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 日本 ©", "plain é 日本 ©"),
        ("\x1b[31m\0\n\r\t\x7f\x9b", r"\x1b[31m\x00\x0a\x0d\x09\x7f\x9b"),
        ("\u202e\u2066\u200b\u2028\u2029\ufeff", r"\u202e\u2066\u200b\u2028\u2029\ufeff"),
        ("\ud800\ue000\U000e0041\ufe0f\u3164", r"\ud800\ue000\U000e0041\ufe0f\u3164"),
        ("71.5\N{NO-BREAK SPACE}%", "71.5\N{NO-BREAK SPACE}%"),
        ("\xad", r"\xad"),  # latin-1 soft hyphen
        ("❤\ufe0f ✈\ufe0f 1\ufe0f\u20e3", "❤\ufe0f ✈\ufe0f 1\ufe0f\u20e3"),  # as subject lines have them
        ("👩\u200d👧 🏳\ufe0f\u200d🌈 👍🏽\u200d🌈", "👩\u200d👧 🏳\ufe0f\u200d🌈 👍🏽\u200d🌈"),
        ("❤\ufe0f\ufe0f 1\ufe0f a\ufe0f", r"❤" "\ufe0f" r"\ufe0f 1\ufe0f a\ufe0f"),  # bits hidden in letters
        ("👩\u200d a\u200d👧 \u200d❤", r"👩\u200d a\u200d👧 \u200d❤"),
        (
            "❤\ufe0f 👩🏽\u200d🌾 1\ufe0f\u20e3 🏳\ufe0f\u200d🌈",
            "❤\ufe0f 👩🏽\u200d🌾 1\ufe0f\u20e3 🏳\ufe0f\u200d🌈",
        ),
        ("می\u200cخواهم क्\u200dष", "می\u200cخواهم क्\u200dष"),
        ("👩\u200d a\u200db \ufe0fa\ufe0f1\ufe0f", r"👩\u200d a\u200db \ufe0fa\ufe0f1\ufe0f"),
        ("👩\u200d\u200d👩 ❤\ufe0f\ufe0f \u200cخ", r"👩\u200d\u200d👩 ❤" + "\ufe0f" + r"\ufe0f \u200cخ"),
    ],
)
def test_printable(text, shown):
    assert printable(text) == shown


@given(texts)
def test_printable_hides_nothing_and_is_stable(text):
    hiding = (
        r"[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff]|[ -~][\u200c\u200d]"
    )
    assert re.search(hiding, printable(text)) is None
    assert printable(printable(text)) == printable(text)


def test_lines_of_splits_at_newlines_only():
    assert lines_of("a\nb\u2028c\x0bd\n") == ["a", r"b\u2028c\x0bd"]


@given(texts)
def test_markdown_text_is_nothing_but_text(text):
    html = MARKDOWN.render(markdown_text(text))
    assert set(re.findall(r"</?\w+", html)) <= {"<p", "</p", "<code", "</code"}
    assert html_text(re.sub(r"</?(?:p|code)>", "", html)).strip() == printable(text).strip()


@given(texts)
def test_what_would_be_linked_later_is_code(text):
    bare = re.sub(r"<code>.*?</code>", "", MARKDOWN.render(markdown_text(text)))
    assert re.search(r"://|@|www\.|#\d", bare, re.IGNORECASE) is None


@given(texts)
def test_markdown_code_shows_the_text_exactly(text):
    html = MARKDOWN.renderInline(markdown_code(text))
    shown = printable(text)
    assert html_text(html) == (f"<code>{shown}</code>" if shown else "")


@given(texts, texts)
def test_a_table_row_keeps_its_cells(left, right):
    row = f"| {markdown_code(left, in_table=True)} | {markdown_text(right)} |"
    html = MARKDOWN.render(f"| a | b |\n| --- | --- |\n{row}")
    assert html.count("<td>") == 2
    shown = printable(left)
    assert f"<td>{f'<code>{shown}</code>' if shown else ''}</td>" in html_text(html)


@given(texts)
def test_a_block_ends_where_it_should(text):
    html = MARKDOWN.render(f"{markdown_block(text)}\n\nend")
    assert (
        html_text(html)
        == f'<pre><code class="language-text">{chr(10).join(lines_of(text))}\n</code></pre>\n<p>end</p>\n'
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_html_within_markdown(text):
    assert re.findall(r"<(?!/?code>)", markdown_html(text)) == []


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://www.rfc-editor.org/rfc/rfc7208#section-4.6.4", True),
        ("HTTP://x.example/a?b=c&d=(e)", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//x.example", False),
        ("https://", False),
        ("https://[x", False),
        ("https://rfc-editor.org@evil.example/", False),
        ('https://x.example/"onclick="', False),
        ("https://x.example/\n", False),
        ("https://x.example/a b", False),
        ("https://xn--é.example/", False),
    ],
)
def test_web_link(url, link):
    assert web_link(url) == (url if link else "")


def test_markdown_link():
    assert (
        markdown_link("RFC [1]", "https://x.example/?a=1&b") == r"[RFC \[1\]](<https://x.example/?a=1&amp;b>)"
    )
    assert markdown_link("RFC", "javascript:x") == "RFC"
