"""`hygiene preflight`: may a campaign be sent to this list?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hygiene.cli.audit import FailOn
from hygiene.cli.output import Format, deliver

Words = list[str] | None


def preflight(
    campaign: Annotated[Path, typer.Argument(metavar="CAMPAIGN", help="The campaign's TOML file.")],
    to: Annotated[Path, typer.Option(metavar="LIST", help="clean.csv of a cleaning, or its folder.")],
    resolver: Annotated[
        Words, typer.Option(metavar="HOST[:PORT]", help="DNS server to ask, and no other (repeatable).")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0.05, max=300, help="Seconds for one question with all its retries.")
    ] = None,
    dns: Annotated[bool, typer.Option("--dns/--no-dns", help="Look at the domain, too.")] = True,
    login: Annotated[
        bool, typer.Option("--login/--no-login", help="Connect to the relay and log in, too.")
    ] = True,
    format: Annotated[Format, typer.Option(help="How to write the result.")] = Format.TEXT,  # noqa: A002
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file; - is standard output.")
    ] = None,
    fail_on: Annotated[FailOn, typer.Option(help="Exit with 1 from this severity on.")] = FailOn.HIGH,
    ignore: Annotated[
        Words, typer.Option(metavar="ID", help="Not these findings: id, area or pattern.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Settings, instead of ./hygiene.toml.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show details, too.")] = False,
) -> None:
    """Judge a campaign and its list before message 1: domain, keys, list, merge fields, content, volume.

    Nothing is sent. Exit codes: 0 fine, 1 findings at or above --fail-on, 2 wrong use or unreadable input, 3
    something that could fail it was not determined.
    """
    import msgspec

    from hygiene.config import load_settings
    from hygiene.finding import Severity
    from hygiene.sending.preflight.preflight import preflight_campaign

    settings = load_settings(config)
    given = {"resolvers": tuple(resolver or ()), "timeout": timeout}
    changes = {key: value for key, value in given.items() if value}
    settings = msgspec.structs.replace(settings, audit=msgspec.structs.replace(settings.audit, **changes))
    found = preflight_campaign(campaign, to, settings=settings, dns=dns, login=login, ignore=ignore or [])
    deliver(
        [found.sections()],
        found.to_dict(),
        form=format,
        title=f"Preflight of {found.name}",
        verbose=verbose,
        output=output,
    )
    raise typer.Exit(found.exit_code(None if fail_on is FailOn.NEVER else Severity(fail_on.value)))
