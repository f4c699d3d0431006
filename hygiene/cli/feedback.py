"""`hygiene feedback`: what came back, read into the workspace."""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from hygiene.cli.output import Format, deliver, note
from hygiene.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hygiene.config import Settings
    from hygiene.feedback.mailbox import Access
    from hygiene.feedback.result import Feedback
    from hygiene.store import Store


def feedback(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOURCE]...",
            help="Files, mboxes, Maildirs, folders, -, imaps://user@host/FOLDER, pop3s://user@host.",
            show_default=False,
        ),
    ] = None,
    password: Annotated[str, typer.Option(metavar="env:NAME|file:PATH", help="Of the mailbox.")] = "",
    token: Annotated[str, typer.Option(metavar="env:NAME|file:PATH", help="Of XOAUTH2, instead.")] = "",
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete mails from the server that were understood and stored.")
    ] = False,
    move: Annotated[str, typer.Option(metavar="FOLDER", help="Move them there instead (IMAP).")] = "",
    watch: Annotated[
        float | None, typer.Option(min=1, metavar="SECONDS", help="Look again every so often.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would follow; write nothing.")] = False,
    form: Annotated[Format, typer.Option("--format", help="How to write the result.")] = Format.TEXT,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file; - is standard output.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show what came back one by one.")] = False,
    config: Annotated[Path | None, typer.Option(help="Settings, instead of ./hygiene.toml.")] = None,
) -> None:
    """Read bounces, complaints and opt-outs by mail: events, suppressions, doubts resolved. Nobody is answered.

    Reading again changes nothing. Exit codes: 0 fine, 1 bounces are the sender's fault (they suppress nobody),
    2 wrong use or unreadable input, 3 mails could not be read or the server broke off.
    """
    from hygiene.config import load_settings
    from hygiene.feedback.read import read_feedback

    settings = load_settings(config)
    places = sources or list(settings.feedback.sources)
    if not places:
        raise UsageError("what is to be read? name a file, folder or mailbox, or set [feedback] sources")
    if delete and move:
        raise UsageError("--delete and --move are two different things: choose one")
    access = _access(settings, password, token, delete=delete, move=move)
    with _store(settings, dry_run=dry_run) as store:
        while True:
            found = read_feedback(places, store=store, settings=settings, access=access, dry_run=dry_run)
            if watch is None or found.mails > found.repeated:
                _show(found, form, output, verbose=verbose)
            if watch is None:
                raise typer.Exit(found.exit_code())
            for sentence in found.lost:
                note(sentence)
            time.sleep(watch)


def _show(found: Feedback, form: Format, output: Path | None, *, verbose: bool) -> None:
    title = "What came back"
    deliver([found.sections()], found.to_dict(), form=form, title=title, verbose=verbose, output=output)


def _access(settings: Settings, password: str, token: str, *, delete: bool, move: str) -> Access:
    from hygiene.credentials import read_secret
    from hygiene.feedback.mailbox import Access

    return Access(
        password=read_secret(password or settings.feedback.password, "the mailbox's password"),
        token=read_secret(token or settings.feedback.token, "the mailbox's token"),
        timeout_s=settings.feedback.timeout,
        ca_file=settings.web.ca_file,
        delete=delete,
        move_to=move,
    )


@contextmanager
def _store(settings: Settings, *, dry_run: bool) -> Iterator[Store]:
    """The workspace; a dry run without one makes none."""
    import secrets

    from hygiene.store import open_store, store_exists

    workspace = settings.workspace
    if dry_run and not store_exists(workspace.store):
        with (
            TemporaryDirectory(prefix="hygiene-feedback-") as folder,
            open_store(str(Path(folder) / "dry.db"), key=secrets.token_bytes(32)) as store,
        ):
            yield store
        return
    with open_store(workspace.store, key=Path(workspace.key_file)) as store:
        yield store
