"""The digests of the files given, worked out on a thread beside whatever else is done with them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from hygiene.intake.guard import unreadable

_PORTION = 4 << 20  # bytes between two of its turns: while it hashes, nobody waits for it


@contextmanager
def digests_of(paths: Iterable[Path]) -> Iterator[Callable[[Path], str]]:
    """The sha256 of each file, hex, as soon as it is asked for; one that cannot be read is UnreadableInput."""
    unwanted = Event()
    with ThreadPoolExecutor(max_workers=1) as beside:
        begun = {path: beside.submit(_digest, path, unwanted) for path in dict.fromkeys(paths)}
        try:
            yield lambda path: begun[path].result()
        finally:
            unwanted.set()


def _digest(path: Path, unwanted: Event) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb", buffering=0) as file:
            while not unwanted.is_set() and (portion := file.read(_PORTION)):
                digest.update(portion)
    except OSError as error:
        raise unreadable(path, error) from None
    return digest.hexdigest()
