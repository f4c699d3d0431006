import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from hygiene.render.markdown import render_markdown
from hygiene.render.sections import FindingList, Section

from .render_samples import HOSTILE, KEPT, LOOKUPS, REASONS, SHOP, documents

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OWN_TAGS = {
    "h2",
    "h3",
    "h4",
    "p",
    "strong",
    "code",
    "pre",
    "ul",
    "li",
    "a",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
}
OWN_TAGS |= {"td", "details", "summary", "sub"}


def test_a_document():
    assert (
        render_markdown([SHOP])
        == """\
## shop.example

! **grade C · 1 finding · 1 unknown**

Gmail would refuse bulk mail.

### Would bulk mail be accepted?

|  |  |  |
| --- | --- | --- |
| Gmail | ✗ no | SPF is broken |
| Yahoo | ✓ yes | as of 2026-05 |
| BIMI | – |  |

### Findings

#### ✗ high: `spf-too-many-lookups` · sure

**SPF needs 11 look-ups**

Receivers stop at ten. ([RFC 7208 §4.6.4](<https://www.rfc-editor.org/rfc/rfc7208#section-4.6.4>))

- `v=spf1 a mx include:_spf.google.com ~all`

Fix:

```text
shop.example. TXT "v=spf1 include:_spf.google.com ip4:192.0.2.10 ~all"
```

#### ? unknown: `dkim-selector-not-found` · k2.\\_domainkey.shop.example

**No answer for k2**

<details><summary>How SPF is evaluated</summary>

- `v=spf1 …`
  - `include:a`
    - ✗ ip4
  - mx

</details>

<sub>55 answers in 0.09 s</sub>
"""
    )


def test_shares_are_drawn_with_characters():
    document = replace(SHOP, sections=(Section(title="", blocks=(KEPT, REASONS)),))
    text = render_markdown([document])
    assert (
        "| ✓ kept | 861,204 | 71.5 % | ████████▌ | clean.csv |\n| rejected | 343,307 | 28.5 % | ███▌ |  |"
        in text
    )
    assert "| bounced | 12,004 | ████████████ | mail to" in text
    assert "| ! role | 3 | ▌ | the" in text


def test_several_documents_have_an_overview():
    assert render_markdown([SHOP, SHOP]).startswith(
        "|  | Verdict |  |\n| --- | --- | --- |\n| shop.example | ! grade C · 1 finding · 1 unknown |"
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_inert(text):
    finding = replace(LOOKUPS, title=text, why=text + ".", evidence=(text,), fix=text, source=text, rule=text)
    document = replace(SHOP, sections=(Section(title=text, blocks=(FindingList((finding,)),), detail=True),))
    html = MARKDOWN.render(render_markdown([document]))
    assert "<script" not in html
    assert "<a" not in html
    assert "href" not in html


@given(st.lists(documents, max_size=2))
def test_any_document_is_our_markup_only(several):
    text = render_markdown(several)
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\ud800-\udfff]", text) is None
    html = MARKDOWN.render(text)
    assert set(re.findall(r"</?(\w+)", html)) <= OWN_TAGS
    assert set(re.findall(r"<(?:\w+) (\w+)=", html)) <= {"style", "class", "href"}
