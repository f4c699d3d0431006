"""Events that were kept in DynamoDB, and come out with the type of each value."""

import json

import duckdb
import pytest

from hygiene.events.read import read_events


def typed(value):
    """A value as DynamoDB writes it."""
    match value:
        case dict():
            return {"M": {name: typed(one) for name, one in value.items()}}
        case list():
            return {"L": [typed(one) for one in value]}
        case bool():
            return {"BOOL": value}
        case int() | float():
            return {"N": str(value)}
        case None:
            return {"NULL": True}
    return {"S": value}


def item(value):
    return typed(value)["M"]


def mail_to(number):
    told = {"messageId": f"m{number}", "timestamp": "2026-09-01T10:00:00Z"}
    return told | {"destination": [f"u{number}@x.example"]}


def delivery(number):
    mail = mail_to(number)
    told = {"timestamp": "2026-09-01T10:00:01Z", "recipients": mail["destination"], "processingTimeMillis": 12}
    event = {"pk": number, "ttl": 1.5, "eventType": "Delivery", "mail": mail, "delivery": told}
    return event | {"seen": False, "x": None}


def bounce(number):
    told = {"bounceType": "Permanent", "bounceSubType": "General", "timestamp": "2026-09-01T10:00:02Z"}
    told["bouncedRecipients"] = [{"emailAddress": f"u{number}@x.example", "status": "5.1.1"}]
    return {"eventType": "Bounce", "mail": mail_to(number), "bounce": told}


def read(path, text):
    path.write_text(text)
    with duckdb.connect() as connection:
        report = read_events(path, connection)
        query = "select kind, recipient, message_id, bounce_class, smtp_status, ts_us from events order by all"
        return connection.execute(query).fetchall(), report.files[0]


EVENTS = [delivery(1), bounce(2), delivery(3)]


@pytest.mark.parametrize(
    "written",
    [
        lambda events: "".join(json.dumps({"Item": item(one)}) + "\n" for one in events),
        lambda events: "\ufeff" + "".join(json.dumps({"Item": item(one)}, indent=1) + "\n" for one in events),
        lambda events: json.dumps(
            {"Items": [item(one) for one in events], "Count": 3, "ScannedCount": 3}, indent=2
        ),
        lambda events: json.dumps(
            {"Records": [{"eventName": "INSERT", "dynamodb": {"NewImage": item(one)}} for one in events]}
        ),
    ],
)
def test_items_are_read_as_the_events_they_hold(tmp_path, written):
    plain, _ = read(tmp_path / "plain.jsonl", "".join(json.dumps(one) + "\n" for one in EVENTS))
    assert [row[:2] for row in plain] == [
        ("bounced", "u2@x.example"),
        ("delivered", "u1@x.example"),
        ("delivered", "u3@x.example"),
    ]
    found, file = read(tmp_path / "items.json", written(EVENTS))
    assert found == plain
    assert (file.damaged, file.unread, file.skipped) == (0, 0, {})


def test_rows_of_a_table_of_ones_own(tmp_path):
    rows = [{"email": f"u{n}@x.example", "event": "open", "timestamp": 1_788_256_800 + n} for n in range(3)]
    found, _ = read(tmp_path / "items.json", "".join(json.dumps({"Item": item(one)}) + "\n" for one in rows))
    assert [(row[0], row[5]) for row in found] == [
        ("opened", (1_788_256_800 + n) * 1_000_000) for n in range(3)
    ]


def test_what_is_no_item_in_a_list_is_counted(tmp_path):
    items = [item(delivery(1)), 7, {"level": "info"}]
    removed = {"eventName": "REMOVE", "dynamodb": {"Keys": {"pk": {"N": "1"}}}}
    stream = [{"eventName": "INSERT", "dynamodb": {"NewImage": item(delivery(1))}}, removed]
    for name, held in (("Items", items), ("Records", stream)):
        found, file = read(tmp_path / f"{name}.json", json.dumps({name: held}))
        assert len(found) == 1
        assert file.damaged + file.unread == len(held) - 1


def test_what_is_cut_or_no_item_is_counted(tmp_path):
    lines = [json.dumps({"Item": item(one)}) for one in EVENTS]
    found, file = read(tmp_path / "items.json", "\n".join([*lines[:2], '{"level": "info"}', lines[2][:-30]]))
    assert len(found) == 2
    assert (file.damaged, file.unread) == (1, 1)
