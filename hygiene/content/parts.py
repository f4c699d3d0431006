"""What is judged: the parts of a mail as plain values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from hygiene.content.header_text import as_read
from hygiene.content.links import Link
from hygiene.content.page import Page
from hygiene.errors import UnreadableInput

MAX_SUBJECT = 2_000  # characters; clients show seventy


@dataclass(frozen=True, kw_only=True)
class Preheader:
    """The line that clients show behind the subject; `hidden` when it was put there for that."""

    text: str
    place: str
    given: bool = False
    hidden: bool = False


@dataclass(frozen=True)
class Attachment:
    """A file that travels with a mail; `size` in bytes as it travels."""

    name: str
    kind: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Message:
    """The header fields of a mail that was built: name in lower case → values, decoded."""

    fields: dict[str, tuple[str, ...]]
    longest_line: int = 0  # octets
    from_domain: str = ""
    raw_subject: str = ""
    attached: tuple[Attachment, ...] = ()
    wrapped: str = ""  # the kind of a body that is encrypted, or signed as a whole

    def first(self, name: str) -> str:
        """The topmost field of a name; ''."""
        return next(iter(self.fields.get(name, ())), "")


@dataclass(frozen=True, kw_only=True)
class Charset:
    """How bytes became text: what was declared, what was used, and where they disagree."""

    part: str  # "HTML", "text"
    declared: str
    used: str
    trouble: str = ""


@dataclass(frozen=True, kw_only=True)
class Content:
    """A mail, or the parts of it that are at hand; None where a part was not given."""

    name: str
    subject: str | None = None
    page: Page | None = None
    text: str | None = None
    message: Message | None = None
    given_preheader: str | None = None
    html_bytes: int = 0  # decoded
    html_encoded_bytes: int = 0  # as it travels
    charsets: tuple[Charset, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.subject is not None:
            object.__setattr__(self, "subject", as_read(self.subject))  # one that was copied out of a header
        if self.subject is not None and len(self.subject) > MAX_SUBJECT:
            raise UnreadableInput(f"a subject of {len(self.subject):,} characters is too large to judge")

    def part(self, name: str) -> Any:
        """A part by the name that rules use."""
        return self if name == "content" else getattr(self, name)

    @property
    def is_built(self) -> bool:
        """A message with its header, as it would leave: nothing is filled in later."""
        return self.message is not None

    @cached_property
    def preheader(self) -> Preheader | None:
        """As given, or as the HTML begins."""
        if self.given_preheader is not None:
            return Preheader(text=self.given_preheader.strip(), place="as given", given=True, hidden=True)
        if self.page is None:
            return None
        for run in self.page.runs:
            if run.says:
                hidden = bool(run.element.style.hidden)
                return Preheader(text=run.says, place=run.element.place, hidden=hidden)
        return Preheader(text="", place="")

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """Those of the HTML; without HTML, those of the text."""
        if self.page is not None:
            return self.page.links
        return text_links(self.text or "")

    @cached_property
    def paragraphs(self) -> tuple[str, ...]:
        """What a reader sees, a paragraph each; of a plain text those between empty lines."""
        if self.page is not None:
            return self.page.paragraphs
        return tuple(" ".join(each.split()) for each in re.split(r"\n[ \t]*\n", self.text or ""))

    @cached_property
    def words(self) -> str:
        """What a reader sees, on one line."""
        return self.page.words if self.page is not None else " ".join((self.text or "").split())


def text_links(text: str) -> tuple[Link, ...]:
    """The addresses in a plain text."""
    return tuple(
        Link(href=match.group().rstrip(".,;:!?)>]"), text="", place=f"line {number}: {match.group()[:60]}")
        for number, line in enumerate(text.splitlines(), 1)
        for match in re.finditer(r"https?://[^\s<>\"]{1,2000}", line)
    )
