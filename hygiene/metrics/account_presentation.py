"""What a measurement rests on: the sums that must hold, the events set aside, the rules it was counted by."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from functools import reduce
from typing import TYPE_CHECKING, Final

from hygiene.metrics.table import COUNTS
from hygiene.metrics.words import day_text, duration_text
from hygiene.render.sections import Block, Cell, Paragraph, Section, Table, Tone

if TYPE_CHECKING:
    from hygiene.metrics.measured import Kpis

_SECOND_US: Final = 1_000_000
_WORDS_NAMED: Final = 8


def account_sections(kpis: Kpis) -> Iterator[Section]:
    """Whether the sums hold, and what was set aside."""
    account = kpis.account
    blocks: list[Block] = [Paragraph(line, Tone.PLAIN) for line in _laws(kpis)]
    rows = tuple(_aside(kpis))
    if rows:
        blocks.append(Table(rows=rows, align="rl"))
    blocks += [Paragraph(note, Tone.MUTED) for note in account.notes]
    yield Section(title="What it rests on", blocks=tuple(blocks))
    if account.orphans:
        orphans = tuple(
            (
                Cell(f"{each['events']:,}"),
                Cell(str(each["kind"])),
                Cell(str(each["source"])),
                Cell(str(each["reason"]), Tone.MUTED),
            )
            for each in account.orphans
        )
        yield Section(
            title="Events without a mail",
            blocks=(Table(columns=("events", "kind", "log", "why"), rows=orphans, align="rlll"),),
            detail=True,
        )


def counts_section(kpis: Kpis) -> Section:
    """Every count that figures are made of, as far as a log tells of it."""
    rows = tuple(
        (Cell(name), Cell("–" if number is None else f"{number:,}"), Cell(COUNTS[name], Tone.MUTED))
        for name, number in kpis.counts().items()
    )
    return Section(title="Every count", blocks=(Table(rows=rows, align="lrl"),), detail=True)


def _laws(kpis: Kpis) -> Iterator[str]:
    """Whether the sums hold, of the mails of which every part is told."""
    total, names = kpis.total, ("sent", "delivered", "bounced", "pending")
    if not kpis.telling.counts_told(total)["sent"]:
        yield "the log does not tell how much was sent"
        return
    whole = reduce(operator.and_, (total.told[name] for name in names))
    sent, delivered, bounced, pending = (int(total.sums([name], whole)[0]) for name in names)
    mark, sign = ("✓", "=") if delivered + bounced + pending == sent else ("✗", "≠")
    others = int(total.sums(["sent"], ~whole)[0])
    if sent or not others:
        yield (
            f"{sent:,} sent {sign} {delivered:,} delivered + {bounced:,} bounced + {pending:,} under way {mark}"
        )
    if others:
        yield f"{others:,} sent of which the log does not tell what became of them"
    counts = {name: number or 0 for name, number in kpis.counts().items()}
    if counts["rejected"]:
        given = counts["sent"] + counts["rejected"]
        mark, sign = ("✓", "=") if given == counts["submitted"] else ("✗", "≠")
        yield (
            f"{counts['submitted']:,} handed over {sign} {counts['sent']:,} sent + {counts['rejected']:,} "
            f"refused by the platform {mark}"
        )


def _aside(kpis: Kpis) -> Iterator[tuple[Cell, ...]]:
    """What is not what it seems, each with its number."""
    account, counts = kpis.account, {name: number or 0 for name, number in kpis.counts().items()}
    words = ", ".join(list(account.unknown_words)[:_WORDS_NAMED])
    lines = (
        (account.events, "events read"),
        (account.duplicates, "of them said again what another one says: counted once"),
        (account.orphaned, "events without a mail of this log: set aside, never joined by guess"),
        (sum(account.unknown_words.values()), f"events with words unknown here: {words}"),
        (account.unread, "records not understood: their text is in the table unread"),
        (account.undated, "events without a date"),
        (account.swept_clicks, "clicks of scanners, told by their speed"),
        (counts["late"], "mails bounced after they were delivered: bounced"),
        (counts["inferred"], "mails whose sending or delivery is concluded from other events"),
        (counts["undetermined"], "bounces whose class the log does not say"),
        (account.left_out, "mails sent outside the time asked for"),
        (account.tallied, "campaigns known by their sums only"),
        (account.orders, f"orders, {account.credited:,} of them credited to a mail"),
    )
    for number, what in lines:
        if number:
            yield Cell(f"{number:,}"), Cell(what, Tone.MUTED)


def counting_section(kpis: Kpis) -> Section:
    """The rules: window, time zone, attribution, maturity."""
    from hygiene.metrics.local_time import read_zone

    settings, account = kpis.settings, kpis.account
    zone = read_zone(settings.timezone)
    window = duration_text(settings.mature_after_us / _SECOND_US)
    rows = [
        ("time zone", settings.timezone),
        ("attribution of orders", settings.attribution),
        ("opens and clicks", "of people" if settings.human else "of people and machines"),
        ("benchmarks", f"{kpis.profile.title} ({kpis.profile.source}, {kpis.profile.as_of})"),
        ("young", f"a slice of which more than a tenth was sent less than {window} before the end of the log"),
        ("verdicts", "met or missed where the 95 % interval (Wilson) lies on one side, else not proven yet"),
    ]
    if kpis.profile.whose:
        rows.append(("whose definition", kpis.profile.whose))
    if kpis.profile.note:
        rows.append(("note", kpis.profile.note))
    if settings.since_us is not None or settings.until_us is not None:
        since = "" if settings.since_us is None else f"from {day_text(settings.since_us, zone)}"
        until = "" if settings.until_us is None else f"before {day_text(settings.until_us, zone)}"
        rows.append(("mails sent", f"{since} {until}".strip()))
    if account.seen_until_us is not None:
        rows.append(("end of the log", day_text(account.seen_until_us, zone)))
    cells = tuple((Cell(name), Cell(text, Tone.MUTED)) for name, text in rows)
    return Section(title="How it was counted", blocks=(Table(rows=cells),), detail=True)
