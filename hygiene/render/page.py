"""Documents as one HTML file that needs nothing beside it: no script, no request; light, dark and on paper."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from hygiene.files import packaged_text
from hygiene.render import charts, figures, tones
from hygiene.render.safe import lines_of, printable, web_link
from hygiene.render.sections import (
    Cell,
    Chart,
    Document,
    FindingList,
    Paragraph,
    Split,
    Table,
    Tile,
    Tiles,
    Tree,
)


def render_page(documents: Sequence[Document], *, title: str) -> str:
    """The page; the same documents give the same bytes."""
    return _template().render(documents=documents, title=title).lstrip()


def render_body(documents: Sequence[Document]) -> Markup:
    """What stands in its `main`, without the title: for a page that has more than results."""
    found = _MAIN.search(render_page(documents, title=""))
    assert found is not None  # noqa: S101 - our own page
    return Markup(found[1])  # noqa: S704 - escaped when it was rendered


_MAIN = re.compile(r"<main>\s*<h1></h1>(.*)</main>", re.DOTALL)


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests |= {
        "paragraph": lambda block: isinstance(block, Paragraph),
        "table": lambda block: isinstance(block, Table),
        "split": lambda block: isinstance(block, Split),
        "tiles": lambda block: isinstance(block, Tiles),
        "chart": lambda block: isinstance(block, Chart),
        "tree": lambda block: isinstance(block, Tree),
        "finding_list": lambda block: isinstance(block, FindingList),
    }
    environment.filters["bound"] = figures.unbroken
    environment.globals |= {
        "short_evidence": tones.SHORT_EVIDENCE,
        "css": Markup(_beside("page.css")),  # noqa: S704 - our own file
        "mark_of": tones.mark_of,
        "tone_mark": lambda tone: tones.MARKS.get(tone, ""),
        "finding_tone": tones.finding_tone,
        "finding_word": tones.finding_word,
        "finding_mark": tones.finding_mark,
        "finding_asides": tones.finding_asides,
        "finding_reason": tones.finding_reason,
        "verdict_of": tones.verdict_of,
        "big_verdict": _big_verdict,
        "web_link": web_link,
        "lines_of": _lines,
        "filled_rows": _filled_rows,
        "cell_class": _cell_class,
        "table_class": _table_class,
        "marked_columns": _marked_columns,
        "share_text": figures.share_text,
        "drawn_share": _drawn_share,
        "strips": _strips,
        "pictures": _pictures,
        "spark": _spark,
        "long_class": _long_class,
    }
    return environment.from_string(_beside("page.html.j2"))


def _finalized(value: Any) -> Any:
    return value if isinstance(value, Markup) else printable(str(value))


def _lines(text: str) -> Markup:
    """Several lines for a `pre`."""
    return Markup("\n").join(lines_of(text))


def _filled_rows(table: Table) -> list[tuple[Cell, ...]]:
    count = max([len(table.columns), *map(len, table.rows)], default=0)
    return [row + (Cell(""),) * (count - len(row)) for row in table.rows]


#: Longer texts may wrap in a table; shorter ones stay on their line.
_ONE_LINE = 32
#: A word up to this is kept in one piece where a cell wraps: `customers.example.com`.
_WORD = 24
#: A word of this many characters is a key, and breaks anywhere.
_LONG_WORD = 60


def _marked_columns(table: Table) -> set[int]:
    """The columns of prose in which some cells have a mark: the others keep its place free."""
    cells = ((place, cell) for row in table.rows for place, cell in enumerate(row) if cell.text)
    return {place for place, cell in cells if tones.mark_of(cell) and table.align[place : place + 1] != "r"}


def _table_class(table: Table) -> Markup:
    """Whether rows end in a sentence, which a narrow page sets below; whether they are numbered."""
    rows = [row for row in _filled_rows(table) if row]
    if table.columns:
        return Markup(' class="told"') if any(_wraps(row[-1]) for row in rows) else Markup("")
    numbered = bool(rows) and all(row[0].text == str(number) for number, row in enumerate(rows, 1))
    return Markup(' class="numbered"') if numbered else Markup("")


def _wraps(cell: Cell) -> bool:
    return len(cell.text) > _ONE_LINE


def _cell_class(cell: Cell, align: str) -> Markup:
    words = {
        "r": align == "r",
        "m": not cell.text and bool(tones.mark_of(cell)),
        "w": _wraps(cell),
        "k": _wraps(cell) and any(len(word) > _WORD for word in cell.text.split()),
        "b": cell.bar is not None,
    }
    chosen = " ".join(word for word, holds in words.items() if holds)
    return Markup(' class="{}"').format(chosen) if chosen else Markup("")


def _long_class(text: str) -> str:
    return " long" if any(len(word) > _LONG_WORD for word in text.split()) else ""


#: Per cent that a bar, or a part of a strip, takes at least, to be seen at all.
_LEAST_BAR, _LEAST = 2, 0.4


def _drawn_share(share: float) -> str:
    """The length of a bar, for an attribute of SVG."""
    shown = figures.bounded(share) * 100
    return f"{max(shown, _LEAST_BAR) if shown else 0:.2f}%"


def _strips(split: Split) -> list[tuple[str, str, str]]:
    """The parts side by side: tone, where each begins and how wide it is."""
    widths = [max(figures.bounded(part.share) * 100, _LEAST if part.share > 0 else 0) for part in split.parts]
    scale = 100 / max(sum(widths), 100)
    begins = [sum(widths[:number]) * scale for number in range(len(widths))]
    return [
        (part.tone.value, f"{begin:.2f}%", f"{width * scale:.2f}%")
        for part, begin, width in zip(split.parts, begins, widths, strict=True)
    ]


def _pictures(chart: Chart) -> list[tuple[str, bool, Markup]]:
    """Those that have something to show: title, whether it takes the whole width, and the drawing."""
    drawn = ((each.title, each.wide, charts.draw(each)) for each in chart.pictures)
    return [picture for picture in drawn if picture[2]]


#: The box of the small line in a tile, and how far inside it stays.
_SPARK = (72, 20, 3)


def _spark(tile: Tile) -> list[tuple[str, str, str]]:
    """The small line of a tile: its outline, and where its last point is; nothing for fewer than two points."""
    known = [(at, value) for at, value in enumerate(tile.trend) if value is not None]
    if len(known) < 2:
        return []
    width, height, inset = _SPARK
    low, high = min(value for _, value in known), max(value for _, value in known)
    across = (width - 2 * inset) / (len(tile.trend) - 1)
    down = (height - 2 * inset) / ((high - low) or 1.0)
    middle = (height / 2) if high == low else None
    places = [(inset + at * across, middle or height - inset - (value - low) * down) for at, value in known]
    outline = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return [(outline, f"{places[-1][0]:.1f}", f"{places[-1][1]:.1f}")]


#: A figure of this many characters is set large, and so is a letter with a remark: `97.4 %`, `C at best`.
_BIG = 8
_LETTER = 2


def _big_verdict(verdict: str) -> tuple[str, str]:
    """What of a verdict is set large, and the rest."""
    if len(verdict) <= _BIG:
        return verdict, ""
    first, _, rest = verdict.partition(" ")
    return (first, rest) if len(first) <= _LETTER else ("", verdict)


def _beside(name: str) -> str:
    return packaged_text("hygiene.render", name)
