"""Workers that send whatever is due: a fault of one campaign or one way out keeps no other one waiting."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from hygiene.config import AccountSettings, Settings, StreamSettings
from hygiene.demo.smtp_sink import SmtpSink
from hygiene.errors import UsageError
from hygiene.sending.claiming import Claims
from hygiene.sending.composing import Message
from hygiene.sending.outbox import find_campaign, move_campaign
from hygiene.sending.queueing import queue_message
from hygiene.sending.reply import Outcome, Phase
from hygiene.sending.running import NoWay, Sending, run_worker
from hygiene.sending.states import CampaignState, State
from hygiene.sending.worker import Watching, Worker
from hygiene.store import open_store
from hygiene.tables import OUTBOX
from tests.sending.mailings import (
    ACCEPTED,
    KEY,
    Clock,
    Played,
    mailing_of,
    new_campaign,
    reply,
    worker_on,
)
from tests.sending.transports.smtp_server import EHLO, Script, in_thread

PEOPLE = [f"person{number}@example.com" for number in range(5)]
LACKING = "the settings have no [accounts.gone] to send by"


@pytest.fixture
def store(tmp_path):
    with open_store(str(tmp_path / "w.db"), key=KEY) as opened:
        yield opened


def campaign_of(store, name):
    with store.reading() as connection:
        return find_campaign(connection, name)


def states(store, campaign):
    with store.reading() as connection:
        return set(connection.scalars(select(OUTBOX.c.state).where(OUTBOX.c.campaign == campaign)))


def lacks_account(row):
    if row["name"] == "broken":
        raise UsageError(LACKING)
    return mailing_of(row)


def lacks_password(account, lane):
    if account == "gone":
        raise UsageError("accounts.gone.password: the variable RELAY is not set")
    return Played()


def two_accounts(row):
    return replace(mailing_of(row), account="gone" if row["name"] == "broken" else "relay")


FAULTS = {
    "an account": (lacks_account, lambda account, lane: Played(), LACKING),
    "a password": (two_accounts, lacks_password, "accounts.gone.password: the variable RELAY is not set"),
}


def worker_of(store, make, opens, told):
    watching = Watching(unfit=lambda *said: told.append(said))
    claims = Claims({"relay": AccountSettings(), "gone": AccountSettings()})
    return Worker(store, make, opens, owner="w", clock=Clock(), claims=claims, watching=watching)


def work(worker, campaigns=None):
    asyncio.run(asyncio.wait_for(worker.run(campaigns=campaigns, until=lambda _: True), 30))


@pytest.mark.parametrize(("make", "opens", "sentence"), FAULTS.values(), ids=FAULTS)
def test_a_campaign_that_lacks_something_is_held_and_the_others_go_on(store, make, opens, sentence):
    broken, good = new_campaign(store, PEOPLE, name="broken"), new_campaign(store, PEOPLE, name="good")
    told = []
    work(worker_of(store, make, opens, told))
    assert told == [("broken", sentence)], "once, though both lanes saw it"
    assert states(store, good) == {State.SENT}
    assert states(store, broken) == {State.READY}
    held = campaign_of(store, "broken")
    assert (held["state"], held["held_because"]) == (CampaignState.HELD, sentence)


@pytest.mark.parametrize(("make", "opens", "sentence"), FAULTS.values(), ids=FAULTS)
def test_a_campaign_that_was_named_says_so_at_once(store, make, opens, sentence):
    broken = new_campaign(store, PEOPLE, name="broken")
    with pytest.raises(UsageError, match=sentence.split("[")[0]):
        work(worker_of(store, make, opens, []), [broken])
    assert campaign_of(store, "broken")["state"] == CampaignState.RUNNING, "nothing to be undone"


def test_what_somebody_resumes_is_not_held_again(store):
    """Whoever has other settings by now is not hindered by a worker that still has the old ones."""
    broken, told = new_campaign(store, PEOPLE, name="broken"), []
    worker = worker_of(store, lacks_account, lambda account, lane: Played(), told)

    def resumed(connection):
        move_campaign(connection, broken, CampaignState.RUNNING, among=[CampaignState.HELD])
        worker._claims._running = None
        looks.append(1)
        return len(looks) > 3

    looks = []
    asyncio.run(asyncio.wait_for(worker.run(until=resumed), 30))
    assert len(told) == 1
    assert campaign_of(store, "broken")["state"] == CampaignState.RUNNING


# By settings, into servers


def settings_of(**accounts):
    sender = "Shop <shop@shop.example>"
    streams = {
        "marketing": StreamSettings(account="first", sender=sender),
        "transactional": StreamSettings(account="second", sender=sender),
    }
    made = {
        name: AccountSettings(host="127.0.0.1", tls="none", connections=2, patience_s=5, **account)
        for name, account in accounts.items()
    }
    return Settings(accounts=made, streams=streams)


def hand_in(store, settings, count=3):
    """Mails of both streams, each by its own account."""
    for stream in settings.streams:
        for number in range(count):
            message = Message(to=f"p{number}@example.com", subject="Hi", text="Hi")
            queue_message(
                store,
                message,
                settings,
                idempotency_key=f"{stream} {number}",
                now=datetime.now(UTC),
                stream=stream,
            )


def sent_by(store, stream):
    with store.reading() as connection:
        campaign = find_campaign(connection, stream)["id"]
        query = select(OUTBOX.c.state).where(OUTBOX.c.campaign == campaign)
        return list(connection.scalars(query))


def test_a_refused_login_shuts_one_way_and_the_other_goes_on(store, monkeypatch):
    monkeypatch.setenv("RELAY", "secret")
    taken, said = [], []

    refusal = Script(ehlo=(*EHLO, "AUTH PLAIN"), answers={"AUTH": "535 5.7.8 no"})
    with SmtpSink(taken.append) as sink, in_thread(refusal) as refusing:
        login = {"port": refusing.port, "username": "us", "password": "env:RELAY"}
        settings = settings_of(first=login, second={"port": sink.port})
        hand_in(store, settings)

        def over(connection):
            return any("Nothing is sent by first" in each for each in said) and len(taken) == 3

        run_worker(store, settings, until=over, sending=Sending(trouble=said.append))
    assert sent_by(store, "transactional") == [State.SENT] * 3
    assert sent_by(store, "marketing") == [State.READY] * 3
    (sentence,) = {each for each in said if "Nothing is sent" in each}
    assert sentence.startswith("first: 535")
    assert "secret" not in sentence


def test_a_way_that_was_shut_is_tried_once_in_a_while(store):
    """Whoever mends the password, or gets another token, need not start the worker anew."""
    campaign, clock = new_campaign(store, PEOPLE), Clock()
    refused = reply(Outcome.NOT_SENT, 535, "5.7.8", "no", phase=Phase.AUTH)
    knocks, ticks = set(), []

    def answer(mail):
        if len(ticks) >= 40:
            return ACCEPTED
        knocks.add(clock())
        return refused

    def next_minute(_):
        ticks.append(1)
        clock.move(minutes=1)
        return len(ticks) > 80

    worker = worker_on(store, Played(answer, capacity=1), clock)
    asyncio.run(asyncio.wait_for(worker.run(until=next_minute), 60))
    assert states(store, campaign) == {State.SENT}
    assert 3 < len(knocks) <= 6, "three in a row, then once in fifteen minutes"


def test_a_run_that_was_asked_for_ends_with_a_refused_login(store, monkeypatch):
    monkeypatch.setenv("RELAY", "secret")
    refusal = Script(ehlo=(*EHLO, "AUTH PLAIN"), answers={"AUTH": "535 5.7.8 no"})
    with in_thread(refusal) as refusing:
        login = {"port": refusing.port, "username": "us", "password": "env:RELAY"}
        settings = settings_of(first=login, second={})
        hand_in(store, settings)
        number = campaign_of(store, "marketing")["id"]
        with pytest.raises(NoWay, match="first: 535"):
            run_worker(store, settings, campaigns=[number], give_up_s=300)


BAD_PACE = {
    "a rate of the account": {"rates": ("10 a day",)},
    "a rate of a provider": {"providers": {"gmail": ("fast",)}},
    "a warm-up plan": {"warm_up": "bold"},
}


@pytest.mark.parametrize("pace", BAD_PACE.values(), ids=BAD_PACE)
def test_a_pace_that_cannot_be_read_holds_only_what_goes_by_it(store, pace):
    taken, held = [], []
    with SmtpSink(taken.append) as sink:
        settings = settings_of(first={"port": sink.port, **pace}, second={"port": sink.port})
        hand_in(store, settings)
        told = Sending(held=lambda name, trip, fix: held.append((name, trip.sentence, fix)))
        run_worker(store, settings, until=lambda _: len(taken) == 3 and bool(held), sending=told)
    assert sent_by(store, "transactional") == [State.SENT] * 3
    ((name, _, fix),) = held
    assert (name, fix) == ("marketing", "Mend that, then hygiene send resume marketing goes on")
