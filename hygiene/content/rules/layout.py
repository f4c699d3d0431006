"""Rules of layout: phones, fonts, contrast, what screen readers need."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hygiene.content.knowledge import limit
from hygiene.content.page import Element, Page, Run
from hygiene.content.registry import rule
from hygiene.content.style import WHITE, contrast, hexadecimal, pixels, readable
from hygiene.finding import Confidence, Evidence, Open, Problem, Severity


@rule(
    severity=Severity.LOW,
    source="wcag-reflow",
    why="Without it phones show the mail as a small desktop.",
    fix='<meta name="viewport" content="width=device-width, initial-scale=1">',
)
def viewport_missing(page: Page) -> Evidence:
    """The HTML has no viewport"""
    if not any(each.get("name").lower() == "viewport" for each in page.all("meta")):
        yield 'no <meta name="viewport">'


@rule(
    severity=Severity.MEDIUM,
    source="wcag-reflow",
    why="On a phone the mail scrolls sideways, or shrinks until nobody can read it.",
    fix='<table role="presentation" width="100%" style="max-width:600px">',
    confidence=Confidence.LIKELY,
)
def too_wide_for_phone(page: Page) -> Evidence:
    """A fixed width is wider than a phone"""
    adapts = bool(re.search(r"@media[^{]{0,200}max-(?:device-)?width", page.sheet.text))
    for each in page.all("table", "td", "div", "img", "center"):
        width = _width(each)
        if width is None or each.css.get("max-width", "").endswith("%"):
            continue
        if width > limit("width_px"):
            yield f"{each.place} is {width:g} px wide"
        elif width > 480 and each.tag == "table" and not adapts and "max-width" not in each.css:
            yield Problem(
                evidence=f"{each.place} is {width:g} px wide, and nothing adapts it (no @media)",
                severity=Severity.LOW,
            )


def _width(element: Element) -> float | None:
    text = element.css.get("width") or element.get("width")
    return None if text.endswith("%") else pixels(text)


@rule(
    severity=Severity.LOW,
    source="wcag-target",
    why="Fingers miss what is so small, and press what stands beside it.",
    fix="padding: 14px 24px; font-size: 16px",
    confidence=Confidence.LIKELY,
)
def touch_target_small(page: Page) -> Evidence:
    """A button is too small for a finger"""
    for link in page.links:
        element = page.elements[link.number] if link.number >= 0 else None
        if element is None or link.hidden or not link.looks_like_button or link.has_image:
            continue
        high = _height(page, element)
        if high is not None and high < limit("target_easy_px"):
            yield Problem(
                evidence=f"{link.place} {link.label[:40]!r} is about {high:.0f} px high",
                severity=None if high < limit("target_px") else Severity.INFO,
            )


_LINE_HEIGHT = 1.2  # of the font's size, where nothing else is said


def _height(page: Page, link: Element) -> float | None:
    """How high a button is, with its own padding and that of the cell it fills; None where nobody says."""
    said = max((pixels(link.css.get(name, "")) or 0 for name in ("height", "min-height")), default=0)
    line = pixels(link.css.get("line-height", ""))
    inside = max(said, line or (link.style.size_px or 0) * _LINE_HEIGHT)
    cell = next((each for each in page.around(link, 2) if each.tag in {"td", "th"}), None)
    paddings = [_padding(page, link), _padding(page, cell) if cell is not None else 0.0]
    return None if None in paddings or not inside else inside + sum(each or 0 for each in paddings)


def _padding(page: Page, element: Element) -> float | None:
    """Above and below together; None for what cannot be told."""
    css = {**page.sheet.of(element.tag, element.get("class"), element.get("id")), **element.css}
    sides = css.get("padding", "0").split()
    above, below = sides[:1], (sides[2:3] or sides[:1])
    values = [
        pixels(css.get(f"padding-{side}", (short or ["0"])[0]), of=element.style.size_px)
        for side, short in (("top", above), ("bottom", below))
    ]
    return None if None in values else sum(each or 0 for each in values)


@rule(
    severity=Severity.LOW,
    source="practice",
    why="Smaller text is hard to read on a phone; iPhones enlarge what is below 13 px, and break the layout.",
    fix="font-size: 16px",
    confidence=Confidence.LIKELY,
)
def font_too_small(page: Page) -> Evidence:
    """Text is smaller than 14 px"""
    small = [run for run in page.visible if run.element.style.size_px is not None]
    small = [run for run in small if (run.element.style.size_px or 0) < limit("font_px") and len(run.says) > 2]
    letters = sum(len(run.says) for run in small)
    share = letters / max(len(page.words), 1)
    for run in small:
        size = run.element.style.size_px or 0
        severity = None if share > 0.5 or size < 10 else Severity.INFO  # a small footer is usual
        yield Problem(evidence=f"{run.element.place} {run.says[:40]!r}: {size:g} px", severity=severity)


@rule(
    severity=Severity.MEDIUM,
    source="wcag-contrast",
    why="Many people cannot read it, and nobody can in the sun.",
    fix="color: #333333 on background-color: #ffffff",
    confidence=Confidence.LIKELY,
)
def contrast_low(page: Page) -> Evidence:
    """Text stands out too little from its background"""
    for run, ratio in _contrasts(page):
        style = run.element.style
        large = (style.size_px or 0) >= (18.66 if style.bold else 24)
        wanted = 3.0 if large else 4.5
        if 1.1 <= ratio < wanted and style.colour and style.background:
            colours = f"{hexadecimal(style.colour)} on {hexadecimal(style.background)}"
            cut = int(ratio * 100) / 100  # not rounded: 4.499 is not 4.5
            if page.may_differ(style):
                yield Open(
                    f"{run.element.place} {run.says[:40]!r}: {cut}:1, unless a style rule says otherwise"
                )
                continue
            better = readable(style.colour, style.background, wanted)
            yield Problem(
                evidence=f"{run.element.place} {run.says[:40]!r}: {colours} is {cut}:1, {wanted}:1 is wanted",
                fix=f"color: {hexadecimal(better)}  /* instead of {colours} */",
            )
    for run in page.visible:
        if run.element.style.background is None and run.element.style.colour is not None:
            yield Open(
                f"{run.element.place} {run.says[:40]!r}: a picture, or a colour that lets through, lies below"
            )


def _contrasts(page: Page) -> Iterator[tuple[Run, float]]:
    known: dict[tuple[object, object], float] = {}
    for run in page.visible:
        style = run.element.style
        if style.colour is None or style.background is None:
            continue
        pair = (style.colour, style.background)
        if pair not in known:
            known[pair] = contrast(style.colour, style.background)
        yield run, known[pair]


@rule(
    severity=Severity.INFO,
    source="caniemail",
    why="In dark mode clients then choose the colours, each in its own way; look at the mail there.",
    fix='<meta name="color-scheme" content="light dark">\n'
    "<style>@media (prefers-color-scheme: dark) { .text { color: #eeeeee !important } }</style>",
    confidence=Confidence.GUESS,
)
def dark_mode_unprepared(page: Page) -> Evidence:
    """The mail is not made for dark mode"""
    said = [each.get("content").lower() for each in page.all("meta") if each.get("name").lower() in _SCHEMES]
    if not said and "color-scheme" not in page.sheet.text:
        yield 'no <meta name="color-scheme">'
    elif any("dark" in each for each in said) and "prefers-color-scheme" not in page.sheet.text:
        for run in page.visible:
            style = run.element.style
            if style.ground_said and style.background and not style.colour_said and style.colour:
                yield Problem(
                    evidence=f"{run.element.place} {run.says[:40]!r}: the mail says that it knows dark mode, "
                    f"where text is white, and has it on {hexadecimal(style.background)}",
                    severity=Severity.LOW if contrast(WHITE, style.background) < 3 else None,
                    fix="color: #333333",
                )


_SCHEMES = {"color-scheme", "supported-color-schemes"}


@rule(
    severity=Severity.LOW,
    source="wcag-language",
    why="Screen readers otherwise read it in the language of the device.",
    fix='<html lang="en">',
)
def language_missing(page: Page) -> Evidence:
    """The HTML does not say its language"""
    root = next(iter(page.all("html")), None)
    if root is not None and not root.get("lang"):
        yield f"{root.at}: <html> without lang" if "<html" in page.source[:5000].lower() else "no <html lang=…>"


@rule(
    severity=Severity.INFO,
    source="wcag-title",
    why="It is what a browser tab shows, and some screen readers say first.",
    fix="<title>The subject once more</title>",
)
def title_missing(page: Page) -> Evidence:
    """The HTML has no title"""
    if not page.title:
        yield "no <title>, or an empty one"


@rule(
    severity=Severity.LOW,
    source="html-tables",
    why="Screen readers otherwise read the layout aloud: table, one row, two columns.",
    fix='<table role="presentation" cellpadding="0" cellspacing="0">',
    confidence=Confidence.LIKELY,
)
def table_without_role(page: Page) -> Evidence:
    """A table of the layout does not say that it is one"""
    data = {
        page.elements[each.parent].number for each in page.all("th", "caption", "thead") if each.parent >= 0
    }
    with_heads = {around.number for each in data for around in _tables(page, page.elements[each])}
    for each in page.all("table"):
        if each.get("role").lower() not in {"presentation", "none"} and each.number not in with_heads:
            yield each.place


def _tables(page: Page, element: Element) -> Iterator[Element]:
    """The table next around an element."""
    return (each for each in (element, *page.around(element, 3)) if each.tag == "table")
