"""The layouts of campaign reports, declared in reports/, and which of them a file is of."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from hygiene.errors import UsageError
from hygiene.event import TALLY
from hygiene.events.layout import name_key
from hygiene.files import packaged_text
from hygiene.intake.dates import DateFormat

PLAIN: Final = "plain"
COUNTS: Final = tuple(
    name for name, kind in TALLY.items() if kind == "BIGINT" and not name.endswith(("_us", "_micros", "line"))
)

_FEWEST: Final = 2  # columns of counts that make a plain table a report


class Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One way a platform writes its reports: a table, JSON, or lines of a label and a value."""

    columns: dict[str, tuple[str, ...]]  # field → its columns or paths; the first that is filled counts
    shapes: tuple[tuple[str, ...], ...] = ()  # sets of columns that must all be there; "a|b": either
    keys: tuple[tuple[str, ...], ...] = ()  # sets of keys that must all be there
    labels: tuple[str, ...] = ()  # that must all be there in a report of labels and values
    items: tuple[str, ...] = ()  # keys of the list that holds the campaigns
    lacks: tuple[str, ...] = ()  # columns that it never has
    dates: tuple[DateFormat, ...] = ()
    only: dict[str, tuple[str, ...]] = {}  # rows that count, by words of a column
    loose: bool = False  # no copy was seen: what is not named here is found by the plain names

    def fits_columns(self, columns: Sequence[str]) -> int:
        """How many columns of its largest shape are there, all of them or none; keys by `name_key`."""
        there = set(columns)
        fitting = (shape for shape in self.shapes if all(there & alternatives(name) for name in shape))
        return 0 if there & {name_key(name) for name in self.lacks} else max(map(len, fitting), default=0)


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The reports of one platform."""

    name: str
    title: str
    source: tuple[str, ...]  # where they are described
    read: str  # year-month the sources were read
    forms: tuple[Form, ...]


@dataclass(frozen=True, slots=True)
class Recognised:
    """A report and the form of it that a file has."""

    report: Report
    form: Form


def alternatives(name: str) -> set[str]:
    """The keys of the columns that a name of a shape stands for."""
    return {name_key(one) for one in name.split("|")}


@cache
def reports() -> tuple[Report, ...]:
    """Every declared report, the plain one last."""
    names = sorted(one.name for one in files("hygiene.events").joinpath("reports").iterdir())
    found = [_load(name) for name in names if name.endswith(".toml")]
    return tuple(sorted(found, key=lambda one: one.name == PLAIN))


def _load(name: str) -> Report:
    report = msgspec.convert(tomllib.loads(packaged_text("hygiene.events", f"reports/{name}")), Report)
    forms = tuple(_widened(form) if form.loose else form for form in report.forms)
    return msgspec.structs.replace(report, forms=forms)


def _widened(form: Form) -> Form:
    """A form with the plain names for what it does not name itself, and behind those it does."""
    plain = _load(f"{PLAIN}.toml").forms[0]
    columns = {
        field: (*form.columns.get(field, ()), *_others(names, form)) for field, names in plain.columns.items()
    }
    return msgspec.structs.replace(form, columns=columns, dates=form.dates or plain.dates)


def _others(names: Sequence[str], form: Form) -> Iterator[str]:
    """The plain names that the form does not use for another field."""
    taken = {name_key(name) for own in form.columns.values() for name in own}
    yield from (name for name in names if name_key(name) not in taken)


def recognise_columns(columns: Sequence[str], name: str) -> Recognised | None:
    """The report that a table is, by its columns in any order; raises UsageError for two that fit alike."""
    keys = [name_key(column) for column in columns]
    sizes = [(form.fits_columns(keys), Recognised(one, form)) for one in reports() for form in one.forms]
    best = max((size for size, _ in sizes), default=0)
    found = [one for size, one in sizes if size == best and best]
    if len({one.report.name for one in found}) > 1:
        titles = " or ".join(one.report.title for one in found)
        raise UsageError(f"{name} could be an export of {titles}: remove the columns of one of them")
    return found[0] if found else _plain(keys)


def _plain(keys: Sequence[str]) -> Recognised | None:
    """The plain report, where there are a name, a number of mails sent or delivered, and another count."""
    report = reports()[-1]
    (form,) = report.forms
    there = {field for field, names in form.columns.items() if {name_key(one) for one in names} & set(keys)}
    counted = there & set(COUNTS)
    named = "campaign" in there and bool(there & {"sent", "delivered"}) and len(counted) >= _FEWEST
    return Recognised(report, form) if named and not set(keys) & {name_key(one) for one in form.lacks} else None


def recognise_keys(text: str) -> Recognised | None:
    """The report that JSON holds, by the keys in its beginning."""
    for one in reports():
        for form in one.forms:
            if any(all(f'"{key}"' in text for key in keys) for keys in form.keys):
                return Recognised(one, form)
    return None


def recognise_labels(text: str) -> Recognised | None:
    """The report that lines of labels and values are, by the labels in their beginning."""
    for one in reports():
        for form in one.forms:
            if form.labels and all(
                re.search(rf'^"?{re.escape(label)}:"?,', text, re.MULTILINE) for label in form.labels
            ):
                return Recognised(one, form)
    return None
