"""From settings to a transport; and the two that send nothing."""

import asyncio
import email
import email.policy

import pytest

from hygiene.config import AccountSettings, load_settings
from hygiene.errors import UnreadableInput, UnwritableOutput, UsageError
from hygiene.sending.reply import Outcome, Phase, Reply
from hygiene.sending.transports.eml import EmlTransport
from hygiene.sending.transports.http_api import HttpApi
from hygiene.sending.transports.memory import MemoryTransport
from hygiene.sending.transports.open import open_transport

from .mails import Gate, mail


@pytest.fixture(autouse=True)
def _keys(monkeypatch):
    monkeypatch.setenv("KEY", "the-key")


def opened(provider, **settings):
    return open_transport(AccountSettings(transport=provider, **settings), connections=3, name="main")


@pytest.mark.parametrize(
    ("provider", "settings", "url"),
    [
        ("sendgrid", {}, "https://api.sendgrid.com"),
        ("sendgrid", {"region": "eu"}, "https://api.eu.sendgrid.com"),
        ("mailgun", {"domain": "d.example"}, "https://api.mailgun.net"),
        ("mailgun", {"domain": "d.example", "region": "eu"}, "https://api.eu.mailgun.net"),
        ("postmark", {}, "https://api.postmarkapp.com"),
        ("brevo", {}, "https://api.brevo.com"),
        ("ses", {"region": "eu-west-1", "api_secret": "env:KEY"}, "https://email.eu-west-1.amazonaws.com"),
        ("ses", {"region": "cn-north-1", "api_secret": "env:KEY"}, "https://email.cn-north-1.amazonaws.com.cn"),
        ("brevo", {"endpoint": "https://relay.shop.example:8443/"}, "https://relay.shop.example:8443/"),
    ],
)
def test_each_provider_by_its_word(provider, settings, url):
    transport = opened(provider, api_key="env:KEY", **settings)
    assert isinstance(transport, HttpApi)
    assert (transport.api.base_url, transport.capacity, transport.patience_s) == (url, 3, 600.0)
    assert "the-key" not in repr(transport.api)


@pytest.mark.parametrize(
    ("provider", "settings", "told"),
    [
        ("brevo", {}, "accounts.main.api_key is missing"),
        (
            "brevo",
            {"api_key": "xkeysib-1234"},
            "accounts.main.api_key must be written env:VARIABLE or file:PATH",
        ),
        ("brevo", {"api_key": "env:UNSET_VARIABLE"}, "the variable UNSET_VARIABLE is not set"),
        ("brevo", {"api_key": "file:/nowhere/key"}, "/nowhere/key cannot be read: No such file"),
        ("brevo", {"api_key": "env:KEY", "endpoint": "http://x"}, "https://HOST"),
        ("ses", {"api_key": "env:KEY", "api_secret": "env:KEY"}, "accounts.main.region is missing"),
        ("ses", {"api_key": "env:KEY", "region": "eu-west-1"}, "accounts.main.api_secret is missing"),
        ("mailgun", {"api_key": "env:KEY"}, "accounts.main.domain is missing"),
        (
            "mailgun",
            {"api_key": "env:KEY", "domain": "d", "region": "moon"},
            "must be one of us, eu, not 'moon'",
        ),
    ],
)
def test_what_is_missing_is_named(provider, settings, told):
    with pytest.raises((UsageError, UnreadableInput), match=told) as caught:
        opened(provider, **settings)
    assert "xkeysib" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b" \n", b"two\nlines", b"\xff", b"x" * 70_000, "schlüssel".encode()])
def test_a_file_that_holds_no_key(tmp_path, content):
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises((UsageError, UnreadableInput), match=r"accounts\.main\.api_key"):
        opened("brevo", api_key=f"file:{file}")


def test_a_key_in_a_file(tmp_path):
    file = tmp_path / "key"
    file.write_text("abc\n")
    assert opened("brevo", api_key=f"file:{file}").api.api_key.reveal() == "abc"


def test_settings_of_an_account_stand_in_the_file(tmp_path):
    file = tmp_path / "hygiene.toml"
    file.write_text('[accounts.main]\ntransport = "postmark"\napi_key = "env:KEY"\nmessage_stream = "news"\n')
    account = load_settings(file, {}).accounts["main"]
    assert open_transport(account, connections=1).api.stream == "news"


# files


def test_a_mail_becomes_a_file_as_it_would_have_left(tmp_path):
    transport = EmlTransport(tmp_path / "out")
    sent = mail()
    reply = asyncio.run(transport.send(sent, Gate()))
    (file,) = (tmp_path / "out").iterdir()
    assert (reply.outcome, reply.remote_id, file.name) == (Outcome.SENT, file.name, f"{sent.ref}.eml")
    assert file.read_bytes() == sent.content
    assert email.message_from_bytes(file.read_bytes(), policy=email.policy.default)["To"]
    asyncio.run(transport.send(sent, Gate()))
    assert len(list((tmp_path / "out").iterdir())) == 1
    asyncio.run(transport.close())


@pytest.mark.parametrize("ref", ["../../etc/x", "/etc/x", "", "..", "a/b", "\0", "con\n"])
def test_no_reference_leads_out_of_the_folder(tmp_path, ref):
    asyncio.run(EmlTransport(tmp_path / "out").send(mail(ref=ref), Gate()))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_what_is_withheld_is_not_written(tmp_path):
    reply = asyncio.run(EmlTransport(tmp_path / "out").send(mail(), Gate(answer=False)))
    assert reply.outcome is Outcome.WITHHELD
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_a_file_is_told(tmp_path):
    (tmp_path / "out").write_text("x")
    with pytest.raises(UnwritableOutput, match="cannot be written"):
        asyncio.run(EmlTransport(tmp_path / "out").send(mail(), Gate()))


# memory


def test_memory_keeps_what_it_took():
    transport = MemoryTransport()
    gate = Gate()
    reply = asyncio.run(transport.send(mail(), gate))
    assert (reply.outcome, gate.asked) == (Outcome.SENT, 1)
    assert transport.mails == [mail()]
    asyncio.run(transport.close())
    assert transport.closed


def test_memory_answers_as_told():
    refused = Reply(outcome=Outcome.REFUSED, phase=Phase.RCPT, code=550)
    lost = Reply(outcome=Outcome.UNKNOWN, phase=Phase.DOT)
    transport = MemoryTransport(
        replies=[refused, lost], script=lambda sent: refused if sent.recipient.startswith("bob") else None
    )
    gate = Gate()

    async def go():
        return [
            await transport.send(mail(recipient=to), gate)
            for to in ("a@x.example", "c@x.example", "bob@x.example", "d@x.example")
        ]

    replies = asyncio.run(go())
    assert [reply.outcome for reply in replies] == [
        Outcome.REFUSED,
        Outcome.UNKNOWN,
        Outcome.REFUSED,
        Outcome.SENT,
    ]
    assert gate.asked == 2, "a refusal before the dot asks nobody"
    assert [one.recipient for one in transport.mails] == ["c@x.example", "d@x.example"]
    assert len(transport.tried) == 4


def test_memory_withholds():
    transport = MemoryTransport()
    assert asyncio.run(transport.send(mail(), Gate(answer=False))).outcome is Outcome.WITHHELD
    assert transport.mails == []
