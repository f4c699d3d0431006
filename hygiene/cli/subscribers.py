"""`hygiene subscribers`: who confirmed that they want a list."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from hygiene.cli.output import note, say
from hygiene.cli.suppress import Config, ListFormat

app = typer.Typer(
    help="Who confirmed that they want a list, by the button of hygiene serve.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def _group() -> None:
    """Who confirmed that they want a list, by the button of hygiene serve."""


@app.command("export")
def export(
    topic: Annotated[str | None, typer.Option(metavar="NAME", help="Of one list; by default of all.")] = None,
    form: Annotated[ListFormat, typer.Option("--format", help="How to write the list.")] = ListFormat.CSV,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file; - is standard output.")
    ] = None,
    config: Config = None,
) -> None:
    """Write who is on the list, with the evidence of their consent: when, from where, to what words.

    Who left since, is suppressed or was erased is not in it. `hygiene clean` reads the file as confirmed.
    """
    from hygiene.config import load_settings
    from hygiene.files import write_whole
    from hygiene.service.subscribers import read_subscribers
    from hygiene.store import open_store

    workspace = load_settings(config).workspace
    with open_store(workspace.store, key=Path(workspace.key_file), create=False) as store:
        found = read_subscribers(store, topic)
    text = found.to_csv() if form is ListFormat.CSV else json.dumps(found.to_dict(), indent=2) + "\n"
    if output is None or str(output) == "-":
        say(text, end="")
    else:
        write_whole(output, text)
        note(f"{len(found.people):,} written to {output}")
    if found.left:
        note(f"{found.left:,} who confirmed once are left out: they left, are suppressed, or were erased")
