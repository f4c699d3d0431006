"""The story of an address as sections: mailed or not, then why, then what would change it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hygiene.contacts.flags import FLAGS
from hygiene.contacts.folder import CLEAN
from hygiene.contacts.reasons import Step
from hygiene.contacts.sought import Match
from hygiene.contacts.why import StoryRow, Verdict
from hygiene.domain import to_ascii
from hygiene.render.sections import Block, Cell, Document, Headline, Paragraph, Section, Table, Tone

if TYPE_CHECKING:
    from hygiene.contacts.why import Story

_MOST_ROWS = 20  # of one person, shown
_MATCHES = {
    Match.SAME: "",
    Match.MAILBOX: "another spelling of the mailbox",
    Match.MENTION: "holds the address among other things",
}
_VERDICTS = {
    Verdict.MAILED: ("mailed", Tone.GOOD),
    Verdict.OTHER_SPELLING: ("not mailed as such", Tone.WARN),
    Verdict.NOT_MAILED: ("not mailed", Tone.BAD),
    Verdict.NOT_FOUND: ("not in this cleaning", Tone.UNKNOWN),
}


def document(story: Story) -> Document:
    """The whole page of one address."""
    return Document(headline=_headline(story), sections=tuple(_sections(story)), footer=_footer(story))


def _headline(story: Story) -> Headline:
    verdict, tone = _VERDICTS[story.verdict]
    notes = story.reasons if story.verdict is Verdict.NOT_MAILED else ()
    return Headline(
        subject=_subject(story),
        verdict=verdict,
        tone=tone,
        note=" · ".join(notes),
        sentence=_sentence(story),
    )


def _subject(story: Story) -> str:
    """The address, with the domain as DNS has it where the two differ."""
    domain = story.address.rpartition("@")[2]
    if not domain or domain.isascii():
        return story.address or story.asked.strip()
    return f"{story.address} ({to_ascii(domain)})"


def _sentence(story: Story) -> str:
    cleaning, kept = story.folder, story.kept
    if story.verdict is Verdict.NOT_FOUND:
        files = len(cleaning.manifest.inputs)
        held = f"None of the {_counted(cleaning.rows, 'row')} of {_counted(files, 'file')} holds it."
        return f"{held} It is no address: {_sentence_end(story.fault)}" if story.fault else held
    if kept and story.verdict is Verdict.MAILED:
        others = sum(not row.kept for row in story.rows)
        said = f"It is in {CLEAN}" + (
            f", and mail goes to {kept.mail_to}" if kept.mail_to != kept.address else ""
        )
        return (
            f"{said}. {_counted(others, 'other row')} of the person gave way to it." if others else f"{said}."
        )
    if kept:
        return f"It is another spelling of a mailbox that is mailed as {kept.mail_to}."
    meanings = dict.fromkeys(row.about.meaning for row in story.rows if row.about)
    return " ".join(f"{meaning[:1].upper()}{meaning[1:]}." for meaning in meanings)


def _sentence_end(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _sections(story: Story) -> Iterator[Section]:
    if story.warnings:
        blocks = tuple(Paragraph(warning, Tone.WARN) for warning in story.warnings)
        yield Section(title="Take care", blocks=blocks)
    if story.rows:
        yield Section(title="What happened to its rows", blocks=tuple(_rows(story)))
    if flags := tuple(_flags(story)):
        yield Section(title="What to know about it", blocks=(Table(rows=flags),))
    if remedies := tuple(_remedies(story)):
        yield Section(title="What would change it", blocks=(Table(rows=remedies),))
    if behind := tuple(_behind(story)):
        yield Section(title="What was behind it", blocks=(Table(rows=behind),))


def _rows(story: Story) -> Iterator[Block]:
    rows = story.rows[:_MOST_ROWS]
    yield Table(columns=("row", "address", "outcome", "because"), rows=tuple(map(_row, rows)))
    if len(story.rows) > _MOST_ROWS:
        yield Paragraph(f"and {len(story.rows) - _MOST_ROWS:,} more: --format json names them all", Tone.MUTED)


def _row(row: StoryRow) -> tuple[Cell, ...]:
    gave_way = bool(row.kept_row)  # no fault: the person is mailed
    outcome = Cell(f"{row.step}: {row.reason}", Tone.MUTED if gave_way else Tone.BAD)
    outcome = Cell("kept", Tone.GOOD) if row.kept else outcome
    because = [row.detail, f"kept instead: {row.kept_row}" if row.kept_row else "", _MATCHES[row.match]]
    return (
        Cell(_place(row)),
        Cell(row.address, code=True),
        outcome,
        Cell(" · ".join(filter(None, because)), Tone.MUTED),
    )


def _place(row: StoryRow) -> str:
    """Where the row stands: in its file, else in clean.csv."""
    if row.file and row.line is not None:
        return f"{row.file}:{row.line}"
    return row.file or f"{CLEAN}, row {row.clean_row or 0:,}"


def _flags(story: Story) -> Iterator[tuple[Cell, ...]]:
    for row in story.rows:
        for flag in row.flags:
            meant = f": {row.suggestion}?" if flag == "mistyped" and row.suggestion else ""
            yield Cell(flag, Tone.WARN), Cell(f"{FLAGS.get(flag, '')}{meant}")


def _remedies(story: Story) -> Iterator[tuple[Cell, ...]]:
    seen = {row.reason: row for row in reversed(story.rows) if row.about}
    for reason in story.reasons if not story.kept else ():
        if reason in seen and (about := seen[reason].about):
            asked = "" if about.permanent else _not_asked(about.step)
            yield Cell(reason), Cell(about.remedy), Cell(asked, Tone.MUTED)


def _not_asked(step: Step) -> str:
    """The first objection ends the questions: later ones might still have been raised."""
    order = [one for one in Step if one not in {Step.READ, Step.DEDUPLICATE}]
    later = order[order.index(step) + 1 :] if step in order else []
    return f"still to be asked then: {', '.join(later)}" if later else ""


def _behind(story: Story) -> Iterator[tuple[Cell, ...]]:
    manifest = story.folder.manifest
    for name, value in story.policy.items():
        yield Cell("policy"), Cell(f"{name} = {_written(value)}", code=True), _aside(_counted_from(story, name))
    for name, version in story.versions.items():
        yield Cell("package"), Cell(f"{name} {version}", code=True), _aside("")
    if story.kept or "suppressed" in story.reasons:
        for one in manifest.lists:
            yield (
                Cell("list"),
                Cell(one.name, code=True),
                _aside(f"{_counted(one.entries, 'entry', 'entries')} · sha256 {one.sha256[:12]}"),
            )


def _aside(text: str) -> Cell:
    return Cell(text, Tone.MUTED if text else Tone.PLAIN)


def _counted_from(story: Story, name: str) -> str:
    manifest = story.folder.manifest
    counts = name == "inactive_after" and story.policy[name] is not None
    return f"counted from {manifest.as_of}" if counts and manifest.as_of else ""


def _written(value: object) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _counted(number: int, word: str, words: str = "") -> str:
    return f"{number:,} {word if number == 1 else words or word + 's'}"


def _footer(story: Story) -> str:
    manifest = story.folder.manifest
    return " · ".join(
        [
            str(story.folder.path),
            f"cleaned {manifest.made_at} with hygiene {manifest.hygiene}",
            f"{_counted(story.folder.rows, 'row')} of {_counted(len(manifest.inputs), 'file')}",
        ]
    )
