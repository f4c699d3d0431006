"""Entries of suppression lists as one table, what cleaning joins on, and the rule to check that by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, reduce
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from hygiene.address import Address, judge_address, split
from hygiene.errors import UsageError
from hygiene.suppression_forms import (
    HASHED_FIELDS,
    Form,
    Reason,
    Target,
    domains_above,
    hash_forms,
    uid2_to_sha256,
)

_WORD = pa.dictionary(pa.int32(), pa.string())
_MOMENT = pa.timestamp("us", tz="UTC")

#: the public columns, and behind them an address's mailbox key and its own spelling
COLUMNS = ("form", "value", "reason", "since", "source")
_SCHEMA = pa.schema(
    {
        "form": _WORD,
        "value": pa.string(),
        "reason": _WORD,
        "since": _MOMENT,
        "source": _WORD,
        "mailbox": pa.string(),
        "address": pa.string(),
    }
)
_MATCH_SCHEMA = pa.schema(
    {"value": pa.string(), "reason": pa.string(), "since": _MOMENT, "source": pa.string()}
)
_STRICTEST_FIRST = pa.array([reason.value for reason in reversed(Reason)])
_BATCH = 100_000  # entries that are Python objects at a time
_GROUPED_AT_ONCE = 500_000  # entries
_PLAIN_HASHES = (Form.MD5, Form.SHA256)


class Entry(NamedTuple):
    """One line of a suppression list; `since` is None where nobody said."""

    form: Form
    value: str
    reason: Reason
    since: datetime | None
    source: str


@dataclass(frozen=True)
class ReadNote:
    """How a source was read: entries found, and the lines that were none, by number (the first of them)."""

    source: str
    entries: int
    unreadable: int = 0
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class SuppressionList:
    """Whom not to mail. `key` is what its keyed hashes were made with; `notes` say how each source was read."""

    table: pa.Table = field(repr=False)
    key: bytes | None = field(default=None, repr=False)
    notes: tuple[ReadNote, ...] = ()

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @cached_property
    def forms(self) -> tuple[Form, ...]:
        """The forms that occur."""
        present = set(pc.unique(self.table["form"]).to_pylist())
        return tuple(form for form in Form if form.value in present)

    def to_table(self) -> pa.Table:
        """All entries: form, value, reason, since (UTC), source; an address's value is its identity key."""
        return self.table.select(COLUMNS)

    def match_tables(self) -> dict[str, pa.Table]:
        """What to compare a contact with → the values that suppress it, each once with its strictest reason.

        ``key`` and ``mailbox`` are compared with the identity and mailbox key of an address; ``md5``,
        ``sha256`` (which takes in UID2) and ``hmac`` with the hashes of the fields in `HASHED_FIELDS`. Only
        what occurs is there. Columns: value, reason, since, source. For domain entries see `match_domains`.
        """
        tables: dict[str, pa.Table] = {}
        if Form.ADDRESS in self.forms:
            rows = self._rows(Form.ADDRESS)
            tables |= {"key": _strictest(rows, rows["value"]), "mailbox": _strictest(rows, rows["mailbox"])}
        for form in (*_PLAIN_HASHES, Form.HMAC):
            rows = self._rows(form)
            if form is Form.SHA256 and Form.UID2 in self.forms:
                rows = pa.concat_tables([rows, _as_sha256(self._rows(Form.UID2))])
            if rows.num_rows:
                tables[form.value] = _strictest(rows, rows["value"])
        return tables

    def match_domains(self, domains: Iterable[str]) -> pa.Table:
        """Which of these domains are suppressed, by an entry of their own or a wider one.

        Columns: value (the domain), reason, since, source.
        """
        listed = {entry.value: entry for entry in _entries(_strictest_of_form(self, Form.DOMAIN), Form.DOMAIN)}
        hits: dict[str, Entry] = {}
        for domain in set(domains) if listed else ():
            found = [listed[value] for value in domains_above(domain) if value in listed]
            if found:
                hits[domain] = _first(found)
        rows = [
            {"value": domain, "reason": entry.reason.value, "since": entry.since, "source": entry.source}
            for domain, entry in sorted(hits.items())
        ]
        return pa.Table.from_pylist(rows, _MATCH_SCHEMA)

    def _rows(self, form: Form) -> pa.Table:
        if self.forms == (form,):
            return self.table
        return self.table.filter(pc.equal(self.table["form"], form.value))


def suppressed_by(address: Address | str, listed: SuppressionList) -> Entry | None:
    """The strictest entry that suppresses an address, or None; what is no address matches nothing.

    This is the rule itself, read off the entries one form after the other; plans over tables must agree.
    Raises UsageError when the list holds keyed hashes and not their key.
    """
    judged = judge_address(address) if isinstance(address, str) else address
    if not isinstance(judged, Address):
        return None
    hits = [entry for form in listed.forms for entry in _hits(judged, form, listed)]
    return _first(hits) if hits else None


def combine(lists: Sequence[SuppressionList]) -> SuppressionList:
    """Several lists as one; raises UsageError when their keyed hashes were made with different keys."""
    keys = {each.key for each in lists if Form.HMAC in each.forms}
    if len(keys) > 1:
        raise UsageError("suppression lists with keyed hashes of different keys cannot be used together")
    return SuppressionList(
        pa.concat_tables([_SCHEMA.empty_table(), *(each.table for each in lists)]),
        next(iter(keys), None),
        tuple(note for each in lists for note in each.notes),
    )


def collect(
    entries: Iterable[tuple[Target, Reason, datetime | None, str]],
    *,
    key: bytes | None = None,
    notes: Sequence[ReadNote] = (),
) -> SuppressionList:
    """A list of these entries, taken in batches; raises UsageError for keyed hashes without their key."""
    tables = [_SCHEMA.empty_table(), *_batches(entries)]
    found = SuppressionList(pa.concat_tables(tables).unify_dictionaries(), key, tuple(notes))
    if key is None and Form.HMAC in found.forms:
        raise UsageError("the list holds keyed hashes (hmac): give the key they were made with")
    return found


def _batches(entries: Iterable[tuple[Target, Reason, datetime | None, str]]) -> Iterator[pa.Table]:
    columns: tuple[list[object], ...] = ([], [], [], [], [], [], [])
    form, value, reason, since, source, mailbox, address = (column.append for column in columns)
    for count, (target, why, when, where) in enumerate(entries, 1):
        form(target.form)
        value(target.value)
        reason(why)
        since(when)
        source(where)
        mailbox(target.mailbox)
        address(target.address)
        if count % _BATCH == 0:
            yield _as_table(columns)
            for column in columns:
                column.clear()
    yield _as_table(columns)


def _as_table(columns: Sequence[list[object]]) -> pa.Table:
    return pa.Table.from_arrays(
        [
            pa.array(column, kind.value_type).dictionary_encode() if kind == _WORD else pa.array(column, kind)
            for column, kind in zip(columns, _SCHEMA.types, strict=True)
        ],
        schema=_SCHEMA,
    )


def _as_sha256(rows: pa.Table) -> pa.Table:
    values = pa.array([uid2_to_sha256(value) for value in rows["value"].to_pylist()], pa.string())
    return rows.set_column(rows.schema.get_field_index("value"), "value", values)


def _strictest_of_form(listed: SuppressionList, form: Form) -> pa.Table:
    rows = listed._rows(form)
    return _strictest(rows, rows["value"])


def _strictest(rows: pa.Table, values: pa.ChunkedArray) -> pa.Table:
    """Each value once: strictest reason, the first source in the alphabet that gives it, earliest `since`."""
    sources = pa.array(sorted(pc.unique(rows["source"].cast(pa.string())).to_pylist()), pa.string())
    numbered = pa.table({"value": values, "place": _places(rows, sources), "since": rows["since"]})
    if numbered.num_rows <= _GROUPED_AT_ONCE:
        return _grouped(numbered, sources)
    first = pc.utf8_slice_codeunits(values, 0, 1)  # grouping takes several times the memory of what is grouped
    parts = (numbered.filter(pc.equal(first, character)) for character in pc.unique(first))
    return pa.concat_tables([_grouped(part, sources) for part in parts])


def _places(rows: pa.Table, sources: pa.Array) -> pa.ChunkedArray:
    """Reason and source as one number, the smaller the stricter."""
    rank = pc.index_in(rows["reason"].cast(pa.string()), value_set=_STRICTEST_FIRST)
    return pc.add(
        pc.multiply(rank, pa.scalar(len(sources), pa.int32())),
        pc.index_in(rows["source"].cast(pa.string()), value_set=sources),
    )


def _grouped(numbered: pa.Table, sources: pa.Array) -> pa.Table:
    best = numbered.group_by("value").aggregate([("place", "min"), ("since", "min")])
    count = pa.scalar(max(len(sources), 1), pa.int32())
    ranks = pc.divide(best["place_min"], count)
    origins = sources.take(pc.subtract(best["place_min"], pc.multiply(ranks, count)))
    columns = [best["value"], _STRICTEST_FIRST.take(ranks), best["since_min"], origins]
    return pa.Table.from_arrays(columns, schema=_MATCH_SCHEMA)


def _hits(address: Address, form: Form, listed: SuppressionList) -> list[Entry]:
    rows = listed._rows(form)
    if form is Form.ADDRESS:
        mask = pc.equal(rows["mailbox"], address.mailbox)  # equal identity keys have equal mailbox keys
    else:
        mask = pc.is_in(rows["value"], value_set=pa.array(_values(address, form, listed.key), pa.string()))
    return list(_entries(rows.filter(mask), form))


def _values(address: Address, form: Form, key: bytes | None) -> list[str]:
    """What an entry of this form must say to mean the address."""
    if form in HASHED_FIELDS:
        return sorted(hash_forms(address, form, key))
    return list(domains_above(split(address.normal)[1]))


def _entries(rows: pa.Table, form: Form) -> Iterator[Entry]:
    for row in rows.select(["value", "reason", "since", "source"]).to_pylist():
        yield Entry(form, row["value"], Reason(row["reason"]), row["since"], row["source"])


def _first(entries: Sequence[Entry]) -> Entry:
    """The strictest; of equals the first by source, then form, then value, so that order never decides."""
    return reduce(lambda best, each: min(best, each, key=_precedence), entries)


def _precedence(entry: Entry) -> tuple[int, str, str, str]:
    return (-entry.reason.rank, entry.source, entry.form.value, entry.value)
