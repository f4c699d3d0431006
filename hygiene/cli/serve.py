"""`hygiene serve`: unsubscribe links, webhooks, the API and the dashboard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hygiene.cli.output import note


def serve(
    host: Annotated[
        str, typer.Option(help="Where to listen; TLS is left to the proxy before it.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 chooses a free one.", min=0, max=65_535)] = 8025,
    store: Annotated[
        str | None, typer.Option(help="A file name or postgresql:// URL, instead of the settings'.")
    ] = None,
    log_addresses: Annotated[
        bool, typer.Option("--log-addresses", help="Name network addresses in the log.")
    ] = False,
    config: Annotated[Path | None, typer.Option(help="Settings, instead of ./hygiene.toml.")] = None,
) -> None:
    """Serve one-click unsubscribe, preferences, sign-ups, providers' webhooks, an API and a dashboard."""
    from hygiene.config import load_settings
    from hygiene.service.server import run_server
    from hygiene.store import open_store

    settings = load_settings(config)
    workspace = settings.workspace
    place = store or workspace.store
    with open_store(place, key=Path(workspace.key_file)) as opened:
        run_server(
            opened, settings, host=host, port=port, log=note, log_addresses=log_addresses, log_place=place
        )
