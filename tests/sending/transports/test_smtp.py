"""What a relay does in any phase of the dialogue, and what may be said of the mail afterwards."""

import asyncio
import base64
import re
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hygiene import event_loop
from hygiene.config import AccountSettings
from hygiene.credentials import NO_SECRET, Secret
from hygiene.errors import UnreadableInput
from hygiene.sending.reply import Outcome, Phase
from hygiene.sending.transports.smtp import SmtpTransport
from hygiene.sending.transports.smtp_login import choose_login, cram_md5

from .mails import Gate, mail
from .smtp_server import EHLO, HANG_UP, HOST, STALL, Script, running

LETTER = mail()
SLOW_S = 0.2  # patience with servers that stall
NO_PIPELINE = tuple(word for word in EHLO if word != "PIPELINING")


#: the event loop that the tests run on, each in turn
run = asyncio.run


@pytest.fixture(params=[asyncio.run, event_loop.run], ids=["asyncio", "uvloop"], scope="module", autouse=True)
def on_both_loops(request):
    global run  # noqa: PLW0603 (a fixture of a module cannot reach what its helpers call otherwise)
    run = request.param


def transport(server, *, connections=1, password="", token="", own_name="client.example", **account):
    told = {"host": HOST, "port": server.port, "tls": "none", "patience_s": 5.0} | account
    return SmtpTransport(
        AccountSettings(**told),
        connections=connections,
        password=Secret(password),
        read_token=token if callable(token) else lambda: Secret(token),
        own_name=own_name,
    )


def send(script, *, letter=LETTER, gate=None, **account):
    """One mail to a server of that script: the reply, the gate, what the server saw."""
    gate = gate or Gate()

    async def go():
        async with running(script) as server:
            way = transport(server, **account)
            reply = await way.send(letter, gate)
            await way.close()
            await server.is_left()
            return reply, server.seen

    reply, seen = run(asyncio.wait_for(go(), 20))
    return reply, gate, seen


# The usual course


def test_a_mail_is_taken():
    reply, gate, seen = send(Script())
    assert (reply.outcome, reply.phase, reply.code, reply.status) == (Outcome.SENT, Phase.DOT, 250, "2.0.0")
    assert (reply.text, reply.remote_id) == ("Ok: queued as 4XyZ", "4XyZ")
    assert gate.asked == 1
    assert seen.messages == [LETTER.content]
    assert seen.commands == [
        "EHLO client.example",
        f"MAIL FROM:<b@shop.example> SIZE={len(LETTER.content)}",
        "RCPT TO:<ann@example.com>",
        "DATA",
        "QUIT",
    ]


def test_a_server_without_extensions():
    reply, _, seen = send(Script(ehlo=("relay.example",)))
    assert reply.outcome is Outcome.SENT
    assert "MAIL FROM:<b@shop.example>" in seen.commands


def test_the_null_sender():
    _, _, seen = send(Script(), letter=mail(return_path=""))
    assert seen.commands[1].startswith("MAIL FROM:<> ")


@pytest.mark.parametrize("words", [EHLO, NO_PIPELINE])
def test_commands_travel_together_where_the_server_takes_them_so(words):
    async def go():
        script = Script(ehlo=words)
        async with running(script) as server:
            script.answers["MAIL"] = STALL
            way = transport(server)
            sending = asyncio.create_task(way.send(LETTER, Gate()))
            await server.stalled.wait()
            waiting = bytes(server.readers[0]._buffer)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            return waiting

    waiting = run(go())
    assert waiting == (b"RCPT TO:<ann@example.com>\r\nDATA\r\n" if words is EHLO else b"")


# Every phase in which it can fail: verb, what is answered → outcome, phase, code

BEFORE = [
    ("banner", "554 5.3.2 no", Outcome.NOT_SENT, Phase.CONNECT, 554),
    ("banner", "421 4.3.2 busy", Outcome.NOT_SENT, Phase.CONNECT, 421),
    ("banner", HANG_UP, Outcome.NOT_SENT, Phase.CONNECT, None),
    ("banner", b"HTTP/1.1 400 Bad Request\r\n\r\n", Outcome.NOT_SENT, Phase.CONNECT, None),
    ("banner", b"220-" + b"x" * 10_000, Outcome.NOT_SENT, Phase.CONNECT, None),
    ("banner", b"220-more\r\n" * 5_000, Outcome.NOT_SENT, Phase.CONNECT, None),
    ("banner", b"\xff\xfe\x00\r\n", Outcome.NOT_SENT, Phase.CONNECT, None),
    ("EHLO", "550 5.7.1 no", Outcome.NOT_SENT, Phase.EHLO, 550),
    ("EHLO", "354 go ahead", Outcome.NOT_SENT, Phase.EHLO, 354),
    ("EHLO", "421 4.3.2 bye", Outcome.NOT_SENT, Phase.EHLO, 421),
    ("EHLO", HANG_UP, Outcome.NOT_SENT, Phase.EHLO, None),
    ("MAIL", "451 4.7.1 later", Outcome.DEFERRED, Phase.MAIL, 451),
    ("MAIL", "550 5.7.1 you", Outcome.REFUSED, Phase.MAIL, 550),
    ("MAIL", "421 4.7.0 too many", Outcome.DEFERRED, Phase.MAIL, 421),
    ("MAIL", HANG_UP, Outcome.NOT_SENT, Phase.MAIL, None),
    ("MAIL", "garbage", Outcome.NOT_SENT, Phase.MAIL, None),
    ("MAIL", "354 what", Outcome.NOT_SENT, Phase.MAIL, 354),
    ("RCPT", "450 4.2.1 full", Outcome.DEFERRED, Phase.RCPT, 450),
    ("RCPT", "550 5.1.1 unknown", Outcome.REFUSED, Phase.RCPT, 550),
    ("RCPT", "421 4.7.0 enough", Outcome.DEFERRED, Phase.RCPT, 421),
    ("RCPT", HANG_UP, Outcome.NOT_SENT, Phase.RCPT, None),
    ("DATA", "451 4.3.0 disk", Outcome.DEFERRED, Phase.DATA, 451),
    ("DATA", "554 5.5.1 no valid recipients", Outcome.REFUSED, Phase.DATA, 554),
    ("DATA", "421 4.3.2 bye", Outcome.DEFERRED, Phase.DATA, 421),
    ("DATA", "250 2.0.0 taken already?", Outcome.NOT_SENT, Phase.DATA, 250),
    ("DATA", HANG_UP, Outcome.NOT_SENT, Phase.DATA, None),
]
NAMES = [f"{verb} {told[:20]!r}" for verb, told, *_ in BEFORE]


@pytest.mark.parametrize("words", [EHLO, NO_PIPELINE], ids=["together", "one by one"])
@pytest.mark.parametrize(("verb", "told", "outcome", "phase", "code"), BEFORE, ids=NAMES)
def test_before_the_content(verb, told, outcome, phase, code, words):
    """Nothing of the mail was accepted, and nobody was asked whether it may leave."""
    reply, gate, seen = send(Script(answers={verb: told}, ehlo=words))
    assert (reply.outcome, reply.phase, reply.code) == (outcome, phase, code)
    assert gate.asked == 0
    assert not seen.messages or seen.messages == [b""]
    assert "\n" not in reply.text
    assert reply.text


DOT = [
    ("250 ok", Outcome.SENT, 250),
    ("451 4.3.0 later", Outcome.DEFERRED, 451),
    ("554 5.7.1 spam", Outcome.REFUSED, 554),
    ("421 4.3.2 bye", Outcome.DEFERRED, 421),
    (HANG_UP, Outcome.UNKNOWN, None),
    ("garbage", Outcome.UNKNOWN, None),
    ("354 go on", Outcome.UNKNOWN, 354),
    ("199 hm", Outcome.UNKNOWN, None),
    (b"250-half of", Outcome.UNKNOWN, None),
    (b"250-so\r\n250-far\r\n", Outcome.UNKNOWN, None),
]


@pytest.mark.parametrize(("told", "outcome", "code"), DOT, ids=[str(told) for told, *_ in DOT])
def test_after_the_dot(told, outcome, code):
    reply, gate, seen = send(Script(answers={"dot": told}), patience_s=SLOW_S)
    assert (reply.outcome, reply.phase, reply.code) == (outcome, Phase.DOT, code)
    assert gate.asked == 1
    assert seen.dots == 1


STALLING = [
    ("banner", Outcome.NOT_SENT, Phase.CONNECT),
    ("EHLO", Outcome.NOT_SENT, Phase.EHLO),
    ("MAIL", Outcome.NOT_SENT, Phase.MAIL),
    ("RCPT", Outcome.NOT_SENT, Phase.RCPT),
    ("DATA", Outcome.NOT_SENT, Phase.DATA),
    ("dot", Outcome.UNKNOWN, Phase.DOT),
]


@pytest.mark.parametrize(("verb", "outcome", "phase"), STALLING)
def test_a_server_that_falls_silent(verb, outcome, phase):
    reply, _, _ = send(Script(answers={verb: STALL}), patience_s=SLOW_S)
    assert (reply.outcome, reply.phase) == (outcome, phase)
    assert "said nothing for 0.2 s" in reply.text


def test_nobody_listens():
    async def go():
        async with running() as server:
            way = transport(server)
        return await way.send(LETTER, Gate())

    reply = run(go())
    assert (reply.outcome, reply.phase) == (Outcome.NOT_SENT, Phase.CONNECT)
    assert "connection refused" in reply.text


def test_no_such_host(monkeypatch):
    def unknown(*_args, **_more):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    way = SmtpTransport(AccountSettings(host="relay.invalid", tls="none"), connections=1)
    reply = run(way.send(LETTER, Gate()))
    assert (reply.outcome, reply.phase) == (Outcome.NOT_SENT, Phase.CONNECT)
    assert reply.text == "no connection to relay.invalid:587: name or service not known"


# Replies at the wrong time


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        ("552 5.3.4 too big", Outcome.REFUSED),
        ("451 4.3.1 disk", Outcome.DEFERRED),
        ("250 2.0.0 taken", Outcome.NOT_SENT),
        ("250-half", Outcome.NOT_SENT),
        (HANG_UP, Outcome.NOT_SENT),
    ],
)
def test_a_reply_before_the_dot(told, outcome):
    """Said while the content is on its way: the dot is never written, so nothing can be accepted."""

    async def go():
        async with running(Script(in_body=told)) as server:

            async def may_leave():
                await server.spoke.wait()
                await asyncio.sleep(0.02)  # until it has arrived
                return True

            way = transport(server, patience_s=SLOW_S)
            return await way.send(mail(content=LETTER.content * 50), may_leave), server.seen

    reply, seen = run(asyncio.wait_for(go(), 10))
    assert (reply.outcome, reply.phase) == (outcome, Phase.DATA)
    assert seen.dots == 0


def test_a_reply_too_many_is_not_taken_for_another():
    """Two replies to MAIL: else RCPT's would be taken for DATA's, and DATA's for the dot's."""
    for words in (EHLO, NO_PIPELINE):
        reply, gate, seen = send(Script(answers={"MAIL": b"250 ok\r\n250 ok\r\n"}, ehlo=words))
        assert (reply.outcome, gate.asked, seen.dots) == (Outcome.NOT_SENT, 0, 0)


def test_a_reply_before_the_question():
    """A server that answers the dot before it was written, with the 354."""
    reply, _, seen = send(Script(answers={"DATA": b"354 go\r\n250 2.0.0 taken\r\n"}))
    assert (reply.outcome, reply.phase, seen.dots) == (Outcome.NOT_SENT, Phase.DATA, 0)


def test_several_lines_and_odd_letters():
    told = b"550-5.7.1 first line\r\n550-5.7.1  second\tl\xc3\xafne\x1b[31m\r\n550 5.7.1\r\n"
    reply, _, _ = send(Script(answers={"RCPT": told}))
    assert (reply.code, reply.status, reply.text) == (550, "5.7.1", "first line second lïne [31m")


# A refused recipient, and a server that waits for the message all the same (RFC 2920 §3.1)


@pytest.mark.parametrize("dot", ["554 5.5.1 no valid recipients", "250 2.0.0 thrown away", HANG_UP, STALL])
@pytest.mark.parametrize(("told", "outcome"), [("550 5.1.1 no", Outcome.REFUSED), ("450 no", Outcome.DEFERRED)])
def test_a_message_to_nobody_is_empty(told, outcome, dot):
    reply, gate, seen = send(Script(answers={"RCPT": told, "dot": dot}), patience_s=SLOW_S)
    assert (reply.outcome, reply.phase, gate.asked) == (outcome, Phase.RCPT, 0)
    assert seen.messages in ([], [b""])
    assert seen.cut == 0


def test_nothing_is_sent_to_whom_a_confused_server_takes():
    """MAIL refused, RCPT taken, DATA taken: a dot might be a message to the recipient."""
    reply, gate, seen = send(Script(answers={"MAIL": "550 5.7.1 no"}))
    assert (reply.outcome, reply.phase, gate.asked) == (Outcome.REFUSED, Phase.MAIL, 0)
    assert (seen.dots, seen.messages) == (0, [])


@pytest.mark.parametrize("after", [HANG_UP, STALL, "garbage", "421 bye"])
@pytest.mark.parametrize("words", [EHLO, NO_PIPELINE])
def test_a_refusal_counts_whatever_comes_behind_it(after, words):
    script = Script(answers={"RCPT": "550 5.1.1 no", "DATA": after, "RSET": after}, ehlo=words)
    reply, _, _ = send(script, patience_s=SLOW_S)
    assert (reply.outcome, reply.phase, reply.code) == (Outcome.REFUSED, Phase.RCPT, 550)


# May it leave?


def test_withheld_at_the_last_moment():
    reply, gate, seen = send(Script(), gate=Gate(answer=False))
    assert (reply.outcome, gate.asked) == (Outcome.WITHHELD, 1)
    assert (seen.dots, seen.messages, seen.cut) == (0, [], 1)


def test_the_content_is_there_when_it_is_asked():
    """All but the dot: a crash after the question leaves as little as possible to doubt."""
    big = mail(content=b"".join(b"line %d\r\n" % number for number in range(20_000)))

    async def go():
        async with running(Script()) as server:

            async def may_leave():
                while server.received < len(big.content):
                    await asyncio.sleep(0.001)
                assert server.seen.dots == 0
                return True

            way = transport(server)
            reply = await asyncio.wait_for(way.send(big, may_leave), 10)
            await way.close()
            return reply, server.seen

    reply, seen = run(go())
    assert reply.outcome is Outcome.SENT
    assert seen.messages == [big.content]


def test_a_fault_of_ours_in_the_question_sends_nothing():
    with pytest.raises(RuntimeError, match="store"):
        send(Script(), gate=Gate(answer=RuntimeError("store")))


@pytest.mark.parametrize(("verb", "dots"), [("banner", 0), ("MAIL", 0), ("DATA", 0), ("dot", 1)])
def test_a_task_that_is_cancelled_leaves_no_connection(verb, dots):
    async def go():
        async with running(Script(answers={verb: STALL})) as server:
            way = transport(server)
            sending = asyncio.create_task(way.send(LETTER, Gate()))
            await server.stalled.wait()
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            assert server.seen.dots == dots
            server.script.answers[verb] = None
            again = await way.send(LETTER, Gate())
            await way.close()
            return again.outcome, server.seen

    outcome, seen = run(asyncio.wait_for(go(), 10))
    assert outcome is Outcome.SENT
    assert seen.connections == 2


# Connections


def many(script, count, *, connections, **account):
    async def go():
        async with running(script) as server:
            way = transport(server, connections=connections, **account)
            gates = [Gate() for _ in range(count)]
            replies = await asyncio.gather(*(way.send(LETTER, gate) for gate in gates))
            await way.close()
            await server.is_left()
            return replies, gates, server.seen

    return run(asyncio.wait_for(go(), 20))


def test_no_more_connections_than_agreed():
    replies, gates, seen = many(Script(), 60, connections=4)
    assert {reply.outcome for reply in replies} == {Outcome.SENT}
    assert {gate.asked for gate in gates} == {1}
    assert (len(seen.messages), seen.connections, seen.most_open) == (60, 4, 4)
    assert seen.commands.count("QUIT") == 4


def test_a_connection_carries_so_many_and_is_parted_from_before_the_next():
    replies, _, seen = many(Script(), 12, connections=2, per_connection=3)
    assert {reply.outcome for reply in replies} == {Outcome.SENT}
    assert (seen.connections, seen.most_open) == (4, 2)
    assert seen.commands.count("QUIT") == 4


@pytest.mark.parametrize("words", [EHLO, NO_PIPELINE])
def test_a_refusal_keeps_the_connection(words):
    script = Script(answers={"RCPT": ["550 5.1.1 no", "450 later", "250 ok"]}, ehlo=words)
    replies, _, seen = many(script, 5, connections=1)
    assert [reply.outcome for reply in replies] == [Outcome.REFUSED, Outcome.DEFERRED, *[Outcome.SENT] * 3]
    assert seen.connections == 1
    assert len([each for each in seen.messages if each]) == 3


IDLE = {
    "it was closed": None,
    "it says that it closes": b"421 4.4.2 idle too long\r\n",
    "it is closed when it is used": "421",
    "it hangs up when it is used": HANG_UP,
}


@pytest.mark.parametrize("how", IDLE.values(), ids=IDLE)
def test_a_connection_that_grew_old_is_made_anew(how):
    async def go():
        async with running(Script()) as server:
            way = transport(server)
            first = await way.send(LETTER, Gate())
            if how is None:
                server.writers[0].transport.abort()
            elif isinstance(how, bytes):
                server.writers[0].write(how)
            else:
                told = HANG_UP if how == HANG_UP else "421 4.4.2 enough"
                server.script.answers["MAIL"] = [told, "250 2.1.0 ok"]
            await asyncio.sleep(0.02)
            gate = Gate()
            second = await way.send(LETTER, gate)
            await way.close()
            return first, second, gate, server.seen

    first, second, gate, seen = run(asyncio.wait_for(go(), 10))
    assert (first.outcome, second.outcome, gate.asked) == (Outcome.SENT, Outcome.SENT, 1)
    assert (seen.connections, len(seen.messages)) == (2, 2)


def test_after_421_at_the_dot_there_is_another_connection():
    replies, _, seen = many(Script(answers={"dot": ["421 4.3.2 restart", "250 ok"]}), 2, connections=1)
    assert [reply.outcome for reply in replies] == [Outcome.DEFERRED, Outcome.SENT]
    assert seen.connections == 2


def test_an_idle_connection_is_parted_from(monkeypatch):
    monkeypatch.setattr("hygiene.sending.transports.smtp._IDLE_S", 0.05)

    async def go():
        async with running(Script()) as server:
            way = transport(server)
            await way.send(LETTER, Gate())
            while server.seen.open:
                await asyncio.sleep(0.005)
            reply = await way.send(LETTER, Gate())
            await way.close()
            return reply, server.seen

    reply, seen = run(asyncio.wait_for(go(), 10))
    assert (reply.outcome, seen.connections, seen.commands.count("QUIT")) == (Outcome.SENT, 2, 2)


def test_closing_waits_for_mails_under_way():
    async def go():
        async with running(Script()) as server:
            way = transport(server, connections=2)
            asked, let = asyncio.Event(), asyncio.Event()

            async def may_leave():
                asked.set()
                await let.wait()
                return True

            sending = asyncio.create_task(way.send(LETTER, may_leave))
            await asked.wait()
            closing = asyncio.create_task(way.close())
            await asyncio.sleep(0.01)
            assert not closing.done()
            let.set()
            await closing
            return await sending, server.seen

    reply, seen = run(asyncio.wait_for(go(), 10))
    assert reply.outcome is Outcome.SENT
    assert seen.commands[-1] == "QUIT"


# What a server cannot take, or must not be told


def test_a_message_that_is_too_big_is_not_offered():
    reply, gate, seen = send(Script(ehlo=("relay.example", "SIZE 100")))
    assert (reply.outcome, reply.phase, reply.status) == (Outcome.REFUSED, Phase.MAIL, "5.3.4")
    assert gate.asked == 0
    assert not any(command.startswith("MAIL") for command in seen.commands)


@pytest.mark.parametrize("size", ["SIZE", "SIZE 0", "SIZE x"])
def test_a_size_that_says_nothing(size):
    assert send(Script(ehlo=("relay.example", size)))[0].outcome is Outcome.SENT


def test_addresses_beyond_ascii():
    odd = mail(recipient="jörg@bücher.example")
    reply, _, seen = send(Script(), letter=odd)
    assert reply.outcome is Outcome.SENT
    assert "RCPT TO:<jörg@bücher.example>" in seen.commands
    assert seen.commands[1].endswith(" SMTPUTF8")
    reply, gate, seen = send(Script(ehlo=("relay.example",)), letter=odd)
    assert (reply.outcome, reply.status, gate.asked) == (Outcome.REFUSED, "5.6.7", 0)


def test_domains_beyond_ascii_need_no_extension():
    reply, _, seen = send(Script(ehlo=("relay.example",)), letter=mail(recipient="ann@bücher.example"))
    assert reply.outcome is Outcome.SENT
    assert "RCPT TO:<ann@xn--bcher-kva.example>" in seen.commands


EVIL = [
    "a@b>\r\nRCPT TO:<c@d",
    "a@b\r\nDATA",
    "a@b> SIZE=1",
    "a b@c",
    "",
    "@b",
    "a@",
    "a@b@c",
    "a\0@b",
    "\ud800@b.example",
]


@pytest.mark.parametrize("address", EVIL)
@pytest.mark.parametrize("where", ["recipient", "return_path"])
def test_no_command_is_told_through_an_address(address, where):
    if where == "return_path" and not address:
        return
    reply, gate, seen = send(Script(), letter=mail(**{where: address}))
    assert (reply.outcome, gate.asked) == (Outcome.REFUSED, 0)
    assert seen.commands == ["EHLO client.example", "QUIT"]


@settings(max_examples=40)
@given(
    st.binary(max_size=200)
    | st.lists(st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"a", b"MAIL FROM:<x>"])).map(b"".join)
)
def test_a_body_is_one_message_whatever_stands_in_it(body):
    reply, _, seen = send(Script(), letter=mail(content=b"From: a@b\r\n\r\n" + body))
    assert reply.outcome is Outcome.SENT
    assert len(seen.messages) == 1
    assert seen.commands[-1] == "QUIT"
    assert len(seen.commands) == 5
    lines = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    assert seen.messages[0].removeprefix(b"From: a@b\r\n\r\n").rstrip(b"\r\n") == lines.rstrip(b"\r\n")


# Logins


def login(script, **account):
    return send(script, username="ann", password="s3cret wörd", **account)


def test_login_by_plain():
    _, _, seen = login(Script(ehlo=("relay.example", "AUTH LOGIN PLAIN")))
    token = base64.b64encode("\0ann\0s3cret wörd".encode()).decode()
    assert seen.commands[1] == f"AUTH PLAIN {token}"
    assert seen.messages


@pytest.mark.parametrize("offer", ["AUTH LOGIN", "AUTH=LOGIN", "auth login digest-md5"])
def test_login_by_login(offer):
    _, _, seen = login(Script(ehlo=("relay.example", offer)))
    assert [base64.b64decode(word).decode() for word in seen.commands[2:4]] == ["ann", "s3cret wörd"]
    assert seen.messages


CHALLENGE = "<1896.697170952@postoffice.reston.mci.net>"  # of the example in RFC 2195


def test_login_by_cram_md5_shows_no_password():
    """In clear it comes before those that do."""
    script = Script(
        ehlo=("relay.example", "AUTH PLAIN LOGIN CRAM-MD5"),
        challenges={"CRAM-MD5": base64.b64encode(CHALLENGE.encode()).decode()},
    )
    reply, _, seen = send(script, username="tim", password="tanstaaftanstaaf")
    assert reply.outcome is Outcome.SENT
    assert seen.commands[1] == "AUTH CRAM-MD5"
    assert base64.b64decode(seen.commands[2]) == b"tim b913a602c7eda7a495b4e6e7334d3890"
    assert "tanstaaf" not in " ".join(seen.commands)


@pytest.mark.parametrize("challenge", ["", "no base64!", "=", "ÿ"])
def test_any_challenge_is_answered_somehow(challenge):
    said = base64.b64decode(cram_md5("tim", "secret", challenge)).decode()
    assert re.fullmatch(r"tim [0-9a-f]{32}", said)


@pytest.mark.parametrize(
    ("offered", "secured", "first"),
    [
        ({"PLAIN", "LOGIN", "CRAM-MD5"}, True, "PLAIN"),
        ({"LOGIN", "CRAM-MD5"}, True, "LOGIN"),
        ({"PLAIN", "LOGIN", "CRAM-MD5"}, False, "CRAM-MD5"),
        ({"PLAIN", "LOGIN"}, False, "PLAIN"),
        ({"XOAUTH2", "CRAM-MD5"}, True, "CRAM-MD5"),
    ],
)
def test_which_login_is_chosen(offered, secured, first):
    chosen = choose_login(offered, "ann", password=Secret("x"), token=NO_SECRET, secured=secured)
    assert chosen.command.split()[1] == first
    by_token = choose_login(offered, "ann", password=Secret("x"), token=Secret("t"), secured=secured)
    assert (by_token is not None) == ("XOAUTH2" in offered), "a password is not tried then"


XOAUTH2 = Script(ehlo=("relay.example", "AUTH LOGIN PLAIN XOAUTH2"))


def test_login_by_xoauth2():
    reply, _, seen = send(XOAUTH2, username="ann@shop.example", token="ya29.vF9dft4qmTc2Nvb3R")
    assert reply.outcome is Outcome.SENT
    command, said = seen.commands[1].rsplit(" ", 1)
    assert command == "AUTH XOAUTH2"
    assert base64.b64decode(said) == b"user=ann@shop.example\x01auth=Bearer ya29.vF9dft4qmTc2Nvb3R\x01\x01"


def test_a_token_that_is_refused_ends_the_dialogue():
    """The error comes as a challenge, which has to be answered before the refusal is said."""
    error = base64.b64encode(b'{"status":"401","schemes":"bearer"}').decode()
    script = Script(
        ehlo=XOAUTH2.ehlo, challenges={"XOAUTH2": error}, answers={"AUTH": "535 5.7.8 no: ya29.secret"}
    )
    reply, gate, seen = send(script, username="ann", token="ya29.secret")
    assert (reply.outcome, reply.phase, reply.code) == (Outcome.NOT_SENT, Phase.AUTH, 535)
    assert seen.commands[2] == ""
    assert "ya29" not in reply.text
    assert gate.asked == 0


def test_a_token_is_read_anew_for_each_connection():
    tokens = iter(["first", "second"])

    async def go():
        async with running(Script(ehlo=XOAUTH2.ehlo)) as server:
            way = transport(server, username="ann", token=lambda: Secret(next(tokens)), per_connection=1)
            for _ in range(2):
                assert (await way.send(LETTER, Gate())).outcome is Outcome.SENT
            await way.close()
            return [each for each in server.seen.commands if each.startswith("AUTH")]

    said = run(go())
    assert [b"Bearer first" in base64.b64decode(each.split()[2]) for each in said] == [True, False]


def test_a_token_that_cannot_be_read_any_more():
    def gone():
        raise UnreadableInput("accounts.main.token: the file token cannot be read")

    reply, gate, _ = send(Script(ehlo=XOAUTH2.ehlo), username="ann", token=gone)
    assert (reply.outcome, reply.phase) == (Outcome.NOT_SENT, Phase.AUTH)
    assert "accounts.main.token" in reply.text
    assert gate.asked == 0


# Old servers


@pytest.mark.parametrize("code", [500, 502, 504])
def test_a_server_without_ehlo_is_greeted_by_helo(code):
    reply, _, seen = send(Script(answers={"EHLO": f"{code} what?"}))
    assert reply.outcome is Outcome.SENT
    assert seen.commands[:3] == [
        "EHLO client.example",
        "HELO client.example",
        "MAIL FROM:<b@shop.example>",
    ]


@pytest.mark.parametrize("said", ["550 5.7.1 not you", "501 5.5.4 no such name", "450 4.3.2 later"])
def test_another_refusal_of_ehlo_is_one(said):
    reply, gate, seen = send(Script(answers={"EHLO": said}))
    assert (reply.outcome, reply.phase, reply.code) == (Outcome.NOT_SENT, Phase.EHLO, int(said[:3]))
    assert seen.commands == ["EHLO client.example"]
    assert gate.asked == 0


@pytest.mark.parametrize(
    ("account", "phase", "said"),
    [
        ({"tls": "starttls"}, Phase.TLS, "no STARTTLS"),
        ({"username": "ann", "password": "x"}, Phase.AUTH, "it offers none"),
    ],
)
def test_helo_promises_neither_tls_nor_a_login(account, phase, said):
    reply, gate, seen = send(Script(answers={"EHLO": "502 what?"}), **account)
    assert (reply.outcome, reply.phase, gate.asked) == (Outcome.NOT_SENT, phase, 0)
    assert said in reply.text
    assert not any(command.startswith(("MAIL", "AUTH")) for command in seen.commands)


NO_LOGIN = [
    ({"AUTH": "535 5.7.8 no"}, "AUTH PLAIN", 535),
    ({"AUTH": "454 4.7.0 later"}, "AUTH LOGIN", 454),
    ({"AUTH": "334 more?"}, "AUTH PLAIN", 334),
    ({"AUTH": HANG_UP}, "AUTH PLAIN", None),
    ({}, "AUTH GSSAPI", 504),
    ({}, "AUTH XOAUTH2", 504),
    ({}, "SIZE", 504),
]


@pytest.mark.parametrize(("answers", "offer", "code"), NO_LOGIN)
def test_a_login_that_fails(answers, offer, code):
    reply, gate, seen = login(Script(answers=answers, ehlo=("relay.example", offer)))
    assert (reply.outcome, reply.phase, reply.code) == (Outcome.NOT_SENT, Phase.AUTH, code)
    assert gate.asked == 0
    assert not any(command.startswith("MAIL") for command in seen.commands)


@pytest.mark.parametrize("offer", ["AUTH PLAIN", "AUTH LOGIN"])
@pytest.mark.parametrize("echo", ["s3cret wörd", "the token", "the word"])
def test_no_reply_tells_the_password(offer, echo):
    token = base64.b64encode("\0ann\0s3cret wörd".encode()).decode()
    word = base64.b64encode("s3cret wörd".encode()).decode()
    said = {"the token": token, "the word": word}.get(echo, echo)
    script = Script(answers={"AUTH": f"535 5.7.8 you said {said}"}, ehlo=("relay.example", offer))
    reply, _, _ = login(script)
    if (echo == "the token") == (offer == "AUTH PLAIN") or echo == "s3cret wörd":
        assert said not in reply.text
    assert "s3cret" not in reply.text


def test_checking_a_relay():
    async def go():
        async with running(Script(ehlo=("relay.example", "AUTH PLAIN"))) as server:
            good = await transport(server, username="ann", password="x").check()
            server.script.answers["AUTH"] = "535 5.7.8 no"
            bad = await transport(server, username="ann", password="x").check()
            return good, bad, server.seen

    good, bad, seen = run(go())
    assert (good.outcome, bad.outcome, bad.phase, bad.code) == (Outcome.SENT, Outcome.REFUSED, Phase.AUTH, 535)
    assert not any(command.startswith("MAIL") for command in seen.commands)
    assert "QUIT" in seen.commands


def test_authorities_that_cannot_be_read(tmp_path):
    for content in (None, b"no certificate"):
        path = tmp_path / "ca.pem"
        if content:
            path.write_bytes(content)
        with pytest.raises(UnreadableInput, match="certificate authorities"):
            SmtpTransport(AccountSettings(ca_file=str(path)), connections=1)


def test_a_name_of_our_own(monkeypatch):
    for host, said in (("mail.shop.example", "mail.shop.example"), ("laptop", "[127.0.0.1]")):
        monkeypatch.setattr("socket.gethostname", lambda host=host: host)
        assert send(Script(), own_name="")[2].commands[0] == f"EHLO {said}"
