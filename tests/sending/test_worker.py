"""What becomes of mails: the states of the outbox, the laws of sending, and the events that tell of it."""

import asyncio
import time

import pytest
from sqlalchemy import event, select, update

from hygiene import event_loop
from hygiene.config import AccountSettings
from hygiene.contacts.suppression import Reason
from hygiene.contacts.suppression.workspace import add_suppressions, load_suppressions
from hygiene.errors import UnreadableInput
from hygiene.sending.breaker import Breaker
from hygiene.sending.census import counts
from hygiene.sending.claiming import Claims
from hygiene.sending.judging import MOST_TRIES, judge_reply
from hygiene.sending.mailing import Canary
from hygiene.sending.outbox import cancel_rest, find_campaign, move_campaign
from hygiene.sending.reply import Outcome, Phase, Reply
from hygiene.sending.states import CampaignState, State
from hygiene.sending.worker import Watching, is_done
from hygiene.store import open_store
from hygiene.suppression_forms import Form, digest
from hygiene.tables import CAMPAIGN, EVENT, OPT_OUT, OUTBOX
from tests.sending.mailings import (
    ACCEPTED,
    KEY,
    START,
    START_US,
    Clock,
    Plain,
    Played,
    new_campaign,
    reply,
    send_all,
    worker_on,
)

PEOPLE = [f"person{number}@example.com" for number in range(10)]


@pytest.fixture
def store(tmp_path):
    with open_store(str(tmp_path / "w.db"), key=KEY) as opened:
        yield opened


def states(store, campaign):
    with store.reading() as connection:
        return counts(connection, campaign)


def rows(store):
    with store.reading() as connection:
        return connection.execute(select(OUTBOX).order_by(OUTBOX.c.place)).mappings().all()


def kinds(store, recipient):
    with store.reading() as connection:
        query = select(EVENT.c.kind).where(EVENT.c.recipient == recipient).order_by(EVENT.c.ts_us, EVENT.c.kind)
        return list(connection.scalars(query))


def work(worker):
    """Let a worker do whatever can be done now."""
    event_loop.run(asyncio.wait_for(worker.run(until=lambda _: True), 60))


def test_each_is_sent_once_and_told_of(store):
    campaign, transport = new_campaign(store, PEOPLE), Played()
    send_all(worker_on(store, transport, Clock()), campaign)
    assert sorted(mail.recipient for mail in transport.taken) == PEOPLE
    assert states(store, campaign) == {State.SENT: 10}
    assert transport.closed
    first = rows(store)[0]
    assert (first["tries"], first["code"], first["reply"], first["remote"]) == (1, 250, "queued", "q1")
    assert kinds(store, PEOPLE[0]) == ["delivered", "sent"]


def test_queueing_twice_changes_nothing(store):
    assert new_campaign(store, PEOPLE) == new_campaign(store, PEOPLE)
    assert len(rows(store)) == 10


SUPPRESSING = {
    "its address": ["Person3@example.com"],
    "its domain": ["@example.com"],
    "a domain with all below": ["*.example.com"],
    "an MD5": [digest("person3@example.com", Form.MD5)],
    "a SHA-256": [digest("person3@example.com", Form.SHA256)],
}


@pytest.mark.parametrize("entries", SUPPRESSING.values(), ids=SUPPRESSING)
def test_whoever_is_suppressed_after_queueing_is_not_mailed(store, entries):
    campaign, transport = new_campaign(store, ["person3@example.com", "ann@elsewhere.example"]), Played()
    add_suppressions(store, entries, now=START)
    send_all(worker_on(store, transport, Clock()), campaign)
    assert [mail.recipient for mail in transport.taken] == ["ann@elsewhere.example"]
    assert states(store, campaign) == {State.SENT: 1, State.SUPPRESSED: 1}
    assert kinds(store, "person3@example.com") == ["rejected"]


def test_suppression_at_the_last_moment_counts(store):
    """Suppressed by the first mail's own hand-over: the second, already claimed and composed, stays."""
    campaign = new_campaign(store, ["first@example.com", "second@example.com"])

    def answer(mail):
        if mail.recipient == "first@example.com":
            add_suppressions(store, ["second@example.com"], now=START)
        return ACCEPTED

    transport = Played(answer, capacity=1)
    send_all(worker_on(store, transport, Clock()), campaign)
    assert [mail.recipient for mail in transport.taken] == ["first@example.com"]


def opt_out(store, address, topic="news"):
    with store.writing() as connection:
        person = digest(address, Form.HMAC, KEY)
        connection.execute(
            OPT_OUT.insert().values(topic=topic, person=person, since_us=START_US, source="test")
        )


def test_an_opt_out_is_of_one_topic(store):
    campaign, transport = new_campaign(store, ["a@example.com", "b@example.com"]), Played()
    opt_out(store, "a@example.com")
    opt_out(store, "b@example.com", topic="other")
    send_all(worker_on(store, transport, Clock()), campaign)
    assert [mail.recipient for mail in transport.taken] == ["b@example.com"]


@pytest.mark.parametrize(
    ("reason", "sent"), [(Reason.UNSUBSCRIBED, 1), (Reason.BOUNCED, 0), (Reason.COMPLAINED, 0)]
)
def test_receipts_go_to_who_unsubscribed_but_not_to_who_is_gone(store, reason, sent):
    campaign, transport = new_campaign(store, ["a@example.com"], stream="transactional"), Played()
    add_suppressions(store, ["a@example.com"], reason=reason, now=START)
    send_all(worker_on(store, transport, Clock()), campaign)
    assert len(transport.taken) == sent


def test_a_hard_bounce_suppresses(store):
    campaign = new_campaign(store, ["a@example.com", "b@example.com"])
    refused = reply(Outcome.REFUSED, 550, "5.1.1", "5.1.1 <a@example.com>: no such user here")
    transport = Played(lambda mail: refused if mail.recipient.startswith("a") else ACCEPTED)
    send_all(worker_on(store, transport, Clock()), campaign)
    assert states(store, campaign) == {State.SENT: 1, State.FAILED: 1}
    assert [row["reason"] for row in rows(store)] == ["userunknown", ""]
    assert load_suppressions(store).to_table().to_pylist()[0]["reason"] == "bounced"
    assert kinds(store, "a@example.com") == ["bounced", "sent"]


def test_a_full_mailbox_does_not(store):
    campaign = new_campaign(store, ["a@example.com"])
    transport = Played(lambda _: reply(Outcome.REFUSED, 552, "5.2.2", "5.2.2 mailbox full, over quota"))
    send_all(worker_on(store, transport, Clock()), campaign)
    assert states(store, campaign) == {State.FAILED: 1}
    assert not len(load_suppressions(store))


def test_what_is_our_fault_holds_the_campaign_and_suppresses_nobody(store):
    campaign, trips = new_campaign(store, [f"p{n}@example.com" for n in range(40)]), []
    text = "5.7.1 Service unavailable; client [192.0.2.1] blocked using Spamhaus"
    transport = Played(lambda _: reply(Outcome.REFUSED, 554, "5.7.1", text))
    watching = Watching(held=lambda mailing, trip: trips.append(trip))
    work(worker_on(store, transport, Clock(), watching=watching))
    with store.reading() as connection:
        row = find_campaign(connection, "spring")
    assert row["state"] == CampaignState.HELD
    assert "fault of the sender" in row["held_because"]
    assert [trip.reason for trip in trips] == ["blocked"]
    found = states(store, campaign)
    assert set(found) == {State.DEFERRED, State.READY}
    assert found[State.DEFERRED] < 15, "it stops soon"
    assert not len(load_suppressions(store))


def test_a_list_of_dead_addresses_holds_the_campaign(store):
    new_campaign(store, [f"p{n}@example.com" for n in range(100)])
    transport = Played(lambda _: reply(Outcome.REFUSED, 550, "5.1.1", "no such user"))
    work(worker_on(store, transport, Clock()))
    with store.reading() as connection:
        assert "do not exist" in find_campaign(connection, "spring")["held_because"]


def test_a_deferred_mail_comes_again_when_it_is_due(store):
    campaign, clock = new_campaign(store, ["a@example.com"]), Clock()
    greylisted = reply(Outcome.DEFERRED, 451, "4.7.1", "greylisted, try again later")
    answers = iter([greylisted, ACCEPTED])
    transport = Played(lambda _: next(answers))
    work(worker_on(store, transport, clock))
    assert states(store, campaign) == {State.DEFERRED: 1}
    clock.move(seconds=50)
    work(worker_on(store, transport, clock))
    assert states(store, campaign) == {State.DEFERRED: 1}, "not yet"
    clock.move(seconds=30)
    send_all(worker_on(store, transport, clock), campaign)
    assert states(store, campaign) == {State.SENT: 1}
    assert rows(store)[0]["tries"] == 2
    assert kinds(store, "a@example.com") == ["deferred", "sent", "delivered"]


def test_a_server_that_says_when_is_believed(store):
    new_campaign(store, ["a@example.com"])
    later = Reply(outcome=Outcome.DEFERRED, phase=Phase.DATA, code=429, text="slow down", retry_after_s=7200)
    work(worker_on(store, Played(lambda _: later), Clock()))
    assert rows(store)[0]["due_us"] == START_US + 7200 * 1_000_000


def test_what_was_never_delivered_in_time_has_bounced(store):
    hour_us = 3600 * 1_000_000
    campaign, clock = new_campaign(store, ["a@example.com"], expires_us=START_US + hour_us), Clock()
    busy = reply(Outcome.DEFERRED, 451, "4.3.2", "system busy")
    work(worker_on(store, Played(lambda _: busy), clock))
    clock.move(hours=2)
    send_all(worker_on(store, Played(), clock), campaign)
    assert states(store, campaign) == {State.EXPIRED: 1}
    assert kinds(store, "a@example.com") == ["deferred", "sent", "bounced"]


def test_an_old_queue_is_not_sent(store):
    """A backup that is played back must not mail last month's offer."""
    clock, transport = Clock(), Played()
    campaign = new_campaign(store, PEOPLE, expires_us=START_US + 1_000_000)
    clock.move(days=30)
    send_all(worker_on(store, transport, clock), campaign)
    assert not transport.taken
    assert states(store, campaign) == {State.EXPIRED: 10}
    assert kinds(store, PEOPLE[0]) == ["rejected"]


def test_a_broken_way_blames_nobody(store):
    campaign, trouble = new_campaign(store, ["a@example.com"]), []
    down = reply(Outcome.NOT_SENT, phase=Phase.CONNECT, text="connection refused")
    watching = Watching(trouble=lambda line: trouble.append(line.trouble.text))
    work(worker_on(store, Played(lambda _: down), Clock(), watching=watching))
    assert states(store, campaign) == {State.READY: 1}
    assert trouble == ["connection refused"], "and the way is left alone for a while"
    assert rows(store)[0]["tries"] == 0
    assert kinds(store, "a@example.com") == []


@pytest.mark.parametrize(
    ("stream", "tries", "end"), [("marketing", 1, State.UNKNOWN), ("transactional", 2, State.SENT)]
)
def test_a_doubt_is_parked_or_resolved_by_one_more_try(store, stream, tries, end):
    campaign = new_campaign(store, ["a@example.com"], stream=stream)
    lost = Reply(outcome=Outcome.UNKNOWN, phase=Phase.DOT, text="connection lost after the dot")
    answers = iter([lost, ACCEPTED])
    transport = Played(lambda _: next(answers))
    for _ in range(3):
        work(worker_on(store, transport, Clock(), resends_doubts=stream != "marketing"))
    assert states(store, campaign) == {end: 1}
    assert rows(store)[0]["tries"] == tries
    assert kinds(store, "a@example.com") == (["delivered", "sent"] if end is State.SENT else ["sent"])


def test_a_second_doubt_is_not_tried_again(store):
    campaign = new_campaign(store, ["a@example.com"], stream="transactional")
    transport = Played(lambda _: Reply(outcome=Outcome.UNKNOWN, phase=Phase.DOT, text="lost"))
    for _ in range(3):
        work(worker_on(store, transport, Clock(), resends_doubts=True))
    assert states(store, campaign) == {State.UNKNOWN: 1}
    assert len(transport.taken) == 2


TRY_LATER = reply(Outcome.DEFERRED, 451, "4.7.1", "try again later")
LOST = Reply(outcome=Outcome.UNKNOWN, phase=Phase.DOT, text="lost")
WAY_FAILS = reply(Outcome.NOT_SENT, phase=Phase.CONNECT, text="connection refused")
LOOP = reply(Outcome.REFUSED, 554, "5.7.1", "client blocked using Spamhaus")


@pytest.mark.parametrize("between", [[TRY_LATER], [TRY_LATER] * 3, [WAY_FAILS], [LOOP, WAY_FAILS, TRY_LATER]])
@pytest.mark.parametrize("last", [LOST, "a crash"])
def test_a_mail_is_resent_a_single_time_whatever_comes_between(store, between, last):
    """Lost, resent, put off, and lost again: it stays in doubt."""
    new_campaign(store, ["a@example.com"], stream="transactional")
    clock, left = Clock(), [LOST, *between, *([LOST] if last is LOST else [])]
    transport = Played(lambda _: left.pop(0) if left else WAY_FAILS)
    while left:
        work(worker_on(store, transport, clock, resends_doubts=True))
        clock.move(hours=5)
    if last is not LOST:
        with store.writing() as connection:
            held = {"state": State.DATA, "owner": "dead", "lease_us": clock() - 1}
            connection.execute(update(OUTBOX).values(held))
    for _ in range(3):
        work(worker_on(store, transport, clock, resends_doubts=True))
        clock.move(hours=5)
    assert [row["state"] for row in rows(store)] == [State.UNKNOWN]


def test_the_reason_of_a_refusal_is_told_of_a_mail_that_was_resent(store):
    new_campaign(store, ["a@example.com"], stream="transactional")
    answers = iter([LOST, reply(Outcome.REFUSED, 550, "5.1.1", "no such user")])
    transport = Played(lambda _: next(answers))
    for _ in range(2):
        work(worker_on(store, transport, Clock(), resends_doubts=True))
    assert [(row["state"], row["reason"]) for row in rows(store)] == [(State.FAILED, "userunknown")]


def test_what_a_dead_worker_had_is_taken_over_once_its_lease_is_out(store):
    campaign, clock = new_campaign(store, ["a@example.com", "b@example.com"]), Clock()
    with store.writing() as connection:
        for address, state in (("a@example.com", State.CLAIMED), ("b@example.com", State.DATA)):
            connection.execute(
                update(OUTBOX)
                .where(OUTBOX.c.recipient == address)
                .values(state=state, owner="dead", lease_us=START_US + 60_000_000)
            )
    work(worker_on(store, Played(), clock))
    assert states(store, campaign) == {State.CLAIMED: 1, State.DATA: 1}, "it may still be alive"
    clock.move(seconds=61)
    transport = Played()
    send_all(worker_on(store, transport, clock), campaign)
    assert [mail.recipient for mail in transport.taken] == ["a@example.com"]
    assert states(store, campaign) == {State.SENT: 1, State.UNKNOWN: 1}
    assert kinds(store, "b@example.com") == ["sent"]


def test_a_worker_that_lost_its_claim_sends_nothing(store):
    campaign = new_campaign(store, ["a@example.com"])

    def stolen(mail):
        with store.writing() as connection:
            connection.execute(update(OUTBOX).values(owner="another", lease_us=START_US + 10**9))
        return ACCEPTED

    transport = Played(stolen)
    work(worker_on(store, transport, Clock()))
    assert not transport.taken
    assert states(store, campaign) == {State.CLAIMED: 1}


FULL = reply(Outcome.REFUSED, 552, "5.2.2", "mailbox full")
NO_USER = reply(Outcome.REFUSED, 550, "5.1.1", "no such user")
OTHERS = {"owner": None, "lease_us": None}
ANOTHER = {"owner": "another", "lease_us": START_US + 10**9}
#: what somebody else made of the mail meanwhile, the reply that comes then, the state that stands, what is told
LATE = {
    "taken, while the next try is at its dot": (
        {"state": State.DATA, **ANOTHER},
        ACCEPTED,
        State.SENT,
        ["delivered", "sent"],
    ),
    "taken, and claimed again": (
        {"state": State.CLAIMED, **ANOTHER},
        ACCEPTED,
        State.SENT,
        ["delivered", "sent"],
    ),
    "taken, though cancelled": (
        {"state": State.CANCELLED, **OTHERS},
        ACCEPTED,
        State.SENT,
        ["delivered", "sent"],
    ),
    "taken, in doubt": ({"state": State.UNKNOWN, **OTHERS}, ACCEPTED, State.SENT, ["delivered", "sent"]),
    "taken, and refused the next time": ({"state": State.FAILED, **OTHERS}, ACCEPTED, State.FAILED, []),
    "put off, and taken the next time": ({"state": State.SENT, **OTHERS}, TRY_LATER, State.SENT, []),
    "put off, and claimed again": ({"state": State.CLAIMED, **ANOTHER}, TRY_LATER, State.CLAIMED, []),
    "refused, and ready again": ({"state": State.READY, **OTHERS}, NO_USER, State.READY, []),
    "refused, and taken the next time": ({"state": State.SENT, **OTHERS}, NO_USER, State.SENT, []),
    "refused, in doubt": ({"state": State.UNKNOWN, **OTHERS}, FULL, State.FAILED, ["bounced", "sent"]),
    "lost, and claimed again": ({"state": State.CLAIMED, **ANOTHER}, LOST, State.CLAIMED, []),
}


@pytest.mark.parametrize(("meanwhile", "late", "stands", "told"), LATE.values(), ids=LATE)
def test_a_reply_that_changes_nothing_tells_nothing(store, meanwhile, late, stands, told):
    """Its lease ran out between the dot and the reply; somebody else has the mail by then."""
    new_campaign(store, ["a@example.com"])
    transport = Played()

    async def send(mail, may_leave):
        if not await may_leave():
            return Reply(outcome=Outcome.WITHHELD, phase=Phase.DATA)
        with store.writing() as connection:
            connection.execute(update(OUTBOX).values(meanwhile))
            move_campaign(connection, 1, CampaignState.PAUSED, among=[CampaignState.RUNNING])
        return late

    transport.send = send
    work(worker_on(store, transport, Clock()))
    assert [row["state"] for row in rows(store)] == [stands]
    assert kinds(store, "a@example.com") == told
    assert not len(load_suppressions(store))


def test_an_end_that_changes_nothing_keeps_no_other_from_being_told(store):
    campaign = new_campaign(store, PEOPLE)
    transport = Played()
    plain = transport.send

    async def send(mail, may_leave):
        async def and_lost():
            left = await may_leave()
            if mail.recipient == PEOPLE[3]:
                with store.writing() as connection:
                    lost = update(OUTBOX).where(OUTBOX.c.recipient == PEOPLE[3])
                    connection.execute(lost.values(state=State.FAILED, **OTHERS))
            return left

        return await plain(mail, and_lost)

    transport.send = send
    send_all(worker_on(store, transport, Clock()), campaign)
    assert states(store, campaign) == {State.SENT: 9, State.FAILED: 1}
    assert [kinds(store, each) for each in PEOPLE].count(["delivered", "sent"]) == 9
    assert kinds(store, PEOPLE[3]) == []


def test_a_pause_holds_what_was_claimed_but_has_not_left(store):
    campaign = new_campaign(store, PEOPLE)

    def answer(mail):
        with store.writing() as connection:
            move_campaign(connection, campaign, CampaignState.PAUSED, among=[CampaignState.RUNNING])
        return ACCEPTED

    transport = Played(answer, capacity=1)
    work(worker_on(store, transport, Clock()))
    assert not transport.taken
    assert states(store, campaign) == {State.READY: 10}


def test_a_cancelled_campaign_sends_nothing_more(store):
    campaign = new_campaign(store, PEOPLE)
    with store.writing() as connection:
        move_campaign(connection, campaign, CampaignState.CANCELLED, among=[CampaignState.RUNNING])
        assert cancel_rest(connection, campaign, now_us=START_US) == 10
    transport = Played()
    work(worker_on(store, transport, Clock()))
    assert not transport.taken


def test_the_canaries_go_first_and_are_watched(store):
    campaign, clock, transport = new_campaign(store, PEOPLE), Clock(), Played()
    canary = Canary(count=3, wait_us=600 * 1_000_000)
    work(worker_on(store, transport, clock, canary=canary))
    assert [mail.recipient for mail in transport.taken] == PEOPLE[:3]
    clock.move(minutes=9)
    work(worker_on(store, transport, clock, canary=canary))
    assert len(transport.taken) == 3
    clock.move(minutes=2)
    send_all(worker_on(store, transport, clock, canary=canary), campaign)
    assert len(transport.taken) == 10


def test_a_rate_is_kept_over_a_restart(store):
    new_campaign(store, [f"p{n}@example.com" for n in range(100)])
    clock, account = Clock(), AccountSettings(rates=("20/h",))
    transport = Played()
    for _ in range(3):
        work(worker_on(store, transport, clock, account=account))
    assert len(transport.taken) == 2, "a tenth at once"
    clock.move(minutes=30)
    work(worker_on(store, transport, clock, account=account))
    assert len(transport.taken) == 4, "refilled up to a tenth, however long it waited"


def test_one_provider_may_be_slower(store):
    new_campaign(
        store,
        [f"p{n}@{domain}" for n in range(20) for domain in ("gmail.com", "example.com")],
        provider=lambda address: "gmail" if "gmail" in address else "other",
    )
    transport = Played()
    work(worker_on(store, transport, Clock(), account=AccountSettings(providers={"gmail": ("10/h",)})))
    gmail = [mail for mail in transport.taken if mail.recipient.endswith("gmail.com")]
    assert (len(gmail), len(transport.taken)) == (1, 21)


def test_warm_up_counts_days_on_which_mail_was_sent(store):
    new_campaign(store, [f"p{n}@example.com" for n in range(400)])
    clock, transport = Clock(), Played()
    account = AccountSettings(warm_up="conservative")
    taken = []
    for days in (0, 1, 10):
        clock.move(days=days)
        before = len(transport.taken)
        for _ in range(30):
            work(worker_on(store, transport, clock, account=account))
            clock.move(minutes=25)
        taken.append(len(transport.taken) - before)
    assert taken[0] <= 50 < taken[2] <= 200
    assert taken[1] <= 100


def test_receipts_do_not_wait_behind_a_newsletter(store):
    """The bulk lane stands still at its rate; the prompt one does not know of it."""
    new_campaign(store, PEOPLE)
    receipts = new_campaign(store, ["buyer@example.com"], name="receipts", stream="transactional")
    blocked = Played()
    blocked.send = lambda mail, may_leave: asyncio.sleep(3600)
    prompt = Played()
    worker = worker_on(store, None, Clock())
    worker._opens = lambda account, lane: prompt if lane == "prompt" else blocked

    async def run():
        task = asyncio.create_task(worker.run())
        while not prompt.taken:
            await asyncio.sleep(0.01)
        task.cancel()
        for courier in tuple(worker._couriers):
            courier.cancel()
        await asyncio.gather(task, return_exceptions=True)

    event_loop.run(asyncio.wait_for(run(), 10))
    assert states(store, receipts) == {State.SENT: 1}


def test_a_store_that_breaks_stops_the_worker(store):
    campaign = new_campaign(store, PEOPLE)

    def answer(mail):
        with store.writing() as connection:
            connection.exec_driver_sql("ALTER TABLE outbox RENAME TO gone")
        return ACCEPTED

    transport = Played(answer, capacity=1)
    with pytest.raises(Exception, match="cannot be used"):
        send_all(worker_on(store, transport, Clock()), campaign)
    assert not transport.taken


def test_a_campaign_row_says_what_it_is(store):
    new_campaign(store, [])
    with store.reading() as connection:
        assert connection.scalar(select(CAMPAIGN.c.state)) == CampaignState.RUNNING


TOO_FAST = reply(Outcome.DEFERRED, 421, "4.7.28", "an unusual rate of mail originating from your IP address")


def test_who_mails_too_fast_waits_instead_of_being_held(store):
    campaign, clock = new_campaign(store, [f"p{n}@example.com" for n in range(100)]), Clock()
    new_campaign(store, ["a@gmail.com"], name="another", provider=lambda _: "gmail")
    transport = Played(lambda mail: ACCEPTED if "gmail" in mail.recipient else TOO_FAST)
    refused = []
    for _ in range(6):
        work(worker := worker_on(store, transport, clock))
        refused.append(states(store, campaign)[State.DEFERRED])
    assert len(transport.taken) == 1, "another provider takes it"
    with store.reading() as connection:
        assert find_campaign(connection, "spring")["state"] == CampaignState.RUNNING
    assert worker._claims._rests, "left alone for a while"
    assert refused[0] <= 2 * transport.capacity, "it stops at the first words"


def test_a_rest_grows_and_ends_with_a_success():
    claims, row = Claims({}), _ROW
    too_fast = judge_reply(row, {}, TOO_FAST, START_US)
    good = judge_reply(row, {}, ACCEPTED, START_US)
    now_us, waits = START_US, []
    for _ in range(12):
        claims.learn("relay", "gmail", too_fast, now_us)
        claims.learn("relay", "gmail", too_fast, now_us)  # of the same burst
        claims.learn("relay", "gmail", good, now_us)  # it was under way
        waits.append(claims._rests["relay", "gmail"].until_us - now_us)
        now_us = claims._rests["relay", "gmail"].until_us
    assert waits[:3] == [1_000_000, 2_000_000, 4_000_000]
    assert waits[-1] == 600_000_000
    assert not too_fast.ours
    claims.learn("relay", "gmail", good, now_us)
    assert not claims._rests


_ROW = {"id": 1, "ref": "r", "recipient": "a@example.com", "provider": "gmail", "tries": 0, "reason": ""}


def test_who_was_erased_while_queued_is_not_mailed(store):
    campaign, transport = new_campaign(store, PEOPLE), Played()
    with store.writing() as connection:
        connection.execute(update(OUTBOX).where(OUTBOX.c.recipient == PEOPLE[3]).values(recipient=None))
    send_all(worker_on(store, transport, Clock()), campaign)
    assert sorted(mail.recipient for mail in transport.taken) == [each for each in PEOPLE if each != PEOPLE[3]]
    assert states(store, campaign) == {State.SENT: 9, State.SUPPRESSED: 1}


@pytest.mark.parametrize("error", [UnicodeEncodeError("ascii", "\ud800", 0, 1, "no"), ValueError("no")])
def test_a_mail_that_cannot_be_made_stops_nobody_else(store, error):
    campaign, transport = new_campaign(store, PEOPLE), Played()

    class Broken(Plain):
        def mail(self, row, now):
            if row["recipient"] == PEOPLE[3]:
                raise error
            return super().mail(row, now)

    send_all(worker_on(store, transport, Clock(), composing=Broken()), campaign)
    assert states(store, campaign) == {State.SENT: 9, State.FAILED: 1}
    assert not len(load_suppressions(store))


def test_a_full_disk_stops_with_one_sentence_and_loses_nothing(store):
    campaign = new_campaign(store, [f"p{n}@example.com" for n in range(300)])

    def answer(mail):
        if mail.recipient == "p5@example.com":
            limit(store, 0)
        return ACCEPTED

    transport = Played(answer, capacity=2)
    with pytest.raises(UnreadableInput, match="full"):
        send_all(worker_on(store, transport, Clock()), campaign)
    limit(store, 10**6)
    clock = Clock()
    clock.move(minutes=10)
    again = Played()
    send_all(worker_on(store, again, clock, owner="w2"), campaign)
    taken = [mail.recipient for mail in (*transport.taken, *again.taken)]
    assert len(set(taken)) == len(taken)
    found = states(store, campaign)
    assert set(found) <= {State.SENT, State.UNKNOWN}
    assert found.get(State.UNKNOWN, 0) <= 2
    assert len(taken) >= 300 - found.get(State.UNKNOWN, 0)


def limit(store, more):
    """Let the store grow by so many pages from now on."""

    def bound(connection, *_):
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar() + more
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    for each in list(getattr(store, "limits", ())):
        event.remove(store.engine, "begin", each)
    store.limits = [bound]
    event.listen(store.engine, "begin", bound)


def test_a_clock_that_jumps_loses_and_doubles_nobody(store):
    campaign, clock = new_campaign(store, [f"p{n}@example.com" for n in range(200)]), Clock()
    jumps = iter([0, 3600, -7200, 86_400, -90_000] * 1000)

    def answer(mail):
        clock.move(seconds=next(jumps))
        return ACCEPTED

    transport = Played(answer)
    send_all(worker_on(store, transport, clock), campaign)
    taken = [mail.recipient for mail in transport.taken]
    assert len(set(taken)) == len(taken)
    found = states(store, campaign)
    assert set(found) <= {State.SENT, State.UNKNOWN}
    assert found[State.SENT] <= len(taken)


def test_a_reply_that_takes_longer_than_the_lease(store):
    """Who lives renews: nobody takes over, and nothing is in doubt."""
    campaign = new_campaign(store, ["a@example.com"])
    transport, other = Played(), Played()
    plain = transport.send

    async def slow(mail, may_leave):
        async def and_wait():
            left = await may_leave()
            await asyncio.sleep(2.5)
            return left

        return await plain(mail, and_wait)

    transport.send = slow

    def now():
        return time.time_ns() // 1000

    async def both():
        workers = [
            worker_on(store, transport, now, lease_s=1.5),
            worker_on(store, other, now, owner="w2", lease_s=1.5),
        ]
        await asyncio.gather(*(each.run(campaigns=[campaign], until=is_done(campaign)) for each in workers))

    event_loop.run(asyncio.wait_for(both(), 30))
    assert len(transport.taken) + len(other.taken) == 1
    assert states(store, campaign) == {State.SENT: 1}


def test_a_steady_share_of_our_faults_trips_and_a_few_do_not():
    refused = judge_reply(_ROW, {}, reply(Outcome.REFUSED, 554, "5.7.1", BLOCKED), START_US)
    assert refused.ours
    for every, trips in ((3, True), (10, False)):
        breaker = Breaker()
        tries = [None if number % every else refused.verdict for number in range(200)]
        told = [breaker.note("other", verdict, ours=verdict is not None) for verdict in tries]
        assert any(told) is trips
    breaker = Breaker()
    told = [breaker.note(f"provider{number}", refused.verdict, ours=True) for number in range(4)]
    assert not any(told), "one refusal at each is no pattern"


BLOCKED = "5.7.1 Service unavailable; client [192.0.2.1] blocked using Spamhaus"


def test_a_broken_campaign_is_refused_for_good_only_after_many_tries(store):
    """A fault of ours costs nobody a mail at once: it comes again, later each time, and suppresses nobody."""
    campaign, clock = new_campaign(store, ["a@example.com"]), Clock()
    transport = Played(lambda _: reply(Outcome.REFUSED, 554, "5.7.1", BLOCKED))
    waits = []
    while State.FAILED not in states(store, campaign):
        work(worker_on(store, transport, clock))
        waits.append(rows(store)[0]["due_us"] - clock.now_us)
        clock.now_us = max(clock.now_us, rows(store)[0]["due_us"])
    assert len(waits) == MOST_TRIES
    assert waits[:-1] == sorted(waits[:-1])
    assert not len(load_suppressions(store))
