"""Refusals in the dialogue: the same rules, and what the phase adds to them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.bounce import Action, Blame
from hygiene.bounces.refusal import classify_reply
from hygiene.finding import Confidence

from .corpus import replies


@pytest.mark.parametrize(
    ("code", "status", "text", "phase", "reason"),
    [
        (550, "5.1.1", "User unknown", "rcpt", "userunknown"),
        (550, "", "Unknown user jane@example.ne.jp", "dot", "filtered"),  # late, and no status that says so
        (550, "5.1.1", "no such user", "dot", "userunknown"),
        (554, "", "delivery error: dd This user doesn't have a yahoo.com account", "dot", "userunknown"),
        (535, "5.7.8", "user unknown", "auth", "securityerror"),  # our login, nobody's mailbox
        (550, "", "", "mail", "rejected"),
        (554, "", "", "connect", "blocked"),
        (421, "", "", "connect", "toomanyconn"),
        (550, "", "", "rcpt", "onhold"),
        (550, "", "zxcv qwer", "rcpt", "undefined"),
        (552, "", "", "rcpt", "mailboxfull"),
        (552, "", "", "dot", "mesgtoobig"),
        (454, "4.7.0", "TLS not available due to local problem", "tls", "securityerror"),
        (550, "5.7.1", "no such user; your IP is on our blocklist spamhaus", "rcpt", "blocked"),
        (550, "5.1.1", "Mail from 192.0.2.1 refused, see https://www.spamhaus.org", "rcpt", "blocked"),
        (550, "5.7.1", "User unknown", "rcpt", "userunknown"),
        (550, "5.7.606", "Access denied", "rcpt", "blocked"),
        (550, "5.7.619", "Access denied", "rcpt", "blocked"),
        (550, "", "550-5.1.1 The email account\r\n550 5.1.1 does not exist, we looked", "rcpt", "userunknown"),
        (550, "", "спам: письмо похоже на спам", "dot", "spamdetected"),
        (550, "", "Скрытый ящик: пользователь не найден", "rcpt", "userunknown"),
    ],
)  # fmt: skip
def test_replies(code, status, text, phase, reason):
    assert classify_reply(code, status, text, phase).reason == reason


def test_a_login_that_fails_blames_nobody_but_us():
    verdict = classify_reply(550, "5.1.1", "no such user", "auth")
    assert (verdict.blame, verdict.hard, verdict.action) == (Blame.SENDER, False, Action.STOP)


def test_greylisting_is_no_failure():
    verdict = classify_reply(450, "4.7.1", "Recipient address rejected: Greylisted for 300 seconds", "rcpt")
    assert verdict.action is Action.RETRY


@pytest.mark.parametrize("text", ["4.1.1 User unknown", "4.2.2 mailbox full", "4.1.2 Host unknown", "no idea"])
def test_a_temporary_reply_counts_against_nobody(text):
    verdict = classify_reply(450, "", text, "rcpt")
    assert (verdict.hard, verdict.action) == (False, Action.RETRY)


def test_a_temporary_reply_that_blames_us_still_stops():
    verdict = classify_reply(421, "4.7.0", "blocked using zen.spamhaus.org", "connect")
    assert verdict.action is Action.STOP


def test_what_is_unknown_is_never_hard():
    verdict = classify_reply(550, "", "computer says no", "rcpt")
    assert (verdict.hard, verdict.confidence, verdict.rule_id) == (False, Confidence.GUESS, "")


def test_addresses_and_hosts_in_a_reply_decide_nothing():
    text = "<spam.virus@quota.example.com>: host spf.quota.example.net said: no"
    assert classify_reply(550, "", text, "rcpt").reason == "undefined"


@pytest.mark.parametrize(("reason", "phase", "text"), replies("seen"))
def test_replies_of_the_templates(reason, phase, text):
    code = int(text[:3]) if text[:3].isdigit() else 0
    assert classify_reply(code, "", text, "" if phase == "connect" else phase).reason == reason


@given(
    st.integers(-1, 10**6),
    st.text(max_size=12),
    st.text(max_size=400),
    st.sampled_from(["", "connect", "tls", "ehlo", "auth", "mail", "rcpt", "data", "dot", "nonsense"]),
)
def test_any_reply_has_a_verdict(code, status, text, phase):
    verdict = classify_reply(code, status, text, phase)
    assert not verdict.hard or verdict.blame is Blame.RECIPIENT
    assert not (verdict.hard and 400 <= code < 500)


@given(st.sampled_from([text for _, _, text in replies("seen")]))
def test_case_and_blanks_do_not_matter(text):
    assert classify_reply(550, "", text.upper(), "rcpt").reason == classify_reply(550, "", text, "rcpt").reason
    spaced = "  ".join(text.split(" "))
    assert classify_reply(550, "", spaced, "rcpt").reason == classify_reply(550, "", text, "rcpt").reason
