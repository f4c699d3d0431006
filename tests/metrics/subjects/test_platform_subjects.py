"""Subjects as platforms tell them: the same six campaigns in the records of each."""

import json
from datetime import UTC, datetime, timedelta

import pytest

import hygiene
from hygiene.errors import UsageError

START = datetime(2026, 9, 1, 10, tzinfo=UTC)
PEOPLE = 30
#: campaign → subject, how many of its thirty mails were opened
CAMPAIGNS = {
    "a": ("Ready for spring?", 12),
    "b": ("=?utf-8?q?Gr=C3=BC=C3=9Fe=3F?=", 9),  # as a header field has it: Grüße?
    "c": ("新品上市？", 15),
    "d": ("Our news", 6),
    "e": ("More news", 3),
    "f": ("Other news", 6),
}


def moments():
    """Campaign, subject, person, kind of event, when."""
    for day, (campaign, (subject, opened)) in enumerate(CAMPAIGNS.items()):
        for person in range(PEOPLE):
            for step, kind in enumerate(["sent", "delivered", *(["opened"] if person < opened else [])]):
                yield campaign, subject, person, kind, START + timedelta(days=day, minutes=10 * step)


def iso(when):
    return when.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def ses(campaign, subject, person, kind, when):
    name, key = {"sent": ("Send", "send"), "delivered": ("Delivery", "delivery"), "opened": ("Open", "open")}[
        kind
    ]
    address = f"{person}@x.example"
    mail = {
        "timestamp": iso(START),
        "messageId": f"{campaign}-{person}",
        "destination": [address],
        "commonHeaders": {"subject": subject, "to": [address]},
        "tags": {"campaign": [campaign]},
    }
    told = {} if kind == "sent" else {"timestamp": iso(when)}
    return {
        "eventType": name,
        "mail": mail,
        key: {**told, **({"recipients": [address]} if key == "delivery" else {})},
    }


def mailgun(campaign, subject, person, kind, when):
    word = {"sent": "accepted", "delivered": "delivered", "opened": "opened"}[kind]
    return {
        "event": word,
        "id": f"{campaign}{person}{kind}",
        "timestamp": when.timestamp(),
        "recipient": f"{person}@x.example",
        "message": {"headers": {"message-id": f"{campaign}-{person}", "subject": subject}},
        "campaigns": [{"id": campaign, "name": campaign}],
        "tags": [campaign],
    }


def sparkpost(campaign, subject, person, kind, when):
    group, word = {
        "sent": ("message_event", "injection"),
        "delivered": ("message_event", "delivery"),
        "opened": ("track_event", "open"),
    }[kind]
    event = {
        "type": word,
        "event_id": f"{campaign}{person}{kind}",
        "message_id": f"{campaign}-{person}",
        "campaign_id": campaign,
        "rcpt_to": f"{person}@x.example",
        "subject": subject,
        "timestamp": str(int(when.timestamp())),
    }
    return {"msys": {group: event}}


def brevo(campaign, subject, person, kind, when):
    return {
        "event": {"sent": "request", "delivered": "delivered", "opened": "unique_opened"}[kind],
        "email": f"{person}@x.example",
        "id": 7,
        "ts_event": int(when.timestamp()),
        "message-id": f"<{campaign}-{person}@x>",
        "subject": subject,
        "tags": [campaign],
    }


def mandrill(campaign, subject, person, kind, when):
    return {
        "event": {"sent": "send", "delivered": "delivered", "opened": "open"}[kind],
        "ts": int(when.timestamp()),
        "_id": f"{campaign}-{person}",
        "msg": {
            "_id": f"{campaign}-{person}",
            "email": f"{person}@x.example",
            "subject": subject,
            "tags": [campaign],
            "ts": int(START.timestamp()),
            "state": "sent",
        },
    }


def resend(campaign, subject, person, kind, when):
    return {
        "type": f"email.{kind}",
        "created_at": iso(when),
        "data": {
            "email_id": f"{campaign}-{person}",
            "to": [f"{person}@x.example"],
            "from": "a@shop.example",
            "subject": subject,
            "created_at": iso(when),
        },
    }


@pytest.mark.parametrize(
    "platform", [ses, mailgun, sparkpost, brevo, mandrill, resend], ids=lambda one: one.__name__
)
def test_the_log_of_a_platform_tells_subjects(tmp_path, platform):
    lines = [json.dumps(platform(*each)) for each in moments()]
    (tmp_path / "log.jsonl").write_text("\n".join(lines), "utf-8")
    kpis = hygiene.measure(tmp_path / "log.jsonl", by="subject-feature", causes=False)
    (question,) = (each for each in kpis.subjects.features if each.name == "question")
    opened = next(one for one in question.differences if one.kpi.startswith("open_rate"))
    assert (opened.with_.k, opened.with_.n) == (36, 90)
    assert (opened.without.k, opened.without.n) == (15, 90)
    assert kpis.subjects.unknown == 0


REPORTS = {
    "mailchimp": (
        "Title,Subject,List,Send Date,Send Weekday,Total Recipients,Successful Deliveries,Soft Bounces,"
        "Hard Bounces,Total Bounces,Times Forwarded,Forwarded Opens,Unique Opens,Open Rate,Total Opens,"
        "Unique Clicks,Click Rate,Total Clicks,Unsubscribes,Abuse Complaints,Unique Id",
        '{0},"{1}",All,"Sep 0{3}, 2026 10:00 AM",Tuesday,{2},{2},0,0,0,0,0,{4},10%,{4},1,1%,1,0,0,{0}',
    ),
    "campaign monitor": (
        "Name,Subject,Date sent,Recipients,Total opens,Unique opens,Open rate,Total clicks,Unique clicks,"
        "Unsubscribes,Bounced,Spam complaints,Forwards,Likes",
        '{0},"{1}","Aug {3}, 2026, 9:30 AM",{2},{4},{4},30%,1,1,0,0,0,0,0',
    ),
    "brevo": (
        "Campaign Name;Subject;Sent Date;Recipients;Delivered;Unique Opens;Trackable Opens;Unique Clicks;"
        "Unsubscriptions;Hard Bounces;Soft Bounces;Complaints",
        "{0};{1};0{3}.09.2026 12:30;{2};{2};{4};{4};1;0;0;0;0",
    ),
    "plain": (
        "campaign,subject line,sent,delivered,unique opens,unique clicks",
        '{0},"{1}",{2},{2},{4},1',
    ),
}


@pytest.mark.parametrize("name", REPORTS)
def test_the_report_of_a_platform_tells_subjects(tmp_path, name):
    head, row = REPORTS[name]
    rows = [
        row.format(campaign, subject, PEOPLE, day, opened)
        for day, (campaign, (subject, opened)) in enumerate(CAMPAIGNS.items(), 1)
    ]
    (tmp_path / "report.csv").write_text("\n".join([head, *rows]), "utf-8")
    kpis = hygiene.measure(tmp_path / "report.csv", by="subject-feature", human=False, causes=False)
    (question,) = (each for each in kpis.subjects.features if each.name == "question")
    opened = question.differences[0]
    assert (opened.with_.k, opened.with_.n, opened.without.k, opened.without.n) == (36, 90, 15, 90)


def test_a_report_without_subjects_takes_them_from_a_list(tmp_path):
    """ActiveCampaign's tells the names of campaigns alone."""
    head = (
        "Campaign Name,Type,Date Sent,Sends,Opens,Open Rate,Total Opens,Clicks,Click Rate,Total Link Clicks,"
        "Forwards,Replies,Unsubscribes,Hard Bounces,Soft Bounces,Revenue"
    )
    rows = [
        f"{campaign},Standard,2026-09-0{day} 14:51,{PEOPLE},{opened},10%,{opened},1,1%,1,0,0,0,0,0,$0.00"
        for day, (campaign, (_, opened)) in enumerate(CAMPAIGNS.items(), 1)
    ]
    (tmp_path / "report.csv").write_text("\n".join([head, *rows]), "utf-8")
    listed = "".join(f'{campaign},"{subject}"\n' for campaign, (subject, _) in CAMPAIGNS.items())
    (tmp_path / "subjects.csv").write_text("Campaign Name,Subject\n" + listed, "utf-8")
    with pytest.raises(UsageError, match="the log tells no subjects: give them with --subjects FILE"):
        hygiene.measure(tmp_path / "report.csv", by="subject-feature", human=False, causes=False)
    kpis = hygiene.measure(
        tmp_path / "report.csv",
        by="subject-feature",
        subjects=tmp_path / "subjects.csv",
        human=False,
        causes=False,
    )
    (question,) = (each for each in kpis.subjects.features if each.name == "question")
    assert (question.differences[0].with_.k, question.differences[0].without.k) == (36, 15)


def test_a_log_without_subjects_gets_one_clear_sentence(tmp_path):
    lines = [json.dumps({**mailgun(*each), "message": {"headers": {"message-id": "1"}}}) for each in moments()]
    (tmp_path / "log.jsonl").write_text("\n".join(lines), "utf-8")
    with pytest.raises(
        UsageError, match="the log tells no subjects: give them with --subjects FILE, a table of"
    ):
        hygiene.measure(tmp_path / "log.jsonl", by="subject-feature", causes=False)


def test_two_hundred_thousand_mails_of_two_campaigns_prove_nothing(tmp_path):
    """What many would be told of an emoji: half as many again open it."""
    lines = ["campaign,subject line,sent,delivered,unique opens,unique clicks"]
    lines += ["a,🌱 News,100000,100000,30000,900", "b,News again,100000,100000,20000,800"]
    (tmp_path / "report.csv").write_text("\n".join(lines), "utf-8")
    found = hygiene.measure(tmp_path / "report.csv", by="subject-feature", human=False, causes=False).subjects
    assert not found.standing_out
    assert not found.compared
    assert "Too little is known to compare" in found.sentence
    assert all(one.low is None for each in found.features for one in each.differences)
