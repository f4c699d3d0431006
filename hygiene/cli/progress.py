"""What a person sees while waiting: what is being done, how far it is, and how many rows a second."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.progress import Progress

PATIENCE_S = 1.0  # what takes less shows nothing
LONGEST: Final = 40  # characters of a place
MB: Final = 1_000_000  # bytes


class Watch:
    """Shows progress on a terminal once something takes longer than a moment; elsewhere nothing."""

    def __init__(self) -> None:
        self.seen = sys.stderr.isatty()
        self.started, self.begun, self.rows, self.name = time.monotonic(), time.monotonic(), 0, ""
        self.bar: Progress | None = None
        self.shown: dict[str, Any] = {}
        self.gone = False
        self.lock = threading.Lock()  # told from several threads
        self.patience = threading.Timer(PATIENCE_S, self._draw)
        self.patience.daemon = True
        if self.seen:
            self.patience.start()

    def tick(self, name: str, rows: int, share: float) -> None:
        """So many more rows were read of a file, of which `share` is done."""
        self.rows = rows + (self.rows if name == self.name else 0)
        speed = self.rows / self._since(name)
        self._show(f"Reading {_end_of(name)}", share, f"{self.rows:,} rows  {speed:,.0f}/s")

    def hear(self, name: str, events: int, octets: int, size: int) -> None:
        """So many events are read by now, and so many bytes of this file, or it is done with."""
        if size:
            speed = octets / self._since(name) / MB
            told = f"{octets / MB:,.0f} MB read  {speed:,.1f} MB/s" if octets else ""
            within = octets / size if octets <= size else None  # it is gone through again
            self._show(f"Reading {_end_of(name)} ({size / MB:,.1f} MB)", within, told)
            return
        self.rows = events
        speed = events / max(time.monotonic() - self.started, 1e-9)
        self._show(f"Reading {_end_of(name)}", None, f"{events:,} events  {speed:,.0f}/s" if events else "")

    def say(self, what: str) -> None:
        """Something else has begun."""
        self._show(what, None, f"{self.rows:,} rows" if self.rows else "")

    def _since(self, name: str) -> float:
        """Seconds since this file was first heard of."""
        if name != self.name:
            self.name, self.begun = name, time.monotonic()
        return max(time.monotonic() - self.begun, 1e-9)

    def _show(self, what: str, share: float | None, figures: str) -> None:
        whole = {"total": None if share is None else 1.0, "completed": share or 0.0}
        self.shown = {"description": what, "figures": figures, **whole}
        if self.seen and time.monotonic() - self.started >= PATIENCE_S:
            self._draw()

    def _draw(self) -> None:
        """What was last said; nothing before, and nothing after the end."""
        with self.lock:
            if self.gone or not self.shown:
                return
            if self.bar is None:
                self.bar = new_bar()
                self.task = self.bar.add_task(**self.shown)
                self.bar.start()
            self.bar.update(self.task, **self.shown)

    def stop(self) -> None:
        """Take the bar away."""
        self.patience.cancel()
        with self.lock:
            self.gone = True
            if self.bar is not None:
                self.bar.stop()


def _end_of(name: str) -> str:
    """A place, shortened from its beginning."""
    return name if len(name) <= LONGEST else f"…{name[1 - LONGEST :]}"


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
