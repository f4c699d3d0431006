"""Mails that lie in files: single ones, mailboxes of one file (RFC 4155), Maildirs, folders, standard input.

Everything is only read, a piece at a time, and nothing is written by a name that stands in a mail.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from hygiene.errors import UnreadableInput
from hygiene.feedback.incoming import KEPT, Incoming

STDIN: Final = "-"
_PIECE: Final = 1 << 16  # octets of a line that are read at once
_SUFFIXES: Final = {".eml", ".msg", ".mbox", ".mbx", ".txt", ""}
_SEPARATOR = re.compile(rb"From \S[^\r\n]*\d\d:\d\d")  # RFC 4155, appendix A: sender and moment
_MAILDIR: Final = ("new", "cur")


def read_place(place: str) -> Iterator[Incoming]:
    """The mails of a file or folder, or of standard input for ``-``; raises UnreadableInput."""
    if place == STDIN:
        yield from split_mails(sys.stdin.buffer, "standard input")
        return
    path = Path(place).expanduser()
    if path.is_dir():
        yield from _folder(path)
    else:
        yield from _file(path)


def _folder(path: Path) -> Iterator[Incoming]:
    """A Maildir by its folders, in order of delivery; else all files that may be mails."""
    folders = [path / name for name in _MAILDIR if (path / name).is_dir()]
    files = [each for folder in folders or [path] for each in _entries(folder)]
    if not folders:
        files = [each for each in files if each.suffix.lower() in _SUFFIXES]
    for each in files:
        try:
            yield from _file(each)
        except UnreadableInput:
            if each.exists():  # else a mail program has just moved it: the next run finds it
                raise


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(each for each in folder.iterdir() if each.is_file() and not each.name.startswith("."))
    except OSError as error:
        raise UnreadableInput(f"{folder} cannot be read: {error.strerror or error}") from None


def _file(path: Path) -> Iterator[Incoming]:
    try:
        with path.open("rb") as file:
            yield from split_mails(file, str(path))
    except OSError as error:
        raise UnreadableInput(f"{path} cannot be read: {error.strerror or error}") from None


def split_mails(file: BinaryIO, name: str) -> Iterator[Incoming]:
    """The one mail of a file, or all of an mbox: where it begins with a "From " line, each has one."""
    first = file.readline(_PIECE)
    if not first:
        return
    if not _SEPARATOR.match(first):
        yield Incoming(place=name, raw=_rest(file, first))
        return
    number, kept, empty = 1, bytearray(), False
    whole = first.endswith(b"\n")
    while piece := file.readline(_PIECE):
        if empty and whole and _SEPARATOR.match(piece):
            yield Incoming(place=f"{name}, mail {number}", raw=bytes(kept))
            number, kept = number + 1, bytearray()
        elif len(kept) < KEPT and (whole or kept):
            kept += piece[: KEPT - len(kept)]
        empty, whole = piece in {b"\n", b"\r\n"}, piece.endswith(b"\n")
    yield Incoming(place=f"{name}, mail {number}", raw=bytes(kept))


def _rest(file: BinaryIO, first: bytes) -> bytes:
    return (first + file.read(max(KEPT - len(first), 0)))[:KEPT]
