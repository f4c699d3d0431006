"""The API: once, durable, told what is wrong, and true to its own document."""

import json
from concurrent.futures import ThreadPoolExecutor

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from hygiene.contacts.suppression import Reason
from hygiene.contacts.suppression.workspace import add_suppressions, erase_people
from hygiene.errors import UsageError
from hygiene.sending.states import State
from hygiene.service.privacy import erase_everywhere
from hygiene.store import open_store
from hygiene.tables import CAMPAIGN, METADATA, OUTBOX

from ..sending.mailings import KEY, START, START_US, Clock, Played, send_all, worker_on
from .site import running, served, settings_of

TOKEN = "a-token-of-the-api-0123"
RECEIPT = {"to": "ann@shop.example", "to_name": "Ann", "subject": "Your order 1001", "text": "Thank you."}


@pytest.fixture(autouse=True)
def token(monkeypatch):
    monkeypatch.setenv("API_TOKEN", TOKEN)


@pytest.fixture
def site(tmp_path):
    with served(tmp_path / "hygiene.db", settings=settings_of(api_token="env:API_TOKEN"), people=()) as found:
        yield found


def post(site, body=RECEIPT, key="order-1001", **headers):
    content = body if isinstance(body, bytes) else json.dumps(body)
    given = {
        "authorization": f"Bearer {TOKEN}",
        "content-type": "application/json",
        **({"idempotency-key": key} if key else {}),
        **headers,
    }
    return site.client.post("/api/messages", content=content, headers=given)


def get(site, ref):
    return site.client.get(f"/api/messages/{ref}", headers={"authorization": f"Bearer {TOKEN}"})


def test_a_mail_is_taken_once_it_is_written_for_good(site, tmp_path):
    answer = post(site)
    assert answer.status_code == 202
    ref = answer.json()["id"]
    assert answer.headers["location"] == answer.json()["href"] == f"/api/messages/{ref}"
    with open_store(str(tmp_path / "hygiene.db"), key=KEY) as other, other.reading() as connection:
        rows = connection.execute(OUTBOX.select()).mappings().all()
    assert [(row["ref"], row["state"], row["recipient"]) for row in rows] == [
        (ref, "ready", "ann@shop.example")
    ]


def test_the_same_key_with_the_same_mail_is_the_same_answer(site):
    answers = [post(site) for _ in range(3)]
    assert {(each.status_code, each.text) for each in answers} == {(202, answers[0].text)}
    assert len(site.rows(OUTBOX)) == 1


def test_the_order_of_members_and_white_space_do_not_make_another_mail(site):
    turned = json.dumps(dict(reversed(RECEIPT.items())), indent=3).encode()
    assert post(site).json() == post(site, turned).json()


def test_the_same_key_with_another_mail_is_a_conflict(site):
    post(site)
    answer = post(site, RECEIPT | {"subject": "Your order 1002"})
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert [json.loads(row["fields"])["subject"] for row in site.rows(OUTBOX)] == ["Your order 1001"]


def test_many_at_once_with_one_key_are_one_mail(site):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(site), range(24)))
    assert {(each.status_code, each.json()["id"]) for each in answers} == {(202, answers[0].json()["id"])}
    assert len(site.rows(OUTBOX)) == 1


@pytest.mark.parametrize("key", [None, "", " ", "é", "a" * 256, "a b"])
def test_without_a_sound_key_nothing_is_queued(site, key):
    headers = {} if key is None else {"idempotency-key": key.encode()}
    assert post(site, key=None, **headers).status_code == 400
    assert not site.rows(OUTBOX)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"to": "ann"}, "#/to"),
        ({"to": "ann@shop.example, bob@shop.example"}, "#/to"),
        ({"to": "ann@shop.example\r\nBcc: eve@evil.example"}, "#/to"),
        ({"to_name": "Ann\r\nBcc: eve@evil.example"}, "#/to_name"),
        ({"subject": "Hi\nBcc: eve@evil.example"}, "#/subject"),
        ({"subject": "Hi\u2028X"}, "#/subject"),
        ({"subject": " "}, "#/subject"),
        ({"subject": "a" * 901}, "#/subject"),
        ({"subject": 3}, "#/subject"),
        ({"text": ""}, "#/text"),
        ({"text": "a\0b"}, "#/text"),
        ({"reply_to": "nobody"}, "#/reply_to"),
        ({"headers": {"Bcc": "eve@evil.example"}}, "#/headers"),
        ({"headers": {"DKIM-Signature": "v=1"}}, "#/headers"),
        ({"headers": {"X-Hygiene-Ref": "a"}}, "#/headers"),
        ({"headers": {"X-A": "b\r\nBcc: eve@evil.example"}}, "#/headers"),
        ({"headers": {"X-A\r\nBcc": "b"}}, "#/headers"),
        ({"headers": {f"X-{number}": "b" for number in range(21)}}, "#/headers"),
    ],
)
def test_what_cannot_be_sent_is_said_where_it_stands(site, changes, pointer):
    answer = post(site, RECEIPT | changes)
    assert answer.status_code == 422
    assert pointer in [each["pointer"] for each in answer.json()["errors"]]
    assert not site.rows(OUTBOX)


def test_a_member_that_is_not_known_is_refused(site):
    answer = post(site, RECEIPT | {"cc": "eve@evil.example"})
    assert (answer.status_code, "cc" in answer.text) == (422, True)


@pytest.mark.parametrize("body", [b"", b"{", b'{"to": ', b"\xff", b'{"to": "\xff"}'])
def test_what_is_no_json_is_400(site, body):
    assert post(site, body).status_code == 400


@pytest.mark.parametrize("body", [b"null", b"[]", b"1", b'"a"', b"{}", b"[" * 100_000])
def test_other_json_is_422(site, body):
    assert post(site, body).status_code == 422


def test_another_media_type_is_415(site):
    assert post(site, **{"content-type": "text/plain"}).status_code == 415


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer wrong-token-of-the-api", f"Basic {TOKEN}", f"Bearer {TOKEN}x"]
)
def test_without_the_token_nothing_is_told(site, given):
    ref = post(site).json()["id"]
    for answer in (
        post(site, key="other", authorization=given),
        site.client.get(f"/api/messages/{ref}", headers={"authorization": given}),
    ):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    assert len(site.rows(OUTBOX)) == 1


def test_wrong_tokens_are_slowed_and_the_right_one_is_not(site):
    statuses = [post(site, authorization=f"Bearer guess-{number}").status_code for number in range(30)]
    assert statuses[:10] == [401] * 10
    assert statuses[10:] == [429] * 20
    assert post(site).status_code == 202
    site.site.clock.move(minutes=1)
    assert post(site, authorization="Bearer guess").status_code == 401


def test_a_store_of_requests_is_limited(tmp_path):
    limited = settings_of(api_token="env:API_TOKEN", api_per_minute=5)
    with served(tmp_path / "hygiene.db", settings=limited, people=()) as site:
        answers = [post(site) for _ in range(6)]
        assert [each.status_code for each in answers] == [202] * 5 + [429]
        assert int(answers[-1].headers["retry-after"]) == 12
        site.site.clock.move(seconds=12)
        assert post(site).status_code == 202


def test_without_a_token_in_the_settings_there_is_no_api(tmp_path):
    with served(tmp_path / "hygiene.db", people=()) as site:
        assert post(site).status_code == 404
        assert post(site, authorization="Bearer ").status_code == 404


def test_a_short_token_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("API_TOKEN", "short")
    with (
        pytest.raises(UsageError, match="too short"),
        served(tmp_path / "x.db", settings=settings_of(api_token="env:API_TOKEN")),
    ):
        pass


@pytest.mark.parametrize("reason", [Reason.BOUNCED, Reason.COMPLAINED])
def test_somebody_who_must_not_be_mailed_is_named_at_once_and_never_mailed(site, reason):
    add_suppressions(site.store, ["ann@shop.example"], reason=reason, now=START)
    answer = post(site)
    assert (answer.status_code, answer.json()["suppressed"]) == (202, reason)
    transport = Played()
    send_all(worker_on(site.store, transport, Clock()), 1)
    assert not transport.taken
    fate = get(site, answer.json()["id"]).json()
    assert (fate["state"], fate["reason"]) == ("suppressed", reason)


def test_of_somebody_erased_nothing_is_written_down_and_that_is_said(site, tmp_path):
    erase_people(site.store, ["ann@shop.example"], now=START)
    answer = post(site)
    assert (answer.status_code, answer.json()["suppressed"]) == (202, "erased")
    fate = get(site, answer.json()["id"]).json()
    assert (fate["state"], fate["reason"], fate["tries"]) == ("suppressed", "erased", 0)
    with site.store.reading() as connection:
        rows = [str(row) for table in METADATA.sorted_tables for row in connection.execute(table.select())]
    assert not [row for row in rows if "ann@" in row or "1001" in row or "Thank you" in row]
    assert site.kinds() == ["rejected"]
    transport = Played()
    send_all(worker_on(site.store, transport, Clock()), 1)
    assert not transport.taken
    raw = b"".join(path.read_bytes() for path in tmp_path.glob("hygiene.db*"))
    assert b"ann@shop" not in raw


def test_the_key_of_a_mail_to_somebody_erased_still_stands_for_that_mail(site):
    erase_people(site.store, ["ann@shop.example"], now=START)
    first = post(site)
    assert post(site).json() == first.json()
    assert post(site, {**RECEIPT, "text": "Another"}).status_code == 409
    assert len(site.rows(OUTBOX)) == 1


def test_a_mail_repeated_after_its_person_was_erased_is_the_same_mail(site):
    first = post(site)
    erase_everywhere(site.store, ["ann@shop.example"], now=START)
    again = post(site)
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert again.json()["suppressed"] == "erased"
    assert [row["recipient"] for row in site.rows(OUTBOX)] == [None]


def test_who_unsubscribed_still_gets_receipts(site):
    add_suppressions(site.store, ["ann@shop.example"], reason=Reason.UNSUBSCRIBED, now=START)
    answer = post(site)
    assert answer.json()["suppressed"] == ""
    transport = Played()
    send_all(worker_on(site.store, transport, Clock()), 1)
    assert [mail.recipient for mail in transport.taken] == ["ann@shop.example"]
    fate = get(site, answer.json()["id"]).json()
    assert (fate["state"], fate["tries"], fate["code"], fate["reply"]) == ("sent", 1, 250, "queued")
    assert fate["meaning"] == State.SENT.meaning


@pytest.mark.parametrize("ref", ["a" * 16, "x", "..", "%00", "A" * 16, "a" * 999])
def test_what_is_not_there_is_404(site, ref):
    assert get(site, ref).status_code == 404


def test_mails_of_campaigns_are_not_the_api_s_to_tell(tmp_path):
    with served(tmp_path / "hygiene.db", settings=settings_of(api_token="env:API_TOKEN")) as site:
        assert get(site, site.ref("ann.lee@shop.example")).status_code == 404


def test_the_campaign_of_a_stream_is_made_once(site):
    post(site, key="a")
    post(site, key="b")
    assert [(row["name"], row["state"]) for row in site.rows(CAMPAIGN)] == [("transactional", "running")]


# the document


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_the_api_is_as_its_document_says(tmp_path, mode):
    """Whatever the document allows, and much that it does not, is answered as the document says."""
    free = settings_of(api_token="env:API_TOKEN", api_per_minute=1_000_000)
    hurried = iter(range(START_US, START_US * 2, 60_000_000))  # a minute a look, so that no limit is met
    with running(tmp_path / "hygiene.db", settings=free, clock=lambda: next(hurried)) as url:
        schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
        for found in schema.get_all_operations():
            check_operation(found.ok(), url, mode)


def check_operation(operation, url, mode):
    # an address may look like one and be none; without the token is tested above
    excluded = [positive_data_acceptance, ignored_auth]

    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    @hypothesis.settings(max_examples=100, suppress_health_check=list(HealthCheck))
    def each(case):
        headers = {"authorization": f"Bearer {TOKEN}"}
        case.call_and_validate(base_url=url, headers=headers, excluded_checks=excluded)

    each()
