"""The whole of sending: an outbox full of mails, and receipts that must not wait behind them."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sqlalchemy import select

from hygiene.config import AccountSettings, Settings, StreamSettings
from hygiene.sending.census import open_rows
from hygiene.sending.composing import Message
from hygiene.sending.definition import Definition, MergeField, Person, Version, seal
from hygiene.sending.queueing import queue_campaign, queue_message
from hygiene.sending.running import clock, run_worker
from hygiene.store import Store, open_store
from hygiene.tables import CAMPAIGN, OUTBOX
from tests.bench.senders import DOMAIN, HTML, SELECTOR, TEXT
from tests.bench.sending import CONNECTIONS, relay
from tests.integration.mail_servers import HOST

RECEIPTS = 200
BULK = 100_000
EVERY_S = 0.05


def template(text: str) -> str:
    """The bench's text as a campaign's template."""
    return text.replace("{name}", "{{ name }}")


def settings_of(port: int, key: Path) -> Settings:
    """One account for both lanes."""
    account = AccountSettings(
        host=HOST,
        port=port,
        tls="none",
        connections=CONNECTIONS,
        per_connection=1000,
        sign=(f"{SELECTOR}._domainkey.{DOMAIN}=file:{key}",),
    )
    stream = StreamSettings(account="relay", sender=f"Der größte Laden <news@{DOMAIN}>")
    return Settings(accounts={"relay": account}, streams={"marketing": stream, "transactional": stream})


def fill(store: Store, mails: int) -> int:
    """Queue a campaign to so many people."""
    definition = seal(
        Definition(
            name="bench",
            stream="marketing",
            topic="news",
            account="relay",
            sender=Person(address=f"news@{DOMAIN}", name="Der größte Laden"),
            fields={"name": MergeField(column="name")},
            versions=(Version(subject="Grüße, {{ name }}", html=template(HTML), text=template(TEXT)),),
            unsubscribe=f"https://{DOMAIN}/u",
            expires_after_s=86_400,
            in_doubt="park",
        )
    )
    people = ((f"person{number}@example.com", {"name": f"Person {number}"}) for number in range(mails))
    return queue_campaign(store, definition, _batches(people), manifest="", overrides={}, now_us=clock())


def _batches(people: Iterator[tuple[str, dict[str, str]]]) -> Iterator[list[tuple[str, dict[str, str]]]]:
    from itertools import islice

    while batch := list(islice(people, 2000)):
        yield batch


def whole(port: int, mails: int, key: Path) -> tuple[float, float]:
    """Send a full outbox: seconds, and seconds of work; queueing is not counted."""
    with tempfile.TemporaryDirectory() as folder, open_store(f"{folder}/w.db", key=bytes(32)) as store:
        campaign = fill(store, mails)
        started, used = time.perf_counter(), time.process_time()
        run_worker(store, settings_of(port, key), until=lambda connection: not open_rows(connection, campaign))
        return time.perf_counter() - started, time.process_time() - used


@contextmanager
def working(place: str, port: int, key: Path) -> Iterator[None]:
    """A worker on the store, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.outboxes", place, str(port), str(key)]
    with subprocess.Popen(command) as process:
        try:
            yield
        finally:
            process.terminate()


def receipts() -> Iterator[tuple[str, str, str]]:
    """(i): how long a receipt waits while a campaign is under way, from its commit to the server's 250."""
    with relay() as (port, key), tempfile.TemporaryDirectory() as folder:
        place, settings = f"{folder}/w.db", settings_of(port, key)
        with open_store(place, key=bytes(32)) as store:
            campaign = fill(store, BULK)
            with working(place, port, key):
                _until(lambda: _open(store, campaign) < BULK)
                for number in range(RECEIPTS):
                    _receipt(store, settings, number)
                    time.sleep(EVERY_S)
                _until(lambda: len(_waits(store)) == RECEIPTS)
                left = _open(store, campaign)
            waits = _waits(store)
    shares = [f"{np.percentile(waits, share):.2f}" for share in (50, 90, 99, 100)]
    yield "seconds a receipt waits: median, 90 %, 99 %, longest", " / ".join(shares), "99 % within 2"
    yield "mails of the campaign left at the end", f"{left:,} of {BULK:,}", "more than 0"


def _receipt(store: Store, settings: Settings, number: int) -> None:
    message = Message(to=f"buyer{number}@example.com", subject=f"Your order {number}", text="Thank you.")
    queue_message(store, message, settings, idempotency_key=f"order {number}", now=datetime.now(UTC))


def _waits(store: Store) -> list[float]:
    o = OUTBOX.c
    query = select(o.changed_us - o.due_us).join(CAMPAIGN, CAMPAIGN.c.id == o.campaign)
    with store.reading() as connection:
        rows = connection.scalars(query.where(CAMPAIGN.c.stream == "transactional", o.state == "sent"))
        return [wait / 1e6 for wait in rows]


def _open(store: Store, campaign: int) -> int:
    with store.reading() as connection:
        return open_rows(connection, campaign)


def _until(holds) -> None:
    until = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < until, "nothing happens"
        time.sleep(0.2)


def main() -> None:
    """A worker until it is told to stop."""
    place, port, key = sys.argv[1:]
    with open_store(place, key=bytes(32)) as store:
        run_worker(store, settings_of(int(port), Path(key)))


if __name__ == "__main__":
    main()
