import asyncio
import ipaddress
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
import trustme

from hygiene.demo.dns_server import DnsServer
from hygiene.dns_client import LiveResolver
from hygiene.errors import UsageError
from hygiene.ip import is_public
from hygiene.resolver import Outcome, Zone, run_now
from hygiene.web import FetchOutcome, LiveFetcher, Page, RecordedFetcher

HOSTS = Zone(
    {
        "shop.example": {"A": "127.0.0.1"},
        "www.shop.example": {"CNAME": "shop.example"},
        "six.example": {"AAAA": "::1"},
        "down-then-up.example": {"A": ["127.0.0.2", "127.0.0.1"]},
        "other-name.example": {"A": "127.0.0.1"},
        "bare.example": {"TXT": ["no address"]},
        "lost.example": Outcome.SERVFAIL,
        "half.example": {"A": "127.0.0.1", "AAAA": Outcome.TIMEOUT},
        "inside.example": {"A": ["10.0.0.1", "127.0.0.1"], "AAAA": "::ffff:192.168.0.1"},
    }
)
NAMES = ("shop.example", "www.shop.example", "six.example", "down-then-up.example", "half.example", "127.0.0.1")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: ClassVar[list[dict[str, str]]] = []

    def do_GET(self):
        self.seen.append({"path": self.path, **self.headers})
        route = self.path.partition("?")[0].strip("/") or "page"
        getattr(self, f"_{route.partition('/')[0]}", self._missing)()

    def _say(self, status=200, body=b"hello", **headers):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _page(self):
        self._say(Content_Type="text/plain; charset=utf-8")

    def _missing(self):
        self._say(404, b"not here")

    def _large(self):
        self._say(body=b"x" * 5000)

    def _moved(self):
        self._say(302, b"", Location="/page")

    def _hop(self):
        left = int(self.path.rpartition("/")[2])
        self._say(301, b"", Location=f"/hop/{left - 1}" if left else "/page")

    def _plainly(self):
        self._say(302, b"", Location="http://shop.example/page")

    def _inwards(self):
        self._say(302, b"", Location="https://inside.example/page")

    def _crazy(self):
        self._say(302, b"", Location="https://[::1/page")

    def _zipped(self):
        self._say(Content_Encoding="gzip")

    def _slow(self):
        time.sleep(0.6)
        self._say()

    def _trickle(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        for _ in range(12):
            self.wfile.write(b"x")
            time.sleep(0.05)
        self.close_connection = True

    def _broken(self):
        self.wfile.write(b"SMTP 220 hello\r\n\r\n")
        self.close_connection = True

    def _short(self):
        self._say(Content_Length="500")
        self.close_connection = True

    def log_message(self, *words):
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        pass  # the client hung up, as it should


@pytest.fixture(scope="session")
def authority():
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(authority, tmp_path_factory):
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


@contextmanager
def https(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def port(authority):
    with https(authority.issue_cert(*NAMES)) as number:
        yield number


@pytest.fixture(autouse=True)
def contacted(monkeypatch):
    """The addresses connected to; fails on any that is not loopback, and on any look-up by the system."""
    connect, look_up, addresses = socket.socket.connect, socket.getaddrinfo, []

    def guarded(self, address):
        assert ipaddress.ip_address(address[0]).is_loopback, f"a packet to {address}"
        addresses.append(address[0])
        return connect(self, address)

    def numeric_only(host, *rest, **options):
        ipaddress.ip_address(host)
        return look_up(host, *rest, **options)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    monkeypatch.setattr(socket, "getaddrinfo", numeric_only)
    return addresses


@pytest.fixture
def fetch(port, ca_file):
    def run(url, *, max_bytes=1000, accept_redirects=False, resolver=HOSTS, **options):
        options = {"allow_private": True, "ca_file": ca_file, "port": port, "timeout_s": 2.0} | options
        fetcher = LiveFetcher(resolver, **options)
        return run_now(fetcher.fetch(url, max_bytes=max_bytes, accept_redirects=accept_redirects))

    return run


def test_page_is_fetched(fetch, port):
    page = fetch("https://shop.example/page?q=1")
    assert page == Page(
        "https://shop.example/page?q=1", 200, "text/plain; charset=utf-8", b"hello", FetchOutcome.FETCHED
    )
    sent = Handler.seen[-1]
    assert (sent["path"], sent["Host"], sent["Accept-Encoding"]) == ("/page?q=1", "shop.example", "identity")


@pytest.mark.parametrize(
    "host", ["www.shop.example", "SHOP.example", "shop.example.", "half.example", "127.0.0.1"]
)
def test_host_in_other_forms(fetch, host):
    assert fetch(f"https://{host}").outcome is FetchOutcome.FETCHED


def test_port_of_the_address_is_used(fetch, port):
    page = fetch(f"https://shop.example:{port}/", port=None)
    assert page.outcome is FetchOutcome.FETCHED
    assert Handler.seen[-1]["Host"] == f"shop.example:{port}"


def test_next_address_is_tried(fetch, contacted):
    assert fetch("https://down-then-up.example/").outcome is FetchOutcome.FETCHED
    assert contacted == ["127.0.0.2", "127.0.0.1"]


def test_other_statuses_are_answers_too(fetch):
    page = fetch("https://shop.example/nothing")
    assert (page.status, page.body, page.outcome) == (404, b"not here", FetchOutcome.FETCHED)


def test_names_come_from_our_resolver_only(fetch):
    with DnsServer(HOSTS) as server:
        page = fetch("https://shop.example/", resolver=LiveResolver([server.address]))
        assert page.outcome is FetchOutcome.FETCHED
        assert sorted(server.questions) == [("shop.example", "A", "udp"), ("shop.example", "AAAA", "udp")]


def test_proxy_variables_are_not_read(fetch, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert fetch("https://shop.example/").outcome is FetchOutcome.FETCHED


@pytest.mark.parametrize(
    ("url", "outcome", "detail"),
    [
        ("https://nowhere.example/", "no-such-host", "nowhere.example does not exist"),
        ("https://bare.example/", "no-such-host", "bare.example has no address"),
        ("https://lost.example/", "unresolved", "A lost.example: servfail; AAAA lost.example: servfail"),
        ("https://other-name.example/", "bad-certificate", "other-name.example"),
        ("https://six.example/", "unreachable", "no connection"),
        ("https://shop.example/large", "too-large", "larger than 1000 octets"),
        ("https://shop.example/moved", "redirect", "redirects to https://shop.example/page"),
        ("https://shop.example/zipped", "protocol", "compressed (gzip)"),
        ("https://shop.example/broken", "protocol", "not valid HTTP"),
        ("https://shop.example/short", "protocol", "not valid HTTP"),
        ("https://shop.example/crazy", "protocol", "not valid HTTP"),
        ("http://shop.example/", "protocol", "only https:// addresses are fetched"),
        ("ftp://shop.example/", "protocol", "only https:// addresses are fetched"),
        ("https://", "protocol", "only https:// addresses are fetched"),
        ("shop.example", "protocol", "only https:// addresses are fetched"),
        ("", "protocol", "only https:// addresses are fetched"),
        ("https://user:pw@shop.example/", "protocol", "user name"),
        ("https://shop.example:99999/", "protocol", "not a valid address"),
        ("https://[::1/", "protocol", "not a valid address"),
        ("https://shop_%00.example/", "protocol", "not a host name"),
        ("https://" + "ü" * 80 + ".example/", "protocol", "not a valid address"),
    ],
)
def test_what_the_network_does_is_an_outcome(fetch, url, outcome, detail):
    page = fetch(url)
    assert page.outcome == outcome
    assert detail in page.detail
    assert (page.url, page.body) == (url, b"")


@pytest.mark.parametrize("path", ["slow", "trickle"])
def test_whole_fetch_has_a_time_limit(fetch, path):
    began = time.monotonic()
    page = fetch(f"https://shop.example/{path}", timeout_s=0.25)
    assert (page.outcome, page.detail) == (FetchOutcome.TIMEOUT, "not fetched within 0.25 s")
    assert time.monotonic() - began < 5  # without the limit it takes as long as the server likes


def test_server_that_speaks_no_tls(fetch):
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        page = fetch("https://shop.example/", port=server.server_address[1])
        server.shutdown()
        thread.join()
    assert page.outcome is FetchOutcome.PROTOCOL
    assert page.detail.startswith("TLS failed")


def test_unknown_authority(fetch):
    with https(trustme.CA().issue_cert("shop.example")) as number:
        page = fetch("https://shop.example/", port=number)
    assert (page.outcome, page.status) == (FetchOutcome.TLS, None)
    assert page.detail.startswith("certificate not accepted: ")


def test_public_authorities_are_the_default(fetch):
    assert fetch("https://shop.example/", ca_file=None).outcome is FetchOutcome.TLS


def test_wrong_authority_file_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="holds no certificates"):
        LiveFetcher(HOSTS, ca_file=str(tmp_path / "none.pem"))


def test_limit_is_inclusive(fetch):
    assert fetch("https://shop.example/page", max_bytes=5).body == b"hello"
    assert fetch("https://shop.example/page", max_bytes=4).outcome is FetchOutcome.TOO_LARGE


# -- redirects -------------------------------------------------------------------------------------------


def test_redirects_are_followed_when_accepted(fetch):
    page = fetch("https://shop.example/hop/2", accept_redirects=True)
    assert (page.outcome, page.body) == (FetchOutcome.FETCHED, b"hello")
    assert (page.url, page.location) == ("https://shop.example/hop/2", "https://shop.example/page")


def test_redirects_have_a_limit(fetch):
    page = fetch("https://shop.example/hop/3", accept_redirects=True)
    assert (page.outcome, page.location) == (FetchOutcome.REDIRECT, "https://shop.example/page")


def test_redirect_to_plain_http_is_refused(fetch):
    page = fetch("https://shop.example/plainly", accept_redirects=True)
    assert (page.outcome, page.location) == (FetchOutcome.PROTOCOL, "http://shop.example/page")


def test_redirect_into_a_private_network_is_refused(port, ca_file, monkeypatch):
    monkeypatch.setattr("hygiene.web.is_public", lambda address: str(address) == "127.0.0.1")
    hosts = Zone({"shop.example": {"A": "127.0.0.1"}, "inside.example": {"A": "10.0.0.1"}})
    fetcher = LiveFetcher(hosts, ca_file=ca_file, port=port)
    page = run_now(fetcher.fetch("https://shop.example/inwards", max_bytes=100, accept_redirects=True))
    assert page.outcome is FetchOutcome.PRIVATE_ADDRESS
    assert page.detail == "the address of inside.example is not public: 10.0.0.1"


# -- private addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["inside.example", "shop.example", "127.0.0.1", "[::1]", "[::ffff:10.0.0.1]"])
def test_private_addresses_are_not_contacted(fetch, contacted, host):
    page = fetch(f"https://{host}/", allow_private=False)
    assert page.outcome is FetchOutcome.PRIVATE_ADDRESS
    assert not contacted


@pytest.mark.parametrize(
    "text",
    [
        *("0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "192.0.0.8"),
        *("192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.51.100.1", "203.0.113.1"),
        *("224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "::", "::1", "::10.0.0.1"),
        *("::8.8.8.8", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::8.8.8.8", "100::1"),
        *("2001::1", "2001:db8::1", "2002:a00:1::1", "2002:7f00:1::", "3fff::1", "5f00::1", "fc00::1"),
        *("fd12::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1"),
    ],
)
def test_not_public(text):
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "8.8.8.8",
        "1.1.1.1",
        "100.128.0.1",
        "2606:4700::1",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2002:808:808::1",
    ],
)
def test_public(text):
    assert is_public(ipaddress.ip_address(text))


# -- reuse and replay ------------------------------------------------------------------------------------


def test_one_fetcher_serves_many_at_once_and_successive_loops(port, ca_file):
    fetcher = LiveFetcher(HOSTS, allow_private=True, ca_file=ca_file, port=port)

    async def many():
        fetches = (fetcher.fetch("https://shop.example/", max_bytes=10) for _ in range(10))
        return await asyncio.gather(*fetches)

    for _ in range(2):
        assert {page.outcome for page in asyncio.run(many())} == {FetchOutcome.FETCHED}


def test_replay():
    page = Page("https://a.example/", 200, "text/plain", b"x", FetchOutcome.FETCHED)
    fetcher = RecordedFetcher([page])
    assert run_now(fetcher.fetch("https://a.example/", max_bytes=10)) is page
    missing = run_now(fetcher.fetch("https://b.example/", max_bytes=10))
    assert (missing.outcome, missing.detail) == (FetchOutcome.UNRECORDED, "not fetched in this audit")
