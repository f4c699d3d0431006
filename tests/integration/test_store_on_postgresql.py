"""The store and the suppression list on a real PostgreSQL, reached by a socket of its own."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from hygiene.contacts.suppression import Form, Reason, suppressed_by
from hygiene.contacts.suppression.workspace import (
    add_suppressions,
    count_suppressions,
    erase_people,
    export_suppressions,
    load_suppressions,
)
from hygiene.errors import UnreadableInput, UsageError
from hygiene.store import SCHEMA_VERSION, open_store
from hygiene.tables import METADATA

pytestmark = pytest.mark.server("initdb", "postgres")

KEY = bytes(range(32))
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


@pytest.fixture
def store(url):
    with open_store(url, key=KEY) as opened:
        yield opened
        with opened.writing() as connection:
            METADATA.drop_all(connection)


def test_a_store_is_made_once_by_however_many(url, store):
    with store.writing() as connection:
        METADATA.drop_all(connection)

    def open_and_note(number):
        with open_store(url, key=KEY) as mine:
            add_suppressions(mine, [f"ann{number}@shop.example"], now=NOW)
            return mine.setting("schema version")

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(open_and_note, range(12))) == {str(SCHEMA_VERSION)}
    assert len(load_suppressions(store)) == 12


def test_a_newer_store_and_another_key_are_refused(url, store):
    _ = store.key
    with open_store(url, key=KEY[::-1]) as other, pytest.raises(UsageError, match="could not be recognised"):
        _ = other.key
    with store.writing() as connection:
        connection.execute(text("UPDATE setting SET value = '99' WHERE name = 'schema version'"))
    with pytest.raises(UnreadableInput, match="upgrade"):
        open_store(url)


def test_reasons_grow_stricter_and_moments_earlier(store):
    for reason, day in ((Reason.BOUNCED, 2), (Reason.COMPLAINED, 5), (Reason.MANUAL, 1)):
        add_suppressions(
            store, ["ann@shop.example"], reason=reason, now=NOW + timedelta(days=day), source=reason
        )
    (entry,) = export_suppressions(store).entries
    assert entry[1:] == (Reason.COMPLAINED, NOW + timedelta(days=1), "complained")
    again = add_suppressions(store, ["ann@shop.example", "@b.example"], now=NOW)
    assert (again.added, again.listed) == (1, 1)
    assert count_suppressions(store) == {(Form.ADDRESS, Reason.COMPLAINED): 1, (Form.DOMAIN, Reason.MANUAL): 1}


def test_an_erased_person_is_only_a_hash_and_stays_suppressed(store):
    add_suppressions(store, ["Ann.Lee@gmail.com", "annlee+x@gmail.com", "bob@shop.example"], now=NOW)
    erased = erase_people(store, ["a.nnlee@gmail.com"], now=NOW)
    assert (erased.people, erased.replaced, erased.wiped) == (1, 2, True)
    assert add_suppressions(store, ["ann.lee@gmail.com"], now=NOW).erased == 1
    assert [entry.value for entry in export_suppressions(store).entries] == ["bob@shop.example"]
    assert suppressed_by("annlee@googlemail.com", load_suppressions(store)).reason is Reason.ERASED


def test_nothing_of_an_erased_person_is_left_in_the_table_s_file(url, store):
    data = Path(url.partition("host=")[2]) / "data"
    others = [f"customer{number}@shop.example" for number in range(500)]
    add_suppressions(store, [*others, "ann.lee@shop.example"], now=NOW)
    erase_people(store, ["ann.lee@shop.example"], now=NOW)
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CHECKPOINT"))
        table = connection.scalar(text("SELECT pg_relation_filepath('suppression')"))
    held = (data / table).read_bytes()
    assert b"customer499@shop.example" in held
    assert b"ann.lee@" not in held
