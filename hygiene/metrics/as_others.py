"""The same log as another platform would count it, and why the figures differ: data/as_others.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import msgspec

from hygiene.errors import UsageError
from hygiene.files import packaged_text
from hygiene.metrics.evaluate import Figures, Telling, compute
from hygiene.metrics.kpis import KPIS, Kpi
from hygiene.metrics.slices import Slices


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How one figure is worked out, or why it cannot be; `minus` is taken off the denominator."""

    kpi: str
    numerator: tuple[str, ...] = ()
    denominator: tuple[str, ...] = ()
    minus: tuple[str, ...] = ()
    why: str = ""
    unknown: str = ""


class Platform(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A platform's way of counting, as far as it differs from ours."""

    name: str
    title: str
    source: str
    as_of: str
    line: tuple[Line, ...]
    rest: str = "Figures not listed are counted alike."


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """A numerator and a denominator, in words and numbers; null with a reason where there is none."""

    formula: str
    numerator: int | None
    n: int | None
    value: float | None
    why_null: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One thing that is counted otherwise, and what it does to the figure after those before it."""

    what: str
    change: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One figure, ours and theirs; the steps lead from ours to theirs, so they add up to the difference."""

    kpi: str
    title: str
    ours: Counted
    theirs: Counted
    why: str
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class AsOthers:
    """All figures that a platform would show differently, for all mail together."""

    platform: str
    title: str
    source: str
    as_of: str
    differences: tuple[Difference, ...]
    rest: str  # of all other figures


@cache
def platforms() -> Mapping[str, Platform]:
    """The platforms whose counting is known, by name."""

    class File(msgspec.Struct, forbid_unknown_fields=True):
        platform: tuple[Platform, ...]

    tables = tomllib.loads(packaged_text("hygiene.metrics", "data/as_others.toml"))
    return {one.name: one for one in msgspec.convert(tables, File).platform}


def find_platform(name: str) -> Platform:
    """The platform of that name; raises UsageError with those there are."""
    known = platforms()
    if name not in known:
        raise UsageError(f"how {name[:40]!r} counts is not known: choose {', '.join(known)}")
    return known[name]


def count_as(slices: Slices, platform: Platform, telling: Telling) -> AsOthers:
    """The figures of a platform beside ours; `slices` is one slice, of all mail."""
    return AsOthers(
        platform=platform.name,
        title=platform.title,
        source=platform.source,
        as_of=platform.as_of,
        differences=tuple(_difference(slices, line, telling) for line in platform.line),
        rest=platform.rest,
    )


def _difference(slices: Slices, line: Line, telling: Telling) -> Difference:
    kpi = KPIS[line.kpi]
    ours = _counted(compute(slices, kpi, telling), _formula(kpi.numerator, kpi.denominator))
    theirs = _theirs(slices, kpi, line, telling)

    def total(columns: tuple[str, ...]) -> int:
        return int(compute(slices, replace(kpi, numerator=columns), telling).numerator[0])

    known = ours.value is not None and theirs.value is not None
    return Difference(
        kpi=kpi.name,
        title=kpi.title,
        ours=ours,
        theirs=theirs,
        why=line.unknown or line.why,
        steps=tuple(_steps(kpi, line, ours, theirs, total)) if known else (),
    )


def _steps(
    kpi: Kpi, line: Line, ours: Counted, theirs: Counted, total: Callable[[tuple[str, ...]], int]
) -> Iterator[Step]:
    """First what is counted, then what it is divided by; last what only some of the logs tell."""
    k, n, value = ours.numerator or 0, ours.n or 0, ours.value or 0.0
    changes = [
        *_exchanged("counting", kpi.numerator, line.numerator, ()),
        *_exchanged("dividing by", kpi.denominator, line.denominator, line.minus),
    ]
    for what, more, less in changes:
        by = total(more) - total(less)
        k, n = (k + by, n) if what.startswith(("counting", "not counting")) else (k, n + by)
        after = k / n if n > 0 else value
        yield Step(what=what, change=after - value)
        value = after
    if left := (theirs.value or 0.0) - value:
        yield Step(what="of the logs that tell of it", change=left)


def _exchanged(
    verb: str, ours: tuple[str, ...], theirs: tuple[str, ...], minus: tuple[str, ...]
) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """What is put in and left out, in words and as columns; one for one where it is one of each."""
    more = tuple(name for name in theirs if name not in ours)
    less = (*(name for name in ours if name not in theirs), *minus)
    if more and len(less) == 1 and not minus:
        yield f"{verb} {_sum(more)}, not {_sum(less)}", more, less
        return
    for name in more:
        yield f"{verb} {_word(name)}, too", (name,), ()
    for name in less:
        yield f"not {verb} {_word(name)}", (), (name,)


def _sum(columns: tuple[str, ...]) -> str:
    return " + ".join(map(_word, columns))


def _theirs(slices: Slices, kpi: Kpi, line: Line, telling: Telling) -> Counted:
    if line.unknown:
        return Counted(formula="unknown", numerator=None, n=None, value=None, why_null=line.unknown)
    empty = f"there are no {_sum(line.denominator)}"
    theirs = replace(kpi, numerator=line.numerator, denominator=line.denominator, empty=empty)
    found = compute(slices, theirs, telling)
    if line.minus:
        taken = compute(slices, replace(theirs, denominator=line.minus), telling)
        n = int(found.n[0]) - int(taken.n[0])
        return _of(int(found.numerator[0]), n, found.why[0] or (empty if n <= 0 else None), _text(line))
    return _counted(found, _text(line))


def _counted(figures: Figures, formula: str) -> Counted:
    return _of(int(figures.numerator[0]), int(figures.n[0]), figures.why[0], formula)


def _of(numerator: int, n: int, why: str | None, formula: str) -> Counted:
    if why:
        return Counted(formula=formula, numerator=None, n=None, value=None, why_null=why)
    return Counted(formula=formula, numerator=numerator, n=n, value=numerator / n)


def _text(line: Line) -> str:
    return _formula(line.numerator, line.denominator) + "".join(f" − {_word(name)}" for name in line.minus)


def _formula(numerator: tuple[str, ...], denominator: tuple[str, ...]) -> str:
    return f"{_sum(numerator)} / {_sum(denominator)}"


def _word(column: str) -> str:
    return column.replace("_", " ")


def to_dict(found: AsOthers) -> dict[str, Any]:
    """Plain JSON values."""
    return msgspec.to_builtins(found)  # type: ignore[no-any-return]
