"""What the causes ask of the mails, on DuckDB and on Spark: equal rows."""

import pytest

from hygiene.engines.engine import open_engine
from hygiene.metrics.causes import plans

from ..metrics.causes.mail_tables import DAY_US, START, campaigns, mail, table
from ..metrics.causes.test_find import TEXTS

pytestmark = pytest.mark.server("java")

PLANS = {
    "reasons": plans.bounce_reasons,
    "ages": plans.campaign_ages,
    "latest": plans.latest,
    "opens": lambda mails: plans.delays(mails, "open"),
    "complaints": lambda mails: plans.delays(mails, "complaint"),
    "pressure": lambda mails: plans.pressure(mails)[0],
    "pressure by campaign": lambda mails: plans.pressure(mails)[1],
    "cohorts": lambda mails: plans.cohorts(
        mails, since_us=(START + 3) * DAY_US, until_us=(START + 20) * DAY_US
    ),
    "before": lambda mails: plans.people_before(mails, since_us=(START + 3) * DAY_US),
}


def sample():
    """Campaigns, beside what is far out: odd texts, nobody, no time, the time before 1970."""
    rows = campaigns(12, 40, bad_days=[6])
    rows += [
        mail(f"odd{n}@x.example", state="bounced", reason=text, arrived=False) for n, text in enumerate(TEXTS)
    ]
    rows += [mail(None), mail("late@x.example", sent_us=None, day=None, week=None), mail("old@x.example", -400)]
    return rows + [mail("late@x.example", START + 5 + week * 7, clicked_human=True) for week in range(4)]


@pytest.fixture(scope="module")
def session():
    """The session of somebody who uses Spark."""
    from pyspark.sql import SparkSession

    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        session = SparkSession.builder.master("local[2]").appName("causes").config(map=settings).getOrCreate()
        yield session
        session.stop()


def test_every_plan_gives_the_same_rows(tmp_path, session):
    with open_engine("spark", tmp_path) as (spark, duck):
        mails = {engine: engine.load("mails", table(sample())) for engine in (spark, duck)}
        for name, plan in PLANS.items():
            found = [
                sorted(
                    map(
                        repr,
                        engine.collect(plan(frame))
                        .select(sorted(plan(frame).collect_schema().names()))
                        .to_pylist(),
                    )
                )
                for engine, frame in mails.items()
            ]
            assert found[0] == found[1], name
            assert found[0], name
