"""STARTTLS against real SMTP servers on loopback."""

import contextlib
import hashlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hygiene.audit.run import audit_domain
from hygiene.resolver import Zone, run_now
from hygiene.smtp_probe import Greeting, LiveSmtpProbe
from hygiene.web import RecordedFetcher
from tests.ports import free_port

HOST = "mx.shop.test"
AUTHORITY = trustme.CA()


@pytest.fixture
def ca_file(tmp_path: Path) -> str:
    AUTHORITY.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return str(tmp_path / "ca.pem")


@contextlib.contextmanager
def mail_server(certificate: trustme.LeafCert | None) -> Iterator[int]:
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
    port = free_port()

    class OneMailServer(Controller):
        def factory(self) -> SMTP:
            return SMTP(self.handler, hostname=HOST, tls_context=context)

    controller = OneMailServer(Sink(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def greet(port: int, **settings: object) -> Greeting:
    probe = LiveSmtpProbe(**{"port": port, "allow_private": True, "timeout_s": 5, **settings})
    return run_now(probe.greet(HOST, "127.0.0.1"))


def test_a_sound_server(ca_file: str) -> None:
    with mail_server(AUTHORITY.issue_cert(HOST)) as port:
        greeting = greet(port, ca_file=ca_file)
    assert (greeting.outcome, greeting.starttls, greeting.certificate_problem) == ("greeted", True, "")
    assert greeting.tls_version == "TLSv1.3"
    assert HOST in greeting.banner
    assert bytes.fromhex(greeting.certificate)


def test_a_certificate_for_another_name_is_seen_and_named(ca_file: str) -> None:
    with mail_server(AUTHORITY.issue_cert("other.test")) as port:
        greeting = greet(port, ca_file=ca_file)
    assert greeting.starttls
    assert "mx.shop.test" in greeting.certificate_problem


def test_a_certificate_of_an_unknown_authority_is_named() -> None:
    with mail_server(AUTHORITY.issue_cert(HOST)) as port:
        assert "unable to get local issuer" in greet(port).certificate_problem


def test_a_server_without_starttls() -> None:
    with mail_server(None) as port:
        greeting = greet(port)
    assert (greeting.outcome, greeting.starttls) == ("greeted", False)


def test_a_closed_port_is_not_tested() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert greet(closed.getsockname()[1]).outcome == "unreachable"


def test_a_silent_port_is_not_tested() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        greeting = greet(silent.getsockname()[1], timeout_s=0.3)
    assert greeting.outcome == "timeout"
    assert "often blocked" in greeting.detail


@pytest.mark.parametrize("speech", [b"554 go away\r\n", b"\x00\xff garbage\r\n", b"", b"220 " + b"x" * 100_000])
def test_a_server_that_turns_us_away_or_talks_nonsense_is_not_tested(speech: bytes) -> None:
    import threading

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def talk() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(speech)

        thread = threading.Thread(target=talk)
        thread.start()
        greeting = greet(listener.getsockname()[1], timeout_s=2)
        thread.join()
    assert greeting.outcome in ("refused", "unreachable", "timeout")
    assert greeting.detail


def test_private_addresses_are_left_alone() -> None:
    greeting = run_now(LiveSmtpProbe(port=1).greet(HOST, "127.0.0.1"))
    assert greeting.outcome == "private"


def shop_zone(tlsa: str) -> Zone:
    return Zone(
        {
            "shop.test": {"MX": f"10 {HOST}", "TXT": "v=spf1 mx -all"},
            HOST: {"A": "127.0.0.1"},
            f"_25._tcp.{HOST}": {"TLSA": tlsa},
        }
    )


def audit_ids(zone: Zone, port: int, ca_file: str) -> set[str]:
    probe = LiveSmtpProbe(port=port, ca_file=ca_file, allow_private=True)
    settings = {"resolver": zone, "fetcher": RecordedFetcher([]), "smtp_probe": probe, "second_opinion": False}
    return {finding.id for finding in audit_domain("shop.test", smtp=True, **settings).findings}


def test_the_certificate_is_compared_with_dane(ca_file: str) -> None:
    leaf = AUTHORITY.issue_cert(HOST)
    public = x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes()).public_key()
    digest = hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    with mail_server(leaf) as port:
        fitting = audit_ids(shop_zone(f"3 1 1 {digest}"), port, ca_file)
        other = audit_ids(shop_zone(f"3 1 1 {'0' * 64}"), port, ca_file)
    assert "dane-mismatch" not in fitting
    assert "dane-mismatch" in other
    assert not {"starttls-missing", "starttls-certificate", "starttls-old-version"} & fitting


def test_a_blocked_port_is_an_open_question_and_no_fault(ca_file: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        probe = LiveSmtpProbe(port=closed.getsockname()[1], ca_file=ca_file, allow_private=True)
        settings = {"fetcher": RecordedFetcher([]), "smtp_probe": probe, "second_opinion": False}
        audit = audit_domain("shop.test", smtp=True, resolver=shop_zone("3 1 1 00"), **settings)
    (finding,) = [one for one in audit.findings if one.id == "starttls-missing"]
    assert finding.unknown
    assert "not tested" in finding.evidence[0]
