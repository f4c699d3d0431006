"""Domains: what the lists say, slips suggested and real domains left in peace, alphabets that do not mix."""

import re
import tomllib
from importlib.metadata import version
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from publicsuffixlist import PublicSuffixList

from hygiene.address import DOTS_IGNORED, TAGS_CUT
from hygiene.contacts.domains import UNREMARKABLE, DomainFacts, describe_domain, describe_domains, is_role
from hygiene.domain import to_unicode

FOLDER = files("hygiene.contacts").joinpath("data")
NAMES = ["relays", "roles", "free_providers", "lookalikes", "mistyped"]
DATA = {name: tomllib.loads(FOLDER.joinpath(f"{name}.toml").read_text("utf-8")) for name in NAMES}
PROVIDERS = [
    domain
    for kind in ("free", "isp")
    for members in DATA["free_providers"][kind].values()
    for domain in members
]
RELAYS = [domain for members in DATA["relays"]["owners"].values() for domain in members]
LOOKALIKES = DATA["lookalikes"]["domains"]
SLIPS = DATA["mistyped"]["domains"]


# --- lists


def test_a_disposable_domain_names_the_list_and_its_version():
    said = f"disposable-email-domains {version('disposable-email-domains')}"
    assert describe_domain("mailinator.com") == DomainFacts(disposable=said)
    assert describe_domain("ann.mailinator.com").disposable == said
    assert describe_domain("notmailinator.co") is UNREMARKABLE


def test_a_disposable_domain_is_found_in_either_spelling():
    assert describe_domain("xn--yaho-sqa.com").disposable
    assert describe_domain("xn--yaho-sqa.com") == describe_domain(to_unicode("xn--yaho-sqa.com"))


@pytest.mark.parametrize("domain", [*RELAYS, "ann.anonaddy.com", "x.y.simplelogin.com"])
def test_a_relay_is_never_disposable(domain):
    facts = describe_domain(domain)
    assert facts.relay
    assert facts.provider
    assert facts.disposable is None
    assert facts.suggestion is None


def test_the_allow_list_wins(monkeypatch):
    import disposable_email_domains

    from hygiene.contacts import domains

    monkeypatch.setattr(disposable_email_domains, "blocklist", {"duck.com", "gone.example"})
    domains._lists.cache_clear()
    try:
        assert describe_domain("duck.com").disposable is None
        assert describe_domain("gone.example").disposable
    finally:
        domains._lists.cache_clear()


@pytest.mark.parametrize(
    ("domain", "provider", "free", "isp"),
    [
        ("gmail.com", "Google", True, False),
        ("hotmail.co.uk", "Microsoft", True, False),
        ("web.de", "WEB.DE (1&1)", True, False),
        ("t-online.de", "Deutsche Telekom", False, True),
        ("orange.fr", "Orange", False, True),
        ("comcast.net", "Comcast", False, True),
    ],
)
def test_providers_are_known(domain, provider, free, isp):
    facts = describe_domain(domain)
    assert (facts.provider, facts.free, facts.isp) == (provider, free, isp)


def test_subdomains_of_a_provider_are_not_the_provider():
    assert describe_domain("corp.gmx.net") is UNREMARKABLE


def test_the_lists_do_not_contradict_each_other():
    from disposable_email_domains import blocklist

    assert len(set(PROVIDERS)) == len(PROVIDERS)
    assert not set(PROVIDERS) & (set(RELAYS) | blocklist)
    assert set(PROVIDERS) >= TAGS_CUT | DOTS_IGNORED


@pytest.mark.parametrize("name", DATA)
def test_data_says_where_it_is_from_and_when(name):
    data = DATA[name]
    assert re.fullmatch(r"20\d\d-\d\d", data["as_of"])
    assert data.get("source") or all(entry["source"] for entry in data["lists"])


# --- slips


@pytest.mark.parametrize(
    ("domain", "meant"),
    [
        ("gmial.com", "gmail.com"),
        ("gamil.com", "gmail.com"),
        ("gnail.com", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("gmail.co", "gmail.com"),
        ("gmail.cm", "gmail.com"),
        ("gmail.com.br", "gmail.com"),
        ("gmail.com.com", "gmail.com"),
        ("gmial.con", "gmail.com"),
        ("goglemail.com", "googlemail.com"),
        ("hotmial.com", "hotmail.com"),
        ("hotmial.fr", "hotmail.fr"),
        ("hotmail.couk", "hotmail.co.uk"),
        ("yaho.com", "yahoo.com"),
        ("yaho.co.uk", "yahoo.co.uk"),
        ("yahoo.comm", "yahoo.com"),
        ("outlok.com", "outlook.com"),
        ("outlok.de", "outlook.de"),
        ("iclod.com", "icloud.com"),
        ("web.de.de", "web.de"),
        ("comcast.nte", "comcast.net"),
        ("verizn.net", "verizon.net"),
        ("shop.con", "shop.com"),  # .con is not delegated
        ("shop.example.ocm", "shop.example.com"),
    ],
)
def test_slips_are_suggested(domain, meant):
    assert describe_domain(domain).suggestion == meant


REAL = """
acme.com adobe.com airbnb.com allianz.de amazon.de apple.com arte.tv asos.com bahn.de bayer.com bbc.co.uk
bmw.de bosch.com bund.de cam.ac.uk canon.jp cern.ch chanel.com cisco.com cloud.com cnn.com coop.ch
daimler.com dell.com dhl.de dpd.fr ebay.co.uk edf.fr ericsson.se esa.int ethz.ch fedex.com ford.com
fujitsu.com gail.com gap.com garmin.com ge.com github.com gitlab.com gmfinancial.com gmac.com gmc.com
goal.com google.com gov.uk guardian.co.uk hamburg.de harvard.edu hertz.com hilton.com hotel.com
hotels.com hotjar.com hp.com hsbc.co.uk ibm.com icon.com icloudapp.net ikea.se ing.nl intel.com
intuit.com irs.gov jaguar.com jotform.com kmail.com kpmg.de lego.com lemonde.fr lidl.de linkedin.com
loreal.fr lufthansa.com mail.co mailchimp.com mango.es mayo.edu mit.edu mozilla.org mymail.com nasa.gov
nato.int netflix.com nhs.net nike.com nokia.fi novartis.com nyu.edu ola.com olx.pl opel.de oracle.com
outbrain.com outdoor.com outreach.io ovh.net ox.ac.uk oxfam.org paypal.com pepsi.com philips.nl
pinterest.com porsche.de posta.it prada.it puma.com quora.com redhat.com renault.fr roche.ch rolex.ch
ryanair.ie saab.se samsung.kr sap.com seat.es shell.nl shopify.com siemens.de skype.com slack.com sony.jp
spiegel.de stripe.com suse.de swatch.ch tesco.com tesla.com tum.de twitter.com uber.com ucla.edu
unicef.org unilever.nl ups.com verizonwireless.com visa.com vodafone.com volvo.se who.int wikipedia.org
wired.com wix.com wordpress.org worldbank.org xerox.com yale.edu yelp.com youtube.com zalando.de zara.es
zeit.de zendesk.com zoom.us ymail.com email.com mail.com hmail.com proton.me gmx.net live.com me.com
hotmall.com yahoo-inc.com verizon.com orange.com shop.co x.co t.co company.cm bbc.com.co shop.example.com
comcast.com example.com example.org example.net müller.de 例子.公司 freenet.ch orange.es sunrise.com
optus.com.au outlooks.com mailbox.com gmailer.com ghotel.com gmx.world aol.media yahoos.com iclouds.org
horizon.net ramble.ru virgil.it
"""


@pytest.mark.parametrize("domain", REAL.split())
def test_nothing_is_suggested_for_real_domains(domain):
    assert describe_domain(domain).suggestion is None


def test_nothing_is_suggested_for_domains_on_our_lists():
    assert not [domain for domain in [*PROVIDERS, *LOOKALIKES, *RELAYS] if describe_domain(domain).suggestion]


def test_slips_listed_whole_lead_to_providers():
    assert set(SLIPS) <= set(PROVIDERS)
    for meant, slips in SLIPS.items():
        assert {describe_domain(slip).suggestion for slip in slips} == {meant}


def test_endings_taken_for_slips_are_not_delegated():
    delegated = PublicSuffixList(accept_unknown=False)
    endings = [ending for slips in DATA["mistyped"]["last_labels"].values() for ending in slips]
    assert not [ending for ending in endings if delegated.publicsuffix(ending)]


@pytest.mark.parametrize("name", ["gmail", "yahoo", "hotmail", "outlook", "icloud"])
def test_swapped_doubled_and_missing_letters_are_all_found(name):
    inside = range(1, len(name))
    swapped = {name[: at - 1] + name[at] + name[at - 1] + name[at + 1 :] for at in inside}
    doubled = {name[:at] + name[at] + name[at:] for at in inside}
    missing = {name[:at] + name[at + 1 :] for at in inside} - {"gail"}  # a real company
    for slip in (swapped | doubled | missing) - {name}:
        assert describe_domain(f"{slip}.com").suggestion == f"{name}.com", slip


@given(st.from_regex(r"[a-z0-9]{1,8}(\.[a-z]{2,4}){1,2}", fullmatch=True))
def test_what_is_suggested_needs_no_further_suggestion(domain):
    meant = describe_domain(domain).suggestion
    assert meant != domain
    assert meant is None or describe_domain(meant).suggestion is None


# --- alphabets


@pytest.mark.parametrize(
    "domain",
    [
        "аpple.com",
        "раypal.com",
        "gοogle.com",
        "shop.аpple.com",
        "xn--pple-43d.com",
        "mосква.рф",
        "日本а.jp",
        "한국カ.kr",
    ],
)
def test_a_label_of_two_alphabets_is_told(domain):
    assert describe_domain(domain).mixed_script


@pytest.mark.parametrize(
    "domain",
    [
        "müller.de",
        "москва.рф",
        "почта-1.рф",
        "яндекс.com",  # each label has one alphabet
        "例子.公司",
        "abc株式会社.jp",
        "東京タワーの会.jp",
        "佐々木ラーメン.jp",
        "한국.kr",
        "삼성sds.kr",
        "ελλάδα.gr",
        "नमस्ते.भारत",
        "مثال.إختبار",
        "straße.de",
        "apple.com",
    ],
)
def test_one_alphabet_and_japanese_are_no_warning(domain):
    assert not describe_domain(domain).mixed_script


# --- roles and many at once


@pytest.mark.parametrize(
    "local",
    [
        "info",
        "Info",
        "SALES",
        "support",
        "no-reply",
        "no_reply",
        "noreply",
        "customer.service",
        "info+x",
        "kontakt",
    ],
)
def test_functions_are_roles(local):
    assert is_role(local)


@pytest.mark.parametrize("local", ["ann", "dev", "may", "art", "bill", "infos", "salesman", "", "+info"])
def test_people_are_not(local):
    assert not is_role(local)


@given(
    st.lists(st.one_of(st.sampled_from([*PROVIDERS, *RELAYS, "gmial.com", "аpple.com"]), st.text(max_size=15)))
)
def test_many_are_described_as_each_one_is(domains):
    assert describe_domains(domains) == [describe_domain(domain) for domain in domains]
