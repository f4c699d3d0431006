"""An iterator worked off on a thread of its own, a few items ahead of whoever uses them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

AHEAD = 4  # items that wait
_PATIENCE_S = 0.1  # between looks at whether anybody still wants them


@dataclass(frozen=True, slots=True)
class _Failed:
    error: BaseException


def ahead(items: Iterable[T]) -> Iterator[T]:
    """The same items in the same order; what their making raises is raised here."""
    waiting: queue.Queue[T | _Failed | None] = queue.Queue(AHEAD)
    unwanted = threading.Event()

    def put(item: T | _Failed | None) -> None:
        while not unwanted.is_set():
            with suppress(queue.Full):
                waiting.put(item, timeout=_PATIENCE_S)
                break

    def work() -> None:
        try:
            for item in items:
                put(item)
                if unwanted.is_set():
                    return
            put(None)
        except BaseException as error:
            put(_Failed(error))

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    try:
        while (item := waiting.get()) is not None:
            if isinstance(item, _Failed):
                raise item.error
            yield item
    finally:
        unwanted.set()
        worker.join()
