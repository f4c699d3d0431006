"""Whose mail servers a domain uses: a company at Google is paced as Google."""

import pytest

from hygiene.resolver import Outcome, Zone
from hygiene.sending.exchangers import look_up_providers, provider_by_hosts, provider_of

ZONE = Zone(
    {
        "company.example": {"MX": ["1 aspmx.l.google.com.", "5 alt1.aspmx.l.google.com."]},
        "firm.example": {"MX": ["0 firm-example.mail.protection.outlook.com."]},
        "own.example": {"MX": ["10 mail.own.example."]},
        "evil.example": {"MX": ["10 notgoogle.com.", "10 google.com.evil.example."]},
        "none.example": {"MX": ["0 ."]},
        "slow.example": Outcome.TIMEOUT,
    }
)


def test_servers_tell_the_provider():
    domains = [
        "company.example",
        "FIRM.example",
        "own.example",
        "evil.example",
        "none.example",
        "slow.example",
        "x.example",
    ]
    assert look_up_providers(domains, ZONE) == {"company.example": "gmail", "firm.example": "microsoft"}


def test_known_domains_are_not_asked_about():
    class Silent:
        async def resolve(self, name, rdtype):
            raise AssertionError(name)

    assert look_up_providers(["gmail.com", "Yahoo.com"], Silent()) == {}


@pytest.mark.parametrize(
    ("address", "provider"),
    [
        ("a@gmail.com", "gmail"),
        ("a@Company.example", "gmail"),
        ("a@own.example", "other"),
        ("a@HOTMAIL.com", "microsoft"),
    ],
)
def test_an_address_is_of_the_provider_of_its_domain(address, provider):
    assert provider_of(address, {"company.example": "gmail"}) == provider


@pytest.mark.parametrize(
    ("host", "provider"), [("mta5.am0.yahoodns.net", "yahoo"), ("mx01.mail.icloud.com", "apple"), ("", "other")]
)
def test_suffixes_are_whole_labels(host, provider):
    assert provider_by_hosts([host]) == provider
