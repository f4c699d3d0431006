"""Variants told by a column, key or tag of the sender's own, wherever a platform writes it."""

import json

import pandas as pd
import pytest

import hygiene
from hygiene.events.layout import declared, is_column, layouts

SES = {
    "eventType": "Delivery",
    "mail": {
        "timestamp": "2026-09-21T13:00:00Z",
        "messageId": "m-1",
        "destination": ["ann@shop.example"],
        "tags": {"ab_group": ["B"], "variant": ["no"]},
        "commonHeaders": {"subject": "Only today"},
    },
    "delivery": {"timestamp": "2026-09-21T13:00:05Z", "recipients": ["ann@shop.example"]},
}
SENDGRID = {
    "event": "delivered",
    "email": "ann@shop.example",
    "sg_message_id": "m-1.x",
    "timestamp": 1_790_000_000,
    "category": ["spring", "B"],
    "subject": "Only today",
    "ab_group": "B",
}
MAILGUN = {
    "signature": {"timestamp": "1790000000", "token": "t", "signature": "s"},
    "event-data": {
        "event": "delivered",
        "recipient": "ann@shop.example",
        "timestamp": 1_790_000_000.5,
        "id": "e-1",
        "message": {"headers": {"message-id": "m-1", "subject": "Only today"}},
        "user-variables": {"ab_group": "B"},
        "tags": ["spring", "B"],
    },
}
POSTMARK = {
    "RecordType": "Delivery",
    "MessageID": "m-1",
    "Recipient": "ann@shop.example",
    "DeliveredAt": "2026-09-21T13:00:05Z",
    "Metadata": {"ab_group": "B"},
    "Tag": "B",
}
SPARKPOST = {
    "msys": {
        "message_event": {
            "type": "delivery",
            "event_id": "1",
            "message_id": "m-1",
            "rcpt_to": "ann@shop.example",
            "timestamp": "1790000000",
            "rcpt_meta": {"ab_group": "B"},
        }
    }
}
KUMOMTA = {
    "type": "Delivery",
    "id": "m-1",
    "sender": "shop@shop.example",
    "recipient": "ann@shop.example",
    "queue": "spring@shop.example",
    "timestamp": 1_790_000_000,
    "response": {"code": 250, "content": "ok"},
    "meta": {"ab_group": "B"},
    "headers": {"X-Variant": "B"},
}
OURS = {
    "event": "delivered",
    "email": "ann@shop.example",
    "timestamp": 1_790_000_000,
    "message_id": "m-1",
    "AB Group": "B",
    "test": {"group": "B"},
    "number": 2,
    "variant": "no",
}


def variants(logs, column):
    with hygiene.read_events(logs, variant_column=column) as events:
        return [None if pd.isna(name) else name for name in events.to_frame()["variant"]]


@pytest.mark.parametrize(
    ("record", "column", "told"),
    [
        (SES, "ab_group", "B"),
        (SES, "subject", "Only today"),
        (SES, "mail.tags.variant[0]", "no"),
        (
            {"Type": "Notification", "MessageId": "n", "TopicArn": "a", "Message": json.dumps(SES)},
            "ab_group",
            "B",
        ),
        (SENDGRID, "ab_group", "B"),
        (SENDGRID, "category[1]", "B"),
        (SENDGRID, "subject", "Only today"),
        ([SENDGRID], "ab_group", "B"),
        (MAILGUN, "ab_group", "B"),
        (MAILGUN, "tags[1]", "B"),
        (MAILGUN, "subject", "Only today"),
        (POSTMARK, "ab_group", "B"),
        (POSTMARK, "Tag", "B"),
        (SPARKPOST, "ab_group", "B"),
        (KUMOMTA, "ab_group", "B"),
        (KUMOMTA, "X-Variant", "B"),
        (OURS, "AB Group", "B"),
        (OURS, "ab_group", "B"),
        (OURS, "test.group", "B"),
        (OURS, "number", "2"),
        (OURS, "nothing", None),
        (OURS, "", "no"),
        (SES, "Ab_group", None),  # tags are told apart by case, as SES does
    ],
)
@pytest.mark.parametrize("lines", [1, 3])
def test_it_is_found_where_senders_write_it(tmp_path, record, column, told, lines):
    log = tmp_path / "log.jsonl"
    log.write_text(f"{json.dumps(record)}\n" * lines, encoding="utf-8")
    assert variants(str(log), column) == [told] * lines


def test_tables_have_columns(tmp_path):
    row = "ann@shop.example,delivered,1790000000,m-1,B,2,no"
    table = f"email,event,timestamp,message_id,AB-Group,Nr.,variant\n{row}\n"
    (tmp_path / "log.csv").write_text(table, encoding="utf-8")
    frame = pd.read_csv(tmp_path / "log.csv")
    for logs in (str(tmp_path / "log.csv"), frame):
        found = [
            variants(logs, column) for column in ("ab_group", "AB-Group", "nr.", "variant", "email", "gone")
        ]
        assert found == [["B"], ["B"], ["2"], ["no"], ["ann@shop.example"], [None]]


def test_our_own_events_have_further_columns(tmp_path):
    row = "sent,own,ann@shop.example,1790000000000000,m,A,2"
    table = f"kind,source,recipient,ts_us,message_id,variant,wave\n{row}\n"
    (tmp_path / "events.csv").write_text(table, encoding="utf-8")
    assert [variants(str(tmp_path / "events.csv"), column) for column in ("wave", "Wave", "", "gone")] == [
        ["2"],
        ["2"],
        ["A"],
        [None],
    ]


@pytest.mark.parametrize(
    "name", ["a..b", "a.", "A/B", "$x", "é", "x" * 200, "Gruppe (neu)", "{y}", "a,b", "--", "%s"]
)
def test_any_name_of_a_column_does_no_harm(tmp_path, name):
    assert is_column(name)
    (tmp_path / "log.jsonl").write_text(json.dumps({**OURS, name: "B"}) + "\n", encoding="utf-8")
    assert variants(str(tmp_path / "log.jsonl"), name) in (["B"], [None])
    pd.DataFrame([{**OURS, name: "B", "test": ""}]).to_csv(tmp_path / "log.csv", index=False)
    assert variants(str(tmp_path / "log.csv"), name) == ["B"]


@pytest.mark.parametrize(
    "name", ["", "a'b", 'a"b', "a\\b", "~a", "^a", "a*", "a[x]", "[0]", "a\nb", ".a", "x" * 300]
)
def test_what_is_no_name_is_known_as_none(name):
    assert not is_column(name)


def test_without_one_the_layouts_are_those_declared():
    assert layouts() is declared().layouts
    assert {one.name for one in layouts("ab_group")} == {one.name for one in declared().layouts}
    assert all(
        one.fields["variant"] != other.fields.get("variant")
        for one, other in zip(layouts("ab_group"), layouts(), strict=True)
    )
