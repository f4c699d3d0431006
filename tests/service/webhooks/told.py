"""Mails of an outbox, and what the providers tell of them."""

import json
from datetime import UTC, datetime

from sqlalchemy import insert, select

from hygiene.contacts.suppression.workspace import load_suppressions
from hygiene.sending.states import State
from hygiene.service.webhooks.post import Post, Verified
from hygiene.service.webhooks.posts import store_post
from hygiene.tables import CAMPAIGN, EVENT, OUTBOX

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
KEY = bytes(range(32))
REF = "abcdefghijklmnop"
OTHER_REF = "qrstuvwxyz234567"
AT = "2026-11-28T11:50:00.000Z"
SECONDS = 1795866600  # the same moment


def add_mail(store, *, ref=REF, recipient="Ann@example.com", remote="", state=State.SENT, name="spring"):
    campaign = {
        "name": name,
        "stream": "marketing",
        "topic": "news",
        "state": "running",
        "held_because": "",
        "definition": "{}",
        "manifest": None,
        "queued": 1,
        "overrides": "{}",
        "made_us": 1,
        "ended_us": None,
    }
    mail = {
        "key": ref,
        "ref": ref,
        "recipient": recipient,
        "provider": "gmail",
        "variant": "b",
        "place": 1,
        "fields": "{}",
        "state": state,
        "owner": None,
        "lease_us": None,
        "due_us": 1,
        "expires_us": None,
        "tries": 1,
        "code": 250,
        "status": "",
        "reply": "",
        "reason": "",
        "remote": remote,
        "changed_us": 1,
    }
    with store.writing() as connection:
        known = connection.scalar(select(CAMPAIGN.c.id).where(CAMPAIGN.c.name == name))
        number = known or connection.execute(insert(CAMPAIGN).values(campaign)).inserted_primary_key[0]
        return connection.execute(insert(OUTBOX).values(mail | {"campaign": number})).inserted_primary_key[0]


def keep(store, provider, content, *, replay=None, now=NOW):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    verdict = Verified(provider=provider, replay_key=replay or f"{provider}-{hash(body)}")
    return store_post(store, verdict, Post(headers={}, body=body), now=now)


def events(store):
    with store.reading() as connection:
        return [dict(row) for row in connection.execute(select(EVENT).order_by(EVENT.c.ts_us)).mappings()]


def listed(store):
    """What a list says of addresses, whoever they are."""
    table = load_suppressions(store).table.to_pylist()
    return {row["value"]: row["reason"] for row in table if row["form"] == "address"}


def ses(kind, sub, *, tags=True, ref=REF, message_id="0100-ses", headers=(), envelope="m-1"):
    """A post of SNS with an event of SES."""
    mail = {
        "timestamp": "2026-11-28T11:00:00.000Z",
        "messageId": message_id,
        "destination": ["ann@example.com"],
        **({"tags": {"hygiene_ref": [ref]}} if tags else {}),
        **({"headers": [{"name": name, "value": value} for name, value in headers]} if headers else {}),
    }
    name = {"DeliveryDelay": "deliveryDelay"}.get(kind, kind.lower())
    return {
        "Type": "Notification",
        "MessageId": envelope,
        "TopicArn": "arn:aws:sns:eu-west-1:1:x",
        "Message": json.dumps({"eventType": kind, "mail": mail, name: sub}),
        "Timestamp": AT,
    }


def ses_bounce(kind="Permanent", status="5.1.1", text="smtp; 550 5.1.1 user unknown", at=AT, **more):
    recipient = {
        "emailAddress": "ann@example.com",
        "action": "failed",
        "status": status,
        "diagnosticCode": text,
    }
    told = {"bounceType": kind, "bounceSubType": "General", "bouncedRecipients": [recipient], "timestamp": at}
    return ses("Bounce", told, **more)


def sendgrid(event="delivered", *, at=SECONDS, ref=REF, email="ann@example.com", **fields):
    told = {"email": email, "event": event, "timestamp": at, "sg_event_id": f"e{at}"}
    told |= {"sg_message_id": "X1y2.filter0001.1-2-3.0"} | ({"hygiene_ref": ref} if ref else {})
    return told | fields


def mailgun(event="delivered", *, ref=REF, **fields):
    variables = {"user-variables": {"hygiene_ref": ref}} if ref else {}
    told = {
        "event": event,
        "timestamp": SECONDS + 0.25,
        "id": "Ase7",
        "log-level": "info",
        "recipient": "ann@example.com",
        "recipient-domain": "example.com",
        "flags": {},
        "message": {"headers": {"message-id": "x1@mg.example.com"}},
    }
    return {
        "signature": {"token": "t", "timestamp": str(SECONDS), "signature": "s"},
        "event-data": told | variables | fields,
    }


def postmark(kind="Delivery", *, ref=REF, **fields):
    times = {"Delivery": "DeliveredAt", "Bounce": "BouncedAt", "SpamComplaint": "BouncedAt"}
    who = "Recipient" if kind in {"Delivery", "SubscriptionChange"} else "Email"
    told = {"RecordType": kind, "MessageID": "883953f4", who: "ann@example.com", "Metadata": {}}
    told |= {times.get(kind, "ChangedAt"): AT} | ({"Metadata": {"hygiene_ref": ref}} if ref else {})
    return told | fields


def brevo(event="delivered", *, ref=REF, **fields):
    told = {"event": event, "email": "ann@example.com", "message-id": "<20261128@smtp-relay.mailin.fr>"}
    return told | {"ts_event": SECONDS, "id": 1} | ({"X-Mailin-custom": ref} if ref else {}) | fields
