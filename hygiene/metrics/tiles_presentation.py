"""The key figures of all mail: how each is judged, how sure it is, and where it is going."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from hygiene.metrics.intervals import wilson
from hygiene.metrics.kpis import KPIS, KpiValue, Unit, Verdict, find_kpi
from hygiene.metrics.words import money_text, range_text, rate_text
from hygiene.render.sections import Tile, Tiles, Tone

if TYPE_CHECKING:
    from hygiene.metrics.measured import Kpis

TONES: Final = {
    Verdict.MET: Tone.GOOD,
    Verdict.MISSED: Tone.BAD,
    Verdict.NOT_PROVEN: Tone.UNKNOWN,
    Verdict.NONE: Tone.PLAIN,
}
HEADS: Final = ("all mail", "", "95 % sure", "aim", "trend")
#: shown among the figures of all mail, in this order; the others where they have a benchmark, or in detail
_FIRST: Final = (
    *("delivery_rate", "bounce_rate", "hard_bounce_rate", "complaint_rate_delivered", "complaint_rate_fbl"),
    *("open_rate", "click_rate", "ctor", "unsubscribe_rate", "conversion_rate", "revenue_per_mail"),
)
_TREND: Final = 12  # periods of the small line


def tiles(kpis: Kpis) -> Tiles:
    """The figures that have something to say."""
    values = {value.name: value for value in kpis.overall}
    period = kpis.overviews.period if kpis.overviews else ""
    periods = kpis.by(period)
    return Tiles(tiles=tuple(_tile(kpis, values[name], periods) for name in shown(kpis)), heads=HEADS)


def shown(kpis: Kpis) -> list[str]:
    """The names of those figures."""
    first = [find_kpi(word, human=kpis.settings.human).name for word in _FIRST]
    values = {value.name: value for value in kpis.overall}
    said = [name for name in first if values[name].value is not None or values[name].benchmark]
    said = [
        name for name in said if name not in {"hard_bounce_rate", "complaint_rate_fbl"} or _tells(values, name)
    ]
    return said + [value.name for value in kpis.overall if value.benchmark and value.name not in said]


def _tells(values: dict[str, KpiValue], name: str) -> bool:
    """Whether a narrower figure says more than the one above it."""
    wider = {"hard_bounce_rate": "bounce_rate", "complaint_rate_fbl": "complaint_rate_delivered"}[name]
    return bool(values[name].benchmark) or (values[name].numerator, values[name].n) != (
        values[wider].numerator,
        values[wider].n,
    )


def value_text(kpis: Kpis, value: KpiValue) -> str:
    """A value in its unit; a dash where there is none."""
    if value.value is None:
        return "–"
    if KPIS[value.name].unit is Unit.MONEY:
        return money_text(value.value, kpis.account.currency)
    return rate_text(value.value)


def _tile(kpis: Kpis, value: KpiValue, periods: Sequence[Mapping[str, KpiValue]]) -> Tile:
    kpi = KPIS[value.name]
    star = " *" if kpi.family in {"open_rate", "click_rate"} else ""
    series = [one for one, _ in _final(kpis, value.name, periods)]
    arrow, change = _change(series)
    return Tile(
        title=f"{kpi.title}{star}",
        figure=value_text(kpis, value),
        verdict=_verdict(value),
        tone=tone_of(value),
        interval="" if value.low is None or value.high is None else range_text(value.low, value.high),
        aim=value.benchmark or "",
        trend=tuple(one.value for one in series[-_TREND:]),
        arrow=arrow,
        change=change,
    )


def tone_of(value: KpiValue) -> Tone:
    """How a figure stands; one that should be held against a benchmark and is not there is open, too."""
    return Tone.UNKNOWN if value.benchmark and value.why_null else TONES[value.verdict]


def _verdict(value: KpiValue) -> str:
    if not value.benchmark:
        return ""
    if value.why_null:
        return f"no figure; aim {value.benchmark}"
    return f"{value.verdict.value}: aim {value.benchmark}"


def _final(
    kpis: Kpis, name: str, periods: Sequence[Mapping[str, KpiValue]]
) -> Iterator[tuple[KpiValue, Mapping[str, KpiValue]]]:
    """The figure of each dated period in which no more is to come."""
    if kpis.overviews is None:
        return
    young = kpis.overviews.young[kpis.overviews.period]
    for place, values in enumerate(periods):
        value = values[name]
        dated = value.slice[kpis.overviews.period] is not None
        if dated and value.value is not None and not (young[place] and KPIS[name].grows):
            yield value, values


def _change(series: Sequence[KpiValue]) -> tuple[str, str]:
    """Whether the latest quarter of the periods differs from the others by more than chance."""
    if len(series) < 2 or KPIS[series[-1].name].unit is Unit.MONEY:
        return "", ""
    split = len(series) - max(len(series) // 4, 1)
    before, low_before, high_before = _pooled(series[:split])
    now, low, high = _pooled(series[split:])
    said = f"from {rate_text(before).removesuffix(' %')} to {rate_text(now)}"
    if low > high_before:
        return "↑", said
    return ("↓", said) if high < low_before else ("→", "no clear change")


def _pooled(series: Sequence[KpiValue]) -> tuple[float, float, float]:
    """The rate of several periods together, and its interval."""
    numerator, n = (sum(getattr(one, name) or 0 for one in series) for name in ("numerator", "n"))
    low, high = wilson(numerator, n)
    return numerator / n, float(low), float(high)
