"""The tables of a workspace, in SQLite or PostgreSQL: what is declared here is made when a store is opened.

Moments of the outbox and of events are whole microseconds since 1970 UTC (``…_us``), as in the event table.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Named,
    Table,
    Text,
    TypedColumns,
    TypeDecorator,
    UniqueConstraint,
    text,
)

METADATA = MetaData()

#: a number that SQLite counts up by itself, too
_Id = BigInteger().with_variant(Integer, "sqlite")


def _only(condition: str) -> dict[str, Any]:
    """An index over some of the rows; a query uses it that has the condition in the same words."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, aware and in UTC whatever the database keeps; naive ones are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """To the database."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a moment in the store needs a time zone")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From the database."""
        if value is None or value.tzinfo is not None:
            return value and value.astimezone(UTC)
        return value.replace(tzinfo=UTC)


class _SettingColumns(TypedColumns):
    name = Column(Text, primary_key=True)
    value: Named[str] = Column(Text)


class _SuppressionColumns(TypedColumns):
    form = Column(Text, primary_key=True)  # address, domain, md5, sha256, uid2, hmac
    value = Column(
        Text, primary_key=True
    )  # what a contact must equal; of an address the HMAC of its identity key
    mailbox: Named[str | None] = Column(Text)  # HMAC of the mailbox key, of addresses and of people erased
    address: Named[str | None] = Column(Text)  # as it is written; nobody's after erasure
    reason: Named[str] = Column(Text)
    since: Named[datetime] = Column(UtcDateTime)
    source: Named[str] = Column(Text)  # a file's name, or "command line"


class _DomainMailColumns(TypedColumns):
    domain = Column(Text, primary_key=True)
    verdict: Named[str] = Column(Text)
    detail: Named[str] = Column(Text)
    asked_at: Named[datetime] = Column(UtcDateTime)


class _CampaignColumns(TypedColumns):
    id = Column(_Id, primary_key=True)
    name: Named[str] = Column(Text)  # unique; what `hygiene send` and events call it
    stream: Named[str] = Column(Text)  # transactional, marketing, support
    topic: Named[str] = Column(Text)  # what one unsubscribes from: a list's name
    state: Named[str] = Column(Text)  # CampaignState
    held_because: Named[str] = Column(Text)  # a sentence, while it is held; else ""
    definition: Named[str] = Column(Text)  # JSON: everything its mails are made from, fixed at queueing
    manifest: Named[str | None] = Column(Text)  # SHA-256 of the cleaning's manifest; none: no list
    overrides: Named[str] = Column(Text)  # JSON: finding id → why it was sent all the same
    queued: Named[int] = Column(BigInteger)  # mails, once all are queued
    made_us: Named[int] = Column(BigInteger)
    ended_us: Named[int | None] = Column(BigInteger)


class _OutboxColumns(TypedColumns):
    id = Column(_Id, primary_key=True)
    campaign: Named[int] = Column(_Id, ForeignKey("campaign.id"))
    key: Named[str] = Column(Text)  # unique in the campaign: the person's keyed hash, or an idempotency key
    ref: Named[str] = Column(Text)  # opaque and unique: of Message-ID, return path, unsubscribe link
    recipient: Named[str | None] = Column(Text)  # the address; nobody's after erasure
    provider: Named[str] = Column(Text)  # of the mailbox, for pacing
    variant: Named[str] = Column(Text)  # of an A/B test, or ""
    place: Named[int] = Column(BigInteger)  # in the order of sending; the canaries come first
    fields: Named[str] = Column(Text)  # JSON: merge fields, or the whole mail of a transactional one
    state: Named[str] = Column(Text)  # hygiene.sending.states.State
    owner: Named[str | None] = Column(Text)  # the worker that claimed it
    lease_us: Named[int | None] = Column(BigInteger)  # when its claim runs out
    due_us: Named[int] = Column(BigInteger)  # not before
    expires_us: Named[int | None] = Column(BigInteger)  # not after
    tries: Named[int] = Column(Integer)  # that reached the server
    code: Named[int | None] = Column(Integer)  # of the last reply
    status: Named[str] = Column(Text)  # enhanced status code (RFC 3463), or ""
    reply: Named[str] = Column(Text)  # the server's last words
    reason: Named[str] = Column(Text)  # BounceReason of a failure, suppression reason, or ""
    remote: Named[str] = Column(Text)  # what the server calls it, which joins what it tells later, or ""
    changed_us: Named[int] = Column(BigInteger)


class _EventColumns(TypedColumns):
    """The event table of `hygiene.event`, without the place in a file."""

    event_id = Column(Text, primary_key=True)  # natural: the same thing twice is one row
    message: Named[int | None] = Column(_Id)  # outbox.id, where it is known
    source: Named[str] = Column(Text)  # outbox, feedback, ses, sendgrid …
    message_id: Named[str | None] = Column(Text)
    recipient: Named[str | None] = Column(Text)
    campaign: Named[str | None] = Column(Text)
    subject: Named[str | None] = Column(Text)
    variant: Named[str | None] = Column(Text)
    segment: Named[str | None] = Column(Text)
    stream: Named[str | None] = Column(Text)
    domain: Named[str | None] = Column(Text)
    provider: Named[str | None] = Column(Text)
    kind: Named[str] = Column(Text)  # EventKind
    bounce_class: Named[str | None] = Column(Text)
    smtp_status: Named[str | None] = Column(Text)
    reason: Named[str | None] = Column(Text)
    machine: Named[str | None] = Column(Text)
    url: Named[str | None] = Column(Text)
    tracked: Named[str | None] = Column(Text)
    ts_us: Named[int | None] = Column(BigInteger)
    value_micros: Named[int | None] = Column(BigInteger)
    currency: Named[str | None] = Column(Text)


class _BucketColumns(TypedColumns):
    """What is left of a rate, so that a restart does not begin anew."""

    name = Column(Text, primary_key=True)  # account, provider and window
    level: Named[int] = Column(BigInteger)  # thousandths of a message
    at_us: Named[int] = Column(BigInteger)


class _OptOutColumns(TypedColumns):
    topic = Column(Text, primary_key=True)  # a list's name
    person = Column(Text, primary_key=True)  # HMAC of the mailbox key
    since_us: Named[int] = Column(BigInteger)
    source: Named[str] = Column(Text)  # one-click, page, mail, …


class _ConsentColumns(TypedColumns):
    """Evidence: who agreed to what, when, from where. Rows are only added, until erasure."""

    id = Column(_Id, primary_key=True)
    person: Named[str] = Column(Text)  # HMAC of the mailbox key
    address: Named[str | None] = Column(Text)  # nobody's after erasure
    topic: Named[str] = Column(Text)
    act: Named[str] = Column(Text)  # asked, confirmed, withdrawn
    wording: Named[str] = Column(Text)  # what was agreed to
    remote: Named[str] = Column(Text)  # network address it came from
    agent: Named[str] = Column(Text)  # the browser's name for itself
    at_us: Named[int] = Column(BigInteger)


class _ReceivedColumns(TypedColumns):
    """Mails that came back and were read, so that none counts twice."""

    digest = Column(Text, primary_key=True)  # SHA-256 of the raw mail
    source: Named[str] = Column(Text)  # file or mailbox
    verdict: Named[str] = Column(Text)  # bounce, complaint, autoreply, unsubscribe, none
    at_us: Named[int] = Column(BigInteger)


class _WebhookColumns(TypedColumns):
    """Posts of providers as they came, verified; the body goes when all of it was understood."""

    digest = Column(Text, primary_key=True)  # SHA-256 of the provider's name and the body
    provider: Named[str] = Column(Text)  # ses, sendgrid …
    replay: Named[str] = Column(Text)  # what is good for one body only
    body: Named[bytes | None] = Column(LargeBinary)
    at_us: Named[int] = Column(BigInteger)  # when it came
    done_us: Named[int | None] = Column(BigInteger)  # when it was read into events; none: it waits
    unread: Named[int] = Column(Integer)  # records in it that were not understood


class _CursorColumns(TypedColumns):
    """How far a mailbox was read."""

    mailbox = Column(Text, primary_key=True)  # host, user and folder
    validity: Named[str] = Column(Text)  # UIDVALIDITY (RFC 9051 §2.3.1.1), or "" of POP3
    last: Named[str] = Column(Text)  # the last UID that is stored


SETTING = Table("setting", METADATA, _SettingColumns)
SUPPRESSION = Table("suppression", METADATA, _SuppressionColumns, sqlite_with_rowid=False)
DOMAIN_MAIL = Table("domain_mail", METADATA, _DomainMailColumns, sqlite_with_rowid=False)
CAMPAIGN = Table("campaign", METADATA, _CampaignColumns, UniqueConstraint("name"))
OUTBOX = Table("outbox", METADATA, _OutboxColumns, UniqueConstraint("campaign", "key"), UniqueConstraint("ref"))
EVENT = Table("event", METADATA, _EventColumns)
BUCKET = Table("bucket", METADATA, _BucketColumns, sqlite_with_rowid=False)
OPT_OUT = Table("opt_out", METADATA, _OptOutColumns, sqlite_with_rowid=False)
CONSENT = Table("consent", METADATA, _ConsentColumns)
RECEIVED = Table("received", METADATA, _ReceivedColumns, sqlite_with_rowid=False)
WEBHOOK = Table(
    "webhook", METADATA, _WebhookColumns, UniqueConstraint("provider", "replay"), sqlite_with_rowid=False
)
CURSOR = Table("cursor", METADATA, _CursorColumns, sqlite_with_rowid=False)

Index("suppression_mailbox", SUPPRESSION.c.mailbox)
Index("outbox_person", OUTBOX.c.key)
Index("outbox_remote", OUTBOX.c.remote, **_only("remote <> ''"))
# What a worker looks for, and nothing else, so that a change of state costs little.
Index("outbox_ready", OUTBOX.c.campaign, OUTBOX.c.provider, OUTBOX.c.place, **_only("state = 'ready'"))
Index("outbox_deferred", OUTBOX.c.due_us, **_only("state = 'deferred'"))
Index("outbox_doubts", OUTBOX.c.campaign, **_only("state = 'unknown'"))
Index("outbox_leased", OUTBOX.c.lease_us, **_only("lease_us IS NOT NULL"))
#: mails that ended otherwise than sent: so those that were sent are counted without being looked at
OUTBOX_UNSENT = Index(
    "outbox_unsent",
    OUTBOX.c.campaign,
    OUTBOX.c.state,
    **_only("state IN ('failed', 'suppressed', 'expired', 'cancelled')"),
)
Index("webhook_pending", WEBHOOK.c.at_us, **_only("done_us IS NULL"))
Index("event_message", EVENT.c.message)
Index("event_recipient", EVENT.c.recipient)
Index("consent_person", CONSENT.c.person)
