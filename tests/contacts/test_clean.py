"""A cleaning from files to files: every layout's sample, every way a list is written, data frames, lists and logs."""

import csv
import gzip
import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import duckdb
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
from hygiene.contacts.source import open_sources
from hygiene.contacts.status import Status
from hygiene.contacts.suppression import Form, Reason, SuppressionList
from hygiene.errors import UnreadableInput, UnwritableOutput, UsageError

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
        query = 'select "row", address, standing, joined, activity, confirmed from contacts order by 1'
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
    assert b'"Gardens, Cooking"' in kept
    assert cleaned.summary.rows == sum(
        len(expected(path)) for path in SAMPLES if path.parent.name == "mailchimp"
    )


def test_platforms_merge_downward_and_the_kept_rows_stand_under_all_columns(clean, tmp_path):
    mailchimp = {
        "subscribed_x.csv": b"Email Address,First Name,MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME,LAST_CHANGED,LEID,EUID\n"
        b"ann@example.com,Ann,4,2024-01-01 00:00:00,2024-01-01 00:05:00,2024-02-01 00:00:00,1,a\n"
        b"bob@example.com,Bob,4,2024-01-01 00:00:00,2024-01-01 00:05:00,2024-02-01 00:00:00,2,b\n",
        "unsubscribed_x.csv": b"Email Address,First Name,MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME,UNSUB_TIME,LEID,EUID\n"
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
