"""What was done to the workspace's list, as sections and as JSON; only an export shows anybody's address."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from hygiene.contacts.suppression.entries import ReadNote
from hygiene.contacts.suppression.workspace import Added, Erased, Export
from hygiene.render.sections import Block, Cell, Document, Headline, Paragraph, Section, Table, Tone
from hygiene.suppression_forms import Form, Reason, written_value

SUBJECT = "suppression list"


def added_document(added: Added) -> Document:
    """What was added, what was there already, and the lines that were no entry."""
    blocks: list[Block] = [Paragraph(_unreadable(note), Tone.WARN) for note in added.notes if note.unreadable]
    if added.erased:
        blocks.append(
            Paragraph(f"{_entries(added.erased)} of people who were erased: still listed, by hash only.")
        )
    return Document(
        headline=Headline(
            subject=SUBJECT,
            verdict=f"{added.added:,} added",
            tone=Tone.GOOD,
            note=f"{added.listed:,} already listed",
        ),
        sections=(Section(title="Not added", blocks=tuple(blocks)),) if blocks else (),
    )


def added_data(added: Added) -> dict[str, Any]:
    """The same for JSON."""
    return {
        "added": added.added,
        "already_listed": added.listed,
        "erased": added.erased,
        "files": [
            {
                "file": note.source,
                "entries": note.entries,
                "unreadable": note.unreadable,
                "first_unreadable_lines": list(note.lines),
            }
            for note in added.notes
        ],
    }


def erased_document(erased: Erased) -> Document:
    """How many people were erased; not who."""
    warning = Paragraph(
        "Another program has the store open, so copies of deleted entries may remain in its file until "
        "`hygiene suppress erase` is run again without it.",
        Tone.WARN,
    )
    return Document(
        headline=Headline(
            subject=SUBJECT,
            verdict=f"{erased.people:,} erased",
            tone=Tone.GOOD if erased.wiped else Tone.WARN,
            note=f"{_entries(erased.replaced)} replaced by keyed hashes",
            sentence="They stay suppressed as long as the key is kept.",
        ),
        sections=() if erased.wiped else (Section(title="Not finished", blocks=(warning,)),),
    )


def erased_data(erased: Erased) -> dict[str, Any]:
    """The same for JSON."""
    return {"erased": erased.people, "replaced": erased.replaced, "wiped": erased.wiped}


def counts_document(counts: Mapping[tuple[Form, Reason], int]) -> Document:
    """How many entries of each form there are for each reason."""
    forms = tuple(dict.fromkeys(form for form, _ in counts))
    reasons = [reason for reason in reversed(Reason) if any((form, reason) in counts for form in forms)]
    rows = tuple(
        (Cell(reason.value), *(Cell(f"{counts.get((form, reason), 0):,}") for form in forms))
        for reason in reasons
    )
    table = Table(columns=("reason", *(form.value for form in forms)), rows=rows, align="l" + "r" * len(forms))
    return Document(
        headline=Headline(subject=SUBJECT, verdict=_entries(sum(counts.values())), tone=Tone.PLAIN),
        sections=(Section(title="Entries", blocks=(table,)),) if rows else (),
    )


def counts_data(counts: Mapping[tuple[Form, Reason], int]) -> dict[str, Any]:
    """The same for JSON."""
    found = [{"form": form, "reason": reason, "entries": number} for (form, reason), number in counts.items()]
    return {"entries": sum(counts.values()), "counts": found}


def export_csv(export: Export) -> str:
    """A CSV file that `hygiene suppress import` reads, and others: value, reason, since when, from where."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([export.form.value, "reason", "since", "source"])
    for entry in export.entries:
        value = written_value(export.form, entry.value)
        writer.writerow([value, entry.reason.value, entry.since.isoformat(), entry.source])
    return text.getvalue()


def export_data(export: Export) -> dict[str, Any]:
    """The same for JSON, with what was left out."""
    return {
        "form": export.form,
        "entries": [
            {
                "value": written_value(export.form, entry.value),
                "reason": entry.reason,
                "since": entry.since.isoformat(),
                "source": entry.source,
            }
            for entry in export.entries
        ],
        "left_out": dict(export.left_out),
    }


def left_out_note(export: Export) -> str:
    """One sentence on what an export could not hold; empty when it holds all."""
    if not export.left_out:
        return ""
    parts = ", ".join(f"{number:,} {kind}" for kind, number in export.left_out.items())
    erased = (
        "; people who were erased can only be exported with --form hmac" if "erased" in export.left_out else ""
    )
    return f"left out, as they cannot be written as {export.form.value}: {parts}{erased}"


def _unreadable(note: ReadNote) -> str:
    lines: Sequence[int] = note.lines
    more = ", …" if note.unreadable > len(lines) else ""
    word = "line is" if note.unreadable == 1 else "lines are"
    numbers = ", ".join(map(str, lines))
    return f"{note.source}: {note.unreadable:,} {word} no address, domain or hash (line {numbers}{more})."


def _entries(number: int) -> str:
    return f"{number:,} {'entry' if number == 1 else 'entries'}"
