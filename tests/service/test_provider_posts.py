"""The endpoints of providers: proven or refused, stored before 200, and read into events in the background."""

import json
import time

import pytest

from hygiene.config import Settings, WebhookSettings
from hygiene.errors import UsageError
from hygiene.tables import EVENT, SUPPRESSION, WEBHOOK

from .site import PEOPLE, served, settings_of
from .webhooks.posts import basic

ANN = PEOPLE[0]


def settings(**webhooks):
    plain = settings_of()
    return Settings(streams=plain.streams, service=plain.service, webhooks=webhooks)


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setenv("POSTMARK", "sesame-of-postmark")
    chosen = settings(postmark=WebhookSettings(username="hook", password="env:POSTMARK"))
    with served(tmp_path / "hygiene.db", settings=chosen) as found:
        yield found


def bounce(site):
    return json.dumps(
        {
            "RecordType": "Bounce",
            "ID": 42,
            "Type": "HardBounce",
            "TypeCode": 1,
            "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
            "Email": ANN,
            "BouncedAt": "2026-11-27T09:00:00Z",
            "Description": "The server was unable to deliver your message (ex: unknown user).",
            "Details": "smtp;550 5.1.1 The email account that you tried to reach does not exist.",
            "Metadata": {"hygiene_ref": site.ref(ANN)},
        }
    )


def post(site, body, *, password="sesame-of-postmark", path="/webhooks/postmark"):
    return site.client.post(path, content=body, headers={"authorization": basic("hook", password)})


def wait_for(condition):
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.02)
    return pytest.fail("it did not come")


def test_a_post_is_stored_and_then_read(site):
    answer = post(site, bounce(site))
    assert answer.status_code == 200
    assert len(site.rows(WEBHOOK)) == 1
    [event] = wait_for(lambda: site.rows(EVENT))
    assert (event["kind"], event["recipient"], event["bounce_class"]) == ("bounced", ANN, "hard")
    assert wait_for(lambda: site.rows(SUPPRESSION))[0]["reason"] == "bounced"


def test_the_same_post_again_is_one(site):
    assert [post(site, bounce(site)).status_code for _ in range(3)] == [200] * 3
    assert len(site.rows(WEBHOOK)) == 1
    assert site.site.posts.verdicts == {("postmark", "stored"): 1, ("postmark", "repeated"): 2}


def test_what_is_not_proven_is_refused_without_a_word_why(site):
    answer = post(site, bounce(site), password="guess")
    assert (answer.status_code, answer.text) == (401, "refused\n")
    assert not site.rows(WEBHOOK)
    assert any("refused" in line for line in site.log)


@pytest.mark.parametrize("name", ["ses", "nobody", "%2e%2e%2fx"])
def test_who_is_not_set_up_is_not_there(site, name):
    assert post(site, "{}", path=f"/webhooks/{name}").status_code == 404


def test_only_posts_are_taken(site):
    assert site.client.get("/webhooks/postmark").status_code == 405


def test_a_webhook_that_would_let_everybody_in_does_not_start(tmp_path):
    chosen = settings(postmark=WebhookSettings())
    with pytest.raises(UsageError, match="anybody could post"), served(tmp_path / "a.db", settings=chosen):
        pass


def test_what_waits_is_read_at_the_start(tmp_path, monkeypatch):
    monkeypatch.setenv("POSTMARK", "sesame-of-postmark")
    chosen = settings(postmark=WebhookSettings(username="hook", password="env:POSTMARK"))
    with served(tmp_path / "hygiene.db", settings=chosen) as site:
        monkeypatch.setattr(site.site.posts, "note", lambda *_: None)  # the program ends before it reads
        post(site, bounce(site))
        assert not site.rows(EVENT)
    with served(tmp_path / "hygiene.db", settings=chosen, people=()) as site:
        wait_for(lambda: site.rows(EVENT))
