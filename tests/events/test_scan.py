"""Lines read as columns give what the same lines give as text: the general path is the oracle."""

import copy
import json
import random
import re
from collections import Counter
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hygiene.event import EVENT, UNREAD
from hygiene.events import jsonlog, read
from hygiene.events.layout import PLAIN, declared, quote
from hygiene.events.opening import KEPT
from hygiene.events.records import ALWAYS
from hygiene.events.scan import declare_columns

SAMPLES = Path(__file__).parent / "samples"
LAYOUTS = [layout for layout in declared().layouts if layout.name != PLAIN]

#: values where a path expects another: of every type, and texts that other readers change
ODD = [
    *(None, True, False, 0, -0.0, 1.50, 1e300, 10**30, 12345678901234567, float("nan")),
    *("", " ", "\0", "é\u2028\U0001f600", '"', "\\", "null", '{"a":1}', "2026-09-01T10:00:00Z"),
    *([], {}, [[]], [None], ["a@example.com", "b@example.com"], [{"emailAddress": "c@example.com"}], {"": 1}),
]
EXPONENT = re.compile(r"-?\d(\.\d+)?e[+-]\d+")  # what DuckDB writes otherwise as a column than in a text
#: raw lines: damaged, of no object, several values, keys given twice
ODD_LINES = [
    *("broken", '{"eventType":"Send"', "null", "[]", "[1]", '"text"', "{}", "  ", '{"a":1} {"b":2}', "\x00"),
    '{"eventType":"Send","eventType":"Open","mail":{"messageId":"m","messageId":"n","destination":["a@x.example"]}}',
    '{"eventType":"Send","mail":{"messageId":"m","tags":{"Campaign":["C"],"campaign":[""]},"destination":["a@b.c"]}}',
    '{"eventType":"Send","mail":{"messageId":"m","tags":{"\\u0043ampaign":["C"]},"destination":["a@b.c"]}}',
    '{"event":"open","email":"a@b.c","sg_message_id":"x.y","category":["one","two"],"timestamp":1788256800}',
    '{"event":"open","email":"a@b.c","sg_message_id":"x.y","category":"one","timestamp":1788256800.5}',
]


def records_of(name):
    """The records of a sample, one after the other or in lists."""
    text, found = (SAMPLES / name).read_text("utf-8").strip(), []
    while text:
        value, end = json.JSONDecoder().raw_decode(text)
        found += value if isinstance(value, list) else [value]
        text = text[end:].strip()
    return found


NAMES = ("ses", "own", "brevo", "kumomta", "mailgun", "mailchimp")
FLAT = {name: records_of(f"{name}.jsonl") for name in NAMES}
FLAT |= {name: records_of(f"{name}.json") for name in ("sendgrid", "postmark", "sparkpost", "klaviyo")}


def places(value, at=()):
    """Every place in a value."""
    held = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in held:
        yield (*at, key)
        yield from places(inner, (*at, key))


def spoil(record, random_):
    """A record with one place changed, gone or doubled under a name in another case."""
    record = copy.deepcopy(record)
    place = random_.choice(list(places(record)))
    held = record
    for step in place[:-1]:
        held = held[step]
    last, way = place[-1], random_.randrange(4)
    if way == 0:
        del held[last]
    elif way == 1 and isinstance(held, dict):
        held[last.swapcase()] = held[last] if random_.random() < 0.5 else held.pop(last)
    elif way == 2:
        held[last] = [held[last], random_.choice(ODD)]
    else:
        held[last] = random_.choice(ODD)
    return record


def spoiled(records, random_, most):
    """Lines of records, up to so many of them spoilt, some more than once."""
    lines = []
    for record in records:
        given = record
        for _ in range(random_.choice([0, 0, 0, 1, 1, 3]) if most > 0 else 0):
            if any(places(given)):
                given, most = spoil(given, random_), most - 1
        lines.append(json.dumps(given, ensure_ascii=random_.random() < 0.5))
    return lines


def written(path, lines):
    path.write_bytes("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass"))
    return path


def source(path):
    return f"{quote(str(path))}, format = 'newline_delimited', ignore_errors = true"


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
@pytest.mark.parametrize("seed", range(2))
def test_every_path_reads_the_same(tmp_path, layout, seed):
    random_ = random.Random(f"{layout.name} {seed}")
    records = [one for name in FLAT for one in FLAT[name]]
    random_.shuffle(records)
    lines = [*spoiled(records, random_, len(records)), *ODD_LINES]
    path = written(tmp_path / "a.jsonl", lines)
    scan = declare_columns([layout], ALWAYS)
    if layout.name == "mailgun":  # its old form posts spell fields as today's events do, but for the case
        assert scan is None
        return
    assert scan is not None
    reached = ", ".join(f"{text} as t{at}" for at, text in enumerate(scan.reach.values()))
    named = f"select {scan.names} from read_json({source(path)}, columns = {scan.columns})"
    columns = f"select {reached} from (select *, {scan.texts} from ({named}))"
    wanted = ", ".join(quote(jsonlog._place(path)) for path in scan.reach)
    texts = f"select json_extract_string(json, [{wanted}]) from read_json_objects({source(path)})"
    with duckdb.connect(config={"threads": 1}) as connection:
        found = connection.execute(columns).fetchall()
        expected = [tuple(row or [None] * len(scan.reach)) for (row,) in connection.execute(texts).fetchall()]
    assert len(found) == len(expected) > 100
    for one, other in zip(found, expected, strict=True):
        for at, (ours, theirs) in enumerate(zip(one, other, strict=True)):
            if not EXPONENT.fullmatch(ours or ""):
                assert ours == theirs, list(scan.reach)[at]


def everything(path, monkeypatch, *, scanned):
    """The tables and the report of reading a file alone, with lines as columns or never."""
    with monkeypatch.context() as patch, duckdb.connect() as connection:
        patch.setattr(read, "LARGEST", -1)
        taken = Counter()
        if scanned:
            real = jsonlog._load_scanned
            patch.setattr(
                jsonlog, "_load_scanned", lambda *given: taken.update([(done := real(*given))]) or done
            )
        else:
            patch.setattr(jsonlog, "scanned_records", lambda *given, **options: None)
        report = read.read_events(path, connection)
        tables = {
            name: sorted(connection.execute(f"select {', '.join(columns)} from {name}").fetchall(), key=repr)
            for name, columns in (("events", EVENT), ("unread", UNREAD))
        }
    return tables, report, taken


def check(path, monkeypatch):
    ours, our_report, taken = everything(path, monkeypatch, scanned=True)
    theirs, their_report, _ = everything(path, monkeypatch, scanned=False)
    assert ours == theirs
    assert our_report == their_report
    assert not taken[False] or EXPONENT.search(path.read_text("utf-8")), "another number of records was left"
    return taken[True]


@pytest.mark.parametrize("name", ["ses", "own", "brevo", "kumomta", "sendgrid", "postmark"])
@pytest.mark.parametrize("seed", range(3))
def test_a_spoilt_log_reads_the_same(tmp_path, monkeypatch, name, seed):
    random_ = random.Random(f"{name} {seed}")
    records = FLAT[name] * 3
    random_.shuffle(records)
    lines = spoiled(records, random_, 3 * seed * len(records))
    if seed:
        lines += ODD_LINES
        random_.shuffle(lines)
    lines.insert(0, json.dumps(records[0]))  # JSON at the first glance
    check(written(tmp_path / "a.jsonl", lines), monkeypatch)


MAIL = {"messageId": "m", "timestamp": "2026-09-01T10:00:00Z", "destination": ["a@example.com"]}
SHAPES = [
    {"eventType": "Send", "mail": MAIL, "send": {}},
    {"eventType": "Delivery", "mail": MAIL, "delivery": {"recipients": ["a@example.com"], "timestamp": "x"}},
    {
        "notificationType": "Bounce",
        "mail": MAIL,
        "bounce": {"bounceType": "Permanent", "bouncedRecipients": []},
    },
    {"eventType": "Odd", "mail": MAIL},
    {"eventType": "Subscription", "mail": MAIL, "subscription": {"newTopicPreferences": {}}},
]


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_any_spoilt_lines_read_the_same(tmp_path_factory, monkeypatch, shapes, random_):
    lines = [json.dumps(SHAPES[0]), *spoiled(shapes, random_, 20), random_.choice(ODD_LINES)]
    check(written(tmp_path_factory.mktemp("log") / "a.jsonl", lines), monkeypatch)


def test_a_sound_log_of_single_mails_is_read_as_columns(tmp_path, monkeypatch):
    path = written(tmp_path / "a.jsonl", map(json.dumps, SHAPES * 9))
    assert check(path, monkeypatch) == 1


def test_a_text_that_leaves_another_number_is_read_by_its_text_alone(tmp_path, monkeypatch):
    lines = [*map(json.dumps, SHAPES * 9), "broken"]
    path = written(tmp_path / "a.jsonl", lines)
    expected = everything(path, monkeypatch, scanned=False)[:2]
    left = jsonlog.left_sql
    with monkeypatch.context() as patch:
        patch.setattr(jsonlog, "left_sql", lambda records, *kinds: f"{left(records, *kinds)} limit 0")
        tables, report, taken = everything(path, monkeypatch, scanned=True)
    assert (tables, report) == expected
    assert taken == {False: 1}


def test_names_that_differ_in_case_stay_json():
    scan = declare_columns([layout for layout in LAYOUTS if layout.name == "ses"], ALWAYS)
    assert '"tags" JSON' in scan.columns
    assert scan.reach["mail.tags.Campaign[0]"] != scan.reach["mail.tags.campaign[0]"]
    assert set(scan.reach).isdisjoint(KEPT)
