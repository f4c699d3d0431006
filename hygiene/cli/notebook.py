"""`hygiene notebook`: a notebook to work on, for the sample or for files of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hygiene.cli.output import note, say
from hygiene.notebooks.notebook import Kind


def notebook(
    kind: Annotated[
        Kind,
        typer.Argument(
            help="kpi: figures of event logs; list: a cleaning; audit: domains; ab: variants of a mailing."
        ),
    ],
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT...", help="Files, folders or patterns; domains for audit. None takes the sample."
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the notebook.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Replace a notebook that is there.")] = False,
) -> None:
    """Write a notebook that does the work step by step, ready to run and to change."""
    from hygiene.notebooks.write import write_notebook

    path = write_notebook(kind, inputs or (), folder=output, force=force)
    say(str(path))
    note("open it in Jupyter: pip install 'hygiene[jupyter]', then jupyter lab")
