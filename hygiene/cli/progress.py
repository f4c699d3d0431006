"""What a person sees while waiting: what is being done, how far it is, and how many rows a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

PATIENCE_S = 1.0  # what takes less shows nothing


class Watch:
    """Shows progress on a terminal once something takes longer than a moment; elsewhere nothing."""

    def __init__(self) -> None:
        self.started, self.rows, self.name = time.monotonic(), 0, ""
        self.bar: Progress | None = None

    def tick(self, name: str, rows: int, share: float) -> None:
        """So many more rows were read of a file, of which `share` is done."""
        if name != self.name:
            self.name, self.rows, self.started_file = name, 0, time.monotonic()
        self.rows += rows
        speed = self.rows / max(time.monotonic() - self.started_file, 1e-9)
        self._show(f"Reading {name}", share, f"{self.rows:,} rows  {speed:,.0f}/s")

    def hear(self, name: str, events: int) -> None:
        """So many events are read by now, the last of them from this file."""
        self.rows = events
        speed = events / max(time.monotonic() - self.started, 1e-9)
        self._show(f"Reading {name}", None, f"{events:,} events  {speed:,.0f}/s")

    def say(self, what: str) -> None:
        """Something else has begun."""
        self._show(what, None, f"{self.rows:,} rows" if self.rows else "")

    def _show(self, what: str, share: float | None, figures: str) -> None:
        if not sys.stderr.isatty() or time.monotonic() - self.started < PATIENCE_S:
            return
        if self.bar is None:
            self.bar = new_bar()
            self.bar.start()
            self.task = self.bar.add_task("", total=1.0, figures="")
        self.bar.update(
            self.task,
            description=what,
            total=None if share is None else 1.0,
            completed=share or 0.0,
            figures=figures,
        )

    def stop(self) -> None:
        """Take the bar away."""
        if self.bar is not None:
            self.bar.stop()


def new_bar() -> Progress:
    """A bar on standard error that is gone when it stops."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[figures]}", markup=False),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)


@contextmanager
def watching() -> Iterator[Watch]:
    """A watch that is gone at the end, however that comes."""
    watch = Watch()
    try:
        yield watch
    finally:
        watch.stop()
