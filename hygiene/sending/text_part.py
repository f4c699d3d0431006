"""The text part of a mail, made from its HTML: every word, link and alternative text, good to read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from hygiene.errors import UsageError
from hygiene.sending.tags import SetAside, set_aside

MAX_DEPTH: Final = 150  # elements inside each other

_SKIPPED: Final = frozenset({"head", "style", "script", "title", "template", "noscript", "svg", "object"})
_PARAGRAPHS: Final = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "pre", "dl"})
_LINES: Final = frozenset(
    {
        "div",
        "table",
        "tbody",
        "thead",
        "tfoot",
        "tr",
        "section",
        "article",
        "header",
        "footer",
        "main",
        "center",
    }
    | {"dt", "dd", "address", "figure", "figcaption", "body", "nav", "aside", "form", "fieldset"}
)
_BLOCKS: Final = _PARAGRAPHS | _LINES | {"hr", "img", "br", "li"}
_HIDDEN: Final = re.compile(r"display\s*:\s*none|mso-hide\s*:\s*all|visibility\s*:\s*hidden", re.IGNORECASE)
_FILL: Final = re.compile("[\u034f\u200b-\u200d\u2060\u00ad\ufeff]+")
_SPACES: Final = re.compile(r"[ \t\r\n\f\v]+")
_FINAL_TAG: Final = re.compile(r"(?<![-+])%\}$")
_FOLLOWED: Final = ("http:", "https:", "mailto:", "tel:")


def make_text(html: str, *, name: str = "the HTML") -> str:
    """Plain text with the template tags of the HTML; raises UsageError for HTML that is no document."""
    from lxml import etree
    from lxml import html as reader

    aside = set_aside(html, name=name, finished=True)
    try:
        parser = reader.HTMLParser(encoding="utf-8", remove_pis=True)
        root = reader.document_fromstring(aside.markup.encode("utf-8"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        raise UsageError(f"{name} holds nothing to read") from None
    writer = _Writer(aside)
    writer.element(root, 0)
    return writer.whole()


class _Writer:
    """Lines of text, and how much room the next one wants above it."""

    def __init__(self, aside: SetAside) -> None:
        self.aside = aside
        self.done: list[str] = []  # whole lines
        self.line = ""
        self.room = 0  # line breaks owed
        self.tagged = False  # whether the last line is a tag by itself: what it chooses brings its own room
        self.indent = ""

    def whole(self) -> str:
        """Everything, without blank lines at its ends."""
        self.end_line()
        return "\n".join(self.done).strip("\n") + "\n"

    # Elements

    def element(self, node: Any, depth: int) -> None:
        """An element and all in it."""
        tag = node.tag if isinstance(node.tag, str) else ""
        if depth > MAX_DEPTH:
            raise UsageError(f"the HTML is nested deeper than {MAX_DEPTH} elements: no client shows that well")
        if tag in _SKIPPED or _HIDDEN.search(node.get("style") or ""):
            return
        if tag == "br":
            self.end_line()
        elif tag == "hr":
            self.rule()
        elif tag == "img":
            self.write(node.get("alt") or "")
        elif tag == "a":
            self.anchor(node, depth)
        elif tag in _PARAGRAPHS | _LINES:
            self.block(node, tag, depth)
        elif tag in {"td", "th"}:
            self.cell(node, depth)
        else:
            self.inside(node, depth)

    def inside(self, node: Any, depth: int) -> None:
        """What stands in an element."""
        self.write(node.text or "")
        for number, child in enumerate(node):
            if isinstance(child.tag, str):
                if child.tag == "li":
                    self.item(node, number)
                self.element(child, depth + 1)
                if child.tag == "li":
                    self.break_line(1)
            else:
                self.comment(child)
            self.write(child.tail or "")

    def block(self, node: Any, tag: str, depth: int) -> None:
        """A paragraph, or a row of a layout, has a blank line around it, other blocks a line of their own."""
        apart = tag in _PARAGRAPHS and not _within_list(node, tag)
        want = 2 if apart or (tag == "tr" and _holds_blocks(node)) else 1
        self.break_line(want)
        before = self.indent
        if tag in {"ul", "ol", "blockquote"} and _within_list(node, tag):
            self.indent += "  "
        self.inside(node, depth)
        self.indent = before
        self.break_line(want)

    def item(self, node: Any, number: int) -> None:
        """The sign before an item of a list."""
        self.break_line(1)
        items = [child for child in node[: number + 1] if child.tag == "li"]
        self.write_raw(f"{len(items)}. " if node.tag == "ol" else "- ")

    def cell(self, node: Any, depth: int) -> None:
        """Cells of words stand beside each other, cells of blocks below each other."""
        if _holds_blocks(node):
            self.break_line(1)
            self.inside(node, depth)
            self.break_line(1)
            return
        self.inside(node, depth)
        if node.getnext() is not None and self.line.strip():
            self.line = f"{self.line.rstrip()}  "

    def anchor(self, node: Any, depth: int) -> None:
        """A link as its words and where they lead."""
        href = self.tags(node.get("href") or "").strip()
        led = href.startswith("{") or href.lower().startswith(_FOLLOWED)
        start, lines = len(self.line), len(self.done)
        self.inside(node, depth)
        if not led:
            return
        words = self.line[start:].strip() if len(self.done) == lines else self.line.strip()
        target = re.sub(r"^(mailto|tel):", "", href, flags=re.IGNORECASE)
        if target in words:
            return
        if not words:
            self.write_raw(target)
        else:
            self.line = f"{self.line.rstrip()}{'' if words.endswith(':') else ':'} {target}"

    def comment(self, node: Any) -> None:
        """A template tag, where the comment is the mark of one."""
        mark = str(node.text or "").strip()
        tag = self.aside.tags.get(mark) if isinstance(node.tag, type(_comment())) else None
        if tag is None:
            return
        if tag.startswith("{%") and not self.line.strip():
            self.own_line(tag)
        else:
            self.write_raw(tag)

    # Lines

    def tags(self, text: str) -> str:
        """A text with its template tags."""
        return self.aside.pattern.sub(lambda found: self.aside.tags[found[found.lastindex or 0]], text)

    def write(self, text: str) -> None:
        """Words of the page: blanks are one blank."""
        words = _SPACES.sub(" ", _FILL.sub("", text).replace("\xa0", " "))
        if not self.line.strip():
            words = words.lstrip()
        if words:
            self.write_raw(self.tags(words))

    def write_raw(self, text: str) -> None:
        """Text as it is."""
        if self.line.endswith(" ") and text.startswith(" "):
            text = text[1:]
        if not self.line and text:
            self.open_line()
        self.line += text

    def own_line(self, tag: str) -> None:
        """A tag that chooses or repeats takes no room in what is written."""
        self.end_line()
        owed, self.room = self.room, 0
        if self.done and owed > 1 and not self.tagged:
            self.done.append("")
        self.done.append(tag)
        self.tagged = True

    def open_line(self) -> None:
        """Give the room that is owed."""
        if self.done and self.room > 1 and self.done[-1] and not self.tagged:
            self.done.append("")
        self.tagged = False
        self.room = 0
        self.line = self.indent

    def end_line(self) -> None:
        """The line is whole."""
        if self.line.strip():
            self.done.append(_FINAL_TAG.sub("+%}", self.line.rstrip()))  # which keeps the line break behind it
        self.line = ""

    def break_line(self, room: int) -> None:
        """Begin a new line with so much room above it."""
        self.end_line()
        self.room = max(self.room, room)

    def rule(self) -> None:
        """A line across."""
        self.break_line(2)
        self.write_raw("-" * 20)
        self.break_line(2)


def _holds_blocks(node: Any) -> bool:
    return any(isinstance(each.tag, str) and each.tag in _BLOCKS for each in node.iterdescendants())


def _within_list(node: Any, tag: str) -> bool:
    return any(parent.tag in {"li", "ul", "ol"} for parent in _parents(node)) and tag != "p"


def _parents(node: Any) -> Iterator[Any]:
    parent = node.getparent()
    while parent is not None:
        yield parent
        parent = parent.getparent()


def _comment() -> Any:
    from lxml import etree

    return etree.Comment
