"""The HTML of a mail as a list of elements and runs of text, each with the style it has.

lxml reads it: libxml2 follows HTML's tokenisation, keeps line numbers, and neither recurses nor backtracks, as
Python's own parser may on hostile input.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from lxml import etree

from hygiene.content.links import Link
from hygiene.content.style import Sheet, Style, declarations, read_sheet, styled
from hygiene.errors import UnreadableInput

MAX_HTML_BYTES = 5_000_000  # fifty times what Gmail shows
MAX_ELEMENTS = 100_000
MAX_LINE = 65_535  # libxml2 counts no further

_SILENT = {"head", "title", "style", "script", "noscript", "template", "object", "svg", "iframe"}
_INLINE = {
    "a",
    "abbr",
    "b",
    "bdi",
    "bdo",
    "big",
    "cite",
    "code",
    "em",
    "font",
    "i",
    "ins",
    "del",
    "mark",
    "q",
    "s",
}
_INLINE |= {"small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u"}
BREAK = "\n"  # the run of a <br>
_ASIDE = re.compile(r"[\s\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2060-\u2064\ufeff]+")


@dataclass(frozen=True, kw_only=True)
class Element:
    """An element: attributes in lower case names, its own declarations, and the style inside it."""

    tag: str
    attributes: Mapping[str, str]
    css: Mapping[str, str]  # of its style attribute
    style: Style
    line: int
    parent: int  # number of the element around it; -1
    link: int  # number of the link it is in, or is; -1
    silent: bool  # its text is not shown: head, script and their like
    number: int

    def get(self, name: str) -> str:
        """An attribute, trimmed; '' when it is missing."""
        return self.attributes.get(name, "").strip()

    @property
    def place(self) -> str:
        """Where it stands, as said in evidence."""
        name = next((word for word in ("src", "href", "id", "class", "name", "style") if self.get(word)), "")
        value = self.get(name)
        shown = f' {name}="{value if len(value) <= 60 else value[:59] + "…"}"' if name else ""
        return f"{self.at}: <{self.tag}{shown}>"

    @property
    def at(self) -> str:
        """Its line."""
        return f"line {self.line}" if 0 < self.line < MAX_LINE else f"element {self.number + 1}"


@dataclass(frozen=True, kw_only=True)
class Run:
    """Text between two tags, as it stands, with the element it is in."""

    text: str
    element: Element

    @cached_property
    def says(self) -> str:
        """Its words, with what draws nothing left out."""
        return _ASIDE.sub(" ", self.text).strip()


@dataclass(frozen=True, kw_only=True)
class Page:
    """The HTML part of a mail."""

    elements: tuple[Element, ...]
    runs: tuple[Run, ...]
    comments: tuple[str, ...]
    sheet: Sheet
    title: str
    source: str

    def all(self, *tags: str) -> list[Element]:
        """The elements of these tags, in their order."""
        return [each for each in self.elements if each.tag in tags]

    @cached_property
    def visible(self) -> tuple[Run, ...]:
        """The runs that say something and are not hidden."""
        return tuple(run for run in self.runs if run.says and not run.element.style.hidden)

    @cached_property
    def words(self) -> str:
        """The visible text, on one line."""
        return " ".join(run.says for run in self.visible)

    @cached_property
    def running(self) -> str:
        """The visible text as it runs on: broken where a line or a block ends, and nowhere else."""
        return "\n".join(self.paragraphs)

    @cached_property
    def paragraphs(self) -> tuple[str, ...]:
        """The visible text from one line break or block to the next."""
        found: list[str] = []
        last = -1
        for run in self.runs:
            if run.element.style.hidden or run.element.silent:
                continue
            block = self._blocks[run.element.number]
            if block != last or run.text == BREAK:
                found.append("")
            found[-1] += "" if run.text == BREAK else run.text
            last = block
        lines = (" ".join(_ASIDE.sub(" ", each).split()) for each in found)
        return tuple(each for each in lines if each)

    @cached_property
    def _blocks(self) -> tuple[int, ...]:
        """The block that each element is in, or is; what is around an element comes before it."""
        found: list[int] = []
        for each in self.elements:
            inside = each.tag in _INLINE and each.parent >= 0
            found.append(found[each.parent] if inside else each.number)
        return tuple(found)

    def may_differ(self, style: Style) -> bool:
        """A style rule that is not followed here may give this text its background."""
        return self.sheet.grounds and not style.ground_said

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """The links with what they show."""
        inside: dict[int, list[str]] = {}
        pictures: dict[int, list[str]] = {}
        for run in self.visible:
            inside.setdefault(run.element.link, []).append(run.says)
        for image in self.images:
            pictures.setdefault(image.link, []).append(image.get("alt"))
        return tuple(
            Link(
                href=each.get("href"),
                text=" ".join(inside.get(each.number, ())),
                alt=" ".join(pictures.get(each.number, ())),
                has_image=each.number in pictures,
                place=each.place,
                hidden=bool(each.style.hidden),
                looks_like_button=self._is_button(each),
                number=each.number,
            )
            for each in self.all("a", "area")
            if "href" in each.attributes
        )

    @cached_property
    def images(self) -> tuple[Element, ...]:
        """The images that are not hidden."""
        return tuple(each for each in self.all("img") if not each.style.hidden)

    @cached_property
    def pixels(self) -> frozenset[int]:
        """Numbers of the images of at most two pixels, which only count opens."""
        return frozenset(each.number for each in self.all("img") if _is_pixel(each))

    def around(self, element: Element, levels: int) -> Iterator[Element]:
        """The elements around it, innermost first, at most so many."""
        while element.parent >= 0 and levels > 0:
            element = self.elements[element.parent]
            levels -= 1
            yield element

    def _is_button(self, link: Element) -> bool:
        """Padding and a background of its own, or of the cell it fills."""
        own = {**self.sheet.of("a", link.get("class"), link.get("id")), **link.css}
        if link.get("role") == "button" or re.search(r"\b(?:btn|button|cta)\b", link.get("class").lower()):
            return True
        coloured = "background" in own or "background-color" in own or "border" in own
        cell = next((each for each in self.around(link, 2) if each.tag in {"td", "th"}), None)
        padded = any(name.startswith("padding") for name in own) or own.get("display") == "inline-block"
        around = cell is not None and bool(
            cell.get("bgcolor") or {"background", "background-color"} & set(cell.css)
        )
        return padded and (coloured or around)


def _is_pixel(image: Element) -> bool:
    sizes = [image.get(name) or image.css.get(name, "") for name in ("width", "height")]
    return all(re.fullmatch(r"[012](?:px)?", size.strip()) for size in sizes)


def read_page(source: str) -> Page:
    """Read HTML; raises UnreadableInput for what is too large or too deep to be a mail."""
    if len(source) > MAX_HTML_BYTES:
        raise UnreadableInput(f"HTML of {len(source):,} characters is too large for a mail")
    if "\0" in source:
        raise UnreadableInput(
            "the HTML holds NUL characters: it is no text, or of another charset than it says"
        )
    parser = etree.HTMLParser(huge_tree=True, no_network=True, remove_pis=True, encoding="utf-8")
    root = etree.fromstring((source.strip() or "<html></html>").encode("utf-8", "replace"), parser)
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        raise UnreadableInput("the HTML is nested too deeply for any mail client to show")
    if root is None:
        return Page(elements=(), runs=(), comments=(), sheet=read_sheet(""), title="", source=source)
    before = source[: len(source) - len(source.lstrip())].count("\n")
    return _Walk(source, before).page(root)


class _Walk:
    """One pass over the tree, without recursion."""

    def __init__(self, source: str, lines_before: int) -> None:
        self.source, self.lines_before = source, lines_before
        self.elements: list[Element] = []
        self.runs: list[Run] = []
        self.comments: list[str] = []

    def page(self, root: etree._Element) -> Page:
        sheet = read_sheet("\n".join(each.text or "" for each in root.iter("style")))
        title = next((each.text or "" for each in root.iter("title")), "").strip()
        open_elements: list[Element] = []
        for event, node in etree.iterwalk(root, events=("start", "end", "comment")):
            if event == "comment":
                self.comments.append(node.text or "")
                self._say(node.tail, open_elements)
            elif event == "start":
                open_elements.append(self._enter(node, open_elements, sheet))
                self._say(BREAK if open_elements[-1].tag == "br" else node.text, open_elements)
            else:
                open_elements.pop()
                self._say(node.tail, open_elements)
        return Page(
            elements=tuple(self.elements),
            runs=tuple(self.runs),
            comments=tuple(self.comments),
            sheet=sheet,
            title=title,
            source=self.source,
        )

    def _enter(self, node: etree._Element, above: list[Element], sheet: Sheet) -> Element:
        if len(self.elements) >= MAX_ELEMENTS:
            raise UnreadableInput(f"HTML with more than {MAX_ELEMENTS:,} elements is too large for a mail")
        tag = str(node.tag).lower()
        attributes = {str(name).lower(): str(value) for name, value in node.attrib.items()}
        own = declarations(attributes.get("style", ""))
        css = {**sheet.of(tag, attributes.get("class", ""), attributes.get("id", "")), **own}
        parent = above[-1] if above else None
        element = Element(
            tag=tag,
            attributes=attributes,
            css=own,
            style=styled(parent.style if parent else Style(), css, attributes, tag),
            line=(node.sourceline or 0) + self.lines_before,
            parent=parent.number if parent else -1,
            link=len(self.elements) if tag == "a" else parent.link if parent else -1,
            silent=tag in _SILENT or bool(parent and parent.silent),
            number=len(self.elements),
        )
        self.elements.append(element)
        return element

    def _say(self, text: str | None, above: list[Element]) -> None:
        if text and above and not above[-1].silent:
            self.runs.append(Run(text=text, element=above[-1]))
