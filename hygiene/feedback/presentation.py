"""What came back, as sections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hygiene.bounce import BounceReason
from hygiene.feedback.result import Feedback
from hygiene.render.sections import Block, Cell, Document, Headline, Paragraph, Section, Table, Tone

_VERDICTS = {
    "bounce": "came back for good",
    "delayed": "late, and still being tried",
    "delivered": "notices of success and receipts",
    "complaint": "reported as spam",
    "autoreply": "automatic replies: nothing follows, nobody is answered",
    "unsubscribe": "ask for no more",
    "none": "ordinary mail, for a person to read",
    "unread": "no mail, or none that could be read; left where they lie",
}
_SHOWN = 20  # places and items


def document(found: Feedback) -> Document:
    """The whole of it, what is wrong first."""
    return Document(
        headline=Headline(
            subject="what came back",
            verdict=_verdict(found),
            tone=_tone(found),
            note=_note(found),
            sentence=_sentence(found),
        ),
        sections=tuple(_sections(found)),
        footer="A dry run: nothing was written, nothing deleted." if found.dry_run else "",
    )


def _verdict(found: Feedback) -> str:
    suppressed = sum(found.suppressed.values())
    mails, addresses = _plural(found.mails, "mail"), _plural(suppressed, "address", "es")
    return f"{found.mails:,} {mails}, {suppressed:,} {addresses} suppressed"


def _tone(found: Feedback) -> Tone:
    if found.unread or found.lost:
        return Tone.UNKNOWN
    return Tone.BAD if found.sender_faults else Tone.GOOD


def _note(found: Feedback) -> str:
    return f"{found.repeated:,} read before" if found.repeated else ""


def _sentence(found: Feedback) -> str:
    return " ".join(filter(None, (_fault_sentence(found), _other_mail(found))))


def _other_mail(found: Feedback) -> str:
    """How much of it is no feedback at all."""
    new, ordinary = found.mails - found.repeated, found.verdicts.get("none", 0)
    if not found.mails and not found.lost:
        return "There was no mail to read."
    if not ordinary:
        return ""
    if ordinary == new:
        said = "The mail is no feedback" if new == 1 else f"None of the {new:,} new mails is feedback"
    else:
        said = f"{ordinary:,} of {new:,} new mails {'is' if ordinary == 1 else 'are'} no feedback"
    return f"{said}: nothing follows from ordinary mail."


def _fault_sentence(found: Feedback) -> str:
    if not found.sender_faults:
        return ""
    domain = found.sender_domains[0] if found.sender_domains else "DOMAIN"
    first = found.sender_faults[0]
    said = f": {first.evidence}" if first.evidence else ""
    noun = "bounce is" if found.at_fault == 1 else "bounces are"
    return (
        f"{found.at_fault:,} {noun} the sender's fault and suppressed nobody ({first.meaning}{said}). "
        f"Run: hygiene audit {domain}"
    )


def _sections(found: Feedback) -> Iterator[Section]:
    for sentence in found.lost:
        yield Section(title="Broken off", blocks=(Paragraph(sentence, Tone.UNKNOWN),))
    if found.unread:
        lines = tuple(Paragraph(place) for place in found.unread[:_SHOWN])
        yield Section(title="Could not be read", blocks=lines)
    if found.sender_faults:
        yield Section(title="The sender's fault", blocks=(_faults(found),))
    if found.verdicts:
        yield Section(title="Mails", blocks=(_counts(found.verdicts, _VERDICTS),))
    if found.reasons:
        meanings = {each.value: each.about.meaning for each in BounceReason}
        yield Section(title="Why it came back", blocks=(_counts(found.reasons, meanings, blame=True),))
    if follows := tuple(_follows(found)):
        yield Section(title="What follows", blocks=follows)
    if found.items:
        yield Section(title="One by one", blocks=(_items(found),), detail=True)


def _faults(found: Feedback) -> Table:
    rows = tuple(
        (
            Cell(each.reason, Tone.BAD),
            Cell(f"{each.count:,}"),
            Cell(each.meaning),
            Cell(each.evidence, code=True),
        )
        for each in found.sender_faults
    )
    return Table(columns=("", "bounces", "", "first words"), rows=rows, align="lrll")


def _counts(counts: Mapping[str, int], meanings: Mapping[str, str], *, blame: bool = False) -> Table:
    rows = tuple(
        (
            Cell(name),
            Cell(f"{count:,}"),
            *((Cell(BounceReason(name).about.blame.value),) if blame else ()),
            Cell(meanings[name]),
        )
        for name, count in counts.items()
    )
    columns = ("", "bounces", "blame", "") if blame else ("", "mails", "")
    return Table(columns=columns, rows=rows, align="lrll" if blame else "lrl")


def _follows(found: Feedback) -> Iterator[Block]:
    for reason, count in found.suppressed.items():
        yield Paragraph(f"{count:,} {_plural(count, 'address', 'es')} suppressed as {reason}.")
    if found.opted_out:
        yield Paragraph(f"{found.opted_out:,} left a list.")
    if found.resolved:
        noun = "mail in doubt was" if found.resolved == 1 else "mails in doubt were"
        yield Paragraph(f"{found.resolved:,} {noun} taken after all, and no doubt is left.")
    if found.unmatched:
        told = ", ".join(f"{count:,} {name}" for name, count in found.unmatched.items())
        yield Paragraph(
            f"Of no mail of ours, so that nobody is suppressed: {told}. They show no reference that we gave; "
            'what they name is kept as events. [feedback] trust = "recipient" believes more.',
            Tone.WARN,
        )


def _items(found: Feedback) -> Table:
    rows = tuple(
        (
            Cell(each.kind),
            Cell(each.recipient or "nobody named", code=bool(each.recipient)),
            Cell(each.reason),
            Cell(each.campaign),
            Cell(each.by or "no mail of ours"),
            Cell(each.evidence, code=True),
        )
        for each in found.items[:_SHOWN]
    )
    columns = ("", "recipient", "reason", "campaign", "known by", "evidence")
    return Table(columns=columns, rows=rows, align="llllll")


def _plural(count: int, word: str, ending: str = "s") -> str:
    return word if count == 1 else f"{word}{ending}"
