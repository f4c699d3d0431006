"""Klaviyo's events that name their metric and profile by ids: joined with what other logs tell."""

import json
from pathlib import Path

import duckdb
import pytest

from hygiene.events.read import read_events

SAMPLE = json.loads((Path(__file__).parent / "samples" / "klaviyo.json").read_text("utf-8"))
EVENTS = {"data": SAMPLE["data"], "links": {"self": "x"}}


def listing(kind):
    return {"data": [one for one in SAMPLE["included"] if one["type"] == kind], "links": {"self": "x"}}


def read(tmp_path, *logs):
    paths = []
    for number, log in enumerate(logs):
        path = tmp_path / f"{number}.json"
        path.write_text(log if isinstance(log, str) else json.dumps(log), "utf-8")
        paths.append(path)
    with duckdb.connect() as connection:
        report = read_events(paths, connection)
        columns = "kind, recipient, bounce_class, machine, campaign, url, ts_us, value_micros"
        return connection.execute(f"select {columns} from events order by all").fetchall(), report


def lines(page):
    return "".join(json.dumps(event) + "\n" for event in page["data"])


@pytest.mark.parametrize(
    "logs",
    [
        [EVENTS, listing("metric"), listing("profile")],
        [listing("metric"), listing("profile"), EVENTS],
        [{**EVENTS, "included": listing("profile")["data"]}, listing("metric")],
        [{**EVENTS, "included": listing("metric")["data"]}, listing("profile")],
        [EVENTS, {**EVENTS, "data": [], "included": SAMPLE["included"]}],
        [lines(EVENTS), json.dumps([listing("metric"), listing("profile")], indent=1)],
    ],
)
def test_names_of_other_logs_are_joined(tmp_path, logs):
    whole, told = read(tmp_path, SAMPLE)
    found, report = read(tmp_path, *logs)
    assert found == whole
    assert report.kinds == told.kinds
    assert report.events == sum(file.events for file in report.files)


def test_what_to_add_is_said_in_one_sentence_each(tmp_path):
    found, report = read(tmp_path, EVENTS)
    assert {kind for kind, *_ in found} == {"unknown"}
    assert len(found) == len(EVENTS["data"])
    (metrics, profiles) = (note for note in report.notes if note.startswith("Klaviyo"))
    assert (
        f"{len(found)}; what happened is unknown until the listing of the metrics (GET /api/metrics)" in metrics
    )
    assert "GET /api/profiles" in profiles


def test_a_listing_alone_tells_of_no_event(tmp_path):
    found, report = read(tmp_path, listing("metric"))
    assert (found, report.unread, report.skipped) == ([], 0, {"metric": len(listing("metric")["data"])})


def test_hostile_listings(tmp_path):
    odd = {"data": [None, 3, {"type": "metric"}, {"type": "metric", "id": 5, "attributes": {"name": "x"}}]}
    odd["included"] = {"type": "metric", "id": "M0", "attributes": {"name": ["x"]}}
    found, _ = read(tmp_path, {"data": [*EVENTS["data"], {"type": "event", "relationships": []}]}, odd)
    assert {kind for kind, *_ in found} == {"unknown"}


@pytest.mark.parametrize("odd", [[], {}, [["metric"]], {"a": 1}, 1])
def test_things_whose_type_or_id_is_no_text_name_nothing(tmp_path, odd):
    strange = [{"type": odd, "id": "m1", "attributes": {"name": "x"}}, {"type": "metric", "id": odd}, odd]
    nested = json.loads("[" * 900 + "]" * 900)
    page = {**EVENTS, "included": [*strange, nested], "data": [*EVENTS["data"], odd]}
    wanted = read(tmp_path, EVENTS, listing("metric"), listing("profile"))[0]
    found = read(tmp_path, page, listing("metric"), {"data": [*listing("profile")["data"], *strange]})[0]
    assert [row for row in found if row[0] != "unknown"] == [row for row in wanted if row[0] != "unknown"]
