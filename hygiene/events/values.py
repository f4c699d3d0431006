"""The SQL that reads what a record says: when, by which machine, from which mailbox, and why it bounced."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from typing import Final

from hygiene.event import BounceClass, Machine
from hygiene.events.layout import EventLayout, declared, quote
from hygiene.files import packaged_text

LATEST: Final = (1 << 32) - 1  # seconds; 2106
EARLIEST: Final = 631_152_000  # seconds: 1990, before anybody mailed a list; smaller numbers were no times

#: the offset in front of anything else: DuckDB's TIMESTAMP ignores it (2.0)
_MOMENT = (
    r"^\s*(\d{4}-\d{1,2}-\d{1,2})(?:[T ]+(\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?))?"
    r"\s*(Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?(?: UTC)?)?\s*$"
)
#: an enhanced status code that is no part of an address or a version
_STATUS = r"(?:^|[^0-9.])([245]\.\d{1,3}\.\d{1,3})(?:[^0-9.]|\.?$|\.\s)"
_CODE = r"(?:^|[\s;:<(])([45]\d\d)(?:[\s-]|$)"  # of a reply that did not take the mail (RFC 5321 §4.2.1)
_FULL = "552"  # RFC 5321 §4.2.3: exceeded storage allocation
_US = 1_000_000


def timed(query: str, column: str, *, zone: str = "'UTC'") -> str:
    """The query with `ts_us` since 1970 UTC of a column of texts; `zoneless` where `zone` (SQL) was assumed.

    Numbers are seconds, milliseconds or microseconds by their size; texts ISO 8601. Null for anything else, and
    for what lies before 1990 or behind 2106. In steps, as DuckDB computes an expression as often as it stands;
    the times that most logs write, in UTC, take the first step only.
    """
    parts = f"regexp_extract({column}, {quote(_MOMENT)}, ['day', 'clock', 'zone'])"
    local = "try_cast(t_parts.day || ' ' || coalesce(nullif(t_parts.clock, ''), '00:00') as timestamp)"
    digits = "rpad(regexp_replace(t_parts.zone, '[^0-9]', '', 'g'), 4, '0')"
    offset = (
        "case when t_parts.zone in ('', 'Z', 'z') then 0 else if(t_parts.zone like '-%', -1, 1) * "
        f"({digits}[1:2]::bigint * 3600 + {digits}[3:4]::bigint * 60) end"
    )
    sizes = " ".join(
        f"when t_number between {EARLIEST * unit} and {LATEST * unit} then (t_number * {_US // unit})::bigint"
        for unit in (1, 10**3, 10**6)
    )
    elsewhere = (
        f"when t_parts.zone = '' and {zone} <> 'UTC' then epoch_us(timezone({zone}, {local}))"
        if zone != "'UTC'"
        else ""
    )
    return f"""
    select * exclude (t_utc, t_number, t_parts, t_us),
        case when t_us between {EARLIEST * _US} and {LATEST * _US} then t_us end as ts_us,
        coalesce(ts_us is not null and t_parts.zone = '', false) as zoneless
    from (
        select *, case when t_utc is not null then t_utc {sizes}
            {elsewhere} when t_parts.day <> '' then epoch_us({local}) - ({offset}) * {_US} end as t_us
        from (
            select *, case when t_utc is null and t_number is null and {column} is not null then {parts} end
                as t_parts
            from (
                select *, case when t_utc is null then try_cast({column} as double) end as t_number
                from (
                    select *, case when {column} like '%Z'
                        then epoch_us(try_cast({column} as timestamp)) end as t_utc
                    from ({query})))))"""


def machine_sql(flag: str, agent: str, *, flagged: str = quote(Machine.SCANNER), bare: str = "") -> str:
    """The Machine of an open or click: `flagged` is what a bare yes means, `bare` what Apple's agent does."""
    words = declared().machine
    listed = {name: ", ".join(map(quote, getattr(words, name))) for name in ("no", "unknown", "agents")}
    named = " ".join(f"when {quote(word)} then {quote(found)}" for word, found in words.named.items())
    proxied = " or ".join(f"contains({agent}, {quote(proxy)})" for proxy in words.proxies)
    return (
        f"case when lower({flag}) in ({listed['no']}) then '{Machine.NONE}' "
        f"when lower({flag}) in ({listed['unknown']}) then '{Machine.UNKNOWN}' "
        f"when {flag} is not null then case lower({flag}) {named} else {flagged} end "
        f"when {agent} in ({listed['agents']}) then {bare or quote(Machine.MPP)} "
        f"when {agent} is null then '{Machine.UNKNOWN}' when {proxied} then '{Machine.PROXY}' "
        f"else '{Machine.NONE}' end"
    )


def flagged_sql(layouts: Sequence[EventLayout]) -> str:
    """What a bare yes means, by the record's layout."""
    numbers = {layout.name: at for at, layout in enumerate(declared().layouts)}
    cases = " ".join(f"when {numbers[layout.name]} then {quote(layout.flagged)}" for layout in layouts)
    return f"case layout {cases} end"


def status_sql(column: str) -> str:
    """The class of a bounce by its enhanced status code, null where the code says nothing."""
    cases = " ".join(
        f"when regexp_matches({column}, {quote(one.pattern)}) then {quote(one.bounce)}"
        for one in declared().status
    )
    return f"case {cases} end"


def found_status_sql(status: str, text: str) -> str:
    """The enhanced status code: of its own field, else of the receiver's text; null where there is none."""
    return (
        f"coalesce(nullif(regexp_extract({status}, {quote(_STATUS)}, 1), ''), "
        f"nullif(regexp_extract({text}, {quote(_STATUS)}, 1), ''))"
    )


def reply_sql(code: str, text: str) -> str:
    """The class of a bounce by the code and text of the final reply, null where neither says anything."""
    patterns = " ".join(
        f"when regexp_matches(lower({text}), {quote(one.pattern)}) then {quote(one.bounce)}"
        for one in declared().reply
    )
    return (
        f"case when {code} like '4%' then '{BounceClass.SOFT}' "
        f"when {code} is not null then case {patterns} "
        f"when {code} = '{_FULL}' then '{BounceClass.SOFT}' end end"
    )


def code_sql(given: str, status: str, text: str) -> str:
    """The SMTP code of a reply: of its own field, of a status that is one, else of the text."""
    alone = "'^\\s*([45]\\d\\d)\\s*$'"
    return (
        f"coalesce(nullif(regexp_extract({given}, {alone}, 1), ''), "
        f"nullif(regexp_extract({status}, {alone}, 1), ''), "
        f"nullif(regexp_extract({text}, {quote(_CODE)}, 1), ''))"
    )


def bounce_sql(status: str, code: str, text: str, label: str) -> str:
    """The class of a bounce: enhanced status first, SMTP code and text second, the platform's word third."""
    return f"coalesce({status_sql(status)}, {reply_sql(code, text)}, {label}, '{BounceClass.UNKNOWN}')"


def address_sql(text: str) -> str:
    """An address as all events write it: out of its brackets, trimmed, in lower case; null for several.

    Whether there is anything to take off is seen sooner than it is taken off.
    """
    blanks = "E' \\t\\r\\n'"
    odd = " or ".join(
        [
            *(f"contains({text}, '{mark}')" for mark in "<,"),
            *(f"{text} < '!'", f"{text}[-1] < '!'", f"strlen({text}) <> length({text})"),
        ]
    )
    inside = f"nullif(lower(trim(regexp_extract({text}, '<\\s*([^<>]*?)\\s*>', 1))), '')"
    return (
        f"case when not ({odd}) then lower({text}) "
        f"when len(string_split({text}, '@')) > 2 and contains({text}, ',') then null "
        f"when contains({text}, '<') then {inside} "
        f"else nullif(lower(trim(trim({text}), {blanks})), '') end"
    )


def trimmed_sql(text: str) -> str:
    """A text without blanks around it, those beyond ASCII, too: to trim takes longer than to look for any."""
    return f"if(contains({text}, ' ') or strlen({text}) <> length({text}), trim({text}), {text})"


def domain_sql(address: str) -> str:
    """The domain of an address in lower case, null where it has none; with several @, what follows the last."""
    domain = f"split_part({address}, '@', -1)"  # nullif() would compute it twice
    return f"case when contains({address}, '@') and not ends_with({address}, '@') then {domain} end"


# Mailbox providers


@cache
def providers() -> dict[str, str]:
    """Domain → its mailbox provider."""
    data = tomllib.loads(packaged_text("hygiene.events", "data/providers.toml"))
    return {domain: name for name, domains in data["domains"].items() for domain in domains.split()}


@cache
def provider_words() -> dict[str, str]:
    """What platforms call a provider, in lower case → what we call it."""
    return dict(tomllib.loads(packaged_text("hygiene.events", "data/providers.toml"))["words"])


def is_kind(column: str, *kinds: str) -> str:
    """Whether a column holds one of these kinds."""
    return f"{column} in ({', '.join(map(quote, kinds))})"
