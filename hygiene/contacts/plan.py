"""The steps in their order on one engine: from the contact table to a decision for every row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import narwhals as nw
import pyarrow as pa
import pyarrow.compute as pc

from hygiene.address import Address, AddressFault, Invalid, judge_address
from hygiene.config import CleaningPolicy
from hygiene.contacts.domains import describe_domains, role_names
from hygiene.contacts.reasons import RejectReason
from hygiene.contacts.steps import (
    Horizon,
    address_part,
    choose_spelling,
    decide,
    find_torn,
    merge,
    normal_form,
    note_details,
    object_to,
    packed_row,
    preference,
    read_addresses,
    spell_out,
    tell_life,
    unpack,
)
from hygiene.contacts.suppression import HASHED_FIELDS, Form, Reason, SuppressionList
from hygiene.contacts.table import FOR_SEGMENTS, PERSON
from hygiene.engines.engine import Engine, Frame
from hygiene.period import Period, read_period

if TYPE_CHECKING:
    from hygiene.contacts.domain_mail import DomainMail

CheckMail: TypeAlias = "Callable[[Iterable[str]], Mapping[str, DomainMail]]"

_FAULTS = {
    AddressFault.MISSING: RejectReason.MISSING_ADDRESS,
    AddressFault.SEVERAL: RejectReason.SEVERAL_ADDRESSES,
    AddressFault.SYNTAX: RejectReason.INVALID_ADDRESS,
}
_JUDGED = pa.schema(
    [
        *((name, pa.string()) for name in ("address", "normal", "key", "mailbox", "fault", "detail")),
        ("repaired", pa.bool_()),
    ]
)
_DOMAIN = pa.schema(
    [
        *(
            (name, pa.string())
            for name in ("domain", "disposable", "suggestion", "provider", "mail", "mail_detail")
        ),
        *((name, pa.bool_()) for name in ("free", "relay", "mixed_script")),
    ]
)
_AT_ONCE = 50_000  # addresses or domains that are Python objects at a time


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """What a cleaning knows beside the contacts themselves."""

    now: datetime
    suppressed: SuppressionList | None = None
    activity: Frame | None = None  # see hygiene.contacts.activity.ACTIVITY
    untold: frozenset[str] = frozenset()  # columns of hygiene.contacts.table.OPTIONAL that hold nothing
    check_mail: CheckMail | None = None
    say: Callable[[str], None] = field(default=lambda _: None)  # what is being done, for a person who waits


@dataclass(frozen=True, kw_only=True)
class Decided:
    """The frames that a plan ends with, settled on its engine.

    `decisions`: a line for each row of which something is to be said (DECISION); the others are kept.
    `persons`: one line a mailbox, with what was weighed (PERSON).
    """

    decisions: Frame
    persons: Frame


def seconds(moment: datetime) -> int:
    """Whole seconds since 1970 UTC."""
    return int(moment.timestamp())


def run_plan(contacts: Frame, engine: Engine, policy: CleaningPolicy, known: Knowledge) -> Decided:
    """Decide about every row of the contacts."""
    known.say("Reading addresses")
    read = read_addresses(contacts, _judge_others(contacts, engine))
    known.say("Bringing together the rows of each person")
    order = preference(policy, horizon(policy, known.now))
    together = _bring_together(read, order, engine, known)
    known.say("Looking at domains and suppression lists")
    persons = _with_knowledge(together, engine=engine, policy=policy, known=known)
    columns = [name for name in PERSON if policy.segments or name not in FOR_SEGMENTS]
    asks = policy.check_mx and known.check_mail is not None
    decided = engine.settle("unasked", persons) if asks else engine.settle("persons", persons.select(*columns))
    if asks:
        known.say("Asking DNS about domains")
        asked = _ask_domains(decided, engine, policy, known)
        decided = engine.settle("persons", asked.select(*columns))
    known.say("Deciding")
    decisions = engine.settle("decisions", decide(together.addressed, decided))
    engine.drop("merged", "spelled", "chosen", "unasked")
    return Decided(decisions=decisions, persons=decided)


@dataclass(frozen=True, kw_only=True)
class _Together:
    """The rows with their `person`, one line a person, the chosen spellings, and what event logs say."""

    addressed: Frame
    merged: Frame  # packed, see hygiene.contacts.steps.merge
    chosen: Frame
    acted: Frame | None


def _bring_together(read: Frame, order: nw.Expr, engine: Engine, known: Knowledge) -> _Together:
    for exactly in (False, True):  # again only if two mailboxes got one number
        addressed = engine.numbered(read, "mailbox", "person", exactly=exactly)
        acted = known.activity and engine.numbered(known.activity, "mailbox", "person", exactly=exactly)
        keyed = engine.numbered(addressed, "key", "spelling", exactly=exactly)
        merged = engine.settle("merged", merge(keyed, order, untold=known.untold))
        spelled = engine.settle("spelled", spell_out(addressed, merged, order))
        if not engine.collect(find_torn(spelled).head(1)).num_rows:
            break
    chosen = engine.settle("chosen", choose_spelling(spelled))
    return _Together(addressed=addressed, merged=merged.drop("mixed"), chosen=chosen, acted=acted)


def horizon(policy: CleaningPolicy, now: datetime) -> Horizon:
    """The moments that the policy's periods mean now."""
    cutoff = read_period(policy.inactive_after).before(now) if policy.inactive_after else None
    grace = read_period(policy.grace).before(now)
    return Horizon(cutoff=None if cutoff is None else seconds(cutoff), grace=seconds(grace))


def _judge_others(contacts: Frame, engine: Engine) -> Frame | None:
    """What Python finds of the addresses that the table cannot judge; None when there are none."""
    unusual = _different(contacts.filter(~nw.col("ordinary")), "address", engine)
    if not len(unusual):
        return None
    batches = [
        pa.RecordBatch.from_pylist([_judged(text) for text in part.to_pylist()], _JUDGED)
        for part in _parts(unusual)
    ]
    return engine.load("judged", pa.Table.from_batches(batches, _JUDGED))


def _different(rows: Frame, name: str, engine: Engine) -> pa.ChunkedArray:
    """The different texts of a column; by a group, as Narwhals makes a window of `unique`."""
    named = rows.filter(~nw.col(name).is_null())
    return engine.collect(named.group_by(name).agg(rows=nw.len()))[name]


def _parts(column: pa.ChunkedArray) -> Iterator[pa.ChunkedArray]:
    return (column.slice(start, _AT_ONCE) for start in range(0, len(column), _AT_ONCE))


def _judged(text: str) -> dict[str, Any]:
    found = judge_address(text)
    if isinstance(found, Invalid):
        fault = _FAULTS[found.reason].value
        return {"address": text, "fault": fault, "detail": found.detail, "repaired": False}
    return {
        "address": text,
        "normal": found.normal,
        "key": found.key,
        "mailbox": found.mailbox,
        "repaired": bool(found.repairs) or _is_respelled(found),
    }


def _is_respelled(found: Address) -> bool:
    """Whether the cell is not itself an address to write to, as with full-width letters."""
    return found.original.casefold() != found.normal.casefold()


def _with_activity(persons: Frame, activity: Frame | None) -> Frame:
    """The persons with what event logs say of them."""
    if activity is None:
        return persons.with_columns(soft_bounces=nw.lit(0, nw.Int64))
    log = activity.select(
        "person", "soft_bounces", log_activity="activity", log_standing="standing", log_ignored="mails_ignored"
    ).with_columns(log_tracked=nw.lit(1, nw.Int64))
    standing = nw.col("log_standing").cast(nw.Int64)
    return persons.join(log, on="person", how="left").with_columns(
        soft_bounces=nw.col("soft_bounces").fill_null(0),
        activity=nw.max_horizontal("activity", "log_activity"),
        tracked=nw.max_horizontal("tracked", "log_tracked"),
        standing=nw.max_horizontal("standing", standing),
        by_log=(standing > nw.col("standing")).fill_null(value=False),
        ignored_mails=nw.coalesce("log_ignored", "ignored_mails"),
    )


def _with_knowledge(together: _Together, *, engine: Engine, policy: CleaningPolicy, known: Knowledge) -> Frame:
    """The persons with their domain's facts, list entries, life, and the first objection to mailing them."""
    mailbox, addressed = nw.col("mailbox"), together.addressed
    # joined while they are packed: what waits for a join waits in memory
    packed = together.merged.with_columns(kept_row=packed_row())
    packed = packed.join(addressed.select("row", "mailbox"), left_on="kept_row", right_on="row", how="inner")
    persons = (
        _with_activity(unpack(packed, untold=known.untold), together.acted)
        .join(together.chosen, on="person", how="left")
        .with_columns(
            kept_row=nw.coalesce("chosen_row", "kept_row"),
            kept_key=nw.col("chosen_key"),
            domain=address_part(mailbox, 1),
            local=_role_local(mailbox),
        )
    )
    everywhere = _different(addressed.select(domain=address_part(mailbox, 1)), "domain", engine)
    domains = engine.load("domains", _describe(everywhere))
    roles = engine.load("roles", pa.table({"local": sorted(role_names())})).with_columns(
        role=nw.lit(value=True)
    )
    persons = persons.join(domains, on="domain", how="left").join(roles, on="local", how="left")
    listed = _listed(addressed, engine, known.suppressed)
    if listed is None:
        persons = persons.with_columns(listed=nw.lit(None, nw.String))
    else:
        persons = persons.join(listed, on="person", how="left")
    persons = persons.with_columns(role=nw.col("role").fill_null(value=False))
    alive = tell_life(persons, horizon(policy, known.now), min_ignored=policy.min_ignored)
    return note_details(object_to(alive, policy), policy)


def _role_local(mailbox: nw.Expr) -> nw.Expr:
    """The local part as names of roles are written."""
    local = address_part(mailbox, 0)
    tagged = local.str.contains("+", literal=True)
    untagged = nw.when(tagged).then(local.str.replace_all(r"\+.*$", "")).otherwise(local)
    return untagged.str.replace_all(".", "-", literal=True).str.replace_all("_", "-", literal=True)


def _describe(domains: pa.ChunkedArray) -> pa.Table:
    """What is known of each domain without asking anybody."""
    rows = []
    for part in _parts(domains):
        names = part.to_pylist()
        facts = describe_domains(names)
        rows.append(
            pa.RecordBatch.from_pydict(
                {
                    "domain": names,
                    "disposable": [fact.disposable for fact in facts],
                    "suggestion": [fact.suggestion for fact in facts],
                    "provider": [fact.provider for fact in facts],
                    "mail": [None] * len(names),
                    "mail_detail": [None] * len(names),
                    "free": [fact.free for fact in facts],
                    "relay": [fact.relay for fact in facts],
                    "mixed_script": [fact.mixed_script for fact in facts],
                },
                _DOMAIN,
            )
        )
    return pa.Table.from_batches(rows, _DOMAIN)


def _ask_domains(persons: Frame, engine: Engine, policy: CleaningPolicy, known: Knowledge) -> Frame:
    """Ask DNS about the domains of those who would be kept, and object again."""
    assert known.check_mail is not None  # noqa: S101 - the caller has asked
    open_domains = _different(persons.filter(nw.col("reason").is_null()), "domain", engine)
    answers = known.check_mail(open_domains.to_pylist())
    table = pa.table(
        {
            "domain": pa.array(list(answers), pa.string()),
            "asked_mail": pa.array([answer.verdict.value for answer in answers.values()], pa.string()),
            "asked_detail": pa.array([answer.detail for answer in answers.values()], pa.string()),
        }
    )
    asked = persons.join(engine.load("asked", table), on="domain", how="left").with_columns(
        mail=nw.col("asked_mail"), mail_detail=nw.col("asked_detail")
    )
    again = object_to(asked.drop("asked_mail", "asked_detail", "flags", "person_detail"), policy)
    return note_details(again, policy)


def _listed(addressed: Frame, engine: Engine, suppressed: SuppressionList | None) -> Frame | None:
    """The persons whom a suppression list holds, each with its strictest entry as `listed`."""
    if suppressed is None or not len(suppressed):
        return None
    found = []
    tables = {
        name: engine.load(f"listed_{name}", _entries(table))
        for name, table in suppressed.match_tables().items()
    }
    valid = addressed.filter(~nw.col("key").is_null()).with_columns(
        original=nw.col("address"), normal=nw.coalesce(nw.col("normal"), normal_form(nw.col("address")))
    )
    if "mailbox" in tables:  # the same mailbox: the same address, too
        said = valid.select("mailbox", "person").join(tables["mailbox"], left_on="mailbox", right_on="value")
        found.append(said)
    for form in (Form.MD5, Form.SHA256, Form.HMAC):
        if form.value in tables:
            found += _hash_matches(valid, form, tables[form.value], engine, suppressed.key)
    if Form.DOMAIN in suppressed.forms:
        with_domain = valid.select("person", domain=nw.col("key").str.replace_all(r"^.*@", ""))
        at_domains = suppressed.match_domains(_different(with_domain, "domain", engine).to_pylist())
        entries = engine.load("listed_domain", _entries(at_domains))
        found.append(with_domain.join(entries, left_on="domain", right_on="value"))
    together = nw.concat([frame.select("person", "entry") for frame in found])
    return engine.settle("listed", together.group_by("person").agg(listed=nw.col("entry").max()))


def _hash_matches(valid: Frame, form: Form, entries: Frame, engine: Engine, key: bytes | None) -> list[Frame]:
    """Who is meant by hashed entries: every form of an address that differs is hashed once."""
    found = []
    for name in HASHED_FIELDS[form]:
        rows = valid if name == "key" else valid.filter(nw.col(name) != nw.col("key"))
        hashed = engine.hashed(rows.select("person", text=nw.col(name)), "text", form, key)
        found.append(hashed.join(entries, left_on="hash", right_on="value"))
    return found


def _entries(table: pa.Table) -> pa.Table:
    """The values with `entry`: a text that sorts by strictness and says reason and source."""
    reasons = (
        table["reason"]
        .to_pandas()
        .map({reason.value: f"{reason.rank:02d}\t{reason.value}" for reason in Reason})
    )
    entry = pc.binary_join_element_wise(pa.array(reasons, pa.string()), table["source"], "\t")
    return pa.table({"value": table["value"], "entry": entry})


def period_marks(now: datetime, months: Iterable[int]) -> dict[int, int]:
    """Months → the moment so long ago, in seconds."""
    return {count: seconds(Period(months=count).before(now)) for count in months}
