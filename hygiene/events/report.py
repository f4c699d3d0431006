"""What became of every record of the logs that were read: the account of reading them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hygiene.event import EventKind
from hygiene.events.layout import declared
from hygiene.events.readers import READERS
from hygiene.events.recogniser import FileRead, Task
from hygiene.events.records import Mark

#: kind, source, word of what is no event, rows, rows without a zone
Told: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class LogReport:
    """How one file was read: `records` = those that are no events + those that became events."""

    number: int  # the column `file` of the tables
    name: str
    layouts: Mapping[str, int]  # name → events, one a recipient
    kinds: Mapping[EventKind, int]
    skipped: Mapping[str, int] = field(default_factory=dict)  # word → records that are no events of a mail
    unread: int = 0  # records of no layout
    damaged: int = 0  # what is no record at all
    zoneless: int = 0  # times without a zone, taken for the one given
    tallies: int = 0  # campaigns of which only sums are known
    notes: tuple[str, ...] = ()  # what was assumed, for a person

    @property
    def events(self) -> int:
        """Rows of the event table."""
        return sum(self.kinds.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class EventReport:
    """The account of all logs."""

    files: tuple[LogReport, ...]
    refused: tuple[str, ...]  # files of a folder that are no logs, each in a sentence
    unknown_words: Mapping[str, int]  # the most frequent ones
    nobody: Mapping[EventKind, int]  # events that name no recipient
    undated: int
    timezone: str
    notes: tuple[str, ...] = ()

    @property
    def events(self) -> int:
        """Rows of the event table."""
        return sum(file.events for file in self.files)

    @property
    def kinds(self) -> Mapping[EventKind, int]:
        """Events by kind."""
        total: Counter[EventKind] = Counter()
        for file in self.files:
            total.update(file.kinds)
        return {kind: total[kind] for kind in EventKind if total[kind]}

    @property
    def sources(self) -> Mapping[str, int]:
        """Events by layout."""
        total: Counter[str] = Counter()
        for file in self.files:
            total.update(file.layouts)
        return dict(total)

    @property
    def damaged(self) -> int:
        """What is no record at all."""
        return sum(file.damaged for file in self.files)

    @property
    def unread(self) -> int:
        """Records of no layout known here."""
        return sum(file.unread for file in self.files)

    @property
    def skipped(self) -> Mapping[str, int]:
        """Records that are no events of a mail, by what they are."""
        total: Counter[str] = Counter()
        for file in self.files:
            total.update(file.skipped)
        return dict(total)

    @property
    def zoneless(self) -> int:
        """Times without a zone."""
        return sum(file.zoneless for file in self.files)

    @property
    def tallies(self) -> int:
        """Campaigns of which only sums are known."""
        return sum(file.tallies for file in self.files)

    def never(self, source: str) -> frozenset[EventKind]:
        """What the platform of a layout cannot say, whatever happens."""
        known = {name: never for reader in READERS for name, never in reader.never.items()}
        known |= {layout.name: layout.unsaid for layout in declared().layouts}
        return frozenset(known.get(source, ()))

    def to_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "events": self.events,
            "kinds": {str(kind): count for kind, count in self.kinds.items()},
            "sources": dict(self.sources),
            "unknown_words": dict(self.unknown_words),
            "unread": self.unread,
            "damaged": self.damaged,
            "skipped": dict(self.skipped),
            "nobody": {str(kind): count for kind, count in self.nobody.items()},
            "undated": self.undated,
            "zoneless": self.zoneless,
            "tallies": self.tallies,
            "timezone": self.timezone,
            "refused": list(self.refused),
            "notes": list(self.notes),
            "files": [
                {
                    "number": file.number,
                    "name": file.name,
                    "events": file.events,
                    "layouts": dict(file.layouts),
                    "kinds": {str(kind): count for kind, count in file.kinds.items()},
                    "skipped": dict(file.skipped),
                    "unread": file.unread,
                    "damaged": file.damaged,
                    "zoneless": file.zoneless,
                    "tallies": file.tallies,
                    "notes": list(file.notes),
                }
                for file in self.files
            ],
        }


def report_of(task: Task, read: FileRead, rows: Sequence[Told]) -> tuple[LogReport, bool]:
    """The account of one file; and whether some of its rows are no events, and to be taken out again."""
    layouts: Counter[str] = Counter()
    kinds: Counter[EventKind] = Counter()
    marks: Counter[str] = Counter()
    skipped: Counter[str] = Counter(read.skipped)
    zoneless, strangers = read.zoneless, 0
    for kind, source, word, count, without in rows:
        zoneless += without
        if kind == Mark.SKIPPED:
            skipped[word or ""] += count
            strangers += count
        elif kind in (Mark.LEFT, Mark.DAMAGED):
            marks[kind] += count
            strangers += count
        else:
            kinds[EventKind(kind)] += count
            layouts[source] += count
    notes = [*([task.cut] if task.cut else ()), *read.notes]
    if zoneless:
        notes.append(f"times without a zone are taken for {task.timezone}")
    report = LogReport(
        number=task.number,
        name=read.name,
        layouts=dict(sorted(layouts.items())),
        kinds={kind: kinds[kind] for kind in EventKind if kinds[kind]},
        skipped=dict(skipped),
        unread=marks[Mark.LEFT],
        damaged=read.damaged + marks[Mark.DAMAGED],
        zoneless=zoneless,
        tallies=read.tallies,
        notes=tuple(notes),
    )
    return report, bool(strangers)


def guesses(nobody: Mapping[str, int]) -> Iterator[str]:
    """What is said of events that name nobody; whose they are would be a guess."""
    complaints = nobody.get(EventKind.COMPLAINED, 0)
    if complaints:
        yield f"complaints that name nobody, or everybody at a domain: {complaints:,}; counted for nobody"
    seen = sum(nobody.get(kind, 0) for kind in (EventKind.OPENED, EventKind.CLICKED))
    if seen:
        yield f"opens and clicks that name nobody, as of mails to several: {seen:,}; counted for nobody"
