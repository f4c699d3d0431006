"""Event logs: what they prove of persons, in any order and layout; and every event accounted for."""

import csv
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hygiene.address import Address, judge_address
from hygiene.contacts.activity import ACTIVITY, read_activity
from hygiene.contacts.activity_report import Aside
from hygiene.errors import HygieneError, UnreadableInput
from hygiene.event import BounceClass, EventKind
from hygiene.events.layout import declared, name_key
from hygiene.events.values import timed
from hygiene.soft_bounces import soft_days
from hygiene.status import Status

T0 = 1_700_000_000  # 2023-11-14T22:13:20Z
DAY = 86_400
ANN, BOB = "ann@example.com", "bob@example.com"
PERSON = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
PROXY = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"


@pytest.fixture
def connection():
    with duckdb.connect() as made:
        yield made


@pytest.fixture
def read(connection, tmp_path):
    """Logs as lists of records or as paths → (persons by mailbox, report)."""

    def read_logs(*logs, **options):
        paths = [
            log if isinstance(log, Path) else lines(tmp_path / f"{at}.jsonl", log)
            for at, log in enumerate(logs)
        ]
        return persons(paths, connection, **options)

    return read_logs


def persons(paths, connection, **options):
    activity = read_activity(paths, connection, **options)
    columns = list(ACTIVITY)
    rows = connection.execute(f"select {', '.join(columns)} from {activity.table}").fetchall()
    report = activity.report
    assert report.events == report.used + sum(report.aside.values())
    assert len(rows) == len({row[0] for row in rows}) == report.mailboxes
    return {row[0]: dict(zip(columns[1:], row[1:], strict=True)) for row in rows}, report


def lines(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return path


def plain(event, at=T0, email=ANN, **more):
    return {"email": email, "event": event, "timestamp": at, **more}


# --- what counts


@pytest.mark.parametrize("word", ["click", "clicked", "replied", "order", "open"])
def test_a_sign_of_life_is_the_last_one(read, word):
    found, _ = read(
        [plain(word, T0 + 5), plain(word, T0 + 9), plain("delivered", T0 + 20), plain(word, T0 + 1)]
    )
    assert found[ANN]["activity"] == T0 + 9


@pytest.mark.parametrize("word", ["sent", "delivered", "deferred", "hard_bounce", "complaint", "unsubscribe"])
def test_no_sign_of_life(read, word):
    assert read([plain(word)])[0][ANN]["activity"] is None


@pytest.mark.parametrize(
    ("more", "machine"),
    [
        ({"machine": True}, True),
        ({"bot": "apple"}, True),
        ({"is_machine": "1"}, True),
        ({"user_agent": "Mozilla/5.0"}, True),
        ({"machine": False, "user_agent": "Mozilla/5.0"}, False),  # the platform knows better
        ({"machine": "none"}, False),
        ({"user_agent": PERSON}, False),
        ({"user_agent": PROXY}, None),  # Gmail loads every image so
        ({"machine": "unknown"}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("word", ["open", "click"])
def test_machines_are_no_sign_of_life_and_doubt_is_counted(read, more, machine, word):
    found, report = read([plain(word, **more)])
    assert (found[ANN]["activity"] is None) == (machine is True)
    assert report.machine_opens == (machine is True and word == "open")
    assert report.machine_clicks == (machine is True and word == "click")
    assert report.opens_maybe_machine == (machine is None and word == "open")


def test_opens_can_be_left_out(read):
    log = [plain("open", T0 + 9, user_agent=PERSON), plain("click", T0, user_agent=PERSON)]
    assert read(log)[0][ANN]["activity"] == T0 + 9
    assert read(log, opens=False)[0][ANN]["activity"] == T0


@pytest.mark.parametrize(
    ("events", "standing"),
    [
        (["hard_bounce", "open", "delivered", "click"], Status.BOUNCED),
        (["unsubscribe", "hard_bounce", "resubscribe"], Status.UNSUBSCRIBED),
        (["spam", "unsubscribe"], Status.COMPLAINED),
        (["soft_bounce", "bounce", "rejected"], None),
    ],
)
def test_what_stands_stands(read, events, standing):
    found, _ = read([plain(word, T0 + at) for at, word in enumerate(events)])
    assert found[ANN]["standing"] == (standing and standing.rank)


def test_a_bounce_counts_without_a_date_and_life_does_not(read):
    found, report = read(
        [plain("hard_bounce", None), plain("click", "yesterday", BOB), plain("click", 12, BOB)]
    )
    assert found == {
        ANN: {"activity": None, "standing": Status.BOUNCED.rank, "soft_bounces": 0, "mails_ignored": None}
    }
    assert report.aside == {Aside.UNDATED: 2}


def test_soft_bounces_count_by_the_day_since_the_last_arrival(read):
    midnight = T0 - T0 % DAY
    bounces = [midnight + DAY - 1, midnight + DAY, midnight + DAY + 5, midnight + 4 * DAY]
    log = [plain("soft_bounce", at) for at in bounces]
    assert read(log)[0][ANN]["soft_bounces"] == 3
    for word in ("delivered", "open", "click", "reply"):
        assert read([*log, plain(word, midnight + DAY + 7)])[0][ANN]["soft_bounces"] == 1
        assert read([*log, plain(word, midnight + 9 * DAY)])[0][ANN]["soft_bounces"] == 0
    for word in ("sent", "deferred"):
        assert read([*log, plain(word, midnight + 9 * DAY)])[0][ANN]["soft_bounces"] == 3
    assert read([*log, plain("open", midnight + 9 * DAY, machine=True)])[0][ANN]["soft_bounces"] == 0


def own(kind, at=T0, source="outbox", email=ANN, **more):
    return {"kind": kind, "source": source, "recipient": email, "ts_us": at * 10**6, **more}


def test_that_the_next_server_took_a_mail_is_no_arrival_of_one_that_comes_back(read):
    sent = [own("sent", T0 + day * DAY, message_id=f"m{day}") for day in range(3)]
    taken = [own("delivered", T0 + day * DAY + 1, message_id=f"m{day}") for day in range(3)]
    back = [
        own("bounced", T0 + day * DAY + 60, "feedback", bounce_class="soft", message_id=f"m{day}")
        for day in range(3)
    ]
    assert read([*sent, *taken, *back])[0][ANN]["soft_bounces"] == 3
    assert read([*sent[:2], *back[:2], sent[2], taken[2]])[0][ANN]["soft_bounces"] == 2
    arrived = own("opened", T0 + DAY + 3_600, "service", message_id="m1", machine="none")
    assert read([*sent, *taken, *back, arrived])[0][ANN]["soft_bounces"] == 1
    theirs = [one | {"event_id": f"sendgrid:{one['message_id']}"} for one in taken]  # told of a mail of ours
    assert read([*sent, *theirs, *back])[0][ANN]["soft_bounces"] == 1
    ours = [one | {"event_id": f"outbox:{one['message_id']}:delivered"} for one in taken]
    assert read([*sent, *ours, *back])[0][ANN]["soft_bounces"] == 3
    others = [own("delivered", one["ts_us"] // 10**6, "ses", message_id=one["message_id"]) for one in taken]
    assert read([*sent, *others, *back])[0][ANN]["soft_bounces"] == 1


HISTORY = st.lists(
    st.builds(
        own,
        st.sampled_from(["sent", "delivered", "opened", "bounced"]),
        st.integers(T0, T0 + 4 * DAY),
        st.sampled_from(["outbox", "outbox", "ses"]),
        message_id=st.sampled_from(["m1", "m2", "m3"]),
        bounce_class=st.sampled_from(["soft", "block"]),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda one: (one["kind"], one["message_id"]),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HISTORY)
def test_soft_bounces_count_as_feedback_counts_them(tmp_path_factory, log):
    history = [
        {
            **one,
            "message": one["message_id"],
            "handover": one["source"] == "outbox",
            "bounce_class": one["bounce_class"] if one["kind"] == "bounced" else None,
        }
        for one in log
    ]
    found = together(tmp_path_factory.mktemp("log"), log)[0][ANN]
    assert found["soft_bounces"] == len(soft_days(history))


@pytest.mark.parametrize(
    ("more", "soft", "hard"),
    [
        ({"bounce_class": "soft"}, 1, False),
        ({"bounce_class": "hard"}, 0, True),
        ({"bounce_type": "Permanent"}, 0, True),
        ({"bounce_class": "blocked"}, 0, False),
        ({"bounce_class": "weather"}, 1, False),
        ({}, 1, False),
        ({"bounce_class": "soft", "smtp_status": "5.1.1"}, 0, True),  # the receiver's word before the label
        ({"bounce_class": "hard", "smtp_status": "5.7.1"}, 0, False),
        ({"bounce_class": "hard", "smtp_status": "4.2.2"}, 1, False),
        ({"bounce_class": "hard", "smtp_status": "5.2.2"}, 1, False),
        ({"bounce_class": "soft", "smtp_status": "5.4.4"}, 0, True),
        ({"bounce_class": "hard", "smtp_status": "5.1.8"}, 0, False),  # the sender's address is at fault
        ({"bounce_class": "hard", "smtp_status": "5.0.0"}, 0, True),  # says nothing: the label does
    ],
)
def test_classes_of_bounces(read, more, soft, hard):
    found, _ = read([plain("bounce", **more)])
    assert found[ANN]["soft_bounces"] == soft
    assert found[ANN]["standing"] == (Status.BOUNCED.rank if hard else None)


def test_mails_ignored_are_deliveries_since_the_last_life(read):
    log = [plain("delivered", T0 + at, message_id=f"m{at}") for at in range(5)]
    log += [plain("sent", T0 + at, message_id=f"m{at}") for at in range(5)]
    log += [
        plain("click", T0 + 1, user_agent=PERSON),
        plain("open", T0 + 3, machine=True),
        plain("open", email=BOB),
    ]
    found, _ = read(log)
    assert found[ANN]["mails_ignored"] == 3
    assert found[BOB]["mails_ignored"] == 0


def test_mails_ignored_are_sends_where_nothing_says_delivered(read):
    assert read([plain("sent", T0 + at) for at in range(4)])[0][ANN]["mails_ignored"] == 4
    assert read([plain("open")])[0][ANN]["mails_ignored"] is None


def test_addresses_meet_in_their_mailbox(read):
    found, report = read(
        [
            plain("click", T0, "Ann.Lee+news@Googlemail.com"),
            plain("hard_bounce", T0, "annlee@gmail.com"),
            plain("click", T0, " <MAX@Müller.de> "),
            plain("click", T0, "max@xn--mller-kva.de"),
            plain("click", T0, "nobody"),
            plain("click", T0, "a@b@c"),
            plain("click", T0, " "),
        ]
    )
    assert set(found) == {"annlee@gmail.com", "max@müller.de"}
    assert found["annlee@gmail.com"]["activity"] == T0
    assert found["annlee@gmail.com"]["standing"] == Status.BOUNCED.rank
    assert report.aside == {Aside.NOBODY: 1, Aside.INVALID_ADDRESS: 2}


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.text("aB.+-@1ü＠ \t<>", max_size=14).map(lambda text: text + "@Gmail.com"), min_size=1, max_size=30
    )
)
def test_mailboxes_are_those_of_the_judge(tmp_path_factory, cells):
    path = lines(tmp_path_factory.mktemp("log") / "a.jsonl", [plain("click", T0, cell) for cell in cells])
    with duckdb.connect() as connection:
        found, _ = persons([path], connection)
    judged = [judge_address(cell.strip(" ")) for cell in cells]
    assert set(found) == {one.mailbox for one in judged if isinstance(one, Address)}


def test_unknown_words_are_counted_and_never_guessed(read):
    found, report = read(
        [plain("teleported"), plain("teleported"), plain(None), plain("Clicked ", user_agent=PERSON)]
    )
    assert report.aside == {Aside.UNKNOWN_WORD: 3}
    assert report.unknown_words == {"teleported": 2, "": 1}
    assert report.kinds == {EventKind.UNKNOWN: 3, EventKind.CLICKED: 1}
    assert found[ANN]["activity"] == T0


# --- laws

EVENTS = st.builds(
    plain,
    st.sampled_from(["sent", "delivered", "soft_bounce", "hard_bounce", "open", "click", "spam", "what"]),
    st.integers(0, 12).map(lambda days: T0 + days * DAY // 3),
    st.sampled_from([ANN, "ANN@example.com", BOB, "", "x"]),
    machine=st.booleans(),
    message_id=st.sampled_from(["m1", "m2"]),
)
LAW = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def together(folder, *logs):
    with duckdb.connect() as connection:
        return persons([lines(folder / f"{at}.jsonl", log) for at, log in enumerate(logs)], connection)


@LAW
@given(st.lists(EVENTS, min_size=1, max_size=12), st.randoms(use_true_random=False), st.data())
def test_neither_order_nor_files_nor_repetition_matter(tmp_path_factory, log, random, data):
    folder = tmp_path_factory.mktemp("log")
    found, report = together(folder, log)
    shuffled = random.sample(log, len(log))
    cut = data.draw(st.integers(1, len(log)))
    parts = [part for part in (shuffled[:cut], shuffled[cut:]) if part]
    assert together(folder, *parts)[0] == found
    doubled, twice = together(folder, [*log, *shuffled])
    assert doubled == found
    assert twice.events == 2 * report.events
    assert twice.used == 2 * report.used


@LAW
@given(st.lists(EVENTS, min_size=1, max_size=10), EVENTS)
def test_more_events_never_lift_a_standing_nor_turn_back_life(tmp_path_factory, log, event):
    folder = tmp_path_factory.mktemp("log")
    before, after = together(folder, log)[0], together(folder, [*log, event])[0]
    for mailbox, person in before.items():
        for column in ("standing", "activity"):
            assert (after[mailbox][column] or 0) >= (person[column] or 0)


@LAW
@given(st.lists(EVENTS, min_size=1, max_size=10), EVENTS)
def test_a_machine_never_makes_anybody_active(tmp_path_factory, log, event):
    folder = tmp_path_factory.mktemp("log")
    before = together(folder, log)[0]
    after = together(folder, [*log, {**event, "machine": True}])[0]
    for mailbox, person in after.items():
        assert person["activity"] == before.get(mailbox, {}).get("activity")


@LAW
@given(st.lists(EVENTS, max_size=10))
def test_a_delivery_resets_soft_bounces(tmp_path_factory, log):
    last = plain("delivered", T0 + 99 * DAY)
    assert together(tmp_path_factory.mktemp("log"), [*log, last])[0][ANN]["soft_bounces"] == 0


# --- platforms


def test_sendgrid(read, tmp_path):
    def event(word, at=0, email=ANN, **more):
        return {"email": email, "event": word, "timestamp": T0 + at, "sg_message_id": "x.1", **more}

    batch = [
        event("processed"),
        event("delivered"),
        event("open", 5, sg_machine_open=True, useragent=PERSON),
        event("open", 4, sg_machine_open=False, useragent=PROXY),
        event(
            "bounce", email="hard@example.com", type="bounce", status="5.1.1", reason="550 5.1.1 no such user"
        ),
        event("bounce", email="full@example.com", type="bounce", status="4.2.2"),
        event("bounce", email="blocked@example.com", type="blocked"),
        event("dropped", email="gone@example.com", reason="Bounced Address"),
        event("dropped", email="out@example.com", reason="Unsubscribed Address"),
        event("dropped", email="cross@example.com", reason="Spam Reporting Address"),
        event("dropped", email="spammy@example.com", reason="Spam Content"),
        event("group_unsubscribe", email=BOB),
        event("group_resubscribe", 1, email=BOB),
        {"email": BOB, "event": "unsubscribe", "timestamp": T0},  # such lack both ids (sendgrid/docs#2862)
        event("account_status_change"),
    ]
    path = tmp_path / "posts.jsonl"
    path.write_text(json.dumps(batch[:7]) + "\n" + json.dumps(batch[7:]) + "\n")  # webhook bodies, one a line
    found, report = read(path)
    assert found[ANN] == {"activity": T0 + 4, "standing": None, "soft_bounces": 0, "mails_ignored": 0}
    assert {name: person["standing"] for name, person in found.items() if person["standing"]} == {
        "hard@example.com": Status.BOUNCED.rank,
        "gone@example.com": Status.BOUNCED.rank,
        "out@example.com": Status.UNSUBSCRIBED.rank,
        BOB: Status.UNSUBSCRIBED.rank,
        "cross@example.com": Status.COMPLAINED.rank,
    }
    assert {name for name, person in found.items() if person["soft_bounces"]} == {"full@example.com"}
    assert (report.machine_opens, report.opens_maybe_machine) == (1, 0)
    assert report.unknown_words == {}
    assert report.aside == {Aside.NO_MAIL_EVENT: 1}
    assert report.files[0].layouts == {"SendGrid event webhook": 13, "plain events": 1}


def test_mailgun(read):
    def event(word, at=0.5, email=ANN, **more):
        return {"event": word, "timestamp": T0 + at, "recipient": email, "log-level": "info", **more}

    def failed(email, severity, reason):
        return event("failed", email=email, severity=severity, reason=reason)

    found, report = read(
        [
            {
                "signature": {"token": "t"},
                "event-data": event("opened", 3, **{"client-info": {"bot": "apple"}}),
            },
            {"event-data": event("opened", 2.9, **{"client-info": {"bot": "", "user-agent": PROXY}})},
            {"items": [event("clicked", 1, **{"client-info": {"bot": "generic"}}), event("delivered")]},
            failed("hard@example.com", "permanent", "bounce"),
            failed("old@example.com", "permanent", "old"),
            failed("later@example.com", "temporary", "generic"),
            failed("blocked@example.com", "permanent", "espblock"),
            failed("gone@example.com", "permanent", "suppress-bounce"),
            failed("cross@example.com", "permanent", "suppress-complaint"),
            event("failed", email=BOB, severity="permanent", reason="bounce", flags={"is-callback": True}),
            event("clicked", 99, flags={"is-test-mode": True}),
            event("stored"),
        ]
    )
    assert found[ANN]["activity"] == T0 + 2
    assert found[ANN]["mails_ignored"] == 0
    assert BOB not in found
    standing = {name: person["standing"] for name, person in found.items() if person["standing"]}
    assert standing == {
        "hard@example.com": Status.BOUNCED.rank,
        "gone@example.com": Status.BOUNCED.rank,
        "cross@example.com": Status.COMPLAINED.rank,
    }
    assert {name for name, person in found.items() if person["soft_bounces"]} == {"old@example.com"}
    assert report.aside == {Aside.NO_MAIL_EVENT: 3}
    assert (report.machine_opens, report.machine_clicks, report.opens_maybe_machine) == (1, 1, 0)
    assert report.kinds[EventKind.DEFERRED] == 1


def ses(word, key=None, to=(ANN,), name="eventType", sent="2023-11-14T00:00:00.000Z", **inside):
    mail = {"timestamp": sent, "messageId": "m", "destination": list(to)}
    return {name: word, "mail": mail, **({key: inside} if key else {})}


def bounced(kind, sub, *recipients, status=None):
    extra = {"status": status} if status else {}
    return ses(
        "Bounce",
        "bounce",
        recipients,
        bounceType=kind,
        bounceSubType=sub,
        timestamp="2023-11-15T00:00:00.000Z",
        bouncedRecipients=[{"emailAddress": one, **extra} for one in recipients],
    )


def complained(*recipients, **more):
    people = [{"emailAddress": one} for one in recipients]
    return ses(
        "Complaint", "complaint", recipients, name="notificationType", complainedRecipients=people, **more
    )


def test_ses(read):
    opened = {"timestamp": "2023-11-15T10:00:00.000Z", "userAgent": PERSON}
    notification = {
        "Type": "Notification",
        "TopicArn": "arn",
        "Message": json.dumps(ses("Click", "click", **opened)),
    }
    greeting = {"Type": "Notification", "TopicArn": "arn", "Message": "Successfully validated SNS topic"}
    found, report = read(
        [
            ses("Send", "send"),
            notification,
            greeting,
            ses("Open", "open", (ANN, BOB), **opened),
            ses("Delivery", "delivery", (ANN, BOB), timestamp="2023-11-16T00:00:00Z", recipients=[ANN, BOB]),
            bounced("Permanent", "General", "h1@example.com", "H2@example.com"),
            bounced("Transient", "MailboxFull", "full@example.com", status="5.2.2"),
            bounced("Transient", "General", "dead@example.com", status="5.4.4"),
            bounced("Transient", "ContentRejected", "content@example.com"),
            bounced("Undetermined", "Undetermined", "odd@example.com"),
            bounced("Permanent", "OnAccountSuppressionList", "listed@example.com", status="5.1.1"),
            complained("cross@example.com"),
            complained("c1@example.com", "c2@example.com"),
            complained("kind@example.com", complaintFeedbackType="not-spam"),
            ses(
                "Subscription",
                "subscription",
                ("bye@example.com",),
                newTopicPreferences={"unsubscribeAll": True},
            ),
            ses("Rendering Failure", "failure", ("broken@example.com",)),
        ]
    )
    click = int(datetime(2023, 11, 15, 10, tzinfo=UTC).timestamp())
    assert found[ANN] == {"activity": click, "standing": None, "soft_bounces": 0, "mails_ignored": 1}
    assert found[BOB] == {"activity": None, "standing": None, "soft_bounces": 0, "mails_ignored": 1}
    assert {name: person["standing"] for name, person in found.items() if person["standing"]} == {
        "h1@example.com": Status.BOUNCED.rank,
        "h2@example.com": Status.BOUNCED.rank,
        "dead@example.com": Status.BOUNCED.rank,
        "cross@example.com": Status.COMPLAINED.rank,
        "bye@example.com": Status.UNSUBSCRIBED.rank,
    }
    assert {name for name, one in found.items() if one["soft_bounces"]} == {
        "full@example.com",
        "odd@example.com",
    }
    assert report.aside == {Aside.NO_MAIL_EVENT: 2, Aside.NOBODY: 2}
    assert report.opens_maybe_machine == 0


def test_postmark(read):
    def event(kind, **more):
        return {"RecordType": kind, "MessageID": "m", **more}

    def bounce(kind, email):
        return event("Bounce", Type=kind, Email=email, BouncedAt="2023-11-14T17:13:20.0000000-05:00")

    def change(email, reason, *, stop=True, origin="Recipient"):
        return event(
            "SubscriptionChange",
            Recipient=email,
            SuppressSending=stop,
            SuppressionReason=reason,
            Origin=origin,
            ChangedAt="2023-11-14T22:13:20Z",
        )

    found, report = read(
        [
            event("Delivery", Recipient=ANN, DeliveredAt="2023-11-14T22:13:20Z"),
            event("Open", Recipient=ANN, ReceivedAt="2023-11-14T18:13:20-04:00", UserAgent=PERSON),
            bounce("HardBounce", "hard@example.com"),
            bounce("SoftBounce", "soft@example.com"),
            bounce("Transient", "later@example.com"),
            bounce("AutoResponder", "away@example.com"),
            bounce("SpamNotification", "content@example.com"),
            bounce("BrandNew", "new@example.com"),
            event(
                "SpamComplaint",
                Type="SpamComplaint",
                Email="cross@example.com",
                BouncedAt="2023-11-14T22:13:20Z",
            ),
            change("bye@example.com", "ManualSuppression"),
            change("barred@example.com", "ManualSuppression", origin="Customer"),
            change("hard@example.com", "HardBounce"),
            change("back@example.com", None, stop=False),
        ]
    )
    assert found[ANN] == {"activity": T0, "standing": None, "soft_bounces": 0, "mails_ignored": 0}
    assert {name: person["standing"] for name, person in found.items() if person["standing"]} == {
        "hard@example.com": Status.BOUNCED.rank,
        "cross@example.com": Status.COMPLAINED.rank,
        "bye@example.com": Status.UNSUBSCRIBED.rank,
        "barred@example.com": Status.UNSUBSCRIBED.rank,
    }
    assert {name for name, person in found.items() if person["soft_bounces"]} == {"soft@example.com"}
    assert report.unknown_words == {"Bounce / BrandNew": 1}
    assert report.aside == {Aside.UNKNOWN_WORD: 1, Aside.NO_MAIL_EVENT: 2}


def test_brevo_and_klaviyo_words_in_a_plain_log(read):
    found, report = read(
        [
            {"event": "proxy_open", "email": ANN, "ts_event": T0, "date": "2023-11-14 23:13:20"},
            {"event": "unique_opened", "email": BOB, "ts_event": T0, "date": "2023-11-14 23:13:20"},
        ],
        [
            {
                "Metric": "Marked Email as Spam",
                "Email": "cross@example.com",
                "Datetime": "2023-11-14T22:13:20+00:00",
            }
        ],
    )
    assert found[ANN]["activity"] is None
    assert found[BOB]["activity"] == T0
    assert found["cross@example.com"]["standing"] == Status.COMPLAINED.rank
    assert report.machine_opens == 1


# --- files


def write_csv(path, rows, delimiter=",", encoding="utf-8"):
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


HEADER = ["Recipient", "Event Type", "Date", "Bounce-Class"]
ROWS = [[ANN, "Click", "2023-11-14 22:13:20", ""], [BOB, "Bounce", "2023-11-14T22:13:20Z", "Hard"]]
SAID = {
    ANN: {"activity": T0, "standing": None, "soft_bounces": 0, "mails_ignored": None},
    BOB: {"activity": None, "standing": Status.BOUNCED.rank, "soft_bounces": 0, "mails_ignored": None},
}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_delimited_text(read, tmp_path, delimiter, encoding):
    found, report = read(write_csv(tmp_path / "events [1].csv", [HEADER, *ROWS], delimiter, encoding))
    assert found == SAID
    assert report.zoneless == 1
    (file,) = report.files
    assert (file.name, file.events) == ("events [1].csv", 2)
    assert (
        "read by address = recipient, event = event_type, time = date, bounce class = bounce_class" in file.said
    )
    assert "times without a zone are taken for UTC" in file.said


def objects():
    return [dict(zip(HEADER, row, strict=True)) for row in ROWS]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(objects()),
        json.dumps(objects(), indent=2),
        "\ufeff" + "\n".join(map(json.dumps, objects())),
        "\n\n".join(json.dumps(one, indent=1) for one in objects()),
        "[\n" + ",\n".join(map(json.dumps, objects())) + "\n]",
        "\n".join(json.dumps([one]) for one in objects()),
        json.dumps({"items": objects()}, indent=1),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_json_of_any_kind(read, tmp_path, text, packed):
    path = tmp_path / ("log.json.gz" if packed else "log.json")
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    assert read(path)[0] == SAID


def test_parquet(read, connection, tmp_path):
    path = tmp_path / "log.parquet"
    connection.execute(
        f"copy (select '{ANN}' as email, 'click' as event, to_timestamp({T0}) as timestamp, true as bot "
        f"union all select '{BOB}', 'click', to_timestamp({T0}), false) to '{path}' (format parquet)"
    )
    connection.execute("set TimeZone = 'America/New_York'")
    found, report = read(path)
    assert found[ANN]["activity"] is None
    assert found[BOB]["activity"] == T0
    assert report.zoneless == 0


def test_nested_parquet(read, connection, tmp_path):
    path = tmp_path / "log.parquet"
    connection.execute(
        "copy (select 'opened' as event, 1700000000.5::double as timestamp, 'ann@example.com' as recipient, "
        f"{{'bot': 'apple'}} as \"client-info\") to '{path}' (format parquet)"
    )
    found, report = read(path)
    assert found[ANN]["activity"] is None
    assert report.files[0].layouts == {"Mailgun events": 1}


def test_damaged_lines_are_counted(read, tmp_path):
    rows = [HEADER, *ROWS, ["short"], [*ROWS[0], "long"]]
    found, report = read(write_csv(tmp_path / "a.csv", rows))
    assert found == SAID
    assert report.aside == {Aside.DAMAGED: 2}
    path = lines(tmp_path / "b.jsonl", objects())
    path.write_text(path.read_text() + '{"Recipient": "x@exam\n"text"\nnull\n')
    found, report = read(path)
    assert found == SAID
    assert report.aside == {Aside.DAMAGED: 1, Aside.NO_LAYOUT: 2}
    assert report.events == 5


def test_records_of_no_layout_are_counted(read):
    _, report = read([plain("click"), {"level": "info"}])
    assert report.aside == {Aside.NO_LAYOUT: 1}
    _, report = read([ses("Send", "send"), {"level": "info"}])
    assert report.aside == {Aside.NO_LAYOUT: 1}


def test_late_keys_are_not_lost(read):
    log = [plain("sent", T0 + at) for at in range(30_000)] + [plain("bounce", bounce_class="hard")]
    assert read(log)[0][ANN]["standing"] == Status.BOUNCED.rank


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.json", b"", "is empty"),
        ("list.csv", b"name,city\nann,ulm\n", "is no event log known here"),
        ("bare.csv", b"a@example.com\nb@example.com\n", "is no event log"),
        ("cut.json", b'[{"email": "a@example.com", "event": "click"', "its JSON is damaged or cut short"),
        ("cut.parquet", b"PAR1\x15\x04\x15\x10\x00\x00\x00\x00\x00\x00", "cannot be read"),
        ("page.json", b"<!doctype html><p>no</p>", "web page"),
        ("wide.json", '{"city": "ulm"}'.encode("utf-16"), "is no event log known here"),
        ("broken.json.gz", b"\x1f\x8b\x08\x00rubbish", "cannot be"),
    ],
)
def test_what_is_no_log_is_refused_in_one_sentence(connection, tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(HygieneError, match=said) as caught:
        read_activity([path], connection)
    assert len(str(caught.value).splitlines()) == 1
    assert name in str(caught.value)
    assert connection.execute("show all tables").fetchall() == []


def test_a_folder_is_all_its_logs(read, connection, tmp_path):
    with pytest.raises(UnreadableInput, match="folder without files"):
        read_activity([tmp_path], connection)
    logs = tmp_path / "logs"
    logs.mkdir()
    write_csv(logs / "a.csv", [HEADER, ROWS[0]])
    lines(logs / "b.jsonl", objects()[1:])
    found, report = read(logs)
    assert found == SAID
    assert [(file.name, file.events) for file in report.files] == [("a.csv", 1), ("b.jsonl", 1)]


def postfix(at, said):
    return f"Nov 14 22:13:{at} mx postfix/{said}\n"


def handed_over(name, dsn, status):
    relay = "relay=mx.example.com[192.0.2.1]:25, delay=1, delays=0/0/0/1"
    return f"smtp[1]: 4ABCDEF0123: to=<{name}@example.com>, {relay}, dsn={dsn}, status={status}"


REFUSED = "bounced (host mx.example.com[192.0.2.1] said: 550 5.1.1 no such user (in reply to RCPT TO command))"
MAIL_LOG = [
    postfix(19, "qmgr[9]: 4ABCDEF0123: from=<news@shop.example>, size=900, nrcpt=2 (queue active)"),
    postfix(20, handed_over("ann", "5.1.1", REFUSED)),
    postfix(21, handed_over("bob", "2.0.0", "sent (250 2.0.0 Ok: queued as 1)")),
    postfix(22, "qmgr[9]: 4ABCDEF0123: removed"),
]


def test_a_mail_server_says_who_is_gone(read, tmp_path):
    path = tmp_path / "mail.log"
    path.write_text("".join(MAIL_LOG))
    found, report = read(path)
    assert {name: person["standing"] for name, person in found.items()} == {
        ANN: Status.BOUNCED.rank,
        BOB: None,
    }
    assert report.files[0].layouts == {"Postfix log": report.used}


def test_a_report_of_campaigns_tells_of_nobody(connection):
    path = Path(__file__).parents[1] / "events/reports/mailchimp.csv"
    with pytest.raises(UnreadableInput, match=r"mailchimp\.csv tells of campaigns and not of persons"):
        read_activity([path], connection)
    assert connection.execute("show all tables").fetchall() == []


def test_where_somebody_stands_is_said_without_an_event_of_a_mail(read):
    change = {
        "RecordType": "SubscriptionChange",
        "MessageID": "m",
        "Recipient": ANN,
        "SuppressSending": True,
        "SuppressionReason": "ManualSuppression",
        "ChangedAt": "2023-11-14T22:13:20Z",
    }
    found, report = read([change, {**change, "Recipient": None}, {**change, "Recipient": "nobody"}])
    assert {name: person["standing"] for name, person in found.items()} == {ANN: Status.UNSUBSCRIBED.rank}
    assert (report.events, report.used) == (3, 1)
    assert report.aside == {Aside.NOBODY: 1, Aside.INVALID_ADDRESS: 1}


def test_nothing_but_the_table_is_left(read, connection, tmp_path):
    read(write_csv(tmp_path / "a.csv", [HEADER, *ROWS, ["short"]]), table="seen")
    assert [row[2] for row in connection.execute("show all tables").fetchall()] == ["seen"]
    described = connection.execute("describe seen").fetchall()
    assert {name: kind for name, kind, *_ in described} == ACTIVITY


# --- times


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1700000000", "2023-11-14T22:13:20+00:00"),
        ("1700000000.999", "2023-11-14T22:13:20+00:00"),
        ("1700000000999", "2023-11-14T22:13:20+00:00"),
        ("1700000000999999", "2023-11-14T22:13:20+00:00"),
        ("2023-11-14T22:13:20Z", "2023-11-14T22:13:20+00:00"),
        ("2023-11-14 22:13:20", "2023-11-14T22:13:20+00:00"),
        ("2023-11-14T22:13:20.123456789+05:30", "2023-11-14T16:43:20+00:00"),
        ("2023-11-14T22:13:20-0430", "2023-11-15T02:43:20+00:00"),
        ("2023-11-14 22:13:20.5-05", "2023-11-15T03:13:20+00:00"),
        ("2023-11-14 22:13:20.123 +0000 UTC", "2023-11-14T22:13:20+00:00"),
        ("2023-11-14 22:13:20 UTC", "2023-11-14T22:13:20+00:00"),
        ("2023-11-14", "2023-11-14T00:00:00+00:00"),
        ("2023-11-14 22:13:20 EST", None),  # a zone by name is many zones
        ("11/14/2023", None),
        ("2023-13-14", None),
        ("20231114", None),
        ("infinity", None),
        ("epoch", None),
        ("nan", None),
        ("0", None),
        ("-1700000000", None),
        ("", None),
    ],
)
def test_times(connection, text, moment):
    connection.execute("set TimeZone = 'Asia/Tokyo'")
    query = timed("select $1::varchar as t", "t")
    ((seconds,),) = connection.execute(f"select ts_us // 1000000 from ({query})", [text]).fetchall()
    assert seconds == (datetime.fromisoformat(moment).timestamp() if moment else None)


@given(st.datetimes(datetime(1990, 1, 2), datetime(2105, 1, 1)), st.timezones())
@settings(max_examples=40, deadline=None)
def test_iso_times_agree_with_python(moment, zone):
    aware = moment.replace(microsecond=0, tzinfo=zone)
    if aware.utcoffset().seconds % 60:  # before time zones
        return
    with duckdb.connect() as connection:
        query = timed("select $1::varchar as t", "t")
        ((moment,),) = connection.execute(f"select ts_us from ({query})", [aware.isoformat()]).fetchall()
    assert moment == aware.timestamp() * 1_000_000


# --- declarations


def test_declarations_are_in_their_own_words():
    for layout in declared().layouts:
        assert {"word", "recipient", "time"} <= set(layout.fields) | (
            {"recipient"} if layout.recipients else set()
        )
        for rule in layout.rules:
            assert set(rule.when) <= set(layout.fields)
            assert rule.bounce is BounceClass.UNKNOWN or rule.kind is EventKind.BOUNCED
            for word in (word for words in rule.when.values() for word in words):
                assert word == name_key(word)


def test_no_rule_is_hidden_by_an_earlier_one():
    for layout in declared().layouts:
        for at, rule in enumerate(layout.rules):
            for earlier in layout.rules[:at]:
                covered = not earlier.contains and all(
                    field in rule.when and set(rule.when[field]) <= set(words)
                    for field, words in earlier.when.items()
                )
                assert not covered, (layout.name, rule)
