"""All causes of one log, over its table of mails on DuckDB."""

import json

import pyarrow as pa
import pytest

from hygiene.engines.engine import DuckEngine
from hygiene.metrics.causes import plans
from hygiene.metrics.causes.find import find_causes
from hygiene.metrics.causes.reasons import mask
from hygiene.metrics.counts import count
from hygiene.render.markdown import render_markdown
from hygiene.render.sections import Document, Headline, Tone
from tests.metrics.causes.mail_tables import DAY_US, HOUR_US, START, campaigns, mail, table


@pytest.fixture
def engine(tmp_path):
    made = DuckEngine(tmp_path)
    yield made
    made.close()


def causes_of(engine, rows, **options):
    mails = engine.load("mails", table(rows))
    return find_causes(lambda by: count(mails, by, engine=engine), mails=mails, engine=engine, **options)


def test_a_blocked_day_is_found_and_explained(engine):
    causes = causes_of(engine, campaigns(30, 600, bad_days=[20]), as_of_us=(START + 60) * DAY_US)
    found = [one for one in causes.charted.anomalies if not one.dimension]
    assert [(one.rate.name, one.days, one.rises, one.worse) for one in found] == [
        ("bounce_rate", (START + 20,), True, True)
    ]
    (explanation,) = causes.explanations
    assert {(one.dimension, one.effect.slice) for one in explanation.named} == {
        ("provider", "yahoo"),
        ("bounce reason", "block 5.7.1"),
    }
    assert all(one.share > 0.9 for one in explanation.named)
    assert "provider yahoo explains" in explanation.sentence
    assert {"provider", "campaign", "bounce reason"} <= {one.dimension for one in explanation.decompositions}
    for one in explanation.decompositions:
        assert sum(effect.total for effect in one.effects) == pytest.approx(one.change, abs=1e-12)


def test_quiet_weeks_raise_no_alarm(engine):
    causes = causes_of(engine, campaigns(30, 600), as_of_us=(START + 60) * DAY_US)
    assert causes.charted.anomalies == ()
    assert causes.charted.tests > 20


def test_days_too_young_are_not_judged(engine):
    rows = campaigns(30, 600)
    for row in rows:
        if row["day"] >= START + 28:  # opens have not come in yet
            row |= {"opened_human": False, "opened_all": False, "opens_total": 0, "first_open_us": None}
    young = causes_of(engine, rows, as_of_us=(START + 29) * DAY_US + 10 * HOUR_US)
    assert not [one for one in young.charted.anomalies if one.rate.name == "open_rate_human"]
    old = causes_of(engine, rows, as_of_us=(START + 60) * DAY_US)
    assert [
        one.days for one in old.charted.anomalies if one.rate.name == "open_rate_human" and not one.dimension
    ]
    assert "c29" in {one.campaign for one in young.ripeness.young}
    assert not old.ripeness.young


def test_reasons_account_for_every_bounce(engine):
    rows = campaigns(12, 600, bad_days=[5])
    causes = causes_of(engine, rows)
    bounced = sum(row["state"] == "bounced" for row in rows)
    assert causes.reasons.bounced == bounced
    assert sum(one.mails for one in causes.reasons.top) + causes.reasons.others == bounced
    first, second = causes.reasons.top[:2]
    assert {first.smtp_status, second.smtp_status} == {"5.1.1", "5.7.1"}
    assert "192.0.2" in first.example
    assert "192.0.2" not in first.text


TEXTS = [
    "550-5.1.1 The email account that you tried to reach does not exist. "
    "https://support.google.com/mail/?p=NoSuchUser d9443c01a7336-2a1b2c3si123456eab.12 - gsmtp",
    "554 5.7.1 Service unavailable; Client host [203.0.113.9] blocked using zen.spamhaus.org",
    "421 4.7.0 [TSS04] Messages from 198.51.100.7 temporarily deferred due to user complaints - 4.16.55.1",
    "550 5.4.1 Recipient address rejected: Access denied. AS(201806281) "
    "[BN8NAM11FT063.eop-nam11.prod.protection.outlook.com 2026-11-20T10:00:00.000Z 08DD5F0A1B2C3D4E]",
    "Ünknown <ÄNN@shop.example>:\tno\r\nsuch user 2001:db8::7f:1",
    "",
    "a" * 600,
    "host mx1.example.com[192.0.2.1] said: 552 5.2.2 Mailbox full (in reply to RCPT TO command)",
]


def test_the_engine_masks_as_python_does(engine):
    rows = [
        mail(f"p{n}@a.example", state="bounced", reason=text, arrived=False) for n, text in enumerate(TEXTS)
    ]
    mails = engine.load("mails", table(rows))
    found = engine.collect(mails.select("reason", text=plans.masked(plans.nw.col("reason")))).to_pylist()
    assert {row["reason"]: row["text"] for row in found} == {text: mask(text) for text in TEXTS}


def test_alike_texts_are_one_reason():
    told = "550-5.1.1 <{0}@x.example> does not exist q{1}si{1}456eab.{2} - gsmtp"
    assert (
        len(
            {
                mask(told.format(name, number, number % 90))
                for name in ("a", "bob.c")
                for number in range(100, 200)
            }
        )
        == 1
    )


def test_pressure_counts_people_by_weeks(engine):
    rows = [mail("a@x.example", START + (4 - START) % 7, campaign="d")] * 3
    rows += [
        mail("b@x.example", START + (4 - START) % 7, campaign="c"),
        mail("b@x.example", START + (4 - START) % 7 + 14, campaign="d"),
        mail("c@x.example", state="bounced", arrived=False),
    ]
    mails = engine.load("mails", table(rows))
    people, campaigns = (engine.collect(one).to_pylist() for one in plans.pressure(mails))
    monday = START + (4 - START) % 7
    assert {(row["week"], row["mails_a_week"]): (row["person_weeks"], row["delivered"]) for row in people} == {
        (monday, 1): (1, 1),
        (monday, 3): (1, 3),
        (monday + 14, 1): (1, 1),
    }
    assert {(row["week"], row["campaign"], row["mails_a_week"]): row["delivered"] for row in campaigns} == {
        (monday, "c", 1): 1,
        (monday, "d", 3): 3,
        (monday + 14, "d", 1): 1,
    }


def test_cohorts_leave_out_who_was_there_before(engine):
    rows = [mail("old@x.example", START), mail("old@x.example", START + 40)]
    rows += [mail("new@x.example", START + 30 + 7 * week, clicked_human=week == 0) for week in range(3)]
    mails = engine.load("mails", table(rows))
    since, until = (START + 28) * DAY_US, (START + 45) * DAY_US
    found = {
        row["weeks_since"]: row
        for row in engine.collect(plans.cohorts(mails, since_us=since, until_us=until)).to_pylist()
    }
    assert {week: (row["people"], row["engaged_human"]) for week, row in found.items()} == {
        0: (1, 1),
        1: (1, 0),
        2: (1, 0),
    }
    assert engine.collect(plans.people_before(mails, since_us=since)).to_pylist() == [{"people": 1}]


def test_mails_whose_opens_are_still_to_come_do_not_age_anybody(engine):
    """A mail of this morning was opened by few so far, and is the oldest age there is."""
    rows = [
        mail(
            f"p{number}@x.example",
            START + 7 * week,
            campaign=f"w{week}",
            message_id=f"w{week}",
            opened_human=number % 4 == 0 and week < 12,
            first_open_us=(START + 7 * week) * DAY_US + 13 * HOUR_US if number % 4 == 0 and week < 12 else None,
        )
        for week in range(13)
        for number in range(300)
    ]
    joined = pa.table({"recipient": [f"p{number}@x.example" for number in range(300)]})
    joined = joined.append_column("joined_us", pa.array([START * DAY_US] * 300, pa.int64()))
    options = {"joined": engine.load("joined", joined)}
    early = causes_of(engine, rows, as_of_us=(START + 84) * DAY_US + 14 * HOUR_US, **options)
    assert (early.decay.ages[-1].week, early.decay.half_week) == (11, None)
    late = causes_of(engine, rows, as_of_us=(START + 90) * DAY_US, **options)
    assert (late.decay.ages[-1].week, late.decay.half_week) == (12, 12)


def test_delays_fall_into_their_hours(engine):
    sent = START * DAY_US
    took = [1, HOUR_US, HOUR_US + 1, 24 * HOUR_US, 400 * HOUR_US]
    rows = [
        mail(f"p{n}@x.example", campaign="c", sent_us=sent, first_open_us=sent + t) for n, t in enumerate(took)
    ]
    mails = engine.load("mails", table(rows))
    found = {row["hours"]: row["events"] for row in engine.collect(plans.delays(mails, "open")).to_pylist()}
    assert found == {1: 2, 2: 1, 24: 1, None: 1}


@pytest.mark.parametrize("rows", [[], [mail(None, sent_us=None, day=None, week=None, provider=None)]])
def test_nearly_nothing_is_an_answer_too(engine, rows):
    causes = causes_of(engine, rows)
    assert causes.charted.anomalies == ()
    assert "Too few" in causes.charted.sentence
    assert json.dumps(causes.to_dict())
    assert causes.sections()


def test_sections_render_and_the_rest_is_json(engine):
    causes = causes_of(engine, campaigns(30, 400, bad_days=[20]))
    page = Document(headline=Headline(subject="", verdict="", tone=Tone.GOOD), sections=causes.sections())
    text = render_markdown([page])
    assert "Why mail bounced" in text
    assert json.loads(json.dumps(causes.to_dict()))["charted"]["anomalies"]


def test_weeks_where_days_have_too_little_mail(engine):
    causes = causes_of(engine, campaigns(140, 60, bad_days=range(127, 134)), as_of_us=(START + 200) * DAY_US)
    assert causes.charted.period == "week"
    found = [one for one in causes.charted.anomalies if not one.dimension and one.rate.name == "bounce_rate"]
    assert [(day + 3) % 7 for one in found for day in one.days] == [0] * len(found)
    assert found
    assert all(START + 121 <= one.points[0].when <= START + 133 for one in found)


@pytest.mark.parametrize("day", [-10_000_000, 100_000_000])
def test_absurd_times_do_no_harm(engine, day):
    rows = campaigns(14, 300) + [mail("far@x.example", day, campaign="far") for _ in range(300)]
    causes = causes_of(engine, rows)
    assert causes.sections()
    assert json.dumps(causes.to_dict())


def test_a_segment_mailed_just_now_is_not_worse_than_those_of_last_month(engine):
    def sent(segment, on, opened):
        read = (START + on) * DAY_US + 13 * HOUR_US if opened else None
        return {"segment": segment, "opened_human": opened, "first_open_us": read, "campaign": "c"}

    rows = [mail(f"a{n}@x.example", START + n % 9, **sent("a", n % 9, n % 3 == 0)) for n in range(900)]
    rows += [mail(f"b{n}@x.example", START + 40, **sent("b", 40, n % 90 == 0)) for n in range(900)]

    def worse(**options):
        return [pair[0].name for one in causes_of(engine, rows, **options).compared for pair in one.worse]

    assert worse(as_of_us=(START + 40) * DAY_US + 14 * HOUR_US) == []
    assert worse(as_of_us=(START + 50) * DAY_US) == ["b"]


def test_small_slices_are_one(engine):
    rows = [mail(f"p{n}@d{n % 300}.example", START + n % 3, provider=f"d{n % 300}.example") for n in range(900)]
    rows += [mail(f"g{n}@gmail.com", START + n % 3) for n in range(100)]
    causes = causes_of(engine, rows)
    (compared,) = [one for one in causes.compared if one.dimension == "provider"]
    assert len(compared.slices) == 41
    assert compared.slices[0].name == plans.OTHERS
    assert sum(one.sent for one in compared.slices) == 1_000


def test_counts_alone_will_do(engine):
    mails = engine.load("mails", table(campaigns(30, 400, bad_days=[20])))
    causes = find_causes(lambda by: count(mails, by, engine=engine), as_of_us=(START + 60) * DAY_US)
    assert [one.days for one in causes.charted.anomalies if not one.dimension] == [(START + 20,)]
    assert causes.reasons is causes.fatigue is causes.ripeness is None
    assert causes.sections()
