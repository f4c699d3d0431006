"""Posts become events, once each, of the mails they are about; and what follows from them."""

import itertools
import json
import threading
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

import hygiene
from hygiene.config import CleaningPolicy
from hygiene.contacts.suppression.workspace import erase_people
from hygiene.sending.judging import SOURCE
from hygiene.sending.states import State
from hygiene.service.webhooks import receive
from hygiene.service.webhooks.post import Refused
from hygiene.service.webhooks.posts import count_pending, forget_posts
from hygiene.service.webhooks.receive import process_pending
from hygiene.service.webhooks.records import refs_of
from hygiene.store import open_store
from hygiene.suppression_forms import Reason
from hygiene.tables import EVENT, OUTBOX, WEBHOOK

from .told import (
    AT,
    KEY,
    NOW,
    OTHER_REF,
    REF,
    SECONDS,
    add_mail,
    brevo,
    events,
    keep,
    listed,
    mailgun,
    postmark,
    sendgrid,
    ses,
    ses_bounce,
)


@pytest.fixture
def store(tmp_path):
    with open_store(str(tmp_path / "hygiene.db"), key=KEY) as opened:
        yield opened


ONE_OF_EACH = [
    ("ses", ses("Delivery", {"timestamp": AT, "recipients": ["ann@example.com"]})),
    ("sendgrid", [sendgrid()]),
    ("mailgun", mailgun()),
    ("postmark", postmark()),
    ("brevo", brevo()),
]


@pytest.mark.parametrize(("provider", "content"), ONE_OF_EACH)
def test_an_event_finds_its_mail(store, provider, content):
    mail = add_mail(store)
    assert keep(store, provider, content).new
    done = process_pending(store, now=NOW)
    assert (done.posts, done.events, done.unjoined, done.unread, done.left) == (1, 1, 0, 0, 0)
    (event,) = events(store)
    assert (event["message"], event["campaign"], event["stream"]) == (mail, "spring", "marketing")
    assert (event["source"], event["kind"], event["recipient"]) == ("outbox", "delivered", "Ann@example.com")
    assert event["event_id"].startswith(f"{provider}:")
    assert (event["message_id"], event["variant"], event["provider"]) == (REF, "b", "gmail")
    assert event["ts_us"] // 1_000_000 == SECONDS
    with store.reading() as connection:  # nothing of the person is kept twice
        assert connection.scalars(select(WEBHOOK.c.body)).all() == [None]


@pytest.mark.parametrize(
    ("provider", "content", "remote"),
    [
        ("ses", ses("Delivery", {"timestamp": AT, "recipients": ["ann@example.com"]}, tags=False), "0100-ses"),
        ("sendgrid", [sendgrid(ref="")], "X1y2"),
        ("mailgun", mailgun(ref=""), "x1@mg.example.com"),
        ("postmark", postmark(ref=""), "883953f4"),
        ("brevo", brevo(ref=""), "20261128@smtp-relay.mailin.fr"),
    ],
)
def test_an_event_finds_its_mail_by_the_id_of_the_provider(store, provider, content, remote):
    add_mail(store, ref=OTHER_REF, recipient="bob@example.com", remote="other")
    mail = add_mail(store, remote=remote)
    keep(store, provider, content)
    process_pending(store, now=NOW)
    assert [event["message"] for event in events(store)] == [mail]


@pytest.mark.parametrize(
    ("provider", "content"),
    [
        ("ses", ses("Delivery", {"timestamp": AT}, tags=False, headers=[("X-Hygiene-Ref", REF.upper())])),
        ("sendgrid", [sendgrid(ref="", **{"smtp-id": f"<{REF}@mail.example.com>"})]),
        ("mailgun", mailgun(ref="", message={"headers": {"message-id": f"{REF}@mail.example.com"}})),
        ("brevo", brevo(ref="", **{"message-id": f"<{REF}@mail.example.com>"})),
    ],
)
def test_an_event_finds_its_mail_by_header_or_message_id(store, provider, content):
    mail = add_mail(store)
    keep(store, provider, content)
    process_pending(store, now=NOW)
    assert [event["message"] for event in events(store)] == [mail]


def test_a_reference_of_no_mail_joins_nothing(store):
    add_mail(store)
    keep(store, "sendgrid", [sendgrid(ref=OTHER_REF), sendgrid(ref="../..", at=SECONDS + 1)])
    done = process_pending(store, now=NOW)
    assert (done.events, done.unjoined) == (2, 2)
    assert {event["message"] for event in events(store)} == {None}


def test_a_mail_is_one_mail_to_a_measurement(store, tmp_path):
    """What the outbox tells of it and what the provider tells of it."""
    mail = add_mail(store)
    ours = dict.fromkeys(EVENT.c.keys()) | {
        "event_id": f"outbox:{REF}:sent",
        "message": mail,
        "source": SOURCE,
        "message_id": REF,
        "recipient": "Ann@example.com",
        "kind": "sent",
        "campaign": "spring",
        "stream": "marketing",
        "ts_us": (SECONDS - 1) * 1_000_000,
    }
    with store.writing() as connection:
        connection.execute(insert(EVENT).values(ours))
    keep(store, "sendgrid", [sendgrid("processed"), sendgrid(), sendgrid("open", at=SECONDS + 60)])
    process_pending(store, now=NOW)
    counts = hygiene.measure(str(tmp_path / "hygiene.db")).to_dict()["counts"]
    assert (counts["sent"], counts["delivered"], counts["opened_all"], counts["pending"]) == (1, 1, 1, 0)


# once


def test_the_same_post_again_changes_nothing(store):
    add_mail(store)
    first = keep(
        store, "sendgrid", [sendgrid("bounce", type="bounce", status="5.1.1", reason="550 5.1.1 no such user")]
    )
    again = keep(
        store, "sendgrid", [sendgrid("bounce", type="bounce", status="5.1.1", reason="550 5.1.1 no such user")]
    )
    assert (first.new, again.new, again.status) == (True, False, 200)
    assert process_pending(store, now=NOW).events == 1
    assert process_pending(store, now=NOW).posts == 0


def test_ids_that_change_do_not_make_another_event(store):
    """SendGrid repeats posts with other sg_event_ids, SNS with other MessageIds."""
    add_mail(store)
    keep(store, "sendgrid", [sendgrid(sg_event_id="a")])
    keep(store, "sendgrid", [sendgrid(sg_event_id="b"), sendgrid("open", at=SECONDS + 9)])
    done = process_pending(store, now=NOW)
    assert (done.posts, done.events, done.repeated) == (2, 2, 1)
    keep(store, "ses", ses_bounce(envelope="m-1"))
    keep(store, "ses", ses_bounce(envelope="m-2"))
    done = process_pending(store, now=NOW)
    assert (done.events, done.repeated) == (1, 1)


def test_what_proved_one_body_proves_no_other(store):
    """Mailgun's signature does not cover the event: a token that was seen must not bring a forged one."""
    assert keep(store, "mailgun", mailgun(), replay="t").new
    assert not keep(store, "mailgun", mailgun(), replay="t").new
    forged = keep(store, "mailgun", mailgun("complained"), replay="t")
    assert isinstance(forged, Refused)
    assert keep(store, "brevo", brevo(), replay="t").new  # another provider's keys are its own
    assert count_pending(store) == 2


def test_posts_are_forgotten_after_a_while(store):
    keep(store, "mailgun", mailgun(), replay="t")
    assert forget_posts(store, before=NOW + timedelta(days=1)) == 0  # it waits
    process_pending(store, now=NOW)
    assert forget_posts(store, before=NOW) == 0
    assert forget_posts(store, before=NOW + timedelta(seconds=1)) == 1


@pytest.mark.parametrize("step", ["suppress", "resolve_doubts", "mark_done"])
def test_a_crash_anywhere_leaves_nothing_out(store, monkeypatch, step):
    add_mail(store, state=State.UNKNOWN)
    keep(store, "ses", ses_bounce())

    def crash(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(receive, step, crash)
        with pytest.raises(KeyboardInterrupt):
            process_pending(store, now=NOW)
    assert count_pending(store) == 1
    process_pending(store, now=NOW)
    assert count_pending(store) == 0
    assert len(events(store)) == 1
    assert listed(store) == {"ann@example.com": Reason.BOUNCED}
    with store.reading() as connection:
        assert connection.scalar(select(OUTBOX.c.state)) == State.SENT


def test_two_workers_do_the_same_work_once(store):
    add_mail(store)
    for number in range(20):
        keep(store, "sendgrid", [sendgrid("open", at=SECONDS + number)])
    failures = []

    def work():
        try:
            while process_pending(store, now=NOW, limit=5).left:
                pass
        except Exception as error:
            failures.append(error)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failures
    assert len(events(store)) == 20
    assert count_pending(store) == 0


# what follows

COMPLAINT = {"timestamp": AT, "complainedRecipients": [{"emailAddress": "ann@example.com"}]}


@pytest.mark.parametrize(
    ("provider", "content", "reason"),
    [
        ("ses", ses_bounce(), Reason.BOUNCED),
        ("ses", ses("Complaint", COMPLAINT), Reason.COMPLAINED),
        (
            "sendgrid",
            [sendgrid("bounce", type="bounce", status="5.1.1", reason="550 5.1.1 unknown")],
            Reason.BOUNCED,
        ),
        ("sendgrid", [sendgrid("spamreport")], Reason.COMPLAINED),
        ("sendgrid", [sendgrid("unsubscribe")], Reason.UNSUBSCRIBED),
        ("mailgun", mailgun("complained"), Reason.COMPLAINED),
        ("mailgun", mailgun("unsubscribed"), Reason.UNSUBSCRIBED),
        ("mailgun", mailgun("failed", severity="permanent", reason="bounce"), Reason.BOUNCED),
        ("postmark", postmark("Bounce", Type="HardBounce", ID=42, Details="550 5.1.1"), Reason.BOUNCED),
        ("postmark", postmark("SpamComplaint", Type="SpamComplaint"), Reason.COMPLAINED),
        ("brevo", brevo("spam"), Reason.COMPLAINED),
        ("brevo", brevo("unsubscribed"), Reason.UNSUBSCRIBED),
        ("brevo", brevo("hard_bounce", reason="550 5.1.1 no such user"), Reason.BOUNCED),
    ],
)
def test_who_must_not_be_mailed_again(store, provider, content, reason):
    add_mail(store)
    keep(store, provider, content)
    done = process_pending(store, now=NOW)
    assert done.suppressed == {reason: 1}
    assert listed(store) == {"ann@example.com": reason}


@pytest.mark.parametrize(
    ("provider", "content"),
    [
        ("ses", ses_bounce("Transient", "4.4.7", "smtp; 450 4.4.7 message expired")),
        ("ses", ses_bounce("Undetermined", "", "")),
        ("ses", ses("Complaint", COMPLAINT | {"complaintFeedbackType": "not-spam"})),
        ("ses", ses("Complaint", COMPLAINT | {"complaintSubType": "OnAccountSuppressionList"})),
        ("ses", ses_bounce("Permanent", "5.7.1", "smtp; 550 5.7.1 blocked using zen.spamhaus.org")),
        ("sendgrid", [sendgrid("bounce", type="blocked", reason="550 5.7.1 poor reputation")]),
        ("sendgrid", [sendgrid("group_resubscribe")]),
        ("sendgrid", [sendgrid("deferred", response="450 4.2.0")]),
        ("mailgun", mailgun("complained", flags={"is-test-mode": True})),
        ("postmark", postmark("Bounce", Type="AutoResponder", ID=43)),
        ("brevo", brevo("soft_bounce", reason="mailbox full")),
        (
            "brevo",
            brevo("hard_bounce", reason="554 message refused, listed at spamhaus because of poor reputation"),
        ),
    ],
)
def test_who_may_be_mailed_again(store, provider, content):
    add_mail(store)
    keep(store, provider, content)
    done = process_pending(store, now=NOW)
    assert done.suppressed == {}
    assert listed(store) == {}


def test_a_label_that_contradicts_its_own_words_suppresses_nobody(store):
    add_mail(store)
    keep(store, "brevo", brevo("hard_bounce", reason="message refused due to poor reputation"))
    assert process_pending(store, now=NOW).disputed == 1


def test_a_complaint_of_several_is_nobodys(store):
    """Redacted: everybody at the domain who got the mail."""
    told = COMPLAINT | {
        "complainedRecipients": [{"emailAddress": "ann@example.com"}, {"emailAddress": "bob@example.com"}]
    }
    keep(store, "ses", ses("Complaint", told, tags=False))
    done = process_pending(store, now=NOW)
    assert done.suppressed == {}


def test_the_address_mailed_is_listed_not_where_it_was_forwarded(store):
    add_mail(store)
    keep(store, "sendgrid", [sendgrid("bounce", type="bounce", status="5.1.1", email="old@elsewhere.example")])
    process_pending(store, now=NOW)
    assert listed(store) == {"ann@example.com": Reason.BOUNCED}


def soft(days, *, event="bounce"):
    at = SECONDS - 86_400 * days
    return sendgrid(
        event, at=at, type="bounce", status="4.2.2", reason="452 4.2.2 mailbox full", sg_event_id=f"s{days}"
    )


def test_soft_bounces_count_by_days_until_something_arrives(store):
    add_mail(store)
    policy = CleaningPolicy(soft_bounces=3)
    keep(store, "sendgrid", [soft(9), soft(8), sendgrid(at=SECONDS - 86_400 * 7), soft(6), soft(6.1), soft(5)])
    assert process_pending(store, now=NOW, policy=policy).suppressed == {}
    keep(store, "sendgrid", [soft(4)])
    assert process_pending(store, now=NOW, policy=policy).suppressed == {Reason.BOUNCED: 1}


def test_an_erased_person_is_not_written_down_again(store):
    mail = add_mail(store)
    erase_people(store, ["ann@example.com"], now=NOW)
    with store.writing() as connection:
        connection.execute(update(OUTBOX).values(recipient=None))
    keep(store, "sendgrid", [sendgrid("spamreport")])
    done = process_pending(store, now=NOW)
    assert done.suppressed.get(Reason.COMPLAINED, 0) == 0
    (event,) = events(store)
    assert (event["message"], event["recipient"], event["domain"]) == (mail, None, None)
    assert listed(store) == {}


# certainty


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (State.UNKNOWN, State.SENT),
        (State.DATA, State.DATA),
        (State.READY, State.READY),
        (State.FAILED, State.FAILED),
    ],
)
def test_a_provider_that_tells_of_a_mail_in_doubt_had_taken_it(store, before, after):
    add_mail(store, state=before)
    keep(store, "sendgrid", [sendgrid("processed")])
    done = process_pending(store, now=NOW)
    with store.reading() as connection:
        assert connection.scalar(select(OUTBOX.c.state)) == after
        remote = connection.scalar(select(OUTBOX.c.remote))
    assert done.resolved == (before is not after)
    assert remote == ("X1y2" if before is State.UNKNOWN else "")


# what is not understood


def test_words_that_are_not_known_stay_unknown_and_are_counted(store):
    add_mail(store, state=State.UNKNOWN)
    keep(store, "sendgrid", [sendgrid("teleported"), sendgrid("open")])
    done = process_pending(store, now=NOW)
    assert (done.events, done.unknown, done.unread, done.resolved) == (2, 1, 0, 1)
    assert [event["reason"] for event in events(store) if event["kind"] == "unknown"] == ["teleported"]


@pytest.mark.parametrize(
    "body",
    [
        b'[1, null, "x", {}]',
        b'{"hello": "world"}',
        b"{",
        b"\xff\xfe\x00",
        b"[" * 100_000 + b"]" * 100_000,
        json.dumps(brevo()).encode(),  # another provider's words behind SendGrid's signature
    ],
)
def test_what_has_no_known_form_is_counted_and_kept(store, body):
    add_mail(store)
    keep(store, "sendgrid", body)
    keep(store, "sendgrid", [sendgrid()])
    done = process_pending(store, now=NOW)
    assert (done.posts, done.events, done.left) == (2, 1, 0)
    assert done.unread >= 1
    with store.reading() as connection:
        rows = connection.execute(select(WEBHOOK.c.body, WEBHOOK.c.unread).order_by(WEBHOOK.c.unread)).all()
    assert [row.body for row in rows] == [None, body]


def test_a_record_that_breaks_a_reader_costs_its_neighbours_nothing(store):
    """More keys than any log has make a whole file unreadable."""
    add_mail(store)
    keep(store, "sendgrid", {f"k{number}": 1 for number in range(20_000)})
    for number in range(10):
        keep(store, "sendgrid", [sendgrid("open", at=SECONDS + number)])
    done = process_pending(store, now=NOW)
    assert (done.events, done.unread) == (10, 1)


def test_characters_that_a_database_refuses(store):
    add_mail(store)
    keep(store, "sendgrid", [sendgrid("bounce", type="blocked", reason="bad \x00 text \ud83d half")])
    assert process_pending(store, now=NOW).events == 1


def test_what_sns_itself_says_is_no_event(store):
    keep(
        store,
        "ses",
        {"Type": "SubscriptionConfirmation", "MessageId": "m", "TopicArn": "arn:x", "Message": "You"},
    )
    done = process_pending(store, now=NOW)
    assert (done.posts, done.events) == (1, 0)
    assert events(store) == []


def test_an_event_without_a_moment_is_known_by_its_words(store):
    add_mail(store)
    keep(store, "postmark", postmark("Delivery", DeliveredAt=None, Details="a"))
    keep(store, "postmark", postmark("Delivery", DeliveredAt=None, Details="b"))
    assert process_pending(store, now=NOW).events == 2


# laws

NUMBERS = itertools.count()

KINDS = ["processed", "delivered", "open", "click", "deferred", "bounce", "spamreport", "teleported"]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    told=st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 5)), min_size=1, max_size=12),
    size=st.integers(1, 4),
    rng=st.randoms(use_true_random=False),
)
def test_order_batches_and_repetition_change_nothing(tmp_path, told, size, rng):
    """The same events, posted in any order, in any batches, some of them twice: the same rows and lists."""

    def run(records, size):
        with open_store(str(tmp_path / f"{next(NUMBERS)}.db"), key=KEY) as store:
            add_mail(store)
            for start in range(0, len(records), size):
                keep(store, "sendgrid", records[start : start + size])
            while process_pending(store, now=NOW, limit=3).left:
                pass
            rows = events(store)
            return sorted(row["event_id"] for row in rows), listed(store)

    records = [sendgrid(kind, at=SECONDS + second, sg_event_id=str(second)) for kind, second in told]
    shuffled = [dict(record, sg_event_id="again") for record in records] + records[::2]
    rng.shuffle(shuffled)
    assert run(records, 100) == run(shuffled, size)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_references_are_sought_in_anything(record):
    for provider in ("ses", "sendgrid", "mailgun", "postmark", "brevo"):
        assert list(refs_of(provider, record)) == []
