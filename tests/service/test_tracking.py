"""Opens and clicks: off unless asked for, never to where nobody signed, and no machine taken for a person."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.sending.tracking import click_path, open_path
from hygiene.service.privacy import erase_everywhere
from hygiene.service.tracking import PIXEL, machine_of, read_target
from hygiene.tables import EVENT
from hygiene.tokens import Purpose

from ..sending.mailings import KEY, START
from .site import PEOPLE, served, settings_of

ANN, BOB, _ = PEOPLE
SHOP = "https://shop.example/sale?a=1&b=%C3%A9#top"
#: 2026-11
APPLE = "Mozilla/5.0"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"


@pytest.fixture
def site(tmp_path):
    with served(tmp_path / "hygiene.db", settings=settings_of(tracking=True)) as found:
        yield found


def click(site, target=SHOP, address=ANN):
    return click_path(site.ref(address), target, KEY)


def test_a_click_leads_on_and_is_an_event(site):
    answer = site.client.get(click(site), headers={"user-agent": "Mozilla/5.0 (X11)"})
    assert (answer.status_code, answer.headers["location"]) == (302, SHOP)
    [event] = site.rows(EVENT)
    said = (event["kind"], event["url"], event["campaign"], event["recipient"], event["machine"])
    assert said == ("clicked", SHOP, "spring", ANN, "unknown")


def test_an_open_is_an_event_and_a_pixel(site):
    answer = site.client.get(open_path(site.ref(ANN), KEY), headers={"user-agent": GMAIL})
    assert (answer.content, answer.headers["content-type"]) == (PIXEL, "image/gif")
    assert answer.headers["cache-control"] == "no-store"
    assert [(row["kind"], row["machine"]) for row in site.rows(EVENT)] == [("opened", "proxy")]


def test_loading_twice_in_a_second_is_once(site):
    for _ in range(3):
        site.client.get(open_path(site.ref(ANN), KEY))
    site.site.clock.move(seconds=1)
    site.client.get(open_path(site.ref(ANN), KEY))
    assert len(site.rows(EVENT)) == 2


def test_nothing_is_noted_unless_the_settings_say_so(tmp_path):
    with served(tmp_path / "hygiene.db") as site:
        answer = site.client.get(click(site))  # links of mails that are out still lead on
        assert (answer.status_code, answer.headers["location"]) == (302, SHOP)
        assert site.client.get(open_path(site.ref(ANN), KEY)).content == PIXEL
        assert not site.rows(EVENT)
        assert site.client.get(others(site)[0]).status_code == 404


def test_a_link_leads_on_for_as_long_as_the_settings_say(tmp_path):
    with served(tmp_path / "hygiene.db", settings=settings_of(tracking=True, links_last="6mo")) as site:
        site.site.clock.move(days=180)
        assert site.client.get(click(site)).status_code == 302
        site.site.clock.move(days=5)
        answer = site.client.get(click(site))
        assert answer.status_code == 410
        assert "location" not in answer.headers
        assert site.kinds() == ["clicked"]


def test_what_somebody_erased_does_names_nobody(site):
    erase_everywhere(site.store, [ANN], now=START)
    ref = site.ref(ANN)
    assert (
        site.client.get(click_path(ref, f"{SHOP[:-4]}&who={ANN.replace('@', '%40')}", KEY)).status_code == 302
    )
    site.client.get(open_path(ref, KEY))
    rows = [(row["kind"], row["recipient"], row["url"]) for row in site.rows(EVENT)]
    assert sorted(rows) == [("clicked", f"erased-{ref}", None), ("opened", f"erased-{ref}", None)]


def test_a_head_counts_nothing(site):
    assert site.client.head(click(site)).status_code == 302
    assert not site.rows(EVENT)


def others(site):
    path = click(site)
    start, check, evil = path.rsplit("/", 1)[0], path.rsplit("/", 1)[1], "aHR0cHM6Ly9ldmlsLmV4YW1wbGU"
    return [
        f"{start}/{check[:16]}{evil}",  # a check of another target
        f"{start}/{evil}",
        f"{start}/{check[:16]}",
        f"{start}/{check}A",
        click(site, address=BOB).rsplit("/", 1)[0] + f"/{check}",  # a target of another's mail
        f"/l/{site.token(ANN, Purpose.UNSUBSCRIBE)}/{check}",
        click(site, "javascript:alert(1)"),  # signed, and still no link to the web
        click(site, "//evil.example"),
        click(site, "https://shop.example@evil.example/"),
        click(site, "https://shop.example/\r\nSet-Cookie: a=b"),
        click(site, "https://shop.example/" + "a" * 2000),
    ]


@pytest.mark.parametrize("number", range(11))
def test_nothing_leads_where_nobody_signed(site, number):
    answer = site.client.get(others(site)[number])
    assert answer.status_code == 404
    assert "location" not in answer.headers
    assert not site.rows(EVENT)


@given(st.text(max_size=80))
def test_no_text_is_a_target_but_by_the_key(signed):
    assert read_target("a" * 16, signed, KEY) is None


@given(st.from_regex(r"https://[a-z]{1,20}\.example/[a-z0-9/?&=%._~-]{0,200}", fullmatch=True))
def test_what_was_signed_is_read_again(target):
    signed = click_path("a" * 16, target, KEY).rsplit("/", 1)[1]
    assert read_target("a" * 16, signed, KEY) == target
    assert read_target("b" * 16, signed, KEY) is None


@pytest.mark.parametrize(
    ("agent", "machine"),
    [
        (GMAIL, "proxy"),
        ("YahooMailProxy; https://help.yahoo.com", "proxy"),
        ("Googlebot/2.1", "scanner"),
        ("curl/8.5", "scanner"),
        ("", "unknown"),
        (APPLE, "unknown"),
        ("Mozilla/5.0 (Windows NT 10.0)", "unknown"),
    ],
)
def test_no_agent_proves_a_person(agent, machine):
    assert machine_of(agent) == machine
