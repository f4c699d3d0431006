"""Hostile zones: an audit always finishes, never raises, and replays exactly from its saved facts."""

import asyncio
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.audit.facts import read_facts
from hygiene.audit.run import Audit, judge
from hygiene.render.markdown import render_markdown
from hygiene.render.page import render_page
from hygiene.render.terminal import render_terminal
from hygiene.resolver import Outcome
from hygiene.web import FetchOutcome

from .checks.shop_zone import DOMAIN, KEY, POLICY_URL, SHOP, apex, audit, dmarc, greeting, key, page, spf

NAMES = [
    DOMAIN,
    f"_dmarc.{DOMAIN}",
    f"google._domainkey.{DOMAIN}",
    f"_mta-sts.{DOMAIN}",
    f"_smtp._tls.{DOMAIN}",
    f"default._bimi.{DOMAIN}",
]
PREFIXES = [
    "",
    "v=spf1 ",
    "v=DMARC1; ",
    "v=DKIM1; p=",
    "v=STSv1; id=",
    "v=TLSRPTv1; rua=",
    "v=BIMI1; l=https://",
]
SCRIPT, ESCAPES = "<script>alert(1)</script>", "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x9b0m\u202e"


def texts_at(text: str | list[str]) -> dict:
    """The same TXT records at every name that is read."""
    return {name: {**SHOP.get(name, {}), "TXT": text} for name in NAMES}


def replayed(result: Audit) -> Audit:
    facts = read_facts(result.facts.to_json())
    assert facts == result.facts
    again = judge(facts)
    assert again.to_dict() == result.to_dict()
    return again


def check_all(result: Audit) -> str:
    """Replay, render every way, and return what a terminal would show."""
    again = replayed(result)
    shown = [render_terminal(one.sections(), width=100, colour=True, verbose=True) for one in (result, again)]
    assert shown[0] == shown[1]
    assert "<script>alert" not in render_page([result.sections()], title=DOMAIN)
    assert render_markdown([result.sections()]) == render_markdown([again.sections()])
    assert all(len(line) <= 600 for finding in result.findings for line in finding.evidence)
    assert repr(result)
    return shown[0]


LONG = "x" * 65_000
ATTACKS = {
    "64 KB of text": texts_at(LONG),
    "64 KB after a version": {name: {"TXT": [f"{prefix}{LONG}" for prefix in PREFIXES]} for name in NAMES},
    "64 KB of SPF terms": apex(TXT="v=spf1 " + "a " * 32_000),
    "64 KB of includes": apex(TXT="v=spf1 " + " ".join(f"include:n{n}.test" for n in range(4_000))),
    "64 KB of networks": apex(
        TXT="v=spf1 " + " ".join(f"ip4:20.{n // 256}.{n % 256}.0/25" for n in range(3_300))
    ),
    "64 KB of macros": apex(TXT="v=spf1 exists:" + "%{ir}." * 10_000 + "test -all"),
    "64 KB of DMARC tags": dmarc("v=DMARC1; " + "p=none; " * 8_000),
    "64 KB of report addresses": dmarc(
        "v=DMARC1; p=none; rua=" + ",".join(f"mailto:a@h{n}.test" for n in range(4_000))
    ),
    "64 KB of DKIM tags": key("v=DKIM1; " + "; ".join(f"a{n}=b" for n in range(9_000))),
    "64 KB of key": key("v=DKIM1; p=" + "MII" * 20_000),
    "not UTF-8": texts_at(["\xff\xfe\x80\xc3(", "v=spf1 \xff -all", "v=DMARC1; p=\xff", "v=DKIM1; p=\xff"]),
    "NUL": texts_at(["\0", "v=spf1 a:\0.test -all", "v=DMARC1;\0p=none", "v=DKIM1;\0p=", "v=STSv1;\0 id=1"]),
    "escapes and markup": texts_at([f"{prefix}{SCRIPT}{ESCAPES}" for prefix in PREFIXES]),
    "empty": texts_at(["", " ", ";"]),
    "a thousand MX": apex(MX=[f"{n} m{n}.test" for n in range(1_000)]),
    "one MX a thousand times": apex(MX=[f"{n} mx.{DOMAIN}" for n in range(1_000)]),
    "odd MX": apex(
        MX=[("10", ESCAPES), ("10", SCRIPT), ("10", "."), ("10", "a..b"), ("10", "x" * 300), ("10", "[::1]")]
    ),
    "three hundred TXT": apex(TXT=[f"verify-{n}={n}" for n in range(300)]),
    "three hundred SPF": apex(TXT=[f"v=spf1 ip4:192.0.2.{n} -all" for n in range(300)]),
    "a CNAME loop": {DOMAIN: {"CNAME": "b.test"}, "b.test": {"CNAME": DOMAIN}},
    "CNAME loops below": {name: {"CNAME": name} for name in NAMES[1:]},
    "a wildcard for all": {
        f"*.{DOMAIN}": {"TXT": ["v=spf1 +all", "v=DMARC1; p=none", KEY], "A": "127.0.0.1", "MX": "0 ."}
    },
    "a thousand PTR": {"10.2.0.192.in-addr.arpa": {"PTR": [f"p{n}.test" for n in range(1_000)]}},
    "a thousand addresses": {f"mx.{DOMAIN}": {"A": [f"198.51.{n // 250}.{n % 250}" for n in range(1_000)]}},
    "nothing works": dict.fromkeys(SHOP, Outcome.MALFORMED),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_audit_finishes(attack: str) -> None:
    result = audit(ATTACKS[attack], ips=["198.51.100.7"])
    shown = check_all(result)
    assert "\0" not in shown
    assert "\x07" not in shown
    assert "\x1b]" not in shown
    assert "\x1b[2J" not in shown
    assert "\u202e" not in shown
    assert len(result.facts.answers) < 4_000


def test_a_chain_longer_than_any_audit_follows() -> None:
    chain = {f"n{n}.test": {"TXT": f"v=spf1 include:n{n + 1}.test"} for n in range(600)}
    result = audit(spf("include:n0.test", "-all") | chain)
    assert any("128 in a row" in problem for problem in result.views["spf"].problems)
    check_all(result)


def test_a_web_of_includes_is_read_once() -> None:
    web = {
        f"n{n}.test": {"TXT": "v=spf1 " + " ".join(f"include:n{n + 1 + k}.test" for k in range(8))}
        for n in range(99)
    }
    result = audit(spf("include:n0.test", "-all") | web)
    assert "spf-too-many-lookups" in {one.id for one in result.faults}
    check_all(result)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0" * 65_536,
        b"\xff\xfe",
        b"version: STSv1\n" * 4_000,
        SCRIPT.encode(),
        ESCAPES.encode(),
        b"mx: *.*\n" * 999,
    ],
)
def test_pages_from_strangers(body: bytes) -> None:
    logo, pem = f"https://{DOMAIN}/l.svg", f"https://{DOMAIN}/m.pem"
    bimi = {f"default._bimi.{DOMAIN}": {"TXT": f"v=BIMI1; l={logo}; a={pem}"}}
    check_all(audit(bimi, pages=page(POLICY_URL, body) | page(logo, body) | page(pem, body, kind=ESCAPES)))


@pytest.mark.parametrize("outcome", FetchOutcome)
def test_every_way_a_fetch_can_end(outcome: FetchOutcome) -> None:
    check_all(audit(pages=page(POLICY_URL, status=None, outcome=outcome, detail=ESCAPES, location=SCRIPT)))


def test_a_mail_server_that_lies() -> None:
    tlsa = {f"_25._tcp.mx.{DOMAIN}": {"TLSA": ["3 1 1 zz", "x", "3 1", "3 1 1 00 00"]}}
    said = greeting(banner=ESCAPES, certificate="00ff", certificate_problem=SCRIPT, tls_version=ESCAPES)
    check_all(audit(tlsa, smtp=True, greetings=(said,)))


WORDS = [
    *["v=spf1", "v=DMARC1;", "v=DKIM1;", "a", "mx", "-all", "include:n.test", "redirect=", "ip4:0.0.0.0/0"],
    *["p=reject;", "p=;", "t=y;", "psd=n;", "rua=mailto:", "@", "!", ",", "%{i}", "/", "//", ":", "=", '"'],
    *["\\", "k=ed25519;", "id=1;", "l=https://shop.test/x", "a=", "ip6:::/0", "\x00", "\xff"],
]
octets = st.binary(max_size=80).map(lambda data: data.decode("latin-1"))
random_text = st.one_of(
    octets,
    st.builds(str.__add__, st.sampled_from(PREFIXES), octets),
    st.lists(
        st.sampled_from(WORDS),
        max_size=12,
    ).map(" ".join),
)
random_texts = st.lists(random_text, max_size=3)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, random_texts)))
def test_any_text_anywhere(texts: dict[str, list[str]]) -> None:
    check_all(audit({name: {**SHOP.get(name, {}), "TXT": text} for name, text in texts.items()}))


outcomes = st.sampled_from(Outcome).filter(lambda outcome: outcome is not Outcome.RECORDS)


@given(st.dictionaries(st.sampled_from(sorted(SHOP)), outcomes, min_size=1))
def test_any_silence_is_an_open_question(silent: dict[str, Outcome]) -> None:
    result = audit(silent)
    check_all(result)
    if not any(outcome.is_void for outcome in silent.values()):
        assert result.faults == ()
        assert result.unknowns


@given(st.lists(st.ip_addresses().map(str), max_size=3))
def test_any_address(ips: list[str]) -> None:
    result = audit(ips=ips)
    check_all(result)
    assert result.facts.options.ips == tuple(dict.fromkeys(str(ip_address(ip)) for ip in ips))


def test_many_domains_share_nothing() -> None:
    from hygiene.audit.run import audit_domains
    from hygiene.resolver import Zone
    from hygiene.web import RecordedFetcher

    names = [f"d{n}.test" for n in range(25)]
    zone = Zone({name: {"TXT": f"v=spf1 ip4:192.0.2.{n} -all"} for n, name in enumerate(names)})
    results = audit_domains(names, resolver=zone, fetcher=RecordedFetcher([]))
    assert [result.domain for result in results] == names
    assert [result.views["spf"].texts[0].split()[1] for result in results] == [
        f"ip4:192.0.2.{n}" for n in range(25)
    ]


def test_an_audit_runs_inside_an_event_loop() -> None:
    async def cell() -> Audit:
        return audit()

    assert asyncio.run(cell()).findings == ()
