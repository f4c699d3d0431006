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
    from hygiene.metrics.durations import Duration
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


#: what is told of a time, with its unit; the interval is the median's
_TIMED: Final = {"median_s": ("median_s", "low_s", "high_s"), "p90_s": ("p90_s", None, None)}


def frame_of_times(rows: Iterable[tuple[Mapping[str, Any], Duration]], by: Sequence[str]) -> pd.DataFrame:
    """How long things took, in the columns of `frame_of`: two rows a time, in seconds, without a verdict.

    `kpi` is such as time_to_deliver_median_s or time_to_deliver_p90_s; `n` counts the dated mails.
    """
    import pandas as pd

    cells: dict[str, list[Any]] = {name: [] for name in (*by, "kpi", *_KINDS)}
    for slice_, time in rows:
        for name, (value, low, high) in _TIMED.items():
            told = {"kpi": f"{time.name}_{name}", "n": time.n, "value": getattr(time, value)}
            told |= {
                "why_null": time.why_null if told["value"] is None else None,
                "verdict": Verdict.NONE.value,
            }
            told |= {"low": low and getattr(time, low), "high": high and getattr(time, high)}
            for column, values in cells.items():
                values.append(slice_.get(column) if column in by else told.get(column))
    columns = {name: _cells(name, cells[name]) for name in by}
    kinds = {"kpi": "string", **_KINDS, "verdict": "string"}
    return pd.DataFrame(columns | {name: pd.array(cells[name], dtype=kind) for name, kind in kinds.items()})


def _cells(name: str, cells: list[Any]) -> Any:
    """The cells of a column to split by."""
    import pandas as pd

    if name in _DAYS:
        days = [np.datetime64("NaT") if cell is None else np.datetime64(int(cell), "D") for cell in cells]
        return pd.Series(np.array(days, "datetime64[s]"))
    if any(isinstance(cell, int) for cell in cells):
        return pd.array(cells, dtype="Int64")
    return pd.array(cells, dtype="string")
