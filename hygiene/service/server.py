"""The program around the application: sockets, signals, the clock."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from hygiene.config import Settings
from hygiene.errors import UsageError
from hygiene.service.application import build_app
from hygiene.service.site import Site
from hygiene.store import Store
from hygiene.web import LiveFetcher

if TYPE_CHECKING:
    import uvicorn

_KEEP_ALIVE_S = 15
_MOST_CONNECTIONS = 1000  # more are answered 503, so that memory is bounded
_WIND_UP_S = 5  # for answers under way when it is stopped


def run_server(
    store: Store,
    settings: Settings,
    *,
    host: str,
    port: int,
    log: Callable[[str], None],
    log_addresses: bool = False,
    log_place: str = "",
) -> None:
    """Serve until SIGINT or SIGTERM; the first line of the log says where."""
    site = Site(
        store=store,
        settings=settings,
        clock=lambda: time.time_ns() // 1000,
        log=log,
        log_addresses=log_addresses,
        log_place=log_place,
    )
    site.check()
    listening = _listen(host, port)
    at, on = listening.getsockname()[:2]
    log(f"serving {store.place} at http://{f'[{at}]' if ':' in at else at}:{on}")
    with listening:
        make_server(site).run(sockets=[listening])


def make_server(site: Site) -> uvicorn.Server:
    """The server of a site; pages that are kept up to date end when it is stopped."""
    import uvicorn

    config = uvicorn.Config(
        build_app(site, timer=time.monotonic),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # X-Forwarded-For is read by the site, of proxies it was told of
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_WIND_UP_S,
        limit_concurrency=_MOST_CONNECTIONS,
        root_path=site.root,
        lifespan="on",
    )

    class Server(uvicorn.Server):
        """Tells the site first."""

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            """End it."""
            site.stopping = True
            await super().shutdown(sockets)

    return Server(config)


def _fetcher(settings: Settings) -> LiveFetcher:
    from hygiene.dns_client import LiveResolver, parse_server

    servers = [parse_server(text) for text in settings.audit.resolvers] or None
    resolver, web = LiveResolver(servers, timeout_s=settings.audit.timeout), settings.web
    return LiveFetcher(resolver, allow_private=web.allow_private, ca_file=web.ca_file, port=web.port)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise UsageError(f"cannot listen at {host} port {port}: {error.strerror or error}") from None
    return listening
