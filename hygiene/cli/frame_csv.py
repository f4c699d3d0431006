"""A frame as CSV that no spreadsheet misreads."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def frame_csv(frame: pd.DataFrame, *more: pd.DataFrame) -> str:
    """One line a row, of further frames with the same columns, too; what is not known is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(frame.columns)
    for each in (frame, *more):
        writer.writerows([_cells(row) for row in each.itertuples(index=False, name=None)])
    return text.getvalue()


def _cells(row: Sequence[Any]) -> list[str]:
    import pandas as pd

    return ["" if pd.isna(cell) else _cell(cell) for cell in row]


def _cell(cell: Any) -> str:
    """A cell that no spreadsheet takes for a formula; days without a clock."""
    from hygiene.contacts.ledger import FORMULA

    if hasattr(cell, "isoformat"):
        return str(cell.date())
    if isinstance(cell, float):
        return f"{cell:.12g}"
    text = str(cell)
    return f"'{text}" if re.match(FORMULA, text) else text
