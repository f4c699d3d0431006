"""The whole measurement, files to findings, on DuckDB and on Spark: the same to the last digit."""

import json

import pytest

from hygiene.metrics.measure import measure

from ..metrics.simulator import PLATFORMS, as_ses, simulate

ORDERS = "Order ID,Email,Date,Total,Currency\n1,{person},2026-03-31T08:00:00Z,20.50,EUR\n"


@pytest.mark.server("java")
def test_a_measurement_is_the_same_on_spark(tmp_path, monkeypatch):
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
    made = simulate(31, messages=20, platforms=PLATFORMS[:1], fraction=1)
    rows = [row for row in made.rows if row["kind"] != "converted"]
    log, orders = tmp_path / "log.jsonl", tmp_path / "orders.csv"
    log.write_text(as_ses(rows), encoding="utf-8")
    person = next(row["recipient"] for row in rows if row["kind"] == "clicked" and row["recipient"])
    orders.write_text(ORDERS.format(person=person), encoding="utf-8")
    duck, spark = (
        json.dumps(measure(log, by="campaign,day", orders=orders, engine=engine).to_dict(), sort_keys=True)
        for engine in ("duckdb", "spark")
    )
    assert json.loads(duck)["counts"]["sent"] > 0
    assert duck == spark
