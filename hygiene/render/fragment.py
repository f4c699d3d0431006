"""Documents as a piece of HTML for notebooks: what the page has in `main`, under a style that stays inside.

The page's own rules are nested under one class, named thrice so that they outweigh those of the notebook. It is
dark where the notebook says it is, not where the system does: a notebook has a theme of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Final

from hygiene.files import packaged_text
from hygiene.render.page import render_page
from hygiene.render.sections import Document, FindingList, Section

SCOPE: Final = ".hygiene-result.hygiene-result.hygiene-result"
_OPEN: Final = 3  # sections that are not folded
#: how JupyterLab, VS Code and Colab, and Sphinx themes call a dark page
_DARK_HOSTS: Final = (
    ':is([data-jp-theme-light="false"], .vscode-dark, .vscode-high-contrast, '
    '[theme="dark"], [data-theme="dark"])'
)
_MAIN: Final = re.compile(r"<main[^>]*>(.*)</main>", re.DOTALL)
_DARK: Final = re.compile(
    r"@media \(prefers-color-scheme: dark\) \{\s*:root \{(?P<tokens>[^}]*)\}\s*\}", re.DOTALL
)
#: selectors of the whole page, which the piece takes the place of
_WHOLE: Final = re.compile(r"(?m)(?<![\w-])(?::root|html|body)(?=\s*[,{])")
_PAGED: Final = re.compile(r"@page[^{]*\{[^}]*\}")
_ID: Final = re.compile(r'<article class="document" id="d\d+">')


def render_fragment(documents: Sequence[Document]) -> str:
    """The piece; texts are escaped as on the page.

    What stands below a result in a notebook must not be pages away: the first sections and the findings are
    open, the others folded.
    """
    page = render_page([_folded(document) for document in documents], title="")
    found = _MAIN.search(page)
    assert found is not None  # noqa: S101 - our own page
    body = _ID.sub('<article class="document">', found[1])
    return f'<div class="hygiene-result">\n<style>\n{_style()}</style>\n{body.strip()}\n</div>'


def _folded(document: Document) -> Document:
    shown = [each for each in document.sections if not (each.detail or each.drawn)]
    first = [id(each) for each in shown[:_OPEN]]
    sections = (replace(each, detail=id(each) not in first and not _finds(each)) for each in document.sections)
    return replace(document, sections=tuple(sections))


def _finds(section: Section) -> bool:
    return not section.detail and any(isinstance(block, FindingList) for block in section.blocks)


@cache
def _style() -> str:
    css = packaged_text("hygiene.render", "page.css")
    dark = _DARK.search(css)
    tokens = dark["tokens"].strip() if dark else ""
    inside = _WHOLE.sub("&", _PAGED.sub("", _DARK.sub("", css)))
    own = packaged_text("hygiene.render", "fragment.css")
    scoped = f"{SCOPE} {{\n{inside}{own}}}\n"
    return f"{scoped}{_DARK_HOSTS} {SCOPE} {{ color-scheme: dark; {tokens} }}\n"
