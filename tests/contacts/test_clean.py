"""A cleaning from files to files: layouts, every way a list is written, frames, suppression lists, logs."""

import base64
import csv
import errno
import gc
import gzip
import hashlib
import hmac
import io
import json
import os
import re
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import narwhals as nw
import numpy as np
import openpyxl
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hygiene.config import CleaningPolicy
from hygiene.contacts import clean as cleaning
from hygiene.contacts.clean import OUTPUTS, clean_contacts
from hygiene.contacts.cleaned import TooManyRemoved
from hygiene.contacts.read import read_exports
from hygiene.contacts.reasons import BY_STATUS
from hygiene.contacts.table import LATEST
from hygiene.engines.engine import DuckEngine
from hygiene.errors import UnreadableInput, UnwritableOutput, UsageError
from hygiene.intake.source import open_sources
from hygiene.status import Status

FORMATS = Path(__file__).parent / "formats"
SAMPLES = sorted(path for path in FORMATS.rglob("*.csv") if not path.name.endswith(".expected.csv"))
NOW = datetime(2026, 11, 22, tzinfo=UTC)
PLAIN = b"Email,Name\nann@example.com,Ann\nbob@example.com,Bob\n"


def expected(sample):
    text = sample.with_suffix(".expected.csv").read_text("utf-8")
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.fixture
def clean(tmp_path):
    """Clean some bytes, or what is given, into the folder `out`."""

    def call(contacts, policy=None, *, name="list.csv", **rest):
        if isinstance(contacts, bytes):
            contacts = write(tmp_path / name, contacts)
        policy = policy or CleaningPolicy()
        return clean_contacts(contacts, policy, output=tmp_path / "out", now=NOW, **rest)

    return call


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def zipped(members):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def written(cleaned, name="clean.csv"):
    return (cleaned.folder / name).read_bytes()


def table(cleaned, name):
    return list(csv.DictReader(io.StringIO(written(cleaned, name).decode(), newline="")))


def reasons(cleaned):
    return {(row["file"], int(row["line"])): row["reason"] for row in table(cleaned, "rejected.csv")}


# --- every layout's sample ------------------------------------------------------------------------


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_read_as_expected(sample, tmp_path):
    with duckdb.connect() as connection:
        (export,) = read_exports(open_sources([sample], tmp_path), connection, tmp_path, CleaningPolicy())
        read = f"nullif(activity, {LATEST})"  # which stands for a date that nobody could read
        query = f'select "row", address, standing, joined, {read}, confirmed from contacts order by 1'
        rows = connection.execute(query).fetchall()
    words = list(Status)
    assert not export.damaged
    assert [
        (str(row), address, words[standing].value, joined, activity, confirmed)
        for row, address, standing, joined, activity, confirmed in rows
    ] == [
        (
            row["line"],
            row["address"],
            row["status"],
            in_seconds(row["joined"]),
            in_seconds(row["activity"]),
            {"true": True, "false": False, "": None}[row["confirmed"]],
        )
        for row in expected(sample)
    ]


def in_seconds(text):
    if not text:
        return None
    found = datetime.fromisoformat(text)
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_of_a_sample_the_right_rows_are_kept_and_each_other_has_its_reason(sample, clean):
    cleaned = clean(sample)
    rows = expected(sample)
    wrong = rejected_of(rows)
    assert {line: reason for (_, line), reason in reasons(cleaned).items()} == wrong
    assert cleaned.summary.rows == len(rows)
    kept = cleaned.kept
    assert len(kept) == len(rows) - len(wrong) == cleaned.summary.kept
    cells = {cell for cells in kept.itertuples(index=False) for cell in cells}
    assert {row["address"] for row in rows if int(row["line"]) not in wrong} <= cells


def rejected_of(rows):
    """line → reason: a person's rows share the strictest status, and of those kept the newest stays."""
    people, wrong = {}, {}
    for row in rows:
        if row["address"].strip():
            people.setdefault(row["address"].strip().casefold(), []).append(row)
        else:
            wrong[int(row["line"])] = "missing-address"
    for own in people.values():
        standing = max((Status(row["status"]) for row in own), key=lambda status: status.rank)
        newest = max(own, key=lambda row: (in_seconds(row["joined"]) or 0, -int(row["line"])))
        reason = BY_STATUS.get(standing)
        wrong |= {int(row["line"]): str(reason or "duplicate") for row in own if reason or row is not newest}
    return wrong


def test_the_three_files_of_mailchimps_zip_are_one_list(clean, tmp_path):
    files = {path.name: path.read_bytes() for path in sorted(SAMPLES) if path.parent.name == "mailchimp"}
    cleaned = clean(zipped(files), name="audience.zip")
    assert [one.name.split("/")[1].split("_")[0] for one in cleaned.summary.files] == [
        "cleaned",
        "subscribed",
        "unsubscribed",
    ]
    found = {
        (file.split("/")[1].split("_")[0], line): reason for (file, line), reason in reasons(cleaned).items()
    }
    assert found["subscribed", 8] == "unsubscribed"  # emil, by the other file
    assert found["cleaned", 2] == found["cleaned", 3] == "bounced"
    detail = {row["address"]: row["detail"] for row in table(cleaned, "rejected.csv") if row["detail"]}
    assert detail[" emil@example.com "].startswith("said by audience.zip/unsubscribed_")
    kept = written(cleaned)
    assert kept.startswith(files[min(name for name in files if name.startswith("sub"))].split(b"\n")[0])
    assert b",445566008," in kept  # the newest of Anna's rows
    assert cleaned.summary.rows == sum(
        len(expected(path)) for path in SAMPLES if path.parent.name == "mailchimp"
    )


def test_platforms_merge_downward_and_the_kept_rows_stand_under_all_columns(clean, tmp_path):
    columns = b"Email Address,First Name,MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME,%s,LEID,EUID"
    mailchimp = {
        "subscribed_x.csv": columns % b"LAST_CHANGED" + b"\n"
        b"ann@example.com,Ann,4,2024-01-01 00:00:00,2024-01-01 00:05:00,2024-02-01 00:00:00,1,a\n"
        b"bob@example.com,Bob,4,2024-01-01 00:00:00,2024-01-01 00:05:00,2024-02-01 00:00:00,2,b\n",
        "unsubscribed_x.csv": columns % b"UNSUB_TIME" + b"\n"
        b"EVE@example.com,Eve,1,2024-01-01 00:00:00,2024-01-01 00:05:00,2024-02-01 00:00:00,3,c\n",
    }
    shop = (FORMATS / "shopify.csv").read_text().splitlines()[0] + (
        "\n'7001,Bob,B,bob@example.com,no"
        + "," * 15
        + "\n'7002,Eve,E,eve@example.com,yes"
        + "," * 15
        + '\n\'7003,Cat,"C, c",cat@example.com,yes'
        + "," * 15
        + "\n"
    )
    files = [
        write(tmp_path / "audience.zip", zipped(mailchimp)),
        write(tmp_path / "customers.csv", shop.encode()),
        write(tmp_path / "plain.csv", "Email;City\ndan@example.com;Köln\n".encode("cp1252")),
    ]
    cleaned = clean(files)
    assert reasons(cleaned) == {
        ("audience.zip/subscribed_x.csv", 3): "not-subscribed",
        ("audience.zip/unsubscribed_x.csv", 2): "unsubscribed",
        ("customers.csv", 2): "not-subscribed",
        ("customers.csv", 3): "unsubscribed",
    }
    kept = table(cleaned, "clean.csv")
    assert [row["Email Address"] or row["Email"] for row in kept] == [
        "ann@example.com",
        "cat@example.com",
        "dan@example.com",
    ]
    assert kept[1]["Last Name"] == "C, c"
    assert kept[1]["Customer ID"] == "'7003"
    assert kept[2]["City"] == "Köln"
    assert kept[0]["LEID"] == "1"
    backwards = clean(files[::-1])
    address = lambda row: row["Email Address"] or row["Email"]  # noqa: E731
    assert sorted(map(address, table(backwards, "clean.csv"))) == sorted(map(address, kept))


# --- every way a list is written ------------------------------------------------------------------

ROWS = [["Email", "Name"], ["ann@example.com", "Ann"], ["bob@", "Bö"], ["cat@example.com", "Cät"]]


def delimited(delimiter=",", end="\n", encoding="utf-8"):
    return end.join(delimiter.join(row) for row in [*ROWS, [""]]).encode(encoding)


def workbook():
    book, data = openpyxl.Workbook(), io.BytesIO()
    for row in ROWS:
        book.active.append(row)
    book.save(data)
    return data.getvalue()


def parquet():
    data = io.BytesIO()
    pq.write_table(
        pa.table({name: [row[place] for row in ROWS[1:]] for place, name in enumerate(ROWS[0])}), data
    )
    return data.getvalue()


def json_lines():
    return "\n".join(json.dumps(dict(zip(ROWS[0], row, strict=True))) for row in ROWS[1:]).encode()


WAYS = {
    "list.csv": delimited(),
    "semicolon.csv": delimited(";"),
    "list.tsv": delimited("\t"),
    "pipe.csv": delimited("|"),
    "excel.csv": b"sep=;\r\n" + delimited(";", "\r\n"),
    "mac.csv": delimited(end="\r"),
    "dos.csv": b"\xef\xbb\xbf" + delimited(end="\r\n"),
    "open.csv": delimited()[:-1],
    "windows.csv": delimited(";", "\r\n", "cp1252"),
    "utf16.csv": delimited("\t", "\r\n", "utf-16"),
    "list.xlsx": workbook(),
    "list.parquet": parquet(),
    "list.jsonl": json_lines(),
    "list.csv.gz": gzip.compress(delimited()),
    "list.zip": zipped({"inside.csv": delimited(), "readme.txt": b"hello"}),
}


@pytest.mark.parametrize("name", WAYS)
def test_however_a_list_is_written_its_rows_are_told_apart(name, clean):
    cleaned = clean(WAYS[name], name=name)
    assert (cleaned.summary.kept, dict(cleaned.summary.reasons)) == (2, {"invalid-address": 1})
    assert list(map(tuple, cleaned.kept.to_numpy())) == [("ann@example.com", "Ann"), ("cat@example.com", "Cät")]
    assert list(cleaned.kept.columns) == ["Email", "Name"]
    (row,) = cleaned.rejected.to_dict("records")
    assert (row["address"], row["line"]) == (
        "bob@",
        {"excel.csv": 4, "list.jsonl": 2, "list.parquet": 2}.get(name, 3),
    )
    assert row["file"].split("/")[0] == name


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (b"Email,Name\nann@example.com,Ann\nx,y", b"Email,Name\nann@example.com,Ann\n"),
        (b"Email,Name\nx,y\nann@example.com,Ann", b"Email,Name\nann@example.com,Ann"),
        (
            b'\xef\xbb\xbf"Email","Name"\r\nann@example.com,"A ""n"""\r\nx,y\r\n',
            b'\xef\xbb\xbf"Email","Name"\r\nann@example.com,"A ""n"""\r\n',
        ),
        (b"Email;Id\rx;1\rann@example.com;'123\r", b"Email;Id\rann@example.com;'123\r"),
        (b"sep=;\r\nEmail;Id\r\nann@example.com;'1\r\nx;\r\n", b"Email;Id\r\nann@example.com;'1\r\n"),
        (b"Email\tNote\nann@example.com\t =1+1 \nx\t\n", b"Email\tNote\nann@example.com\t =1+1 \n"),
        (b'Email,Note\nann@example.com,"a\r\nb"\nx,"c\nd"\n', b'Email,Note\nann@example.com,"a\r\nb"\n'),
        (b"Email\nann@example.com\nx\n", b"Email\nann@example.com\n"),
        (b"ann@example.com\n\n\nx\nbob@example.com\n", b"ann@example.com\nbob@example.com\n"),
    ],
)
def test_what_is_kept_stays_byte_for_byte(given, kept, clean):
    cleaned = clean(given)
    assert written(cleaned) == kept
    manifest = json.loads(written(cleaned, "manifest.json"))
    assert manifest["clean"]["bom"] is given.startswith(b"\xef\xbb\xbf")
    again = clean_contacts(cleaned.folder / "clean.csv", now=NOW)
    assert written(again) == kept
    assert again.summary.rejected == 0


def test_one_address_a_line_with_and_without_a_header(clean):
    bare = clean(b"ann@example.com\nBob <bob@example.com>\nnobody\n")
    assert list(bare.kept.iloc[:, 0]) == ["ann@example.com", "Bob <bob@example.com>"]
    assert reasons(bare) == {("list.csv", 3): "invalid-address"}
    headed = clean(b"E-Mail\nann@example.com\nnobody\n")
    assert list(headed.kept["E-Mail"]) == ["ann@example.com"]
    assert reasons(headed) == {("list.csv", 3): "invalid-address"}


def test_shopifys_numbers_come_back_with_their_apostrophes(clean):
    sample = FORMATS / "shopify.csv"
    cleaned = clean(sample)
    lines = sample.read_bytes().splitlines(keepends=True)
    assert written(cleaned).startswith(lines[0])
    assert all(line in lines for line in written(cleaned).splitlines(keepends=True))
    assert b"'7210448301122," in written(cleaned)


def test_a_damaged_line_is_a_reject_with_its_number_and_text(clean):
    data = b'Email,Name\nann@example.com,Ann\nshort@example.com\nbob@example.com,B\0b\ncat@example.com,"Cat\n'
    cleaned = clean(data)
    rows = cleaned.rejected.to_dict("records")
    assert [(row["line"], row["reason"], row["text"]) for row in rows] == [
        (3, "damaged-line", "short@example.com"),
        (4, "damaged-line", "bob@example.com,B\0b"),
        (5, "damaged-line", 'cat@example.com,"Cat'),
    ]
    assert cleaned.summary.rows == 4
    broken = clean(
        b'{"Email": "ann@example.com"}\n{"Email": "bob@exam\n{"Email": "cat@example.com"}\n', name="l.jsonl"
    )
    assert reasons(broken) == {("l.jsonl", 2): "damaged-line"}
    assert list(broken.kept["Email"]) == ["ann@example.com", "cat@example.com"]


# --- data frames ----------------------------------------------------------------------------------


FRAME = {"Email": ["ann@example.com", None, "bob@"], "n": [1, 2, 3]}


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(FRAME, index=[7, 7, 1]),
        pl.DataFrame(FRAME),
        pl.LazyFrame(FRAME),
        pa.table(FRAME),
        duckdb.from_arrow(pa.table(FRAME)),
    ],
    ids=["pandas", "polars", "polars-lazy", "arrow", "duckdb"],
)
def test_a_data_frame_is_a_list(frame):
    cleaned = clean_contacts(frame, now=NOW)
    assert cleaned.kept.to_dict("list") == {"Email": ["ann@example.com"], "n": ["1"]}
    assert list(zip(cleaned.rejected["line"], cleaned.rejected["reason"], strict=True)) == [
        (3, "missing-address"),
        (4, "invalid-address"),
    ]
    assert cleaned.flagged.empty


def test_what_a_data_frame_holds_comes_back_as_text():
    frame = pd.DataFrame(
        {
            "Email": ["ann@example.com", "Bob <bob@example.com>"],
            0: [1.5, np.nan],
            "when": pd.to_datetime(["2024-01-01", None]),
            "kind": pd.Categorical(["a", None]),
            "note": ['two\r\nlines, "quoted"', "=1+1"],
        }
    )
    cleaned = clean_contacts(frame, now=NOW)
    assert cleaned.kept.to_numpy().tolist() == [
        ["ann@example.com", "1.5", "2024-01-01", "a", 'two\r\nlines, "quoted"', "ann@example.com"],
        ["Bob <bob@example.com>", "", "", "", "=1+1", "bob@example.com"],
    ]
    assert list(cleaned.flagged["flags"]) == ["repaired"]
    assert list(cleaned.flagged["mail_to"]) == ["bob@example.com"]
    assert cleaned.to_frame()["rows"].sum() == 2
    assert "List cleaning" in cleaned._repr_html_() or "frame.csv" in cleaned._repr_html_()
    assert repr(cleaned) == "<Cleaned 2 rows: 2 kept, 0 rejected>"


def test_files_that_go_with_the_result_are_not_named(tmp_path):
    """Nobody is sent to a folder that is gone by then."""
    frame = pd.DataFrame({"Email": ["ann@example.com", "Bob <bob@example.com>", "nobody"]})
    passing, lasting = clean_contacts(frame, now=NOW), clean_contacts(frame, now=NOW, output=tmp_path)
    shown = passing._repr_html_()
    assert str(passing.folder) not in shown
    assert ".csv" not in re.sub("frame.csv", "", shown)
    assert "clean again with an output folder" in shown
    assert str(tmp_path / "report.html") in lasting._repr_html_()
    assert "clean.csv" in lasting._repr_html_()


@pytest.mark.parametrize(
    "what",
    [
        5,
        None,
        [],
        [5],
        b"list.csv",
        {"Email": ["ann@example.com"]},
        pd.DataFrame(),
        pd.DataFrame({"Email": []}),
        pd.DataFrame([["ann@example.com", "x", "y"]], columns=["Email", "a", "a"]),
        pd.DataFrame([["ann@example.com"]], columns=pd.MultiIndex.from_tuples([("a", "Email")])),
        pl.DataFrame({"Email": ["ann@example.com"], "tags": [["a"]]}),
        pa.table({"Email": ["ann@example.com"], "tags": [["a"]]}),
    ],
    ids=repr,
)
def test_what_is_no_list_is_refused_in_one_sentence(what):
    with pytest.raises((UsageError, UnreadableInput)) as caught:
        clean_contacts(what, now=NOW)
    assert "\n" not in str(caught.value)


def test_a_result_without_a_folder_goes_when_nobody_holds_it(recwarn):
    cleaned = clean_contacts(pd.DataFrame(FRAME), now=NOW)
    folder = cleaned.folder
    assert {path.name for path in folder.iterdir()} == set(OUTPUTS)
    del cleaned
    gc.collect()
    assert not folder.exists()
    assert not recwarn.list


def test_a_dry_run_counts_and_writes_nothing(clean, tmp_path):
    cleaned = clean(PLAIN, dry_run=True)
    assert cleaned.summary.kept == 2
    assert not (tmp_path / "out").exists()
    with pytest.raises(UsageError, match="dry run"):
        assert cleaned.kept


# --- lists, logs and limits -----------------------------------------------------------------------


def test_every_form_of_a_suppression_list_is_obeyed(clean, tmp_path):
    people = ["ann", "bob", "cat", "dan", "eve", "fay"]
    data = (
        "Email\n" + "".join(f"{name}@example.com\n" for name in people) + "gus@listed.example\nhal@gmail.com\n"
    )
    key = b"k" * 32
    lists = {
        "addresses.txt": "ANN@example.com\n@listed.example\n",
        "md5.txt": hashlib.md5(b"bob@example.com").hexdigest() + "\n",
        "sha256.csv": "sha256\n" + hashlib.sha256(b"cat@example.com").hexdigest().upper() + "\n",
        "uid2.txt": base64.b64encode(hashlib.sha256(b"hal@gmail.com").digest()).decode() + "\n",
        "hmac.txt": "hmac-sha256:" + hmac.new(key, b"dan@example.com", "sha256").hexdigest() + "\n",
    }
    paths = [write(tmp_path / name, text.encode()) for name, text in lists.items()]
    cleaned = clean(data.encode(), suppress=paths, suppression_key=key)
    assert list(cleaned.kept["Email"]) == ["eve@example.com", "fay@example.com"]
    by_address = {row["address"]: row for row in table(cleaned, "rejected.csv")}
    assert {row["reason"] for row in by_address.values()} == {"suppressed"}
    assert "md5.txt" in by_address["bob@example.com"]["detail"]
    listed = {row["address"] for row in table(cleaned, "suppressions.csv")}
    assert listed == set(by_address)
    alone = clean(data.encode(), suppress=str(paths[0]))  # one path, not in a list
    assert "ann@example.com" not in set(alone.kept["Email"])


def test_a_log_tells_who_bounced_complained_and_is_alive(clean, tmp_path):
    head = "email,event,timestamp,sg_message_id\n"
    rows = [
        *("ann@example.com,click,2026-11-01T00:00:00Z,1", "bob@example.com,spamreport,2026-11-01T00:00:00Z,2"),
        *(
            f"cat@example.com,delivered,202{year}-0{month}-01T00:00:00Z,c{year}{month}"
            for year in (4, 5)
            for month in (1, 2)
        ),
    ]
    log = write(tmp_path / "log.csv", (head + "\n".join(rows) + "\n").encode())
    data = b"Email,Joined\n" + b"".join(
        b"%s@example.com,2020-01-01\n" % name for name in (b"ann", b"bob", b"cat", b"dan")
    )
    policy = CleaningPolicy(inactive_after="1y", max_removed=1.0, columns={"joined": "Joined"})
    cleaned = clean(data, policy, events=[log])
    found = {row["address"].split("@")[0]: row["reason"] for row in table(cleaned, "rejected.csv")}
    assert found == {"bob": "complained", "cat": "inactive"}
    assert [row["Email"] for row in table(cleaned, "winback.csv")] == ["cat@example.com"]


OLD = b"Email,Joined,Last Active\n" + b"".join(b"p%d@example.com,2020-01-01,2020-02-01\n" % i for i in range(3))


def test_pruning_too_many_stops_and_writes_nothing(clean, tmp_path):
    data = OLD + b"new@example.com,2020-01-01,2026-11-01\n"
    columns = {"activity": "Last Active", "joined": "Joined"}
    with pytest.raises(TooManyRemoved, match=r"75\.0%") as stopped:
        clean(data, CleaningPolicy(inactive_after="1y", columns=columns))
    assert stopped.value.exit_code == 1
    assert stopped.value.summary.life.inactive == 3
    assert not (tmp_path / "out").exists()
    cleaned = clean(data, CleaningPolicy(inactive_after="1y", columns=columns, max_removed=0.75))
    assert (cleaned.summary.kept, len(table(cleaned, "winback.csv"))) == (1, 3)


# --- files that change, disks that fill, folders that were used -----------------------------------


@pytest.mark.parametrize(
    ("what", "where"),
    [
        ("append", "read_exports"),
        ("append", "count"),
        ("append", "write_rows"),
        ("cut", "run_plan"),
        ("cut", "find_segments"),
        ("cut", "write_rows"),
        ("remove", "read_exports"),
        ("remove", "write_rows"),
        ("replace", "find_segments"),
    ],
)
def test_a_list_that_changes_meanwhile_is_refused(what, where, clean, tmp_path, monkeypatch):
    path = write(tmp_path / "list.csv", PLAIN * 2)
    other = write(tmp_path / "other.csv", b'Email,Name\n\n\nx@example.com,"broken\n')
    changes = {
        "append": lambda: path.write_bytes(PLAIN * 3),
        "cut": lambda: os.truncate(path, 20),
        "remove": path.unlink,
        "replace": lambda: other.replace(path),
    }
    real = getattr(cleaning, where)

    def first_change(*given, **named):
        if path.exists() and path.stat().st_size == len(PLAIN * 2):
            changes[what]()
        return real(*given, **named)

    monkeypatch.setattr(cleaning, where, first_change)
    with pytest.raises(UnreadableInput, match=r"list\.csv changed while it was read"):
        clean(path, CleaningPolicy(segments={"ann": "name = 'Ann'"}))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("where", ["write_rows", "write_frame", "as_json"])
def test_a_full_disk_leaves_the_old_files_whole(where, clean, tmp_path, monkeypatch):
    before = snapshot(clean(PLAIN).folder)

    def full(*_given, **_named):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(cleaning, where, full)
    with pytest.raises(UnwritableOutput, match="out cannot be written: No space left on device"):
        clean(pd.DataFrame(FRAME))
    assert snapshot(tmp_path / "out") == before


def snapshot(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_stop_between_moves_leaves_no_manifest(clean, tmp_path, monkeypatch):
    clean(PLAIN)
    real, moved = Path.replace, []

    def replace(path, target):
        moved.append(path.name)
        if len(moved) == 3:
            raise KeyboardInterrupt
        return real(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(KeyboardInterrupt):
        clean(PLAIN + b"cat@example.com,Cat\n")
    left = snapshot(tmp_path / "out")
    assert "manifest.json" not in left
    assert not [name for name in left if name.startswith(".")]


def test_files_of_an_earlier_cleaning_do_not_look_current(clean, tmp_path):
    policy = CleaningPolicy(segments={"ann": "name = 'Ann'", "bob": "name = 'Bob'", "eve": "name = 'Eve'"})
    folder = clean(PLAIN, policy).folder
    assert written(clean(PLAIN, policy), "ann.csv") == b"Email,Name\nann@example.com,Ann\n"
    (folder / "eve.csv").write_text("edited by hand")
    (folder / "notes.txt").write_text("mine")
    cleaned = clean(folder / "bob.csv")
    assert set(snapshot(folder)) == {*OUTPUTS, "bob.csv", "eve.csv", "notes.txt"}  # read, changed, and not ours
    assert cleaned.summary.rows == 1
    assert set(json.loads(written(cleaned, "manifest.json"))["outputs"]) == set(OUTPUTS) - {"manifest.json"}


def test_an_old_manifest_names_nothing_outside_its_folder(clean, tmp_path):
    precious = write(tmp_path / "precious.csv", b"x")
    folder = clean(PLAIN).folder
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["outputs"] |= {
        name: {"sha256": hashlib.sha256(b"x").hexdigest()} for name in ("../precious.csv", str(precious))
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    clean(PLAIN)
    assert precious.exists()


def test_rejected_rows_stand_in_the_order_of_the_input(clean):
    """Far more of them than DuckDB looks at together, from two threads."""
    rows = 200_000
    cells = (f"user{(number * 7919) % (rows // 4)}@example.com,{number}" for number in range(rows))
    cleaned = clean("\n".join(["Email,Number", *cells, "too,many,cells", ""]).encode(), threads=2)
    lines = [int(line.split(",")[1]) for line in rejected_lines(cleaned)]
    assert len(lines) == rows - rows // 4 + 1
    assert lines == sorted(lines)
    assert lines[-1] == rows + 2


def rejected_lines(cleaned):
    return (cleaned.folder / "rejected.csv").read_text("utf-8").splitlines()[1:]


@pytest.mark.parametrize(
    ("header", "row"), [("email,name", "b{0}@x.com,N{0}"), ("name,town,email", "N{0},T,b{0}@x.com")]
)
def test_rows_written_part_by_part_are_the_same(tmp_path, monkeypatch, header, row):
    first = "email,name\n" + "".join(f" a{n}@x.com ,N{n}\n" for n in range(7))
    second = f"{header}\n" + "".join(row.format(n) + "\n" for n in range(5))
    paths = [tmp_path / "one.csv", tmp_path / "two.csv"]
    for path, text in zip(paths, [first, second], strict=True):
        path.write_text(text, encoding="utf-8")
    whole = clean_contacts(paths, output=tmp_path / "whole")
    monkeypatch.setattr("hygiene.contacts.kept._AT_ONCE", 2)
    parts = clean_contacts(paths, output=tmp_path / "parts")
    assert whole.summary.kept == parts.summary.kept == 12
    assert (whole.folder / "clean.csv").read_bytes() == (parts.folder / "clean.csv").read_bytes()
    assert parts.kept["hygiene_address"].tolist()[:2] == ["a0@x.com", "a1@x.com"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", ""])
def test_a_repaired_row_and_a_last_line_without_its_end(tmp_path, end):
    line_end = end or "\n"
    path = tmp_path / "list.csv"
    path.write_bytes(line_end.join(["email,n", " a@x.com ,1", "b@x.com,2"]).encode() + end.encode())
    cleaned = clean_contacts(path, output=tmp_path / "out")
    wanted = ["email,n,hygiene_address", " a@x.com ,1,a@x.com", "b@x.com,2,b@x.com"]
    assert (cleaned.folder / "clean.csv").read_bytes() == (line_end.join(wanted) + line_end).encode()


def test_two_mailboxes_with_one_number_are_told_apart(clean, monkeypatch):
    """By looking again at their texts; DuckDB's own numbers never meet in a test."""
    real, asked = DuckEngine.numbered, []

    def short(self, frame, text, name, *, exactly):
        asked.append(exactly)
        if exactly:
            return real(self, frame, text, name, exactly=exactly)
        number = "strlen" if name == "person" else "hash"
        return nw.from_native(
            frame.to_native().project(f"*, if({text} is null, null, {number}({text})) as {name}")
        )

    text = b"email,n\nann@x.com,1\nbob@x.com,2\nANN@x.com,3\nlonger@x.com,4\nx\n,5\n"
    files = {name: (clean(text).folder / name).read_bytes() for name in ("clean.csv", "rejected.csv")}
    monkeypatch.setattr(DuckEngine, "numbered", short)
    again = clean(text)
    assert asked[:4] == [False, False, True, True]
    assert again.summary.kept == 3
    assert files == {name: (again.folder / name).read_bytes() for name in files}


@pytest.mark.parametrize(
    ("texts", "facts", "options"),
    [
        pytest.param(
            ["email,confirmed,last click\nann@x.com,yes,2020-01-01\nann@x.com,no,2026-10-20\n"],
            ["status=unknown last=2026-10-20T00:00:00Z confirmed=yes"],
            {"require_confirmed": True},
            id="of two rows",
        ),
        pytest.param(
            ["Email,List status,Global status,List\nann@x.com,subscribed,subscribed,a\n", "email\nbob@x.com\n"],
            ["status=subscribed", "status=unknown"],
            {},
            id="of two files",
        ),
        pytest.param(
            ["email,confirmed\nann@x.com,yes\nbob@x.com,no\n", "email,town\ncy@x.com,Ulm\n"],
            ["status=unknown confirmed=yes", "status=unknown confirmed=no", "status=unknown"],
            {},
            id="of confirmations",
        ),
    ],
)
def test_what_is_known_stands_beside_rows_that_do_not_tell_it(tmp_path, texts, facts, options):
    paths = [write(tmp_path / f"{number}.csv", text.encode()) for number, text in enumerate(texts)]
    policy = CleaningPolicy(inactive_after="180d", max_removed=1.0, **options)
    kept = clean_contacts(paths, policy, output=tmp_path / "out", now=NOW).kept
    assert kept["hygiene_facts"].tolist() == facts
    assert kept.columns[-2] == "hygiene_address"
    again = clean_contacts(tmp_path / "out" / "clean.csv", policy, output=tmp_path / "again", now=NOW)
    assert again.kept.equals(kept)
    assert any("hygiene_facts" in note for file in again.summary.files for note in file.notes)


def test_facts_are_read_before_anything_else_says_so(tmp_path):
    """Also a word that is none, and a row that somebody added without them."""
    text = (
        "email,status,hygiene_address,hygiene_facts\n"
        "a@x.com,unsubscribed,a@x.com,status=subscribed confirmed=yes\n"
        "b@x.com,subscribed,b@x.com,status=unsubscribed\n"
        "c@x.com,subscribed,c@x.com,status=huh\n"
        "d@x.com,unsubscribed,d@x.com,\n"
    )
    policy = CleaningPolicy(require_confirmed=True)
    rejected = clean_contacts(
        write(tmp_path / "l.csv", text.encode()), policy, output=tmp_path / "out"
    ).rejected
    assert dict(zip(rejected.address, rejected.reason, strict=True)) == {
        "a@x.com": "unsubscribed",  # added behind what an earlier cleaning knew: an end stands
        "b@x.com": "unsubscribed",
        "c@x.com": "unreadable-status",
        "d@x.com": "unsubscribed",
    }
