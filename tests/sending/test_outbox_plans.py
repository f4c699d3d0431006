"""What a worker asks of the outbox is answered from an index, however many mails and suppressions there are."""

from dataclasses import replace

import pytest
from sqlalchemy import event

from hygiene.sending.census import counts_by_campaign, has_due, is_open, is_open_before
from hygiene.sending.last_dot import let_go
from hygiene.sending.mailing import going_to
from hygiene.sending.outbox import (
    End,
    Lot,
    claim,
    conclude,
    give_back,
    providers_ready,
    renew,
    resend_doubts,
    sweep,
)
from hygiene.sending.states import State
from hygiene.sending.status import read_doubts
from hygiene.store import open_store
from tests.sending.mailings import KEY, START_US, new_campaign

GOING = [
    replace(
        going_to(f"p{number}@example.com", row=number, stream="marketing", topic="news", secret=KEY), owner="w"
    )
    for number in range(1, 20)
]
STEPS = {
    "providers": lambda connection: providers_ready(connection, 1),
    "claim": lambda connection: claim(
        connection, Lot(campaign=1, provider="other", count=9, before=5), "w", lease_us=START_US
    ),
    "renew": lambda connection: renew(connection, "w", lease_us=START_US),
    "give back": lambda connection: give_back(connection, [1, 2], "w"),
    "let go": lambda connection: let_go(connection, GOING, now_us=START_US),
    "conclude": lambda connection: conclude(
        connection, [End(id=number, state=State.SENT, tries=1, owner="w") for number in (1, 2)], now_us=START_US
    ),
    "sweep": lambda connection: sweep(connection, now_us=START_US),
    "resend": lambda connection: resend_doubts(connection, 1),
    "open": lambda connection: is_open(connection, 1),
    "due": lambda connection: has_due(connection, 1),
    "canaries": lambda connection: is_open_before(connection, 1, 5, ["other"]),
}


@pytest.fixture
def store(tmp_path):
    with open_store(str(tmp_path / "w.db"), key=KEY) as opened:
        new_campaign(opened, [])
        yield opened


def plans_of(store, step):
    """The lines of SQLite's plans for the statements of a step."""
    lines = []

    def explain(connection, cursor, statement, parameters, context, executemany):
        if statement.startswith(("SELECT", "UPDATE", "INSERT", "DELETE", "WITH")):
            plain = connection.connection.cursor()
            plain.execute(f"EXPLAIN QUERY PLAN {statement}", parameters[0] if executemany else parameters)
            lines.extend(row[3] for row in plain.fetchall())

    event.listen(store.engine, "before_cursor_execute", explain)
    step()
    event.remove(store.engine, "before_cursor_execute", explain)
    return lines


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_no_step_of_a_worker_walks_through_a_table(store, step):
    def run():
        with store.writing() as connection:
            step(connection)

    plans = plans_of(store, run)
    assert any("outbox" in line for line in plans)
    for line in plans:
        assert not line.startswith(("SCAN outbox", "SCAN suppression", "SCAN opt_out")), plans
        assert "autoindex_outbox_1" not in line, "all mails of the campaign are looked at"


@pytest.mark.parametrize("campaign", [1, None])
def test_mails_are_counted_without_being_looked_at(store, campaign):
    def run():
        with store.reading() as connection:
            counts_by_campaign(connection, campaign)

    plans = plans_of(store, run)
    for line in plans:
        if "outbox" in line:
            assert "INDEX outbox_" in line or "COVERING INDEX sqlite_autoindex_outbox_1" in line, plans


def test_doubts_are_found_by_their_index(store):
    assert any("outbox_doubts" in line for line in plans_of(store, lambda: read_doubts(store)))
