"""A campaign from its file to its last reply, into an SMTP server that notes what it takes."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

import hygiene
from hygiene.config import WorkspaceSettings
from hygiene.contacts.suppression.workspace import erase_people
from hygiene.demo.smtp_sink import SmtpSink
from hygiene.errors import UnreadableInput, UsageError
from hygiene.render.terminal import render_terminal
from hygiene.resolver import Zone
from hygiene.sending.audience import Audience
from hygiene.sending.queueing import withdraw
from hygiene.sending.reply import Outcome, Phase, Reply
from hygiene.sending.running import NoWay, Sending, find_running, go_on
from hygiene.sending.send import NotFit, send_campaign, write_out
from hygiene.sending.states import CampaignState, State
from hygiene.sending.status import Status, cancel, pause, read_doubts, read_status, resolve_doubts, resume
from hygiene.store import open_store
from hygiene.tables import CAMPAIGN, EVENT, OUTBOX
from tests.ports import free_port
from tests.sending.campaign_files import a_row, a_settings, clean_list, write_campaign
from tests.sending.mailings import KEY, START, Clock, Played, new_campaign, reply, worker_on

TOML = """\
name = "spring"
stream = "marketing"
subject = "{{ name }}, bread on Friday"
html = "spring.html"
[fields]
name = { column = "First Name", default = "Good morning" }
"""
HTML = """\
<!doctype html><html lang="en"><head><title>Bread</title></head><body><h1>Hello {{ name }}</h1>
<p>On Friday we bake rye bread, spelt bread and plum cake. Order until Thursday evening, and fetch it warm
from seven o'clock on. The flour comes from the mill next door.</p>
<p><a href="https://bakery.example/order">Order your bread</a></p>
<p>{{ postal_address }}</p><p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>
"""


@pytest.fixture
def place(tmp_path):
    """A campaign and a cleaned list of six."""
    rows = [a_row(number) for number in range(5)] + [a_row(5, **{"First Name": ""})]
    return write_campaign(tmp_path, TOML, spring_html=HTML), clean_list(tmp_path / "list", rows)


@pytest.fixture
def store(tmp_path):
    with open_store(str(tmp_path / "w.db"), key=KEY) as opened:
        yield opened


def settings_for(port, **account):
    return a_settings(account={"host": "127.0.0.1", "port": port, "tls": "none", **account})


def send(place, store, port, **options):
    campaign, to = place
    return send_campaign(campaign, to, store=store, settings=settings_for(port), dns=False, **options)


def test_of_somebody_erased_the_list_brings_nothing_back(place, store):
    """Who was erased after the list was cleaned is still in the file."""
    erase_people(store, ["Person.1@gmail.com"], now=START)
    taken = []
    with SmtpSink(taken.append) as sink:
        found = send(place, store, sink.port)
    assert found.counts == {State.SENT: 5, State.SUPPRESSED: 1}
    assert "person1@gmail.com" not in [mail.recipient for mail in taken]
    with store.reading() as connection:
        tables = (OUTBOX, EVENT)
        rows = [str(tuple(row)) for table in tables for row in connection.execute(select(table))]
    assert not [row for row in rows if "person1@" in row or "Name1" in row]
    assert len(rows) == 6 + 5 * 2 + 1  # and one rejected event


def test_everybody_has_it_once_and_it_is_their_own(place, store):
    taken = []
    with SmtpSink(taken.append) as sink:
        found = send(place, store, sink.port)
        with pytest.raises(UsageError, match="is finished"):
            send(place, store, sink.port)
    assert (found.state, found.counts) == (CampaignState.FINISHED, {State.SENT: 6})
    mails = {mail.recipient: message_from_bytes(mail.content, policy=policy.default) for mail in taken}
    assert len(mails) == len(taken) == 6
    assert mails["person1@gmail.com"]["Subject"] == "Name1, bread on Friday"
    assert mails["person5@gmail.com"]["Subject"] == "Good morning, bread on Friday"
    assert "Hello Name1" in mails["person1@gmail.com"].get_body(("html",)).get_content()
    assert len({mail.return_path for mail in taken}) == 6
    links = {mail["List-Unsubscribe"] for mail in mails.values()}
    assert len(links) == 6


def test_what_was_cut_off_goes_on(place, store):
    """The relay is down at first: nothing is lost, nobody is doubled, and one line says what is wrong."""
    port = free_port()
    with pytest.raises(NoWay, match="stays queued") as raised:
        send(place, store, port, give_up_s=0)
    assert len(str(raised.value).splitlines()) == 1
    assert read_status(store, "spring").campaigns[0].counts == {State.READY: 6}
    taken = []
    with SmtpSink(taken.append, port=port):
        number, _ = find_running(store, "spring")
        found = go_on(store, settings_for(port), number, "spring")
    assert found.counts == {State.SENT: 6}
    assert len(taken) == 6


def test_refusals_are_told_apart(place, store):
    answers = {
        "person0@gmail.com": "550 5.1.1 no such user",
        "person1@gmail.com": "452 4.2.2 mailbox full",
        "person2@gmail.com": "552 5.2.2 mailbox full",
    }
    with SmtpSink(lambda _: None, answer=answers.get) as sink:
        found = send(place, store, sink.port, wait=False)
    assert found.counts == {State.SENT: 3, State.FAILED: 2, State.DEFERRED: 1}
    assert found.state is CampaignState.RUNNING


def test_a_list_that_was_changed_is_never_mailed(place, store):
    campaign, to = place
    with (to / "clean.csv").open("a") as file:
        file.write("evil@example.com,,,,,,\n")
    with pytest.raises(NotFit, match="Nothing was queued"):
        send((campaign, to), store, 9, overrides={"list-altered": "because", "list-not-cleaned": "because"})
    assert not read_status(store).campaigns


@pytest.mark.parametrize("when", [1, 2])
def test_a_list_that_is_changed_while_it_is_queued_goes_to_nobody(place, store, when, monkeypatch):
    """It is put back afterwards, too: whoever was read in between has no mail then."""
    monkeypatch.setattr(Audience.batches, "__defaults__", (2,))
    _, to = place
    listed, told, taken = to / "clean.csv", [], []
    sound = listed.read_bytes()

    def queued(count):
        told.append(count)
        if len(told) == when:
            listed.write_bytes(sound.replace(b"person", b"victim"))

    with SmtpSink(taken.append) as sink:
        with pytest.raises(UsageError, match="changed after the cleaning") as raised:
            send(place, store, sink.port, sending=Sending(queued=queued))
        assert len(str(raised.value).splitlines()) == 1
        assert told
        assert not taken
        assert not read_status(store).campaigns
        with store.reading() as connection:
            assert not connection.execute(select(OUTBOX.c.id)).all()
        listed.write_bytes(sound)
        assert send(place, store, sink.port).counts == {State.SENT: 6}
    assert {mail.recipient for mail in taken} == {f"person{number}@gmail.com" for number in range(6)}


def test_only_what_was_not_released_is_withdrawn(store):
    campaign = new_campaign(store, ["a@example.com"])
    with store.writing() as connection:
        withdraw(connection, campaign)
    assert read_status(store, "spring").campaigns[0].counts == {State.READY: 1}


def begins(place, moment):
    campaign, _ = place
    campaign.write_text(TOML.replace("[fields]", f"not_before = {moment.isoformat()}\n[fields]"))


def test_without_waiting_a_later_campaign_is_queued_and_left(place, store):
    begins(place, datetime.now(UTC) + timedelta(days=2))
    taken = []
    with SmtpSink(taken.append) as sink:
        found = send(place, store, sink.port, wait=False)
    assert (found.state, found.counts) == (CampaignState.RUNNING, {State.READY: 6})
    assert not taken
    shown = render_terminal(Status(campaigns=(found,)).sections(), width=80, colour=False)
    assert "Nothing leaves before" in shown


def test_one_that_has_begun_is_sent_without_waiting(place, store):
    begins(place, datetime.now(UTC) - timedelta(minutes=1))
    with SmtpSink(lambda _: None) as sink:
        assert send(place, store, sink.port, wait=False).counts == {State.SENT: 6}


def test_a_list_that_was_never_cleaned(place, store):
    campaign, to = place
    with pytest.raises(NotFit, match="list-not-cleaned"):
        send((campaign, to.parent / "export.csv"), store, 9)


def test_a_changed_template_is_another_campaign(place, store):
    campaign, to = place
    port = free_port()
    with pytest.raises(NoWay):
        send(place, store, port, give_up_s=0)
    (campaign.parent / "spring.html").write_text(HTML.replace("Friday", "Monday"))
    with pytest.raises(UsageError, match="other content"):
        send((campaign, to), store, port)


def test_a_pause_and_a_cancel(place, store):
    port = free_port()
    with pytest.raises(NoWay):
        send(place, store, port, give_up_s=0)
    pause(store, "spring")
    with pytest.raises(UsageError, match="only a campaign that runs"):
        pause(store, "spring")
    resume(store, "spring")
    assert cancel(store, "spring", now_us=1) == 6
    assert read_status(store, "spring").campaigns[0].counts == {State.CANCELLED: 6}
    with pytest.raises(UsageError, match="ended already"):
        cancel(store, "spring", now_us=1)


def test_a_dry_run_writes_files_and_queues_nothing(place, tmp_path, store):
    campaign, to = place
    count = write_out(campaign, to, tmp_path / "out", settings=settings_for(9), secret=KEY)
    files = sorted((tmp_path / "out").glob("*.eml"))
    assert count == len(files) == 6
    assert (
        message_from_bytes(files[0].read_bytes(), policy=policy.default)["From"]
        == "The Bakery <news@bakery.example>"
    )
    assert not read_status(store).campaigns


def test_our_fault_is_named_by_the_audit(tmp_path, store):
    """SPF of the sender is broken: refusals stop the run, suppress nobody, and the broken record is named."""
    rows = [a_row(number) for number in range(40)]
    campaign, to = write_campaign(tmp_path, TOML, spring_html=HTML), clean_list(tmp_path / "list", rows)
    zone = Zone.from_text('bakery.example. TXT "v=spf1 -all"\n_dmarc.bakery.example. TXT "v=DMARC1; p=none"\n')
    held = []
    refusal = "550 5.7.26 Unauthenticated email from bakery.example is not accepted: SPF and DKIM did not pass"
    with SmtpSink(lambda _: None, answer=lambda _: refusal) as sink:
        found = send_campaign(
            campaign,
            to,
            store=store,
            settings=settings_for(sink.port),
            dns=False,
            resolver=zone,
            sending=Sending(held=lambda name, trip, finding: held.append((name, trip.reason, finding))),
        )
    assert found.state is CampaignState.HELD
    ((name, reason, finding),) = held
    assert (name, reason) == ("spring", "authfailure")
    assert "The audit of bakery.example names" in finding
    assert finding.split(" names ")[1].split(":")[0].startswith(("dkim", "spf", "dmarc"))
    assert finding in found.held_because
    assert "suppression" not in found.held_because
    with store.reading() as connection:
        assert {state for (state,) in connection.execute(select(OUTBOX.c.state))} <= {"ready", "deferred"}


def test_overrides_are_kept(place, store):
    campaign, _ = place
    (campaign.parent / "spring.html").write_text("<p>{{ name }} {{ unsubscribe_url }}</p>" + "x" * 200_000)
    with SmtpSink(lambda _: None) as sink:
        with pytest.raises(NotFit) as raised:
            send(place, store, sink.port)
        reasons = {each.id: "the boss wants it" for each in raised.value.blocking}
        assert reasons
        found = send(place, store, sink.port, overrides=reasons)
    assert found.overrides == reasons
    with store.reading() as connection:
        assert json.loads(connection.scalar(select(CAMPAIGN.c.overrides))) == reasons


# The events of a workspace


REPLIES = st.sampled_from(
    [
        Reply(outcome=Outcome.SENT, phase=Phase.DOT, code=250),
        Reply(outcome=Outcome.UNKNOWN, phase=Phase.DOT, text="lost"),
        reply(Outcome.REFUSED, 550, "5.1.1", "no such user"),
        reply(Outcome.REFUSED, 552, "5.2.2", "mailbox full"),
        reply(Outcome.DEFERRED, 451, "4.7.1", "try again later"),
    ]
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answers=st.lists(st.lists(REPLIES, min_size=1, max_size=3), min_size=1, max_size=12))
def test_what_is_measured_is_what_the_outbox_holds(tmp_path_factory, answers):
    place = tmp_path_factory.mktemp("law") / "w.db"
    people = {f"p{number}@example.com": list(each) for number, each in enumerate(answers)}
    clock = Clock()
    with open_store(str(place), key=KEY) as store:
        campaign = new_campaign(store, people)
        for _ in range(3):
            transport = Played(
                lambda mail: people[mail.recipient].pop(0) if people[mail.recipient] else ACCEPTED
            )
            worker = worker_on(store, transport, clock)
            asyncio.run(worker.run(campaigns=[campaign], until=lambda _: True))
            clock.move(hours=9)
        doubts = [each.id for each in read_doubts(store)]
        resolve_doubts(store, doubts[::2], "sent", now_us=clock())
        with store.reading() as connection:
            states = list(connection.scalars(select(OUTBOX.c.state)))
    counts = hygiene.measure(place, causes=False).to_dict()["counts"]
    bounced = states.count(State.FAILED)
    pending = states.count(State.UNKNOWN) + states.count(State.DEFERRED)
    assert counts["sent"] == len(states)
    assert (counts["bounced"], counts["pending"]) == (bounced, pending)
    assert counts["delivered"] == states.count(State.SENT)


ACCEPTED = Reply(outcome=Outcome.SENT, phase=Phase.DOT, code=250)


def test_a_workspace_without_events_says_so(store):
    with pytest.raises(UnreadableInput, match="no events yet"):
        hygiene.measure(store.place)


def test_rows_of_a_store_that_was_changed_are_not_sent(place, store):
    port = free_port()
    with pytest.raises(NoWay):
        send(place, store, port, give_up_s=0)
    with store.writing() as connection:
        definition = connection.scalar(select(CAMPAIGN.c.definition))
        connection.execute(update(CAMPAIGN).values(definition=definition.replace("Friday", "Sunday")))
    number, _ = find_running(store, "spring")
    with SmtpSink(print, port=port), pytest.raises(UnreadableInput, match="changed in the store"):
        go_on(store, settings_for(port), number, "spring")


def test_the_settings_of_a_workspace_are_there():
    assert WorkspaceSettings().store == "hygiene.db"
