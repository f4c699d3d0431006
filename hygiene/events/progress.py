"""How far a reading is, told while it runs: by what this process has read, as DuckDB cannot say it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeAlias

#: name of a file, events so far, bytes read of it and how many it has; 0 and 0 once it is done with
Tick: TypeAlias = Callable[[str, int, int, int], None]

_EVERY_S: Final = 0.25
_ACCOUNT: Final = Path("/proc/self/io")  # Linux; elsewhere only the beginning of a file is told


@contextmanager
def listening(hear: Callable[[int], None] | None) -> Iterator[None]:
    """Tell several times a second how many bytes were read since the beginning.

    A file may be gone through more than once, so these may be more than it has.
    """
    if hear is None:
        yield
        return
    hear(0)
    done = threading.Event()
    asking = threading.Thread(target=_ask, args=(hear, _read_so_far(), done), daemon=True)
    asking.start()
    try:
        yield
    finally:
        done.set()
        asking.join()


def _ask(hear: Callable[[int], None], before: int | None, done: threading.Event) -> None:
    while before is not None and not done.wait(_EVERY_S):
        hear((_read_so_far() or before) - before)


def _read_so_far() -> int | None:
    """Bytes that this process has read; None where the system keeps no account of it."""
    try:
        return int(_ACCOUNT.read_text("ascii").partition("rchar:")[2].split()[0])
    except (OSError, ValueError, IndexError):
        return None
