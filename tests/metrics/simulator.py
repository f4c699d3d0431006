"""A seeded simulator of campaigns whose outcome is known: it draws what becomes of each mail, writes that down,
and only then tells the story in events, as badly as platforms do.

The truth is what was drawn; nothing here reconciles anything.
"""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from .logs import event

SECOND, DAY = 1_000_000, 86_400_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_MORNING = 1_774_681_200  # 2026-03-28 07:00 UTC: the day before Europe's summer time
DAYS = 5
WINDOW = 5 * DAY
PEOPLE = 120
PROVIDERS = {"gmail.com": "gmail", "yahoo.com": "yahoo", "firm.example": "firm.example"}
LOOPS = {"yahoo"}
SAID = {
    "hard": ("5.1.1", "no such user"),
    "soft": ("4.2.2", "mailbox full"),
    "block": ("5.7.1", "blocked by policy"),
    "unknown": (None, None),
}


@dataclass(frozen=True)
class Platform:
    """What a platform tells."""

    name: str
    sends: bool = True
    deliveries: bool = True
    flags: bool = True  # machine opens
    tracking: bool = False
    shared: bool = False  # a message has many recipients


FLAGS = (
    *("late", "deferred", "complained", "unsubscribed", "opened_all", "opened_human", "clicked_all"),
    "clicked_human",
)
NUMBERS = ("opens_total", "clicks_total", "orders", "revenue_micros")
PLATFORMS = (
    Platform("ses", flags=False, shared=True),
    Platform("sendgrid"),
    Platform("postmark", sends=False, flags=False),
    Platform("sparkpost", tracking=True),
    Platform("mailchimp", deliveries=False, flags=False),
)
NEVER = {"mailchimp": ["delivered"]}


@dataclass
class Simulation:
    """The events, and what is true of them."""

    rows: list = field(default_factory=list)
    mails: dict = field(default_factory=dict)  # (source, message, recipient) → what became of it
    orphans: Counter = field(default_factory=Counter)
    duplicates: int = 0
    orders: int = 0
    credited: int = 0
    clicks: dict = field(default_factory=lambda: defaultdict(list))  # recipient → (when, mail), of people


def simulate(seed, messages=40, platforms=PLATFORMS, timezone="Europe/Berlin", fraction=SECOND):
    """A few campaigns of each platform; `fraction` 1: mails leave at whole seconds, as some logs tell time."""
    random, made = Random(seed), Simulation()
    for platform in platforms:
        told_days = set()
        for number in range(messages):
            people = random.sample(
                range(PEOPLE), random.randint(2, 6) if platform.shared and number % 3 == 0 else 1
            )
            Message(random, made, platform, number, told_days, ZoneInfo(timezone), fraction).send(people)
        add_orphans(random, made, platform)
    place_orders(random, made)
    random.shuffle(made.rows)
    return made


class Message:
    """One message, and what becomes of it with each recipient."""

    def __init__(self, random, made, platform, number, told_days, zone, fraction):
        self.random, self.made, self.platform, self.zone = random, made, platform, zone
        self.campaign = f"{platform.name}-{number % 3}"
        self.id = f"{platform.name}-message-{number}"
        start = FIRST_MORNING + (number % DAYS) * 86_400 + random.randrange(3_600 * 15)
        self.sent = start * SECOND + random.randrange(fraction)
        local = (EPOCH + timedelta(microseconds=self.sent)).astimezone(zone).date()
        self.day = (local - date(1970, 1, 1)).days
        self.monday = self.day - local.weekday()
        self.tracked, self.tells = self.tracking(told_days, number)

    def tracking(self, told_days, number):
        """Tracking is switched on in the middle; not every mail says so, but one a campaign and day does."""
        if not self.platform.tracking:
            return True, False
        on = self.day >= (datetime.fromtimestamp(FIRST_MORNING, UTC).date() - date(1970, 1, 1)).days + 2
        tells = (self.campaign, self.day) not in told_days or number % 4 > 0
        told_days.add((self.campaign, self.day))
        return on, tells

    def send(self, people):
        for person in people:
            self.alone = len(people) == 1
            domain = list(PROVIDERS)[person % 3]
            self.person, self.key = (
                f"person{person}@{domain}",
                (self.platform.name, self.id, f"person{person}@{domain}"),
            )
            self.truth = dict.fromkeys(FLAGS, False) | dict.fromkeys(NUMBERS, 0) | {"bounce_class": None}
            self.truth |= {
                "campaign": self.campaign, "provider": PROVIDERS[domain], "track_open": self.tracked,
                "track_click": self.tracked, "sent_us": self.sent, "day": self.day, "week": self.monday,
            }  # fmt: skip
            self.used = set()
            self.live(self.random.random())
            self.made.mails[self.key] = self.truth

    def live(self, fate):
        random, platform = self.random, self.platform
        if fate < 0.06:  # the platform may say that it was sent, all the same
            if platform.sends and random.random() < 0.5:
                self.tell("sent", self.sent)
            self.tell("rejected", self.sent, reason="suppressed")
            self.truth |= {"state": "rejected", "arrived": False, "inferred": False}
            return
        if platform.sends:
            self.tell("sent", self.sent)
        for attempt in range(random.choice([0, 0, 0, 1, 4]) if platform.deliveries else 0):
            self.tell(
                "deferred", self.sent + (attempt + 1) * 60 * SECOND, smtp_status="4.7.1", reason="greylisted"
            )
            self.truth["deferred"] = True
        if fate < 0.14 and platform.deliveries and (platform.sends or self.truth["deferred"]):
            self.truth |= {"state": "pending", "arrived": False, "inferred": not platform.sends}
        elif fate < 0.34:
            self.bounce()
        else:
            self.arrive()
        if not platform.sends:
            dated = [
                row["ts_us"]
                for row in self.made.rows
                if tuple(row[n] for n in ("source", "message_id", "recipient")) == self.key
            ]
            self.move(min(dated))

    def move(self, first):
        """Without a word of sending, a mail is as old as its first event."""
        local = (EPOCH + timedelta(microseconds=first)).astimezone(self.zone).date()
        day = (local - date(1970, 1, 1)).days
        self.truth |= {"sent_us": first, "day": day, "week": day - local.weekday()}

    def bounce(self):
        """Once or twice, the worse counts; after a delivery, or before one that takes nothing back."""
        random, platform = self.random, self.platform
        worst = random.choice(["hard", "soft", "block", "unknown"])
        at = self.sent + 4_000 * SECOND
        self.tell("bounced", at, bounce_class=worst, smtp_status=SAID[worst][0], reason=SAID[worst][1])
        if worst == "hard" and random.random() < 0.5:
            self.tell(
                "bounced", at - 60 * SECOND, bounce_class="soft", smtp_status="4.2.2", reason="mailbox full"
            )
        delivery = random.choice([None, None, "before", "after"]) if platform.deliveries else None
        if delivery:
            self.tell("delivered", self.sent + (300 if delivery == "before" else 9_000) * SECOND)
        self.truth |= {
            "state": "bounced", "bounce_class": worst, "late": delivery == "before", "arrived": bool(delivery),
            "inferred": not platform.sends,
        }  # fmt: skip

    def arrive(self):
        random, platform = self.random, self.platform
        said = platform.deliveries and (not platform.sends or random.random() < 0.9)
        delivered = self.sent + random.randrange(400, 900) * SECOND
        if said:
            self.tell("delivered", delivered)
        acts = [*([self.open] if self.tracked else []), *([self.click] if self.tracked else []), self.answer]
        before = len(self.made.rows)
        # a message to many: who opened it, the platform does not say
        for act in acts if self.alone else [self.answer]:
            act(delivered, said)
        proven = said or not platform.deliveries or len(self.made.rows) > before
        self.truth |= {
            "state": "delivered" if proven else "pending", "arrived": proven,
            "inferred": (proven and not said) or not platform.sends,
        }  # fmt: skip

    def open(self, delivered, said):
        random, flags = self.random, self.platform.flags
        machine = flags and random.random() < 0.4
        people = random.choice([0, 0, 1, 1, 2, 3])
        if machine:
            self.tell("opened", delivered + 2 * SECOND, machine="mpp")
        for number in range(people):
            at = delivered + (random.randrange(60, 3_000) + number * 4_000) * SECOND
            self.tell("opened", at, machine=random.choice(["none", "proxy", None]) if flags else None)
        self.truth |= {
            "opened_all": machine or people > 0, "opened_human": people > 0, "opens_total": machine + people,
        }  # fmt: skip

    def click(self, delivered, said):
        random, total = self.random, 0
        start = delivered // SECOND * SECOND
        if random.random() < 0.15:  # a scanner goes through the links, within a second, perhaps over its end
            swept = start + 30 * SECOND + random.choice([0, 900_000])
            for link in range(random.randint(3, 10)):
                self.tell("clicked", swept + link * 19_000, url=f"https://shop.example/{link}")
                total += 1
        if said and random.random() < 0.1:  # or follows one before it lets the mail pass
            self.tell("clicked", delivered - random.randrange(2, 90) * SECOND, url="https://shop.example/early")
            total += 1
        if self.platform.tracking and random.random() < 0.05:  # one that the platform knows
            self.tell("clicked", delivered + 50 * SECOND, url="https://shop.example/0", machine="scanner")
            total += 1
        people = random.choice([0, 0, 0, 1, 2, 3])
        for number in range(people):
            at = delivered + (20_000 + number * random.choice([3, 5_000])) * SECOND
            link = random.choice(["https://shop.example/sale", f"https://shop.example/item/{number}"])
            self.tell("clicked", at, url=link)
            self.made.clicks[self.person].append((at, self.key))
        self.truth |= {
            "clicked_all": total + people > 0, "clicked_human": people > 0, "clicks_total": total + people,
        }  # fmt: skip

    def answer(self, delivered, said):
        random = self.random
        if random.random() < 0.08:
            self.tell("complained", delivered + 7_000 * SECOND)
            self.truth["complained"] = True
        if random.random() < 0.1:
            self.tell("unsubscribed", delivered + 8_000 * SECOND)
            undone = self.platform.name == "sendgrid" and random.random() < 0.3
            if undone:
                self.tell("resubscribed", delivered + 8_500 * SECOND)
            self.truth["unsubscribed"] = not undone

    def tell(self, kind, at, **columns):
        """One event, told once or up to 46 times, with other ids."""
        random = self.random
        natural = (kind, at // SECOND, columns.get("url"), columns.get("bounce_class"))
        assert natural not in self.used, "the simulator must not draw one event twice"
        self.used.add(natural)
        tracked = ("both" if self.tracked else "none") if self.tells else None
        row = event(
            kind, source=self.platform.name, message_id=self.id, recipient=self.person, campaign=self.campaign,
            domain=self.person.split("@")[1], provider=self.truth["provider"], ts_us=at,
            tracked=tracked, **columns,
        )  # fmt: skip
        times = random.choice([1] * 12 + [2, 3]) if random.random() > 0.01 else 46
        for _ in range(times):
            self.made.rows.append({**row, "event_id": str(random.getrandbits(64))})
        self.made.duplicates += times - 1


def add_orphans(random, made, platform):
    """Events of mails that this log does not hold, or that name none."""
    for number in range(4):
        stray = {"source": platform.name, "campaign": "elsewhere", "ts_us": FIRST_MORNING * SECOND + number}
        about = f"{platform.name}-stray-{number}"
        kind = random.choice(["opened", "clicked", "complained"])
        why = (
            "its mail was not sent within this log"
            if platform.sends
            else "nothing proves that its mail was sent"
        )
        made.rows.append(event(kind, message_id=about, recipient="stray@firm.example", **stray))
        made.orphans[platform.name, kind, why] += 1
        made.rows.append(event("bounced", recipient="person1@yahoo.com", bounce_class="hard", **stray))
        made.orphans[platform.name, "bounced", "names no message"] += 1
        made.rows.append(event("opened", message_id=about, **stray))
        made.orphans[platform.name, "opened", "names nobody"] += 1


def place_orders(random, made):
    """Orders of a shop: some after clicks, some too late, some of nobody who was mailed."""
    for person in [*made.clicks, "nobody@firm.example"]:
        clicks = made.clicks.get(person, [(FIRST_MORNING * SECOND, None)])
        for _ in range(random.choice([0, 1, 2])):
            click, _ = random.choice(clicks)
            at = click + random.choice([0, 3_600 * SECOND, WINDOW, WINDOW + 1])
            within = [(when, key) for when, key in clicks if key and 0 <= at - when <= WINDOW]
            value = random.randrange(1, 100_000) * 10_000
            order = event(
                "converted", source="shop", event_id=f"order-{made.orders}", recipient=person, ts_us=at,
                value_micros=value, currency="EUR",
            )  # fmt: skip
            made.rows += [order] * random.choice([1, 1, 2])
            made.orders += 1
            if within:
                latest = max(when for when, _ in within)
                truth = made.mails[min(key for when, key in within if when == latest)]
                truth["orders"] += 1
                truth["revenue_micros"] += value
                made.credited += 1


# What is true of a slice


def true_counts(mails):
    """The counts of mails, from what became of each."""
    mails = list(mails)
    delivered = [mail for mail in mails if mail["state"] == "delivered"]
    opens = [mail for mail in delivered if mail["track_open"]]
    clicks = [mail for mail in delivered if mail["track_click"]]
    sent = [mail for mail in mails if mail["state"] != "rejected"]
    classes = Counter(mail["bounce_class"] for mail in sent if mail["state"] == "bounced")
    return {
        "submitted": len(mails),
        "rejected": len(mails) - len(sent),
        "sent": len(sent),
        "delivered": len(delivered),
        "delivered_gross": sum(mail["arrived"] for mail in mails),
        "inferred": sum(mail["inferred"] for mail in sent),
        "bounced": classes.total(),
        "hard": classes["hard"],
        "soft": classes["soft"],
        "block": classes["block"],
        "undetermined": classes["unknown"],
        "late": sum(mail["late"] for mail in mails),
        "pending": sum(mail["state"] == "pending" for mail in mails),
        "deferred": sum(mail["deferred"] for mail in sent),
        "complained": sum(mail["complained"] for mail in delivered),
        "delivered_fbl": sum(mail["provider"] in LOOPS for mail in delivered),
        "complained_fbl": sum(mail["complained"] and mail["provider"] in LOOPS for mail in delivered),
        "unsubscribed": sum(mail["unsubscribed"] for mail in delivered),
        "delivered_open_tracked": len(opens),
        "opened_all": sum(mail["opened_all"] for mail in opens),
        "opened_human": sum(mail["opened_human"] for mail in opens),
        "opens_total": sum(mail["opens_total"] for mail in opens),
        "delivered_click_tracked": len(clicks),
        "clicked_all": sum(mail["clicked_all"] for mail in clicks),
        "clicked_human": sum(mail["clicked_human"] for mail in clicks),
        "clicks_total": sum(mail["clicks_total"] for mail in clicks),
        "engaged_human": sum(mail["opened_human"] or mail["clicked_human"] for mail in delivered),
        "converted": sum(mail["orders"] > 0 for mail in delivered),
        "orders": sum(mail["orders"] for mail in mails),
        "revenue_micros": sum(mail["revenue_micros"] for mail in mails),
    }


# As the platforms write it


def stamp(ts_us):
    return (EPOCH + timedelta(microseconds=ts_us)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def as_ses(rows):
    """SES events, one a line, of rows whose source is ses."""
    return "".join(json.dumps(ses_event(row)) + "\n" for row in rows)


def ses_event(row):
    who, when = (
        [row["recipient"]] if row["recipient"] else ["a@x.example", "b@x.example"],
        {"timestamp": stamp(row["ts_us"])},
    )
    named = [
        {"emailAddress": name, "status": row["smtp_status"], "diagnosticCode": row["reason"]} for name in who
    ]
    kinds = {"hard": "Permanent", "soft": "Transient", "block": "Transient", "unknown": "Undetermined"}
    told = {
        "sent": ("Send", {"send": {}}),
        "rejected": ("Reject", {"reject": {"reason": row["reason"]}}),
        "deferred": ("DeliveryDelay", {"deliveryDelay": {**when, "delayedRecipients": named}}),
        "delivered": ("Delivery", {"delivery": {**when, "recipients": who}}),
        "bounced": (
            "Bounce",
            {
                "bounce": {
                    **when,
                    "bounceType": kinds.get(row["bounce_class"]),
                    "bounceSubType": "ContentRejected" if row["bounce_class"] == "block" else "General",
                    "bouncedRecipients": named,
                }
            },
        ),
        "complained": ("Complaint", {"complaint": {**when, "complainedRecipients": named[:1]}}),
        "opened": ("Open", {"open": {**when, "userAgent": "Mail/1.0"}}),
        "clicked": ("Click", {"click": {**when, "link": row["url"], "userAgent": "Browser/1.0"}}),
        "unsubscribed": (
            "Subscription",
            {"subscription": {**when, "newTopicPreferences": {"unsubscribeAll": True}}},
        ),
    }
    word, body = told[row["kind"]]
    mail = {
        "messageId": row["message_id"],
        "timestamp": stamp(row["ts_us"]),
        "destination": who,
        "tags": {"campaign": [row["campaign"]]},
    }
    return {"eventType": word, "mail": mail, **body}


def as_sendgrid(rows, batch=7):
    """SendGrid's posts, an array a line, of rows whose source is sendgrid."""
    told = [sendgrid_event(row) for row in rows]
    return "".join(json.dumps(told[start : start + batch]) + "\n" for start in range(0, len(told), batch))


def sendgrid_event(row):
    words = {
        "sent": "processed", "rejected": "dropped", "deferred": "deferred", "delivered": "delivered",
        "bounced": "bounce", "complained": "spamreport", "opened": "open", "clicked": "click",
        "unsubscribed": "group_unsubscribe", "resubscribed": "group_resubscribe",
    }  # fmt: skip
    message = row["message_id"] and f"{row['message_id']}.recvd-7c6f-1-64.1"
    told = {
        "event": words[row["kind"]], "email": row["recipient"], "timestamp": row["ts_us"] // SECOND,
        "sg_event_id": row["event_id"], "sg_message_id": message, "category": [row["campaign"]],
        "reason": row["reason"], "status": row["smtp_status"], "url": row["url"],
        "type": {"block": "blocked", "unknown": "other"}.get(row["bounce_class"], "bounce")
        if row["kind"] == "bounced" else None,
        "sg_machine_open": row["machine"] == "mpp" if row["kind"] == "opened" else None,
    }  # fmt: skip
    return {name: value for name, value in told.items() if value is not None}
