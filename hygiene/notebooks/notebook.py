"""Markdown with fenced Python → a notebook (format 4.5) without outputs. Pure: the same bytes every time.

A word behind the fence's `python` says what a cell is for: `parameters` holds what papermill may replace,
`sample` is left out where there are files of one's own, `own` where there are none.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from hygiene.errors import UsageError
from hygiene.files import packaged_text

_CELL: Final = re.compile(r"^```python *(?P<word>\w*)\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE)
_METADATA: Final = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}


class Kind(StrEnum):
    """What a notebook is about."""

    KPI = "kpi"
    LIST = "list"
    AUDIT = "audit"
    AB = "ab"


#: the parameter that the inputs go to
INPUTS: Final[Mapping[Kind, str]] = {
    Kind.KPI: "logs",
    Kind.LIST: "files",
    Kind.AUDIT: "domains",
    Kind.AB: "logs",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A piece of prose, or of code with the word that says what it is for."""

    text: str
    code: bool = False
    word: str = ""


def make_notebook(kind: Kind, inputs: Sequence[str] = ()) -> str:
    """The notebook as JSON: for inputs of one's own, or for the built-in sample."""
    unwanted = "sample" if inputs else "own"
    cells = [
        cell for cell in read_cells(packaged_text("hygiene.notebooks", f"{kind}.md")) if cell.word != unwanted
    ]
    given = {INPUTS[kind]: list(inputs)} if inputs else {}
    written = [_written(kind, number, cell, given) for number, cell in enumerate(cells, 1)]
    notebook = {"cells": written, "metadata": _METADATA, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


def read_cells(source: str) -> Iterator[Cell]:
    """Prose and code in turn.

    >>> [cell.text for cell in read_cells("# Title\\n\\n```python sample\\nx = 1\\n```\\n\\nThe end.\\n")]
    ['# Title', 'x = 1', 'The end.']
    """
    end = 0
    for found in _CELL.finditer(source):
        if prose := source[end : found.start()].strip():
            yield Cell(prose)
        yield Cell(found["code"].rstrip("\n"), code=True, word=found["word"])
        end = found.end()
    if prose := source[end:].strip():
        yield Cell(prose)


def fill(code: str, given: Mapping[str, Any]) -> str:
    """The assignments of a parameters cell with other values, as literals that hold whatever the text is.

    Raises UsageError for a name that is not among them.

    >>> fill("logs = []  # files\\nby = 'campaign'", {"logs": ["it's \\n.csv"]})
    'logs = ["it\\'s \\\\n.csv"]  # files\\nby = \\'campaign\\''
    """
    lines, left = code.split("\n"), dict(given)
    for node in ast.parse(code).body:
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        name, value = node.targets[0].id, node.value
        if name in left:  # one line each
            line = lines[node.lineno - 1]
            start, end = value.col_offset, value.end_col_offset
            lines[node.lineno - 1] = f"{line[:start]}{left.pop(name)!r}{line[end:]}"
    if left:
        raise UsageError(f"the notebook has no parameter {next(iter(left))!r}")
    return "\n".join(lines)


def _written(kind: Kind, number: int, cell: Cell, given: Mapping[str, Any]) -> dict[str, Any]:
    written: dict[str, Any] = {"cell_type": "code" if cell.code else "markdown"}
    if cell.code:
        written["execution_count"] = None
    written["id"] = f"{kind}-{number}"
    written["metadata"] = {"tags": ["parameters"]} if cell.word == "parameters" else {}
    if cell.code:
        written["outputs"] = []
    text = fill(cell.text, given) if cell.word == "parameters" else cell.text
    written["source"] = text.splitlines(keepends=True)
    return written
