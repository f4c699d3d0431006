"""The octets of a letter: what a parser reads in them is what the letter says, and nothing else gets in."""

import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import SMTP, default

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hygiene.errors import HygieneError
from hygiene.sending.letter import Letter, Mailbox
from hygiene.sending.message import build

DATE = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)


def letter(**changes):
    made = {
        "sender": Mailbox(address="news@shop.example", name="Shop"),
        "to": Mailbox(address="ann@example.com"),
        "subject": "Hello",
        "html": "<p>Hello</p>",
        "text": "Hello",
        "date": DATE,
        "message_id": "abc@shop.example",
    }
    return Letter(**{**made, **changes})


def parsed(octets):
    return message_from_bytes(octets, policy=default)


def bodies(message):
    parts = message.iter_parts() if message.is_multipart() else [message]
    return {part.get_content_type(): part.get_content().replace("\r\n", "\n") for part in parts}


words = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=120)
texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\x00"),
    max_size=400,
)


def plain_lines(text):
    """As a parser gives a body back: newlines are newlines, and the last line ends."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.endswith("\n") else f"{text}\n"


@given(subject=words, name=words, text=texts, html=texts)
@example(subject="=?utf-8?q?x?=", name="a=?b", text=".\n.", html="From here\n" + "x" * 2000)
@example(subject="x" * 300, name='Quote " and \\', text="a \nb\t\n", html="=_ =\n")
def test_a_parser_reads_what_was_written(subject, name, text, html):
    made = build(
        letter(subject=subject, sender=Mailbox(address="news@shop.example", name=name), text=text, html=html)
    )
    message = parsed(made)
    assert not message.defects
    assert " ".join(message["Subject"].split()) == " ".join(subject.split())
    assert [mailbox.addr_spec for mailbox in message["From"].addresses] == ["news@shop.example"]
    assert " ".join(message["From"].addresses[0].display_name.split()) == " ".join(name.split())
    found = bodies(message)
    if text:
        assert found["text/plain"] == plain_lines(text)
    if html:
        assert found["text/html"] == plain_lines(html)


@given(subject=words, text=texts, html=texts)
def test_every_line_is_short_and_ends_with_crlf(subject, text, html):
    made = build(letter(subject=subject, text=text, html=html))
    assert made.isascii()
    assert made.count(b"\r\n") == made.count(b"\n") == made.count(b"\r")
    assert max(map(len, made.split(b"\r\n"))) <= 998
    assert b"\0" not in made


@given(st.text(max_size=60), st.sampled_from(["subject", "name", "header", "reply_to"]))
@example("x\r\nBcc: all@example.com", "subject")
@example("x\nBcc: all@example.com", "name")
@example("x\u2028Bcc: all@example.com", "header")
def test_no_value_becomes_a_field(value, where):
    changes = {
        "subject": {"subject": value},
        "name": {"to": Mailbox(address="ann@example.com", name=value)},
        "header": {"headers": {"X-Note": value}},
        "reply_to": {"reply_to": Mailbox(address="ann@example.com", name=value)},
    }[where]
    try:
        made = build(letter(**changes))
    except HygieneError:
        return
    names = [name.lower() for name in parsed(made).keys()]
    expected = {
        "from",
        "to",
        "subject",
        "date",
        "message-id",
        "mime-version",
        "content-type",
        "x-note",
        "reply-to",
    }
    assert set(names) <= expected
    assert len(names) == len(set(names))


BAD = {
    "a field of its own": {"headers": {"Bcc": "x@example.com"}},
    "a second From": {"headers": {"from": "x@example.com"}},
    "MIME": {"headers": {"Content-Type": "text/html"}},
    "no name": {"headers": {"X Note": "x"}},
    "a colon": {"headers": {"X:": "x"}},
    "a newline": {"headers": {"X\r\nBcc": "x"}},
    "an address with a newline": {"to": Mailbox(address="a\r\nb@example.com")},
    "two addresses": {"to": Mailbox(address="a@example.com, b@example.com")},
    "an address beyond ASCII": {"to": Mailbox(address="ü@example.com")},
    "a Message-ID with a bracket": {"message_id": "a>b@example.com"},
}


@pytest.mark.parametrize("changes", BAD.values(), ids=BAD)
def test_what_cannot_be_written_is_refused(changes):
    with pytest.raises(HygieneError):
        build(letter(**changes))


def test_a_long_list_of_words_is_folded():
    made = build(
        letter(
            headers={"List-Unsubscribe": f"<https://shop.example/{'u' * 60}>, <mailto:{'m' * 50}@shop.example>"}
        )
    )
    field = re.search(rb"List-Unsubscribe:(?:.|\r\n )*\r\n", made)[0]
    assert field.count(b"\r\n") == 2
    assert parsed(made)["List-Unsubscribe"].count("<") == 2


@pytest.mark.parametrize(
    ("text", "html", "kind"), [("a", "", "text/plain"), ("", "<p>", "text/html"), ("", "", "text/plain")]
)
def test_one_part_needs_no_boundary(text, html, kind):
    assert parsed(build(letter(text=text, html=html))).get_content_type() == kind


def test_the_domain_is_written_in_ascii():
    assert b"To: ann@xn--mnchen-3ya.example\r\n" in build(letter(to=Mailbox(address="ann@münchen.example")))


def test_the_same_letter_is_the_same_octets():
    assert build(letter()) == build(letter())
    again = message_from_bytes(build(letter()), policy=SMTP)
    assert again["Date"].datetime == DATE
