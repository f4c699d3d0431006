"""Support exports in DuckDB: texts to moments and words, messages to tickets, and what had to be set aside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from hygiene.intake.moments_sql import with_moments
from hygiene.metrics.support_cells import length_sql, quote, rating_sql, words_sql
from hygiene.metrics.support_layout import FLAGS, TRAITS, Layout, Shape
from hygiene.metrics.support_words import LENGTHS, length_fields, support_words

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
    "act": "VARCHAR",  # message, closed, reopened, opened, rated, asked, ignored; null: not known
    "who": "VARCHAR",  # customer, agent, machine; null: not known
    "state": "VARCHAR",
    "rating": "BIGINT",
    **dict.fromkeys(TRAITS, "VARCHAR"),
}
#: columns of ``support_ratings``
RATING: Final = {
    "family": "VARCHAR",
    "ticket": "VARCHAR",
    "us": "BIGINT",
    "rating": "BIGINT",
    "asked": "BOOLEAN",
}
#: fields that hold a moment
MOMENTS: Final = ("created", "updated", "closed", "first_reply", "reopened", "time")


@dataclass(frozen=True, kw_only=True, slots=True)
class Manner:
    """How one file writes what it tells."""

    zone: str  # of times that name none
    day_first: bool | None  # in dates like 3/4/2026; None: there are none
    marks: Mapping[str, str]  # field of a length → what stands before the parts of its unit
    scale: tuple[float, float] | None  # from and to which number it rates; None: not told

    fields: frozenset[str]  # that the file has

    def told(self, layout: Layout, records: str) -> str:
        """The records with what is to be read in them once: moments (``…_us``), lengths, and the rating."""
        there = [field for field in MOMENTS if field in self.fields]
        timed = with_moments(
            records, {f"{field}_us": f"f_{field}" for field in there}, self.zone, day_first=self.day_first
        )
        blank = [f"null::bigint as {field}_us" for field in MOMENTS if field not in there]
        lengths = [f"{self.length(length)} as {length}_for_us" for length in LENGTHS]
        rating = f"{rating_sql(layout, 'f_rating', self.scale)} as rating"
        return f"select *, {', '.join((*blank, *lengths, rating))} from ({timed})"

    def length(self, length: str) -> str:
        """The length that any field of it tells, in microseconds."""
        units = {name: unit.length for name, unit in support_words().units.items()}
        told = [
            length_sql(f"f_{field}", units.get(field.rpartition("_")[2]), self.marks[field])
            for field in length_fields(length)
            if field in self.marks
        ]
        return f"coalesce({', '.join(told)}, null)::bigint" if told else "null::bigint"


def name(text: str) -> str:
    """A name between double quotes."""
    return '"' + text.replace('"', '""') + '"'


def status_sql(layout: Layout) -> str:
    """What a status, a flag or a tag means: open, closed or left out; null for an unknown word."""
    words = {
        "open": layout.statuses.open,
        "closed": layout.statuses.closed,
        "left out": layout.statuses.left_out,
    }
    return f"case when {' or '.join(_signs(layout))} then 'left out' else {words_sql('f_status', words)} end"


def _signs(layout: Layout) -> Iterator[str]:
    yes = words_sql("f_{}", {"yes": (*support_words().yes, *layout.statuses.left_out)})
    yield from (f"{yes.format(flag)} is not null" for flag in FLAGS)
    for tag in layout.statuses.left_out_tags:
        pattern = rf"(^|\W){tag}(\W|$)"
        yield f"coalesce(regexp_matches(lower(f_tags), {quote(pattern)}), false)"


_TRAITS = ", ".join(f"f_{trait} as {name(trait)}" for trait in TRAITS)


def asked_sql(layout: Layout) -> str:
    """Whether somebody was asked for a rating, by the word that stands for it; null where nothing tells."""
    asked, not_asked = (layout.rating_words(which) for which in ("asked", "not_asked"))
    said = words_sql("f_rating", {"asked": asked, "not asked": not_asked})
    if not asked:
        return "if(rating is not null, true, null)"
    return (
        f"case when rating is not null or {said} = 'asked' then true when {said} = 'not asked' then false end"
    )


def ratings_sql(layout: Layout, records: str) -> str:
    """Rows of `RATING` from records as `Manner.told` has them."""
    return (
        f"select {quote(layout.family)} as family, f_ticket as ticket, time_us as us, rating, "
        f"{asked_sql(layout)} as asked from ({records})"
    )


_SAME: Final = "r.ticket = t.ticket and (r.family in ('', f.family) or f.family = '')"
#: ratings → the tickets they are of, the last one of each; a plain table may be of any
RATED: Final = f"""
with said as (
    select t.layout, t.ticket, arg_max(r.rating, coalesce(r.us, 0)) as rating, bool_or(r.asked) as asked
    from support_tickets t join support_families f using (layout) join support_ratings r on {_SAME}
    where coalesce(r.us, 0) <= $as_of group by all
)
update support_tickets set rating = coalesce(said.rating, support_tickets.rating),
    asked = coalesce(said.asked, support_tickets.asked)
from said where said.layout = support_tickets.layout and said.ticket = support_tickets.ticket
"""
#: how many ratings are of no ticket that is here
UNRATED: Final = f"""
select count(*) from support_ratings r where not exists (
    select 1 from support_tickets t join support_families f using (layout) where {_SAME})
"""


def tickets_sql(layout: Layout, records: str) -> str:
    """Rows of `TICKET` from records as `Manner.told` has them; ``f_…`` are texts and null where blank."""
    reopens = "coalesce(try_cast(f_reopens as bigint), if(reopened_us is not null, 1, null))"
    if "reopened" in layout.fields and "reopens" not in layout.fields:
        reopens = "if(reopened_us is not null, 1, 0)::bigint"
    undated = "if(f_closed is not null and ended_us is null, 'closed', null)"
    reply_told = ", ".join(f"f_{field}" for field in ("first_reply", *length_fields("first_reply")))
    return f"""
    select {quote(layout.name)} as layout, f_ticket as ticket, created_us,
        coalesce(first_reply_us, created_us + first_reply_for_us) as reply_us,
        ended_us as closed_us, coalesce({reply_told}) is not null as answered,
        coalesce(updated_us, ended_us, created_us) as updated_us,
        coalesce({status_sql(layout)}, {undated}) as state,
        {reopens} as reopens, rating, {asked_sql(layout)} as asked, {_TRAITS}
    from (select *, coalesce(closed_us, created_us + resolution_for_us) as ended_us
        from ({records}))"""


def messages_sql(layout: Layout, records: str) -> str:
    """Rows of `MESSAGE` from records as `Manner.told` has them; a field that says closed adds a closing."""
    words, declared = layout.words, support_words()
    acts = {
        "message": words.message,
        "closed": words.closed,
        "reopened": words.reopened,
        "rated": words.rated,
        "asked": words.asked,
        "ignored": (*words.ignored, *words.left_out),
    }
    people = {"customer": words.customer, "agent": words.agent, "machine": words.machine}
    hidden = (
        f"({words_sql('f_private', {'hidden': (*declared.yes, *words.private)})} is not null or "
        f"{words_sql('f_public', {'hidden': (*declared.no, *words.private)})} is not null)"
    )
    automatic = words_sql("f_automatic", {"machine": (*words.machine, *declared.yes)})
    gone = words_sql("f_what", {"left out": words.left_out})
    common = f"coalesce({gone}, {status_sql(layout)}) as state, rating, {_TRAITS}"
    who = f"coalesce({automatic}, {words_sql('f_author', people)})"
    turns = words_sql("f_state", {"closed": layout.statuses.closed, "opened": layout.statuses.open})
    ticket = f"{quote(layout.name)} as layout, f_ticket as ticket"
    return f"""
    select {ticket}, time_us as us, if({hidden}, 'ignored', {words_sql("f_what", acts)}) as act, {who} as who,
        {common}
    from ({records})
    union all
    select {ticket}, time_us, {turns}, null, {common} from ({records})
    where {turns} is not null and not {hidden}
    union all
    select distinct {ticket}, closed_us, 'closed', null, {common}
    from ({records}) where f_closed is not null"""


#: messages → tickets. A customer's message after a closing opens a ticket again, unless the log says itself
#: when tickets are reopened; a message and a closing of the same moment count in that order.
GATHERED: Final = f"""
with acts as (
    select distinct layout, ticket, us, act, who from support_messages
    where act in ('message', 'closed', 'reopened', 'opened', 'rated', 'asked') and us is not null
        and us <= $as_of
), said as (
    select layout, coalesce(bool_or(act = 'reopened'), false) as says from acts group by layout
), turns as (
    select layout, ticket, us, act = 'closed' as ends from acts join said using (layout)
    where act in ('closed', 'reopened', 'opened') or (act = 'message' and who = 'customer' and not says)
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


def insertion(layout: Layout, records: str) -> str:
    """Put a file's records into its table."""
    if layout.kind is Shape.TICKETS:
        return f"insert into support_tickets by name {tickets_sql(layout, records)}"
    if layout.kind is Shape.RATINGS:
        return f"insert into support_ratings by name {ratings_sql(layout, records)}"
    return f"insert into support_messages by name {messages_sql(layout, records)}"
