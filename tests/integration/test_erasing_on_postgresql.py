"""On a real PostgreSQL: of a person who was erased no dead row is left in any table's file, nor in an index."""

from pathlib import Path

import pytest
from sqlalchemy import insert, text

from hygiene.contacts.suppression.workspace import add_suppressions
from hygiene.service.people import person_of
from hygiene.service.privacy import erase_everywhere
from hygiene.store import open_store
from hygiene.tables import CONSENT, EVENT, METADATA, WEBHOOK

from ..sending.mailings import KEY, START, START_US, new_campaign

pytestmark = pytest.mark.server("initdb", "postgres")

ANN, BOB = "ann.lee@shop.example", "bob.ray@shop.example"


@pytest.fixture
def store(url):
    with open_store(url, key=KEY) as opened:
        yield opened
        with opened.writing() as connection:
            METADATA.drop_all(connection)


def fill(store):
    """Both of them in every table that can name a person."""
    new_campaign(store, [ANN, BOB])
    add_suppressions(store, [ANN, BOB], now=START)
    with store.writing() as connection:
        connection.execute(text("UPDATE outbox SET key = md5(key)"))  # as queueing makes them, of a hash
        for number, address in enumerate((ANN, BOB)):
            event = {
                "event_id": f"e{number}",
                "source": "outbox",
                "message_id": f"m{number}",
                "kind": "clicked",
            }
            link = f"https://shop.example/?who={address}"
            connection.execute(insert(EVENT).values(**event, recipient=address, url=link, ts_us=START_US))
            said = {"topic": "news", "act": "confirmed", "wording": "w", "remote": "r", "agent": "a"}
            person = person_of(address, store.key)
            connection.execute(insert(CONSENT).values(**said, person=person, address=address, at_us=START_US))
            post = {"digest": f"d{number}", "provider": "ses", "replay": f"r{number}", "at_us": 1, "done_us": 2}
            connection.execute(insert(WEBHOOK).values(**post, unread=1, body=address.encode()))


def files_of(store, url):
    """The octets of every table and index."""
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CHECKPOINT"))
        query = "SELECT relname, pg_relation_filepath(oid) FROM pg_class WHERE relkind IN ('r', 'i', 't')"
        query += " AND relnamespace IN ('public'::regnamespace, 'pg_toast'::regnamespace)"
        places = connection.execute(text(query)).all()
    data = Path(url.partition("host=")[2]) / "data"
    return {name: (data / place).read_bytes() for name, place in places if place}


def naming(store, url, address):
    return {name for name, held in files_of(store, url).items() if address.encode() in held}


def test_no_file_of_a_table_or_index_holds_an_erased_person(store, url):
    fill(store)
    tables = {"outbox", "event", "consent", "webhook", "suppression", "event_recipient"}
    assert tables <= naming(store, url, ANN)
    done = erase_everywhere(store, [ANN], now=START)
    assert done.wiped
    assert naming(store, url, ANN) == set()
    assert naming(store, url, BOB) == tables


def test_who_still_looks_at_old_rows_keeps_them_and_that_is_said(store, url, monkeypatch):
    monkeypatch.setattr("hygiene.store._WAIT_S", 1)
    fill(store)
    with open_store(url, key=KEY) as other, other.engine.connect() as looking:
        looking.execution_options(isolation_level="REPEATABLE READ")
        looking.execute(text("SELECT count(*) FROM setting"))
        assert not erase_everywhere(store, [ANN], now=START).wiped
    assert erase_everywhere(store, [ANN], now=START).wiped
    assert naming(store, url, ANN) == set()


def test_a_table_in_use_is_waited_for_and_not_for_ever(store, url, monkeypatch):
    monkeypatch.setattr("hygiene.store._WAIT_S", 1)
    fill(store)
    with open_store(url, key=KEY) as other, other.engine.connect() as holding:
        holding.execute(text("LOCK TABLE event IN ACCESS SHARE MODE"))
        assert not erase_everywhere(store, [ANN], now=START).wiped
    with store.reading() as connection:
        assert connection.scalar(text("SHOW lock_timeout")) == "0"
