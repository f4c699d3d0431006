"""What a cleaning did, in numbers that add up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from hygiene.contacts.reasons import ABOUT, RejectReason

PREVIEW_MONTHS = (3, 6, 12, 24)


@dataclass(frozen=True, kw_only=True)
class FileSummary:
    """How one file was read."""

    name: str
    layout: str
    encoding: str
    delimiter: str
    size: int
    sha256: str
    rows: int  # sound and damaged
    damaged: int
    blank: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Life:
    """Signs of life among the people whom nothing else keeps from being mailed."""

    people: int
    known: int  # of whom the last sign of life is known
    inactive: int  # by the policy
    would_go: Mapping[int, int] = field(
        default_factory=dict
    )  # months → people whom that --inactive-after would prune

    @property
    def pruned_share(self) -> float:
        """The share of people that the policy prunes; 0 when there is nobody."""
        return self.inactive / self.people if self.people else 0.0


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A cleaning in numbers: rows in = kept + rejected."""

    files: tuple[FileSummary, ...]
    rows: int
    kept: int
    reasons: Mapping[RejectReason, int]  # rows rejected for each, in the order of the steps
    flags: Mapping[str, int]  # kept rows with each flag
    repaired: int  # kept rows whose cell had to be repaired
    statuses: Mapping[str, int]  # rows by what the files say of consent
    free: int  # kept rows at a free provider
    life: Life
    segments: Mapping[str, tuple[int, int]] = field(
        default_factory=dict
    )  # name → rows, rows that could not be told
    lists: tuple[Mapping[str, Any], ...] = ()  # the suppression lists used
    events: Mapping[str, Any] | None = None

    @property
    def rejected(self) -> int:
        """Rows that are not kept."""
        return sum(self.reasons.values())

    def by_step(self) -> dict[str, int]:
        """Rows rejected at each step, in their order."""
        counts: dict[str, int] = {}
        for reason, count in self.reasons.items():
            step = ABOUT[reason].step.value
            counts[step] = counts.get(step, 0) + count
        return counts

    def to_dict(self) -> dict[str, Any]:
        """For JSON; counts are rows unless they are called people."""
        life = asdict(self.life) | {"pruned_share": round(self.life.pruned_share, 6)}
        life["would_go"] = {f"{months} months": count for months, count in self.life.would_go.items()}
        return {
            "rows": self.rows,
            "kept": self.kept,
            "rejected": self.rejected,
            "steps": self.by_step(),
            "reasons": {reason.value: count for reason, count in self.reasons.items()},
            "flags": dict(self.flags),
            "repaired": self.repaired,
            "free_provider": self.free,
            "statuses": dict(self.statuses),
            "life": life,
            "segments": {
                name: {"rows": rows, "unknown": unknown} for name, (rows, unknown) in self.segments.items()
            },
            "files": [asdict(one) for one in self.files],
            "lists": [dict(one) for one in self.lists],
            "events": None if self.events is None else dict(self.events),
        }


def ordered(counts: Mapping[str, int]) -> dict[RejectReason, int]:
    """Counts by reason, in the order in which the reasons are asked."""
    return {reason: counts[reason.value] for reason in RejectReason if counts.get(reason.value)}


def broken_sums(summary: Summary, seen: Sequence[tuple[str, int, int]]) -> list[str]:
    """The sums that do not add up: each is a sentence; `seen` holds what else must be equal, with its name."""
    faults = []
    if summary.rows != summary.kept + summary.rejected:
        faults.append(
            f"{summary.rows:,} rows came in, {summary.kept:,} were kept and {summary.rejected:,} rejected"
        )
    faults += [f"{name}: {one:,} is not {other:,}" for name, one, other in seen if one != other]
    return faults
