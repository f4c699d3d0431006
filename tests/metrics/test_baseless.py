"""Logs of what came back alone, as webhooks for bounces and opens give them: no base for any rate."""

import json

import pytest

import hygiene
from hygiene.metrics.account_presentation import _laws

T0 = 1_788_256_800


def plain(event, number, **more):
    return {
        "event": event,
        "email": f"p{number}@example.com",
        "message_id": f"m{number}",
        "timestamp": T0 + number,
        **more,
    }


BOUNCES = [plain("bounced", number, bounce_type="hard") for number in range(3)]
OPENS = [plain("opened", number) for number in range(3, 6)]
MAILCHIMP = {
    "emails": [
        {
            "campaign_id": "c",
            "email_address": "ann@example.com",
            "activity": [{"action": "bounce", "type": "hard", "timestamp": "2026-09-01T10:00:00+00:00"}],
        },
        {
            "campaign_id": "c",
            "email_address": "bob@example.com",
            "activity": [{"action": "open", "timestamp": "2026-09-01T10:00:00+00:00"}],
        },
    ]
}


def write(path, records):
    path.write_text("".join(json.dumps(one) + "\n" for one in records), "utf-8")
    return path


def values(logs, **options):
    kpis = hygiene.measure(logs, causes=False, **options)
    return {value.name: value for value in kpis.values}, kpis


@pytest.mark.parametrize("records", [BOUNCES, [*BOUNCES, *OPENS], [MAILCHIMP]])
def test_what_came_back_alone_is_no_base_of_a_rate(tmp_path, records):
    found, _ = values(write(tmp_path / "log", records))
    for name in ("delivery_rate", "bounce_rate", "hard_bounce_rate", "complaint_rate_delivered"):
        assert found[name].value is None
        assert "neither to whom mail was sent nor what arrived" in found[name].why_null
        assert found[name].verdict == "none"


def test_a_list_of_sends_is_one(tmp_path):
    sends = tmp_path / "sends.csv"
    sends.write_text("email,message_id\n" + "".join(f"p{at}@example.com,m{at}\n" for at in range(10)), "utf-8")
    found, _ = values(write(tmp_path / "log", [*BOUNCES, *OPENS]), sends=sends)
    assert (found["bounce_rate"].numerator, found["bounce_rate"].n) == (3, 10)


def test_a_delivery_is_one(tmp_path):
    found, _ = values(write(tmp_path / "log", [*BOUNCES, *(plain("delivered", at) for at in range(3, 10))]))
    assert (found["bounce_rate"].numerator, found["bounce_rate"].n) == (3, 10)


def test_beside_a_log_that_tells_all_only_that_one_is_measured(tmp_path):
    sendgrid = [
        {"event": event, "email": f"s{at}@example.com", "timestamp": T0, "sg_message_id": f"s{at}.x"}
        for at in range(4)
        for event in ("processed", "delivered")
    ]
    found, _ = values([write(tmp_path / "bounces", BOUNCES), write(tmp_path / "all", sendgrid)])
    assert (found["bounce_rate"].numerator, found["bounce_rate"].n) == (0, 4)
    assert "only of the logs that tell of it" in found["bounce_rate"].note


def test_what_a_log_does_not_tell_is_not_counted_as_none(tmp_path):
    """Neither a platform without a word for it, nor mails that are known by what came back alone, tell a 0."""
    _, kpis = values(write(tmp_path / "log", [MAILCHIMP]))
    counts = kpis.counts()
    assert (counts["bounced"], counts["hard"]) == (1, 1)
    untold = ("submitted", "sent", "delivered", "pending", "rejected", "deferred", "late", "opened_all")
    assert [counts[name] for name in untold] == [None] * len(untold)

    mail = {"created_at": "2026-09-01T10:00:00.000Z", "email_id": "m", "to": ["ann@example.com"]}
    resend = [
        {"type": f"email.{word}", "created_at": mail["created_at"], "data": mail}
        for word in ("sent", "delivered", "opened")
    ]
    found, kpis = values(write(tmp_path / "resend", resend))
    counts = kpis.counts()
    assert (counts["sent"], counts["delivered"], counts["opened_all"], counts["complained"]) == (1, 1, 1, 0)
    assert [counts[name] for name in ("unsubscribed", "clicked_all", "delivered_click_tracked")] == [None] * 3
    assert "opt-outs" in found["unsubscribe_rate"].why_null
    assert [counts[name] for name in ("converted", "orders", "revenue_micros")] == [None] * 3
    assert "no orders were given" in found["conversion_rate"].why_null


def test_the_sums_hold_of_what_is_told(tmp_path):
    report = tmp_path / "report.csv"
    report.write_text("campaign,sent,delivered,bounces,unique opens\na,10,8,2,3\nb,5,,,1\n", "utf-8")
    page = str(hygiene.measure(report, causes=False).to_dict()["counts"])
    assert "'sent': 15, 'delivered': 8" in page
    lines = list(_laws(hygiene.measure(report, causes=False)))
    assert lines == [
        "10 sent = 8 delivered + 2 bounced + 0 under way ✓",
        "5 sent of which the log does not tell what became of them",
    ]
    assert list(_laws(values(write(tmp_path / "log", [MAILCHIMP]))[1])) == [
        "the log does not tell how much was sent"
    ]
