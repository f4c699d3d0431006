"""Figures as a pandas frame whose columns have the types they mean, built column by column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from hygiene.metrics.evaluate import Telling, judged_figures
from hygiene.metrics.kpis import KPIS, KpiValue, Verdict

if TYPE_CHECKING:
    import pandas as pd

    from hygiene.metrics.benchmarks import Profile
    from hygiene.metrics.slices import Flags, Slices

#: in their order, after the columns of the slice and the KPI
_KINDS: Final[Mapping[str, Any]] = {
    "numerator": "Int64",
    "n": "Int64",
    "value": "Float64",
    "why_null": "string",
    "low": "Float64",
    "high": "Float64",
    "benchmark": "string",
    "verdict": "",
    "needed": "Int64",
    "note": "string",
}
_DAYS: Final = ("day", "week", "cohort")

Columns: TypeAlias = Mapping[str, Sequence[Any]]


def columns_of(values: Sequence[KpiValue], by: Sequence[str]) -> Columns:
    """Values as columns."""
    found: dict[str, Sequence[Any]] = {name: [each.slice.get(name) for each in values] for name in by}
    found["kpi"] = [each.name for each in values]
    return found | {name: [getattr(each, name) for each in values] for name in _KINDS}


def columns_of_slices(
    slices: Slices, telling: Telling, profile: Profile, *, human: bool, young: Flags | None
) -> Columns:
    """Every KPI of every slice, slice after slice, as `columns_of` has them: without an object for each."""
    kpis = tuple(KPIS.values())
    parts = [judged_figures(slices, kpi, telling, profile, human=human, immature=young) for kpi in kpis]
    found: dict[str, Sequence[Any]] = {
        name: [key[place] for key in slices.keys for _ in kpis] for place, name in enumerate(slices.by)
    }
    found["kpi"] = [kpi.name for kpi in kpis] * len(slices.keys)
    return found | {name: _woven([part[name] for part in parts]) for name in _KINDS}


def _woven(columns: Sequence[Sequence[Any]]) -> list[Any]:
    """The first of each, then the second of each …"""
    return [cell for row in zip(*columns, strict=True) for cell in row]


def frame_of(parts: Iterable[Columns], by: Sequence[str]) -> pd.DataFrame:
    """One row a value: the columns of its slice, then kpi, numerator, n, value, low, high, and its verdict.

    Whole numbers are Int64, rates Float64, words string, kpi and verdict categories in their own order, and
    days are dates; what is not known is null.
    """
    import pandas as pd

    parts = list(parts)
    joined = {name: [cell for part in parts for cell in part[name]] for name in (*by, "kpi", *_KINDS)}
    columns: dict[str, Any] = {name: _cells(name, joined[name]) for name in by}
    columns["kpi"] = pd.Categorical(joined["kpi"], categories=list(KPIS))
    verdicts = [each.value for each in Verdict]
    for name, kind in _KINDS.items():
        columns[name] = (
            pd.array(joined[name], dtype=kind)
            if kind
            else pd.Categorical([each.value for each in joined[name]], categories=verdicts)
        )
    return pd.DataFrame(columns)


def _cells(name: str, cells: list[Any]) -> Any:
    """The cells of a column to split by."""
    import pandas as pd

    if name in _DAYS:
        days = [np.datetime64("NaT") if cell is None else np.datetime64(int(cell), "D") for cell in cells]
        return pd.Series(np.array(days, "datetime64[s]"))
    if any(isinstance(cell, int) for cell in cells):
        return pd.array(cells, dtype="Int64")
    return pd.array(cells, dtype="string")
