"""Who confirmed, as a list: with the evidence, without those who left, and read by a cleaning as consent."""

import csv
import io
import json

import pytest
from sqlalchemy import delete
from typer.testing import CliRunner

from hygiene.cli.app import app
from hygiene.config import CleaningPolicy
from hygiene.contacts.clean import clean_contacts
from hygiene.contacts.suppression import Reason
from hygiene.contacts.suppression.workspace import add_suppressions
from hygiene.errors import UsageError
from hygiene.service.privacy import erase_everywhere
from hygiene.service.subscribers import COLUMNS, read_subscribers
from hygiene.tables import OPT_OUT, SUPPRESSION
from hygiene.tokens import Purpose

from ..sending.mailings import START
from .site import PEOPLE, served
from .test_consent import DEE, WORDING, link, subscribe

EVE, FAY = "eve@mail.example", "fay@mail.example"


@pytest.fixture
def site(tmp_path):
    with served(tmp_path / "hygiene.db") as found:
        yield found


def join(site, address, *, topic="news", agent="Browser/2"):
    """Ask for a list, and press the button three hours later."""
    subscribe(site, address, topic)
    site.site.clock.move(hours=3)
    assert site.client.post(link(site), headers={"user-agent": agent}).status_code == 200


def rows(site, topic=None):
    return list(csv.DictReader(io.StringIO(read_subscribers(site.store, topic).to_csv())))


def who(site, topic=None):
    return [row["email"] for row in rows(site, topic)]


def test_the_evidence_is_in_the_file(site):
    join(site, DEE)
    [row] = rows(site)
    assert list(row) == list(COLUMNS)
    assert row == {  # the client of the tests has a name in place of an address
        "email": DEE,
        "topic": "news",
        "status": "subscribed",
        "asked_at": "2026-11-27T09:00:00+00:00",
        "asked_from": "testclient",
        "confirmed_at": "2026-11-27T12:00:00+00:00",
        "confirmed_from": "testclient",
        "confirmed_with": "Browser/2",
        "agreed_to": WORDING,
    }


def test_who_did_not_press_the_button_is_not_in_it(site):
    subscribe(site, DEE)
    assert who(site) == []
    assert read_subscribers(site.store).left == 0


def test_who_left_is_suppressed_or_erased_is_not_in_it(site):
    for address in (DEE, EVE, FAY, PEOPLE[0]):
        join(site, address)
    assert who(site, "news") == [DEE, EVE, FAY, PEOPLE[0]]
    site.client.post(f"/u/{site.token(PEOPLE[0])}", data={"List-Unsubscribe": "One-Click"})
    add_suppressions(site.store, [EVE], reason=Reason.COMPLAINED, now=START)
    erase_everywhere(site.store, [FAY], now=site.site.now)
    assert who(site) == [DEE]
    assert read_subscribers(site.store).left == 3


def test_who_came_back_is_in_it_with_the_new_evidence(site):
    join(site, PEOPLE[0])
    token = site.token(PEOPLE[0], Purpose.UNSUBSCRIBE)
    site.client.post(f"/u/{token}", data={"List-Unsubscribe": "One-Click"})
    assert who(site) == []
    site.site.clock.move(days=1)
    join(site, PEOPLE[0], agent="Browser/3")
    assert [(row["email"], row["confirmed_with"]) for row in rows(site)] == [(PEOPLE[0], "Browser/3")]


def test_leaving_everything_leaves_this_list_too(site):
    join(site, PEOPLE[0])
    assert site.client.post(f"/u/{site.token(PEOPLE[0])}", data={"leave": "all"}).status_code == 200
    assert who(site) == []
    with site.store.writing() as connection:  # as an administrator may; the withdrawal itself still stands
        connection.execute(delete(SUPPRESSION))
        connection.execute(delete(OPT_OUT))
    assert who(site) == []


def test_a_list_that_is_not_there_is_said(site):
    join(site, DEE)
    with pytest.raises(UsageError, match="no list 'offers'; there are news"):
        read_subscribers(site.store, "offers")


def test_no_cell_is_a_formula(site):
    join(site, DEE, agent='=HYPERLINK("https://evil.example")')
    assert rows(site)[0]["confirmed_with"] == '\'=HYPERLINK("https://evil.example")'


def test_a_cleaning_takes_it_for_confirmed_consent(site, tmp_path):
    for address in (DEE, EVE):
        join(site, address)
    export = tmp_path / "news.csv"
    export.write_text(read_subscribers(site.store, "news").to_csv(), "utf-8")
    cleaned = clean_contacts(export, CleaningPolicy(require_confirmed=True), output=tmp_path / "cleaned")
    assert list(cleaned.kept["email"]) == [DEE, EVE]
    assert "hygiene subscribers" in str(cleaned.to_dict())


def test_the_command_writes_the_file(site, tmp_path, monkeypatch):
    join(site, DEE)
    join(site, PEOPLE[0])
    site.client.post(f"/u/{site.token(PEOPLE[0])}", data={"List-Unsubscribe": "One-Click"})
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["subscribers", "export", "--topic", "news", "-o", "news.csv"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "news.csv").read_text("utf-8") == read_subscribers(site.store, "news").to_csv()
    assert "1 written to news.csv" in done.output
    assert "1 who confirmed once are left out" in done.output
    shown = CliRunner().invoke(app, ["subscribers", "export", "--format", "json"])
    assert [row["email"] for row in json.loads(shown.stdout)["subscribers"]] == [DEE]
