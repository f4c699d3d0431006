"""Causes as sections of a page: what stands out, why mail bounced, where, and what is to come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from hygiene.metrics.causes.anomalies import Anomaly
from hygiene.metrics.causes.comparison import Compared, Share
from hygiene.metrics.causes.explanation import Explanation
from hygiene.metrics.causes.fatigue import Decay, Measured, Tiredness
from hygiene.metrics.causes.find import Causes
from hygiene.metrics.causes.forecast import Forecast
from hygiene.metrics.causes.maturity import Ripeness
from hygiene.metrics.causes.reasons import BounceReasons
from hygiene.metrics.causes.thresholds import thresholds
from hygiene.metrics.words import counted, day_text, range_text, rate_text
from hygiene.render.figures import share_of
from hygiene.render.sections import Block, Cell, Paragraph, Section, Table, Tone

PROVIDERS: Final = "By mailbox provider"
_SHOWN = 8  # anomalies, campaigns
_EFFECTS = 5
_PROVIDERS = 12
_WEEKS: Final = (0, 1, 2, 3, 4, 6, 8, 12, 16, 20, 26, 39, 52)
_NONE = Cell("", Tone.MUTED)
_HEADS: Final = {
    "bounce_rate": "bounced",
    "complaint_rate_delivered": "complained",
    "unsubscribe_rate": "opted out",
    "open_rate_human": "opened",
    "click_rate_human": "clicked",
}


def causes_sections(causes: Causes) -> tuple[Section, ...]:
    """All sections, for a page about the measurement."""
    return tuple(_sections(causes))


def _sections(causes: Causes) -> Iterator[Section]:
    yield Section(title="What stands out", blocks=tuple(_anomalies(causes)))
    if shared := tuple(_decompositions(causes.explanations)):
        yield Section(title="How the changes share out", blocks=shared, detail=True)
    if worse := tuple(_worse(causes)):
        yield Section(title="Where it is worse than elsewhere", blocks=worse)
    if causes.reasons:
        yield Section(title="Why mail bounced", blocks=tuple(_reasons(causes.reasons)))
        if causes.reasons.top:
            yield Section(title="What receivers wrote", blocks=(_examples(causes.reasons),), detail=True)
    for compared in causes.compared:
        if compared.dimension == "provider":
            yield Section(title=PROVIDERS, blocks=tuple(_providers(compared)))
    yield Section(title="Complaints to come", blocks=tuple(_forecast(causes.forecast)))
    if causes.fatigue:
        blocks = tuple(_fatigue(causes.fatigue))
        yield Section(title="Mails a week", blocks=blocks, detail=bool(causes.fatigue.unknown))
    if causes.decay:
        blocks = tuple(_decay(causes.decay))
        yield Section(title="Weeks on the list", blocks=blocks, detail=bool(causes.decay.unknown))
    if causes.ripeness:
        blocks = tuple(_ripeness(causes.ripeness))
        yield Section(title="Too young to be judged", blocks=blocks, detail=not causes.ripeness.young)
    yield Section(title="How causes are looked for", blocks=(Paragraph(_method(causes)),), detail=True)


# days and weeks


def _anomalies(causes: Causes) -> Iterator[Block]:
    explained = {id(one.anomaly): one for one in causes.explanations}
    shown = _uncovered(causes.charted.anomalies)
    if rows := tuple(_anomaly(one, explained.get(id(one))) for one in shown[:_SHOWN]):
        yield Table(rows=rows)
    if len(shown) > _SHOWN:
        yield Paragraph(
            f"{counted(len(shown) - _SHOWN, 'more stands', 'more stand')} out less; JSON holds all.", Tone.MUTED
        )
    yield Paragraph(causes.charted.sentence, Tone.MUTED)


def _uncovered(anomalies: Sequence[Anomaly]) -> list[Anomaly]:
    """Those of slices only where all mail did not stand out at the same time in the same way."""
    whole = {(one.rate.name, one.rises, day) for one in anomalies if not one.dimension for day in one.days}
    return [
        one
        for one in anomalies
        if not one.dimension or not any((one.rate.name, one.rises, day) in whole for day in one.days)
    ]


def _anomaly(one: Anomaly, explanation: Explanation | None) -> tuple[Cell, ...]:
    tone = Tone.WARN if one.worse else Tone.GOOD
    reason = f" {explanation.sentence}" if explanation else ""
    return Cell(_HEADS[one.rate.name], tone), Cell(f"{one.sentence}{reason}")


def _decompositions(explanations: Sequence[Explanation]) -> Iterator[Block]:
    for explanation in explanations:
        yield Paragraph(explanation.anomaly.sentence)
        rows = tuple(
            (
                Cell(one.dimension),
                Cell(effect.slice),
                Cell(f"{effect.before[0]:,} of {effect.before[1]:,}"),
                Cell(f"{effect.after[0]:,} of {effect.after[1]:,}"),
                Cell(_points(effect.rate)),
                Cell(_points(effect.mix)),
                Cell(f"{round(one.share(effect) * 100):,} %"),
            )
            for one in explanation.decompositions
            for effect in one.effects[:_EFFECTS]
        )
        heads = ("by", "slice", "before", "now", "by its rate", "by its share", "of the change")
        if rows:
            yield Table(columns=heads, rows=rows, align="llrrrrr")


def _points(effect: float) -> str:
    """Percentage points, with their sign; none where there is nothing."""
    points = round(effect * 100, 3)
    return f"{points:+.3f}" if points else "0"


# bounces


def _reasons(reasons: BounceReasons) -> Iterator[Block]:
    yield Paragraph(reasons.sentence)
    if not reasons.top:
        return
    rows = [
        (
            Cell(f"{one.mails:,}"),
            Cell(rate_text(one.share), Tone.MUTED),
            Cell(one.rule.name),
            Cell(" ".join(word for word in (one.bounce_class, one.smtp_status) if word)),
            Cell(", ".join(name for name, _ in one.providers if name)),
            Cell(one.rule.advice),
        )
        for one in reasons.top
    ]
    if reasons.others:
        share = Cell(rate_text(share_of(reasons.others, reasons.bounced)), Tone.MUTED)
        rows.append((Cell(f"{reasons.others:,}"), share, Cell("all others", Tone.MUTED), _NONE, _NONE, _NONE))
    yield Table(
        columns=("bounces", "of all", "why", "status", "at", "what to do"), rows=tuple(rows), align="rrllll"
    )


def _examples(reasons: BounceReasons) -> Table:
    return Table(
        columns=("bounces", "for instance", "by which rule"),
        rows=tuple(
            (
                Cell(f"{one.mails:,}"),
                Cell(one.example or "(no text)", code=True),
                Cell(one.rule.source, Tone.MUTED),
            )
            for one in reasons.top
        ),
        align="rll",
    )


# providers and other slices


def _worse(causes: Causes) -> Iterator[Block]:
    """Where most of what is worse comes from."""
    found = [(one.dimension, *pair) for one in causes.compared for pair in one.worse]
    found.sort(key=lambda row: (row[2].p, -row[2].part))
    rows = tuple(
        (
            Cell(_HEADS[share.rate.name], Tone.WARN),
            Cell(f"{dimension} {slice_.name}"),
            Cell(rate_text(share.value or 0)),
            Cell(range_text(share.low, share.high), Tone.MUTED),
            Cell(rate_text(share.others or 0)),
            Cell(rate_text(share.part)),
            Cell(rate_text(share.mail)),
        )
        for dimension, slice_, share in found[:_SHOWN]
    )
    if rows:
        heads = ("", "where", "there", "95 % sure", "elsewhere", "of all", "of the mail")
        yield Table(columns=heads, rows=rows, align="llrrrrr")
    if len(found) > _SHOWN:
        yield Paragraph(
            f"{counted(len(found) - _SHOWN, 'more is', 'more are')} worse; JSON holds all.", Tone.MUTED
        )


def _providers(providers: Compared) -> Iterator[Block]:
    yield Paragraph(providers.sentence)
    if not providers.slices:
        return
    shown = providers.slices[:_PROVIDERS]
    heads = tuple(_HEADS[one.rate.name] for one in shown[0].rates)
    rows = tuple((Cell(one.name), Cell(f"{one.sent:,}"), *map(_share, one.rates)) for one in shown)
    yield Table(columns=("provider", "sent", *heads), rows=rows, align="lr" + "r" * len(heads))
    if others := sum(one.sent for one in providers.slices[_PROVIDERS:]):
        yield Paragraph(f"{counted(others, 'more mail', 'more mails')} went to smaller providers.", Tone.MUTED)


def _share(one: Share) -> Cell:
    return _NONE if one.value is None else Cell(rate_text(one.value), Tone.WARN if one.worse else Tone.PLAIN)


# complaints


def _forecast(forecast: Forecast) -> Iterator[Block]:
    yield Paragraph(forecast.sentence, Tone.UNKNOWN if forecast.unknown else Tone.PLAIN)
    if forecast.unknown:
        return
    far = f"over {forecast.looked_ahead:,}"
    yield Table(
        columns=(
            "limit",
            "safe in one send",
            "reached after, as so far",
            f"by the next {forecast.next_send:,}",
            "next send alone",
        ),
        rows=tuple(
            (
                Cell(rate_text(one.limit), Tone.BAD if one.crossed else Tone.PLAIN),
                Cell("crossed" if one.crossed else far if one.safe is None else f"{one.safe:,}"),
                Cell(
                    "crossed"
                    if one.crossed
                    else "not at this rate"
                    if one.expected is None
                    else f"{one.expected:,}"
                ),
                Cell(_chance(one.by_next)),
                Cell(_chance(one.alone)),
            )
            for one in forecast.crossings
        ),
        align="lrrrr",
    )
    for caveat in forecast.caveats:
        yield Paragraph(caveat, Tone.MUTED)


def _chance(chance: float) -> str:
    return "< 0.1 %" if chance < 0.001 else "> 99.9 %" if chance > 0.999 else f"{chance * 100:.1f} %"


# people


def _fatigue(fatigue: Tiredness) -> Iterator[Block]:
    yield Paragraph(fatigue.sentence, Tone.UNKNOWN if fatigue.unknown else Tone.PLAIN)
    if fatigue.groups and not fatigue.unknown:
        heads = tuple(_HEADS[one.rate.name] for one in fatigue.groups[0].rates)
        rows = tuple(
            (Cell(one.label), Cell(f"{one.person_weeks:,}"), *map(_measured, one.rates))
            for one in fatigue.groups
        )
        yield Table(
            columns=("mails a week", "people's weeks", *heads), rows=rows, align="lr" + "r" * len(heads)
        )
    for caveat in fatigue.caveats:
        yield Paragraph(caveat, Tone.MUTED)


def _measured(one: Measured) -> Cell:
    return _NONE if one.value is None else Cell(f"{rate_text(one.value)} ({range_text(one.low, one.high)})")


def _decay(decay: Decay) -> Iterator[Block]:
    yield Paragraph(decay.sentence, Tone.UNKNOWN if decay.unknown else Tone.PLAIN)
    if not decay.unknown:
        rows = tuple(
            (Cell(f"{one.week}"), Cell(f"{one.people:,}"), Cell(f"{one.engaged.n:,}"), _measured(one.engaged))
            for one in decay.ages
            if one.week in _WEEKS
        )
        yield Table(columns=("week", "people", "mails", "opened or clicked"), rows=rows, align="rrrr")
    for caveat in decay.caveats:
        yield Paragraph(caveat, Tone.MUTED)


# age


def _ripeness(ripeness: Ripeness) -> Iterator[Block]:
    yield Paragraph(ripeness.sentence)
    rows = tuple((Cell(one.sentence, Tone.UNKNOWN),) for one in ripeness.young[:_SHOWN])
    if rows:
        yield Table(rows=rows)
    if len(ripeness.young) > _SHOWN:
        yield Paragraph(f"{len(ripeness.young) - _SHOWN:,} more; JSON holds all.", Tone.MUTED)
    for delay in ripeness.delays:
        yield Paragraph(delay.sentence, Tone.MUTED)


def _method(causes: Causes) -> str:
    limits = thresholds()
    return (
        f"Reckoned from {day_text(causes.as_of_us)}. Each {causes.charted.period} is compared with up to "
        f"{limits.anomalies.window} before it, slices also with what the others did then, by a binomial "
        f"distribution whose odds vary as they show ({limits.anomalies.source}). Changes are shared out "
        "exactly: a slice's own rate, and its share of the mail. Limits of complaints: "
        f"{limits.complaints.source}. Thresholds as of {limits.as_of}."
    )
