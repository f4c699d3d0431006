"""The pictures of a measurement: over time, from sent to bought, slice by slice, and by weeks on the list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from hygiene.metrics.causes.presentation import PROVIDERS
from hygiene.metrics.kpis import KPIS, KpiValue, Verdict, find_kpi
from hygiene.metrics.overviews import MOST_SLICES, Overviews
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
_MOST_PERIODS: Final = 104
_MOST_EVENTS: Final = 60
_NAMED: Final = 3  # campaigns of a period
_EPOCH: Final = date(1970, 1, 1)
_FAR: Final = 2_900_000  # days from 1970 that a calendar reaches
_CLASSES: Final = {
    "hard": "hard: no mailbox",
    "soft": "soft: passing",
    "block": "block: refused",
    "undetermined": "of unknown class",
}

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
    rows = rows[-_MOST_PERIODS:]
    if len(rows) < 2:
        return
    names = [name for name in _drawn(kpis) if sum(values[name].value is not None for values, _ in rows) > 1]
    events = tuple(_launches(overviews, [_when(values, period) for values, _ in rows]))
    columns = Picture(
        title=f"Mails sent by {period}{', and when campaigns began' if events else ''}",
        kind=ChartKind.COLUMNS,
        scale=Scale.COUNT,
        series=(
            Series(
                points=tuple(
                    Point(
                        label=short_day(_when(values, period)) or "",
                        at=_when(values, period),
                        value=sent,
                        figure=f"{sent:,}",
                    )
                    for values, sent in rows
                )
            ),
        ),
        events=events,
        summary=f"Mails sent by {period}: {len(rows)} {period}s, up to {max(sent for _, sent in rows):,}.",
        wide=True,
    )
    lines = (_line(kpis, name, [values for values, _ in rows], events) for name in names)
    note = "A hollow point is not final: more may come. Bars through points are 95 % intervals."
    table = _with_launches(
        _table(period, rows, names), overviews, [_when(values, period) for values, _ in rows]
    )
    chart = Chart(pictures=(columns, *lines), tables=(table,), note=note)
    yield Section(title="Over time", blocks=(chart,), drawn=True)


def _when(values: Values, period: str) -> int:
    day = next(iter(values.values())).slice[period]
    return _FAR + 1 if day is None else int(day)


def short_day(number: int) -> str | None:
    """`3 Nov`; nothing where no calendar reaches."""
    if not -700_000 < number < _FAR:
        return None
    day = _EPOCH + timedelta(days=number)
    return f"{day.day} {day:%b}"


def _launches(overviews: Overviews, days: Sequence[int]) -> Iterator[Event]:
    """The largest campaigns that began in one of the periods."""
    known = [(when, name) for when, name, _ in overviews.launches if days[0] <= when <= days[-1]]
    yield from (Event(at=when, label=name) for when, name in known[:_MOST_EVENTS])


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
    points = tuple(
        _point(
            values[name],
            short_day(_when(values, period)) or "",
            at=_when(values, period),
            open_=_name(values, period) in young,
        )
        for values in rows
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


# from sent to bought


def funnel_sections(kpis: Kpis) -> Iterator[Section]:
    """How many mails were left after each step, and how those bounced that were lost on the first."""
    steps = _steps(kpis)
    if not steps or not steps[0][1]:
        return
    rows: list[tuple[str, int, float | None]] = []
    before = 0
    for label, number in steps:
        share = number / before if before else None
        rows.append((label, number, share))
        before = number
    points = tuple(
        Point(
            label=label,
            value=float(number),
            figure=f"{number:,}",
            note="" if share is None else f"{rate_text(share)} of those before",
        )
        for label, number, share in rows
    )
    funnel = Picture(
        title="From sent to bought",
        kind=ChartKind.FUNNEL,
        scale=Scale.COUNT,
        series=(Series(points=points),),
        summary="; ".join(f"{label} {number:,}" for label, number in steps) + ".",
    )
    bounces = _bounces(kpis)
    chart = Chart(
        pictures=(funnel, *_bounces_drawn(bounces)),
        tables=(_funnel_table(rows), *_bounces_table(bounces)),
        note="Who clicks has opened, whether or not the images were loaded.",
    )
    yield Section(title="What became of the mail", blocks=(chart,), drawn=True)


def _funnel_table(rows: Sequence[tuple[str, int, float | None]]) -> Table:
    return Table(
        columns=("step", "mails", "of those before", "of those sent"),
        rows=tuple(
            (
                Cell(label),
                Cell(f"{number:,}"),
                Cell("" if share is None else rate_text(share)),
                Cell(rate_text(number / rows[0][1])),
            )
            for label, number, share in rows
        ),
        align="lrrr",
    )


def _steps(kpis: Kpis) -> list[tuple[str, int]]:
    """The steps that the log tells of."""
    counts = kpis.counts()
    values = {value.name: value for value in kpis.overall}
    human = "human" if kpis.settings.human else "all"
    told = {
        "delivered": "delivery_rate",
        "opened or clicked": "open_rate_human" if kpis.settings.human else "",
        "opened": "" if kpis.settings.human else "open_rate_all",
        "clicked": f"click_rate_{human}",
        "converted": "conversion_rate",
    }
    columns = {"opened or clicked": "engaged_human", "opened": "opened_all", "clicked": f"clicked_{human}"}
    steps = [("sent", counts["sent"] or 0)]
    for label, name in told.items():
        if name and values[name].value is not None:
            steps.append((label, counts[columns.get(label, label)] or 0))
    return steps


def _bounces(kpis: Kpis) -> list[tuple[str, int]]:
    """Why mail bounced, the commonest reason first; of which class, where reasons were not looked for."""
    reasons = kpis.causes.reasons if kpis.causes else None
    if reasons is None or not reasons.top:
        counts = kpis.counts()
        numbers = {title: counts[name] or 0 for name, title in _CLASSES.items()}
    else:
        numbers = {}
        for one in reasons.top:
            numbers[one.rule.name] = numbers.get(one.rule.name, 0) + one.mails
        numbers["all others"] = reasons.others
    return sorted(((name, number) for name, number in numbers.items() if number), key=lambda one: -one[1])


def _bounces_drawn(bounces: Sequence[tuple[str, int]]) -> Iterator[Picture]:
    if not bounces:
        return
    whole = sum(number for _, number in bounces)
    points = tuple(Point(label=name, value=float(number), figure=f"{number:,}") for name, number in bounces)
    yield Picture(
        title=f"Why {counted(whole, 'mail')} bounced",
        kind=ChartKind.BARS,
        scale=Scale.COUNT,
        series=(Series(points=points),),
        summary="; ".join(f"{point.label}: {point.figure}" for point in points) + ".",
    )


def _bounces_table(bounces: Sequence[tuple[str, int]]) -> Iterator[Table]:
    whole = sum(number for _, number in bounces)
    rows = tuple((Cell(name), Cell(f"{number:,}"), Cell(rate_text(number / whole))) for name, number in bounces)
    if rows:
        yield Table(columns=("bounced as", "mails", "of all bounces"), rows=rows, align="lrr")
