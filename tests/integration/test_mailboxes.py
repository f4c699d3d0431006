"""Mail that came back, read from a real Dovecot by IMAP and POP3."""

import imaplib
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from sqlalchemy import select

from hygiene.credentials import Secret
from hygiene.errors import UsageError
from hygiene.feedback import imap as by_imap
from hygiene.feedback.mailbox import Access, MailboxUrl
from hygiene.feedback.read import read_feedback
from hygiene.store import open_store
from hygiene.tables import CURSOR, RECEIVED
from tests.feedback.returned import KEY, NOW, add_mail, bounce, complaint, events, listed, plain, verp

from .mailboxes import HOST, PASSWORD, TOKEN, USER, dovecot

pytestmark = pytest.mark.server("dovecot")
ACCESS = {"password": Secret(PASSWORD), "timeout_s": 20}


@pytest.fixture(scope="module")
def server(program):
    with dovecot(program) as running:
        yield running


@pytest.fixture
def store(tmp_path):
    with open_store(str(tmp_path / "hygiene.db"), key=KEY) as opened:
        yield opened


@contextmanager
def mail_program(server):
    """A mail program at the same mailbox, which it empties."""
    session = imaplib.IMAP4(HOST, server.ports["imap"], timeout=20)
    session.login(f'"{USER}"', PASSWORD)
    if session.select("INBOX")[1] != [b"0"]:
        session.store("1:*", "+FLAGS", r"(\Deleted)")
        session.expunge()
    session.delete("Done")
    yield session
    session.logout()


@pytest.fixture
def client(server):
    with mail_program(server) as session:
        yield session


def deliver(client, *raws, folder="INBOX"):
    for raw in raws:
        assert client.append(folder, None, None, raw.replace(b"\n", b"\r\n"))[0] == "OK"


def read(store, place, **options):
    return read_feedback(place, store=store, now=NOW, access=Access(**ACCESS, **options))


def flags(client):
    client.select("INBOX", readonly=True)
    return client.fetch("1:*", "(FLAGS)")[1]


def left(client, folder="INBOX"):
    kind, answer = client.select(folder, readonly=True)
    return int(answer[0]) if kind == "OK" else None


def cursor(store):
    with store.reading() as connection:
        return connection.execute(select(CURSOR.c.validity, CURSOR.c.last)).one()


def test_what_is_new_is_read_whoever_has_seen_it(server, client, store):
    ref = add_mail(store)
    deliver(client, bounce(ref, back=verp(ref)))
    client.select("INBOX")
    client.store("1", "+FLAGS", r"(\Seen)")  # somebody's phone
    found = read(store, server.imap())
    assert (found.mails, found.repeated, found.suppressed, found.lost) == (1, 0, {"bounced": 1}, ())
    assert listed(store) == {"ann@example.com": "bounced"}
    again = read(store, server.imap())
    assert (again.mails, again.exit_code()) == (0, 0)
    other = add_mail(store, to="bob@example.com")
    deliver(client, complaint(other))
    found = read(store, server.imap())
    assert (found.mails, found.suppressed) == (1, {"complained": 1})
    assert b"Seen" not in flags(client)[-1]  # nor did we leave a trace


def test_a_mailbox_that_was_made_anew_is_read_again_and_nothing_counts_twice(server, client, store):
    ref = add_mail(store)
    client.create("Back")
    mails = [bounce(ref, back=verp(ref)), plain(subject="hello")]
    deliver(client, *mails, folder="Back")
    assert read(store, server.imap("Back")).mails == 2
    validity = cursor(store)[0]
    client.delete("Back")
    client.create("Back")
    deliver(client, *mails, complaint(ref), folder="Back")
    found = read(store, server.imap("Back"))
    client.delete("Back")
    assert cursor(store)[0] != validity
    assert (found.mails, found.repeated, found.suppressed) == (3, 2, {})
    assert listed(store) == {"ann@example.com": "complained"}
    assert len(events(store)) == 2


def test_what_was_understood_is_deleted_after_it_is_stored_and_the_rest_stays(server, client, store):
    refs = [add_mail(store, to=f"p{number}@example.com") for number in range(3)]
    ours = [bounce(ref, to=f"p{number}@example.com", back=verp(ref)) for number, ref in enumerate(refs)]
    deliver(client, ours[0], plain(subject="A question"), *ours[1:])
    deliver(client, plain(subject="Marked by somebody else"))
    client.select("INBOX")
    client.store("5", "+FLAGS", r"(\Deleted)")
    found = read(store, server.imap(), delete=True)
    assert (found.mails, found.suppressed) == (5, {"bounced": 3})
    assert left(client) == 2
    assert b"Deleted" in flags(client)[-1]


def test_nothing_is_deleted_in_a_dry_run(server, client, store):
    ref = add_mail(store)
    deliver(client, bounce(ref, back=verp(ref)))
    found = read_feedback(
        server.imap(), store=store, now=NOW, dry_run=True, access=Access(**ACCESS, delete=True)
    )
    assert (found.suppressed, listed(store), left(client)) == ({"bounced": 1}, {}, 1)


@pytest.mark.parametrize("can_move", [True, False])
def test_what_was_understood_is_moved(server, client, store, monkeypatch, can_move):
    if not can_move:  # as a server without RFC 6851
        monkeypatch.setattr(by_imap.ImapMailbox, "_can", lambda _, name: name != "MOVE")
    client.create("Done")
    ref = add_mail(store)
    deliver(client, bounce(ref, back=verp(ref)), plain(subject="hello"))
    read(store, server.imap(), move_to="Done")
    assert (left(client), left(client, "Done")) == (1, 1)


def test_pop3_reads_what_is_new_and_deletes_only_when_asked(server, client, store):
    ref = add_mail(store)
    deliver(client, bounce(ref, back=verp(ref)), plain(subject="hello"))
    found = read(store, server.pop3())
    assert (found.mails, found.suppressed, found.lost) == (2, {"bounced": 1}, ())
    assert read(store, server.pop3()).mails == 0
    assert left(client) == 2
    deliver(client, complaint(ref))
    found = read(store, server.pop3(), delete=True)
    assert (found.mails, left(client)) == (1, 2)
    assert listed(store) == {"ann@example.com": "complained"}


def test_a_mail_is_the_same_by_every_way(server, client, store, tmp_path):
    ref = add_mail(store)
    mails = [bounce(ref, back=verp(ref)), plain(subject="hello", text="x" * 5000)]
    deliver(client, *mails)
    ways = [server.imap(), server.pop3(), str(server.folder / "mail"), str(tmp_path / "all.mbox")]
    (tmp_path / "all.mbox").write_bytes(
        b"".join(b"From x@y Sat Nov 28 12:00:00 2026\n" + raw + b"\n" for raw in mails)
    )
    repeated = []
    for way in ways:
        if way == server.imap():
            assert read(store, way).mails == 2
        else:
            found = read(store, way)
            repeated.append((found.mails, found.repeated))
    assert repeated == [(2, 2)] * 3
    assert len(events(store)) == 1


@pytest.mark.parametrize("way", ["imap", "pop3"])
def test_of_a_huge_mail_the_beginning_is_read(server, client, store, way):
    ref = add_mail(store)
    raw = (
        bounce(ref, back=verp(ref))
        + b"\n"
        + b"x" * 70
        + b"\n"
        + b"y" * 3_000_000
        + b"\n"
        + b"z" * 900
        + b"\n" * 24_000_000
    )
    deliver(client, raw, complaint(ref))
    found = read(store, getattr(server, way)())
    assert (found.mails, found.lost, dict(found.verdicts)) == (2, (), {"bounce": 1, "complaint": 1})
    assert listed(store) == {"ann@example.com": "complained"}


def test_hundreds_of_mails(server, client, store):
    refs = {f"p{number}@example.com": add_mail(store, to=f"p{number}@example.com") for number in range(150)}
    for to, ref in refs.items():
        deliver(client, bounce(ref, to=to, back=verp(ref)), plain(subject=f"hello {to}"))
    found = read(store, server.imap())
    assert (found.mails, found.repeated, found.suppressed) == (300, 0, {"bounced": 150})
    assert read(store, server.imap()).mails == 0


@pytest.mark.parametrize("scheme", ["imaps", "pop3s", "imap", "pop3"])
def test_mailboxes_over_tls(server, client, store, monkeypatch, scheme):
    """Before the first word, or by STARTTLS, without which no password goes to another machine."""
    monkeypatch.setattr(MailboxUrl, "local", False)
    ref = add_mail(store)
    deliver(client, bounce(ref, back=verp(ref)))
    access = {**ACCESS, "ca_file": server.ca_file}
    found = read_feedback(server.url(scheme), store=store, now=NOW, access=Access(**access))
    assert (found.suppressed, found.lost) == ({"bounced": 1}, ())
    with pytest.raises(UsageError, match="certificate is not trusted"):
        read_feedback(server.url(scheme), store=store, access=Access(**ACCESS))


@pytest.mark.parametrize("way", ["imap", "pop3"])
def test_a_wrong_password_is_said_without_it(server, store, way):
    access = Access(password=Secret("wrong horse"), timeout_s=20)
    with pytest.raises(UsageError, match="does not accept this user and password") as told:
        read_feedback(getattr(server, way)(), store=store, access=access)
    assert "horse" not in str(told.value)


def test_a_folder_that_is_not_there(server, store):
    with pytest.raises(UsageError, match="there is no folder Nowhere"):
        read(store, server.imap("Nowhere"))


KILLED = """
import os, signal, sys
from hygiene.credentials import Secret
from hygiene.feedback import read, record
from hygiene.feedback.mailbox import Access
from hygiene.store import open_store
place, way, password = sys.argv[1:]
real = getattr(record, way) if way else None
def killed(*given, **named):
    real(*given, **named)
    os.kill(os.getpid(), signal.SIGKILL)
if way == "put_away":
    from hygiene.feedback import imap
    imap.ImapMailbox.put_away = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
else:
    setattr(record, way, killed)
with open_store("hygiene.db", key=bytes(range(32))) as store:
    read.read_feedback(place, store=store, access=Access(password=Secret(password), delete=True))
"""


@pytest.mark.parametrize("step", ["_write_events", "_move", "put_away"])
def test_killed_anywhere_the_next_run_loses_nothing(server, client, store, tmp_path, step):
    """Between fetching and the commit, and between the commit and deleting."""
    refs = [add_mail(store, to=f"p{number}@example.com") for number in range(5)]
    deliver(client, *(bounce(ref, to=f"p{n}@example.com", back=verp(ref)) for n, ref in enumerate(refs)))
    script = KILLED.replace("real = getattr(record, way) if way else None", "real = getattr(record, way, None)")
    command = [sys.executable, "-c", script, server.imap(), step, PASSWORD]
    done = subprocess.run(command, cwd=tmp_path, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    written = step == "put_away"
    assert len(listed(store)) == 5 * written
    assert left(client) == 5
    found = read(store, server.imap(), delete=True)
    assert len(listed(store)) == 5
    assert found.mails == (0 if written else 5)
    assert len(events(store)) == 5
    with store.reading() as connection:
        assert len(connection.scalars(select(RECEIVED.c.digest)).all()) == 5


def test_a_server_that_goes_away_is_told_and_nothing_is_lost(program, store):
    with dovecot(program) as short:
        place = short.imap()
        with mail_program(short) as session:
            ref = add_mail(store)
            deliver(session, bounce(ref, back=verp(ref)))
        assert read(store, place).mails == 1
    found = read(store, place)
    assert found.exit_code() == 3
    assert "cannot be opened" in found.lost[0]


def test_watching(server, client, store, tmp_path):
    ref = add_mail(store)
    (tmp_path / "hygiene.toml").write_text(f'[feedback]\nsources = ["{server.imap()}"]\npassword = "env:PW"\n')
    environment = {**os.environ, "PW": PASSWORD, "HYGIENE_SUPPRESSION_KEY": KEY.hex()}
    command = [sys.executable, "-m", "hygiene", "feedback", "--watch", "1", "--format", "json"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
    try:
        deliver(client, bounce(ref, back=verp(ref)))
        until = time.monotonic() + 30
        while not listed(store) and time.monotonic() < until:
            time.sleep(0.1)
        assert listed(store) == {"ann@example.com": "bounced"}
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143


# XOAUTH2


def read_by_token(store, place, token, **options):
    access = Access(token=Secret(token), timeout_s=20, **options)
    return read_feedback(place, store=store, now=NOW, access=access)


@pytest.mark.parametrize("scheme", ["imap", "imaps"])
def test_a_token_opens_the_mailbox(server, client, store, scheme):
    ref = add_mail(store)
    deliver(client, bounce(ref, back=verp(ref)))
    found = read_by_token(store, server.url(scheme, "INBOX"), TOKEN, ca_file=server.ca_file)
    assert (found.mails, found.suppressed, found.lost) == (1, {"bounced": 1}, ())


@pytest.mark.parametrize("token", ["ya29.expired", "x" * 3000])
def test_a_token_that_is_not_taken_is_said_and_not_repeated(server, client, store, token):
    with pytest.raises(UsageError, match="does not accept this user and token") as error:
        read_by_token(store, server.imap(), token)
    assert token not in str(error.value)


def test_without_password_or_token_it_is_said_what_is_needed(server, store):
    with pytest.raises(UsageError, match="needs --password or --token"):
        read_feedback(server.imap(), store=store, now=NOW, access=Access(timeout_s=20))


def test_a_token_is_not_for_pop3(server, store):
    with pytest.raises(UsageError, match="token"):
        read_by_token(store, server.pop3(), TOKEN)
