"""Each API against a server that takes only what is documented."""

import asyncio
import base64
import email
import email.policy
import json
import uuid
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hygiene.config import AccountSettings
from hygiene.credentials import Secret
from hygiene.sending.letter import Mailbox
from hygiene.sending.reply import Outcome, Phase
from hygiene.sending.transports.answer import SUPPRESSED, Answer, is_suppressed
from hygiene.sending.transports.brevo import Brevo, idempotency_key
from hygiene.sending.transports.http_api import HttpApi
from hygiene.sending.transports.mailgun import Mailgun
from hygiene.sending.transports.open import open_transport, try_account
from hygiene.sending.transports.postmark import Postmark, write_mailbox
from hygiene.sending.transports.sendgrid import SendGrid
from hygiene.sending.transports.ses import ERRORS as SES_ERRORS
from hygiene.sending.transports.ses import Ses

from . import fake_apis
from .mails import NOW, REF, UNSUBSCRIBE, Gate, mail

PROVIDERS = ("ses", "sendgrid", "mailgun", "postmark", "brevo")
KEYS = {
    "ses": fake_apis.ACCESS,
    "sendgrid": fake_apis.SENDGRID_KEY,
    "mailgun": fake_apis.MAILGUN_KEY,
    "postmark": fake_apis.POSTMARK_TOKEN,
    "brevo": fake_apis.BREVO_KEY,
}


@pytest.fixture
def ca_file(tmp_path):
    path = tmp_path / "ca.pem"
    fake_apis.AUTHORITY.cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture
def account(ca_file, monkeypatch):
    def make(provider, url, **changes):
        monkeypatch.setenv("API_KEY", KEYS[provider])
        monkeypatch.setenv("API_SECRET", fake_apis.SECRET)
        own = {
            "ses": {"region": fake_apis.REGION, "api_secret": "env:API_SECRET"},
            "mailgun": {"domain": "mg.shop.example"},
        }.get(provider, {})
        given_ = {"api_key": "env:API_KEY", "endpoint": url, "ca_file": ca_file, "patience_s": 5.0} | own
        return AccountSettings(transport=provider, **given_ | changes)

    return make


def run(account, provider, *mails, judge=None, gate=None, **changes):
    """Send mails one after the other: the replies, and the server that saw them."""

    async def go():
        async with fake_apis.serve(judge or fake_apis.strict()[provider]) as server:
            transport = open_transport(account(provider, server.url, **changes), connections=2, name="main")
            try:
                return [await transport.send(each, gate or Gate()) for each in mails], server
            finally:
                await transport.close()

    return asyncio.run(go())


REMOTE = {
    "sendgrid": "14c5d75ce93",
    "mailgun": "20261128.1@mg.shop.example",
    "postmark": "0a129aee",
    "brevo": "202611281200.1@smtp-relay.mailin.fr",
}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_mail_is_taken(account, provider):
    gate = Gate()
    (reply,), server = run(account, provider, mail(), gate=gate)
    assert (reply.outcome, reply.phase) == (Outcome.SENT, Phase.DOT), reply
    assert reply.remote_id == REMOTE.get(provider, reply.remote_id)
    assert reply.remote_id
    assert gate.asked == 1
    assert len(server.seen) == 1


def probed(account, provider, judge=None):
    async def go():
        async with fake_apis.serve(judge or fake_apis.strict()[provider]) as server:
            made = account(provider, server.url)
            return await try_account(made, name="main", patience_s=1.0), server

    return asyncio.run(go())


ASKED = ("sendgrid", "postmark", "brevo")


@pytest.mark.parametrize("provider", ASKED)
def test_a_key_is_tried_without_sending(account, provider, monkeypatch):
    reply, server = probed(account, provider)
    assert reply.outcome is Outcome.SENT, reply
    assert [seen.method for seen in server.seen] == ["GET"]
    assert not server.seen[0].body
    monkeypatch.setitem(KEYS, provider, "another-key")
    refused, _ = probed(account, provider)
    assert (refused.outcome, refused.phase, refused.code) == (Outcome.REFUSED, Phase.AUTH, 401)
    assert "another-key" not in refused.text


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_key_that_nobody_judged_may_be_good(account, status):
    reply, _ = probed(account, "brevo", fake_apis.always(status))
    assert reply.outcome is Outcome.DEFERRED


@pytest.mark.parametrize("judge", [fake_apis.drop, fake_apis.silent, fake_apis.no_http])
def test_a_network_that_fails_says_nothing_of_the_key(account, judge):
    reply, _ = probed(account, "postmark", judge)
    assert reply.outcome is Outcome.DEFERRED
    assert reply.text


@pytest.mark.parametrize("provider", sorted(set(PROVIDERS) - set(ASKED)))
def test_where_there_is_no_way_to_ask_nobody_is_asked(account, provider):
    reply, server = probed(account, provider)
    assert reply is None
    assert not server.seen


@pytest.mark.parametrize("provider", PROVIDERS)
def test_our_reference_goes_along(account, provider):
    """Events tell it again: that is how they find their mail."""
    _, server = run(account, provider, mail())
    assert REF in server.seen[0].body.decode("utf-8", "replace")


@pytest.mark.parametrize("provider", ["sendgrid", "postmark", "brevo"])
def test_headers_of_unsubscribing_go_along(account, provider):
    _, server = run(account, provider, mail())
    fields = server.seen[0].json()
    headers = fields.get("headers") or {one["Name"]: one["Value"] for one in fields["Headers"]}
    assert UNSUBSCRIBE.items() <= headers.items()
    assert headers["Message-ID"] == f"<{REF}@shop.example>"


@pytest.mark.parametrize("provider", ["ses", "mailgun"])
def test_a_raw_mail_arrives_octet_by_octet(account, provider):
    sent = mail(text="Grüße\r\n--boundary--\r\n.\r\n")
    sent = replace(sent, content=sent.content + b"\r\n--hygiene-\r\n\x00\xff")
    _, server = run(account, provider, sent)
    (seen,) = server.seen
    if provider == "mailgun":
        assert fake_apis.read_form(seen)["message"] == sent.content
    else:
        assert base64.b64decode(seen.json()["Content"]["Raw"]["Data"]) == sent.content


NASTY = [
    '"Q" <x>',
    "Zoë, Ltd. (DE)",
    "a\r\nBcc: evil@example.com",
    "back\\slash",
    "\t",
    "名前",
    "<script>",
    "@",
]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("name", NASTY)
def test_names_and_subjects_of_any_kind_reach_nobody_else(account, provider, name):
    sent = mail(
        sender=Mailbox(address="news@shop.example", name=name),
        to=Mailbox(address="ann@example.com", name=name),
        reply_to=Mailbox(address="help@shop.example", name=name),
        subject=f"Hi {name}",
        campaign=name,
    )
    (reply,), server = run(account, provider, sent)
    assert reply.outcome is Outcome.SENT, reply
    if provider == "postmark":
        fields = server.seen[0].json()
        parsed = email.message_from_string(f"To: {fields['To']}\n\n", policy=email.policy.default)["To"]
        assert [one.addr_spec for one in parsed.addresses] == ["ann@example.com"]
        assert "\n" not in json.dumps(fields["Subject"]) or "\\n" not in fields["Subject"]


@given(st.text(max_size=30))
def test_a_written_mailbox_is_one_mailbox(name):
    written = write_mailbox(Mailbox(address="ann@example.com", name=name))
    parsed = email.message_from_string(f"To: {written}\n\n", policy=email.policy.default)["To"]
    assert [one.addr_spec for one in parsed.addresses] == ["ann@example.com"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_mails_share_a_connection(account, provider):
    mails = [mail(ref=f"{'abcdefghijklmno'}{letter}") for letter in "abcde"]
    replies, server = run(account, provider, *mails)
    assert {reply.outcome for reply in replies} == {Outcome.SENT}
    assert server.connections == 1


# refusals


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_wrong_key_is_ours_to_fix(account, provider, monkeypatch):
    monkeypatch.setenv("WRONG", "wrong-key-0123456789")
    (reply,), _ = run(account, provider, mail(), api_key="env:WRONG")
    assert (reply.outcome, reply.phase) == (Outcome.NOT_SENT, Phase.AUTH)
    assert reply.code in {401, 403}
    assert "wrong-key" not in reply.text


def test_a_wrong_secret_and_a_wrong_clock_are_ours_to_fix(account, monkeypatch):
    monkeypatch.setenv("WRONG", "wrong")
    (reply,), _ = run(account, "ses", mail(), api_secret="env:WRONG")
    assert (reply.outcome, reply.phase) == (Outcome.NOT_SENT, Phase.AUTH)
    assert "InvalidSignature" in reply.text


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_recipient_that_is_no_address_is_refused(account, provider):
    wrong = replace(mail(), recipient="ann at example.com")
    (reply,), _ = run(account, provider, wrong)
    assert (reply.outcome, reply.code in {400, 422}) == (Outcome.REFUSED, True), reply
    assert reply.status == "5.1.3"
    assert reply.text


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_sender_that_is_not_verified_is_ours_to_fix(account, provider):
    wrong = mail(sender=Mailbox(address="news@elsewhere.example", name="Shop"))
    (reply,), _ = run(account, provider, wrong)
    assert (reply.outcome, reply.phase) == (Outcome.NOT_SENT, Phase.AUTH), reply


@pytest.mark.parametrize(
    ("provider", "change"), [("mailgun", {"domain": "other.example"}), ("postmark", {"message_stream": "gone"})]
)
def test_a_wrong_setting_is_ours_to_fix(account, provider, change):
    (reply,), _ = run(account, provider, mail(), **change)
    assert (reply.outcome, reply.phase) == (Outcome.NOT_SENT, Phase.AUTH)


def test_postmarks_inactive_recipient_is_known_as_suppressed(account):
    (reply,), _ = run(account, "postmark", mail(to=Mailbox(address="gone@example.com")))
    assert reply.outcome is Outcome.REFUSED
    assert is_suppressed(reply)
    assert reply.text.startswith(f"{SUPPRESSED}error 406")


def test_brevo_takes_a_mail_once(account):
    """A second try with the same reference is not sent; whether the first was, the answer does not prove."""
    (first, second), _ = run(account, "brevo", mail(), mail())
    assert (first.outcome, second.outcome) == (Outcome.SENT, Outcome.UNKNOWN)


@given(st.text(max_size=20))
def test_an_idempotency_key_is_a_uuid_of_the_reference(ref):
    assert str(uuid.UUID(idempotency_key(ref))) == idempotency_key(ref)
    assert idempotency_key(ref) != idempotency_key(f"{ref}x")


# what answers mean

APIS = {
    "ses": Ses(base_url="https://e", region="eu-west-1", access_key=Secret("A"), secret_key=Secret("S")),
    "sendgrid": SendGrid(api_key=Secret("A")),
    "mailgun": Mailgun(domain="d.example", api_key=Secret("A")),
    "postmark": Postmark(server_token=Secret("A")),
    "brevo": Brevo(api_key=Secret("A")),
}


def read(provider, status, body=b"", **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return APIS[provider].read(Answer(status=status, headers=told, body=content), NOW)


def ses_error(name, status=400, text=""):
    return read("ses", status, {"message": text}, x_amzn_errortype=f"{name}:http://internal/")


def test_every_error_of_send_email_has_its_meaning():
    """The names and statuses of the service's own model."""
    for shape in fake_apis.SEND_EMAIL.error_shapes:
        assert shape.name.removesuffix("Exception") in SES_ERRORS
        status = shape.metadata["error"]["httpStatusCode"]
        assert ses_error(shape.name, status).outcome is not Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (ses_error("TooManyRequestsException", 429), Outcome.DEFERRED),
        (ses_error("ThrottlingException"), Outcome.DEFERRED),
        (ses_error("BadRequestException", text="Maximum sending rate exceeded."), Outcome.DEFERRED),
        (ses_error("MessageRejected", text="Email address is not verified."), Outcome.NOT_SENT),
        (ses_error("MessageRejected", text="Illegal content"), Outcome.REFUSED),
        (ses_error("SendingPausedException"), Outcome.NOT_SENT),
        (ses_error("ServiceUnavailable", 503), Outcome.DEFERRED),
        (read("ses", 503), Outcome.UNKNOWN),  # some gateway's, not the service's
        (ses_error("InternalServiceErrorException", 500), Outcome.UNKNOWN),
        (read("ses", 400, {"__type": "com.amazonaws.ses#TooManyRequestsException"}), Outcome.DEFERRED),
        (read("sendgrid", 503), Outcome.DEFERRED),
        (read("sendgrid", 500, {"errors": [{"message": "x"}]}), Outcome.UNKNOWN),
        (read("sendgrid", 403, {"errors": [{"message": "blocked"}]}), Outcome.NOT_SENT),
        (read("sendgrid", 400, {"errors": [{"message": "x", "field": "subject"}]}), Outcome.REFUSED),
        (read("sendgrid", 400, {"errors": "x"}), Outcome.REFUSED),
        (read("sendgrid", 400, {"errors": [1, None]}), Outcome.REFUSED),
        (read("sendgrid", 200), Outcome.UNKNOWN),
        (read("mailgun", 503), Outcome.UNKNOWN),
        (read("mailgun", 500), Outcome.UNKNOWN),
        (read("mailgun", 429), Outcome.DEFERRED),
        (read("mailgun", 400, {"message": "'from' parameter is not a valid address"}), Outcome.NOT_SENT),
        (read("postmark", 503, {"ErrorCode": 100, "Message": "maintenance"}), Outcome.DEFERRED),
        (read("postmark", 503), Outcome.UNKNOWN),
        (read("postmark", 500, {"ErrorCode": 500}), Outcome.UNKNOWN),
        (read("postmark", 422, {"ErrorCode": 412, "Message": "x"}), Outcome.NOT_SENT),
        (read("postmark", 422, {"ErrorCode": 9999, "Message": "x"}), Outcome.REFUSED),
        (read("postmark", 200, {"ErrorCode": 406, "Message": "inactive"}), Outcome.REFUSED),
        (read("postmark", 200, {"ErrorCode": 7777, "Message": "?"}), Outcome.REFUSED),
        (read("brevo", 402, {"code": "not_enough_credits", "message": "x"}), Outcome.NOT_SENT),
        (read("brevo", 200, {"code": "invalid_parameter", "message": "x"}), Outcome.REFUSED),
        (read("brevo", 500, {"code": "internal", "message": "x"}), Outcome.UNKNOWN),
        (read("brevo", 503), Outcome.UNKNOWN),
    ],
)
def test_documented_errors(reply, outcome):
    assert reply.outcome is outcome, reply


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b"[]", b"null", b'{"a', b"\xff", b"[" * 100_000])
def test_no_answer_is_taken_for_more_than_it_says(provider, body):
    """A 2xx without what is documented is in doubt, a 4xx is refused or ours, and other 5xx are in doubt."""
    for status in (200, 201, 204):
        assert read(provider, status, body).outcome is Outcome.UNKNOWN
    assert read(provider, 400, body).outcome is Outcome.REFUSED
    assert read(provider, 413, body).status == "5.3.4"
    assert read(provider, 429, body).outcome is Outcome.DEFERRED
    for status in (500, 502, 504, 520, 599, 700):
        assert read(provider, status, body).outcome is Outcome.UNKNOWN
    for status in (301, 302, 303, 307, 308, 401, 403, 404):
        assert read(provider, status, body).outcome is Outcome.NOT_SENT


@given(
    provider=st.sampled_from(PROVIDERS),
    status=st.integers(200, 599),
    body=st.binary(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["ErrorCode", "Message", "message", "code", "errors", "id", "MessageId", "messageId"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    ),
    wait=st.text(max_size=12),
)
def test_every_answer_has_a_meaning(provider, status, body, wait):
    headers = {"retry_after": wait, "x_ratelimit_reset": wait, "x_sib_ratelimit_reset": wait}
    reply = read(provider, status, body, **headers)
    assert reply.text.isprintable()
    assert len(reply.text) < 700
    if reply.outcome is Outcome.SENT:
        assert 200 <= status < 300
    if 400 <= status < 500:
        assert reply.outcome is not Outcome.SENT
    if reply.retry_after_s is not None:
        assert reply.outcome is Outcome.DEFERRED
        assert 0 <= reply.retry_after_s <= 86_400


@pytest.mark.parametrize(
    ("provider", "headers", "wait"),
    [
        ("mailgun", {"retry_after": "17"}, 17.0),
        ("mailgun", {"retry_after": "Sat, 28 Nov 2026 12:01:00 GMT"}, 60.0),
        ("mailgun", {"retry_after": "Sat, 28 Nov 2026 11:00:00 GMT"}, 0.0),
        ("mailgun", {"retry_after": "999999999999"}, 86_400.0),
        ("mailgun", {"retry_after": "-3"}, None),
        ("mailgun", {"retry_after": "soon"}, None),
        ("mailgun", {}, None),
        ("sendgrid", {"x_ratelimit_reset": str(int(NOW.timestamp()) + 30)}, 30.0),
        ("sendgrid", {"x_ratelimit_reset": "1", "retry_after": "5"}, 5.0),
        ("brevo", {"x_sib_ratelimit_reset": "12"}, 12.0),
        ("postmark", {"retry_after": "2"}, 2.0),
        ("ses", {"retry_after": "2"}, 2.0),
    ],
)
def test_when_to_come_back(provider, headers, wait):
    assert read(provider, 429, **headers).retry_after_s == wait


# limits


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_more_connections_than_allowed(account, provider):
    async def go():
        async with fake_apis.serve(fake_apis.strict()[provider]) as server:
            transport = open_transport(account(provider, server.url), connections=3)
            mails = [mail(ref=f"abcdefghijklmn{a}{b}") for a in "abc" for b in "defg"]
            replies = await asyncio.gather(*(transport.send(one, Gate()) for one in mails))
            await transport.close()
            return transport, replies, server

    transport, replies, server = asyncio.run(go())
    assert transport.capacity == 3
    assert [reply.outcome for reply in replies] == [Outcome.SENT] * 12
    assert server.connections <= 3


def test_capacity_is_that_of_a_transport(account):
    assert isinstance(open_transport(account("brevo", "https://localhost:9"), connections=7), HttpApi)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(max_size=20), subject=st.text(max_size=40), campaign=st.text(max_size=300))
def test_requests_hold_on_any_text(name, subject, campaign):
    sent = mail(
        to=Mailbox(address="ann@example.com", name=name), subject=subject, campaign=campaign, content=b"x\r\n"
    )
    for provider, api in APIS.items():
        request = api.request(sent, NOW)
        assert all(value.isprintable() for value in request.headers.values())
        if provider != "mailgun":
            json.loads(request.body)
