"""Two cleanings compared, as sections: the sum, who entered, who left, and what was different."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from hygiene.contacts.diff import ABSENT, KEPT, Shift
from hygiene.render.sections import Block, Cell, Document, Headline, Paragraph, Section, Table, Tone

if TYPE_CHECKING:
    from hygiene.contacts.diff import Changes

_SHOWN = 3  # examples in a row
_WORDS = {ABSENT: "not in the list", KEPT: "kept"}


def document(changes: Changes) -> Document:
    """The whole page of a comparison."""
    return Document(headline=_headline(changes), sections=tuple(_sections(changes)), footer=_footer(changes))


def _headline(changes: Changes) -> Headline:
    if not changes.shifts:
        kept = f"{_people(changes.kept_after)} kept, then and now."
        return Headline(subject=_subject(changes), verdict="nothing changed", tone=Tone.GOOD, sentence=kept)
    more = changes.kept_after - changes.kept_before
    parts = [f"{changes.entered:,} entered", f"{changes.left:,} left"]
    return Headline(
        subject=_subject(changes),
        verdict=f"{abs(more):,} {'fewer' if more < 0 else 'more'} mailed" if more else "as many mailed",
        tone=Tone.PLAIN,
        note=" · ".join([*parts, f"{changes.changed_reason:,} changed reason"]),
        sentence=f"{changes.kept_before:,} kept then + {changes.entered:,} entered − {changes.left:,} left"
        f" = {changes.kept_after:,} kept now ✓",
    )


def _subject(changes: Changes) -> str:
    return f"{changes.old.path} → {changes.new.path}"


def _sections(changes: Changes) -> Iterator[Section]:
    if changes.warnings:
        warnings = tuple(Paragraph(warning, Tone.WARN) for warning in changes.warnings)
        yield Section(title="Take care", blocks=warnings)
    kinds: tuple[tuple[str, str, Callable[[Shift], str | None]], ...] = (
        ("Entered", "before", lambda one: _word(one.before) if one.after == KEPT else None),
        ("Left", "now", lambda one: _gone(one.after) if one.before == KEPT else None),
        ("Changed reason", "from → to", _reasons),
        ("Came or went, and were never mailed", "from → to", _passers_by),
    )
    for title, column, label in kinds:
        if rows := tuple(_row(text, one) for one in changes.shifts if (text := label(one))):
            table = Table(columns=(column, "people", "such as"), rows=rows, align="lrl")
            yield Section(title=title, blocks=(table,))
    if blocks := tuple(_circumstances(changes)):
        yield Section(title="What was different", blocks=blocks)


def _row(text: str, shift: Shift) -> tuple[Cell, ...]:
    shown = ", ".join(shift.examples[:_SHOWN])
    more = ", …" if shift.people > _SHOWN else ""
    return Cell(text), Cell(f"{shift.people:,}"), Cell(f"{shown}{more}", code=True)


def _word(state: str) -> str:
    return _WORDS.get(state, state)


def _gone(state: str) -> str:
    return "no longer in the list" if state == ABSENT else state


def _reasons(shift: Shift) -> str | None:
    states = (shift.before, shift.after)
    return None if {KEPT, ABSENT} & set(states) else " → ".join(states)


def _passers_by(shift: Shift) -> str | None:
    states = (shift.before, shift.after)
    return " → ".join(map(_word, states)) if ABSENT in states and KEPT not in states else None


def _circumstances(changes: Changes) -> Iterator[Block]:
    rows = tuple(
        (Cell(name), Cell(old, code=True), Cell(new, code=True)) for name, old, new in changes.circumstances
    )
    if rows:
        yield Table(columns=("", "then", "now"), rows=rows)


def _people(number: int) -> str:
    return f"{number:,} {'person' if number == 1 else 'people'}"


def _footer(changes: Changes) -> str:
    old, new = changes.old.manifest, changes.new.manifest
    return (
        f"cleaned {old.made_at} and {new.made_at} · ask about one: hygiene why ADDRESS --in {changes.new.path}"
    )
