"""Event logs as sections: what was read, of which kinds, and what was not understood."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from hygiene.metrics.words import counted
from hygiene.render.sections import Block, Cell, Document, Headline, Paragraph, Section, Table, Tone

if TYPE_CHECKING:
    from hygiene.events.report import EventReport, LogReport

_MOST_FILES: Final = 20  # that are listed, the largest
_MOST_WORDS: Final = 8


def document(report: EventReport) -> Document:
    """The whole page of a reading."""
    files = [file.name.rstrip("/").rpartition("/")[2] for file in report.files]
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    odd = report.unread + report.damaged + sum(report.unknown_words.values())
    return Document(
        headline=Headline(
            subject=f"{files[0]}{more}" if files else "no logs",
            verdict=f"{report.events:,}",
            label="events",
            tone=Tone.WARN if odd else Tone.GOOD,
            note=counted(len(report.files), "file"),
        ),
        sections=tuple(_sections(report)),
        footer=f"times without a zone are taken for {report.timezone}" if report.zoneless else "",
    )


def _sections(report: EventReport) -> Iterator[Section]:
    kinds = tuple((Cell(str(kind)), Cell(f"{count:,}")) for kind, count in report.kinds.items())
    if kinds:
        yield Section(title="Kinds of events", blocks=(Table(rows=kinds, align="lr"),))
    if odd := tuple(_odd(report)):
        yield Section(title="What was not understood", blocks=odd)
    rows = tuple(map(_file, sorted(report.files, key=lambda file: -file.events)[:_MOST_FILES]))
    hidden = len(report.files) - len(rows)
    table = Table(columns=("file", "events", "written by", "what was assumed"), rows=rows, align="lrll")
    blocks: tuple[Block, ...] = (table,)
    if hidden:
        blocks += (Paragraph(f"{counted(hidden, 'smaller file')} not shown", Tone.MUTED),)
    yield Section(title="Files", blocks=blocks)


def _odd(report: EventReport) -> Iterator[Block]:
    words = ", ".join(list(report.unknown_words)[:_MOST_WORDS])
    lines = (
        (sum(report.unknown_words.values()), f"events with words unknown here: {words}"),
        (report.unread, "records of no layout known here: see unread()"),
        (report.damaged, "damaged records: see unread()"),
        (report.undated, "events without a date"),
        (len(report.refused), f"files that are no logs: {'; '.join(report.refused[:_MOST_WORDS])}"),
    )
    rows = tuple((Cell(f"{number:,}"), Cell(what)) for number, what in lines if number)
    if rows:
        yield Table(rows=rows, align="rl")
    for note in report.notes:
        yield Paragraph(note, Tone.MUTED)


def _file(file: LogReport) -> tuple[Cell, ...]:
    written = ", ".join(file.layouts) or "–"
    return Cell(file.name), Cell(f"{file.events:,}"), Cell(written), Cell("; ".join(file.notes), Tone.PLAIN)
