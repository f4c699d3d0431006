"""A finding: what is wrong or unknown, how bad, how sure, the proof, the rule and the way out.

One vocabulary for the audit, the preflight of a campaign and the comparison of KPIs. Severity ("how bad")
and confidence ("how sure") are separate: a key missing at the selectors one can guess is bad and unsure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    import pandas as pd


class Severity(StrEnum):
    """How bad, worst first."""

    CRITICAL = "critical"  #: mail is lost or anyone can send in this name today
    HIGH = "high"  #: large receivers reject or junk mail because of it
    MEDIUM = "medium"  #: works today, protects little or breaks soon
    LOW = "low"  #: worth tidying
    INFO = "info"  #: good to know; never an exit code

    @property
    def rank(self) -> int:
        """0 for critical, 4 for info."""
        return _SEVERITY_ORDER.index(self)


_SEVERITY_ORDER: Sequence[Severity] = tuple(Severity)


class Confidence(StrEnum):
    """How sure."""

    SURE = "sure"  #: read from the record itself
    LIKELY = "likely"  #: follows from what was seen, with known exceptions
    GUESS = "guess"  #: only part of what could be asked was asked


class State(StrEnum):
    """Whether the finding is a fault or a question left open."""

    FAULT = "fault"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One verdict that explains itself.

    `id` is stable and kebab-case; `evidence` holds one line per problem seen; `fix` can be pasted.
    `optional` findings never change a grade.
    """

    id: str
    title: str
    area: str
    subject: str
    severity: Severity
    confidence: Confidence = Confidence.SURE
    state: State = State.FAULT
    why: str = ""
    evidence: tuple[str, ...] = ()
    rule: str = ""
    source: str = ""
    fix: str = ""
    optional: bool = False

    @property
    def unknown(self) -> bool:
        """True when the question stayed open."""
        return self.state is State.UNKNOWN

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, keys in the order of the fields."""
        return {**asdict(self), "evidence": list(self.evidence)}


#: of a frame of findings
COLUMNS: Final = ("id", "severity", "confidence", "state", "area", "title", "evidence", "fix", "rule")


def frame_of_findings(findings: Iterable[Finding], **same: str) -> pd.DataFrame:
    """One row a finding, in the columns of `same`, which say whose they are, and `COLUMNS`.

    Texts are strings, evidence has a line a problem; severity is a category, worst first.
    """
    import pandas as pd

    rows = [{**each.to_dict(), **same, "evidence": "\n".join(each.evidence)} for each in findings]
    frame = pd.DataFrame(rows, columns=[*same, *COLUMNS]).astype("string")
    worst_first = pd.CategoricalDtype([each.value for each in Severity], ordered=True)
    return frame.astype({"severity": worst_first})


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One fault seen, where it differs from what its rule declares."""

    evidence: str
    fix: str = ""
    severity: Severity | None = None
    confidence: Confidence | None = None


@dataclass(frozen=True)
class Open:
    """A question that stayed open, with the reason."""

    reason: str


Evidence: TypeAlias = Iterator["str | Problem | Open"]


@dataclass(frozen=True)
class Grade:
    """A letter from A to F and the finding ids that drove it.

    `letter` is "?" when nothing that counts could be determined; `at_best` says that an open question
    may still lower it.
    """

    letter: str
    drivers: tuple[str, ...] = field(default=())
    at_best: bool = False

    def __str__(self) -> str:
        return f"{self.letter} at best" if self.at_best and self.letter != "?" else self.letter


#: (letter, severity, how many faults of it): the first line that holds gives the grade.
GRADE_STEPS: tuple[tuple[str, Severity, int], ...] = (
    ("F", Severity.CRITICAL, 1),
    ("F", Severity.HIGH, 4),
    ("D", Severity.HIGH, 2),
    ("C", Severity.HIGH, 1),
    ("C", Severity.MEDIUM, 4),
    ("B", Severity.MEDIUM, 1),
    ("B", Severity.LOW, 5),
)


def grade(findings: Iterable[Finding]) -> Grade:
    """The grade of one domain: only faults that are not optional count, open questions mark it "at best"."""
    counted = [finding for finding in findings if not finding.optional]
    faults = [finding for finding in counted if not finding.unknown]
    at_best = any(finding.unknown for finding in counted)
    for letter, severity, number in GRADE_STEPS:
        drivers = tuple(finding.id for finding in faults if finding.severity is severity)
        if len(drivers) >= number:
            return Grade(letter, drivers, at_best)
    return Grade("A", (), at_best)


def inside_sentence(title: str) -> str:
    """A title for the middle of a sentence: lower-cased unless it begins with an abbreviation."""
    return title if title[1:2].isupper() or title[1:2].isdigit() else title[:1].lower() + title[1:]


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Faults before open questions, worst first, otherwise as given."""
    return sorted(findings, key=lambda finding: (finding.unknown, finding.severity.rank))
