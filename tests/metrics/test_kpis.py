"""Every KPI against figures worked out by hand."""

import pytest

from hygiene.errors import UsageError
from hygiene.event import EventKind
from hygiene.metrics.benchmarks import load_profile
from hygiene.metrics.evaluate import Telling, values_of
from hygiene.metrics.judgement import unproven
from hygiene.metrics.kpis import FAMILIES, KPIS, Unit, Verdict, columns_of, find_kpi
from hygiene.metrics.slices import slice_counts
from hygiene.metrics.table import COUNTS

from .count_tables import row, table

SPRING = row(
    campaign="spring",
    delivered=9_000,
    hard=300,
    soft=120,
    block=60,
    undetermined=20,
    pending=500,
    late=40,
    rejected=1_000,
    complained=9,
    delivered_fbl=3_000,
    complained_fbl=6,
    unsubscribed=45,
    delivered_open_tracked=8_000,
    opened_all=3_200,
    opened_human=1_600,
    opens_total=9_000,
    delivered_click_tracked=7_500,
    clicked_all=600,
    clicked_human=300,
    engaged_human=1_500,
    converted=27,
    orders=30,
    revenue_micros=1_234_500_000,
)
BY_HAND = {
    "delivery_rate": (9_000, 10_000, 0.9),
    "bounce_rate": (500, 10_000, 0.05),
    "hard_bounce_rate": (300, 10_000, 0.03),
    "soft_bounce_rate": (120, 10_000, 0.012),
    "block_bounce_rate": (60, 10_000, 0.006),
    "undetermined_bounce_rate": (20, 10_000, 0.002),
    "complaint_rate_delivered": (9, 9_000, 0.001),
    "complaint_rate_fbl": (6, 3_000, 0.002),
    "open_rate_human": (1_600, 8_000, 0.2),
    "open_rate_all": (3_200, 8_000, 0.4),
    "click_rate_human": (300, 7_500, 0.04),
    "click_rate_all": (600, 7_500, 0.08),
    "ctor": (300, 1_500, 0.2),
    "unsubscribe_rate": (45, 9_000, 0.005),
    "conversion_rate": (27, 9_000, 0.003),
    "revenue_per_mail": (1_234_500_000, 9_000, 1_234.5 / 9_000),
}
ALL_TOLD = Telling(silent={})


def measured(*rows, by=(), telling=ALL_TOLD, profile="default", **options):
    slices = slice_counts([table(*rows)], by)
    found = values_of(slices, tuple(KPIS.values()), telling, load_profile(profile), **options)
    values = {}
    for value in found:
        values.setdefault(tuple(value.slice.values()), {})[value.name] = value
    return values if by else values[()]


def test_every_kpi_is_worked_out_by_hand_here():
    assert set(BY_HAND) == set(KPIS)


@pytest.mark.parametrize("name", sorted(BY_HAND))
def test_a_kpi_is_what_is_worked_out_by_hand(name):
    numerator, n, value = BY_HAND[name]
    found = measured(SPRING)[name]
    assert (found.numerator, found.n) == (numerator, n)
    assert found.value == pytest.approx(value, rel=1e-15)
    assert found.why_null is None
    if KPIS[name].unit is Unit.SHARE:
        assert found.low < found.value < found.high
    else:
        assert found.low is found.high is None


@pytest.mark.parametrize("kpi", KPIS.values(), ids=lambda kpi: kpi.name)
def test_a_declaration_names_counts_that_exist_and_its_source(kpi):
    assert {*kpi.numerator, *kpi.denominator} <= set(COUNTS)
    assert kpi.source
    assert kpi.as_of
    assert kpi.definition.endswith(".")


def test_a_column_is_asked_for_once():
    assert len(columns_of()) == len(set(columns_of()))


@pytest.mark.parametrize("name", sorted(BY_HAND))
def test_nothing_sent_is_null_with_a_reason_and_never_0(name):
    found = measured(row())[name]
    assert (found.value, found.low, found.high, found.verdict) == (None, None, None, Verdict.NONE)
    assert found.why_null == KPIS[name].empty


def test_a_log_without_a_row_is_the_same_as_nothing_sent():
    empty = table(row()).slice(0, 0)
    slices = slice_counts([empty], ())
    for value in values_of(slices, tuple(KPIS.values()), ALL_TOLD, load_profile("default")):
        assert value.value is None
        assert value.why_null == KPIS[value.name].empty
    assert (
        slice_counts([empty], ["campaign", "source"]).keys == () if "campaign" in empty.schema.names else True
    )


def test_rates_are_of_pooled_counts_and_no_mean_of_rates():
    small, large = row(campaign="a", delivered=10, hard=10), row(campaign="b", delivered=990, hard=10)
    found = measured(small, large, by=["campaign"])
    assert found[("a",)]["bounce_rate"].value == 0.5
    assert found[("b",)]["bounce_rate"].value == 0.01
    assert measured(small, large)["bounce_rate"].value == 20 / 1_020


def test_slices_come_largest_first_and_days_in_their_order():
    rows = [
        row(campaign=name, day=day, delivered=size)
        for name, day, size in [("a", 3, 5), ("b", 2, 9), (None, 2, 1)]
    ]
    assert slice_counts([table(*rows)], ["campaign"]).keys == (("b",), ("a",), (None,))
    assert slice_counts([table(*rows)], ["day", "campaign"]).keys == ((2, "b"), (2, None), (3, "a"))


def test_one_slice_of_two_sources_is_one_slice():
    rows = [row("ses", campaign="a", delivered=3), row("sendgrid", campaign="a", delivered=4, hard=1)]
    assert measured(*rows, by=["campaign"])[("a",)]["delivery_rate"].n == 8


def test_a_source_that_cannot_tell_is_left_out_of_numerator_and_denominator():
    """Postfix knows of no complaints: its mail must not dilute those of others."""
    rows = [row("postfix", delivered=9_000), row("ses", delivered=1_000, complained=2, unsubscribed=1)]
    telling = Telling(silent={"postfix": {EventKind.COMPLAINED, EventKind.OPENED}})
    found = measured(*rows, telling=telling)
    assert (found["complaint_rate_delivered"].numerator, found["complaint_rate_delivered"].n) == (2, 1_000)
    assert "only of the logs that tell of it" in found["complaint_rate_delivered"].note
    assert found["unsubscribe_rate"].n == 10_000
    assert found["unsubscribe_rate"].note is None


def test_where_no_source_tells_it_is_null_and_says_so():
    telling = Telling(silent={"postfix": {EventKind.OPENED, EventKind.CLICKED}})
    found = measured(row("postfix", delivered=100), telling=telling)
    assert found["open_rate_human"].why_null == "the log tells of no opens"
    assert found["ctor"].why_null == "the log tells of no opens or clicks"
    assert found["delivery_rate"].value == 1.0


def test_a_report_that_lacks_a_sum_is_left_out_where_it_is_needed():
    report = row("mailchimp", told=False, sent=1_000, delivered=990, bounced=10, submitted=1_000)
    found = measured(report, row("ses", delivered=500, hard=10))
    assert (found["bounce_rate"].numerator, found["bounce_rate"].n) == (20, 1_510)
    assert (found["hard_bounce_rate"].numerator, found["hard_bounce_rate"].n) == (10, 510)
    assert measured(report)["hard_bounce_rate"].why_null == "the log tells of no bounces"


def test_without_orders_nothing_converted_is_not_said():
    telling = Telling(silent={}, no_orders="no orders were given")
    found = measured(SPRING, telling=telling)
    assert found["conversion_rate"].why_null == found["revenue_per_mail"].why_null == "no orders were given"


def test_money_of_two_kinds_is_not_added_up():
    found = measured(SPRING, telling=Telling(silent={}, currencies=("EUR", "USD")))
    assert found["revenue_per_mail"].value is None
    assert "EUR and USD" in found["revenue_per_mail"].why_null
    assert found["conversion_rate"].value is not None


def test_a_word_for_several_means_the_one_that_is_asked_for():
    assert find_kpi("open_rate", human=False).name == "open_rate_all"
    assert find_kpi("complaint_rate").name == "complaint_rate_delivered"
    assert set(FAMILIES) == {"complaint_rate", "open_rate", "click_rate"}
    with pytest.raises(UsageError, match="no KPI is called 'opne_rate': there are complaint_rate, open_rate"):
        find_kpi("opne_rate")


def test_an_immature_slice_is_neither_praised_for_few_complaints_nor_blamed_for_few_opens():
    young = row(
        delivered=20_000, hard=100, complained=1, opened_human=200, clicked_human=900, engaged_human=900
    )
    old, new = measured(young), measured(young, immature=[True])
    assert old["complaint_rate_delivered"].verdict is Verdict.MET
    assert new["complaint_rate_delivered"].verdict is Verdict.NOT_PROVEN
    assert old["open_rate_human"].verdict is Verdict.MISSED
    assert new["open_rate_human"].verdict is Verdict.NOT_PROVEN
    assert "more may come" in new["open_rate_human"].note
    assert old["click_rate_human"].verdict is new["click_rate_human"].verdict is Verdict.MET


def test_how_many_young_mails_would_prove_what_may_still_turn_is_said_with_that():
    few = row(delivered=400, hard=4, complained=0, opened_human=58, clicked_human=4, engaged_human=60)
    old, new = measured(few), measured(few, immature=[True])
    for name in ("open_rate_human", "complaint_rate_delivered"):
        assert (new[name].verdict, new[name].needed, new[name].leans) == (
            Verdict.NOT_PROVEN,
            old[name].needed,
            old[name].leans,
        )
        assert old[name].note is None
        assert new[name].note == "the mails are young: more may come"
        assert unproven(new[name]).endswith("; the mails are young: more may come.")


def by_receiver(*rows, by=("provider",), telling=ALL_TOLD):
    """Complaints of each slice."""
    slices = slice_counts([table(*rows)], by)
    kpi = KPIS["complaint_rate_delivered"]
    found = values_of(slices, [kpi], telling, load_profile("default"))
    return {tuple(value.slice.values()): value for value in found}


def test_no_complaints_are_no_merit_where_the_receiver_would_not_tell():
    found = by_receiver(
        row(provider="gmail", delivered=50_000, delivered_fbl=0),
        row(provider="yahoo", delivered=50_000),
        row(provider="shop.example", delivered=50_000, delivered_fbl=0, complained=200),
        row(provider=None, delivered=50_000, delivered_fbl=0),
    )
    assert found["gmail",].verdict is Verdict.NOT_PROVEN
    assert found["gmail",].note == "this receiver is not known to tell of complaints"
    assert (found["gmail",].numerator, found["gmail",].value, found["gmail",].needed) == (0, 0, None)
    assert found["yahoo",].verdict is found[None,].verdict is Verdict.MET
    assert found["shop.example",].verdict is Verdict.MISSED


def test_no_complaints_are_no_merit_where_none_of_the_receivers_would_tell():
    rows = [
        row(campaign="at gmail", delivered=50_000, delivered_fbl=0),
        row(campaign="at gmail and yahoo", delivered=50_000, delivered_fbl=1),
        row(campaign="told all the same", delivered=50_000, delivered_fbl=0, complained=2),
    ]
    found = by_receiver(*rows, by=("campaign",), telling=Telling(silent={}, receivers=True))
    assert found["at gmail",].verdict is Verdict.NOT_PROVEN
    assert found["at gmail",].note == "none of its receivers is known to tell of complaints"
    assert found["at gmail and yahoo",].verdict is found["told all the same",].verdict is Verdict.MET
    for receivers in (False, True):
        telling = Telling(silent={}, receivers=receivers)
        (whole,) = by_receiver(rows[0], by=(), telling=telling).values()
        assert whole.verdict is (Verdict.NOT_PROVEN if receivers else Verdict.MET)


def test_sums_that_tell_of_no_receivers_are_judged():
    sums = row(told=False, sent=50_000, delivered=50_000, complained=0)
    (value,) = by_receiver(sums, by=(), telling=Telling(silent={}, receivers=True)).values()
    assert value.verdict is Verdict.MET
