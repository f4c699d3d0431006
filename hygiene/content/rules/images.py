"""Rules of images."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from hygiene.content.knowledge import features, limit
from hygiene.content.page import Element, Page
from hygiene.content.registry import rule
from hygiene.finding import Confidence, Evidence, Problem, Severity

_USELESS = re.compile(
    r"(?:image|img|picture|photo|bild|logo|banner|header|spacer)[ _-]?\d*|[\w %-]+\.(?:png|jpe?g|gif|webp|svg)",
    re.IGNORECASE,
)
_LOCAL = re.compile(
    r"file:|[a-z]:\\|/(?!/)|\.\.?/|[\w-]+\.(?:png|jpe?g|gif|webp)$|https?://(?:localhost|127\.|10\.|192\.168\.)",
    re.IGNORECASE,
)


def _shown(page: Page) -> Iterator[Element]:
    """The images that people see."""
    return (each for each in page.images if each.number not in page.pixels)


def _pasted(image: Element, **changes: str) -> str:
    """The element with attributes changed."""
    attributes = {**image.attributes, **changes}
    return "<img " + " ".join(f'{name}="{escape(value[:200])}"' for name, value in attributes.items()) + ">"


@rule(
    severity=Severity.MEDIUM,
    source="wcag-alt",
    why='With images off, and to screen readers, the picture is not there. alt="" says that it only decorates.',
    fix='<img src="…" alt="what the picture says" width="…">',
)
def image_without_alt(page: Page) -> Evidence:
    """An image has no alternative text"""
    for image in _shown(page):
        link = page.elements[image.link] if image.link >= 0 else None
        if "alt" not in image.attributes:
            yield Problem(evidence=image.place, fix=_pasted(image, alt="what the picture says"))
        elif link is not None and not image.get("alt") and not _words_in(page, link):
            yield Problem(
                evidence=f"{image.place} is all that a link shows, and its alt is empty",
                fix=_pasted(image, alt="where the link leads"),
            )


def _words_in(page: Page, link: Element) -> bool:
    return any(run.element.link == link.number for run in page.visible)


@rule(
    severity=Severity.LOW,
    source="wcag-alt",
    why="A file's name read aloud helps nobody.",
    fix='alt="what the picture says"',
)
def image_alt_useless(page: Page) -> Evidence:
    """The alternative text of an image says nothing"""
    for image in _shown(page):
        if _USELESS.fullmatch(image.get("alt")):
            yield f"{image.place} alt={image.get('alt')!r}"


@rule(
    severity=Severity.LOW,
    source="practice",
    why="Outlook for Windows shows the picture in its own size, and every client moves the text when it loads.",
    fix='<img src="…" alt="…" width="600" style="max-width:100%;height:auto">',
)
def image_without_width(page: Page) -> Evidence:
    """An image has no width"""
    for image in _shown(page):
        if not re.fullmatch(r"\d+(?:px|%)?", image.get("width")):
            styled = "; Outlook for Windows wants the attribute" if image.css.get("width") else ""
            width = re.match(r"\d+", image.css.get("width", ""))
            yield Problem(
                evidence=f"{image.place}{styled}", fix=_pasted(image, width=width[0] if width else "600")
            )


@rule(
    severity=Severity.HIGH,
    source="spamassassin",
    why="With images off nothing is said, and filters distrust what they cannot read.",
    fix="write the message as text, and let pictures support it",
    confidence=Confidence.LIKELY,
)
def images_instead_of_text(page: Page) -> Evidence:
    """The mail is mostly pictures"""
    shown = list(_shown(page))
    words = len(page.words)
    if not shown or words >= limit("text_per_image") * 4:
        return
    if words < limit("text_per_image"):
        yield f"{words} characters of text; images: {len(shown)}"
    elif words < limit("text_per_image") * len(shown) / 2:
        yield Problem(evidence=f"{words} characters of text; images: {len(shown)}", severity=Severity.MEDIUM)


@rule(
    severity=Severity.INFO,
    source="practice",
    why="It counts opens, and machines fetch it, too: opens say little about people.",
    fix="nothing, if you measure clicks as well",
)
def tracking_pixel(page: Page) -> Evidence:
    """The mail holds a tracking pixel"""
    for each in page.all("img"):
        if each.number in page.pixels:
            alone = len(page.pixels) == len(page.all("img"))
            yield f"{each.place}{', the only image' if alone else ''}"


@rule(
    severity=Severity.LOW,
    source="caniemail",
    why="Outlook for Windows shows none: what is said on it, or in white on it, is lost.",
    fix='<td bgcolor="#203040" style="background:#203040 url(…)">',
)
def background_image(page: Page) -> Evidence:
    """The mail uses background images"""
    for each in page.elements:
        value = each.get("background") or each.css.get("background-image", "") or each.css.get("background", "")
        if each.get("background") or "url(" in value:
            plain = each.get("bgcolor") or each.css.get("background-color")
            yield Problem(
                evidence=f"{each.place}{'' if plain else ', without a plain colour below it'}",
                severity=Severity.INFO if plain else None,
            )
    if re.search(r"background(?:-image)?\s{0,9}:[^;}]{0,300}url\(", page.sheet.text):
        yield "in a style element"


@rule(
    severity=Severity.MEDIUM,
    source="practice",
    why="Gmail and Outlook for Windows show no such image.",
    fix='<img src="https://…/picture.png" alt="…">, or attach it and write src="cid:…"',
)
def image_as_data(page: Page) -> Evidence:
    """An image stands in the HTML as data"""
    for image in page.images:
        if image.get("src").lower().startswith("data:"):
            yield f'{image.at}: <img src="{image.get("src")[:24]}…">, {len(image.get("src")):,} characters'


@rule(
    severity=Severity.LOW,
    source="caniemail",
    why="Some large clients do not show images of this kind.",
    fix="export it as PNG or JPEG",
)
def image_format_unsupported(page: Page) -> Evidence:
    """An image is of a kind that clients do not show"""
    for image in page.images:
        path = re.split(r"[?#]", image.get("src").lower())[0]
        feature = features("image").get(path.rpartition(".")[2])
        if feature:
            clients = ", ".join(feature.without)
            yield Problem(
                evidence=f"{image.place}: not in {clients} (tested {feature.tested})", fix=feature.fix
            )


@rule(
    severity=Severity.MEDIUM,
    source="practice",
    why="Readers see a broken picture.",
    fix='<img src="https://www.shop.example/picture.png" alt="…">',
)
def image_source_unreachable(page: Page) -> Evidence:
    """An image has an address that readers cannot fetch"""
    for image in page.images:
        source = image.get("src")
        if not source:
            yield f"{image.place}: no src"
        elif _LOCAL.match(source):
            yield image.place
