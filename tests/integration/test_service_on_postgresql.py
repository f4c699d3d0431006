"""The service over a real PostgreSQL: the same answers, the same rows."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from hygiene.service.privacy import apply_retention, erase_everywhere, show_everything
from hygiene.tables import CONSENT, EVENT, OPT_OUT, OUTBOX, SUPPRESSION

from ..sending.mailings import START
from ..service.site import served, settings_of

pytestmark = pytest.mark.server("initdb", "postgres")

TOKEN = "a-token-of-the-api-0123"
PEOPLE = [f"p{number}@shop.example" for number in range(200)]
RECEIPT = {"to": "p1@shop.example", "subject": "Your order", "text": "Thank you."}


def test_people_leave_come_back_and_are_forgotten(url, monkeypatch):
    monkeypatch.setenv("API_TOKEN", TOKEN)
    with served(url, people=PEOPLE, settings=settings_of(api_token="env:API_TOKEN")) as site:
        paths = [f"/u/{site.token(address)}" for address in PEOPLE] * 2
        with ThreadPoolExecutor(8) as pool:
            answers = list(
                pool.map(lambda path: site.client.post(path, data={"List-Unsubscribe": "One-Click"}), paths)
            )
        assert {answer.status_code for answer in answers} == {200}
        assert len(site.rows(OPT_OUT)) == len(site.rows(EVENT)) == len(site.rows(CONSENT)) == len(PEOPLE)
        site.client.post(paths[0], data={"leave": "all"})
        assert [row["reason"] for row in site.rows(SUPPRESSION)] == ["unsubscribed"]
        page = site.client.post(f"{paths[0]}/preferences", data={"topic": "news"})
        assert "checked" in page.text
        assert not site.rows(SUPPRESSION)
        headers = {"authorization": f"Bearer {TOKEN}", "idempotency-key": "order-1"}
        with ThreadPoolExecutor(8) as pool:
            taken = list(
                pool.map(lambda _: site.client.post("/api/messages", json=RECEIPT, headers=headers), range(16))
            )
        assert {(answer.status_code, answer.text) for answer in taken} == {(202, taken[0].text)}
        assert len(site.rows(OUTBOX)) == len(PEOPLE) + 1
        figures = site.client.get("/metrics", headers=headers).text
        assert f"hygiene_opt_outs {len(PEOPLE) - 1}" in figures
        assert len(show_everything(site.store, PEOPLE[1]).mails) == 2
        assert erase_everywhere(site.store, [PEOPLE[1]], now=START).rows["outbox"] == 2
        assert apply_retention(site.store, "1y", now=START.replace(year=2030)) == len(PEOPLE)
