"""Records in gzip and Base64, as CloudWatch Logs sends them: what is in them is read, within bounds."""

import base64
import gzip
import json

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.contacts.activity import read_activity
from hygiene.errors import UnreadableInput
from hygiene.events.json_values import LONGEST
from hygiene.events.read import read_events
from hygiene.events.zipped import holds_gzip


def ses(number, kind="Send"):
    mail = {
        "messageId": f"m{number}",
        "destination": [f"p{number}@x.example"],
        "timestamp": "2026-09-01T10:00:00Z",
    }
    return {"eventType": kind, "mail": mail}


def logged(*events):
    """What CloudWatch Logs sends of these events."""
    rows = [
        {"id": str(at), "timestamp": 1_788_256_800_000 + at, "message": json.dumps(event)}
        for at, event in enumerate(events)
    ]
    return {"messageType": "DATA_MESSAGE", "logGroup": "/ses", "logStream": "s", "logEvents": rows}


def zipped(*values):
    return base64.b64encode(
        b"".join(gzip.compress(json.dumps(one).encode(), mtime=0) for one in values)
    ).decode()


def plainly(value):
    return base64.b64encode(json.dumps(value).encode()).decode()


def in_eventbridge(event):
    return {"id": "e", "detail-type": "Email", "source": "aws.ses", "detail": event}


#: two events as they are handed on
ENVELOPES = {
    "a Lambda function": lambda one, two: {"awslogs": {"data": zipped(logged(one, two))}},
    "a post of Firehose": lambda one, two: {
        "requestId": "r",
        "timestamp": 1,
        "records": [{"data": zipped(logged(one))}, {"data": zipped(logged(two))}],
    },
    "a function of Firehose": lambda one, two: {
        "invocationId": "i",
        "records": [{"recordId": "1", "data": zipped(logged(one), logged(in_eventbridge(two)))}],
    },
    "a function of Kinesis": lambda *both: {
        "Records": [
            {"eventSource": "aws:kinesis", "kinesis": {"data": zipped(logged(one)), "partitionKey": "p"}}
            for one in both
        ]
    },
    "get-records": lambda *both: {
        "Records": [{"Data": zipped(logged(one)), "PartitionKey": "p"} for one in both],
        "NextShardIterator": "n",
    },
    "what failed": lambda *both: [{"errorCode": "x", "rawData": zipped(logged(one))} for one in both],
    "beside others": lambda one, two: {
        "records": [{"data": plainly(one)}, {"data": zipped(logged(two))}],
    },
}


def read(tmp_path, *texts):
    folder = tmp_path / "logs"
    folder.mkdir()
    for at, text in enumerate(texts):
        (folder / f"{at}.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with duckdb.connect() as connection:
        report = read_events([folder], connection)
        rows = connection.execute("select recipient from events order by 1").fetchall()
    return [recipient for (recipient,) in rows], report


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("envelope", ENVELOPES)
def test_envelopes(tmp_path, envelope, mark):
    people, report = read(tmp_path, mark + json.dumps(ENVELOPES[envelope](ses(1), ses(2))))
    assert people == ["p1@x.example", "p2@x.example"]
    assert (report.unread, report.damaged, report.skipped) == (0, 0, {})


def test_posts_one_after_another(tmp_path):
    one, two = (json.dumps({"records": [{"data": zipped(logged(ses(number)))}]}) for number in (1, 2))
    for at, text in enumerate((f"{one}\n{two}\n", one + two, json.dumps([json.loads(one), json.loads(two)]))):
        (tmp_path / str(at)).mkdir()
        assert read(tmp_path / str(at), text)[0] == ["p1@x.example", "p2@x.example"]


def test_files_that_firehose_packed_again(tmp_path):
    members = b"".join(gzip.compress(json.dumps(logged(ses(number))).encode()) for number in (1, 2))
    assert read(tmp_path, gzip.compress(members))[0] == ["p1@x.example", "p2@x.example"]


def test_three_layers_are_refused(tmp_path):
    packed = gzip.compress(gzip.compress(gzip.compress(json.dumps(ses(1)).encode())))
    with pytest.raises(UnreadableInput, match="compressed 2 times and more"):
        read(tmp_path, packed)


def test_what_cannot_be_unpacked_is_kept(tmp_path):
    whole = zipped(logged(ses(1)))
    wrong = [
        whole[:-20],  # cut short
        whole[:40] + "!" + whole[40:],  # no Base64
        base64.b64encode(gzip.compress(b"plain text", mtime=0)).decode(),
        base64.b64encode(gzip.compress(b'{"a": "' + b"x" * LONGEST + b'"}', mtime=0)).decode(),  # a bomb
    ]
    people, report = read(tmp_path, json.dumps({"records": [{"data": each} for each in [*wrong, whole]]}))
    assert people == ["p1@x.example"]
    assert (report.unread, report.damaged) == (4, 0)


def test_a_file_that_grows_too_much_is_refused(tmp_path):
    bomb = base64.b64encode(gzip.compress(b'{"a": "' + b" " * (LONGEST - 100) + b'"}', mtime=0)).decode()
    records = [{"data": bomb}] * 6 + [{"data": zipped(logged(ses(1)))}]
    with pytest.raises(UnreadableInput, match="grows more than"):
        read(tmp_path, "".join(json.dumps({"records": [each]}) + "\n" for each in records))


def test_a_damaged_post_takes_no_other_along(tmp_path):
    post = json.dumps({"records": [{"data": zipped(logged(ses(1)))}]})
    people, report = read(tmp_path, f"{post}\n{post[:60]}\n{post.replace('p1', 'p1')}\n")
    assert people == ["p1@x.example"] * 2
    assert report.damaged == 1


def test_a_text_that_only_begins_so_stays(tmp_path):
    event = {"event": "sent", "email": "ann@x.example", "message_id": "1", "data": "H4sIcampaign"}
    people, report = read(tmp_path, json.dumps(event))
    assert people == ["ann@x.example"]
    assert report.unread == 0


def test_cleaning_reads_them_too(tmp_path):
    path = tmp_path / "posts.json"
    path.write_text(json.dumps({"records": [{"data": zipped(logged(ses(1), ses(2)))}]}))
    with duckdb.connect() as connection:
        table = read_activity([path], connection).table
        assert connection.execute(f"select count(*) from {table}").fetchall() == [(2,)]


@given(st.binary())
def test_any_beginning_is_told(head):
    assert isinstance(holds_gzip(head), bool)
