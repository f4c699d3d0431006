"""The breaker: when failures turn to be the sender's own fault, or the list's, mailing stops early.

Failures that are ours suppress nobody: they stop the campaign, and say what broke.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from hygiene.bounce import Verdict

_SEEN: Final = 50  # of the last tries at a provider
_OURS: Final = (5, 0.25)  # so many refusals that are our fault, and so large a share of what was seen
#: Amazon SES puts accounts under review from 5 % hard bounces on and may pause sending at 10 %
#: (https://docs.aws.amazon.com/ses/latest/dg/reputation-dashboard-bounce-rate.html, 2026-11)
_HARD: Final = (20, 0.10)
_HARD_SEEN: Final = 200


@dataclass(frozen=True, kw_only=True)
class Trip:
    """Why a campaign must stop. `reason` is the commonest of the refusals, "" where the list is at fault."""

    sentence: str
    reason: str = ""
    evidence: str = ""


@dataclass
class Breaker:
    """What is remembered of one campaign while it runs."""

    _ours: dict[str, deque[Verdict | None]] = field(default_factory=dict)
    _hard: deque[bool] = field(default_factory=lambda: deque(maxlen=_HARD_SEEN))

    def note(self, provider: str, verdict: Verdict | None, *, ours: bool) -> Trip | None:
        """Take in one try at a provider (`verdict` None: it was taken); a Trip when that is too much."""
        seen = self._ours.setdefault(provider, deque(maxlen=_SEEN))
        seen.append(verdict if ours else None)
        self._hard.append(verdict is not None and verdict.reason.about.hard)
        return _ours(provider, seen) or _hard(self._hard)


def _ours(provider: str, seen: deque[Verdict | None]) -> Trip | None:
    faults = [verdict for verdict in seen if verdict is not None]
    least, share = _OURS
    if len(faults) < least or len(faults) < share * len(seen):
        return None
    reasons = [fault.reason for fault in faults]
    commonest = max(sorted(set(reasons)), key=reasons.count)
    shown = next(fault for fault in reversed(faults) if fault.reason is commonest)
    sentence = (
        f"{len(faults)} of the last {len(seen)} mails to {_named(provider)} were refused for a fault of "
        f"the sender: {commonest.about.meaning}"
    )
    return Trip(sentence=sentence, reason=commonest.value, evidence=shown.evidence)


def _hard(seen: deque[bool]) -> Trip | None:
    least, share = _HARD
    count = sum(seen)
    if count < least or count < share * len(seen):
        return None
    return Trip(sentence=f"{count} of the last {len(seen)} addresses do not exist: the list is not fit to mail")


def _named(provider: str) -> str:
    return "small providers" if provider == "other" else provider
