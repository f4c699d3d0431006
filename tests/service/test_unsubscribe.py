"""Unsubscribing: GET asks, POST acts, at once, for good, as often as it comes, and never at receipts."""

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from hygiene.address import judge_address
from hygiene.metrics.measure import measure
from hygiene.service.page import masked
from hygiene.store import open_store
from hygiene.suppression_forms import Form, digest
from hygiene.tables import CONSENT, EVENT, OPT_OUT, OUTBOX, SUPPRESSION
from hygiene.tokens import Purpose, read_token

from ..sending.mailings import KEY, START_US, Clock, Played, new_campaign, send_all, worker_on
from .site import PEOPLE, served

ANN, BOB, CEM = PEOPLE
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def site(tmp_path):
    with served(tmp_path / "hygiene.db") as found:
        yield found


def person(address):
    return digest(judge_address(address).mailbox, Form.HMAC, KEY)


def urlencoded(client, path):
    return client.post(path, data=ONE_CLICK)


def multipart(client, path):
    return client.post(path, files={"List-Unsubscribe": (None, "One-Click")})


def multipart_with_more(client, path):
    return client.post(path, files={"x": (None, "y"), "List-Unsubscribe": (None, "One-Click")})


@pytest.mark.parametrize("post", [urlencoded, multipart, multipart_with_more])
def test_one_click_acts_without_cookie_login_or_redirect(site, post):
    answer = post(site.client, f"/u/{site.token(ANN)}")
    assert (answer.status_code, answer.text) == (200, "unsubscribed\n")
    assert "location" not in answer.headers
    assert "set-cookie" not in answer.headers
    assert site.rows(OPT_OUT) == [
        {"topic": "news", "person": person(ANN), "since_us": START_US, "source": "one-click"}
    ]


def test_it_is_in_the_store_before_the_answer_and_survives_the_program(tmp_path):
    with served(tmp_path / "hygiene.db") as site:
        urlencoded(site.client, f"/u/{site.token(ANN)}")
        with open_store(str(tmp_path / "hygiene.db"), key=KEY) as other, other.reading() as connection:
            assert connection.scalar(text("SELECT count(*) FROM opt_out")) == 1
            assert (
                connection.scalar(text("PRAGMA synchronous")) == 2
            )  # FULL: a power cut keeps what was committed


def test_the_event_knows_campaign_and_mail(site):
    urlencoded(site.client, f"/u/{site.token(ANN)}")
    [event] = site.rows(EVENT)
    row = site.row(ANN)
    said = {
        name: event[name] for name in ("campaign", "stream", "message", "message_id", "recipient", "domain")
    }
    assert said == {
        "campaign": "spring",
        "stream": "marketing",
        "message": row["id"],
        "message_id": row["ref"],
        "recipient": ANN,
        "domain": "shop.example",
    }
    assert (event["kind"], event["ts_us"], event["source"]) == ("unsubscribed", START_US, "outbox")


def test_a_measurement_of_the_workspace_counts_it(site):
    send_all(worker_on(site.store, Played(), Clock()), 1)
    urlencoded(site.client, f"/u/{site.token(ANN)}")
    counted = measure(site.store.place).counts()
    assert (counted["sent"], counted["unsubscribed"]) == (3, 1)


def test_evidence_of_the_withdrawal_is_kept_once(site):
    for _ in range(3):
        site.client.post(f"/u/{site.token(ANN)}", data=ONE_CLICK, headers={"user-agent": "Mailer/1"})
    [row] = site.rows(CONSENT)
    assert (row["act"], row["topic"], row["address"], row["agent"]) == ("withdrawn", "news", ANN, "Mailer/1")


def test_a_token_is_good_for_ever_and_twice_is_once(site):
    path = f"/u/{site.token(ANN)}"
    assert {urlencoded(site.client, path).status_code for _ in range(5)} == {200}
    assert len(site.rows(OPT_OUT)) == len(site.rows(EVENT)) == 1
    site.site.clock.move(days=3_650)
    assert urlencoded(site.client, path).status_code == 200
    assert site.rows(OPT_OUT)[0]["since_us"] == START_US


@pytest.mark.parametrize("method", ["get", "head", "options", "put", "delete"])
def test_nothing_but_a_post_acts(site, method):
    getattr(site.client, method)(f"/u/{site.token(ANN)}")
    assert not site.rows(OPT_OUT) + site.rows(EVENT) + site.rows(SUPPRESSION) + site.rows(CONSENT)


@pytest.mark.parametrize("body", [b"", b"x=1", b"List-Unsubscribe=no", b"leave", b"\xff\x00"])
def test_a_post_that_says_nothing_does_nothing(site, body):
    answer = site.client.post(
        f"/u/{site.token(ANN)}",
        content=body,
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 400
    assert not site.rows(OPT_OUT)


def test_the_page_has_one_button_and_names_nobody_in_full(site):
    page = site.client.get(f"/u/{site.token(ANN)}")
    assert page.text.count("<button") == 1
    assert "a•••@shop.example" in page.text
    assert ANN not in page.text
    assert "<script" not in page.text


def test_the_button_leaves_the_list_and_offers_the_rest(site):
    page = site.client.post(f"/u/{site.token(ANN)}", data={"leave": "topic"})
    assert "You are unsubscribed." in page.text
    assert 'value="all"' in page.text
    assert [row["source"] for row in site.rows(OPT_OUT)] == ["page"]
    assert not site.rows(SUPPRESSION)


@pytest.mark.parametrize("chosen", [["all"], ["topic", "all"]])
def test_all_marketing_is_left_where_that_is_chosen(site, chosen):
    page = site.client.post(f"/u/{site.token(ANN)}", data={"leave": chosen})
    assert "No more marketing mail" in page.text
    [row] = site.rows(SUPPRESSION)
    assert (row["address"], row["reason"], row["mailbox"]) == (ANN, "unsubscribed", person(ANN))
    assert [(row["act"], row["topic"]) for row in site.rows(CONSENT)] == [("withdrawn", "")]


def test_first_the_list_then_all_is_one_event(site):
    for chosen in ("topic", "all", "all"):
        site.client.post(f"/u/{site.token(ANN)}", data={"leave": chosen})
    assert site.kinds() == ["unsubscribed"]
    assert sorted(row["topic"] for row in site.rows(CONSENT)) == ["", "news"]


def test_what_is_queued_is_not_sent_any_more_but_to_others_and_receipts_are(tmp_path):
    with served(tmp_path / "hygiene.db") as site:
        receipts = new_campaign(site.store, PEOPLE, name="transactional", stream="transactional")
        urlencoded(site.client, f"/u/{site.token(ANN)}")
        site.client.post(f"/u/{site.token(BOB)}", data={"leave": "all"})
        transport = Played()
        send_all(worker_on(site.store, transport, Clock()), 1)
        assert [mail.recipient for mail in transport.taken] == [CEM]
        reasons = {
            row["recipient"]: (row["state"], row["reason"]) for row in site.rows(OUTBOX) if row["campaign"] == 1
        }
        assert reasons == {
            ANN: ("suppressed", "unsubscribed"),
            BOB: ("suppressed", "unsubscribed"),
            CEM: ("sent", ""),
        }
        transport = Played()
        send_all(worker_on(site.store, transport, Clock()), receipts)
        assert sorted(mail.recipient for mail in transport.taken) == sorted(PEOPLE)


def test_the_link_of_a_receipt_leaves_marketing_not_receipts(tmp_path):
    with served(tmp_path / "hygiene.db", stream="transactional") as site:
        assert urlencoded(site.client, f"/u/{site.token(ANN)}").status_code == 200
        assert [row["reason"] for row in site.rows(SUPPRESSION)] == ["unsubscribed"]
        assert not site.rows(OPT_OUT)
        transport = Played()
        send_all(worker_on(site.store, transport, Clock()), 1)
        assert len(transport.taken) == len(PEOPLE)


def test_a_person_is_a_mailbox_however_it_is_written(tmp_path):
    people = ("a.nn+news@gmail.com", "ann@googlemail.com")
    with served(tmp_path / "hygiene.db", people=people) as site:
        urlencoded(site.client, f"/u/{site.token(people[0])}")
        transport = Played()
        send_all(worker_on(site.store, transport, Clock()), 1)
        assert not transport.taken


def test_somebody_erased_can_still_leave(site):
    with site.store.writing() as connection:
        connection.execute(OUTBOX.update().values(recipient=None, key=person(ANN)).where(OUTBOX.c.id == 1))
    row = site.rows(OUTBOX)[0]
    assert row["recipient"] is None
    assert urlencoded(site.client, f"/u/{site.token(ANN)}").status_code == 200
    assert [row["person"] for row in site.rows(OPT_OUT)] == [person(ANN)]
    assert [row["address"] for row in site.rows(CONSENT)] == [None]


def bad_tokens(site):
    good = site.token(ANN)
    return [
        good[:-1],
        good + "a",
        good[:-1] + ("a" if good[-1] != "a" else "b"),
        ("a" if good[0] != "a" else "b") + good[1:],
        site.token(ANN, Purpose.OPEN),
        site.token(ANN, Purpose.CONFIRM),
        site.ref(ANN),
        "a" * 24,
        "%00" * 24,
        "..%2f..%2fetc%2fpasswd",
        "é" * 24,
    ]


@pytest.mark.parametrize("number", range(11))
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_forged_token_is_a_page_that_never_was(site, method, number):
    token = bad_tokens(site)[number]
    answer = site.client.request(method, f"/u/{token}", data=ONE_CLICK if method == "POST" else None)
    never = site.client.get("/no-such-page")
    assert answer.status_code == never.status_code == 404
    assert answer.text == never.text
    assert not site.rows(OPT_OUT) + site.rows(EVENT)


def test_a_sound_token_of_a_mail_that_is_not_known_promises_nothing(site):
    assert urlencoded(site.client, f"/u/{site.token('eve@shop.example')}").status_code == 404


def test_the_case_of_a_token_does_not_matter(site):
    assert urlencoded(site.client, f"/u/{site.token(ANN).upper()}").status_code == 200
    assert len(site.rows(OPT_OUT)) == 1


@given(st.text(max_size=60))
def test_no_text_is_a_token_but_by_the_key(token):
    assert read_token(token, Purpose.UNSUBSCRIBE, KEY) is None


@pytest.mark.parametrize("address", ["", None, "x", "@", "ann@shop.example", "<b>@x.example"])
def test_masking_never_fails(address):
    assert "ann" not in masked(address)


def test_a_hostile_topic_is_escaped(site):
    with site.store.writing() as connection:
        connection.execute(text("UPDATE campaign SET topic = '<script>alert(1)</script>\u202e'"))
    for page in (
        site.client.get(f"/u/{site.token(ANN)}"),
        site.client.post(f"/u/{site.token(ANN)}", data={"leave": "topic"}),
    ):
        assert page.status_code == 200
        assert "<script" not in page.text
        assert "\u202e" not in page.text


def test_many_at_once_are_all_written_and_one_that_fails_costs_no_other(site, monkeypatch):
    people = [f"p{number}@shop.example" for number in range(300)]
    new_campaign(site.store, people, name="autumn")
    tokens = [site.token(address, campaign="autumn") for address in people]
    answers = []

    def post(part):
        answers.extend(urlencoded(site.client, f"/u/{token}").status_code for token in part)

    threads = [threading.Thread(target=post, args=(tokens[start::8],)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 300
    assert len(site.rows(OPT_OUT)) == len(site.rows(EVENT)) == 300


def test_a_store_that_cannot_be_written_is_said_and_nothing_is_promised(site):
    with site.store.writing() as connection:
        connection.execute(text("DROP TABLE opt_out"))
    answer = urlencoded(site.client, f"/u/{site.token(ANN)}")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "opt_out" not in answer.text


def test_a_step_that_fails_for_one_is_done_for_the_others():
    from hygiene.service.together import Together

    class Ledger:
        async def run(self, step):
            return step(None)

    def step(_connection, items):
        if "bad" in items:
            raise ValueError("bad")
        return [item.upper() for item in items]

    async def ask():
        together = Together(Ledger(), step)
        return await asyncio.gather(*(together.ask(item) for item in ("a", "bad", "c")), return_exceptions=True)

    first, fault, last = asyncio.run(ask())
    assert (first, last) == ("A", "C")
    assert isinstance(fault, ValueError)
