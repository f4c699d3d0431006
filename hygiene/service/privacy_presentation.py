"""What was forgotten of people, and what is held of one, as sections."""

from __future__ import annotations

import json
from typing import Any

from hygiene.render.sections import Block, Cell, Document, Headline, Paragraph, Section, Table, Tone
from hygiene.service.privacy import Forgotten, Held
from hygiene.service.story import WorkspaceStory

_TITLES = {
    "suppression": "On the suppression list",
    "opt_outs": "Lists left",
    "consents": "Consent",
    "mails": "Mails",
    "events": "What happened to them",
}


def forgotten_document(done: Forgotten) -> Document:
    """How much; not who."""
    rows = tuple((Cell(name), Cell(f"{count:,}")) for name, count in done.rows.items())
    blocks: list[Block] = [Table(columns=("table", "rows"), rows=rows, align="lr")]
    if done.stopped:
        blocks.append(Paragraph(f"{done.stopped:,} of the mails had not been sent, and will not be."))
    if not done.wiped:
        warning = (
            "Another program has the store open: copies of old rows may remain until this is run without it."
        )
        blocks.append(Paragraph(warning, Tone.WARN))
    return Document(
        headline=Headline(
            subject="erased",
            verdict=f"{done.people:,} {'person' if done.people == 1 else 'people'}",
            tone=Tone.GOOD,
            note="only keyed hashes are left, which keep them from being mailed again",
        ),
        sections=(Section(title="No longer named", blocks=tuple(blocks)),),
    )


def forgotten_data(done: Forgotten) -> dict[str, Any]:
    """The same for JSON."""
    return {"people": done.people, "rows": done.rows, "stopped": done.stopped, "wiped": done.wiped}


def held_document(held: Held) -> Document:
    """Everything, a table for each kind."""
    found = {name: rows for name, rows in held.to_dict().items() if name in _TITLES and rows}
    total = sum(map(len, found.values()))
    return Document(
        headline=Headline(
            subject=held.address,
            verdict=f"{total:,} entries" if total else "nothing is held",
            tone=Tone.PLAIN,
        ),
        sections=tuple(Section(title=_TITLES[name], blocks=(_table(rows),)) for name, rows in found.items()),
    )


def story_document(story: WorkspaceStory) -> Document:
    """Whether the next mails would reach an address, why not, and all that happened."""
    reached = story.would_reach("marketing")
    rows = tuple(
        (
            Cell(stream),
            Cell("yes", Tone.GOOD) if not why else Cell("no", Tone.BAD),
            Cell(f"the workspace says: {why}" if why else "nothing in the workspace forbids it"),
        )
        for stream, why in story.because.items()
    )
    table = Table(columns=("next mail of", "would go out", ""), rows=rows, align="lll")
    return Document(
        headline=Headline(
            subject=story.address,
            verdict="the next campaign would reach it" if reached else "the next campaign would not reach it",
            tone=Tone.GOOD if reached else Tone.BAD,
            note="" if story.known else "nothing is held of it: it would go out if a cleaned list has it",
        ),
        sections=(Section(title="Would it be mailed?", blocks=(table,)), *held_document(story.held).sections),
    )


def _table(rows: list[dict[str, Any]]) -> Table:
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    cells = tuple(tuple(Cell(_text(row.get(name, "")), code=True) for name in columns) for row in rows)
    return Table(columns=columns, rows=cells, align="l" * len(columns))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
