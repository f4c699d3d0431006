"""The data of the rules: sound, distinct, and each with its comment of where it comes from."""

from collections import Counter
from importlib.resources import files

import pytest

from hygiene.bounce import BounceReason
from hygiene.bounces.rules import RULES, data, rules
from hygiene.bounces.wording import phrase

NOT_BY_RULE = {"undefined", "feedback", "vacation", "delivered", "unsubscribe"}


def test_ids_are_distinct():
    assert not [name for name, count in Counter(rule.id for rule in rules()).items() if count > 1]


def test_every_reason_has_a_rule():
    assert {rule.reason.value for rule in rules()} == {reason.value for reason in BounceReason} - NOT_BY_RULE


def test_every_rule_decides_by_something():
    for rule in rules():
        assert rule.text or rule.status or rule.code or rule.phase, rule.id
        assert 1 <= rule.weight <= 100


def test_no_phrase_is_empty_or_twice_in_a_rule():
    for name in RULES:
        for fields in data(name)["rule"]:
            twice = [text for text, count in Counter(fields.get("text", ())).items() if count > 1]
            assert not twice, (fields["id"], twice)
            assert all(phrase(text).pieces for text in fields.get("text", ()))


@pytest.mark.parametrize("name", RULES)
def test_every_rule_says_where_it_comes_from(name):
    lines = files("hygiene.bounces.data").joinpath(f"{name}.toml").read_text("utf-8").splitlines()
    said = False
    for line in lines:
        if line.startswith("#"):
            said = True
        elif line.startswith("[[rule]]"):
            assert said or "#" in line, line
            said = False


def test_what_tells_of_the_sender_weighs_more_than_an_unknown_user():
    known = max(rule.weight for rule in rules() if rule.reason is BounceReason.USERUNKNOWN)
    for rule in rules():
        if rule.id in {"authfailure", "badreputation", "blocklist", "blocked", "requireptr", "spamdetected"}:
            assert rule.weight > known
