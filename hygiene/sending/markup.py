"""Markup as it leaves: MJML made HTML, styles written into the elements, the preheader put in front.

Once a campaign. Nothing is fetched and no file is read. Template tags stay what they are.
"""

from __future__ import annotations

import re
from typing import Final

from markupsafe import escape

from hygiene.errors import UsageError
from hygiene.sending.tags import SetAside, pieces, put_back, set_aside

MAX_SOURCE: Final = 1_000_000  # characters of a template

MAX_DEPTH: Final = 400  # elements inside each other; parsers of mail have no more room

#: elements that end without saying so, or hold nothing
_UNCOUNTED: Final = frozenset(
    {"p", "li", "td", "th", "tr", "dt", "dd", "tbody", "thead", "tfoot", "option", "colgroup", "area", "base"}
    | {"br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
    | {"mj-image", "mj-divider", "mj-spacer", "mj-include"}
)
_TAG: Final = re.compile(r"<(/?)([a-z][a-z0-9:-]*)[^<>]*?(/?)>", re.IGNORECASE)
_BODY: Final = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
_INCLUDE: Final = re.compile(r"<mj-include", re.IGNORECASE)
_PREVIEW: Final = re.compile(r"<mj-preview\b[^>]*>\s*[^\s<]", re.IGNORECASE)
_HIDDEN: Final = (
    "display:none;font-size:1px;line-height:1px;max-height:0;max-width:0;opacity:0;overflow:hidden;mso-hide:all"
)
#: blank characters behind a short preheader, so that clients do not fill up with the first words of the body
_FILL: Final = "&#847;&zwnj;&nbsp;" * 60


def make_html(source: str, *, mjml: bool, preheader: str = "", name: str = "the HTML") -> str:
    """The HTML of a campaign with its template tags; raises UsageError with one sentence.

    `source` is MJML or HTML, `preheader` a template of text.
    """
    if len(source) > MAX_SOURCE:
        raise UsageError(f"{name} is too large for a mail: {len(source):,} characters")
    if preheader and mjml and _PREVIEW.search(source):
        raise UsageError(f"{name} has an <mj-preview>, and the campaign a preheader: say it in one place")
    if _depth(source) > MAX_DEPTH:
        raise UsageError(f"{name} is nested deeper than {MAX_DEPTH} elements")
    aside = set_aside(source, name=name)
    if mjml:
        markup = _as_html(aside.markup, name)
    else:
        markup = _settled(_inlined(aside.markup, name, finish=not aside.styled), aside, source)
    whole = put_back(markup, aside, name=name)
    return _with_preheader(whole, preheader, name) if preheader else whole


def _depth(source: str) -> int:
    """How deep elements may come to stand in each other, at most."""
    depth = deepest = 0
    for closing, tag, empty in _TAG.findall(source):
        ended = empty and (tag[:3].lower() == "mj-" or ":" in tag)  # a slash ends no element of HTML
        if not ended and tag.lower() not in _UNCOUNTED:
            depth = max(depth - 1, 0) if closing else depth + 1
            deepest = max(deepest, depth)
    return deepest


def _as_html(markup: str, name: str) -> str:
    """MJML → HTML, which has its styles in its elements; of <mj-style> those that say inline="inline".

    Includes were read in before.
    """
    from mjml import mjml_to_html

    if _INCLUDE.search(markup):
        raise UsageError(f"{name}: an <mj-include> needs a path in quotes, of a file beside the campaign")
    try:
        return str(mjml_to_html(markup).html)
    except RecursionError:
        raise UsageError(f"{name} is nested too deeply") from None
    except Exception as error:  # the library raises whatever its element met
        raise UsageError(f"{name} is no MJML: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]


def _inlined(markup: str, name: str, *, finish: bool) -> str:
    """Rules of style elements written into the elements; what cannot be (media queries, :hover) stays.

    With `finish` rules that were written into elements go.
    """
    import css_inline

    inliner = css_inline.CSSInliner(
        load_remote_stylesheets=False,
        keep_style_tags=True,
        keep_link_tags=True,
        keep_at_rules=True,
        remove_inlined_selectors=finish,
    )
    try:
        return inliner.inline(markup)
    except (css_inline.InlineError, ValueError) as error:
        raise UsageError(f"{name}: its styles cannot be inlined: {_first_line(error)}") from None


def _settled(markup: str, aside: SetAside, source: str) -> str:
    """Marks before rows stand inside the tbody that the parser made up, and not in front of it."""
    if not aside.tags or re.search(r"<tbody\b", source, re.IGNORECASE):
        return markup
    mark = r"<!--[a-z]+\d+z-->"
    marks = rf"({mark}(?:\s*{mark})*\s*)<tbody>"
    return re.sub(marks, r"<tbody>\1", markup)


def _with_preheader(html: str, preheader: str, name: str) -> str:
    place = _BODY.search(html)
    if not place:
        raise UsageError(f"{name} has no <body> to put the preheader into")
    text = "".join(str(escape(each.text)) if each.kind == "data" else each.text for each in pieces(preheader))
    hidden = f'<div style="{_HIDDEN}">{text}{_FILL}</div>'
    return f"{html[: place.end()]}{hidden}{html[place.end() :]}"
