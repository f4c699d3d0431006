"""Secrets of accounts: written ``env:VARIABLE`` or ``file:PATH`` in the settings, and never printed."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from hygiene.errors import UnreadableInput, UsageError

_MAX = 64 * 1024  # octets of a file that holds one secret


@dataclass(frozen=True)
class Secret:
    """A secret that no log or traceback shows."""

    _value: str = field(repr=False)

    def reveal(self) -> str:
        """The secret itself, where it goes out."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)


NO_SECRET = Secret("")


def read_secret(written: str, setting: str) -> Secret:
    """The secret a setting refers to; "" for a setting that is not set.

    Raises UsageError or UnreadableInput naming the `setting`, never what it holds.
    """
    kind, _, place = written.partition(":")
    if not written:
        return NO_SECRET
    if kind == "env" and place:
        return _checked(os.environ.get(place, ""), f"{setting}: the variable {place} is not set")
    if kind == "file" and place:
        return _checked(_read_file(Path(place).expanduser(), setting), f"{setting}: the file {place} is empty")
    raise UsageError(
        f"{setting} must be written env:VARIABLE or file:PATH; a secret never stands in the settings"
    )


def _checked(text: str, missing: str) -> Secret:
    value = text.strip()
    if not value:
        raise UsageError(missing)
    return Secret(value)


def _read_file(path: Path, setting: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX + 1)
        if len(content) > _MAX:
            raise UnreadableInput(f"{setting}: the file {path} is too large to be a secret")
        return content.decode("utf-8")
    except OSError as error:
        raise UnreadableInput(f"{setting}: the file {path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UnreadableInput(f"{setting}: the file {path} is no text") from None
