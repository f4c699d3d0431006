"""What a bounce means: reasons, who is to blame, what to do next. One declaration a reason.

Blame says what to change; `hard` says only whether to mail that address again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from hygiene.event import BounceClass
from hygiene.finding import Confidence


class Blame(StrEnum):
    """Whose side must change for the next mail to arrive."""

    RECIPIENT = "recipient"  #: the mailbox or its domain
    SENDER = "sender"  #: our standing, content, form or pace
    INFRASTRUCTURE = "infrastructure"  #: servers and networks between
    UNCLEAR = "unclear"
    NONE = "none"  #: nothing failed


class Action(StrEnum):
    """What to do next."""

    SUPPRESS = "suppress"  #: never mail this address again
    COUNT = "count"  #: suppress after failures on different days; a delivery resets
    STOP = "stop"  #: hold the run at this provider, suppress nobody, audit the domain again
    FIX = "fix"  #: change the message, suppress nobody
    SLOW = "slow"  #: lower the pace, then try again
    RETRY = "retry"  #: back off, suppress nobody
    IGNORE = "ignore"
    DELIVER = "deliver"  #: mark as delivered


class BounceReason(StrEnum):
    """Why mail came back, or what else came; `about` says each in one line."""

    USERUNKNOWN = "userunknown"
    HOSTUNKNOWN = "hostunknown"
    HASMOVED = "hasmoved"
    NOTACCEPT = "notaccept"
    SUSPEND = "suspend"
    MAILBOXFULL = "mailboxfull"
    FILTERED = "filtered"
    AUTHFAILURE = "authfailure"
    BADREPUTATION = "badreputation"
    BLOCKED = "blocked"
    REQUIREPTR = "requireptr"
    REJECTED = "rejected"
    POLICYVIOLATION = "policyviolation"
    SECURITYERROR = "securityerror"
    NORELAYING = "norelaying"
    SPAMDETECTED = "spamdetected"
    VIRUSDETECTED = "virusdetected"
    CONTENTERROR = "contenterror"
    NOTCOMPLIANTRFC = "notcompliantrfc"
    SYNTAXERROR = "syntaxerror"
    MESGTOOBIG = "mesgtoobig"
    EXCEEDLIMIT = "exceedlimit"
    SPEEDING = "speeding"
    TOOMANYCONN = "toomanyconn"
    NETWORKERROR = "networkerror"
    SYSTEMERROR = "systemerror"
    SYSTEMFULL = "systemfull"
    EXPIRED = "expired"
    MAILERERROR = "mailererror"
    ONHOLD = "onhold"
    UNDEFINED = "undefined"
    FEEDBACK = "feedback"
    VACATION = "vacation"
    DELIVERED = "delivered"
    UNSUBSCRIBE = "unsubscribe"

    @property
    def about(self) -> About:
        """Blame, hardness, action and meaning."""
        return ABOUT[self]


@dataclass(frozen=True, kw_only=True)
class About:
    """What a reason amounts to; `bounce_class` is its word in the event table, None where nothing bounced."""

    meaning: str
    blame: Blame
    action: Action
    hard: bool = False
    bounce_class: BounceClass | None


def _hard(meaning: str) -> About:
    return About(
        meaning=meaning,
        blame=Blame.RECIPIENT,
        action=Action.SUPPRESS,
        hard=True,
        bounce_class=BounceClass.HARD,
    )


def _soft(meaning: str, action: Action = Action.COUNT, blame: Blame = Blame.RECIPIENT) -> About:
    return About(meaning=meaning, blame=blame, action=action, bounce_class=BounceClass.SOFT)


def _block(meaning: str, action: Action = Action.STOP) -> About:
    return About(meaning=meaning, blame=Blame.SENDER, action=action, bounce_class=BounceClass.BLOCK)


def _between(meaning: str, action: Action = Action.RETRY) -> About:
    return _soft(meaning, action, Blame.INFRASTRUCTURE)


def _unclear(meaning: str) -> About:
    return About(meaning=meaning, blame=Blame.UNCLEAR, action=Action.COUNT, bounce_class=BounceClass.UNKNOWN)


def _none(meaning: str, action: Action) -> About:
    return About(meaning=meaning, blame=Blame.NONE, action=action, bounce_class=None)


#: every reason, in the order of its blame; hard are the first four only
ABOUT: Final[Mapping[BounceReason, About]] = MappingProxyType(
    {
        BounceReason.USERUNKNOWN: _hard("there is no such mailbox"),
        BounceReason.HOSTUNKNOWN: _hard("the domain of the address does not exist"),
        BounceReason.HASMOVED: _hard("the mailbox has moved and nothing is forwarded"),
        BounceReason.NOTACCEPT: _hard("the host takes no mail at all"),
        BounceReason.SUSPEND: _soft("the mailbox is closed, inactive or unpaid"),
        BounceReason.MAILBOXFULL: _soft("the mailbox is full"),
        BounceReason.FILTERED: _soft("refused after the message was sent, by the mailbox's own filter"),
        BounceReason.AUTHFAILURE: _block("SPF, DKIM or DMARC failed"),
        BounceReason.BADREPUTATION: _block("the IP address or domain has a poor reputation"),
        BounceReason.BLOCKED: _block("the sending IP address, host name or HELO is refused"),
        BounceReason.REQUIREPTR: _block("the sending IP address has no or a wrong reverse name"),
        BounceReason.REJECTED: _block("the envelope sender or its domain is refused"),
        BounceReason.POLICYVIOLATION: _block("a policy of the receiver forbids it"),
        BounceReason.SECURITYERROR: _block("a security rule, TLS or a login was demanded and not met"),
        BounceReason.NORELAYING: _block("the host relays no mail for this sender: wrong host or credentials"),
        BounceReason.SPAMDETECTED: _block("the message was judged to be spam"),
        BounceReason.VIRUSDETECTED: _block("the message was judged to be malicious"),
        BounceReason.CONTENTERROR: _block("a header or the MIME structure is malformed", Action.FIX),
        BounceReason.NOTCOMPLIANTRFC: _block("the message breaks RFC 5321 or RFC 5322", Action.FIX),
        BounceReason.SYNTAXERROR: _block("an SMTP command of ours was refused", Action.FIX),
        BounceReason.MESGTOOBIG: _soft("the message is larger than the host takes", Action.FIX, Blame.SENDER),
        BounceReason.EXCEEDLIMIT: _soft(
            "the message is larger than this mailbox takes", Action.FIX, Blame.SENDER
        ),
        BounceReason.SPEEDING: _block("too many messages in too short a time", Action.SLOW),
        BounceReason.TOOMANYCONN: _block("too many connections at once", Action.SLOW),
        BounceReason.NETWORKERROR: _between("DNS, routing or the connection failed, or mail went in a loop"),
        BounceReason.SYSTEMERROR: _between("the receiving server fails or is misconfigured"),
        BounceReason.SYSTEMFULL: _between("the receiving server's disk is full"),
        BounceReason.EXPIRED: _between("the time for trying again ran out", Action.COUNT),
        BounceReason.MAILERERROR: _between("the far end's delivery program failed", Action.COUNT),
        BounceReason.ONHOLD: _unclear("it failed, and there is too little evidence to say why"),
        BounceReason.UNDEFINED: _unclear("it failed, and nothing in the text is known"),
        BounceReason.FEEDBACK: _none("the person reported the mail as spam", Action.SUPPRESS),
        BounceReason.VACATION: _none("an automatic reply", Action.IGNORE),
        BounceReason.DELIVERED: _none("a notice of success", Action.DELIVER),
        BounceReason.UNSUBSCRIBE: _none("the person wants no more of it", Action.SUPPRESS),
    }
)


class BounceKind(StrEnum):
    """What kind of mail came back; ordinary mail is none of these."""

    BOUNCE = "bounce"  #: it failed for good
    DELAYED = "delayed"  #: it is late and still being tried
    DELIVERED = "delivered"  #: delivered, relayed, expanded or read
    COMPLAINT = "complaint"  #: a feedback report (RFC 5965)
    AUTOREPLY = "autoreply"  #: absence, receipt of a ticket, challenge (RFC 3834)
    UNSUBSCRIBE = "unsubscribe"  #: a mail that asks for no more


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a refusal means. `rule_id` names the rule that decided, "" where none did; `evidence` its line.

    `only_retry`: whatever the reason, the server wants nothing but a later try: greylisting, or a temporary
    reply (4xx) that concerns the recipient. Such a verdict is never hard.
    """

    reason: BounceReason
    confidence: Confidence
    rule_id: str = ""
    evidence: str = ""
    only_retry: bool = False

    @property
    def blame(self) -> Blame:
        """Whose side must change."""
        return self.reason.about.blame

    @property
    def hard(self) -> bool:
        """Whether the address must never be mailed again."""
        return self.reason.about.hard and not self.only_retry

    @property
    def action(self) -> Action:
        """What to do next."""
        return Action.RETRY if self.only_retry else self.reason.about.action


@dataclass(frozen=True, kw_only=True)
class Bounce:
    """One recipient of what came back.

    `recipient` is the address that was mailed, in lower case, None where nobody is named; `final_recipient`
    the one that the last server named (an alias leads there). `status` is the enhanced status code (RFC 3463),
    `code` the reply code (RFC 5321), `evidence` the line that proves the reason, `diagnostic` all the server
    said of this recipient. `message_id` is the original's, without angle brackets; `returned_to` the addresses
    the bounce was sent to, where a VERP token stands; `headers` those of the original that name a campaign or
    a contact, by their lower-case names.
    """

    kind: BounceKind
    reason: BounceReason
    confidence: Confidence
    recipient: str | None = None
    final_recipient: str | None = None
    status: str = ""
    code: int | None = None
    evidence: str = ""
    diagnostic: str = ""
    message_id: str = ""
    returned_to: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)
    reporting_mta: str = ""
    remote_mta: str = ""
    rule_id: str = ""

    @property
    def blame(self) -> Blame:
        """Whose side must change; nobody's while it is still being tried."""
        return self.reason.about.blame

    @property
    def hard(self) -> bool:
        """Whether the address must never be mailed again: it failed for good, and for one of four reasons."""
        return self.kind is BounceKind.BOUNCE and self.reason.about.hard

    @property
    def action(self) -> Action:
        """What to do next; a mail that is still being tried asks for nothing."""
        return Action.IGNORE if self.kind is BounceKind.DELAYED else self.reason.about.action

    @property
    def bounce_class(self) -> BounceClass | None:
        """The word of the event table; None where nothing bounced."""
        return self.reason.about.bounce_class if self.kind is BounceKind.BOUNCE else None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what follows from the reason stands beside it."""
        plain = {**asdict(self), "returned_to": list(self.returned_to), "headers": dict(self.headers)}
        return {**plain, "blame": self.blame, "hard": self.hard, "action": self.action}
