"""What people and helpdesks write where a moment, a length, a rating or a word is due; and what is no case."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.errors import UsageError
from hygiene.metrics.support import measure_support
from hygiene.metrics.support_layout import layouts
from hygiene.metrics.support_words import rating_scale, satisfied_from, support_words, word_key

HOUR = 3_600


def measured(folder, text, name="t.csv", **asked):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return measure_support(path, **asked)


# moments


@pytest.mark.parametrize(
    ("opened", "answered"),
    [
        ("11/22/26 9:05", "11/22/26 10:05"),
        ("11/22/2026 9:05AM", "11/22/2026 10:05AM"),
        ("11/22/2026, 11:05:00 AM", "11/22/2026, 12:05:00 PM"),
        ("11/22/2026 9:05\u202fAM", "11/22/2026 10:05\u202fAM"),
        ("2026-11-22 11:05 a.m.", "2026-11-22 12:05 p.m."),
        ("22.11.2026, 09:05", "22.11.2026, 10:05 Uhr"),
        ("22.11.26 09:05", "22.11.26 10:05"),
        ("Nov 22, 2026, 9:05 AM", "November 22, 2026 at 10:05 AM"),
        ("Sun, 22 Nov 2026 09:05:00 +0000", "Sun, 22 Nov 2026 12:05:00 +0200"),
        ("Sunday, November 22, 2026 9:05 AM", "Sun Nov 22 10:05:00 UTC 2026"),
        ("22-Nov-26 09:05", "22/Nov/26 10:05 AM"),
        ("2026-11-22 09:05:00 CET", "2026-11-22 11:05:00 EET"),
        ("2026-11-22 09:05:00 GMT+01:00", "2026-11-22 09:05:00 (UTC)"),
        ("2026-11-22 09:05:00,250", "2026-11-22 10:05:00.25+00"),
        ("46348.378472222", "46348,420138889"),
    ],
)
def test_moments_as_people_write_them(tmp_path, opened, answered):
    found = measured(tmp_path, f'id,created,first reply\n1,"{opened}","{answered}"\n')
    assert found.whole.first_response.median.value == pytest.approx(HOUR, abs=0.01)
    assert found.notes == ()


@pytest.mark.parametrize(
    "cell", ["2026-11-22 09:05 IST", "2026-11-22 09:05 Moon/Sea", "12:30", "26-11-22 09:05"]
)
def test_what_could_be_two_moments_is_none(tmp_path, cell):
    assert measured(tmp_path, f"id,created\n1,{cell}\n").set_aside == {"not dated": 1}


# lengths


@pytest.mark.parametrize(
    ("column", "cell", "seconds"),
    [
        ("first_response_minutes", "42", 2_520),
        ("First response time (mins)", "42.5", 2_550),
        ("First reply time in minutes", '"1.042,5"', 62_550),
        ("First reply time in minutes", '"1,042"', 62_520),
        ("first_response_minutes", '"42,5"', 2_550),
        ("first_response_time_seconds", "90", 90),
        ("First Response Time (hrs)", "1.5", 5_400),
        ("First response time (in hrs)", "01:30:00", 5_400),
        ("first_response_time", "26:00:10", 93_610),
        ("first_response_time", "1d 2h 3m", 93_780),
        ("first_response_time", "1 day 02:00:00", 93_600),
        ("first_response_time", "45 min", 2_700),
        ("time to first response", "PT1H45M", 6_300),
        ("Erste Antwortzeit (Stunden)", '"0,5"', 1_800),
    ],
)
def test_lengths_instead_of_moments(tmp_path, column, cell, seconds):
    text = f"id,created,{column},status\n1,2026-11-02 09:00,{cell},open\n2,2026-11-02 09:00,,open\n"
    found = measured(tmp_path, text)
    assert (found.whole.answered, found.whole.waiting) == (1, 1)
    assert found.whole.first_response.median.value == seconds


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("resolution_minutes", "120"),
        ("Full resolution time (hours)", "2"),
        ("resolution time", "2:00:00"),
        ("Time to resolution", "2h"),
    ],
)
def test_lengths_of_a_resolution(tmp_path, column, cell):
    text = f"id,created,{column},status\n1,2026-11-02 09:00,{cell},closed\n2,2026-11-02 09:00,,open\n"
    resolution = measured(tmp_path, text).whole.resolution
    assert (resolution.median.value, resolution.over, resolution.open) == (2 * HOUR, 1, 1)


@pytest.mark.parametrize("column", ["first response (days)", "first response time", "resolution (days)"])
@pytest.mark.parametrize("cell", ["99999999999", "9999999999999999999d", "-00:05:00", "99999999:00:00"])
def test_what_no_length_can_be_is_none(tmp_path, column, cell):
    found = measured(tmp_path, f"id,created,{column}\n1,2026-11-02 09:00,{cell}\n")
    assert found.whole.tickets == 1
    assert any(note.startswith("t.csv: 1 cell of ") for note in found.notes)


def test_a_time_without_a_day_is_no_length(tmp_path):
    found = measured(tmp_path, "id,created,first response at,closed\n1,2026-11-02 09:00,10:05,17:30\n")
    assert (found.whole.first_response.over, found.whole.resolution.over) == (0, 0)
    assert len(found.notes) == 2


def test_a_number_without_a_unit_is_no_length(tmp_path):
    found = measured(tmp_path, "id,created,first response time\n1,2026-11-02 09:00,42\n")
    assert found.whole.first_response.over == 0
    assert any("1 cell of first reply is no date with a time" in note for note in found.notes)


@pytest.mark.parametrize("cell", ["N/A", "-", "null", "None", "0000-00-00 00:00:00"])
def test_what_says_nothing_is_no_answer(tmp_path, cell):
    whole = measured(
        tmp_path, f"id,created,first reply,closed,status\n1,2026-11-02 09:00,{cell},{cell},open\n"
    ).whole
    assert (whole.answered, whole.waiting, whole.open) == (0, 1, 1)


# ratings


@pytest.mark.parametrize(
    ("cells", "satisfied", "rated"),
    [
        (["5", "4", "3", "2", "1", ""], 2, 5),
        (["10", "9", "8", "7", "6", "5", "3", "0", ""], 3, 8),
        (["100", "80", "75", "50", "0"], 3, 5),
        (["1", "0", "1", ""], 2, 3),
        (["4.5", "3.5", "5.0"], 2, 3),
        (['"4,0"', '"5,0"', '"2,0"'], 2, 3),
        (["4/5", "2 of 5", "8/10", "7/10", "80 %", "5 stars", "1 Star"], 4, 7),
        (["★★★★★", "★★☆☆☆", "👍", "🙁"], 2, 4),
        (["Very satisfied", "Satisfied", "Neutral", "Dissatisfied", "Extremely Happy"], 3, 5),
        (["5 - Very satisfied", "1 - Very dissatisfied"], 1, 2),
        (["sehr zufrieden", "Insatisfait", "MUY SATISFECHO", "très satisfait"], 3, 4),
        (["Good with comment", "bad_without_comment", "N/A", "Offered", "Unoffered"], 1, 2),
    ],
)
def test_ratings_as_surveys_write_them(tmp_path, cells, satisfied, rated):
    rows = "".join(f"{at},2026-11-02 09:00,{cell}\n" for at, cell in enumerate(cells))
    found = measured(tmp_path, f"id,created,csat\n{rows}").whole.satisfaction
    assert (found.k, found.n) == (satisfied, rated)


def test_another_scale_than_to_five_is_said(tmp_path):
    found = measured(tmp_path, "id,created,csat\n1,2026-11-02 09:00,9\n2,2026-11-02 09:00,5\n")
    assert any("from 0 to 10; from 7.5 on they are satisfied" in note for note in found.notes)
    assert (found.whole.satisfaction.k, found.whole.satisfaction.n) == (1, 2)


def test_a_scale_that_nothing_tells_is_asked_for(tmp_path):
    text = "id,created,csat\n1,2026-11-02 09:00,7\n2,2026-11-02 09:00,5\n"
    found = measured(tmp_path, text)
    assert found.whole.satisfaction.n == 0
    assert any("say it like --ratings 1-7" in note for note in found.notes)
    told = measured(tmp_path, text, ratings="1-7").whole.satisfaction
    assert (told.k, told.n) == (1, 2)


@pytest.mark.parametrize("words", ["7", "7-1", "a-b", "1-1", ""])
def test_ratings_that_are_none_get_one_sentence(tmp_path, words):
    with pytest.raises(UsageError, match="are no ratings"):
        measured(tmp_path, "id,created\n", ratings=words)


@given(st.floats(0, 100), st.floats(0, 100))
def test_a_scale_holds_the_numbers_it_was_told_by(first, second):
    low, high = sorted((first, second))
    scale = rating_scale(low, high)
    assert scale is None or scale == (1, 5) or scale[0] <= low <= high <= scale[1]
    assert scale is None or scale[0] < satisfied_from(scale) < scale[1]


# languages


@pytest.mark.parametrize(
    "text",
    [
        "Ticket-ID;Erstellt am;Erste Antwort am;Gelöst am;Status;Kategorie;Bewertung\n"
        "1;02.11.2026 09:00;02.11.2026 10:00;03.11.2026 09:00;Gelöst;A;5\n2;02.11.2026 09:00;;;Offen;B;\n",
        "N° de ticket;Créé le;Première réponse le;Résolu le;Statut;Catégorie;Satisfaction\n"
        "1;02/11/2026 09:00;02/11/2026 10:00;03/11/2026 09:00;Résolu;A;5\n2;22/11/2026 09:00;;;Ouvert;B;\n",
        "ID del ticket;Creado el;Primera respuesta;Resuelto el;Estado;Categoria;Satisfaccion\n"
        "1;02/11/2026 09:00;02/11/2026 10:00;03/11/2026 09:00;Resuelto;A;5\n2;22/11/2026 09:00;;;Abierto;B;\n",
    ],
    ids=["German", "French", "Spanish"],
)
def test_tables_in_other_languages(tmp_path, text):
    found = measured(tmp_path, text, by=["topic"])
    whole = found.whole
    assert (whole.answered, whole.waiting, whole.closed, whole.open) == (1, 1, 1, 1)
    assert (whole.first_response.median.value, whole.satisfaction.k) == (HOUR, 1)
    assert [group.slice["topic"] for group in found.groups[1:]] == ["A", "B"]
    assert found.notes == ()


def test_a_log_in_german(tmp_path):
    text = "Ticket;Zeit;Absender;Ereignis\n1;02.11.2026 09:00;Kunde;Nachricht\n"
    text += "1;02.11.2026 10:00;Mitarbeiter;Antwort\n"
    assert measured(tmp_path, text).whole.first_response.median.value == HOUR


def test_no_column_means_two_things_of_a_layout():
    for layout in layouts().values():
        names = [word_key(name) for field, listed in layout.fields.items() for name in listed if layout.plain]
        twice = {name for name in names if names.count(name) > 1} - _EITHER
        assert not twice, layout.id


#: a moment or a length, which the cells tell
_EITHER = {
    word_key(name) for name in ("first reply", "first reply time", "first response", "first response time")
} | {
    "initial response time",
}


def test_the_words_name_where_they_are_from():
    words = support_words()
    assert words.source
    assert words.read
    assert not set(words.yes) & set(words.no)


# what is no answer, and no case

LOG = "ticket,time,author,event,{}\n1,2026-11-02T09:00:00Z,customer,message,{}\n"
LOG += "1,2026-11-02T09:10:00Z,agent,message,{}\n1,2026-11-02T10:00:00Z,agent,message,{}\n"


@pytest.mark.parametrize(
    ("column", "no", "yes"),
    [
        ("private", "false", "true"),
        ("is_internal", "0", "1"),
        ("public", "true", "false"),
        ("visibility", "public", "internal"),
        ("is_auto_reply", "false", "true"),
        ("Auto-Submitted", "no", "auto-replied"),
    ],
)
def test_a_note_or_an_automatic_reply_is_no_answer(tmp_path, column, no, yes):
    found = measured(tmp_path, LOG.format(column, no, yes, no))
    assert found.whole.first_response.median.value == HOUR


@pytest.mark.parametrize(
    ("column", "yes", "no"),
    [("merged", "true", "false"), ("is_spam", "1", "0"), ("tags", "a closed_by_merge", "a")],
)
def test_merged_and_spam_are_no_cases(tmp_path, column, yes, no):
    text = f"id,created,status,{column}\n1,2026-11-02 09:00,closed,{yes}\n2,2026-11-02 09:00,open,{no}\n"
    found = measured(tmp_path, text)
    assert (found.whole.tickets, found.set_aside) == (1, {"spam, deleted or merged": 1})


ZENDESK = {
    "id": 1,
    "created_at": "2026-11-02T09:00:00Z",
    "status": "solved",
    "via": {"channel": "email"},
    "tags": [],
    "satisfaction_rating": {"score": "good"},
    "metric_set": {"solved_at": "2026-11-02T12:00:00Z", "reply_time_in_minutes": {"calendar": 60}},
}
FRESHDESK = {
    "id": 1,
    "created_at": "2026-11-02T09:00:00Z",
    "status": 5,
    "spam": False,
    "deleted": None,
    "stats": {"first_responded_at": "2026-11-02T10:00:00Z", "resolved_at": "2026-11-02T12:00:00Z"},
}


def test_zendesk_merges_messaging_and_single_tickets(tmp_path):
    merged = {**ZENDESK, "id": 2, "tags": ["vip", "closed_by_merge"]}
    metrics = {"reply_time_in_minutes": {"calendar": None}, "reply_time_in_seconds": {"calendar": 95}}
    messaging = {**ZENDESK, "id": 3, "metric_set": metrics}
    assert measured(tmp_path, json.dumps({"tickets": [ZENDESK, merged]}), "t.json").whole.tickets == 1
    single = measured(tmp_path, json.dumps({"ticket": messaging}, indent=2), "t.json").whole
    assert single.first_response.median.value == 95


def test_zendesk_without_metrics_tells_what_it_can(tmp_path):
    bare = {name: value for name, value in ZENDESK.items() if name != "metric_set"}
    whole = measured(tmp_path, json.dumps({"tickets": [bare]}), "t.json").whole
    assert (whole.satisfaction.k, whole.satisfaction.n) == (1, 1)
    assert whole.first_response.why_null == "no file tells when tickets were answered"


def test_freshdesk_spam_is_no_case(tmp_path):
    rows = [FRESHDESK, {**FRESHDESK, "id": 2, "spam": True}, {**FRESHDESK, "id": 3, "deleted": True}]
    found = measured(tmp_path, json.dumps(rows), "t.json")
    assert (found.whole.tickets, found.set_aside) == (1, {"spam, deleted or merged": 2})


def thread(at, who, kind, **more):
    plain = {"state": "published", "status": "nochange", "source": {"type": "email", "via": who}}
    return {"type": kind, "createdAt": f"2026-11-02T{at}:00Z", "createdBy": {"type": who}} | plain | more


def conversation(*threads, **more):
    told = {"id": 1, "status": "active", "state": "published", "createdAt": "2026-11-02T09:00:00Z"}
    return json.dumps(told | {"_embedded": {"threads": list(threads)}} | more)


ASKED = thread("09:00", "customer", "customer")


def test_a_draft_of_help_scout_was_never_sent(tmp_path):
    draft = thread("09:10", "user", "message", state="draft")
    whole = measured(tmp_path, conversation(draft, ASKED), "t.json").whole
    assert (whole.answered, whole.waiting) == (0, 1)


@pytest.mark.parametrize("state", ["deleted", "draft"])
def test_a_conversation_of_help_scout_that_was_deleted_is_no_case(tmp_path, state):
    found = measured(tmp_path, conversation(ASKED, state=state), "t.json")
    assert (found.whole.tickets, found.set_aside) == (0, {"spam, deleted or merged": 1})


def test_an_agent_opens_a_conversation_again(tmp_path):
    turns = [
        thread("11:00", "user", "lineitem", status="closed"),
        thread("12:00", "user", "lineitem", status="active"),
    ]
    whole = measured(tmp_path, conversation(*turns, ASKED), "t.json").whole
    assert (whole.open, whole.reopened.k, whole.reopened.n) == (1, 1, 1)


def test_a_damaged_line_of_json_is_set_aside(tmp_path):
    lines = [json.dumps(ZENDESK), json.dumps({**ZENDESK, "id": 2})[:80], json.dumps({**ZENDESK, "id": 3})]
    found = measured(tmp_path, "\n".join(lines), "t.jsonl")
    assert (found.whole.tickets, found.set_aside, found.records) == (2, {"damaged line": 1}, 3)


def test_pages_that_are_arrays_follow_each_other(tmp_path):
    pages = [json.dumps([FRESHDESK]), json.dumps([{**FRESHDESK, "id": 2}])]
    assert measured(tmp_path, "\n".join(pages), "t.jsonl").whole.tickets == 2
