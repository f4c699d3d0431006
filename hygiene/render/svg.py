"""Matplotlib's SVG made fit for a page: shapes and texts only, in colours that follow light and dark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring
from markupsafe import Markup, escape

#: the colours drawn with → what they are on the page; each is a property that page.css sets for light and dark
COLOURS: Final = {
    "#010101": "--ink",
    "#020202": "--soft",
    "#030303": "--line",
    "#040404": "--accent",
    "#050505": "--good",
    "#060606": "--warn",
    "#070707": "--bad",
    "#080808": "--unknown",
    "#090909": "--card",
    "#0a0a0a": "--rest",
    "#0b0b0b": "--pale",
}
INK, SOFT, LINE, ACCENT, GOOD, WARN, BAD, UNKNOWN, CARD, REST, PALE = COLOURS

_NUMBER: Final = re.compile(r"-?\d+\.\d+")
_KEPT: Final = {
    "path": ("fill", "fill-opacity", "opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap"),
    "text": ("font-size", "font-weight", "text-anchor", "fill"),
}
#: what an SVG takes for granted, and what the element says of all that is in it
_DEFAULTS: Final = {
    *(("text-anchor", "start"), ("stroke-width", "1")),
    *(("fill", "none"), ("stroke-linecap", "square"), ("font-size", "12px")),
}
_COMMAND: Final = re.compile(r" ?([A-Za-z]) ?")


def tidy(drawn: bytes, *, width: float, height: float, summary: str) -> Markup:
    """The shapes and texts of a drawing, in an element that says what it shows."""
    shapes = Markup("").join(_shapes(fromstring(drawn)))
    inherited = Markup('fill="none" stroke-linecap="square" font-size="12"')
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}" {}>{}</svg>').format(
        f"{width:g}", f"{height:g}", summary, inherited, shapes
    )


def _shapes(element: Any) -> Iterator[Markup]:
    for child in element:
        name = child.tag.rpartition("}")[2]
        if name in {"defs", "metadata"}:
            continue
        if name == "path":
            if path := _path(child):
                yield path
        elif name == "text":
            yield _text(child)
        else:
            yield from _shapes(child)


def _path(element: Element) -> Markup:
    outline = _COMMAND.sub(r"\1", _rounded(" ".join(element.get("d", "").split())))
    style = _style(element, "path")
    return Markup('<path d="{}" style="{}"/>').format(outline, style) if outline and style else Markup("")


def _text(element: Element) -> Markup:
    x, y = element.get("x"), element.get("y")
    if x is None or y is None:  # turned or moved as a whole
        place = Markup('transform="{}"').format(_rounded(element.get("transform", "")))
    else:
        place = Markup('x="{}" y="{}"').format(_rounded(x), _rounded(y))
    content = escape("".join(element.itertext()))
    return Markup('<text {} style="{}">{}</text>').format(place, _style(element, "text"), content)


def _style(element: Element, kind: str) -> str:
    pairs = [pair.partition(":") for pair in element.get("style", "").split(";")]
    told = {name.strip(): value.strip() for name, _, value in pairs if value}
    if "font" in told:  # weight and size, then the family, which is the page's
        size = re.search(r"(\d+(?:\.\d+)?)px", told["font"])
        told |= {"font-size": f"{size[1]}px"} if size else {}
        told |= {"font-weight": "600"} if re.match(r"(?:bold|600)", told["font"]) else {}
    kept = {name: told[name] for name in _KEPT[kind] if name in told and (name, told[name]) not in _DEFAULTS}
    return ";".join(f"{name}:{_coloured(value)}" for name, value in kept.items())


def _coloured(value: str) -> str:
    return f"var({COLOURS[value]})" if value in COLOURS else _rounded(value)


def _rounded(numbers: str) -> str:
    """Coordinates to a tenth, which is all that a screen can show."""
    return _NUMBER.sub(lambda found: f"{float(found[0]):.1f}".removesuffix(".0"), numbers)
