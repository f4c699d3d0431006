"""The funnel of a measurement: how many mails were left after each step, and why some bounced."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hygiene.metrics.words import counted, rate_text
from hygiene.render.sections import Cell, Chart, ChartKind, Picture, Point, Scale, Section, Series, Table, Tone

if TYPE_CHECKING:
    from hygiene.metrics.measured import Kpis

_CLASSES: Final = {
    "hard": "hard: no mailbox",
    "soft": "soft: passing",
    "block": "block: refused",
    "undetermined": "of unknown class",
}
_OPENED: Final = "opened or clicked"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Step:
    """Mails left after a step, and of how many; `partly` where some of those before could not be seen."""

    label: str
    mails: int
    whole: int
    partly: bool = False

    @property
    def share(self) -> float | None:
        """Of those before, as far as it could be seen."""
        return self.mails / self.whole if self.whole else None

    @property
    def note(self) -> str:
        """The share in words."""
        if self.share is None:
            return ""
        whole = f"the {self.whole:,} with tracking" if self.partly else "those before"
        return f"{rate_text(self.share)} of {whole}"


def funnel_sections(kpis: Kpis) -> Iterator[Section]:
    """How many mails were left after each step, and how those bounced that were lost on the first."""
    steps = _steps(kpis)
    if not steps[0].mails:
        return
    points = tuple(
        Point(label=step.label, value=float(step.mails), figure=f"{step.mails:,}", note=step.note)
        for step in steps
    )
    drawn = Picture(
        title=f"From sent to {steps[-1].label}",
        kind=ChartKind.FUNNEL,
        scale=Scale.COUNT,
        series=(Series(points=points),),
        summary="; ".join(f"{step.label} {step.mails:,}" for step in steps) + ".",
    )
    bounces = _bounces(kpis)
    chart = Chart(
        pictures=(drawn, *_bounces_drawn(bounces)),
        tables=(_table(steps), *_bounces_table(bounces)),
        note=" ".join(_notes(steps)),
    )
    yield Section(title="What became of the mail", blocks=(chart,), drawn=True)


def _notes(steps: Sequence[_Step]) -> Iterator[str]:
    if any(step.label == _OPENED for step in steps):
        yield "Who clicks has opened, whether or not the images were loaded."
    if any(step.partly for step in steps):
        yield "Not all mail was tracked: in the rest, nobody could see who opened or clicked."


def _table(steps: Sequence[_Step]) -> Table:
    sent = steps[0].mails
    seen = [not any(before.partly for before in steps[: place + 1]) for place in range(len(steps))]
    return Table(
        columns=("step", "mails", "of", "share", "of those sent"),
        rows=tuple(
            (
                Cell(step.label),
                Cell(f"{step.mails:,}"),
                Cell("" if step.share is None else f"{step.whole:,}{' tracked' if step.partly else ''}"),
                Cell("" if step.share is None else rate_text(step.share)),
                Cell(rate_text(step.mails / sent)) if whole else Cell("–", Tone.MUTED),
            )
            for step, whole in zip(steps, seen, strict=True)
        ),
        align="lrrrr",
    )


def _steps(kpis: Kpis) -> list[_Step]:
    """The steps that the log tells of."""
    counts = kpis.counts()
    values = {value.name: value for value in kpis.overall}
    told = _told(human=kpis.settings.human)
    steps = [_Step(label="sent", mails=counts["sent"] or 0, whole=0)]
    for label, (name, column, seen) in told.items():
        if values[name].value is None:
            continue
        before = steps[-1].mails
        whole = before if label == "clicked" and len(steps) > 2 else min(counts[seen] or 0, before)
        steps.append(_Step(label=label, mails=counts[column] or 0, whole=whole, partly=whole < before))
    return steps


def _told(*, human: bool) -> dict[str, tuple[str, str, str]]:
    """Each step: the KPI that tells whether it is known, its mails, and those in which it could be seen."""
    who = "human" if human else "all"
    opened = ("open_rate_human", "engaged_human") if human else ("open_rate_all", "opened_all")
    return {
        "delivered": ("delivery_rate", "delivered", "sent"),
        (_OPENED if human else "opened"): (*opened, "delivered_open_tracked"),
        "clicked": (f"click_rate_{who}", f"clicked_{who}", "delivered_click_tracked"),
        "converted": ("conversion_rate", "converted", "delivered"),
    }


def _bounces(kpis: Kpis) -> list[tuple[str, int]]:
    """Why mail bounced, the commonest reason first; of which class, where reasons were not looked for."""
    reasons = kpis.causes.reasons if kpis.causes else None
    if reasons is None or not reasons.top:
        counts = kpis.counts()
        numbers = {title: counts[name] or 0 for name, title in _CLASSES.items()}
    else:
        numbers = {}
        for one in reasons.top:
            numbers[one.rule.name] = numbers.get(one.rule.name, 0) + one.mails
        numbers["all others"] = reasons.others
    return sorted(((name, number) for name, number in numbers.items() if number), key=lambda one: -one[1])


def _bounces_drawn(bounces: Sequence[tuple[str, int]]) -> Iterator[Picture]:
    if not bounces:
        return
    whole = sum(number for _, number in bounces)
    points = tuple(Point(label=name, value=float(number), figure=f"{number:,}") for name, number in bounces)
    yield Picture(
        title=f"Why {counted(whole, 'mail')} bounced",
        kind=ChartKind.BARS,
        scale=Scale.COUNT,
        series=(Series(points=points),),
        summary="; ".join(f"{point.label}: {point.figure}" for point in points) + ".",
    )


def _bounces_table(bounces: Sequence[tuple[str, int]]) -> Iterator[Table]:
    whole = sum(number for _, number in bounces)
    rows = tuple((Cell(name), Cell(f"{number:,}"), Cell(rate_text(number / whole))) for name, number in bounces)
    if rows:
        yield Table(columns=("bounced as", "mails", "of all bounces"), rows=rows, align="lrr")
