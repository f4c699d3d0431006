"""`hygiene send` as a person meets it: exit codes, one line for what is wrong, nothing lost."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hygiene.cli.app import main
from hygiene.demo.smtp_sink import SmtpSink
from hygiene.store import open_store
from hygiene.tables import OUTBOX
from tests.ports import free_port
from tests.sending.campaign_files import a_row, clean_list, write_campaign
from tests.sending.test_send import HTML, TOML

SETTINGS = """
[workspace]
store = "{folder}/hygiene.db"
key_file = "{folder}/hygiene.key"
[accounts.main]
host = "127.0.0.1"
port = {port}
tls = "none"
return_path = "bakery.example"
patience_s = 0.3
connections = 2
{more}
[streams.marketing]
account = "main"
sender = "The Bakery <news@bakery.example>"
unsubscribe = "https://mail.bakery.example/u"
postal_address = "Bakery Ltd, 1 Garden Street, Springfield, IL 62701, USA"
"""


@pytest.fixture(scope="module")
def cleaned(tmp_path_factory):
    return clean_list(tmp_path_factory.mktemp("list"), [a_row(number) for number in range(4)])


@pytest.fixture
def place(tmp_path):
    """A workspace whose relay is at `port`; more may be said of the account."""

    def settle(port, more=""):
        (tmp_path / "hygiene.toml").write_text(SETTINGS.format(folder=tmp_path, port=port, more=more))
        return write_campaign(tmp_path, TOML, spring_html=HTML)

    settle.folder = tmp_path
    return settle


@pytest.fixture
def run(monkeypatch, capsys, place):
    def command(*words):
        config = place.folder / "hygiene.toml"
        monkeypatch.setattr("sys.argv", ["hygiene", "send", *map(str, words), "--config", str(config)])
        with pytest.raises(SystemExit) as stopped:
            main()
        shown = capsys.readouterr()
        assert "Traceback" not in shown.err
        return int(stopped.value.code or 0), shown.out, shown.err

    monkeypatch.setenv("COLUMNS", "80")
    return command


def states(run, name="spring"):
    """The mails of a campaign by state, those that there are."""
    _, out, _ = run("status", name, "--format", "json")
    (found,) = json.loads(out)["campaigns"]
    return {state: count for state, count in found["states"].items() if count}


@pytest.fixture
def closed_port():
    return free_port()


class Relay:
    """A relay that goes wrong in one way: what it says to a verb, None to hang up, "" to say nothing."""

    def __init__(self, **says):
        self.says, self.dots = says, 0

    def __enter__(self):
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(asyncio.start_server(self.serve, "127.0.0.1", 0))
        self.port = self.server.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.server.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    async def serve(self, reader, writer):
        usual = {
            "hello": "220 here",
            "EHLO": "250-here\r\n250 AUTH PLAIN",
            "DATA": "354 go on",
            "QUIT": "221 bye",
        }
        said = usual | {"AUTH": "235 in"} | self.says
        verb = "hello"
        try:
            while (word := said.get(verb, "250 2.0.0 ok")) is not None:
                if word:
                    writer.write(f"{word}\r\n".encode())
                    await writer.drain()
                if verb == "DATA":
                    await reader.readuntil(b"\r\n.\r\n")
                    verb, self.dots = "dot", self.dots + 1
                    continue
                verb = (await reader.readline()).decode().split()[0].upper()
        except (asyncio.IncompleteReadError, IndexError, ConnectionError):
            pass
        finally:
            writer.close()


def test_a_campaign_is_sent_and_told_of(run, place, cleaned):
    taken = []
    with SmtpSink(taken.append) as sink:
        code, out, _ = run(place(sink.port), "--to", cleaned, "--no-dns")
        again = run(place.folder / "campaign.toml", "--to", cleaned, "--no-dns")
    assert (code, len(taken)) == (0, 4)
    assert "finished" in out
    assert states(run) == {"sent": 4}
    assert again[0] == 2
    assert "is finished" in again[2].splitlines()[-1]
    assert run("doubts")[0] == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["status", "nosuch"], "no campaign nosuch"),
        (["pause", "nosuch"], "no campaign nosuch"),
        (["resume", "nosuch"], "no campaign nosuch"),
        (["cancel", "nosuch"], "no campaign nosuch"),
        (["doubts", "--campaign", "nosuch"], "no campaign nosuch"),
        (["nosuch.toml", "--to", "nowhere"], "nosuch.toml"),
    ],
)
def test_what_is_not_there(run, place, words, says):
    place(9)
    open_store(str(place.folder / "hygiene.db"), key=place.folder / "hygiene.key").close()
    code, _, err = run(*words)
    assert code == 2
    assert says in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("word", ["status", "doubts", "pause", "resume", "cancel"])
def test_no_store_yet(run, place, word):
    place(9)
    code, _, err = run(word, *(["spring"] if word in ("pause", "resume", "cancel") else []))
    assert (code, len(err.splitlines())) == (2, 1)
    assert "no store" in err
    assert not (place.folder / "hygiene.db").exists()


def test_a_store_that_is_none(run, place):
    place(9)
    (place.folder / "hygiene.db").write_bytes(b"no database at all" * 100)
    code, _, err = run("status")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "cannot be used" in err


def test_settings_that_lack_the_account(run, place, cleaned):
    campaign = place(9)
    settings = place.folder / "hygiene.toml"
    settings.write_text(settings.read_text().replace("accounts.main", "accounts.other"))
    code, _, err = run(campaign, "--to", cleaned, "--no-dns")
    assert code == 2
    assert "account 'main', which the settings lack" in err


@pytest.mark.parametrize("to", ["raw", "missing"])
def test_a_list_that_no_cleaning_vouches_for(run, place, cleaned, to):
    lists = {"raw": cleaned.parent / "export.csv", "missing": place.folder / "nowhere"}
    code, _, err = run(place(9), "--to", lists[to], "--no-dns")
    assert code == 1
    assert "Nothing was queued" in err


BROKEN = {
    "a login that is refused": ({"AUTH": "535 5.7.8 no"}, "535"),
    "a relay that turns us away": ({"hello": "554 no"}, "turns us away"),
    "one that stalls at once": ({"hello": ""}, ""),
    "one that stalls at the recipient": ({"RCPT": ""}, ""),
    "one that hangs up before the dot": ({"DATA": None}, ""),
}


@pytest.mark.parametrize(("says", "told"), BROKEN.values(), ids=BROKEN)
def test_a_relay_that_fails_loses_nothing(run, place, cleaned, monkeypatch, says, told):
    monkeypatch.setenv("RELAY_PASSWORD", "secret")
    login = 'username = "us"\npassword = "env:RELAY_PASSWORD"'
    with Relay(**says) as relay:
        code, _, err = run(place(relay.port, login), "--to", cleaned, "--no-dns", "--give-up", 0)
    assert code == 3
    assert "stays queued" in err.splitlines()[-1]
    assert told in err
    assert "secret" not in err
    assert states(run) == {"ready": 4}
    assert run("doubts")[0] == 0


def test_a_relay_that_is_down_and_comes_back(run, place, cleaned, closed_port):
    code, _, err = run(place(closed_port), "--to", cleaned, "--no-dns", "--give-up", 0)
    assert code == 3
    assert "stays queued" in err.splitlines()[-1]
    taken = []
    with SmtpSink(taken.append, port=closed_port):
        assert run("resume", "spring")[0] == 0
    assert len(taken) == 4


@pytest.mark.parametrize("says", [{"dot": ""}, {"dot": None}], ids=["stalls", "drops"])
def test_a_relay_that_is_silent_after_the_dot_leaves_doubts(run, place, cleaned, says):
    with Relay(**says) as relay:
        code, _, _ = run(place(relay.port), "--to", cleaned, "--no-dns")
    assert code == 3
    assert relay.dots == 4, "none of them twice"
    assert states(run) == {"unknown": 4}
    code, out, _ = run("doubts", "--format", "json")
    found = json.loads(out)["doubts"]
    assert (code, len(found)) == (3, 4)
    code, _, err = run("doubts", found[0]["id"], "--resolve", "sent")
    assert code == 3
    assert "1 of 1 resolved" in err
    code, _, err = run("doubts", "--resolve", "resend", "--campaign", "spring")
    assert code == 0
    assert "3 of 3 resolved" in err
    taken = []
    with SmtpSink(taken.append) as sink:
        place(sink.port)
        assert run("resume", "spring")[0] == 0
    assert len(taken) == 3
    assert states(run) == {"sent": 4}


def test_refused_after_the_dot_is_no_doubt(run, place, cleaned):
    with Relay(dot="451 4.3.0 later") as relay:
        code, _, _ = run(place(relay.port), "--to", cleaned, "--no-dns", "--no-wait")
    assert code == 3
    assert states(run) == {"deferred": 4}


def test_pause_resume_cancel(run, place, cleaned, closed_port):
    run(place(closed_port), "--to", cleaned, "--no-dns", "--give-up", 0)
    assert run("pause", "spring")[0] == 0
    assert run(place.folder / "campaign.toml", "--to", cleaned, "--no-dns")[0] == 3, "paused, and nothing sent"
    assert states(run) == {"ready": 4}
    code, _, err = run("pause", "spring")
    assert (code, len(err.splitlines())) == (2, 1)
    assert run("resume", "spring", "--give-up", 0)[0] == 3
    code, _, err = run("cancel", "spring")
    assert code == 0
    assert "4 mails stay unsent" in err
    code, _, err = run("cancel", "spring")
    assert (code, len(err.splitlines())) == (2, 1)
    assert run("resume", "spring")[0] == 2
    assert states(run) == {"cancelled": 4}


def test_a_dry_run(run, place, cleaned):
    code, _, err = run(place(9), "--to", cleaned, "--dry-run", place.folder / "mails")
    assert code == 0
    assert "4 mails written" in err
    assert len(list((place.folder / "mails").glob("*.eml"))) == 4
    assert json.loads(run("status", "--format", "json")[1]) == {"campaigns": []}


def test_an_override_needs_its_reason_and_keeps_it(run, place, cleaned):
    campaign = place(9)
    code, _, err = run(campaign, "--to", cleaned, "--no-dns", "--override", "text-missing")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "--because" in err


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("text-part-mising", "did you mean text-part-missing?"),
        ("list-stal", "did you mean list-stale?"),
        ("dmarc-policy-non", "did you mean dmarc-policy-none?"),
        ("people", "there is no check 'people'"),
        ("list-*", "there is no check 'list-*'"),
        ("q", "hygiene explain lists them"),
    ],
)
def test_an_override_that_names_no_finding_is_refused(run, place, cleaned, word, hint):
    words = ["--no-dns", "--override", word, "--because", "the boss wants it"]
    code, _, err = run(place(9), "--to", cleaned, *words)
    assert (code, len(err.splitlines())) == (2, 1)
    assert hint in err
    assert json.loads(run("status", "--format", "json")[1]) == {"campaigns": []}


def test_another_list_under_the_same_name(run, place, cleaned, closed_port, tmp_path):
    run(place(closed_port), "--to", cleaned, "--no-dns", "--give-up", 0)
    other = clean_list(tmp_path / "other", [a_row(number) for number in range(50, 60)])
    code, _, err = run(place.folder / "campaign.toml", "--to", other, "--no-dns", "--give-up", 0)
    assert code == 2
    assert "queued for another list" in err.splitlines()[-1]
    assert states(run) == {"ready": 4}


@pytest.mark.parametrize("name", ["transactional", "marketing", "support"])
def test_a_campaign_cannot_take_a_stream_s_name(run, place, cleaned, name):
    campaign = place(9)
    campaign.write_text(campaign.read_text().replace('"spring"', f'"{name}"'))
    code, _, err = run(campaign, "--to", cleaned, "--no-dns")
    assert code == 2
    assert "that of a stream" in err


# A process of its own, and its signals


def started(place, *words):
    command = [
        sys.executable,
        "-m",
        "hygiene",
        "send",
        *map(str, words),
        "--config",
        place.folder / "hygiene.toml",
    ]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def wait_until(condition, longest_s=30):
    deadline = time.monotonic() + longest_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_being_told_to_stop_finishes_what_is_talked_about(run, place, tmp_path):
    to = clean_list(tmp_path / "list", [a_row(number) for number in range(200)])
    taken = []
    with SmtpSink(taken.append, delay_s=(0.05, 0.05)) as sink:
        process = started(place, place(sink.port), "--to", to, "--no-dns")
        wait_until(lambda: len(taken) > 3)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "Traceback" not in err
    found = states(run)
    assert set(found) == {"sent", "ready"}
    assert found["sent"] == len(taken) < 200


def test_being_told_twice_does_not_wait_for_a_relay_that_is_silent(run, place, cleaned):
    with Relay(dot="") as relay:
        campaign = place(relay.port)
        settings = place.folder / "hygiene.toml"
        settings.write_text(settings.read_text().replace("patience_s = 0.3", "patience_s = 600"))
        process = started(place, campaign, "--to", cleaned, "--no-dns")
        wait_until(lambda: relay.dots == 2)
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert process.poll() is None, "it waits for the reply"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in err
    found = states(run)
    assert found.pop("data") == 2
    assert set(found) <= {"ready", "claimed"}


def test_two_processes_send_one_campaign_on_sqlite(run, place, tmp_path):
    to = clean_list(tmp_path / "list", [a_row(number) for number in range(300)])
    taken = []
    with SmtpSink(taken.append, delay_s=(0.002, 0.01)) as sink:
        campaign = place(sink.port)
        both = [started(place, campaign, "--to", to, "--no-dns") for _ in range(2)]
        told = [process.communicate(timeout=60) for process in both]
    assert all("Traceback" not in err for _, err in told)
    assert {process.returncode for process in both} <= {0, 2}, told
    assert len({mail.recipient for mail in taken}) == len(taken) == 300
    assert states(run) == {"sent": 300}


def test_work_sends_what_is_due_until_it_is_told_to_stop(run, place, cleaned, closed_port):
    run(place(closed_port), "--to", cleaned, "--no-dns", "--give-up", 0)
    taken = []
    with SmtpSink(taken.append, port=closed_port):
        process = started(place, "work")
        wait_until(lambda: len(taken) == 4)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert states(run) == {"sent": 4}
    with open_store(str(place.folder / "hygiene.db")) as store, store.reading() as connection:
        assert not connection.execute(OUTBOX.select().where(OUTBOX.c.owner.is_not(None))).all()
