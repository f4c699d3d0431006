"""`hygiene why`: what became of one address in a cleaning, or in the whole workspace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from hygiene.cli.output import Format, deliver

if TYPE_CHECKING:
    from hygiene.config import Settings


def why(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The address, in any spelling.")],
    folder: Annotated[
        Path | None,
        typer.Option(
            "--in",
            metavar="DIR",
            help="A folder that hygiene clean wrote; none: the workspace.",
            show_default=False,
        ),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How to write the result.")] = Format.TEXT,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file; - is standard output.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Settings, instead of ./hygiene.toml.")] = None,
) -> None:
    """Tell what became of an address: in a cleaning with --in, else in the workspace.

    Of the workspace: consent, suppressions, every mail with the server's answer, every event, and whether the
    next campaign would reach it. Exits 0 when the address would be mailed, 1 when it would not, 2 for wrong use
    or what is no cleaning: hygiene why ann@example.com --in DIR && send
    """
    from hygiene.contacts.why import explain_address

    if folder is None:
        _of_workspace(address, form, output, config)
    story = explain_address(address, folder)
    title = f"Why {story.address or story.asked}"
    deliver([story.sections()], story.to_dict(), form=form, title=title, output=output)
    raise typer.Exit(story.exit_code())


def _of_workspace(address: str, form: Format, output: Path | None, config: Path | None) -> NoReturn:
    from hygiene.config import load_settings
    from hygiene.service.story import tell_story
    from hygiene.store import open_store

    settings = load_settings(config)
    workspace = settings.workspace
    with open_store(workspace.store, key=Path(workspace.key_file), create=False) as store:
        story = tell_story(store, address, _topics(settings))
    title = f"Why {story.address}"
    deliver([story.sections()], story.to_dict(), form=form, title=title, output=output)
    raise typer.Exit(story.exit_code())


def _topics(settings: Settings) -> dict[str, str]:
    """Stream → its topic; marketing always, as every campaign goes by it."""
    set_up: dict[str, str] = {name: stream.topic or name for name, stream in settings.streams.items()}
    return {"marketing": "marketing"} | set_up
