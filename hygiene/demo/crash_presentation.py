"""A crash test as sections."""

from __future__ import annotations

from hygiene.demo.crash import Toll
from hygiene.render.sections import Cell, Document, Headline, Section, Table, Tone


def document(toll: Toll) -> Document:
    """What was promised, and what was found."""
    bound = toll.kills * toll.connections
    rows = (
        _row("lost", toll.lost, "0", good=not toll.lost),
        _row("doubled", toll.doubled, "0", good=not toll.doubled),
        _row("in doubt", toll.doubts, f"at most {bound:,}", good=toll.doubts <= bound),
        _row(
            "in doubt by one kill",
            toll.most_in_doubt,
            f"at most {toll.connections}",
            good=toll.most_in_doubt <= toll.connections,
        ),
    )
    return Document(
        headline=Headline(
            subject="crash test",
            verdict="the promise holds" if toll.holds else "the promise is broken",
            tone=Tone.GOOD if toll.holds else Tone.BAD,
            note=f"{toll.mails:,} mails, {toll.kills} kills, {toll.connections} connections",
            sentence=f"{toll.doubts_accepted:,} of those in doubt had been taken by the server.",
        ),
        sections=(
            Section(title="Mails", blocks=(Table(columns=("", "found", "promised"), rows=rows, align="lrl"),)),
        ),
    )


def _row(name: str, found: int, promised: str, *, good: bool) -> tuple[Cell, ...]:
    return Cell(name), Cell(f"{found:,}", Tone.GOOD if good else Tone.BAD), Cell(promised)
