"""The steps of a cleaning as plans over tables: the same on DuckDB and on Spark, in any number of threads.

A row is one line of an export; a person is all rows whose addresses reach the same mailbox. What is decided is
decided for persons, from all their rows together, so that neither the order of the rows nor that of the files
can matter; only then one row of each person is chosen. A step can be used alone: frames in, a frame out.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, TypeAlias

import narwhals as nw

from hygiene.address import (
    DOTS_IGNORED,
    LOWERCASED_LOCALS,
    MAX_ADDRESS,
    MAX_DOMAIN,
    ORDINARY,
    SPECIAL_USE,
    TAGS_CUT,
)
from hygiene.contacts.reasons import BY_STATUS, RejectReason
from hygiene.contacts.table import DECISION, LATEST, ROWS
from hygiene.status import Status

if TYPE_CHECKING:
    from hygiene.config import CleaningPolicy

Frame: TypeAlias = nw.LazyFrame[Any]

GMAIL = "gmail.com"
SPEECHLESS = 1 << 31  # in a preference: the row alone would not be mailed; what the policy prefers is below it
_SAID_OF_PERSONS = ("reason", "person_detail", "flags", "kept_key")  # with none of it, a person is mailed as is


def read_ordinary(contacts: Frame) -> Frame:
    """The contacts with `ordinary` and `other_mailbox`.

    Whether the address is an ordinary one, and its canonical form where that is not simply its lower case:
    exactly what `hygiene.address.judge_address` says of the same cells. The rest follows from the text so
    cheaply that keeping it would cost more: see `read_addresses`.
    """
    address, lowered = nw.col("address"), nw.col("lowered")
    local, domain = nw.col("local"), nw.col("domain")
    special = rf"\.(?:{'|'.join(sorted(SPECIAL_USE))})$"
    ordinary = (
        (address.str.len_chars() <= MAX_ADDRESS)  # first: Java's stack overflows on patterns over long texts
        & address.str.contains(ORDINARY)
        & (domain.str.len_chars() <= MAX_DOMAIN)
        & ~domain.str.contains("--", literal=True)
        & ~domain.str.contains(special)
    )
    parts = contacts.with_columns(lowered=address.str.to_lowercase())
    parts = parts.with_columns(local=address_part(lowered, 0), domain=address_part(lowered, 1))
    read = parts.with_columns(
        ordinary=ordinary.fill_null(value=False), mailbox=_mailbox(lowered, local, domain)
    )
    other = nw.when(nw.col("ordinary") & (nw.col("mailbox") != lowered)).then(nw.col("mailbox"))
    return read.with_columns(other_mailbox=other).drop("lowered", "local", "domain", "mailbox")


def read_addresses(contacts: Frame, judged: Frame | None = None) -> Frame:
    """The contacts with their identity `key` and `mailbox`, or with what is wrong: `fault` and `detail`.

    `judged` is what Python found of the addresses that are not ordinary, by `address`: normal, key, mailbox,
    fault, detail, repaired.
    """
    key = nw.col("address").str.to_lowercase()
    nothing = nw.lit(None, nw.String)
    ordinary = contacts.filter(nw.col("ordinary")) if judged is not None else contacts
    plain = ordinary.with_columns(
        key=key,
        mailbox=nw.coalesce("other_mailbox", key),
        normal=nothing,
        fault=nothing,
        detail=nothing,
        repaired=nw.lit(value=False),
    ).drop("ordinary", "other_mailbox")
    if judged is None:
        return plain
    rest = contacts.filter(~nw.col("ordinary")).drop("ordinary", "other_mailbox")
    others = rest.join(judged, on="address", how="left")
    return nw.concat([plain, others.select(plain.collect_schema().names())])


def normal_form(address: nw.Expr) -> nw.Expr:
    """What an ordinary address is written as: its domain in lower case, and the names of RFC 2142, too."""
    lowered = address.str.to_lowercase()
    local = address_part(lowered, 0)
    as_written = nw.concat_str(address_part(address, 0), nw.lit("@"), address_part(lowered, 1))
    lower = (lowered == address) | local.is_in(sorted(LOWERCASED_LOCALS))
    return nw.when(lower).then(lowered).otherwise(as_written)


def address_part(address: nw.Expr, number: int) -> nw.Expr:
    """The local part (0) or the domain (1) of an ordinary address."""
    # the @ more: Spark stops at a list without the second element
    return nw.concat_str(address, nw.lit("@")).str.split("@").list.get(number)


def _mailbox(key: nw.Expr, local: nw.Expr, domain: nw.Expr) -> nw.Expr:
    """The canonical form of an ordinary address, as `hygiene.address.mailbox_key` has it."""
    untagged = local.str.replace_all(r"\+.*$", "")
    tagged = local.str.contains("+", literal=True) & ~local.str.starts_with("+")
    cut = nw.when(tagged).then(untagged).otherwise(local)
    dotless = nw.concat_str(cut.str.replace_all(".", "", literal=True), nw.lit("@" + GMAIL))
    tagless = (
        nw.when(domain.is_in(sorted(TAGS_CUT))).then(nw.concat_str(cut, nw.lit("@"), domain)).otherwise(key)
    )
    elsewhere = nw.when(tagged).then(tagless).otherwise(key)
    return nw.when(domain.is_in(sorted(DOTS_IGNORED))).then(dotless).otherwise(elsewhere)


def merge(addressed: Frame, order: nw.Expr, *, untold: Set[str] = frozenset()) -> Frame:
    """One row a person: the strictest standing, the latest dates, and the row that stands for all.

    `person` and `spelling` are the mailbox and the key in whatever form the engine groups by fastest
    (`Engine.numbered`). `mixed` says that there are several spellings, or that two mailboxes share a number.
    What is `untold` (see `hygiene.contacts.table.OPTIONAL`) is left out.

    `best` packs the `order` (see `preference`) with the row, `said` the standing with the row that says it: the
    smallest and the greatest of whole numbers are found while streaming, in any order; `unpack` takes them
    apart.
    """
    row = nw.col("row")
    optional = {
        "activity": nw.col("activity").max(),
        "tracked": nw.col("tracked").cast(nw.Int64).max(),
        "confirmed": nw.col("confirmed").cast(nw.Int64).max(),
        "ignored_mails": nw.col("ignored_mails").min(),
    }
    return (
        addressed.filter(~nw.col("key").is_null())
        .with_columns(
            best=order * ROWS + row,
            said=nw.col("standing").cast(nw.Int64) * ROWS + (ROWS - 1 - row),
        )
        .group_by("person")
        .agg(
            nw.col("best").min(),
            nw.col("said").max(),
            nw.col("joined").max(),
            *(found for name, found in optional.items() if name not in untold),
            spelling=nw.col("spelling").min(),
            other_spelling=nw.col("spelling").max(),
        )
        .with_columns(mixed=nw.col("spelling") != nw.col("other_spelling"))
        .drop("spelling", "other_spelling")
    )


def unpack(merged: Frame, *, untold: Set[str] = frozenset()) -> Frame:
    """What `merge` found, in columns of their own: `rank`, `kept_row`, `standing`, `said_row`, `speechless`."""
    nothing = {name: nw.lit(None, nw.Int64) for name in sorted(untold)}
    return merged.with_columns(
        rank=packed_rank(),
        kept_row=packed_row(),
        standing=nw.col("said") // ROWS,
        said_row=ROWS - 1 - nw.col("said") % ROWS,
        speechless=nw.col("best") >= SPEECHLESS * ROWS,
        **nothing,
    ).drop("best", "said")


def packed_rank() -> nw.Expr:
    """The order of the best row, from `best`."""
    # Spark divides as doubles: exact for the multiples of ROWS alone
    return (nw.col("best") - nw.col("best") % ROWS) // ROWS


def packed_row() -> nw.Expr:
    """The best row, from `best`."""
    return nw.col("best") % ROWS


def preference(policy: CleaningPolicy, horizon: Horizon) -> nw.Expr:
    """What the row kept of a person has least of; below 2**32.

    First come rows that would be mailed if they were alone, so that what is kept speaks for itself when it is
    cleaned again; among them the order that the policy asks for.
    """
    speechless = nw.when(_objects_to_itself(policy, horizon)).then(nw.lit(1)).otherwise(nw.lit(0))
    return speechless.cast(nw.Int64) * SPEECHLESS + _order(policy.keep)


def _objects_to_itself(policy: CleaningPolicy, horizon: Horizon) -> nw.Expr:
    """Whether a row alone would not be mailed, for what it says of consent and of life."""
    own = {*BY_STATUS.values(), RejectReason.NOT_CONFIRMED}
    said = [condition.fill_null(value=False) for reason, condition in objections(policy) if reason in own]
    silent = _life(horizon, policy.min_ignored) == "inactive"
    return reduce(operator.or_, said, silent)


def _order(keep: str) -> nw.Expr:
    """The order that a policy asks for; below 2**31."""
    age = LATEST - nw.col("joined").fill_null(0).clip(0, LATEST)
    if keep == "first":
        return nw.lit(0, nw.Int64)
    if keep == "newest":
        return age // 2  # two seconds apart are not told apart
    consents = [
        (nw.col("standing") == Status.SUBSCRIBED.rank) & nw.col("confirmed").fill_null(value=False),
        nw.col("standing") == Status.SUBSCRIBED.rank,
        nw.col("standing") == Status.UNKNOWN.rank,
    ]
    level = _first_of([(condition, nw.lit(i)) for i, condition in enumerate(consents)], nw.lit(len(consents)))
    return level * (1 << 29) + age // 8  # 8 seconds are near enough where consent comes first


def _first_of(cases: Sequence[tuple[nw.Expr, nw.Expr]], otherwise: nw.Expr) -> nw.Expr:
    """The value of the first case whose condition holds."""
    return reduce(lambda rest, case: nw.when(case[0]).then(case[1]).otherwise(rest), reversed(cases), otherwise)


def spell_out(addressed: Frame, persons: Frame, order: nw.Expr) -> Frame:
    """The rows of persons written in several ways, each with whether it is among their `best`."""
    mixed = persons.filter(nw.col("mixed")).select("person", rank=packed_rank())
    rows = addressed.join(mixed, on="person", how="inner").with_columns(best=order == nw.col("rank"))
    return rows.select("person", "row", "key", "mailbox", "best")


def find_torn(spelled: Frame) -> Frame:
    """The numbers that several mailboxes share: nothing of what was brought together is then to be trusted."""
    ends = spelled.group_by("person").agg(nw.col("mailbox").min(), last_mailbox=nw.col("mailbox").max())
    return ends.filter(nw.col("mailbox") != nw.col("last_mailbox")).select("person")


def choose_spelling(spelled: Frame) -> Frame:
    """For mailboxes written in several ways, what stands for them: `chosen_key` and `chosen_row`.

    Among the best rows the plain spelling wins, whatever the order of the rows (dots and tags sort below
    letters and the @, so it is the greatest), then its first row.
    """
    best = spelled.filter(nw.col("best"))
    spelling = best.group_by("person").agg(chosen_key=nw.col("key").max())
    return (
        best.join(spelling, on="person", how="inner")
        .filter(nw.col("key") == nw.col("chosen_key"))
        .group_by("person")
        .agg(nw.col("chosen_key").max(), chosen_row=nw.col("row").min())
    )


@dataclass(frozen=True, slots=True)
class Horizon:
    """The moments, in seconds since 1970 UTC, that part the active from the inactive."""

    cutoff: int | None  # no sign of life since then: inactive; None: nobody is asked
    grace: int  # who joined since then is new, and active


def tell_life(persons: Frame, horizon: Horizon, *, min_ignored: int) -> Frame:
    """The persons with `last`, their last sign of life, and `life`: active, inactive or unknown.

    Where a file has a column of activity, a blank cell means never: then the sign-up counts. Where it has none,
    or a date nobody could read, nothing is known. Who ignored fewer than `min_ignored` mails, where that is
    counted, was not asked enough.
    """
    return persons.with_columns(last=_last_sign(), life=_life(horizon, min_ignored))


def _last_sign() -> nw.Expr:
    told = (nw.col("tracked").cast(nw.Int64) == 1).fill_null(value=False) | ~nw.col("activity").is_null()
    unread = (nw.col("activity") == LATEST).fill_null(value=False)
    return nw.when(told & ~unread).then(nw.max_horizontal("activity", "joined"))


def _life(horizon: Horizon, min_ignored: int) -> nw.Expr:
    if horizon.cutoff is None:
        return nw.lit("unknown")
    last = _last_sign()
    unknown = last.is_null() | (nw.col("ignored_mails").fill_null(min_ignored) < min_ignored)
    fresh = (last >= horizon.cutoff).fill_null(value=False)
    new = nw.col("joined").fill_null(0) >= horizon.grace
    return _first_of([(fresh | new, nw.lit("active")), (unknown, nw.lit("unknown"))], nw.lit("inactive"))


def objections(policy: CleaningPolicy) -> list[tuple[RejectReason, nw.Expr]]:
    """What speaks against mailing a person, in the order in which it is asked."""
    mailable = {Status.CUSTOMER} if policy.assume_consent else set[Status]()
    asked = [
        (RejectReason.NO_MAIL_DOMAIN, nw.col("mail") == "undeliverable"),
        *(
            (reason, nw.col("standing") == status.rank)
            for status, reason in BY_STATUS.items()
            if status not in mailable
        ),
        (RejectReason.SUPPRESSED, ~nw.col("listed").is_null()),
        (RejectReason.SOFT_BOUNCED, nw.col("soft_bounces") >= policy.soft_bounces),
    ]
    if policy.require_confirmed:
        asked.append((RejectReason.NOT_CONFIRMED, nw.col("confirmed").cast(nw.Int64).fill_null(0) == 0))
    if policy.role == "drop":
        asked.append((RejectReason.ROLE, nw.col("role")))
    if policy.disposable == "drop":
        asked.append((RejectReason.DISPOSABLE, ~nw.col("disposable").is_null()))
    if policy.typos == "hold":
        asked.append((RejectReason.MISTYPED, ~nw.col("suggestion").is_null()))
    return [*asked, (RejectReason.INACTIVE, nw.col("life") == "inactive")]


def object_to(persons: Frame, policy: CleaningPolicy) -> Frame:
    """The persons with `reason`: the first objection that holds, null for who may be mailed."""
    cases = [
        (condition.fill_null(value=False), nw.lit(reason.value)) for reason, condition in objections(policy)
    ]
    return persons.with_columns(reason=_first_of(cases, nw.lit(None, nw.String)))


def note_details(persons: Frame, policy: CleaningPolicy) -> Frame:
    """The persons with `person_detail`, what the reason rests on, and `flags`, words for who is kept."""
    details = {
        RejectReason.NO_MAIL_DOMAIN: nw.col("mail_detail"),
        RejectReason.SUPPRESSED: nw.col("listed"),
        RejectReason.SOFT_BOUNCED: nw.col("soft_bounces").cast(nw.String),
        RejectReason.DISPOSABLE: nw.col("disposable"),
        RejectReason.MISTYPED: nw.col("suggestion"),
    }
    cases = [(nw.col("reason") == reason.value, detail) for reason, detail in details.items()]
    words = [
        *([_word("role", nw.col("role"))] if policy.role == "flag" else []),
        *([_word("disposable", ~nw.col("disposable").is_null())] if policy.disposable == "flag" else []),
        _word("mistyped", ~nw.col("suggestion").is_null()),
        _word("relay", nw.col("relay")),
        _word("mixed-script", nw.col("mixed_script")),
        _word("domain-unknown", nw.col("mail") == "unknown"),
    ]
    flags = nw.concat_str(*words, separator=" ", ignore_nulls=True)
    kept = nw.col("reason").is_null().fill_null(value=False)
    return persons.with_columns(
        person_detail=_first_of(cases, nw.lit(None, nw.String)), flags=nw.when(kept & (flags != "")).then(flags)
    )


def _word(word: str, condition: nw.Expr) -> nw.Expr:
    return nw.when(condition.fill_null(value=False)).then(nw.lit(word))


def decide(addressed: Frame, persons: Frame) -> Frame:
    """One line for each row of which something is to be said: `reason` (null: kept) and what it rests on.

    The others are kept: each is the one row of a person of whom there is nothing to say either. Which row that
    is fits in a number, so that all rows pass through a narrow join, and few through the wide one.
    """
    spoken_of = reduce(operator.or_, (~nw.col(name).is_null() for name in _SAID_OF_PERSONS))
    seats = persons.select("person", seat=nw.col("kept_row") * 2 + spoken_of.cast(nw.Int64))
    sayings = (
        persons.filter(spoken_of)
        .select("person", "said_row", "last", *_SAID_OF_PERSONS, "suggestion")
        .rename({"reason": "person_reason"})
    )
    placed = addressed.join(seats, on="person", how="left").with_columns(
        # Spark divides as doubles: exact for even numbers below 2**53
        kept_row=(nw.col("seat") - nw.col("seat") % 2) // 2,
    )
    told = placed.filter(
        nw.col("seat").is_null()
        | nw.col("repaired")
        | (nw.col("row") != nw.col("kept_row"))
        | (nw.col("seat") % 2 == 1)
    )
    duplicate = (
        nw.when(nw.col("key") == nw.coalesce("kept_key", "key"))
        .then(nw.lit(RejectReason.DUPLICATE.value))
        .otherwise(nw.lit(RejectReason.DUPLICATE_MAILBOX.value))
    )
    cases = [
        (~nw.col("fault").is_null(), nw.col("fault")),
        (~nw.col("person_reason").is_null(), nw.col("person_reason")),
        (nw.col("row") != nw.col("kept_row"), duplicate),
    ]
    return (
        told.join(sayings, on="person", how="left")
        .with_columns(
            reason=_first_of(cases, nw.lit(None, nw.String)),
            detail=nw.coalesce("detail", "person_detail"),
            judged_key=nw.when(~nw.col("normal").is_null()).then(nw.col("key")),
        )
        .select(*DECISION)
    )
