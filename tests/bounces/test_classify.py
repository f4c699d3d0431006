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


def test_of_three_recipients_each_is_told_apart():
    body = """Hi. This is the qmail-send program at q.example.

<a@one.example>:
Sorry, no mailbox here by that name. (#5.1.1)

<b@two.example>:
Remote host said: 554 5.7.1 spam detected

<c@three.example>:
Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)
I'm not going to try again; this message has been in the queue too long.
"""
    found = classify_bounce(fill(NOTICE + body).encode())
    assert [each.reason for each in found] == ["userunknown", "spamdetected", "expired"]
    assert [each.status for each in found] == ["5.1.1", "5.7.1", "4.4.1"]


def test_a_report_without_words_is_proven_by_its_status():
    head = fill(NOTICE).replace("\n\n", "\nContent-Type: multipart/report; boundary=x\n\n")
    part = "--x\nContent-Type: message/delivery-status\n\n"
    each = "Final-Recipient: rfc822; {0}@one.example\nAction: {1}\nStatus: {2}\n\n"
    groups = [each.format(*words) for words in (("a", "failed", "5.1.1"), ("b", "relayed", "2.1.5"))]
    found = classify_bounce((head + part + "".join(groups) + "--x--\n").encode())
    assert [(each.kind, each.hard) for each in found] == [("bounce", True), ("delivered", False)]
    assert found[0].evidence == "Status: 5.1.1"


@pytest.mark.parametrize(
    ("subject", "more", "kind"),
    [
        ("Auto parts on sale", "", None),
        ("Urlaubsangebote im Mai", "", None),
        ("Vacation homes", "", None),
        ("We received your order", "", None),
        ("Out of office: your mail", "", "autoreply"),
        ("Auto: your mail", "In-Reply-To: <a@b.example>\n", "autoreply"),
        ("Re: AW: Abwesenheitsnotiz", "", "autoreply"),
        ("Out of office", "List-Unsubscribe: <https://b.example>\n", None),
        ("Anything", "Auto-Submitted: no\n", None),
        ("Anything", "Auto-Submitted: auto-replied (vacation)\n", "autoreply"),
    ],
)
def test_automatic_replies(subject, more, kind):
    raw = f"From: Ann <ann@one.example>\nTo: news@mail.example.com\nSubject: {subject}\n{more}\nHello\n"
    found = classify_bounce(raw.encode())
    assert [each.kind for each in found] == ([kind] if kind else [])


def test_a_person_may_quote_a_report():
    body = "\nLook at this:\n\nFinal-Recipient: rfc822; a@one.example\nAction: failed\nStatus: 5.1.1\n"
    head = "From: Ann <ann@one.example>\nTo: help@mail.example.com\nSubject: Can you help?\n"
    assert classify_bounce((head + body).encode()) == []
    (found,) = classify_bounce((fill(NOTICE) + body).encode())
    assert (found.recipient, found.hard) == ("a@one.example", True)


def test_advice_is_no_evidence():
    body = (
        "Your message to a@one.example could not be delivered. The mailbox may be full or the user unknown.\n"
    )
    (found,) = classify_bounce(fill(NOTICE + body).encode())
    assert found.reason in {"undefined", "onhold"}
    assert not found.hard


FORWARDED = """Return-Path: <>
From: MAILER-DAEMON@forwarder.example
To: {verp}
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary=x

--x
Content-Type: message/delivery-status

Reporting-MTA: dns; forwarder.example

Final-Recipient: rfc822; private@else.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 user unknown

--x
Content-Type: text/rfc822-headers

Received: from mx.sender.example by forwarder.example for <{rcpt}>; Fri, 27 Nov 2026 09:12:40 +0000
From: {sender}
To: {to}
--x--
"""


@pytest.mark.parametrize(
    ("to", "more", "recipient"),
    [
        ("{rcpt}", "", "jane.doe@example.net"),
        ("someone@list.example", "", "private@else.example"),  # nothing says that it was mailed
        ("{rcpt}, other@example.net", "", "private@else.example"),  # which of them?
        ("{rcpt}", "List-Id: <news.list.example>\n", "private@else.example"),  # a list has members
    ],
)
def test_who_was_mailed_when_a_forwarder_names_only_its_own_recipient(to, more, recipient):
    (found,) = classify_bounce(fill(FORWARDED.replace("From: {sender}\n", more), to=fill(to)).encode())
    assert (found.recipient, found.final_recipient) == (recipient, "private@else.example")


@pytest.mark.parametrize(
    ("reply", "hard"),
    [
        ("550 5.1.1 <{rcpt}>: no such user here", True),
        ("550 5.1.1 <{verp}>: no such user here", False),  # it is we who are unknown there
        ("550 5.1.1 <{verp}> to <{rcpt}>: no such user here", True),
    ],
)
def test_a_reply_that_names_only_the_sender_says_nothing_of_the_recipient(reply, hard):
    body = "<{rcpt}>: host mx.example.net[192.0.2.9] said:\n\n" + reply + "\n"
    (found,) = classify_bounce(fill(NOTICE + body).encode())
    assert (found.hard, found.recipient) == (hard, VALUES["rcpt"])


def test_an_escaped_address_of_rfc_6533_is_read():
    head = fill(NOTICE).replace("\n\n", "\nContent-Type: multipart/report; boundary=x\n\n")
    part = "--x\nContent-Type: message/global-delivery-status\n\n"
    fields = "Final-Recipient: utf-8; j\\x{F6}rg@example.net\nAction: failed\nStatus: 5.1.1\n\n--x--\n"
    (found,) = classify_bounce((head + part + fields).encode())
    assert found.recipient == "jörg@example.net"
