"""The audit over real name servers: NSD with signed zones, a validating Unbound before it."""

import base64
import json
import os
import signal
import subprocess
import sys
import time

import dns.reversename
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hygiene.audit.facts import load_facts
from hygiene.demo.https_server import HttpsServer
from hygiene.dns_client import LiveResolver, Server
from hygiene.resolver import Outcome, resolve_now

from .real_servers import HOST, Key, nsd, read_zone, sign, spoil, unbound

pytestmark = pytest.mark.server("nsd", "unbound")

LONG = "v=DKIM1; n=" + "x" * 2500  # more than a datagram of 1232 octets holds
TLSA = "3 1 1 " + "ab" * 32
POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: mx.signed.example\r\nmax_age: 604800\r\n"
PAGES = {"https://mta-sts.signed.example/.well-known/mta-sts.txt": ("text/plain", POLICY)}
REVERSE = {"192.0.2.10": "signed.example.", "192.0.2.25": "mx.signed.example."}


def quoted(text):
    """A TXT record in pieces of at most 255 octets."""
    return " ".join(f'"{text[start : start + 255]}"' for start in range(0, len(text), 255))


def dkim_record():
    public = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"


def signed_example(spf="v=spf1 include:_spf.signed.example include:_spf.provider.net -all"):
    return read_zone(
        "signed.example.",
        f"""@ A 192.0.2.10
@ MX 10 mx
mx A 192.0.2.25
@ TXT "{spf}"
_spf TXT "v=spf1 ip4:192.0.2.10 ip4:192.0.2.25 -all"
sel1._domainkey TXT {quoted(dkim_record())}
_dmarc TXT "v=DMARC1; p=reject; rua=mailto:dmarc@signed.example"
_mta-sts TXT "v=STSv1; id=20261101"
mta-sts A 127.0.0.1
_smtp._tls TXT "v=TLSRPTv1; rua=mailto:tls@signed.example"
_25._tcp.mx TLSA {TLSA}
long TXT {quoted(LONG)}
""",
    )


def simple_example(name):
    return read_zone(f"{name}.", '@ A 192.0.2.30\n@ MX 10 mx\nmx A 192.0.2.30\n@ TXT "v=spf1 mx -all"\n')


def root_zone(signed, bogus):
    delegations = "".join(
        f"{name} NS ns.{name}.\nns.{name} A {HOST}\n"
        for name in ("signed.example", "plain.example", "bogus.example")
    )
    pointers = "".join(
        f"{dns.reversename.from_address(ip)} PTR {name}\n" for ip, name in sorted(REVERSE.items())
    )
    provider = '_spf.provider.net. TXT "v=spf1 ip4:198.51.100.0/28 -all"\n'
    trust = signed.ds("signed.example") + bogus.ds("bogus.example")
    return read_zone(".", delegations + pointers + provider + trust)


@pytest.fixture(scope="module")
def servers(program, tmp_path_factory):
    """Ports of an NSD with everything, and of the Unbound before it."""
    folder = tmp_path_factory.mktemp("dns")
    root, signed, bogus = Key(), Key(), Key()
    zones = [
        sign(root_zone(signed, bogus), root),
        sign(signed_example(), signed),
        simple_example("plain.example"),
        spoil(sign(simple_example("bogus.example"), bogus), "A", "MX", "TXT"),
    ]
    names = [zone.origin.to_text() for zone in zones]
    with (
        nsd(program("nsd"), folder / "nsd", zones) as upstream,
        unbound(
            program("unbound"),
            folder / "unbound",
            upstream=upstream,
            anchor=root.anchor(),
            zones=names,
            unblock=["2.0.192.in-addr.arpa."],
        ) as (validating, _),
    ):
        yield {"nsd": upstream, "unbound": validating}


@pytest.fixture(scope="module")
def web():
    """The HTTPS side, as settings of the environment."""
    with HttpsServer(PAGES) as https:
        yield {
            "HYGIENE_WEB_ALLOW_PRIVATE": "true",
            "HYGIENE_WEB_CA_FILE": https.ca_file,
            "HYGIENE_WEB_PORT": str(https.port),
        }


def run_cli(port, *words, environ=(), timeout=60):
    command = [sys.executable, "-m", "hygiene", "audit", *words, "--resolver", f"{HOST}:{port}"]
    environment = {**os.environ, **dict(environ)}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )


def audit(port, *words, **options):
    """The audit as JSON, from the real command."""
    done = run_cli(port, *words, "--format", "json", "--fail-on", "never", **options)
    assert not done.stderr.strip() or done.stderr.startswith("saved to"), done.stderr
    return json.loads(done.stdout)["audits"][0]


def ids(result, state="fault"):
    return {finding["id"] for finding in result["findings"] if finding["state"] == state}


def test_signed_domain_is_validated_and_its_dane_counts(servers, web, tmp_path):
    saved = tmp_path / "audit.json"
    result = audit(servers["unbound"], "signed.example", "--selector", "sel1", "--save", saved, environ=web)
    published = result["published"]
    assert ids(result, "unknown") == set(), result["findings"]
    assert published["dnssec"] == "validated"
    assert published["dane"] == ["mx.signed.example"]
    assert "dane-without-dnssec" not in ids(result)
    assert published["dkim"]["selectors"]["sel1"]["usable"]
    assert published["spf"]["lookups"] == 2
    assert published["spf"]["ipv4_addresses"] == 18
    assert published["dmarc"]["policy_in_effect"]["domain"]["rfc9989"]["policy"] == "reject"
    assert published["tls_rpt"]["records"] == ["v=TLSRPTv1; rua=mailto:tls@signed.example"]
    assert {one["address"] for one in published["reverse_dns"] if one["confirmed"]} >= {"192.0.2.25"}
    assert not {"mta-sts-missing", "mta-sts-unusable-policy", "mta-sts-host-not-covered"} & ids(result)
    assert result["grade"] == "A"
    facts = load_facts(saved)
    tlsa = facts.answer("_25._tcp.mx.signed.example", "TLSA")
    assert tlsa.authenticated
    assert tlsa.records == (tuple(TLSA.split()),)


def test_unsigned_domain_is_unsigned(servers):
    result = audit(servers["unbound"], "plain.example")
    assert result["published"]["dnssec"] == "unsigned"
    assert "dnssec-unsigned" in ids(result)
    assert "dnssec-bogus" not in ids(result)
    assert ids(result, "unknown") <= {"dkim-no-key-found"}, "a selector nobody named stays a guess"


def test_bogus_domain_is_a_critical_fault_and_nothing_is_called_missing(servers):
    result = audit(servers["unbound"], "bogus.example")
    bogus = [finding for finding in result["findings"] if finding["id"] == "dnssec-bogus"]
    assert [finding["severity"] for finding in bogus] == ["critical"], result["findings"]
    assert result["published"]["dnssec"] == "bogus"
    assert not {"spf-missing", "mx-missing", "domain-does-not-exist"} & ids(result)


def test_authoritative_server_without_recursion(servers):
    """It sees the signatures, but nobody has checked them."""
    result = audit(servers["nsd"], "signed.example", "--selector", "sel1")
    assert result["published"]["dnssec"] == "signed"
    assert result["published"]["dkim"]["selectors"]["sel1"]["usable"]
    assert result["published"]["spf"]["lookups"] == 2


def test_refused_is_never_missing(program, tmp_path):
    """A server of one zone refuses every other name: those stay open questions."""
    zone = sign(signed_example(), Key())
    with nsd(program("nsd"), tmp_path / "nsd", [zone]) as port:
        refused = resolve_now(LiveResolver([Server(HOST, port)]), "_spf.provider.net", "TXT")
        result = audit(port, "signed.example", "--selector", "sel1")
    assert refused.outcome is Outcome.REFUSED
    published, faults = result["published"], ids(result)
    assert published["mx"]["hosts"][0]["addresses"] == ["192.0.2.25"]
    assert published["dkim"]["selectors"]["sel1"]["usable"]
    assert not [name for name in faults if "missing" in name or "not-exist" in name], faults
    unknown = [finding for finding in result["findings"] if finding["state"] == "unknown"]
    assert any("_spf.provider.net" in line for finding in unknown for line in finding["evidence"]), unknown


@pytest.mark.parametrize("server", ["nsd", "unbound"])
def test_an_answer_too_long_for_a_datagram_comes_over_tcp(servers, server):
    resolver = LiveResolver([Server(HOST, servers[server])])
    answer = resolve_now(resolver, "long.signed.example", "TXT")
    assert answer.texts == (LONG,)
    assert answer.authenticated is (server == "unbound")
    assert resolver.queries == 2


@pytest.fixture
def lone_unbound(program, tmp_path):
    """An Unbound to be stopped; what it would ask does not matter."""
    key = Key()
    zone = sign(root_zone(Key(), Key()), key)
    with (
        nsd(program("nsd"), tmp_path / "nsd", [zone]) as upstream,
        unbound(
            program("unbound"),
            tmp_path / "unbound",
            upstream=upstream,
            anchor=key.anchor(),
            zones=["."],
            unblock=[],
        ) as found,
    ):
        yield found


def assert_says_in_one_line(done, *words):
    assert done.returncode == 3, (done.stdout, done.stderr)
    assert "Traceback" not in done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("Nothing could be determined")]
    assert len(lines) == 1, done.stdout
    assert all(word in lines[0] for word in words), lines


def test_resolver_that_is_gone(lone_unbound):
    port, process = lone_unbound
    process.kill()
    process.wait()
    started = time.monotonic()
    done = run_cli(port, "signed.example", "--timeout", "20")
    assert time.monotonic() - started < 20
    assert_says_in_one_line(done, f"{HOST}:{port}")


def test_resolver_that_hangs(lone_unbound):
    port, process = lone_unbound
    process.send_signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        done = run_cli(port, "signed.example", "--timeout", "1")
        elapsed = time.monotonic() - started
    finally:
        process.send_signal(signal.SIGCONT)
    assert_says_in_one_line(done, f"{HOST}:{port}", "1 s")
    assert elapsed < 1 + 4, "one time-out and the program's own start"
