"""Notebooks as files, with the places of inputs as seen from where the notebook lies."""

from __future__ import annotations

import os
from collections.abc import Sequence
from glob import glob, has_magic
from pathlib import Path

from hygiene.domain import parse_domain
from hygiene.errors import UnreadableInput, UnwritableOutput
from hygiene.files import write_whole
from hygiene.notebooks.notebook import Kind, make_notebook


def write_notebook(kind: Kind, inputs: Sequence[str] = (), *, folder: Path, force: bool = False) -> Path:
    """Write a notebook for these inputs, or for the built-in sample; where it is.

    Raises UnwritableOutput where there is one already and `force` is off, UnreadableInput for a file that is
    not there, UsageError for what is no domain.
    """
    path = folder / f"{kind}.ipynb"
    if path.exists() and not force:
        raise UnwritableOutput(f"{path} is there already: --force replaces it")
    places = [parse_domain(each) if kind is Kind.AUDIT else place_of(each, folder) for each in inputs]
    write_whole(path, make_notebook(kind, places))
    return path


def place_of(given: str, folder: Path) -> str:
    """A file, folder or pattern as seen from a folder; absolute where it lies on another drive."""
    path = Path(given)
    if not os.path.lexists(path) and not glob(given, recursive=True):  # noqa: PTH207 - absolute patterns, too
        what = "no file matches it" if has_magic(given) else "there is no such file"
        raise UnreadableInput(f"{given} cannot be read: {what}")
    whole = path.resolve() if path.name in {"", ".."} else path.parent.resolve() / path.name
    try:
        return Path(os.path.relpath(whole, folder.resolve())).as_posix()
    except ValueError:
        return whole.as_posix()
