"""From logs to what went with the features of subjects."""

import json

import pandas as pd
import pytest

import hygiene
from hygiene.content.subject import features
from hygiene.errors import UsageError
from hygiene.metrics.subjects.features import TITLES, feature_sets, title_of
from hygiene.metrics.table import COUNTS

T0 = 1_788_256_800
#: campaign → subject, people, and how many of them opened
SPRING = {
    "a": ("Sale now?", 100, 30),
    "b": ("Sale today?", 100, 20),
    "c": ("Was it good?", 100, 40),
    "d": ("Our news", 100, 20),
    "e": ("More news", 100, 10),
    "f": ("News 6", 100, 15),
}


def log(campaigns=SPRING, *, told=True):
    rows = []
    for day, (campaign, (subject, people, opened)) in enumerate(campaigns.items()):
        for person in range(people):
            mail = {
                "email": f"{person}@x.example",
                "message_id": f"{campaign}-{person}",
                "campaign": campaign,
                "timestamp": T0 + day * 86_400,
            }
            mail |= {"subject": subject} if told else {}
            kinds = ["sent", "bounced" if person == people - 1 else "delivered"]
            kinds += ["opened"] if person < opened else []
            rows += [{**mail, "event": kind} for kind in kinds]
    return pd.DataFrame(rows)


def by_subject(given, **options):
    return hygiene.measure(given, by="subject-feature", causes=False, **options)


def sides(kpis, name):
    """Numerator and denominator of a KPI, by feature and side."""
    return {
        tuple(value.slice.values()): (value.numerator, value.n)
        for value in kpis.by_subject
        if value.name == name
    }


def feature(kpis, name):
    return next(each for each in kpis.subjects.features if each.name == name)


def test_mails_with_a_feature_stand_beside_those_without():
    kpis = by_subject(log())
    assert sides(kpis, "delivery_rate")["question", "with"] == (297, 300)
    assert sides(kpis, "delivery_rate")["number", "with"] == (99, 100)
    assert sides(kpis, "delivery_rate")["number", "without"] == (495, 500)
    assert sides(kpis, "open_rate_human")["question", "with"] == (90, 297)
    opened = feature(kpis, "question").differences[0]
    assert (opened.kpi, opened.with_.k, opened.with_.n) == ("open_rate_human", 90, 297)
    assert (opened.without.k, opened.without.n, opened.without.campaigns) == (45, 297, 3)
    assert opened.value == pytest.approx(45 / 297)
    assert kpis.subjects.to_dict()["subject_not_known"] == 0
    assert "length:0-29" in kpis.subjects.everywhere


def test_both_sides_of_every_feature_are_all_mail():
    """Features overlap, so they are no slices of one whole: each is, with what has it not."""
    kpis = by_subject(log())
    slices, names = kpis.subjects.slices, [each.name for each in kpis.subjects.features]
    assert [key[0] for key in slices.keys[::2]] == names
    for column in COUNTS:
        sums = slices.sums([column]).tolist()
        whole = int(kpis.total.sums([column])[0])
        assert [one + other for one, other in zip(sums[::2], sums[1::2], strict=True)] == [whole] * len(names)
    for number in range(len(slices.keys)):
        sent, *parts = (
            int(slices.sums([name])[number]) for name in ("sent", "delivered", "bounced", "pending")
        )
        assert sent == sum(parts)


def test_features_that_stand_and_fall_together_are_one():
    given = {**SPRING, "a": ("SALE now?", 100, 30), "b": ("SALE today?", 100, 20), "c": ("GOOD one?", 100, 40)}
    given |= {name: (f"{subject}!", *rest) for name, (subject, *rest) in given.items() if name in "def"}
    one = feature(by_subject(log(given)), "question")
    assert one.together == ("capitals",)
    assert one.instead == ("exclamation",)
    assert one.title == "a question mark with a word in capitals (else an exclamation mark)"


FORMS = {
    "mapping": lambda _: {name: subject for name, (subject, *_) in SPRING.items()},
    "frame": lambda _: pd.DataFrame(
        [(name, one[0]) for name, one in SPRING.items()], columns=["Campaign", "Subject"]
    ),
    "csv": lambda folder: written(folder / "s.csv"),
    "parquet": lambda folder: written(folder / "s.parquet"),
}


def written(path):
    frame = pd.DataFrame(
        [(name, one[0]) for name, one in SPRING.items()], columns=["Campaign name", "Subject line"]
    )
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path, index=False)
    return path


@pytest.mark.parametrize("form", FORMS)
def test_a_list_tells_the_subjects_of_a_log_that_does_not(tmp_path, form):
    kpis = by_subject(log(told=False), subjects=FORMS[form](tmp_path))
    assert kpis.subjects.to_dict() == by_subject(log()).subjects.to_dict()


def test_a_list_wins_over_the_log_for_the_campaigns_that_it_names():
    kpis = by_subject(log(), subjects={"d": "Our news?", "z": "Nothing!"})
    assert sides(kpis, "delivery_rate")["question", "with"] == (396, 400)


def test_variants_have_subjects_of_their_own():
    given = log(told=False)
    given["variant"] = ["A" if int(name.split("@")[0]) < 40 else "B" for name in given["email"]]
    listed = pd.DataFrame(
        {
            "campaign": [*SPRING, *SPRING],
            "variant": ["A"] * 6 + ["B"] * 6,
            "subject": ["What?"] * 6 + ["That"] * 6,
        }
    )
    assert sides(by_subject(given, subjects=listed), "delivery_rate")["question", "with"] == (240, 240)
    told = given.assign(subject=["What?" if each == "A" else "That" for each in given["variant"]])
    plain = told.drop(columns="message_id")  # the campaign stands for the message, and has two subjects
    assert sides(by_subject(plain), "delivery_rate")["question", "with"] == (240, 240)


def test_a_subject_that_only_bounces_tell_is_that_of_its_campaign_or_of_none(tmp_path):
    """Postmark: else all mails with a subject would seem to have bounced."""
    rows = []
    for campaign, subjects in (("a", ["Hi?"]), ("b", ["Hi, Ann?", "Hi, Bob?"]), ("c", ["Hi"])):
        for person in range(10):
            mail = {"MessageID": f"{campaign}{person}", "Metadata": {"campaign": campaign}}
            told = {
                "RecordType": "Delivery",
                "Recipient": f"{person}@x.example",
                "DeliveredAt": "2026-09-01T10:00:00Z",
            }
            if person < 2:
                told = {
                    "RecordType": "Bounce",
                    "Type": "HardBounce",
                    "ID": len(rows),
                    "Email": f"{person}@x.example",
                }
                told |= {"BouncedAt": "2026-09-01T10:00:00Z", "Subject": subjects[person % len(subjects)]}
            rows.append({**mail, **told})
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    kpis = by_subject(tmp_path / "log.jsonl")
    assert kpis.subjects.unknown == 10
    assert sides(kpis, "bounce_rate")["question", "with"] == (2, 10)
    assert sides(kpis, "bounce_rate")["question", "without"] == (2, 10)


def test_campaign_reports_tell_their_subjects(tmp_path):
    lines = ["campaign,subject,sent,delivered,unique opens,unique clicks"]
    lines += [f"{name},{subject},{n},{n},{k},{k // 10}" for name, (subject, n, k) in SPRING.items()]
    (tmp_path / "report.csv").write_text("\n".join(lines), "utf-8")
    kpis = by_subject(tmp_path / "report.csv", human=False)
    opened = feature(kpis, "question").differences[0]
    assert (opened.kpi, opened.with_.k, opened.with_.n) == ("open_rate_all", 90, 300)
    assert opened.fewer == pytest.approx(3.7037, abs=1e-4)  # worked by hand in test_comparison


def test_a_log_without_campaigns_has_its_subjects_as_what_was_drawn():
    kpis = by_subject(log().drop(columns="campaign"))
    assert feature(kpis, "question").differences[0].without.campaigns == 3
    assert kpis.subjects.campaigns == 6


def test_personal_subjects_of_two_days_are_two_sendings_and_not_as_many_as_mails():
    given = log({"a": ("Ready for spring?", 100, 60), "d": ("Our news", 100, 20)}).drop(columns="campaign")
    given["subject"] = given["email"].str.split("@").str[0] + ", " + given["subject"]
    found = by_subject(given).subjects
    assert (found.campaigns, found.counted_as) == (2, "day")
    assert not found.compared
    assert found.unknown == 0


def test_days_on_which_one_subject_is_sent_again_and_again_are_no_campaigns():
    given = pd.concat(
        log({campaign: (subject, 20, 10)}).assign(
            timestamp=T0 + 86_400 * day, message_id=lambda mails, day=day: f"{day}" + mails["message_id"]
        )
        for day in range(6)
        for campaign, subject in (("a", "Ready for spring?"), ("d", "Our news"))
    ).drop(columns="campaign")
    found = by_subject(given).subjects
    assert (found.campaigns, found.counted_as, found.sent) == (2, "subject", 240)
    assert found.to_dict()["campaigns_are"] == "subject"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"by": "subject-feature"}, "the log tells no subjects: give them with --subjects FILE"),
        ({"by": "subject-feature,campaign"}, "split by subject-feature alone"),
        ({"by": "campaign", "subjects": {"a": "b"}}, "--subjects is for --by subject-feature"),
        ({"by": "subject-feature", "subjects": {"z": "b"}}, "no campaign of --subjects is one of the log"),
        ({"by": "subject-feature", "subjects": {"a": " "}}, "--subjects holds no campaign with a subject"),
        ({"by": "subject-feature", "subjects": pd.DataFrame({"x": [1]})}, "names no campaign and no subject"),
        (
            {
                "by": "subject-feature",
                "subjects": pd.DataFrame({"campaign": ["a", "a"], "subject": ["1", "2"]}),
            },
            "gives campaign 'a' two subjects: add a column variant",
        ),
        ({"by": "subject-feature", "subjects": 5}, "not int"),
    ],
)
def test_what_cannot_be_compared_is_said(options, said):
    with pytest.raises(UsageError, match=said):
        hygiene.measure(log(told=False), causes=False, **options)


def test_every_output_says_what_it_is_and_is_not():
    from hygiene.render.markdown import render_markdown
    from hygiene.render.page import render_page

    kpis = by_subject(log())
    page = render_page([kpis.sections()], title="x")
    for text in (page, render_markdown([kpis.sections()])):
        assert "Goes with, not causes" in text
        assert "a question mark" in text
    assert json.loads(json.dumps(kpis.to_dict()))["subjects"]["features"][0]["name"] == "question"
    frame = kpis.to_frame()
    mine = frame[(frame["subject-feature"] == "question") & (frame["kpi"] == "bounce_rate")]
    assert mine[["has", "numerator", "n"]].to_numpy().tolist() == [["with", 3, 300], ["without", 3, 300]]


def test_every_feature_has_a_name():
    assert set(TITLES) == set(features(""))
    assert title_of("length:70+") == "70 or more characters"
    names = feature_sets(["x" * 90, "x", "a b c d e"]).names
    assert [name for name in names if name.startswith("length")] == ["length:0-29", "length:70+"]
