"""Event logs of every platform, as the tables that are measured; and every record accounted for."""

import csv
import gzip
import json
import random
import shutil
import zipfile
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hygiene.errors import HygieneError, UnreadableInput, UsageError
from hygiene.event import EVENT, TALLY, UNREAD, BounceClass, EventKind, Machine
from hygiene.events.layout import declared
from hygiene.events.read import read_events

SAMPLES = Path(__file__).parent / "samples"
T0 = 1_788_256_800  # 2026-09-01T10:00:00Z
COLUMNS = [name for name in EVENT if name not in ("file", "line")]

#: sample → the sources of its events
LOGS = {
    "ses.jsonl": {"ses"},
    "ses-identity.jsonl": {"ses"},
    "sendgrid.json": {"sendgrid"},
    "sendgrid-activity.csv": {"sendgrid"},
    "mailgun.jsonl": {"mailgun"},
    "mailgun.form": {"mailgun"},
    "mandrill.form": {"mandrill"},
    "mailjet.json": {"mailjet"},
    "mailersend.jsonl": {"mailersend"},
    "resend.jsonl": {"resend"},
    "smtp2go.jsonl": {"smtp2go"},
    "hubspot.json": {"hubspot"},
    "iterable.jsonl": {"iterable"},
    "customerio.jsonl": {"customerio"},
    "activecampaign.form": {"activecampaign"},
    "constant_contact.jsonl": {"constant_contact"},
    "powermta.csv": {"powermta"},
    "postmark.json": {"postmark"},
    "pages-postmark.jsonl": {"postmark"},
    "sparkpost.json": {"sparkpost"},
    "brevo.jsonl": {"brevo"},
    "brevo-export.csv": {"brevo"},
    "mailchimp.jsonl": {"mailchimp"},
    "mailchimp.form": {"mailchimp"},
    "sent-to-mailchimp.json": {"mailchimp"},
    "export-mailchimp.json": {"mailchimp"},
    "mailchimp-activity.csv": {"mailchimp"},
    "klaviyo.json": {"klaviyo"},
    "klaviyo-flat.csv": {"klaviyo"},
    "kumomta.jsonl": {"kumomta"},
    "own.jsonl": {"ses"},
    "own.csv": {"own", "ses"},
    "plain.csv": {"plain"},
}


@pytest.fixture
def connection():
    with duckdb.connect() as made:
        yield made


def rows(connection, columns=COLUMNS):
    return sorted(connection.execute(f"select {', '.join(columns)} from events").fetchall(), key=repr)


def read(logs, *, columns=COLUMNS, **options):
    with duckdb.connect() as connection:
        report = read_events(logs, connection, **options)
        check_account(report, connection)
        return rows(connection, columns), report


def check_account(report, connection):
    """What the tables of every reading have to fulfil."""
    for table, columns in (("events", EVENT), ("unread", UNREAD), ("tallies", TALLY)):
        described = connection.execute(f"describe {table}").fetchall()
        texts = {name: "VARCHAR" if kind.startswith("ENUM") else kind for name, kind, *_ in described}
        assert texts == dict(columns)
    counted = connection.execute("select count(*) from events").fetchone()[0]
    assert counted == report.events == sum(report.kinds.values()) == sum(report.sources.values())
    words = {
        "kind": set(EventKind),
        "bounce_class": {*BounceClass, None},
        "machine": {*Machine, None},
        "tracked": {"open", "click", "both", "none", None},
    }
    for column, known in words.items():
        assert {
            value for (value,) in connection.execute(f"select distinct {column} from events").fetchall()
        } <= known
    for wrong in (
        "(bounce_class is not null) <> (kind = 'bounced')",
        "(machine is not null) <> (kind in ('opened', 'clicked'))",
        "recipient <> lower(recipient) or recipient = '' or message_id = ''",
        "len(reason) > 500",
        "source is null or file is null",
    ):
        assert connection.execute(f"from events where {wrong}").fetchall() == []


def write_lines(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return path


def plain(event, at=T0, email="ann@example.com", **more):
    return {"email": email, "event": event, "timestamp": at, **more}


# --- samples


@pytest.mark.parametrize("name", LOGS)
def test_a_sample_gives_its_events(connection, name):
    report = read_events(SAMPLES / name, connection)
    check_account(report, connection)
    assert set(report.sources) == LOGS[name]
    made = connection.execute(
        f"select {', '.join([*COLUMNS, 'line'])} from events "
        "order by line, ts_us, recipient, kind, event_id, message_id, url"
    ).fetchall()
    with (SAMPLES / f"{name}.expected.csv").open(encoding="utf-8", newline="") as file:
        header, *expected = csv.reader(file)
    assert header == [*COLUMNS, "line"]
    assert [["" if value is None else str(value) for value in row] for row in made] == expected


@pytest.mark.parametrize("name", LOGS)
def test_nothing_of_a_sample_is_of_another_layout_nor_left(name):
    _, report = read(SAMPLES / name)
    assert (report.unread, report.damaged) == (0, 0)
    assert sum(report.unknown_words.values()) == report.kinds.get(EventKind.UNKNOWN, 0)


def test_every_layout_has_a_sample():
    assert {layout.name for layout in declared().layouts} == set().union(*LOGS.values())


@pytest.mark.parametrize("name", LOGS)
def test_what_a_platform_never_says_is_not_in_its_sample(name):
    for layout in declared().layouts:
        if name.startswith(layout.name):
            assert not set(layout.never) & set(read(SAMPLES / name)[1].kinds)


def test_all_samples_in_one_folder_give_the_same_events(tmp_path):
    for name in LOGS:
        shutil.copy(SAMPLES / name, tmp_path / name)
    apart = [row for name in LOGS for row in read(SAMPLES / name)[0]]
    together, report = read(tmp_path)
    assert together == sorted(apart, key=repr)
    assert len(report.files) == len(LOGS)


def test_all_layouts_in_one_file_give_the_same_events(tmp_path):
    names = [name for name in LOGS if name.endswith(".jsonl")]
    (tmp_path / "all.jsonl").write_text("".join((SAMPLES / name).read_text("utf-8") for name in names), "utf-8")
    apart = [row for name in names for row in read(SAMPLES / name)[0]]
    assert read(tmp_path / "all.jsonl")[0] == sorted(apart, key=repr)


# --- the order of records, and the files they stand in


@pytest.mark.parametrize("name", [name for name in LOGS if name.endswith(".jsonl")])
@pytest.mark.parametrize("seed", [1, 2])
def test_neither_order_nor_files_matter(tmp_path, name, seed):
    lines = (SAMPLES / name).read_text("utf-8").splitlines(keepends=True)
    shuffled = random.Random(seed).sample(lines, len(lines))
    cut = len(lines) // 3
    for at, part in enumerate((shuffled[:cut], shuffled[cut:])):
        (tmp_path / f"{at}.jsonl").write_text("".join(part), "utf-8")
    assert read(tmp_path)[0] == read(SAMPLES / name)[0]
    doubled = tmp_path / "twice.jsonl"
    doubled.write_text("".join([*lines, *shuffled]), "utf-8")
    assert read(doubled)[0] == sorted([*read(SAMPLES / name)[0]] * 2, key=repr)


RECORDS = st.one_of(
    st.builds(
        plain,
        st.sampled_from(["sent", "delivered", "Hard Bounce", "open", "spam", "what", "", None]),
        st.one_of(st.integers(T0, T0 + 10**6), st.sampled_from(["2026-09-01T10:00:00Z", "x", None, 5])),
        st.sampled_from(["ann@example.com", " <ANN@example.com>", "", None, "x"]),
        message_id=st.sampled_from(["m1", "<m2>", None]),
    ),
    st.fixed_dictionaries({"eventType": st.sampled_from(["Send", "Open", "Odd"])}).map(
        lambda one: {**one, "mail": {"messageId": "m", "destination": ["a@example.com", "b@example.com"]}}
    ),
    st.fixed_dictionaries({"sg_message_id": st.just("a.b"), "event": st.sampled_from(["open", "click"])}).map(
        lambda one: {**one, "email": "c@example.com", "timestamp": T0}
    ),
    st.dictionaries(st.text(max_size=5), st.one_of(st.none(), st.integers(), st.text(max_size=5)), max_size=3),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(RECORDS, min_size=1, max_size=12), st.randoms(use_true_random=False), st.integers(0, 12))
def test_any_records_in_any_order_and_files(tmp_path_factory, records, random_, cut):
    folder = tmp_path_factory.mktemp("log")
    records = [plain("sent"), *records]
    whole = read(write_lines(folder / "whole.jsonl", records))[0]
    shuffled = random_.sample(records, len(records))
    parts = [part for part in (shuffled[: cut % len(records)], shuffled[cut % len(records) :]) if part]
    paths = folder / "parts"
    paths.mkdir()
    for at, part in enumerate(parts):
        write_lines(paths / f"{at}.jsonl", part)
    assert read(paths)[0] == whole


# --- the shapes of files


def events_of(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read(path)[0]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "form",
    [
        json.dumps,
        lambda records: json.dumps(records, indent=2),
        lambda records: "\n".join(map(json.dumps, records)),
        lambda records: "\r\n\r\n".join(map(json.dumps, records)),
        lambda records: "\ufeff" + "\n".join(map(json.dumps, records)),
        lambda records: "".join(map(json.dumps, records)),  # as Firehose puts them on S3
        lambda records: "\n".join(json.dumps([one]) for one in records),
        lambda records: "\n".join(json.dumps(one, indent=1) for one in records),
        lambda records: json.dumps({"items": records}),
    ],
)
def test_json_of_any_form(tmp_path, form, packed):
    records = [plain("sent"), plain("open", T0 + 1)]
    expected = read(write_lines(tmp_path / "plain.jsonl", records))[0]
    text = form(records).encode()
    name, content = ("a.json.gz", gzip.compress(text)) if packed else ("a.json", text)
    assert events_of(tmp_path, name, content) == expected


def test_archives_folders_and_patterns(tmp_path):
    names = ["ses.jsonl", "plain.csv", "sendgrid.json"]
    apart = sorted((row for name in names for row in read(SAMPLES / name)[0]), key=repr)
    with zipfile.ZipFile(tmp_path / "logs.zip", "w") as archive:
        for name in names:
            archive.write(SAMPLES / name, f"deep/{name}")
    assert read(tmp_path / "logs.zip")[0] == apart
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in names:
        shutil.copy(SAMPLES / name, tmp_path / "a" / "b" / name)
    (tmp_path / "a" / "notes.txt").write_text("nothing of events\n")
    rows_, report = read(tmp_path / "a")
    assert rows_ == apart
    assert len(report.refused) == 1
    assert "notes.txt" in report.refused[0]
    assert read(str(tmp_path / "a" / "b" / "*.*s*"))[0] == apart
    assert read([tmp_path / "a" / "b" / name for name in names])[0] == apart
    assert read([tmp_path / "a" / "b", tmp_path / "a" / "b" / "ses.jsonl"])[0] == apart


def test_our_own_events_come_back_as_they_were(tmp_path, connection):
    for name in LOGS:
        shutil.copy(SAMPLES / name, tmp_path / name)
    read_events(tmp_path, connection)
    before = rows(connection)
    connection.execute(f"copy events to '{tmp_path}/out.parquet' (format parquet)")
    connection.execute(f"copy events to '{tmp_path}/out.csv' (header)")
    connection.execute(f"copy events to '{tmp_path}/out.jsonl' (format json)")
    for name in ("out.parquet", "out.csv", "out.jsonl"):
        assert read(tmp_path / name)[0] == before, name


def frames(path):
    import pandas as pd
    import polars as pl
    import pyarrow.csv

    yield pd.read_csv(path)
    yield pl.read_csv(path)
    yield pl.scan_csv(path)
    yield pyarrow.csv.read_csv(path)


def test_data_frames(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(
        "email,event,timestamp\nann@example.com,open,1788256800\nbob@example.com,delivered,1788256801\n"
    )
    expected = read(path)[0]
    for frame in frames(path):
        assert read(frame)[0] == expected, type(frame)
    with duckdb.connect() as other:
        assert read(other.sql(f"from read_csv('{path}')"))[0] == expected
    with pytest.raises(UsageError, match="data frame"):
        read(3)


def test_a_nested_frame_is_read_as_json():
    import pyarrow as pa

    table = pa.Table.from_pylist(
        [
            {
                "event": "opened",
                "timestamp": T0 + 0.5,
                "recipient": "ann@example.com",
                "client-info": {"bot": "apple"},
            }
        ]
    )
    found, report = read(table)
    assert report.sources == {"mailgun": 1}
    assert found[0][COLUMNS.index("machine")] == "mpp"


# --- what is hostile


def test_damaged_lines_are_kept_with_their_numbers(tmp_path, connection):
    path = write_lines(tmp_path / "a.jsonl", [plain("sent"), plain("open")])
    path.write_bytes(
        path.read_bytes()
        + b'\n{"email": "x@exam\n"text"\nnull\n{"a": "\x00"}\n{"b": "\xff"}\n'
        + b"[" * 5000
        + b"\n"
    )
    report = read_events(path, connection)
    check_account(report, connection)
    assert report.kinds == {EventKind.SENT: 1, EventKind.OPENED: 1}
    found = connection.execute("select line, why, text from unread order by line").fetchall()
    assert found[0][0] == 3
    assert found[0][2] == '{"email": "x@exam'
    assert len(found) == report.damaged + report.unread == 6


#: cell of a table in our columns → what becomes of it
OWN_CELLS = [
    ("kind", " Bounced ", "bounced"),
    ("kind", "SENT", "sent"),
    ("kind", "vanished", "unknown"),
    ("kind", "", "unknown"),
    ("bounce_class", " HARD", "hard"),
    ("bounce_class", "worse", "unknown"),
    ("bounce_class", "", "unknown"),
    ("machine", "Mpp ", None),  # of a bounce
    ("recipient", "  ANN@Example.com ", "ann@example.com"),
    ("recipient", "Ann <ann@example.com>", "ann@example.com"),
    ("recipient", "a@example.com, b@example.com", None),
    ("recipient", " ", None),
    ("domain", "ignored.example", "example.com"),
    ("provider", "", "example.com"),
    ("provider", "mine", "mine"),
    ("ts_us", "1788256800000001", 1_788_256_800_000_001),
    ("ts_us", "soon", None),
    ("reason", "", None),
    ("source", "", "own"),
]


@pytest.mark.parametrize(("column", "cell", "read"), OWN_CELLS)
def test_cells_of_our_own_columns(tmp_path, connection, column, cell, read):
    row = {
        "source": "ses",
        "recipient": "ann@example.com",
        "kind": "bounced",
        "ts_us": "1788256800000000",
        "bounce_class": "soft",
        "provider": "example.com",
        "reason": "full",
        "machine": "",
        "domain": "",
    } | {column: cell}
    path = tmp_path / "own.csv"
    path.write_text(",".join(row) + "\n" + ",".join(f'"{text}"' for text in row.values()) + "\n")
    check_account(read_events(path, connection), connection)
    assert connection.execute(f"select {column} from events").fetchall() == [(read,)]


@pytest.mark.parametrize(
    ("address", "domain"),
    [("a@b@c.example", "c.example"), ("a@", None), ("nobody", None), ("@x.example", "x.example")],
)
def test_domains_of_our_own_addresses(tmp_path, connection, address, domain):
    path = tmp_path / "own.csv"
    path.write_text(f"source,recipient,kind,ts_us\nses,{address},sent,1788256800000000\n")
    read_events(path, connection)
    assert connection.execute("select domain, provider from events").fetchall() == [(domain, domain)]


def test_damaged_rows_of_a_table_are_kept(tmp_path, connection):
    path = tmp_path / "a.csv"
    path.write_text(
        "email,event,timestamp\nann@example.com,open,1788256800\nshort\nann@example.com,click,1,2,3\n"
    )
    report = read_events(path, connection)
    check_account(report, connection)
    assert (report.events, report.damaged) == (1, 2)
    assert connection.execute("select line from unread order by line").fetchall() == [(3,), (4,)]


def test_what_stands_late_in_a_large_log_is_not_lost(tmp_path):
    records = [plain("sent", T0 + at) for at in range(40_000)]
    odd = {"eventType": "Bounce", "mail": {"messageId": "m", "destination": ["a@example.com"]}}
    odd["bounce"] = {"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": "a@example.com"}]}
    sendgrid = [{**plain("open", T0 + at), "sg_message_id": "x.y"} for at in range(40_000)]
    _, report = read(write_lines(tmp_path / "a.jsonl", [*records, odd, *sendgrid]))
    assert report.sources == {"plain": 40_000, "ses": 1, "sendgrid": 40_000}


@pytest.mark.parametrize(
    ("more", "kept"),
    [
        ({"timestamp": str(T0)}, T0 * 10**6),
        ({"timestamp": f" {T0} "}, T0 * 10**6),
        ({"timestamp": T0 * 1000 + 5}, T0 * 10**6 + 5000),
        ({"timestamp": "9" * 400}, None),
        ({"timestamp": {"a": 1}}, None),
        ({"timestamp": True}, None),
        ({"timestamp": -5}, None),
        ({"timestamp": "2026-09-01 12:00:00+02:00"}, T0 * 10**6),
    ],
)
def test_times_of_any_kind(tmp_path, more, kept):
    ((*_, moment),) = [
        (row[COLUMNS.index("ts_us")],)
        for row in read(write_lines(tmp_path / "a.jsonl", [plain("open") | more]))[0]
    ]
    assert moment == kept


def test_huge_values_and_deep_ones(tmp_path):
    deep = plain("bounce", reason="x" * 2_000_000, extra=json.loads("[" * 200 + "]" * 200))
    found, report = read(write_lines(tmp_path / "a.jsonl", [deep, plain("open", email="y" * 100_000)]))
    assert report.events == 2
    assert max(len(row[COLUMNS.index("reason")] or "") for row in found) == 500


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.json", b"", "is empty"),
        ("blank.jsonl", b"\n \n", "is empty"),
        ("list.csv", b"name,city\nann,ulm\n", "is no event log known here"),
        ("bare.csv", b"a@example.com\nb@example.com\n", "is no event log"),
        ("cut.json", b'[{"email": "a@example.com", "event": "click"', "its JSON is damaged or cut short"),
        ("cut.parquet", b"PAR1\x15\x04\x15\x10\x00\x00\x00\x00\x00\x00", "cannot be read"),
        ("page.json", b"<!doctype html><p>no</p>", "web page"),
        ("broken.json.gz", b"\x1f\x8b\x08\x00rubbish", "cannot be"),
        ("other.jsonl", b'{"level": "info"}\n{"level": "warn"}\n', "is no event log known here"),
        ("photo.png", b"\x89PNG\r\n\x1a\n\x00\x00", "an image"),
    ],
)
def test_what_is_no_log_is_refused_in_one_sentence(connection, tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(HygieneError, match=said) as caught:
        read_events(path, connection)
    assert len(str(caught.value).splitlines()) == 1
    assert name in str(caught.value)
    assert connection.execute("show all tables").fetchall() == []
    with pytest.raises(UnreadableInput):
        read_events(tmp_path, connection)


def test_segments_of_kumomta_are_read_as_it_writes_them(tmp_path):
    import pyarrow as pa

    lines = (SAMPLES / "kumomta.jsonl").read_bytes().splitlines(keepends=True)
    for name, part in (("20260901-100000", lines[:9]), ("20260901-110000", lines[9:])):
        with pa.OSFile(str(tmp_path / name), "wb") as file, pa.CompressedOutputStream(file, "zstd") as packed:
            packed.write(b"".join(part))
    without_line = [column for column in COLUMNS if column != "line"]
    assert read(tmp_path, columns=without_line)[0] == read(SAMPLES / "kumomta.jsonl", columns=without_line)[0]


@pytest.mark.parametrize("logs", ["missing.json", "no*pe.json", [], ["missing.json"]])
def test_nothing_to_read_is_said(logs, connection, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HygieneError) as caught:
        read_events(logs, connection)
    assert len(str(caught.value).splitlines()) == 1


def test_a_header_alone_is_a_log_without_events(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("email,event,timestamp\n")
    assert read(path)[1].events == 0


def test_one_event(tmp_path):
    assert read(write_lines(tmp_path / "a.json", [plain("open")]))[1].events == 1


# --- times without a zone


def test_zones(tmp_path, connection):
    path = tmp_path / "a.csv"
    path.write_text(
        "email,event,date\nann@example.com,open,2026-09-01 12:00:00\n"
        "ann@example.com,open,2026-09-01T10:00:00Z\n"
    )
    report = read_events(path, connection, timezone="Europe/Berlin")
    assert connection.execute("select distinct ts_us from events").fetchall() == [(T0 * 10**6,)]
    assert report.zoneless == 1
    assert "times without a zone are taken for Europe/Berlin" in report.files[0].notes
    with pytest.raises(UsageError, match="time zone"):
        read_events(path, connection, timezone="Mars/Olympus")


def test_the_connection_keeps_its_other_tables(tmp_path, connection):
    connection.execute("create table mine as select 1")
    read_events(write_lines(tmp_path / "a.jsonl", [plain("open")]), connection)
    names = {name for _, _, name, *_ in connection.execute("show all tables").fetchall()}
    assert names == {"mine", "events", "unread", "tallies"}


def test_ticks_tell_how_far_it_is(connection):
    heard = []
    read_events(SAMPLES / "ses.jsonl", connection, tick=lambda name, events, *_: heard.append((name, events)))
    assert heard[-1][1] == 25


# --- subject lines

WITH_SUBJECT = {
    "ses": {
        "eventType": "Send",
        "mail": {
            "messageId": "m",
            "timestamp": "2026-09-01T10:00:00Z",
            "destination": ["a@example.com"],
            "commonHeaders": {"subject": " Hi? "},
        },
    },
    "sendgrid": {
        "event": "processed",
        "email": "a@example.com",
        "timestamp": T0,
        "sg_message_id": "m.1",
        "sg_event_id": "e",
        "subject": "Hi?",
    },
    "mailgun": {
        "signature": {"token": "t"},
        "event-data": {
            "event": "delivered",
            "id": "i",
            "timestamp": T0,
            "recipient": "a@example.com",
            "message": {"headers": {"message-id": "m", "subject": "Hi?"}},
        },
    },
    "postmark": {
        "RecordType": "Bounce",
        "Type": "HardBounce",
        "ID": 1,
        "MessageID": "m",
        "Email": "a@example.com",
        "BouncedAt": "2026-09-01T10:00:00Z",
        "Subject": "Hi?",
    },
    "sparkpost": {
        "msys": {
            "message_event": {
                "type": "injection",
                "event_id": "1",
                "message_id": "m",
                "rcpt_to": "a@example.com",
                "timestamp": str(T0),
                "subject": "Hi?",
            }
        }
    },
    "brevo": {
        "event": "request",
        "email": "a@example.com",
        "id": 1,
        "message-id": "<m>",
        "ts_event": T0,
        "subject": "Hi?",
    },
    "klaviyo": {
        "metric_name": "Received Email",
        "profile_email": "a@example.com",
        "datetime": "2026-09-01T10:00:00Z",
        "campaign_name": "one",
        "subject": "Hi?",
    },
    "kumomta": {
        "type": "Delivery",
        "id": "m",
        "recipient": "a@example.com",
        "sender": "n@example.com",
        "queue": "q",
        "site": "s",
        "timestamp": T0,
        "headers": {"Subject": "Hi?"},
    },
    "plain": {"event": "sent", "email": "a@example.com", "timestamp": T0, "Subject Line": "Hi?"},
}


@pytest.mark.parametrize("source", WITH_SUBJECT)
def test_the_subject_of_a_mail_is_told(tmp_path, connection, source):
    report = read_events(write_lines(tmp_path / "log.jsonl", [WITH_SUBJECT[source]]), connection)
    assert set(report.sources) == {source}
    assert rows(connection, ["recipient", "subject"]) == [("a@example.com", "Hi?")]


def test_a_subject_is_cut_at_a_thousand_characters(tmp_path, connection):
    read_events(write_lines(tmp_path / "log.jsonl", [plain("sent", subject="é" * 1_200)]), connection)
    assert rows(connection, ["subject"]) == [("é" * 1_000,)]


def test_the_sources_of_a_log_are_told_in_one_order(tmp_path):
    names = [f"shop {number}" for number in range(40)]
    path = tmp_path / "log.csv"
    rows = "".join(f"{name},sent,ann@example.com,{T0}\n" for name in reversed(names))
    path.write_text(f"source,kind,recipient,ts_us\n{rows}")
    with duckdb.connect() as connection:
        assert list(read_events(path, connection).sources) == sorted(names)
