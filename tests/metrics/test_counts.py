"""The counts of slices, the laws that they are held to, and local days."""

from datetime import datetime, timedelta

import pyarrow as pa
import pytest

from hygiene.engines.engine import open_engine
from hygiene.errors import UsageError
from hygiene.metrics.attribution import read_attribution
from hygiene.metrics.census import ENOUGH_SENDS
from hygiene.metrics.counts import count
from hygiene.metrics.delays import EDGES_US, delays
from hygiene.metrics.habits import with_cohorts, with_frequency
from hygiene.metrics.laws import PARTS, SUMS, BrokenSum, check_counts, check_events
from hygiene.metrics.local_time import offsets, read_zone
from hygiene.metrics.reconcile import reconcile
from hygiene.metrics.table import COUNTS

from .logs import START, event, table

SECOND, HOUR, DAY = 1_000_000, 3_600_000_000, 86_400_000_000
ANN = "ann@a.example"


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with open_engine("duckdb", tmp_path_factory.mktemp("counts")) as (engine, _):
        yield engine


def found(engine, *rows, **options):
    return reconcile(engine.load("log", table(rows)), engine, **options)


def mail(number, after=0, *others, source="plain"):
    """A mail that was sent, and what followed: (kind, microseconds after sending, columns)."""
    told = {"source": source, "message_id": f"m{number}", "recipient": ANN}
    yield event("sent", **told, ts_us=START + after)
    for kind, later, *columns in others:
        yield event(kind, **told, ts_us=START + after + later, **(columns[0] if columns else {}))


def only(table):
    (row,) = table.to_pylist()
    return row


# Laws


def sound():
    return dict.fromkeys(COUNTS, 1) | {
        "submitted": 5, "rejected": 1, "sent": 4, "delivered": 2, "delivered_gross": 2, "bounced": 1, "hard": 1,
        "soft": 0, "block": 0, "undetermined": 0, "pending": 1,
    }  # fmt: skip


STATES = {"rejected": 1, "delivered": 2, "bounced": 1, "pending": 1}


def test_sound_counts_pass():
    check_counts(pa.Table.from_pylist([sound()]), [], STATES)


@pytest.mark.parametrize("whole", SUMS)
def test_a_broken_sum_names_the_slice(whole):
    broken = {"submitted": 9} if whole == "submitted" else {"sent": 9, "submitted": 10}
    if whole == "bounced":
        broken = {"bounced": 9, "sent": 12, "submitted": 13}
    rows = [{"campaign": "spring", **sound()}, {"campaign": "autumn", **sound(), **broken}]
    with pytest.raises(BrokenSum, match=rf"^{whole} is not .* in campaign 'autumn' \(.*{whole} 9"):
        check_counts(pa.Table.from_pylist(rows), ["campaign"], STATES)


@pytest.mark.parametrize(("part", "whole"), PARTS)
def test_no_part_is_more_than_its_whole(part, whole):
    row = {"day": 20_000, **sound(), part: 6, whole: 5}
    with pytest.raises(BrokenSum, match=r"day 20000"):
        check_counts(pa.Table.from_pylist([row]), ["day"], STATES)


def test_slices_that_lose_a_mail_are_refused():
    with pytest.raises(BrokenSum, match="hold 1 pending mails, and there are 2"):
        check_counts(pa.Table.from_pylist([sound()]), [], STATES | {"pending": 2})


def test_events_that_go_missing_are_refused():
    check_events(7, {"of mails": 4, "without a mail": 3})
    with pytest.raises(BrokenSum, match=r"of 8 events 7 are accounted for \(of mails 4, without a mail 3\)"):
        check_events(8, {"of mails": 4, "without a mail": 3})


# What is concluded


def test_a_log_of_one_event_is_one_mail(engine):
    row = only(count(found(engine, *mail(1)).mails, engine=engine))
    assert {name: value for name, value in row.items() if value} == {"submitted": 1, "sent": 1, "pending": 1}


def test_a_delivery_takes_no_bounce_back_and_a_bounce_after_one_is_late(engine):
    rows = [
        *mail(1, 0, ("bounced", SECOND, {"bounce_class": "soft"}), ("delivered", 2 * SECOND)),
        *mail(2, 0, ("delivered", SECOND), ("bounced", 2 * SECOND, {"bounce_class": "hard"})),
    ]
    row = only(count(found(engine, *rows).mails, engine=engine))
    wanted = {"delivered": 0, "delivered_gross": 2, "bounced": 2, "soft": 1, "hard": 1, "late": 1}
    assert {name: row[name] for name in wanted} == wanted


@pytest.mark.parametrize(("sends", "inferred"), [(ENOUGH_SENDS - 1, 0), (ENOUGH_SENDS, ENOUGH_SENDS - 1)])
def test_a_source_that_never_tells_of_deliveries_has_them_inferred(engine, sends, inferred):
    """Of many mails none delivered, and yet one came back: the log does not tell of deliveries."""
    rows = [row for number in range(sends) for row in mail(number)]
    rows += [event("bounced", source="plain", message_id="m0", recipient=ANN, ts_us=START)]
    row = only(count(found(engine, *rows).mails, engine=engine))
    assert (row["delivered"], row["inferred"]) == (inferred, inferred)
    assert row["pending"] == sends - 1 - inferred


def test_a_rejection_takes_the_send_back_even_after_an_open(engine):
    rows = [*mail(1, 0, ("rejected", 0, {"reason": "suppressed"}), ("opened", SECOND))]
    row = only(count(found(engine, *rows).mails, ["reason"], engine=engine))
    assert (row["reason"], row["rejected"], row["sent"], row["opened_all"]) == ("suppressed", 1, 0, 0)


def test_two_links_within_a_second_are_a_person_s_and_three_a_scanner_s(engine):
    def clicks(number, links, apart):
        return mail(number, 0, *(("clicked", HOUR + link * apart, {"url": str(link)}) for link in range(links)))

    rows = [*clicks(1, 2, 1), *clicks(2, 3, 400_000), *clicks(3, 3, 2 * SECOND), *clicks(4, 9, 1)]
    result = found(engine, *rows)
    mails = {row["message_id"]: row["clicked_human"] for row in engine.collect(result.mails).to_pylist()}
    assert mails == {"m1": True, "m2": False, "m3": True, "m4": False}
    assert result.swept_clicks == 12
    row = only(count(result.mails, engine=engine))
    assert (row["clicked_all"], row["clicked_human"], row["clicks_total"]) == (4, 2, 17)


def test_a_click_is_not_before_a_delivery_that_is_not_dated(engine):
    told = {"source": "plain", "message_id": "m1", "recipient": ANN}
    rows = [*mail(1, 0, ("clicked", 5 * SECOND)), event("delivered", **told, ts_us=None)]
    counted = only(count(found(engine, *rows).mails, engine=engine))
    assert (counted["clicked_all"], counted["clicked_human"]) == (1, 1)


def test_sends_of_a_list_find_their_sources(engine):
    """Two logs, neither of which tells of sends; what nobody tells of is pending, not lost."""
    log = [
        event("delivered", source=source, message_id=source, recipient=ANN, ts_us=START)
        for source in ("a", "b")
    ]
    log.append(event("opened", source="a", message_id="stray", recipient=ANN, ts_us=START))
    names = [*"ab", "c"]
    sends = [event("sent", source="list", message_id=name, recipient=ANN, ts_us=START - HOUR) for name in names]
    result = found(engine, *log, sends=engine.load("sends", table(sends)))
    rows = {row["source"]: row for row in count(result.mails, ["source"], engine=engine).to_pylist()}
    assert {name: (row["delivered"], row["pending"]) for name, row in rows.items()} == {
        "a": (1, 0), "b": (1, 0), "list": (0, 1),
    }  # fmt: skip
    assert [(each.kind, each.events) for each in result.orphans] == [("opened", 1)]


def bare(kind, who, after=0):
    """An event of a log that says no more than who, what and when."""
    return event(kind, source="plain", recipient=who, ts_us=START + after)


def test_a_log_without_messages_and_campaigns_is_one_mailing(engine):
    rows = [bare("sent", ANN), bare("delivered", ANN, SECOND), bare("opened", ANN, HOUR)]
    rows += [bare("sent", "bob@b.example", HOUR), bare("bounced", "bob@b.example", HOUR)]
    row = only(count(found(engine, *rows).mails, engine=engine))
    assert (row["sent"], row["delivered"], row["bounced"], row["opened_human"]) == (2, 1, 1, 1)
    result = found(engine, *rows, bare("sent", ANN, DAY))  # a second mail: which one was opened?
    assert {each.reason for each in result.orphans} == {"names no message"}
    assert only(count(result.mails, engine=engine))["submitted"] == 0


def test_revenue_is_summed_in_one_currency(engine):
    rows = [*mail(1, 0, ("clicked", HOUR, {"url": "a"}))]
    for number, currency in enumerate(["EUR", "EUR", "USD"]):
        rows.append(
            event(
                "converted", source="shop", event_id=str(number), recipient=ANN, ts_us=START + 2 * HOUR,
                value_micros=10 + number, currency=currency,
            )
        )  # fmt: skip
    result = found(engine, *rows)
    row = only(count(result.mails, engine=engine))
    assert (row["orders"], row["revenue_micros"], row["converted"]) == (3, 21, 1)
    assert (result.orders.currency, result.orders.other_currencies) == ("EUR", {"USD": 1})


def test_what_cannot_be_split_by_is_refused(engine):
    with pytest.raises(UsageError, match="mails are not split by 'colour': there are campaign"):
        count(found(engine).mails, ["colour"], engine=engine)


@pytest.mark.parametrize(
    "text", ["last-click", "last-click:0d", "last-click:5y", "any:5d", "", "last-click:5d x"]
)
def test_attributions_that_are_none_are_refused(text):
    with pytest.raises(UsageError, match="is no attribution"):
        read_attribution(text)


# Days


@pytest.mark.parametrize("name", ["Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns"])
def test_offsets_are_those_of_the_zone(name):
    zone, start = read_zone(name), 1_500_000_000
    changes = offsets(zone, start * SECOND, (start + 400_000_000) * SECOND)
    for step in range(0, 400_000_000, 86_413):
        moment = start + step
        wanted = datetime.fromtimestamp(moment, zone).utcoffset() // timedelta(microseconds=1)
        assert [offset for since, offset in changes if moment * SECOND >= since][-1] == wanted


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "\0"])
def test_zones_that_are_none_are_refused(name):
    with pytest.raises(UsageError, match="is no time zone"):
        read_zone(name)


def test_times_far_out_do_no_harm(engine):
    rows = [row for number, after in enumerate([0, -START - 10**15, 10**17]) for row in mail(number, after)]
    counted = count(found(engine, *rows, timezone="America/New_York").mails, ["day"], engine=engine)
    assert counted.num_rows == 3


# Beside the counts


def test_delays_count_what_has_happened_and_is_dated(engine):
    rows = [
        *mail(1, 0, ("delivered", 90 * SECOND), ("opened", 2 * HOUR)),
        *mail(2, 0, ("delivered", 0)),
        *mail(3, 0),
        *mail(4, 0),
        event("delivered", source="plain", message_id="m4", recipient=ANN, ts_us=None),
    ]
    result = found(engine, *rows)
    told = {
        (row["what"], row["bucket"]): row["mails"] for row in delays(result.mails, engine=engine).to_pylist()
    }
    place = next(number for number, edge in enumerate(EDGES_US) if edge > 90 * SECOND)
    late = next(number for number, edge in enumerate(EDGES_US) if edge > 2 * HOUR)
    assert told == {("delivery", 0): 1, ("delivery", place): 1, ("open", late): 1}


def test_cohorts_and_frequency(engine):
    rows = [row for number, day in enumerate([0, 1, 8, 22]) for row in mail(number, day * DAY)]
    result = found(engine, *rows)
    weeks = count(with_cohorts(result), ["weeks_since"], engine=engine).to_pylist()
    assert {row["weeks_since"]: row["sent"] for row in weeks} == {0: 2, 1: 1, 3: 1}  # from Saturday on
    joined = engine.load("joined", pa.table({"recipient": [ANN], "joined_us": [START - 14 * DAY]}))
    weeks = count(with_cohorts(result, joined), ["weeks_since"], engine=engine).to_pylist()
    assert [row["weeks_since"] for row in weeks] == [2, 3, 5]
    busy = count(with_frequency(result), ["mails_a_week"], engine=engine).to_pylist()
    assert sum(row["sent"] for row in busy) == 4
