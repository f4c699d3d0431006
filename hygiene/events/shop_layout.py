"""The layouts of orders, declared in shops/, and which of them a table is of."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from hygiene.errors import UsageError
from hygiene.events.layout import name_key
from hygiene.events.report_layout import alternatives
from hygiene.files import packaged_text
from hygiene.intake.dates import DateFormat

PLAIN: Final = "orders"
FIELDS: Final = (
    *("order", "email", "time", "total", "refunded", "outstanding", "currency", "status", "campaign"),
    *("undone", "test"),
)


class Shop(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How one shop writes its orders. Words of the status are as `name_key` has them, without ``wc-``."""

    name: str
    title: str
    source: tuple[str, ...]  # where it is described
    read: str  # year-month the sources were read
    columns: dict[str, tuple[str, ...]]  # one of `FIELDS` → its columns; the first that is filled counts
    dates: tuple[DateFormat, ...]
    shapes: tuple[tuple[str, ...], ...] = ()  # sets of columns that must all be there; "a|b": either
    lacks: tuple[str, ...] = ()  # columns that it never has
    counted: tuple[str, ...]  # words of the status of orders that stand
    unpaid: tuple[str, ...]  # … that nobody has paid
    undone: tuple[str, ...]  # … that were taken back; so were those with a cell in the column `undone`
    part_paid: tuple[str, ...] = ()  # … of which what is outstanding is not paid
    tests: tuple[str, ...] = ()  # words of the column `test` of orders that somebody tried the shop with


@cache
def shops() -> tuple[Shop, ...]:
    """Every declared shop, the plain one last."""
    names = sorted(one.name for one in files("hygiene.events").joinpath("shops").iterdir())
    found = (
        msgspec.convert(tomllib.loads(packaged_text("hygiene.events", f"shops/{name}")), Shop)
        for name in names
        if name.endswith(".toml")
    )
    return tuple(sorted(found, key=lambda one: one.name == PLAIN))


def recognise_orders(columns: Sequence[str], name: str) -> Shop | None:
    """The shop whose orders a table holds, by its columns in any order; raises UsageError for two."""
    there = {name_key(column) for column in columns}
    found = [
        shop
        for shop in shops()
        if any(all(there & alternatives(one) for one in shape) for shape in shop.shapes)
    ]
    if len(found) > 1:
        titles = " or ".join(shop.title for shop in found)
        raise UsageError(f"{name} could be an export of {titles}: remove the columns of one of them")
    return found[0] if found else _plain(there)


def _plain(there: set[str]) -> Shop | None:
    """Plain orders: a number, a buyer, an amount, a time; where rows have a type, the number is an order's."""
    shop = shops()[-1]
    held = {field: {name_key(one) for one in names} & there for field, names in shop.columns.items()}
    whole = all(held[field] for field in ("order", "email", "total", "time"))
    event = bool(there & {name_key(one) for one in shop.lacks}) or ("type" in there and held["order"] == {"id"})
    return shop if whole and not event else None
