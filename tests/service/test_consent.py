"""Double opt-in and preferences: evidence of every step, nothing on GET, nothing told about others."""

import json
import re

import pytest

from hygiene.contacts.suppression import Reason
from hygiene.contacts.suppression.workspace import add_suppressions, erase_people
from hygiene.tables import CONSENT, EVENT, OPT_OUT, OUTBOX, SUPPRESSION
from hygiene.tokens import Purpose

from ..sending.mailings import START, START_US, Clock, Played, new_campaign, send_all, worker_on
from .site import PEOPLE, served, settings_of

ANN, BOB, CEM = PEOPLE
DEE = "dee@mail.example"
WORDING = "I agree to receive mails about news. I can leave at any time."


@pytest.fixture
def site(tmp_path):
    with served(tmp_path / "hygiene.db") as found:
        yield found


def subscribe(site, address=DEE, topic="news", **headers):
    return site.client.post("/subscribe", data={"email": address, "topic": topic}, headers=headers)


def asked_mails(site):
    found = [row for row in site.rows(OUTBOX) if "Please confirm" in row["fields"]]
    return [(row["recipient"], json.loads(row["fields"])["text"]) for row in found]


def link(site):
    return re.search(r"https://mail\.shop\.example(/c/[a-z2-7]{24})\n", asked_mails(site)[-1][1])[1]


def acts(site):
    return [(row["act"], row["topic"]) for row in site.rows(CONSENT)]


def test_an_address_is_asked_back_and_only_the_button_confirms(site):
    answer = subscribe(site, **{"user-agent": "Browser/1", "x-forwarded-for": "192.0.2.7"})
    assert answer.status_code == 202
    assert acts(site) == [("asked", "news")]
    page = site.client.get(link(site))
    assert WORDING in page.text
    site.client.head(link(site))
    assert acts(site) == [("asked", "news")]
    site.site.clock.move(hours=3)
    answer = site.client.post(link(site), headers={"user-agent": "Browser/2"})
    assert "You are subscribed." in answer.text
    asked, confirmed = site.rows(CONSENT)
    assert (confirmed["act"], confirmed["wording"], confirmed["address"]) == ("confirmed", WORDING, DEE)
    assert (confirmed["agent"], confirmed["at_us"]) == ("Browser/2", START_US + 3 * 3_600_000_000)
    assert asked["person"] == confirmed["person"]


def test_confirming_twice_is_once(site):
    subscribe(site)
    for _ in range(3):
        assert site.client.post(link(site)).status_code == 200
    assert acts(site) == [("asked", "news"), ("confirmed", "news")]


def test_a_confirmation_is_a_transactional_mail_that_really_leaves(site):
    subscribe(site)
    transport = Played()
    send_all(worker_on(site.store, transport, Clock()), 2)
    assert [mail.recipient for mail in transport.taken] == [DEE]


def test_the_same_again_within_the_hour_is_one_mail_and_later_another(site):
    for _ in range(3):
        assert subscribe(site).status_code == 202
    assert len(asked_mails(site)) == 1
    site.site.clock.move(minutes=61)
    subscribe(site)
    assert len(asked_mails(site)) == 2


def test_another_spelling_within_the_hour_is_the_same_person(site):
    assert [subscribe(site, each).status_code for each in ("dee@gmail.com", "d.e.e+x@gmail.com")] == [202, 202]
    assert [recipient for recipient, _ in asked_mails(site)] == ["dee@gmail.com"]


def test_nobody_is_bombed(site):
    for _ in range(12):
        site.site.clock.move(minutes=61)
        assert subscribe(site).status_code == 202
    assert len(asked_mails(site)) == 5
    site.site.clock.move(hours=24)
    subscribe(site)
    assert len(asked_mails(site)) == 6


def test_one_network_address_asks_so_often_and_no_more(site):
    statuses = [subscribe(site, f"p{number}@mail.example").status_code for number in range(22)]
    assert statuses == [202] * 20 + [429] * 2
    site.site.clock.move(minutes=1)
    assert subscribe(site).status_code == 202


def test_the_answer_tells_nothing_of_an_address(site):
    add_suppressions(site.store, ["bounced@mail.example"], reason=Reason.BOUNCED, now=START)
    erase_people(site.store, ["erased@mail.example"], now=START)
    subscribe(site)
    site.client.post(link(site))
    addresses = (DEE, "new@mail.example", "bounced@mail.example", "erased@mail.example")
    assert len({(subscribe(site, each).status_code, subscribe(site, each).text) for each in addresses}) == 1


def test_somebody_erased_is_not_written_down_again(site):
    erase_people(site.store, [DEE], now=START)
    subscribe(site)
    assert not site.rows(CONSENT)
    assert not asked_mails(site)


@pytest.mark.parametrize(
    ("address", "topic"),
    [
        ("dee", "news"),
        ("", "news"),
        (DEE, ""),
        (DEE, "other"),
        (f"{DEE}\r\nBcc: a@b.example", "news"),
        ("a" * 9999, "news"),
    ],
)
def test_what_is_no_address_or_list_is_asked_again(site, address, topic):
    assert subscribe(site, address, topic).status_code == 422
    assert not site.rows(CONSENT)


def test_a_hostile_address_is_escaped(site):
    answer = subscribe(site, '"><script>alert(1)</script>@x')
    assert answer.status_code == 422
    assert "<script" not in answer.text


def test_a_link_is_good_for_a_while(site):
    subscribe(site)
    site.site.clock.move(days=6)
    assert site.client.get(link(site)).status_code == 200
    site.site.clock.move(days=2)
    assert site.client.get(link(site)).status_code == 410
    assert site.client.post(link(site)).status_code == 410
    assert acts(site) == [("asked", "news")]


@pytest.mark.parametrize("purpose", [each for each in Purpose if each is not Purpose.CONFIRM])
def test_no_other_token_confirms(site, purpose):
    assert site.client.post(f"/c/{site.token(ANN, purpose)}").status_code == 404


def test_a_sound_confirm_token_of_a_mail_that_asked_nothing_confirms_nothing(site):
    assert site.client.post(f"/c/{site.token(ANN, Purpose.CONFIRM)}").status_code == 404
    assert not site.rows(CONSENT)


def test_without_a_way_to_send_there_is_no_form(tmp_path):
    with served(tmp_path / "a.db", settings=settings_of(url="")) as site:
        assert site.client.get("/subscribe").status_code == 404
        assert subscribe(site).status_code == 404


def test_confirming_lifts_one_s_own_opt_out_and_no_bounce(site):
    site.client.post(f"/u/{site.token(ANN)}", data={"leave": "topic"})
    add_suppressions(site.store, [BOB], reason=Reason.BOUNCED, now=START)
    for address in (ANN, BOB):
        subscribe(site, address)
        site.client.post(link(site))
    assert not site.rows(OPT_OUT)
    assert [row["reason"] for row in site.rows(SUPPRESSION)] == ["bounced"]
    assert site.kinds() == ["unsubscribed", "resubscribed"]


def test_leaving_after_coming_back_is_leaving(site):
    for _ in range(2):
        site.client.post(f"/u/{site.token(ANN)}", data={"leave": "topic"})
        assert len(site.rows(OPT_OUT)) == 1
        site.site.clock.move(hours=2)
        subscribe(site, ANN)
        site.client.post(link(site))
        assert not site.rows(OPT_OUT)
        site.site.clock.move(hours=2)
    assert [act for act, _ in acts(site)] == ["withdrawn", "asked", "confirmed"] * 2


# preferences


def preferences(site, address=ANN):
    return f"/u/{site.token(address)}/preferences"


def ticked(page):
    return re.findall(r'value="([^"]*)" checked', page.text)


@pytest.fixture
def lists(site):
    with site.store.writing() as connection:
        new = {"name": "x", "stream": "marketing", "topic": "offers", "state": "finished", "held_because": ""}
        rest = {
            "definition": "{}",
            "manifest": None,
            "overrides": "{}",
            "queued": 0,
            "made_us": 0,
            "ended_us": None,
        }
        from hygiene.tables import CAMPAIGN

        connection.execute(CAMPAIGN.insert().values(new | rest))
    return site


def test_the_page_shows_what_is_on(lists):
    assert ticked(lists.client.get(preferences(lists))) == ["news", "offers"]
    lists.client.post(f"/u/{lists.token(ANN)}", data={"leave": "topic"})
    assert ticked(lists.client.get(preferences(lists))) == ["offers"]
    lists.client.post(f"/u/{lists.token(ANN)}", data={"leave": "all"})
    assert ticked(lists.client.get(preferences(lists))) == []


def test_lists_are_switched_off_and_on_with_evidence(lists):
    page = lists.client.post(preferences(lists), data={"topic": ["offers"]})
    assert ticked(page) == ["offers"]
    assert [row["topic"] for row in lists.rows(OPT_OUT)] == ["news"]
    page = lists.client.post(preferences(lists), data={"topic": ["news", "offers"]})
    assert ticked(page) == ["news", "offers"]
    assert not lists.rows(OPT_OUT)
    assert acts(lists) == [("withdrawn", "news"), ("confirmed", "news")]


def test_saving_what_is_already_so_writes_nothing(lists):
    lists.client.post(preferences(lists), data={"topic": ["news", "offers"]})
    assert not lists.rows(CONSENT) + lists.rows(OPT_OUT) + lists.rows(EVENT)


def test_coming_back_to_one_list_after_leaving_all_is_coming_back_to_one(lists):
    lists.client.post(preferences(lists), data={"leave": "all"})
    assert [row["reason"] for row in lists.rows(SUPPRESSION)] == ["unsubscribed"]
    page = lists.client.post(preferences(lists), data={"topic": ["offers"]})
    assert ticked(page) == ["offers"]
    assert not lists.rows(SUPPRESSION)
    assert [row["topic"] for row in lists.rows(OPT_OUT)] == ["news"]


def test_a_list_that_is_not_there_cannot_be_chosen(lists):
    lists.client.post(preferences(lists), data={"topic": ["news", "offers", "<b>"]})
    assert not lists.rows(CONSENT)


def test_what_was_switched_off_is_not_sent(lists):
    lists.client.post(preferences(lists), data={})
    transport = Played()
    send_all(worker_on(lists.store, transport, Clock()), 1)
    assert ANN not in [mail.recipient for mail in transport.taken]


def test_looking_changes_nothing(lists):
    for method in ("GET", "HEAD"):
        lists.client.request(method, preferences(lists))
    assert not lists.rows(CONSENT) + lists.rows(OPT_OUT)


def test_preferences_need_a_token(lists):
    assert lists.client.get(f"/u/{'a' * 24}/preferences").status_code == 404
    assert lists.client.post(f"/u/{lists.token(ANN, Purpose.OPEN)}/preferences").status_code == 404


def test_a_campaign_after_coming_back_is_sent(site):
    site.client.post(f"/u/{site.token(ANN)}", data={"leave": "all"})
    site.client.post(preferences(site), data={"topic": ["news"]})
    transport = Played()
    send_all(worker_on(site.store, transport, Clock()), new_campaign(site.store, [ANN], name="autumn"))
    assert [mail.recipient for mail in transport.taken] == [ANN]
