"""The journal of systemd in every form that `journalctl -o` writes: one log, the same events."""

import json

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.errors import UnreadableInput
from hygiene.events.journal import is_journal, write_entries
from hygiene.events.read import read_events

T0 = 1_788_256_800  # 2026-09-01T10:00:00Z
LINES = [
    ("postfix/cleanup", "4ABCDEF123: message-id=<a1@shop.example>"),
    ("postfix/qmgr", "4ABCDEF123: from=<news@shop.example>, size=2048, nrcpt=2 (queue active)"),
    ("sshd", "Accepted publickey for root\nfrom nowhere"),
    (
        "postfix/smtp",
        "4ABCDEF123: to=<ann@example.com>, relay=mx.example.com[192.0.2.1]:25, delay=2, delays=0/0/1/1, "
        "dsn=2.0.0, status=sent (250 ok)",
    ),
    (
        "postfix/smtp",
        "4ABCDEF123: to=<bob@example.org>, relay=mx.example.org[192.0.2.2]:25, delay=2, delays=0/0/1/1, "
        "dsn=5.0.0, status=bounced (host mx.example.org[192.0.2.2] said: 552 1 Requested mail action aborted, "
        "mailbox not found (in reply to end of DATA command))",
    ),
    ("postfix/qmgr", "4ABCDEF123: removed"),
]
WANTED = [
    ("bounced", "bob@example.org", "hard", T0 + 4),
    ("delivered", "ann@example.com", None, T0 + 3),
    ("sent", "ann@example.com", None, T0 + 1),
    ("sent", "bob@example.org", None, T0 + 1),
]


def entries():
    return [
        {
            "__CURSOR": f"s=1;i={at}",
            "__REALTIME_TIMESTAMP": f"{T0 + at}000000",
            "PRIORITY": "6",
            "SYSLOG_IDENTIFIER": program,
            "_HOSTNAME": "mx1",
            "MESSAGE": text,
        }
        for at, (program, text) in enumerate(LINES)
    ]


def exported(entry):
    """An entry in the export format: what holds a line end has its size before it."""
    made = b""
    for name, value in entry.items():
        data = value.encode()
        plain = b"\n" not in data
        made += name.encode() + (b"=" if plain else b"\n" + len(data).to_bytes(8, "little")) + data + b"\n"
    return made + b"\n"


FORMS = {
    "json": lambda made: "".join(json.dumps(one) + "\n" for one in made).encode(),
    "json-pretty": lambda made: "".join(json.dumps(one, indent="\t") + "\n" for one in made).encode(),
    "json-seq": lambda made: "".join("\x1e" + json.dumps(one) + "\n" for one in made).encode(),
    "json-sse": lambda made: "".join(f"data: {json.dumps(one)}\n\n" for one in made).encode(),
    "export": lambda made: b"".join(map(exported, made)),
}


def read(path):
    with duckdb.connect() as connection:
        report = read_events(path, connection)
        rows = connection.execute(
            "select kind, recipient, bounce_class, ts_us // 1000000 from events order by all"
        ).fetchall()
    return rows, report


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_events(tmp_path, form):
    (tmp_path / "mail").write_bytes(FORMS[form](entries()))
    assert read(tmp_path / "mail")[0] == WANTED


def test_a_rotation_in_two_forms(tmp_path):
    (tmp_path / "1").write_bytes(FORMS["export"](entries()[:3]))
    (tmp_path / "2").write_bytes(FORMS["json-pretty"](entries()[3:]))
    assert read(tmp_path)[0] == WANTED


@pytest.mark.parametrize("size", [0, 10, 1 << 40, (1 << 64) - 1])
def test_a_size_that_is_none_ends_the_file_and_no_more(tmp_path, size):
    broken = b"MESSAGE\n" + size.to_bytes(8, "little") + b"cut short"
    (tmp_path / "mail").write_bytes(FORMS["export"](entries()) + broken)
    assert read(tmp_path / "mail")[0] == WANTED


def test_a_journal_without_mail_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "log").write_bytes(exported(entries()[2]))
    with pytest.raises(UnreadableInput, match="says what happened to a mail"):
        read(tmp_path / "log")


@pytest.mark.parametrize("start", [b"", b"A=1\nB=2\n", b'{"a": 1}\n', b"{\n", b"data: x", b"__CURSOR=1\n"])
def test_other_files_are_no_journal(start):
    assert not is_journal(start)


@given(st.binary(max_size=200))
def test_any_bytes_end(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("journal")
    (folder / "given").write_bytes(b"__CURSOR=1\n__REALTIME_TIMESTAMP=1\n" + text)
    with (folder / "given").open("rb") as source, (folder / "made").open("wb") as target:
        write_entries(source, target)
    for line in (folder / "made").read_bytes().splitlines():
        json.loads(line)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig"])
def test_a_mail_log_in_any_encoding(tmp_path, encoding):
    lines = "".join(
        f"2026-09-01T10:00:0{at}Z mx1 {program}[{at}]: {' '.join(text.splitlines())}\r\n"
        for at, (program, text) in enumerate(LINES)
    )
    (tmp_path / "mail.log").write_bytes(lines.encode(encoding))
    assert read(tmp_path / "mail.log")[0] == WANTED
