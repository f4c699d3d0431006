"""A person is forgotten everywhere, however their address was written, and nobody else is."""

import hashlib
import json
from datetime import timedelta

import pytest
from sqlalchemy import text, update
from typer.testing import CliRunner

from hygiene.cli.app import app
from hygiene.contacts.suppression import Reason
from hygiene.contacts.suppression.workspace import add_suppressions
from hygiene.errors import UsageError
from hygiene.sending.states import State
from hygiene.service.privacy import apply_retention, erase_everywhere, show_everything
from hygiene.tables import CONSENT, EVENT, METADATA, OPT_OUT, OUTBOX, WEBHOOK
from hygiene.tokens import Purpose

from ..sending.mailings import KEY, START, Clock, Played, new_campaign, send_all, worker_on
from .site import served, settings_of

ANN, OTHER_ANN, BOB = "a.nn+shop@gmail.com", "ANN@googlemail.com", "anna@gmail.com"
PAIR = ["yan@mail.example", "zoe@mail.example"]


@pytest.fixture
def site(tmp_path):
    """Ann under two spellings, and Bob, who looks like her; all of them left, came back, and opened."""
    with served(
        tmp_path / "hygiene.db", people=(ANN, OTHER_ANN, BOB), settings=settings_of(tracking=True)
    ) as found:
        for address in (ANN, OTHER_ANN, BOB):
            found.client.post(f"/u/{found.token(address)}", data={"leave": "topic"})
            found.client.get(f"/o/{found.token(address, Purpose.OPEN)}")
            found.client.post("/subscribe", data={"email": address, "topic": "news"})
        add_suppressions(found.store, [ANN, BOB], reason=Reason.BOUNCED, now=START)
        with found.store.writing() as connection:
            for number in (1, 2, 3):  # as queueing a list makes them
                own = update(OUTBOX).where(OUTBOX.c.id == number)
                connection.execute(own.values(key=hashlib.sha256(bytes([number])).hexdigest()))
            connection.execute(
                update(OUTBOX).values(reply=f"550 <{ANN}> unknown", fields=json.dumps({"n": ANN}))
            )
            connection.execute(update(OUTBOX).where(OUTBOX.c.recipient == BOB).values(reply="", fields="{}"))
            post = {"digest": "d", "provider": "ses", "replay": "r", "at_us": 1, "done_us": 2, "unread": 1}
            connection.execute(WEBHOOK.insert().values(**post, body=f'{{"to": "{ANN.upper()}"}}'.encode()))
        yield found


def everything(site):
    """All text in all tables."""
    with site.store.reading() as connection:
        return "\n".join(
            str(row) for table in METADATA.sorted_tables for row in connection.execute(table.select())
        )


def test_nothing_names_a_person_who_was_erased(site):
    assert ANN in everything(site)
    done = erase_everywhere(site.store, ["ann@gmail.com"], now=START)
    left = everything(site)
    for spelling in (ANN, OTHER_ANN, "ann@gmail.com", "ann@googlemail.com", ANN.upper()):
        assert spelling not in left
    assert BOB in left
    assert done.people == 1
    assert done.rows["outbox"] == 3  # two of the campaign, one that asked back
    assert done.rows["webhook"] == 1


def test_the_file_itself_holds_no_trace(site, tmp_path):
    done = erase_everywhere(site.store, ["ann@gmail.com"], now=START)
    if done.wiped:
        raw = b"".join(path.read_bytes() for path in tmp_path.glob("hygiene.db*"))
        assert ANN.encode() not in raw
        assert BOB.encode() in raw


def test_nobody_else_is_touched(site):
    before = [row for row in site.rows(OUTBOX) + site.rows(EVENT) if row["recipient"] == BOB]
    erase_everywhere(site.store, ["ann@gmail.com"], now=START)
    assert [row for row in site.rows(OUTBOX) + site.rows(EVENT) if row["recipient"] == BOB] == before


def test_rows_stay_so_that_sums_add_up(site):
    before = [len(site.rows(table)) for table in (OUTBOX, EVENT, CONSENT, OPT_OUT)]
    erase_everywhere(site.store, ["ann@gmail.com"], now=START)
    assert [len(site.rows(table)) for table in (OUTBOX, EVENT, CONSENT, OPT_OUT)] == before


def test_they_are_not_mailed_any_more_and_not_listed_again(site):
    erase_everywhere(site.store, ["ann@gmail.com"], now=START)
    with site.store.writing() as connection:
        connection.execute(text("DELETE FROM opt_out"))
        connection.execute(text("DELETE FROM suppression WHERE form = 'address'"))
    transport = Played()
    send_all(worker_on(site.store, transport, Clock()), 1)
    assert [mail.recipient for mail in transport.taken] == [BOB]
    assert add_suppressions(site.store, [ANN], now=START).erased == 1
    states = {row["state"] for row in site.rows(OUTBOX) if row["recipient"] is None}
    assert states == {State.SUPPRESSED}


def test_one_at_its_last_dot_ends_as_it_ends(site):
    with site.store.writing() as connection:
        connection.execute(update(OUTBOX).where(OUTBOX.c.id == 1).values(state=State.DATA, owner="w1"))
    erase_everywhere(site.store, ["ann@gmail.com"], now=START)
    assert site.rows(OUTBOX)[0]["state"] == State.DATA


def test_erasing_twice_or_an_unknown_person_is_no_error(site):
    erase_everywhere(site.store, ["ann@gmail.com"], now=START)
    again = erase_everywhere(site.store, ["ann@gmail.com", "zoe@mail.example"], now=START)
    assert again.rows["outbox"] == again.rows["event"] == 0


def test_what_is_no_address_erases_nobody(site):
    with pytest.raises(UsageError, match="number 2"):
        erase_everywhere(site.store, ["ann@gmail.com", "ann"], now=START)
    assert ANN in everything(site)


@pytest.mark.parametrize("address", ["%@gmail.com", "_nn@gmail.com", "a%@gmail.com"])
def test_signs_of_patterns_mean_themselves(site, address):
    done = erase_everywhere(site.store, [address], now=START)
    assert done.rows["outbox"] == 0
    assert ANN in everything(site)


def test_a_person_sees_all_that_is_held_of_them(site):
    held = show_everything(site.store, "ann@gmail.com")
    assert len(held.mails) == 3
    assert sorted({row["kind"] for row in held.events}) == ["opened", "unsubscribed"]
    assert {row["act"] for row in held.consents} == {"withdrawn", "asked"}
    assert [row["topic"] for row in held.opt_outs] == ["news"]
    assert [row["reason"] for row in held.suppression] == ["bounced"]
    written = json.dumps(held.to_dict())
    assert ANN in written
    assert BOB not in written


def test_old_events_still_count_and_name_nobody(site):
    from hygiene.metrics.measure import measure

    zoe = new_campaign(site.store, ["zoe@mail.example"], name="autumn")
    send_all(worker_on(site.store, Played(), Clock()), zoe)
    site.client.post(f"/u/{site.token('zoe@mail.example', campaign='autumn')}", data={"leave": "topic"})
    before = measure(site.store.place).counts()
    assert before["unsubscribed"] == before["sent"] == 1
    assert apply_retention(site.store, "30d", now=START) == 0
    count = len(site.rows(EVENT))
    later = START.replace(year=START.year + 3)
    assert apply_retention(site.store, "2y", now=later) == count
    assert apply_retention(site.store, "2y", now=later) == 0
    assert {row["recipient"].startswith("erased-") for row in site.rows(EVENT)} == {True}
    assert len(site.rows(EVENT)) == count
    assert measure(site.store.place).counts() == before


def test_a_late_event_of_an_old_mail_names_nobody_either(site):
    later = START + timedelta(days=100)
    with site.store.writing() as connection:
        late = update(EVENT).where(EVENT.c.recipient == BOB, EVENT.c.kind == "opened")
        connection.execute(late.values(ts_us=round(later.timestamp() * 1_000_000)))
    apply_retention(site.store, "30d", now=later)
    assert BOB not in {row["recipient"] for row in site.rows(EVENT)}
    recipients = {row["message_id"]: row["recipient"] for row in site.rows(EVENT)}
    assert len(set(recipients.values())) == len(recipients)


def test_figures_stay_as_they_were_when_somebody_is_erased(site):
    from hygiene.metrics.measure import measure

    send_all(
        worker_on(site.store, Played(), Clock()),
        new_campaign(site.store, PAIR, name="autumn", stream="transactional"),
    )
    for address in PAIR:
        site.client.get(f"/o/{site.token(address, Purpose.OPEN, campaign='autumn')}")
    before = measure(site.store.place).counts()
    erase_everywhere(site.store, PAIR[:1], now=START)
    assert before["opened_all"] > 0
    assert measure(site.store.place).counts() == before


def test_the_service_applies_it(tmp_path):
    from hygiene.config import Settings, WorkspaceSettings

    plain = settings_of()
    with served(tmp_path / "hygiene.db", people=(ANN,)) as site:
        site.client.post(f"/u/{site.token(ANN)}", data={"leave": "topic"})
    kept = Settings(
        streams=plain.streams, service=plain.service, workspace=WorkspaceSettings(keep_events="30d")
    )
    clock = Clock()
    clock.move(days=40)
    with served(tmp_path / "hygiene.db", people=(), settings=kept, clock=clock) as site:
        site.client.get("/readyz")
        import time

        until = time.monotonic() + 20
        while site.rows(EVENT)[0]["recipient"] == ANN and time.monotonic() < until:
            time.sleep(0.02)
        assert site.rows(EVENT)[0]["recipient"].startswith("erased-")


def test_the_commands(tmp_path, monkeypatch):
    with served(tmp_path / "hygiene.db", people=(ANN, BOB)):
        pass
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYGIENE_SUPPRESSION_KEY", KEY.hex())
    run = CliRunner().invoke
    shown = run(app, ["export", "ann@gmail.com", "--format", "json"])
    assert json.loads(shown.stdout)["mails"][0]["recipient"] == ANN
    assert ANN in run(app, ["export", "ann@gmail.com"]).stdout
    done = run(app, ["erase", "ann@gmail.com", "--format", "json"])
    assert json.loads(done.stdout)["rows"]["outbox"] == 1
    assert json.loads(run(app, ["export", "ann@gmail.com", "--format", "json"]).stdout)["mails"] == []
    assert "erased" in run(app, ["erase", "ann@gmail.com"]).stdout
    assert isinstance(run(app, ["retain"]).exception, UsageError)
    monkeypatch.setenv("HYGIENE_WORKSPACE_KEEP_EVENTS", "2y")
    assert "name nobody any more" in run(app, ["retain"]).stdout
