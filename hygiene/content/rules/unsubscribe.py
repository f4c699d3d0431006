"""Rules of leaving: the visible link, the header fields, the postal address."""

from __future__ import annotations

import re

from hygiene.content.knowledge import data, words
from hygiene.content.leaving import leaving_tag, says_leaving, speaks_of_leaving
from hygiene.content.links import Link
from hygiene.content.merge_fields import MERGE_FIELD
from hygiene.content.parts import Content, Message
from hygiene.content.registry import rule
from hygiene.content.wording import fold, found_wording
from hygiene.finding import Confidence, Evidence, Open, Problem, Severity

#: header fields of a mail that answers what one person did: a receipt, a reply
_PERSONAL = ("in-reply-to", "auto-submitted")


def _leaves(link: Link) -> bool:
    return says_leaving(link.href, link.label)


def _answers(message: Message | None, content: Content) -> str:
    """What tells that a mail answers what one person did; ''."""
    if message and (name := next((each for each in _PERSONAL if message.first(each)), "")):
        return name
    said = fold(content.subject or "")
    return next((word for word in words("transactional") if found_wording(said, word)), "")


@rule(
    severity=Severity.HIGH,
    source="gmail-senders",
    why="Who finds no way out presses the spam button; Gmail, Yahoo and the law ask for it in marketing mail.",
    fix='<a href="https://www.shop.example/unsubscribe?u=…">Unsubscribe</a>',
    confidence=Confidence.LIKELY,
)
def unsubscribe_link_missing(content: Content, *, message: Message | None) -> Evidence:
    """No link to unsubscribe is to be seen"""
    if content.page is None and content.text is None:
        return
    answers = _answers(message, content)
    if answers in _PERSONAL:
        return
    ways = [link for link in content.links if _leaves(link)]
    if any(not link.hidden for link in ways) or (not message and leaving_tag(_source(content))):
        return
    says = speaks_of_leaving(fold(content.words))
    if ways:
        yield Problem(evidence=f"{ways[0].place} is hidden", confidence=Confidence.SURE)
    elif says and content.page is None and content.links:
        return  # in plain text the address stands beside the word
    elif answers:
        yield Problem(evidence=_needs_none(answers), severity=Severity.INFO)
    elif says:
        yield "the word is there, but no link"
    else:
        yield f"none of {len(content.links)} links says so"


def _source(content: Content) -> str:
    return content.page.source if content.page is not None else content.text or ""


def _needs_none(answers: str) -> str:
    return f"the subject says {answers!r}: a receipt needs none, anything sent to many does"


@rule(
    severity=Severity.MEDIUM,
    source="practice",
    why="Who cannot find it presses the spam button.",
    fix="font-size: 14px; color: #333333",
    confidence=Confidence.LIKELY,
)
def unsubscribe_link_inconspicuous(content: Content) -> Evidence:
    """The link to unsubscribe is hard to see"""
    if content.page is None:
        return
    for link, element in zip(
        content.page.links,
        (each for each in content.page.all("a", "area") if "href" in each.attributes),
        strict=True,
    ):
        style = element.style
        if _leaves(link) and not link.hidden and style.size_px is not None and style.size_px < 10:
            yield f"{link.place}: {style.size_px:g} px"
        elif _leaves(link) and not link.hidden and link.has_image and not link.text:
            yield f"{link.place}: only an image"


@rule(
    severity=Severity.HIGH,
    source="gmail-senders",
    why="Gmail and Yahoo ask bulk senders for it, and show an unsubscribe button beside the sender's name.",
    fix="List-Unsubscribe: <https://www.shop.example/unsubscribe?u=…>, <mailto:leave@shop.example>",
    confidence=Confidence.LIKELY,
)
def list_unsubscribe_missing(message: Message, content: Content) -> Evidence:
    """The message has no List-Unsubscribe field"""
    answers = _answers(message, content)
    if message.first("list-unsubscribe") or answers in _PERSONAL:
        return
    if answers:
        yield Problem(evidence=_needs_none(answers), severity=Severity.INFO)
    else:
        yield "a receipt or a personal mail needs none, anything sent to many does"


@rule(
    severity=Severity.HIGH,
    source="rfc8058",
    why="Without both fields as RFC 8058 wants them, one click in Gmail or Yahoo does not unsubscribe.",
    fix="List-Unsubscribe: <https://www.shop.example/unsubscribe?u=…>\n"
    "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
)
def list_unsubscribe_not_one_click(message: Message) -> Evidence:
    """The message cannot be unsubscribed from with one click"""
    uris, post = message.first("list-unsubscribe"), message.first("list-unsubscribe-post")
    if not uris:
        return
    if not re.search(r"<\s*https://[^\s<>]+\s*>", uris, re.IGNORECASE):
        yield Problem(
            evidence=f"List-Unsubscribe holds no https address: {uris[:120]}",
            fix=f"List-Unsubscribe: <https://www.shop.example/unsubscribe?u=…>, {uris[:200]}",
        )
    missing = "List-Unsubscribe-Post: List-Unsubscribe=One-Click"
    if not post:
        yield Problem(evidence="no List-Unsubscribe-Post field", fix=missing)
    elif post.replace(" ", "").lower() != "list-unsubscribe=one-click":
        yield Problem(evidence=f"List-Unsubscribe-Post: {post[:120]}", fix=missing)


@rule(
    severity=Severity.MEDIUM,
    source="can-spam",
    why="The US (CAN-SPAM) and others ask for a valid postal address in every commercial mail.",
    fix="Shop Ltd, 1 Garden Street, Springfield, IL 62701, USA",
    confidence=Confidence.GUESS,
)
def postal_address_missing(content: Content) -> Evidence:
    """No postal address is to be seen"""
    if (content.page is None and content.text is None) or not content.words.strip():
        return
    end = content.words[-3000:]
    if any(_FIELD_OF_ADDRESS.search(each.group()) for each in MERGE_FIELD.finditer(end)) or _has_address(end):
        return
    foreign = sum(map(_is_foreign, end))
    if foreign * 4 > sum(map(str.isalpha, end)):
        yield Open("addresses of this script are not known here")
        return
    yield "no street with a postal code in the last 3,000 characters"


def _is_foreign(letter: str) -> bool:
    """Of a script whose streets have no words here; Latin, Greek and Cyrillic have."""
    return letter.isalpha() and ord(letter) >= 0x0530


#: 80331, D-80331, 62701-1234, 1010, 00-001, 110 00, 560 001; SW1A 1AA; K1A 0B1; D02 AF30
_POSTAL_CODE = re.compile(
    r"\b(?:[A-Z]{1,2}-?)?\d{4,6}(?:-\d{3,4})?\b|\b\d{2}-\d{3}\b|\b\d{3} \d{2,3}\b"
    r"|\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b|\b[A-Z]\d[A-Z] ?\d[A-Z]\d\b|\b[A-Z]\d[\dW] ?[A-Z\d]{4}\b"
)
_FIELD_OF_ADDRESS = re.compile(r"addr|street|postal", re.IGNORECASE)
_AROUND = 100  # characters before and after the word of a street


def _has_address(text: str) -> bool:
    """The word of a street, a postal code and another number close together."""
    for word in data("words")["postal"]["words"]:
        for match in re.finditer(_word_pattern(word), text, re.IGNORECASE):
            if not _names_a_street(text, match.start(), word):
                continue
            near = text[max(match.start() - _AROUND, 0) : match.end() + _AROUND]
            code = _POSTAL_CODE.search(near)
            if code and re.search(r"\d", near[: code.start()] + near[code.end() :]):
                return True
    return False


#: words that stand at the end of others, as in Hauptstraße
_ENDINGS = {"straße", "strasse", "str.", "weg", "platz", "allee", "gasse", "straat", "laan", "plein", "gatan"}
_ENDINGS |= {
    "gata",
    "gade",
    "vej",
    "väg",
    "vägen",
    "veien",
    "katu",
    "gracht",
    "kade",
    "singel",
    "dreef",
    "damm",
    "ufer",
}


def _names_a_street(text: str, start: int, word: str) -> bool:
    """It is written like a name, ends one, or follows a number; "we place" is no place."""
    return (
        word in _ENDINGS
        or text[start].isupper()
        or bool(re.search(r"\d[a-z]?,? $", text[max(start - 5, 0) : start]))
        or text[start + len(word) :].lstrip()[:1].isupper()  # ul. Ogrodowa
    )


def _word_pattern(word: str) -> str:
    head = "" if word in _ENDINGS else r"(?<![^\W\d_])"
    return head + re.escape(word) + r"(?![^\W\d_])"
