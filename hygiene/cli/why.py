"""`hygiene why`: what became of one address in a cleaning."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hygiene.cli.output import Format, deliver


def why(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The address, in any spelling.")],
    folder: Annotated[
        Path,
        typer.Option("--in", metavar="DIR", help="The folder that hygiene clean wrote.", show_default=False),
    ],
    form: Annotated[Format, typer.Option("--format", help="How to write the result.")] = Format.TEXT,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file; - is standard output.")
    ] = None,
) -> None:
    """Tell what became of an address in a cleaning: its rows, the reason, and what would change it.

    Exits 0 when the address would be mailed, 1 when it would not (rejected, kept under another spelling, or not
    in the cleaning), 2 for wrong use or what is no cleaning: hygiene why ann@example.com --in DIR && send
    """
    from hygiene.contacts.why import explain_address

    story = explain_address(address, folder)
    title = f"Why {story.address or story.asked}"
    deliver([story.sections()], story.to_dict(), form=form, title=title, output=output)
    raise typer.Exit(story.exit_code())
