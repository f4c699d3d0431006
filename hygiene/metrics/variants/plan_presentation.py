"""The plan of an A/B test as sections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hygiene.render.sections import Cell, Document, Headline, Paragraph, Section, Table, Tone

if TYPE_CHECKING:
    from hygiene.metrics.variants.plan import Plan


def document(plan: Plan) -> Document:
    """The whole page."""
    return Document(
        headline=Headline(
            subject="A/B test planned",
            verdict=f"{plan.always:,} mails to each of {plan.variants} variants",
            tone=Tone.PLAIN,
            sentence=plan.sentence.replace(" %", "\N{NO-BREAK SPACE}%"),
        ),
        sections=(
            Section(title="Mails a variant", blocks=(_sizes(plan),)),
            Section(title="What this rests on", blocks=(Paragraph(_method(plan), Tone.MUTED),)),
        ),
        footer="Test it with: hygiene compare LOG --effect "
        f"{plan.effect * 100:.4g}% (rates are of delivered mails: send a little more)",
    )


def _sizes(plan: Plan) -> Table:
    cost = f"{plan.always / plan.once - 1:+.0%}".replace("%", " %")
    usual = f"{plan.usual / plan.once - 1:+.0%}".replace("%", " %").replace("-", "−")
    rows = (
        ("fixed horizon", f"{plan.once:,}", "", "look once, when all of them are old enough"),
        ("always valid, at most", f"{plan.always:,}", cost, "look every day, stop when a winner is named"),
        ("always valid, on average", f"{plan.usual:,}", usual, "if the effect is there"),
    )
    return Table(
        columns=("test", "mails", "", "how to use it"),
        rows=tuple((Cell(a), Cell(b), Cell(c), Cell(d, Tone.MUTED)) for a, b, c, d in rows),
        align="lrrl",
    )


def _method(plan: Plan) -> str:
    from hygiene.metrics.variants.plan import LOOKS, TESTS

    several = "" if plan.variants == 2 else f", {plan.alpha:.2g} for each of the comparisons (Bonferroni)"
    return (
        f"Baseline {plan.baseline * 100:.4g} %, effect {plan.effect * 100:.4g} points, power "
        f"{plan.power * 100:.4g} %, two-sided error 5 %{several}. Fixed horizon: the z test's formula. Always "
        "valid, at most: the formula of the normal mixture with ρ = the effect, at its last look alone, so "
        f"earlier looks only add to the power. On average: {TESTS:,} simulated tests with {LOOKS} looks each, "
        f"which found the effect in {plan.found * 100:.0f} %."
    )
