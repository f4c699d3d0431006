"""What the lines of a mail server's queue say together: events of mails.

A mail in the queue is known by host, queue id and the span up to its removal, as queue ids are used again. A
mail that a content filter hands back comes with a second queue id: it is followed and counted once, and what
the filter took is no delivery. Notifications (an empty sender) and probes of addresses are no mails. A mail
that expires comes back for everybody who was still put off. Order is by time, so that neither the order of
files nor a rotation in the middle of a delivery matters.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

from hygiene.event import BounceClass, EventKind
from hygiene.events.query import put_events
from hygiene.events.values import bounce_sql, code_sql, domain_sql, found_status_sql, providers

if TYPE_CHECKING:
    import duckdb


class Step(IntEnum):
    """What a line tells; within one second, in this order."""

    MESSAGE_ID = 0
    NOTICE = 1  # another queue id is that of a notification
    QUEUED = 2
    ATTEMPT = 3
    EXPIRED = 4
    REMOVED = 5


LINES: Final = "mail_line"
#: the columns of `LINES`, one row a line
LINE: Final = {
    "file": "INTEGER",
    "line": "BIGINT",
    "ts_us": "BIGINT",
    "host": "VARCHAR",
    "qid": "VARCHAR",
    "what": "TINYINT",  # Step
    "notice": "BOOLEAN",  # the sender is nobody
    "message_id": "VARCHAR",
    "next": "VARCHAR",  # the queue id under which the mail goes on, or of the notification
    "recipient": "VARCHAR",
    "first_recipient": "VARCHAR",  # to whom it was addressed, where that is somebody else
    "relay": "VARCHAR",  # the host that took it
    "agent": "VARCHAR",  # the program that delivers
    "near": "BOOLEAN",  # over SMTP, to the machine itself
    "dsn": "VARCHAR",
    "status": "VARCHAR",  # in lower case
    "text": "VARCHAR",
}
_SLACK_US: Final = 5_000_000  # between the clocks of two programs
_MOST_FILTERS: Final = 10  # that one mail passes
_LOCAL: Final = (
    "('local', 'virtual', 'pipe', 'lmtp')"  # programs that put mail into boxes of the machine itself
)
_TEMPORARY: Final = (
    LINES,
    "mail_span",
    "mail_entry",
    "mail_attempt",
    "mail_hop",
    "mail_root",
    "mail_fate",
    "mail_outcome",
    "mail_passer",
)

# A queue id is used again once its mail was removed; few are, so only those are looked at one by one.
_SPANS: Final = f"""
create or replace temp table mail_span as
with again as (
    select host, qid from {LINES} group by all
    having min(ts_us) filter (what = {Step.REMOVED:d}) < max(ts_us)
),
counted as (
    select l.*, count(*) filter (what = {Step.REMOVED:d}) over (
        partition by host, qid order by ts_us, what groups between unbounded preceding and 1 preceding
    ) as removals
    from {LINES} as l semi join again using (host, qid)
)
select * exclude removals, dense_rank() over (partition by host, qid order by removals) - 1 as span from counted
union all by name
select l.*, 0 as span from {LINES} as l anti join again using (host, qid)"""

_ENTRIES: Final = f"""
create or replace temp table mail_entry as
with notices as (select distinct host, next as qid from mail_span where what = {Step.NOTICE:d})
select host, qid, span, min(message_id) as message_id, min(ts_us) filter (what = {Step.QUEUED:d}) as queued_us,
    min(ts_us) as first_us, max(ts_us) as last_us, max(ts_us) filter (what = {Step.EXPIRED:d}) as expired_us,
    coalesce(bool_or(notice), false)
        or (queued_us is null and exists (from notices as n where n.host = s.host and n.qid = s.qid)) as notice
from mail_span as s group by host, qid, span"""

_ATTEMPTS: Final = f"""
create or replace temp table mail_attempt as
select file, line, ts_us, host, qid, span, recipient, first_recipient, relay, agent, near, dsn, status, text,
    next
from mail_span semi join (from mail_entry where not notice) using (host, qid, span)
where what = {Step.ATTEMPT:d} and status not in ('deliverable', 'undeliverable')"""

# Where a mail went on: under the queue id that the next server named, or, handed over by a program, under any
# with the same Message-ID and recipient.
_HOPS: Final = f"""
create or replace temp table mail_hop as
with named as (
    select a.*, message_id, first_us, unnest(list_distinct([recipient, first_recipient])) as name
    from mail_attempt as a join mail_entry using (host, qid, span)
    where message_id in (
        select message_id from mail_entry group by 1 having count(*) between 2 and {_MOST_FILTERS}
    ) and message_id in (
        select message_id from mail_attempt join mail_entry using (host, qid, span)
        where agent = 'pipe' and status = 'sent'
    )
)
select a.file, a.line, a.host, a.qid, a.span, e.host as to_host, e.qid as to_qid, e.span as to_span
from mail_attempt as a join mail_entry as e on e.qid = a.next
where a.status = 'sent' and (a.host = e.host or not a.near)
    and (a.host, a.qid, a.span) <> (e.host, e.qid, e.span)
    and e.first_us <= a.ts_us + {_SLACK_US} and a.ts_us <= e.last_us + {_SLACK_US}
qualify row_number() over (
    partition by a.file, a.line order by a.host <> e.host, abs(a.ts_us - e.first_us), e.host) = 1
union all
select a.file, a.line, a.host, a.qid, a.span, b.host, b.qid, b.span
from named as a join named as b on a.host = b.host and a.message_id = b.message_id and a.name = b.name
where a.status = 'sent' and a.agent = 'pipe' and a.name = a.recipient and (a.qid, a.span) <> (b.qid, b.span)
    and b.first_us between a.first_us and a.ts_us + {_SLACK_US} and b.ts_us >= a.ts_us - {_SLACK_US}
qualify row_number() over (partition by a.file, a.line order by b.first_us, b.qid, b.span) = 1"""

_ROOTS: Final = f"""
create or replace temp table mail_root as
with recursive edge as (select distinct host, qid, span, to_host, to_qid, to_span from mail_hop),
back as (
    select to_host as host, to_qid as qid, to_span as span,
        host as from_host, qid as from_qid, span as from_span, 1 as steps
    from edge
    union
    select b.host, b.qid, b.span, e.host, e.qid, e.span, steps + 1
    from back as b join edge as e
        on (e.to_host, e.to_qid, e.to_span) = (b.from_host, b.from_qid, b.from_span)
    where steps < {_MOST_FILTERS}
),
first as (
    select host, qid, span, arg_max((from_host, from_qid, from_span), steps) as root from back group by all
)
select e.host, e.qid, e.span, e.expired_us, coalesce(r.queued_us, r.first_us, e.queued_us) as queued_us,
    coalesce(r.message_id, e.message_id, concat_ws('/', nullif(coalesce(r.host, e.host), ''),
        coalesce(r.qid, e.qid), nullif(coalesce(r.span, e.span), 0))) as message_id,
    e.queued_us is null as early
from mail_entry as e left join first using (host, qid, span)
left join mail_entry as r on (r.host, r.qid, r.span) = (root[1], root[2], root[3])
where not e.notice"""


_FATES: Final = """
create or replace temp table mail_fate as
select host, qid, span, recipient, min(ts_us) as first_us, max(ts_us) as last_us,
    bool_or(h.line is not null) as hopped,
    arg_max({'status': status, 'dsn': dsn, 'text': text}, (ts_us, a.file, a.line)) as last,
    min((a.file, a.line)) as start, max((a.file, a.line)) as stop
from mail_attempt as a left join mail_hop as h using (file, line, host, qid, span)
group by host, qid, span, recipient"""

# A mail handed to a program of the machine itself that named a queue id not found here went on out of sight.
_OUTCOMES: Final = f"""
create or replace temp table mail_outcome as
select a.*, h.line is not null as hopped, a.near and next is not null as near_queue,
    a.agent in {_LOCAL} or a.near as local, case
        when status = 'sent' and (hopped or near_queue) then null
        when status = 'sent' and agent = 'discard' then '{EventKind.REJECTED}'
        when status = 'sent' then '{EventKind.DELIVERED}'
        when status = 'deferred' then '{EventKind.DEFERRED}'
        when status in ('bounced', 'softbounce') then '{EventKind.BOUNCED}'
        else '{EventKind.UNKNOWN}' end as kind
from mail_attempt as a left join mail_hop as h using (file, line, host, qid, span)"""


def _events_sql() -> str:
    bounced = (EventKind.BOUNCED, EventKind.DEFERRED, EventKind.REJECTED)
    reasoned = ", ".join(f"'{kind}'" for kind in bounced)
    bounce = bounce_sql("status", code_sql("null", "null", "text"), "text", "null")
    return f"""
    select 'postfix' as source, kept(message_id) as message_id, kept(recipient) as recipient,
        domain, placed(coalesce(provider, domain)) as provider, kind,
        case kind when '{EventKind.BOUNCED}' then coalesce(as_class, {bounce}) end as bounce_class,
        if(kind in ({reasoned}), status, null) as smtp_status,
        case when kind = '{EventKind.UNKNOWN}' then word when kind in ({reasoned}) then text end as reason,
        ts_us, file, line
    from (select *, {found_status_sql("dsn", "text")} as status, {domain_sql("recipient")} as domain from (
        select host, qid, span, recipient, kind, null as as_class, dsn, text, ts_us, file, line, status as word
        from mail_outcome where kind is not null
        union all by name
        select host, qid, span, recipient, '{EventKind.SENT}' as kind, start[1] as file, start[2] as line,
            coalesce(queued_us, first_us) as ts_us
        from mail_fate join mail_root using (host, qid, span) where not hopped
        union all by name
        select host, qid, span, recipient, '{EventKind.BOUNCED}' as kind, '{BounceClass.SOFT}' as as_class,
            last.dsn as dsn, last.text as text, expired_us as ts_us, stop[1] as file, stop[2] as line
        from mail_fate join mail_root using (host, qid, span)
        where last.status = 'deferred' and expired_us >= last_us
    )) join mail_root using (host, qid, span) left join mail_provider using (domain)"""


_UNREAD: Final = f"""
insert into unread by name
select file, line, 'unknown event: ' || status as why,
    concat('to=<', recipient, '>, status=', status, ' (', text, ')') as text
from mail_outcome where kind = '{EventKind.UNKNOWN}'"""

# Only a relay that passes mail on takes that of two providers which run servers of their own.
_PASSERS: Final = f"""
create or replace temp table mail_passer as
select relay from (select relay, {domain_sql("recipient")} as domain from mail_outcome where kind = 'delivered'
    and not local) join mail_provider using (domain)
group by relay having count(distinct provider) > 1"""

_COUNTS: Final = f"""
select (select count(*) from mail_outcome where kind = '{EventKind.DELIVERED}' and local),
    (select count(*) from mail_fate where hopped),
    (select count(*) from mail_outcome where status = 'sent' and near_queue and not hopped),
    (select count(*) from mail_outcome where kind = '{EventKind.REJECTED}'),
    (select count(*) from mail_entry where notice),
    (select count(*) from mail_root semi join mail_fate using (host, qid, span) where early),
    (select count(*) from mail_root anti join mail_fate using (host, qid, span) where not early),
    (select count(*) from mail_fate where recipient is null),
    (select count(*) from mail_outcome semi join mail_passer using (relay)
        where kind = '{EventKind.DELIVERED}')"""

_SAID: Final = (
    "deliveries to mailboxes or programs of the server itself, not over the net",
    "deliveries to a content filter, followed under their next queue id and counted once",
    "deliveries to a filter of the server itself that went on under a queue id not in these logs: their end is "
    "unknown",
    "mails discarded by the server's own rules, and so rejected",
    "notifications (mails of no sender), left out",
    "mails queued before these logs begin: whether some are notifications cannot be told",
    "mails queued and not yet tried when these logs end: to whom they go is not told",
    "deliveries that name nobody",
    "deliveries to a relay that takes mail of several providers: it passes it on, and whether it arrived is "
    "not told",
)


_MADE: Final = (_SPANS, _ENTRIES, _ATTEMPTS, _HOPS, _ROOTS, _FATES, _OUTCOMES, _PASSERS)


def write_mail_events(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Turn the lines of all logs read so far into rows of `events`; what is to be said of it."""
    import pyarrow as pa

    known = pa.table({"domain": list(providers()), "provider": list(providers().values())})
    connection.register("mail_provider", known)
    try:
        for statement in _MADE:
            connection.execute(statement)
        put_events(connection, _events_sql())
        connection.execute(_UNREAD)
        counts = connection.execute(_COUNTS).fetchall()[0]
    finally:
        connection.unregister("mail_provider")
        for name in _TEMPORARY:
            connection.execute(f"drop table if exists temp.{name}")
    return tuple(f"Postfix: {count:,} {said}" for said, count in zip(_SAID, counts, strict=True) if count)
