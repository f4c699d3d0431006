"""The tables of measuring, and their columns: one row a mail, and the counts of a slice of mails.

Every table is a Narwhals lazy frame over DuckDB or Spark. Times are microseconds since 1970 UTC, days are whole
numbers since 1970 in the time zone of the report, and all that is counted is a whole number, so that no engine
can round or move anything.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """What became of a mail in the end; the later in this list, the weaker."""

    REJECTED = "rejected"  # the platform never tried: submitted, not sent
    BOUNCED = "bounced"
    DELIVERED = "delivered"  # and not bounced, before or after
    PENDING = "pending"  # sent, and nothing proves arrival or failure


#: what a mail is told by
KEY: Final = ("source", "message_id", "recipient")

#: one row a mail: a message to one recipient
MAIL: Final = {
    "source": "VARCHAR",
    "message_id": "VARCHAR",  # where a source names no messages, the campaign stands for it
    "recipient": "VARCHAR",
    "campaign": "VARCHAR",
    "variant": "VARCHAR",
    "segment": "VARCHAR",
    "stream": "VARCHAR",
    "domain": "VARCHAR",
    "provider": "VARCHAR",
    "sent_us": "BIGINT",  # of the first sent event, else of the first event; null: nothing is dated
    "day": "BIGINT",  # local day of sent_us: days since 1970-01-01
    "week": "BIGINT",  # the Monday of its week, as a day
    "state": "VARCHAR",  # State
    "bounce_class": "VARCHAR",  # BounceClass of the worst bounce of a bounced mail, else null
    "smtp_status": "VARCHAR",  # what was said with that bounce, with the rejection, or with a deferral
    "reason": "VARCHAR",
    "delivered_us": "BIGINT",  # of the first delivery event
    "bounced_us": "BIGINT",  # of the first bounce
    "late": "BOOLEAN",  # bounced after it had been delivered
    "arrived": "BOOLEAN",  # delivered at any time, whatever came later; never of a rejected mail
    "inferred": "BOOLEAN",  # its delivery or its sending is concluded from other events
    "deferred": "BOOLEAN",  # put off at least once
    "complained": "BOOLEAN",
    "complained_us": "BIGINT",
    "unsubscribed": "BOOLEAN",  # and not taken back later
    "unsubscribed_us": "BIGINT",
    "opens_total": "BIGINT",  # distinct events
    "clicks_total": "BIGINT",
    "opened_all": "BOOLEAN",
    "opened_human": "BOOLEAN",
    "clicked_all": "BOOLEAN",
    "clicked_human": "BOOLEAN",
    "first_open_us": "BIGINT",  # by a person, as the next two
    "first_click_us": "BIGINT",
    "last_click_us": "BIGINT",
    "track_open": "BOOLEAN",  # whether opens could be seen; where nobody says, they could
    "track_click": "BOOLEAN",
    "converted": "BOOLEAN",
    "orders": "BIGINT",
    "revenue_micros": "BIGINT",
    "events": "BIGINT",  # of the log, repeated ones included
}

#: the columns that counts can be split by
SLICES: Final = (
    *("campaign", "provider", "domain", "segment", "variant", "stream", "source", "day", "week"),
    *("bounce_class", "smtp_status", "reason"),
    *("cohort", "weeks_since", "mails_a_week"),  # see hygiene.metrics.habits
    *("subject_features", "subject_line"),  # see hygiene.metrics.subjects
)

#: the counts of a slice, int64. What is done with a mail counts where it is delivered in the end, so that every
#: share is one of its denominator; opens_total … revenue_micros are sums of events and money.
COUNTS: Final = {
    "submitted": "mails handed to the platform: sent + rejected",
    "rejected": "never tried",
    "sent": "delivered + bounced + pending",
    "delivered": "delivered, and not bounced before or after",
    "delivered_gross": "delivered at any time",
    "inferred": "mails whose delivery or sending is concluded from other events",
    "bounced": "hard + soft + block + undetermined",
    "hard": "bounced: the mailbox or its domain does not exist",
    "soft": "bounced for good with a passing cause",
    "block": "bounced: the sender or the content was refused",
    "undetermined": "bounced, and the log does not say why",
    "late": "bounced after delivery",
    "pending": "sent, without delivery or bounce so far",
    "deferred": "sent mails put off at least once",
    "complained": "delivered mails reported as spam",
    "delivered_fbl": "delivered where the provider reports complaints",
    "complained_fbl": "complained, of those",
    "unsubscribed": "delivered mails after which the person wanted no more",
    "delivered_open_tracked": "delivered where opens could be seen",
    "opened_all": "of those opened, by whomever",
    "opened_human": "of those opened by a person",
    "opens_total": "opens of delivered mails, machines' included",
    "delivered_click_tracked": "delivered where clicks could be seen",
    "clicked_all": "of those clicked, by whomever",
    "clicked_human": "of those clicked by a person",
    "clicks_total": "clicks of delivered mails, machines' included",
    "engaged_human": "delivered mails opened or clicked by a person",
    "converted": "delivered mails that led to an order",
    "orders": "orders that mails led to",
    "revenue_micros": "their value, in millionths of the currency unit",
}
