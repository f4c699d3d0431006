"""Whose post is it? Real keys; and everything that somebody would try."""

import asyncio
import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from hygiene.config import WebhookSettings, load_settings
from hygiene.credentials import Secret
from hygiene.errors import UsageError
from hygiene.service.webhooks import brevo, mailgun, postmark, sendgrid
from hygiene.service.webhooks.certificates import Certificates, confirm_subscription
from hygiene.service.webhooks.gate import Gate, open_gate
from hygiene.service.webhooks.post import MAX_BODY, Refused, Verified, read_post
from hygiene.service.webhooks.sns import is_certificate_url, is_sns_url
from hygiene.service.webhooks.verify import verify_post
from hygiene.web import FetchOutcome, Page

from . import posts

NOW = posts.NOW
RSA = posts.rsa_key()
OTHER = posts.rsa_key()
EC = posts.ec_key()


class Pages:
    """A fetcher that holds pages, and remembers what it was asked for."""

    def __init__(self, pages):
        self.pages, self.asked = pages, []

    async def fetch(self, url, *, max_bytes, accept_redirects=False):
        assert not accept_redirects
        self.asked.append(url)
        found = self.pages.get(url, Page(url, 404, "", b"", FetchOutcome.FETCHED))
        return found if isinstance(found, Page) else Page(url, 200, "", found, FetchOutcome.FETCHED)


def check_sns(body, *, pages=None, gate=None, now=NOW):
    fetcher = Pages({posts.CERTIFICATE_URL: posts.certificate(RSA)} if pages is None else pages)
    verdict = asyncio.run(
        verify_post(gate or posts.ses_gate(), posts.sns_post(body), certificates=Certificates(fetcher), now=now)
    )
    return verdict, fetcher


# SNS


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("more", [{}, {"Subject": "Amazon SES Email Event Notification"}])
def test_sns_signed_by_its_certificate_is_verified(version, more):
    verdict, fetcher = check_sns(posts.sns_body(RSA, {"eventType": "Send"}, version=version, **more))
    assert verdict == Verified(provider="ses", replay_key="22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324")
    assert fetcher.asked == [posts.CERTIFICATE_URL]


def altered(body, **fields):
    return json.dumps(json.loads(body) | fields).encode()


GOOD = posts.sns_body(RSA, {"eventType": "Bounce"})


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (posts.sns_body(OTHER, {"eventType": "Bounce"}), 401),  # another key
        (altered(GOOD, Message='{"eventType":"Complaint"}'), 401),
        (altered(GOOD, Subject="added, which is signed where it is there"), 401),
        (altered(GOOD, MessageId="another"), 401),
        (altered(GOOD, Type="SubscriptionConfirmation", Token="t", SubscribeURL="https://evil.example/"), 401),
        (altered(GOOD, Signature="AAAA"), 401),
        (altered(GOOD, Signature="not base64!"), 401),
        (altered(GOOD, Signature="\ud800"), 401),
        (altered(GOOD, SignatureVersion="3"), 401),
        (altered(GOOD, SignatureVersion="1"), 401),  # no falling back to the weaker digest
        (altered(GOOD, Message="\ud800"), 401),
        (altered(GOOD, Message=None), 400),
        (altered(GOOD, Type="Other"), 400),
        (altered(GOOD, Timestamp="yesterday"), 400),
        (altered(GOOD, Timestamp="2026-11-28T11:59:30"), 400),  # no zone
        (altered(GOOD, Timestamp="2026-11-28T11:59:00.000Z"), 401),
        (b"[]", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[" * 200_000, 400),
        (posts.sns_body(RSA, {}, TopicArn="arn:aws:sns:eu-west-1:666666666666:ses-events"), 403),
        (posts.sns_body(RSA, {}, TopicArn=posts.TOPIC.upper()), 403),
        (posts.sns_body(RSA, {}, Timestamp="2026-11-28T09:59:00.000Z"), 403),  # two hours and a minute
        (posts.sns_body(RSA, {}, Timestamp="2026-11-28T12:06:00.000Z"), 403),  # the future
    ],
)
def test_sns_refused(body, status):
    verdict, _ = check_sns(body)
    assert isinstance(verdict, Refused)
    assert verdict.status == status


def test_strangers_make_us_fetch_nothing():
    """The topic and the age are looked at before the certificate."""
    for fields in ({"TopicArn": "arn:aws:sns:eu-west-1:1:x"}, {"Timestamp": "2020-01-01T00:00:00Z"}):
        _, fetcher = check_sns(posts.sns_body(OTHER, {}, **fields))
        assert fetcher.asked == []


EVIL_URLS = [
    "http://sns.eu-west-1.amazonaws.com/a.pem",
    "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem",
    "https://evil.example/sns.eu-west-1.amazonaws.com/a.pem",
    "https://sns.eu-west-1.amazonaws.com@evil.example/a.pem",
    "https://evil.example\\@sns.eu-west-1.amazonaws.com/a.pem",
    "https://user@sns.eu-west-1.amazonaws.com/a.pem",
    "https://sns.eu-west-1.amazonaws.com:8443/a.pem",
    "https://sns.eu-west-1.amazonaws.com:/a.pem",
    "https://sns.eu-west-1.amazonaws。com/a.pem",  # ideographic full stop, a dot to IDNA
    "https://sns.eu-west-1.amazonaws․com/a.pem",
    "https://ѕns.eu-west-1.amazonaws.com/a.pem",  # Cyrillic s
    "https://SNS.eu-west-1.amazonaws.com/a.pem",
    "https://sns.s3.amazonaws.com/a.pem",  # a bucket called sns
    "https://sns.s3-us-west-2.amazonaws.com/a.pem",
    "https://sns.amazonaws.com/a.pem",
    "https://evilsns.eu-west-1.amazonaws.com/a.pem",
    "https://x.sns.eu-west-1.amazonaws.com/a.pem",
    "https://sns.eu-west-1.amazonaws.com./a.pem",
    "https://sns.eu-west-1.amazonaws.com/a.pem?x=.pem",
    "https://sns.eu-west-1.amazonaws.com/a.pem#f",
    "https://sns.eu-west-1.amazonaws.com/?Action=Publish&x=a.pem",
    "https://sns.eu-west-1.amazonaws.com/../a.pem",
    "https://sns.eu-west-1.amazonaws.com/b/a.pem",
    "https://sns.eu-west-1.amazonaws.com/a.pem\n",
    " https://sns.eu-west-1.amazonaws.com/a.pem",
    "https://sns.eu-west-1.amazonaws.com/a.txt",
    "https://[::1]/a.pem",
    "https://[/a.pem",
    "file:///etc/a.pem",
    "",
]


@pytest.mark.parametrize("url", EVIL_URLS)
def test_a_certificate_comes_from_sns_only(url):
    assert not is_certificate_url(url)
    verdict, fetcher = check_sns(posts.sns_body(RSA, {}, SigningCertURL=url))
    assert (verdict.status, fetcher.asked) == (403, [])


@pytest.mark.parametrize(
    "region", ["us-east-1", "ap-southeast-3", "us-gov-west-1", "cn-north-1", "il-central-1"]
)
def test_every_region_has_its_certificate(region):
    ending = ".cn" if region.startswith("cn-") else ""
    assert is_certificate_url(f"https://sns.{region}.amazonaws.com{ending}/SimpleNotificationService-0f.pem")


@given(st.text(alphabet="sn.amzowc-:/@?#\\%eu1west pm。", max_size=60))
def test_no_address_of_another_host_is_taken_for_one_of_sns(text):
    url = f"https://{text}"
    if is_sns_url(url):
        assert host_of(url).endswith((".amazonaws.com", ".amazonaws.com.cn"))


def host_of(url):
    import httpcore

    return httpcore.URL(url).host.decode()


@pytest.mark.parametrize(
    "page",
    [
        Page("", None, "", b"", FetchOutcome.TIMEOUT, "not fetched within 5 s"),
        Page(
            "",
            302,
            "",
            b"",
            FetchOutcome.REDIRECT,
            "redirects to https://evil.example/",
            "https://evil.example/",
        ),
        Page("", None, "", b"", FetchOutcome.TOO_LARGE, "larger than 16,384 octets"),
        Page("", 404, "", b"not found", FetchOutcome.FETCHED),
        b"no certificate",
    ],
)
def test_without_a_certificate_it_is_to_be_sent_again(page):
    verdict, _ = check_sns(GOOD, pages={posts.CERTIFICATE_URL: page})
    assert verdict.status == 503


@pytest.mark.parametrize(
    "pem",
    [
        posts.certificate(RSA, end=NOW - timedelta(days=1)),
        posts.certificate(RSA, start=NOW + timedelta(days=1)),
        posts.certificate(EC),
    ],
)
def test_certificates_that_do_not_count(pem):
    verdict, _ = check_sns(GOOD, pages={posts.CERTIFICATE_URL: pem})
    assert verdict.status == 401


def test_a_certificate_is_fetched_once_a_day():
    fetcher = Pages({posts.CERTIFICATE_URL: posts.certificate(RSA)})
    certificates = Certificates(fetcher)

    async def ask(*moments):
        return [await certificates.get(posts.CERTIFICATE_URL, moment) for moment in moments]

    asyncio.run(ask(NOW, NOW + timedelta(hours=23), NOW + timedelta(hours=25)))
    assert len(fetcher.asked) == 2


CONFIRM = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn&Token=2336"


def confirmation(url=CONFIRM, kind="SubscriptionConfirmation"):
    return posts.sns_body(RSA, "You have chosen to subscribe", Type=kind, Token="2336", SubscribeURL=url)


def test_a_subscription_is_confirmed_at_sns_only():
    verdict, _ = check_sns(confirmation())
    assert verdict.confirm_url == CONFIRM
    fetcher = Pages({CONFIRM: b"<ConfirmSubscriptionResponse/>"})
    assert asyncio.run(confirm_subscription(verdict, fetcher))
    assert fetcher.asked == [CONFIRM]
    for url in [*EVIL_URLS[:20], "https://169.254.169.254/latest/", "https://localhost/"]:
        if is_sns_url(url):  # no certificate, but a host of SNS
            continue
        refused, _ = check_sns(confirmation(url))
        assert refused.status in {401, 403}
        forged = Verified(provider="ses", replay_key="", confirm_url=url)
        nothing = Pages({})
        assert not asyncio.run(confirm_subscription(forged, nothing))
        assert nothing.asked == []


def test_an_end_of_subscription_is_never_undone():
    """Its SubscribeURL would subscribe again."""
    verdict, _ = check_sns(confirmation(kind="UnsubscribeConfirmation"))
    assert verdict.confirm_url == ""


# SendGrid


def sendgrid_gate(key=EC):
    return open_gate("sendgrid", WebhookSettings(public_key=posts.public_text(key)))


EVENTS = [{"email": "ann@example.com", "event": "delivered", "timestamp": 1764331200}]


def test_sendgrid_signed():
    post = posts.sendgrid_post(EC, EVENTS)
    assert isinstance(sendgrid.verify(post, sendgrid_gate(), NOW), Verified)
    late = posts.sendgrid_post(EC, EVENTS, at=NOW - timedelta(hours=24))  # a last retry
    assert isinstance(sendgrid.verify(late, sendgrid_gate(), NOW), Verified)


@pytest.mark.parametrize(
    "post",
    [
        posts.sendgrid_post(posts.ec_key(), EVENTS),
        posts.sendgrid_post(EC, EVENTS, at=NOW - timedelta(hours=26)),
        posts.sendgrid_post(EC, EVENTS, at=NOW + timedelta(minutes=6)),
        posts.plain_post(b"[]"),
        posts.plain_post(
            b"[]",
            x_twilio_email_event_webhook_signature="!!",
            x_twilio_email_event_webhook_timestamp="1764331200",
        ),
        posts.plain_post(
            b"[]", x_twilio_email_event_webhook_signature="", x_twilio_email_event_webhook_timestamp="²"
        ),
        posts.sendgrid_post(EC, EVENTS, x_twilio_email_event_webhook_timestamp=b"1764331200"),  # shown twice
    ],
)
def test_sendgrid_refused(post):
    assert isinstance(sendgrid.verify(post, sendgrid_gate(), NOW), Refused)


@given(st.integers(0, 200), st.integers(0, 255))
def test_no_octet_of_a_signed_body_can_be_changed(place, octet):
    post = posts.sendgrid_post(EC, EVENTS)
    body = bytearray(post.body)
    place %= len(body)
    body[place] = octet
    other = type(post)(headers=post.headers, body=bytes(body))
    verdict = sendgrid.verify(other, sendgrid_gate(), NOW)
    assert isinstance(verdict, Verified) == (bytes(body) == post.body)


def test_time_and_body_cannot_be_moved_against_each_other():
    """Signed is the time's text with the body behind it: a digit must not wander from one to the other."""
    post = posts.sendgrid_post(EC, b"7[]")
    headers = dict(post.headers)
    headers[sendgrid.TIMESTAMP] += "7"
    moved = type(post)(headers=headers, body=b"[]")
    assert isinstance(sendgrid.verify(moved, sendgrid_gate(), NOW), Refused)


@pytest.mark.parametrize(
    "key", ["", "AAAA", "no base64", posts.public_text(ec.generate_private_key(ec.SECP384R1()))]
)
def test_a_key_that_is_none_is_told_at_once(key):
    with pytest.raises(UsageError, match=r"webhooks\.sendgrid needs public_key"):
        open_gate("sendgrid", WebhookSettings(public_key=key))


# Mailgun


def check_mailgun(body, gate=None):
    return mailgun.verify(posts.plain_post(body), gate or posts.mailgun_gate(), NOW)


def test_mailgun_signed():
    verdict = check_mailgun(posts.mailgun_body("whsec", {"event": "delivered"}))
    assert verdict == Verified(provider="mailgun", replay_key="ab12" * 12 + "cd")
    assert isinstance(check_mailgun(posts.mailgun_body("whsec", {}, name="parent-signature")), Verified)


@pytest.mark.parametrize(
    "body",
    [
        posts.mailgun_body("other", {}),
        posts.mailgun_body("", {}),
        posts.mailgun_body("whsec", {}, at=NOW - timedelta(hours=10)),
        posts.mailgun_body("whsec", {}, at=NOW + timedelta(hours=1)),
        posts.mailgun_body("whsec", {}, token=""),
        posts.mailgun_body("whsec", {}, token="another", signature="0" * 64),
        posts.mailgun_body("whsec", {}, signature="\ud800"),
        posts.mailgun_body("whsec", {}, signature=None),
        posts.mailgun_body("whsec", {}, timestamp="-1"),
        posts.mailgun_body("whsec", {}, timestamp=True),
        posts.mailgun_body("whsec", {}, timestamp="9" * 400),
        json.dumps({"signature": {"token": "\ud800", "timestamp": "1764331200", "signature": "x"}}).encode(),
        b'{"signature": "x"}',
        b'{"event-data": {}}',
        b"[1]",
        b"",
    ],
)
def test_mailgun_refused(body):
    assert isinstance(check_mailgun(body), Refused)


# Postmark and Brevo


@pytest.mark.parametrize(("name", "verify"), [("postmark", postmark.verify), ("brevo", brevo.verify)])
def test_shared_secrets(name, verify):
    def refused(gate, **headers):
        return isinstance(verify(posts.plain_post(b"{}", **headers), gate, NOW), Refused)

    password = Gate(provider=name, tolerance_s=0, username="hooks", password=Secret("s3cret:x"))
    assert not refused(password, authorization=posts.basic("hooks", "s3cret:x"))
    assert not refused(password, Authorization=posts.basic("hooks", "s3cret:x").replace("Basic", "basic"))
    for wrong in (
        posts.basic("hooks", "s3cret"),
        posts.basic("Hooks", "s3cret:x"),
        posts.basic("", ""),
        "Basic",
        "Basic !",
        "Bearer s3cret:x",
        "",
    ):
        assert refused(password, authorization=wrong)
    token = Gate(provider=name, tolerance_s=0, header="authorization", token=Secret("tök"))
    assert not refused(token, authorization="Bearer tök")
    for wrong in ("tök", "Bearer", "Bearer tok", "Bearer tök, Bearer tök", posts.basic("", "")):
        assert refused(token, authorization=wrong)
    own = Gate(provider=name, tolerance_s=0, header="x-our-hook", token=Secret("abc"))
    assert not refused(own, X_Our_Hook="abc")
    assert refused(own, authorization="Bearer abc")


@pytest.mark.parametrize(
    ("peer", "inside"),
    [
        ("1.179.112.9", True),
        ("::ffff:1.179.112.9", True),
        ("1.179.128.1", False),
        ("2001:db8::1", False),
        ("", False),
        ("1.179.112.9, 6.6.6.6", False),
    ],
)
def test_networks_come_on_top(peer, inside):
    gate = open_gate_with(networks=("1.179.112.0/20",))
    post = posts.plain_post(b"{}", authorization="Bearer abc", peer=peer)
    assert isinstance(brevo.verify(post, gate, NOW), Verified) == inside


def open_gate_with(**settings):
    opened = open_gate("brevo", WebhookSettings(username="u", password="env:HOOK_PASSWORD", **settings))
    return Gate(
        provider="brevo", tolerance_s=0, header="authorization", token=Secret("abc"), networks=opened.networks
    )


@pytest.fixture(autouse=True)
def _password(monkeypatch):
    monkeypatch.setenv("HOOK_PASSWORD", "p")


# gates and posts


@pytest.mark.parametrize(
    ("provider", "settings", "told"),
    [
        ("ses", {}, "webhooks.ses needs topics"),
        ("mailgun", {}, "webhooks.mailgun needs signing_key"),
        ("postmark", {"username": "u"}, "webhooks.postmark needs username and password, or token"),
        ("brevo", {"networks": ("1.179.112.0/20",)}, "webhooks.brevo needs"),
        ("brevo", {"token": "env:HOOK_PASSWORD", "networks": ("1.2.3.4/8",)}, "is no network"),
        ("mailgun", {"signing_key": "key-1234"}, "env:VARIABLE or file:PATH"),
        ("mailgun", {"signing_key": "env:NOT_SET_ANYWHERE"}, "NOT_SET_ANYWHERE is not set"),
    ],
)
def test_no_gate_is_open_to_everybody(provider, settings, told):
    with pytest.raises(UsageError, match=told) as caught:
        open_gate(provider, WebhookSettings(**settings))
    assert "key-1234" not in str(caught.value)


def test_settings_of_webhooks_stand_in_the_file(tmp_path):
    file = tmp_path / "hygiene.toml"
    file.write_text(
        '[webhooks.ses]\ntopics = ["arn:aws:sns:eu-west-1:1:x"]\n[webhooks.brevo]\ntolerance_s = 60\n'
    )
    settings = load_settings(file, {})
    assert settings.webhooks["ses"].topics == ("arn:aws:sns:eu-west-1:1:x",)
    file.write_text("[webhooks.sparkpost]\n")
    with pytest.raises(UsageError):
        load_settings(file, {})


def test_a_huge_body_is_not_looked_at():
    post = posts.sns_post(b" " * (MAX_BODY + 1))
    verdict = asyncio.run(verify_post(posts.ses_gate(), post, certificates=Certificates(Pages({})), now=NOW))
    assert verdict.status == 413


@given(st.binary(max_size=300), st.lists(st.tuples(st.binary(max_size=30), st.binary(max_size=60)), max_size=5))
def test_whatever_is_posted_gets_a_verdict(body, headers):
    post = read_post(headers, body)
    gates = [
        posts.ses_gate(),
        sendgrid_gate(),
        posts.mailgun_gate(),
        Gate(provider="postmark", tolerance_s=0, username="u", password=Secret("p")),
        Gate(provider="brevo", tolerance_s=0, header="x", token=Secret("p")),
    ]
    for gate in gates:
        verdict = asyncio.run(verify_post(gate, post, certificates=Certificates(Pages({})), now=NOW))
        assert isinstance(verdict, Refused)
        assert verdict.reason.isprintable()


def test_secrets_are_never_shown():
    gate = Gate(provider="brevo", tolerance_s=0, token=Secret("abcdef"), password=Secret("ghijkl"))
    assert "abcdef" not in repr(gate)
    assert "ghijkl" not in repr(gate)


def test_a_variable_named_like_a_table_of_tables_sets_nothing():
    """HYGIENE_ACCOUNTS_KEY may be the variable that a secret stands in."""
    environ = {"HYGIENE_ACCOUNTS_KEY": "x", "HYGIENE_WEBHOOKS_SES": "y", "HYGIENE_STREAMS": "z"}
    assert load_settings(None, environ).webhooks == {}
