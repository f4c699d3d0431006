"""Preflight on the sample's domains: what stops a campaign, what does not, and that nothing is guessed."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hygiene.config import AccountSettings
from hygiene.demo.sample import sample_zone
from hygiene.demo.smtp_sink import SmtpSink
from hygiene.errors import UsageError
from hygiene.finding import Severity
from hygiene.render.markdown import render_markdown
from hygiene.render.page import render_page
from hygiene.render.terminal import render_terminal
from hygiene.resolver import Outcome
from hygiene.sending.allowance import note_day
from hygiene.sending.campaign import load_campaign
from hygiene.sending.preflight.checks.volume import volume_beyond_warm_up
from hygiene.sending.preflight.parts import People, Route, Workspace
from hygiene.sending.preflight.preflight import preflight_campaign
from hygiene.sending.preflight.registry import all_checks
from hygiene.sending.signing_keys import load_signers
from hygiene.store import open_store
from tests.sending.campaign_files import CAMPAIGNS, a_row, a_settings, clean_list, write_campaign
from tests.sending.transports.smtp_server import EHLO, HANG_UP, STALL, Script, authority, in_thread

NAME = "mail._domainkey.bakery.example"
TOML = """name = "note"
stream = "marketing"
subject = "Our loaves of this week"
preheader = "Rye on Monday, spelt on Friday"
html = "a.html"
[fields]
first_name = "First Name"
"""
HTML = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Loaves</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head><body>
<p style="font-size:16px">Dear {{ first_name }}, we bake rye on Monday and spelt on Friday.</p>
<p style="font-size:16px">
<a style="padding:14px;background:#1a5fb4;color:#ffffff" href="https://bakery.example/">See the loaves</a></p>
<p style="font-size:14px">{{ postal_address }} <a href="{{ unsubscribe_url }}">Unsubscribe</a></p>
</body></html>"""


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    """A key that signs, and the record that belongs to it."""
    path = tmp_path_factory.mktemp("key") / "dkim.pem"
    made = Ed25519PrivateKey.generate()
    path.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    entry = f"{NAME}=file:{path}"
    return entry, load_signers([entry])[0].public_record()


@pytest.fixture(scope="module")
def cleaned(tmp_path_factory):
    return clean_list(tmp_path_factory.mktemp("list"), [a_row(number) for number in range(40)])


@pytest.fixture
def campaign(tmp_path):
    return write_campaign(tmp_path, TOML, a_html=HTML)


@pytest.fixture
def zone(key):
    return sample_zone().with_changes({NAME: {"TXT": key[1]}})


@pytest.fixture
def check(campaign, cleaned, zone, key, tmp_path):
    def checked(
        path=campaign, to=cleaned, resolver=zone, ignore=(), now=None, dns=True, login=False, **settings
    ):
        account = {"sign": [key[0]], **settings.pop("account", {})}
        workspace = {"store": str(tmp_path / "w.db"), "key_file": str(tmp_path / "w.key")}
        found = a_settings(account=account, workspace=workspace, **settings)
        return preflight_campaign(
            path, to, settings=found, resolver=resolver, ignore=ignore, now=now, dns=dns, login=login
        )

    return checked


def ids(findings):
    return {finding.id for finding in findings}


def finding(preflight, name):
    return next(each for each in preflight.findings if each.id == name)


def test_a_sound_campaign_may_be_sent(check):
    found = check()
    assert "tracking-on" not in ids(found.findings)
    assert not found.blocking(), found.blocking()
    assert not found.unknowns
    assert found.exit_code() == 0
    assert found.parts.route.signed_aligned
    assert found.parts.route.envelope_aligned
    assert [relay.verdict.result.value for relay in found.parts.route.relays] == ["pass"]
    assert found.parts.people.providers == {"gmail": 40}


def test_the_sample_campaign_is_sound_but_for_one_field(check):
    found = check(path=CAMPAIGNS / "spring.toml")
    assert not found.blocking()
    assert [mail.label for mail in found.parts.rendering.mails] == ["longest", "shortest, emptiest"]
    assert found.parts.rendering.every  # it has a date, which some cells could break
    assert found.parts.rendering.tried == 40


# The list


def test_a_list_without_its_cleaning_is_never_mailed(check, tmp_path):
    (tmp_path / "own.csv").write_text("Email\na@b.example\n")
    found = check(to=tmp_path / "own.csv")
    assert "list-not-cleaned" in ids(found.blocking())
    assert "list-not-cleaned" in ids(found.blocking({"list-not-cleaned"}))
    assert "list-not-cleaned" in ids(check(to=tmp_path / "own.csv", ignore=["list-*"]).blocking())
    assert found.parts.rendering.mails  # its content is judged all the same


def test_an_altered_list_is_never_mailed(check, tmp_path):
    cleaned = clean_list(tmp_path / "list", [a_row(1)])
    with (cleaned / "clean.csv").open("a") as file:
        file.write("more@gmail.com,,,,,,\n")
    found = check(to=cleaned / "clean.csv")
    assert "list-altered" in ids(found.blocking({"list-altered"}))
    assert "clean.csv was changed" in finding(found, "list-altered").evidence[0]


@pytest.mark.parametrize(("days", "severity"), [(1, None), (8, Severity.MEDIUM), (31, Severity.HIGH)])
def test_a_list_grows_stale(check, days, severity):
    found = check(now=datetime.now(UTC) + timedelta(days=days))
    assert (finding(found, "list-stale").severity if severity else None) is severity
    assert ("list-stale" in ids(found.blocking())) is (severity is Severity.HIGH)
    assert "list-stale" not in ids(found.blocking({"list-stale"}))


def test_an_empty_list(check, tmp_path):
    cleaned = clean_list(tmp_path / "list", [a_row(1, Email="x")], max_removed=1)
    assert "list-empty" in ids(check(to=cleaned).blocking())


def test_suppressions_that_cannot_be_asked(check, tmp_path):
    (tmp_path / "w.db").write_bytes(b"no database at all, and long enough to see it" * 100)
    found = check()
    assert "suppressions-unreachable" in ids(found.blocking({"suppressions-unreachable"}))


# Fields


def test_a_missing_column_and_empty_cells(check, tmp_path):
    rows = [a_row(1), a_row(2, **{"First Name": " "}), a_row(3, **{"First Name": ""})]
    cleaned = clean_list(tmp_path / "list", rows)
    found = check(to=cleaned)
    assert finding(found, "merge-field-empty").evidence == ("first_name: 2 of 3 (66.7%), lines 3, 4",)
    assert 'first_name = { column = "First Name", default = "…" }' in finding(found, "merge-field-empty").fix
    other = write_campaign(tmp_path, TOML.replace("First Name", "Vorname"), a_html=HTML)
    assert "'Vorname'" in finding(check(path=other), "merge-field-missing").evidence[0]


def test_a_cell_that_breaks_a_template_is_found_wherever_it_stands(check, tmp_path):
    rows = [a_row(number) for number in range(30)]
    rows[17] = a_row(17, Until="soon")
    found = check(path=CAMPAIGNS / "spring.toml", to=clean_list(tmp_path / "list", rows))
    assert "template-fails" in ids(found.blocking())
    assert finding(found, "template-fails").evidence == (
        "person17@gmail.com: the HTML: 'soon' is no date: 2026-03-20 is one",
    )


def test_a_link_field_without_scheme(check, tmp_path):
    rows = [a_row(1), a_row(2, **{"Shop Url": "www.shop.example"})]
    found = check(path=CAMPAIGNS / "spring.toml", to=clean_list(tmp_path / "list", rows))
    assert finding(found, "merge-field-no-link").evidence == ("shop_url: 1 of 2, lines 3",)


def test_a_field_that_no_template_uses(check, tmp_path):
    path = write_campaign(tmp_path, TOML + 'city = "City"\n', a_html=HTML)
    assert finding(check(path=path), "merge-field-unused").evidence == ("city",)


# Keys, relay and names


def test_another_key_is_published(check, zone):
    record = sample_zone()
    published = "v=DKIM1; k=ed25519; p=" + "A" * 43 + "="
    found = check(resolver=record.with_changes({NAME: {"TXT": published}}))
    assert finding(found, "signing-key-differs").evidence == (f"another key is published at {NAME}",)
    assert "signing-key-differs" in ids(found.blocking())
    assert finding(found, "signing-key-differs").fix.startswith(f'{NAME}. TXT "v=DKIM1')


@pytest.mark.parametrize(
    ("records", "said"),
    [
        (Outcome.NXDOMAIN, "nothing is published"),
        ({"TXT": "v=DKIM1; k=ed25519; p="}, "is revoked"),
        ({"TXT": "v=DKIM1; nonsense"}, "is no key"),
        ({"TXT": ["v=DKIM1; p=x", "v=DKIM1; p=y"]}, "2 records"),
    ],
)
def test_what_stands_in_place_of_the_key(check, records, said):
    found = check(resolver=sample_zone().with_changes({NAME: records}))
    assert said in finding(found, "signing-key-differs").evidence[0]


def test_no_answer_is_never_a_missing_key(check):
    found = check(resolver=sample_zone().with_changes({NAME: Outcome.SERVFAIL}))
    assert "signing-key-differs" not in ids(found.findings)
    assert finding(found, "signing-key-unknown").unknown
    assert found.exit_code() == 3
    assert not found.blocking()


def test_a_key_that_cannot_be_read(check, tmp_path):
    found = check(account={"sign": [f"{NAME}=file:{tmp_path}/none.pem", "nonsense"]})
    assert "signing-key-unreadable" in ids(found.blocking())
    assert len(finding(found, "signing-key-unreadable").evidence) == 2


@pytest.mark.parametrize("transport", ["sendgrid", "postmark", "brevo"])
def test_an_api_that_would_lose_the_signature(check, transport):
    found = check(account={"transport": transport})
    assert "leave out sign" in finding(found, "signing-key-unreadable").evidence[0]
    assert not found.parts.route.signed_aligned


def test_nothing_aligned_under_an_enforced_policy(check):
    found = check(account={"sign": [], "return_path": "mail.gadgets.example"})
    assert finding(found, "dmarc-not-aligned").severity is Severity.CRITICAL
    assert "its DMARC policy is reject" in finding(found, "dmarc-not-aligned").evidence[0]


def test_a_subdomain_is_aligned_unless_alignment_is_strict(check, zone):
    sub = zone.with_changes(
        {"b.bakery.example": {"MX": ["10 mail.bakery.example"], "TXT": "v=spf1 a:mail.bakery.example -all"}}
    )
    found = check(resolver=sub, account={"return_path": "b.bakery.example"})
    assert found.parts.route.envelope_aligned
    assert not found.blocking()
    strict = sub.with_changes({"_dmarc.bakery.example": {"TXT": "v=DMARC1; p=reject; aspf=s; adkim=s"}})
    found = check(resolver=strict, account={"return_path": "b.bakery.example"})
    assert not found.parts.route.envelope_aligned
    assert found.parts.route.signed_aligned
    assert finding(found, "return-path-elsewhere").severity is Severity.LOW


def test_a_relay_that_spf_does_not_name(check, zone):
    found = check(resolver=zone, account={"host": "relay.example"})
    assert "relay-not-in-spf" not in ids(found.findings)  # no such host: nothing is known of it
    other = zone.with_changes({"relay.example": {"A": "198.51.100.250"}})
    signed = check(resolver=other, account={"host": "relay.example"})
    assert finding(signed, "relay-not-in-spf").severity is Severity.MEDIUM
    unsigned = check(resolver=other, account={"host": "relay.example", "sign": []})
    assert finding(unsigned, "relay-not-in-spf").severity is Severity.HIGH
    assert "198.51.100.250 at bakery.example: fail" in finding(unsigned, "relay-not-in-spf").evidence[0]
    slow = zone.with_changes({"relay.example": Outcome.TIMEOUT})
    assert finding(check(resolver=slow, account={"host": "relay.example"}), "relay-not-in-spf").unknown


def test_bounces_that_come_back_nowhere(check, zone):
    none = zone.with_changes({"b.bakery.example": {"TXT": "v=spf1 -all"}})
    found = check(resolver=none, account={"return_path": "b.bakery.example"})
    assert "return-path-takes-no-mail" in ids(found.blocking())


def test_a_domain_that_receivers_refuse(check, zone):
    found = check(
        resolver=zone, sender="Gadgets <news@gadgets.example>", account={"return_path": "", "sign": []}
    )
    assert "receiver-rules-not-met" in ids(found.blocking())
    assert any(each.area == "spf" for each in found.faults)


def test_without_dns_the_domain_is_not_judged(check):
    found = check(dns=False)
    assert found.parts.route is None
    assert not {"domain", "signing"} & {each.area for each in found.findings}
    assert "not judged without DNS" in render_terminal(found.sections(), width=100, colour=False)


# The relay


NAMED = (*EHLO, "AUTH PLAIN")
LOGIN = {"username": "us", "password": "env:RELAY"}
LET_IN = {
    "a relay that asks for nothing": (Script(), {}),
    "one that takes the login": (Script(ehlo=NAMED), LOGIN),
}
REFUSING = {
    "a login that is refused": (Script(ehlo=NAMED, answers={"AUTH": "535 5.7.8 no"}), LOGIN, "535 no"),
    "no way to log in": (Script(), LOGIN, "offers no login"),
    "no STARTTLS": (Script(), {"tls": "starttls"}, "offers no STARTTLS"),
    "turned away": (Script(answers={"banner": "554 5.7.1 not you"}), {}, "turns us away: 554"),
}
UNSURE = {
    "silent": (Script(answers={"banner": STALL}), {"patience_s": 0.2}, "said nothing for 0.2 s"),
    "hanging up": (Script(answers={"EHLO": HANG_UP}), {}, "closed the connection"),
    "busy": (Script(answers={"banner": "421 4.3.2 later"}), {}, "421"),
    "busy with the login": (Script(ehlo=NAMED, answers={"AUTH": "454 4.7.0 later"}), LOGIN, "454"),
}


@pytest.fixture
def knock(check, monkeypatch):
    """What preflight finds of a relay of that script."""
    monkeypatch.setenv("RELAY", "s3cret")

    def knocked(script, account):
        with in_thread(script) as relay:
            told = {"host": "127.0.0.1", "port": relay.port, "tls": "none", **account}
            return check(login=True, account=told), relay.seen

    return knocked


@pytest.mark.parametrize(("script", "account"), LET_IN.values(), ids=LET_IN)
def test_a_relay_that_lets_us_in(knock, script, account):
    found, seen = knock(script, account)
    assert "relay-refuses" not in ids(found.findings)
    assert "it lets us in" in render_terminal(found.sections(), width=100, colour=False)
    assert not any(command.startswith("MAIL") for command in seen.commands)
    assert "QUIT" in seen.commands


@pytest.mark.parametrize(("script", "account", "said"), REFUSING.values(), ids=REFUSING)
def test_a_relay_that_refuses_keeps_from_sending(knock, script, account, said):
    found, _ = knock(script, account)
    assert "relay-refuses" in ids(found.blocking())
    (line,) = finding(found, "relay-refuses").evidence
    assert said in line
    assert line.startswith("127.0.0.1:")
    assert "s3cret" not in line


@pytest.mark.parametrize(("script", "account", "said"), UNSURE.values(), ids=UNSURE)
def test_a_relay_that_may_be_better_soon_is_an_open_question(knock, script, account, said):
    found, _ = knock(script, account)
    assert "relay-refuses" not in ids(found.faults)
    assert said in finding(found, "relay-refuses").evidence[0]
    assert found.exit_code() == 3


def test_a_relay_that_is_down(check):
    with SmtpSink(print) as gone:
        port = gone.port
    found = check(login=True, account={"host": "127.0.0.1", "port": port})
    assert "connection refused" in finding(found, "relay-refuses").evidence[0]
    assert not found.blocking()


def test_a_certificate_that_does_not_hold(knock, tmp_path):
    context, _ = authority(tmp_path, "localhost")
    found, _ = knock(Script(context=context), {"tls": "starttls"})
    assert "certificate" in finding(found, "relay-refuses").evidence[0]
    assert found.blocking()


def test_a_secret_that_is_missing_is_found_before(check):
    found = check(login=True, account={"host": "127.0.0.1", "password": "env:NOT_SET_ANYWHERE"})
    assert finding(found, "relay-refuses").evidence == (
        "accounts.main.password: the variable NOT_SET_ANYWHERE is not set",
    )


@pytest.mark.parametrize("left_out", [{"dns": False}, {"login": False}])
def test_a_relay_may_be_left_in_peace(check, left_out):
    script = Script(answers={"banner": "554 no"})
    with in_thread(script) as relay:
        account = {"host": "127.0.0.1", "port": relay.port, "tls": "none"}
        found = check(account=account, **{"login": True, **left_out})
    assert relay.seen.connections == 0
    assert "relay-refuses" not in ids(found.findings)


# Tracking


COUNTED = {"url": "https://mail.bakery.example", "tracking": True}


def test_that_people_are_counted_is_said_with_what_it_means(check, tmp_path):
    path = write_campaign(tmp_path, "tracking = true\n" + TOML, a_html=HTML)
    found = check(path=path, service=COUNTED)
    told = finding(found, "tracking-on")
    assert told.evidence == (
        "opens by a pixel, https://mail.bakery.example/o/…; machines load it, too",
        "clicks of 1 link by https://mail.bakery.example/l/…",
        "1 link left as written: leads to leaving",
    )
    assert told.severity is Severity.LOW
    assert not found.blocking()
    shown = render_terminal(found.sections(), width=100, colour=False)
    assert "opens and clicks by https://mail.bakery.example" in shown


def test_the_counting_address_is_https_and_its_host_is_told(check, tmp_path):
    path = write_campaign(tmp_path, "tracking = true\n" + TOML, a_html=HTML)
    found = check(path=path, service={**COUNTED, "url": "http://clicks.other.example"})
    assert "tracking-not-https" in ids(found.blocking())
    assert "other.example (1)" in finding(found, "link-to-foreign-host").evidence[0]
    assert "link-not-https" in ids(found.findings)


def test_the_links_that_people_wrote_are_judged_behind_ours(check, tmp_path):
    html = HTML.replace("https://bakery.example/", "http://bit.ly/x")
    for toml in (TOML, "tracking = true\n" + TOML):
        path = write_campaign(tmp_path, toml, a_html=html)
        found = check(path=path, service=COUNTED)
        assert {"link-shortened", "link-not-https"} <= ids(found.findings)
        assert "longest" not in finding(found, "link-shortened").evidence[0]  # it is in every mail


def test_a_campaign_that_can_count_nothing(check, tmp_path):
    html = HTML.replace(
        'href="https://bakery.example/"', 'data-hygiene-track="off" href="https://bakery.example/"'
    )
    path = write_campaign(tmp_path, "tracking = true\n" + TOML, a_html=html)
    found = check(path=path, service=COUNTED)
    assert "no link to the web" in finding(found, "tracking-finds-nothing").evidence[0]
    assert "1 link left as written: data-hygiene-track" in finding(found, "tracking-on").evidence


# Leaving, content, volume


@pytest.mark.parametrize(
    ("stream", "name", "severity"),
    [
        ({"unsubscribe": "", "unsubscribe_mail": ""}, "unsubscribe-not-set", Severity.CRITICAL),
        ({"unsubscribe": ""}, "unsubscribe-not-set", Severity.HIGH),
        ({"unsubscribe": "http://bakery.example/u"}, "unsubscribe-not-https", Severity.CRITICAL),
        ({"unsubscribe": "https://bakery.example/u?t="}, "unsubscribe-not-https", Severity.CRITICAL),
        ({"unsubscribe": "https://other.example/u"}, "unsubscribe-elsewhere", Severity.LOW),
        ({"postal_address": ""}, "postal-address-not-set", Severity.LOW),
    ],
)
def test_how_to_leave(check, tmp_path, stream, name, severity):
    html = HTML.replace('<a href="{{ unsubscribe_url }}">Unsubscribe</a>', "").replace(
        "{{ postal_address }}", ""
    )
    path = write_campaign(tmp_path, TOML, a_html=html)
    assert finding(check(path=path, **stream), name).severity is severity


def test_content_is_judged_as_it_would_leave(check, tmp_path):
    words = "<p>Dear {{ first_name }}</p>" + "<p>Words without end.</p>" * 6000
    path = write_campaign(tmp_path, TOML.replace("Our loaves of this week", "LAST CHANCE!!!"), a_html=words)
    found = check(path=path)
    assert {"html-clipped", "subject-all-caps", "unsubscribe-link-missing"} <= ids(found.faults) | {
        "html-clipped"
    }
    assert all(each.subject == "note" for each in found.faults if each.area == "content")
    assert "unsubscribe-link-missing" in ids(found.blocking())


def test_a_receipt_needs_no_way_out(check):
    found = check(path=CAMPAIGNS / "notice.toml")
    assert not {each for each in ids(found.faults) if "unsubscribe" in each or "postal" in each}


def test_a_list_that_outlasts_the_campaign(check):
    found = check(account={"rates": ["1/d"]})
    (line,) = finding(found, "volume-outlasts-campaign").evidence
    assert line == "40 at 1/d take 40 days, and mails expire after 3 days: 3 would be sent"
    assert "volume-beyond-warm-up" not in ids(found.findings)


def test_warm_up_is_told(check):
    found = check(account={"warm_up": "conservative"})
    assert not found.blocking()


@pytest.mark.parametrize(
    ("rows", "day", "said"),
    [
        (50, 0, None),
        (51, 0, "51 take 2 days: today is day 1 of the plan conservative, with 50 mails"),
        (350, 0, "350 take 3 days: today is day 1 of the plan conservative, with 50 mails"),
        (350, 2, "350 take 2 days: today is day 3 of the plan conservative, with 200 mails"),
        (400, 3, None),
        (175_001, 29, "175,001 take 2 days: today is day 30 of the plan conservative, with 175,000 mails"),
        (10**6, 30, None),
    ],
)
def test_warm_up_goes_by_the_day_that_the_account_is_at(rows, day, said):
    people, workspace = People(name="clean.csv", rows=rows), Workspace(place="w.db", sending_day=day)
    account = AccountSettings(warm_up="conservative")
    route = Route(account=account, sender="shop.example", envelope="shop.example")
    assert list(volume_beyond_warm_up(people, route, workspace)) == ([said] if said else [])


def test_the_store_tells_since_when_an_account_sends(check, tmp_path):
    now = datetime.now(UTC)
    with open_store(str(tmp_path / "w.db"), key=tmp_path / "w.key") as store, store.writing() as connection:
        for days in (9, 4, 0):
            note_day(connection, "main", round((now - timedelta(days=days)).timestamp() * 1_000_000))
        note_day(connection, "other", round((now - timedelta(days=1)).timestamp() * 1_000_000))
    found = check(account={"warm_up": "conservative"}, now=now)
    assert found.parts.workspace.sending_day == 2, "today is no day before"


# The result


def test_ids_are_known_and_ignored(check):
    assert "postal-address-not-set" not in ids(check(postal_address="", ignore=["postal-*"]).findings)
    with pytest.raises(UsageError, match="did you mean list-stale"):
        check(ignore=["list-stal"])


def test_overrides_are_for_what_may_be_overridden(check):
    found = check(account={"rates": ["1/d"]}, unsubscribe="http://bakery.example/u")
    stops = ids(found.blocking())
    assert {"volume-outlasts-campaign", "unsubscribe-not-https"} <= stops
    assert ids(found.blocking({"unsubscribe-not-https"})) == stops - {"unsubscribe-not-https"}
    assert not found.blocking(stops)


def test_it_is_shown_everywhere(check):
    found = check(account={"rates": ["1/d"]}, postal_address="")
    text = render_terminal(found.sections(), width=80, colour=False, verbose=True)
    assert text.splitlines()[0].startswith("note")
    assert "would not be sent" in text
    assert "40 recipients, cleaned today, the most engaged first" in text
    assert "volume-outlasts-campaign" in render_markdown([found.sections()])
    assert "would not be sent" in render_page([found.sections()], title="x")
    assert "would not be sent" in found._repr_html_()
    said = json.loads(json.dumps(found.to_dict()))
    assert said["may_be_sent"] is False
    assert said["list"]["recipients"] == 40
    frame = found.to_frame()
    assert list(frame["id"]) == [each.id for each in found.findings]
    assert repr(found).startswith("<Preflight note: ")


def test_every_check_explains_itself():
    for each in all_checks().values():
        assert all([each.title, each.why, each.fix, each.rule]), each.id
        assert not each.title.endswith(".")


def test_a_campaign_may_be_given_as_read(campaign, check):
    found = check(path=load_campaign(campaign, a_settings()))
    assert found.name == "note"
