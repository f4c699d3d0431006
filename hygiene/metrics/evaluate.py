"""Counts → values: every KPI of every slice, with its interval and its verdict."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from hygiene.event import EventKind
from hygiene.metrics.benchmarks import Profile, Target
from hygiene.metrics.intervals import wilson
from hygiene.metrics.kpis import Kpi, KpiValue, Unit, Verdict
from hygiene.metrics.slices import Flags, Integers, Slices
from hygiene.metrics.table import COUNTS
from hygiene.metrics.verdict import Judged, judge

Numbers: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"

MICROS: Final = 1_000_000  # of a unit of currency
UNDER_WAY: Final = 0.02  # share of the mails sent, from which deliveries and bounces are not final

_SAID: Final = {
    EventKind.BOUNCED: "bounces",
    EventKind.COMPLAINED: "complaints",
    EventKind.OPENED: "opens",
    EventKind.CLICKED: "clicks",
    EventKind.UNSUBSCRIBED: "opt-outs",
    EventKind.CONVERTED: "orders",
}
#: counts that a source leaves open which has no word for any of these kinds
_COUNTED_BY: Final[Mapping[str, Collection[EventKind]]] = {
    "rejected": (EventKind.REJECTED,),
    "late": (EventKind.DELIVERED,),
    "deferred": (EventKind.DEFERRED,),
    "complained": (EventKind.COMPLAINED,),
    "complained_fbl": (EventKind.COMPLAINED,),
    "unsubscribed": (EventKind.UNSUBSCRIBED,),
    "delivered_open_tracked": (EventKind.OPENED,),
    "opened_all": (EventKind.OPENED,),
    "opened_human": (EventKind.OPENED,),
    "opens_total": (EventKind.OPENED,),
    "delivered_click_tracked": (EventKind.CLICKED,),
    "clicked_all": (EventKind.CLICKED,),
    "clicked_human": (EventKind.CLICKED,),
    "clicks_total": (EventKind.CLICKED,),
    "engaged_human": (EventKind.OPENED, EventKind.CLICKED),
}
#: where it shows that mails were tracked at all
_SEEN_IN: Final = {"delivered_open_tracked": "opened_all", "delivered_click_tracked": "clicked_all"}
#: what a source tells of mails that it names by what came back alone
_OF_BOUNCES: Final = frozenset({"bounced", "hard", "soft", "block", "undetermined"})
_OF_ORDERS: Final = frozenset({"converted", "orders", "revenue_micros"})
_BASELESS: Final = "the log tells neither to whom mail was sent nor what arrived (--sends gives a list)"
_NO_JUDGEMENT: Final = Judged(Verdict.NONE)
_COMPLAINED: Final = "complained"
_RECEIVERS: Final = frozenset({"provider", "domain"})
_UNHEARD: Final = Judged(Verdict.NOT_PROVEN, note="this receiver is not known to tell of complaints")
_ALL_UNHEARD: Final = Judged(Verdict.NOT_PROVEN, note="none of its receivers is known to tell of complaints")


@dataclass(frozen=True, kw_only=True)
class Telling:
    """What the logs can say. `silent` is of each source the kinds that it has no word for.

    The mails of a `baseless` source are known by what came back alone: they are no base of any rate.
    """

    silent: Mapping[str, Collection[EventKind]]
    baseless: Collection[str] = ()
    no_orders: str = ""  # why there are none to be counted; empty where there are
    currencies: tuple[str, ...] = ()
    receivers: bool = False  # whether the events say to which mailbox providers mail went

    def hears(self, source: str, kpi: Kpi) -> bool:
        """Whether a source tells what this KPI is made of."""
        return source not in self.baseless and not set(kpi.needs) & set(self.silent.get(source, ()))

    def counts_told(self, slices: Slices) -> dict[str, bool]:
        """Of each count whether a row tells it; without rows there is nothing that could be kept back."""
        sources = slices.sources
        based = not sources or not set(sources) <= set(self.baseless)
        told = {}
        for name in COUNTS:
            kinds = set(_COUNTED_BY.get(name, ()))
            worded = [not kinds or bool(kinds - set(self.silent.get(source, ()))) for source in sources]
            seen = slices.counts[_SEEN_IN.get(name, name)] != 0
            heard = slices.told[name] & (np.array(worded, np.bool_) | seen)
            kept_back = (not based and name not in _OF_BOUNCES) or (bool(self.no_orders) and name in _OF_ORDERS)
            told[name] = not kept_back and (not sources or bool(heard.any()))
        return told


@dataclass(frozen=True, kw_only=True, eq=False)
class Figures:
    """One KPI of all slices."""

    kpi: Kpi
    numerator: Integers
    n: Integers
    value: Numbers  # NaN where there is none
    low: Numbers
    high: Numbers
    why: tuple[str | None, ...]  # why there is none
    partly: Flags  # some mail of the slice is left out, as its log does not tell


def compute(slices: Slices, kpi: Kpi, telling: Telling) -> Figures:
    """The KPI for each slice, over the rows of sources that tell what it is made of."""
    heard = np.array([telling.hears(source, kpi) for source in slices.sources], np.bool_)
    silent = not heard.any()
    for column in (*kpi.numerator, *kpi.denominator):
        heard = heard & slices.told[column]
    numerator, n = slices.sums(kpi.numerator, heard), slices.sums(kpi.denominator, heard)
    any_heard, missed = slices.any_of(heard), slices.any_of(~heard)
    general = _silenced(kpi, telling)
    baseless = silent and set(slices.sources) <= set(telling.baseless)
    unheard = _BASELESS if baseless else _unheard(kpi, silent=silent)
    why = tuple(
        general or (unheard if missed[at] and not any_heard[at] else kpi.empty if n[at] <= 0 else None)
        for at in range(len(n))
    )
    known = np.array([each is None for each in why], np.bool_)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.where(known, numerator / n, np.nan)
    if kpi.unit is Unit.MONEY:
        value = value / MICROS
        low = high = np.full(len(n), np.nan)
    else:
        low, high = (np.where(known, end, np.nan) for end in wilson(numerator, np.maximum(n, 0)))
    partly = missed & any_heard
    return Figures(kpi=kpi, numerator=numerator, n=n, value=value, low=low, high=high, why=why, partly=partly)


def _silenced(kpi: Kpi, telling: Telling) -> str | None:
    """Why no slice can have it."""
    if EventKind.CONVERTED in kpi.needs and telling.no_orders:
        return telling.no_orders
    if kpi.unit is Unit.MONEY and len(telling.currencies) > 1:
        return f"the orders are in {' and '.join(telling.currencies)}: money of several kinds is not added up"
    return None


def _unheard(kpi: Kpi, *, silent: bool) -> str:
    """Why it cannot be known from any log of a slice."""
    if kpi.name.endswith("_human") and not silent:
        return "the log does not tell people from machines (--all-opens judges both)"
    missing = " or ".join(_SAID[kind] for kind in kpi.needs) or "what became of the mails"
    return f"the log tells of no {missing}" if kpi.needs else f"the log does not tell {missing}"


def judged_figures(
    slices: Slices,
    kpi: Kpi,
    telling: Telling,
    profile: Profile,
    *,
    human: bool = True,
    immature: Flags | None = None,
) -> dict[str, list[Any]]:
    """One KPI of all slices with its verdicts: the fields of `KpiValue`, each a list in the slices' order."""
    figures, target = compute(slices, kpi, telling), profile.target_of(kpi.name, human=human)
    number = len(slices.keys)
    young = np.zeros(number, np.bool_) if immature is None else np.asarray(immature, np.bool_)
    if not kpi.grows:
        young = young & (slices.sums(["pending"]) > UNDER_WAY * slices.sums(["sent"]))
    numerators, whole = figures.numerator.tolist(), figures.n.tolist()
    low, high = _numbers(figures.low), _numbers(figures.high)
    judged = [_NO_JUDGEMENT] * number
    if target is not None:
        rows = zip(figures.why, numerators, whole, low, high, young.tolist(), strict=True)
        judged = _judged(kpi, target, rows)
        if kpi.numerator == (_COMPLAINED,):
            judged = _but_unheard(judged, slices, telling)
    silent = [bool(why) and not n for why, n in zip(figures.why, whole, strict=True)]
    return {
        "numerator": [None if none else k for none, k in zip(silent, numerators, strict=True)],
        "n": [None if none else n for none, n in zip(silent, whole, strict=True)],
        "value": _numbers(figures.value),
        "why_null": list(figures.why),
        "low": low,
        "high": high,
        "benchmark": [target.limit if target else None] * number,
        "verdict": [each.verdict for each in judged],
        "needed": [each.needed for each in judged],
        "leans": [each.leans if each.needed is not None else None for each in judged],
        "note": [
            _note(each, partly=partly) for each, partly in zip(judged, figures.partly.tolist(), strict=True)
        ],
    }


def _but_unheard(judged: Sequence[Judged], slices: Slices, telling: Telling) -> list[Judged]:
    """No complaints are no merit where nobody would tell of them."""
    unheard = _UNHEARD if _RECEIVERS & set(slices.by) else _ALL_UNHEARD
    untold = zip(judged, _unheard_of(slices, telling), strict=True)
    return [unheard if one and each.verdict is not Verdict.NONE else each for each, one in untold]


def _unheard_of(slices: Slices, telling: Telling) -> list[bool]:
    """Of each slice whether its receivers are known, none of them tells of complaints, and none did."""
    told = slices.sums(["delivered_fbl"]) + slices.sums([_COMPLAINED])
    places = [at for at, name in enumerate(slices.by) if name in _RECEIVERS]
    if places:
        known = [any(key[at] for at in places) for key in slices.keys]
    else:
        unknown = slices.any_of(~slices.told["delivered_fbl"])
        known = [telling.receivers and not each for each in unknown.tolist()]
    return [is_known and not number for is_known, number in zip(known, told.tolist(), strict=True)]


def _judged(kpi: Kpi, target: Target, rows: Iterable[tuple[Any, ...]]) -> list[Judged]:
    """The verdicts; small slices have the same counts over and over."""
    known: dict[tuple[int, int, bool], Judged] = {}
    found = []
    for why, numerator, n, low, high, young in rows:
        if why is not None or low is None or high is None:
            found.append(_NO_JUDGEMENT)
            continue
        key = (numerator, n, young)
        if key not in known:
            known[key] = judge(kpi, target, numerator=numerator, n=n, low=low, high=high, growing=young)
        found.append(known[key])
    return found


def values_of(
    slices: Slices,
    kpis: Sequence[Kpi],
    telling: Telling,
    profile: Profile,
    *,
    human: bool = True,
    immature: Flags | None = None,
) -> Iterator[KpiValue]:
    """All values, slice after slice in their order, in each the KPIs as given."""
    columns = [judged_figures(slices, kpi, telling, profile, human=human, immature=immature) for kpi in kpis]
    rows = [zip(*one.values(), strict=True) for one in columns]
    names = list(columns[0]) if columns else []
    for place in range(len(slices.keys)):
        slice_ = slices.slice_of(place)
        for kpi, cells in zip(kpis, rows, strict=True):
            yield KpiValue(name=kpi.name, slice=slice_, **dict(zip(names, next(cells), strict=True)))


def _note(judged: Judged, *, partly: bool) -> str | None:
    said = [judged.note, "only of the logs that tell of it" if partly else None]
    return "; ".join(each for each in said if each) or None


def _numbers(values: Numbers) -> list[float | None]:
    """Plain numbers; None for what is none."""
    return [None if each != each else each for each in values.tolist()]  # noqa: PLR0124 - NaN
