"""A measurement as sections: is the mail fine, which figures say so, what is behind them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from hygiene.metrics.account_presentation import account_sections, counting_section, counts_section
from hygiene.metrics.actions import Action, actions_of
from hygiene.metrics.as_others import Difference
from hygiene.metrics.benchmarks import industry, profiles
from hygiene.metrics.charts_presentation import (
    compared_sections,
    time_sections,
    with_pictures,
)
from hygiene.metrics.cohorts_presentation import cohort_sections
from hygiene.metrics.funnel_presentation import funnel_sections
from hygiene.metrics.judgement import unproven
from hygiene.metrics.kpis import KPIS, KpiValue, Unit, Verdict
from hygiene.metrics.measured import Kpis
from hygiene.metrics.slices_presentation import slice_sections
from hygiene.metrics.subjects.presentation import subject_sections
from hygiene.metrics.tiles_presentation import TONES, tiles, tone_of, value_text
from hygiene.metrics.words import counted, day_text, duration_text, points_text, rate_text
from hygiene.render.figures import unbroken
from hygiene.render.sections import (
    Block,
    Cell,
    Document,
    FindingList,
    Headline,
    Paragraph,
    Section,
    Table,
    Tone,
)

TITLE: Final = "Mail measured"

_ABOUT: Final = {
    "complaint_rate_delivered": "complaints",
    "complaint_rate_fbl": "complaints",
    "bounce_rate": "bounces",
    "hard_bounce_rate": "hard bounces",
    "delivery_rate": "delivery",
    "open_rate_human": "opens",
    "open_rate_all": "opens",
    "click_rate_human": "clicks",
    "click_rate_all": "clicks",
    "unsubscribe_rate": "opt-outs",
}


def document(kpis: Kpis) -> Document:
    """The whole page of a measurement."""
    return Document(headline=_headline(kpis), sections=tuple(_sections(kpis)), footer=_footer(kpis))


def _sections(kpis: Kpis) -> Iterator[Section]:
    yield Section(title="", blocks=tuple(_figures(kpis)))
    if steps := tuple(_step(number, action) for number, action in enumerate(actions_of(kpis), 1)):
        yield Section(title="What to do next", blocks=(Table(rows=steps, align="lll"),))
    yield from slice_sections(kpis)
    yield from subject_sections(kpis)
    if findings := kpis.findings():
        faults = tuple(each for each in findings if not each.unknown)
        if faults:
            yield Section(title="What missed its aim", blocks=(FindingList(faults),))
    yield from time_sections(kpis)
    yield from funnel_sections(kpis)
    yield from compared_sections(kpis)
    yield from cohort_sections(kpis)
    if kpis.causes is not None:
        yield from (with_pictures(kpis, section) for section in kpis.causes.sections())
    if kpis.others is not None:
        yield _as_others(kpis)
    yield _beside(kpis)
    yield _definitions(kpis)
    yield counts_section(kpis)
    yield from account_sections(kpis)
    yield counting_section(kpis)


def _step(number: int, action: Action) -> tuple[Cell, ...]:
    return Cell(f"{number}"), Cell(action.what), Cell(unbroken(action.why), Tone.MUTED)


# the verdict


def _headline(kpis: Kpis) -> Headline:
    judged = [value for value in kpis.overall if value.benchmark]
    missed = [value for value in judged if value.verdict is Verdict.MISSED]
    unsure = [value for value in judged if value.verdict in {Verdict.NOT_PROVEN, Verdict.NONE}]
    met = len(judged) - len(missed) - len(unsure)
    slices = [value for value in kpis.by_slice if value.verdict is Verdict.MISSED]
    note = [f"{len(missed)} missed"] if missed else []
    note += [f"{len(unsure)} not proven"] if unsure else []
    tone = Tone.BAD if missed else Tone.WARN if slices else Tone.UNKNOWN if unsure else Tone.GOOD
    return Headline(
        subject=_subject(kpis),
        verdict=f"{met} of {len(judged)}",
        label="met",
        tone=tone,
        note=" · ".join(note),
        sentence=_sentence(kpis, missed, slices),
    )


def _subject(kpis: Kpis) -> str:
    names = [name.rstrip("/").rpartition("/")[2] for name in kpis.account.files]
    if len(names) < 2:
        return names[0] if names else "a table of events"
    return f"{names[0]} and {len(names) - 1} more"


def _sentence(kpis: Kpis, missed: Sequence[KpiValue], slices: Sequence[KpiValue]) -> str:
    sent = int(kpis.total.sums(["sent"])[0])
    if not sent:
        return f"{_span(kpis)} No mail was sent, as far as the log tells."
    said = [_span(kpis)]
    for value in missed:
        said.append(
            f"{_about(value).capitalize()}: {rate_text(value.value or 0.0)}, and the aim is {value.benchmark}."
        )
    if not missed and slices:
        said.append(f"All mail together misses no aim, but {_slices_text(kpis, slices)}.")
    return unbroken(" ".join(said))


def _about(value: KpiValue) -> str:
    return _ABOUT.get(value.name, KPIS[value.name].title)


def _slices_text(kpis: Kpis, missed: Sequence[KpiValue]) -> str:
    number = len({tuple(value.slice.values()) for value in missed})
    word = kpis.settings.by[0] if len(kpis.settings.by) == 1 else "slice"
    return counted(number, f"{word} does", f"{word}s do")


def _span(kpis: Kpis) -> str:
    """What was sent when, and by whom: `Amazon SES, 4,240 mails, 1 Sep 2026 to 20 Nov 2026 (UTC).`"""
    from hygiene.metrics.local_time import read_zone

    account, zone = kpis.account, read_zone(kpis.settings.timezone)
    sent = int(kpis.total.sums(["sent"])[0])
    parts = [" and ".join(account.platforms), counted(sent, "mail") + " sent"]
    if account.first_us is not None and account.last_us is not None:
        first, last = day_text(account.first_us, zone), day_text(account.last_us, zone)
        parts.append(f"{first if first == last else f'{first} to {last}'} ({kpis.settings.timezone})")
    return ", ".join(part for part in parts if part) + "."


# the figures of all mail


def _figures(kpis: Kpis) -> Iterator[Block]:
    by_name = {value.name: value for value in kpis.overall}
    yield tiles(kpis)
    for value in kpis.overall:
        if said := _said(value):
            yield Paragraph(unbroken(f"{_about(value)}: {said}"), tone_of(value))
    if note := _footnote(kpis, by_name):
        yield Paragraph(unbroken(note), Tone.MUTED)


def _said(value: KpiValue) -> str:
    """What is to be said of a figure that is held against a benchmark, besides its verdict."""
    if not value.benchmark or value.verdict is Verdict.MISSED:
        return ""
    if value.why_null:
        return f"no figure, as {value.why_null}"
    if value.verdict is Verdict.NOT_PROVEN:
        return _unproven(value)
    return value.note or ""


def _unproven(value: KpiValue) -> str:
    if value.needed is None:
        return f"{value.benchmark} is not proven yet; {value.note or 'the rate lies on the threshold'}"
    mails = counted(value.needed, "more mail", "more mails")
    note = f"; {value.note}" if value.note else ""
    return f"{value.benchmark} is not proven yet; {mails} at this rate would prove it {value.leans}{note}"


def _aside(text: str) -> Cell:
    """What stands beside a figure; without a text nothing, as an empty muted cell has the mark of absence."""
    return Cell(text, Tone.MUTED if text else Tone.PLAIN)


def _verdict_text(value: KpiValue) -> str:
    """The verdict and what is to be said with it."""
    if value.why_null:
        return value.why_null
    if value.verdict is Verdict.NOT_PROVEN:
        needed = (
            f"not proven yet: {value.needed:,} more would" if value.needed is not None else "not proven yet"
        )
        return f"{needed}; {value.note}" if value.note else needed
    words = [value.verdict.value] if value.verdict is not Verdict.NONE else []
    return "; ".join([*words, *([value.note] if value.note else [])])


def _footnote(kpis: Kpis, values: dict[str, KpiValue]) -> str:
    """Both counts of opens and clicks: never one of them silently."""
    human = kpis.settings.human
    said = []
    for family, what in (("open", "opens"), ("click", "clicks")):
        other = values[f"{family}_rate_{'all' if human else 'human'}"]
        if other.value is not None:
            said.append(f"{what} {rate_text(other.value)}")
    if not said:
        return ""
    if human:
        return f"* by people, as far as can be told; with machines {' and '.join(said)}"
    return f"* machines included; by people, as far as can be told, {' and '.join(said)}"


# as others count, and beside it


def _as_others(kpis: Kpis) -> Section:
    others = kpis.others
    assert others is not None  # noqa: S101 - asked for only then
    rows = []
    for each in others.differences:
        ours = "–" if each.ours.value is None else rate_text(each.ours.value)
        theirs = "unknown" if each.theirs.value is None else rate_text(each.theirs.value)
        tone = Tone.UNKNOWN if each.theirs.value is None else Tone.PLAIN
        formula = each.why if each.theirs.value is None else f"{_sums(each.theirs.formula, each)}; {each.why}"
        rows.append((Cell(each.title), Cell(ours), Cell(theirs, tone), Cell(formula, Tone.MUTED)))
    blocks: list[Block] = [
        Table(columns=("", "ours", others.title, "theirs, and why"), rows=tuple(rows), align="lrrl")
    ]
    if steps := tuple(_step_rows(others.differences)):
        blocks.append(Table(columns=("from ours to theirs", "", "points"), rows=steps, align="llr"))
    blocks.append(Paragraph(f"{others.source}, as of {others.as_of}. {others.rest}", Tone.MUTED))
    return Section(title=f"As {others.title} would count it", blocks=tuple(blocks))


def _step_rows(differences: Sequence[Difference]) -> Iterator[tuple[Cell, ...]]:
    """What makes each difference, line by line; the lines of a figure add up to it."""
    for each in differences:
        for at, step in enumerate(each.steps):
            yield Cell("" if at else each.title), Cell(step.what, Tone.MUTED), Cell(points_text(step.change))
        if len(each.steps) > 1:
            total = (each.theirs.value or 0.0) - (each.ours.value or 0.0)
            yield Cell(""), Cell("together"), Cell(points_text(total))


def _sums(formula: str, difference: object) -> str:
    theirs = difference.theirs  # type: ignore[attr-defined]
    return f"{formula} = {theirs.numerator:,} / {theirs.n:,}"


def _beside(kpis: Kpis) -> Section:
    """What the other profiles would say, and what others report as usual."""
    rows: list[tuple[Cell, ...]] = []
    for profile in profiles().values():
        if profile.name == kpis.profile.name:
            continue
        for value in kpis.values_against(profile):
            if value.benchmark:
                rows.append(
                    (
                        Cell(profile.name),
                        Cell(KPIS[value.name].title),
                        Cell(value_text(kpis, value), TONES[value.verdict]),
                        Cell(value.benchmark),
                        _aside(_verdict_text(value)),
                    )
                )
    blocks: list[Block] = [Table(columns=("profile", "", "", "aim", ""), rows=tuple(rows), align="llrll")]
    blocks += [
        Table(columns=("others report", "", "", "whose definition"), rows=tuple(_industry()), align="llrl")
    ]
    sources = "; ".join(f"{each.name}: {each.title}, {each.as_of}" for each in profiles().values())
    blocks.append(Paragraph(f"{sources}.", Tone.MUTED))
    return Section(title="Beside other benchmarks", blocks=tuple(blocks), detail=True)


def _industry() -> Iterator[tuple[Cell, ...]]:
    for one in industry():
        for at, (name, figure) in enumerate(one.figures.items()):
            said = f"{one.whose}. {one.source}" if not at else ""
            yield (
                Cell(one.name if not at else ""),
                Cell(KPIS[name].title),
                Cell(rate_text(figure)),
                _aside(said),
            )


def _definitions(kpis: Kpis) -> Section:
    """Every KPI with its numerator and denominator: what a page must say to be signed."""
    rows = []
    for value in kpis.overall:
        kpi = KPIS[value.name]
        if value.value is None:
            counts = "–"
        elif kpi.unit is Unit.MONEY:
            counts = f"{(value.numerator or 0) / 1e6:,.2f} / {value.n:,}"
        else:
            counts = f"{value.numerator:,} / {value.n:,}"
        reason = f"No figure: {value.why_null}. " if value.why_null else ""
        unsure = f" {unproven(value)}" if value.verdict is Verdict.NOT_PROVEN else ""
        rows.append(
            (
                Cell(kpi.name),
                Cell(value_text(kpis, value), TONES[value.verdict]),
                Cell(counts),
                Cell(f"{reason}{kpi.definition}{unsure}", Tone.MUTED),
            )
        )
    blocks: list[Block] = [
        Table(columns=("figure", "", "counts", "definition"), rows=tuple(rows), align="lrrl")
    ]
    if times := tuple(_times(kpis)):
        blocks.append(Table(columns=("half of the mails", "", "nine in ten", ""), rows=times, align="lrrl"))
    return Section(title="Every figure and its definition", blocks=tuple(blocks), detail=True)


def _times(kpis: Kpis) -> Iterator[tuple[Cell, ...]]:
    from hygiene.metrics.durations import ABOUT

    for each in kpis.delays:
        about = ABOUT[each.name]
        said = about.definition if each.why_null is None else f"No figure: {each.why_null}. {about.definition}"
        yield (
            Cell(about.title),
            Cell("–" if each.median_s is None else duration_text(each.median_s)),
            Cell("–" if each.p90_s is None else duration_text(each.p90_s)),
            Cell(said, Tone.MUTED),
        )


def _footer(kpis: Kpis) -> str:
    return (
        f"benchmarks: {kpis.profile.name} ({kpis.profile.as_of}) · how a figure is defined: "
        "hygiene explain open_rate · all of it: --verbose, --format json"
    )
