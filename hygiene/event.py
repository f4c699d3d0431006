"""What happens to a mail after it was written: one vocabulary for every platform's log and every transport."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class EventKind(StrEnum):
    """What happened; `MEANING` says each in one line."""

    SENT = "sent"
    REJECTED = "rejected"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    OPENED = "opened"
    CLICKED = "clicked"
    REPLIED = "replied"
    CONVERTED = "converted"
    UNSUBSCRIBED = "unsubscribed"
    RESUBSCRIBED = "resubscribed"
    UNKNOWN = "unknown"

    @property
    def meaning(self) -> str:
        """One line for a person."""
        return MEANING[self]


class BounceClass(StrEnum):
    """What a bounce says of the mailbox; `MEANING` says each in one line."""

    HARD = "hard"
    SOFT = "soft"
    BLOCK = "block"
    UNKNOWN = "unknown"

    @property
    def meaning(self) -> str:
        """One line for a person."""
        return BOUNCE_MEANING[self]


MEANING: Final = MappingProxyType(
    {
        EventKind.SENT: "the sender handed the mail over; nothing is known of its arrival",
        EventKind.REJECTED: "the sender's own platform refused it: no delivery was tried",
        EventKind.DEFERRED: "the receiver put it off for now; the platform tries again",
        EventKind.DELIVERED: "the receiver's server took it, to whatever folder",
        EventKind.BOUNCED: "it came back, at once or after it was taken",
        EventKind.COMPLAINED: "the person reported it as spam",
        EventKind.OPENED: "its images were loaded, by a person or by a machine",
        EventKind.CLICKED: "one of its links was followed, by a person or by a scanner",
        EventKind.REPLIED: "the person answered; automatic replies are none",
        EventKind.CONVERTED: "the person did what the mail is for: ordered, booked, signed up",
        EventKind.UNSUBSCRIBED: "the person wants no more of it",
        EventKind.RESUBSCRIBED: "an earlier opt-out was taken back on the platform",
        EventKind.UNKNOWN: "the log's word for it is not known here: counted, never guessed",
    }
)

BOUNCE_MEANING: Final = MappingProxyType(
    {
        BounceClass.HARD: "the mailbox or its domain does not exist",
        BounceClass.SOFT: "the mailbox could not take it this time: full, too large, timed out",
        BounceClass.BLOCK: "the receiver refused this sender or this content: says nothing of the mailbox",
        BounceClass.UNKNOWN: "the log does not say which; never taken for hard",
    }
)


class Machine(StrEnum):
    """Who loaded the images or followed a link, as far as it can be told."""

    NONE = "none"  #: a person, as far as is known
    MPP = "mpp"  #: Apple's Mail Privacy Protection, which loads everything
    PROXY = "proxy"  #: through an image proxy (Gmail, Yahoo), which a person may stand behind: counted as one
    SCANNER = "scanner"  #: a filter or another machine that the platform names as one
    UNKNOWN = "unknown"  #: the log does not say


#: What of a mail is counted by whom it was sent with: opens, clicks, both, or neither.
TRACKED: Final = ("open", "click", "both", "none")

#: The columns of the event table, one row per event and recipient, with their types in DuckDB, where texts of
#: few words are enumerations. A reader may add columns; it never gives one of these another meaning.
EVENT: Final = MappingProxyType(
    {
        "source": "VARCHAR",  # layout of the log it comes from: ses, sendgrid, plain …
        "event_id": "VARCHAR",  # the platform's id of the event; null where none can be trusted
        "message_id": "VARCHAR",  # the platform's id of the mail, without angle brackets
        "recipient": "VARCHAR",  # address, trimmed and in lower case; null where nobody is named
        "campaign": "VARCHAR",
        "variant": "VARCHAR",
        "segment": "VARCHAR",
        "stream": "VARCHAR",
        "subject": "VARCHAR",  # the line as the log has it: what was sent, or its template
        "domain": "VARCHAR",  # of the recipient, lower case
        "provider": "VARCHAR",  # of the mailbox: gmail, yahoo …, else the domain
        "kind": "VARCHAR",  # EventKind
        "bounce_class": "VARCHAR",  # BounceClass of a bounce, else null
        "smtp_status": "VARCHAR",  # enhanced status code (RFC 3463), where the log has it
        "reason": "VARCHAR",  # of a bounce, rejection, deferral: the receiver's text, else the platform's
        "machine": "VARCHAR",  # Machine, of opens and clicks, else null
        "url": "VARCHAR",  # of a click
        "tracked": "VARCHAR",  # open, click, both or none; null where the log does not say
        "ts_us": "BIGINT",  # when it happened: microseconds since 1970 UTC; null: not dated
        "value_micros": "BIGINT",  # of a conversion: millionths of the currency's unit
        "currency": "VARCHAR",
        "file": "INTEGER",  # number of the log in the report of reading it
        "line": "BIGINT",  # line or record in it, from 1; null where the format has none
    }
)

#: What was not understood, kept: an event with an unknown word is a row of both tables.
UNREAD: Final = MappingProxyType(
    {
        "file": "INTEGER",
        "line": "BIGINT",
        "why": "VARCHAR",
        "text": "VARCHAR",  # as it stood, at most 2,000 characters
    }
)

#: Campaign reports that only have sums, one row a campaign; null: the report does not tell.
TALLY: Final = MappingProxyType(
    {
        "source": "VARCHAR",
        "campaign": "VARCHAR",
        "subject": "VARCHAR",
        "sent_us": "BIGINT",  # microseconds since 1970 UTC
        "sent": "BIGINT",
        "delivered": "BIGINT",
        "bounced_hard": "BIGINT",
        "bounced_soft": "BIGINT",
        "bounced": "BIGINT",  # of any class
        "opened_all": "BIGINT",  # people, machines among them
        "opens_total": "BIGINT",
        "clicked_all": "BIGINT",  # people, scanners among them
        "clicks_total": "BIGINT",
        "complained": "BIGINT",
        "unsubscribed": "BIGINT",
        "revenue_micros": "BIGINT",  # millionths of the currency's unit
        "currency": "VARCHAR",
        "file": "INTEGER",
        "line": "BIGINT",
    }
)
