"""Posts of webhooks as receivers save them: forms, of one part or several, in lines or files."""

import io
import json
from pathlib import Path
from urllib.parse import quote_plus, urlencode

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hygiene.contacts.activity import read_activity
from hygiene.errors import UnreadableInput
from hygiene.events.posts import is_posts, write_posts
from hygiene.events.read import read_events

SAMPLES = Path(__file__).parent / "samples"
OPENED = {
    "event": "opened",
    "recipient": "ann@example.com",
    "timestamp": "1788256800",
    "token": "t",
    "signature": "s",
}


def as_json(text):
    target = io.BytesIO()
    write_posts(io.BytesIO(text), target)
    return target.getvalue().decode("utf-8", "replace").split("\n")[:-1]


def read(*paths):
    with duckdb.connect() as connection:
        report = read_events(list(paths), connection)
        events = connection.execute("select source, kind, recipient from events order by all").fetchall()
        unread = connection.execute("select line, why, text from unread order by all").fetchall()
        return events, unread, report


FIELDS = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="[]"), min_size=1),
    st.text(st.characters(exclude_categories=["Cs"])),
    min_size=2,
).filter(lambda one: "mandrill_events" not in one)


@given(st.lists(FIELDS, min_size=1))
@example([{"--": "", "0": " "}])  # begins as a part of several does
def test_what_was_posted_comes_back(posts):
    text = "".join(f"{urlencode(one)}\n" for one in posts).encode()
    assert is_posts(text)
    assert [json.loads(line) for line in as_json(text)] == posts


@given(st.binary(max_size=400))
def test_any_bytes_are_lines_and_none_is_lost(text):
    lines = [line.strip() for line in text.split(b"\n") if line.strip()]
    if not text.startswith(b"--") and b"\n--" not in text:
        assert len(as_json(text)) >= len(lines) - text.count(b"\r")


@pytest.mark.parametrize(
    "text",
    [
        b"email,event,timestamp\nann@example.com,open,1\n",
        b"2026-09-01T10:00:00Z mx postfix/smtp[1]: 4A1: to=<a@b.example>, relay=x, status=sent (a&b)\n",
        b'{"event": "a=b&c=d"}\n',
        b"a=b\n",
        b"a = b & c = d\n",
        b"https://shop.example/?a=b&c=d\n",
        b"-- a dump of a database\n",
        b"",
    ],
)
def test_what_is_no_form(text):
    assert not is_posts(text) or text.startswith(b"https")


def test_names_with_brackets_are_objects():
    (line,) = as_json(b"a[b][c]=1&a[b][d]=2&a[e][]=3&a[e][]=4&f=5&f=6&g=7&g[h]=8")
    assert json.loads(line) == {
        "a": {"b": {"c": "1", "d": "2"}, "e": {"": ["3", "4"]}},
        "f": ["5", "6"],
        "g": {"": "7", "h": "8"},
    }


def test_a_file_a_post_and_a_folder_of_them(tmp_path):
    lines = (SAMPLES / "mailgun.form").read_text("utf-8").splitlines()
    for at, line in enumerate(lines):
        (tmp_path / f"{at:02}").write_text(line, "utf-8")
    assert read(tmp_path)[0] == read(SAMPLES / "mailgun.form")[0]


def in_parts(fields, boundary="xYzZY"):
    """RFC 7578; the returned mail goes with it as a file."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="attachment-1"; filename="message.mime"\r\n'
        "Content-Type: application/octet-stream\r\n\r\nevent=delivered\r\n\r\nSubject: x\r\n"
    )
    return "".join(parts) + f"--{boundary}--\r\n"


def test_forms_of_several_parts(tmp_path):
    one, other = OPENED | {"event": "bounced", "code": "550"}, OPENED | {"recipient": "bob@example.com"}
    path = tmp_path / "posts"
    path.write_text(in_parts(one) + in_parts(other, "another") + urlencode(OPENED) + "\n", "utf-8")
    assert read(path)[0] == [
        ("mailgun", "bounced", "ann@example.com"),
        ("mailgun", "opened", "ann@example.com"),
        ("mailgun", "opened", "bob@example.com"),
    ]


def test_what_cannot_be_read_is_counted_and_kept(tmp_path):
    path = tmp_path / "posts.log"
    damaged = "mandrill_events=" + quote_plus('[{"event": "send", "msg"')
    path.write_text(f"{urlencode(OPENED)}\n{damaged}\nno form at all\nx=1&y=2\n", "utf-8")
    events, unread, report = read(path)
    assert events == [("mailgun", "opened", "ann@example.com")]
    assert (report.damaged, report.unread) == (2, 1)
    assert [(line, text) for line, _, text in unread] == [
        (2, damaged),
        (3, "no form at all"),
        (4, '{"x": "1", "y": "2"}'),
    ]


def test_the_first_post_may_be_damaged(tmp_path):
    path = tmp_path / "posts.log"
    damaged = "mandrill_events=" + quote_plus('[{"event": "send", "msg"')
    path.write_text(f"{damaged}\n{urlencode(OPENED)}\n", "utf-8")
    events, unread, report = read(path)
    assert events == [("mailgun", "opened", "ann@example.com")]
    assert (report.damaged, [(line, text) for line, _, text in unread]) == (1, [(1, damaged)])
    path.write_text(f"{damaged}\n", "utf-8")
    with pytest.raises(UnreadableInput, match="none of its 1 records says what happened to a mail"):
        read(path)


def test_cleaning_reads_them_too():
    with duckdb.connect() as connection:
        activity = read_activity([SAMPLES / "mandrill.form"], connection)
        people = connection.execute(f"select mailbox, standing from {activity.table}").fetchall()
    assert len(people) == 9
    assert (
        sum(standing is not None for _, standing in people) == 4
    )  # bounced hard, complained, left, rejected as bounced before
