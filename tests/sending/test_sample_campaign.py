"""The sample's campaign is one that a person could send."""

from datetime import UTC, datetime

import pytest

from hygiene.content.lint import judge
from hygiene.demo.spring_sale import write_campaign
from hygiene.finding import Severity
from hygiene.sending.campaign import load_campaign
from hygiene.sending.compose import Composer
from hygiene.sending.preflight.rendering import content_of
from tests.sending.campaign_files import SECRET, a_settings


@pytest.fixture
def letter(tmp_path):
    composer = Composer(load_campaign(write_campaign(tmp_path), a_settings()).define(), SECRET)

    def made(**fields):
        now = datetime(2026, 3, 20, 9, tzinfo=UTC)
        return composer.letter(ref="a" * 16, recipient="ada@example.com", fields=fields, now=now)

    return made


def test_nothing_is_to_be_mended(letter):
    found = judge(content_of(letter(first_name="ada"), name="x"))
    assert [each.id for each in found.findings if each.severity is not Severity.INFO] == []


def test_it_greets_by_name_or_without_one(letter):
    assert letter(first_name="ada").subject == "Ada, our spring loaves are out of the oven"
    assert "Ada, the" in letter(first_name="ada").text
    assert letter(first_name="").subject == "Hello, our spring loaves are out of the oven"
    assert "\nThe rhubarb is here" in letter(first_name="").text
