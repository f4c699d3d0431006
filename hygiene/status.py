"""Where a contact stands with the sender: a lattice, in which the more restrictive word wins every merge."""

from enum import StrEnum


class Status(StrEnum):
    """The words, least restrictive first; their order is the lattice.

    Two rows, files or exports that disagree about a person are joined to the later word: an opt-out is never
    undone by another file that still says ``subscribed``.
    """

    CUSTOMER = "customer"  # bought, was never asked: a customer list holds no consent
    UNKNOWN = "unknown"  # the file says nothing of consent
    SUBSCRIBED = "subscribed"
    NOT_SUBSCRIBED = "not-subscribed"  # asked and never said yes; also a blank consent cell
    UNREADABLE = "unreadable"  # a status word that nobody here knows
    UNCONFIRMED = "unconfirmed"  # double opt-in begun, not finished
    DISABLED = "disabled"  # the platform does not mail it; the cause is not in the file
    BOUNCED = "bounced"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"

    @property
    def rank(self) -> int:
        """Place in the lattice, from 0; the higher wins every merge."""
        return RANKS[self]


RANKS = {status: rank for rank, status in enumerate(Status)}


def strictest(*statuses: Status) -> Status:
    """The word that wins when these meet; `Status.CUSTOMER`, the bottom, when there are none."""
    return max(statuses, key=lambda status: status.rank, default=Status.CUSTOMER)
