"""What is said of subject lines and mails of every making, and that how they travel changes nothing."""

from __future__ import annotations

import re
from email import message_from_bytes, policy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hygiene.content.lint import Lint, judge, lint_content
from hygiene.content.read import read_content
from hygiene.errors import UnreadableInput
from hygiene.finding import Severity
from tests.content.mails import LATER, MAILS, Mail, both, eml, html, joined, part
from tests.content.subject_lines import LINES, Line

_SIZE = re.compile(r"[\d,]+ (?:as|bytes|octets)")
OFTEN = {"subject-not-personalised"}


@pytest.mark.parametrize("line", LINES, ids=lambda line: ascii(line.subject)[:40])
def test_a_subject_gets_what_it_must_and_nothing_else(line: Line) -> None:
    said = {each.id for each in lint_content(subject=line.subject).findings} - OFTEN
    must, may = ({f"subject-{each}" for each in ids} for ids in (line.must, line.may))
    assert must <= said
    assert said <= must | may


@pytest.mark.parametrize("mail", [*MAILS, *LATER], ids=lambda mail: mail.name)
def test_a_mail_gets_what_it_must_and_nothing_else_above_a_note(mail: Mail) -> None:
    found = judge(read_content(mail.raw, name=mail.name, subject=mail.subject)).findings
    assert mail.must <= {each.id for each in found}
    loud = {each.id for each in found if each.severity is not Severity.INFO and not each.unknown}
    assert loud <= mail.must | mail.may


def said(lint: Lint) -> list[tuple[str, str, tuple[str, ...]]]:
    """The findings, without figures of bytes as they travel."""
    return [
        (each.id, str(each.severity), tuple(_SIZE.sub("", line) for line in each.evidence))
        for each in lint.findings
    ]


def read(raw: bytes, name: str = "mail.eml") -> list[tuple[str, str, tuple[str, ...]]]:
    return said(judge(read_content(raw, name=name)))


@pytest.mark.parametrize("mail", [each for each in MAILS if b"\0" not in each.raw], ids=lambda mail: mail.name)
@pytest.mark.parametrize("ending", [b"\r\n", b"\r"])
def test_line_endings_change_nothing(mail: Mail, ending: bytes) -> None:
    if ending == b"\r" and mail.name.endswith(".eml"):
        return  # RFC 5322 §2.3: no line ends so
    raw = mail.raw.replace(b"\r\n", b"\n")
    assert read(raw.replace(b"\n", ending), mail.name) == read(raw, mail.name)


MARKED = ["<b>", "</b>", "<p>", "<a href='http://bit.ly/x'>Buy</a>", "<img src='a.png'>"]
SPOKEN = [
    "Hi ,",
    "Grüße",
    "null",
    "Unsubscribe",
    "1 Garden Street 62701",
    "act now",
    "🌱",
    "İ",
    "新品",
    "\n",
    "=",
    "=3D",
    ".",
    "From ",
]
WORDS = st.lists(st.sampled_from([*MARKED, *SPOKEN]), max_size=20).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(body=WORDS, text=WORDS)
def test_transfer_encodings_change_nothing(body: str, text: str) -> None:
    one, *others = (
        eml(joined(part("text/plain", text, encoding=kind), part("text/html", html(body), encoding=kind)))
        for kind in ("8bit", "quoted-printable", "base64")
    )
    for other in others:
        assert read(other) == read(one)


@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "iso-8859-1", "windows-1252"])
def test_charsets_change_nothing(charset: str) -> None:
    body = html("<p>Grüße aus Köln</p>", meta='<meta name="viewport" content="width=device-width">')
    plain = eml(joined(part("text/plain", "Grüße"), part("text/html", body)))
    other = eml(
        joined(part("text/plain", "Grüße", charset, "base64"), part("text/html", body, charset, "base64"))
    )
    assert read(other) == read(plain)


@pytest.mark.parametrize("subject", ["Grüße aus Köln!!!", "Re: 您的订单", "Hi , 🌱", "İNDİRİM BAŞLADI BUGÜN"])
@pytest.mark.parametrize("charset", ["utf-8", "utf-16"])
def test_encoded_words_change_nothing(subject: str, charset: str) -> None:
    from email.header import Header

    encoded = Header(subject, charset, maxlinelen=40).encode()
    plain = said(lint_content(subject=subject))
    assert said(lint_content(subject=encoded)) == plain
    built = said(lint_content(message=both(Subject=encoded), select=["subject"]))
    assert {each[0] for each in built} == {each[0] for each in plain} - OFTEN


def test_a_message_written_again_by_another_program_is_judged_the_same() -> None:
    again = message_from_bytes(both(), policy=policy.default).as_bytes(policy=policy.SMTP)
    assert read(again) == read(both())


@settings(max_examples=150, deadline=None)
@given(raw=st.binary(max_size=300), name=st.sampled_from(["a.html", "a.eml", "a.txt", "standard input"]))
def test_no_bytes_crash(raw: bytes, name: str) -> None:
    try:
        judge(read_content(raw, name=name)).to_dict()
    except UnreadableInput:
        return


PIECES = [*"!?$=?{}%*|[]:,.", "Re", " ", "null", "Hi", "İ", "ß", "🏽", "\u200d", "🇩", "字"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_no_subject_crashes_and_blanks_around_it_change_nothing(pieces: list[str]) -> None:
    if bare := "".join(pieces).strip():
        assert said(lint_content(subject=f"  {bare} ")) == said(lint_content(subject=bare))
