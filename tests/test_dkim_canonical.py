"""The canonical forms, beside the words of RFC 6376 §3.4 done one blank at a time."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.dkim_canonical import canonical_body, canonical_field

TEXT = st.lists(
    st.sampled_from([b" ", b"\t", b"  ", b"\r\n", b"\r", b"\n", b"a", b":", b"=20"]), max_size=40
).map(b"".join)


def slow_body(body):
    body = re.sub(rb"[ \t]+(?=\r\n|\Z)", b"", body)
    return re.sub(rb"[ \t]+", b" ", body)


@given(TEXT)
def test_relaxed_body(body):
    stripped = slow_body(body).rstrip(b"\r\n")
    assert canonical_body(body, "relaxed") == (stripped + b"\r\n" if stripped else b"")


def test_very_many_blanks():
    """Beyond what the words of the RFC do one blank at a time."""
    blanks = b" " * 100_000
    assert canonical_body(blanks + b"a", "relaxed") == b" a\r\n"
    assert canonical_body(b"a" + blanks, "relaxed") == b"a\r\n"
    assert canonical_body(blanks, "relaxed") == b""


@given(TEXT)
def test_relaxed_field(value):
    value = value.replace(b"\r\n", b"").replace(b"\r", b"").replace(b"\n", b"")
    folded = value.replace(b" ", b"\r\n ")
    expected = b"x-a:" + re.sub(rb"[ \t]+", b" ", value).strip(b" ") + b"\r\n"
    assert canonical_field(b"X-A \t:" + folded + b"\r\n", "relaxed") == expected


@pytest.mark.parametrize(
    ("body", "simple", "relaxed"),
    [
        (b"", b"\r\n", b""),  # §3.4.3, §3.4.4
        (b"\r\n\r\n", b"\r\n", b""),
        (b" C \r\nD \t E\r\n\r\n\r\n", b" C \r\nD \t E\r\n", b" C\r\nD E\r\n"),  # the example of §3.4.5
        (b"no end", b"no end\r\n", b"no end\r\n"),
    ],
)
def test_examples_of_the_rfc(body, simple, relaxed):
    assert (canonical_body(body, "simple"), canonical_body(body, "relaxed")) == (simple, relaxed)


def test_fields_of_the_rfc():
    assert canonical_field(b"A: X\r\n", "relaxed") == b"a:X\r\n"
    assert canonical_field(b"B : Y\t\r\n\tZ  \r\n", "relaxed") == b"b:Y Z\r\n"
    assert canonical_field(b"B : Y\t\r\n\tZ  \r\n", "simple") == b"B : Y\t\r\n\tZ  \r\n"
