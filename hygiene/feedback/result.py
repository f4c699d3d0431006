"""What a reading of mails that came back amounts to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from hygiene.bounce import BounceKind
from hygiene.feedback.judging import Fate, clean
from hygiene.feedback.matching import Letter
from hygiene.feedback.record import Recorded

if TYPE_CHECKING:
    import pandas as pd

    from hygiene.render.sections import Document

MOST_ITEMS: Final = 20_000  # that are kept one by one; all are counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that came back. `by` says what joins it to a mail of ours, "" where nothing does."""

    place: str
    kind: str
    reason: str
    blame: str
    hard: bool
    confidence: str
    recipient: str
    campaign: str
    by: str
    evidence: str


@dataclass(frozen=True, kw_only=True)
class SenderFault:
    """Bounces of one reason that are the sender's fault, with the first line that says so."""

    reason: str
    meaning: str
    count: int
    evidence: str


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """Mails read, and what followed. Counts are of what is new; `repeated` mails were read before.

    `suppressed` are entries added by reason, `opted_out` people who left a list, `resolved` mails in doubt that
    had been taken, `unmatched` what is of no mail of ours and so counts against nobody.
    """

    mails: int
    repeated: int
    verdicts: Mapping[str, int]  # mails, by kind
    reasons: Mapping[str, int]  # bounces
    blames: Mapping[str, int]
    suppressed: Mapping[str, int]
    opted_out: int
    resolved: int
    unmatched: Mapping[str, int]  # by kind
    sender_faults: tuple[SenderFault, ...]
    sender_domains: tuple[str, ...]
    unread: tuple[str, ...]  # places of mails that could not be read
    lost: tuple[str, ...]  # servers that broke off, each a sentence
    dry_run: bool
    items: tuple[Item, ...] = field(repr=False)

    @property
    def at_fault(self) -> int:
        """Bounces that are the sender's fault: they suppress nobody."""
        return sum(each.count for each in self.sender_faults)

    def exit_code(self) -> int:
        """3 where something could not be read, 1 where the sender is at fault, else 0."""
        return 3 if self.unread or self.lost else 1 if self.sender_faults else 0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "mails": self.mails,
            "repeated": self.repeated,
            "verdicts": dict(self.verdicts),
            "reasons": dict(self.reasons),
            "blames": dict(self.blames),
            "suppressed": dict(self.suppressed),
            "opted_out": self.opted_out,
            "resolved": self.resolved,
            "unmatched": dict(self.unmatched),
            "sender_faults": [asdict(each) for each in self.sender_faults],
            "sender_domains": list(self.sender_domains),
            "unread": list(self.unread),
            "lost": list(self.lost),
            "dry_run": self.dry_run,
            "items": [asdict(each) for each in self.items],
        }

    def to_frame(self) -> pd.DataFrame:
        """One row for each thing that came back, at most `MOST_ITEMS`."""
        import pandas as pd

        kinds = dict.fromkeys(Item.__dataclass_fields__, "string") | {"hard": "boolean"}
        return pd.DataFrame([asdict(each) for each in self.items], columns=list(kinds)).astype(kinds)

    def sections(self) -> Document:
        """For every renderer."""
        from hygiene.feedback.presentation import document

        return document(self)

    def __repr__(self) -> str:
        return f"<Feedback {self.mails:,} mails: {sum(self.suppressed.values()):,} suppressed>"

    def _repr_html_(self) -> str:
        from hygiene.render.fragment import render_fragment

        return render_fragment([self.sections()])


@dataclass(kw_only=True)
class Tally:
    """A reading under way."""

    dry_run: bool = False
    mails: int = 0
    repeated: int = 0
    opted_out: int = 0
    resolved: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    blames: Counter[str] = field(default_factory=Counter)
    suppressed: Counter[str] = field(default_factory=Counter)
    unmatched: Counter[str] = field(default_factory=Counter)
    faults: dict[str, tuple[Fate, int]] = field(default_factory=dict)
    faulted: set[str] = field(default_factory=set)  # campaigns
    unread: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)

    def add(self, recorded: Recorded, *, more_repeated: int = 0) -> None:
        """Count a batch."""
        self.mails += len(recorded.letters) + recorded.repeated + more_repeated
        self.repeated += recorded.repeated + more_repeated
        self.opted_out += recorded.opted_out
        self.resolved += recorded.resolved
        self.suppressed.update({reason.value: count for reason, count in recorded.suppressed.items()})
        self._count(recorded.letters)
        for fate in recorded.fates:
            self._add(fate)

    def _count(self, letters: Iterable[Letter]) -> None:
        for letter in letters:
            self.verdicts[letter.verdict] += 1
            if letter.bounces is None:
                self.unread.append(letter.incoming.place)

    def _add(self, fate: Fate) -> None:
        bounce = fate.bounce
        if bounce.kind is BounceKind.BOUNCE:
            self.reasons[bounce.reason.value] += 1
            self.blames[bounce.blame.value] += 1
        if fate.matched is None and fate.row is not None:
            self.unmatched[bounce.kind.value] += 1
        if fate.sender_fault:
            first, count = self.faults.get(bounce.reason.value, (fate, 0))
            self.faults[bounce.reason.value] = (first, count + 1)
            self.faulted |= {fate.matched.mail["campaign"]} if fate.matched else set()
        if len(self.items) < MOST_ITEMS:
            self.items.append(_item(fate))

    def lose(self, sentence: str) -> None:
        """A server broke off."""
        self.lost.append(sentence)

    def result(self, domains: Iterable[str]) -> Feedback:
        """All of it."""
        return Feedback(
            mails=self.mails,
            repeated=self.repeated,
            verdicts=_sorted(self.verdicts),
            reasons=_sorted(self.reasons),
            blames=_sorted(self.blames),
            suppressed=_sorted(self.suppressed),
            opted_out=self.opted_out,
            resolved=self.resolved,
            unmatched=_sorted(self.unmatched),
            sender_faults=tuple(_faults(self.faults)),
            sender_domains=tuple(sorted(set(domains))),
            unread=tuple(self.unread),
            lost=tuple(self.lost),
            dry_run=self.dry_run,
            items=tuple(self.items),
        )


def _sorted(counts: Counter[str]) -> dict[str, int]:
    """Most frequent first, then by name."""
    found = ((name, count) for name, count in counts.items() if count)
    return dict(sorted(found, key=lambda each: (-each[1], each[0])))


def _faults(found: Mapping[str, tuple[Fate, int]]) -> list[SenderFault]:
    faults = [
        SenderFault(
            reason=reason,
            meaning=fate.bounce.reason.about.meaning,
            count=count,
            evidence=clean(fate.bounce.evidence or fate.bounce.diagnostic),
        )
        for reason, (fate, count) in found.items()
    ]
    return sorted(faults, key=lambda each: (-each.count, each.reason))


def _item(fate: Fate) -> Item:
    bounce, matched = fate.bounce, fate.matched
    mail = matched.mail if matched is not None else {}
    return Item(
        place=fate.place,
        kind=bounce.kind.value,
        reason=bounce.reason.value,
        blame=bounce.blame.value,
        hard=bounce.hard,
        confidence=bounce.confidence.value,
        recipient=mail.get("recipient") or clean(bounce.recipient or ""),
        campaign=mail.get("campaign") or "",
        by=matched.by if matched is not None else "",
        evidence=clean(bounce.evidence or bounce.diagnostic),
    )
