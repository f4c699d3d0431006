"""Figures as a pandas frame whose columns have the types they mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hygiene.metrics.kpis import KPIS, KpiValue, Verdict

if TYPE_CHECKING:
    import pandas as pd

_WHOLE: Final = ("numerator", "n", "needed")
_REAL: Final = ("value", "low", "high")
_WORDS: Final = ("why_null", "benchmark", "note")
_DAYS: Final = ("day", "week", "cohort")


def frame_of(values: Sequence[KpiValue], by: Sequence[str]) -> pd.DataFrame:
    """One row a value: the columns of its slice, then kpi, numerator, n, value, low, high, and its verdict.

    Whole numbers are Int64, rates Float64, words string, kpi and verdict categories in their own order, and
    days are dates; what is not known is null.
    """
    import pandas as pd

    columns: dict[str, Any] = {name: _cells(name, [each.slice.get(name) for each in values]) for name in by}
    columns["kpi"] = pd.Categorical([each.name for each in values], categories=list(KPIS))
    for field in fields(KpiValue):
        cells = [getattr(each, field.name) for each in values]
        if field.name in _WHOLE:
            columns[field.name] = pd.array(cells, dtype="Int64")
        elif field.name in _REAL:
            columns[field.name] = pd.array(cells, dtype="Float64")
        elif field.name in _WORDS:
            columns[field.name] = pd.array(cells, dtype="string")
        elif field.name == "verdict":
            columns[field.name] = pd.Categorical(
                [each.value for each in cells], categories=[each.value for each in Verdict]
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
