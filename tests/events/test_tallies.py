"""Campaign reports: each platform's sample means what is expected, and is recognised as its own alone.

A new report is a declaration, a sample and its expectation: reports/NAME.csv beside NAME.expected.csv, or
reports/NAME.json beside NAME.json.expected.csv. Times are UTC in the expectations, amounts in millionths.
"""

import csv
import io
import random
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from hygiene.errors import UnreadableInput, UsageError
from hygiene.event import TALLY, UNREAD
from hygiene.events.recogniser import Head, Task
from hygiene.events.report_layout import (
    alternatives,
    recognise_columns,
    recognise_keys,
    recognise_labels,
    reports,
)
from hygiene.events.tallies import REPORTS

SAMPLES = Path(__file__).parent / "reports"
TABLES = sorted(path for path in SAMPLES.glob("*.csv") if not path.name.endswith(".expected.csv"))
DOCUMENTS = sorted(SAMPLES.glob("*.json"))
LABELLED = sorted(SAMPLES.glob("*.txt"))
COLUMNS = [name for name in TALLY if name not in ("source", "file")]


def header_of(path):
    text = path.read_text("utf-8")
    return next(csv.reader(io.StringIO(text), delimiter=";" if path.stem == "brevo" else ","))


class Read:
    """What became of some reports."""

    def __init__(self, folder, *texts, suffix=".csv", timezone="UTC"):
        self.connection, self.files = duckdb.connect(), []
        for name, columns in (("tallies", TALLY), ("unread", UNREAD)):
            self.connection.execute(f"create table {name} ({', '.join(map(' '.join, columns.items()))})")
        for number, text in enumerate(texts):
            path = folder / f"report-{number}{suffix}"
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
            self.files.append(
                REPORTS.read(
                    Task(
                        path=path,
                        name=path.name,
                        number=number,
                        connection=self.connection,
                        work=folder,
                        timezone=timezone,
                    )
                )
            )
        self.said = REPORTS.finish(self.connection)

    def rows(self, *columns):
        return self.connection.execute(
            f"select {', '.join(columns)} from tallies order by file, line"
        ).fetchall()

    @property
    def unread(self):
        return sorted(self.connection.execute("select line, why, text from unread").fetchall())


def expected(path):
    rows = csv.DictReader(io.StringIO(path.read_text("utf-8"), newline=""))
    return [tuple(meant(name, row[name]) for name in COLUMNS) for row in rows]


def meant(name, cell):
    if not cell:
        return None
    if name == "sent_us":
        return int(datetime.fromisoformat(cell).replace(tzinfo=UTC).timestamp()) * 1_000_000
    return cell if TALLY[name] == "VARCHAR" else int(cell)


@pytest.mark.parametrize("path", [*TABLES, *DOCUMENTS, *LABELLED], ids=lambda path: path.name)
def test_a_sample_means_what_is_expected(tmp_path, path):
    read = Read(tmp_path, path.read_bytes(), suffix=path.suffix)
    wanted = (
        path.with_suffix(".expected.csv") if path.suffix == ".csv" else SAMPLES / f"{path.name}.expected.csv"
    )
    assert read.rows(*COLUMNS) == expected(wanted)
    assert set(read.rows("source", "file")) == {(path.stem, 0)}
    assert read.unread == []
    (file,) = read.files
    assert file.layouts == (path.stem,)
    assert file.records == file.tallies + file.damaged + sum(file.skipped.values())


def test_every_report_has_samples_of_all_its_forms():
    forms = {
        (one.name, ".json" if form.keys else ".txt" if form.labels else ".csv")
        for one in reports()
        for form in one.forms
    }
    assert {(path.stem, path.suffix) for path in (*TABLES, *DOCUMENTS, *LABELLED)} == forms


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.name)
def test_a_table_is_recognised_as_its_own_report_and_as_no_other(path):
    header = header_of(path)
    rng = random.Random(path.name)
    mixed = [name.upper().replace(" ", rng.choice(["_", " ", "-"])) for name in [*header, "Some custom field"]]
    rng.shuffle(mixed)
    for columns in (header, mixed):
        assert recognise_columns(columns, "x").report.name == path.stem
        assert REPORTS.recognises(Head(name="x", start=b"", columns=tuple(columns)))
    keys = set().union(*(alternatives(name) for name in header))
    fitting = {one.name for one in reports() for form in one.forms if form.fits_columns(sorted(keys))}
    assert fitting == {path.stem} - {"plain"}


@pytest.mark.parametrize("path", LABELLED, ids=lambda path: path.name)
def test_labels_are_recognised_as_their_own_report(path):
    assert recognise_labels(path.read_text("utf-8")).report.name == path.stem
    assert REPORTS.recognises(Head(name="x", start=path.read_bytes()))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_json_is_recognised_as_its_own_report(path):
    assert recognise_keys(path.read_text("utf-8")).report.name == path.stem
    assert REPORTS.recognises(Head(name="x", start=b"\n " + path.read_bytes()))


@pytest.mark.parametrize(
    "columns",
    [
        ("email", "event", "timestamp", "campaign"),
        ("Email Address", "Campaign", "Sent", "Opens", "Clicks"),  # one row a person
        ("campaign", "opens", "clicks"),  # of how many is not told
        ("Order ID", "Total", "Currency", "Date"),
        (),
    ],
)
def test_other_tables_are_no_reports(columns):
    assert not REPORTS.recognises(Head(name="x", start=b"", columns=columns))


@pytest.mark.parametrize(
    "start", [b'{"event": "open", "email": "a@b.example"}', b'[{"RecordType": "Open"}]', b"[]", b"{", b""]
)
def test_other_json_is_no_report(start):
    assert not REPORTS.recognises(Head(name="x", start=start))


def test_two_reports_in_one_header_are_refused():
    mailchimp, klaviyo = (header_of(SAMPLES / f"{name}.csv") for name in ("mailchimp", "klaviyo"))
    with pytest.raises(UsageError, match="Klaviyo campaigns or Mailchimp campaigns"):
        recognise_columns([*mailchimp, *klaviyo], "both.csv")


# How figures and dates are written

HEAD = "campaign,sent date,sent,delivered,unique opens,revenue\n"


@pytest.mark.parametrize(
    ("cell", "count"),
    [
        ('"1,234"', 1234),
        ("1.234", 1234),
        ("1 234", 1234),
        ("1\u202f234", 1234),
        ("1'234", 1234),
        ('"1,23,456"', 123456),
        ("12768.0", 12768),
        ('"1,234.00"', 1234),
        ('"1.234,00"', 1234),
        ('"1.234.567,0"', 1234567),
        ("'1234", 1234),
        ('"=""1,234"""', 1234),
        ("12 (35.18%)", 12),
        ("-", None),
        ("n/a", None),
        ("", None),
    ],
)
def test_counts(tmp_path, cell, count):
    read = Read(tmp_path, HEAD + f"x,,100,,{cell},\n")
    assert read.rows("opened_all") == [(count,)]
    assert read.unread == []


@pytest.mark.parametrize("cell", ["35.18%", "many", "-3", "1.5", "1,234.50", "999999999999999999999"])
def test_what_is_no_count_is_kept_aside(tmp_path, cell):
    read = Read(tmp_path, HEAD + f'x,,100,,"{cell}",\n')
    assert read.rows("campaign", "sent", "opened_all") == [("x", 100, None)]
    assert read.unread == [(2, "no number: unique opens", cell)]
    assert any("counts nobody can read: 1" in note for note in read.files[0].notes)


@pytest.mark.parametrize(
    ("cells", "micros", "currency"),
    [
        (["$1,234.56"], 1_234_560_000, None),
        (["£1,234"], 1_234_000_000, "GBP"),
        (["1.234,56 €"], 1_234_560_000, "EUR"),
        (["1.234", "99,90"], 1_234_000_000, None),
        (["1.234", "99.90"], 1_234_000, None),
        (["CHF 1'234.50"], 1_234_500_000, "CHF"),
        (["-5.00"], -5_000_000, None),
        (["(5.00)"], -5_000_000, None),
    ],
)
def test_money(tmp_path, cells, micros, currency):
    rows = "".join(f'x{number},,100,,1,"{cell}"\n' for number, cell in enumerate(cells))
    assert Read(tmp_path, HEAD + rows).rows("revenue_micros", "currency")[0] == (micros, currency)


@pytest.mark.parametrize(
    ("dates", "first"),
    [
        (["03/04/2026", "13/04/2026"], "2026-04-03"),
        (["03/04/2026", "04/13/2026"], "2026-03-04"),
        (["03.04.2026"], "2026-04-03"),
        (["2026-04-03"], "2026-04-03"),
        (["Apr 3, 2026"], "2026-04-03"),
        (["3 April 2026"], "2026-04-03"),
        (["04/03/2026 12:00:00 AM", "04/13/2026 9:05:00 AM"], "2026-04-03"),
        (["04/03/2026, 12:00 AM", "4/13/2026, 9:05 AM"], "2026-04-03"),
        (["03-04-2026 00:00", "13-04-2026 09:05"], "2026-04-03"),
        (["2026/04/03 00:00"], "2026-04-03"),
        (["Apr 3, 2026 00:00"], "2026-04-03"),
        (["Fri, 3 Apr 2026 02:00:00 +0200"], "2026-04-03"),
        (["03/04/2026", "05/06/2026"], None),
        (["03/04/2026", "13/04/2026", "04/13/2026"], None),
    ],
)
def test_dates(tmp_path, dates, first):
    rows = "".join(f'x{number},"{date}",100,,1,\n' for number, date in enumerate(dates))
    read = Read(tmp_path, HEAD + rows)
    (moment,) = read.rows("sent_us")[0]
    assert moment == (meant("sent_us", first) if first else None)
    said = any("day and month cannot be told apart" in note for note in read.files[0].notes)
    assert said == (first is None)


@pytest.mark.parametrize("written", ["%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M", "%m/%d/%Y %I:%M %p"])
def test_a_platform_s_report_that_a_spreadsheet_saved_again(tmp_path, written):
    rows = list(csv.reader(io.StringIO((SAMPLES / "mailchimp.csv").read_text("utf-8"))))
    at = rows[0].index("Send Date")
    moments = [datetime(2026, 9, day, 9, 30, tzinfo=UTC) for day in range(12, 12 + len(rows) - 1)]
    for row, moment in zip(rows[1:], moments, strict=True):
        row[at] = moment.strftime(written)
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows(rows)
    read = Read(tmp_path, f"\ufeff{text.getvalue()}")
    assert read.files[0].layouts == ("mailchimp",)
    sent = {f"{moment:%Y-%m-%d %H:%M}" for moment in moments}
    assert {f"{datetime.fromtimestamp(us / 1e6, UTC):%Y-%m-%d %H:%M}" for (us,) in read.rows("sent_us")} <= sent
    assert not any("cannot be read" in note for note in read.files[0].notes)


def test_times_without_a_zone_are_in_the_one_given(tmp_path):
    read = Read(tmp_path, HEAD + "x,2026-07-01 12:00:00,1,1,1,\n", timezone="America/New_York")
    assert read.rows("sent_us") == [(meant("sent_us", "2026-07-01 16:00:00"),)]
    assert read.files[0].zoneless == 1


# Damaged, empty, repeated


def test_damaged_rows_are_kept_aside(tmp_path):
    read = Read(
        tmp_path,
        HEAD.encode() + "é,,100,99,1,\n".encode() + b'b,,1\n"open,,2,2,2,2\nc\xff,,3,3,3,\nd,,4,4,4,\n',
    )
    assert read.rows("campaign", "line") == [("é", 2), ("d", 6)]
    assert [(line, text) for line, _, text in read.unread] == [
        (3, "b,,1"),
        (4, '"open,,2,2,2,2'),
        (5, "c\\xff,,3,3,3,"),
    ]
    assert read.files[0].damaged == 3
    assert read.files[0].records == 5


def test_a_row_of_nothing_is_said(tmp_path):
    read = Read(tmp_path, HEAD + ",,,,,\na,,1,1,1,\n")
    assert read.rows("campaign") == [("a",)]
    assert read.unread == [(2, "a row that names no campaign and no count", "")]
    assert read.files[0].skipped == {"nothing in it": 1}


def test_a_sum_at_the_end_is_no_campaign(tmp_path):
    read = Read(tmp_path, HEAD + "a,2026-01-01,1,1,1,\nTOTAL,,1,1,1,\nTotal,2026-01-02,5,5,5,\n")
    assert read.rows("campaign") == [("a",), ("Total",)]
    assert read.files[0].skipped == {"a line of sums": 1}


def test_a_sum_is_known_by_its_figures_in_any_language(tmp_path):
    """An undated row whose figures are those of all others together is no campaign, whatever it is called."""
    rows = "a,2026-01-01,10,9,3,\nb,2026-01-02,20,18,4,\n"
    for name in ("Totaal", "Totale:", "合計", ""):
        read = Read(tmp_path, HEAD + rows + f"{name},,30,27,7,\n")
        assert read.rows("campaign") == [("a",), ("b",)]
        assert read.files[0].skipped == {"a line of sums": 1}
    for other in ("c,,30,27,8,\n", "c,2026-01-03,30,27,7,\n", "c,,30,,,\n"):  # not all of them, dated, too few
        assert len(Read(tmp_path, HEAD + rows + other).rows("campaign")) == 3
    assert (
        len(Read(tmp_path, HEAD + "a,,10,9,3,\nb,,10,9,3,\n").rows("campaign")) == 2
    )  # one is not the other's sum


@pytest.mark.parametrize("name", ["Total:", "Totals", "Durchschnitt", "Moyenne", "Promedio", "Gemiddelde"])
def test_words_of_sums(tmp_path, name):
    read = Read(tmp_path, HEAD + f"a,2026-01-01,10,9,3,\nb,2026-01-02,20,18,4,\n{name},,15,13,3,\n")
    assert read.rows("campaign") == [("a",), ("b",)]


def test_of_reports_that_overlap_the_latest_counts(tmp_path):
    early = HEAD + "a,2026-01-01,10,9,3,\nb,2026-01-02,10,9,2,\nc,,10,9,1,\nc,,10,9,2,\n"
    late = HEAD + "b,2026-01-02,10,9,2,\na,2026-01-01,10,9,4,\na,2026-02-01,10,9,1,\nc,,10,9,2,\n"
    for texts in ((early, late), (late, early), (early, late, early)):
        read = Read(tmp_path, *texts)
        assert sorted(read.rows("campaign", "opened_all")) == [("a", 1), ("a", 4), ("b", 2), ("c", 1), ("c", 2)]
    assert Read(tmp_path, early, late).said == ("campaigns told again by a later report, counted once: 3",)


def test_the_parts_of_a_campaign_in_one_report_all_count(tmp_path):
    read = Read(tmp_path, HEAD + "a,2026-01-01,10,9,3,\na,2026-01-01,10,9,4,\na,2026-01-01,10,9,3,\n")
    assert read.rows("opened_all") == [(3,), (4,), (3,)]
    assert read.said == ()


def test_opens_of_nobody_give_no_open_rate(tmp_path):
    read = Read(tmp_path, "campaign,sent,opens,clicks\nx,10,5,2\n")
    assert read.rows("opened_all", "opens_total", "clicked_all", "clicks_total") == [(None, 5, None, 2)]
    assert (
        "report-0.csv counts opens and not the people who opened: it gives no open rate" in read.files[0].notes
    )


@pytest.mark.parametrize("name", ["activecampaign", "constant_contact", "campaign_monitor", "brevo"])
def test_what_was_not_seen_is_said(tmp_path, name):
    (file,) = Read(tmp_path, (SAMPLES / f"{name}.csv").read_bytes()).files
    assert any("no copy of one was seen (2026-11)" in note for note in file.notes)


def test_json_that_is_cut_short_is_one_sentence(tmp_path):
    text = (SAMPLES / "mailchimp.json").read_text("utf-8")
    with pytest.raises(UnreadableInput, match="its JSON is damaged or cut short"):
        Read(tmp_path, text[:-30], suffix=".json")


def test_json_lines_and_odd_values(tmp_path):
    odd = (
        '{"send_amt": [1], "uniqueopens": {"a": 1}, "subscriberclicks": true, "hardbounces": "x", "name": "o"}'
    )
    read = Read(tmp_path, f'{odd}\n[1, "two", null]\n', suffix=".json")
    assert read.rows("campaign", "sent", "opened_all", "clicked_all", "line") == [("o", None, None, None, 1)]
    assert read.unread == [(1, "no number: hardbounces", "x")]


def test_a_workbook_is_a_table_too(tmp_path):
    from openpyxl import Workbook

    book = Workbook()
    book.active.append(["Campaign", "Sent", "Unique opens", "Date"])
    book.active.append(["x", 1234, 56, datetime(2026, 4, 3, 9, 30)])
    book.save(tmp_path / "book.xlsx")
    read = Read(tmp_path, (tmp_path / "book.xlsx").read_bytes(), suffix=".xlsx")
    assert read.rows("campaign", "sent", "opened_all", "sent_us") == [
        ("x", 1234, 56, meant("sent_us", "2026-04-03 09:30:00"))
    ]
