"""A workspace with a campaign in it, served in the process: what the tests of the service share."""

import socket
import threading
from contextlib import contextmanager
from itertools import count

from sqlalchemy import select
from starlette.testclient import TestClient

from hygiene.config import ServiceSettings, Settings, StreamSettings
from hygiene.service.application import build_app
from hygiene.service.server import make_server
from hygiene.service.site import Site
from hygiene.store import open_store
from hygiene.tables import EVENT, OUTBOX
from hygiene.tokens import Purpose, make_ref, make_token

from ..sending.mailings import KEY, START_US, Clock, new_campaign

PEOPLE = ("ann.lee@shop.example", "bob@mail.example", "cem@shop.example")


def settings_of(**service):
    streams = {
        "marketing": StreamSettings(account="relay", sender="Shop Example <news@shop.example>", topic="news"),
        "transactional": StreamSettings(account="relay", sender="Shop Example <orders@shop.example>"),
    }
    return Settings(streams=streams, service=ServiceSettings(**{"url": "https://mail.shop.example", **service}))


class Served:
    """A store, its application, and a client that has no cookies."""

    def __init__(self, store, client, site):
        self.store, self.client, self.site = store, client, site
        self.log = site.lines

    def rows(self, table):
        with self.store.reading() as connection:
            return [dict(row) for row in connection.execute(select(table)).mappings()]

    def kinds(self):
        return [row["kind"] for row in self.rows(EVENT)]

    def ref(self, address, campaign="spring"):
        return make_ref(campaign, address, KEY)

    def token(self, address, purpose=Purpose.UNSUBSCRIBE, campaign="spring"):
        return make_token(self.ref(address, campaign), purpose, KEY)

    def row(self, address, campaign="spring"):
        ref = self.ref(address, campaign)
        return next(row for row in self.rows(OUTBOX) if row["ref"] == ref)


@contextmanager
def served(url, *, settings=None, people=PEOPLE, stream="marketing", log_addresses=False, clock=None):
    with open_store(str(url), key=KEY) as store:
        if people:
            new_campaign(store, people, stream=stream)
        lines = []
        site = Site(
            store=store,
            settings=settings or settings_of(),
            clock=clock or Clock(START_US),
            log=lines.append,
            log_addresses=log_addresses,
        )
        site.lines = lines
        ticks = count()
        app = build_app(site, timer=lambda: next(ticks) / 1000)
        with TestClient(app, base_url="https://mail.shop.example", follow_redirects=False) as client:
            yield Served(store, client, site)


@contextmanager
def running(url, *, settings, clock=None):
    """The same behind a real server on loopback; its address."""
    with open_store(str(url), key=KEY) as store, socket.create_server(("127.0.0.1", 0)) as listening:
        site = Site(store=store, settings=settings, clock=clock or Clock(START_US))
        server = make_server(site)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
