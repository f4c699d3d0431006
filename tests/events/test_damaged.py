"""JSON that is damaged or oddly joined: what is whole is read, the rest is counted and kept."""

import base64
import gzip
import json

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.contacts.activity import read_activity
from hygiene.errors import UnreadableInput
from hygiene.events.batches import LARGEST
from hygiene.events.damaged import values_of
from hygiene.events.read import read_events
from hygiene.metrics.measure import measure

T0 = 1_788_256_800


def plain(number, **more):
    return {"event": "sent", "email": f"p{number}@example.com", "timestamp": T0 + number, **more}


def ses(number):
    mail = {
        "messageId": f"m{number}",
        "timestamp": "2026-09-01T10:00:00Z",
        "destination": [f"p{number}@x.example"],
    }
    return {"eventType": "Send", "mail": mail, "send": {"text": '}{ "},{'}}


def read(tmp_path, text, name="log.json"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with duckdb.connect() as connection:
        report = read_events(path, connection)
        events = connection.execute("select recipient from events order by recipient").fetchall()
        unread = connection.execute("select line, text from unread order by line").fetchall()
        return [address for (address,) in events], unread, report


# --- values in a text

OBJECTS = st.dictionaries(
    st.text(max_size=4),
    st.recursive(
        st.one_of(st.integers(-9, 9), st.booleans(), st.none(), st.text('{}[]",\\\n é', max_size=6)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=2), inner, max_size=2)
        ),
        max_leaves=4,
    ),
    max_size=3,
)
BETWEEN = st.sampled_from(["", " ", "\n", ",", ",\n", "\r\n", "]\n[", "\n\n,", "\0"])


@given(st.lists(st.tuples(OBJECTS, BETWEEN, st.sampled_from([None, 1]))), st.integers(1, 40))
def test_whole_values_come_out_as_they_are(values, size):
    text = "".join(json.dumps(value, indent=indent) + between for value, between, indent in values)
    chunks = [text[at : at + size] for at in range(0, len(text), size)]
    assert [(json.loads(found), sound) for found, sound in values_of(chunks)] == [
        (value, True) for value, *_ in values
    ]


@given(st.lists(OBJECTS, min_size=1, max_size=6), st.data())
def test_a_cut_loses_the_last_value_alone(values, data):
    text = "[" + ",".join(map(json.dumps, values))
    cut = data.draw(st.integers(1, len(json.dumps(values[-1]))))
    whole = [json.loads(found) for found, sound in values_of([text[:-cut]]) if sound]
    assert whole == values[:-1]


@given(st.text(max_size=200))
def test_any_text_ends(text):
    assert sum(sound for _, sound in values_of([text])) <= text.count("}")


@pytest.mark.parametrize("glue", ["", "\n", ",", ",\n"])
def test_damage_in_the_middle_takes_no_other_value_along(glue):
    good = [ses(1), ses(2)]
    bad = json.dumps(ses(3))[:-1].replace("Send", 'Se"nd')
    text = glue.join([json.dumps(good[0]), bad, json.dumps(good[1])])
    assert [json.loads(found) for found, sound in values_of([text]) if sound] == good


# --- files


@pytest.mark.parametrize(
    "form",
    [
        "".join,  # as Firehose writes them
        ",".join,
        ",\n".join,
        lambda texts: "".join(f"{text},\n" for text in texts),
        lambda texts: "".join(f"{text},\r\n" for text in texts),
        lambda texts: "\n".join(["".join(texts[:2]), *texts[2:]]),
        lambda texts: "\n".join([*texts[:2], "".join(texts[2:])]),
        lambda texts: f"[{','.join(texts)},]",
        lambda texts: f"[\n{','.join(texts)}",
        lambda texts: "\n".join(f"[{text}],[" for text in texts),
    ],
)
def test_joined_in_any_way(tmp_path, form):
    text = form([json.dumps(ses(number)) for number in range(5)]).encode()
    events, unread, report = read(tmp_path, gzip.compress(text) if len(text) % 2 else text)
    assert (len(events), unread, report.damaged, report.unread) == (5, [], 0, 0)


def test_values_after_damaged_lines_have_their_lines(tmp_path):
    one, two, three = (json.dumps(plain(number)) for number in range(3))
    _, unread, report = read(tmp_path, f"{one}\n\nrubbish\n{two}{three} x\n", "log.jsonl")
    assert (report.events, report.damaged) == (3, 2)
    assert unread == [(2, "rubbish"), (3, f"{two}{three} x")]


def test_what_is_unknown_in_joined_lines_is_kept_once(tmp_path):
    odd = json.dumps(plain(1, event="odd"))
    stranger = json.dumps({"level": "info"})
    text = "\n".join([json.dumps(plain(0)), odd, stranger, odd + odd + stranger])
    _, unread, report = read(tmp_path, text, "log.jsonl")
    assert report.unknown_words == {"odd": 3}
    assert (report.unread, len(unread)) == (2, 5)


def test_many_files_and_one_of_them_cut(tmp_path):
    for number in range(4):
        (tmp_path / f"{number}.json").write_text(json.dumps([ses(number), ses(number + 10)], indent=1), "utf-8")
    cut = (tmp_path / "2.json").read_text("utf-8")[:-60]
    (tmp_path / "2.json").write_text(cut, "utf-8")
    with duckdb.connect() as connection:
        report = read_events(tmp_path, connection)
        assert connection.execute("select count(*), count(distinct file) from events").fetchall() == [(7, 4)]
    assert [file.damaged for file in report.files] == [0, 0, 1, 0]


@pytest.mark.parametrize(
    "text", ["[", '{"a": ', '[{"event": "sent", "email": "a@b.example"', "{" * 3000, '["x']
)
def test_nothing_whole_is_refused(tmp_path, text):
    with pytest.raises(UnreadableInput, match="cut short"):
        read(tmp_path, text)


def test_cleaning_reads_them_too(tmp_path):
    path = tmp_path / "log.json"
    path.write_text(",\n".join(json.dumps(ses(number)) for number in range(3)) + ",\n", "utf-8")
    with duckdb.connect() as connection:
        table = read_activity([path], connection).table
        assert connection.execute(f"select count(*) from {table}").fetchall() == [(3,)]


# --- records of queues, in Base64


def coded(value):
    return base64.b64encode((value if isinstance(value, str) else json.dumps(value)).encode()).decode()


def in_sns(value):
    return {"Type": "Notification", "TopicArn": "arn:x", "MessageId": "1", "Message": json.dumps(value)}


def in_eventbridge(value):
    return {"id": "1", "detail-type": "Email Sent", "source": "aws.ses", "detail": value}


def records(*datas):
    return {"records": [{"recordId": str(at), "data": data} for at, data in enumerate(datas)]}


def logged(value):
    return {"id": "1", "timestamp": 1, "message": json.dumps(value)}


#: two events as AWS and others hand them on
ENVELOPES = {
    "a post of Firehose": lambda one, two: {"records": [{"data": coded(one)}, {"data": coded(two)}]},
    "a function of Firehose": lambda one, two: records(coded(one), coded(two)),
    "several in one record": lambda one, two: records(coded(json.dumps(one) + json.dumps(two) + "\n")),
    "commas in one record": lambda one, two: records(coded(f"{json.dumps(one)},\n{json.dumps(two)},\n")),
    "SNS in Firehose": lambda one, two: records(coded(in_sns(one)), coded(in_sns(in_eventbridge(two)))),
    "a function of Kinesis": lambda *both: {
        "Records": [{"eventSource": "aws:kinesis", "kinesis": {"data": coded(one)}} for one in both]
    },
    "get-records": lambda *both: {"Records": [{"Data": coded(one), "PartitionKey": "k"} for one in both]},
    "what failed": lambda *both: [{"errorCode": "x", "rawData": coded(one)} for one in both],
    "EventBridge": lambda *both: [in_eventbridge(one) for one in both],
    "CloudWatch": lambda *both: {
        "messageType": "DATA_MESSAGE",
        "logEvents": [logged(in_eventbridge(one)) for one in both],
    },
    "filter-log-events": lambda *both: {"events": [{**logged(one), "ingestionTime": 2} for one in both]},
    "Insights": lambda one, two: [{"@message": one}, {"@message": json.dumps(two)}],
    "Pub/Sub": lambda *both: [{"subscription": "s", "message": {"data": coded(one)}} for one in both],
}


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_envelopes(tmp_path, envelope):
    events, unread, report = read(tmp_path, json.dumps(ENVELOPES[envelope](ses(1), ses(2))))
    assert events == ["p1@x.example", "p2@x.example"]
    assert (unread, report.damaged, report.unread, report.skipped) == ([], 0, 0, {})


def test_what_is_no_base64_of_json_is_kept(tmp_path):
    datas = ["eyJ!!", coded("plain text"), coded('{"cut": '), base64.b64encode(b"\x1f\x8b\xff").decode(), ""]
    events, unread, report = read(tmp_path, json.dumps(records(*datas, coded(ses(1)))))
    assert events == ["p1@x.example"]
    assert (report.unread, len(unread)) == (5, 5)


def test_a_notification_with_a_message_cut_short_is_kept(tmp_path):
    cut = {**in_sns(ses(1)), "Message": '{"eventType": "Send", "mai'}
    events, unread, report = read(tmp_path, json.dumps(cut) + "\n" + json.dumps(in_sns(ses(2))))
    assert events == ["p2@x.example"]
    assert (report.unread, unread) == (1, [(1, '"{\\"eventType\\": \\"Send\\", \\"mai"')])


def own_event(number, kind="sent"):
    person = {"recipient": f"p{number}@example.com", "message_id": f"m{number}"}
    return json.dumps({"source": "own", "kind": kind, "ts_us": T0 * 1_000_000 + number, **person}) + "\n"


def test_damaged_lines_of_a_large_log_that_is_measured_are_counted(tmp_path):
    whole = "".join(own_event(number) for number in range(3_000))
    assert len(whole) > LARGEST  # a smaller one waits for others
    path = tmp_path / "log.jsonl"
    path.write_text(f'{whole}{{"source": cut\n{own_event(3_000).strip()} {own_event(3_001)}')
    told = measure(path).to_dict()
    assert told["counts"]["sent"] == 3_002
    assert told["account"]["unread"] == 1
