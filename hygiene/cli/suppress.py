"""`hygiene suppress`: the workspace's list of people who must never be mailed."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hygiene.cli.output import Format, deliver, note, say
from hygiene.errors import UsageError

if TYPE_CHECKING:
    from hygiene.store import Store

app = typer.Typer(
    help="Keep the workspace's list of people who must never be mailed.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class GivenForm(StrEnum):
    """How entries are written."""

    ADDRESS = "address"
    DOMAIN = "domain"
    MD5 = "md5"
    SHA256 = "sha256"
    UID2 = "uid2"
    HMAC = "hmac"


class GivenReason(StrEnum):
    """Why, as far as a person may say it; erasing is a command of its own."""

    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    MANUAL = "manual"
    IMPORTED = "imported"


class ListFormat(StrEnum):
    """How a list is written."""

    CSV = "csv"
    JSON = "json"


Config = Annotated[Path | None, typer.Option(help="Settings, instead of ./hygiene.toml.")]
As = Annotated[Format, typer.Option("--format", help="How to write the result.")]
ReasonGiven = Annotated[GivenReason, typer.Option(help="Why; a stricter reason already listed stays.")]


@app.command("add")
def add(
    entries: Annotated[
        list[str],
        typer.Argument(
            metavar="ENTRY...", help="Addresses, @domains or hashes; - reads them from standard input."
        ),
    ],
    reason: ReasonGiven = GivenReason.MANUAL,
    form: As = Format.TEXT,
    config: Config = None,
) -> None:
    """Add addresses, domains or hashes; @example.com is one domain, *.example.com takes in its subdomains."""
    from hygiene.contacts.suppression import Reason
    from hygiene.contacts.suppression.presentation import added_data, added_document
    from hygiene.contacts.suppression.workspace import add_suppressions

    with _store(config) as store:
        added = add_suppressions(store, _words(entries), reason=Reason(reason), now=datetime.now(UTC))
    deliver([added_document(added)], added_data(added), form=form, title="Suppression list")


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Lists, CSV or TSV; .gz as well.")],
    entry_form: Annotated[
        GivenForm | None, typer.Option("--form", help="What the entries are; by default seen from each.")
    ] = None,
    column: Annotated[str | None, typer.Option(help="The column that holds the entries.")] = None,
    reason: ReasonGiven = GivenReason.IMPORTED,
    form: As = Format.TEXT,
    config: Config = None,
) -> None:
    """Add all entries of files: addresses, domains, MD5, SHA-256, UID2 or keyed hashes."""
    from hygiene.contacts.suppression import Form, Reason
    from hygiene.contacts.suppression.presentation import added_data, added_document
    from hygiene.contacts.suppression.workspace import import_suppressions

    chosen = Form(entry_form) if entry_form else None
    with _store(config) as store:
        added = import_suppressions(
            store, files, form=chosen, column=column, reason=Reason(reason), now=datetime.now(UTC)
        )
    deliver([added_document(added)], added_data(added), form=form, title="Suppression list")


@app.command("export")
def export(
    entry_form: Annotated[
        GivenForm, typer.Option("--form", help="What to write: addresses, or hashes of them.")
    ] = GivenForm.ADDRESS,
    form: Annotated[ListFormat, typer.Option("--format", help="How to write the list.")] = ListFormat.CSV,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file; - is standard output.")
    ] = None,
    config: Config = None,
) -> None:
    """Write the list in one form; people who were erased are only in --form hmac."""
    from hygiene.contacts.suppression import Form
    from hygiene.contacts.suppression.presentation import export_csv, export_data, left_out_note
    from hygiene.contacts.suppression.workspace import export_suppressions
    from hygiene.files import write_whole

    with _store(config, create=False) as store:
        found = export_suppressions(store, Form(entry_form))
    text = export_csv(found) if form is ListFormat.CSV else json.dumps(export_data(found), indent=2) + "\n"
    if output is None or str(output) == "-":
        say(text, end="")
    else:
        write_whole(output, text)
        note(f"written to {output}")
    if left_out := left_out_note(found):
        note(left_out)


@app.command("erase")
def erase(
    addresses: Annotated[
        list[str],
        typer.Argument(metavar="ADDRESS...", help="Whom to forget; - reads them from standard input."),
    ],
    form: As = Format.TEXT,
    config: Config = None,
) -> None:
    """Forget people: only the keyed hashes of their addresses stay, so that they are never mailed again."""
    from hygiene.contacts.suppression.presentation import erased_data, erased_document
    from hygiene.contacts.suppression.workspace import erase_people

    with _store(config) as store:
        erased = erase_people(store, _words(addresses), now=datetime.now(UTC))
    deliver([erased_document(erased)], erased_data(erased), form=form, title="Suppression list")


@app.command("count")
def count(form: As = Format.TEXT, config: Config = None) -> None:
    """Count the entries by form and reason."""
    from hygiene.contacts.suppression.presentation import counts_data, counts_document
    from hygiene.contacts.suppression.workspace import count_suppressions

    with _store(config, create=False) as store:
        counts = count_suppressions(store)
    deliver([counts_document(counts)], counts_data(counts), form=form, title="Suppression list")


def _store(config: Path | None, *, create: bool = True) -> Store:
    from hygiene.config import load_settings
    from hygiene.store import open_store

    settings = load_settings(config).workspace
    return open_store(settings.store, key=Path(settings.key_file), create=create)


def _words(given: list[str]) -> list[str]:
    """The words typed; - stands for the lines of standard input that say something."""
    lines = (line.removeprefix("\ufeff").strip() for line in (sys.stdin or () if "-" in given else ()))
    words = [word for word in given if word != "-"] + [
        line for line in lines if line and not line.startswith("#")
    ]
    if not words:
        raise UsageError("standard input held nothing")
    return words
