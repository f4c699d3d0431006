"""`hygiene diff`: who entered, left or changed reason between two cleanings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hygiene.cli.output import Format, deliver, note
from hygiene.errors import UsageError


def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD_DIR", help="A folder that hygiene clean wrote.")],
    new: Annotated[Path, typer.Argument(metavar="NEW_DIR", help="A later one.")],
    form: Annotated[Format, typer.Option("--format", help="How to write the result.")] = Format.TEXT,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE.csv", help="Write everybody who changed to this CSV file."
        ),
    ] = None,
    fail_on_change: Annotated[
        bool, typer.Option("--fail-on-change", help="Exit with 1 on any change.")
    ] = False,
) -> None:
    """Compare two cleanings: who entered, who left, and whose reason changed.

    Exits 0, also when there are changes; with --fail-on-change 1 on any change; 2 for wrong use or what is no
    cleaning.
    """
    from hygiene.contacts.diff import compare_cleanings

    if str(output) == "-":
        raise UsageError(
            "--output takes a file, as standard output holds the result: name one, or --format json"
        )
    changes = compare_cleanings(old, new)
    if output:
        written = changes.write(output)
        note(f"{written:,} changes written to {output}")
    deliver([changes.sections()], changes.to_dict(), form=form, title="What changed between two cleanings")
    raise typer.Exit(1 if fail_on_change and changes.shifts else 0)
