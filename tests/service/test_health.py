"""For whoever watches: alive, ready, and figures in the text format of Prometheus."""

import re

import pytest
from sqlalchemy import text

from .site import PEOPLE, served, settings_of

SAMPLE = re.compile(r'[a-z_]+(\{[a-z]+="[^"\n]*"(,[a-z]+="[^"\n]*")*\})? -?[0-9.e+]+')
TOKEN = "a-token-of-the-api-0123"


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setenv("API_TOKEN", TOKEN)
    with served(tmp_path / "hygiene.db", settings=settings_of(api_token="env:API_TOKEN")) as found:
        yield found


def metrics(site):
    return site.client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})


def value(site, line):
    return next(
        float(each.rpartition(" ")[2]) for each in metrics(site).text.splitlines() if each.startswith(line)
    )


def test_it_lives_and_is_ready(site):
    assert site.client.get("/healthz").status_code == 200
    assert site.client.get("/readyz").status_code == 200


def test_it_lives_and_is_not_ready_without_its_store(site):
    with site.store.writing() as connection:
        connection.execute(text("DROP TABLE outbox"))
        connection.execute(text("DROP TABLE campaign"))
    assert site.client.get("/healthz").status_code == 200
    assert site.client.get("/readyz").status_code == 503


def test_the_figures_are_in_the_format_and_right(site):
    site.client.post(f"/u/{site.token(PEOPLE[0])}", data={"leave": "all"})
    site.client.post(f"/u/{site.token(PEOPLE[1])}", data={"leave": "topic"})
    site.site.clock.move(minutes=2)
    answer = metrics(site)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert all(line.startswith("# ") or SAMPLE.fullmatch(line) for line in lines)
    assert value(site, 'hygiene_queue_mails{state="ready"}') == 3
    assert value(site, "hygiene_queue_oldest_ready_seconds") == 120
    assert value(site, 'hygiene_events_total{kind="unsubscribed"') == 2
    assert value(site, "hygiene_opt_outs") == 1
    assert value(site, 'hygiene_suppressed{reason="unsubscribed"}') == 1


def test_the_store_is_asked_once_for_many(site):
    assert value(site, "hygiene_opt_outs") == 0
    site.client.post(f"/u/{site.token(PEOPLE[1])}", data={"leave": "topic"})
    assert value(site, "hygiene_opt_outs") == 0
    site.site.clock.move(seconds=6)
    assert value(site, "hygiene_opt_outs") == 1


def test_strangers_see_no_figures(site):
    for headers in ({}, {"authorization": "Bearer guess"}, {"x-forwarded-for": "127.0.0.1"}):
        assert site.client.get("/metrics", headers=headers).status_code == 404
