"""`hygiene suppress` as people call it: words in; text, files and exit codes out."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hygiene.cli.app import main
from hygiene.cli.suppress import GivenForm, GivenReason
from hygiene.contacts.suppression import Form, Reason

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def empty_workspace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.delenv("HYGIENE_SUPPRESSION_KEY", raising=False)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: object, given: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["hygiene", "suppress", *map(str, words)])
        monkeypatch.setattr("sys.stdin", io.StringIO(given))
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        return int(end.value.code or 0), captured.out, captured.err

    return call


def test_the_words_offered_are_the_words_known() -> None:
    assert {form.value for form in GivenForm} == {form.value for form in Form}
    assert {reason.value for reason in GivenReason} == {reason.value for reason in Reason} - {"erased"}


def test_adding_and_counting(run: Run) -> None:
    code, out, err = run("add", "ann@shop.example", "@b.example", "--reason", "complained")
    assert (code, out.split(), err) == (
        0,
        ["suppression", "list", "2", "added", "·", "0", "already", "listed"],
        "",
    )
    code, out, _ = run(
        "add", "-", "--format", "json", given="\ufeffAnn@shop.example\r\n# x\r\n\r\nbob@shop.example\r\n"
    )
    assert json.loads(out) == {"added": 1, "already_listed": 1, "erased": 0, "files": []}
    code, out, err = run("count")
    lines = [line.split() for line in out.splitlines() if line]
    assert lines == [
        ["suppression", "list", "3", "entries"],
        ["Entries"],
        ["reason", "address", "domain"],
        ["complained", "1", "1"],
        ["manual", "1", "0"],
    ]


def test_importing_names_the_lines_it_could_not_use(run: Run) -> None:
    Path("left.csv").write_text("email,why\nann@shop.example,x\nnobody,y\nbob@shop.example,z\n")
    code, out, err = run("import", "left.csv")
    assert (code, err) == (0, "")
    assert "2 added · 0 already listed" in out
    assert "left.csv: 1 line is no address, domain or hash (line 3)." in out
    assert "nobody" not in out
    code, out, _ = run("import", "left.csv", "--format", "json", "--reason", "unsubscribed")
    assert json.loads(out)["already_listed"] == 2
    assert json.loads(out)["files"][0]["first_unreadable_lines"] == [3]
    assert "unsubscribed" in run("export")[1]


def test_a_form_or_column_can_be_named(run: Run) -> None:
    Path("two.csv").write_text("a,b\nann@shop.example,bob@shop.example\n")
    code, out, err = run("import", "two.csv")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "'a', 'b'" in err
    assert run("import", "two.csv", "--column", "B")[0] == 0
    assert run("export")[1].splitlines()[1].startswith("bob@shop.example,imported,")
    assert run("import", "two.csv", "--form", "md5")[0] == 2


def test_an_export_goes_where_it_was_wanted_and_says_what_it_lacks(run: Run) -> None:
    run("add", "ann@shop.example", "@b.example")
    code, out, err = run("export", "--form", "sha256", "--output", "out.csv")
    assert (code, out) == (0, "")
    assert "written to out.csv" in err
    assert "left out, as they cannot be written as sha256: 1 domain" in err
    head, line = Path("out.csv").read_text().splitlines()
    assert head == "sha256,reason,since,source"
    assert line.endswith(",command line")
    data = json.loads(run("export", "--format", "json")[1])
    assert [entry["value"] for entry in data["entries"]] == ["ann@shop.example"]
    assert data["left_out"] == {"domain": 1}


def test_erasing_shows_nobody(run: Run) -> None:
    run("add", "ann@shop.example", "bob@shop.example")
    code, out, err = run("erase", "-", given="ann@shop.example\n")
    assert (code, err) == (0, "")
    assert "1 erased · 1 entry replaced by keyed hashes" in out
    assert "ann" not in out
    assert "ann" not in run("export")[1]
    _, out, err = run("export", "--form", "hmac")
    assert (out.count("hmac-sha256:"), err) == (2, "")
    code, out, err = run("erase", "bob@shop.example", "b@@ob")
    assert (code, out) == (2, "")
    assert err == "hygiene: number 2 of the addresses to erase is no address; nobody was erased\n"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["add", "nobody"], "'nobody' is no address, domain or hash; nothing was added"),
        (["add", "-"], "standard input held nothing"),
        (["import", "nothing.csv"], "nothing.csv cannot be read: No such file or directory"),
        (["count"], "there is no store hygiene.db here yet"),
        (["export"], "there is no store hygiene.db here yet"),
        (["count", "--config", "nothing.toml"], "nothing.toml cannot be read"),
    ],
)
def test_bad_input_is_one_line(run: Run, words: list[str], why: str) -> None:
    code, out, err = run(*words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert why in err


def test_a_key_that_is_gone_stops_everything(run: Run) -> None:
    run("erase", "ann@shop.example")
    Path("hygiene.key").unlink()
    for words in (["add", "bob@shop.example"], ["export"], ["erase", "bob@shop.example"]):
        code, out, err = run(*words)
        assert (code, out) == (2, "")
        assert "the key file hygiene.key is missing" in err


def test_the_workspace_can_stand_elsewhere(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYGIENE_WORKSPACE_STORE", "kept/here.db")
    monkeypatch.setenv("HYGIENE_WORKSPACE_KEY_FILE", "kept/here.key")
    assert run("add", "ann@shop.example")[0] == 0
    assert {path.name for path in Path("kept").iterdir()} == {"here.db", "here.key"}


def test_asking_for_help_loads_nothing_heavy() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "hygiene", "suppress", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {line.split("|")[-1].strip().split(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert not loaded & {"sqlalchemy", "pyarrow", "duckdb", "email_validator", "rich", "msgspec"}
