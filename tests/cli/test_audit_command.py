"""`hygiene audit` as people and CI call it: arguments in; text, files and exit codes out."""

import io
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hygiene.cli.app import main
from hygiene.demo.dns_server import DnsServer
from hygiene.demo.https_server import HttpsServer
from hygiene.demo.sample import PAGES, SHOPS, sample_zone
from hygiene.resolver import Outcome, Zone
from tests.ports import free_port

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("FORCE_COLOR", raising=False)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["hygiene", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        return int(end.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture(scope="module")
def shops() -> Iterator[tuple[str, ...]]:
    """The sample's servers, as the settings that reach them."""
    with DnsServer(sample_zone()) as dns, HttpsServer(PAGES) as https, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HYGIENE_WEB_ALLOW_PRIVATE", "true")
        patch.setenv("HYGIENE_WEB_CA_FILE", https.ca_file)
        patch.setenv("HYGIENE_WEB_PORT", str(https.port))
        yield ("--resolver", str(dns.address), "--timeout", "3")


def serve(zone: Zone) -> DnsServer:
    return DnsServer(zone)


def ids(text: str) -> set[str]:
    return {finding["id"] for audit in json.loads(text)["audits"] for finding in audit["findings"]}


# verdicts and exit codes


@pytest.mark.parametrize(
    ("shop", "grade", "code"),
    [("bakery.example", "A", 0), ("outfitters.example", "C", 1), ("gadgets.example", "F", 1)],
)
def test_the_sample_shops_get_the_right_verdict(run: Run, shops: tuple[str, ...], shop, grade, code) -> None:
    status, out, _ = run("audit", shop, *shops, "--format", "json")
    (audit,) = json.loads(out)["audits"]
    assert (audit["grade"], status) == (grade, code)


def test_the_healthy_shop_has_nothing_to_mend(run: Run, shops: tuple[str, ...]) -> None:
    _, out, _ = run("audit", "bakery.example", *shops)
    assert out.startswith("bakery.example")
    assert "grade A · nothing to mend" in out
    assert "Gmail, Yahoo and Outlook.com would accept bulk mail from here" in out
    assert "checkdmarc agrees on SPF and DMARC" in out


@pytest.mark.parametrize(
    ("limit", "code"), [("critical", 3), ("high", 1), ("medium", 1), ("low", 1), ("never", 3)]
)
def test_fail_on_decides_between_fault_and_open_question(run: Run, shops: tuple[str, ...], limit, code) -> None:
    """outfitters.example has a high fault and selectors that were not answered."""
    status, _, _ = run("audit", "outfitters.example", *shops, "--fail-on", limit)
    assert status == code


def test_select_and_ignore_take_ids_areas_and_patterns(run: Run, shops: tuple[str, ...]) -> None:
    only = ids(
        run("audit", "gadgets.example", *shops, "--format", "json", "--select", "spf", "--select", "dmarc-*")[1]
    )
    assert only
    assert all(word.startswith(("spf", "dmarc")) for word in only)
    rest = ids(run("audit", "gadgets.example", *shops, "--format", "json", "--ignore", "spf-syntax-error")[1])
    assert "spf-syntax-error" not in rest
    assert "dmarc-invalid-tag" in rest


def test_json_has_one_shape_for_one_domain_and_for_several(run: Run, shops: tuple[str, ...]) -> None:
    one = json.loads(run("audit", SHOPS[0], *shops, "--format", "json")[1])
    several = json.loads(run("audit", *SHOPS, *shops, "--format", "json")[1])
    assert [audit["domain"] for audit in several["audits"]] == list(SHOPS)
    assert one["audits"][0].keys() == several["audits"][0].keys()
    assert several["audits"][0]["second_opinion"] is None  # off for several


def test_domains_come_from_standard_input(
    run: Run, shops: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("# shops\nbakery.example\n\ngadgets.example\n"))
    _, out, _ = run("audit", "-", *shops, "--format", "json")
    assert [audit["domain"] for audit in json.loads(out)["audits"]] == ["bakery.example", "gadgets.example"]


def test_a_url_an_address_and_an_idn_are_understood(run: Run) -> None:
    zone = Zone({"xn--bcher-kva.example": {"TXT": "v=spf1 -all", "MX": "0 ."}})
    with serve(zone) as dns:
        _, out, _ = run(
            "audit", "https://bücher.example/impressum", "--resolver", dns.address, "--format", "json"
        )
        assert json.loads(out)["audits"][0]["domain"] == "xn--bcher-kva.example"
        _, out, _ = run("audit", "ann@bücher.example", "--resolver", dns.address)
        assert out.startswith("bücher.example (xn--bcher-kva.example)")


# bad input


@pytest.mark.parametrize(
    "words",
    [
        ["audit"],
        ["audit", "shop"],
        ["audit", "192.0.2.1"],
        ["audit", "2001:db8::1"],
        ["audit", "a..example"],
        ["audit", "sp ace.example"],
        ["audit", "https://"],
        ["audit", "x" * 64 + ".example"],
        ["audit", "x" * 5000],
        ["audit", "\udce0\x08" * 2000],
        ["audit", "http://[" + "x" * 5000],
        ["audit", "shop.example", "--resolver", "https://dns.example"],
        ["audit", "shop.example", "--resolver", "127.0.0.1:0"],
        ["audit", "shop.example", "--ip", "192.0.2"],
        ["audit", "shop.example", "--select", "spf-mising"],
        ["audit", "shop.example", "--ignore", "nothing-like-it"],
        ["audit", "shop.example", "--config", "absent.toml"],
        ["audit", "shop.example", "--blocklist", "no list"],
        ["audit", "--replay", "absent.json"],
        ["explain", "no-such-check"],
    ],
    ids=lambda words: ascii(" ".join(words))[:60],
)
def test_wrong_use_gets_one_sentence_and_exit_2(run: Run, words: list[str]) -> None:
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert re.fullmatch(r"hygiene: [^\n]+\n", err)


@pytest.mark.parametrize(
    "words", [["--timeout", "0"], ["--format", "pdf"], ["--fail-on", "bad"], ["--nonsense"]]
)
def test_wrong_options_exit_2_without_a_traceback(run: Run, words: list[str]) -> None:
    status, _, err = run("audit", "shop.example", *words)
    assert status == 2
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not toml [", "is not TOML"),
        ("[audit]\ntimeout = 'soon'", "audit.timeout"),
        ("[audit]\ncolour = 1", "colour"),
        ("[audit]\nfail_on = 'sometimes'", "sometimes"),
        ("[cleaning]\nx = 1", "cleaning"),
    ],
)
def test_a_wrong_setting_is_named(run: Run, text: str, said: str) -> None:
    Path("hygiene.toml").write_text(text)
    status, _, err = run("audit", "shop.example")
    assert status == 2
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"format": "hygiene-audit/9"}', "\x00", '{"format": 1}', "ÿ" * 9]
)
def test_a_damaged_save_is_refused(run: Run, text: str) -> None:
    Path("old.json").write_text(text)
    status, _, err = run("audit", "--replay", "old.json")
    assert status == 2
    assert err.startswith("hygiene: old.json: ")
    assert err.count("\n") == 1


def test_output_that_cannot_be_written_leaves_nothing_behind(
    run: Run, shops: tuple[str, ...], tmp_path
) -> None:
    (tmp_path / "file").write_text("old")
    status, out, err = run("audit", "bakery.example", *shops, "--output", tmp_path / "file" / "x.html")
    assert (status, out) == (2, "")
    assert "cannot be written" in err
    assert (tmp_path / "file").read_text() == "old"


# settings


def test_settings_come_from_file_then_environment_then_options(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(Zone({"shop.example": {"TXT": "v=spf1 -all"}})) as dns:
        Path("hygiene.toml").write_text(f'[audit]\nresolvers = ["{dns.address}"]\nselect = ["mx-missing"]\n')
        assert ids(run("audit", "shop.example", "--format", "json")[1]) == {"mx-missing"}
        monkeypatch.setenv("HYGIENE_AUDIT_SELECT", "dmarc-missing,mx-missing")
        assert ids(run("audit", "shop.example", "--format", "json")[1]) == {"mx-missing", "dmarc-missing"}
        words = ("--format", "json", "--select", "dmarc-missing")
        assert ids(run("audit", "shop.example", *words)[1]) == {"dmarc-missing"}


# save and replay


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html"])
def test_a_replay_is_the_same_to_the_byte(run: Run, shops: tuple[str, ...], form: str) -> None:
    first = run("audit", "outfitters.example", *shops, "--format", form, "--save", "facts.json")
    again = run("audit", "--replay", "facts.json", "--format", form)
    assert again[:2] == first[:2]
    assert len(Path("facts.json").read_bytes()) < 60_000


def test_several_audits_are_saved_to_a_folder(run: Run, shops: tuple[str, ...]) -> None:
    first = run("audit", *SHOPS, *shops, "--save", "saved")
    files = sorted(Path("saved").iterdir())
    assert [file.name for file in files] == sorted(f"{shop}.json" for shop in SHOPS)
    again = run("audit", *SHOPS, *(word for shop in SHOPS for word in ("--replay", f"saved/{shop}.json")))
    assert again[:2] == first[:2]


def test_a_replay_asks_nobody(run: Run, shops: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    run("audit", "bakery.example", *shops, "--save", "facts.json")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a replay must not open a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    assert run("audit", "--replay", "facts.json", "--resolver", "127.0.0.1:1")[0] == 0


# as if it were published


def test_a_fix_can_be_tried_before_it_is_published(run: Run, shops: tuple[str, ...]) -> None:
    words = ("audit", "outfitters.example", *shops, "--format", "json")
    before = json.loads(run(*words)[1])["audits"][0]["findings"]
    (finding,) = [one for one in before if one["id"] == "spf-too-many-lookups"]
    Path("fix.zone").write_text(finding["fix"] + "\n")
    _, out, _ = run(*words, "--assume", "fix.zone", "--save", "tried.json")
    assert ids(out) == {one["id"] for one in before} - {"spf-too-many-lookups"}
    assert run("audit", "--replay", "tried.json", "--format", "json")[1] == out
    text = run("audit", "--replay", "tried.json")[1]
    assert "As if these were published" in text
    assert "outfitters.example TXT" in text


def test_a_whole_zone_can_be_tried_without_any_server(run: Run) -> None:
    Path("new.zone").write_text(
        """$ORIGIN new.example.
@ 300 IN SOA ns hostmaster 1 7200 3600 1209600 300
@ MX 0 .
@ TXT "v=spf1 -all"
_dmarc TXT "v=DMARC1; p=reject"
"""
    )
    with serve(Zone({})) as dns:
        _, out, _ = run(
            "audit", "new.example", "--resolver", dns.address, "--assume", "new.zone", "--format", "json"
        )
    (audit,) = json.loads(out)["audits"]
    assert (audit["grade"], ids(out)) == ("A", {"dnssec-unsigned"})


@pytest.mark.parametrize("text", ["what is this", "shop.example. MX ten mx.shop.example.", "\xff"])
def test_a_file_that_is_no_zone_is_refused(run: Run, text: str) -> None:
    Path("bad.zone").write_bytes(text.encode("latin-1"))
    status, out, err = run("audit", "shop.example", "--assume", "bad.zone")
    assert (status, out) == (2, "")
    assert re.fullmatch(r"hygiene: bad\.zone[^\n]+\n", err)


# a message with it


def test_a_message_is_judged_with_the_domain_in_its_from(run: Run, shops: tuple[str, ...]) -> None:
    Path("letter.eml").write_bytes(
        b"From: Bakery <news@bakery.example>\nList-Unsubscribe: <mailto:u@bakery.example>\n\nHello\n"
    )
    status, out, _ = run("audit", "--eml", "letter.eml", *shops, "--format", "json", "--save", "both.json")
    (audit,) = json.loads(out)["audits"]
    assert (status, audit["domain"]) == (1, "bakery.example")
    assert {"message-unsigned", "message-without-one-click"} <= ids(out)
    assert audit["published"]["message"]["authors"] == ["news@bakery.example"]
    assert run("audit", "--replay", "both.json", "--format", "json")[:2] == (status, out)


@pytest.mark.parametrize("raw", [b"", b"no header", b"Subject: nobody wrote this\n\n"])
def test_a_file_that_is_no_message_is_refused(run: Run, raw: bytes) -> None:
    Path("letter.eml").write_bytes(raw)
    status, out, err = run("audit", "--eml", "letter.eml")
    assert (status, out) == (2, "")
    assert re.fullmatch(r"hygiene: [^\n]+\n", err)


# a resolver that is down


def test_a_resolver_that_is_not_there(run: Run) -> None:
    port = free_port()
    status, out, err = run("audit", "shop.example", "--resolver", f"127.0.0.1:{port}")
    assert status == 3
    assert f"Nothing could be determined: nothing answers at 127.0.0.1:{port}." in out
    assert "Traceback" not in out + err
    assert len(out.splitlines()) < 6


def test_a_resolver_that_is_silent_ends_within_the_time_out(run: Run) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        started = time.monotonic()
        status, out, _ = run("audit", "shop.example", "--resolver", f"127.0.0.1:{port}", "--timeout", "0.5")
        waited = time.monotonic() - started
    assert status == 3
    assert "no answer within 0.5 s" in out
    assert waited < 5  # one time-out and the start of the program, not one time-out a question


def test_one_name_that_fails_is_unknown_and_never_missing(run: Run) -> None:
    zone = sample_zone().with_changes({"_dmarc.bakery.example": Outcome.SERVFAIL})
    with serve(zone) as dns:
        words = (
            "audit",
            "bakery.example",
            "--resolver",
            dns.address,
            "--ignore",
            "transport",
            "--format",
            "json",
        )
        status, out, _ = run(*words)
    assert status == 3
    assert "dmarc-unknown" in ids(out)
    assert "dmarc-missing" not in ids(out)


# hostile records

HOSTILE = "v=spf1 <script>alert(1)</script> \x1b]0;owned\x07 \x00 \u009b31m `x` |y| [z](javascript:1) -all"


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html"])
def test_hostile_records_come_out_harmless(run: Run, form: str) -> None:
    name = "shop.example"
    zone = Zone(
        {
            name: {"TXT": HOSTILE, "MX": ["10 <b>.shop.example"]},
            f"_dmarc.{name}": {
                "TXT": "v=DMARC1; p=none; <img src=x onerror=alert(1)>=1; rua=mailto:\x1b[2J@x.example"
            },
            f"google._domainkey.{name}": {"TXT": "v=DKIM1; p=\x1b[31m<svg onload=alert(1)>"},
            f"_mta-sts.{name}": {"TXT": "v=STSv1; id=<script>"},
            f"default._bimi.{name}": {"TXT": "v=BIMI1; l=https://127.0.0.1/<script>"},
        }
    )
    with serve(zone) as dns:
        status, out, err = run(
            "audit", name, "--resolver", dns.address, "--format", form, "-v", "--timeout", "2"
        )
    assert status == 1
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", out + err)
    if form in ("html", "markdown"):
        assert not re.search(r"(?<!`)<(script|img|svg|b)\b", re.sub(r"`+[^`]*`+", "", out))


# web


def test_the_policy_is_not_fetched_from_private_addresses(
    run: Run, monkeypatch: pytest.MonkeyPatch, shops
) -> None:
    monkeypatch.delenv("HYGIENE_WEB_ALLOW_PRIVATE")
    _, out, _ = run("audit", "bakery.example", *shops, "--format", "json")
    (finding,) = [
        one for one in json.loads(out)["audits"][0]["findings"] if one["id"] == "mta-sts-unusable-policy"
    ]
    assert finding["state"] == "fault"
    assert "127.0.0.1" in finding["evidence"][0]


def test_the_policy_needs_a_certificate_that_holds(run: Run, monkeypatch: pytest.MonkeyPatch, shops) -> None:
    monkeypatch.delenv("HYGIENE_WEB_CA_FILE")
    _, out, _ = run("audit", "bakery.example", *shops, "--format", "json")
    (finding,) = [
        one for one in json.loads(out)["audits"][0]["findings"] if one["id"] == "mta-sts-unusable-policy"
    ]
    assert "certificate" in finding["evidence"][0].lower()


# the other commands


def test_explain_names_rule_and_fix(run: Run) -> None:
    status, out, _ = run("explain", "dmarc-missing")
    assert status == 0
    assert "RFC 9989" in out
    assert "https://www.rfc-editor.org/rfc/rfc9989" in out
    assert len(run("explain")[1].splitlines()) > 60


def test_the_demo_plays_all_shops_and_writes_the_page(played) -> None:
    assert played.code == 0
    assert all(shop in played.out for shop in SHOPS)
    assert "reports/audit.html" in played.err
    page = (played.folder / "audit.html").read_text()
    assert page.startswith("<!doctype html>")
    assert len(page) < 300_000
    assert "<script" not in page


def test_the_version_is_printed(run: Run) -> None:
    assert re.fullmatch(r"hygiene \d+\.\d+\.\d+\n", run("--version")[1])


@pytest.mark.parametrize("words", [(), ("open_rate",), ("dmarc-missing",), ("inactive",), ("link-shortened",)])
def test_explanations_fit_the_window(run: Run, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = run("explain", *words)[1].splitlines()
    assert max(len(line) for line in lines if not line.startswith("  Fix:")) <= 80
    assert not any(line.endswith(" ") for line in lines)


def test_signs_of_our_own_are_spelt_where_an_encoding_lacks_them() -> None:
    from hygiene.render.pen import Pen

    assert Pen(False, "ascii").prose("−10.0 … ±2 ≠ 3 → ρ") == "-10.0 ... +/-2 != 3 -> rho"
    assert Pen(False, "cp1252").prose("−10.0 – 2") == "-10.0 - 2"
