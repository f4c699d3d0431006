"""Orders of a shop, from its export: each a conversion in the event table, once, with the money that was kept.

What was cancelled, given back or never paid is no conversion; in whatever export that stands, an order that was
taken back stays so. A conversion's `event_id` is the order's number, its `source` the kind of shop.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from hygiene.errors import UnreadableInput
from hygiene.event import EventKind
from hygiene.events.figures import currency_sql, decimal_mark, instant_sql, money_sql, quiet_sql, settled
from hygiene.events.layout import name_key, quote, word_sql
from hygiene.events.query import put_events
from hygiene.events.recogniser import FileRead, Head, Recogniser, Task
from hygiene.events.sheet import load_sheet
from hygiene.events.shop_layout import FIELDS, Shop, recognise_orders, shops
from hygiene.events.values import address_sql, domain_sql, providers
from hygiene.intake.dates import DateFormat, DayMonth
from hygiene.intake.moments_sql import with_moments, zoned_sql
from hygiene.intake.source import open_sources

if TYPE_CHECKING:
    import duckdb

    from hygiene.intake.source import Source

_ORDERS: Final = "shop_order"
#: the columns of `_ORDERS`, one row an order and file
_ORDER: Final = {
    "source": "VARCHAR",
    "order_id": "VARCHAR",
    "recipient": "VARCHAR",
    "ts_us": "BIGINT",
    "value_micros": "BIGINT",  # what was paid and not given back
    "currency": "VARCHAR",
    "campaign": "VARCHAR",
    "state": "VARCHAR",  # counted, unpaid, undone, test, or refund: money given back, without its order
    "file": "INTEGER",
    "line": "BIGINT",
}
_WORDS_NAMED: Final = 5
_READ, _CELLS, _DATED, _ROWS = "order_read", "order_cell", "order_dated", "order_row"


def are_orders(head: Head) -> bool:
    """Whether a table holds orders."""
    return bool(head.columns) and recognise_orders(head.columns, head.name) is not None


def read_orders(task: Task) -> FileRead:
    """Put the orders of one export into the table of orders; see `hygiene.events.recogniser`."""
    (source, *_) = open_sources([task.path], task.work)
    shop = recognise_orders(source.header or (), task.name)
    if shop is None:
        raise UnreadableInput(f"{task.name} is no export of orders known here")
    columns = ", ".join(f"{name} {kind}" for name, kind in _ORDER.items())
    task.connection.execute(f"create temp table if not exists {_ORDERS} ({columns})")
    return _Reading(task, shop, source).run()


class _Reading:
    """One export on its way into the table of orders."""

    def __init__(self, task: Task, shop: Shop, source: Source) -> None:
        self.task, self.shop, self.source, self.connection = task, shop, source, task.connection
        keys = [name_key(name) for name in source.header or ()]
        wanted = (name_key(name) for names in shop.columns.values() for name in names)
        self.places = {key: keys.index(key) for key in wanted if key in keys}

    def run(self) -> FileRead:
        """Read it."""
        columns = {f"c{place}": place for place in self.places.values()}
        sheet = load_sheet(self.source, columns, self.connection, table=_READ, file=self.task.number)
        texts = ", ".join(f"{self._cell(field)} as {field}_text" for field in FIELDS)
        self.connection.execute(f"create or replace temp table {_CELLS} as select line, {texts} from {_READ}")
        formats, unclear = settled("time_text", _CELLS, self.shop.dates, self.connection)
        self.connection.execute(self._dated_sql(formats))
        self.connection.execute(self._rows_sql())
        self.connection.execute(self._insert_sql())
        self._set_aside()
        told = [int(number) for number in self.connection.execute(_TOLD).fetchall()[0]]
        notes = (*self.source.said, *self._notes(told, unclear=unclear), *self._unknown())
        for table in (_READ, _CELLS, _DATED, _ROWS):
            self.connection.execute(f"drop table {table}")
        orders, unpaid, undone, tests, refunds, empty, zoneless, *_ = told
        skipped = {
            "an order that is not paid": unpaid,
            "an order that was cancelled or given back": undone,
            "a test order": tests,
            "money given back, without its order": refunds,
            "a further row of an order": sheet.rows - orders - empty,
            "nothing in it": empty,
        }
        return FileRead(
            name=self.task.name,
            layouts=(self.shop.name,),
            records=sheet.rows + len(sheet.damaged),
            skipped={why: number for why, number in skipped.items() if number},
            damaged=len(sheet.damaged),
            zoneless=zoneless,
            notes=notes,
        )

    def _cell(self, field: str) -> str:
        """The first of a field's columns that is filled."""
        keys = (name_key(name) for name in self.shop.columns.get(field, ()))
        cells = [f"c{self.places[key]}" for key in dict.fromkeys(keys) if key in self.places]
        filled = [f"case when not {quiet_sql(cell)} then trim({cell}) end" for cell in cells]
        return f"coalesce({', '.join(filled)})" if filled else "null::varchar"

    def _dated_sql(self, formats: Sequence[DateFormat]) -> str:
        """The cells with their moment: as the shop writes it, else as people do."""
        orders = {one.order for one in formats} - {DayMonth.NONE}
        day_first = orders == {DayMonth.DAY_FIRST} if len(orders) == 1 else None
        moment, bare = instant_sql("time_text", formats, self.task.timezone)
        told = with_moments(
            f"select * from {_CELLS}", {"told_us": "time_text"}, self.task.timezone, day_first=day_first
        )
        mark = decimal_mark("total_text", _CELLS, self.connection)
        total = money_sql("total_text", mark)
        return f"""
        create or replace temp table {_DATED} as
        select *, coalesce({moment}, told_us) as ts_us, {total} as row_micros,
            {bare} or (told_us is not null and not {zoned_sql("time_text")}) as bare from ({told})"""

    def _rows_sql(self) -> str:
        """One row an order: what its rows tell first, less what others give back. Each without a number."""
        mark = decimal_mark("total_text", _CELLS, self.connection)
        refunded, outstanding = (money_sql(f"{field}_text", mark) for field in ("refunded", "outstanding"))
        shop, word = self.shop, f"regexp_replace({word_sql('status_text')}, '^wc_', '')"
        counted, unpaid, undone, part_paid, tests = (
            f"({', '.join(map(quote, words)) or 'null'})"
            for words in (shop.counted, shop.unpaid, shop.undone, shop.part_paid, shop.tests)
        )
        return f"""
        create or replace temp table {_ROWS} as
        with {_grouped()},
        figured as (
            select *, {word} as word, greatest(coalesce(abs({refunded}), 0), coalesce(less_micros, 0))
                + if({word} in {part_paid}, coalesce({outstanding}, 0), 0) as back_micros
            from grouped left join given_back using (order_text)
        )
        select *, case
            when {word_sql("test_text")} in {tests} then 'test'
            when total_micros < 0 then 'refund'
            when word in {undone} or undone_text is not null then 'undone'
            when back_micros >= total_micros and total_micros > 0 then 'undone'
            when word in {unpaid} then 'unpaid' else 'counted' end as state,
            word not in {counted} and word not in {unpaid} and word not in {undone} as strange,
            {address_sql("email_text")} as recipient
        from figured"""

    def _insert_sql(self) -> str:
        return f"""
        insert into {_ORDERS} by name
        select {quote(self.shop.name)} as source, order_text as order_id, recipient, ts_us,
            if(state = 'refund', null, total_micros - back_micros) as value_micros, campaign_text as campaign,
            state,
            {currency_sql("currency_text", "total_text")} as currency,
            {self.task.number}::int as file, line
        from {_ROWS}"""

    def _set_aside(self) -> None:
        """What is no amount and no date, as it stood."""
        for field, column in (("total", "total_micros"), ("time", "ts_us")):
            self.connection.execute(
                f"insert into unread by name select {self.task.number}::int as file, line, "
                f"'an order whose {field} cannot be read' as why, left({field}_text, 2000) as text "
                f"from {_ROWS} where {field}_text is not null and {column} is null"
            )

    def _notes(self, told: list[int], *, unclear: bool) -> Iterator[str]:
        *_, nobody, several, undated, worthless = told
        if nobody:
            yield f"orders that name no address, and so no mail: {nobody:,}"
        if several:
            yield f"orders whose rows tell different totals, of which the first counts: {several:,}"
        if unclear:
            yield "day and month of orders cannot be told apart: they are not dated"
        elif undated:
            yield f"orders without a date that can be read: {undated:,}"
        if worthless:
            yield f"orders without an amount that can be read: {worthless:,}"

    def _unknown(self) -> Iterator[str]:
        words = self.connection.execute(
            f"select status_text, count(*) from {_ROWS} where strange group by 1 order by 2 desc, 1"
        ).fetchall()
        if words:
            named = ", ".join(f"{word[:40]} ({count:,})" for word, count in words[:_WORDS_NAMED])
            more = " and others" if len(words) > _WORDS_NAMED else ""
            yield f"orders with a status not known here, which are counted: {named}{more}"


def _grouped() -> str:
    """The orders, and what rows with less than nothing give back; rows that repeat the order give it once."""
    rank = "(coalesce(row_micros, 0) < 0, line)"
    first = ", ".join(f"arg_min({field}_text, {rank}) as {field}_text" for field in FIELDS if field != "order")
    filled = ", ".join(f"{field}_text" for field in FIELDS)
    return f"""
    grouped as (
        select order_text, min(line) as line, {first}, arg_min(ts_us, {rank}) as ts_us,
            coalesce(arg_min(bare, {rank}) filter (ts_us is not null), false) as bare,
            arg_min(row_micros, {rank}) as total_micros,
            count(distinct row_micros) filter (row_micros >= 0) as totals
        from {_DATED} where coalesce({filled}) is not null
        group by order_text, if(order_text is null, line, null)
    ),
    given_back as (
        select order_text, -sum(row_micros)::bigint as less_micros
        from (select distinct order_text, row_micros, ts_us from {_DATED} where row_micros < 0) group by all
    )"""


_TOLD: Final = f"""
select count(*), count(*) filter (state = 'unpaid'), count(*) filter (state = 'undone'),
    count(*) filter (state = 'test'), count(*) filter (state = 'refund'),
    (select count(*) from {_CELLS} where coalesce({", ".join(f"{field}_text" for field in FIELDS)}) is null),
    count(*) filter (bare), count(*) filter (state = 'counted' and recipient is null),
    count(*) filter (totals > 1), count(*) filter (ts_us is null), count(*) filter (total_micros is null)
from {_ROWS}"""

# Of several exports the strictest state counts, and of several amounts the smallest: money is only given back.
# The same number in another second is an order of another shop.
_SETTLED: Final = f"""
with numbered as (
    select source, order_id, coalesce(ts_us, any_value(ts_us) over (partition by source, order_id)) as ts_us,
        recipient, value_micros, currency, campaign, state, file, line,
        count(distinct ts_us // 1000000) over (partition by source, order_id) > 1 as shared
    from {_ORDERS} where order_id is not null
),
single as (
    select source, if(any_value(shared), order_id || '@' || ts_us // 1000000, order_id) as event_id,
        max(ts_us) as ts_us,
        min(recipient) as recipient, min(value_micros) as value_micros, min(currency) as currency,
        min(campaign) as campaign, min((file, line)) as place,
        case when bool_or(state in ('undone', 'test')) then 'undone'
            when bool_or(state = 'counted') then 'counted' else 'unpaid' end as state
    from numbered group by source, order_id, ts_us // 1000000
    union all by name
    select source, null as event_id, ts_us, recipient, value_micros, currency, campaign, state,
        (file, line) as place
    from {_ORDERS} where order_id is null
)"""

_EVENTS: Final = f"""
{_SETTLED}
select source, event_id, kept(recipient) as recipient, domain, placed(coalesce(provider, domain)) as provider,
    '{EventKind.CONVERTED}' as kind, ts_us, value_micros, currency, campaign, place[1] as file,
    place[2] as line
from (select *, {domain_sql("recipient")} as domain from single where state = 'counted')
left join order_provider using (domain)"""

_AGAIN: Final = f"{_SETTLED} select (select count(*) from {_ORDERS}) - (select count(*) from single)"


def write_orders(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Turn the orders of all exports read so far into rows of `events`; what is to be said of it."""
    import pyarrow as pa

    known = pa.table({"domain": list(providers()), "provider": list(providers().values())})
    connection.register("order_provider", known)
    try:
        put_events(connection, _EVENTS)
        ((again,),) = connection.execute(_AGAIN).fetchall()
    finally:
        connection.unregister("order_provider")
        connection.execute(f"drop table if exists temp.{_ORDERS}")
    return (f"orders that stand in several exports, each counted once: {again:,}",) if again else ()


_NEVER: Final = tuple(kind for kind in EventKind if kind not in (EventKind.CONVERTED, EventKind.UNKNOWN))
ORDERS: Final = Recogniser(
    name="orders",
    recognises=are_orders,
    read=read_orders,
    never={shop.name: _NEVER for shop in shops()},
    finish=write_orders,
)
