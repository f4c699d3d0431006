"""What a cleaning must never depend on, tried on a sample of every run before anything is written.

The sums say that every row has a place, not that it is the right one. So some people are judged a second time,
in one thread of DuckDB: their rows in the opposite order, and every second of those kept newly suppressed; of
others the kept row alone, with what is written beside it. Whoever was kept is kept again, but the suppressed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa
from msgspec import structs

from hygiene.address import Address, judge_address
from hygiene.config import CleaningPolicy
from hygiene.contacts.plan import Knowledge, run_plan
from hygiene.contacts.reasons import RejectReason
from hygiene.contacts.suppression.entries import collect
from hygiene.contacts.table import CONTACT, ROWS
from hygiene.engines.engine import DuckEngine
from hygiene.intake.dates_sql import quoted
from hygiene.intake.records import Positions
from hygiene.suppression_forms import Form, Reason, read_target

_KEPT: Final = 60  # people of a sample who are kept
_REJECTED: Final = 20
_MOST_ROWS: Final = 50  # of one person
#: neither the lists nor DNS are asked a second time
_ASKED_ELSEWHERE: Final = (RejectReason.SUPPRESSED, RejectReason.NO_MAIL_DOMAIN)

#: what is written beside a row, in the words of a contact; and what else a contact has
_BESIDE: Final = ("standing", "joined", "activity", "tracked", "confirmed", "ignored_mails")
_OTHERS: Final = tuple(name for name in CONTACT if name not in {"row", "address", "ordinary", *_BESIDE})
_ROWS_OF_SAMPLE: Final = f"""
    with others as (
        select d."row", d.kept_row as person, count(*) over (partition by d.kept_row) as rows
        from decisions d
        where d.kept_row in (select person from asked where not alone) and d."row" <> d.kept_row
    ),
    wanted as (
        select person, "row" from others where rows < {_MOST_ROWS}
        union all
        select person, person from asked
        where person not in (select person from others where rows >= {_MOST_ROWS})
    ),
    facts as (
        select kept_row, standing, joined, "last" as activity, "last" is not null as tracked,
            confirmed::int::boolean as confirmed, ignored_mails
        from persons where speechless and kept_row in (select person from asked where alone)
    ),
    cells as (
        select "row", normal from decisions
        where repaired and "row" in (select person from asked where alone)
    )
    select w.person::bigint as person, {ROWS} - 1 - w."row"::bigint as "row",
        coalesce(n.normal, c.address) as address, c.ordinary and n.normal is null as ordinary,
        {", ".join(f'if(f.kept_row is null, c."{name}", f."{name}") as "{name}"' for name in _BESIDE)},
        {", ".join(f'c."{name}"' for name in _OTHERS)}
    from contacts c join wanted w using ("row")
    left join facts f on f.kept_row = w."row"
    left join cells n on n."row" = w."row" """


@dataclass(frozen=True, kw_only=True)
class Sample:
    """People by the row that stands for each: all their rows, or the kept one `alone`; who is `listed` now."""

    turned: frozenset[int]
    alone: frozenset[int]
    listed: frozenset[int]
    rejected: frozenset[int]

    @property
    def people(self) -> frozenset[int]:
        """All of them."""
        return self.turned | self.alone | self.rejected

    def among(self, people: Set[int]) -> Sample:
        """Those of them who are among these people."""
        return Sample(
            turned=self.turned & people,
            alone=self.alone & people,
            listed=self.listed & people,
            rejected=self.rejected & people,
        )


def try_again(
    connection: duckdb.DuckDBPyConnection,
    kept: Positions,
    policy: CleaningPolicy,
    known: Knowledge,
    activity: str = "",
) -> list[str]:
    """What comes out differently when a sample of people is judged again; nothing, unless we are wrong.

    Reads the tables ``contacts``, ``decisions`` and ``persons``; `kept` are the rows kept, ascending;
    `activity` is the table of what event logs say.
    """
    asked = choose(kept, _rejected(connection))
    rows = _rows(connection, asked)
    sample = asked.among({*rows["person"].to_pylist()})
    if not sample.people:
        return []
    found = _judge(rows, sample.listed, policy, known, _acted(connection, activity, rows))
    return list(_faults(sample, found))


def choose(kept: Positions, rejected: Sequence[int]) -> Sample:
    """People from everywhere among those kept, the same for the same rows."""
    places = np.unique(np.linspace(0, len(kept) - 1, min(len(kept), _KEPT)).astype(np.int64))
    chosen = [int(row) for row in kept[places]]
    return Sample(
        turned=frozenset(chosen[::2]),
        alone=frozenset(chosen[1::2]),
        listed=frozenset(chosen[::4]),
        rejected=frozenset(rejected),
    )


def _rejected(connection: duckdb.DuckDBPyConnection) -> list[int]:
    elsewhere = ", ".join(map(quoted, _ASKED_ELSEWHERE))
    query = f"""select kept_row from persons where reason not in ({elsewhere})
        order by hash(kept_row) limit {_REJECTED}"""
    return [int(row) for (row,) in connection.execute(query).fetchall()]


def _rows(connection: duckdb.DuckDBPyConnection, sample: Sample) -> pa.Table:
    """The contacts to judge, turned round, each with its `person`; people of very many rows are left out.

    A kept row alone has the address and the facts that are written beside it where it does not say them.
    """
    whole, alone = sorted(sample.turned | sample.rejected), sorted(sample.alone)
    people = pa.array([*whole, *alone], pa.int64())
    is_alone = pa.array([False] * len(whole) + [True] * len(alone), pa.bool_())
    connection.register("asked", pa.table({"person": people, "alone": is_alone}))
    try:
        return connection.sql(_ROWS_OF_SAMPLE).to_arrow_table()
    finally:
        connection.unregister("asked")


def _acted(connection: duckdb.DuckDBPyConnection, activity: str, rows: pa.Table) -> pa.Table | None:
    if not activity:
        return None
    judged = map(judge_address, rows["address"].to_pylist())
    mailboxes = sorted({one.mailbox for one in judged if isinstance(one, Address)})
    query = f"select * from {activity} where mailbox in (select unnest(?::varchar[]))"
    return connection.sql(query, params=[mailboxes]).to_arrow_table()


def _judge(
    rows: pa.Table, listed: Set[int], policy: CleaningPolicy, known: Knowledge, acted: pa.Table | None
) -> Set[int]:
    """Who is kept of them, by the same plan."""
    with TemporaryDirectory(prefix="hygiene-laws-") as folder, closing(_engine(folder)) as engine:
        contacts = engine.load("contacts", rows.drop_columns(["person"]))
        again = replace(
            known,
            suppressed=collect(_entries(rows, listed)),
            activity=None if acted is None else engine.load("acted", acted),
            untold=frozenset(),
            check_mail=None,
            say=lambda _: None,
        )
        run_plan(contacts, engine, structs.replace(policy, check_mx=False), again)
        found = engine.connection.execute("select kept_row from persons where reason is null").fetchall()
    people = dict(zip(rows["row"].to_pylist(), rows["person"].to_pylist(), strict=True))
    return {people[row] for (row,) in found}


def _engine(folder: str) -> DuckEngine:
    return DuckEngine(Path(folder), threads=1, in_memory=True)


def _entries(rows: pa.Table, listed: Set[int]) -> Iterator[Any]:
    """What newly suppresses them: the addresses of all their rows."""
    for address, person in zip(rows["address"].to_pylist(), rows["person"].to_pylist(), strict=True):
        if person in listed and (target := read_target(address, Form.ADDRESS)):
            yield target, Reason.IMPORTED, None, "a second look"


def _faults(sample: Sample, found: Set[int]) -> Iterator[str]:
    """What differs from what it was, by the law that it breaks."""
    turned, alone = sample.turned - sample.listed, sample.alone
    listed, rejected = sample.listed, sample.rejected
    wrong = (
        (turned - found, turned, "not kept when their rows come in the opposite order"),
        (rejected & found, rejected, "kept when their rows come in the opposite order"),
        (alone - found, alone, "not kept when the row kept of them is cleaned again"),
        (listed & found, listed, "kept though newly suppressed"),
    )
    for some, of, what in wrong:
        if some:
            yield f"{len(some)} of {len(of)} people are {what}"
