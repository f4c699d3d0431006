"""The octets of a letter: what a parser reads in them is what the letter says, and nothing else gets in."""

import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, compat32, default

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


def shown_name(octets, field="From"):
    """A display name as RFC 2047 §6.2 has it; the newer parser puts blanks between encoded words."""
    written = message_from_bytes(octets, policy=compat32)[field]
    return str(make_header(decode_header(written))).rpartition(" <")[0].strip('"')


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
    written = message["From"].addresses[0].display_name if name.isascii() else shown_name(made)
    assert " ".join(written.split()) == " ".join(name.split())
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


anything = st.text(st.characters(), max_size=60) | st.text("\r\n\0 :ab@<>.,", max_size=30)


@given(anything, st.sampled_from(["subject", "name", "header", "reply_to", "domain", "local", "message_id"]))
@example("x\r\nBcc: all@example.com", "subject")
@example("x\nBcc: all@example.com", "name")
@example("x\u2028Bcc: all@example.com", "header")
def test_no_value_becomes_a_field(value, where):
    changes = {
        "subject": {"subject": value},
        "name": {"to": Mailbox(address="ann@example.com", name=value)},
        "header": {"headers": {"X-Note": value}},
        "reply_to": {"reply_to": Mailbox(address="ann@example.com", name=value)},
        "domain": {"to": Mailbox(address=f"ann@example.com{value}")},
        "local": {"to": Mailbox(address=f"{value}@example.com")},
        "message_id": {"message_id": f"{value}@shop.example"},
    }[where]
    try:
        made = build(letter(**changes))
    except HygieneError:
        return
    names = [name.lower() for name in parsed(made)]
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
    assert made.count(b"\r\n") == made.count(b"\n") == made.count(b"\r")


BAD = {
    "a field of its own": {"headers": {"Bcc": "x@example.com"}},
    "a second From": {"headers": {"from": "x@example.com"}},
    "MIME": {"headers": {"Content-Type": "text/html"}},
    "no name": {"headers": {"X Note": "x"}},
    "a colon": {"headers": {"X:": "x"}},
    "a newline": {"headers": {"X\r\nBcc": "x"}},
    "an address with a newline": {"to": Mailbox(address="a\r\nb@example.com")},
    "a domain with a newline": {"to": Mailbox(address="a@example.com\r\nBcc: b@example.com")},
    "a domain that ends in a newline": {"sender": Mailbox(address="a@example.com\n")},
    "a domain with a second address": {"reply_to": Mailbox(address="a@example.com>, <b.example")},
    "a domain with a comment": {"to": Mailbox(address="a@example.com (b)")},
    "an empty label": {"to": Mailbox(address="a@ü..example")},
    "a label too long": {"to": Mailbox(address=f"a@{'ü' * 70}.example")},
    "a dot of another script": {"to": Mailbox(address="a@example\u3002\r\nBcc")},
    "half a character in a field": {"headers": {"X-Note": "\ud800"}},
    "a signature that nobody made": {"headers": {"DKIM-Signature": "v=1"}},
    "a field twice": {"headers": {"X-Note": "1", "x-note": "2"}},
    "two addresses": {"to": Mailbox(address="a@example.com, b@example.com")},
    "an address beyond ASCII": {"to": Mailbox(address="ü@example.com")},
    "a Message-ID with a bracket": {"message_id": "a>b@example.com"},
}


@pytest.mark.parametrize("changes", BAD.values(), ids=BAD)
def test_what_cannot_be_written_is_refused(changes):
    with pytest.raises(HygieneError) as raised:
        build(letter(**changes))
    assert str(raised.value).isprintable()


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


# The slow way, which is obviously right


def slow(letter):
    """The same letter by the standard library."""
    message = EmailMessage(policy=SMTP)
    for name, box in (("From", letter.sender), ("To", letter.to), ("Reply-To", letter.reply_to)):
        if box is not None:
            message[name] = Address(box.name, addr_spec=box.address)
    message["Subject"], message["Date"] = letter.subject, letter.date
    message["Message-ID"] = f"<{letter.message_id}>"
    for name, value in letter.headers.items():
        message[name] = value
    kinds = [(kind, text) for kind, text in (("plain", letter.text), ("html", letter.html)) if text]
    for number, (kind, text) in enumerate(kinds or [("plain", "")]):
        if number:
            message.add_alternative(text, subtype=kind, cte="base64")
        else:
            message.set_content(text, subtype=kind, cte="base64")
    return message.as_bytes()


OWN = {"content-type", "content-transfer-encoding"}


def fields_of(octets):
    return sorted(
        (name.lower(), " ".join(str(value).split()))
        for name, value in parsed(octets).items()
        if name.lower() not in OWN
    )


line = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Cn", "Co"]), max_size=70)
spoken = line.map(lambda text: " ".join(text.split())).filter(lambda text: "=?" not in text)
atoms = st.text(st.sampled_from("abcdefgh0189 -"), max_size=50).map(lambda text: " ".join(text.split()))
local = st.from_regex(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,12}(\.[a-z0-9]{1,9}){0,2}", fullmatch=True)
boxes = st.builds(
    lambda name, local: Mailbox(address=f"{local}@shop.example", name=name),
    atoms | st.sampled_from(["Zoë", "Müller, Jörg", "小さな店", 'The "Shop", Ltd.', "a\\b", "O'Neil (sales)"]),
    local,
)
further = st.dictionaries(
    st.sampled_from(["X-Note", "Comments", "Organization", "X-Campaign-Name-Of-The-Spring"]), spoken, max_size=3
)


@given(
    sender=boxes,
    to=boxes,
    reply_to=st.none() | boxes,
    subject=spoken,
    text=texts,
    html=texts,
    headers=further,
)
@example(
    sender=Mailbox(address="a@shop.example", name="x" * 300),
    to=Mailbox(address="b@shop.example", name="word " * 40 + "end"),
    reply_to=None,
    subject="word " * 60 + "größe " + "word " * 60 + "end",
    text="Grüße\n" * 3,
    html="<p>" + "x" * 3000,
    headers={"X-Note": "one two " * 70 + "end"},
)
def test_the_same_as_the_slow_way(sender, to, reply_to, subject, text, html, headers):
    made = letter(
        sender=sender, to=to, reply_to=reply_to, subject=subject, text=text, html=html, headers=headers
    )
    fast, other = build(made), slow(made)
    assert fields_of(fast) == fields_of(other)
    assert bodies(parsed(fast)) == bodies(parsed(other))


@given(subject=words, name=words, value=words, size=st.integers(1, 70))
@example(subject="x" * 1500, name="ü" * 200, value="y" * 1500, size=70)
@example(subject="ü" * 30 + " " + "x" * 5000, name="Ü b " * 40, value="a " * 900, size=3)
def test_lines_of_the_header_are_short(subject, name, value, size):
    """76 octets and no more, but for a word that has no blank to break at."""
    made = build(
        letter(subject=subject, to=Mailbox(address="a@b.example", name=name), headers={"X" * size: value})
    )
    for line in made.partition(b"\r\n\r\n")[0].split(b"\r\n"):
        assert line.strip()
        assert len(line) <= 76 or (b" " not in line.partition(b": ")[2].strip() and len(line) <= 998)
        assert len(line) <= 76 or b"=?" not in line or size > 8


@given(text=st.text(max_size=300), html=st.text(max_size=300))
@example(text="\ud800", html="\x00\x1a\x7f")
def test_bodies_hold_text_alone(text, html):
    """Whatever stands in them: lines of at most 998 octets, no controls, no line that mbox files change."""
    made = build(letter(text=text, html=html)).partition(b"\r\n\r\n")[2]
    assert not set(made) & (set(range(32)) - {9, 10, 13})
    assert not re.search(rb"^From ", made, re.MULTILINE)
    assert made.count(b"\r\n") == made.count(b"\n") == made.count(b"\r")


@pytest.mark.parametrize("size", range(60, 80))
@pytest.mark.parametrize("first", ["From ", "From ü "])
def test_lines_that_begin_with_from(first, size):
    text = f"{first}{'x' * size}\nFrom \nFrom"
    made = build(letter(text=text, html=""))
    assert bodies(parsed(made)) == {"text/plain": f"{text}\n"}
    assert max(map(len, made.split(b"\r\n"))) <= 78
    assert b"quoted-printable" in made


def test_a_body_cannot_end_its_part():
    """A letter that knows its own boundary."""
    boundary = re.search(rb'boundary="([^"]*)"', build(letter()))[1].decode()
    text, html = f"a\n--{boundary}--\nb", f"--{boundary}\nContent-Type: text/plain\n\nevil\n"
    assert bodies(parsed(build(letter(text=text, html=html)))) == {"text/plain": f"{text}\n", "text/html": html}


def test_short_ascii_travels_as_it_is():
    made = build(letter(text="a = b", html="<p class='x'>" + "y" * 900))
    assert made.count(b"Content-Transfer-Encoding: 7bit\r\n") == 2
    assert b"a = b\r\n" in made


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("a.b+c@example.com", b"a.b+c@example.com"),
        ("a..b@example.com", b'"a..b"@example.com'),  # some providers gave such addresses out
        ("a.@example.com", b'"a."@example.com'),
        ('"a b"@example.com', b'"a b"@example.com'),
        ("a@[192.0.2.1]", b"a@[192.0.2.1]"),
    ],
)
def test_addresses_as_they_are_written(address, written):
    assert b"To: " + written + b"\r\n" in build(letter(to=Mailbox(address=address)))


NO_ADDRESS = [
    "",
    "a",
    "@b.example",
    "a@",
    "a@b c",
    "a b@c",
    "a<b@c",
    'a"b@c',
    '"a\nb"@c',
    "a@b@c",
    "a@b..c",
    "a@-\n",
]


@pytest.mark.parametrize("address", [*NO_ADDRESS, "x" * 400 + "@b.example", "a@b,c@d", "a@\x00", "a@ü\u2028"])
def test_what_is_no_address(address):
    with pytest.raises(HygieneError) as raised:
        build(letter(to=Mailbox(address=address)))
    assert str(raised.value).isascii()
    assert len(str(raised.value)) < 200


ODD = {
    "no zone": {"date": datetime(2026, 11, 27)},
    "the same name twice": {"headers": {"X-Note": "a", "x-note": "b"}},
    "a signature": {"headers": {"DKIM-Signature": "v=1"}},
    "letters in a field of programs": {"headers": {"List-Unsubscribe": "<https://shop.example/ü>"}},
    "a link too long for any line": {"headers": {"List-Unsubscribe": f"<https://shop.example/{'u' * 990}>"}},
    "an empty Message-ID": {"message_id": ""},
    "a Message-ID that folds": {"message_id": "a\r\n b@c"},
    "a long Message-ID": {"message_id": "a" * 990 + "@b"},
    "a tab in a name": {"headers": {"X\tY": "a"}},
    "NUL": {"headers": {"X-Note": "a\0b"}},
    "half a character": {"headers": {"X-Note": "\ud800"}},
}


@pytest.mark.parametrize("changes", ODD.values(), ids=ODD)
def test_what_is_refused(changes):
    with pytest.raises(HygieneError) as raised:
        build(letter(**changes))
    assert len(str(raised.value).splitlines()) == 1
