"""The service's pages as a browser shows them: on a phone, on a desk, in the dark, with and without script."""

import time
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, update

from hygiene.audit.run import audit_domains
from hygiene.contacts.suppression import Reason
from hygiene.contacts.suppression.workspace import add_suppressions
from hygiene.demo.sample import sample_zone
from hygiene.sending.states import State
from hygiene.store import open_store
from hygiene.tables import EVENT, OUTBOX
from hygiene.tokens import Purpose, make_ref, make_token

from ..sending.mailings import KEY, new_campaign
from ..service.site import PEOPLE, running, settings_of
from .test_pages import BEYOND, browser  # noqa: F401 - a fixture

pytestmark = pytest.mark.server("chromium")

TOKEN = "sesame-open-1234567"
WIDTHS = (320, 1280)


@pytest.fixture
def audits(tmp_path):
    """The folder of audits that were saved."""
    folder = tmp_path / "audits"
    folder.mkdir()
    return folder


@pytest.fixture
def url(tmp_path, monkeypatch, audits):
    monkeypatch.setenv("DASH", TOKEN)
    place = str(tmp_path / "hygiene.db")
    with open_store(place, key=KEY) as store:
        new_campaign(store, PEOPLE)
        with store.writing() as connection:
            connection.execute(update(OUTBOX).where(OUTBOX.c.id == 1).values(state=State.UNKNOWN, reply="lost"))
    settings = settings_of(url="", dashboard_token="env:DASH", audits=str(audits))
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


def sent_and_delivered(connection, number, ref):
    about = {"message": number, "source": "outbox", "message_id": ref, "recipient": f"p{number}@shop.example"}
    rows = [
        {
            **about,
            "event_id": f"outbox:{ref}:{kind}",
            "campaign": "spring",
            "kind": kind,
            "ts_us": time.time_ns() // 1000,
        }
        for kind in ("sent", "delivered")
    ]
    connection.execute(insert(EVENT), rows)


def test_figures_lists_and_audits_move_by_themselves(page, url, place, audits):
    sign_in(page, url)
    page.wait_for_selector("#pulse:not([hidden])")
    lately = page.locator("#lately")
    assert "no mail was sent yet" in lately.inner_text()
    assert "nobody is suppressed" in lately.inner_text()
    assert "bakery.example" not in lately.inner_text()
    page.evaluate("window.loadedOnce = true")
    with open_store(place, key=KEY) as store:
        add_suppressions(store, ["ann@shop.example"], reason=Reason.COMPLAINED, now=datetime.now(UTC))
        with store.writing() as connection:
            for number in range(3):
                sent_and_delivered(connection, number, f"r{number}")
    (audit,) = audit_domains(["outfitters.example"], resolver=sample_zone(), second_opinion=False)
    audit.facts.save(audits / "outfitters.json")
    page.wait_for_selector("#lately >> text=1 entry of the suppression list", timeout=30_000)
    page.wait_for_selector("#lately >> text=3 mails sent", timeout=60_000)
    page.wait_for_selector("#lately >> text=outfitters.example", timeout=60_000)
    assert page.evaluate("window.loadedOnce")  # it was not loaded again
    page.click("#lately summary >> nth=0")
    with open_store(place, key=KEY) as store:
        add_suppressions(store, ["bob@shop.example"], reason=Reason.COMPLAINED, now=datetime.now(UTC))
    page.wait_for_selector("#lately >> text=2 entries of the suppression list", timeout=30_000)
    assert page.locator("#lately details[open]").count() == 1  # what was unfolded stays so
    assert page.said == []


@pytest.mark.parametrize("page", [{"java_script_enabled": False}], indirect=True)
def test_the_same_is_there_without_a_script_when_the_page_is_loaded_again(page, url, place):
    sign_in(page, url)
    assert "nobody is suppressed" in page.locator("#lately").inner_text()
    with open_store(place, key=KEY) as store:
        add_suppressions(store, ["ann@shop.example"], reason=Reason.COMPLAINED, now=datetime.now(UTC))
    until = time.monotonic() + 30
    while "1 entry" not in page.locator("#lately").inner_text() and time.monotonic() < until:
        page.reload()
    assert "1 entry of the suppression list" in page.locator("#lately").inner_text()
