"""Support mail as sections: how soon people are answered, what is open, what they say, and by what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hygiene.metrics.words import counted, duration_text, range_text, rate_text
from hygiene.render.sections import Block, Cell, Document, Headline, Paragraph, Section, Table, Tone

if TYPE_CHECKING:
    from hygiene.metrics.support import Length, Part, Support, SupportGroup

_SHOWN = 40  # slices
_HOUR = 3_600  # seconds
_NONE = Cell("", Tone.MUTED)
_UNNAMED = "(not told)"


def document(support: Support) -> Document:
    """The whole page."""
    return Document(headline=_headline(support), sections=tuple(_sections(support)), footer=_footer(support))


def _headline(support: Support) -> Headline:
    whole = support.whole
    waiting = f"{whole.waiting:,} waiting for an answer" if whole.first_response.cases else ""
    return Headline(
        subject=", ".join(support.files),
        verdict=_time(whole.first_response.median.value) if whole.first_response.cases else "not told",
        label="first reply, median:",
        tone=Tone.PLAIN if whole.first_response.cases else Tone.UNKNOWN,
        note=" · ".join(word for word in (counted(whole.tickets, "ticket"), waiting) if word),
        sentence=_sentence(whole),
    )


def _sentence(whole: SupportGroup) -> str:
    length = whole.first_response
    if not whole.tickets:
        return "There is no ticket to measure."
    if not length.cases:
        return f"First response cannot be told: {length.why_null}."
    if length.median.value is None:
        return "Fewer than half of the customers were answered by a human so far, so there is no median."
    half = f"Half of the customers had a human reply within {duration_text(length.median.value)}"
    if length.p90.value is None:
        return f"{half}; fewer than nine in ten have had one so far."
    waiting = "; those still waiting are counted" if length.open else ""
    return f"{half}, nine in ten within {duration_text(length.p90.value)}{waiting}."


def _sections(support: Support) -> Iterator[Section]:
    whole = support.whole
    yield Section(title="How long it takes", blocks=(_lengths(whole), *_open_cases(whole)))
    yield Section(title="Reopened, and what customers say", blocks=(_parts(whole),))
    if len(support.groups) > 1:
        yield Section(title=f"By {' and '.join(support.by)}", blocks=tuple(_slices(support)))
    if blocks := tuple(_account(support)):
        yield Section(title="What was read", blocks=blocks)
    yield Section(title="How this is reckoned", blocks=(Paragraph(_method(support)),), detail=True)


def _lengths(whole: SupportGroup) -> Table:
    rows = (
        ("first response, wall clock", whole.first_response),
        ("first response, business hours", whole.first_response_business),
        ("resolution, wall clock", whole.resolution),
        ("resolution, business hours", whole.resolution_business),
    )
    return Table(
        columns=("", "median", "95 % interval", "90 % within", "over", "still open"),
        rows=tuple((Cell(name), *_length(length, "business" in name)) for name, length in rows),
        align="lrrrrr",
    )


def _length(length: Length, business: bool) -> tuple[Cell, ...]:
    if not length.cases:
        return Cell("not told", Tone.UNKNOWN), _NONE, _NONE, _NONE, _NONE
    median = length.median
    ends = "" if median.low is None else f"{_time(median.low, business)} – {_time(median.high, business)}"
    return (
        Cell(_time(median.value, business)),
        Cell(ends, Tone.MUTED),
        Cell(_time(length.p90.value, business)),
        Cell(f"{length.over:,}"),
        Cell(f"{length.open:,}"),
    )


def _time(seconds: float | None, business: bool = False) -> str:
    """A length of time; business hours are never said in days, as a day of them is no day."""
    if seconds is None:
        return "not reached"
    if business and seconds >= _HOUR:
        return f"{seconds / _HOUR:,.1f} h".replace(".0 ", " ")
    return duration_text(seconds) if seconds else "0 s"


def _open_cases(whole: SupportGroup) -> Iterator[Block]:
    if whole.backlog_oldest_age is not None and whole.backlog_median_age is not None:
        yield Paragraph(
            f"{counted(whole.open, 'ticket is', 'tickets are')} open: at the median for "
            f"{duration_text(whole.backlog_median_age)}, "
            f"the oldest for {duration_text(whole.backlog_oldest_age)}."
        )
    if whole.closed_unanswered:
        yield Paragraph(
            f"{counted(whole.closed_unanswered, 'ticket was', 'tickets were')} closed without a human reply.",
            Tone.WARN,
        )


def _parts(whole: SupportGroup) -> Table:
    rows = (
        ("reopened at least once", whole.reopened),
        ("satisfied: like 4 of 5 or better", whole.satisfaction),
        ("rated", whole.response),
    )
    return Table(
        columns=("", "share", "95 % interval", "", "of"),
        rows=tuple((Cell(name), *_part(part)) for name, part in rows),
        align="lrrrl",
    )


def _part(part: Part) -> tuple[Cell, ...]:
    if part.value is None or part.low is None or part.high is None:
        return Cell("not told", Tone.UNKNOWN), _NONE, _NONE, Cell(part.why_null or "", Tone.MUTED)
    return (
        Cell(rate_text(part.value)),
        Cell(range_text(part.low, part.high), Tone.MUTED),
        Cell(f"{part.k:,} of {part.n:,}"),
        Cell(part.of, Tone.MUTED),
    )


def _slices(support: Support) -> Iterator[Block]:
    groups = support.groups[1:]
    heads = ("tickets", "first reply", "90 %", "in business", "90 %", "resolved", "90 %", "open", "satisfied")
    yield Table(
        columns=(*support.by, *heads),
        rows=tuple(_slice(group, support) for group in groups[:_SHOWN]),
        align="l" * len(support.by) + "r" * len(heads),
    )
    if len(groups) > _SHOWN:
        yield Paragraph(f"{len(groups) - _SHOWN} more; JSON and CSV hold them all.", Tone.MUTED)
    yield Paragraph(
        "Medians of slices do not add up to the median of all; a slice with few tickets tells little.",
        Tone.MUTED,
    )


def _slice(group: SupportGroup, support: Support) -> tuple[Cell, ...]:
    names = (Cell(group.slice[name] or _UNNAMED) for name in support.by)
    lengths = ((group.first_response, False), (group.first_response_business, True), (group.resolution, False))
    times = (
        Cell(_time(one.value, business)) if length.cases else _NONE
        for length, business in lengths
        for one in (length.median, length.p90)
    )
    rated = group.satisfaction
    said = _NONE if rated.value is None else Cell(f"{rate_text(rated.value)} of {rated.n:,}")
    return (*names, Cell(f"{group.tickets:,}"), *times, Cell(f"{group.open:,}"), said)


def _account(support: Support) -> Iterator[Block]:
    aside = tuple((Cell(f"{count:,}"), Cell(why)) for why, count in support.set_aside.items())
    tickets = counted(support.whole.tickets, "ticket")
    yield Paragraph(f"{counted(support.records, 'record')} of {', '.join(support.layouts)}: {tickets}.")
    if aside:
        yield Table(columns=("set aside", "why"), rows=aside, align="rl")
    for note in support.notes:
        yield Paragraph(note, Tone.WARN)


def _method(support: Support) -> str:
    return (
        "First response runs from the customer's first message to the first human reply, resolution from it to "
        "the last closing. Automatic replies are none. What is open counts with the time it has taken so far "
        "(Kaplan-Meier); not reached means that too many are open to tell. A case closed without a reply stops "
        f"waiting then. Business hours: {support.business_hours}, {support.timezone}, without holidays."
    )


def _footer(support: Support) -> str:
    moment = f"as of {support.as_of:%Y-%m-%d %H:%M} · " if support.as_of else ""
    return f"{moment}{support.timezone} · business hours {support.business_hours}"
