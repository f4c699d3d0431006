"""Mails and people told by numbers, as files are read, and by their texts: the same mails either way."""

import json

import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings

import hygiene
from hygiene.metrics.counts import count
from hygiene.metrics.opened import open_mails

from .logs import events, table
from .simulator import simulate

#: columns that a count by campaign does not ask for
SPARED = ("event_id", "value_micros", "currency", "reason", "smtp_status", "provider", "domain")
#: of mails touched in the same microsecond, an order goes to the one with the smaller name: or number
ORDERED = ("converted", "orders", "revenue_micros")


def found(log, *, named, **options):
    with open_mails(log, named=named, **options) as opened:
        mails = opened.found
        total = count(mails.mails, engine=opened.tables).to_pylist()
        slices = count(
            mails.mails, ["campaign", "provider", "source", "week"], engine=opened.tables
        ).to_pylist()
        kind = opened.events.reading.connection.execute(
            "select typeof(recipient) from events limit 1"
        ).fetchall()
        return kind, (
            total,
            [{name: number for name, number in row.items() if name not in ORDERED} for row in slices],
            [mails.orphans, mails.duplicates, mails.swept_clicks, mails.orders],
        )


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(events(), min_size=1, max_size=40))
def test_numbers_find_what_texts_find(tmp_path, rows):
    path = tmp_path / "log.parquet"
    pyarrow.parquet.write_table(table(rows), path)
    (by_text, texts), (by_number, numbers) = (found(path, named=named) for named in (True, False))
    assert (by_text, by_number) == ([("VARCHAR",)], [("UBIGINT",)])
    assert numbers == texts
    with open_mails(path, spared=SPARED) as opened:
        total = count(opened.found.mails, engine=opened.tables).to_pylist()
        orders, words = opened.found.orders, opened.events.report.unknown_words
    with open_mails(path, named=True) as opened:
        assert words == opened.events.report.unknown_words
    assert (total, orders) == (texts[0], texts[2][3])


@pytest.mark.parametrize("seed", range(2))
def test_numbers_find_what_texts_find_in_campaigns(tmp_path, seed):
    path = tmp_path / "log.parquet"
    pyarrow.parquet.write_table(table(simulate(seed).rows), path)
    assert found(path, named=True)[1] == found(path, named=False)[1]


def test_what_is_to_be_matched_stays_text(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("event,email,campaign,timestamp\nsent,a@x.example,one,2026-11-01T08:00:00Z\n")
    sends = tmp_path / "sends.csv"
    sends.write_text("email,campaign,sent_at\na@x.example,one,2026-11-01\nb@x.example,one,2026-11-01\n")
    assert found(path, named=False)[0] == [("UBIGINT",)]
    assert found(path, named=False, sends=sends)[0] == [("VARCHAR",)]
    joined = {"recipient": ["a@x.example"], "joined_us": [1_790_000_000_000_000]}
    kpis = hygiene.measure(path, by="cohort", causes=False, joined=pa.table(joined))
    assert kpis.counts()["submitted"] == 1


def test_what_is_not_asked_for_is_not_kept(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(
        "event,email,campaign,timestamp,reason,status\n"
        "sent,a@x.example,one,2026-11-01T08:00:00Z,,\n"
        "bounced,a@x.example,one,2026-11-01T08:00:09Z,550 5.1.1 no such user,5.1.1\n"
        "polished,a@x.example,one,2026-11-01T08:00:09Z,,\n"
    )
    spared = ("smtp_status", "reason", "variant")
    with open_mails(path, spared=spared) as opened:
        columns = [name for name, *_ in opened.events.reading.connection.execute("describe events").fetchall()]
        assert not {"smtp_status", "variant"} & {*columns}
        assert opened.events.report.unknown_words == {"polished": 1}
        mail = opened.tables.collect(opened.found.mails).to_pylist()[0]
    assert (mail["state"], mail["bounce_class"], mail["reason"]) == ("bounced", "hard", None)


def test_a_number_is_the_same_however_it_is_read(tmp_path):
    """Mails to several are read by their text, where DuckDB writes 1.5e22, others in columns: 1.5e+22."""
    path = tmp_path / "log.jsonl"
    usual = [ses("Send", f"m{number}", ["a@x.example"]) for number in range(20_000)]
    sent = ses("Send", 1.5e22, ["a@x.example", "b@x.example"])  # so few that the sample holds none of them
    there = [
        ses(
            "Delivery", 1.5e22, [person], delivery={"timestamp": "2026-11-01T08:00:05Z", "recipients": [person]}
        )
        for person in ("a@x.example", "b@x.example")
    ]
    lines = [*usual[:10_011], sent, *there, *usual[10_011:]]
    path.write_text("".join(json.dumps(each) + "\n" for each in lines))
    for named, kind in ((True, "VARCHAR"), (False, "UBIGINT")):
        by, (total, *_) = found(path, named=named)
        assert by == [(kind,)]
        assert (total[0]["submitted"], total[0]["delivered"]) == (20_002, 2)


def ses(kind, message, people, **told):
    mail = {"timestamp": "2026-11-01T08:00:00Z", "messageId": message, "destination": people}
    return {"eventType": kind, "mail": mail, **told}


def test_rows_that_need_columns_of_their_own_are_read_again(tmp_path):
    """Orders and unknown words, among rows that are parsed without what only they say."""
    rows = [
        {"kind": "sent", "message_id": "m1", "recipient": "a@x.example", "ts_us": "1790000000000000"},
        {"kind": "clicked", "message_id": "m1", "recipient": "a@x.example", "ts_us": "1790000001000000"},
        {"kind": "converted", "event_id": "o1", "recipient": "a@x.example", "ts_us": "1790000002000000",
         "value_micros": "5000000", "currency": "EUR"},
        {"kind": "converted", "event_id": "o1", "recipient": "a@x.example", "ts_us": "1790000002000000",
         "value_micros": "5000000", "currency": "EUR"},
        {"kind": "converted", "event_id": "o2", "recipient": "a@x.example", "ts_us": "1790000003000000",
         "value_micros": "2500000", "currency": "EUR"},
        {"kind": "polished", "message_id": "m1", "recipient": "a@x.example", "reason": ""},
        {"kind": "unknown", "message_id": "m1", "recipient": "a@x.example", "reason": "waxed"},
    ]  # fmt: skip
    names = [
        "source",
        "event_id",
        "message_id",
        "recipient",
        "kind",
        "reason",
        "ts_us",
        "value_micros",
        "currency",
    ]
    path = tmp_path / "log.csv"
    lines = [",".join(row.get(name, "") for name in names) for row in rows]
    path.write_text("\n".join([",".join(names), *lines]) + "\n")
    again = tmp_path / "again.csv"
    again.write_text(path.read_text())
    kpis = hygiene.measure([path, again], by="campaign", causes=False)
    counts = kpis.counts()
    assert (counts["submitted"], counts["orders"], counts["revenue_micros"]) == (1, 2, 7_500_000)
    assert kpis.account.unknown_words == {"polished": 2, "waxed": 2}
    assert (kpis.account.conversions, kpis.account.events) == (6, 14)
