"""Every export has a sample and the tickets that it holds; hostile input gets one sentence."""

import csv
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from typer.testing import CliRunner

import hygiene
from hygiene.cli.app import app
from hygiene.errors import HygieneError, UnreadableInput, UsageError
from hygiene.metrics.support_layout import Shape, layouts
from hygiene.metrics.support_read import read_tickets

SAMPLES = Path(__file__).parent / "samples"
GIVEN = sorted(path for path in SAMPLES.iterdir() if ".expected" not in path.name)
RUN = CliRunner()


def moment(us):
    return (
        ""
        if us is None
        else datetime.fromtimestamp(us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00")
    )


def seen(table):
    """The tickets as the expected tables write them."""
    for row in table.tickets.to_pylist():
        told = row["closed_us"] is not None
        yield {
            "ticket": row["ticket"],
            "created": moment(row["created_us"]),
            "reply": moment(row["reply_us"]),
            "closed": moment(row["closed_us"]),
            "state": row["state"] or ("closed" if told else "open"),
            "reopens": "" if row["reopens"] is None else str(row["reopens"]),
            "rating": "" if row["rating"] is None else str(row["rating"]),
            "asked": "" if row["asked"] is None else str(row["asked"]).lower(),
            "topic": row["topic"] or "",
        }


@pytest.mark.parametrize("path", GIVEN, ids=lambda path: path.name)
def test_samples_read_as_expected(path):
    with path.with_suffix(".expected.csv").open(newline="") as file:
        assert list(seen(read_tickets([path]))) == list(csv.DictReader(file))


def test_every_layout_has_a_sample():
    told = {name for path in GIVEN for name in read_tickets([path]).layouts}
    assert told == {one.name for one in layouts().values() if one.kind is not Shape.RATINGS}
    assert all(
        layout.source and layout.read and (layout.confirmed or layout.unconfirmed)
        for layout in layouts().values()
    )


@pytest.mark.parametrize("path", GIVEN, ids=lambda path: path.name)
def test_the_same_export_twice_is_the_same_tickets(tmp_path, path):
    copy = tmp_path / f"copy-{path.name}"
    copy.write_bytes(path.read_bytes())
    once, twice = read_tickets([path]), read_tickets([path, copy])
    assert twice.tickets.equals(once.tickets)
    assert twice.records == 2 * once.records


def test_tickets_in_equal_tickets_out():
    table = read_tickets([SAMPLES / "zendesk.csv"])
    assert table.records == table.tickets.num_rows + sum(table.set_aside.values())
    assert table.set_aside == {"spam, deleted or merged": 1}


def test_times_without_a_zone_are_in_the_one_asked_for(tmp_path):
    berlin = read_tickets([SAMPLES / "tickets.csv"], zone="Europe/Berlin").tickets["created_us"][0].as_py()
    utc = read_tickets([SAMPLES / "tickets.csv"]).tickets["created_us"][0].as_py()
    assert utc - berlin == 3_600_000_000
    told = [read_tickets([SAMPLES / "messages.csv"], zone=zone).tickets for zone in ("UTC", "Asia/Tokyo")]
    assert told[0].equals(told[1])


@pytest.mark.parametrize("name", ["tickets.csv", "zendesk_api.json"])
def test_gzip_and_byte_order_marks_change_nothing(tmp_path, name):
    expected = read_tickets([SAMPLES / name]).tickets
    body = (SAMPLES / name).read_bytes()
    (tmp_path / "a.gz").write_bytes(gzip.compress(body))
    (tmp_path / "b").write_bytes(b"\xef\xbb\xbf" + body)
    assert read_tickets([tmp_path / "a.gz"]).tickets.equals(expected)
    assert read_tickets([tmp_path / "b"]).tickets.equals(expected)


def test_json_lines_are_the_array(tmp_path):
    rows = json.loads((SAMPLES / "freshdesk_api.json").read_text())
    (tmp_path / "lines.jsonl").write_text("\n".join(map(json.dumps, rows)))
    expected = read_tickets([SAMPLES / "freshdesk_api.json"]).tickets
    assert read_tickets([tmp_path / "lines.jsonl"]).tickets.equals(expected)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2026-11-02T09:00:00Z", "2026-11-02 09:00"),
        ("2026-11-02T09:00:00.123456Z", "2026-11-02 09:00"),
        ("2026-11-02 09:00:00 +02:00", "2026-11-02 07:00"),
        ("2026-11-02 09:00:00 -0430", "2026-11-02 13:30"),
        ("2026-11-02 09:00:00 UTC", "2026-11-02 09:00"),
        ("2026-11-02 9:00", "2026-11-02 09:00"),
        ("1793610000", "2026-11-02 09:00"),
        ("1793610000000", "2026-11-02 09:00"),
        ("02.11.2026 09:00", "2026-11-02 09:00"),
        ("2 Nov 2026 09:00", "2026-11-02 09:00"),
        ("Nov 2, 2026 09:00 AM", "2026-11-02 09:00"),
        ("11/22/2026 09:00 PM", "2026-11-22 21:00"),
        ("22/11/2026 09:00:30", "2026-11-22 09:00:30"),
    ],
)
def test_moments_in_many_spellings(tmp_path, cell, expected):
    path = tmp_path / "t.csv"
    path.write_text(f'id,created\n1,"{cell}"\n')
    (row,) = seen(read_tickets([path]))
    assert row["created"] == expected


@pytest.mark.parametrize(
    "cell",
    [
        "yesterday",
        "2026-11-02",
        "2026-13-02 09:00",
        "0",
        "99999999999999999999",
        "Ω",
        "9999-12-31 23:59",
        "0001-01-01 00:00",
    ],
)
def test_what_is_no_moment_is_counted(tmp_path, cell):
    path = tmp_path / "t.csv"
    path.write_text(f"id,created\n1,{cell}\n2,2026-11-02 09:00\n")
    table = read_tickets([path])
    assert table.set_aside == {"not dated": 1}
    assert any("1 cell of created is no date with a time" in note for note in table.notes)


def test_ambiguous_dates_are_asked_for(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,created\n1,3/4/2026 09:00\n")
    with pytest.raises(UnreadableInput, match="does not tell which is the month"):
        read_tickets([path])
    (row,) = seen(read_tickets([path], day_first=True))
    assert row["created"] == "2026-04-03 09:00"
    path.write_text("id,created\n1,3/4/2026 09:00\n2,3/14/2026 09:00\n")
    assert [row["created"] for row in seen(read_tickets([path], day_first=True))] == [
        "2026-03-04 09:00",
        "2026-03-14 09:00",
    ]


def test_unknown_words_are_counted_never_guessed(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,created,closed,status,rating\n1,2026-11-02 09:00,2026-11-02 10:00,Frobbed,7\n")
    table = read_tickets([path])
    (row,) = seen(table)
    assert (row["state"], row["rating"]) == ("closed", "")
    assert any("'frobbed' (1)" in note for note in table.notes)
    assert any("rating words" in note and "'7' (1)" in note for note in table.notes)


HOSTILE = {
    "empty": b"",
    "blank": b"\n\n \n",
    "binary": bytes(range(256)) * 40,
    "words": b"just a letter to my aunt, nothing else\n",
    "contacts": b"Email,First name\na@x.example,Ann\n",
    "events": b'{"eventType":"Bounce","mail":{"messageId":"1"}}\n',
    "broken json": b'{"tickets": [{"id": 1, "created_at": ',
    "deep": b"[" * 5_000 + b"]" * 5_000,
    "array of numbers": b"[1, 2, 3]",
    "no records": b'{"tickets": []}',
    "pdf": b"%PDF-1.7 ...",
    "nul": b"id,created\n\x00\x00\x00\n",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_export_gets_one_sentence(tmp_path, body):
    path = tmp_path / "given"
    path.write_bytes(body)
    done = RUN.invoke(app, ["support", str(path)])
    assert isinstance(done.exception, HygieneError), done.output
    assert done.exception.exit_code == 2
    assert "\n" not in str(done.exception)
    assert "given" in str(done.exception)


@pytest.mark.parametrize(
    "words",
    [
        ["--by", "mood"],
        ["--timezone", "Moon/Sea"],
        ["--business-hours", "always"],
        ["--business-hours", "Mon-Fri 17-9"],
        ["--business-hours", "Mon 9-12 11-13"],
        ["--as-of", "soon"],
    ],
)
def test_wrong_words_get_one_sentence(words):
    done = RUN.invoke(app, ["support", str(SAMPLES / "tickets.csv"), *words])
    assert isinstance(done.exception, UsageError)
    assert "\n" not in str(done.exception)


def test_formulas_are_no_formulas_in_csv(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('id,created,topic\n1,2026-11-02 09:00,"=HYPERLINK(""x"")"\n')
    done = RUN.invoke(app, ["support", str(path), "--by", "topic", "--format", "csv"])
    assert done.exit_code == 0
    assert "\"'=HYPERLINK" in done.output


@pytest.mark.parametrize("form", ["text", "json", "csv", "markdown", "html"])
def test_the_command_writes_every_format(tmp_path, form):
    out = tmp_path / "out"
    words = ["support", *map(str, GIVEN[:2]), "--by", "week,topic", "--format", form, "-o", str(out)]
    assert RUN.invoke(app, words).exit_code == 0
    assert out.read_text("utf-8")


def test_hostile_cells_never_break_a_page(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('id,created,topic\n1,2026-11-02 09:00,"<script>alert(1)</script>\x1b[31m"\n')
    result = hygiene.measure_support(path, by=["topic"])
    assert "<script>alert" not in result._repr_html_()
    done = RUN.invoke(app, ["support", str(path), "--by", "topic"])
    assert "\x1b" not in done.output


#: a table → the same as each kind of data frame
FRAMES = {
    "arrow": lambda table: table,
    "pandas": lambda table: table.to_pandas(),
    "polars": pl.from_arrow,
    "lazy polars": lambda table: pl.from_arrow(table).lazy(),
    "duckdb": lambda table: duckdb.connect().from_arrow(table),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_data_frames_of_any_library(kind):
    table = pa.table(
        {
            "id": [1, 2, 3],
            "Created at": [datetime(2026, 11, 2, 9, tzinfo=UTC)] * 3,
            "first reply": [datetime(2026, 11, 2, 10, tzinfo=UTC), None, None],
            "csat": pa.array([5.0, None, 2.0]),
            "topic": ["a", "b", None],
        }
    )
    frame = FRAMES[kind](table)
    found = hygiene.measure_support(frame, by=["topic"], timezone="Asia/Tokyo")
    whole = found.whole
    assert (whole.tickets, whole.answered, whole.waiting) == (3, 1, 2)
    assert (whole.first_response.over, whole.satisfaction.k, whole.satisfaction.n) == (1, 1, 2)
    assert [group.slice["topic"] for group in found.groups[1:]] == ["", "a", "b"]
    assert found.table.tickets["created_us"][0].as_py() == 1_793_610_000_000_000


@pytest.mark.parametrize("given", [7, None, object(), {"id": 1}])
def test_what_is_no_data_frame_gets_one_sentence(given):
    with pytest.raises(HygieneError, match=r"support export|no columns"):
        hygiene.measure_support(given)


def test_without_any_moment_there_is_no_as_of(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,created\n")
    found = hygiene.measure_support(path)
    assert found.as_of is None
    assert found.to_dict()["as_of"] is None
    assert "1970" not in RUN.invoke(app, ["support", str(path)]).output
