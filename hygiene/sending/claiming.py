"""Which mails a worker takes next: of running campaigns, in turns by provider, as rates and canaries allow."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, RowMapping

from hygiene.config import AccountSettings
from hygiene.sending.allowance import allow, note_day, rates_of, warm_up_of
from hygiene.sending.census import is_open_before, last_change_before
from hygiene.sending.judging import Judged
from hygiene.sending.mailing import Mailing
from hygiene.sending.outbox import Lot, Row, campaigns, claim, providers_ready
from hygiene.sending.pace import Rate
from hygiene.sending.states import CampaignState, Lane, State

_REST_US: Final = 1_000_000
_LONGEST_REST_US: Final = 600_000_000
_FRESH_US: Final = 500_000  # how long what was read of campaigns and providers may be used again


@dataclass(frozen=True)
class Claimant:
    """Who claims, when, and for how long."""

    owner: str
    now_us: int
    lease_us: int


@dataclass(frozen=True)
class Rest:
    """How long a provider is left alone."""

    until_us: int
    pause_us: int


class Claims:
    """What may be claimed. `accounts` are the settings of the ways out; receipts go by the `shared`, too."""

    def __init__(self, accounts: Mapping[str, AccountSettings], *, shared: Collection[str] = ()) -> None:
        self._accounts, self._shared = accounts, frozenset(shared)
        self._running: tuple[int, Sequence[RowMapping]] | None = None
        self._ready: dict[int, tuple[int, list[str]]] = {}
        self._rests: dict[tuple[str, str], Rest] = {}
        self._watched_until_us: dict[int, int] = {}  # the canaries of a campaign

    def running(self, connection: Connection, now_us: int) -> Sequence[RowMapping]:
        """The campaigns that run."""
        if self._running is None or now_us - self._running[0] > _FRESH_US:
            self._running = (now_us, campaigns(connection, CampaignState.RUNNING))
        return self._running[1]

    def learn(self, account: str, provider: str, judged: Judged, now_us: int) -> None:
        """A provider that finds an account too fast is left alone for a while, longer if it says so again."""
        rest = self._rests.get((account, provider), Rest(0, 0))
        if rest.until_us > now_us:
            return
        if judged.too_fast:
            pause_us = min(max(2 * rest.pause_us, _REST_US), _LONGEST_REST_US)
            self._rests[account, provider] = Rest(now_us + pause_us, pause_us)
        elif judged.end.state is State.SENT:
            self._rests.pop((account, provider), None)

    def _rested(self, account: str, provider: str, now_us: int) -> bool:
        rest = self._rests.get((account, provider))
        return rest is None or rest.until_us <= now_us

    def take(self, connection: Connection, mailing: Mailing, room: int, by: Claimant) -> list[Row]:
        """Claim up to `room` mails of a campaign, a share for each provider in turn."""
        names = self._providers(connection, mailing.id, by.now_us)
        before = self._before(connection, mailing, names, by.now_us)
        names = [name for name in names if self._rested(mailing.account, name, by.now_us)]
        taken: list[Row] = []
        for left, name in zip(range(len(names), 0, -1), names, strict=True):
            share = -(-(room - len(taken)) // left)
            rates = self._rates(connection, mailing, name, by.now_us)
            allowance = allow(connection, rates, by.now_us, prompt=mailing.lane is Lane.PROMPT)
            count = allowance.of(share)
            lot = Lot(campaign=mailing.id, provider=name, count=count, before=before)
            rows = claim(connection, lot, by.owner, lease_us=by.now_us + by.lease_us) if count else []
            allowance.spend(connection, len(rows))
            if count and not rows:
                self._ready.pop(mailing.id, None)
            taken += rows
        if taken and self._accounts[mailing.account].warm_up:
            note_day(connection, mailing.account, by.now_us)
        return taken

    def _rates(self, connection: Connection, mailing: Mailing, provider: str, now_us: int) -> dict[str, Rate]:
        account, settings = mailing.account, self._accounts[mailing.account]
        shared = account in self._shared
        fixed = rates_of(account, settings, provider, stream=mailing.stream, rates=mailing.rates, shared=shared)
        return fixed | warm_up_of(connection, account, settings, now_us, shared=shared)

    def _providers(self, connection: Connection, campaign: int, now_us: int) -> list[str]:
        """Those with mails ready, another one first each time."""
        read_us, names = self._ready.get(campaign, (0, []))
        if not names or now_us - read_us > _FRESH_US:
            read_us, names = now_us, providers_ready(connection, campaign)
        else:
            names = [*names[1:], names[0]]
        self._ready[campaign] = (read_us, names)
        return names

    def _before(
        self, connection: Connection, mailing: Mailing, names: Sequence[str], now_us: int
    ) -> int | None:
        """The place before which mails may go while a canary is watched."""
        canary = mailing.canary
        if canary is None:
            return None
        if mailing.id not in self._watched_until_us:
            if is_open_before(connection, mailing.id, canary.count, names):
                return canary.count
            last_us = last_change_before(connection, mailing.id, canary.count)
            self._watched_until_us[mailing.id] = last_us + canary.wait_us
        return canary.count if self._watched_until_us[mailing.id] > now_us else None
