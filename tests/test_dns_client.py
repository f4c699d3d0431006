import asyncio
import ipaddress
import socket
import threading
import time
from contextlib import contextmanager
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hygiene import dns_wire
from hygiene.demo.dns_server import Behaviour, DnsServer
from hygiene.dns_client import BOGUS, LiveResolver, Server, parse_server
from hygiene.errors import UsageError
from hygiene.resolver import Answer, Outcome, Zone, resolve_now, run_now
from tests.ports import free_port

ZONE = Zone(
    {
        "shop.example": {
            "TXT": ["v=spf1 mx -all", ["two ", "strings"]],
            "MX": ["10 mx1.shop.example", "20 MX2.shop.example"],
            "A": "192.0.2.1",
        },
        "null.example": {"MX": "0 ."},
        "www.shop.example": {"CNAME": "a1.shop.example"},
        "a1.shop.example": {"CNAME": "shop.example"},
        "dangling.example": {"CNAME": "nowhere.example"},
        "loop1.example": {"CNAME": "loop2.example"},
        "loop2.example": {"CNAME": "loop1.example"},
        "broken.example": Outcome.SERVFAIL,
        "refusing.example": Outcome.REFUSED,
        "slow.example": Outcome.TIMEOUT,
        "x._domainkey.shop.example": {"TXT": ["k=rsa"]},
        "signed.example": {
            "DS": "12345 8 2 " + "AB" * 32,
            "DNSKEY": "257 3 8 " + "AQID" * 40,
        },
        **{f"c{i}.example": {"CNAME": f"c{i + 1}.example"} for i in range(12)},
        "c8.example": {"A": "192.0.2.8"},
    }
)


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch):
    """Fail on any packet that would leave the machine."""
    connect = socket.socket.connect

    def guarded(self, address):
        assert ipaddress.ip_address(address[0]).is_loopback, f"a packet to {address}"
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@contextmanager
def serving(zone=ZONE, *, timeout_s=1.0, cache=True, **options):
    with DnsServer(zone, **options) as server:
        yield server, LiveResolver([server.address], timeout_s=timeout_s, cache=cache)


def ask(name, rdtype="A", *, zone=ZONE, timeout_s=1.0, **options):
    with serving(zone, timeout_s=timeout_s, **options) as (_, resolver):
        return resolve_now(resolver, name, rdtype)


def closed_port():
    return Server("127.0.0.1", free_port())


class Fixed:
    """Answers every question with one prepared answer."""

    def __init__(self, **fields):
        self.fields = fields

    def answer(self, name, rdtype):
        return Answer(name, rdtype, **self.fields)


# -- servers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("192.0.2.53", Server("192.0.2.53", 53)),
        ("127.0.0.1:5353", Server("127.0.0.1", 5353)),
        ("::1", Server("::1", 53)),
        ("[::1]:53", Server("::1", 53)),
        ("[::1]", Server("::1", 53)),
        ("localhost:5300", Server("localhost", 5300)),
        (" dns.example ", Server("dns.example", 53)),
    ],
)
def test_server_is_parsed(text, server):
    assert parse_server(text) == server


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", ":53", "https://dns.example/dns-query", "tls://192.0.2.1", "127.0.0.1:", "127.0.0.1:0"),
        *("127.0.0.1:65536", "127.0.0.1:x", "127.0.0.1:-1", "[::1", "[::1]53", "a b", "999.0.0.1", "1.2.3"),
        *("127.0.0.1:5³", "[]:53", "@", "1.2.3.4@53", "dns.example/"),
    ],
)
def test_nonsense_is_no_server(text):
    with pytest.raises(UsageError, match="is not a DNS server"):
        parse_server(text)


@pytest.mark.parametrize(
    ("server", "shown"),
    [(Server("192.0.2.53"), "192.0.2.53"), (Server("::1", 54), "[::1]:54"), (Server("a.b", 1), "a.b:1")],
)
def test_server_is_shown_as_typed(server, shown):
    assert str(server) == shown


def test_unknown_server_name_is_a_usage_error(monkeypatch):
    def unknown(*args, **options):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(UsageError, match=r"no-such\.invalid cannot be found"):
        LiveResolver([Server("no-such.invalid")])


def test_system_servers_are_the_default(monkeypatch, tmp_path):
    import dns.resolver

    conf = tmp_path / "resolv.conf"
    conf.write_text("nameserver 127.0.0.1\nnameserver ::1\n")
    read = dns.resolver.Resolver
    monkeypatch.setattr(dns.resolver, "Resolver", lambda: read(str(conf)))
    assert LiveResolver().servers == (Server("127.0.0.1"), Server("::1"))
    conf.write_text("# none\n")
    with pytest.raises(UsageError, match="no DNS server set up"):
        LiveResolver()


def test_host_name_of_a_server_is_looked_up_once():
    with DnsServer(ZONE) as server:
        resolver = LiveResolver([Server("localhost", server.address.port)])
        assert resolve_now(resolver, "shop.example", "A").values == ("192.0.2.1",)


# -- answers ---------------------------------------------------------------------------------------------


def test_records():
    answer = ask("SHOP.example.", "TXT")
    assert (answer.name, answer.outcome, answer.ttl) == ("shop.example", Outcome.RECORDS, 300)
    assert answer.texts == ("v=spf1 mx -all", "two strings")
    assert not answer.detail
    assert ask("shop.example", "MX").exchanges == ((10, "mx1.shop.example"), (20, "mx2.shop.example"))
    assert ask("null.example", "MX").exchanges == ((0, ""),)


def test_nodata_and_nxdomain_differ():
    nodata, missing = ask("shop.example", "AAAA"), ask("nowhere.example", "AAAA")
    assert (nodata.outcome, missing.outcome) == (Outcome.NODATA, Outcome.NXDOMAIN)
    assert nodata.ttl == missing.ttl == 300
    assert ask("_domainkey.shop.example", "TXT").outcome is Outcome.NODATA


@pytest.mark.parametrize("follow", [True, False], ids=["server-follows", "we-follow"])
def test_aliases_are_followed(follow):
    answer = ask("WWW.shop.example", "A", follow_aliases=follow)
    assert (answer.name, answer.values) == ("www.shop.example", ("192.0.2.1",))
    assert answer.aliases == ("a1.shop.example", "shop.example")
    nodata = ask("www.shop.example", "AAAA", follow_aliases=follow)
    assert (nodata.outcome, nodata.aliases) == (Outcome.NODATA, ("a1.shop.example", "shop.example"))
    missing = ask("dangling.example", follow_aliases=follow)
    assert (missing.outcome, missing.aliases) == (Outcome.NXDOMAIN, ("nowhere.example",))


def test_cname_itself_is_not_followed():
    assert ask("www.shop.example", "CNAME").values == ("a1.shop.example",)


def test_alias_loop_we_walk_into():
    answer = ask("loop1.example", follow_aliases=False)
    assert (answer.outcome, answer.detail) == (Outcome.SERVFAIL, "CNAME loop")


def test_alias_loop_inside_an_answer():
    looped = Fixed(outcome=Outcome.NODATA, aliases=("b.example", "a.example"))
    answer = ask("a.example", zone=looped)
    assert (answer.outcome, answer.detail) == (Outcome.SERVFAIL, "CNAME loop")


def test_two_askers_walking_a_loop_do_not_wait_for_each_other():
    async def both(resolver):
        return await asyncio.gather(
            resolver.resolve("loop1.example", "A"), resolver.resolve("loop2.example", "A")
        )

    with serving(follow_aliases=False) as (_, resolver):
        assert {answer.detail for answer in run_now(both(resolver))} == {"CNAME loop"}


@pytest.mark.parametrize("follow", [True, False])
def test_alias_chain_has_a_limit(follow):
    assert ask("c0.example", follow_aliases=follow).values == ("192.0.2.8",)
    chain = tuple(f"d{i}.example" for i in range(9))
    long = ask("d.example", zone=Fixed(outcome=Outcome.RECORDS, records=(("192.0.2.1",),), aliases=chain))
    assert (long.outcome, long.detail) == (Outcome.SERVFAIL, "more than 8 CNAME steps")


def test_following_a_silent_target_times_out():
    zone = Zone({"a.example": {"CNAME": "slow.example"}, "slow.example": Outcome.TIMEOUT})
    answer = ask("a.example", zone=zone, follow_aliases=False, timeout_s=0.2)
    assert (answer.outcome, answer.aliases) == (Outcome.TIMEOUT, ("slow.example",))
    assert answer.detail.startswith("no answer within 0.2 s from 127.0.0.1")


def test_name_that_cannot_exist_is_not_asked_for():
    with serving() as (_, resolver):
        for name in ("a" * 64 + ".example", "a..example", ".".join(["a" * 60] * 5)):
            answer = resolve_now(resolver, name, "TXT")
            assert answer.outcome is Outcome.NXDOMAIN
            assert answer.detail.startswith("no such name can exist")
        assert resolver.queries == 0


def test_unknown_type_is_a_usage_error():
    with serving() as (_, resolver), pytest.raises(UsageError, match="not a DNS record type"):
        resolve_now(resolver, "shop.example", "NONSENSE")


def test_international_name_is_sent_as_a_label():
    zone = Zone({"xn--bcher-kva.example": {"A": "192.0.2.7"}})
    assert ask("Bücher.example", zone=zone).values == ("192.0.2.7",)


def test_octets_come_out_one_for_one():
    octets = "".join(map(chr, range(256))) * 2
    assert ask("t.example", "TXT", zone=Zone({"t.example": {"TXT": [octets]}})).texts == (octets,)


def test_text_of_64_kilobytes_comes_over_tcp():
    text = "".join(map(chr, range(33, 127))) * 685
    with serving(Zone({"big.example": {"TXT": [text]}})) as (server, resolver):
        assert resolve_now(resolver, "big.example", "TXT").texts == (text,)
        assert [transport for _, _, transport in server.questions] == ["udp", "tcp"]
        assert resolver.queries == 2


def test_truncated_answer_is_fetched_over_tcp():
    with serving(behaviour={"shop.example": Behaviour.TRUNCATE}) as (server, resolver):
        assert resolve_now(resolver, "shop.example", "A").values == ("192.0.2.1",)
        assert [transport for _, _, transport in server.questions] == ["udp", "tcp"]


@pytest.mark.parametrize("secure", [True, False])
def test_ad_bit_is_handed_on(secure):
    zone = Fixed(outcome=Outcome.RECORDS, records=(("192.0.2.1",),), authenticated=secure)
    assert ask("a.example", zone=zone).authenticated is secure


def test_types_of_dnssec():
    ds = ask("signed.example", "DS")
    assert ds.records[0][:3] == ("12345", "8", "2")
    assert "".join(ds.records[0][3:]).lower() == "ab" * 32
    assert "".join(ask("signed.example", "DNSKEY").records[0][3:]) == "AQID" * 40


# -- failures --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "behaviour", "outcome", "detail"),
    [
        ("broken.example", None, Outcome.SERVFAIL, "answers SERVFAIL"),
        ("refusing.example", None, Outcome.REFUSED, "answers REFUSED"),
        ("slow.example", None, Outcome.TIMEOUT, "no answer within 0.3 s from 127.0.0.1:"),
        ("shop.example", Behaviour.GARBAGE, Outcome.MALFORMED, "unreadable or foreign answers"),
        ("shop.example", Behaviour.WRONG_ID, Outcome.MALFORMED, "unreadable or foreign answers"),
        ("shop.example", Behaviour.WRONG_QUESTION, Outcome.MALFORMED, "unreadable or foreign answers"),
        ("shop.example", Behaviour.LAME, Outcome.REFUSED, "lame: not a resolver for this name"),
        ("shop.example", Behaviour.BOGUS, Outcome.SERVFAIL, BOGUS),
    ],
)
def test_failure(name, behaviour, outcome, detail):
    began = time.monotonic()
    answer = ask(name, timeout_s=0.3, behaviour={name: behaviour} if behaviour else None)
    assert answer.outcome is outcome
    assert detail in answer.detail
    assert not answer.records
    assert time.monotonic() - began < 5


def test_servfail_is_checked_for_bogus_once():
    with serving() as (server, resolver):
        for _ in range(2):
            assert resolve_now(resolver, "broken.example", "A").outcome is Outcome.SERVFAIL
        assert len(server.questions) == resolver.queries == 2


def test_dropped_packet_is_repeated():
    with serving(drop_first=1) as (server, resolver):
        assert resolve_now(resolver, "shop.example", "A").values == ("192.0.2.1",)
        assert len(server.questions) == resolver.queries == 2


def test_late_answer_counts():
    assert ask("shop.example", delay_s=0.7).values == ("192.0.2.1",)


def test_answer_after_foreign_ones_counts():
    def answer_late(received, reply_to):
        for junk in (b"", b"x", bytes(12), received[:2] + bytes(30)):
            reply_to(junk)
        reply_to(bytes([received[0], received[1], 0x81, 0x83]) + received[4:6] + bytes(6) + received[12:-11])

    with raw_server(answer_late) as address:
        answer = resolve_now(LiveResolver([address], timeout_s=1.0), "a.example", "A")
    assert answer.outcome is Outcome.NXDOMAIN


def test_server_that_is_down_is_told_at_once():
    down = closed_port()
    began = time.monotonic()
    answer = resolve_now(LiveResolver([down]), "shop.example", "A")
    assert time.monotonic() - began < 4  # the time-out is 5 s
    assert (answer.outcome, answer.detail) == (
        Outcome.UNREACHABLE,
        f"nothing answers at 127.0.0.1:{down.port}",
    )
    assert answer.reason.startswith("A shop.example: nothing answers")


@pytest.mark.parametrize("how", [Behaviour.SERVFAIL, Behaviour.REFUSED, Behaviour.DROP, Behaviour.GARBAGE])
def test_next_server_is_asked_when_the_first_fails(how):
    with DnsServer(ZONE, behaviour={"*": how}) as bad, DnsServer(ZONE) as good:
        resolver = LiveResolver([bad.address, good.address], timeout_s=1.0)
        assert resolve_now(resolver, "shop.example", "A").values == ("192.0.2.1",)
        assert resolver.queries == 2


def test_next_server_is_asked_when_the_first_is_down():
    with DnsServer(ZONE) as good:
        resolver = LiveResolver([closed_port(), good.address])
        assert resolve_now(resolver, "shop.example", "A").is_known


def test_failure_of_several_servers_names_the_most_telling():
    with DnsServer(ZONE, behaviour={"*": Behaviour.DROP}) as silent, DnsServer(ZONE) as other:
        resolver = LiveResolver([silent.address, other.address], timeout_s=0.3)
        assert resolve_now(resolver, "refusing.example", "A").outcome is Outcome.REFUSED
        both = resolve_now(resolver, "slow.example", "A")
        assert both.detail == f"no answer within 0.3 s from {silent.address}, {other.address}"


# -- sharing ---------------------------------------------------------------------------------------------


def test_equal_questions_under_way_share_a_packet():
    async def many(resolver):
        names = ["shop.example", "SHOP.example", "shop.example."] * 10
        return await asyncio.gather(*(resolver.resolve(name, "a") for name in names))

    with serving(delay_s=0.05, cache=False) as (server, resolver):
        answers = run_now(many(resolver))
        assert {answer.values for answer in answers} == {("192.0.2.1",)}
        assert len(server.questions) == resolver.queries == 1


def test_cancelled_asker_does_not_take_the_others_along():
    async def cancel_one(resolver):
        first, second, third = (asyncio.create_task(resolver.resolve("shop.example", "A")) for _ in range(3))
        await asyncio.sleep(0.02)
        first.cancel()
        second.cancel()
        return await third

    with serving(delay_s=0.06) as (_, resolver):
        assert run_now(cancel_one(resolver)).values == ("192.0.2.1",)


def test_cache_keeps_answers_for_their_ttl(monkeypatch):
    now = time.monotonic()
    monkeypatch.setattr("hygiene.dns_client.time.monotonic", lambda: now)
    with serving() as (_, resolver):
        for name in ("shop.example", "nowhere.example"):
            before = resolver.queries
            for _ in range(3):
                resolve_now(resolver, name, "A")
            assert resolver.queries == before + 1
        now += 299
        resolve_now(resolver, "shop.example", "A")
        assert resolver.queries == 2
        now += 2
        resolve_now(resolver, "shop.example", "A")
        resolve_now(resolver, "nowhere.example", "A")
        assert resolver.queries == 4


def test_failures_are_kept_briefly(monkeypatch):
    now = time.monotonic()
    monkeypatch.setattr("hygiene.dns_client.time.monotonic", lambda: now)
    with serving() as (_, resolver):
        resolve_now(resolver, "refusing.example", "A")
        resolve_now(resolver, "refusing.example", "A")
        assert resolver.queries == 1
        now += 31
        resolve_now(resolver, "refusing.example", "A")
        assert resolver.queries == 2


def test_cache_can_be_left_out():
    with serving(cache=False) as (_, resolver):
        resolve_now(resolver, "shop.example", "A")
        resolve_now(resolver, "shop.example", "A")
        assert resolver.queries == 2


def test_cache_has_a_limit(monkeypatch):
    monkeypatch.setattr("hygiene.dns_client.MAX_CACHED", 3)
    with serving() as (_, resolver):
        for index in range(10):
            resolve_now(resolver, f"n{index}.example", "A")
        assert len(resolver._cache) == 3


def test_one_resolver_serves_successive_loops_under_load():
    async def many(resolver, prefix):
        names = [f"{prefix}{index}.example" for index in range(30)]
        return await asyncio.gather(*(resolver.resolve(name, "A") for name in names))

    with DnsServer(ZONE, delay_s=0.01) as server:
        resolver = LiveResolver([server.address], max_in_flight=4)
        for prefix in "xy":
            answers = asyncio.run(many(resolver, prefix))
            assert {answer.outcome for answer in answers} == {Outcome.NXDOMAIN}
        assert resolver.queries == 60
        assert len(resolver._flights) == 1


def test_hundred_questions_take_the_time_of_one():
    async def many(resolver):
        return await asyncio.gather(*(resolver.resolve(f"n{i}.example", "A") for i in range(100)))

    with serving(delay_s=0.2) as (_, resolver):
        began = time.monotonic()
        run_now(many(resolver))
        assert time.monotonic() - began < 10  # one after the other takes 20 s


# -- strangers' bytes ------------------------------------------------------------------------------------


@contextmanager
def raw_server(respond):
    """A UDP server whose every datagram is made by `respond(received, reply_to)`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.02)
        stop = threading.Event()

        def reply(receiver, octets):
            server.sendto(octets, receiver)

        def serve():
            while not stop.is_set():
                try:
                    received, sender = server.recvfrom(4096)
                except TimeoutError:
                    continue
                respond(received, partial(reply, sender))

        thread = threading.Thread(target=serve)
        thread.start()
        yield Server("127.0.0.1", server.getsockname()[1])
        stop.set()
        thread.join()


QUERY = dns_wire.Query.build("shop.example", "TXT")
OURS = QUERY.wire[:2]
QUESTION = QUERY.wire[12:-11]


@given(st.binary(max_size=200))
def test_arbitrary_datagrams_never_raise(octets):
    QUERY.is_answered_by(octets)
    if len(octets) >= 12:
        dns_wire.read_reply(QUERY, octets, "server")


@given(st.binary(min_size=10, max_size=10), st.binary(max_size=200))
def test_arbitrary_answers_to_our_question_never_raise(header, rest):
    reply = OURS + header[:2] + b"\0\1" + header[4:] + QUESTION + rest
    step = dns_wire.read_reply(QUERY, reply, "server")
    assert step is None or step.answer.name == "shop.example"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=80), min_size=1, max_size=4), st.booleans())
def test_arbitrary_bytes_on_the_wire_never_raise(datagrams, keep_id):
    def respond(received, reply_to):
        for octets in datagrams:
            reply_to(received[:2] + octets if keep_id else octets)

    with raw_server(respond) as address:
        answer = resolve_now(LiveResolver([address], timeout_s=0.03), "shop.example", "TXT")
    assert isinstance(answer.outcome, Outcome)
    assert answer.is_known or answer.detail
