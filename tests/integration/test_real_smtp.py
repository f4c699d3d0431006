"""The SMTP client beside servers that others wrote: Postfix's smtp-sink and Postfix, aiosmtpd's strictness."""

import asyncio
import email.policy
import re
import time
from email import message_from_bytes

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from hygiene import event_loop
from hygiene.audit.dkim_verification import why_not_verified
from hygiene.audit.message import read_message
from hygiene.audit.records.dkim import parse as parse_key
from hygiene.config import AccountSettings
from hygiene.sending.message import build
from hygiene.sending.reply import Outcome, Phase
from hygiene.sending.signing import Signer, sign
from hygiene.sending.transports.smtp import SmtpTransport
from tests.integration.mail_servers import HOST, postfix_relay, smtp_sink
from tests.ports import free_port
from tests.sending.transports.mails import NOW, Gate, letter, mail

pytestmark = pytest.mark.server("smtp-sink")
SIGNERS = (
    Signer("shop.example", "s1", rsa.generate_private_key(65_537, 2048)),
    Signer("shop.example", "s2", ed25519.Ed25519PrivateKey.generate()),
)


def send(port, letters, *, connections=2, **account):
    async def go():
        told = AccountSettings(**{"host": HOST, "port": port, "tls": "none", "patience_s": 10.0} | account)
        way = SmtpTransport(told, connections=connections, own_name="client.example")
        replies = await asyncio.gather(*(way.send(each, Gate()) for each in letters))
        await way.close()
        return replies

    return event_loop.run(asyncio.wait_for(go(), 60))


def folder_of(tmp_path):
    folder = tmp_path / "sink"
    folder.mkdir()
    for each in (tmp_path, *tmp_path.parents[:3]):  # the sink is nobody's, and has to get here
        if each.stat().st_uid == 0 and each != each.parent and str(each).startswith("/tmp/"):
            each.chmod(each.stat().st_mode | 0o011)
    return folder


def arrived(folder, count=1):
    """The messages in a sink's folder as they came, without the lines that it put before them."""
    deadline = time.monotonic() + 20
    while len(files := [path for path in folder.iterdir() if path.stat().st_size]) < count:
        assert time.monotonic() < deadline, f"{len(files)} of {count} messages arrived"
        time.sleep(0.02)
    return [own_part(path.read_bytes()) for path in sorted(files)]


def own_part(dumped):
    """A dump begins with X-Client-Addr … X-Mail-Args, X-Rcpt-Args and a Received field."""
    head, _, rest = dumped.partition(b"\nReceived: from client.example ([127.0.0.1])")
    assert b"X-Rcpt-Args:" in head
    return re.sub(rb"^.*?\n(?![ \t])", b"", rest, count=1, flags=re.DOTALL).replace(b"\n", b"\r\n")


def test_a_signed_message_arrives_as_it_left(program, tmp_path):
    folder = folder_of(tmp_path)
    content = sign(build(letter(subject="Grüße", text="Ä\n.\n..b\n", html="<p>\n.x\n")), SIGNERS, NOW)
    with smtp_sink(program, folder=folder) as port:
        (reply,) = send(port, [mail(content=content)])
        (came,) = arrived(folder)
    assert reply.outcome is Outcome.SENT
    assert came.rstrip() == content.rstrip()


@pytest.mark.parametrize(
    ("options", "outcome", "phase"),
    [
        (["-q", "connect"], Outcome.NOT_SENT, Phase.CONNECT),
        (["-Q", "connect"], Outcome.NOT_SENT, Phase.CONNECT),
        (["-q", "ehlo"], Outcome.NOT_SENT, Phase.EHLO),
        (["-q", "mail"], Outcome.NOT_SENT, Phase.MAIL),
        (["-f", "mail"], Outcome.REFUSED, Phase.MAIL),
        (["-r", "mail"], Outcome.DEFERRED, Phase.MAIL),
        (["-q", "rcpt"], Outcome.NOT_SENT, Phase.RCPT),
        (["-f", "rcpt"], Outcome.REFUSED, Phase.RCPT),
        (["-Q", "rcpt"], Outcome.DEFERRED, Phase.RCPT),
        (["-f", "rcpt", "-p"], Outcome.REFUSED, Phase.RCPT),
        (["-q", "data"], Outcome.NOT_SENT, Phase.DATA),
        (["-r", "data", "-p"], Outcome.DEFERRED, Phase.DATA),
        (["-f", "."], Outcome.REFUSED, Phase.DOT),
        (["-r", "."], Outcome.DEFERRED, Phase.DOT),
        (["-Q", "."], Outcome.DEFERRED, Phase.DOT),
        (["-q", "."], Outcome.UNKNOWN, Phase.DOT),
    ],
    ids=str,
)
def test_a_sink_that_fails(program, options, outcome, phase):
    with smtp_sink(program, *options) as port:
        replies = send(port, [mail(), mail()], connections=1)
    assert {(reply.outcome, reply.phase) for reply in replies} == {(outcome, phase)}


SMUGGLED = (
    b"MAIL FROM:<evil@shop.example>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\nFrom: evil\r\n\r\nevil\r\n"
)
ENDS = {
    "LF dot LF": b"\n.\n",
    "CR dot CR": b"\r.\r",
    "CRLF dot CRLF": b"\r\n.\r\n",
    "LF dot CRLF": b"\n.\r\n",
    "CRLF dot LF": b"\r\n.\n",
    "CR dot CRLF": b"\r.\r\n",
    "CRLF dot CR": b"\r\n.\r",
    "CR LF apart": b"\r\r\n.\r\r\n",
    "NUL": b"\r\n\0.\r\n",
    "two dots": b"\r\n..\r\n.\r\n",
}


def smuggling(end):
    return b"From: Shop <news@shop.example>\r\nMessage-ID: <a@shop.example>\r\n\r\nbefore" + end + SMUGGLED


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_nothing_is_smuggled_into_a_sink(program, tmp_path, end):
    folder = folder_of(tmp_path)
    with smtp_sink(program, folder=folder) as port:
        (reply, other) = send(port, [mail(content=smuggling(end)), mail()], connections=1)
        came = arrived(folder, 2)
    assert (reply.outcome, other.outcome, len(came)) == (Outcome.SENT, Outcome.SENT, 2)
    assert sum(b"RCPT TO:<victim@example.com>" in each for each in came) == 1


def handed_on(folder):
    """How many messages a Postfix is done with."""
    log = folder / "log" / "mail.log"
    return log.read_text().count(": removed") if log.exists() else 0


@pytest.mark.server("postfix")
def test_through_a_relay(program, tmp_path):
    """Signed mail and smuggled ends, by a Postfix that hands on to a sink: as many arrive as were sent."""
    folder = folder_of(tmp_path)
    signed = sign(build(letter(subject="Grüße", text="Ä\n.\nb", html="<p>x")), SIGNERS, NOW)
    letters = [mail(content=signed), *(mail(content=smuggling(end)) for end in ENDS.values())]
    with smtp_sink(program, folder=folder) as sink, postfix_relay(program, sink) as (port, relay):
        replies = send(port, letters)
        deadline = time.monotonic() + 40
        while handed_on(relay) < len(letters):
            assert time.monotonic() < deadline, (relay / "log" / "mail.log").read_text()
            time.sleep(0.05)
        came = [path.read_bytes() for path in folder.iterdir() if path.stat().st_size]
    assert {reply.outcome for reply in replies} == {Outcome.SENT}
    assert all(re.fullmatch(r"[0-9A-Za-z]{8,}", reply.remote_id) for reply in replies)
    assert len({reply.remote_id for reply in replies}) == len(letters)
    assert len(came) == len(letters)
    assert not any(b"X-Rcpt-Args: <victim" in each for each in came)
    (ours,) = (each for each in came if b"DKIM-Signature" in each)
    holds(ours)


def holds(dumped):
    """The signatures, after a relay put its Received field before them."""
    message = dumped.replace(b"\r\n", b"\n").partition(b"DKIM-Signature:")
    read = read_message((message[1] + message[2]).replace(b"\n", b"\r\n"))
    verdicts = [
        why_not_verified(read, signature, parse_key(signer.public_record()))
        for signature, signer in zip(read.signatures, SIGNERS, strict=True)
    ]
    assert verdicts == ["", ""]


@pytest.mark.server("postfix")
def test_what_a_relay_refuses(program):
    gone = "check_recipient_access inline:{{gone@example.com = 550 5.1.1 gone}}"
    more = f"smtpd_recipient_restrictions = {gone}, permit\nmessage_size_limit = 5000"
    with (
        smtp_sink(program) as sink,
        postfix_relay(program, sink, more) as (port, _),
    ):
        gone, big, good = send(
            port,
            [mail(recipient="gone@example.com"), mail(content=b"x" * 6000), mail()],
            connections=1,
        )
    assert (gone.outcome, gone.phase, gone.code, gone.status) == (Outcome.REFUSED, Phase.RCPT, 550, "5.1.1")
    assert (big.outcome, big.phase, big.status) == (Outcome.REFUSED, Phase.MAIL, "5.3.4")
    assert good.outcome is Outcome.SENT


@pytest.mark.parametrize("text", ["Grüße\n" * 50, "short", "." * 80, "From here\n"])
def test_a_strict_reader_reads_it(text):
    """aiosmtpd hands over what it was told, dots taken away."""
    from aiosmtpd.controller import Controller

    class Kept:
        def __init__(self):
            self.messages = []

        async def handle_DATA(self, _server, _session, envelope):
            self.messages.append(envelope.original_content)
            return "250 2.0.0 kept"

    kept = Kept()
    controller = Controller(kept, hostname=HOST, port=0, server_hostname="relay.example")
    controller.port = free_port()
    controller.start()
    try:
        (reply,) = send(controller.port, [mail(content=build(letter(text=text, html="")))])
    finally:
        controller.stop()
    assert reply.outcome is Outcome.SENT
    parsed = message_from_bytes(kept.messages[0], policy=email.policy.default)
    assert parsed.get_content().replace("\r\n", "\n").rstrip("\n") == text.rstrip("\n")
