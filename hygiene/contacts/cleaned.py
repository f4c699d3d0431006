"""The result of a cleaning, and what can stop one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hygiene.config import CleaningPolicy
from hygiene.contacts.summary import Summary
from hygiene.errors import HygieneError, UsageError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from hygiene.render.sections import Document


class TooManyRemoved(HygieneError):
    """Pruning would take more of those who could be mailed than the policy allows; nothing was written."""

    exit_code = 1

    def __init__(self, sentence: str, summary: Summary) -> None:
        self.summary = summary
        super().__init__(sentence)


class BrokenSum(HygieneError):
    """The program's own sums do not add up: a fault of ours; nothing was written."""


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """What a cleaning came to. `folder` holds the files it wrote, None after a dry run.

    Without an output they lie in a folder of the result's own, which goes with it.
    """

    summary: Summary
    policy: CleaningPolicy
    as_of: datetime
    folder: Path | None = None
    _keep: Any = field(default=None, repr=False)  # holds a folder of its own until the result is let go

    @property
    def kept(self) -> pd.DataFrame:
        """The rows that are safe to mail, every cell as the text it came as."""
        from hygiene.contacts.frames import load_kept

        return load_kept(self._written())

    @property
    def rejected(self) -> pd.DataFrame:
        """One line for every other row: file, line, address, step, reason, detail, kept_row, text."""
        from hygiene.contacts.frames import load_ledger

        return load_ledger(self._written() / "rejected.csv")

    @property
    def flagged(self) -> pd.DataFrame:
        """The kept rows of which something is to be said: file, line, address, flags, suggestion, mail_to."""
        from hygiene.contacts.frames import load_ledger

        return load_ledger(self._written() / "flagged.csv")

    @property
    def lasting(self) -> bool:
        """Whether files were written that stay when the result is gone."""
        return self.folder is not None and self._keep is None

    def _written(self) -> Path:
        if self.folder is None:
            raise UsageError("a dry run writes no rows: clean without dry_run to get them")
        return self.folder

    def to_frame(self) -> pd.DataFrame:
        """Rows by step and reason."""
        from hygiene.contacts.frames import count_frame

        return count_frame(self.summary)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the summary."""
        return self.summary.to_dict()

    def sections(self) -> Document:
        """The page."""
        from hygiene.contacts.presentation import document

        return document(self)

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the rows rejected for each reason, in the order of the steps."""
        from hygiene.contacts.plot import plot_reasons

        return plot_reasons(self.summary, ax)

    def _repr_html_(self) -> str:
        from hygiene.render.fragment import render_fragment

        return render_fragment([self.sections()])

    def __repr__(self) -> str:
        found = self.summary
        return f"<Cleaned {found.rows:,} rows: {found.kept:,} kept, {found.rejected:,} rejected>"
