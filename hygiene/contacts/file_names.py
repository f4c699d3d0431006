"""What the name of a file says of everybody in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from hygiene.status import Status, strictest

_COPY = re.compile(r"(?:copy of|kopie von|copie de|copia de|copia di|kopia) ")
#: before a word they take it back, or name one kind of several
_NOT_ALL = frozenset(
    "no not non without minus excluding excl except and or ohne und oder sans et ou sin y o".split()  # noqa: SIM905
)


def status_of_name(names: Mapping[str, Status], file_name: str, *, begins: bool = False) -> Status | None:
    """The status that a file's own name says, strictest first; `names` are beginnings of names.

    Case, and what stands between words, do not matter. A status that stops mail may be said anywhere in the
    name, unless only what it `begins` with is asked.

    >>> status_of_name({"unsubscribed_": Status.UNSUBSCRIBED}, "old/Copy of Unsubscribed Members (2).csv")
    <Status.UNSUBSCRIBED: 'unsubscribed'>
    """
    name = PurePosixPath(file_name.replace("\\", "/")).name
    words = f"{_COPY.sub('', _words(name), count=1)} "
    said = [status for prefix, status in names.items() if _says(words, prefix, status, begins=begins)]
    return strictest(*said) if said else None


def _words(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", text.casefold()))


def _says(words: str, prefix: str, status: Status, *, begins: bool) -> bool:
    sought = _words(prefix) + ("" if prefix[-1:].isalnum() else " ")
    stops = status.rank > Status.SUBSCRIBED.rank
    if words.startswith(sought):
        return stops or words[len(sought) :].partition(" ")[0] not in _NOT_ALL
    before, found, _ = words.partition(f" {sought}")
    return bool(found) and stops and not begins and before.rpartition(" ")[2] not in _NOT_ALL
