"""`hygiene lint-content` as a person meets it."""

import io
import json
from pathlib import Path

import pytest

from hygiene.cli.app import main
from hygiene.content.lint import judge
from hygiene.content.read import read_content
from hygiene.content.registry import all_rules
from hygiene.render.markdown import render_markdown
from hygiene.render.page import render_page
from hygiene.render.terminal import render_terminal
from tests.content.mails import LATER, MAILS

GOOD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Your plants</title></head><body>
<div style="display:none">Pick them up on Friday, or let us bring them to you.</div>
<p>Dear Ann, the plants that you looked at in autumn are here. We have kept three of each until Friday.</p>
<p><a href="https://www.shop.example/x" style="padding:14px;background:#1a5fb4;color:#fff">See them</a></p>
<p>Shop Ltd, 1 Garden Street, Springfield, IL 62701. <a href="https://www.shop.example/u">Unsubscribe</a></p>
</body></html>
"""
BAD = "<p style='color:#ffffff'>White words on white</p><a href='http://bit.ly/x'>www.shop.example</a>\n"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    def command(*words: str, stdin: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["hygiene", "lint-content", *words])
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as stopped:
            main()
        shown = capsys.readouterr()
        code = stopped.value.code
        return (0 if code is None else int(code)), shown.out, shown.err

    monkeypatch.setenv("COLUMNS", "80")
    return command


@pytest.fixture
def mail(tmp_path: Path) -> Path:
    path = tmp_path / "mail.html"
    path.write_text(GOOD, "utf-8")
    return path


def test_a_sound_mail_is_ready(run, mail) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = run(str(mail), "--subject", "Ann, your spring plants are ready", "--fail-on", "low")
    assert code == 0
    assert "ready" in out
    assert "What to mend" not in out


def test_text_fits_80_columns_and_begins_with_the_verdict(run) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = run("-", "--subject", "RE: LAST CHANCE!!!", stdin=BAD.encode())
    assert code == 1
    first, second, *rest = out.splitlines()
    assert first.startswith("standard input")
    assert "mend first" in out.partition("What to mend")[0]
    assert "First to mend: " in out.partition("What to mend")[0]
    pasted = {line for line in rest if line.startswith("<")}
    assert all(len(line) <= 80 for line in [first, second, *rest] if line not in pasted)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--fail-on", "never"), 0),
        (("--fail-on", "high"), 1),
        (("--select", "links", "--fail-on", "high"), 1),
        (("--select", "viewport-missing"), 0),
        (("--select", "viewport-missing", "--fail-on", "low"), 1),
        (("--ignore", "*"), 0),
        (("--select", "nonsense"), 2),
    ],
)
def test_exit_codes(run, words, code) -> None:  # type: ignore[no-untyped-def]
    assert run("-", *words, stdin=BAD.encode())[0] == code


def test_an_open_question_that_could_fail_it_is_3(run) -> None:  # type: ignore[no-untyped-def]
    html = b"<td style='background:url(a.png)'><p style='color:#fff'>On a picture</p>"
    words = ("-", "--select", "contrast-low", "--fail-on")
    assert run(*words, "medium", stdin=html)[0] == 3
    assert run(*words, "high", stdin=html)[0] == 0


def test_json(run, mail) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = run(str(mail), "-", "--format", "json", stdin=BAD.encode())
    assert code == 1
    good, bad = json.loads(out)["contents"]
    assert (good["name"], bad["name"]) == (str(mail), "standard input")
    assert good["not_judged"]["list-unsubscribe-missing"].startswith("there are no header fields")
    found = {finding["id"]: finding for finding in bad["findings"]}
    assert found["link-shortened"]["evidence"] == ['line 1: <a href="http://bit.ly/x">']
    assert found["link-shortened"]["severity"] == "high"
    assert found["postal-address-missing"]["confidence"] == "guess"


@pytest.mark.parametrize("form", ["markdown", "html"])
def test_hostile_content_stays_text(run, form) -> None:  # type: ignore[no-untyped-def]
    html = b"<p>Hi</p><a href='http://bit.ly/\"><script>alert(1)</script>'>x</a><img src='`**a|b`'>"
    _, out, _ = run("-", "--format", form, "--subject", "<script>alert(2)</script>!!", stdin=html)
    assert "<script>alert" not in out.replace("`", "\0") or form == "markdown"
    assert "link-shortened" in out


@pytest.mark.parametrize(
    ("words", "stdin", "said"),
    [
        ((), b"", "name a file or a subject"),
        (("nowhere.html",), b"", "cannot be read"),
        (("-",), b"", "standard input is empty"),
        (("-",), b"<p>a\0b", "NUL"),
        (("-",), b"<div>" * 9000, "nested too deeply"),
        (("-", "-", "--subject", "x"), b"<p>a", "--subject belongs to one file"),
        (("-", "--select", "link-brokn"), b"<p>a", "did you mean link-broken"),
    ],
)
def test_bad_use_is_one_sentence(run, words, stdin, said) -> None:  # type: ignore[no-untyped-def]
    code, out, err = run(*words, stdin=stdin)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_explain(monkeypatch, capsys) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("sys.argv", ["hygiene", "explain", "link-shortened"])
    with pytest.raises(SystemExit):
        main()
    out = capsys.readouterr().out
    assert "A link goes through a public shortener. Severity high, sure." in out
    assert "https://" in out


def test_a_file_without_end_is_one_sentence(run) -> None:  # type: ignore[no-untyped-def]
    if not Path("/dev/zero").exists():
        pytest.skip("no /dev/zero")
    code, _, err = run("/dev/zero")
    assert code == 2
    assert "too large for a mail: more than 40,000,000 bytes" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("name", all_rules())
def test_every_rule_is_explained(monkeypatch, capsys, name) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("sys.argv", ["hygiene", "explain", name])
    with pytest.raises(SystemExit) as stopped:
        main()
    out = capsys.readouterr().out
    assert stopped.value.code in (None, 0)
    assert out.startswith(f"{name}\n")
    assert "Rule: " in out
    assert "Fix: " in out


@pytest.mark.parametrize("name", ["encrypted.eml", "japanese.eml", "chinese.html", "program.eml", "wall.html"])
def test_every_output_holds_every_finding(name) -> None:  # type: ignore[no-untyped-def]
    mail = next(each for each in [*MAILS, *LATER] if each.name == name)
    found = judge(read_content(mail.raw, name=name))
    shown = [found.sections()]
    outputs = [render_terminal(shown[0], width=80, colour=False, verbose=True), render_markdown(shown)]
    outputs.append(render_page(shown, title=name))
    for each in found.findings:
        assert all(each.id in text for text in outputs)
    assert json.loads(json.dumps(found.to_dict()))["findings"] == [each.to_dict() for each in found.findings]
