"""Where the command line meets the world: pipes, encodings, files, odd input, interruptions."""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hygiene.cli.output import Format, deliver
from hygiene.demo.dns_server import DnsServer
from hygiene.errors import UnwritableOutput
from hygiene.files import write_whole
from hygiene.render.sections import Document, Headline, Tone
from hygiene.resolver import Zone

SHOP = {"TXT": "v=spf1 -all", "MX": "0 ."}
COMMAND = [sys.executable, "-m", "hygiene"]
HANGS_S = 300  # what has not ended by then never will, however busy the machine


@pytest.fixture(autouse=True)
def in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def asking() -> Iterator[tuple[str, ...]]:
    """The options that make an audit ask the shops' server, and nobody's second opinion."""
    names = {f"shop{number}.example": SHOP for number in range(100)}
    with DnsServer(Zone({**names, "xn--bcher-kva.example": SHOP})) as dns:
        yield "--resolver", str(dns.address), "--no-second-opinion"


def run(*words: object, given: bytes = b"", **environ: str) -> subprocess.CompletedProcess[bytes]:
    command = [*COMMAND, *map(str, words)]
    return subprocess.run(
        command, input=given, capture_output=True, env=os.environ | environ, timeout=HANGS_S, check=False
    )


def domains_of(done: subprocess.CompletedProcess[bytes]) -> list[str]:
    return [audit["domain"] for audit in json.loads(done.stdout)["audits"]]


# standard output


@pytest.mark.parametrize("words", [["explain"], ["explain", "dmarc"], ["--version"], ["demo"]])
def test_a_reader_that_leaves_is_no_error(words: list[str]) -> None:
    """What `| head -1` does."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*COMMAND, *words], stdout=writing, stderr=subprocess.PIPE, timeout=HANGS_S, check=False
    )
    os.close(writing)
    assert done.returncode == 0
    assert not done.stderr or done.stderr.startswith(b"written to")


def test_the_verdict_stands_when_the_reader_leaves(asking: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [*COMMAND, "audit", "shop1.example", *asking]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, timeout=HANGS_S, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (run(*command[3:]).returncode, b"")


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs /dev/full")
@pytest.mark.parametrize("words", [["explain"], ["--version"]])
def test_a_full_disk_is_said(words: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, *words], stdout=full, stderr=subprocess.PIPE, timeout=HANGS_S, check=False
        )
    assert done.returncode == 2
    assert done.stderr == b"hygiene: standard output cannot be written: No space left on device\n"


@pytest.mark.parametrize("words", ["explain", "audit shop1.example {}", "audit - {}"])
def test_closed_streams_are_survived(asking: tuple[str, ...], words: str) -> None:
    line = f"{sys.executable} -m hygiene {words.format(' '.join(asking))} <&- >&-"
    done = subprocess.run(line, shell=True, stderr=subprocess.PIPE, timeout=HANGS_S, check=False)
    assert b"Traceback" not in done.stderr
    assert done.returncode in {0, 1, 2}


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html"])
def test_an_ascii_terminal_gets_every_format(asking: tuple[str, ...], form: str) -> None:
    done = run("audit", "bücher.example", *asking, "--format", form, PYTHONIOENCODING="ascii")
    assert b"Traceback" not in done.stderr
    assert done.stdout.isascii() == (form in {"text", "json"})
    assert "xn--bcher-kva.example" in done.stdout.decode()


@pytest.mark.parametrize("columns", ["20", "0", "1000", "many"])
def test_any_width_is_survived(asking: tuple[str, ...], columns: str) -> None:
    done = run("audit", "shop1.example", *asking, "--format", "text", COLUMNS=columns)
    assert (done.stderr, done.stdout[:13]) == (b"", b"shop1.example")


# domains


def test_a_windows_list_of_domains_is_read_each_once(asking: tuple[str, ...]) -> None:
    given = b"\xef\xbb\xbfshop1.example\r\n  # shops\r\nSHOP1.example.\r\n\r\nhttps://shop2.example/x\r\n"
    done = run("audit", "-", "shop3.example", *asking, "--format", "json", given=given)
    assert domains_of(done) == ["shop1.example", "shop2.example", "shop3.example"]


@pytest.mark.parametrize("given", [b"", b"\r\n#\r\n", b"shop\xff.example\n", b"\xff\xfes\x00h\x00"])
def test_input_without_a_domain_is_refused_in_one_line(given: bytes) -> None:
    done = run("audit", "-", given=given)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)


def test_a_hundred_domains_at_once(asking: tuple[str, ...]) -> None:
    names = [f"shop{number}.example" for number in range(100)]
    given = "\n".join(names).encode()
    done = run("audit", "-", *asking, "--format", "json", "--select", "mx-*", given=given)
    assert domains_of(done) == names
    assert (done.returncode, done.stderr) == (0, b"")


# files


def test_output_dash_is_standard_output(asking: tuple[str, ...], tmp_path: Path) -> None:
    words = ("audit", "shop1.example", *asking, "--format", "markdown")
    plain, dash = run(*words), run(*words, "--output", "-")
    assert dash.stdout.splitlines()[0] == plain.stdout.splitlines()[0]
    assert (dash.stderr, list(tmp_path.iterdir())) == (b"", [])


def test_a_file_keeps_its_permissions_and_a_link_its_target(tmp_path: Path) -> None:
    (tmp_path / "page").write_text("old")
    (tmp_path / "page").chmod(0o640)
    (tmp_path / "link").symlink_to("page")
    write_whole(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "page").read_text() == "new"
    assert stat.S_IMODE((tmp_path / "page").stat().st_mode) == 0o640


def test_what_is_no_file_is_written_to_and_stays(tmp_path: Path) -> None:
    """A pipe stands for /dev/stdout and /dev/null, which no test should put at risk."""
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_whole(pipe, "text")
    reader.join(timeout=10)
    assert read == ["text"]
    assert pipe.is_fifo()


@pytest.mark.parametrize("name", ["folder", "", "file/x", "x" * 300])
def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("old")
    with pytest.raises(UnwritableOutput, match="cannot be written"):
        write_whole(Path(name), "text")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]


def test_a_write_that_is_interrupted_leaves_the_old_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted(self: Path, *_: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "page").write_text("old")
    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "page", "new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("page", "old")]


def test_answers_are_saved_into_folders_that_were_missing(asking: tuple[str, ...]) -> None:
    run("audit", "shop1.example", *asking, "--save", "a/b/one.json")
    run("audit", "shop1.example", "shop2.example", *asking, "--save", "c/d")
    assert Path("a/b/one.json").is_file()
    assert {path.name for path in Path("c/d").iterdir()} == {"shop1.example.json", "shop2.example.json"}


def test_a_page_for_a_file_is_not_shown(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    headline = Headline(subject="shop.example", verdict="A", tone=Tone.GOOD)
    documents = [Document(headline=headline, sections=())]
    deliver(documents, {}, form=Format.HTML, title="t", output=tmp_path / "page.html")
    assert capsys.readouterr() == ("", f"written to {tmp_path}/page.html\n")


# settings


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[audit]\ntimeout = -1", "hygiene.toml"),
        ("[audit]\ntimeout = nan", "hygiene.toml"),
        ("[web]\nport = 65536", "web.port"),
        ("[audit]\nsmtp_port = 0", "audit.smtp_port"),
        ("audit = 3", "audit"),
    ],
)
def test_a_setting_out_of_range_is_refused(text: str, said: str) -> None:
    Path("hygiene.toml").write_text(text)
    done = run("audit", "shop1.example", HYGIENE_AUDIT_SMTP="true")
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)
    assert said.encode() in done.stderr


def test_settings_may_begin_with_a_mark_and_lists_may_hold_blanks(asking: tuple[str, ...]) -> None:
    Path("hygiene.toml").write_bytes(b'\xef\xbb\xbf[audit]\r\nselect = ["spf"]\r\n')
    words = ("audit", "shop1.example", *asking)
    done = run(*words, HYGIENE_AUDIT_IPS="", HYGIENE_AUDIT_SELECT="mx-missing, dmarc-missing")
    assert b"dmarc-missing" in done.stdout
    assert done.stderr == b""


def test_a_wrong_variable_is_blamed_on_the_environment() -> None:
    done = run("audit", "shop1.example", HYGIENE_AUDIT_TIMEOUT="soon")
    assert done.returncode == 2
    assert done.stderr.startswith(b"hygiene: HYGIENE_*: ")


# interruptions


def test_control_c_ends_at_once_and_silently() -> None:
    with DnsServer(Zone({}), drop_first=1_000_000) as dns:
        command = [*COMMAND, "audit", "shop.example", "--resolver", str(dns.address), "--timeout", "300"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            while not dns.questions:
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=HANGS_S / 3)  # long before the audit would give up
    assert (process.returncode, out, err) == (130, b"", b"")
