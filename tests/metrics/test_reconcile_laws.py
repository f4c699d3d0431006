"""Reconciliation against doing it by hand, on random logs; and the laws that hold for any log."""

from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hygiene.engines.engine import open_engine
from hygiene.metrics.counts import count
from hygiene.metrics.reconcile import reconcile
from hygiene.metrics.table import COUNTS, KEY, MAIL

from .logs import ANY_LOGS, LOGS, START, event, table
from .oracle import reconcile_by_hand

RULES = {
    "none": None,
    "last-click:5d": ("last", ("clicked",), 5 * 86_400_000_000),
    "first-touch:1h": ("first", ("clicked", "opened"), 3_600_000_000),
    "last-open:24h": ("last", ("opened",), 86_400_000_000),
}
some = settings(
    max_examples=14, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
BESIDE = 3  # logs in one: a plan takes as long for all of them as for each


def beside(logs):
    """Logs in one that have nothing in common: neither sources nor mails nor people nor orders."""
    return [
        {**row, **{name: f"{number}{row[name]}" for name in APART if row[name] is not None}}
        for number, log in enumerate(logs)
        for row in log
    ]


APART = ("source", "message_id", "recipient", "event_id")


def several(logs):
    return st.lists(logs, min_size=BESIDE, max_size=BESIDE).map(beside)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with open_engine("duckdb", tmp_path_factory.mktemp("laws")) as (engine, _):
        yield engine


def reconciled(rows, engine, **options):
    return reconcile(engine.load("log", table(rows)), engine, **options)


def mails_of(found, engine):
    return {tuple(row[name] for name in KEY): row for row in engine.collect(found.mails).to_pylist()}


@settings(some, max_examples=34)
@given(
    log=several(ANY_LOGS),
    timezone=st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns"]),
    rule=st.sampled_from(list(RULES)),
    never=st.sampled_from([(), ("loud",), ("quiet", "nameless")]),
)
def test_the_plan_finds_what_a_person_finds(engine, log, timezone, rule, never):
    never = [f"{number}{source}" for number in range(BESIDE) for source in never]
    found = reconciled(
        log, engine, timezone=timezone, attribution=rule, never=dict.fromkeys(never, ("delivered",))
    )
    wanted, orphans, duplicates, credited = reconcile_by_hand(log, timezone, never, RULES[rule])
    mails = mails_of(found, engine)
    assert mails.keys() == wanted.keys()
    for key, row in wanted.items():
        got = {name: mails[key][name] for name in MAIL if name not in KEY}
        assert got == {name: row[name] for name in got}
    assert Counter({(o.source, o.kind, o.reason): o.events for o in found.orphans}) == orphans
    assert found.duplicates == duplicates
    assert found.orders.credited == credited


def retold(log, random):
    """The same log as platforms send it: events repeated, with other ids, at any time and in any order."""
    copies = [dict(each, file=random.randrange(3), line=random.randrange(99)) for each in log]
    copies += [
        dict(each, event_id=each["event_id"] if each["kind"] == "converted" else str(random.random()))
        for each in log
        for _ in range(random.choice([0, 0, 1, 2, 45]))
    ]
    random.shuffle(copies)
    return copies


@some
@given(log=several(ANY_LOGS), seed=st.integers(0, 2**32), parts=st.integers(1, 4))
def test_order_repetition_and_files_change_nothing(engine, log, seed, parts):
    wanted = reconciled(log, engine)
    before = mails_of(wanted, engine)
    told = retold(log, Random(seed))
    split = [each for part in range(parts) for each in told[part::parts]]
    found = reconciled(split, engine)
    after = mails_of(found, engine)
    for mails in (before, after):
        for row in mails.values():
            del row["events"]
    assert after == before
    assert found.orders == wanted.orders
    assert {(o.source, o.kind, o.reason) for o in found.orphans} == {
        (o.source, o.kind, o.reason) for o in wanted.orphans
    }


@some
@given(
    log=several(LOGS),
    by=st.lists(st.sampled_from(["campaign", "provider", "variant", "source", "day", "week"]), unique=True),
)
def test_the_sums_hold_in_every_slice(engine, log, by):
    """`count` itself checks them on every run; here they are worked out from the mails alone."""
    found = reconciled(log, engine)
    mails = engine.collect(found.mails).to_pylist()
    slices = {}
    for mail in mails:
        slices.setdefault(tuple(mail[name] for name in by), []).append(mail)
    rows = {tuple(row[name] for name in by): row for row in count(found.mails, by, engine=engine).to_pylist()}
    assert rows.keys() == (slices.keys() or (set() if by else {()}))
    for key, own in slices.items():
        row = rows[key]
        delivered = [mail for mail in own if mail["state"] == "delivered"]
        assert (
            row["submitted"] == len(own) == row["rejected"] + row["delivered"] + row["bounced"] + row["pending"]
        )
        assert row["delivered"] == len(delivered)
        assert row["delivered_gross"] == sum(mail["arrived"] for mail in own)
        assert row["hard"] == sum(mail["bounce_class"] == "hard" for mail in own)
        assert row["undetermined"] == sum(mail["bounce_class"] == "unknown" for mail in own)
        assert row["opened_human"] == sum(mail["opened_human"] for mail in delivered)
        assert row["delivered_click_tracked"] == sum(mail["track_click"] for mail in delivered)
        assert row["engaged_human"] == sum(mail["opened_human"] or mail["clicked_human"] for mail in delivered)
        assert row["clicks_total"] == sum(mail["clicks_total"] for mail in delivered)
        assert row["complained_fbl"] == sum(
            mail["complained"] and mail["provider"] == "yahoo" for mail in delivered
        )
        assert row["revenue_micros"] == sum(mail["revenue_micros"] for mail in own)
        assert row["opened_human"] <= row["opened_all"] <= row["delivered_open_tracked"] <= row["delivered"]
        assert row["clicked_human"] <= row["engaged_human"]


def test_an_empty_log_has_counts_of_zero(engine):
    found = reconciled([], engine)
    assert count(found.mails, engine=engine).to_pylist() == [dict.fromkeys(COUNTS, 0)]
    assert count(found.mails, ["campaign", "day"], engine=engine).num_rows == 0
    assert (found.orphans, found.duplicates) == ((), 0)


def test_touches_of_one_moment_are_told_apart_alike_everywhere(engine):
    """By source and message id: the smaller one has the order, in whatever order the log says it."""
    touched = [
        event(kind, source=source, message_id=message, recipient="ann@a.example", ts_us=START)
        for source, message in (("b", "1"), ("a", "2"), ("a", "10"))
        for kind in ("sent", "clicked")
    ]
    order = event("converted", event_id="7", recipient="ann@a.example", ts_us=START, value_micros=5)
    for log in ([*touched, order], [order, *reversed(touched)]):
        mails = mails_of(reconciled(log, engine), engine)
        assert {key[:2] for key, mail in mails.items() if mail["orders"]} == {("a", "10")}


@pytest.mark.parametrize(("undone", "stays"), [((2, None), False), ((None,), True), ((0, None), True)])
def test_an_undated_opt_in_hides_no_dated_one(engine, undone, stays):
    mail = {"message_id": "m", "recipient": "ann@a.example"}
    told = [("sent", 0), ("unsubscribed", 1), *(("resubscribed", second) for second in undone)]
    log = [
        event(kind, **mail, ts_us=None if second is None else START + second * 1_000_000)
        for kind, second in told
    ]
    (row,) = mails_of(reconciled(log, engine), engine).values()
    assert row["unsubscribed"] is stays
