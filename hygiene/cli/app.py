"""The program `hygiene`: its commands, and how errors leave it."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import typer

from hygiene.cli import (
    audit,
    clean,
    compare,
    demo,
    diff,
    explain,
    feedback,
    lint_content,
    measure,
    notebook,
    preflight,
    privacy,
    selftest,
    send,
    serve,
    subscribers,
    support,
    suppress,
    why,
)
from hygiene.cli.output import note, say
from hygiene.errors import HygieneError

_INTERRUPTED, _TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM  # exit codes, as shells count

app = typer.Typer(
    name="hygiene",
    help="Deliverability and list hygiene: audit a domain, and what follows from it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("audit")(audit.audit)
app.command("clean")(clean.clean)
app.command("measure")(measure.measure)
app.command("lint-content")(lint_content.lint_content)
app.command("preflight")(preflight.preflight)
app.command("notebook")(notebook.notebook)
app.command("compare")(compare.compare)
app.command("feedback")(feedback.feedback)
app.command("explain")(explain.explain)
app.command("demo")(demo.demo)
app.command("why")(why.why)
app.command("diff")(diff.diff)
app.command("erase")(privacy.erase)
app.command("export")(privacy.export)
app.command("retain")(privacy.retain)
app.command("serve")(serve.serve)
app.command("support")(support.support)
app.add_typer(suppress.app, name="suppress")
app.add_typer(subscribers.app, name="subscribers")
app.add_typer(send.app, name="send")
app.add_typer(selftest.app, name="selftest")


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        say(f"hygiene {version('hygiene')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Deliverability and list hygiene: audit a domain, and what follows from it.

    Exit codes: 0 fine, 1 findings at or above --fail-on, 2 wrong use or unreadable input, 3 something could
    not be determined.
    """


_terminated: list[int] = []


def _terminate(number: int, _frame: object) -> None:
    """Being terminated clears away as Ctrl-C does; only the exit code tells them apart."""
    _terminated.append(number)
    raise KeyboardInterrupt


def main() -> None:
    """Run a command; an error on purpose is one sentence on stderr and its exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app()
    except HygieneError as error:
        from hygiene.render.safe import printable

        note(f"hygiene: {printable(str(error))}")
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, SystemExit) as ended:  # typer makes an exit of an interrupt
        code = getattr(ended, "code", None)
        interrupted = isinstance(ended, KeyboardInterrupt) or code == _INTERRUPTED
        sys.exit(_TERMINATED if interrupted and _terminated else _INTERRUPTED if interrupted else code)


if __name__ == "__main__":
    main()
