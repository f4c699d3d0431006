"""TLS to a relay: certificates that hold and do not, and nothing that came in clear counts."""

import datetime

import pytest

from hygiene.sending.reply import Outcome, Phase

from .smtp_server import HANG_UP, Script, authority
from .test_smtp import SLOW_S, send

TLS = ("starttls", "tls")


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    return authority(tmp_path_factory.mktemp("ca"), "127.0.0.1")


def script(context, tls, **changes):
    return Script(context=context, implicit=tls == "tls", **changes)


@pytest.mark.parametrize("tls", TLS)
def test_a_certificate_that_holds(secured, tls):
    context, ca_file = secured
    reply, gate, seen = send(script(context, tls), tls=tls, ca_file=ca_file)
    assert (reply.outcome, gate.asked, len(seen.messages)) == (Outcome.SENT, 1, 1)
    heard = [command.partition(" ")[0] for command in seen.commands]
    before = ["EHLO", "STARTTLS"] if tls == "starttls" else []
    assert heard == [*before, "EHLO", "MAIL", "RCPT", "DATA", "QUIT"]


@pytest.mark.parametrize("tls", TLS)
def test_a_big_message_over_tls(secured, tls):
    from .mails import mail

    context, ca_file = secured
    big = mail(content=b"From: a@b\r\n\r\n" + b"x" * 70 + b"\r\n" + b".line\r\n" * 100_000)
    reply, _, seen = send(script(context, tls), letter=big, tls=tls, ca_file=ca_file)
    assert reply.outcome is Outcome.SENT
    assert seen.messages == [big.content]


def refused(reply, gate, seen):
    assert (reply.outcome, reply.phase, gate.asked) == (Outcome.NOT_SENT, Phase.TLS, 0)
    assert not any(command.startswith(("MAIL", "AUTH")) for command in seen.commands)
    return reply.text


@pytest.mark.parametrize("tls", TLS)
def test_a_certificate_for_another_name(tmp_path, tls):
    context, ca_file = authority(tmp_path, "other.example")
    said = refused(*send(script(context, tls), tls=tls, ca_file=ca_file, username="a", password="b"))
    assert "the certificate of 127.0.0.1 does not hold" in said


@pytest.mark.parametrize("tls", TLS)
def test_an_expired_certificate(tmp_path, tls):
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    context, ca_file = authority(tmp_path, "127.0.0.1", not_after=past)
    assert "expired" in refused(*send(script(context, tls), tls=tls, ca_file=ca_file))


@pytest.mark.parametrize("tls", TLS)
def test_a_certificate_of_nobody_we_know(secured, tls):
    context, _ = secured
    assert "does not hold" in refused(*send(script(context, tls), tls=tls))


def test_starttls_that_is_not_offered():
    """Somebody between us may have cut it out: nothing goes on in clear."""
    said = refused(*send(Script(), tls="starttls", username="a", password="b"))
    assert "no STARTTLS" in said


@pytest.mark.parametrize("told", ["454 4.7.0 not now", "501 5.5.4 no", HANG_UP, "garbage"])
def test_starttls_that_is_refused(secured, told):
    context, ca_file = secured
    refused(*send(Script(answers={"STARTTLS": told}, context=context), tls="starttls", ca_file=ca_file))


def test_what_was_offered_in_clear_counts_no_longer(secured):
    context, ca_file = secured
    offered = Script(
        context=context, ehlo=("relay.example", "SIZE 5", "AUTH PLAIN"), after_tls=("relay.example",)
    )
    reply, _, seen = send(offered, tls="starttls", ca_file=ca_file)
    assert reply.outcome is Outcome.SENT
    assert "MAIL FROM:<b@shop.example>" in seen.commands


@pytest.mark.parametrize("more", [b"250 OK\r\n", b"250-evil\r\n250 AUTH PLAIN\r\n", b"2"])
def test_words_in_clear_behind_starttls_do_not_pass_for_secured_ones(secured, more):
    """CVE-2011-0411, turned on the client."""
    context, ca_file = secured
    injected = Script(answers={"STARTTLS": b"220 go\r\n" + more}, context=context)
    refused(*send(injected, tls="starttls", ca_file=ca_file))


def test_a_port_without_tls():
    """Implicit TLS against a server that greets in clear."""
    refused(*send(Script(), tls="tls", patience_s=SLOW_S))
