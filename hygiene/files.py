"""Files: read whole, written whole or not at all, and the data that ships with the package."""

from __future__ import annotations

import secrets
import shutil
from importlib.resources import files
from pathlib import Path

from hygiene.errors import UnreadableInput, UnwritableOutput


def read_whole(path: Path) -> str:
    """The text of a UTF-8 file, with or without a byte order mark; raises UnreadableInput with one sentence."""
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableInput(f"{path} cannot be read: it is not text in UTF-8") from None
    except OSError as error:
        raise UnreadableInput(f"{path} cannot be read: {error.strerror or error}") from None


def read_bytes(path: Path, *, most: int = -1) -> bytes:
    """The bytes of a file, no more than `most` if that is given; raises UnreadableInput with one sentence."""
    try:
        with path.open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise UnreadableInput(f"{path} cannot be read: {error.strerror or error}") from None


def packaged_text(package: str, name: str) -> str:
    """The text of a data file inside one of our packages."""
    return files(package).joinpath(name).read_text("utf-8")


def write_whole(path: Path, text: str) -> None:
    """Write a text file in UTF-8; a reader sees the old file or the new one, never a part.

    Missing folders are made, a link keeps pointing where it does, a file keeps its permissions, and what is no
    file (a pipe, a terminal, /dev/null) is written to directly. Raises UnwritableOutput with one sentence.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
        else:
            _replace(path.resolve(), text)
    except OSError as error:
        raise UnwritableOutput(f"{path} cannot be written: {error.strerror or error}") from None


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")  # of its own, as others may write there too
    try:
        temporary.write_text(text, encoding="utf-8")
        if path.exists():
            shutil.copymode(path, temporary)
        temporary.replace(path)
    finally:  # also on Ctrl-C
        temporary.unlink(missing_ok=True)
