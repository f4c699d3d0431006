"""`hygiene why` as people and scripts call it."""

import json

import pytest

from hygiene.cli.app import main

from ..contacts.cleaning_folders import reject, write_cleaning


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def call(*words):
        monkeypatch.setattr("sys.argv", ["hygiene", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        return int(end.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture
def shop(tmp_path):
    return write_cleaning(
        tmp_path / "shop", ["ann@shop.example"], [reject("cy@shop.example", "unsubscribed", 9)]
    )


@pytest.mark.parametrize(
    ("address", "code", "said"),
    [
        ("Ann@shop.example", 0, "mailed"),
        ("cy@shop.example", 1, "not mailed · unsubscribed"),
        ("no@shop.example", 1, "not in this cleaning"),
    ],
)
def test_the_exit_code_says_whether_to_send(run, shop, address, code, said):
    done, out, err = run("why", address, "--in", shop)
    assert (done, err) == (code, "")
    assert said in out.splitlines()[0]


def test_json_markdown_and_html(run, shop):
    code, out, _ = run("why", "cy@shop.example", "--in", shop, "--format", "json")
    assert (code, json.loads(out)["rows"][0]["line"]) == (1, 9)
    assert "list.csv:9" in run("why", "cy@shop.example", "--in", shop, "--format", "markdown")[1]
    code, out, err = run("why", "ann@shop.example", "--in", shop, "--format", "html", "-o", "page.html")
    assert (code, out, err) == (0, "", "written to page.html\n")


@pytest.mark.parametrize("words", [("why", "a@b.com", "--in", "nowhere"), ("why", " ", "--in", ".")])
def test_wrong_use_is_one_sentence(run, words):
    code, out, err = run(*words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("hygiene: ")


def test_words_that_are_missing(run):
    assert run("why", "a@b.com")[0] == 2
    assert run("why", "--in", ".")[0] == 2


def test_an_address_with_a_minus_and_control_characters(run, tmp_path):
    folder = write_cleaning(tmp_path / "x", [], [reject("-x@shop.example", "bounced", detail="a\x1b[31mb")])
    code, out, _ = run("why", "--in", folder, "--", "-x@shop.example")
    assert code == 1
    assert "\x1b" not in out


def test_the_help_tells_the_exit_codes(run):
    code, out, _ = run("why", "--help")
    assert code == 0
    assert "Exits 0 when the address would be mailed, 1" in " ".join(out.split())
