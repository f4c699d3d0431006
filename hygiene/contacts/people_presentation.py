"""What a cleaning found of people: oddities of those kept, consent, signs of life, segments."""

from __future__ import annotations

from collections.abc import Iterator

from hygiene.config import CleaningPolicy
from hygiene.contacts.cleaned import Cleaned
from hygiene.contacts.flags import FLAGS
from hygiene.contacts.reasons import BY_STATUS
from hygiene.contacts.summary import Life, Summary
from hygiene.period import read_period
from hygiene.render.figures import share_of, share_text
from hygiene.render.sections import Block, Cell, Paragraph, Section, Table, Tone
from hygiene.status import Status

_SUGGESTED_MONTHS = 6

_STATUSES = {
    Status.CUSTOMER: "bought something, and was never asked",
    Status.UNKNOWN: "the file does not say",
    Status.SUBSCRIBED: "agreed to your mail",
    Status.NOT_SUBSCRIBED: "never agreed, or the cell is blank",
    Status.UNREADABLE: "a word that is not understood here",
    Status.UNCONFIRMED: "began to sign up, and never confirmed",
    Status.DISABLED: "switched off by the platform",
    Status.BOUNCED: "mail came back for good",
    Status.UNSUBSCRIBED: "said no",
    Status.COMPLAINED: "reported a mail as spam",
}
_HARMLESS = {"relay"}


def people_sections(cleaned: Cleaned) -> Iterator[Section]:
    """Only the sections that have something to say."""
    summary, written = cleaned.summary, cleaned.lasting
    if summary.flags or summary.repaired or summary.free:
        title = "What is odd about rows that were kept" + (" (flagged.csv)" if written else "")
        yield Section(title=title, blocks=(_flags(summary),))
    if summary.statuses:
        yield Section(title="What the files say of consent", blocks=tuple(_consent(cleaned)))
    if summary.life.people:
        yield Section(title="Inactivity", blocks=tuple(_life(cleaned)))
    if summary.segments:
        yield Section(title="Segments of the rows kept", blocks=(_segments(cleaned),))


# flags


def _flags(summary: Summary) -> Table:
    counts = {word: summary.flags[word] for word in (*FLAGS, *summary.flags) if summary.flags.get(word)}
    repaired = {"repaired": summary.repaired} if summary.repaired else {}
    rows = [_flag(word, count, summary) for word, count in {**counts, **repaired}.items()]
    if summary.free:
        rows.append(_row("free provider", summary.free, summary, "such as Gmail: a fact, no fault"))
    return Table(columns=("", "rows", "of those kept", "what it means"), rows=tuple(rows), align="lrrl")


def _flag(word: str, count: int, summary: Summary) -> tuple[Cell, ...]:
    more = {
        "relay": ": never counted as throw-away",
        "mistyped": ": a suggestion stands beside it, nothing was rewritten",
        "repaired": ": mail goes to the one in the column mail_to",
    }
    tone = Tone.PLAIN if word in _HARMLESS else Tone.WARN
    return _row(word, count, summary, f"{FLAGS.get(word, '')}{more.get(word, '')}", tone)


def _row(label: str, count: int, summary: Summary, meaning: str, tone: Tone = Tone.PLAIN) -> tuple[Cell, ...]:
    share = share_text(share_of(count, summary.kept))
    return Cell(label, tone), Cell(f"{count:,}"), Cell(share, Tone.MUTED), Cell(meaning)


# consent


def _consent(cleaned: Cleaned) -> Iterator[Block]:
    summary = cleaned.summary
    told = sum(summary.statuses.values())
    counts = {status: summary.statuses.get(status.value, 0) for status in Status}
    yield Table(
        columns=("status", "rows", "share", "what it means"),
        rows=tuple(
            (
                Cell(status.value, tone),
                Cell(f"{count:,}"),
                Cell(share_text(share_of(count, told)), Tone.MUTED),
                Cell(f"{_STATUSES[status]}{consequence}"),
            )
            for status, count in counts.items()
            if count
            for tone, consequence in [_consequence(status, cleaned.policy)]
        ),
        align="lrrl",
    )
    if unknown := counts[Status.UNKNOWN]:
        rows = "1 row has" if unknown == 1 else f"{unknown:,} rows have"
        said = f"{rows} no consent stated: be sure that these people asked for your mail."
        yield Paragraph(said, Tone.UNKNOWN)


def _consequence(status: Status, policy: CleaningPolicy) -> tuple[Tone, str]:
    if status is Status.CUSTOMER and policy.assume_consent:
        return Tone.WARN, ": taken for a subscriber, as you asked"
    if status in BY_STATUS:
        return Tone.PLAIN, ": not mailed"
    return (Tone.GOOD, "") if status is Status.SUBSCRIBED else (Tone.UNKNOWN, ": nobody was rejected for that")


# signs of life


def _life(cleaned: Cleaned) -> Iterator[Block]:
    life, policy = cleaned.summary.life, cleaned.policy
    if not life.known:
        yield Paragraph(_nothing_known(life), Tone.UNKNOWN)
        return
    unwritten = cleaned.folder is None
    yield Paragraph(_pruned(life, policy, unwritten=unwritten) if policy.inactive_after else _suggested(life))
    others = "" if life.known == life.people else " The others were kept, whatever their silence."
    yield Paragraph(f"The last sign of life is known for {_share_of_people(life.known, life)}.{others}")
    if life.would_go:
        yield _would_go(life)
        yield Paragraph(_spared(policy), Tone.MUTED)


def _spared(policy: CleaningPolicy) -> str:
    return (
        f"Not among them: who joined within {_written_period(policy.grace)}, or is known to have ignored fewer "
        f"than {policy.min_ignored:,} mails."
    )


def _nothing_known(life: Life) -> str:
    return (
        f"No file says when the {_people(life.people)} who could be mailed last opened, clicked or bought: "
        "nobody counts as inactive. Logs of your mail would tell (--events FILE)."
    )


def _pruned(life: Life, policy: CleaningPolicy, *, unwritten: bool) -> str:
    silence = _written_period(policy.inactive_after or "")
    if not life.inactive:
        return f"Nobody was left out: no one is known to have been silent for {silence} (--inactive-after)."
    return (
        f"{_share_of_people(life.inactive, life)} showed no sign of life for {silence} (--inactive-after): "
        f"they {'would be' if unwritten else 'are'} left out."
    )


def _suggested(life: Life) -> str:
    count = life.would_go.get(_SUGGESTED_MONTHS, 0)
    asked = "Nobody was left out for inactivity: it was not asked for."
    if not count:
        return asked
    return f"{asked} --inactive-after {_SUGGESTED_MONTHS}mo would leave out {_share_of_people(count, life)}."


def _share_of_people(count: int, life: Life) -> str:
    return f"{count:,} of {_people(life.people)} ({share_text(share_of(count, life.people))})"


def _would_go(life: Life) -> Table:
    """People by how long they have been silent; bars compare them with the greatest."""
    most = max(life.would_go.values(), default=0)
    return Table(
        columns=("no sign of life for", "people", "of all", ""),
        rows=tuple(
            (
                Cell(f"{months} months"),
                Cell(f"{count:,}"),
                Cell(share_text(share_of(count, life.people))),
                Cell("", bar=share_of(count, most)),
            )
            for months, count in life.would_go.items()
        ),
        align="lrrl",
    )


def _written_period(text: str) -> str:
    period = read_period(text)
    parts = [(period.months, "month"), (period.days, "day")]
    return " and ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in parts if count)


def _people(number: int) -> str:
    return f"{number:,} {'person' if number == 1 else 'people'}"


# segments


def _segments(cleaned: Cleaned) -> Table:
    """Rows that cannot be told get a column when there are any."""
    summary, written = cleaned.summary, cleaned.lasting
    untold = any(unknown for _, unknown in summary.segments.values())
    heads = ("segment", "rows", "of those kept", *(["cannot be told"] if untold else []), "")
    return Table(
        columns=heads,
        rows=tuple(
            (
                Cell(name, code=True),
                Cell(f"{rows:,}"),
                Cell(share_text(share_of(rows, summary.kept)), Tone.MUTED),
                *([_untold(unknown)] if untold else []),
                Cell(f"{name}.csv" if written else "", code=written),
            )
            for name, (rows, unknown) in summary.segments.items()
        ),
        align="lrrrl" if untold else "lrrl",
    )


def _untold(unknown: int) -> Cell:
    return Cell(f"{unknown:,}", Tone.UNKNOWN) if unknown else Cell("")
