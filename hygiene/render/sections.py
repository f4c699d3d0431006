"""What a result wants to show, as plain values; every output format draws the same ones."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from hygiene.finding import Finding


class Tone(StrEnum):
    """How a piece of text is meant; formats turn it into a mark and a colour, never a colour alone."""

    PLAIN = "plain"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    UNKNOWN = "unknown"
    MUTED = "muted"


@dataclass(frozen=True)
class Cell:
    """A text with a tone; `code` marks what is quoted from a record and may be hostile or long.

    A tone without a text shows its mark alone; a muted text has no mark. A `bar` is a share from 0 to 1,
    drawn in place of the text: it only repeats a figure beside it, and goes where there is no room.
    """

    text: str
    tone: Tone = Tone.PLAIN
    code: bool = False
    bar: float | None = None


@dataclass(frozen=True, kw_only=True)
class Headline:
    """The verdict on top: `label` names the letter or figure (grade, delivered), `note` counts what led to it.

    In a line it reads `subject … label verdict · note`, with the sentence below.
    """

    subject: str
    verdict: str
    tone: Tone
    label: str = ""
    note: str = ""
    sentence: str = ""


@dataclass(frozen=True)
class Paragraph:
    """Prose."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, kw_only=True)
class Table:
    """Aligned rows. `align` has one letter a column (l or r); without `columns` there is no head row."""

    rows: tuple[tuple[Cell, ...], ...]
    columns: tuple[str, ...] = ()
    align: str = ""


@dataclass(frozen=True)
class Tree:
    """A node and what hangs below it."""

    label: Cell
    children: tuple[Tree, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a whole: what it is, how much, which share (0 to 1), and where it went."""

    label: str
    figure: str
    share: float
    tone: Tone = Tone.PLAIN
    note: str = ""


@dataclass(frozen=True)
class Split:
    """A whole and its parts, whose shares add up to 1; all are 0 where there is nothing to share out."""

    parts: tuple[Part, ...]


@dataclass(frozen=True)
class FindingList:
    """Findings in the order given."""

    findings: tuple[Finding, ...]


Block: TypeAlias = Paragraph | Table | Split | Tree | FindingList


@dataclass(frozen=True, kw_only=True)
class Section:
    """A titled group of blocks. `detail` sections are left out of short output and folded on a page."""

    title: str
    blocks: tuple[Block, ...]
    detail: bool = False


@dataclass(frozen=True, kw_only=True)
class Document:
    """One result: the headline, its sections, and a last line that says how it came about."""

    headline: Headline
    sections: tuple[Section, ...]
    footer: str = ""
