"""Support exports in DuckDB: texts to moments and words, messages to tickets, and what had to be set aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from hygiene.metrics.support_layout import TRAITS, Layout, Shape, word_key

#: columns of ``support_tickets``, one row a ticket; what is null is not told
TICKET: Final = {
    "layout": "VARCHAR",
    "ticket": "VARCHAR",
    "created_us": "BIGINT",  # the first message of the customer
    "reply_us": "BIGINT",  # the first human reply
    "answered": "BOOLEAN",  # by a human, though it may not be known when
    "closed_us": "BIGINT",  # the last closing
    "updated_us": "BIGINT",
    "state": "VARCHAR",  # open, closed, left out; null: closed if it has a closing
    "reopens": "BIGINT",
    "rating": "BIGINT",  # 1 to 5
    "asked": "BOOLEAN",  # for a rating
    **dict.fromkeys(TRAITS, "VARCHAR"),
}
#: columns of ``support_messages``
MESSAGE: Final = {
    "layout": "VARCHAR",
    "ticket": "VARCHAR",
    "us": "BIGINT",
    "act": "VARCHAR",  # message, closed, reopened, rated, asked, ignored; null: not known
    "who": "VARCHAR",  # customer, agent, machine; null: not known
    "state": "VARCHAR",
    "rating": "BIGINT",
    **dict.fromkeys(TRAITS, "VARCHAR"),
}
#: fields that hold a moment
MOMENTS: Final = ("created", "updated", "closed", "first_reply", "reopened", "time")

_ISO = (
    r"^(\d{4}-\d{1,2}-\d{1,2})[T ]+(\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)"
    r" ?(Z|z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})?$"
)
_CLOCKS = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
_DAYS = ("%d.%m.%Y", "%Y/%m/%d", "%d %b %Y", "%b %d, %Y", "%b %d %Y", "%d %B %Y", "%B %d, %Y", "%d-%b-%Y")
_DAY_FIRST, _MONTH_FIRST = ("%d/%m/%Y", "%d-%m-%Y"), ("%m/%d/%Y", "%m-%d-%Y")
#: 1990 and 2100 in microseconds since 1970: what lies outside was misread
_EARLIEST, _LATEST = 631_152_000_000_000, 4_102_444_800_000_000
#: day and month as numbers, in an order that the text does not tell
NUMERIC: Final = r"^\s*(\d{1,2})[/-](\d{1,2})[/-]\d{4}\b"


def quote(text: str) -> str:
    """A text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def name(text: str) -> str:
    """A name between double quotes."""
    return '"' + text.replace('"', '""') + '"'


def word_sql(text: str) -> str:
    """As `word_key` does it, for texts of one line."""
    return f"lower(trim(regexp_replace(coalesce({text}, ''), '[_\\s-]+', ' ', 'g')))"


def moment_sql(text: str, zone: str, *, day_first: bool | None) -> str:
    """The moment of a text: microseconds since 1970 UTC, null for what is none, as a day without a time is.

    What names no zone is in `zone`. Numbers are seconds, milliseconds or microseconds by their size.
    """
    orders = () if day_first is None else _DAY_FIRST if day_first else _MONTH_FIRST
    patterns = ", ".join(quote(f"{day} {clock}") for day in (*_DAYS, *orders) for clock in _CLOCKS)
    parts = f"regexp_extract({text}, {quote(_ISO)}, ['day', 'clock', 'zone'])"
    stamp = f"try_cast({parts}.day || ' ' || {parts}.clock as timestamp)"
    digits = f"rpad(regexp_replace({parts}.zone, '[^0-9]', '', 'g'), 4, '0')"
    seconds = f"({digits}[1:2]::bigint * 3600 + {digits}[3:4]::bigint * 60)"
    offset = f"if({parts}.zone like '-%', -1, 1) * {seconds} * 1000000"
    here = "epoch_us({})" if zone == "UTC" else f"epoch_us(timezone({quote(zone)}, {{}}))"
    number = f"try_cast({text} as double)"
    moment = f"""case
        when {text} is null then null
        when regexp_full_match({text}, '\\d{{9,10}}(\\.\\d+)?') then round({number} * 1000000)::bigint
        when regexp_full_match({text}, '\\d{{12,13}}') then {text}::bigint * 1000
        when regexp_full_match({text}, '\\d{{15,16}}') then {text}::bigint
        when {parts}.day <> '' and {parts}.zone = '' then {here.format(stamp)}
        when {parts}.day <> '' and regexp_full_match({parts}.zone, '[+-].*') then epoch_us({stamp}) - {offset}
        when {parts}.day <> '' then epoch_us({stamp})
        else {here.format(f"try_strptime({text}, [{patterns}])")} end"""
    return f"nullif(nullif(greatest(least({moment}, {_LATEST}), {_EARLIEST}), {_LATEST}), {_EARLIEST})"


def words_sql(text: str, meanings: Mapping[str, Sequence[str]]) -> str:
    """What a word means; null for one that is not known."""
    word = word_sql(text)
    cases = [
        f"when {word} in ({', '.join(quote(word_key(one)) for one in words)}) then {quote(meaning)}"
        for meaning, words in meanings.items()
        if words
    ]
    return f"case {' '.join(cases)} end" if cases else "null::varchar"


def rating_sql(layout: Layout, text: str) -> str:
    """1 to 5; null for what is not."""
    word = word_sql(text)
    cases = "".join(f" when {word} = {quote(key)} then {score}" for key, score in layout.scores.items())
    return (
        f"case when regexp_full_match(trim({text}), '[1-5](\\.0+)?') then trim({text})[1:1]::bigint{cases} end"
    )


def status_sql(layout: Layout, text: str) -> str:
    """What a status means: open, closed or left out; null for an unknown word."""
    words = {
        "open": layout.statuses.open,
        "closed": layout.statuses.closed,
        "left out": layout.statuses.left_out,
    }
    return words_sql(text, words)


_TRAITS = ", ".join(f"f_{trait} as {name(trait)}" for trait in TRAITS)


def tickets_sql(layout: Layout, records: str, zone: str, *, day_first: bool | None) -> str:
    """Rows of `TICKET` from records with ``f_…`` columns, all text and null where blank."""
    moments = {field: moment_sql(f"f_{field}", zone, day_first=day_first) for field in MOMENTS}
    minutes = "round(try_cast(f_first_reply_minutes as double) * 60000000)::bigint"
    asked, not_asked = (layout.rating_words(which) for which in ("asked", "not_asked"))
    said = words_sql("f_rating", {"asked": asked, "not asked": not_asked})
    asked_sql = (
        f"case when rating is not null or {said} = 'asked' then true when {said} = 'not asked' then false end"
    )
    reopens = "coalesce(try_cast(f_reopens as bigint), if(reopened_us is not null, 1, null))"
    if "reopened" in layout.fields and "reopens" not in layout.fields:
        reopens = "if(reopened_us is not null, 1, 0)::bigint"
    undated = "if(f_closed is not null and closed_us is null, 'closed', null)"
    told = asked_sql if asked else "if(rating is not null, true, null)"
    return f"""
    select {quote(layout.name)} as layout, f_ticket as ticket, created_us,
        coalesce(first_reply_us, created_us + {minutes}) as reply_us, closed_us,
        f_first_reply is not null or f_first_reply_minutes is not null as answered,
        coalesce(updated_us, closed_us, created_us) as updated_us,
        coalesce({status_sql(layout, "f_status")}, {undated}) as state,
        {reopens} as reopens, rating, {told} as asked, {_TRAITS}
    from (select *, {", ".join(f"{sql} as {field}_us" for field, sql in moments.items())},
        {rating_sql(layout, "f_rating")} as rating from ({records}))"""


def messages_sql(layout: Layout, records: str, zone: str, *, day_first: bool | None) -> str:
    """Rows of `MESSAGE` from records with ``f_…`` columns; a field that says closed adds a closing."""
    words = layout.words
    acts = {
        "message": words.message,
        "closed": words.closed,
        "reopened": words.reopened,
        "rated": words.rated,
        "asked": words.asked,
        "ignored": words.ignored,
    }
    people = {"customer": words.customer, "agent": words.agent, "machine": words.machine}
    automatic = words_sql("f_automatic", {"machine": words.machine})
    state, rating = status_sql(layout, "f_status"), rating_sql(layout, "f_rating")
    common = f"{state} as state, {rating} as rating, {_TRAITS}"
    time, closed = (moment_sql(f"f_{field}", zone, day_first=day_first) for field in ("time", "closed"))
    who = f"coalesce({automatic}, {words_sql('f_author', people)})"
    ends = words_sql("f_state", {"closed": layout.statuses.closed})
    ticket = f"{quote(layout.name)} as layout, f_ticket as ticket"
    return f"""
    select {ticket}, {time} as us, {words_sql("f_what", acts)} as act, {who} as who, {common}
    from ({records})
    union all
    select {ticket}, {time}, 'closed', null, {common} from ({records}) where {ends} = 'closed'
    union all
    select distinct {ticket}, {closed}, 'closed', null, {common}
    from ({records}) where f_closed is not null"""


#: messages → tickets. A customer's message after a closing opens a ticket again, unless the log says itself
#: when tickets are reopened; a message and a closing of the same moment count in that order.
GATHERED: Final = f"""
with acts as (
    select distinct layout, ticket, us, act, who from support_messages
    where act in ('message', 'closed', 'reopened', 'rated', 'asked') and us is not null and us <= $as_of
), said as (
    select layout, coalesce(bool_or(act = 'reopened'), false) as says from acts group by layout
), turns as (
    select layout, ticket, us, act = 'closed' as ends from acts join said using (layout)
    where act in ('closed', 'reopened') or (act = 'message' and who = 'customer' and not says)
), counted as (
    select layout, ticket, count(*) filter (not ends and before) as reopens, arg_max(ends, (us, ends)) as ended,
        max(us) filter (ends) as closed_us
    from (select *, lag(ends) over (partition by layout, ticket order by us, ends) as before from turns)
    group by layout, ticket
), started as (
    select layout, ticket, min(us) as created_us from acts
    where act = 'message' and who = 'customer' group by all
), replied as (
    select layout, ticket, min(us) as reply_us from acts join started using (layout, ticket)
    where act = 'message' and who = 'agent' and us >= created_us group by all
), told as (
    select layout, ticket, arg_max(state, (us, state)) as state, arg_max(rating, (us, rating)) as rating,
        max(us) as updated_us, coalesce(bool_or(act in ('asked', 'rated')), false) as asked,
        {", ".join(f"arg_max({name(trait)}, (us, {name(trait)})) as {name(trait)}" for trait in TRAITS)}
    from support_messages where us is not null and us <= $as_of group by all
), sayings as (
    select layout, coalesce(bool_or(act = 'asked'), false) as says_asked,
        coalesce(bool_or(act = 'closed'), false) as says_closed
    from acts group by layout
)
insert into support_tickets by name
select layout, ticket, created_us, reply_us, reply_us is not null as answered, closed_us, updated_us,
    coalesce(state, case when not says_closed then null when ended then 'closed' else 'open' end) as state,
    if(says_closed, coalesce(reopens, 0), null) as reopens, rating,
    case when rating is not null then true when says_asked then asked end as asked,
    {", ".join(name(trait) for trait in TRAITS)}
from told join started using (layout, ticket) left join replied using (layout, ticket)
    left join counted using (layout, ticket) join sayings using (layout)
"""


def insertion(layout: Layout, records: str, zone: str, *, day_first: bool | None) -> str:
    """Put a file's records into its table."""
    if layout.kind is Shape.TICKETS:
        return f"insert into support_tickets by name {tickets_sql(layout, records, zone, day_first=day_first)}"
    return f"insert into support_messages by name {messages_sql(layout, records, zone, day_first=day_first)}"
