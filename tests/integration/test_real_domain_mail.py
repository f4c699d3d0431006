"""Which domains can receive mail, asked of a real name server on loopback."""

from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from hygiene.cli.app import app
from hygiene.contacts.domain_mail import Mail, check_domains, check_with_store
from hygiene.dns_client import LiveResolver, Server
from hygiene.store import open_store
from tests.ports import free_port

from .real_servers import HOST, nsd, read_zone

pytestmark = pytest.mark.server("nsd")

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
MANY = 2000
RECORDS = """shop MX 10 mx.shop
mx.shop A 192.0.2.25
null MX 0 .
bare A 9.9.9.9
bare6 AAAA 2620:fe::9
inside A 10.0.0.1
inside AAAA fd00::1
web TXT "v=spf1 -all"
alias CNAME shop
dangling CNAME gone
xn--bcher-kva MX 10 mx.shop
outside CNAME shop.elsewhere.net.
""" + "".join(f"d{number} MX 10 mx.shop\n" for number in range(MANY))
EXPECTED = {
    "shop.example": (Mail.NOT_DISPROVED, "MX mx.shop.example"),
    "null.example": (Mail.UNDELIVERABLE, "null MX (RFC 7505)"),
    "bare.example": (Mail.NOT_DISPROVED, "no MX, but the address 9.9.9.9 (RFC 5321 §5.1)"),
    "bare6.example": (Mail.NOT_DISPROVED, "no MX, but the address 2620:fe::9 (RFC 5321 §5.1)"),
    "inside.example": (Mail.UNDELIVERABLE, "no MX, and only private addresses (10.0.0.1)"),
    "web.example": (Mail.UNDELIVERABLE, "no MX and no address record"),
    "gone.example": (Mail.UNDELIVERABLE, "does not exist (NXDOMAIN)"),
    "alias.example": (Mail.NOT_DISPROVED, "MX mx.shop.example"),
    "dangling.example": (
        Mail.UNDELIVERABLE,
        "is an alias of gone.example, which does not exist (NXDOMAIN)",
    ),
    "Bücher.example": (Mail.NOT_DISPROVED, "MX mx.shop.example"),
}


@pytest.fixture(scope="module")
def port(program, tmp_path_factory):
    with nsd(program("nsd"), tmp_path_factory.mktemp("dns") / "nsd", [read_zone("example.", RECORDS)]) as port:
        yield port


def verdicts(found):
    return {domain: (mail.verdict, mail.detail) for domain, mail in found.items()}


def test_every_kind_of_answer(port):
    resolver = LiveResolver([Server(HOST, port)])
    assert verdicts(check_domains(EXPECTED, resolver)) == EXPECTED
    fallbacks = {"bare": ["A"], "bare6": ["A", "AAAA"], "inside": ["A", "AAAA"], "web": ["A", "AAAA"]}
    assert resolver.queries == len(EXPECTED) + sum(map(len, fallbacks.values()))


@pytest.mark.parametrize("domain", ["shop.elsewhere.net", "outside.example"])
def test_a_server_that_refuses_disproves_nothing(port, domain):
    (mail,) = check_domains([domain], LiveResolver([Server(HOST, port)])).values()
    assert mail.verdict is Mail.UNKNOWN
    assert mail.detail.startswith("MX not answered: ")
    assert mail.detail.endswith("(REFUSED)")


def test_a_long_list_is_asked_once_and_then_known(port, tmp_path):
    resolver = LiveResolver([Server(HOST, port)], cache=False)
    domains = [f"d{number}.example" for number in range(MANY)]
    with open_store(str(tmp_path / "hygiene.db"), key=bytes(32)) as store:
        first = check_with_store(domains, resolver, store, now=NOW)
        assert {mail.verdict for mail in first.values()} == {Mail.NOT_DISPROVED}
        assert resolver.queries == MANY
        nobody = LiveResolver([Server(HOST, free_port())])
        assert check_with_store(domains, nobody, store, now=NOW) == first
    assert nobody.queries == 0


def test_a_server_that_is_gone_removes_nobody(tmp_path):
    nobody = LiveResolver([Server(HOST, free_port())], timeout_s=1)
    with open_store(str(tmp_path / "hygiene.db"), key=bytes(32)) as store:
        found = check_with_store(EXPECTED, nobody, store, now=NOW)
    assert {mail.verdict for mail in found.values()} == {Mail.UNKNOWN}


def test_the_command_asks_and_removes_only_what_is_disproved(port, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    people = ["a@shop.example", "b@null.example", "c@gone.example", "d@shop.elsewhere.net"]
    (tmp_path / "list.csv").write_text("\n".join(["email", *people]) + "\n", "utf-8")
    words = ["clean", "list.csv", "--check-mx", "--resolver", f"{HOST}:{port}", "-o", "out"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    kept = (tmp_path / "out/clean.csv").read_text("utf-8").splitlines()
    assert kept == ["email", "a@shop.example", "d@shop.elsewhere.net"]
    rejected = (tmp_path / "out/rejected.csv").read_text("utf-8")
    assert "no-mail-domain,null MX (RFC 7505)" in rejected
    assert "no-mail-domain,does not exist (NXDOMAIN)" in rejected
    assert "domain-unknown" in (tmp_path / "out/flagged.csv").read_text("utf-8")
