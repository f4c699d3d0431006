"""The pictures of a measurement: over time, from sent to bought, slice by slice, and by weeks on the list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from hygiene.metrics.causes.presentation import PROVIDERS
from hygiene.metrics.kpis import KPIS, KpiValue, Verdict, find_kpi
from hygiene.metrics.overviews import DAY, MOST_SLICES, Overviews
from hygiene.metrics.words import UNNAMED, cell_text, counted, rate_text
from hygiene.render.sections import (
    Cell,
    Chart,
    ChartKind,
    Event,
    Picture,
    Point,
    Scale,
    Section,
    Series,
    Table,
    Tone,
)

if TYPE_CHECKING:
    from hygiene.metrics.measured import Kpis

#: what is drawn along time and side by side
DRAWN: Final = ("bounce_rate", "complaint_rate_delivered", "open_rate", "click_rate")
TITLES: Final = {
    "bounce_rate": "Bounced",
    "complaint_rate_delivered": "Complained",
    "open_rate_human": "Opened",
    "open_rate_all": "Opened, machines included",
    "click_rate_human": "Clicked",
    "click_rate_all": "Clicked, machines included",
}
_TONES: Final = {Verdict.MISSED: Tone.BAD, Verdict.NOT_PROVEN: Tone.UNKNOWN}
KEY: Final = "✗ missed the aim, ? not proven yet. Thin lines are 95 % intervals."
MOST_BARS: Final = 12
_MOST_PERIODS: Final = 160
_YEAR: Final = 360  # days, from which those of two years could be taken for each other
_NAMED: Final = 3  # campaigns of a period
_EPOCH: Final = date(1970, 1, 1)
_FAR: Final = 2_900_000  # days from 1970 that a calendar reaches

Values = Mapping[str, KpiValue]


# along time


def time_sections(kpis: Kpis) -> Iterator[Section]:
    """How much was sent and what became of it, by day or week; nothing for a single one."""
    overviews = kpis.overviews
    if overviews is None:
        return
    period = overviews.period
    rows = [
        (values, sent) for values, sent in _rows(kpis, period) if short_day(_when(values, period)) is not None
    ]
    earlier, rows = rows[:-_MOST_PERIODS], rows[-_MOST_PERIODS:]
    if len(rows) < 2:
        return
    days = [_when(values, period) for values, _ in rows]
    names = [name for name in _drawn(kpis) if sum(values[name].value is not None for values, _ in rows) > 1]
    events = tuple(_launches(overviews, days))
    columns = Picture(
        title=f"Mails sent by {period}{', and when campaigns began' if events else ''}",
        kind=ChartKind.COLUMNS,
        scale=Scale.COUNT,
        series=(
            Series(
                points=tuple(
                    Point(label=label, at=day, value=sent, figure=f"{sent:,}")
                    for day, label, (_, sent) in zip(days, day_labels(days), rows, strict=True)
                )
            ),
        ),
        events=events,
        summary=f"Mails sent by {period}: {len(rows)} {period}s, up to {max(sent for _, sent in rows):,}.",
        wide=True,
    )
    lines = (_line(kpis, name, [values for values, _ in rows], events) for name in names)
    table = _with_launches(_table(period, rows, names), overviews, days)
    note = " ".join(_time_notes(period, len(earlier)))
    chart = Chart(pictures=(columns, *lines), tables=(table,), note=note)
    yield Section(title="Over time", blocks=(chart,), drawn=True)


def _time_notes(period: str, earlier: int) -> Iterator[str]:
    yield "A hollow point is not final: more may come. Grey or pale around a line are 95 % intervals."
    if earlier:
        yield f"Not drawn: {counted(earlier, f'earlier {period}')}, which count in all other figures."


def _when(values: Values, period: str) -> int:
    day = next(iter(values.values())).slice[period]
    return _FAR + 1 if day is None else int(day)


def short_day(number: int) -> str | None:
    """`3 Nov`; nothing where no calendar reaches."""
    if not -700_000 < number < _FAR:
        return None
    day = _EPOCH + timedelta(days=number)
    return f"{day.day} {day:%b}"


def day_labels(days: Sequence[int]) -> list[str]:
    """Each day, with its year where there are several."""
    years = max(days) - min(days) >= _YEAR
    return [f"{short_day(day) or ''}{f' {cell_text(DAY, day)[:4]}' if years else ''}" for day in days]


def _launches(overviews: Overviews, days: Sequence[int]) -> Iterator[Event]:
    """The largest campaign that began in each period, and how many more did; the largest of all first."""
    began: dict[int, list[str]] = {}
    for when, name, _ in overviews.launches:
        if days[0] <= when <= days[-1]:
            began.setdefault(when, []).append(name)
    for when, (largest, *others) in began.items():
        yield Event(at=when, label=f"{largest} +{len(others)}" if others else largest)


def _with_launches(table: Table, overviews: Overviews, days: Sequence[int]) -> Table:
    """The table, each row with the campaigns that began then."""
    if not overviews.launches:
        return table
    began: dict[int, list[str]] = {}
    for when, name, _ in overviews.launches:
        began.setdefault(when, []).append(name)
    rows = []
    for row, day in zip(table.rows, days, strict=True):
        names = began.get(day, [])
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        rows.append((*row, Cell(f"{', '.join(names[:_NAMED])}{more}")))
    return replace(table, columns=(*table.columns, "began"), rows=tuple(rows), align=f"{table.align}l")


def _line(kpis: Kpis, name: str, rows: Sequence[Values], events: tuple[Event, ...]) -> Picture:
    assert kpis.overviews is not None  # noqa: S101 - drawn only then
    period = kpis.overviews.period
    young = _young(kpis, period)
    days = [_when(values, period) for values in rows]
    points = tuple(
        _point(values[name], label, at=day, open_=_name(values, period) in young)
        for values, day, label in zip(rows, days, day_labels(days), strict=True)
    )
    first, *_, last = (point for point in points if point.value is not None)
    return Picture(
        title=TITLES[name],
        kind=ChartKind.LINE,
        series=(Series(points=points),),
        events=events,
        summary=f"{TITLES[name]} by {period}: {first.figure} on {first.label}, {last.figure} on {last.label}.",
        **_aim(kpis, name),
    )


def _point(value: KpiValue, label: str, *, at: float = 0.0, open_: bool = False) -> Point:
    return Point(
        label=label,
        at=at,
        value=value.value,
        figure="–" if value.value is None else rate_text(value.value),
        low=value.low,
        high=value.high,
        tone=_TONES.get(value.verdict, Tone.PLAIN),
        open=open_ and KPIS[value.name].grows,
    )


def _aim(kpis: Kpis, name: str) -> dict[str, Any]:
    target = kpis.profile.target_of(name, human=kpis.settings.human)
    if target is None:
        return {}
    limits = tuple(limit for limit in (target.low, target.high) if limit is not None)
    return {"limits": limits, "aim": target.limit}


# side by side


def compared_sections(kpis: Kpis) -> Iterator[Section]:
    """Campaigns, providers and segments, unless they are what was asked to split by."""
    if kpis.overviews is None:
        return
    for name in kpis.overviews.slices:
        shown = kpis.settings.by[0] if len(kpis.settings.by) == 1 else ""
        if name in {kpis.overviews.period, shown} or (name == "provider" and kpis.causes):
            continue
        rows = [(values, sent) for values, sent in _rows(kpis, name) if _name(values, name) != UNNAMED]
        if len(rows) < 2:
            continue
        names = _drawn(kpis)
        chart = bars(kpis, name, [values for values, _ in rows], _table(name, rows[:MOST_BARS], names))
        hidden = len(rows) - MOST_BARS
        number = counted(hidden, f"smaller {name} is", f"smaller {name}s are")
        more = f"{number if len(rows) < MOST_SLICES else 'Smaller ones are'} not drawn: --by {name}"
        note = f"{chart.note} {more}" if hidden > 0 else chart.note
        yield Section(title=f"By {name}", blocks=(replace(chart, note=note),), drawn=True)


def bars(kpis: Kpis, by: str, rows: Sequence[Values], *tables: Table) -> Chart:
    """One picture for each figure, of the first slices."""
    pictures = []
    young = _young(kpis, by)
    labels = [f"{name} ~" if name in young else name for name in (_name(values, by) for values in rows)]
    for name in _drawn(kpis):
        points = tuple(
            _point(values[name], label) for values, label in zip(rows[:MOST_BARS], labels, strict=False)
        )
        known = [point for point in points if point.value]
        if not known:
            continue
        most = max(known, key=lambda point: point.value or 0)
        pictures.append(
            Picture(
                title=f"{TITLES[name]}, by {by}",
                kind=ChartKind.BARS,
                series=(Series(points=points),),
                summary=f"{TITLES[name]} by {by}: most for {most.label}, {most.figure}.",
                **_aim(kpis, name),
            )
        )
    note = f"{KEY} ~ young: more may come." if any(label.endswith(" ~") for label in labels) else KEY
    return Chart(pictures=tuple(pictures), tables=tables, note=note)


def _young(kpis: Kpis, by: str) -> set[str]:
    """The names of slices in which more is to come."""
    if kpis.overviews is None or by not in kpis.overviews.slices:
        return set()
    pairs = zip(kpis.overviews.slices[by].keys, kpis.overviews.young[by], strict=True)
    return {cell_text(by, key[0]) for key, flag in pairs if flag}


def with_pictures(kpis: Kpis, section: Section) -> Section:
    """The section of providers, with its table behind pictures."""
    rows = [values for values in kpis.by("provider") if _name(values, "provider") != UNNAMED]
    if section.title != PROVIDERS or kpis.settings.by == ("provider",) or len(rows) < 2:
        return section
    blocks = (
        bars(kpis, "provider", rows, block) if isinstance(block, Table) else block for block in section.blocks
    )
    return replace(section, blocks=tuple(blocks))


def _name(values: Values, by: str) -> str:
    return cell_text(by, next(iter(values.values())).slice[by])


def _drawn(kpis: Kpis) -> list[str]:
    """The figures drawn, of those that the log tells."""
    values = {value.name: value for value in kpis.overall}
    names = [find_kpi(word, human=kpis.settings.human).name for word in DRAWN]
    return [name for name in names if values[name].value is not None]


def _rows(kpis: Kpis, name: str) -> list[tuple[Values, int]]:
    """The values of each slice, and the mails sent in it."""
    assert kpis.overviews is not None  # noqa: S101 - drawn only then
    sent = kpis.overviews.slices[name].sums(["sent"])
    return [(values, int(number)) for values, number in zip(kpis.by(name), sent, strict=True)]


def _table(by: str, rows: Sequence[tuple[Values, int]], names: Sequence[str]) -> Table:
    return Table(
        columns=(by, "sent", *(TITLES[name].lower() for name in names)),
        rows=tuple(
            (Cell(_name(values, by)), Cell(f"{sent:,}"), *(_cell(values[name]) for name in names))
            for values, sent in rows
        ),
        align="lr" + "r" * len(names),
    )


def _cell(value: KpiValue) -> Cell:
    if value.value is None:
        return Cell("–", Tone.MUTED)
    return Cell(rate_text(value.value), _TONES.get(value.verdict, Tone.PLAIN))
