"""Template tags set aside while markup is worked on, and put back: MJML and CSS never see Jinja.

Each tag becomes a mark that stands where it stood: a comment in text, a word in a value, a declaration in a
style. Where a field stands says how its value is made harmless: in a link, in a style.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from jinja2.exceptions import TemplateSyntaxError

from hygiene.errors import UsageError
from hygiene.sending.template import environment

MAX_TAG: Final = 5_000  # characters
MAX_TAGS: Final = 2_000  # of one template
_RAW: Final = frozenset({"style", "script", "title", "textarea", "mj-style", "mj-title"})
_SELECTED: Final = frozenset({"class", "id", "css-class", "mj-class"})
_STYLES: Final = frozenset({"style", "mj-style"})
_LINKS: Final = frozenset(
    {"href", "src", "action", "formaction", "background", "background-url", "poster", "cite", "longdesc"}
)
#: attributes of MJML that do not end up in a style
_MJ_PLAIN: Final = frozenset({"alt", "title", "name", "css-class", "mj-class", "lang", "rel", "target", "id"})

_HIDDEN_IF: Final = re.compile(r"<!--\[if[^\]]*\]>(?!<!--|-->)", re.IGNORECASE)
_ATTRIBUTE: Final = re.compile(r"([^\s\"'>/=]+)(\s*=\s*)?")
_NAME: Final = re.compile(r"</?([A-Za-z][^\s/>]*)")


class Where(Enum):
    """Where in the markup a tag stands."""

    TEXT = auto()
    TAG = auto()
    VALUE = auto()
    COMMENT = auto()
    RAW = auto()


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a template: markup, or one tag."""

    text: str
    line: int
    kind: str = "data"  # data, variable, block


@dataclass(frozen=True)
class SetAside:
    """Markup with marks, and the tag behind each mark."""

    markup: str
    tags: dict[str, str]
    pattern: re.Pattern[str]
    styled: bool = False  # whether a class or id hangs on a tag, so that no rule may be taken for done


def pieces(source: str, *, html: bool = True) -> Iterator[Piece]:
    """A template cut into markup and tags; its comments are left out."""
    gathered, kind, line = "", "", 1
    for number, said, text in environment(html=html).lex(source):
        if not kind and said == "data":
            yield Piece(text, number)
            continue
        if not kind:
            kind, line = said.partition("_")[0], number
        gathered += text
        if said == f"{kind}_end":
            if kind != "comment":
                yield Piece(gathered, line, "block" if kind == "raw" else kind)
            gathered, kind = "", ""


def set_aside(source: str, *, name: str, finished: bool = False) -> SetAside:
    """Put a mark in the place of every tag; raises UsageError where a tag cannot stand.

    In `finished` markup the fields have the filters that they need.
    """
    prefix = "hjq"
    while prefix in source.lower():
        prefix += "q"
    scanner, written, tags = _Scanner(name, prefix), [], dict[str, str]()
    try:
        for piece in pieces(source):
            if piece.kind == "data":
                scanner.feed(piece.text)
                written.append(piece.text)
                continue
            if len(piece.text) > MAX_TAG:
                raise UsageError(
                    f"{name}, line {piece.line}: a tag of {len(piece.text):,} characters is too long"
                )
            if len(tags) >= MAX_TAGS:
                raise UsageError(f"{name} holds more than {MAX_TAGS:,} tags")
            mark = f"{prefix}{len(tags)}z"
            tags[mark] = piece.text if finished else scanner.harmless(piece)
            written.append(scanner.place(piece, mark))
    except TemplateSyntaxError as error:
        raise UsageError(
            f"{name}, line {error.lineno}: {(error.message or 'it cannot be read').rstrip('.')}"
        ) from None
    return SetAside("".join(written), tags, _pattern(prefix), scanner.styled)


def _pattern(prefix: str) -> re.Pattern[str]:
    mark = rf"{prefix}\d+z"
    forms = (rf"<!--({mark})-->", rf"&lt;!--({mark})--&gt;", rf"({mark}):\s*{prefix}", rf"({mark})")
    return re.compile("|".join(forms))


def put_back(markup: str, aside: SetAside, *, name: str) -> str:
    """The tags where their marks are; raises UsageError for a tag whose mark was lost on the way."""
    seen: set[str] = set()

    def tag(found: re.Match[str]) -> str:
        mark = found[found.lastindex or 0]
        seen.add(mark)
        return aside.tags.get(mark, found[0])

    whole = aside.pattern.sub(tag, markup)
    for mark, source in aside.tags.items():
        if mark not in seen:
            raise UsageError(f"{name}: {source[:60]} stands where it has no effect: it was lost in the markup")
    return whole


@dataclass
class _Scanner:
    """Reads markup just far enough to know where the next tag stands."""

    name: str
    prefix: str
    where: Where = Where.TEXT
    element: str = ""
    attribute: str = ""
    quote: str = ""
    value: str = ""  # of the attribute so far; a block tag is \x01, a field \x02
    hidden: bool = False  # inside a conditional comment
    styled: bool = False  # whether a class or id hangs on a tag
    _steps: dict[Where, str] = field(
        default_factory=lambda: {where: f"_in_{where.name.lower()}" for where in Where}, repr=False
    )

    def feed(self, text: str) -> None:
        """Read on."""
        at = 0
        while at < len(text):
            at = getattr(self, self._steps[self.where])(text, at)

    def _in_text(self, text: str, at: int) -> int:
        start = text.find("<", at)
        if start < 0:
            return len(text)
        if text.startswith("<!--", start):
            condition = _HIDDEN_IF.match(text, start)
            if condition:
                self.hidden = True
                return condition.end()
            self.where = Where.COMMENT
            return start + 4
        if text.startswith("<![endif]-->", start):
            self.hidden = False
            return start + 12
        opened = _NAME.match(text, start)
        if not opened:
            return start + 1
        self.where, self.element = Where.TAG, opened[0][1:].lower()
        return opened.end()

    def _in_comment(self, text: str, at: int) -> int:
        end = text.find("-->", at)
        if end < 0:
            return len(text)
        self.where = Where.TEXT
        return end + 3

    def _in_tag(self, text: str, at: int) -> int:
        character = text[at]
        if character == ">":
            raw = self.element in _RAW and not text[:at].endswith("/")
            self.where = Where.RAW if raw else Where.TEXT
            return at + 1
        found = _ATTRIBUTE.match(text, at)
        if not found:
            return at + 1
        if found[2]:
            self.where, self.attribute, self.value = Where.VALUE, found[1].lower(), ""
            after = text[found.end() : found.end() + 1]
            self.quote = after if after in {'"', "'"} else ""
            return found.end() + len(self.quote)
        return found.end()

    def _in_value(self, text: str, at: int) -> int:
        ended = re.compile(self.quote or r"[\s>]").search(text, at)
        if not ended:
            self.value += text[at:]
            return len(text)
        self.value += text[at : ended.start()]
        self.where = Where.TAG
        return ended.end() if self.quote else ended.start()

    def _in_raw(self, text: str, at: int) -> int:
        ended = re.compile(rf"</{re.escape(self.element)}(?=[\s/>])", re.IGNORECASE).search(text, at)
        if not ended:
            return len(text)
        self.where, self.element = Where.TAG, f"/{self.element}"
        return ended.end()

    def harmless(self, piece: Piece) -> str:
        """A tag with the filter that its place asks for."""
        if self.where is Where.TAG:
            raise self._refuse(
                piece, "it stands between attributes: put it within the value of one, or around the tag"
            )
        if piece.kind != "variable":
            return piece.text
        if self.where is Where.RAW:
            if self.element == "script":
                raise self._refuse(piece, "no field stands in a script")
            return _filtered(piece.text, "css") if self.element in _STYLES else piece.text
        return _filtered(piece.text, self._filter(piece)) if self.where is Where.VALUE else piece.text

    def _filter(self, piece: Piece) -> str:
        if self.attribute.startswith("on"):
            raise self._refuse(piece, f"no field stands in {self.attribute}")
        if self.attribute in _LINKS or self.attribute.endswith(":href"):
            return self._link_filter()
        if self.attribute == "style" or (self.element.startswith("mj-") and self.attribute not in _MJ_PLAIN):
            return "css"
        return ""

    def _link_filter(self) -> str:
        before = self.value.strip()
        if not before:
            return "link"
        if "?" in before or "#" in before:
            return "urlencode"
        settled = before.rpartition("\x01")[2] if before.startswith("\x01") else before
        return "link_path" if settled.strip("\x02") else "link_or_path"

    def place(self, piece: Piece, mark: str) -> str:
        """The mark as it can stand here."""
        block = piece.kind == "block"
        if self.where is Where.TEXT and not self.hidden:
            return f"<!--{mark}-->"
        if self.where is Where.RAW and block and self.element in _STYLES:
            raise self._refuse(
                piece, "rules of a <style> cannot hang on a condition: put it into a style attribute"
            )
        if self.where is Where.VALUE:
            declaration = (
                block and self.attribute == "style" and not self.value.rpartition(";")[2].strip("\x01 \n\t")
            )
            self.value += "\x01" if block else "\x02"
            self.styled |= self.attribute in _SELECTED
            return f"{mark}:{self.prefix};" if declaration else mark
        return mark

    def _refuse(self, piece: Piece, why: str) -> UsageError:
        return UsageError(f"{self.name}, line {piece.line}: {piece.text[:60]}: {why}")


def _filtered(tag: str, name: str) -> str:
    """``{{ a or b }}`` → ``{{ (a or b)|name }}``; whitespace control stays."""
    if not name:
        return tag
    written = re.fullmatch(r"(\{\{[-+]?)(.*?)([-+]?\}\}\s*)", tag, re.DOTALL)
    return f"{written[1]} ({written[2].strip()})|{name} {written[3]}" if written else tag
