"""An A/B test on DuckDB and on Spark: the same whole numbers, so the same verdict."""

import pytest

from hygiene.metrics.variants.compare import compare_variants

from ..metrics.variants.trials import mails, write

ORDERS = "Order ID,Email,Date,Total,Currency\n"


@pytest.mark.server("java")
def test_a_comparison_is_the_same_on_spark(tmp_path, monkeypatch):
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
    log = write(tmp_path / "log.jsonl", mails("A", 60, 30, opened=20), mails("B", 60, 40, opened=10))
    orders = tmp_path / "orders.csv"
    rows = [f"{n},{'ab'[n % 2]}{n}@shop.example,2026-09-22T08:00:00Z,{n * 7}.99,EUR" for n in range(20)]
    orders.write_text(ORDERS + "\n".join(rows) + "\n", encoding="utf-8")
    duck, spark = (
        compare_variants(log, metric="revenue_per_mail", orders=[orders], engine=engine)
        for engine in ("duckdb", "spark")
    )
    assert duck.arms == spark.arms
    assert duck.to_dict() == spark.to_dict()
    assert all(arm.total for arm in duck.arms)
