"""What the README shows is what the program does."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from hygiene.audit.run import audit_domains
from hygiene.cli.app import app
from hygiene.config import CleaningPolicy, load_settings
from hygiene.contacts.clean import clean_contacts
from hygiene.demo.lists import AS_OF, write_list
from hygiene.demo.mailing import write_mailing
from hygiene.demo.sample import playground, sample_zone
from hygiene.demo.spring_sale import write_campaign
from hygiene.metrics.benchmarks import load_profile
from hygiene.metrics.measure import measure
from hygiene.render.terminal import render_terminal
from hygiene.sending.campaign import load_campaign
from hygiene.sending.preflight.preflight import preflight_campaign
from tests.sending.campaign_files import a_settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def block_with(language: str, text: str) -> str:
    (found,) = [block for block in blocks(language) if text in block]
    return found


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_shown_and_has_help(name: str) -> None:
    assert f"## `hygiene {name}`" in README
    assert COMMANDS[name].help
    assert all(option.help for option in COMMANDS[name].params)


def options(command: Any) -> set[str]:
    """Every option of a command and of the commands below it."""
    own = {word for option in command.params for word in [*option.opts, *option.secondary_opts]}
    return own.union(*(options(each) for each in getattr(command, "commands", {}).values()))


def test_every_option_shown_exists() -> None:
    known = set().union(*map(options, COMMANDS.values()))
    shown = {word for block in blocks("console") for word in re.findall(r"(?<=\s)--?[a-z][a-z-]*", block)}
    assert shown - known <= {"--help"}


def test_every_command_line_shown_can_be_read() -> None:
    lines = [line.removeprefix("$ ") for block in blocks("console") for line in block.splitlines()]
    shown = [line for line in lines if line.startswith("hygiene ")]
    assert len(shown) > 5
    for line in shown:
        words = shlex.split(line, comments=True)
        words = words[: words.index("<")] if "<" in words else words
        command, rest = COMMANDS[words[1]], words[2:]
        if hasattr(command, "commands"):
            named = rest[0] in command.commands  # hygiene send CAMPAIGN leaves the name out
            command, rest = command.commands[rest[0] if named else "campaign"], rest[named:]
        command.make_context(words[1], rest)


def test_the_audit_shown_is_the_audit_made() -> None:
    shown = block_with("console", "$ hygiene audit outfitters.example").splitlines()[1:]
    with playground() as play:
        (audit,) = audit_domains(["outfitters.example"], resolver=play.resolver, fetcher=play.fetcher)
    made = render_terminal(audit.sections(), width=100, colour=False).splitlines()
    assert shown[-1] == "…"
    assert shown[:-1] == made[: len(shown) - 1]


def test_the_demo_shown_is_the_demo_played(played) -> None:
    shown = block_with("console", "$ hygiene demo").splitlines()[1:-1]
    assert played.out.splitlines()[: len(shown)] == shown


def test_the_explanation_shown_is_the_one_given(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from hygiene.cli.explain import explain

    monkeypatch.setenv("COLUMNS", "100")
    explain("spf-too-many-lookups")
    assert block_with("console", "$ hygiene explain").splitlines()[1:] == capsys.readouterr().out.splitlines()


def test_the_python_shown_runs() -> None:
    import hygiene

    names: dict[str, object] = {"hygiene": hygiene}
    code = block_with("python", "hygiene.Zone(")
    exec(compile(code, "README.md", "exec"), names)
    verdict = hygiene.check_host(
        ip="192.0.2.7",
        helo="mx.shop.example",
        mail_from="ann@shop.example",
        resolver=names["zone"],  # type: ignore[arg-type]
    )
    assert repr(verdict).startswith(code.splitlines()[-1].removeprefix("# ").partition(", …")[0])


def test_the_bounce_shown_is_read_as_shown() -> None:
    import hygiene

    names: dict[str, object] = {"hygiene": hygiene}
    code = block_with("python", "classify_bounce(raw)")
    exec(compile(code, "README.md", "exec"), names)
    bounce: Any = names["bounce"]
    said = f"{bounce.recipient}, {bounce.reason}, {bounce.blame}, {bounce.hard}, {bounce.action}"
    assert f"# {said}:" in code
    assert hygiene.classify_reply(550, "5.1.1", "user unknown", phase="rcpt").action == "suppress"
    assert hygiene.classify_reply(550, "5.1.1", "user unknown", phase="auth").action == "stop"


def test_the_cleaning_shown_is_the_cleaning_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown = block_with("console", "$ hygiene clean outfitters-klaviyo.csv").splitlines()[1:]
    export, listed = write_list(tmp_path)
    policy = CleaningPolicy(inactive_after="1y")
    cleaned = clean_contacts(export, policy, output="reports/clean", suppress=[listed], now=AS_OF)
    made = render_terminal(cleaned.sections(), width=100, colour=False).splitlines()
    assert shown[-1] == "…"
    assert shown[:-1] == made[: len(shown) - 1]


def test_the_measuring_shown_is_the_measuring_made(tmp_path: Path) -> None:
    shown = block_with("console", "$ hygiene measure outfitters-events.jsonl").splitlines()[1:]
    log, orders = write_mailing(tmp_path)
    kpis = measure(log, by="campaign", orders=orders)
    made = render_terminal(kpis.sections(), width=100, colour=False).splitlines()
    assert shown[-1] == "…"
    assert shown[:-1] == made[: len(shown) - 1]


def test_the_preflight_shown_is_the_preflight_made(tmp_path: Path) -> None:
    shown = block_with("console", "$ hygiene preflight spring-sale.toml").splitlines()[1:]
    export, listed = write_list(tmp_path)
    policy = CleaningPolicy(inactive_after="1y")
    clean_contacts(export, policy, output=tmp_path / "cleaned", suppress=[listed], now=AS_OF)
    settings = a_settings(workspace={"store": str(tmp_path / "hygiene.db")})
    campaign = write_campaign(tmp_path)
    found = preflight_campaign(
        campaign, tmp_path / "cleaned", settings=settings, resolver=sample_zone(), login=False
    )
    made = render_terminal(found.sections(), width=100, colour=False).splitlines()
    assert shown[-1] == "…"
    assert shown[:-1] == made[: len(shown) - 1]


def test_the_campaign_shown_is_a_campaign(tmp_path: Path) -> None:
    write_campaign(tmp_path)
    (tmp_path / "shown.toml").write_text(block_with("toml", "[variants.a]"), encoding="utf-8")
    definition = load_campaign(tmp_path / "shown.toml", a_settings()).define()
    assert [version.name for version in definition.versions] == ["a", "b"]


def test_the_thresholds_shown_are_thresholds(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text(block_with("toml", "[[target]]"), encoding="utf-8")
    assert [target.limit for target in load_profile(tmp_path / "ours.toml").target] == ["< 0.05 %", "18–40 %"]


def test_the_settings_shown_are_settings(tmp_path: Path) -> None:
    (tmp_path / "hygiene.toml").write_text(block_with("toml", "[audit]"), encoding="utf-8")
    settings = load_settings(tmp_path / "hygiene.toml", environ={})
    assert settings.audit.resolvers == ("127.0.0.1:5353",)
    assert settings.web.port == 8443
    assert settings.clean.status_words == {"Paused": "unsubscribed"}
    assert settings.measure.by == ("campaign",)


def test_public_names_are_there() -> None:
    import hygiene

    assert all(getattr(hygiene, name) is not None for name in hygiene.__all__)
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = hygiene.nothing_like_it
