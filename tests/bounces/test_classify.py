"""What a `Bounce` holds beside its reason, and who is never taken for a recipient."""

import pytest

from hygiene.bounce import Action, Blame, BounceKind
from hygiene.bounces.classify import classify_bounce

from .corpus import VALUES, cases, fill

BY_NAME = {case.name: case for half in ("seen", "held_out") for case in cases(half)}


def only(name):
    (found,) = classify_bounce(BY_NAME[name].raw)
    return found


def test_a_report():
    found = only("postfix-dsn+7:userunknown")
    assert found.status == "5.1.1"
    assert found.code == 550
    assert found.message_id == VALUES["msgid"]
    assert found.returned_to == (VALUES["verp"],)
    assert found.headers["feedback-id"] == "spring:shop"
    assert found.reporting_mta == "mx.sender.example"
    assert found.remote_mta == "mx1.example.net"
    assert found.evidence.startswith("550 5.1.1 Adresse d au moins un destinataire invalide")
    assert (found.blame, found.hard, found.action) == (Blame.RECIPIENT, True, Action.SUPPRESS)


def test_an_alias_leads_to_the_address_that_was_mailed():
    found = only("alias-dsn")
    assert (found.recipient, found.final_recipient) == ("jane.doe@example.net", "inner@mailbox.example.org")


def test_the_words_of_the_original_decide_nothing():
    """Its body holds the words virus, spam, blocked and quota."""
    assert only("postfix-dsn+7:userunknown").reason == "userunknown"


def test_what_is_late_did_not_fail():
    found = only("postfix-delayed")
    assert (found.kind, found.hard, found.action) == (BounceKind.DELAYED, False, Action.IGNORE)


def test_a_complaint_without_a_readable_recipient_keeps_what_names_the_contact():
    found = only("yahoo-cfl")
    assert found.recipient is None
    assert found.headers["x-ref"] == "abc"
    assert found.message_id == VALUES["msgid"]
    assert found.action is Action.SUPPRESS


NOTICE = """Return-Path: <>
From: MAILER-DAEMON@mx.example.org
To: {verp}
Subject: Undelivered Mail Returned to Sender

"""


@pytest.mark.parametrize(
    ("body", "recipients"),
    [
        ("<a@one.example>: user unknown\n\n<b@two.example>: is full\n", ["a@one.example", "b@two.example"]),
        ("a@one.example\n  user unknown\nContact postmaster@mx.example.org for help\n", ["a@one.example"]),
        ("Your message from {sender} to a@one.example could not be delivered: no user\n", ["a@one.example"]),
        (">>> MAIL FROM:<{sender}>\n>>> RCPT TO:<A@One.Example>\n<<< 550 no such user\n", ["a@one.example"]),
        ("Your message could not be delivered: user unknown\n", [None]),
        ("Fehler: <a@one.example> (expanded from <list@one.example>): user unknown\n", ["list@one.example"]),
    ],
)  # fmt: skip
def test_recipients_of_a_notice(body, recipients):
    found = classify_bounce(fill(NOTICE + body).encode())
    assert [each.recipient for each in found] == recipients


def test_each_recipient_has_its_own_reason():
    said = ("user unknown", "mailbox full", "relay access denied")
    body = "\n\n".join(f"<to{number}@one.example>: {each}" for number, each in enumerate(said))
    found = classify_bounce(fill(NOTICE + body).encode())
    assert [each.reason for each in found] == ["userunknown", "mailboxfull", "norelaying"]


@pytest.mark.parametrize("name", [name for name, case in BY_NAME.items() if not case.kind])
def test_ordinary_mail_is_no_bounce(name):
    assert classify_bounce(BY_NAME[name].raw) == []


def test_advice_is_no_evidence():
    body = (
        "Your message to a@one.example could not be delivered. The mailbox may be full or the user unknown.\n"
    )
    (found,) = classify_bounce(fill(NOTICE + body).encode())
    assert found.reason in {"undefined", "onhold"}
    assert not found.hard
