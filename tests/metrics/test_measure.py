"""From logs to figures, through everything: each value is what the simulated truth says it is."""

import json
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

import hygiene
from hygiene.errors import UsageError
from hygiene.events.batches import LARGEST
from hygiene.metrics.kpis import KPIS, Unit, Verdict
from hygiene.metrics.moments import LEAST_MEMORY, read_memory
from hygiene.metrics.states import SLICED

from .simulator import PLATFORMS, as_sendgrid, as_ses, simulate, true_counts

EVENTS = Path(__file__).parents[1] / "events"
PLAIN = [
    {
        "event": "sent",
        "email": "a@yahoo.com",
        "campaign": "one",
        "message_id": "1",
        "timestamp": "2026-11-01T08:00:00Z",
    },
    {
        "event": "delivered",
        "email": "a@yahoo.com",
        "campaign": "one",
        "message_id": "1",
        "timestamp": "2026-11-01T08:00:05Z",
    },
    {
        "event": "sent",
        "email": "b@gmail.com",
        "campaign": "one",
        "message_id": "2",
        "timestamp": "2026-11-01T08:00:00Z",
    },
    {
        "event": "bounced",
        "email": "b@gmail.com",
        "campaign": "one",
        "message_id": "2",
        "timestamp": "2026-11-01T08:01:00Z",
    },
    {
        "event": "opened",
        "email": "a@yahoo.com",
        "campaign": "one",
        "message_id": "1",
        "timestamp": "2026-11-09T08:00:05Z",
    },
]


def expected(kpi, counts):
    numerator = sum(counts[name] for name in kpi.numerator)
    n = sum(counts[name] for name in kpi.denominator)
    return (numerator, n, numerator / n) if n else None


def assert_true(values, counts, *, without=()):
    for value in values:
        kpi = KPIS[value.name]
        truth = expected(kpi, counts)
        if kpi.name in without:
            continue
        if truth is None:
            assert value.value is None, kpi.name
            assert value.why_null
        else:
            numerator, n, rate = truth
            scale = 1_000_000 if kpi.unit is Unit.MONEY else 1
            assert (value.numerator, value.n) == (numerator, n), kpi.name
            assert value.value == pytest.approx(rate / scale, rel=1e-12)


@pytest.mark.parametrize(("number", "write"), [(0, as_ses), (1, as_sendgrid)])
def test_every_kpi_of_a_log_as_platforms_write_it_is_the_truth(tmp_path, number, write):
    made = simulate(21, messages=60, platforms=PLATFORMS[number : number + 1], fraction=1)
    rows = [row for row in made.rows if row["kind"] != "converted"]
    (tmp_path / "log.jsonl").write_text(write(rows), encoding="utf-8")
    kpis = hygiene.measure(
        tmp_path / "log.jsonl", by="campaign,provider", timezone="Europe/Berlin", causes=False
    )
    money = {"conversion_rate", "revenue_per_mail"}
    assert_true(kpis.overall, true_counts(made.mails.values()), without=money)
    slices = {}
    for mail in made.mails.values():
        slices.setdefault((mail["campaign"], mail["provider"]), []).append(mail)
    assert {tuple(value.slice.values()) for value in kpis.by_slice} == set(slices)
    for key, mails in slices.items():
        values = [value for value in kpis.by_slice if tuple(value.slice.values()) == key]
        assert_true(values, true_counts(mails), without=money)
    assert kpis["conversion_rate"].why_null.startswith("no orders were given")


def test_our_own_events_of_several_platforms_come_back_from_any_table(tmp_path):
    """With orders in the log itself; what a platform cannot say is left out, and said."""
    made = simulate(5, messages=60)
    table = pa.Table.from_pylist(made.rows)
    pa.parquet.write_table(table, tmp_path / "log.parquet")
    truth = true_counts(made.mails.values())
    kpis = hygiene.measure(tmp_path / "log.parquet", by="source", timezone="Europe/Berlin", causes=False)
    assert kpis.counts() == truth
    assert kpis.account.orders == made.orders
    assert kpis.account.duplicates == made.duplicates
    assert kpis.account.orphaned == made.orphans.total()
    assert kpis["delivery_rate"].n == truth["sent"]


def test_events_are_accounted_for(tmp_path):
    made = simulate(8, messages=40)
    pa.parquet.write_table(pa.Table.from_pylist(made.rows), tmp_path / "log.parquet")
    account = hygiene.measure(tmp_path / "log.parquet", causes=False).account
    assert account.events == len(made.rows)
    unknown = sum(account.unknown_words.values())
    assert account.events == account.of_mails + account.orphaned + account.conversions + unknown


@pytest.mark.parametrize(
    "frame",
    [pd.DataFrame(PLAIN), pl.DataFrame(PLAIN), pl.LazyFrame(PLAIN), pa.Table.from_pylist(PLAIN)],
    ids=lambda frame: type(frame).__name__,
)
def test_any_data_frame_is_a_log(frame):
    kpis = hygiene.measure(frame, by=["provider"], causes=False)
    assert (kpis["delivery_rate"].numerator, kpis["delivery_rate"].n) == (1, 2)
    assert [value.slice for value in kpis.by_slice if value.name == "bounce_rate"] == [
        {"provider": "gmail"},
        {"provider": "yahoo"},
    ]


def test_events_are_read_once_and_measured_often(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in PLAIN), encoding="utf-8")
    with hygiene.read_events(path) as events:
        assert repr(events) == "<Events 5 in 1 file>"
        path.unlink()
        whole = hygiene.measure(events, causes=False)
        again = hygiene.measure(events, by="campaign", benchmarks="strict", causes=False)
        frame = events.to_frame()
    assert whole["delivery_rate"].value == again["delivery_rate"].value == 0.5
    assert again["delivery_rate"].benchmark == "≥ 98 %"
    assert list(frame["kind"]) == [line["event"] for line in PLAIN]
    assert str(frame["ts"].dtype).endswith("UTC]")
    assert frame["ts"].iloc[1] == pd.Timestamp("2026-11-01T08:00:05Z")


def event_rows():
    """Mails with everything that they can be split by, and an order each that is told twice."""
    for number in range(8):
        name = f"p{number}@{'gmail.com' if number % 2 else 'firm.example.com'}"
        mail = {
            "source": "own",
            "message_id": f"m{number}",
            "recipient": name,
            "campaign": f"c{number % 3}",
            "variant": "AB"[number % 2],
            "segment": f"s{number % 3}",
            "stream": f"t{number % 4}",
            "subject": "Save 20 % today" if number % 3 else "News",
        }
        for step, kind in enumerate(("sent", "delivered", "opened", "converted", "converted")):
            ids = {"event_id": f"order {number}"} if kind == "converted" else {"event_id": f"{number}-{kind}"}
            value = {"value_micros": 5_000_000, "currency": "EUR"} if kind == "converted" else {}
            ts_us = 1_788_256_800_000_000 + number * 86_400_000_000 + step * 3_000_000
            yield mail | ids | value | {"kind": kind, "ts_us": ts_us}


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("by", ["", *SLICED, "campaign,variant", "subject-feature"])
def test_what_is_spared_in_reading_changes_no_figure(tmp_path, form, by):
    """Columns that nobody asked for are not read; of logs that were read before, they are there."""
    rows = pa.Table.from_pylist(list(event_rows()))
    path = tmp_path / f"log.{form}"
    (pa.csv.write_csv if form == "csv" else pa.parquet.write_table)(rows, path)
    options = {"by": by, "attribution": "last-touch:5d", "causes": False}
    with hygiene.read_events(path) as events:
        whole = hygiene.measure(events, **options)
    assert hygiene.measure(path, **options).to_dict() == whole.to_dict()
    assert whole.counts()["orders"] == 8


def test_what_is_spared_in_reading_changes_no_cause(tmp_path):
    path = tmp_path / "log.csv"
    pa.csv.write_csv(pa.Table.from_pylist(list(event_rows())), path)
    with hygiene.read_events(path) as events:
        whole = hygiene.measure(events)
    assert hygiene.measure(path).to_dict() == whole.to_dict()


@pytest.mark.parametrize("log", ["mail_logs/plain.log", "shops/orders.csv"])
def test_what_a_reader_makes_of_all_its_files_is_spared_the_same(log):
    with hygiene.read_events([EVENTS / log, EVENTS / "samples/own.csv"]) as events:
        whole = hygiene.measure(events, by="source", causes=False)
    spared = hygiene.measure([EVENTS / log, EVENTS / "samples/own.csv"], by="source", causes=False)
    assert spared.to_dict() == whole.to_dict()


def test_a_quarter_of_the_memory_is_taken_unless_another_limit_is_set():
    def limit(**options):
        with hygiene.read_events(pd.DataFrame(PLAIN), **options) as events:
            told = events.reading.connection.execute("select current_setting('memory_limit')").fetchall()
            return float(read_memory(told[0][0]).removesuffix("MB")), int(events.memory.removesuffix("MB"))

    taken, asked = limit()
    assert asked >= 2_000
    assert taken == pytest.approx(asked / 1.0737, rel=0.06)  # DuckDB tells GiB, to one digit
    assert limit(memory_limit="512MB")[1] == 512


def test_little_memory_is_for_few_threads_unless_more_are_asked_for():
    def threads(**options):
        with hygiene.read_events(pd.DataFrame(PLAIN), **options) as events:
            return int(events.reading.connection.execute("select current_setting('threads')").fetchall()[0][0])

    assert threads(memory_limit="100MB") == threads(memory_limit="199MB") == 1
    assert threads(memory_limit="100MB", threads=2) == 2
    assert threads(memory_limit="200MB") == min(threads(), 2)


def test_the_least_memory_is_enough_for_a_large_log_of_json(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in PLAIN * 1_500))
    assert path.stat().st_size > LARGEST  # a smaller one waits for others
    assert hygiene.measure(path, memory_limit=f"{LEAST_MEMORY}MB", causes=False).counts()["sent"] == 2


def test_what_is_read_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    hygiene.measure(pd.DataFrame(PLAIN), causes=False)
    with pytest.raises(UsageError):
        hygiene.measure(pd.DataFrame({"a": [1]}), by="colour")
    assert list(tmp_path.iterdir()) == []


def test_a_log_without_opens_does_not_say_that_nobody_opened():
    frame = pd.DataFrame([line for line in PLAIN if line["event"] != "opened"])
    kpis = hygiene.measure(frame, causes=False)
    assert kpis["open_rate"].why_null == "the log tells of no opens"
    assert kpis["unsubscribe_rate"].why_null == "the log tells of no opt-outs"
    assert kpis["complaint_rate"].value == 0


def test_a_log_that_ends_soon_after_the_sending_is_young():
    soon = pd.DataFrame(PLAIN[:4])
    assert bool(hygiene.measure(soon, causes=False).young_total[0])
    assert not hygiene.measure(soon, causes=False, now="2026-12-01").young_total[0]
    assert not hygiene.measure(pd.DataFrame(PLAIN), causes=False).young_total[0]


def test_a_young_slice_is_marked_and_an_old_one_is_not():
    fresh = [{**line, "campaign": "two", "message_id": f"2-{line['message_id']}"} for line in PLAIN[:4]]
    for line in fresh:
        line["timestamp"] = line["timestamp"].replace("11-01", "11-08")
    kpis = hygiene.measure(pd.DataFrame(PLAIN + fresh), by="campaign", causes=False)
    assert dict(zip([key[0] for key in kpis.slices.keys], kpis.young.tolist(), strict=True)) == {
        "one": False,
        "two": True,
    }


def test_few_deliveries_prove_nothing_and_say_how_many_would():
    kpis = hygiene.measure(pd.DataFrame(PLAIN), causes=False)
    delivery = kpis["delivery_rate"]
    assert delivery.verdict is Verdict.NOT_PROVEN
    assert delivery.needed == 1  # one of two is far below 90 %, but two mails are few
    assert kpis["complaint_rate"].needed == 3_837


def test_times_take_as_long_as_they_take():
    (deliver, opened, clicked) = hygiene.measure(pd.DataFrame(PLAIN), causes=False).delays
    assert deliver.n == 1
    assert 3.98 <= deliver.median_s <= 5.02  # a tenth of a decade around five seconds
    assert 6.3 * 86_400 <= opened.median_s <= 10 * 86_400
    assert clicked.why_null == "no click by a person is dated"
    assert deliver.open == 0


def test_causes_come_with_it():
    kpis = hygiene.measure(pd.DataFrame(PLAIN))
    assert kpis.causes is not None
    assert kpis.to_dict()["causes"]["compared"]


def test_public_words():
    assert {"measure", "read_events", "Kpis", "Events"} <= set(hygiene.__all__)


def test_how_long_it_took_is_told_of_each_slice():
    """Three mails of `one` after 5 s, of `two` after 50 s, one of each still under way."""
    rows = []
    for campaign, seconds in (("one", 5), ("two", 50)):
        for person in range(4):
            mail = {"email": f"{person}@x.example", "campaign": campaign, "message_id": f"{campaign}{person}"}
            rows.append({**mail, "event": "sent", "timestamp": 1_788_256_800})
            if person:
                rows.append({**mail, "event": "delivered", "timestamp": 1_788_256_800 + seconds})
    kpis = hygiene.measure(pd.DataFrame(rows), by="campaign", causes=False)
    told = {
        each["slice"]["campaign"]: each
        for each in kpis.to_dict()["slice_delays"]
        if each["name"] == "time_to_deliver"
    }
    assert (told["one"]["n"], told["one"]["open"]) == (3, 1)
    assert 4 < told["one"]["median_s"] < 6.4  # within its bucket
    assert 40 < told["two"]["median_s"] < 64
    assert told["two"]["p90_s"] is None  # one in four is still under way
    alone = hygiene.measure(pd.DataFrame(rows), causes=False)
    assert kpis.delays == alone.delays
    assert (kpis.delays[0].n, kpis.delays[0].open) == (6, 2)
    (section,) = [one for one in kpis.sections().sections if one.title == "How long it took, by campaign"]
    assert [row[0].text for row in section.blocks[0].rows] == ["one", "two"]
    assert section.blocks[0].rows[0][2].text == "–"
