"""`hygiene compare` as people call it: words in; text, files and exit codes out. Every refusal is one line."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

from hygiene.cli.app import main

SENT, DAY = 1_790_000_000, 86_400


def arm(name, number, clicked):
    """The events of an arm, of which the first are clicked, and one that lets all of them grow old."""
    for place in range(number):
        base = {"message_id": f"{name}-{place}", "recipient": f"{name}{place}@gmail.com", "campaign": "spring"}
        base |= {"variant": name, "timestamp": SENT + place}
        yield {**base, "event": "delivered"}
        if place < clicked:
            yield {**base, "event": "clicked", "timestamp": SENT + 90 + place, "url": "https://shop.example/"}
    yield {**base, "event": "opened", "timestamp": SENT + 9 * DAY, "user_agent": "Mozilla/5.0 (X11)"}


def write(name, *arms):
    lines = (json.dumps(line) for events in arms for line in events)
    Path(name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


@pytest.fixture(autouse=True)
def empty_workspace(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("FORCE_COLOR", raising=False)


@pytest.fixture
def run(monkeypatch, capsys):
    def call(*words):
        monkeypatch.setattr("sys.argv", ["hygiene", "compare", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.mark.parametrize(
    ("numbers", "code", "said"),
    [
        ((1_500, 45, 1_500, 120), 0, "b better"),
        ((1_500, 45, 1_500, 50), 3, "keep running"),
        ((1_500, 45, 1_200, 120), 1, "split broken"),
    ],
)
def test_the_exit_code_is_the_verdict(run, numbers, code, said):
    write("log.jsonl", arm("a", *numbers[:2]), arm("b", *numbers[2:]))
    ended, out, err = run("log.jsonl", "--campaign", "spring")
    assert (ended, err) == (code, "")
    assert out.splitlines()[0] == f"spring{said:>74}"
    assert max(map(len, out.splitlines())) <= 80


def test_every_format(run):
    write("log.jsonl", arm("a", 900, 30), arm("b", 900, 100))
    for form, start in (("json", "{"), ("markdown", "## log.jsonl"), ("html", "<!"), ("csv", "variant,mails,")):
        code, out, err = run("log.jsonl", "--format", form)
        assert (code, err) == (0, "")
        assert out.startswith(start)
    assert json.loads(run("log.jsonl", "--format", "json")[1])["winner"] == "b"
    code, out, err = run("log.jsonl", "--format", "html", "-o", "test.html")
    assert (code, out, err) == (0, "", "written to test.html\n")
    assert "b is better" in Path("test.html").read_text("utf-8")


def test_no_spreadsheet_takes_a_name_for_a_formula(run):
    write("log.jsonl", arm("=1+1", 50, 5), arm("b", 50, 5))
    rows = list(csv.DictReader(io.StringIO(run("log.jsonl", "--format", "csv")[1])))
    assert [row["variant"] for row in rows] == ["'=1+1", "b"]
    assert [row["numerator"] for row in rows] == ["5", "5"]


def test_a_plan_needs_no_log(run):
    code, out, err = run("--plan", "--baseline", "3%", "--effect", "0.5%")
    assert (code, err) == (0, "")
    assert "19,743" in out
    assert max(map(len, out.splitlines())) <= 80
    planned = json.loads(run("--plan", "--baseline", "20%", "--effect", "2%", "--format", "json")[1])
    assert planned["once"] == 6_510
    assert run("--plan", "--baseline", "20%", "--effect", "2%", "--format", "csv")[1].startswith(
        "test,mails_per_arm"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name an event log"),
        (("nowhere.jsonl",), "nowhere.jsonl"),
        (("log.jsonl", "--campaign", "winter"), "no mail of the log is of a campaign 'winter'"),
        (("log.jsonl", "--variant-column", "colour"), "no mail tells its colour: name the column, key or tag"),
        (
            ("log.jsonl", "--variant-column", "segment"),
            "no mail tells its segment: name the column, key or tag",
        ),
        (("log.jsonl", "--split", "50/50"), "--split '50/50' is no split"),
        (("log.jsonl", "--effect", "much"), "--effect 'much' is no share"),
        (("log.jsonl", "--equivalent-within", "120%"), "--equivalent-within '120%' is no share"),
        (("log.jsonl", "--arms", "a"), "name two arms or more"),
        (("log.jsonl", "--baseline", "3%"), "--baseline is for a plan"),
        (("log.jsonl", "--attribution", "luck"), "'luck' is no attribution"),
        (("log.jsonl", "--timezone", "Mars"), "'Mars' is no time zone"),
        (("log.jsonl", "--now", "today"), "--now 'today' is no date"),
        (("log.jsonl", "--plan"), "--plan needs no log"),
        (("--plan",), "a plan needs both"),
        (("--plan", "--baseline", "3%", "--effect", "98%"), "a test is planned for a rate and a rise"),
        (("--plan", "--baseline", "3%", "--effect", "1%", "--power", "5%"), "the power of a test lies between"),
        (("--plan", "--baseline", "3%", "--effect", "1%", "--variants", "1"), "a test has 2 to 10 variants"),
        (("--plan", "--metric", "revenue_per_mail"), "revenue is not planned"),
    ],
)
def test_what_cannot_be_is_one_sentence(run, words, said):
    write("log.jsonl", arm("a", 20, 2), arm("b", 20, 2))
    code, out, err = run(*words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert re.match(f"hygiene: .*{re.escape(said)}", err)


@pytest.mark.parametrize("words", [("--metric", "hearts"), ("--test", "t"), ("--format", "pdf")])
def test_what_is_not_on_a_list_is_refused_with_the_list(run, words):
    code, out, err = run("log.jsonl", *words)
    assert (code, out) == (2, "")
    assert words[1] in err
