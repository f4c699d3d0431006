"""Ratings that come in files of their own, and the tickets they are of."""

import json
from datetime import UTC, datetime

import pytest

from hygiene.errors import UsageError
from hygiene.metrics.support import measure_support

ZENDESK = {
    "id": 1,
    "created_at": "2026-11-02T09:00:00Z",
    "status": "solved",
    "via": {"channel": "email"},
    "satisfaction_rating": {"score": "offered"},
    "metric_set": {"solved_at": "2026-11-02T12:00:00Z", "reply_time_in_minutes": {"calendar": 60}},
}
FRESHDESK = {
    "id": 1,
    "created_at": "2026-11-02T09:00:00Z",
    "status": 5,
    "stats": {"first_responded_at": "2026-11-02T10:00:00Z", "resolved_at": "2026-11-02T12:00:00Z"},
}
HELPSCOUT = {
    "id": 301,
    "status": "closed",
    "createdAt": "2026-11-02T09:00:00Z",
    "_embedded": {
        "threads": [
            {"type": "customer", "createdAt": "2026-11-02T09:00:00Z", "createdBy": {"type": "customer"}}
        ]
    },
}
TICKETS = "ticket,created,closed\n1,2026-11-02 09:00,2026-11-02 10:00\n2,2026-11-02 09:00,2026-11-02 10:00\n"


def measured(folder, *texts, **asked):
    paths = []
    for at, text in enumerate(texts):
        paths.append(folder / f"given-{at}")
        paths[-1].write_text(text if isinstance(text, str) else json.dumps(text))
    return measure_support(paths, **asked)


def zendesk_rating(ticket, score, day):
    return {"ticket_id": ticket, "score": score, "created_at": f"2026-11-0{day}T09:00:00Z"}


RATED = {
    "satisfaction_ratings": [
        zendesk_rating(1, "good", 4),
        zendesk_rating(1, "bad", 3),
        zendesk_rating(3, "offered", 4),
        zendesk_rating(99, "good", 4),
    ]
}


@pytest.mark.parametrize("turned", [False, True])
def test_the_last_rating_of_a_ticket_counts(tmp_path, turned):
    given = ({"tickets": [{**ZENDESK, "id": number} for number in (1, 2, 3)]}, RATED)
    found = measured(tmp_path, *(given[::-1] if turned else given))
    whole = found.whole
    assert (whole.tickets, whole.satisfaction.k, whole.satisfaction.n) == (3, 1, 1)
    assert (whole.response.k, whole.response.n, whole.response.of) == (1, 3, "people asked")
    assert found.set_aside == {"rating of a ticket that is not here": 1}
    then = measured(tmp_path, *given, as_of=datetime(2026, 11, 3, 12, tzinfo=UTC)).whole
    assert (then.satisfaction.k, then.satisfaction.n) == (0, 1)


def test_freshdesk_says_it_in_numbers(tmp_path):
    scores = [103, -103, 100, 101, -101]
    ratings = [
        {"ticket_id": at, "survey_id": 1, "ratings": {"default_question": score, "question_1": -103}}
        for at, score in enumerate(scores, 1)
    ]
    found = measured(tmp_path, [{**FRESHDESK, "id": at} for at in range(1, 6)], ratings)
    assert (found.whole.satisfaction.k, found.whole.satisfaction.n) == (2, 5)
    assert not any("--ratings" in note or "not known here" in note for note in found.notes)


def test_help_scout_reports_happiness(tmp_path):
    ratings = {"results": [{"number": 11, "id": 301, "ratingId": 3, "ratingCreatedAt": "2026-11-05T09:00:00Z"}]}
    satisfaction = measured(tmp_path, HELPSCOUT, ratings).whole.satisfaction
    assert (satisfaction.k, satisfaction.n) == (0, 1)


@pytest.mark.parametrize(
    "ratings",
    [
        "Ticket ID;Rating;Comment;Date\n1;5;ok;02.11.2026 12:00\n2;2;;02.11.2026 12:00\n",
        "ticket,csat\n1,Good\n2,Bad\n",
        "Ticketnummer;Bewertung\n1;sehr zufrieden\n2;unzufrieden\n",
    ],
)
def test_a_plain_table_of_ratings(tmp_path, ratings):
    satisfaction = measured(tmp_path, TICKETS, ratings).whole.satisfaction
    assert (satisfaction.k, satisfaction.n) == (1, 2)


def test_ratings_of_another_helpdesk_are_of_no_ticket_here(tmp_path):
    found = measured(tmp_path, [FRESHDESK], {"satisfaction_ratings": RATED["satisfaction_ratings"][:1]})
    assert found.whole.satisfaction.n == 0
    assert found.set_aside == {"rating of a ticket that is not here": 1}


def test_ratings_alone_are_asked_for_their_tickets(tmp_path):
    with pytest.raises(UsageError, match="give the export of the tickets"):
        measured(tmp_path, RATED)
