"""The service's pages as a browser shows them: on a phone, on a desk, in the dark, with and without script."""

import time

import pytest
from sqlalchemy import update

from hygiene.sending.states import State
from hygiene.store import open_store
from hygiene.tables import OUTBOX
from hygiene.tokens import Purpose, make_ref, make_token

from ..sending.mailings import KEY, new_campaign
from ..service.site import PEOPLE, running, settings_of
from .test_pages import BEYOND, browser  # noqa: F401 - a fixture

pytestmark = pytest.mark.server("chromium")

TOKEN = "sesame-open-1234567"
WIDTHS = (320, 1280)


@pytest.fixture
def url(tmp_path, monkeypatch):
    monkeypatch.setenv("DASH", TOKEN)
    place = str(tmp_path / "hygiene.db")
    with open_store(place, key=KEY) as store:
        new_campaign(store, PEOPLE)
        with store.writing() as connection:
            connection.execute(update(OUTBOX).where(OUTBOX.c.id == 1).values(state=State.UNKNOWN, reply="lost"))
    settings = settings_of(url="", dashboard_token="env:DASH")
    with running(place, settings=settings, clock=lambda: time.time_ns() // 1000) as address:
        yield address


@pytest.fixture
def place(tmp_path):
    return str(tmp_path / "hygiene.db")


@pytest.fixture
def page(browser, request):  # noqa: F811
    options = {"viewport": {"width": 1280, "height": 800}} | getattr(request, "param", {})
    context = browser.new_context(**options)
    opened = context.new_page()
    opened.said = []
    opened.on("console", lambda message: opened.said.append(message.text))
    opened.on("pageerror", lambda error: opened.said.append(str(error)))
    yield opened
    context.close()


def leave_path(address=PEOPLE[1]):
    return f"/u/{make_token(make_ref('spring', address, KEY), Purpose.UNSUBSCRIBE, KEY)}"


def sign_in(page, url):
    page.goto(f"{url}/sign-in")
    page.fill("input[name=token]", TOKEN)
    page.click("button")
    page.wait_for_url(f"{url}/")


SMALL = [
    {"viewport": {"width": width, "height": 700}, "color_scheme": scheme, "java_script_enabled": script}
    for width in WIDTHS
    for scheme in ("light", "dark")
    for script in (True, False)
]


@pytest.mark.parametrize("page", SMALL, indirect=True)
def test_unsubscribing_is_one_sentence_and_one_button(page, url):
    page.goto(url + leave_path())
    assert page.locator("h1").count() == page.locator("button").count() == 1
    button = page.locator("button")
    assert button.bounding_box()["y"] + button.bounding_box()["height"] < 700
    assert button.bounding_box()["height"] >= 44  # px, WCAG 2.2 §2.5.5
    button.click()
    assert page.locator("h1").inner_text() == "✓You are unsubscribed."
    page.click("text=Changed your mind?")
    assert not page.locator("input[name=topic]").is_checked()
    page.check("input[name=topic]")
    page.click("button:has-text('Save')")
    assert page.locator("input[name=topic]").is_checked()
    assert not page.said


@pytest.mark.parametrize("page", [each for each in SMALL if each["java_script_enabled"]], indirect=True)
def test_nothing_reaches_beyond_the_page(page, url):
    sign_in(page, url)
    for path in ("/", leave_path(), f"{leave_path()}/preferences", "/sign-in", "/nope"):
        page.goto(url + path)
        assert page.evaluate(BEYOND) == []


@pytest.mark.parametrize("page", [{"java_script_enabled": False}], indirect=True)
def test_doubts_are_resolved_without_a_script(page, url, place):
    sign_in(page, url)
    assert "1 mail is in doubt" in page.locator("#live").inner_text()
    page.click("button:has-text('Was sent')")
    page.wait_for_url(f"{url}/")
    assert "all is" in page.locator("#live").inner_text()


def test_the_board_moves_by_itself(page, url, place):
    sign_in(page, url)
    page.wait_for_selector("#pulse:not([hidden])")
    assert "0 of 3" in page.locator("#live").inner_text()
    with open_store(place, key=KEY) as store, store.writing() as connection:
        connection.execute(update(OUTBOX).where(OUTBOX.c.id > 1).values(state=State.SENT))
    page.wait_for_selector("text=2 of 3")
    assert page.said == []
