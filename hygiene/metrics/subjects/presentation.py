"""What went with which features of subject lines, as sections: what stands out first, then every figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from hygiene.metrics.subjects.comparison import Difference, better
from hygiene.metrics.subjects.featured import CAVEATS, Feature, Featured, title_of_rate
from hygiene.metrics.subjects.features import title_of
from hygiene.metrics.words import counted, rate_text
from hygiene.render.sections import Block, Cell, Paragraph, Section, Table, Tone

if TYPE_CHECKING:
    from hygiene.metrics.measured import Kpis

FEW: Final = 10  # differences shown at first sight
_LITTLE: Final = 0.1  # percentage points, below which there are three decimals
_MACHINES: Final = ", machines included"  # said once, below the table
_COLUMNS: Final = ("subject has", "rate", "difference", "95 %", "with it", "without", "campaigns")


def subject_sections(kpis: Kpis) -> Iterator[Section]:
    """The differences that stand out, or are the least likely by chance; then all of them, rate by rate."""
    found = kpis.subjects
    if found is None:
        return
    yield Section(title="What went with which subject lines", blocks=tuple(_first(found)))
    if found.features:
        yield Section(title="Every feature of the subject lines", blocks=tuple(_all(found)), detail=True)


def _first(found: Featured) -> Iterator[Block]:
    yield Paragraph(found.sentence)
    shown = [pair for pair in found.ranked if pair[1].p is not None]
    standing = len(found.standing_out)
    shown = shown[: max(standing, FEW)]
    if shown:
        rows = tuple(_row(each, one) for each, one in shown)
        yield Table(columns=_COLUMNS, rows=rows, align="llrrrrr")
        if standing < len(shown):
            yield Paragraph("? could be chance: so large a difference comes up among so many.", Tone.MUTED)
    yield Paragraph(_rests_on(found, machines=any("_all" in one.kpi for _, one in shown)), Tone.MUTED)
    for caveat in CAVEATS:
        yield Paragraph(caveat.replace(" %", "\N{NO-BREAK SPACE}%"), Tone.MUTED)


def _row(each: Feature, one: Difference) -> tuple[Cell, ...]:
    return (Cell(each.title), Cell(title_of_rate(one.kpi).removesuffix(_MACHINES)), *_figures(one))


def _figures(one: Difference) -> Iterator[Cell]:
    yield Cell(_points(one.value), _tone(one))
    interval = one.low is not None and one.high is not None
    yield Cell(f"{_points(one.low)} to {_points(one.high)}" if interval else "–", Tone.MUTED)
    for side in (one.with_, one.without):
        yield Cell("–" if side.value is None else rate_text(side.value))
    yield Cell(f"{one.with_.campaigns:,} / {one.without.campaigns:,}", Tone.MUTED)


def _tone(one: Difference) -> Tone:
    if not one.stands_out:
        return Tone.UNKNOWN if one.p is not None else Tone.PLAIN
    return Tone.GOOD if better(one) else Tone.BAD


def _points(difference: float | None) -> str:
    """A difference of shares in percentage points, with its sign.

    >>> [_points(each) for each in (0.0312, -0.00821, -0.00021, 0.0)]
    ['+3.1', '−0.82', '−0.021', '0']
    """
    if difference is None:
        return "–"
    points = abs(difference) * 100
    text = f"{points:.{1 if points >= 1 else 2 if points >= _LITTLE else 3}f}"
    return "0" if not float(text) else f"{'−' if difference < 0 else '+'}{text}"


def _rests_on(found: Featured, *, machines: bool) -> str:
    said = (
        f"{counted(found.subjects, 'subject')} of {counted(found.campaigns, 'campaign')}, "
        f"{counted(found.sent - found.unknown, 'mail')} sent. Differences in percentage points."
    )
    if found.counted_as != "campaign":
        said += f" The log tells no campaigns: each {found.counted_as} counts as one."
    if machines:
        said += " Opens and clicks are those of machines, too."
    if found.unknown:
        said += f" The subject of {counted(found.unknown, 'mail')} is not known: left out here."
    if found.everywhere:
        said += f" All have {' and '.join(title_of(name) for name in found.everywhere)}."
    return said


def _all(found: Featured) -> Iterator[Block]:
    names = dict.fromkeys(one.kpi for each in found.features for one in each.differences)
    for name in names:
        rows = tuple(_of_rate(found.features, name))
        yield Table(columns=(title_of_rate(name), *_COLUMNS[2:], ""), rows=rows, align="lrrrrrl")


def _of_rate(features: Sequence[Feature], name: str) -> Iterator[tuple[Cell, ...]]:
    for each in features:
        for one in each.differences:
            if one.kpi == name:
                remark = one.unknown or ("large campaigns decide" if one.large_decide else "")
                yield (Cell(each.title), *_figures(one), Cell(remark, Tone.MUTED))
