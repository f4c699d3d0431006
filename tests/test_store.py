"""The store: made on first use, never read wrongly, and nothing without its key."""

import sqlite3
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Column, Text, inspect, select, text
from sqlalchemy.exc import StatementError

import hygiene.store as store_module
from hygiene.config import load_settings
from hygiene.errors import UnreadableInput, UnwritableOutput, UsageError
from hygiene.secret_key import KEY_VARIABLE, create_key, parse_key
from hygiene.store import SCHEMA_VERSION, insert_into, open_store, store_exists
from hygiene.tables import DOMAIN_MAIL, METADATA

KEY = bytes(range(32))
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
ROW = {"domain": "shop.example", "verdict": "mail", "detail": "", "asked_at": NOW}


@pytest.fixture(autouse=True)
def workspace(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    return tmp_path


def write(store, **changes):
    with store.writing() as connection:
        connection.execute(insert_into(connection, DOMAIN_MAIL).values(ROW | changes))


def domains(store):
    with store.reading() as connection:
        return connection.scalars(select(DOMAIN_MAIL.c.domain).order_by(DOMAIN_MAIL.c.domain)).all()


# opening


def test_a_store_is_made_here_for_its_owner_alone_and_found_again(workspace):
    with open_store() as store:
        write(store)
    assert stat.S_IMODE((workspace / "hygiene.db").stat().st_mode) == 0o600
    with open_store() as store:
        assert domains(store) == ["shop.example"]
        assert store.setting("schema version") == str(SCHEMA_VERSION)


def test_sqlite_is_set_up_to_share_and_to_forget():
    with open_store() as store, store.reading() as connection:
        pragmas = [
            connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "foreign_keys", "secure_delete", "busy_timeout")
        ]
    assert pragmas == ["wal", 1, 1, 10_000]


def test_looking_does_not_make_a_store(workspace):
    with pytest.raises(UnreadableInput, match=r"no store hygiene\.db here"):
        open_store(create=False)
    assert not store_exists()
    assert not list(workspace.iterdir())


def test_a_newer_store_is_left_alone():
    with open_store() as store, store.writing() as connection:
        connection.execute(text("UPDATE setting SET value = '99' WHERE name = 'schema version'"))
    with pytest.raises(UnreadableInput, match=r"newer hygiene \(schema 99.*upgrade"):
        open_store()


def test_an_older_store_is_brought_up_to_date_once(monkeypatch):
    calls = []
    with open_store() as store:
        write(store)
    new = store_module.Table("thing", METADATA, Column("name", Text, primary_key=True))
    monkeypatch.setattr(store_module, "SCHEMA_VERSION", SCHEMA_VERSION + 2)
    monkeypatch.setitem(store_module.MIGRATIONS, SCHEMA_VERSION, calls.append)
    try:
        for _ in range(2):
            with open_store() as store, store.reading() as connection:
                assert connection.execute(select(new)).all() == []
            assert len(calls) == 1
        with open_store() as store:
            assert domains(store) == ["shop.example"]
    finally:
        METADATA.remove(new)


def other_program(path):
    sqlite3.connect(path).execute("CREATE TABLE cookies (name)").connection.close()


def no_version(path):
    sqlite3.connect(path).execute("CREATE TABLE setting (name, value)").connection.close()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: path.write_text("ann@shop.example\n" * 99), "file is not a database"),
        (other_program, "another program"),
        (no_version, "no schema version"),
    ],
)
def test_what_is_no_store_is_refused_and_stays_as_it_is(workspace, make, why):
    make(workspace / "hygiene.db")
    before = (workspace / "hygiene.db").read_bytes()
    with pytest.raises(UnreadableInput, match=why):
        open_store()
    assert (workspace / "hygiene.db").read_bytes() == before


@pytest.mark.parametrize("url", ["mysql://localhost/x", "://", "postgresql+nothing://x/y"])
def test_what_names_no_store_is_refused(url):
    with pytest.raises(UsageError, match="a file name or a URL like"):
        open_store(url)


def test_a_place_that_cannot_hold_a_store_is_said(workspace):
    (workspace / "taken").write_text("")
    with pytest.raises(UnwritableOutput, match="cannot be opened"):
        open_store("taken/hygiene.db")
    with pytest.raises(UnwritableOutput, match="cannot be opened"):
        open_store(str(workspace))


def test_a_missing_driver_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(UsageError, match=r"hygiene\[postgres\]"):
        open_store("postgresql://localhost/x")


def test_an_unreachable_server_is_said_without_the_password(workspace):
    with pytest.raises(UnreadableInput, match="cannot be used") as error:
        open_store(f"postgresql://ann:sesame@/shop?host={workspace}")
    assert "sesame" not in str(error.value)
    assert "\n" not in str(error.value)


def test_the_settings_of_the_workspace(workspace):
    (workspace / "hygiene.toml").write_text('[workspace]\nstore = "a.db"\nkey_file = "a.key"\n')
    settings = load_settings(environ={"HYGIENE_WORKSPACE_STORE": "b.db", KEY_VARIABLE: "x"}).workspace
    assert (settings.store, settings.key_file) == ("b.db", "a.key")


# transactions


def test_a_transaction_is_written_whole_or_not_at_all():
    with open_store() as store:
        with pytest.raises(ZeroDivisionError), store.writing() as connection:
            _ = connection.execute(insert_into(connection, DOMAIN_MAIL).values(ROW)).rowcount / 0
        assert domains(store) == []


def test_writers_take_turns():
    def note(number):
        with open_store() as store:
            write(store, domain=f"shop{number:02}.example")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(note, range(24)))
    with open_store() as store:
        assert domains(store) == [f"shop{number:02}.example" for number in range(24)]


def test_a_reader_sees_one_state_while_another_writes():
    with open_store() as store, open_store() as other, store.reading() as connection:
        assert connection.execute(select(DOMAIN_MAIL)).all() == []
        write(other)
        assert connection.execute(select(DOMAIN_MAIL)).all() == []
        assert domains(other) == ["shop.example"]


def test_moments_are_kept_in_utc_and_naive_ones_refused():
    with open_store() as store:
        write(store, asked_at=NOW.astimezone(timezone(timedelta(hours=5, minutes=45))))
        with store.reading() as connection:
            kept = connection.scalar(select(DOMAIN_MAIL.c.asked_at))
        assert (kept, kept.utcoffset()) == (NOW, timedelta(0))
        with pytest.raises(StatementError, match="time zone"):
            write(store, domain="naive.example", asked_at=NOW.replace(tzinfo=None))


# the key


def test_the_key_is_made_once_for_its_owner_alone_and_not_kept_in_the_store(workspace):
    with open_store() as store:
        assert not (workspace / "hygiene.key").exists()  # nothing has needed it
        key = store.key
    with open_store() as store:
        assert store.key == key
    assert len(key) == 32
    assert stat.S_IMODE((workspace / "hygiene.key").stat().st_mode) == 0o600
    assert {path.name for path in workspace.iterdir()} == {"hygiene.db", "hygiene.key"}
    held = (workspace / "hygiene.db").read_bytes()
    assert key not in held
    assert key.hex().encode() not in held


def test_the_environment_holds_the_key_before_the_file(workspace, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, KEY.hex().upper())
    with open_store() as store:
        assert store.key == KEY
    assert not (workspace / "hygiene.key").exists()


def test_a_wrong_key_is_refused():
    with open_store(key=KEY) as store:
        assert store.key == KEY
    with open_store(key=KEY[::-1]) as store, pytest.raises(UsageError, match="could not be recognised"):
        _ = store.key


def test_a_key_that_is_gone_is_not_made_anew(workspace):
    with open_store() as store:
        _ = store.key
    (workspace / "hygiene.key").unlink()
    with open_store() as store, pytest.raises(UnreadableInput, match="put it back"):
        _ = store.key
    assert not (workspace / "hygiene.key").exists()


@pytest.mark.parametrize("written", ["", "sesame", "ab" * 31, "é" * 64])
def test_what_is_no_key_is_not_shown(workspace, written):
    (workspace / "hygiene.key").write_text(written)
    with open_store() as store, pytest.raises(UsageError, match="64 hexadecimal") as error:
        _ = store.key
    assert not written or written not in str(error.value)


def test_all_who_need_a_key_at_once_get_the_same(workspace):
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: create_key(workspace / "shared.key"), range(16)))
    assert keys == {parse_key((workspace / "shared.key").read_text(), "")}


def test_a_key_that_cannot_be_written_is_said(workspace):
    (workspace / "taken").write_text("")
    with (
        open_store(key=workspace / "taken" / "x.key") as store,
        pytest.raises(UnreadableInput, match="key file"),
    ):
        _ = store.key


def test_a_store_of_before_has_its_indexes(tmp_path):
    place = str(tmp_path / "w.db")
    with open_store(place) as store, store.writing() as connection:
        connection.execute(text("DROP INDEX outbox_unsent"))
        connection.execute(text("UPDATE setting SET value = '2' WHERE name = 'schema version'"))
    with open_store(place) as store, store.reading() as connection:
        names = {each["name"] for each in inspect(connection).get_indexes("outbox")}
    assert "outbox_unsent" in names
