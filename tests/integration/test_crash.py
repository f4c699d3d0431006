"""Workers killed with -9 at random moments: nothing lost, nothing doubled, and every doubt can be resolved."""

import pytest

from hygiene.demo.crash import crash_test
from hygiene.sending.status import read_doubts, resolve_doubts
from hygiene.store import open_store
from hygiene.tables import METADATA

KILLS = 20


@pytest.mark.parametrize("connections", [1, 10])
def test_nothing_is_lost_or_doubled_on_sqlite(tmp_path, connections):
    toll = crash_test(tmp_path, kills=KILLS, connections=connections, mails=3000, seed=connections)
    check(toll, connections)
    with open_store(str(tmp_path / "hygiene.db"), key=tmp_path / "hygiene.key") as store:
        resolve_all(store, toll)


@pytest.mark.server("initdb", "postgres")
@pytest.mark.parametrize("connections", [1, 10])
def test_nothing_is_lost_or_doubled_on_postgresql(tmp_path, url, connections):
    toll = crash_test(tmp_path, kills=KILLS, connections=connections, mails=3000, store=url, seed=connections)
    check(toll, connections)
    with open_store(url, key=tmp_path / "hygiene.key") as store:
        resolve_all(store, toll)
        with store.writing() as connection:
            METADATA.drop_all(connection)


def check(toll, connections):
    assert toll.holds, toll
    assert toll.kills == KILLS, "there was work for every worker"
    assert toll.doubts <= toll.kills * connections
    assert toll.accepted >= toll.mails - toll.doubts


def resolve_all(store, toll):
    doubts = read_doubts(store)
    assert len(doubts) == toll.doubts
    assert resolve_doubts(store, [each.id for each in doubts], "sent", now_us=0) == toll.doubts
    assert not read_doubts(store)
