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


@pytest.mark.server("java")
def test_subjects_are_compared_the_same_on_spark(tmp_path, monkeypatch):
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
    rows = [
        {
            "event": kind,
            "email": f"{person}@x.example",
            "message_id": f"{campaign}-{person}",
            "campaign": f"c{campaign}",
            "timestamp": 1_788_256_800 + campaign * 86_400,
            **({"subject": "What?" if campaign % 2 else "That"} if campaign < 7 else {}),
        }
        for campaign in range(8)
        for person in range(40)
        for kind in ["sent", "delivered", *(["opened"] if person < 5 + campaign else [])]
    ]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    duck, spark = (
        measure(
            tmp_path / "log.jsonl",
            by="subject-feature",
            subjects={"c6": "More?"},
            causes=False,
            engine=engine,
        ).to_dict()
        for engine in ("duckdb", "spark")
    )
    assert duck["subjects"]["subject_not_known"] == 40
    assert duck == spark
