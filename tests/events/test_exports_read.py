"""Mail logs, campaign reports and orders through the one reader of logs: packed, archived, side by side."""

import gzip
import zipfile
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from hygiene.errors import UnreadableInput
from hygiene.event import EventKind
from hygiene.events.read import read_events

HERE = Path(__file__).parent
FILTER = (HERE / "mail_logs/filter.log").read_text("utf-8")
REPORT = (HERE / "reports/mailchimp.csv").read_text("utf-8")
ORDERS = (HERE / "shops/shopify.csv").read_text("utf-8")


class Read:
    """What became of some files."""

    def __init__(self, logs, **options):
        self.connection = duckdb.connect()
        self.report = read_events(logs, self.connection, **options)

    def rows(self, query):
        return sorted(self.connection.execute(query).fetchall(), key=repr)

    @property
    def events(self):
        return self.rows("select source, kind, message_id, event_id, recipient, ts_us from events")


def test_a_mail_log_cut_in_the_middle_of_a_delivery(tmp_path):
    (tmp_path / "whole.log").write_text(FILTER, "utf-8")
    whole = Read(tmp_path / "whole.log", year=2026)
    lines = FILTER.splitlines(keepends=True)
    for cut in range(1, len(lines)):
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / "mail.log").write_text("".join(lines[cut:]), "utf-8")
        (folder / "mail.log.1.gz").write_bytes(gzip.compress("".join(lines[:cut]).encode()))
        parts = Read(folder, year=2026)
        assert parts.events == whole.events
        assert len(parts.report.files) == 2
        assert sum(file.events for file in parts.report.files) == 3
    assert [(row[1], row[4]) for row in whole.events] == [
        ("deferred", "ann@example.com"),
        ("delivered", "ann@example.com"),
        ("sent", "ann@example.com"),
    ]


def test_all_kinds_in_one_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("reports.csv", REPORT)
        archive.writestr("orders.csv", ORDERS)
    read = Read(tmp_path / "all.zip")
    assert read.rows("select source, count(*) from tallies group by 1") == [("mailchimp", 3)]
    assert read.rows("select source, kind, count(*) from events group by all") == [("shopify", "converted", 4)]
    by_file = {file.name.rpartition("/")[2]: file for file in read.report.files}
    assert by_file["reports.csv"].tallies == 3
    assert by_file["orders.csv"].kinds == {EventKind.CONVERTED: 4}


@pytest.mark.parametrize("kind", ["pandas", "arrow", "parquet"])
def test_orders_and_reports_in_frames(tmp_path, kind):
    orders = pd.DataFrame(
        {
            "order_id": [7, 8],
            "email": ["ann@example.com", None],
            "created_at": pd.to_datetime(["2026-05-01T10:00:00Z", "2026-05-02T10:00:00Z"]),
            "total": [1234.5, 10.125],
            "note": ['says "hi",\nthen goes', ""],
        }
    )
    report = pd.DataFrame({"campaign": ["x"], "sent": [1000], "unique_opens": [10.0]})
    given = [orders, report]
    if kind == "arrow":
        given = [pa.Table.from_pandas(one) for one in given]
    if kind == "parquet":
        given = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
        orders.to_parquet(given[0])
        report.to_parquet(given[1])
    read = Read(given)
    moment = 1_777_629_600_000_000
    assert read.rows("select event_id, recipient, ts_us, value_micros from events") == [
        ("7", "ann@example.com", moment, 1_234_500_000),
        ("8", None, moment + 86_400_000_000, 10_125_000),
    ]
    assert read.rows("select campaign, sent, opened_all from tallies") == [("x", 1000, 10)]


def test_encodings_of_tables(tmp_path):
    for at, encoding in enumerate(("utf-8-sig", "utf-16", "utf-16-be")):
        (tmp_path / f"{at}.csv").write_bytes(REPORT.encode(encoding))
        assert Read(tmp_path / f"{at}.csv").rows("select sum(sent) from tallies") == [(12_220,)]


def test_json_with_a_mark_in_front(tmp_path):
    (tmp_path / "x.json").write_bytes(b"\xef\xbb\xbf" + (HERE / "reports/brevo.json").read_bytes())
    assert Read(tmp_path / "x.json").rows("select source, sent from tallies") == [("brevo", 19_887)]


def test_a_packed_report_and_a_packed_log(tmp_path):
    (tmp_path / "report.csv.gz").write_bytes(gzip.compress(REPORT.encode()))
    (tmp_path / "mail.log.gz").write_bytes(gzip.compress(FILTER.encode(), mtime=0))
    read = Read([tmp_path / "report.csv.gz", tmp_path / "mail.log.gz"])
    assert (read.report.tallies, read.report.events) == (3, 3)


def test_what_they_never_tell():
    report = Read(HERE / "mail_logs/plain.log", year=2026).report
    assert report.never("postfix") >= {EventKind.OPENED, EventKind.COMPLAINED}
    assert EventKind.DELIVERED not in report.never("postfix")
    assert report.never("shopify") >= {EventKind.SENT, EventKind.DELIVERED}


def test_a_system_log_without_mail_is_refused_by_name_and_left_in_a_folder(tmp_path):
    (tmp_path / "auth.log").write_text("Nov 28 01:00:06 mx1 sshd[900]: Failed password for root\n" * 5, "utf-8")
    with pytest.raises(UnreadableInput, match=r"auth\.log.* holds no line of a delivery by Postfix"):
        Read(tmp_path / "auth.log")
    (tmp_path / "mail.log").write_text(FILTER, "utf-8")
    read = Read(tmp_path)
    assert read.report.events == 3
    assert len(read.report.refused) == 1


def test_damaged_rows_of_all_kinds_are_kept(tmp_path):
    (tmp_path / "a.csv").write_text(REPORT + "cut,short\n", "utf-8")
    (tmp_path / "b.csv").write_text(ORDERS + "#9,cut\n", "utf-8")
    (tmp_path / "c.log").write_text(FILTER + FILTER.splitlines()[2][:140] + "\n", "utf-8")
    read = Read(tmp_path)
    assert read.rows("select file, line, text from unread") == [
        (0, 5, "cut,short"),
        (1, 11, "#9,cut"),
        (2, 10, FILTER.splitlines()[2][:140]),
    ]
    assert read.report.damaged == 3


@pytest.mark.parametrize(
    ("yes", "no"),
    [
        ("WAHR", "FALSCH"),
        ("VRAI", "FAUX"),
        ("VERDADERO", "FALSO"),
        ("WAAR", "ONWAAR"),
        ("PRAWDA", "FAŁSZ"),
        ("TRUE", "FALSE"),
    ],
)
def test_flags_of_a_spreadsheet_in_any_language(tmp_path, yes, no):
    """A flag that says no in the language of the spreadsheet makes nobody a machine."""
    rows = "".join(
        f"Opened Email,{who}@example.com,2026-09-01 10:00:00,c,{flag}\r\n"
        for who, flag in (("a", yes), ("b", no))
    )
    path = tmp_path / "klaviyo.csv"
    path.write_text(f"metric_name,profile_email,datetime,campaign_name,machine_open\r\n{rows}", "utf-8")
    assert Read(path).rows("select machine from events order by recipient") == [("mpp",), ("none",)]
