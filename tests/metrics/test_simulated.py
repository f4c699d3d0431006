"""Simulated campaigns, whose truth is known: every count comes out exactly."""

from collections import Counter, defaultdict

import pytest

from hygiene.engines.engine import open_engine
from hygiene.events.read import read_events
from hygiene.metrics.counts import count
from hygiene.metrics.reconcile import reconcile
from hygiene.metrics.table import KEY

from .logs import table
from .simulator import NEVER, PLATFORMS, as_sendgrid, as_ses, simulate, true_counts


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with open_engine("duckdb", tmp_path_factory.mktemp("simulated")) as (engine, _):
        yield engine


def true_slices(made, by):
    slices = defaultdict(list)
    for key, truth in made.mails.items():
        slices[tuple({**truth, "source": key[0]}[name] for name in by)].append(truth)
    return {key: true_counts(mails) for key, mails in slices.items()}


def assert_true(found, made, engine, *by):
    rows = count(found.mails, by, engine=engine).to_pylist()
    counted = {tuple(row.pop(name) for name in by): row for row in rows}
    assert counted == true_slices(made, by)


@pytest.mark.parametrize("seed", range(4))
def test_every_count_is_the_truth(engine, seed):
    made = simulate(seed)
    found = reconcile(engine.load("log", table(made.rows)), engine, timezone="Europe/Berlin", never=NEVER)
    mails = {tuple(row[name] for name in KEY): row for row in engine.collect(found.mails).to_pylist()}
    assert mails.keys() == made.mails.keys()
    for key, truth in made.mails.items():
        assert {name: mails[key][name] for name in truth} == truth, key
    for by in ([], ["campaign"], ["provider", "day"], ["source", "week"], ["campaign", "provider", "day"]):
        assert_true(found, made, engine, *by)
    assert Counter({(o.source, o.kind, o.reason): o.events for o in found.orphans}) == made.orphans
    assert found.duplicates == made.duplicates
    assert (found.orders.distinct, found.orders.credited) == (made.orders, made.credited)


def test_the_simulation_holds_every_trap():
    made = simulate(1)
    mails = made.mails.values()
    assert {mail["state"] for mail in mails} == {"rejected", "bounced", "delivered", "pending"}
    assert {mail["bounce_class"] for mail in mails} == {"hard", "soft", "block", "unknown", None}
    for flag in ("late", "deferred", "complained", "unsubscribed", "inferred"):
        assert {mail[flag] for mail in mails} == {True, False}, flag
    assert any(mail["clicked_all"] and not mail["clicked_human"] for mail in mails)
    assert any(mail["opened_all"] and not mail["opened_human"] for mail in mails)
    assert any(not mail["track_open"] for mail in mails)
    assert Counter(tuple(sorted(row.items(), key=str)) for row in made.rows).total() > len(made.mails)
    assert 0 < made.credited < made.orders


def test_sends_come_from_a_list(engine):
    """The log of a platform that tells of no sends, and the list of what was sent."""
    made = simulate(3, platforms=PLATFORMS[1:2])
    log = [row for row in made.rows if row["kind"] != "sent"]
    sends = [dict(row, source="plain", file=1) for row in made.rows if row["kind"] == "sent"]
    found = reconcile(
        engine.load("log", table(log)),
        engine,
        sends=engine.load("sends", table(sends)),
        timezone="Europe/Berlin",
    )
    assert_true(found, made, engine, "campaign")
    assert Counter({(o.source, o.kind, o.reason): o.events for o in found.orphans}) == made.orphans


@pytest.mark.parametrize(("number", "write"), [(0, as_ses), (1, as_sendgrid)])
@pytest.mark.parametrize("seed", [11, 12])
def test_logs_as_platforms_write_them_come_out_true(tmp_path, number, write, seed):
    made = simulate(seed, messages=60, platforms=PLATFORMS[number : number + 1], fraction=1)
    half, rows = len(made.rows) // 2, [row for row in made.rows if row["kind"] != "converted"]
    for name, part in (("a.jsonl", rows[:half]), ("b.jsonl", rows[half:])):
        (tmp_path / name).write_text(write(part))
    with open_engine("duckdb", tmp_path) as (engine, reading):
        read_events(tmp_path / "*.jsonl", reading.connection)
        found = reconcile(
            reading.table("events"),
            engine,
            orders=engine.load("orders_given", table([row for row in made.rows if row["kind"] == "converted"])),
            timezone="Europe/Berlin",
        )
        assert_true(found, made, engine, "campaign")
        assert_true(found, made, engine, "provider", "day")
        assert found.duplicates == made.duplicates
        assert found.orphaned == made.orphans.total()
