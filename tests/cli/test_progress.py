"""What a person sees while waiting: the file, how much of it is read and how fast, and nothing afterwards."""

import io
import re
import sys

import pytest

from hygiene.cli import progress
from hygiene.cli.progress import Watch, watching
from hygiene.events.progress import listening
from hygiene.metrics.event_log import read_events


class Terminal(io.StringIO):
    """Standard error as a terminal that keeps what is written."""

    def isatty(self):
        return True


@pytest.fixture
def at_terminal(monkeypatch):
    """A function that makes standard error a terminal, from within a test: what captures it comes before."""
    monkeypatch.setattr(progress, "PATIENCE_S", 0.0)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")

    def sit_down():
        monkeypatch.setattr("sys.stderr", Terminal())
        return sys.stderr

    return sit_down


def plain(terminal):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())


def test_a_long_file_is_told_while_it_is_read(at_terminal):
    terminal = at_terminal()
    with watching() as watch:
        watch.hear("big.jsonl", 0, 0, 200_000_000)
        watch.hear("big.jsonl", 0, 50_000_000, 200_000_000)
        assert watch.shown["completed"] == 0.25
        assert watch.shown["description"] == "Reading big.jsonl (200.0 MB)"
        assert re.fullmatch(r"50 MB read  [\d,.]+ MB/s", watch.shown["figures"])
        watch.hear("big.jsonl", 0, 250_000_000, 200_000_000)
        assert watch.shown["total"] is None, "gone through again: nobody knows how much is left"
        watch.hear("big.jsonl", 1_234, 0, 0)
        assert watch.shown["figures"].startswith("1,234 events")
    assert "big.jsonl" in plain(terminal)


def test_a_long_place_leaves_room_for_the_figures(at_terminal):
    at_terminal()
    with watching() as watch:
        watch.tick("/a/folder" * 30 + "/list.csv", 1_000, 0.5)
        assert watch.shown["description"].startswith("Reading …")
        assert watch.shown["description"].endswith("/list.csv")
        assert len(watch.shown["description"]) < 60


def test_nothing_is_left_behind(at_terminal):
    terminal = at_terminal()
    with watching() as watch:
        watch.say("Counting")
    assert "Counting" in plain(terminal)
    assert terminal.getvalue().rstrip("\r").endswith(("\x1b[2K", "\x1b[?25h", "\x1b[1A\x1b[2K"))
    length = len(terminal.getvalue())
    watch.hear("late.jsonl", 1, 1, 2)  # from a thread that was still about to tell
    assert len(terminal.getvalue()) == length


def test_what_was_last_said_is_shown_once_patience_ends(at_terminal, monkeypatch):
    """Also where nothing more is said for long, as while one statement runs."""
    terminal = at_terminal()
    monkeypatch.setattr(progress, "PATIENCE_S", 0.05)
    watch = Watch()
    watch.say("Reconciling")
    assert watch.bar is None
    watch.patience.join(10)
    assert watch.bar is not None
    watch.stop()
    assert "Reconciling" in plain(terminal)


def test_elsewhere_nothing_is_shown(monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    with watching() as watch:
        watch.hear("a.jsonl", 0, 1, 2)
    assert written.getvalue() == ""


def test_a_reading_tells_of_each_file_from_its_beginning(tmp_path):
    line = '{"event": "delivered", "email": "a%d@x.example", "timestamp": 1788256800, "message_id": "m%d"}\n'
    (tmp_path / "a.jsonl").write_text("".join(line % (at, at) for at in range(9_000)))
    heard = []
    with read_events(tmp_path / "a.jsonl", tick=lambda *told: heard.append(told)) as events:
        size = (tmp_path / "a.jsonl").stat().st_size
        name = str(tmp_path / "a.jsonl")
        assert heard[0] == (name, 0, 0, size)
        assert heard[-1] == (name, events.count(), 0, 0)
        assert events.count() == 9_000


def test_what_is_read_meanwhile_is_told_and_no_thread_stays(tmp_path):
    import threading
    from pathlib import Path

    if not Path("/proc/self/io").exists():
        pytest.skip("this system keeps no account of what a process reads")
    (tmp_path / "file").write_bytes(bytes(3_000_000))
    heard, told = [], threading.Event()

    def hear(octets):
        heard.append(octets)
        if octets >= 3_000_000:
            told.set()

    with listening(hear):
        (tmp_path / "file").read_bytes()
        assert told.wait(20)
        within = threading.active_count()
    assert threading.active_count() == within - 1
    assert heard == sorted(heard)
    assert heard[0] == 0


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [
        ({}, True),
        ({"TERM": "dumb"}, False),
        ({"NO_COLOR": "1"}, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
    ],
)
def test_colour_is_for_terminals_that_have_it(monkeypatch, environment, coloured):
    from hygiene.cli.output import _wants_colour

    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm", **environment}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout", Terminal())
    assert _wants_colour() is coloured
