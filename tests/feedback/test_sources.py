"""Where mails that came back lie, however they are kept, and whatever is in them."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.config import FeedbackSettings, Settings
from hygiene.errors import UnreadableInput, UsageError
from hygiene.feedback.clues import find_clues
from hygiene.feedback.files import split_mails
from hygiene.feedback.incoming import KEPT, Incoming
from hygiene.feedback.mailbox import read_url
from hygiene.feedback.read import read_feedback, read_letter
from hygiene.store import open_store

from .returned import BLOCKED, KEY, NOW, add_mail, bounce, events, listed, plain, verp

REAL = Path(__file__).parents[1] / "bounces" / "real"
FROM = b"From MAILER-DAEMON Sat Nov 28 12:00:00 2026\n"


@pytest.fixture
def store(tmp_path):
    with open_store(str(tmp_path / "hygiene.db"), key=KEY) as opened:
        yield opened


@pytest.fixture
def three(store):
    """A bounce, an ordinary mail with a line that begins with From, and another bounce."""
    refs = [add_mail(store, to=f"p{number}@example.com") for number in range(2)]
    first, last = (bounce(ref, to=f"p{number}@example.com", back=verp(ref)) for number, ref in enumerate(refs))
    return [first, plain(subject="hello", text="Dear all,\n\n>From here it is far"), last]


def verdicts(found):
    return dict(sorted(found.verdicts.items()))


def test_an_mbox(store, three, tmp_path):
    (tmp_path / "in.mbox").write_bytes(b"".join(FROM + raw + b"\n" for raw in three))
    found = read_feedback(tmp_path / "in.mbox", store=store, now=NOW)
    assert (found.mails, verdicts(found)) == (3, {"bounce": 2, "none": 1})
    assert set(listed(store)) == {"p0@example.com", "p1@example.com"}
    assert [item.place.rpartition(", ")[2] for item in found.items] == ["mail 1", "mail 3"]


def test_a_maildir_is_read_and_left_as_it_is(store, three, tmp_path):
    box = tmp_path / "Maildir"
    for name in ("cur", "new", "tmp"):
        (box / name).mkdir(parents=True)
    (box / "new" / "1.M1.host").write_bytes(three[0])
    (box / "cur" / "2.M2.host:2,S").write_bytes(three[1])
    (box / "tmp" / "3.M3.host").write_bytes(three[2])  # still being written
    before = sorted(box.rglob("*"))
    found = read_feedback(box, store=store, now=NOW)
    assert (found.mails, sorted(box.rglob("*"))) == (2, before)


def test_a_folder_of_files_and_several_sources(store, three, tmp_path):
    for number, raw in enumerate(three):
        (tmp_path / f"{number}.eml").write_bytes(raw)
    (tmp_path / ".hidden.eml").write_bytes(three[0])
    (tmp_path / "picture.png").write_bytes(three[0])
    found = read_feedback([tmp_path / "0.eml", tmp_path], store=store, now=NOW)
    assert (found.mails, found.repeated) == (4, 1)


def test_what_is_not_there(store, tmp_path):
    with pytest.raises(UnreadableInput, match="cannot be read"):
        read_feedback(tmp_path / "nothing.eml", store=store)


@given(st.lists(st.binary(max_size=60).filter(lambda raw: b"From " not in raw), min_size=1, max_size=5))
def test_mails_of_an_mbox_are_what_was_put_in(raws):
    joined = b"".join(FROM + raw + b"\n\n" for raw in raws)
    found = [mail.raw for mail in split_mails(io.BytesIO(joined), "x")]
    assert [raw.rstrip(b"\r\n") for raw in found] == [raw.rstrip(b"\r\n") for raw in raws]


def test_a_huge_mail_keeps_its_neighbours_and_its_beginning():
    huge = b"Subject: x\n\n" + b"From y" * (2 * KEPT // 6) + b"\n"
    found = list(split_mails(io.BytesIO(FROM + huge + b"\n" + FROM + b"Subject: z\n"), "x"))
    assert [len(mail.raw) for mail in found] == [KEPT, len(b"Subject: z\n")]


HOSTILE = {
    "nothing": b"",
    "zeros": b"\0" * 5000,
    "no header": b"\n\n\n",
    "nested": b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (number, number) for number in range(400)
    ),
    "one field": b"Subject: " + b"x" * 2_000_000,
    "many fields": b"X: y\n" * 200_000,
    "dates": b"From: <>\nDate: " + b"9" * 300 + b"\nSubject: failure notice\n\nno such user a@b.example",
    "halves": "Subject: failure\n\n\ud800 user unknown <a@b.example>".encode("utf-8", "surrogatepass"),
    "injection": bounce(
        to="a@b.example", why=("5.1.1", "smtp; 550 no such user \x1b[2J\x07\x00\x9b31m \u2028 {to}")
    ),
    "a path": plain(also='Content-Disposition: attachment; filename="../../etc/passwd"\n'),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mails_are_read_and_write_nothing(store, tmp_path, name):
    place = tmp_path / "mails"
    place.mkdir()
    (place / "1.eml").write_bytes(HOSTILE[name])
    (place / "2.eml").write_bytes(plain(subject="hello"))
    before = sorted(tmp_path.rglob("*.eml"))
    found = read_feedback(
        place, store=store, now=NOW, settings=Settings(feedback=FeedbackSettings(trust="recipient"))
    )
    assert found.mails in {1, 2}  # an empty file holds none
    assert len(found.unread) == (name in {"zeros", "no header"})  # which are no mails
    assert listed(store) == {}
    assert sorted(tmp_path.rglob("*.eml")) == before
    for event in events(store):
        assert not any(ord(letter) < 32 or letter == "\u2028" for letter in event["reason"])


def test_a_mail_that_breaks_the_reader_is_named_and_costs_its_neighbours_nothing(
    store, three, tmp_path, monkeypatch
):
    from hygiene.feedback import read

    real = read.classify_bounce
    monkeypatch.setattr(read, "classify_bounce", lambda raw: 1 / 0 if b"From here" in raw else real(raw))
    (tmp_path / "in.mbox").write_bytes(b"".join(FROM + raw + b"\n" for raw in three))
    found = read_feedback(tmp_path / "in.mbox", store=store, now=NOW)
    assert (found.exit_code(), len(found.unread), len(listed(store))) == (3, 1, 2)


@given(st.binary(max_size=400))
def test_clues_of_anything(raw):
    find_clues(raw, [], KEY)


REAL_MAILS = sorted(REAL.glob("*.eml"))


@pytest.mark.parametrize("path", REAL_MAILS, ids=[path.stem for path in REAL_MAILS])
def test_a_real_bounce_to_our_return_path_finds_its_mail(store, tmp_path, path):
    """As servers really wrote them, but for the address they were sent to."""
    ref = add_mail(store, to="jane@example.com")
    raw = path.read_bytes()
    head, blank, rest = raw.partition(b"\n\n")
    kept = [
        line
        for line in head.split(b"\n")
        if not line.lower().startswith((b"to:", b"delivered-to:", b"x-original-to:"))
    ]
    mail = tmp_path / "1.eml"
    mail.write_bytes(b"To: " + verp(ref).encode() + b"\n" + b"\n".join(kept) + blank + rest)
    found = read_feedback(mail, store=store, now=NOW)
    letter = read_letter(Incoming(place="", raw=raw), KEY)
    assert len(found.items) == 1
    assert found.items[0].by == "token"
    one_person = len(letter.bounces) == 1
    hard = letter.bounces[0].hard and letter.bounces[0].confidence != "guess"
    assert listed(store) == ({"jane@example.com": "bounced"} if hard and one_person else {})


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("imap://host/INBOX", "lacks user or host"),
        ("imap://user:secret@host/", "a password does not belong"),
        ("imaps://user@host:99999/", "no URL"),
        ("imaps://us%0d%0aer@host/", "control characters"),
        ("imaps://user@host/IN%0aBOX", "control characters"),
    ],
)
def test_addresses_of_mailboxes_that_cannot_be(written, why):
    with pytest.raises(UsageError, match=why) as told:
        read_url(written)
    assert "secret" not in str(told.value)


def test_an_address_of_a_mailbox():
    url = read_url("imaps://bounces%40shop.example@mail.example/Bounces/2026")
    assert (url.user, url.host, url.port, url.folder, url.tls_first) == (
        *("bounces@shop.example", "mail.example"),
        *(993, "Bounces/2026", True),
    )
    assert url.name == "imap://bounces@shop.example@mail.example:993/Bounces/2026"


# the command


def run(folder, *words, stdin=b""):
    command = [sys.executable, "-m", "hygiene", "feedback", *map(str, words)]
    return subprocess.run(command, cwd=folder, input=stdin, capture_output=True, check=False)


def test_the_command(store, tmp_path):
    ref = add_mail(store)
    (tmp_path / "1.eml").write_bytes(bounce(ref, why=BLOCKED, back=verp(ref)))
    (tmp_path / "hygiene.key").write_text(KEY.hex())
    told = run(tmp_path, "1.eml")
    assert told.returncode == 1, told.stderr
    assert b"hygiene audit shop.example" in told.stdout
    again = run(tmp_path, "-", "--format", "json", stdin=(tmp_path / "1.eml").read_bytes())
    assert again.returncode == 0
    assert json.loads(again.stdout)["repeated"] == 1
    for form in ("markdown", "html"):
        assert run(tmp_path, "1.eml", "--format", form).returncode == 0


def test_a_dry_run_needs_no_workspace_and_makes_none(tmp_path):
    told = run(tmp_path, "-", "--dry-run", "--format", "json", stdin=bounce())
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["unmatched"] == {"bounce": 1}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nothing.eml"],
        ["imap://user@localhost:1/", "--delete", "--move", "Done"],
        ["imap://user@localhost:1/", "--password", "horse"],
        ["pop3://user@localhost:1/", "--move", "Done", "--password", "env:PATH"],
    ],
)
def test_wrong_use_is_one_sentence(tmp_path, words):
    told = run(tmp_path, *words)
    assert told.returncode == 2
    assert told.stderr.count(b"\n") == 1
    assert b"horse" not in told.stderr
