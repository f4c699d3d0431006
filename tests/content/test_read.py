"""What a person drops on the command: files and messages, in any charset, sound or not."""

import codecs
from email.message import EmailMessage

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hygiene.content.lint import judge, lint_content
from hygiene.content.read import decoded_header, read_content
from hygiene.content.registry import all_rules
from hygiene.errors import HygieneError, UnreadableInput

WORDS = "Grüße aus Köln, Ann"


def built(charset: str, text: str = WORDS, cte: str | None = None) -> bytes:
    message = EmailMessage()
    message["From"] = "Gärtnerei <news@shop.example>"
    message["To"] = "ann@example.net"
    message["Subject"] = text
    message.set_content(text, charset=charset, cte=cte)
    message.add_alternative(f"<p>{text}</p>", subtype="html", charset=charset, cte=cte)
    return message.as_bytes()


@pytest.mark.parametrize("cte", ["quoted-printable", "base64", "8bit"])
@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "iso-8859-15", "windows-1252", "mac_roman"])
def test_messages_in_western_charsets(charset: str, cte: str) -> None:
    content = read_content(built(charset, cte=cte), name="mail.eml")
    assert content.subject == WORDS
    assert content.text.strip() == WORDS
    assert content.page.words == WORDS
    assert content.message.from_domain == "shop.example"
    assert not any(each.trouble for each in content.charsets)


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("koi8-r", "Привет из Москвы"),
        ("windows-1251", "Привет из Москвы"),
        ("shift_jis", "新商品のご案内"),
        ("iso-2022-jp", "新商品のご案内"),
        ("gb18030", "新产品介绍"),
        ("big5", "新產品介紹"),
        ("euc-kr", "새로운 제품"),
        ("windows-1256", "مرحبا من الحديقة"),
        ("iso-8859-8", "שלום מהגן"),
    ],
)
def test_messages_of_other_scripts(charset: str, text: str) -> None:
    head = f"From: a@shop.example\nSubject: x\nContent-Type: text/plain; charset={charset}\n\n"
    content = read_content(head.encode() + text.encode(charset), name="mail.eml")
    assert content.text == text
    assert not content.charsets[0].trouble


@pytest.mark.parametrize(
    "raw",
    [
        codecs.BOM_UTF8 + f"<p>{WORDS}".encode(),
        f"<p>{WORDS}".encode("utf-16"),
        codecs.BOM_UTF16_BE + f"<p>{WORDS}".encode("utf-16-be"),
        f"<p>{WORDS}".encode("utf-32"),
        f"<p>{WORDS}".encode(),
        f"<p>{WORDS}".encode("windows-1252"),
        f"<meta charset=iso-8859-1><p>{WORDS}".encode("latin-1"),
        f"<meta http-equiv=Content-Type content='text/html; charset=ISO-8859-15'><p>{WORDS}".encode(
            "iso-8859-15"
        ),
    ],
)
def test_files_by_mark_declaration_and_try(raw: bytes) -> None:
    assert read_content(raw, name="mail.html").page.words == WORDS


@pytest.mark.parametrize("name", ["mail.eml", "mail.txt", "standard input", "mail"])
def test_a_message_is_known_by_its_fields(name: str) -> None:
    content = read_content(built("utf-8"), name=name)
    assert content.is_built


@pytest.mark.parametrize(
    "raw",
    [
        b"From a@b Mon Jan 1 00:00:00 2026\nFrom: a@shop.example\nSubject: x\n\nhi",
        b"\xef\xbb\xbfFrom: a@shop.example\r\nTo: b\r\n\r\nhi",
    ],
)
def test_mbox_line_and_byte_order_mark(raw: bytes) -> None:
    assert read_content(raw, name="mail").is_built


def test_text_is_no_message() -> None:
    content = read_content(b"Dear Ann,\n\nSubject: to change. See https://x.example\n", name="mail.txt")
    assert not content.is_built
    assert [link.host for link in content.links] == ["x.example"]


def test_lines_are_those_of_the_file() -> None:
    (finding,) = judge(
        read_content(b"\r\n\r\n<p>a\r\n<img src='x.png'>", name="m.html"), select=["image-without-alt"]
    ).faults
    assert finding.evidence == ('line 4: <img src="x.png">',)


def test_attachments_are_not_the_mail() -> None:
    message = EmailMessage()
    message["From"], message["Subject"] = "a@shop.example", "x"
    message.set_content("Shown")
    message.add_attachment("<p>Not shown", subtype="html", filename="a.html")
    content = read_content(message.as_bytes(), name="mail.eml")
    assert (content.text.strip(), content.page) == ("Shown", None)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("=?iso-8859-1?q?Gr=FC=DFe?=", "Grüße"),
        ("=?utf-8?b?8J+MsQ==?= spring", "🌱 spring"),
        ("=?nonsense?q?a=FC?=", "aü"),
        ("a\r\n b", "a b"),
        ("=?utf-8?q?broken", "=?utf-8?q?broken"),
    ],
)
def test_header_fields(raw: str, shown: str) -> None:
    assert decoded_header(raw) == shown


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"%PDF-1.7 ...", "is no mail"),
        (b"<p>a\0b", "NUL"),
        (b"plain\0text", "NUL"),
        (b"<div>" * 5000, "nested too deeply"),
        (b"<p>" + b"x" * 20_000_000, "too large"),
        (b"<p>x" * 100_001, "too large"),
        (b"Subject: a\nFrom: b\nContent-Type: text/html\n\n" + b"<p>hello" * 1_000_000, "too large"),
        (
            b"Subject: a\nFrom: b\nContent-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nhi\n" * 600,
            "500 parts",
        ),
        (
            b"Subject: a\nFrom: b\nContent-Type: multipart/mixed; boundary=b0\n\n"
            + b"".join(
                b"--b%d\nContent-Type: multipart/mixed; boundary=b%d\n\n" % (n, n + 1) for n in range(3000)
            ),
            "nested too deeply",
        ),
        (b"Subject: " + b"a" * 5000 + b"\nFrom: b\n\nhi", "too large"),
    ],
)
def test_what_is_no_mail_is_one_sentence(raw: bytes, said: str) -> None:
    with pytest.raises(UnreadableInput, match=said) as caught:
        judge(read_content(raw, name="mail"))
    assert "\n" not in str(caught.value)


PIECES = [
    *(
        "<p>",
        "</p>",
        "<a href='",
        "'>",
        "<table>",
        "<td ",
        "style='color:#",
        "fff;",
        "<img src=",
        "<!--",
        "-->",
    ),
    *("<style>", "@media{", "}", "{{", "}}", "&#0;", "&nbsp;", "</style>", "<script>", "width=", "9", "%", "#"),
    *(
        "<div style='display:none'>",
        "<svg>",
        "<title>",
        "bgcolor=",
        "*|",
        "|*",
        "http://",
        "\u200b",
        "p\u0430y",
    ),
    *("&#x202e;", "\ud800"),
]
HTML = st.lists(
    st.sampled_from(PIECES) | st.text(max_size=12),
    max_size=40,
).map("".join)
MAIL = [
    *(
        b"From: a@b.example\n",
        b"Subject: ",
        b"Content-Type: ",
        b"text/html",
        b"multipart/mixed; boundary=b",
        b"\n",
    ),
    *(b"--b\n", b"; charset=", b"utf-8", b"utf-7", b"charset*=utf-9''%00", b"uuencode\n", b"=?utf-8?b?4?="),
    *(b"Content-Transfer-Encoding: base64\n", b"begin 644 x\n", b"List-Unsubscribe: <\n", b"hex", b"rot13"),
    *(b"idna", b"base64", b"x\0y", b"<p>\xff"),
]
RAW = st.lists(
    st.sampled_from(MAIL) | st.binary(max_size=8),
    max_size=30,
).map(b"".join)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    html=HTML,
    subject=st.text(max_size=60),
    preheader=st.none() | st.text(max_size=60),
    text=st.none() | st.text(max_size=80),
)
def test_never_crashes_and_says_the_same_twice(
    html: str, subject: str, preheader: str | None, text: str | None
) -> None:
    try:
        one, two = (lint_content(html=html, subject=subject, preheader=preheader, text=text) for _ in range(2))
    except HygieneError:
        return
    assert one.to_dict() == two.to_dict()
    assert one.findings == two.findings
    assert one.judged + len(one.not_judged) == len(all_rules())


@settings(max_examples=150, deadline=None)
@given(RAW)
def test_no_message_crashes(raw: bytes) -> None:
    try:
        judge(read_content(raw, name="mail.eml")).to_dict()
    except UnreadableInput:
        return
