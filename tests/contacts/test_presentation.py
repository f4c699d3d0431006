import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.config import CleaningPolicy
from hygiene.contacts.clean import clean_contacts
from hygiene.contacts.cleaned import Cleaned
from hygiene.contacts.flags import FLAGS
from hygiene.contacts.presentation import document, render_cleaning
from hygiene.contacts.reasons import ABOUT, RejectReason
from hygiene.contacts.summary import PREVIEW_MONTHS, FileSummary, Life, Summary
from hygiene.render.markdown import render_markdown
from hygiene.render.sections import Tone
from hygiene.render.terminal import render_terminal
from hygiene.status import Status

EVIL = "<script>alert(1)</script>\x1b[31m\u202e|`x`\n# @octocat.csv"


def file_of(name="list.csv", **fields):
    given_fields = {"layout": "plain list", "encoding": "UTF-8", "delimiter": ",", "rows": 1}
    return FileSummary(
        name=name, **{"size": 1, "sha256": "0" * 64, "damaged": 0, "blank": 0, **given_fields, **fields}
    )


def summary_of(kept, reasons, **fields):
    rows = kept + sum(reasons.values())
    nothing = {
        "files": (file_of(rows=rows),),
        "flags": {},
        "repaired": 0,
        "statuses": {},
        "free": 0,
        "life": Life(people=0, known=0, inactive=0),
    }
    return Summary(rows=rows, kept=kept, reasons=reasons, **{**nothing, **fields})


def cleaned(summary, folder="reports/clean", **policy):
    return Cleaned(
        summary=summary,
        policy=CleaningPolicy(**policy),
        as_of=datetime(2026, 11, 22, tzinfo=UTC),
        folder=Path(folder) if folder else None,
    )


def text_of(result, width=100, **options):
    options = {"verbose": True, "colour": False, **options}
    return render_terminal(document(result), width=width, **options)


def flat(text):
    return re.sub(r"\s+", " ", text)


SHOP = summary_of(
    861_204,
    {
        RejectReason.DAMAGED_LINE: 17,
        RejectReason.UNSUBSCRIBED: 98_220,
        RejectReason.SUPPRESSED: 1_204,
        RejectReason.MISTYPED: 18,
        RejectReason.INACTIVE: 190_580,
        RejectReason.DUPLICATE: 53_268,
    },
    files=(
        file_of(
            "subscribers.zip/subscribed_1.csv",
            layout="Mailchimp",
            rows=1_094_287,
            damaged=17,
            blank=2,
            notes=("LAST_CHANGED is not used.",),
        ),
        file_of(
            "subscribers.zip/unsubscribed_1.csv",
            layout="Mailchimp",
            encoding="Windows-1252",
            delimiter=";",
            rows=98_220,
            notes=("Windows-1252", "separated by semicolon", "LAST_CHANGED is not used.", "All said no."),
        ),
    ),
    flags={"role": 12_033, "relay": 5_120},
    repaired=410,
    free=512_000,
    statuses={"subscribed": 1_001_221, "unknown": 94_270, "unsubscribed": 98_220},
    life=Life(
        people=1_050_000,
        known=976_500,
        inactive=188_796,
        would_go={3: 325_500, 6: 188_797, 12: 94_500, 24: 42_000},
    ),
    segments={"loyal": (12_099, 0), "germany": (302_100, 5_101)},
    lists=({"name": "do-not-mail.txt", "entries": 901, "unreadable": 3, "lines": [4, 19, 2_204]},),
    events={
        "files": [{"name": "ses.jsonl", "events": 4_240_000, "layouts": {"Amazon SES": 4_240_000}, "said": []}],
        "events": 4_240_000,
        "used": 4_230_113,
        "aside": {"unknown-word": 9_800, "undated": 87},
        "kinds": {"delivered": 3_900_000, "opened": 300_000},
        "unknown_words": {"Rendering Failure": 9_800},
        "machine_opens": 120_000,
        "machine_clicks": 31,
        "opens_maybe_machine": 40_000,
        "zoneless": 0,
        "mailboxes": 910_000,
    },
)

SILENT = replace(SHOP.life, inactive=0)


def numbers(value):
    """Every number of a summary's data."""
    if isinstance(value, bool):
        return
    if isinstance(value, int):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from numbers(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from numbers(inner)


@pytest.mark.parametrize("draw", [text_of, render_cleaning, lambda one: render_markdown([document(one)])])
def test_every_count_is_shown(draw):
    shown = draw(cleaned(SHOP, inactive_after="6mo"))
    data = SHOP.to_dict()
    data.pop("steps")  # sums of reasons
    data["events"].pop("zoneless")
    for one in data["files"]:
        one.pop("size")
    assert [count for count in numbers(data) if f"{count:,}" not in shown] == []


def test_the_verdict_comes_first():
    first, second, *_ = text_of(cleaned(SHOP)).splitlines()
    assert first == (
        "subscribers.zip, 2 files                                     kept 71.5 % · 861,204 of 1,204,511 rows"
    )
    assert second == "861,204 rows may be mailed, as far as the files tell."
    assert document(cleaned(SHOP)).headline.tone is Tone.GOOD


def test_the_sum_and_where_the_rows_went():
    shown = text_of(cleaned(SHOP), verbose=False)
    assert "  1,204,511 in = 861,204 kept + 343,307 rejected ✓\n" in shown
    assert re.search(r"✓ kept +861,204 +71\.5 % +█+▌? +clean\.csv\n", shown)
    assert re.search(r"  rejected +343,307 +28\.5 % +█+▌? +rejected\.csv\n", shown)


def test_a_sum_that_does_not_add_up_is_not_called_right():
    assert "≠ 861,204 kept" in text_of(cleaned(replace(SHOP, rows=SHOP.rows + 1)))


def test_the_short_output_says_the_first_things_first():
    shown = text_of(cleaned(SHOP, inactive_after="6mo"), verbose=False)
    heads = [
        "rows were rejected",
        "What to do next",
        "What is odd",
        "of consent",
        "Inactivity",
        "What was read",
    ]
    places = [shown.index(head) for head in heads]
    assert places == sorted(places)
    assert "one by one" not in shown


def test_reasons_come_in_the_order_of_the_steps_with_their_meaning():
    shown = flat(text_of(cleaned(SHOP)))
    places = [shown.index(f"{reason.value} {count:,}") for reason, count in SHOP.reasons.items()]
    assert places == sorted(places)
    assert all(ABOUT[reason].meaning in shown for reason in SHOP.reasons)


def test_what_to_do_names_files_remedies_and_the_command():
    shown = flat(text_of(cleaned(SHOP, inactive_after="6mo")))
    assert "winback.csv 188,796 people: send one last mail" in shown
    assert "suppressions.csv addresses never to mail again" in shown
    assert f"mistyped {ABOUT[RejectReason.MISTYPED].remedy}" in shown
    assert "hygiene why ADDRESS --in reports/clean" in shown
    assert f"duplicate {ABOUT[RejectReason.DUPLICATE].remedy}" not in shown


def test_a_folder_is_quoted_as_it_must_be_typed():
    assert "hygiene why ADDRESS --in 'my lists/a'" in text_of(cleaned(SHOP, folder="my lists/a"))


def test_only_the_greatest_remedies_are_told():
    mendable = [RejectReason.ROLE, RejectReason.DISPOSABLE, RejectReason.MISTYPED, RejectReason.CUSTOMER]
    result = cleaned(summary_of(1, {reason: 10 + place for place, reason in enumerate(mendable)}))
    steps = next(one for one in document(result).sections if one.title == "What to do next").blocks[0].rows
    assert [row[0].text for row in steps] == ["disposable", "mistyped", "no-consent", "ask about one"]


def test_a_dry_run_names_no_file_it_did_not_write():
    shown = text_of(cleaned(SHOP, folder=None))
    assert "! This was a dry run: nothing was written." in shown
    assert "clean again without --dry-run" in shown
    for name in ("clean.csv", "rejected.csv", "winback.csv", "flagged.csv", "suppressions.csv", "report.html"):
        assert name not in shown.replace(ABOUT[RejectReason.INACTIVE].remedy, "")
    assert "hygiene why" not in shown


def test_a_cleaning_that_stopped_itself_says_why():
    life = replace(SHOP.life, inactive=525_000)
    result = cleaned(replace(SHOP, life=life), folder=None, inactive_after="3mo")
    shown = flat(text_of(result))
    assert "Stopped, and nothing was written: pruning would take 525,000 people (50.0 %" in shown
    assert "more than --max-removed 40.0 %" in shown
    assert "would be left out" in shown
    assert "dry run" not in shown
    assert document(result).headline.tone is Tone.WARN


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [(RejectReason.CUSTOMER, "--assume-consent"), (RejectReason.UNCONFIRMED, "the person confirms")],
)
def test_nobody_left_is_loud_and_says_the_likely_cause(reason, remedy):
    result = cleaned(summary_of(0, {reason: 10, RejectReason.DUPLICATE: 30}))
    headline = document(result).headline
    assert headline.tone is Tone.BAD
    assert headline.verdict == "0 %"
    assert headline.sentence.startswith(
        f"Nobody is left to mail. The likely cause is {reason.value}, 10 rows (25.0 %)"
    )
    assert remedy in headline.sentence


def test_many_duplicates_are_no_fault():
    assert document(cleaned(summary_of(1, {RejectReason.DUPLICATE: 99}))).headline.tone is Tone.GOOD


@pytest.mark.parametrize(
    ("reasons", "statuses", "said"),
    [
        ({RejectReason.DAMAGED_LINE: 2}, {}, "2 lines are damaged"),
        ({RejectReason.UNREADABLE_STATUS: 1}, {}, "1 row has a status that is not understood"),
        ({}, {"unknown": 98}, "For 98 rows no file says that the person agreed"),
    ],
)
def test_doubts_temper_the_verdict(reasons, statuses, said):
    headline = document(cleaned(summary_of(98, reasons, statuses=statuses))).headline
    assert headline.tone is Tone.WARN
    assert said in headline.sentence


def test_nothing_at_all_divides_by_nothing():
    result = cleaned(summary_of(0, {}, files=()))
    assert "0 in = 0 kept + 0 rejected ✓" in text_of(result)
    assert "There was no row to clean." in text_of(result)
    assert "0 in = 0 kept" in render_cleaning(result)


def test_nothing_is_shown_that_was_not_measured():
    shown = text_of(cleaned(summary_of(2, {})))
    for head in (
        "rejected because",
        "odd",
        "consent",
        "Inactivity",
        "Segments",
        "uppression",
        "Event",
        "damaged",
    ):
        assert head not in shown.split("The policy")[0]


def test_consent_says_how_many_are_not_known():
    shown = flat(text_of(cleaned(SHOP)))
    assert "? unknown 94,270 7.9 % the file does not say: nobody was rejected for that" in shown
    assert "unsubscribed 98,220 8.2 % said no: not mailed" in shown
    assert "94,270 rows have no consent stated: be sure" in shown


def test_every_status_and_flag_has_words():
    statuses = {status.value: 5 for status in Status}
    shown = flat(text_of(cleaned(summary_of(50, {}, statuses=statuses, flags=dict.fromkeys(FLAGS, 1)))))
    assert all(f"{status.value} 5 10.0 %" in shown for status in Status)
    assert all(f"{word} 1 2.0 % {meaning}" in shown for word, meaning in FLAGS.items())


def test_assumed_consent_is_said():
    result = cleaned(summary_of(3, {}, statuses={"customer": 3}), assume_consent=True)
    assert "taken for a subscriber, as you asked" in flat(text_of(result))


@pytest.mark.parametrize(
    ("life", "policy", "said"),
    [
        (Life(people=8, known=0, inactive=0), {}, "No file says when the 8 people"),
        (SHOP.life, {"inactive_after": "6mo"}, "188,796 of 1,050,000 people (18.0 %) showed no sign of life"),
        (
            SHOP.life,
            {"inactive_after": "6mo"},
            "no sign of life for 6 months (--inactive-after): they are left out",
        ),
        (
            SILENT,
            {"inactive_after": "180d"},
            "Nobody was left out: no one is known to have been silent for 180 days",
        ),
        (SILENT, {}, "--inactive-after 6mo would leave out 188,797 of 1,050,000 people (18.0 %)"),
        (SILENT, {}, "known for 976,500 of 1,050,000 people (93.0 %). The others were kept"),
        (SILENT, {"grace": "2w"}, "who joined within 14 days, or is known to have ignored fewer than 3 mails"),
    ],
)
def test_inactivity(life, policy, said):
    assert said in flat(text_of(cleaned(replace(SHOP, life=life), **policy)))


def test_what_would_go_is_a_row_each():
    shown = flat(text_of(cleaned(SHOP)))
    assert all(f"{months} months {SHOP.life.would_go[months]:,}" in shown for months in PREVIEW_MONTHS)


def test_files_say_how_they_were_read_and_each_note_once():
    shown = flat(text_of(cleaned(SHOP), width=140))
    assert "subscribed_1.csv Mailchimp, UTF-8, comma-separated 1,094,287 17 ! 2" in shown
    assert "unsubscribed_1.csv Mailchimp, Windows-1252, semicolon-separated 98,220" in shown
    assert "all files LAST_CHANGED is not used." in shown
    assert "unsubscribed_1.csv All said no." in shown
    assert shown.count("LAST_CHANGED") == 1
    assert "separated by" not in shown


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"delimiter": "", "notes": ("one address a line",)}, "plain list, UTF-8, one address a line"),
        ({"notes": ("Excel workbook",)}, "plain list, Excel workbook 1"),
        ({"notes": ("Parquet",)}, "plain list, Parquet 1"),
    ],
)
def test_what_was_converted_is_not_called_a_text(fields, said):
    assert said in flat(text_of(cleaned(summary_of(1, {}, files=(file_of(**fields),)))))


def test_suppression_lists_and_events():
    shown = flat(text_of(cleaned(SHOP)))
    assert "do-not-mail.txt 901 3 ! neither address, domain nor hash: line 4, 19, 2,204" in shown
    assert "4,240,000 events = 4,230,113 used + 9,887 set aside" in shown
    assert "120,000 opens and 31 clicks were made by machines" in shown


def test_the_policy_is_told():
    shown = flat(text_of(cleaned(SHOP, role="drop")))
    assert "addresses of tasks drop not the default role" in shown
    assert "which row of a person stays newest keep" in shown


@pytest.mark.parametrize(("width", "encoding"), [(60, "utf-8"), (100, "ascii"), (60, "cp1252")])
def test_it_fits_any_terminal(width, encoding):
    shown = text_of(cleaned(SHOP, inactive_after="6mo"), width=width, encoding=encoding)
    assert max(map(len, shown.splitlines())) <= width
    shown.encode(encoding)
    assert "861,204" in shown


def test_texts_of_strangers_are_inert():
    notes = (EVIL, EVIL + "2")
    files = (file_of(EVIL, layout=EVIL, notes=notes), file_of(EVIL + "/x", encoding=EVIL))
    lists = ({"name": EVIL, "entries": 1, "unreadable": 1, "lines": [1]},)
    hostile = replace(SHOP, files=files, lists=lists, segments={EVIL: (1, 1)}, events={
        **SHOP.events,
        "files": [{"name": EVIL, "events": 1, "layouts": {EVIL: 1}, "said": [EVIL]}],
        "unknown_words": {EVIL: 1},
    })  # fmt: skip
    result = cleaned(hostile)
    for shown in (text_of(result), render_cleaning(result), render_markdown([document(result)])):
        assert re.search(r"[\x00-\x09\x0b-\x1f\u202e]", shown) is None
    assert "<script" not in render_cleaning(result)
    assert "<script" not in render_markdown([document(result)]).replace("``<script", "")


counts = st.integers(0, 10**9)


lives = st.builds(
    Life,
    people=counts,
    known=counts,
    inactive=counts,
    would_go=st.dictionaries(st.sampled_from(PREVIEW_MONTHS), counts),
)


@given(
    kept=counts,
    reasons=st.dictionaries(st.sampled_from(RejectReason), st.integers(1, 10**9)),
    flags=st.dictionaries(st.sampled_from([*FLAGS, "odd"]), counts),
    statuses=st.dictionaries(st.sampled_from([status.value for status in Status]), counts),
    life=lives,
    segments=st.dictionaries(st.text(max_size=9), st.tuples(counts, counts), max_size=2),
    written=st.booleans(),
)
def test_any_summary_can_be_shown(kept, reasons, flags, statuses, life, segments, written):
    summary = summary_of(kept, reasons, flags=flags, statuses=statuses, life=life, segments=segments)
    result = cleaned(summary, folder="out" if written else None)
    assert f"{kept:,}" in text_of(result, width=60, encoding="ascii")
    assert f"{summary.rows:,} in = {kept:,} kept" in render_cleaning(result)


def test_a_real_cleaning_can_be_shown(tmp_path):
    source = tmp_path / "list.csv"
    source.write_text("Email,Country\nann@example.com,DE\nANN@example.com,DE\nnot an address,DE\n")
    result = clean_contacts(source, output=tmp_path / "out")
    shown = text_of(result)
    assert "3 in = 1 kept + 2 rejected ✓" in shown
    assert "list.csv" in (tmp_path / "out" / "report.html").read_text("utf-8")
    assert render_cleaning(result) == (tmp_path / "out" / "report.html").read_text("utf-8")
