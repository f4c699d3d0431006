"""An outbox with mails in it, and ways out that are played: what the tests of sending share."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hygiene import event_loop
from hygiene.config import AccountSettings
from hygiene.sending.claiming import Claims
from hygiene.sending.letter import Letter, Mail, Mailbox
from hygiene.sending.mailing import Mailing
from hygiene.sending.outbox import add_campaign, move_campaign, queue
from hygiene.sending.reply import Outcome, Phase, Reply
from hygiene.sending.states import CampaignState, State
from hygiene.sending.worker import Worker, is_done
from hygiene.tokens import make_ref

KEY = bytes(range(32))
START = datetime(2026, 11, 27, 9, tzinfo=UTC)
START_US = round(START.timestamp() * 1_000_000)
ACCEPTED = Reply(outcome=Outcome.SENT, phase=Phase.DOT, code=250, status="2.0.0", text="queued", remote_id="q1")


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now_us=START_US):
        self.now_us = now_us

    def __call__(self):
        return self.now_us

    def move(self, **period):
        self.now_us += round(timedelta(**period).total_seconds() * 1_000_000)


class Plain:
    """Composes a short mail."""

    def mail(self, row, now):
        box = Mailbox(address=row["recipient"])
        letter = Letter(
            sender=Mailbox(address="news@shop.example"),
            to=box,
            subject="Hi",
            text="Hi",
            date=now,
            message_id=row["ref"],
        )
        content = (
            f"From: news@shop.example\r\nTo: {row['recipient']}\r\nX-Ref: {row['ref']}\r\n\r\nHi\r\n".encode()
        )
        return Mail(
            ref=row["ref"],
            return_path="b@shop.example",
            recipient=row["recipient"],
            content=content,
            letter=letter,
        )


class Played:
    """A transport whose replies come from a function of the mail; it remembers what it took."""

    def __init__(self, answer=lambda mail: ACCEPTED, capacity=4):
        self.answer, self.capacity, self.taken, self.closed = answer, capacity, [], False

    async def send(self, mail, may_leave):
        await asyncio.sleep(0)
        reply = self.answer(mail)
        if reply.phase is not Phase.DOT:
            return reply
        if not await may_leave():
            return Reply(outcome=Outcome.WITHHELD, phase=Phase.DATA)
        await asyncio.sleep(0)
        if reply.outcome in (Outcome.SENT, Outcome.UNKNOWN):
            self.taken.append(mail)
        return reply

    async def close(self):
        self.closed = True


def reply(outcome, code=None, status="", text="", phase=Phase.RCPT):
    return Reply(outcome=outcome, phase=phase, code=code, status=status, text=text)


def mailing_of(row, **changes):
    made = Mailing(
        id=row["id"],
        name=row["name"],
        stream=row["stream"],
        topic=row["topic"],
        account="relay",
        composing=Plain(),
        secret=KEY,
    )
    return replace(made, **changes)


def new_campaign(
    store, addresses, *, name="spring", stream="marketing", expires_us=None, provider=lambda _: "other"
):
    """A running campaign of these recipients; its id."""
    with store.writing() as connection:
        row = add_campaign(
            connection,
            {
                "name": name,
                "stream": stream,
                "topic": "news",
                "state": CampaignState.PREPARING,
                "held_because": "",
                "definition": "{}",
                "manifest": None,
                "overrides": "{}",
                "queued": 0,
                "made_us": START_US,
                "ended_us": None,
            },
        )
        queue(
            connection,
            [
                row_of(row["id"], name, address, place, expires_us, provider)
                for place, address in enumerate(addresses)
            ],
        )
        move_campaign(connection, row["id"], CampaignState.RUNNING, among=[CampaignState.PREPARING])
    return row["id"]


def row_of(campaign, name, address, place, expires_us=None, provider=lambda _: "other"):
    return {
        "campaign": campaign,
        "key": f"key of {address}",
        "ref": make_ref(name, address, KEY),
        "recipient": address,
        "provider": provider(address),
        "variant": "",
        "place": place,
        "fields": "{}",
        "state": State.READY,
        "owner": None,
        "lease_us": None,
        "due_us": START_US,
        "expires_us": expires_us,
        "tries": 0,
        "code": None,
        "status": "",
        "reply": "",
        "reason": "",
        "remote": "",
        "changed_us": START_US,
    }


def worker_on(
    store, transport, clock, *, owner="w1", account=None, shared=(), watching=None, lease_s=120.0, **changes
):
    """A worker whose only account is `relay`."""
    return Worker(
        store,
        lambda row: mailing_of(row, **changes),
        lambda account, lane: transport,
        owner=owner,
        clock=clock,
        claims=Claims({"relay": account or AccountSettings()}, shared=shared),
        watching=watching,
        lease_s=lease_s,
    )


def send_all(worker, campaign):
    event_loop.run(asyncio.wait_for(worker.run(campaigns=[campaign], until=is_done(campaign)), 30))
