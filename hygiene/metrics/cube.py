"""Counts by many columns at once, from which those by fewer follow: one look at the mails instead of ten.

Every count is a sum over mails, so the counts of a coarser slice are the sums of those of the finer ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import narwhals as nw

from hygiene.engines.engine import Engine, Frame
from hygiene.metrics.counts import count
from hygiene.metrics.table import COUNTS

if TYPE_CHECKING:
    import pyarrow as pa

#: Slices that Python adds up; of more, the engine counts for each question anew.
MOST_SLICES: Final = 200_000


@dataclass(frozen=True, kw_only=True)
class Cube:
    """Counts by `columns`, or none where there would be too many slices."""

    mails: Frame
    engine: Engine
    columns: tuple[str, ...]
    table: pa.Table | None

    def count(self, by: Sequence[str]) -> pa.Table:
        """As `hygiene.metrics.counts.count` gives it."""
        if self.table is None or not set(by) <= set(self.columns):
            return count(self.mails, by, engine=self.engine)
        if tuple(by) == self.columns:
            return self.table
        summed = self.table.group_by(list(by)).aggregate([(name, "sum") for name in COUNTS])
        table = summed.rename_columns([name.removesuffix("_sum") for name in summed.column_names])
        table = table.select([*by, *COUNTS])
        return table.sort_by([(name, "ascending") for name in by]) if by else table


def build_cube(mails: Frame, asked: Sequence[str], also: Sequence[str], engine: Engine) -> Cube:
    """Count by the columns that are asked for and others together, unless these make too many slices."""
    names = tuple(dict.fromkeys([*asked, *also]))
    few = set(names) == set(asked) or _slices(mails, names, engine) <= MOST_SLICES
    table = count(mails, names, engine=engine) if few else None
    return Cube(mails=mails, engine=engine, columns=names if few else (), table=table)


def _slices(mails: Frame, names: Sequence[str], engine: Engine) -> int:
    slices = engine.collect(mails.group_by(*names).agg(mails=nw.len()).select(slices=nw.len()))
    return int(slices.to_pylist()[0]["slices"])
