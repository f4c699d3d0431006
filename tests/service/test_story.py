"""The whole story of one address, and whether the next mail would reach it."""

import pytest

from hygiene.contacts.suppression import Reason
from hygiene.contacts.suppression.workspace import add_suppressions
from hygiene.errors import UsageError
from hygiene.service.story import tell_story
from hygiene.store import open_store
from hygiene.suppression_forms import Form, digest
from hygiene.tables import OPT_OUT
from tests.sending.mailings import KEY, START, START_US, Clock, Played, new_campaign, send_all, worker_on

TOPICS = {"marketing": "news", "transactional": "receipts"}


@pytest.fixture
def store(tmp_path):
    with open_store(str(tmp_path / "w.db"), key=KEY) as opened:
        yield opened


def test_what_was_sent_is_told_with_its_answer(store):
    campaign = new_campaign(store, ["ann@example.com"])
    send_all(worker_on(store, Played(), Clock()), campaign)
    story = tell_story(store, "Ann@Example.com", TOPICS)
    assert story.would_reach("marketing")
    assert story.exit_code() == 0
    (mail,) = story.held.mails
    assert (mail["campaign_name"], mail["state"], mail["reply"]) == ("spring", "sent", "queued")
    assert {event["kind"] for event in story.held.events} == {"sent", "delivered"}
    assert "queued" in str(story.sections())


def test_who_left_a_topic_still_has_receipts(store):
    with store.writing() as connection:
        person = digest("ann@example.com", Form.HMAC, KEY)
        connection.execute(
            OPT_OUT.insert().values(topic="news", person=person, since_us=START_US, source="page")
        )
    story = tell_story(store, "ann@example.com", TOPICS)
    assert dict(story.because) == {"marketing": "unsubscribed", "transactional": ""}
    assert story.exit_code() == 1


def test_who_complained_has_nothing(store):
    add_suppressions(store, ["ann@example.com"], reason=Reason.COMPLAINED, now=START)
    assert set(tell_story(store, "ann@example.com", TOPICS).because.values()) == {"complained"}


def test_nobody_is_known_and_nothing_forbids(store):
    story = tell_story(store, "new@example.com", TOPICS)
    assert not story.known
    assert story.would_reach("marketing")
    with pytest.raises(UsageError):
        tell_story(store, "no address", TOPICS)
