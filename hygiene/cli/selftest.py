"""`hygiene selftest`: proofs of what is promised, to be run by anyone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hygiene.cli.output import Format, deliver, note

app = typer.Typer(help="Prove on this machine what is promised.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Prove on this machine what is promised."""


@app.command("crash")
def crash(
    kills: Annotated[int, typer.Option(min=1, help="How often a worker is killed (kill -9).")] = 20,
    connections: Annotated[int, typer.Option(min=1, max=100, help="SMTP connections of a worker.")] = 10,
    mails: Annotated[int, typer.Option(min=1, help="How many mails are queued.")] = 5000,
    store: Annotated[
        str | None, typer.Option(help="An empty database, as postgresql://…; by default a file of its own.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the moments of killing.")] = 0,
    form: Annotated[Format, typer.Option("--format", help="How to write the result.")] = Format.TEXT,
) -> None:
    """Kill a sending worker again and again, and account for every mail: nothing lost, nothing doubled.

    The mails go to a server on this machine that delivers nothing. Exit code 1 when the promise was broken.
    """
    from tempfile import TemporaryDirectory

    from hygiene.demo.crash import crash_test
    from hygiene.demo.crash_presentation import document

    with TemporaryDirectory(prefix="hygiene-crash-") as folder:
        toll = crash_test(
            Path(folder), kills=kills, connections=connections, mails=mails, store=store, seed=seed, tell=note
        )
    deliver([document(toll)], toll.to_dict(), form=form, title="Crash test")
    raise typer.Exit(0 if toll.holds else 1)
