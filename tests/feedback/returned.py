"""Mails that come back for mails of an outbox, as servers, providers and people write them."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from sqlalchemy import insert, select

from hygiene.address import judge_address
from hygiene.contacts.suppression.workspace import load_suppressions
from hygiene.sending.states import State
from hygiene.suppression_forms import Form, digest
from hygiene.tables import CAMPAIGN, CONSENT, EVENT, OPT_OUT, OUTBOX, RECEIVED, SUPPRESSION
from hygiene.tokens import Purpose, make_ref, make_token

KEY = bytes(range(32))
NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
UNKNOWN_USER = (
    "5.1.1",
    "smtp; 550 5.1.1 <{to}>: Recipient address rejected: User unknown in virtual mailbox table",
)
FULL = ("4.2.2", "smtp; 452 4.2.2 The email account that you tried to reach is over quota")
BLOCKED = (
    "5.7.1",
    "smtp; 554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
)


def add_mail(
    store,
    *,
    to="ann@example.com",
    name="spring",
    stream="marketing",
    topic="news",
    state=State.SENT,
    at=NOW,
    **more,
):
    """A mail of an outbox that reached a server; its reference."""
    key = digest(judge_address(to).key, Form.HMAC, KEY)
    ref = make_ref(name, key, KEY)
    us = round(at.timestamp() * 1_000_000)
    campaign = {
        "name": name,
        "stream": stream,
        "topic": topic,
        "state": "running",
        "held_because": "",
        "definition": '{"sender": {"address": "news@shop.example"}}',
        "manifest": None,
        "queued": 1,
        "overrides": "{}",
        "made_us": us,
        "ended_us": None,
    }
    mail = {
        "key": key,
        "ref": ref,
        "recipient": to,
        "provider": "other",
        "variant": "",
        "place": 1,
        "fields": "{}",
        "state": state,
        "owner": None,
        "lease_us": None,
        "due_us": us,
        "expires_us": None,
        "tries": 1,
        "code": 250,
        "status": "",
        "reply": "",
        "reason": "",
        "remote": "",
        "changed_us": us,
        **more,
    }
    with store.writing() as connection:
        known = connection.scalar(select(CAMPAIGN.c.id).where(CAMPAIGN.c.name == name))
        number = known or connection.execute(insert(CAMPAIGN).values(campaign)).inserted_primary_key[0]
        done = connection.execute(insert(OUTBOX).values(mail | {"campaign": number}))
        number = done.inserted_primary_key[0]
        for kind in ("sent", "delivered") if state is State.SENT else ("sent",):
            event = {
                "event_id": f"outbox:{ref}:{kind}",
                "message": number,
                "source": "outbox",
                "message_id": ref,
            }
            connection.execute(insert(EVENT).values(event | {"recipient": to, "kind": kind, "ts_us": us}))
    return ref


def verp(ref, *, key=KEY):
    return f"b+{make_token(ref, Purpose.RETURN_PATH, key)}@bounce.shop.example"


def leaving(ref, *, key=KEY):
    return make_token(ref, Purpose.UNSUBSCRIBE, key)


def original(ref, to):
    """The header section of a mail of ours."""
    return (
        f"From: Shop <news@shop.example>\nTo: {to}\nSubject: Spring\nMessage-ID: <{ref}@shop.example>\n"
        f"X-Hygiene-Ref: {ref}\nList-Unsubscribe: <https://shop.example/u/{leaving(ref)}>\n"
    )


def bounce(
    ref="", *, to="ann@example.com", why=UNKNOWN_USER, back="", action="failed", at=NOW, returned=True, also=""
):
    """A report of a failure (RFC 3464), to the return path `back`, with the original's header section."""
    status, said = why
    said = said.format(to=to)
    part = f"--b\nContent-Type: text/rfc822-headers\n\n{original(ref, to)}\n" if returned and ref else ""
    return (
        f"From: Mail Delivery System <MAILER-DAEMON@mx.example.net>\nTo: {back or 'news@shop.example'}\n"
        f"Subject: Undelivered Mail Returned to Sender\nDate: {format_datetime(at)}\nMIME-Version: 1.0\n{also}"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        f"--b\n\nThis is the mail system at host mx.example.net.\n\n<{to}>: {said}\n\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\n"
        f"Final-Recipient: rfc822; {to}\nAction: {action}\nStatus: {status}\nDiagnostic-Code: {said}\n\n"
        f"{part}--b--\n"
    ).encode()


def success(ref, *, to="ann@example.com", at=NOW):
    return bounce(ref, to=to, why=("2.0.0", "smtp; 250 2.0.0 Ok"), back=verp(ref), action="delivered", at=at)


def complaint(ref="", *, to="redacted", at=NOW):
    """A report of a feedback loop (RFC 5965), whose recipient is usually taken out."""
    return (
        f"From: fbl@mailbox.example\nTo: abuse@shop.example\nSubject: FW: Spring\nDate: {format_datetime(at)}\n"
        'MIME-Version: 1.0\nContent-Type: multipart/report; report-type=feedback-report; boundary="f"\n\n'
        "--f\nContent-Type: text/plain\n\nThis is an email abuse report.\n\n"
        "--f\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: x/1\nVersion: 1\n"
        + (f"Original-Rcpt-To: {to}\n" if "@" in to else "")
        + f"\n--f\nContent-Type: message/rfc822\n\n{original(ref, to)}\nHello\n\n--f--\n"
    ).encode()


def plain(*, sender="Ann <ann@example.com>", to="leave@shop.example", subject="", text="", at=NOW, also=""):
    return (
        f"From: {sender}\nTo: {to}\nSubject: {subject}\nDate: {format_datetime(at)}\n{also}"
        f"Message-ID: <{at.timestamp()}@example.com>\n\n{text}\n"
    ).encode()


def days(count):
    return NOW - timedelta(days=count)


def listed(store):
    """Address → reason."""
    table = load_suppressions(store).table.to_pylist()
    return {row["value"]: row["reason"] for row in table if row["form"] == "address"}


def events(store, *kinds):
    """What came back, without what the outbox itself wrote."""
    with store.reading() as connection:
        rows = [dict(row) for row in connection.execute(select(EVENT).order_by(EVENT.c.event_id)).mappings()]
    return [
        row for row in rows if not row["event_id"].startswith("outbox:") and (not kinds or row["kind"] in kinds)
    ]


def states(store):
    with store.reading() as connection:
        return dict(connection.execute(select(OUTBOX.c.ref, OUTBOX.c.state)).all())


def opt_outs(store):
    with store.reading() as connection:
        return set(connection.execute(select(OPT_OUT.c.topic, OPT_OUT.c.person)).all())


def person(address):
    return digest(judge_address(address).mailbox, Form.HMAC, KEY)


def everything(store):
    """All that reading can have changed, without when it was read."""
    with store.reading() as connection:
        tables = {
            table.name: connection.execute(select(table)).mappings().all()
            for table in (EVENT, OUTBOX, SUPPRESSION, OPT_OUT, CONSENT, RECEIVED)
        }
    aside = {"id"}
    return {
        name: sorted(repr(sorted((k, v) for k, v in row.items() if k not in aside)) for row in rows)
        for name, rows in tables.items()
    }
