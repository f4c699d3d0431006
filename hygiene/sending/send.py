"""A campaign from its file to its last reply: preflight, queue, send; and workers that send whatever is due."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

from hygiene.config import Settings
from hygiene.contacts.manifest import NAME as MANIFEST
from hygiene.errors import HygieneError, UsageError
from hygiene.files import read_bytes
from hygiene.finding import Finding
from hygiene.resolver import Resolver
from hygiene.sending.audience import Audience, open_audience
from hygiene.sending.breaker import Trip
from hygiene.sending.campaign import load_campaign
from hygiene.sending.claiming import Claims
from hygiene.sending.composing import CampaignComposing, mailing_of
from hygiene.sending.definition import Definition
from hygiene.sending.line import Line
from hygiene.sending.mailing import Mailing
from hygiene.sending.outbox import has_due, move_campaign, open_rows
from hygiene.sending.pace import SECOND_US
from hygiene.sending.preflight.preflight import Preflight, live_resolver, preflight_campaign
from hygiene.sending.queueing import queue_campaign
from hygiene.sending.signing import load_signers
from hygiene.sending.states import CampaignState, Lane
from hygiene.sending.status import CampaignStatus, finish, read_status
from hygiene.sending.transports.open import open_transport
from hygiene.sending.transports.transport import Transport
from hygiene.sending.worker import Settled, Watching, Worker
from hygiene.store import Store
from hygiene.tokens import make_ref

GIVE_UP_S: Final = 300.0  # of a way that fails all the while


class NotFit(HygieneError):
    """Preflight found what must not be sent."""

    exit_code = 1

    def __init__(self, preflight: Preflight, blocking: Sequence[Finding]) -> None:
        self.preflight, self.blocking = preflight, tuple(blocking)
        names = ", ".join(finding.id for finding in self.blocking)
        super().__init__(f"{preflight.name} must not be sent as it is: {names}. Nothing was queued.")


class NoWay(HygieneError):
    """The way out fails all the while; what was not sent stays queued."""

    exit_code = 3


@dataclass(kw_only=True)
class Sending:
    """How a sending goes on, for whoever watches; each may be replaced."""

    preflight: Callable[[Preflight], None] = field(default=lambda _preflight: None)
    queued: Callable[[int], None] = field(default=lambda _count: None)
    settled: Callable[[Settled], None] = field(default=lambda _settled: None)
    held: Callable[[str, Trip, str], None] = field(default=lambda _name, _trip, _finding: None)
    trouble: Callable[[str], None] = field(default=lambda _sentence: None)


def send_campaign(
    campaign: Path | str,
    to: Path | str,
    *,
    store: Store,
    settings: Settings,
    overrides: Mapping[str, str] | None = None,
    resolver: Resolver | None = None,
    dns: bool = True,
    wait: bool = True,
    give_up_s: float = GIVE_UP_S,
    sending: Sending | None = None,
) -> CampaignStatus:
    """Send a campaign to a cleaned list, or go on with it: nobody has it twice.

    `overrides` are findings of the preflight to send all the same, with the reason for each, which is kept.
    With `wait` it ends when every mail has its end, deferred ones included; without, when nothing is due.
    Raises NotFit, NoWay, UsageError or UnreadableInput with one sentence; whatever was queued by then stays.
    """
    sending = sending or Sending()
    loaded = load_campaign(campaign, settings)
    definition = loaded.define()
    checked = preflight_campaign(loaded, to, settings=settings, resolver=resolver, dns=dns)
    sending.preflight(checked)
    reasons = dict(overrides or {})
    if blocking := checked.blocking(tuple(reasons)):
        raise NotFit(checked, blocking)
    audience = open_audience(to, definition.fields, segment=definition.segment)
    queued = queue_campaign(
        store,
        definition,
        audience.batches(),
        manifest=_manifest(audience),
        overrides={each.id: reasons[each.id] for each in checked.faults if each.id in reasons},
        now_us=clock(),
        tick=sending.queued,
    )
    return go_on(
        store,
        settings,
        queued,
        definition.name,
        resolver=resolver,
        wait=wait,
        give_up_s=give_up_s,
        sending=sending,
    )


def go_on(
    store: Store,
    settings: Settings,
    campaign: int,
    name: str,
    *,
    resolver: Resolver | None = None,
    wait: bool = True,
    give_up_s: float = GIVE_UP_S,
    sending: Sending | None = None,
) -> CampaignStatus:
    """Send what is left of a campaign; see `send_campaign`."""
    until = _is_over(campaign, wait=wait)
    run_worker(
        store,
        settings,
        campaigns=[campaign],
        until=until,
        resolver=resolver,
        give_up_s=give_up_s,
        sending=sending or Sending(),
    )
    with store.reading() as connection:
        left = open_rows(connection, campaign)
    if not left:
        finish(store, campaign, now_us=clock())
    return read_status(store, name).campaigns[0]


def run_worker(
    store: Store,
    settings: Settings,
    *,
    campaigns: Sequence[int] | None = None,
    lanes: Sequence[Lane] = tuple(Lane),
    until: Callable[[Connection], bool] | None = None,
    resolver: Resolver | None = None,
    give_up_s: float | None = None,
    sending: Sending | None = None,
) -> None:
    """Send whatever is due until `until` holds; without it, until the process is told to stop.

    Raises NoWay when a way out fails for `give_up_s` seconds on end.
    """
    watch = sending or Sending()
    failed: list[str] = []
    asked: list[Future[None]] = []

    def trouble(line: Line) -> None:
        said = f"{line.account}: {line.trouble.text if line.trouble else 'no way out'}"
        watch.trouble(said)
        since = line.failing_since_us
        too_long = give_up_s is not None and since is not None and clock() - since >= give_up_s * SECOND_US
        if line.shut or too_long:
            failed.append(said)
            worker.stop()

    def explain(mailing: Mailing, trip: Trip) -> None:
        finding = _explained(store, settings, mailing, trip, resolver)
        watch.held(mailing.name, trip, finding)

    def held(mailing: Mailing, trip: Trip) -> None:
        asked.append(auditor.submit(explain, mailing, trip))

    secret = store.key
    worker = Worker(
        store,
        lambda row: mailing_of(dict(row), settings, secret),
        lambda account, lane: _transport(settings, account, lane),
        owner=own_name(),
        clock=clock,
        claims=Claims(settings.accounts),
        watching=Watching(settled=watch.settled, held=held, trouble=trouble),
    )
    with ThreadPoolExecutor(1) as auditor:
        asyncio.run(_until_told(worker, campaigns, lanes, until))
    for each in asked:
        each.result()
    if failed:
        raise NoWay(f"{failed[-1]}. What was not sent stays queued: hygiene send resume goes on with it")


def _explained(
    store: Store, settings: Settings, mailing: Mailing, trip: Trip, resolver: Resolver | None
) -> str:
    """Audit the sending domain again, and keep with the campaign what it says."""
    if not trip.reason:
        return ""
    from hygiene.audit.run import audit_domain
    from hygiene.sending.blame import broken_record

    asks = resolver or live_resolver(settings)
    audit = audit_domain(mailing.sender_domain, resolver=asks, second_opinion=False, ips=settings.audit.ips)
    finding = broken_record(trip, audit)
    with store.writing() as connection:
        hold = (CampaignState.HELD,)
        because = f"{trip.sentence}. {finding}"
        move_campaign(connection, mailing.id, CampaignState.HELD, among=hold, because=because)
    return finding


async def _until_told(
    worker: Worker,
    campaigns: Sequence[int] | None,
    lanes: Sequence[Lane],
    until: Callable[[Connection], bool] | None,
) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(ValueError, RuntimeError, NotImplementedError):  # outside the main thread
            loop.add_signal_handler(number, worker.stop)
    await worker.run(lanes=lanes, campaigns=campaigns, until=until)


def write_out(campaign: Path | str, to: Path | str, folder: Path, *, settings: Settings, secret: bytes) -> int:
    """Write each mail of a campaign as an .eml file instead of sending it; how many. Nothing is queued."""
    from hygiene.sending.transports.eml import EmlTransport

    loaded = load_campaign(campaign, settings)
    definition = loaded.define()
    audience = open_audience(to, definition.fields, segment=definition.segment)
    composing = CampaignComposing(definition, secret, load_signers(loaded.account.sign))
    return asyncio.run(_write_out(definition, audience, composing, EmlTransport(folder), secret))


async def _write_out(
    definition: Definition, audience: Audience, composing: CampaignComposing, out: Transport, secret: bytes
) -> int:
    import msgspec

    count, now = 0, datetime.now(UTC)
    for batch in audience.batches():
        for address, fields in batch:
            ref = make_ref(definition.name, address, secret)
            row = {"ref": ref, "recipient": address, "fields": msgspec.json.encode(dict(fields)).decode()}
            await out.send(composing.mail(row, now), _yes)
            count += 1
    return count


async def _yes() -> bool:
    return True


def _is_over(campaign: int, *, wait: bool) -> Callable[[Connection], bool]:
    """When there is nothing left to do: every mail has its end, the campaign stopped, or nothing is due."""

    def over(connection: Connection) -> bool:
        from hygiene.sending.outbox import campaign_state

        if campaign_state(connection, campaign) is not CampaignState.RUNNING:
            return True
        return not (open_rows(connection, campaign) if wait else has_due(connection, campaign))

    return over


def _transport(settings: Settings, name: str, lane: str) -> Transport:
    account = settings.accounts[name]
    connections = account.prompt_connections if lane == Lane.PROMPT else account.connections
    return open_transport(account, connections=connections, name=name)


def _manifest(audience: Audience) -> str:
    return hashlib.sha256(read_bytes(audience.folder.path / MANIFEST)).hexdigest()


def clock() -> int:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1000


def own_name() -> str:
    """A name that no other worker has."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def find_running(store: Store, name: str) -> tuple[int, Any]:
    """A campaign's number and state; raises UsageError for a name that there is not."""
    from hygiene.sending.outbox import find_campaign

    with store.reading() as connection:
        row = find_campaign(connection, name)
    if row is None:
        raise UsageError(f"there is no campaign {name} in this workspace")
    return int(row["id"]), CampaignState(row["state"])
