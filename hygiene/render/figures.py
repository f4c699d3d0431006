"""Shares as words, and as bars of characters, the same in every format."""

from __future__ import annotations

import re
from typing import Final

from hygiene.render.sections import Block, Cell, Chart, Split, Table, Tiles, Tone

BAR_CELLS = 12
_LEAST, _MOST = 0.1, 99.9  # per cent that a share is said to be which is neither nothing nor all


def share_of(part: float, whole: float) -> float:
    """The share, from 0 to 1; of nothing it is 0."""
    return bounded(part / whole) if whole else 0.0


def share_text(share: float) -> str:
    """A share in per cent with one decimal; nothing and all are only said where they are meant.

    >>> share_text(0.7149), share_text(0), share_text(1), share_text(0.00001), share_text(0.99999)
    ('71.5 %', '0 %', '100 %', '< 0.1 %', '> 99.9 %')
    """
    per_cent = bounded(share) * 100
    if per_cent in {0, 100}:
        return f"{per_cent:.0f} %"
    shown = min(max(per_cent, _LEAST), _MOST)
    sign = "< " if per_cent < _LEAST / 2 else "> " if per_cent >= (_MOST + 100) / 2 else ""
    return f"{sign}{shown:.1f} %"


_WITHIN_FIGURE: Final = re.compile(r"(?<=\d) (?=%)|(?<=[<>≤≥]) (?=\d)")


def unbroken(text: str) -> str:
    """The text with its figures kept in one piece where lines break."""
    return _WITHIN_FIGURE.sub("\N{NO-BREAK SPACE}", text)


def bounded(share: float) -> float:
    """A share that can be drawn: from 0 to 1, and 0 for what is no number."""
    return min(max(share, 0.0), 1.0) if share == share else 0.0  # noqa: PLR0124 - NaN differs from itself


def bar_text(share: float) -> str:
    """The share as a bar of up to `BAR_CELLS` characters; whatever is not nothing can be seen."""
    halves = round(bounded(share) * BAR_CELLS * 2)
    halves = max(halves, 1) if bounded(share) else 0
    return "█" * (halves // 2) + "▌" * (halves % 2)


def tables_of(block: Block) -> tuple[Table, ...]:
    """What a block is where nothing can be drawn; nothing for prose, trees and findings."""
    if isinstance(block, Table):
        return (block,)
    if isinstance(block, Split):
        return (split_table(block),)
    if isinstance(block, Tiles):
        return (tiles_table(block),)
    return block.tables if isinstance(block, Chart) else ()


def split_table(split: Split) -> Table:
    """The parts one below the other, for formats that cannot draw them side by side."""
    return Table(
        rows=tuple(
            (
                Cell(part.label, part.tone),
                Cell(part.figure),
                Cell(share_text(part.share)),
                Cell("", part.tone, bar=part.share),
                Cell(part.note, Tone.MUTED if part.note else Tone.PLAIN),
            )
            for part in split.parts
        ),
        align="lrrll",
    )


def tiles_table(tiles: Tiles) -> Table:
    """Key figures as rows; without the arrows where there are none."""
    arrows = any(tile.arrow for tile in tiles.tiles)
    rows = tuple(
        (
            Cell(tile.title),
            Cell(tile.figure, tile.tone),
            _aside(tile.interval),
            _aside(tile.aim),
            *((_aside(tile.arrow),) if arrows else ()),
        )
        for tile in tiles.tiles
    )
    return Table(columns=tiles.heads if arrows else tiles.heads[:-1], rows=rows, align="lrlll")


def _aside(text: str) -> Cell:
    """What stands beside a figure; without a text nothing, as an empty muted cell has the mark of absence."""
    return Cell(text, Tone.MUTED if text else Tone.PLAIN)
