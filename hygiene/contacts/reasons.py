"""Why a row is not mailed: a word, the step that found it, what it means and what would change it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from hygiene.status import Status


class Step(StrEnum):
    """The steps of a cleaning, in their order: the first that objects gives the reason."""

    READ = "read"
    VALIDATE = "validate"
    CONSENT = "consent"
    SUPPRESS = "suppress"
    POLICY = "policy"
    PRUNE = "prune"
    DEDUPLICATE = "deduplicate"


class RejectReason(StrEnum):
    """The words of the ``reason`` column, in the order in which they are asked."""

    DAMAGED_LINE = "damaged-line"
    MISSING_ADDRESS = "missing-address"
    SEVERAL_ADDRESSES = "several-addresses"
    INVALID_ADDRESS = "invalid-address"
    NO_MAIL_DOMAIN = "no-mail-domain"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    DISABLED = "disabled"
    UNCONFIRMED = "unconfirmed"
    UNREADABLE_STATUS = "unreadable-status"
    NOT_SUBSCRIBED = "not-subscribed"
    CUSTOMER = "no-consent"
    NOT_CONFIRMED = "not-confirmed"
    SUPPRESSED = "suppressed"
    SOFT_BOUNCED = "soft-bounced"
    ROLE = "role"
    DISPOSABLE = "disposable"
    MISTYPED = "mistyped"
    INACTIVE = "inactive"
    DUPLICATE = "duplicate"
    DUPLICATE_MAILBOX = "duplicate-mailbox"


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a reason: its step, whether it lasts, what it means, and what would let the row in."""

    step: Step
    permanent: bool  # no setting of a cleaning brings the row back: the world has to change
    meaning: str
    remedy: str


ABOUT: Final = MappingProxyType(
    {
        RejectReason.DAMAGED_LINE: About(
            Step.READ,
            True,
            "the line cannot be read as a record of this file",
            "mend the line in the export: its text is in the text column",
        ),
        RejectReason.MISSING_ADDRESS: About(
            Step.VALIDATE, True, "the address cell is empty", "ask the person for an address by another way"
        ),
        RejectReason.SEVERAL_ADDRESSES: About(
            Step.VALIDATE,
            True,
            "the cell holds several addresses, and which is meant is not said",
            "split the row",
        ),
        RejectReason.INVALID_ADDRESS: About(
            Step.VALIDATE,
            True,
            "no mail server can have this address",
            "correct it where the person signed up, if you know what was meant",
        ),
        RejectReason.NO_MAIL_DOMAIN: About(
            Step.VALIDATE,
            True,
            "the domain does not exist or takes no mail",
            "check the spelling of the domain",
        ),
        RejectReason.COMPLAINED: About(
            Step.CONSENT, True, "the person reported a mail as spam", "nothing: never mail this person again"
        ),
        RejectReason.UNSUBSCRIBED: About(
            Step.CONSENT, True, "the person said no", "only a new sign-up by the person"
        ),
        RejectReason.BOUNCED: About(
            Step.CONSENT, True, "mail to this address came back for good", "only a new sign-up by the person"
        ),
        RejectReason.DISABLED: About(
            Step.CONSENT,
            True,
            "the platform does not mail this contact, and its export does not say why",
            "look the contact up on the platform",
        ),
        RejectReason.UNCONFIRMED: About(
            Step.CONSENT,
            True,
            "the person began to sign up and never clicked the confirmation",
            "the person confirms",
        ),
        RejectReason.UNREADABLE_STATUS: About(
            Step.CONSENT,
            False,
            "the status is a word unknown here, and what is not understood is no consent",
            "say what the word means in hygiene.toml: [clean.status_words]",
        ),
        RejectReason.NOT_SUBSCRIBED: About(
            Step.CONSENT, True, "the contact never subscribed; a blank consent is none", "the person signs up"
        ),
        RejectReason.CUSTOMER: About(
            Step.CONSENT,
            False,
            "a customer, not a subscriber: the export shows no consent",
            "add the export that shows the consent, or assume it with --assume-consent",
        ),
        RejectReason.NOT_CONFIRMED: About(
            Step.CONSENT,
            False,
            "no double opt-in is on record, and --require-confirmed asks for it",
            "send a confirmation mail, or clean without --require-confirmed",
        ),
        RejectReason.SUPPRESSED: About(
            Step.SUPPRESS,
            True,
            "a suppression list holds the address",
            "nothing: the list is there to be obeyed",
        ),
        RejectReason.SOFT_BOUNCED: About(
            Step.SUPPRESS,
            False,
            "mail came back too often without one delivery in between",
            "a delivery, or a higher soft_bounces in hygiene.toml: [clean]",
        ),
        RejectReason.ROLE: About(
            Step.POLICY, False, "the address of a task, read by several people", "clean with --role flag"
        ),
        RejectReason.DISPOSABLE: About(
            Step.POLICY, False, "a throw-away address", "clean with --disposable flag"
        ),
        RejectReason.MISTYPED: About(
            Step.POLICY,
            False,
            "the domain looks like a typing slip",
            "ask the person; never write to the suggestion unasked, it belongs to somebody else",
        ),
        RejectReason.INACTIVE: About(
            Step.PRUNE,
            False,
            "no sign of life for longer than the policy allows",
            "a click on one last mail to winback.csv, or a longer --inactive-after",
        ),
        RejectReason.DUPLICATE: About(
            Step.DEDUPLICATE, False, "the same address as the row kept", "nothing: the person is mailed once"
        ),
        RejectReason.DUPLICATE_MAILBOX: About(
            Step.DEDUPLICATE,
            False,
            "another spelling of the same mailbox as the row kept",
            "nothing: the person is mailed once",
        ),
    }
)

#: the status that rejects → the reason it gives
BY_STATUS: Final = MappingProxyType(
    {
        Status.COMPLAINED: RejectReason.COMPLAINED,
        Status.UNSUBSCRIBED: RejectReason.UNSUBSCRIBED,
        Status.BOUNCED: RejectReason.BOUNCED,
        Status.DISABLED: RejectReason.DISABLED,
        Status.UNCONFIRMED: RejectReason.UNCONFIRMED,
        Status.UNREADABLE: RejectReason.UNREADABLE_STATUS,
        Status.NOT_SUBSCRIBED: RejectReason.NOT_SUBSCRIBED,
        Status.CUSTOMER: RejectReason.CUSTOMER,
    }
)
