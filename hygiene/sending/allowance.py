"""What may leave now: rates of an account, its providers, a stream and a warm-up, as levels in the store.

All rates hold at once. Levels are drawn in the transaction of the claim, so several workers share them, and a
restart begins where the last one ended. Of what both lanes share receipts draw first: the other lane leaves a
part of each bucket to them, so that together they never see more than the rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, func, select

from hygiene.config import AccountSettings
from hygiene.sending.pace import SECOND_US, Bucket, Rate, at, available, full, read_rate, take, warm_up_rates
from hygiene.store import insert_into
from hygiene.tables import BUCKET

_B = BUCKET.c
_LOCK: Final = 0x70616365  # "pace", among PostgreSQL's advisory locks


def rates_of(
    account: str,
    settings: AccountSettings,
    provider: str,
    *,
    stream: str = "",
    rates: Iterable[str] = (),
    shared: bool = False,
) -> dict[str, Rate]:
    """The buckets that a mail of a stream, which has `rates` of its own, to a provider draws from, by name."""
    common = {account: settings.rates, f"{account} {provider}": settings.providers.get(provider, ())}
    return {
        f"{name} {text}": replace(read_rate(text), shared=shared)
        for name, texts in common.items()
        for text in texts
    } | {f"{account} {stream} {text}": read_rate(text) for text in rates}


def warm_up_of(
    connection: Connection, account: str, settings: AccountSettings, now_us: int, *, shared: bool = False
) -> dict[str, Rate]:
    """The rates of an account's warm-up today, by name."""
    if not settings.warm_up:
        return {}
    rates = warm_up_rates(settings.warm_up, sending_day(connection, account, now_us))
    return {f"{account} warm-up {rate}": replace(rate, shared=shared) for rate in rates}


def sending_day(connection: Connection, account: str, now_us: int) -> int:
    """On how many days before this one the account sent; those on which it did not are not counted."""
    prefix, today = f"{account} day ", datetime.fromtimestamp(now_us / SECOND_US, UTC).date().isoformat()
    earlier = select(func.count()).where(_B.name.startswith(prefix, autoescape=True), _B.name < prefix + today)
    return connection.scalar(earlier) or 0


def note_day(connection: Connection, account: str, now_us: int) -> None:
    """Remember that the account sends today."""
    today = datetime.fromtimestamp(now_us / SECOND_US, UTC).date().isoformat()
    row = {"name": f"{account} day {today}", "level": 0, "at_us": now_us}
    connection.execute(insert_into(connection, BUCKET).values(row).on_conflict_do_nothing())


@dataclass(frozen=True)
class Allowance:
    """What a mail's rates leave for now: the levels of its buckets, which nobody else may change meanwhile."""

    levels: Mapping[str, Bucket]
    kept: Mapping[str, int] = field(default_factory=dict)  # thousandths of a message that are for others

    def of(self, wanted: int) -> int:
        """How many messages it may be, of so many."""
        left = (available(bucket, self.kept.get(name, 0)) for name, bucket in self.levels.items())
        return max(min([wanted, *left]), 0)

    def spend(self, connection: Connection, count: int) -> None:
        """Write down that so many left."""
        if count and self.levels:
            _write(connection, {name: take(bucket, count) for name, bucket in self.levels.items()})


def allow(connection: Connection, rates: Mapping[str, Rate], now_us: int, *, prompt: bool = True) -> Allowance:
    """What these rates leave, for this transaction alone until it ends; receipts, `prompt`, have more."""
    if not rates:
        return Allowance({})
    if connection.dialect.name == "postgresql":
        # One lock for all buckets: rows that are not there yet cannot be locked, and one by one they deadlock.
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    query = select(_B.name, _B.level, _B.at_us).where(_B.name.in_(list(rates)))
    found = {name: Bucket(level, at_us) for name, level, at_us in connection.execute(query)}
    levels = {name: at(found.get(name) or full(rate, now_us), rate, now_us) for name, rate in rates.items()}
    return Allowance(levels, {} if prompt else {name: rate.kept for name, rate in rates.items()})


def _write(connection: Connection, levels: Mapping[str, Bucket]) -> None:
    new = insert_into(connection, BUCKET)
    upsert = new.on_conflict_do_update(
        index_elements=["name"], set_={"level": new.excluded.level, "at_us": new.excluded.at_us}
    )
    rows = [
        {"name": name, "level": bucket.level, "at_us": bucket.at_us} for name, bucket in sorted(levels.items())
    ]
    connection.execute(upsert, rows)
