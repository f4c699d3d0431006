"""The SQL of the columns of the event table, over what records say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hygiene.event import EVENT, TRACKED, EventKind, Machine
from hygiene.events.layout import OWN, EventLayout, declared, names_of, quote, rule_fields
from hygiene.events.records import SEEN, TOLD_WHY, Mark, Records, is_told, rules_sql
from hygiene.events.values import bounce_sql, flagged_sql, is_kind, machine_sql, provider_words, trimmed_sql
from hygiene.events.words import WORDS, kept_sql

_MOST_REASON = 500  # characters
_MOST_SUBJECT = 1_000  # characters: RFC 5322 §2.1.1 allows 998 a line
_NO = "'', '0', 'false', 'no', 'f', 'n'"
_DAY = 86_400_000_000  # microseconds
#: column → the fields that it is made of alone, null where no layout has one
_NEEDED: Final = {
    **{name: (name,) for name in ("variant", "segment", "stream", "subject", "url", "currency")},
    "tracked": ("tracked", "track_open", "track_click"),
    "value_micros": ("micros", "value"),
}


def columns_sql(records: Records, number: int) -> str:
    """The columns of EVENT, in their order."""
    layouts = records.layouts
    told_why = is_kind("kind", *TOLD_WHY)
    made = {
        "source": _source(layouts),
        "event_id": _event_id(layouts),
        "message_id": _message(layouts),
        "campaign": _campaign(),
        "variant": f"nullif({trimmed_sql('f_variant')}, '')",
        "segment": f"nullif({trimmed_sql('f_segment')}, '')",
        "stream": f"nullif({trimmed_sql('f_stream')}, '')",
        "subject": f"nullif(left({trimmed_sql('f_subject')}, {_MOST_SUBJECT}), '')",
        "provider": _provider(records),
        "bounce_class": f"case when {is_kind('kind', EventKind.BOUNCED)} then {_bounce(layouts)} end",
        "smtp_status": "found_status",
        "reason": f"case when {told_why} or kind = '{EventKind.UNKNOWN}' and rule is not null "
        f"then left(why, {_MOST_REASON}) "
        f"when {is_kind('kind', EventKind.UNKNOWN, Mark.SKIPPED)} "
        f"then nullif({unknown_word_sql(layouts)}, '') end",
        "machine": f"case when {is_kind('kind', *SEEN)} then {_machine(layouts)} end",
        "url": f"case when kind = '{EventKind.CLICKED}' then f_url end",
        "tracked": _tracked(),
        "value_micros": f"case when kind = '{EventKind.CONVERTED}' then {_micros()} end",
        "currency": f"case when kind = '{EventKind.CONVERTED}' then upper(f_currency) end",
        "file": f"{number}::int",
    }
    for name, fields in _NEEDED.items():
        if not any(is_told(records, field) for field in fields):
            made[name] = f"null::{EVENT[name]}"
    made |= {name: kept_sql(name, made.get(name, name)) for name in WORDS}
    return ", ".join(f"{made.get(name, name)} as {name}" for name in EVENT)


def _source(layouts: Sequence[EventLayout]) -> str:
    numbers = {layout.name: at for at, layout in enumerate(declared().layouts)}
    names = " ".join(f"when {numbers[layout.name]} then {quote(layout.name)}" for layout in layouts)
    told = f"coalesce(f_source, case layout {names} end)"
    return f"case when kind in ('{Mark.DAMAGED}', '{Mark.LEFT}') then null else {told} end"


def _campaign() -> str:
    """Of a list that is written as a text, as tables have it, the first."""
    listed = "starts_with(f_campaign, '[') and json_valid(f_campaign)"
    first = "nullif(trim(json_extract_string(f_campaign, '$[0]')), '')"
    return f"case when {listed} then {first} else nullif({trimmed_sql('f_campaign')}, '') end"


def _provider(records: Records) -> str:
    """By the domain, else by the platform's word; ours is believed."""
    if not is_told(records, "provider"):
        return "coalesce(event_provider.provider, domain)"
    asked = names_of(records.layouts)
    own = [at for at, layout in enumerate(declared().layouts) if layout.name in asked and layout.name == OWN]
    words = " ".join(f"when {quote(word)} then {quote(name)}" for word, name in provider_words().items())
    told = f"coalesce(event_provider.provider, case lower(f_provider) {words} end, domain)"
    return (
        f"case when layout = {own[0]} and f_provider is not null then f_provider else {told} end"
        if own
        else told
    )


def _event_id(layouts: Sequence[EventLayout]) -> str:
    asked = names_of(layouts)
    daily = [at for at, layout in enumerate(declared().layouts) if layout.name in asked and layout.daily_id]
    if not daily:
        return "f_id"
    return (
        f"case when layout in ({', '.join(map(str, daily))}) then (ts_us // {_DAY})::varchar || '/' || f_id "
        "else f_id end"
    )


def _message(layouts: Sequence[EventLayout]) -> str:
    asked = names_of(layouts)
    cut = {
        at: layout.message_until
        for at, layout in enumerate(declared().layouts)
        if layout.name in asked and layout.message_until
    }
    cases = " ".join(f"when {at} then split_part(f_message, {quote(end)}, 1)" for at, end in cut.items())
    text = f"case layout {cases} else f_message end" if cases else "f_message"
    framed = f"contains({text}, '<') or contains({text}, ' ')"
    bare = f"nullif(case when {framed} then trim({text}, '<> ') else {text} end, '')"
    of_reports = " or ".join(
        f"layout = {at} and w_word in ({', '.join(map(quote, layout.reports))})"
        for at, layout in enumerate(declared().layouts)
        if layout.name in asked and layout.reports
    )
    return f"case when {of_reports} then null else {bare} end" if of_reports else bare


def _bounce(layouts: Sequence[EventLayout]) -> str:
    return bounce_sql("found_status", "found_code", "why", _label(layouts))


def _label(layouts: Sequence[EventLayout]) -> str:
    """The class that the platform's own words mean."""
    return f"nullif({rules_sql(layouts, lambda rule: rule.bounce)}, 'unknown')"


def _machine(layouts: Sequence[EventLayout]) -> str:
    bare = f"if(kind = '{EventKind.OPENED}', '{Machine.MPP}', '{Machine.SCANNER}')"
    told = machine_sql("f_machine", "f_agent", flagged=flagged_sql(layouts), bare=bare)
    return f"coalesce({rules_sql(layouts, lambda rule: rule.machine)}, {told})"


def unknown_word_sql(layouts: Sequence[EventLayout]) -> str:
    """What to call an event without a rule: its word, and its class where the word alone is known."""
    known = {word for layout in layouts for rule in layout.rules for word in rule.when.get("word", ())}
    words = ", ".join(map(quote, sorted(known)))
    classed = (
        "concat_ws(' / ', f_word, nullif(f_class, f_word))" if "class" in rule_fields(layouts) else "f_word"
    )
    return f"coalesce(left(case when w_word in ({words}) then {classed} else f_word end, 100), '')"


def _tracked() -> str:
    flags = {name: f"lower(f_track_{name}) not in ({_NO})" for name in ("open", "click")}
    both = " ".join(
        f"when {'' if opened else 'not '}coalesce({flags['open']}, false) and "
        f"{'' if clicked else 'not '}coalesce({flags['click']}, false) then '{word}'"
        for word, opened, clicked in (("both", 1, 1), ("open", 1, 0), ("click", 0, 1))
    )
    return (
        f"case when f_tracked in ({', '.join(map(quote, TRACKED))}) then f_tracked "
        f"when f_track_open is null and f_track_click is null then null {both} else 'none' end"
    )


def _micros() -> str:
    return (
        "coalesce(try_cast(f_micros as bigint), "
        "try_cast(try_cast(f_value as decimal(28, 6)) * 1000000 as bigint))"
    )
