"""What the sample shop mailed: an event log as Amazon SES writes it, and the orders that followed."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

from hygiene.demo.lists import NAMES

LOG, ORDERS = "outfitters-events.jsonl", "outfitters-orders.csv"
#: some of those that Shopify exports
ORDER_COLUMNS: Final = (
    *("Name", "Email", "Financial Status", "Paid at", "Currency", "Total", "Created at"),
    *("Lineitem quantity", "Lineitem name"),
)
SEED: Final = 20261122
PEOPLE: Final = 1_500
DOMAINS: Final = ("gmail.com", "gmail.com", "yahoo.com", "outlook.com", "icloud.com", "customers.example.com")
_PHONE: Final = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15"
_APPLE: Final = "Mozilla/5.0"  # its privacy proxy, which loads everything
_LINKS: Final = 9
_GONE: Final = (
    "Permanent",
    "NoEmail",
    "5.1.1",
    "smtp; 550 5.1.1 The email account that you tried to reach does not exist",
)
_FULL: Final = (
    "Transient",
    "MailboxFull",
    "4.2.2",
    "smtp; 452 4.2.2 The recipient's inbox is out of storage space",
)
_REFUSED: Final = ("Transient", "ContentRejected", "5.7.1", "smtp; 554 5.7.1 Message rejected due to content")


@dataclass(frozen=True, kw_only=True, slots=True)
class Campaign:
    """One mailing; shares are of the mails delivered."""

    name: str
    sent_at: datetime
    opened: float
    clicked: float
    complained: float = 0.0005
    refused: float = 0.0  # at yahoo.com


CAMPAIGNS: Final = (
    Campaign(name="autumn-collection", sent_at=datetime(2026, 9, 8, 7, tzinfo=UTC), opened=0.24, clicked=0.042),
    Campaign(name="newsletter-9", sent_at=datetime(2026, 9, 22, 7, tzinfo=UTC), opened=0.21, clicked=0.031),
    Campaign(name="newsletter-10", sent_at=datetime(2026, 10, 20, 7, tzinfo=UTC), opened=0.20, clicked=0.028),
    Campaign(
        name="black-friday-early",
        sent_at=datetime(2026, 11, 3, 7, tzinfo=UTC),
        opened=0.16,
        clicked=0.034,
        complained=0.009,
        refused=0.12,
    ),
    Campaign(name="newsletter-11", sent_at=datetime(2026, 11, 20, 7, tzinfo=UTC), opened=0.10, clicked=0.012),
)
#: when the log was taken
AS_OF: Final = datetime(2026, 11, 22, 9, tzinfo=UTC)


def write_mailing(folder: Path) -> tuple[Path, Path]:
    """Write the event log and the orders; where they are."""
    log, orders = folder / LOG, folder / ORDERS
    made = _Mailing(Random(SEED))  # noqa: S311 - a sample, not a secret
    lines = sorted(made.events(), key=lambda event: str(event["ts"]))
    with log.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(event["body"], separators=(",", ":")) + "\n" for event in lines)
    with orders.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(ORDER_COLUMNS)
        writer.writerows(made.orders)
    return log, orders


class _Mailing:
    """The events of all campaigns, and the orders that follow from them."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.orders: list[tuple[str, ...]] = []

    def events(self) -> Iterator[dict[str, Any]]:
        """Each as {ts, body}; some of them twice, as notifications repeat."""
        yield from _stray()
        for campaign in CAMPAIGNS:
            for number in range(PEOPLE):
                for event in self._mail(campaign, number):
                    yield event
                    if self.random.random() < 0.01:
                        yield event

    def _mail(self, campaign: Campaign, number: int) -> Iterator[dict[str, Any]]:
        address = f"{_local(number)}@{DOMAINS[number % len(DOMAINS)]}"
        sent = campaign.sent_at + timedelta(seconds=number * 2)
        mail = _Mail(campaign.name, number, address, sent)
        yield mail.event("Send", 0, {})
        bounce = self._bounce(campaign, number, address)
        if bounce == "suppressed":
            yield mail.bounce(
                1, "Permanent", "OnAccountSuppressionList", "5.1.1", "suppressed for your account"
            )
            return
        if bounce:
            yield mail.bounce(2 + self.random.random() * 20, *bounce)
            return
        if self.random.random() < 0.002:
            return  # still under way
        arrived = 1 + self.random.expovariate(1 / 6)
        yield mail.event("Delivery", arrived, {"recipients": [address], "smtpResponse": "250 2.0.0 OK"})
        if number % 311 == 17:
            yield mail.bounce(arrived + 90, *_GONE)  # taken, and sent back later
            return
        yield from self._reactions(campaign, mail, number, arrived)

    def _bounce(self, campaign: Campaign, number: int, address: str) -> tuple[str, str, str, str] | str | None:
        if number % 29 == 3:
            return _GONE if campaign is CAMPAIGNS[0] else "suppressed"
        if address.endswith("@yahoo.com") and self.random.random() < campaign.refused:
            return _REFUSED
        return _FULL if self.random.random() < 0.006 else None

    def _reactions(
        self, campaign: Campaign, mail: _Mail, number: int, arrived: float
    ) -> Iterator[dict[str, Any]]:
        chance = self.random.random
        if mail.address.endswith("@icloud.com") and chance() < 0.8:
            yield mail.opened(arrived + 60 + chance() * 900, _APPLE)
        if mail.address.endswith("@customers.example.com") and number % 4 == 1:
            swept = arrived + 20 + chance() * 60  # a scanner follows every link at once
            for link in range(_LINKS):
                yield mail.clicked(swept + link * 0.05, link)
        opened = arrived + self.random.lognormvariate(9.5, 1.4)
        if chance() < campaign.opened:
            yield mail.opened(opened, _PHONE)
        if chance() < campaign.clicked:
            yield mail.clicked(opened + 30, number % _LINKS)
            self._order(mail, opened + 1_800, number)
        if chance() < campaign.complained * (4 if mail.address.endswith("@yahoo.com") else 0.4):
            yield mail.complained(opened + 60)
        elif chance() < 0.0025:
            yield mail.unsubscribed(opened + 90)

    def _order(self, mail: _Mail, after_s: float, number: int) -> None:
        if self.random.random() < 0.2:
            bought = mail.sent + timedelta(seconds=after_s)
            self.orders.append(
                (
                    f"#{1001 + len(self.orders)}",
                    mail.address,
                    "paid",
                    f"{bought:%Y-%m-%d %H:%M:%S +0000}",
                    "EUR",
                    f"{20 + number % 90}.90",
                    f"{bought:%Y-%m-%d %H:%M:%S +0000}",
                    "1",
                    "Rain jacket",
                )
            )


@dataclass(frozen=True, slots=True)
class _Mail:
    campaign: str
    number: int
    address: str
    sent: datetime

    def event(self, kind: str, after_s: float, details: dict[str, Any]) -> dict[str, Any]:
        """What happened so long after sending, as Amazon SES publishes it; nothing after the log was taken."""
        ts = min(self.sent + timedelta(seconds=after_s), AS_OF)
        body: dict[str, Any] = {
            "eventType": kind,
            "mail": {
                "timestamp": _moment(self.sent),
                "messageId": f"0107019a{self.number:06d}-{self.campaign}",
                "source": "shop@outfitters.example",
                "destination": [self.address],
                "tags": {"campaign": [self.campaign]},
            },
        }
        timed = details if kind in {"Send", "Reject"} else {"timestamp": _moment(ts), **details}
        return {"ts": _moment(ts), "body": {**body, kind[0].lower() + kind[1:]: timed}}

    def bounce(self, after_s: float, kind: str, sub: str, status: str, said: str) -> dict[str, Any]:
        """Returned by the receiver, or not sent at all."""
        recipient = {"emailAddress": self.address, "action": "failed", "status": status, "diagnosticCode": said}
        details = {"bounceType": kind, "bounceSubType": sub, "bouncedRecipients": [recipient]}
        return self.event("Bounce", after_s, details)

    def opened(self, after_s: float, agent: str) -> dict[str, Any]:
        """Its images were loaded."""
        return self.event("Open", after_s, {"ipAddress": "192.0.2.1", "userAgent": agent})

    def clicked(self, after_s: float, link: int) -> dict[str, Any]:
        """A link was followed."""
        place = f"https://outfitters.example/{self.campaign}/{link}"
        return self.event("Click", after_s, {"ipAddress": "192.0.2.1", "userAgent": _PHONE, "link": place})

    def complained(self, after_s: float) -> dict[str, Any]:
        """Reported as spam."""
        person = {"complainedRecipients": [{"emailAddress": self.address}], "complaintFeedbackType": "abuse"}
        return self.event("Complaint", after_s, person)

    def unsubscribed(self, after_s: float) -> dict[str, Any]:
        """Wants no more."""
        preferences = {"unsubscribeAll": True, "topicSubscriptionStatus": []}
        details = {"contactList": "shop", "newTopicPreferences": preferences, "source": "UnsubscribeHeader"}
        return self.event("Subscription", after_s, details)


def _stray() -> Iterator[dict[str, Any]]:
    """Opens of a mailing before the log begins."""
    for number in range(0, 60, 7):
        mail = _Mail("summer-sale", number, f"{_local(number)}@gmail.com", datetime(2026, 8, 30, 7, tzinfo=UTC))
        yield mail.opened(86_400 * 3 + number, _PHONE)


def _local(number: int) -> str:
    return f"{NAMES[number % len(NAMES)].lower().replace('é', 'e').replace('ó', 'o')}.{number}"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
