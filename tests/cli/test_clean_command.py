"""`hygiene clean` as people call it: words in; text, files and exit codes out. Every refusal is one line."""

import fcntl
import gzip
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from hygiene.cli.app import main

PLAIN = b"Email,Name\nann@example.com,Ann\nbob@example.com,Bob\n"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
XLS = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
WRITTEN = {
    *("clean.csv", "winback.csv", "rejected.csv", "flagged.csv", "suppressions.csv"),
    *("summary.json", "report.html", "manifest.json"),
}
COMMAND = [sys.executable, "-m", "hygiene", "clean"]


@pytest.fixture(autouse=True)
def empty_workspace(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.delenv("HYGIENE_SUPPRESSION_KEY", raising=False)
    Path("list.csv").write_bytes(PLAIN)


@pytest.fixture
def run(monkeypatch, capsys):
    def call(*words, command="clean"):
        monkeypatch.setattr("sys.argv", ["hygiene", command, *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def refused(run):
    """The one line with which words are refused; nothing is written, nothing is left behind."""

    def call(*words):
        before = everything()
        code, out, err = run(*words)
        assert (code, out, err.count("\n")) == (2, "", 1), (out, err)
        assert everything() == before
        return err.removeprefix("hygiene: ").rstrip("\n")

    return call


def everything():
    return {str(path): path.lstat().st_size for path in Path().rglob("*")}


# --- what is no list ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty: it has 0 bytes"),
        (b"\n\r\n  \n", "is empty: it holds nothing but blank lines"),
        (b"Email,Name\n", "has a header and no rows"),
        (b"\xef\xbb\xbfEmail,Name", "has a header and no rows"),
        (b"Name,City\nAnn,Rome\n", "has no column of e-mail addresses; it has 'Name', 'City'"),
        (b"A,B\na@example.com,b@example.com\n", "say which, as in --column 'address=A'"),
        (b"Email,Email\na@example.com,b@example.com\n", "say which, as in --column 'address=#1'"),
        (b"Email,Status,Consent\na@example.com,on,yes\n", "say which, as in --column 'status=Status'"),
        (
            b"Email\na@example.com," + b"x" * (17 << 20) + b"\n",
            "has a line longer than 16 MiB, so it is no list",
        ),
        (
            gzip.compress(b"Email\n" + b"a@example.com\n" * (6 << 20), mtime=0),
            "it grows more than 200 times in size",
        ),
        (PNG, "cannot be read: it is an image (PNG)"),
        (XLS, "it is an old or password-protected Office file: save it as .xlsx or .csv"),
        (b"%PDF-1.4\n", "it is a PDF document"),
        (bytes(range(256)) * 9, "it is not text"),
    ],
    ids=lambda value: repr(value[:40]),
)
def test_what_is_no_list_is_refused(data, why, refused):
    Path("bad.csv").write_bytes(data)
    said = refused("bad.csv", "-o", "deep/er/out")
    assert said.startswith("bad.csv")
    assert why in said


def test_archives_that_are_traps(refused):
    with zipfile.ZipFile("bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b"Email\n" + b"a@example.com\n" * (6 << 20))
    assert "bomb.zip/a.csv is not unpacked: it grows more than 200 times" in refused("bomb.zip", "-o", "out")
    with zipfile.ZipFile("locked.zip", "w") as archive:
        archive.writestr("a.csv", PLAIN)
    data = bytearray(Path("locked.zip").read_bytes())
    data[6] |= 1  # encrypted, APPNOTE.TXT 4.4.4
    data[data.index(b"PK\x01\x02") + 8] |= 1
    Path("locked.zip").write_bytes(data)
    assert "protected by a password" in refused("locked.zip", "-o", "out")


def test_a_line_of_four_gigabytes(refused):
    with Path("endless.csv").open("wb") as file:
        file.write(PLAIN * 2_000)  # beyond what is looked at first
        file.truncate(4 << 30)
    said = refused("endless.csv", "-o", "out")
    assert "endless.csv cannot be read: it has a line longer than 16 MiB" in said


def test_what_is_no_file(refused):
    Path("folder").mkdir()
    assert refused("folder", "-o", "out") == "folder cannot be read: it is a folder; name the files in it"
    assert refused("gone.csv", "-o", "out") == "gone.csv cannot be read: No such file or directory"
    assert refused("a\nb.csv", "-o", "out") == r"a\nb.csv cannot be read: No such file or directory"
    assert refused("list.csv", "./list.csv", "-o", "out").startswith("list.csv was given twice")
    assert refused("list.csv", "--suppress", "gone.txt").startswith("gone.txt cannot be read")
    assert refused("list.csv", "--events", "list.csv").startswith("list.csv is no event log known here")


# --- words that cannot be -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--inactive-after", "soon"], "'soon' is no period: write 180d, 26w, 6mo or 1y"),
        (["--inactive-after", "0d"], "'0d' is no period"),
        (["--max-removed", "140%"], "--max-removed '140%' is no share: write 40% or 0.4"),
        (["--max-removed", "nan"], "is no share"),
        (["--as-of", "2026-02-30"], "--as-of '2026-02-30' is no date: write it as in 2026-11-22"),
        (["--column", "Email"], "--column 'Email' cannot be read: write it as in --column address=Email"),
        (["--column", "address="], "cannot be read: write it as in"),
        (["--column", "mail=Email"], "a column can be named for address, status, activity, joined, confirmed"),
        (["--column", "address=Mail"], "that column is not there; the file has #1 'Email', #2 'Name'"),
        (["--column", "address=Email", "--column", "address=Name"], "--column 'address' was given twice"),
        (["--layout", "mailkimp"], "no layout is called 'mailkimp'; there are activecampaign, beehiiv"),
        (["--segment", "vip"], "--segment 'vip' cannot be read"),
        (["--segment", "a: 1=1", "--segment", "a: 2=2"], "--segment 'a' was given twice"),
        (["--segment", "Clean: 1=1"], "a segment cannot be called 'Clean': another file has that name"),
        (["--segment", "../x: 1=1"], "a segment cannot be called '../x'"),
        (["--segment", "a: name='Ann'", "--segment", "A: name='Bob'"], "two segments are called 'A'"),
        (["--segment", "vip: naem = 'Ann'"], "there is no column 'naem'; did you mean \"Name\"?"),
        (["--check-mx", "--resolver", "no server"], "'no server' is not a DNS server"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_words_that_cannot_be(words, why, refused):
    assert why in refused("list.csv", "-o", "out", *words)


@pytest.mark.parametrize(
    "words", [["--threads", "0"], ["--threads", "100000"], ["--role", "x"], ["--engine", "x"], []]
)
def test_words_that_no_option_takes(words, run):
    code, out, err = run(*(["list.csv", *words] if words else []))
    assert (code, out) == (2, "")
    assert err.startswith("Usage: ")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[clean", "hygiene.toml is not TOML"),
        ("[clean]\nnope = 1", "unknown field `nope`"),
        ("[clean]\ninactive_after = 'soon'", "'soon' is no period"),
        ("[clean]\nmax_removed = 2", "$.clean.max_removed"),
        ("[clean]\nkeep = 'best'", "$.clean.keep"),
        ("[clean.status_words]\nPaused = 'sleeping'", "'Paused' cannot mean 'sleeping'; there are "),
        ("[clean.columns]\naddress = 'Mail'", "that column is not there"),
        ("[clean.segments]\nclean = '1=1'", "another file has that name"),
    ],
)
def test_settings_that_cannot_be(text, why, refused):
    Path("hygiene.toml").write_text(text)
    assert why in refused("list.csv", "-o", "out")


# --- places that cannot be written ----------------------------------------------------------------


def test_outputs_that_are_in_the_way(refused):
    Path("file").write_text("x")
    assert refused("list.csv", "-o", "file") == (
        "file cannot be written: it is a file, and a cleaning writes a folder"
    )
    assert refused("list.csv", "-o", "file/out") == "file/out cannot be written: Not a directory"
    Path("nowhere").symlink_to("gone")
    assert refused("list.csv", "-o", "nowhere") == "nowhere cannot be written: File exists"
    assert refused("list.csv", "-o", "x" * 300).endswith("cannot be written: File name too long")
    Path("taken/clean.csv").mkdir(parents=True)
    assert refused("list.csv", "-o", "taken").endswith("taken/clean.csv cannot be written: it is a folder")


def test_nothing_that_is_read_is_overwritten(refused):
    Path("in").mkdir()
    for name in ("clean.csv", "vip.csv", "suppressions.csv"):
        shutil.copy("list.csv", f"in/{name}")
    Path("link.csv").symlink_to("in/clean.csv")
    own = "would be overwritten by the new {}: choose another --output"
    assert refused("in/clean.csv", "-o", "in").endswith(own.format("clean.csv"))
    assert refused("link.csv", "-o", "in").endswith(own.format("clean.csv"))
    vip = ["--segment", "vip: name = 'Ann'"]
    assert refused("in/vip.csv", "-o", "in", *vip).endswith(own.format("vip.csv"))
    lists = ["--suppress", "in/suppressions.csv"]
    assert refused("list.csv", "-o", "in", *lists).endswith(own.format("suppressions.csv"))


@pytest.mark.parametrize("limit", [1_000, 40_000])
def test_a_disk_without_room(limit, tmp_path):
    rows = "".join(f"user{i}@shop{i % 500}.example.com,Name number {i} of many\n" for i in range(30_000))
    Path("long.csv").write_text("Email,Name\n" + rows)
    done = subprocess.run(
        [*COMMAND, "long.csv", "-o", "out"],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert done.stderr.startswith("hygiene: out cannot be written: ")
    assert "File too large" in done.stderr
    assert not Path("out").exists()


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root, to become another user"
)
def test_a_folder_of_somebody_else(tmp_path):
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    Path("theirs").mkdir(mode=0o755)
    Path("secret.csv").write_bytes(PLAIN)
    Path("secret.csv").chmod(0)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *COMMAND]
    for words, why in (
        (["list.csv", "-o", "theirs/new"], "theirs/new cannot be written: Permission denied"),
        (
            ["secret.csv", "--dry-run", "-o", "/tmp/hygiene-nobody"],
            "secret.csv cannot be read: Permission denied",
        ),
    ):
        done = subprocess.run([*nobody, *words], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (2, f"hygiene: {why}\n")
    assert not list(Path("theirs").iterdir())


def test_two_cleanings_into_one_folder():
    Path("out").mkdir()
    folder = os.open("out", os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    done = subprocess.run([*COMMAND, "list.csv", "-o", "out"], capture_output=True, text=True, check=False)
    why = "out cannot be written: another cleaning is at work there"
    assert (done.returncode, done.stderr) == (2, f"hygiene: {why}\n")
    os.close(folder)
    assert subprocess.run([*COMMAND, "list.csv", "-o", "out"], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("marker", "sent", "code"),
    [("input-", signal.SIGINT, 130), ("spans-", signal.SIGINT, 130), ("spans-", signal.SIGTERM, 143)],
)
def test_being_stopped_leaves_nothing(marker, sent, code):
    rows = "".join(f"user{i}@shop{i % 500}.example.com,Name,{i}\n" for i in range(300_000))
    Path("long.csv").write_text("Email,Name,Id\n" + rows)
    running = subprocess.Popen([*COMMAND, "long.csv", "-o", "out"], stderr=subprocess.PIPE, text=True)
    while running.poll() is None and not list(Path().glob(f"out/.cleaning-*/{marker}*")):
        time.sleep(0.01)
    time.sleep(0.1)
    running.send_signal(sent)
    _, err = running.communicate()
    assert (running.returncode, err) == (code, "")
    assert not Path("out").exists()


# --- what works -----------------------------------------------------------------------------------


def test_a_list_is_cleaned_and_said(run):
    code, out, err = run("list.csv", "-o", "out", "--segment", "ann: name = 'Ann'", "--as-of", "2026-11-22")
    assert (code, err) == (0, "written to out\n")
    assert "list.csv" in out
    assert {path.name for path in Path("out").iterdir()} == WRITTEN | {"ann.csv"}
    assert Path("out/clean.csv").read_bytes() == PLAIN
    code, out, err = run("list.csv", "-o", "out", "--format", "json", "--as-of", "2026-11-22")
    assert (code, json.loads(out)["kept"]) == (0, 2)
    assert {path.name for path in Path("out").iterdir()} == WRITTEN  # the segment is no longer asked for
    manifest = json.loads(Path("out/manifest.json").read_text())
    assert manifest["as_of"].startswith("2026-11-22")
    assert set(manifest["outputs"]) == WRITTEN - {"manifest.json"}


def test_a_dry_run_writes_nothing(run):
    before = everything()
    code, out, err = run("list.csv", "-o", "out", "--dry-run", "--format", "json")
    assert (code, json.loads(out)["rows"], err) == (0, 2, "")
    assert everything() == before


OLD = "Email,Joined,Last Active\n" + "".join(f"p{i}@example.com,2020-01-01,2020-02-01\n" for i in range(3))
ROLES = ["--column", "activity=Last Active", "--column", "joined=Joined", "--inactive-after", "1y"]


def test_too_many_removed_stops_with_what_would_go(run):
    Path("old.csv").write_text(OLD + "new@example.com,2020-01-01,2026-11-01\n")
    before = everything()
    words = ["old.csv", "-o", "out", "--as-of", "2026-11-22", "--format", "json", *ROLES]
    code, out, err = run(*words)
    assert (code, err.count("\n")) == (1, 1)
    assert "75.0% of the 4 people who could be mailed, more than --max-removed 40%: nothing was written" in err
    assert json.loads(out)["life"]["inactive"] == 3
    assert everything() == before
    code, out, err = run(*words, "--max-removed", "100%")
    assert (code, json.loads(out)["kept"], err) == (0, 1, "written to out\n")
    assert Path("out/winback.csv").read_text() == OLD


def test_settings_hold_and_what_is_typed_wins(run):
    Path("hygiene.toml").write_text("[clean]\nrole = 'drop'\n[clean.status_words]\nja = 'subscribed'\n")
    Path("roles.csv").write_text("Email,Status\ninfo@example.com,Ja\nann@example.com,JA\nbob@example.com,nix\n")
    code, out, _ = run("roles.csv", "-o", "out", "--format", "json")
    assert (code, json.loads(out)["reasons"]) == (0, {"unreadable-status": 1, "role": 1})
    code, out, _ = run("roles.csv", "-o", "out", "--format", "json", "--role", "keep")
    assert json.loads(out)["reasons"] == {"unreadable-status": 1}


def test_the_workspaces_own_list_is_obeyed_even_after_erasure(run):
    words = ["list.csv", "-o", "out", "--format", "json"]
    assert json.loads(run(*words)[1])["kept"] == 2
    assert run("add", "ANN@example.com", command="suppress")[0] == 0
    assert json.loads(run(*words)[1])["reasons"] == {"suppressed": 1}
    assert Path("out/clean.csv").read_bytes() == b"Email,Name\nbob@example.com,Bob\n"
    assert "ann@example.com" in Path("out/suppressions.csv").read_text()
    assert run("erase", "ann@example.com", command="suppress")[0] == 0
    assert json.loads(run(*words)[1])["reasons"] == {"suppressed": 1}


def test_a_resolver_that_is_silent_removes_nobody(run):
    code, out, _ = run(
        *("list.csv", "-o", "out", "--check-mx", "--resolver", "127.0.0.1:1", "--format", "json"),
    )
    found = json.loads(out)
    assert (code, found["kept"], found["flags"]) == (0, 2, {"domain-unknown": 2})
