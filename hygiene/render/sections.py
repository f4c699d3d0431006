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
    """Prose; what is `brief` says that details are left out, and is itself left out where they are not."""

    text: str
    tone: Tone = Tone.PLAIN
    brief: bool = False


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


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A key figure: how it is judged, how sure it is, what it should be, and where it is going.

    `trend` are the figures of the latest periods, oldest first; None where there is none. `arrow` and `change`
    say the same in a mark and in words.
    """

    title: str
    figure: str
    verdict: str = ""
    tone: Tone = Tone.PLAIN
    interval: str = ""
    aim: str = ""
    trend: tuple[float | None, ...] = ()
    arrow: str = ""
    change: str = ""


@dataclass(frozen=True, kw_only=True)
class Tiles:
    """Key figures side by side; as a table, `heads` stand above title, figure, interval, aim and arrow."""

    tiles: tuple[Tile, ...]
    heads: tuple[str, str, str, str, str]


class ChartKind(StrEnum):
    """How figures are drawn."""

    LINE = "line"  # along `Point.at`
    COLUMNS = "columns"  # along `Point.at`
    BARS = "bars"  # one below the other
    FUNNEL = "funnel"  # what is left after each step
    HEAT = "heat"  # a series a row, a point a cell


class Scale(StrEnum):
    """What figures of a chart are."""

    SHARE = "share"  # 0 to 1, shown in per cent
    COUNT = "count"


@dataclass(frozen=True, kw_only=True)
class Point:
    """A figure: `low` and `high` are the ends of its interval, `figure` is how it is written.

    One that is `open` is not final, as more may come.
    """

    label: str
    value: float | None
    figure: str
    at: float = 0.0
    low: float | None = None
    high: float | None = None
    tone: Tone = Tone.PLAIN
    note: str = ""
    open: bool = False


@dataclass(frozen=True, kw_only=True)
class Series:
    """Figures that belong together."""

    points: tuple[Point, ...]
    label: str = ""


@dataclass(frozen=True)
class Event:
    """Something that happened at a place of the axis, to be named there."""

    at: float
    label: str


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One drawing. `summary` says in a sentence what it shows, for those who do not see it.

    `limits` are the ends of the range aimed at, `aim` is how that is said. `wide` takes the whole width.
    """

    title: str
    kind: ChartKind
    series: tuple[Series, ...]
    summary: str
    scale: Scale = Scale.SHARE
    limits: tuple[float, ...] = ()
    aim: str = ""
    events: tuple[Event, ...] = ()
    wide: bool = False


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Pictures, and the tables behind them, which stand for them wherever nothing can be drawn.

    `note` says how the pictures are to be read.
    """

    pictures: tuple[Picture, ...]
    tables: tuple[Table, ...]
    note: str = ""


Block: TypeAlias = Paragraph | Table | Split | Tree | FindingList | Tiles | Chart


@dataclass(frozen=True, kw_only=True)
class Section:
    """A titled group of blocks. `detail` sections are left out of short output and folded on a page.

    A `drawn` one lives by its pictures: it is open on a page, and a detail wherever nothing can be drawn.
    """

    title: str
    blocks: tuple[Block, ...]
    detail: bool = False
    drawn: bool = False


@dataclass(frozen=True, kw_only=True)
class Document:
    """One result: the headline, its sections, and a last line that says how it came about."""

    headline: Headline
    sections: tuple[Section, ...]
    footer: str = ""
