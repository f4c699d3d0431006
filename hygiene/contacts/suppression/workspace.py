"""The workspace's own list: add, import, export, erase. Nothing here makes anybody mailable again.

People are found by keyed hashes, so that erasure can take the address away and leave them recognisable.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    and_,
    case,
    delete,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)

from hygiene.address import Address, judge_address
from hygiene.contacts.suppression.entries import ReadNote, SuppressionList, collect, combine
from hygiene.contacts.suppression.read import read_suppressions
from hygiene.errors import UsageError
from hygiene.store import Store, insert_into
from hygiene.suppression_forms import (
    HASHED_FIELDS,
    RANKS,
    Form,
    Reason,
    Target,
    digest,
    hash_forms,
    read_target,
    shared_hash,
)
from hygiene.tables import OPT_OUT, SUPPRESSION

COMMAND_LINE = "command line"

_BATCH = 20_000  # rows written at a time
_GUESSABLE = tuple(form for form in HASHED_FIELDS if form is not Form.HMAC)  # by trying every address
_COLUMNS = SUPPRESSION.c


@dataclass(frozen=True)
class Added:
    """What became of entries: `listed` were on the list before, or twice here; `erased` people stay hashes."""

    added: int
    listed: int
    erased: int
    notes: tuple[ReadNote, ...] = ()


@dataclass(frozen=True)
class Erased:
    """People whose keyed hash is all that is left, and how many entries that replaced.

    `wiped` is false when another program kept copies of deleted rows from being overwritten.
    """

    people: int
    replaced: int
    wiped: bool


class Exported(NamedTuple):
    """One line of a list handed on."""

    value: str
    reason: Reason
    since: datetime
    source: str


@dataclass(frozen=True)
class Export:
    """Entries in one form, by value, and how many of which form could not be put into it."""

    form: Form
    entries: tuple[Exported, ...] = field(repr=False)
    left_out: Mapping[str, int]


def add_suppressions(
    store: Store,
    texts: Sequence[str],
    *,
    reason: Reason = Reason.MANUAL,
    now: datetime,
    source: str = COMMAND_LINE,
) -> Added:
    """List addresses, domains or hashes; all, or none if one of them is nothing of the kind (UsageError)."""
    if reason is Reason.ERASED:
        raise UsageError("a person is erased by `hygiene suppress erase`, which leaves no address behind")
    targets = [read_target(text) for text in texts]
    if None in targets:
        place = targets.index(None)
        raise UsageError(f"{texts[place][:80]!r} is no address, domain or hash; nothing was added")
    entries = ((target, reason, now, source) for target in targets if target)
    return _write(store, collect(entries, key=store.key), now)


def suppress_within(
    connection: Connection,
    key: bytes,
    addresses: Iterable[str],
    *,
    reason: Reason = Reason.BOUNCED,
    now: datetime,
    source: str,
) -> int:
    """List addresses in the caller's transaction; people who were erased stay so. How many were given."""
    judged = (judge_address(text) for text in addresses)
    people = [person for person in judged if isinstance(person, Address)]
    rows = [_listed_row(person, key, reason, now, source) for person in people]
    erased = select(_COLUMNS.mailbox).where(
        _is_form(Form.HMAC),
        _COLUMNS.reason == Reason.ERASED,
        _COLUMNS.mailbox.in_({row["mailbox"] for row in rows}),
    )
    gone = set(connection.scalars(erased)) if rows else set()
    _upsert(connection, [row for row in rows if row["mailbox"] not in gone])
    return len(rows)


def import_suppressions(
    store: Store,
    paths: Sequence[Path],
    *,
    form: Form | None = None,
    column: str | None = None,
    reason: Reason = Reason.IMPORTED,
    now: datetime,
) -> Added:
    """List every entry of these files, as `read_suppressions` finds them, or none if one cannot be read.

    Importing again changes nothing: a reason is never weakened, the earliest `since` is kept, and people who
    were erased are not written down again.
    """
    lists = [read_suppressions(path, form, store.key, column=column, reason=reason) for path in paths]
    return _write(store, combine(lists), now)


def load_suppressions(store: Store) -> SuppressionList:
    """The whole list, to clean or send by."""
    with store.reading() as connection:
        return collect(_loaded(connection), key=store.key)


def load_opt_outs(store: Store, topic: str) -> SuppressionList:
    """Who has left a topic, as a list of keyed hashes, for a list that is mailed under it."""
    o = OPT_OUT.c
    with store.reading() as connection:
        rows = connection.execute(select(o.person, o.since_us).where(o.topic == topic)).all()
    source = f"left {topic}"
    entries = (
        (
            Target(form=Form.HMAC, value=person),
            Reason.UNSUBSCRIBED,
            datetime.fromtimestamp(since_us / 1_000_000, UTC),
            source,
        )
        for person, since_us in rows
    )
    return collect(entries, key=store.key)


def count_suppressions(store: Store) -> dict[tuple[Form, Reason], int]:
    """How many entries of each form there are for each reason."""
    query = select(_COLUMNS.form, _COLUMNS.reason, func.count()).group_by(_COLUMNS.form, _COLUMNS.reason)
    with store.reading() as connection:
        found = {(Form(form), Reason(reason)): number for form, reason, number in connection.execute(query)}
    return {
        (form, reason): found[form, reason] for form in Form for reason in Reason if (form, reason) in found
    }


def export_suppressions(store: Store, form: Form = Form.ADDRESS) -> Export:
    """The list in one form for somebody else: hashes are computed from addresses, nothing is computed back.

    Keyed hashes (``hmac``) are given for identity and mailbox key, as cleaning compares both; other hashes are
    the one value that is usual for an address. People who were erased are in keyed hashes only.
    """
    key, entries, left_out = store.key, [], Counter[str]()
    with store.reading() as connection:
        for row in connection.execute(select(SUPPRESSION)):
            values = _exported_values(row, form, key)
            entries += [Exported(value, Reason(row.reason), row.since, row.source) for value in values]
            if not values:
                left_out["erased" if row.reason == Reason.ERASED else row.form] += 1
    return Export(form, tuple(_each_once(entries)), dict(sorted(left_out.items())))


def erase_people(
    store: Store,
    addresses: Sequence[str],
    *,
    now: datetime,
    source: str = COMMAND_LINE,
    also: Sequence[str] = (),
) -> Erased:
    """Forget these people, listed or not: only the keyed hashes of their addresses stay, and stay listed.

    Plain hashes of them go as well, since those can be guessed. `also` are further tables that held them, of
    which no copy may be left. Raises UsageError, and erases nobody, when one of the texts is no address; it
    says which by its place, not by its text.
    """
    people = [judge_address(text) for text in addresses]
    for place, person in enumerate(people, 1):
        if not isinstance(person, Address):
            raise UsageError(f"number {place} of the addresses to erase is no address; nobody was erased")
    key = store.key
    with store.writing(alone=True) as connection:
        found = [person for person in people if isinstance(person, Address)]
        replaced = sum(_forget(connection, person, key) for person in found)
        rows = [_erased_row(person, key, now, source) for person in found]
        _upsert(connection, rows)
    return Erased(len({row["value"] for row in rows}), replaced, store.wipe((SUPPRESSION.name, *also)))


# writing


def _write(store: Store, listed: SuppressionList, now: datetime) -> Added:
    """All entries in one transaction; those of people who were erased are left out."""
    key, given, withheld = store.key, 0, 0
    with store.writing(alone=True) as connection:
        erased = _erased_hashes(connection)
        before = _count(connection)
        for rows in _batches(_rows(listed, key, now)):
            kept = [row for row in rows if not _is_erased(row, erased)]
            given, withheld = given + len(rows), withheld + len(rows) - len(kept)
            _upsert(connection, kept)
        added = _count(connection) - before
    return Added(added, given - withheld - added, withheld, listed.notes)


def _rows(listed: SuppressionList, key: bytes, now: datetime) -> Iterator[dict[str, Any]]:
    for batch in listed.table.to_batches(max_chunksize=_BATCH):
        for entry in batch.to_pylist():
            row = entry | {"since": entry["since"] or now}
            if row["form"] == Form.ADDRESS:
                row |= {name: digest(row[name], Form.HMAC, key) for name in ("value", "mailbox")}
                if row["reason"] == Reason.ERASED:  # a list may say so, and is obeyed
                    row |= {"form": Form.HMAC.value, "address": None}
            yield row


def _is_erased(row: Mapping[str, Any], erased: set[str]) -> bool:
    return row["form"] == Form.ADDRESS and (row["value"] in erased or row["mailbox"] in erased)


def _erased_hashes(connection: Connection) -> set[str]:
    query = select(_COLUMNS.value, _COLUMNS.mailbox).where(
        _is_form(Form.HMAC), _COLUMNS.reason == Reason.ERASED
    )
    return {value for row in connection.execute(query) for value in row if value}


def _count(connection: Connection) -> int:
    return connection.scalar(select(func.count()).select_from(SUPPRESSION)) or 0


def _upsert(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows; where one is there, the stricter reason and its source win, and the earlier moment."""
    if not rows:
        return
    insert = insert_into(connection, SUPPRESSION)
    new = insert.excluded
    now_rank, new_rank = _rank(_COLUMNS.reason), _rank(new.reason)
    stricter = new_rank > now_rank
    merged = {
        "reason": case((stricter, new.reason), else_=_COLUMNS.reason),
        "source": case(
            (or_(stricter, and_(new_rank == now_rank, new.source < _COLUMNS.source)), new.source),
            else_=_COLUMNS.source,
        ),
        "since": case((new.since < _COLUMNS.since, new.since), else_=_COLUMNS.since),
        "address": case((new.address < _COLUMNS.address, new.address), else_=_COLUMNS.address),
        "mailbox": func.coalesce(_COLUMNS.mailbox, new.mailbox),
    }
    connection.execute(insert.on_conflict_do_update(index_elements=["form", "value"], set_=merged), rows)


def _rank(reason: ColumnElement[str]) -> ColumnElement[int]:
    """A reason's place in the order; written out, as parameters would be bound again for every row."""
    places = (
        (reason == literal_column(f"'{word.value}'"), literal_column(str(rank), Integer))
        for word, rank in RANKS.items()
    )
    return case(*places)


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    rows = iter(rows)
    while batch := list(islice(rows, _BATCH)):
        yield batch


def _is_form(form: Form) -> ColumnElement[bool]:
    return _COLUMNS.form == form.value


# erasing


def _forget(connection: Connection, person: Address, key: bytes) -> int:
    """Delete what names a person or can be guessed back to them; how many entries that were."""
    theirs = and_(_is_form(Form.ADDRESS), _COLUMNS.mailbox == digest(person.mailbox, Form.HMAC, key))
    written = connection.scalars(select(_COLUMNS.address).where(theirs)).all()
    judged = [person, *(judge_address(text) for text in written if text)]
    spellings = [address for address in judged if isinstance(address, Address)]
    lowered = func.lower(_COLUMNS.source)
    naming = or_(*(lowered.contains(address.key, autoescape=True) for address in spellings))
    connection.execute(update(SUPPRESSION).where(naming).values(source="a file named like a person"))
    hashes = tuple_(_COLUMNS.form, _COLUMNS.value).in_(_guessable(spellings))
    return connection.execute(delete(SUPPRESSION).where(or_(theirs, hashes))).rowcount


def _guessable(addresses: Sequence[Address]) -> list[tuple[str, str]]:
    return [
        (form.value, value) for form in _GUESSABLE for each in addresses for value in hash_forms(each, form)
    ]


def _listed_row(person: Address, key: bytes, reason: Reason, now: datetime, source: str) -> dict[str, Any]:
    return {
        "form": Form.ADDRESS.value,
        "value": digest(person.key, Form.HMAC, key),
        "mailbox": digest(person.mailbox, Form.HMAC, key),
        "address": person.normal,
        "reason": reason.value,
        "since": now,
        "source": source,
    }


def _erased_row(person: Address, key: bytes, now: datetime, source: str) -> dict[str, Any]:
    return {
        "form": Form.HMAC.value,
        "value": digest(person.key, Form.HMAC, key),
        "mailbox": digest(person.mailbox, Form.HMAC, key),
        "address": None,
        "reason": Reason.ERASED.value,
        "since": now,
        "source": source,
    }


# reading


def _loaded(connection: Connection) -> Iterator[tuple[Target, Reason, datetime, str]]:
    for row in connection.execute(select(SUPPRESSION).execution_options(yield_per=_BATCH)):
        for target in _targets(row):
            yield target, Reason(row.reason), row.since, row.source


def _targets(row: Any) -> Iterator[Target]:
    if row.form == Form.ADDRESS:
        judged = judge_address(row.address)
        if isinstance(judged, Address):
            yield Target(Form.ADDRESS, judged.key, judged.mailbox, judged.normal)
            return
    form = Form.HMAC if row.form == Form.ADDRESS else Form(row.form)  # an address that newer rules refuse
    for value in dict.fromkeys(value for value in (row.value, row.mailbox) if value):
        yield Target(form, value)


def _exported_values(row: Any, form: Form, key: bytes) -> list[str]:
    if form is Form.HMAC and row.form in {Form.ADDRESS, Form.HMAC}:
        return [value for value in (row.value, row.mailbox) if value]
    if row.form == form:
        return [row.address if form is Form.ADDRESS else row.value]
    judged = judge_address(row.address) if row.form == Form.ADDRESS and form in HASHED_FIELDS else None
    return [shared_hash(judged, form, key)] if isinstance(judged, Address) else []


def _each_once(entries: Iterable[Exported]) -> Iterator[Exported]:
    """By value; of several with the same the strictest."""
    last = None
    for entry in sorted(entries, key=lambda each: (each.value, -each.reason.rank, each.since, each.source)):
        if entry.value != last:
            yield entry
        last = entry.value
