"""The state of a workspace: tables in an SQLite file or, by URL, in PostgreSQL, and the key that erasure needs.

To add a table, declare it in `hygiene.tables` and raise SCHEMA_VERSION: what is missing is made on opening.
Changing a table that exists takes an entry in MIGRATIONS as well.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Table,
    create_engine,
    event,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError

from hygiene.errors import UnreadableInput, UnwritableOutput, UsageError
from hygiene.secret_key import DEFAULT_KEY_FILE, create_key, find_key, fingerprint
from hygiene.tables import METADATA, OUTBOX_UNSENT, SETTING

SCHEMA_VERSION = 3
DEFAULT_STORE = "hygiene.db"

_FINGERPRINT = "key fingerprint"
_WAIT_S = 10  # for another program's write to end
_LOCK = 0x68796769656E65  # ours among PostgreSQL's advisory locks
#: transactions of others that may still see rows as they were at a transaction's number
_OLD_SNAPSHOTS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND backend_xmin IS NOT NULL AND age(backend_xmin) >= age(CAST(:now AS xid))
"""
_DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}

#: version → what turns a store of that version into the next
MIGRATIONS: dict[int, Callable[[Connection], None]] = {
    2: lambda connection: OUTBOX_UNSENT.create(connection, checkfirst=True),
}


class Store:
    """An open workspace; leave it with `close()` or a ``with`` block. Made by `open_store`."""

    def __init__(self, engine: Engine, place: str, key: bytes | Path) -> None:
        self.engine, self.place, self._key_source = engine, place, key

    def __repr__(self) -> str:
        return f"Store({self.place!r})"

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the store."""
        with _explained(self.place), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self, *, alone: bool = False) -> Iterator[Connection]:
        """A transaction that writes all or nothing; `alone` keeps others that ask for it out until it ends."""
        with _explained(self.place), self.engine.connect() as plain:
            connection = plain.execution_options(hygiene_writes=True)
            with connection.begin():
                if alone and connection.dialect.name == "postgresql":
                    connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
                yield connection

    def setting(self, name: str) -> str | None:
        """A setting that the store itself keeps."""
        with self.reading() as connection:
            return _setting(connection, name)

    @cached_property
    def key(self) -> bytes:
        """The secret of keyed hashes: given, in HYGIENE_SUPPRESSION_KEY, or in the key file, made when needed.

        Raises UsageError if it is not the key this store was made with, UnreadableInput if that one is gone.
        """
        source = self._key_source
        key = source if isinstance(source, bytes) else find_key(source) or self._new_key(source)
        if _kept(self, _FINGERPRINT, fingerprint(key)) != fingerprint(key):
            raise UsageError(
                f"the key given is not the one {self.place} was made with: "
                "people who were erased could not be recognised"
            )
        return key

    def _new_key(self, path: Path) -> bytes:
        if self.setting(_FINGERPRINT):
            raise UnreadableInput(
                f"the key file {path} is missing and {self.place} was made with one: put it back, "
                "or people who were erased could not be recognised"
            )
        return create_key(path)

    def wipe(self, tables: Sequence[str]) -> bool:
        """Leave no copy of rows that are gone; False when another program kept that from being done.

        In PostgreSQL `tables` are written anew, and nobody else uses them meanwhile; the server's own log and
        backups are its administrator's to expire. In SQLite it is always the whole file.
        """
        try:
            if self.engine.dialect.name == "postgresql":
                return _wipe_postgresql(self.engine, tables)
            return _wipe_sqlite(self.engine)
        except (DBAPIError, sqlite3.Error):
            return False


def open_store(url: str | None = None, *, key: bytes | Path = DEFAULT_KEY_FILE, create: bool = True) -> Store:
    """The store at `url`: a file name, or ``postgresql://user@host/database``; by default ``hygiene.db`` here.

    `key` is the secret itself, or the file it stands in, which is read, and made, only when something needs it.
    With `create` false a store that is not there is an UnreadableInput instead of a new one. Raises UsageError
    for what is no such place, UnreadableInput for what is there and cannot be used.
    """
    where = _parse_url(url or DEFAULT_STORE)
    place = where.database or "" if where.get_backend_name() == "sqlite" else where.render_as_string()
    if not create and not _is_there(where):
        raise UnreadableInput(f"there is no store {place} here yet: nothing is listed in it")
    store = Store(_engine(where, place), place, key)
    try:
        _prepare(store)
    except BaseException:
        store.close()
        raise
    return store


def store_exists(url: str | None = None) -> bool:
    """Whether there is a store to open; a server is taken to have one."""
    return _is_there(_parse_url(url or DEFAULT_STORE))


def insert_into(connection: Connection, table: Table[Any]) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows ON CONFLICT in the words of the connected database."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


# where it is


def _parse_url(written: str) -> URL:
    if "://" not in written:
        return URL.create(_DRIVERS["sqlite"], database=str(Path(written).expanduser()))
    try:
        url = make_url(written)
    except ArgumentError:
        url = URL.create("unknown")
    if url.drivername not in _DRIVERS:
        raise UsageError("the store must be a file name or a URL like postgresql://user@host/database")
    return url.set(drivername=_DRIVERS[url.drivername])


def _is_there(url: URL) -> bool:
    return url.get_backend_name() != "sqlite" or Path(url.database or "").is_file()


def _engine(url: URL, place: str) -> Engine:
    if url.get_backend_name() == "postgresql":
        try:
            return create_engine(url, hide_parameters=True, pool_pre_ping=True)
        except ImportError:
            raise UsageError(
                "a store in PostgreSQL needs its driver: pip install 'hygiene[postgres]'"
            ) from None
    _make_private(Path(url.database or ""), place)
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": _WAIT_S})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_private(path: Path, place: str) -> None:
    """Addresses are nobody else's to read: the file is its owner's alone."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise UnwritableOutput(f"the store {place} cannot be opened: {error.strerror or error}") from None


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions begin below, not where the driver sees fit
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("hygiene_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _wipe_sqlite(engine: Engine) -> bool:
    with closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        busy, *_ = cursor.fetchone() or (1,)
        return not busy


def _wipe_postgresql(engine: Engine, tables: Sequence[str]) -> bool:
    """Write tables anew, once nobody may look at rows any more that are gone (an old snapshot keeps them)."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.detach()  # its settings go with it
        connection.execute(text(f"SET lock_timeout = '{_WAIT_S}s'"))
        now = str((connection.scalar(text("SELECT txid_current()")) or 0) % 2**32)
        for _ in range(_WAIT_S * 10):
            if not connection.scalar(text(_OLD_SNAPSHOTS), {"now": now}):
                break
            connection.execute(text("SELECT pg_sleep(0.1)"))
        else:
            return False
        for name in tables:
            connection.execute(text(f'VACUUM (FULL, ANALYZE) "{METADATA.tables[name].name}"'))
    return True


@contextmanager
def _explained(place: str) -> Iterator[None]:
    """Errors of the database in one sentence, without the values it was given."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        cause = getattr(error, "orig", None) or error
        reason = (str(cause).splitlines() or [type(cause).__name__])[0]
        raise UnreadableInput(f"the store {place} cannot be used: {reason}") from None


# what is in it


def _prepare(store: Store) -> None:
    with store.reading() as connection:
        version = _version(connection, store.place)
    if version == SCHEMA_VERSION:
        return
    if version is None and store.engine.dialect.name == "sqlite":
        _execute_plainly(store, "PRAGMA journal_mode = WAL")  # the file remembers
    with store.writing(alone=True) as connection:
        version = _version(connection, store.place)  # another program may have been faster
        for step in range(version or SCHEMA_VERSION, SCHEMA_VERSION):
            if step in MIGRATIONS:
                MIGRATIONS[step](connection)
        METADATA.create_all(connection)
        rows = insert_into(connection, SETTING).values(name="schema version", value=str(SCHEMA_VERSION))
        connection.execute(
            rows.on_conflict_do_update(index_elements=["name"], set_={"value": str(SCHEMA_VERSION)})
        )


def _execute_plainly(store: Store, statement: str) -> None:
    """Outside any transaction."""
    with _explained(store.place), closing(store.engine.raw_connection()) as connection:
        connection.cursor().execute(statement)


def _version(connection: Connection, place: str) -> int | None:
    """The schema version; None when nothing has been made yet."""
    tables = set(inspect(connection).get_table_names())
    if "setting" not in tables:
        if tables and connection.dialect.name == "sqlite":
            raise UnreadableInput(f"{place} is a database of another program")
        return None
    written = _setting(connection, "schema version") or ""
    if not written.isdecimal():
        raise UnreadableInput(f"{place} is not a store of this program: it has no schema version")
    if int(written) > SCHEMA_VERSION:
        raise UnreadableInput(
            f"the store {place} was written by a newer hygiene (schema {written}, this one knows "
            f"{SCHEMA_VERSION}): upgrade hygiene"
        )
    return int(written)


def _setting(connection: Connection, name: str) -> str | None:
    return connection.scalar(select(SETTING.c.value).where(SETTING.c.name == name))


def _kept(store: Store, name: str, value: str) -> str | None:
    """The value of a setting that is written once; the first writer's counts."""
    if (known := store.setting(name)) is not None:
        return known
    with store.writing() as connection:
        row: Mapping[str, str] = {"name": name, "value": value}
        connection.execute(insert_into(connection, SETTING).values(row).on_conflict_do_nothing())
        return _setting(connection, name)
