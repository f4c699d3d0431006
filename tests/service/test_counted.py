"""From a campaign to its figures: sent, its links followed at the service, counted by `hygiene measure`."""

import html
import re
from email import message_from_bytes, policy

import pytest
from sqlalchemy import select

from hygiene.demo.smtp_sink import SmtpSink
from hygiene.metrics.measure import measure
from hygiene.sending.running import clock
from hygiene.sending.send import send_campaign, write_out
from hygiene.service.privacy import erase_everywhere, show_everything
from hygiene.store import open_store
from hygiene.tables import EVENT

from ..sending.campaign_files import a_row, clean_list, tracking_settings, write_campaign
from ..sending.mailings import KEY, Clock
from .site import served

ANN, BOB, SCANNED = "person1@gmail.com", "person2@gmail.com", "person3@gmail.com"
TARGET = "https://bakery.example/order?name=Name1&week=48&q=%C3%A9#bread"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
TOML = """\
name = "spring"
stream = "marketing"
subject = "{{ name }}, bread on Friday"
html = "spring.html"
tracking = true
[fields]
name = "First Name"
"""
HTML = """\
<!doctype html><html lang="en"><head><title>Bread</title></head><body><h1>Hello {{ name }}</h1>
<p>On Friday we bake rye bread, spelt bread and plum cake. Order until Thursday evening, and fetch it warm
from seven o'clock on. The flour comes from the mill next door.</p>
<p><a href="https://bakery.example/order?name={{ name }}&amp;week=48&amp;q=%C3%A9#bread">Order bread</a></p>
<p>{{ postal_address }}</p><p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>
"""


@pytest.fixture
def sent(tmp_path):
    """The service over a store from which six people were sent a mail a day ago, and their mails by address."""
    campaign = write_campaign(tmp_path, TOML, spring_html=HTML)
    to, taken = clean_list(tmp_path / "list", [a_row(number) for number in range(6)]), []
    place = tmp_path / "hygiene.db"
    with SmtpSink(taken.append) as sink, open_store(str(place), key=KEY) as store:
        settings = tracking_settings(account={"host": "127.0.0.1", "port": sink.port, "tls": "none"})
        send_campaign(campaign, to, store=store, settings=settings, dns=False)
    now = Clock(clock())
    now.move(days=1)
    with served(place, settings=settings, people=(), clock=now) as site:
        yield site, {mail.recipient: message_from_bytes(mail.content, policy=policy.default) for mail in taken}


def links_of(mail):
    """(path of the pixel, path of the link) as a client reads them out of the mail."""
    page = mail.get_body(("html",)).get_content()
    found = [re.search(each, page)[1] for each in (r'<img src="([^"]+/o/[^"]+)"', r'href="([^"]+/l/[^"]+)"')]
    return [html.unescape(each).removeprefix("https://mail.bakery.example") for each in found]


def counts(site):
    found = measure(site.store.place, causes=False).counts()
    names = ("sent", "delivered_open_tracked", "delivered_click_tracked")
    return {
        name: found[name] for name in (*names, "opened_all", "opened_human", "clicked_all", "clicked_human")
    }


def follow(site, mail, agent=BROWSER):
    pixel, link = links_of(mail)
    assert site.client.get(pixel, headers={"user-agent": agent}).headers["content-type"] == "image/gif"
    return site.client.get(link, headers={"user-agent": agent})


def test_who_opens_and_clicks_is_counted_once(sent):
    site, mails = sent
    for _ in range(2):
        answer = follow(site, mails[ANN])
        assert (answer.status_code, answer.headers["location"]) == (302, TARGET)
        site.site.clock.move(minutes=1)
    events = [row for row in site.rows(EVENT) if row["kind"] in {"opened", "clicked"}]
    ref = mails[ANN]["X-Hygiene-Ref"]
    assert {(row["campaign"], row["recipient"], row["message_id"]) for row in events} == {("spring", ANN, ref)}
    assert {row["url"] for row in events} == {None, TARGET}
    assert {row["tracked"] for row in site.rows(EVENT) if row["kind"] == "sent"} == {"both"}
    assert counts(site) == {
        "sent": 6,
        "delivered_open_tracked": 6,
        "delivered_click_tracked": 6,
        "opened_all": 1,
        "opened_human": 1,
        "clicked_all": 1,
        "clicked_human": 1,
    }


def test_machines_are_told_apart(sent):
    site, mails = sent
    follow(site, mails[ANN])
    follow(site, mails[SCANNED], agent="Mozilla/5.0 (compatible; LinkScanner/1.0)")
    assert site.client.head(links_of(mails[BOB])[1]).headers["location"].startswith("https://bakery.example/")
    found = counts(site)
    assert (found["opened_all"], found["clicked_all"]) == (2, 2)
    assert (found["opened_human"], found["clicked_human"]) == (1, 1)


def test_a_link_that_was_altered_leads_nowhere(sent):
    site, mails = sent
    link, other = links_of(mails[ANN])[1], links_of(mails[BOB])[1]
    mixed = f"{link.rpartition('/')[0]}/{other.rpartition('/')[2]}"
    for path in (mixed, link[:-3], f"{link}AA", link.replace("/l/", "/o/"), link.swapcase()):
        answer = site.client.get(path)
        assert answer.status_code == 404
        assert "location" not in answer.headers
    assert not {"opened", "clicked"} & set(site.kinds())


def test_a_person_sees_and_erases_what_was_counted(sent):
    site, mails = sent
    follow(site, mails[ANN])
    follow(site, mails[BOB])
    before = counts(site)
    held = show_everything(site.store, ANN)
    assert {"opened", "clicked"} <= {row["kind"] for row in held.events}
    assert TARGET in [row.get("url") for row in held.events]
    erase_everywhere(site.store, [ANN], now=site.site.now)
    site.site.clock.move(minutes=1)
    assert follow(site, mails[ANN]).status_code == 302  # the mail is still in their inbox
    assert counts(site) == before
    with site.store.reading() as connection:
        rows = [str(tuple(row)) for row in connection.execute(select(EVENT))]
    assert not [row for row in rows if ANN in row or "Name1" in row]
    assert [row for row in rows if BOB in row]


def test_a_mail_written_out_shows_its_links(sent, tmp_path):
    campaign, out = tmp_path / "campaign.toml", tmp_path / "out"
    write_out(campaign, tmp_path / "list" / "cleaned", out, settings=tracking_settings(), secret=KEY)
    mails = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in out.glob("*.eml")]
    assert len(mails) == 6
    assert all(each for mail in mails for each in links_of(mail))
