"""Two engines and any number of threads: the files that a cleaning writes are the same, byte for byte."""

import csv
import os
import sys
from random import Random

import narwhals as nw
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import hygiene.contacts.clean
from hygiene.address import judge_address
from hygiene.config import CleaningPolicy
from hygiene.contacts.clean import clean_contacts
from hygiene.contacts.frames import load_ledger
from hygiene.contacts.steps import (
    Horizon,
    choose_spelling,
    merge,
    preference,
    read_ordinary,
    spell_out,
    unpack,
)
from hygiene.contacts.suppression import Form, read_suppressions
from hygiene.contacts.table import LATEST, ROWS
from hygiene.engines.engine import open_engine
from hygiene.errors import UnwritableOutput, UsageError
from hygiene.status import Status
from hygiene.suppression_forms import digest

from .nasty_lists import (
    KEY,
    NOBODY,
    NOW,
    address,
    write,
    write_events,
    write_exports,
    write_suppressions,
    written,
)

on_spark = pytest.mark.server("java")
FILES = ("clean.csv", "rejected.csv", "flagged.csv", "suppressions.csv", "winback.csv", "summary.json")
EVERYTHING = CleaningPolicy(
    inactive_after="180d", max_removed=1.0, role="drop", typos="hold", soft_bounces=1, assume_consent=True
)
POLICIES = st.builds(
    CleaningPolicy,
    inactive_after=st.sampled_from(["30d", None, "1y"]),
    max_removed=st.just(1.0),
    keep=st.sampled_from(["most-consented", "first"]),
    role=st.sampled_from(["flag", "keep"]),
    disposable=st.sampled_from(["drop", "keep"]),
    require_confirmed=st.booleans(),
    opens=st.booleans(),
    min_ignored=st.sampled_from([1, 3]),
)
SEEDS = st.integers(0, 2**32)
#: the first example of all is the simplest there is
few = settings(max_examples=2, phases=[Phase.generate], suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A function that gives a new folder."""
    base, count = tmp_path_factory.mktemp("parity"), iter(range(1_000_000))

    def folder():
        path = base / str(next(count))
        path.mkdir()
        return path

    return folder


@pytest.fixture(scope="module", autouse=True)
def quick_java():
    """Java as short programs want it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        yield


@pytest.fixture(scope="module")
def session():
    """The session of somebody who uses Spark, with settings that are not ours."""
    from pyspark.sql import SparkSession

    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.session.timeZone": "Pacific/Kiritimati",
    }
    builder = SparkSession.builder.master("local[2]").appName("somebody's")
    session = builder.config(map=settings).getOrCreate()
    yield session
    session.stop()


@pytest.fixture
def engines(tmp_path, session):
    with open_engine("spark", tmp_path) as (spark, duck):
        yield {"spark": spark, "duckdb": duck}


def make_inputs(place, seed, rows):
    random, folder = Random(seed), place()
    exports = write_exports(folder, random, rows)
    lists = [read_suppressions(path, key=KEY) for path in write_suppressions(folder, random)]
    return {"contacts": exports, "suppress": lists, "events": [write_events(folder, random)]}


def clean(output, inputs, policy, **options):
    clean_contacts(policy=policy, output=output, now=NOW, **inputs, **options)
    return {name: (output / name).read_bytes() for name in FILES}


def assert_alike(found, wanted):
    for name in FILES:
        assert found[name].split(b"\n") == wanted[name].split(b"\n"), name


# Engines


@on_spark
@given(seed=SEEDS, policy=POLICIES)
@settings(few, max_examples=1)
def test_a_session_of_our_own_decides_the_same_and_is_gone(place, seed, policy):
    """In a folder whose name is a pattern to Spark."""
    from pyspark import SparkContext

    inputs, folder = make_inputs(place, seed, 200), place() / "Kunden [neu]* {ä}"
    del inputs["suppress"], inputs["events"]
    found = clean(folder, inputs, policy, engine="spark", threads=2)
    assert_alike(found, clean(place() / "out", inputs, policy))
    assert SparkContext._active_spark_context is None
    assert "SPARK_LOCAL_IP" not in os.environ
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


@on_spark
def test_somebody_s_session_decides_the_same_and_stays(place, session, monkeypatch):
    """Of everything there is, down to the types of the tables."""
    types, count = [], hygiene.contacts.clean.count

    def spy(connection, *rest, **named):
        tables = [connection.execute(f"describe {name}").fetchall() for name in ("decisions", "persons")]
        types.append([sorted(one[:2] for one in table if one[0] != "person") for table in tables])
        return count(connection, *rest, **named)

    monkeypatch.setattr(hygiene.contacts.clean, "count", spy)
    inputs, output = make_inputs(place, 22, 400), place() / "out"
    wanted = clean(output, inputs, EVERYTHING)
    reasons = set(load_ledger(output / "rejected.csv").reason)
    assert {"suppressed", "soft-bounced", "duplicate", "duplicate-mailbox", "role", "inactive"} <= reasons
    assert_alike(clean(place() / "out", inputs, EVERYTHING, engine="spark"), wanted)
    assert types[0] == types[1]
    assert session.range(3).count() == 3


@on_spark
@given(seed=SEEDS)
@few
def test_a_step_alone_reads_addresses_alike(engines, seed):
    random = Random(seed)
    cells = [None, "x", *NOBODY, *(address(random) for _ in range(3000))]
    table = pa.table({"row": range(len(cells)), "address": pa.array(cells, pa.string())})
    found = [
        engine.collect(read_ordinary(engine.load("cells", table)).sort("row")).to_pylist()
        for engine in engines.values()
    ]
    assert found[0] == found[1]
    assert {row["ordinary"] for row in found[0]} == {True, False}


@on_spark
@pytest.mark.parametrize("keep", ["first", "newest", "most-consented"])
def test_numbers_of_63_bits_stay_whole(engines, keep):
    """The last row there can be, and a date from the beginning: as doubles they would be the next number."""
    last = ROWS - 1
    cells = [
        ("a@b.com", last, 0),
        ("x+1@gmail.com", last, 0),
        ("x+2@gmail.com", last - 1, 0),
        ("c@d.com", 1, LATEST),
    ]
    columns = zip(*cells, strict=True)
    table = pa.table(dict(zip(("key", "row", "joined"), map(list, columns), strict=True)))
    size = len(table)
    table = table.append_column("mailbox", pa.array(["a@b.com", "x@gmail.com", "x@gmail.com", "c@d.com"]))
    table = table.append_column("standing", pa.array([Status.COMPLAINED.rank] * size, pa.int8()))
    for name, kind in {"activity": pa.int64(), "ignored_mails": pa.int64(), "confirmed": pa.bool_()}.items():
        table = table.append_column(name, pa.nulls(size, kind))
    table = table.append_column("tracked", pa.array([True] * size))
    told = []
    for engine in engines.values():
        addressed = engine.load("addressed", table)
        for text, name in (("mailbox", "person"), ("key", "spelling")):
            addressed = engine.numbered(addressed, text, name, exactly=True)
        order = preference(
            CleaningPolicy(keep=keep, inactive_after="180d"), Horizon(cutoff=1_700_000_000, grace=1_750_000_000)
        )
        merged = engine.settle("merged", merge(addressed, order))
        persons, chosen = unpack(merged), choose_spelling(spell_out(addressed, merged, order))
        told.append([engine.collect(each.sort("person")).to_pylist() for each in (persons, chosen)])
    assert told[0] == told[1]
    persons = {row["person"]: row for row in told[0][0]}
    assert (persons["a@b.com"]["kept_row"], persons["a@b.com"]["said_row"]) == (last, last)
    if keep == "newest":
        assert persons["a@b.com"]["rank"] == LATEST


@on_spark
@given(texts=st.lists(st.text(max_size=200), min_size=200), key=st.binary(min_size=1, max_size=100))
@few
@pytest.mark.parametrize("form", [Form.MD5, Form.SHA256, Form.HMAC])
def test_hashes_are_those_of_the_rule(engines, form, texts, key):
    texts = sorted({text.encode("utf-8", "replace").decode() for text in texts})
    frame = engines["spark"].load("texts", pa.table({"text": texts}))
    hashed = engines["spark"].hashed(frame, "text", form, key)
    found = engines["spark"].collect(hashed).to_pylist()
    assert {row["text"]: row["hash"] for row in found} == {text: digest(text, form, key) for text in texts}


@on_spark
def test_no_plan_shows_the_key(engines, capsys):
    frame = engines["spark"].load("texts", pa.table({"text": ["a", "b"]}))
    engines["spark"].hashed(frame, "text", Form.HMAC, KEY).to_native().explain(extended=True)
    shown = capsys.readouterr().out.lower()
    pads = [bytes(octet ^ pad for octet in KEY).hex() for pad in (0, 0x36, 0x5C)]
    assert "outer_pad" in shown
    assert not [pad for pad in pads if pad[:16] in shown]


@on_spark
def test_an_empty_table_goes_there_and_back(engines):
    spark, duck = engines["spark"], engines["duckdb"]
    duck.connection.execute('create table nobody ("row" bigint, standing tinyint, told boolean, text varchar)')
    settled = spark.settle("nothing", spark.adopt("nobody", duck).filter(nw.col("row") > 0))
    spark.hand_over({"nothing": settled}, duck)
    described = [duck.connection.execute(f"describe {name}").fetchall() for name in ("nobody", "nothing")]
    assert described[0] == described[1]


# What goes wrong


@on_spark
def test_a_failure_of_spark_is_one_sentence(engines, tmp_path):
    frame = engines["spark"].load("texts", pa.table({"text": ["a"]}))
    for path in tmp_path.rglob("*.parquet"):
        path.write_bytes(b"no parquet")
    with pytest.raises(UnwritableOutput) as raised:
        engines["spark"].settle("again", frame)
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith("Spark could not finish: ")


def run(tmp_path):
    source = tmp_path / "list.csv"
    source.write_text("Email,Status\nann@example.com,subscribed\n")
    clean_contacts(source, output=tmp_path / "out", engine="spark", now=NOW)


def test_missing_pyspark_is_one_sentence(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyspark"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(UsageError, match=r"pip install 'hygiene\[spark\]'$"):
        run(tmp_path)
    assert not (tmp_path / "out").exists()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # PySpark leaves a pipe open
@pytest.mark.parametrize(
    ("java", "said"),
    [
        (None, "needs Java 17 or later, and there is no java"),
        ("#!/bin/sh\necho 'too old' >&2\nexit 1\n", "could not start Java, .*: too old$"),
    ],
)
def test_missing_or_broken_java_is_one_sentence(tmp_path, monkeypatch, java, said):
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    monkeypatch.setattr(SparkContext, "_gateway", None)
    monkeypatch.setattr(SparkContext, "_active_spark_context", None)
    monkeypatch.setattr(SparkSession, "_instantiatedSession", None)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    if java:
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "java").write_text(java)
        (tmp_path / "bin" / "java").chmod(0o755)
    with pytest.raises(UsageError, match=said):
        run(tmp_path)
    assert not (tmp_path / "out").exists()


def test_spark_connect_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("SPARK_CONNECT_MODE_ENABLED", "1")
    with pytest.raises(UsageError, match="cannot work over Spark Connect"):
        run(tmp_path)


# Threads and the order of rows


def test_the_number_of_threads_changes_nothing(place):
    """With more rows than the 122,880 that DuckDB gives one thread at a time."""
    random, inputs = Random(7), make_inputs(place, 7, 300)
    rows = ([address(random, 30_000)[:300], number] for number in range(150_000))
    inputs["contacts"].append(write(place() / "many.csv", written(["email", "n"], rows)))
    outputs = [clean(place() / "out", inputs, EVERYTHING, threads=threads) for threads in (1, 2)]
    assert_alike(*outputs)


@given(seed=SEEDS, keep=st.sampled_from(["first", "newest", "most-consented"]))
@few
def test_the_order_of_rows_and_files_does_not_change_who_is_kept(place, seed, keep):
    random, kept = Random(seed), []
    policy = CleaningPolicy(inactive_after="180d", max_removed=1.0, keep=keep)
    lines = [
        [address(random, 30)[:300], random.choice(["yes", "no"]), f"2026-0{random.randrange(1, 10)}-01"]
        for _ in range(400)
    ]
    for _ in range(2):
        folder = place()
        random.shuffle(lines)
        files = [
            write(folder / name, written(["email", "status", "last open"], part))
            for name, part in (("a.csv", lines[:150]), ("b.csv", lines[150:]))
        ]
        random.shuffle(files)
        clean(folder / "out", {"contacts": files}, policy)
        with (folder / "out" / "clean.csv").open(encoding="utf-8", newline="") as file:
            kept.append(sorted(judge_address(row["email"]).key for row in csv.DictReader(file)))
    assert kept[0] == kept[1]
    assert kept[0]
