"""What networks and servers do to a request, and what may be said of the mail afterwards."""

import asyncio

import pytest

from hygiene.credentials import Secret
from hygiene.errors import UsageError
from hygiene.sending.reply import Outcome, Phase
from hygiene.sending.transports.http_api import HttpApi
from hygiene.sending.transports.mailgun import Mailgun
from hygiene.sending.transports.postmark import Postmark
from hygiene.sending.transports.sendgrid import SendGrid
from tests.ports import free_port

from . import fake_apis
from .fake_apis import always, as_json
from .mails import NOW, Gate, mail

OK = as_json(200, {"MessageID": "m", "ErrorCode": 0, "Message": "OK"})


def taken(request):
    return OK


@pytest.fixture(scope="module")
def ca_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    fake_apis.AUTHORITY.cert_pem.write_to_path(path)
    return str(path)


def transport(url, ca_file, *, api=None, **changes):
    made = api or Postmark(base_url=url, server_token=Secret("secret-token"))
    return HttpApi(made, **{"connections": 2, "patience_s": 5.0, "ca_file": ca_file} | changes)


def send(judge, ca_file, *, gate=None, authority=fake_apis.AUTHORITY, api=None, **changes):
    async def go():
        async with fake_apis.serve(judge, authority=authority) as server:
            made = api(server.url) if api else None
            opened = transport(server.url, ca_file, api=made, **changes)
            try:
                return await opened.send(mail(), gate or Gate()), server
            finally:
                await opened.close()

    return asyncio.run(go())


# before the request: certainly not accepted


def test_a_refused_connection(ca_file):
    url, gate = f"https://localhost:{free_port()}", Gate()

    async def go():
        opened = transport(url, ca_file)
        reply = await opened.send(mail(), gate)
        await opened.close()
        return reply

    reply = asyncio.run(go())
    assert (reply.outcome, reply.phase, gate.asked) == (Outcome.NOT_SENT, Phase.CONNECT, 0)
    assert reply.text


def test_a_certificate_of_strangers(ca_file):
    gate = Gate()
    reply, server = send(taken, ca_file, authority=fake_apis.STRANGER, gate=gate)
    assert (reply.outcome, reply.phase, gate.asked) == (Outcome.NOT_SENT, Phase.TLS, 0)
    assert "certificate" in reply.text
    assert server.seen == []


def test_a_certificate_of_another_name(ca_file):
    """127.0.0.1 is not localhost."""
    gate = Gate()

    def api(url):
        return Postmark(base_url=url.replace("localhost", "127.0.0.1"), server_token=Secret("x"))

    reply, server = send(taken, ca_file, api=api, gate=gate)
    assert (reply.outcome, reply.phase, gate.asked) == (Outcome.NOT_SENT, Phase.TLS, 0)
    assert server.seen == []


def test_a_server_that_speaks_no_tls(ca_file):
    async def go():
        async def plain(reader, writer):
            await reader.read(1)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            writer.close()

        listening = await asyncio.start_server(plain, "127.0.0.1", 0)
        opened = transport(f"https://localhost:{listening.sockets[0].getsockname()[1]}", ca_file)
        reply = await opened.send(mail(), Gate())
        await opened.close()
        listening.close()
        return reply

    reply = asyncio.run(go())
    assert (reply.outcome, reply.phase) == (Outcome.NOT_SENT, Phase.TLS)


# the last moment


def test_what_must_not_leave_does_not(ca_file):
    gate = Gate(answer=False)
    reply, server = send(taken, ca_file, gate=gate)
    assert (reply.outcome, gate.asked) == (Outcome.WITHHELD, 1)
    assert server.connections == 1
    assert server.seen == []


def test_the_question_is_asked_when_everything_else_is_done(ca_file):
    """The server has answered TLS, and has not got an octet of the request."""

    async def go():
        async with fake_apis.serve(taken) as server:
            opened = transport(server.url, ca_file)
            seen = []

            async def gate():
                while not server.connections:  # the client may see the end of TLS first
                    await asyncio.sleep(0.01)
                seen.append((server.connections, len(server.seen)))
                return True

            replies = [await opened.send(mail(), gate) for _ in range(2)]
            await opened.close()
            return seen, replies

    seen, replies = asyncio.run(go())
    assert seen == [(1, 0), (1, 1)]
    assert {reply.outcome for reply in replies} == {Outcome.SENT}


def test_an_error_of_the_question_is_its_askers(ca_file):
    """The outbox could not be asked: no verdict on the mail, and no octet of it left."""
    with pytest.raises(RuntimeError, match="locked"):
        send(taken, ca_file, gate=Gate(answer=RuntimeError("locked")))


def test_waiting_for_the_question_is_no_silence_of_the_server(ca_file):
    async def go():
        async with fake_apis.serve(taken) as server:
            opened = transport(server.url, ca_file, patience_s=0.3)

            async def gate():
                await asyncio.sleep(0.5)
                return True

            reply = await opened.send(mail(), gate)
            await opened.close()
            return reply

    assert asyncio.run(go()).outcome is Outcome.SENT


# afterwards: nobody knows


@pytest.mark.parametrize(
    "judge",
    [
        fake_apis.drop,
        fake_apis.part_of_an_answer,
        fake_apis.broken_body(200),
        fake_apis.broken_body(202),
        fake_apis.broken_body(500),
        fake_apis.no_http,
        fake_apis.endless_head,
        always(200, b"<html>welcome</html>"),
        always(200, b"{}"),
        always(200, b'{"ErrorCode": 0}'),
        always(200, b" " * 1_000_000),
        always(200, b'{"MessageID": "m", "ErrorCode": 0}' + b" " * 1_000_000),
        always(204),
        always(500, b"oops"),
        always(502, b"<html>bad gateway</html>"),
        always(503, b"<html>unavailable</html>"),
        always(504),
    ],
)
def test_after_the_request_a_failure_is_in_doubt(ca_file, judge):
    reply, server = send(judge, ca_file)
    assert (reply.outcome, reply.phase) == (Outcome.UNKNOWN, Phase.DOT), reply
    assert len(server.seen) == 1, "nothing is ever repeated here"
    assert reply.text.isprintable()


@pytest.mark.parametrize("judge", [fake_apis.silent, fake_apis.trickle])
def test_patience_ends(ca_file, judge):
    reply, server = send(judge, ca_file, patience_s=0.3)
    assert (reply.outcome, reply.phase) == (Outcome.UNKNOWN, Phase.DOT)
    assert "0.3 s" in reply.text
    assert len(server.seen) == 1


def test_a_broken_body_of_a_refusal_is_a_refusal_all_the_same(ca_file):
    reply, _ = send(fake_apis.broken_body(422), ca_file)
    assert (reply.outcome, reply.code) == (Outcome.REFUSED, 422)


def test_sendgrid_needs_no_body(ca_file):
    reply, _ = send(
        fake_apis.broken_body(202), ca_file, api=lambda url: SendGrid(base_url=url, api_key=Secret("x"))
    )
    assert reply.outcome is Outcome.SENT


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(ca_file, status):
    """Not even to itself: the key would go along."""
    reply, server = send(always(status, b"", Location="/elsewhere"), ca_file)
    assert (reply.outcome, reply.phase, reply.code) == (Outcome.NOT_SENT, Phase.AUTH, status)
    assert len(server.seen) == 1


def test_a_connection_that_the_server_closed_is_not_used_again(ca_file):
    """After an answer with Connection: close the next mail gets another one."""

    async def go():
        async with fake_apis.serve(always(OK[0], OK[2], Connection="close")) as server:
            opened = transport(server.url, ca_file)
            replies = [await opened.send(mail(), Gate()) for _ in range(3)]
            await opened.close()
            return replies, server

    replies, server = asyncio.run(go())
    assert [reply.outcome for reply in replies] == [Outcome.SENT] * 3
    assert server.connections == 3


def test_a_failure_leaves_the_transport_in_order(ca_file):
    """Connections are given back whatever happened, or the pool would run dry."""
    answers = iter([fake_apis.drop, fake_apis.silent, fake_apis.drop, fake_apis.no_http, taken, taken])

    async def go():
        def judge(request):
            return next(answers)(request)

        async with fake_apis.serve(judge) as server:
            opened = transport(server.url, ca_file, connections=1, patience_s=0.3)
            replies = [await opened.send(mail(), Gate(answer=turn != 2)) for turn in range(7)]
            await opened.close()
            return [reply.outcome for reply in replies]

    assert asyncio.run(go()) == [
        *(Outcome.UNKNOWN, Outcome.UNKNOWN, Outcome.WITHHELD, Outcome.UNKNOWN, Outcome.UNKNOWN),
        *(Outcome.SENT, Outcome.SENT),
    ]


def test_closing_waits_for_what_is_under_way(ca_file):
    release = asyncio.Event

    async def go():
        answered = release()

        def slow(request):
            async def run(reader, writer):
                await answered.wait()
                return OK

            return run

        async with fake_apis.serve(slow) as server:
            opened = transport(server.url, ca_file)
            sending = asyncio.create_task(opened.send(mail(), Gate()))
            while not server.seen:
                await asyncio.sleep(0.01)
            closing = asyncio.create_task(opened.close())
            await asyncio.sleep(0.05)
            assert not closing.done()
            answered.set()
            reply = await sending
            await closing
            return reply

    assert asyncio.run(go()).outcome is Outcome.SENT


def test_closing_what_never_sent():
    asyncio.run(HttpApi(Postmark(server_token=Secret("x")), connections=1, patience_s=1).close())


def test_a_cancelled_send_is_the_cancellers(ca_file):
    async def go():
        async with fake_apis.serve(fake_apis.silent) as server:
            opened = transport(server.url, ca_file)
            sending = asyncio.create_task(opened.send(mail(), Gate()))
            while not server.seen:
                await asyncio.sleep(0.01)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            await opened.close()

    asyncio.run(go())


# secrets and settings


def test_no_reply_shows_a_key(ca_file):
    """Even where a server says it back."""

    def echo(request):
        return as_json(400, {"message": f"bad key {request.headers['authorization']} secret-token"})

    reply, _ = send(
        echo, ca_file, api=lambda url: Mailgun(base_url=url, domain="d.example", api_key=Secret("secret-token"))
    )
    assert "secret-token" not in reply.text
    assert "YXBpOnNlY3JldC10b2tlbg" not in reply.text


def test_the_request_names_its_host_and_nothing_of_the_machine(ca_file):
    _, server = send(taken, ca_file)
    (seen,) = server.seen
    assert seen.headers["host"] == f"localhost:{server.port}"
    assert set(seen.headers) == {
        *("host", "accept", "accept-encoding", "user-agent", "content-type", "content-length"),
        "x-postmark-server-token",
    }


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example",
        "api.example",
        "https://",
        "https://u:p@api.example",
        "https://x:99999",
        "https://x?q=1",
        "https://[::1",
        "",
    ],
)
def test_an_api_is_reached_by_https_only(url):
    with pytest.raises(UsageError, match="https://HOST") as caught:
        HttpApi(Postmark(base_url=url, server_token=Secret("x")), connections=1, patience_s=1)
    assert "\n" not in str(caught.value)


def test_a_file_without_authorities_is_told_at_once(tmp_path):
    file = tmp_path / "ca.pem"
    file.write_text("nothing")
    with pytest.raises(UsageError, match="holds no certificates"):
        transport("https://localhost:1", str(file))


def test_the_clock_is_given(ca_file):
    """SES's date is that of the clock, not of the system."""
    from hygiene.sending.transports.ses import Ses

    def api(url):
        return Ses(base_url=url, region="eu-west-1", access_key=Secret("A"), secret_key=Secret("S"))

    _, server = send(taken, ca_file, api=api, clock=lambda: NOW)
    assert server.seen[0].headers["x-amz-date"] == "20261128T120000Z"
