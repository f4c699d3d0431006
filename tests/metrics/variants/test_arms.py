"""Arms are sums over people: against plain Python, for any mails."""

from collections import defaultdict

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hygiene.engines.engine import DuckEngine
from hygiene.metrics.kpis import find_kpi
from hygiene.metrics.table import MAIL
from hygiene.metrics.variants.arms import count_arms, count_campaigns, count_strays

from ..logs import TYPES

SCHEMA = pa.schema([(name, TYPES[kind]) for name, kind in MAIL.items()])
BLANK = {name: False if kind == "BOOLEAN" else None for name, kind in MAIL.items()}
MONEY = st.one_of(st.just(0), st.integers(-(10**9), 10**9), st.integers(-(2**43), 2**43))


@st.composite
def tables(draw):
    def mail(number):
        opened, clicked = draw(st.booleans()), draw(st.booleans())
        return {
            **BLANK,
            "message_id": str(number),
            "recipient": draw(st.sampled_from(["a", "b", "c", "d", "e"])),
            "campaign": draw(st.sampled_from(["one", "two", None])),
            "variant": draw(st.sampled_from(["A", "B", "B", None])),
            "state": draw(st.sampled_from(["delivered", "delivered", "delivered", "bounced", "rejected"])),
            "sent_us": draw(st.one_of(st.none(), st.integers(1_700_000_000_000_000, 1_800_000_000_000_000))),
            "opened_human": opened,
            "opened_all": opened or draw(st.booleans()),
            "clicked_human": clicked,
            "track_open": draw(st.booleans()),
            "track_click": draw(st.booleans()),
            "unsubscribed": draw(st.booleans()),
            "complained": draw(st.booleans()),
            "converted": draw(st.booleans()),
            "revenue_micros": draw(MONEY),
        }

    return [mail(number) for number in range(draw(st.integers(1, 25)))]


def parts(metric, row):
    """Numerator and denominator of one mail, by the words of the definitions."""
    arrived = row["state"] == "delivered"
    opened = arrived and row["track_open"] and row["opened_human"]
    clicked = arrived and row["track_click"] and row["clicked_human"]
    return {
        "open_rate": (opened, arrived and row["track_open"]),
        "click_rate": (clicked, arrived and row["track_click"]),
        "ctor": (clicked, opened or clicked),
        "unsubscribe_rate": (arrived and row["unsubscribed"], arrived),
        "complaint_rate": (arrived and row["complained"], arrived),
        "conversion_rate": (arrived and row["converted"], arrived),
        "revenue_per_mail": (row["revenue_micros"], arrived),
    }[metric]


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    engine = DuckEngine(tmp_path_factory.mktemp("arms"), threads=1)
    yield engine
    engine.close()


@given(
    rows=tables(),
    metric=st.sampled_from(
        [
            "open_rate",
            "click_rate",
            "ctor",
            "unsubscribe_rate",
            "complaint_rate",
            "conversion_rate",
            "revenue_per_mail",
        ]
    ),
)
@settings(max_examples=60, deadline=None)
def test_arms_are_sums_over_people(engine, rows, metric):
    frame = engine.load("mails", pa.Table.from_pylist(rows, schema=SCHEMA))
    middle = 1_750_000_000_000_000
    arms = count_arms(frame, find_kpi(metric), "variant", engine, young_after_us=middle)
    assert [arm.name for arm in arms] == sorted({row["variant"] for row in rows if row["variant"]})
    for arm in arms:
        mine = [row for row in rows if row["variant"] == arm.name]
        people = defaultdict(lambda: [0, 0])
        for row in mine:
            won, of = parts(metric, row)
            people[row["recipient"]][0] += int(won)
            people[row["recipient"]][1] += int(of)
        most = 2**43 - 1
        sums = [(min(max(x, -most), most), n) for x, n in people.values()]
        total, n = sum(x for x, _ in sums), sum(n for _, n in sums)
        assert (arm.mails, arm.people, arm.total, arm.n) == (len(mine), len(people), total, n)
        assert (arm.squares, arm.crossed) == (sum(x * x for x, _ in sums), sum(x * n for x, n in sums))
        assert arm.sizes == sum(n * n for _, n in sums)
        assert arm.winners == sum(x != 0 for x, _ in sums)
        assert arm.young == sum(row["sent_us"] is not None and row["sent_us"] > middle for row in mine)
        if n:
            rate = total / n
            spread = sum((x - rate * each) ** 2 for x, each in sums) / n**2 * arm.scale**2
            assert arm.variance == pytest.approx(spread, rel=1e-6, abs=1e-12)
        assert arm.inflation >= 1
    unnamed, twice = count_strays(frame, "variant", engine)
    assert unnamed == sum(row["variant"] is None for row in rows)
    named = defaultdict(set)
    for row in rows:
        if row["variant"]:
            named[row["recipient"]].add(row["variant"])
    assert twice == sum(len(variants) > 1 for variants in named.values())
    assert count_campaigns(frame, "variant", engine) == len({row["campaign"] for row in rows if row["variant"]})
