"""Hostile and broken mail: no error, whatever it is, and work that does not grow with it."""

import importlib
import pkgutil
import re
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hygiene.bounces
from hygiene.bounces import parts
from hygiene.bounces.classify import classify_bounce

from .corpus import cases

HEAD = b"From: MAILER-DAEMON@x.example\nReturn-Path: <>\nSubject: Undelivered Mail\nTo: me@b.example\n"
SAMPLES = [case.raw for case in cases("seen") if "+" not in case.name]
REPORT = b"Final-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\n\n"


def nested(kind, depth):
    body = b"deep"
    for number in range(depth):
        head = b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (number, number)
        body = (
            head + body + b"\n--b%d--\n" % number
            if kind == "multipart"
            else b"Content-Type: message/rfc822\n\n" + body
        )
    return HEAD + body


HOSTILE = {
    "large body": HEAD + b"\n<a@one.example>: user unknown\n" + b"x" * 100_000_000,
    "one line of addresses": HEAD + b"\n" + b"<a@one.example>: " * 200_000,
    "lines of addresses": HEAD + b"\n" + b"<a@one.example>: no\n" * 200_000,
    "10,000 headers": b"".join(b"X-%d: y\n" % number for number in range(10_000)) + HEAD + b"\nx",
    "folded headers": b"Received: a\n\tb\n" * 10_000 + HEAD + b"\nx",
    "long header": b"Subject: " + b"x" * 20_000_000 + b"\n\nx",
    "nested multiparts": nested("multipart", 2_000),
    "nested messages": nested("message", 2_000),
    "many parts": HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 200_000,
    "many recipients": HEAD
    + b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n"
    + REPORT * 20_000,
    "open tags": HEAD + b"Content-Type: text/html\n\n" + b"<style <p <" * 100_000,
    "encoded words": b"Subject: " + b"=?utf-8?q?" * 6_000 + b"\n" + HEAD + b"\nx",
    "broken base64": HEAD + b"Content-Transfer-Encoding: base64\n\n" + b"a" * 1_000_001,
    "ligatures": HEAD + b"Content-Type: text/plain; charset=utf-8\n\n" + "ﷺ".encode() * 100_000,
    "blanks behind addresses": HEAD
    + b"\nUser unknown\n"
    + (b"recipient: a@one.example" + b" " * 900 + b"x\n") * 1_000,
    "lines like boundaries": HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"\n--bX" * 200_000,
    "failed recipients": HEAD + b"X-Failed-Recipients: " + b"a@b.example," * 5_000 + b"\n\nfailed\n",
    "carried bounces": HEAD
    + b"Content-Type: multipart/mixed; boundary=b\n\n"
    + (b"--b\nContent-Type: message/rfc822\n\n" + HEAD + b"\ncould not be delivered\n") * 48,
    "nothing": b"",
    "zeros": bytes(100_000),
    "blank lines": b"\r\n \t\r\n" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mail_is_read_in_bounded_work(name):
    """Counted in calls of functions, which do not depend on the machine."""
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += 1

    classify_bounce(HEAD + b"\nx")  # the rules are read once
    sys.setprofile(count)
    try:
        found = classify_bounce(HOSTILE[name])
    finally:
        sys.setprofile(None)
    assert calls < 1_500_000
    assert len(found) <= 500


def test_memory_does_not_grow_with_the_mail():
    import tracemalloc

    raw = HOSTILE["large body"]
    classify_bounce(HEAD + b"\nx")
    tracemalloc.start()
    try:
        classify_bounce(raw)
        assert tracemalloc.get_traced_memory()[1] < 16 * parts.MAX_MAIL
    finally:
        tracemalloc.stop()


MODULES = [
    importlib.import_module(f"hygiene.bounces.{each.name}")
    for each in pkgutil.iter_modules(hygiene.bounces.__path__)
]
PATTERNS = [each for module in MODULES for each in vars(module).values() if isinstance(each, re.Pattern)]
PIECES = [*" \t\n.@<>:=?-_/[]()'\"#;52a!|{", "\r\n", "550", "5.1.1", "said:", "host ", "smtp;", "rcpt to", "é"]


@settings(max_examples=300)
@given(
    st.sampled_from(PATTERNS),
    st.lists(st.sampled_from(PIECES), max_size=4),
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=3),
    st.sampled_from(PIECES),
)
def test_no_pattern_goes_back_for_ever(pattern, before, repeated, after):
    """Where a pattern tries all ways to divide a text, this takes hours: 1,000 octets are the longest line."""
    text = "".join(before) + "".join(repeated) * (1_000 // len("".join(repeated))) + after
    found = text.encode() if isinstance(pattern.pattern, bytes) else text
    pattern.match(found)
    pattern.search(found)


CHARSETS = ["utf-16", "utf-7", "idna", "punycode", "hex", "rot13", "undefined", "unicode_escape", "x-unknown"]


@pytest.mark.parametrize("charset", [*CHARSETS, "", "\\0", "a" * 5000])
def test_wrong_charsets(charset):
    body = "<a@one.example>: user unknown é".encode("latin-1")
    raw = HEAD + f'Content-Type: text/plain; charset="{charset}"\n\n'.encode() + body
    assert isinstance(classify_bounce(raw), list)


@given(st.binary(max_size=3_000))
def test_any_bytes(raw):
    assert isinstance(classify_bounce(raw), list)
    assert isinstance(classify_bounce(HEAD + b"\n" + raw), list)


@settings(max_examples=300)
@given(st.sampled_from(SAMPLES), st.data())
def test_mutilated_bounces(raw, data):
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(raw)))
        end = data.draw(st.integers(start, min(len(raw), start + 200)))
        raw = raw[:start] + data.draw(st.binary(max_size=12)) + raw[end:]
    for found in classify_bounce(raw):
        assert found.recipient is None or "@" in found.recipient
        assert not found.hard or found.reason.about.hard


@given(st.sampled_from(SAMPLES))
def test_line_ends_do_not_matter(raw):
    assert said(raw.replace(b"\n", b"\r\n")) == said(raw)


def said(raw):
    return [(each.kind, each.reason, each.recipient, each.status, each.code) for each in classify_bounce(raw)]
