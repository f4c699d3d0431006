"""The event loop that carries what is measured in thousands a second."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` on uvloop, which halves the cost of a dialogue; on Windows, which has none, as it is."""
    if sys.platform == "win32":
        return asyncio.run(main)
    import uvloop

    with _signals_as_before():
        return uvloop.run(main)


@contextmanager
def _signals_as_before() -> Iterator[None]:
    """A signal that a loop handled would mean nothing any more afterwards: uvloop takes no handler back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:  # None: not Python's
                signal.signal(number, handler)
