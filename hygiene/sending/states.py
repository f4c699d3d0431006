"""The states of a mail in the outbox and of a campaign, and what the end of a lease makes of each."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class State(StrEnum):
    """Where a mail stands; `MEANING` says each in one line."""

    READY = "ready"
    CLAIMED = "claimed"
    DATA = "data"
    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SUPPRESSED = "suppressed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"

    @property
    def meaning(self) -> str:
        """One line for a person."""
        return MEANING[self]


MEANING: Final = MappingProxyType(
    {
        State.READY: "due, nobody is at it",
        State.CLAIMED: "a worker has it; nothing has left",
        State.DATA: "its last dot is about to be written, or was: until the reply nobody knows",
        State.SENT: "the server took it",
        State.DEFERRED: "not accepted for now, and due again later",
        State.FAILED: "refused for good",
        State.UNKNOWN: "in doubt: the connection or the program ended between the last dot and its reply",
        State.SUPPRESSED: "the person must not be mailed, which was found when its turn came",
        State.EXPIRED: "too late to be of use, so it was not sent",
        State.CANCELLED: "its campaign was cancelled before its turn",
    }
)

#: nothing more will happen by itself
FINAL: Final = frozenset(
    {State.SENT, State.FAILED, State.UNKNOWN, State.SUPPRESSED, State.EXPIRED, State.CANCELLED}
)

#: what a mail is when the lease of whoever had it ran out
AFTER_LEASE: Final = MappingProxyType({State.CLAIMED: State.READY, State.DATA: State.UNKNOWN})


class CampaignState(StrEnum):
    """Where a campaign stands."""

    PREPARING = "preparing"  #: its mails are being queued; none is sent yet
    RUNNING = "running"
    PAUSED = "paused"  #: by a person
    HELD = "held"  #: by the breaker, which says why
    CANCELLED = "cancelled"
    FINISHED = "finished"  #: every mail has its end


#: whose mails are not claimed; one under way is still decided at its last dot
STOPPED: Final = frozenset(
    {CampaignState.PREPARING, CampaignState.PAUSED, CampaignState.HELD, CampaignState.CANCELLED}
)


#: definition of the campaign that stands for a stream: its mails are handed in one by one, and it never ends
STANDING: Final = "{}"


class Lane(StrEnum):
    """Receipts never wait behind a newsletter: each lane has claims and connections of its own."""

    PROMPT = "prompt"
    BULK = "bulk"


LANES: Final = MappingProxyType({"transactional": Lane.PROMPT, "support": Lane.PROMPT, "marketing": Lane.BULK})
