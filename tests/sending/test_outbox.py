"""The laws of the outbox: whatever several workers, people and clocks do to it, in whatever order."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import event, select, update

from hygiene.contacts.suppression.workspace import add_suppressions
from hygiene.errors import UsageError
from hygiene.sending.census import counts, counts_by_campaign, has_due, is_open, open_rows
from hygiene.sending.last_dot import let_go
from hygiene.sending.mailing import going_to
from hygiene.sending.outbox import (
    End,
    Lot,
    campaign_state,
    cancel_rest,
    claim,
    conclude,
    give_back,
    move_campaign,
    renew,
    resend_doubts,
    sweep,
)
from hygiene.sending.queueing import KeyReused, Message, queue_message
from hygiene.sending.states import FINAL, CampaignState, State
from hygiene.sending.status import cancel, finish, resolve_doubts
from hygiene.store import open_store
from hygiene.tables import OUTBOX
from tests.sending.campaign_files import a_settings
from tests.sending.mailings import KEY, START, START_US, new_campaign

OWNERS = ["a", "b", "c"]
PEOPLE = [f"p{number}@example.com" for number in range(4)]
LEASE_US = 100
RESULTS = [State.SENT, State.DEFERRED, State.FAILED, State.UNKNOWN, State.READY]


class Interleaving:
    """Workers, people and the clock in a random order. A talk is one connection of a worker that holds a row.

    A talk may be late, and its worker dead.
    """

    def __init__(self, store, rng):
        self.store, self.rng, self.now_us = store, rng, START_US
        self.talks = []  # [owner, row, whether its last dot was written]
        self.resent = set()  # rows for which somebody chose to send again in spite of a doubt
        self.dots, self.taken, self.gone = Counter(), set(), set()
        self.campaign = new_campaign(store, PEOPLE)
        self.ids = {row["id"]: row["recipient"] for row in self.rows()}

    def rows(self):
        with self.store.reading() as connection:
            return connection.execute(select(OUTBOX)).mappings().all()

    def write(self, step):
        with self.store.writing() as connection:
            return step(connection)

    def claims(self):
        owner, lot = self.rng.choice(OWNERS), Lot(campaign=self.campaign, provider="other", count=2)
        rows = self.write(lambda c: claim(c, lot, owner, lease_us=self.now_us + LEASE_US))
        self.talks += [[owner, row["id"], False] for row in rows]

    def comes_to_the_dot(self):
        waiting = [talk for talk in self.talks if not talk[2]]
        if not waiting:
            return
        talk = self.rng.choice(waiting)
        owner, row, _ = talk
        going = going_to(self.ids[row], row=row, stream="marketing", topic="news", secret=KEY)
        asked = [replace(going, owner=owner)]
        verdict = self.write(lambda c: let_go(c, asked, now_us=self.now_us))[row]
        if verdict.state is State.DATA:
            assert row not in self.taken, "known to have been taken, and sent again"
            assert self.ids[row] not in self.gone, "suppressed, and mailed"
            assert self.state() is CampaignState.RUNNING, "stopped, and mailed"
            self.dots[row] += 1
            talk[2] = True
            return
        self.talks.remove(talk)
        if verdict.state is None:
            self.write(lambda c: give_back(c, [row], owner))
        else:
            end = End(id=row, state=verdict.state, tries=0, owner=owner)
            self.write(lambda c: conclude(c, [end], now_us=self.now_us))

    def is_answered(self):
        written = [talk for talk in self.talks if talk[2]]
        if not written:
            return
        talk = self.rng.choice(written)
        self.talks.remove(talk)
        owner, row, _ = talk
        result = self.rng.choice(RESULTS)
        due_us = self.now_us + 50 if result is State.DEFERRED else None
        end = End(id=row, state=result, tries=int(result is not State.READY), due_us=due_us, owner=owner)
        self.write(lambda c: conclude(c, [end], now_us=self.now_us))
        if result is State.SENT:
            self.taken.add(row)
        elif result is not State.UNKNOWN:
            self.dots[row] -= 1  # certainly not accepted

    def crashes(self):
        dead = self.rng.choice(OWNERS)
        self.talks = [talk for talk in self.talks if talk[0] != dead]

    def renews(self):
        owner = self.rng.choice(OWNERS)
        self.write(lambda c: renew(c, owner, lease_us=self.now_us + LEASE_US))

    def time_passes(self):
        self.now_us += self.rng.randint(-20, 120)

    def sweeps(self):
        self.write(lambda c: sweep(c, now_us=self.now_us))

    def suppresses(self):
        person = self.rng.choice(PEOPLE)
        add_suppressions(self.store, [person], now=START)
        self.gone.add(person)

    def pauses(self):
        self.moves(self.rng.choice([CampaignState.PAUSED, CampaignState.HELD]))

    def resumes(self):
        self.moves(CampaignState.RUNNING)

    def moves(self, to):
        among = (CampaignState.PAUSED, CampaignState.HELD, CampaignState.RUNNING)
        self.write(lambda c: move_campaign(c, self.campaign, to, among=among))

    def cancels(self):
        self.moves(CampaignState.CANCELLED)
        self.write(lambda c: cancel_rest(c, self.campaign, now_us=self.now_us))

    def resolves(self):
        doubts = {row["id"] for row in self.rows() if row["state"] == State.UNKNOWN}
        how = self.rng.choice(["sent", "resend", "policy"])
        if how == "policy" and self.state() is CampaignState.RUNNING:
            self.write(lambda c: resend_doubts(c, self.campaign))
        elif how != "policy":
            resolve_doubts(self.store, sorted(doubts), how, now_us=self.now_us)
        after = {row["id"]: row["state"] for row in self.rows() if row["id"] in doubts}
        self.resent |= {row for row, state in after.items() if state == State.READY}
        self.taken |= {row for row, state in after.items() if state == State.SENT}

    def state(self):
        with self.store.reading() as connection:
            return campaign_state(connection, self.campaign)

    def check(self):
        rows = {row["id"]: row for row in self.rows()}
        assert set(rows) == set(self.ids), "rows neither come nor go"
        for number, row in rows.items():
            held = row["state"] in (State.CLAIMED, State.DATA)
            assert held == (row["owner"] is not None) == (row["lease_us"] is not None)
            if number in self.taken:
                assert row["state"] == State.SENT, "sent, and forgotten"
            if number not in self.resent:
                assert self.dots[number] <= 1, "the last dot twice, and nobody chose that"
                waits = row["state"] in (State.READY, State.DEFERRED, State.CLAIMED)
                assert not (waits and self.dots[number]), "it was perhaps taken, and would be sent again"
        with self.store.reading() as connection:
            found = counts(connection, self.campaign)
            open_ = sum(count for state, count in found.items() if state not in FINAL)
            assert sum(found.values()) == len(PEOPLE)
            assert open_ == open_rows(connection, self.campaign)
            assert is_open(connection, self.campaign) == bool(open_)
            assert has_due(connection, self.campaign) == bool(open_ - found.get(State.DEFERRED, 0))


#: how often each thing happens
WEIGHTS = {
    "claims": 20,
    "comes_to_the_dot": 20,
    "is_answered": 10,
    "time_passes": 10,
    "sweeps": 10,
    "resolves": 4,
    "resumes": 6,
    "pauses": 3,
    "crashes": 3,
    "renews": 3,
    "suppresses": 1,
}


@pytest.mark.parametrize("seed", range(24))
def test_no_interleaving_breaks_the_laws(store, seed):
    event.listen(store.engine, "connect", lambda plain, _: plain.execute("PRAGMA synchronous = OFF"))
    store.engine.dispose()
    rng = random.Random(seed)
    world = Interleaving(store, rng)
    for _ in range(120):
        getattr(world, rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0])()
        world.check()
    world.cancels()
    for _ in range(60):
        getattr(world, rng.choice(["comes_to_the_dot", "is_answered", "time_passes", "sweeps", "resolves"]))()
        world.check()


@pytest.fixture
def store(tmp_path):
    with open_store(str(tmp_path / "w.db"), key=KEY) as opened:
        yield opened


def state_of(store, row=1):
    with store.reading() as connection:
        return connection.execute(select(OUTBOX).where(OUTBOX.c.id == row)).mappings().one()


def at_its_dot(store, owner="a"):
    """A mail whose last dot a worker was allowed to write."""
    campaign = new_campaign(store, ["p@example.com"])
    with store.writing() as connection:
        lot = Lot(campaign=campaign, provider="other", count=1)
        claim(connection, lot, owner, lease_us=START_US + LEASE_US)
        going = going_to("p@example.com", row=1, stream="marketing", topic="news", secret=KEY)
        assert let_go(connection, [replace(going, owner=owner)], now_us=START_US)[1].state is State.DATA
    return campaign


def later(store, step, **more):
    with store.writing() as connection:
        return step(connection, now_us=START_US + 2 * LEASE_US, **more)


def test_a_late_reply_ends_a_doubt_and_counts_one_try(store):
    at_its_dot(store)
    assert [row["state"] for row in later(store, sweep)] == [State.UNKNOWN]
    later(store, conclude, ends=[End(id=1, state=State.SENT, tries=1, owner="a", code=250)])
    assert (state_of(store)["state"], state_of(store)["tries"]) == (State.SENT, 1)


@pytest.mark.parametrize("claimed", [False, True])
def test_a_late_reply_keeps_what_is_about_to_be_sent_again_from_it(store, claimed):
    campaign = at_its_dot(store)
    later(store, sweep)
    resolve_doubts(store, [1], "resend", now_us=START_US)
    with store.writing() as connection:
        lot = Lot(campaign=campaign, provider="other", count=int(claimed))
        claim(connection, lot, "b", lease_us=START_US + 10**6)
    later(store, conclude, ends=[End(id=1, state=State.SENT, tries=1, owner="a")])
    assert state_of(store)["state"] == State.SENT
    going = replace(going_to("p@example.com", row=1, stream="marketing", topic="news", secret=KEY), owner="b")
    assert later(store, let_go, going=[going])[1].state is None


def test_what_comes_back_to_a_cancelled_campaign_is_cancelled(store):
    campaign = at_its_dot(store)
    assert cancel_by_name(store) == 0
    later(store, conclude, ends=[End(id=1, state=State.DEFERRED, tries=1, owner="a", due_us=START_US + 1)])
    later(store, sweep)
    assert state_of(store)["state"] == State.CANCELLED
    with store.reading() as connection:
        assert not is_open(connection, campaign)


def cancel_by_name(store):
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE campaign SET definition = 'one of its own'")
    return cancel(store, "spring", now_us=START_US)


def test_a_late_reply_to_a_cancelled_campaign_is_kept(store):
    at_its_dot(store)
    cancel_by_name(store)
    later(store, conclude, ends=[End(id=1, state=State.SENT, tries=1, owner="a")])
    assert state_of(store)["state"] == State.SENT


def test_doubts_of_a_cancelled_campaign_are_not_sent_again(store):
    at_its_dot(store)
    cancel_by_name(store)
    later(store, sweep)
    assert resolve_doubts(store, [1], "resend", now_us=START_US) == 0
    assert resolve_doubts(store, [1], "sent", now_us=START_US) == 1


def test_many_doubts_of_many_campaigns_are_resolved_together(store):
    numbers = []
    for name in ("first", "second"):
        campaign = new_campaign(store, [f"p{number}@example.com" for number in range(600)], name=name)
        with store.writing() as connection:
            connection.execute(update(OUTBOX).values(state=State.UNKNOWN))
            move_campaign(connection, campaign, CampaignState.FINISHED, among=tuple(CampaignState))
            numbers = list(connection.scalars(select(OUTBOX.c.id)))
    assert resolve_doubts(store, numbers, "resend", now_us=START_US) == 1200
    with store.reading() as connection:
        assert set(connection.exec_driver_sql("SELECT state FROM campaign").scalars()) == {"running"}


# Mails that are handed in


LETTER = Message(to="a@example.com", subject="Your order", text="Thank you")


def test_mails_are_counted_as_they_stand(store):
    """Each state is counted in an index of its own; what is left of all mails was sent."""
    rng, names = random.Random(1), ("first", "second", "third")
    ids = [new_campaign(store, [f"p{number}@example.com" for number in range(60)], name=name) for name in names]
    new_campaign(store, [], name="empty")
    with store.writing() as connection:
        for number in connection.scalars(select(OUTBOX.c.id)).all():
            state = rng.choice(list(State))
            held = state in (State.CLAIMED, State.DATA)
            lease = {"owner": "a", "lease_us": START_US} if held else {}
            connection.execute(update(OUTBOX).where(OUTBOX.c.id == number).values(state=state, **lease))
    for by_itself in (True, False):
        with store.reading() as connection:
            rows = connection.execute(select(OUTBOX.c.campaign, OUTBOX.c.state)).all()
            wanted = {each: Counter(state for campaign, state in rows if campaign == each) for each in ids}
            found = (
                {each: counts(connection, each) for each in ids}
                if by_itself
                else counts_by_campaign(connection)
            )
        assert found == wanted


def test_the_same_key_at_once_is_one_mail(store):
    settings = a_settings()

    def hand_in(_):
        return queue_message(store, LETTER, settings, idempotency_key="order 1", now=START)

    with ThreadPoolExecutor(8) as threads:
        queued = list(threads.map(hand_in, range(24)))
    assert sum(each.new for each in queued) == 1
    assert len({each.id for each in queued}) == 1
    other = Message(to="b@example.com", subject="Your order", text="Thank you")
    with pytest.raises(KeyReused):
        queue_message(store, other, settings, idempotency_key="order 1", now=START)


def test_a_stream_never_ends(store):
    """Else what is handed in later would be taken, and never sent."""
    queued = queue_message(store, LETTER, a_settings(), idempotency_key="order 1", now=START)
    with store.writing() as connection:
        connection.execute(update(OUTBOX).values(state=State.SENT))
        campaign = connection.scalar(select(OUTBOX.c.campaign).where(OUTBOX.c.id == queued.id))
    finish(store, campaign, now_us=START_US)
    with pytest.raises(UsageError, match="can only be paused"):
        cancel(store, "transactional", now_us=START_US)
    with store.reading() as connection:
        assert connection.exec_driver_sql("SELECT state FROM campaign").scalar() == "running"
