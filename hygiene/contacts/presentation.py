"""A cleaning as sections: how many are safe to mail, then why the others are not, then what to do."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from hygiene.contacts.cleaned import Cleaned
from hygiene.contacts.people_presentation import people_sections
from hygiene.contacts.reasons import ABOUT, RejectReason, Step
from hygiene.contacts.sources_presentation import source_sections, subject_of
from hygiene.contacts.summary import Summary
from hygiene.render.figures import share_of, share_text
from hygiene.render.sections import (
    Block,
    Cell,
    Document,
    Headline,
    Paragraph,
    Part,
    Section,
    Split,
    Table,
    Tone,
)
from hygiene.status import Status

TITLE = "List cleaning"

_REMEDIES = 3  # reasons whose remedy is said
_MANY_DAMAGED = 0.01  # share of the rows from which the file as a whole is in doubt
_MOSTLY = 0.5
_DUPLICATES = (RejectReason.DUPLICATE, RejectReason.DUPLICATE_MAILBOX)
_SUPPRESSING = (
    RejectReason.COMPLAINED,
    RejectReason.UNSUBSCRIBED,
    RejectReason.BOUNCED,
    RejectReason.SUPPRESSED,
)
#: reasons behind which a mistake may stand that the sender can mend
_DOUBTFUL = (RejectReason.DAMAGED_LINE, RejectReason.UNREADABLE_STATUS)


def document(cleaned: Cleaned) -> Document:
    """The whole page of a cleaning."""
    return Document(headline=_headline(cleaned), sections=tuple(_sections(cleaned)), footer=_footer(cleaned))


def render_cleaning(cleaned: Cleaned) -> str:
    """The page as HTML."""
    from hygiene.render.page import render_page

    return render_page([document(cleaned)], title=TITLE)


def _sections(cleaned: Cleaned) -> Iterator[Section]:
    summary = cleaned.summary
    if cleaned.folder is None:
        yield Section(title="", blocks=(Paragraph(_unwritten(cleaned), Tone.WARN),))
    yield Section(title="", blocks=tuple(_outcome(cleaned)))
    if summary.rejected:
        title = f"Why {_counted(summary.rejected, 'row was', 'rows were')} rejected"
        yield Section(title=title, blocks=(_reasons(cleaned),))
    if steps := tuple(_next_steps(cleaned)):
        yield Section(title="What to do next", blocks=(Table(rows=steps),))
    yield from people_sections(cleaned)
    yield from source_sections(cleaned)


# the verdict


def _headline(cleaned: Cleaned) -> Headline:
    summary = cleaned.summary
    cautions = tuple(_cautions(summary))
    tone = Tone.WARN if cautions or _stopped(cleaned) else Tone.GOOD
    return Headline(
        subject=subject_of(summary),
        verdict=share_text(share_of(summary.kept, summary.rows)),
        label="kept",
        tone=tone if summary.kept else Tone.BAD,
        note=f"{summary.kept:,} of {_counted(summary.rows, 'row')}",
        sentence=" ".join([_verdict(summary), *cautions]),
    )


def _verdict(summary: Summary) -> str:
    if not summary.rows:
        return "There was no row to clean."
    if not summary.kept:
        return f"Nobody is left to mail. {_likely_cause(summary)}"
    if summary.kept == 1:
        return "1 row may be mailed, as far as the files tell."
    return f"{summary.kept:,} rows may be mailed, as far as the files tell."


def _likely_cause(summary: Summary) -> str:
    """The reason that took most; a duplicate only shares the fate of another row."""
    causes = {reason: count for reason, count in summary.reasons.items() if reason not in _DUPLICATES}
    if not causes:
        return ""
    reason, count = max(causes.items(), key=lambda item: item[1])
    about, share = ABOUT[reason], share_text(share_of(count, summary.rows))
    rows = _counted(count, "row")
    return (
        f"The likely cause is {reason.value}, {rows} ({share}): {about.meaning}. "
        f"What would change it: {about.remedy}."
    )


def _cautions(summary: Summary) -> Iterator[str]:
    damaged = summary.reasons.get(RejectReason.DAMAGED_LINE, 0)
    unknown = summary.statuses.get(Status.UNKNOWN.value, 0)
    if share_of(damaged, summary.rows) >= _MANY_DAMAGED:
        yield f"{_counted(damaged, 'line is', 'lines are')} damaged: look at the export before you mail."
    if words := summary.reasons.get(RejectReason.UNREADABLE_STATUS):
        yield f"{_counted(words, 'row has a status', 'rows have a status')} that is not understood here."
    if summary.kept and share_of(unknown, summary.rows) >= _MOSTLY:
        yield f"For {_counted(unknown, 'row')} no file says that the person agreed to your mail."


def _stopped(cleaned: Cleaned) -> bool:
    return cleaned.summary.life.pruned_share > cleaned.policy.max_removed


# the sum


def _outcome(cleaned: Cleaned) -> Iterator[Block]:
    summary, written = cleaned.summary, cleaned.lasting
    yield Split(
        (
            Part(
                label="kept",
                figure=f"{summary.kept:,}",
                share=share_of(summary.kept, summary.rows),
                tone=Tone.GOOD if summary.kept else Tone.BAD,
                note="clean.csv" if written else "",
            ),
            Part(
                label="rejected",
                figure=f"{summary.rejected:,}",
                share=share_of(summary.rejected, summary.rows),
                note="rejected.csv" if written else "",
            ),
        )
    )
    yield Paragraph(_sum(summary))


def _unwritten(cleaned: Cleaned) -> str:
    if not _stopped(cleaned):
        return "This was a dry run: nothing was written."
    life, limit = cleaned.summary.life, share_text(cleaned.policy.max_removed)
    return (
        f"Stopped, and nothing was written: pruning would take {_counted(life.inactive, 'person', 'people')} "
        f"({share_text(life.pruned_share)} of those who could be mailed), more than --max-removed {limit}."
    )


def _sum(summary: Summary) -> str:
    adds_up = summary.rows == summary.kept + summary.rejected
    sign, mark = ("=", "✓") if adds_up else ("≠", "✗")
    return f"{summary.rows:,} in {sign} {summary.kept:,} kept + {summary.rejected:,} rejected {mark}"


# the reasons


def _reasons(cleaned: Cleaned) -> Table:
    """Every reason in the order in which it is asked; a full bar would be all that were rejected."""
    summary = cleaned.summary
    return Table(
        columns=("reason", "rows", "of all", "", "what it means"),
        rows=tuple(
            (
                Cell(reason.value, Tone.WARN if reason in _DOUBTFUL else Tone.PLAIN),
                Cell(f"{count:,}"),
                Cell(share_text(share_of(count, summary.rows)), Tone.MUTED),
                Cell("", bar=share_of(count, summary.rejected)),
                Cell(_meaning(reason, cleaned)),
            )
            for reason, count in summary.reasons.items()
        ),
        align="lrrll",
    )


def _meaning(reason: RejectReason, cleaned: Cleaned) -> str:
    goes = " → winback.csv" if reason is RejectReason.INACTIVE and cleaned.lasting else ""
    return f"{ABOUT[reason].meaning}{goes}"


# what to do


def _next_steps(cleaned: Cleaned) -> Iterator[tuple[Cell, ...]]:
    summary, written = cleaned.summary, cleaned.lasting
    if _stopped(cleaned):
        yield Cell("go on"), Cell("raise --max-removed, or take a longer --inactive-after")
    elif not written:
        how = "clean again without --dry-run" if cleaned.folder is None else "clean again with an output folder"
        yield Cell("write the files"), Cell(how)
    if written:
        yield from _files_to_use(summary)
    yield from _remedies(summary)
    if written:
        yield Cell("ask about one"), Cell(f"hygiene why ADDRESS --in {_folder(cleaned)}", code=True)


def _files_to_use(summary: Summary) -> Iterator[tuple[Cell, ...]]:
    if summary.life.inactive:
        people = _counted(summary.life.inactive, "person", "people")
        yield Cell("winback.csv"), Cell(f"{people}: send one last mail, and keep who clicks")
    if summary.flags or summary.repaired:
        yield Cell("flagged.csv"), Cell("kept rows to look at, each with what is odd about it")
    if any(summary.reasons.get(reason) for reason in _SUPPRESSING):
        text = "addresses never to mail again: hand it to every other system that sends mail for you"
        yield Cell("suppressions.csv"), Cell(text)


def _remedies(summary: Summary) -> Iterator[tuple[Cell, ...]]:
    """What would let rows in, for the reasons that took most of those that somebody can do something about."""
    open_reasons = [reason for reason in summary.reasons if _is_mendable(reason)]
    greatest = sorted(open_reasons, key=lambda reason: -summary.reasons[reason])[:_REMEDIES]
    for reason in open_reasons:
        if reason in greatest:
            yield Cell(reason.value), Cell(ABOUT[reason].remedy)


def _is_mendable(reason: RejectReason) -> bool:
    about = ABOUT[reason]
    if reason is RejectReason.INACTIVE or about.step is Step.DEDUPLICATE:
        return False
    return not about.permanent or about.step in {Step.READ, Step.VALIDATE}


# the last line


def _footer(cleaned: Cleaned) -> str:
    as_of = f"reckoned from {cleaned.as_of:%Y-%m-%d}"
    if cleaned.folder is None or not cleaned.lasting:
        return as_of
    return f"{as_of} · page: {cleaned.folder / 'report.html'}"


def _folder(cleaned: Cleaned) -> str:
    """The folder as it is typed."""
    return shlex.quote(str(cleaned.folder))


def _counted(number: int, word: str, words: str = "") -> str:
    return f"{number:,} {word if number == 1 else words or word + 's'}"
