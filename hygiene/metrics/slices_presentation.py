"""The slices of a measurement as tables: what arrived, and what people did with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from hygiene.metrics.charts_presentation import KEY, bars
from hygiene.metrics.kpis import KPIS, KpiValue, Unit, Verdict, find_kpi
from hygiene.metrics.words import cell_text, counted, duration_text, money_text, rate_text
from hygiene.render.sections import Block, Cell, Paragraph, Section, Table, Tone

if TYPE_CHECKING:
    from hygiene.metrics.measured import Kpis

#: Slices shown at first sight; so many more on request, and all of them as CSV and JSON.
FEW: Final = 12
MANY: Final = 100
#: Columns of names that stand beside each other; more are joined into one.
MOST_COLUMNS: Final = 2
LONGEST_NAME: Final = 48  # characters shown of a campaign's name

_ARRIVED: Final = ("delivery_rate", "bounce_rate", "complaint_rate")
_DID: Final = ("open_rate", "click_rate", "unsubscribe_rate", "conversion_rate", "revenue_per_mail")
_HEADS: Final = {
    "complaint_rate_delivered": "complained",
    "open_rate_human": "opened *",
    "open_rate_all": "opened *",
    "click_rate_human": "clicked *",
    "click_rate_all": "clicked *",
    "unsubscribe_rate": "left",
    "conversion_rate": "ordered",
    "revenue_per_mail": "per mail",
}
_DATED: Final = {"day", "week"}
_TONES: Final = {Verdict.MET: Tone.PLAIN, Verdict.MISSED: Tone.BAD, Verdict.NOT_PROVEN: Tone.UNKNOWN}


def slice_sections(kpis: Kpis) -> Iterator[Section]:
    """The largest slices at first sight, those that missed a benchmark among them; then the others."""
    if kpis.slices is None:
        return
    rows = _rows(kpis)
    by = ", ".join(kpis.settings.by)
    few, rest = _chosen(rows, latest=by in _DATED)
    blocks = tuple(_blocks(kpis, few, hidden=len(rest), brief=True))
    if few and len(kpis.settings.by) == 1 and by not in _DATED:
        tables = tuple(block for block in blocks if isinstance(block, Table))
        chart = replace(bars(kpis, by, [values for _, values in few], *tables), note=KEY)
        blocks = (chart, *blocks[len(tables) :])
    yield Section(title=f"By {by}", blocks=blocks)
    if rest:
        shown, hidden = rest[:MANY], len(rest) - MANY
        title = f"By {by}: {counted(len(rest), 'more', 'more')}"
        yield Section(title=title, blocks=tuple(_blocks(kpis, shown, hidden=max(hidden, 0))), detail=True)
    if kpis.slice_delays:
        title = f"How long it took, by {by}"
        yield Section(title=title, blocks=tuple(_times(kpis)), detail=True)


_Row = tuple[int, Mapping[str, KpiValue]]  # place of a slice, and its values by name


def _rows(kpis: Kpis) -> list[_Row]:
    rows: list[dict[str, KpiValue]] = []
    for value in kpis.by_slice:
        if value.name == next(iter(KPIS)):
            rows.append({})
        rows[-1][value.name] = value
    return list(enumerate(rows))


def _chosen(rows: Sequence[_Row], *, latest: bool) -> tuple[list[_Row], list[_Row]]:
    """The first ones, or the latest, and of the others those that missed something in place of the last."""
    if len(rows) <= FEW:
        return list(rows), []
    ranked = rows[::-1] if latest else rows
    bad = [row for row in ranked if any(value.verdict is Verdict.MISSED for value in row[1].values())][:FEW]
    good = [row for row in ranked if row not in bad][: FEW - len(bad)]
    few = sorted([*bad, *good], key=lambda row: row[0])
    places = {place for place, _ in few}
    return few, [row for row in rows if row[0] not in places]


def _blocks(kpis: Kpis, rows: Sequence[_Row], *, hidden: int, brief: bool = False) -> Iterator[Block]:
    names = [find_kpi(word, human=kpis.settings.human).name for word in _ARRIVED]
    did = [find_kpi(word, human=kpis.settings.human).name for word in _DID]
    yield _table(kpis, rows, names, counts=("sent",))
    told = [name for name in did if any(values[name].value is not None for _, values in rows)]
    if told:
        yield _table(kpis, rows, told, counts=())
    if hidden:
        number = counted(hidden, "more slice is", "more slices are")
        how = "--verbose, --format csv" if brief else "--format csv holds all"
        yield Paragraph(f"{number} not shown: {how}", Tone.MUTED, brief=brief)
    if kpis.young is not None and any(kpis.young[place] for place, _ in rows):
        yield Paragraph("~ young: more opens, clicks and complaints may come", Tone.MUTED)


def _times(kpis: Kpis) -> Iterator[Block]:
    """Until half of the mails were delivered, opened and clicked, and nine in ten delivered."""
    slices = kpis.slices
    assert slices is not None  # noqa: S101 - times are of slices
    rows = []
    for place, (delivered, opened, clicked) in enumerate(kpis.slice_delays[:MANY]):
        spans = (delivered.median_s, delivered.p90_s, opened.median_s, clicked.median_s)
        times = (Cell("–" if each is None else duration_text(each)) for each in spans)
        rows.append((*_names(slices.slice_of(place), ""), *times))
    by = kpis.settings.by
    columns = by if len(by) <= MOST_COLUMNS else (" · ".join(by),)
    heads = ("half delivered", "nine in ten", "half of opens", "half of clicks")
    yield Table(columns=(*columns, *heads), rows=tuple(rows), align="l" * len(columns) + "rrrr")
    if len(kpis.slice_delays) > MANY:
        yield Paragraph(f"{len(kpis.slice_delays) - MANY:,} more: --format csv", Tone.MUTED)


def _table(kpis: Kpis, rows: Sequence[_Row], names: Sequence[str], *, counts: Sequence[str]) -> Table:
    slices = kpis.slices
    assert slices is not None  # noqa: S101 - rows are of slices
    sums = {name: slices.sums([name]) for name in counts}
    cells = []
    for place, values in rows:
        young = " ~" if kpis.young is not None and kpis.young[place] else ""
        cells.append(
            (
                *_names(slices.slice_of(place), young),
                *(Cell(f"{int(sums[name][place]):,}") for name in counts),
                *(_cell(values[name]) for name in names),
            )
        )
    heads = tuple(_HEADS.get(name, KPIS[name].title) for name in names)
    by = kpis.settings.by
    columns = by if len(by) <= MOST_COLUMNS else (" · ".join(by),)
    return Table(
        columns=(*columns, *counts, *heads),
        rows=tuple(cells),
        align="l" * len(columns) + "r" * (len(counts) + len(names)),
    )


def _names(slice_: Mapping[str, Any], young: str) -> Iterator[Cell]:
    *first, last = (_short(cell_text(name, cell)) for name, cell in slice_.items())
    if len(first) + 1 > MOST_COLUMNS:
        first, last = [], " · ".join([*first, last])
    yield from map(Cell, first)
    yield Cell(f"{last}{young}")


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _cell(value: KpiValue) -> Cell:
    """A figure with a mark where it missed its benchmark or cannot be judged; without one where it is fine."""
    if value.value is None:
        return Cell("–", Tone.MUTED)
    money = KPIS[value.name].unit is Unit.MONEY
    text = money_text(value.value, None) if money else rate_text(value.value)
    return Cell(text, _TONES.get(value.verdict, Tone.PLAIN))
