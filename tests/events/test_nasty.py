"""Logs as they come: every platform's events in every way that exports and transports spoil them."""

import base64
import codecs
import csv
import gzip
import json

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hygiene.errors import UnreadableInput
from hygiene.events.read import read_events

T0 = 1_788_256_800
MOMENT = "2026-09-01T10:00:00Z"


def events(number):
    """One delivery of each platform; addresses in capitals, as some write them."""
    address, message = f"U{number}@X.example", f"m{number}"
    mail = {"messageId": message, "timestamp": MOMENT, "destination": [address]}
    event_data = {"event": "delivered", "id": message, "timestamp": T0 + 0.25, "recipient": address}
    event_data |= {"message": {"headers": {"message-id": message}}}
    spark = {
        "type": "delivery",
        "event_id": message,
        "message_id": message,
        "rcpt_to": address,
        "timestamp": str(T0),
    }
    kumo = {"type": "Delivery", "id": message, "recipient": address, "sender": "n@x", "queue": "q", "site": "s"}
    return {
        "ses": {
            "eventType": "Delivery",
            "mail": mail,
            "delivery": {"timestamp": MOMENT, "recipients": [address]},
        },
        "sendgrid": {"email": address, "event": "delivered", "timestamp": T0, "sg_message_id": f"{message}.f"},
        "mailgun": {"signature": {"token": message}, "event-data": event_data},
        "postmark": {
            "RecordType": "Delivery",
            "MessageID": message,
            "Recipient": address,
            "DeliveredAt": "2026-09-01T06:00:00.1234567-04:00",
        },
        "sparkpost": {"msys": {"message_event": spark}},
        "brevo": {
            "event": "delivered",
            "email": address,
            "id": 1,
            "message-id": f"<{message}>",
            "ts_event": T0,
        },
        "klaviyo": {
            "metric_name": "Received Email",
            "profile_email": address,
            "datetime": MOMENT,
            "campaign_name": "c",
        },
        "kumomta": {**kumo, "timestamp": T0},
        "mailjet": {"event": "sent", "time": T0, "MessageID": number, "mj_campaign_id": 7, "email": address},
        "mailersend": {
            "type": "activity.delivered",
            "domain_id": "d",
            "created_at": MOMENT,
            "data": {"message_id": message, "recipient": address, "meta": []},
        },
        "resend": {
            "type": "email.delivered",
            "created_at": MOMENT,
            "data": {"email_id": message, "to": [address], "created_at": MOMENT},
        },
        "smtp2go": {"event": "delivered", "time": MOMENT, "rcpt": address, "email_id": message},
        "hubspot": {
            "type": "DELIVERED",
            "created": T0 * 1000,
            "portalId": 1,
            "recipient": address,
            "sentBy": {"id": message},
        },
        "customerio": {
            "metric": "delivered",
            "object_type": "email",
            "event_id": message,
            "timestamp": T0,
            "data": {"recipient": address, "delivery_id": message},
        },
    }


def lines(*values):
    return "".join(json.dumps(value) + "\n" for value in values)


def in_sns(value):
    return {"Type": "Notification", "TopicArn": "arn:x", "MessageId": "1", "Message": json.dumps(value)}


#: how a file of two events, each once, may look
CAPTURED = "POST /hook?x=1 HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/json\r\n\r\n"


def caught(value):
    return {"uuid": "u", "type": "web", "token_id": "t", "method": "POST", "content": json.dumps(value)}


def coded(value):
    return base64.b64encode(json.dumps(value).encode()).decode()


FORMS = {
    "an array": lambda one, other: json.dumps([one, other]).encode(),
    "arrays in an array": lambda one, other: json.dumps([[one], [other]]).encode(),
    "arrays in lines": lambda one, other: lines([one], [other]).encode(),
    "nothing between": lambda one, other: (json.dumps(one) + json.dumps(other)).encode(),
    "indented": lambda one, other: f"{json.dumps(one, indent=2)}\n{json.dumps(other, indent=2)}".encode(),
    "a mark of UTF-8": lambda one, other: codecs.BOM_UTF8 + lines(one, other).encode(),
    "UTF-16": lambda one, other: lines(one, other).encode("utf-16"),
    "UTF-16 without a mark": lambda one, other: lines(one, other).encode("utf-16-le"),
    "UTF-16, the other way round": lambda *both: f"\ufeff{json.dumps(both, indent=1)}".encode("utf-16-be"),
    "UTF-16 in gzip": lambda one, other: gzip.compress(lines(one, other).encode("utf-16")),
    "two gzips": lambda one, other: gzip.compress(lines(one).encode()) + gzip.compress(lines(other).encode()),
    "carriage returns": lambda one, other: lines(one, other).replace("\n", "\r\n").encode(),
    "blank lines": lambda one, other: f"\n\n{lines(one)}\n  \n{lines(other)}".encode(),
    "a line of NULs": lambda one, other: f"{lines(one)}\0\0\0\n{lines(other)}".encode(),
    "NULs at the end": lambda one, other: f"{lines(one, other)}{chr(0) * 400}".encode(),
    "a key twice": lambda one, other: lines(one, other).replace("}\n", ', "x": 1, "x": 2}\n').encode(),
    "in SNS": lambda one, other: lines(in_sns(one), in_sns([other])).encode(),
    "kept as texts": lambda *both: lines(*({"id": 1, "payload": json.dumps([each])} for each in both)).encode(),
    "kept as objects": lambda *both: lines(*({"source": "x", "payload": each} for each in both)).encode(),
    "requests": lambda *both: lines(*({"headers": {"a": "b"}, "body": each} for each in both)).encode(),
    "a gateway's": lambda *both: lines(*({"path": "/", "body": json.dumps(each)} for each in both)).encode(),
    "lists in requests": lambda *both: lines(*({"headers": {}, "body": [each]} for each in both)).encode(),
    "in Base64": lambda *both: lines(*({"body": coded(e), "isBase64Encoded": True} for e in both)).encode(),
    "Docker's": lambda *both: lines(*({"log": f"{json.dumps(e)}\n", "stream": "out"} for e in both)).encode(),
    "Loki's": lambda *both: lines(*({"line": json.dumps(each), "timestamp": MOMENT} for each in both)).encode(),
    "Elasticsearch's": lambda *both: json.dumps({"hits": {"hits": [{"_source": e} for e in both]}}).encode(),
    "Google's": lambda *both: lines(*({"jsonPayload": each, "insertId": "x"} for each in both)).encode(),
    "a program's": lambda *both: "".join(f"{MOMENT} [web] INFO: {json.dumps(e)} []\n" for e in both).encode(),
    "one line of many": lambda *both: f"{'starting' * 9}\n{MOMENT}: {json.dumps(both)}\nstopped\n".encode(),
    "captured": lambda *both: "".join(CAPTURED + json.dumps(each) + "\r\n" for each in both).encode(),
    "Hookdeck's": lambda *both: lines(*({"webhook_id": "w", "data": {"body": each}} for each in both)).encode(),
    "webhook.site's": lambda *both: json.dumps({"data": [*map(caught, both)], "current_page": 1}).encode(),
    "in SNS in SNS": lambda one, other: lines(in_sns(in_sns(one)), in_sns(other)).encode(),
}  # fmt: skip


def read(path):
    with duckdb.connect() as connection:
        report = read_events(path, connection)
        rows = connection.execute("select source, kind, recipient, ts_us // 1000000 from events").fetchall()
        return sorted(rows), report


@pytest.mark.parametrize("form", FORMS)
def test_a_delivery_of_each_platform_in_every_form(tmp_path, form):
    """All files in one folder, so that what they are is found out of each by itself."""
    first, second = events(1), events(2)
    for source, one in first.items():
        (tmp_path / f"{source}.log").write_bytes(FORMS[form](one, second[source]))
    rows, report = read(tmp_path)
    wanted = [(source, "delivered", f"u{number}@x.example", T0) for source in first for number in (1, 2)]
    assert rows == sorted(wanted)
    assert report.refused == ()


@pytest.mark.parametrize("source", events(1))
def test_one_event_is_a_log(tmp_path, source):
    for name, content in (("one.json", events(1)[source]), ("list.json", [events(1)[source]])):
        (tmp_path / name).write_text(json.dumps(content), "utf-8")
        assert read(tmp_path / name)[0] == [(source, "delivered", "u1@x.example", T0)]


@pytest.mark.parametrize("source", events(1))
def test_a_line_that_is_no_json_is_counted_and_the_others_are_read(tmp_path, source):
    """A NUL or half a letter inside a line: no JSON, whoever reads it."""
    bad = json.dumps(events(1)[source])[:-1]
    for spoiled in (b'%s, "x": "a\0b"}\n', b'%s, "x": "\xe9"}\n', b'%s, "x": "\\ud83d"}\n', b"%s\n"):
        (tmp_path / "log.jsonl").write_bytes(spoiled % bad.encode() + lines(events(2)[source]).encode())
        rows, report = read(tmp_path / "log.jsonl")
        assert [row[2] for row in rows] == ["u2@x.example"]
        assert report.damaged == 1


@pytest.mark.parametrize("source", events(1))
def test_of_half_a_gzip_what_is_whole_is_read(tmp_path, source):
    whole = gzip.compress(lines(*[events(number)[source] for number in range(2_000)]).encode())
    (tmp_path / "log.gz").write_bytes(whole[: len(whole) // 2])
    rows, report = read(tmp_path / "log.gz")
    (note,) = (note for note in report.files[0].notes if "cut short" in note)
    assert 0 < report.events < 2_000
    assert note.endswith(f"log.gz is cut short: what comes after its first {report.events:,} lines is not read")
    assert {row[2] for row in rows} == {f"u{number}@x.example" for number in range(report.events)}


@pytest.mark.parametrize(
    "moment", [T0, str(T0), T0 * 1_000, T0 * 1_000_000, f"{T0}.25", "2026-09-01T12:00:00+02:00"]
)
def test_a_moment_in_any_unit(tmp_path, moment):
    value = {**events(1)["sendgrid"], "timestamp": moment}
    (tmp_path / "log.json").write_text(json.dumps(value), "utf-8")
    assert read(tmp_path / "log.json")[0] == [("sendgrid", "delivered", "u1@x.example", T0)]


@pytest.mark.parametrize(("delimiter", "encoding"), [(",", "utf-8"), (";", "utf-8-sig"), ("\t", "utf-16")])
def test_cells_with_separators_and_quotes_in_them(tmp_path, delimiter, encoding):
    rows = [
        ("Email", "Event", "Timestamp", "Campaign"),
        ('"Ann, Jr." <U1@X.example>', "Delivered", MOMENT, 'Sale; "now", 20 %\tof\nall'),
    ]
    quoted = (delimiter.join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows)
    (tmp_path / "log.csv").write_text("\n".join(quoted), encoding)
    assert read(tmp_path / "log.csv")[0] == [("plain", "delivered", "u1@x.example", T0)]


def kept_in_a_table(path, posts):
    """Rows as somebody's table of webhooks has them: of each post when it came, its headers and its body."""
    headers = json.dumps({"Content-Type": "application/json"})
    rows = [
        {"id": str(at), "received": MOMENT, "headers": headers, "raw": each} for at, each in enumerate(posts)
    ]
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize("apart", [False, True])
def test_envelopes_that_no_sample_shows(tmp_path, apart):
    """One line of many, or one small file among others, has its events in a list, a notification or a row."""
    wanted = []
    for source in events(1):
        first, second, third, *others = (events(number)[source] for number in range(450))
        odd = lines([[first]], in_sns(second), {"payload": third})
        plain = [json.dumps(one) + "\n" for one in others]
        folder = tmp_path / source
        folder.mkdir()
        (folder / "1.json").write_text(
            "".join([*plain[:200], *([] if apart else [odd]), *plain[200:]]), "utf-8"
        )
        if apart:
            (folder / "0.json").write_text(odd, "utf-8")
        mine = sorted((source, "delivered", f"u{number}@x.example", T0) for number in range(450))
        assert read(folder)[0] == mine
        wanted += mine
    assert read(tmp_path)[0] == sorted(wanted)


def test_details_of_a_message_that_no_sample_shows(tmp_path):
    """Postmark's are a list of events; unopened they would tell of nothing but the sending."""
    at = "2026-09-01T06:00:00.1234567-04:00"
    detail = {"MessageID": "m0", "Recipients": ["u0@x.example"], "Status": "Sent", "ReceivedAt": at}
    detail |= {"MessageEvents": [{"Recipient": "u0@x.example", "Type": "Delivered", "ReceivedAt": at}]}
    posts = [events(number)["postmark"] for number in range(1, 400)]
    (tmp_path / "log.jsonl").write_text(lines(*posts[:200], detail, *posts[200:]), "utf-8")
    assert {row[1] for row in read(tmp_path / "log.jsonl")[0]} == {"delivered"}


def test_notes_on_what_posts_look_like_are_no_log(tmp_path):
    sample = json.dumps(events(1)["sendgrid"])
    for name, text in (
        ("README.md", f"# Posts\n\n```\n{sample}\n```\n\nor `{sample}`\n"),
        ("a.html", f"<!doctype html>\n12:00 {sample}"),
    ):
        (tmp_path / name).write_text(text, "utf-8")
        with pytest.raises(UnreadableInput):
            read(tmp_path / name)


def test_a_post_that_is_cut_in_the_log_of_a_program_is_counted(tmp_path):
    whole, cut = (json.dumps(events(number)["sendgrid"]) for number in (1, 2))
    (tmp_path / "web.log").write_text(f"10:00 started\n10:01 got {whole}\n10:02 got {cut[:-9]}\n", "utf-8")
    rows, report = read(tmp_path / "web.log")
    assert rows == [("sendgrid", "delivered", "u1@x.example", T0)]
    assert report.damaged == 1


@pytest.mark.parametrize("name", ["kept.csv", "kept.parquet"])
def test_posts_that_are_kept_in_a_table(tmp_path, name):
    first, second = events(1), events(2)
    for source, one in first.items():
        (tmp_path / source).mkdir()
        kept_in_a_table(tmp_path / source / name, [json.dumps(one), "", json.dumps([second[source]], indent=1)])
    rows, report = read(tmp_path)
    assert rows == sorted((source, "delivered", f"u{at}@x.example", T0) for source in first for at in (1, 2))
    assert report.damaged == len(first)  # the row without a post


@pytest.mark.parametrize(
    ("first", "second"), [("01.09.2026 10:00", "13.09.2026 10:00"), ("9/1/2026 10:00", "9/13/2026 10:00")]
)
def test_a_platform_s_table_that_a_spreadsheet_saved_again(tmp_path, first, second):
    text = "\ufeffemail;event;sg_message_id;timestamp;category\r\n"
    text += (
        f'u1@x.example;delivered;1.f;{first};"[""spring""]"\r\nu2@x.example;delivered;2.f;{second};spring\r\n'
    )
    (tmp_path / "log.csv").write_text(text, "utf-8")
    rows, report = read(tmp_path / "log.csv")
    assert [(row[0], row[3]) for row in rows] == [("sendgrid", T0), ("sendgrid", T0 + 12 * 86_400)]
    assert "times without a zone are taken for UTC" in report.files[0].notes


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("01.09.2026 10:00", "13.09.2026 10:00:00"),
        ("9/1/2026 10:00 AM", "9/13/2026 10:00 AM"),
        ("01/09/2026 10:00", "13/09/2026 10:00"),
        ("Sep 1, 2026 10:00 am", "Sep 13, 2026 10:00 am"),
    ],
)
def test_times_as_spreadsheets_write_them(tmp_path, first, second):
    text = f'email,event,time\nu1@x.example,sent,"{first}"\nu2@x.example,sent,"{second}"\n'
    (tmp_path / "log.csv").write_text(text, "utf-8")
    rows, report = read(tmp_path / "log.csv")
    assert [row[3] for row in rows] == [T0, T0 + 12 * 86_400]
    assert "times without a zone are taken for UTC" in report.files[0].notes


def test_days_that_could_be_months_are_not_guessed(tmp_path):
    (tmp_path / "log.csv").write_text("email,event,time\nu1@x.example,sent,01/09/2026 10:00\n", "utf-8")
    rows, report = read(tmp_path / "log.csv")
    assert [row[3] for row in rows] == [None]
    assert "day and month of its times cannot be told apart: they are not dated" in report.files[0].notes
    assert report.undated == 1


@pytest.mark.parametrize(
    "text",
    [
        lines({"email": "ann@example.com", "status": "ok"}, {"email": "bob@example.com", "status": "ok"}),
        "to=ann%40example.com&status=Sent&date=1&channel=c\n",
        "email,event\nann@example.com,\n",
    ],
)
def test_addresses_without_a_word_of_what_happened_are_no_log(tmp_path, text):
    (tmp_path / "log").write_text(text, "utf-8")
    with pytest.raises(UnreadableInput, match=r"none of its \d records says what happened to a mail"):
        read(tmp_path / "log")


@pytest.mark.parametrize(
    "header",
    [
        "event,email,messageid,time",
        "event,email,message_id,timestamp",
        "type,recipient,message_id,created_at",
        "metric,email,message_id,timestamp",
        "event,rcpt,message_id,time",
    ],
)
def test_a_plain_table_is_of_no_platform(tmp_path, header):
    """Names that many use make no platform: Mailjet's `sent` is delivered, a plain one is not."""
    (tmp_path / "log.csv").write_text(f"{header}\nsent,ann@example.com,1,{MOMENT}\n", "utf-8")
    assert [row[:3] for row in read(tmp_path / "log.csv")[0]] == [("plain", "sent", "ann@example.com")]
