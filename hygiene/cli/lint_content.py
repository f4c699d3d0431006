"""`hygiene lint-content`: what to mend in a mail before it is sent."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hygiene.cli.audit import FailOn
from hygiene.cli.output import Format, deliver
from hygiene.errors import UnreadableInput, UsageError

if TYPE_CHECKING:
    from hygiene.content.lint import Lint

Words = list[str] | None


def lint_content(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE...",
            readable=False,
            help="HTML, plain text or .eml messages; - is standard input.",
        ),
    ] = None,
    subject: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The subject line, alone or of the file.")
    ] = None,
    preheader: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The preheader, where the HTML does not hold it.")
    ] = None,
    format: Annotated[Format, typer.Option(help="How to write the result.")] = Format.TEXT,  # noqa: A002
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file; - is standard output.")
    ] = None,
    fail_on: Annotated[FailOn, typer.Option(help="Exit with 1 from this severity on.")] = FailOn.HIGH,
    select: Annotated[Words, typer.Option(metavar="ID", help="Only these rules: id, area or pattern.")] = None,
    ignore: Annotated[Words, typer.Option(metavar="ID", help="Not these rules: id, area or pattern.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show details, too.")] = False,
) -> None:
    """Judge a mail before it is sent: subject, preheader, text, images, layout, links, unsubscribing.

    Nothing is fetched. Exit codes: 0 fine, 1 findings at or above --fail-on, 2 wrong use or unreadable input, 3
    something that could fail it was not determined.
    """
    from hygiene.finding import Severity

    lints = _lint(files or [], subject, preheader, select or [], ignore or [])
    deliver(
        [each.sections() for each in lints],
        {"contents": [each.to_dict() for each in lints]},
        form=format,
        title="Content of " + ", ".join(each.name for each in lints[:3]),
        verbose=verbose,
        output=output,
    )
    limit = None if fail_on is FailOn.NEVER else Severity(fail_on.value)
    codes = {each.exit_code(limit) for each in lints}
    raise typer.Exit(next((code for code in (1, 3) if code in codes), 0))


def _lint(
    files: list[Path], subject: str | None, preheader: str | None, select: list[str], ignore: list[str]
) -> list[Lint]:
    from hygiene.content import lint
    from hygiene.content.read import read_content
    from hygiene.content.registry import choose

    if not files:
        if subject is None:
            raise UsageError(
                "name a file or a subject: hygiene lint-content mail.html --subject 'Our spring list'"
            )
        return [lint.lint_content(subject=subject, preheader=preheader, select=select, ignore=ignore)]
    if len(files) > 1 and subject is not None:
        raise UsageError("--subject belongs to one file: lint the files one by one")
    choose(select, ignore)  # a mistyped id is said before anything is read
    contents = [
        read_content(_bytes(path), name=_name(path), subject=subject, preheader=preheader) for path in files
    ]
    return [lint.judge(content, select=select, ignore=ignore) for content in contents]


def _name(path: Path) -> str:
    return "standard input" if str(path) == "-" else str(path)


def _bytes(path: Path) -> bytes:
    from hygiene.content.read import MAX_MESSAGE_BYTES
    from hygiene.files import read_bytes

    if str(path) != "-":
        return read_bytes(path, most=MAX_MESSAGE_BYTES + 1)  # /dev/zero has no end
    if sys.stdin is None:
        raise UnreadableInput("standard input is closed")
    return sys.stdin.buffer.read(MAX_MESSAGE_BYTES + 1)
