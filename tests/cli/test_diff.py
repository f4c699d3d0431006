"""`hygiene diff` as people and scripts call it."""

import json

import pytest

from hygiene.cli.app import main

from ..contacts.cleaning_folders import reject, write_cleaning


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    write_cleaning(tmp_path / "old", ["ann@shop.example"], [reject("cy@shop.example", "inactive")])
    write_cleaning(tmp_path / "new", ["cy@shop.example", "ann@shop.example"])

    def call(*words):
        monkeypatch.setattr("sys.argv", ["hygiene", "diff", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        return int(end.value.code or 0), captured.out, captured.err

    return call


def test_the_verdict_first(run):
    code, out, err = run("old", "new")
    assert (code, err) == (0, "")
    assert out.startswith("old → new")
    assert "1 kept then + 1 entered − 0 left = 2 kept now" in out
    assert "cy@shop.example" in out


def test_a_change_fails_only_when_asked_to(run):
    assert run("old", "new", "--fail-on-change")[0] == 1
    assert run("old", "old", "--fail-on-change")[0] == 0


def test_everybody_goes_to_a_file(run, tmp_path):
    code, out, err = run("old", "new", "-o", "changes.csv", "--format", "json")
    assert (code, err) == (0, "1 changes written to changes.csv\n")
    assert json.loads(out)["entered"] == 1
    assert (tmp_path / "changes.csv").read_text() == "address,from,to\ncy@shop.example,inactive,kept\n"


@pytest.mark.parametrize("form", ["markdown", "html"])
def test_other_formats(run, form):
    code, out, _ = run("old", "new", "--format", form)
    assert code == 0
    assert "cy@shop.example" in out


@pytest.mark.parametrize(
    "words",
    [("old", "nowhere"), ("old", "new", "-o", "-"), ("old", "new", "-o", "new/clean.csv"), ("old", ".")],
)
def test_wrong_use_is_one_sentence(run, words):
    code, out, err = run(*words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("hygiene: ")
