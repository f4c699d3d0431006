"""Measuring on DuckDB and on Spark: equal integers, for every mail and every count."""

import pytest

from hygiene.engines.engine import open_engine
from hygiene.metrics.counts import count
from hygiene.metrics.delays import delays
from hygiene.metrics.habits import with_cohorts, with_frequency
from hygiene.metrics.reconcile import reconcile
from hygiene.metrics.table import KEY, MAIL

from ..metrics.logs import event, table
from ..metrics.simulator import NEVER, simulate

on_spark = pytest.mark.server("java")
ZONES = {"Europe/Berlin": "last-click:5d", "America/St_Johns": "first-touch:36h"}


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
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        builder = SparkSession.builder.master("local[2]").appName("somebody's")
        session = builder.config(map=settings).getOrCreate()
        yield session
        session.stop()


@pytest.fixture
def engines(tmp_path, session):
    with open_engine("spark", tmp_path) as (spark, duck):
        yield {"duckdb": duck, "spark": spark}


def sample():
    """A simulated log, and beside it what is far out: no time, the time before 1970, odd letters."""
    rows = simulate(5, messages=10).rows
    odd = {
        "source": "ses",
        "message_id": "odd",
        "recipient": "jürgen@bücher.example",
        "campaign": "Frühling 😀",
    }
    rows += [event("sent", **odd), event("bounced", **odd, reason="später\nvielleicht")]
    early = odd | {"message_id": "early", "ts_us": -1_500_000}
    rows += [event("sent", **early), event("clicked", **early, url="a")]
    return rows


def told(frame, engine, *keys):
    return engine.collect(frame.sort(*keys)).to_pylist()


@on_spark
@pytest.mark.parametrize("timezone", ZONES)
def test_both_engines_find_the_same(engines, timezone):
    rows, results = sample(), []
    for engine in engines.values():
        log, orders = (
            [row for row in rows if row["kind"] != "converted"],
            [r for r in rows if r["kind"] == "converted"],
        )
        found = reconcile(
            engine.load("log", table(log)),
            engine,
            orders=engine.load("shop", table(orders)),
            attribution=ZONES[timezone],
            timezone=timezone,
            never=NEVER,
        )
        results.append(
            {
                "mails": told(found.mails.select(*MAIL), engine, *KEY),
                "said": (found.orphans, found.duplicates, found.swept_clicks, found.orders, found.census),
                "all": count(found.mails, engine=engine).to_pylist(),
                "slices": count(found.mails, ["campaign", "provider", "day"], engine=engine).to_pylist(),
                "cohorts": count(with_cohorts(found), ["cohort", "weeks_since"], engine=engine).to_pylist(),
                "weekly": count(with_frequency(found), ["mails_a_week"], engine=engine).to_pylist(),
                "delays": delays(found.mails, ["source"], engine=engine).to_pylist(),
            }
        )
    for what, wanted in results[0].items():
        assert results[1][what] == wanted, what
    assert len(results[0]["mails"]) > 50
    early = next(mail for mail in results[0]["mails"] if mail["message_id"] == "early")
    assert (early["day"], early["week"]) == ((-1, -3) if timezone != "Europe/Berlin" else (0, -3))
