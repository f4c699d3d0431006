"""An audit talks to the resolver and the web server it was given, and to nobody else."""

import json
import os
import socket
import subprocess
import sys

import pytest

from hygiene.demo.dns_server import DnsServer
from hygiene.demo.https_server import HttpsServer
from hygiene.demo.sample import PAGES, sample_zone

# runs before anything else in the audited process and writes down every peer and name
RECORDER = """
import os, sys

def record(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        line = f"peer {arguments[1]!r}" if isinstance(arguments[1], tuple) else ""
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        line = f"name {arguments[0]!r}"
    elif event == "open" and str(arguments[0]) in ("/etc/resolv.conf", "/etc/hosts"):
        line = f"file {arguments[0]}"
    elif event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"):
        line = f"program {arguments[0]!r}"
    else:
        return
    if line:
        os.write(log, (line + "\\n").encode())

log = os.open(os.environ["PEERS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
sys.addaudithook(record)
"""


@pytest.fixture
def recorded(tmp_path):
    """Run a program and return it with the set of lines its recorder wrote."""
    (tmp_path / "sitecustomize.py").write_text(RECORDER)
    log = tmp_path / "peers.log"

    def run(*words, **environ):
        done = subprocess.run(
            [sys.executable, *words],
            env={**os.environ, "PYTHONPATH": str(tmp_path), "PEERS": str(log), **environ},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done, set(log.read_text().splitlines())

    return run


def test_recorder_sees_what_leaves(recorded):
    """Otherwise the next test would pass for the wrong reason."""
    code = "import socket; socket.socket(type=socket.SOCK_DGRAM).connect(('127.0.0.1', 9)); open('/etc/hosts')"
    done, lines = recorded("-c", code)
    assert done.returncode == 0, done.stderr
    assert lines == {"peer ('127.0.0.1', 9)", "file /etc/hosts"}


def test_audit_talks_to_nobody_else(recorded):
    with DnsServer(sample_zone()) as dns, HttpsServer(PAGES) as https:
        done, lines = recorded(
            *("-m", "hygiene", "audit", "bakery.example", "--second-opinion", "--format", "json"),
            *("--resolver", str(dns.address), "--ip", "203.0.113.10", "--blocklist", "list.example"),
            HYGIENE_WEB_ALLOW_PRIVATE="true",
            HYGIENE_WEB_CA_FILE=https.ca_file,
            HYGIENE_WEB_PORT=str(https.port),
        )
    assert done.returncode in {0, 1, 3}, done.stderr
    assert "Traceback" not in done.stderr
    result = json.loads(done.stdout)["audits"][0]
    assert "failed" not in str(result["second_opinion"])
    assert result["published"]["dnssec"] == "unsigned", "it asked for DS and DNSKEY"
    asked = {rdtype for _, rdtype, _ in dns.questions}
    assert {"MX", "TXT", "A", "AAAA", "PTR", "DS", "DNSKEY", "TLSA"} <= asked
    expected = {f"peer {('127.0.0.1', port)!r}" for port in (dns.address.port, https.port)}
    assert {line for line in lines if not line.startswith("name ")} == expected
    assert {line for line in lines if line.startswith("name ")} <= {"name '127.0.0.1'"}


def test_guard_stops_a_test_that_leaves(stays_on_this_machine):
    with socket.socket(type=socket.SOCK_DGRAM) as sock, pytest.raises(RuntimeError):
        sock.connect(("192.0.2.1", 9))
    with pytest.raises(RuntimeError):
        socket.getaddrinfo("shop.example", 25)
    assert len(stays_on_this_machine) == 2
    stays_on_this_machine.clear()
