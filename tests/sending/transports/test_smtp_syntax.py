"""How SMTP is written: paths, replies, and messages that cannot end before their end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.sending.transports.smtp_syntax import (
    WireError,
    path,
    read_answer,
    read_extensions,
    read_reply_line,
    remote_id,
    stuffed,
)

REPLIES = {
    "Ok: queued as 4XyZ12abcd": "4XyZ12abcd",  # Postfix
    "OK id=1tQ2aB-0000000ABCD-1234": "1tQ2aB-0000000ABCD-1234",  # Exim
    "4AS9x1ab012345 Message accepted for delivery": "4AS9x1ab012345",  # Sendmail
    "Ok 0100018f3c2a9b7e-12345678-aaaa-bbbb-cccc-1234567890ab-000000": (  # Amazon SES
        "0100018f3c2a9b7e-12345678-aaaa-bbbb-cccc-1234567890ab-000000"
    ),
    "Ok": "",
    "message kept": "",
    "": "",
}


@pytest.mark.parametrize(("text", "expected"), REPLIES.items())
def test_what_the_server_calls_it(text, expected):
    assert remote_id(text) == expected


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("", ""),
        ("a@example.com", "a@example.com"),
        ("a..b.@example.com", "a..b.@example.com"),
        ("a@bücher.example", "a@xn--bcher-kva.example"),
        ("ü@bücher.example", "ü@bücher.example"),
        ('"a b"@example.com', '"a b"@example.com'),
        ('"a\\"b"@example.com', '"a\\"b"@example.com'),
        ("a@[192.0.2.1]", "a@[192.0.2.1]"),
        ('"a\rb"@example.com', None),
        ('"a"b"@example.com', None),
        ("a@ü" + "x" * 70 + ".example", None),
        ("x" * 400 + "@example.com", None),
    ],
)
def test_paths(address, written):
    assert path(address) == written


@given(st.text(max_size=40))
def test_a_path_ends_no_command(address):
    written = path(address)
    if written:
        assert not any(ord(each) < 32 or ord(each) == 127 for each in written)
        assert written.encode()
        outside = written if not written.startswith('"') else written.rpartition("@")[2]
        assert not set(outside) & set(" <>")


OCTETS = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"..", b"a", b"\0", b"\x0b", b"\x85", b" "]), max_size=30
).map(b"".join)


def unstuffed(octets):
    """What a receiver reads: lines to the first that is a dot alone (RFC 5321 §4.5.2)."""
    lines = []
    for line in (octets + b".\r\n").split(b"\r\n"):
        if line == b".":
            return lines
        lines.append(line.removeprefix(b"."))
    raise AssertionError("it does not end")


@given(OCTETS)
def test_what_is_stuffed_is_read_whole(content):
    lines = unstuffed(stuffed(content))
    plain = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    assert b"\n".join(lines) + b"\n" == (plain if plain.endswith(b"\n") else plain + b"\n")


@given(OCTETS)
def test_no_line_ends_but_by_crlf(content):
    sent = stuffed(content)
    assert sent.count(b"\r\n") == sent.count(b"\n") == sent.count(b"\r")
    for end in (b"\n.\n", b"\r.\r", b"\n.\r", b"\r\n.\n", b"\n.\r\n", b"\r.\r\n"):
        assert end not in (b"\r\n" + sent).replace(b"\r\n", b"<CRLF>")
    assert b"\r\n.\r\n" not in b"\r\n" + sent


def test_what_is_sound_stays_as_it_is():
    content = b"From: a\r\n\r\nline\r\n"
    assert stuffed(content) is content


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"250 ok\r", (250, False, "ok")),
        (b"250-ok", (250, True, "ok")),
        (b"250", (250, False, "")),
        (b"250 ", (250, False, "")),
    ],
)
def test_reply_lines(line, expected):
    assert read_reply_line(line) == expected


@pytest.mark.parametrize(
    "line", [b"", b"25 ok", b"2500 ok", b"250ok", b"ok", b" 250 ok", b"150 ok", b"699 x", b"\xff"]
)
def test_what_is_no_reply(line):
    with pytest.raises(WireError):
        read_reply_line(line)


@given(st.binary(max_size=80))
def test_any_line_is_read_or_refused(line):
    try:
        code, _, text = read_reply_line(line)
    except WireError:
        return
    answer = read_answer(code, [text])
    assert 200 <= answer.code < 600
    assert answer.text.isprintable()


@pytest.mark.parametrize(
    ("lines", "status", "text"),
    [
        (["5.1.1 no such user"], "5.1.1", "no such user"),
        (["5.7.1 first", "5.7.1 second"], "5.7.1", "first second"),
        (["2.0.0"], "2.0.0", ""),
        (["10.1.1 is no status"], "", "10.1.1 is no status"),
        (["192.0.2.1 is blocked"], "", "192.0.2.1 is blocked"),
    ],
)
def test_enhanced_codes(lines, status, text):
    answer = read_answer(550, lines)
    assert (answer.status, answer.text) == (status, text)


def test_keywords():
    read = read_extensions(
        ["relay.example hello", "pipelining", "SIZE 100", "AUTH PLAIN", "AUTH=LOGIN", "8BITMIME"]
    )
    assert read == {"PIPELINING": "", "SIZE": "100", "AUTH": "PLAIN LOGIN", "8BITMIME": ""}
