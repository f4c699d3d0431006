"""Small files read together: nobody can tell them from files that were read alone."""

import codecs
import json

import duckdb
import pytest

from hygiene.errors import UnreadableInput
from hygiene.event import EVENT, UNREAD
from hygiene.events import batches, read

T0 = 1_788_256_800


def post(number, event="delivered", **more):
    return {
        "email": f"{number}@x.example",
        "event": event,
        "timestamp": T0 + number,
        "sg_message_id": f"m{number}.x",
    } | more


def lines(*values):
    return "".join(json.dumps(value) + "\n" for value in values).encode()


MAIL = {
    "messageId": "m",
    "timestamp": "2026-09-01T10:00:00Z",
    "destination": ["7@x.example", "8@x.example"],
}
#: name → content: posts of several platforms and forms, and what is no post at all
FILES = {
    "a.json": json.dumps([post(1), post(1, "open")]).encode(),
    "b.json": codecs.BOM_UTF8 + json.dumps(post(2), indent=2).encode(),
    "c.jsonl": lines(post(3), post(3, "no such word")) + b'{"email": "cut sho\n' + lines(post(4)),
    "d.json": b'{"half": ',
    "e.json": lines({"Type": "SubscriptionConfirmation", "TopicArn": "arn", "Message": "hello"}),
    "f.json": lines({"nothing": "of ours"}),
    "g.csv": b"email,event,timestamp\n5@x.example,sent,2026-09-01 10:00\n",
    "h.json": lines({"Email": "6@x.example", "Event": "sent", "timestamp": "2026-09-01 10:00"}),
    "i.json": lines({"eventType": "Send", "mail": MAIL}),
    "j.json": json.dumps([[post(9)], post(10)]).encode(),
    "k.json": b"[]",
}


@pytest.fixture
def folder(tmp_path):
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def everything(logs):
    with duckdb.connect() as connection:
        report = read.read_events(logs, connection)
        rows = connection.execute(f"select {', '.join(EVENT)} from events").fetchall()
        unread = connection.execute(f"select {', '.join(UNREAD)} from unread").fetchall()
        left = connection.execute("select count(*) from duckdb_tables() where temporary").fetchone()
        assert left == (0,)
        return sorted(rows, key=repr), sorted(unread, key=repr), report


def alone(logs, monkeypatch):
    monkeypatch.setattr(read, "LARGEST", -1)
    return everything(logs)


def test_together_is_as_alone(folder, monkeypatch):
    together = everything(folder)
    assert together == alone(folder, monkeypatch)
    rows, unread, report = together
    assert {row[list(EVENT).index("recipient")] for row in rows} == {
        f"{number}@x.example" for number in range(1, 11)
    }
    (damaged,) = [row for row in unread if "cut sho" in row[3]]
    assert damaged[1] == 3  # its line
    assert len(report.refused) == 1
    assert "d.json" in report.refused[0]


@pytest.mark.parametrize("most", [1, 2, 3])
def test_how_many_wait_does_not_matter(folder, monkeypatch, most):
    together = everything(folder)
    monkeypatch.setattr(batches, "_MOST_FILES", most)
    assert everything(folder) == together


def test_what_one_file_spoils_is_said_of_that_file(tmp_path, monkeypatch):
    """A thousand posts of which one has more keys than anybody looks through."""
    many = {f"key{number}": number for number in range(20_000)}
    for name, value in (("a", post(1)), ("b", many), ("c", post(2))):
        (tmp_path / f"{name}.json").write_bytes(lines(value))
    together = everything(tmp_path)
    assert len(together[0]) == 2
    (refused,) = together[2].refused
    assert "b.json" in refused
    assert together[0] == alone(tmp_path, monkeypatch)[0]


def test_a_file_that_was_named_and_is_damaged_ends_the_reading(folder):
    with pytest.raises(UnreadableInput, match=r"d\.json cannot be read: its JSON is damaged"):
        everything([folder / "a.json", folder / "d.json"])


def test_more_files_than_a_small_number_counts(tmp_path, monkeypatch):
    """Numbers of files go on after 32,767."""
    monkeypatch.setattr(
        read._Reading, "_next", property(lambda self: 40_000 + len(self.files) + len(self.batch.files))
    )
    (tmp_path / "a.json").write_bytes(lines(post(1)))
    with duckdb.connect() as connection:
        read.read_events(tmp_path, connection)
        assert connection.execute("select file from events").fetchall() == [(40_000,)]


def test_the_tick_hears_every_file(folder):
    heard = []
    with duckdb.connect() as connection:
        report = read.read_events(folder, connection, tick=lambda *told: heard.append(told))
    done = [(name, events) for name, events, _, size in heard if not size]
    assert [name for name, _ in done] == [file.name for file in report.files]
    assert done[-1][1] == report.events
