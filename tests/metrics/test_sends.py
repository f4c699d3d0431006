"""Lists of what was sent, and orders, beside a log that says neither."""

import pandas as pd
import pytest

from hygiene.errors import UsageError
from hygiene.metrics.measure import measure


def said(event, name, message, at, **more):
    told = {"event": event, "email": f"{name}@x.example", "campaign": "one", "message_id": message}
    return {**told, "timestamp": f"2026-11-{at}Z", **more}


LOG = pd.DataFrame(
    [
        said("delivered", "a", "m-1", "01T08:00:05"),
        said("clicked", "a", "m-1", "02T08:00:05", url="https://x.example"),
        said("bounced", "b", "m-2", "01T08:00:09"),
    ]
)
PEOPLE = ["a@x.example", "B@x.example", "c@x.example"]


def sent(**columns):
    told = {"Email": PEOPLE, "Campaign": "one", "Sent at": "2026-11-01 08:00:00"}
    return pd.DataFrame({**told, **columns})


def counts(*, sends, log=LOG, **options):
    kpis = measure(log, sends=sends, causes=False, **options)
    return kpis, {name: kpis.counts()[name] for name in ("sent", "delivered", "bounced", "pending", "inferred")}


@pytest.mark.parametrize("names", [{}, {"Message ID": ["m-1", "m-2", "m-3"]}])
@pytest.mark.parametrize("form", ["frame", "csv", "parquet", "jsonl"])
def test_a_list_says_what_was_sent(tmp_path, form, names):
    sends = sent(**names)
    if form != "frame":
        path = tmp_path / f"sends.{form}"
        if form == "csv":
            sends.to_csv(path, index=False)
        elif form == "parquet":
            sends.assign(event="sent").to_parquet(path, index=False)
        else:
            sends.assign(event="sent").to_json(path, orient="records", lines=True)
        sends = path
    kpis, found = counts(sends=sends)
    assert found == {"sent": 3, "delivered": 1, "bounced": 1, "pending": 1, "inferred": 0}
    assert kpis.account.orphaned == 0


def test_a_log_that_names_no_messages_is_joined_by_campaign():
    log = LOG.drop(columns="message_id").rename(columns={"email": "recipient"})
    _, found = counts(sends=sent(), log=log)
    assert (found["sent"], found["delivered"], found["pending"]) == (3, 1, 1)


@pytest.mark.parametrize("sends", [sent(Email=["x@y.example"] * 3), sent(Campaign="two")])
def test_a_list_of_other_mails_is_refused(sends):
    with pytest.raises(UsageError, match="no send of the list is of a mail of the log"):
        counts(sends=sends)


def test_what_is_no_list_of_sends_and_what_are_no_orders_is_refused():
    with pytest.raises(UsageError, match="--sends holds no list of what was sent, but 3 other events"):
        counts(sends=LOG)
    with pytest.raises(UsageError, match="--orders holds no order, but 3 other events"):
        measure(LOG, orders=LOG, causes=False)


def test_orders_are_credited_to_the_last_click(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text(
        "Order ID,Email,Date,Total,Currency\n"
        "1,A@x.example,2026-11-03T08:00:00Z,20.50,EUR\n"
        "2,a@x.example,2026-11-20T08:00:00Z,99.00,EUR\n",
        encoding="utf-8",
    )
    kpis = measure(LOG, orders=path, causes=False)
    assert (kpis.account.orders, kpis.account.credited, kpis.account.currency) == (2, 1, "EUR")
    assert kpis["conversion_rate"].value == 1.0
    assert kpis["revenue_per_mail"].value == 20.5


def test_lines_of_orders_that_are_not_understood_are_said(tmp_path):
    from hygiene.render.terminal import render_terminal

    path = tmp_path / "orders.csv"
    lines = ["Order ID,Email,Date,Total,Currency", "1,a@x.example,2026-11-02T09:00:00Z,20.50,EUR"]
    path.write_text("\n".join([*lines, "2,a@x.example,soon,x", "3,too,many,cells,for,this,line"]), "utf-8")
    kpis = measure(LOG, orders=path, causes=False)
    said = " ".join(render_terminal(kpis.sections(), width=100, colour=False).split())
    assert "orders.csv: 2 lines not understood and left out" in said
    assert kpis.account.orders == 1


def test_lines_of_sends_that_are_not_understood_are_said(tmp_path):
    path = tmp_path / "sends.csv"
    lines = ["Email,Campaign,Sent at", "a@x.example,one,2026-11-01 08:00:00", "b@x.example,one,x,y,z"]
    path.write_text("\n".join(lines), "utf-8")
    kpis, _ = counts(sends=path)
    assert any("1 line not understood and left out" in note for note in kpis.account.notes)


def test_campaigns_are_compared_without_case():
    kpis, found = counts(sends=sent(Campaign=" ONE"), by="campaign")
    assert found == {"sent": 3, "delivered": 1, "bounced": 1, "pending": 1, "inferred": 0}
    assert [value.slice["campaign"] for value in kpis.by_slice if value.name == "delivery_rate"] == [
        "one",
        "ONE",
    ]


@pytest.mark.parametrize("without", ["log", "list", "both"])
def test_one_mailing_needs_no_campaign(without):
    log = LOG if without == "list" else LOG.drop(columns="campaign")
    sends = sent() if without == "log" else sent().drop(columns="Campaign")
    _, found = counts(sends=sends, log=log)
    assert found == {"sent": 3, "delivered": 1, "bounced": 1, "pending": 1, "inferred": 0}


def test_a_list_without_campaigns_is_not_joined_to_several():
    log = pd.concat([LOG, LOG.assign(campaign="two", message_id=LOG["message_id"] + "-2")])
    with pytest.raises(UsageError, match="no send of the list is of a mail of the log"):
        counts(sends=sent().drop(columns="Campaign"), log=log)


def test_several_mails_to_a_person_are_told_apart_by_their_order():
    """As of an automation; with as many sends as messages, else nobody knows which is which."""
    log = pd.DataFrame(
        [
            said("delivered", "a", "m-2", "08T08:00:05"),
            said("delivered", "a", "m-1", "01T08:00:05"),
            said("bounced", "b", "m-3", "01T08:00:05"),
            said("delivered", "b", "m-4", "08T08:00:05"),
        ]
    )
    times = ["2026-11-08 08:00:00", "2026-11-01 08:00:00", "2026-11-01 08:00:00"]
    sends = pd.DataFrame(
        {"Email": ["a@x.example", "a@x.example", "b@x.example"], "Campaign": "one", "Sent at": times}
    )
    kpis, found = counts(sends=sends, log=log, by="day")
    assert (found["sent"], found["delivered"]) == (2, 2)
    days = [value for value in kpis.by_slice if value.name == "delivery_rate"]
    assert [value.n for value in days] == [1, 1]
    assert kpis.account.orphaned > 0  # b's
