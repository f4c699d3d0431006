"""`hygiene erase`, `export` and `retain`: what is held of people, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hygiene.cli.output import Format, deliver, say
from hygiene.errors import UsageError

if TYPE_CHECKING:
    from hygiene.config import Settings
    from hygiene.store import Store

Config = Annotated[Path | None, typer.Option(help="Settings, instead of ./hygiene.toml.")]
As = Annotated[Format, typer.Option("--format", help="How to write the result.")]


def erase(
    addresses: Annotated[list[str], typer.Argument(metavar="ADDRESS...", help="Of people to forget.")],
    form: As = Format.TEXT,
    config: Config = None,
) -> None:
    """Forget people everywhere in the workspace; keyed hashes stay, so that no import brings them back."""
    from hygiene.service.privacy import erase_everywhere
    from hygiene.service.privacy_presentation import forgotten_data, forgotten_document

    with _store(_settings(config)) as store:
        done = erase_everywhere(store, addresses, now=datetime.now(UTC))
    deliver([forgotten_document(done)], forgotten_data(done), form=form, title="Erased")


def export(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Of the person who asks.")],
    form: As = Format.TEXT,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file to write it to.")] = None,
    config: Config = None,
) -> None:
    """Show all that the workspace holds of a person."""
    from hygiene.service.privacy import show_everything
    from hygiene.service.privacy_presentation import held_document

    with _store(_settings(config)) as store:
        held = show_everything(store, address)
    deliver([held_document(held)], held.to_dict(), form=form, title="What is held", output=output)


def retain(config: Config = None) -> None:
    """Apply [workspace] keep_events: older events still count, and name nobody (serving does it daily)."""
    from hygiene.service.privacy import apply_retention

    settings = _settings(config)
    keep = settings.workspace.keep_events
    if not keep:
        raise UsageError("[workspace] keep_events is not set: write keep_events = '2y', say")
    with _store(settings) as store:
        count = apply_retention(store, keep, now=datetime.now(UTC))
    say(f"{count:,} events older than {keep} name nobody any more")


def _settings(config: Path | None) -> Settings:
    from hygiene.config import load_settings

    return load_settings(config)


def _store(settings: Settings) -> Store:
    from hygiene.store import open_store

    workspace = settings.workspace
    return open_store(workspace.store, key=Path(workspace.key_file), create=False)
