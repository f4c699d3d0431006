"""CSS as mail uses it: declarations, colours and their contrast (WCAG 2.2), lengths, simple selectors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from hygiene.content.knowledge import data

Colour: TypeAlias = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
DEFAULT_FONT_PX = 16.0

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_DECLARATION = re.compile(r"((?:[^;\"'()]|\"[^\"]*\"|'[^']*'|\([^()]*\)|[\"'()])+)")
_SIMPLE = re.compile(r"(?:[a-z][a-z0-9]*)?(?:[.#][\w-]+)?", re.IGNORECASE)
_LENGTH = re.compile(r"(-?\d{0,6}(?:\.\d{1,6})?)(px|pt|em|rem|%)?")
_HEX = re.compile(r"#([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})")
_RGB = re.compile(r"rgba?\(\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})\s*(?:[,/]\s*([\d.]+%?)\s*)?\)")
_FONT_SIZES = {
    "xx-small": 9.0,
    "x-small": 10.0,
    "small": 13.0,
    "medium": 16.0,
    "large": 18.0,
    "x-large": 24.0,
    "xx-large": 32.0,
}
_FONT_STEPS = (10.0, 13.0, 16.0, 18.0, 24.0, 32.0, 48.0)  # <font size="1"> to 7


@dataclass(frozen=True, kw_only=True)
class Style:
    """What a run of text looks like, as far as the mail says; None where that cannot be told."""

    colour: Colour | None = BLACK
    colour_said: bool = False  # the text's colour is the mail's own, not the client's
    background: Colour | None = WHITE
    ground_said: bool = False  # the background is the mail's own, not the client's
    size_px: float | None = DEFAULT_FONT_PX
    bold: bool = False
    hidden: str = ""  # the declaration that hides it


Declarations: TypeAlias = dict[str, str]


def declarations(text: str) -> Declarations:
    """Properties and values, lower case, the last of each kept.

    >>> declarations("Color: RED; background:url('a;b') /* x */")
    {'color': 'red', 'background': "url('a;b')"}
    """
    found = {}
    for piece in _DECLARATION.findall(_COMMENT.sub(" ", text)):
        name, colon, value = piece.partition(":")
        if colon and name.strip():
            found[name.strip().lower()] = value.replace("!important", "").strip().lower()
    return found


@dataclass(frozen=True)
class Sheet:
    """The style elements of a mail: declarations by simple selector; `grounds`: others set backgrounds."""

    simple: Mapping[str, Declarations]
    grounds: bool
    text: str

    def of(self, tag: str, classes: str, name: str) -> Declarations:
        """What the simple selectors say of an element, weakest first."""
        keys = [tag]
        for one in classes.split():
            keys += [f".{one}", f"{tag}.{one}"]
        if name:
            keys += [f"#{name}", f"{tag}#{name}"]
        found: Declarations = {}
        for key in keys:
            found.update(self.simple.get(key, {}))
        return found


def read_sheet(text: str) -> Sheet:
    """Style rules outside of @media and its like, whose conditions nobody knows here."""
    plain = _COMMENT.sub(" ", text).replace("<!--", " ").replace("-->", " ")
    outside = _without_blocks(plain)
    simple: dict[str, Declarations] = {}
    grounds = False
    for block in outside.split("}"):
        heads, _, body = block.rpartition("{")
        found = declarations(body) if heads else {}
        for head in heads.split(","):
            selector = head.strip()
            if selector and _SIMPLE.fullmatch(selector):
                tag, mark, rest = re.match(r"([^.#]*)([.#]?)(.*)", selector).groups()  # type: ignore[union-attr]
                simple.setdefault(f"{tag.lower()}{mark}{rest}", {}).update(found)
            elif selector and ":" not in selector and any(name.startswith("background") for name in found):
                grounds = True
    return Sheet(simple, grounds, plain)


def _without_blocks(text: str) -> str:
    """The text without at-rules and their blocks."""
    kept, depth, skip, start = [], 0, False, 0
    for match in re.finditer(r"[{}]|@[\w-]+|;", text):
        mark = match.group()
        if mark.startswith("@") and not depth and not skip:
            kept.append(text[start : match.start()])
            skip = True
        elif mark == "{":
            depth += 1
        elif mark == "}" and depth:
            depth -= 1
        if skip and not depth and mark in {"}", ";"}:
            skip, start = False, match.end()
    return "".join([*kept, "" if skip else text[start:]])


def colour(text: str) -> Colour | None:
    """A colour that covers what is below it; None for what is none, or partly clear.

    >>> colour("#fff"), colour("rgb(1, 2, 3)"), colour("navy"), colour("rgba(0,0,0,.5)")
    ((255, 255, 255), (1, 2, 3), (0, 0, 128), None)
    """
    word = text.strip().lower()
    word = str(data("colours").get(word, word))
    if match := _HEX.fullmatch(word):
        digits = match[1] if len(match[1]) > 4 else "".join(digit * 2 for digit in match[1])
        if digits[6:] not in {"", "ff"}:
            return None
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)
    match = _RGB.fullmatch(word)
    if not match or match[4] not in {None, "1", "1.0", "100%"}:
        return None
    return min(int(match[1]), 255), min(int(match[2]), 255), min(int(match[3]), 255)


def contrast(one: Colour, other: Colour) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2.2, relative luminance).

    >>> round(contrast((255, 255, 255), (0, 0, 0))), round(contrast((119, 119, 119), (255, 255, 255)), 2)
    (21, 4.48)
    """
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def readable(text: Colour, ground: Colour, ratio: float) -> Colour:
    """The nearest shade of a colour, towards black or white, that stands out enough.

    >>> hexadecimal(readable((153, 153, 153), WHITE, 4.5))
    '#767676'
    """
    goals = sorted((BLACK, WHITE), key=lambda goal: -contrast(goal, ground))
    for step in range(1, 101):
        shade = tuple(round(one + (end - one) * step / 100) for one, end in zip(text, goals[0], strict=True))
        if contrast((shade[0], shade[1], shade[2]), ground) >= ratio:
            return shade[0], shade[1], shade[2]
    return goals[0]


def _luminance(of: Colour) -> float:
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
        for share in (channel / 255 for channel in of)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def hexadecimal(of: Colour) -> str:
    """As written in a mail: #rrggbb."""
    return "#{:02x}{:02x}{:02x}".format(*of)


def pixels(text: str, *, of: float | None = None) -> float | None:
    """A length in px; `of` is what em and % refer to; None for what cannot be told.

    >>> pixels("12pt"), pixels("50%", of=20), pixels("0"), pixels("auto")
    (16.0, 10.0, 0.0, None)
    """
    match = _LENGTH.fullmatch(text.strip().lower())
    if not match or match[1] in {"", "-", ".", "-."}:
        return None
    value, unit = float(match[1]), match[2] or "px"
    if unit in {"em", "%"}:
        return None if of is None else value * of / (100 if unit == "%" else 1)
    return value * {"px": 1.0, "pt": 4 / 3, "rem": DEFAULT_FONT_PX}[unit]


def styled(parent: Style, css: Declarations, attributes: Mapping[str, str], tag: str) -> Style:
    """The style of an element inside `parent`."""
    style = replace(parent, bold=_bold(parent, css, tag), size_px=_size(parent, css, attributes, tag))
    if (text := css.get("color", attributes.get("color", "") if tag == "font" else "")) and text != "inherit":
        style = replace(style, colour=colour(text), colour_said=True)
    elif tag == "a" and "href" in attributes and "color" not in css:
        style = replace(style, colour=None)  # the client's own colour of links
    for value in _backgrounds(css, attributes):
        style = replace(style, background=_background(parent, value), ground_said=True)
    if style.hidden.startswith("font-size") and (tag == "img" or (style.size_px or 0) > 1):
        style = replace(style, hidden="")  # text without size hides no picture, and its size can be set anew
    return style if style.hidden else replace(style, hidden=_hiding(css, attributes))


def _bold(parent: Style, css: Declarations, tag: str) -> bool:
    weight = css.get("font-weight", "")
    if weight.isdigit():
        return int(weight) >= 700
    return {"bold": True, "bolder": True, "normal": False}.get(
        weight, parent.bold or tag in {"b", "strong", "th", "h1", "h2", "h3", "h4"}
    )


_HEADING_PX = {"h1": 32.0, "h2": 24.0, "h3": 18.72, "small": 13.0}


def _size(parent: Style, css: Declarations, attributes: Mapping[str, str], tag: str) -> float | None:
    text = css.get("font-size", "")
    if not text and (short := re.search(r"(?:^|\s)(\d[\d.]*(?:px|pt|em|rem|%))", css.get("font", ""))):
        text = short[1]
    if text and text != "inherit":
        return _FONT_SIZES.get(text, pixels(text, of=parent.size_px))
    if tag == "font" and attributes.get("size", "").strip() in set("1234567"):
        return _FONT_STEPS[int(attributes["size"]) - 1]
    return _HEADING_PX.get(tag, parent.size_px)


def _backgrounds(css: Declarations, attributes: Mapping[str, str]) -> Iterator[str]:
    if attributes.get("bgcolor"):
        yield attributes["bgcolor"]
    if attributes.get("background"):
        yield "url()"
    yield from (css[name] for name in ("background", "background-color") if css.get(name))
    if css.get("background-image", "none") != "none":
        yield "url()"


def _background(parent: Style, value: str) -> Colour | None:
    """The colour of a background; None for pictures and what is partly clear."""
    if value in {"transparent", "none", "inherit", "initial"}:
        return parent.background
    if "url(" in value or "gradient(" in value:
        return None
    return colour(value) or next((found for word in value.split() if (found := colour(word))), None)


def _hiding(css: Declarations, attributes: Mapping[str, str]) -> str:
    """The declaration by which nobody sees an element; ''."""
    if "hidden" in attributes:
        return "hidden"
    checks = {"display": "none", "visibility": "hidden"}
    for name, value in checks.items():
        if css.get(name) == value:
            return f"{name}: {value}"
    if css.get("opacity") and pixels(css["opacity"]) == 0:
        return "opacity: 0"
    if (size := pixels(css.get("font-size", ""))) is not None and size <= 1:
        return f"font-size: {css['font-size']}"
    if "hidden" in css.get("overflow", ""):
        for name in ("max-height", "height", "max-width", "width"):
            if pixels(css.get(name, "")) == 0:
                return f"{name}: 0"
    return ""
