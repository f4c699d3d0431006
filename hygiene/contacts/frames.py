"""Written files as pandas frames, every cell as the text it came as."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hygiene.contacts.ledger import FORMULA
from hygiene.contacts.summary import Summary
from hygiene.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd


def load_kept(folder: Path, name: str = "clean.csv") -> pd.DataFrame:
    """A file of kept rows, read in the form that the manifest says it has; blank cells are empty texts."""
    import pandas as pd

    form = json.loads((folder / "manifest.json").read_text("utf-8"))["clean"]
    path = folder / name
    if not form["delimiter"]:
        lines = [line for line in path.read_text("utf-8-sig").splitlines() if line.strip()]
        first = lines.pop(0) if form["header"] and lines else "column_1"
        return pd.DataFrame({first: lines}, dtype=str)
    frame = pd.read_csv(
        path,
        sep=form["delimiter"],
        header=0 if form["header"] else None,
        dtype=str,
        keep_default_na=False,
        encoding="utf-8-sig",
        quoting=0 if form["quoted"] else 3,
        escapechar=None if form["escape"] == '"' else form["escape"],
        doublequote=form["escape"] == '"',
        index_col=False,
    )
    if not form["header"]:
        frame.columns = pd.Index([f"column_{place}" for place in range(1, len(frame.columns) + 1)])
    return frame


def write_frame(frame: Any, path: Path) -> Path:
    """A data frame (pandas, Polars, Arrow, lazy ones too) as CSV; raises UsageError for anything else."""
    import narwhals as nw
    import pyarrow as pa

    try:
        native = nw.from_native(frame)
    except TypeError:
        raise UsageError(f"a list of contacts is a path or a data frame, not {type(frame).__name__}") from None
    except nw.exceptions.DuplicateError:
        raise UsageError("the data frame has two columns of the same name") from None
    whole = native.collect() if isinstance(native, nw.LazyFrame) else native
    if not whole.columns:
        raise UsageError("the data frame has no columns")
    if any(isinstance(name, tuple) for name in whole.columns):
        raise UsageError("the data frame has column names of several levels")
    try:
        whole.write_csv(str(path))
    except (nw.exceptions.NarwhalsError, pa.ArrowInvalid) as error:
        raise UsageError(f"the data frame cannot be written as text: {str(error).splitlines()[0]}") from None
    return path


def load_ledger(path: Path) -> pd.DataFrame:
    """One of our own lists, as it would be before cells were made safe for spreadsheets."""
    import pandas as pd

    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    for name in set(frame.columns) - {"line", "step", "reason", "flags", "suggestion"}:
        frame[name] = frame[name].str.replace(rf"^'(?={FORMULA[1:]})", "", regex=True)
    if "line" in frame:
        frame["line"] = frame["line"].astype("int64")
    return frame


def count_frame(summary: Summary) -> pd.DataFrame:
    """Rows by step and reason, the kept ones first; shares are of the rows that came in."""
    import pandas as pd

    from hygiene.contacts.reasons import ABOUT

    rows = [("kept", "", summary.kept)]
    rows += [(ABOUT[reason].step.value, reason.value, count) for reason, count in summary.reasons.items()]
    frame = pd.DataFrame(rows, columns=["step", "reason", "rows"])
    frame = frame.astype({"step": "string", "reason": "string", "rows": "int64"})
    frame["share"] = frame["rows"] / summary.rows if summary.rows else 0.0
    return frame
