import asyncio
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import pytest

from hygiene.demo.dns_server import Behaviour, DnsServer
from hygiene.dns_client import LiveResolver, parse_server
from hygiene.errors import UsageError
from hygiene.resolver import Answer, Outcome, Recorded, Zone, resolve_now

ZONE = Zone(
    {
        "shop.example": {"A": ["192.0.2.1", "192.0.2.2"], "TXT": ["x" * 700]},
        "www.shop.example": {"CNAME": "shop.example"},
        "slow.example": Outcome.TIMEOUT,
        "broken.example": Outcome.SERVFAIL,
        "refusing.example": Outcome.REFUSED,
        "many.example": {"TXT": [f"{index:03}" + "y" * 100 for index in range(30)]},
    }
)


def ask(server, name, rdtype="A", **options):
    query = dns.message.make_query(name, rdtype, use_edns=0, payload=1232)
    return dns.query.udp(query, server.address.host, port=server.address.port, timeout=1, **options)


def test_answers_with_authority():
    with DnsServer(ZONE) as server:
        response = ask(server, "SHOP.example")
        assert response.flags & dns.flags.AA
        assert [rdata.to_text() for rdata in response.answer[0]] == ["192.0.2.1", "192.0.2.2"]
        assert server.questions == [("shop.example", "A", "udp")]


@pytest.mark.parametrize(
    ("name", "rcode"), [("shop.example", dns.rcode.NOERROR), ("no.example", dns.rcode.NXDOMAIN)]
)
def test_negative_answers_carry_a_soa(name, rcode):
    with DnsServer(ZONE) as server:
        response = ask(server, name, "AAAA")
        assert response.rcode() == rcode
        assert not response.answer
        soa = response.authority[0]
        assert (soa.rdtype, soa.ttl, soa[0].minimum) == (dns.rdatatype.SOA, 300, 300)


def test_aliases_are_records_of_their_own():
    with DnsServer(ZONE) as server:
        response = ask(server, "www.shop.example")
        assert [rrset.name.to_text() for rrset in response.answer] == ["www.shop.example.", "shop.example."]
    with DnsServer(ZONE, follow_aliases=False) as server:
        response = ask(server, "www.shop.example")
        assert [rrset.rdtype for rrset in response.answer] == [dns.rdatatype.CNAME]
        assert not response.authority


def test_long_text_is_split_into_strings():
    with DnsServer(ZONE) as server:
        strings = ask(server, "shop.example", "TXT").answer[0][0].strings
        assert [len(string) for string in strings] == [255, 255, 190]


def test_answer_beyond_the_payload_is_truncated():
    with DnsServer(ZONE) as server:
        response = ask(server, "many.example", "TXT")
        assert response.flags & dns.flags.TC
        assert not response.answer
        query = dns.message.make_query("many.example", "TXT")
        whole = dns.query.tcp(query, server.address.host, port=server.address.port, timeout=1)
        assert len(whole.answer[0]) == 30
        assert [transport for _, _, transport in server.questions] == ["udp", "tcp"]


@pytest.mark.parametrize(
    ("name", "rcode"), [("broken.example", dns.rcode.SERVFAIL), ("refusing.example", dns.rcode.REFUSED)]
)
def test_failures_of_the_zone(name, rcode):
    with DnsServer(ZONE) as server:
        assert ask(server, name).rcode() == rcode


def test_silence():
    with DnsServer(ZONE) as server:
        query = dns.message.make_query("slow.example", "A")
        with pytest.raises(dns.exception.Timeout):
            dns.query.udp(query, server.address.host, port=server.address.port, timeout=0.1)
        assert server.questions == [("slow.example", "A", "udp")]


def test_behaviour_by_name_and_wildcard():
    behaviour = {"*": Behaviour.REFUSED, "*.shop.example": Behaviour.SERVFAIL, "shop.example": Behaviour.NORMAL}
    with DnsServer(ZONE, behaviour=behaviour) as server:
        names = ("shop.example", "www.shop.example", "x.y.shop.example", "other.example")
        codes = [ask(server, name).rcode() for name in names]
    assert codes == [dns.rcode.NOERROR, dns.rcode.SERVFAIL, dns.rcode.SERVFAIL, dns.rcode.REFUSED]


def test_not_a_question_is_passed_over(caplog):
    with DnsServer(ZONE) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for octets in (b"", b"x", bytes(12), os.urandom(40)):
            sender.sendto(octets, server.address)
        assert ask(server, "shop.example").answer
    assert not caplog.records


@pytest.mark.parametrize(
    ("rdtype", "text", "fields"),
    [
        ("CAA", '0 issue "ca.example; policy=ev"', ("0", "issue", "ca.example; policy=ev")),
        ("DS", "12345 8 2 " + "ab" * 32, ("12345", "8", "2", "ab" * 32)),
        ("DNSKEY", "257 3 8 " + "AQID" * 40, ("257", "3", "8", "AQID" * 40)),
        ("TLSA", "3 1 1 " + "ab" * 32, ("3", "1", "1", "ab" * 32)),
        ("SRV", "1 2 3 host.example.", ("1", "2", "3", "host.example.")),
        ("MX", "0 .", ("0", "")),
        ("NS", "NS1.example.", ("ns1.example",)),
        ("AAAA", "2001:db8::1", ("2001:db8::1",)),
    ],
)
def test_records_survive_the_wire(rdtype, text, fields):
    zone = Zone.from_text(f"$ORIGIN a.example.\n@ 300 IN {rdtype} {text}\n")
    assert zone.answer("a.example", rdtype).records == (fields,)
    with DnsServer(zone) as server:
        assert resolve_now(LiveResolver([server.address]), "a.example", rdtype).records == (fields,)


def test_several_questions_on_one_connection():
    with DnsServer(ZONE) as server, socket.create_connection(server.address, timeout=1) as connection:
        stream = connection.makefile("rwb")
        for name in ("shop.example", "no.example"):
            wire = dns.message.make_query(name, "A").to_wire()
            stream.write(struct.pack("!H", len(wire)) + wire)
            stream.flush()
            (length,) = struct.unpack("!H", stream.read(2))
            assert dns.message.from_wire(stream.read(length)).question[0].name.to_text() == f"{name}."
        stream.close()


def test_recorded_answers_can_be_served():
    recorded = Recorded([Answer("a.example", "A", Outcome.RECORDS, (("192.0.2.9",),), ttl=77)])
    with DnsServer(recorded) as server:
        resolver = LiveResolver([server.address])
        answer = resolve_now(resolver, "a.example", "A")
        assert (answer.values, answer.ttl) == (("192.0.2.9",), 77)
        assert resolve_now(resolver, "b.example", "A").outcome is Outcome.REFUSED


def test_server_stops_cleanly_with_connections_open():
    before = threading.active_count()
    with DnsServer(ZONE, delay_s=5) as server:
        connection = socket.create_connection(server.address)
        wire = dns.message.make_query("shop.example", "A").to_wire()
        connection.sendall(struct.pack("!H", len(wire)) + wire)
        time.sleep(0.05)
    assert threading.active_count() == before
    connection.close()


def test_taken_port_is_a_usage_error():
    with DnsServer(ZONE) as server, pytest.raises(UsageError, match="is taken"):
        DnsServer(ZONE, port=server.address.port).__enter__()


def test_delays_do_not_queue_up():
    async def many(resolver):
        await asyncio.gather(*(resolver.resolve(f"n{index}.example", "A") for index in range(100)))

    with DnsServer(ZONE, delay_s=0.2) as server:
        began = time.monotonic()
        asyncio.run(many(LiveResolver([server.address])))
        assert time.monotonic() - began < 10  # one after the other takes 20 s


def heed_control_c():
    """Jobs in the background of a shell are started deaf to it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_command_serves_a_master_file(tmp_path):
    zone = tmp_path / "zone.txt"
    zone.write_text('$ORIGIN example.\nshop 300 IN TXT "v=spf1 -all"\n')
    command = [sys.executable, "-m", "hygiene.demo.dns_server", str(zone), "--delay", "1"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, preexec_fn=heed_control_c, **pipes) as process:  # noqa: PLW1509
        address = parse_server(process.stdout.readline())
        answer = resolve_now(LiveResolver([address]), "shop.example", "TXT")
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 0
        assert not process.stderr.read()
    assert answer.texts == ("v=spf1 -all",)


def test_command_tells_what_is_wrong(tmp_path):
    command = [sys.executable, "-m", "hygiene.demo.dns_server", str(tmp_path / "none")]
    failed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert failed.returncode == 2
    assert "Traceback" not in failed.stderr
    assert "No such file" in failed.stderr
