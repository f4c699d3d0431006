"""Workers in this process: they send whatever is due, until it is done or they are told to stop."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection

from hygiene import event_loop
from hygiene.config import Settings
from hygiene.errors import HygieneError, UsageError
from hygiene.resolver import Resolver
from hygiene.sending.breaker import Trip
from hygiene.sending.census import has_due, is_open
from hygiene.sending.claiming import Claims
from hygiene.sending.composing import mailing_of
from hygiene.sending.definition import begins_us
from hygiene.sending.line import SHUT_S, Line
from hygiene.sending.mailing import Mailing
from hygiene.sending.outbox import campaign_state, find_campaign, move_campaign
from hygiene.sending.pace import SECOND_US
from hygiene.sending.states import LANES, CampaignState, Lane
from hygiene.sending.status import CampaignStatus, finish, read_status
from hygiene.sending.transports.open import open_transport
from hygiene.sending.transports.transport import Transport
from hygiene.sending.worker import LEASE_S, Settled, Watching, Worker
from hygiene.store import Store

if TYPE_CHECKING:
    from hygiene.sending.preflight.preflight import Preflight


GIVE_UP_S: Final = 300.0  # of a way that fails all the while


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


@dataclass
class _Watch:
    """What a run has to look after: ways that fail for too long, and holds that the audit is to explain."""

    store: Store
    settings: Settings
    told: Sending
    resolver: Resolver | None
    give_up_s: float | None
    stop: Callable[[], None] = field(default=lambda: None)
    failed: str = ""
    asked: list[Future[None]] = field(default_factory=list)
    auditor: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))

    def trouble(self, line: Line) -> None:
        """A way out failed."""
        said = f"{line.account}: {line.trouble.text if line.trouble else 'no way out'}"
        self.told.trouble(said)
        since, patience = line.failing_since_us, self.give_up_s
        too_long = patience is not None and since is not None and clock() - since >= patience * SECOND_US
        if too_long or (line.shut and patience is not None):
            self.failed = said
            self.stop()
        elif line.shut:
            self.told.trouble(
                f"{said}. Nothing is sent by {line.account} but a try every {SHUT_S // 60} minutes"
            )

    def held(self, mailing: Mailing, trip: Trip) -> None:
        """A campaign was held; the audit takes its time elsewhere."""
        self.asked.append(self.auditor.submit(self._explain, mailing, trip))

    def unfit(self, name: str, sentence: str) -> None:
        """A campaign was held because the settings cannot send it."""
        self.told.held(name, Trip(sentence=sentence), f"Mend that, then hygiene send resume {name} goes on")

    def _explain(self, mailing: Mailing, trip: Trip) -> None:
        finding = _explained(self.store, self.settings, mailing, trip, self.resolver)
        self.told.held(mailing.name, trip, finding)

    def finish(self) -> None:
        """Wait for what was asked; raises NoWay where a way failed for too long."""
        for each in self.asked:
            each.result()
        if self.failed:
            raise NoWay(f"{self.failed}. What was not sent stays queued: hygiene send resume goes on with it")


def run_worker(
    store: Store,
    settings: Settings,
    *,
    campaigns: Sequence[int] | None = None,
    lanes: Sequence[Lane] = tuple(Lane),
    until: Callable[[Connection], bool] | None = None,
    resolver: Resolver | None = None,
    give_up_s: float | None = None,
    lease_s: float = LEASE_S,
    sending: Sending | None = None,
) -> None:
    """Send whatever is due until `until` holds; without it, until the process is told to stop.

    Without `campaigns` one that the settings cannot send is held, and the others go on; of those that are named
    it raises. With `give_up_s` it raises NoWay when a way out fails for so many seconds on end, or refuses the
    login; without, that way is left alone and the others go on.
    """
    secret = store.key
    watch = _Watch(store, settings, sending or Sending(), resolver, give_up_s)
    worker = Worker(
        store,
        lambda row: mailing_of(dict(row), settings, secret),
        lambda account, lane: _transport(settings, account, lane),
        owner=own_name(),
        clock=clock,
        claims=Claims(settings.accounts, shared=_shared(settings)),
        lease_s=lease_s,
        watching=Watching(
            settled=watch.told.settled, held=watch.held, unfit=watch.unfit, trouble=watch.trouble
        ),
    )
    watch.stop = worker.stop
    try:
        event_loop.run(_until_told(worker, campaigns, lanes, until))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        watch.auditor.shutdown()
    watch.finish()


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
    """Send what is left of a campaign; `wait` for deferred mails, too, and for the moment it begins at."""
    if wait or _begun(store, name):
        run_worker(
            store,
            settings,
            campaigns=[campaign],
            until=_is_over(campaign, wait=wait),
            resolver=resolver,
            give_up_s=give_up_s,
            sending=sending or Sending(),
        )
    finish(store, campaign, now_us=clock())
    return read_status(store, name).campaigns[0]


def _begun(store: Store, name: str) -> bool:
    """Whether mails of a campaign may leave by now."""
    with store.reading() as connection:
        row = find_campaign(connection, name)
    return row is None or begins_us(row["definition"]) <= clock()


def _is_over(campaign: int, *, wait: bool) -> Callable[[Connection], bool]:
    """When there is nothing left to do: every mail has its end, the campaign stopped, or nothing is due."""

    def over(connection: Connection) -> bool:
        if campaign_state(connection, campaign) is not CampaignState.RUNNING:
            return True
        return not (is_open(connection, campaign) if wait else has_due(connection, campaign))

    return over


def _explained(
    store: Store, settings: Settings, mailing: Mailing, trip: Trip, resolver: Resolver | None
) -> str:
    """Audit the sending domain again, and keep with the campaign what it says."""
    if not trip.reason:
        return ""
    from hygiene.audit.run import audit_domain
    from hygiene.sending.blame import broken_record
    from hygiene.sending.preflight.preflight import live_resolver

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
    loop, running = asyncio.get_running_loop(), asyncio.current_task()

    def told() -> None:
        """Asked again it does not wait for the servers any more."""
        if worker.stopping and running is not None:
            running.cancel()
        worker.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(ValueError, RuntimeError, NotImplementedError):  # outside the main thread
            loop.add_signal_handler(number, told)
    await worker.run(lanes=lanes, campaigns=campaigns, until=until)


def _shared(settings: Settings) -> set[str]:
    """The accounts by which both receipts and campaigns go."""
    by_lane: dict[Lane, set[str]] = {lane: set() for lane in Lane}
    for name, stream in settings.streams.items():
        by_lane[LANES[name]].add(stream.account)
    return set.intersection(*by_lane.values())


def _transport(settings: Settings, name: str, lane: str) -> Transport:
    account = settings.accounts[name]
    connections = account.prompt_connections if lane == Lane.PROMPT else account.connections
    return open_transport(account, connections=connections, name=name)


def clock() -> int:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1000


def own_name() -> str:
    """A name that no other worker has."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def find_running(store: Store, name: str) -> tuple[int, Any]:
    """A campaign's number and state; raises UsageError for a name that there is not."""
    with store.reading() as connection:
        row = find_campaign(connection, name)
    if row is None:
        raise UsageError(f"there is no campaign {name} in this workspace")
    return int(row["id"]), CampaignState(row["state"])
