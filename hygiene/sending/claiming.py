"""Which mails a worker takes next: of running campaigns, in turns by provider, as rates and canaries allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, RowMapping, func, select

from hygiene.config import AccountSettings
from hygiene.sending.allowance import draw, note_day, rates_of, warm_up_of
from hygiene.sending.mailing import Mailing
from hygiene.sending.outbox import Lot, Row, campaigns, claim, providers_ready
from hygiene.sending.pace import Rate
from hygiene.sending.states import FINAL, CampaignState
from hygiene.tables import OUTBOX

_FRESH_US: Final = 500_000  # how long what was read of campaigns and providers may be used again
_O = OUTBOX.c


@dataclass(frozen=True)
class Claimant:
    """Who claims, when, and for how long."""

    owner: str
    now_us: int
    lease_us: int


class Claims:
    """What may be claimed. `accounts` are the settings of the ways out, by name."""

    def __init__(self, accounts: Mapping[str, AccountSettings]) -> None:
        self._accounts = accounts
        self._running: tuple[int, Sequence[RowMapping]] | None = None
        self._ready: dict[int, tuple[int, list[str]]] = {}
        self._past_canary: set[int] = set()

    def running(self, connection: Connection, now_us: int) -> Sequence[RowMapping]:
        """The campaigns that run."""
        if self._running is None or now_us - self._running[0] > _FRESH_US:
            self._running = (now_us, campaigns(connection, CampaignState.RUNNING))
        return self._running[1]

    def take(self, connection: Connection, mailing: Mailing, room: int, by: Claimant) -> list[Row]:
        """Claim up to `room` mails of a campaign, a share for each provider in turn."""
        before = self._before(connection, mailing, by.now_us)
        names = self._providers(connection, mailing.id, by.now_us)
        taken: list[Row] = []
        for left, name in zip(range(len(names), 0, -1), names, strict=True):
            share = -(-(room - len(taken)) // left)
            count = draw(connection, self._rates(connection, mailing, name, by.now_us), share, by.now_us)
            lot = Lot(campaign=mailing.id, provider=name, count=count, before=before)
            rows = claim(connection, lot, by.owner, lease_us=by.now_us + by.lease_us) if count else []
            if count and not rows:
                self._ready.pop(mailing.id, None)
            taken += rows
        if taken and self._accounts[mailing.account].warm_up:
            note_day(connection, mailing.account, by.now_us)
        return taken

    def _rates(self, connection: Connection, mailing: Mailing, provider: str, now_us: int) -> dict[str, Rate]:
        settings = self._accounts[mailing.account]
        fixed = rates_of(mailing.account, settings, provider, mailing.rates)
        return fixed | warm_up_of(connection, mailing.account, settings, now_us)

    def _providers(self, connection: Connection, campaign: int, now_us: int) -> list[str]:
        """Those with mails ready, another one first each time."""
        read_us, names = self._ready.get(campaign, (0, []))
        if not names or now_us - read_us > _FRESH_US:
            read_us, names = now_us, providers_ready(connection, campaign)
        else:
            names = [*names[1:], names[0]]
        self._ready[campaign] = (read_us, names)
        return names

    def _before(self, connection: Connection, mailing: Mailing, now_us: int) -> int | None:
        """The place before which mails may go while a canary is watched."""
        canary = mailing.canary
        if canary is None or mailing.id in self._past_canary:
            return None
        first = (_O.campaign == mailing.id, _O.place < canary.count)
        if connection.scalar(select(func.count()).where(*first, _O.state.not_in(tuple(FINAL)))):
            return canary.count
        last_us = connection.scalar(select(func.max(_O.changed_us)).where(*first)) or 0
        if last_us + canary.wait_us > now_us:
            return canary.count
        self._past_canary.add(mailing.id)
        return None
