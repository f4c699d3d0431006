"""A lint as sections: what to mend first, then the rest, then what was looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hygiene.finding import Severity, inside_sentence
from hygiene.render.sections import Cell, Document, FindingList, Headline, Section, Table, Tone

if TYPE_CHECKING:
    from hygiene.content.lint import Lint


def document(lint: Lint) -> Document:
    """The whole page of one mail."""
    return Document(headline=_headline(lint), sections=tuple(_sections(lint)), footer=_footer(lint))


def _headline(lint: Lint) -> Headline:
    serious = [each for each in lint.faults if each.severity.rank <= Severity.MEDIUM.rank]
    small = [each for each in lint.faults if each.severity is Severity.LOW]
    worst = lint.faults[0].severity if lint.faults else Severity.INFO
    first = next(iter([*serious, *small]), None)
    verdict, tone = "ready", Tone.GOOD
    if worst.rank <= Severity.HIGH.rank:
        verdict, tone = "mend first", Tone.BAD
    elif serious:
        verdict, tone = "could be better", Tone.WARN
    elif not lint.judged or lint.unknowns:
        verdict, tone = ("ready as far as known", Tone.UNKNOWN) if lint.judged else ("not judged", Tone.UNKNOWN)
    return Headline(
        subject=lint.name,
        verdict=verdict,
        tone=tone,
        note=_counts(lint),
        sentence=f"First to mend: {inside_sentence(first.title)}."
        if first
        else "Nothing stands against sending it.",
    )


def _counts(lint: Lint) -> str:
    found = Counter(finding.severity for finding in lint.faults)
    parts = [f"{found[severity]} {severity}" for severity in Severity if found[severity]]
    return " · ".join([*parts, *([f"{len(lint.unknowns)} unknown"] if lint.unknowns else [])])


def _sections(lint: Lint) -> Iterator[Section]:
    urgent = tuple(finding for finding in lint.findings if finding.severity is not Severity.INFO)
    notes = tuple(finding for finding in lint.findings if finding.severity is Severity.INFO)
    if urgent:
        yield Section(title="What to mend", blocks=(FindingList(urgent),))
    yield Section(title="What was looked at", blocks=(Table(rows=tuple(_facts(lint))),))
    if notes:
        yield Section(title="Notes", blocks=(FindingList(notes),), detail=True)
    if lint.not_judged:
        rows = tuple((Cell(name), Cell(reason, Tone.MUTED)) for name, reason in lint.not_judged.items())
        yield Section(title="Rules not applied", blocks=(Table(rows=rows),), detail=True)


def _facts(lint: Lint) -> Iterator[tuple[Cell, ...]]:
    content = lint.content
    if content.subject is not None:
        yield (
            Cell("subject"),
            Cell(_short(content.subject), code=True),
            _aside(f"{len(content.subject)} characters"),
        )
    if content.preheader is not None:
        how = "" if content.preheader.hidden else ", the first words of the body"
        aside = f"{len(content.preheader.text)} characters{how}"
        yield (Cell("preheader"), Cell(_short(content.preheader.text), code=True), _aside(aside))
    if content.page is not None:
        page = content.page
        counts = f"{len(page.words):,} characters shown · images: {len(page.images)} · links: {len(page.links)}"
        yield (Cell("HTML"), Cell(f"{content.html_bytes / 1000:,.1f} kB"), _aside(counts))
    if content.text is not None:
        yield (Cell("text"), Cell(f"{len(content.text):,} characters"), Cell(""))


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"


def _aside(text: str) -> Cell:
    return Cell(text, Tone.MUTED)


def _footer(lint: Lint) -> str:
    parts = [f"{lint.judged} rules applied"]
    if lint.not_judged:
        parts.append(f"{len(lint.not_judged)} not: " + "; ".join(dict.fromkeys(lint.not_judged.values())))
    return " · ".join(parts)
