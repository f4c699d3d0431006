"""Rules of leaving: the visible link, the header fields, the postal address."""

from __future__ import annotations

import re

from hygiene.content.knowledge import words
from hygiene.content.links import Link
from hygiene.content.parts import Content, Message
from hygiene.content.registry import rule
from hygiene.finding import Confidence, Evidence, Open, Problem, Severity

#: header fields of a mail that answers what one person did: a receipt, a reply
_PERSONAL = ("in-reply-to", "auto-submitted")


def _leaves(link: Link) -> bool:
    return any(word in link.label.casefold() for word in words("unsubscribe")) or any(
        word in link.href.casefold() for word in words("unsubscribe_href")
    )


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
    if message and any(message.first(name) for name in _PERSONAL):
        return
    ways = [link for link in content.links if _leaves(link)]
    if any(not link.hidden for link in ways):
        return
    says = any(word in content.words.casefold() for word in words("unsubscribe"))
    if ways:
        yield Problem(evidence=f"{ways[0].place} is hidden", confidence=Confidence.SURE)
    elif says and content.page is None and content.links:
        return  # in plain text the address stands beside the word
    elif says:
        yield "the word is there, but no link"
    else:
        yield f"none of {len(content.links)} links says so"


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
def list_unsubscribe_missing(message: Message) -> Evidence:
    """The message has no List-Unsubscribe field"""
    if not message.first("list-unsubscribe") and not any(message.first(name) for name in _PERSONAL):
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
    if re.search(r"\{\{[^{}]*address|\*\|(?:LIST:ADDRESS|HTML:LIST_ADDRESS)|%%.*address", end, re.IGNORECASE):
        return
    if _has_address(end):
        return
    if any(ord(letter) > 0x2E80 for letter in end[:2000]):
        yield Open("addresses of this script are not known here")
        return
    yield "no street with a postal code in the last 3,000 characters"


_POSTAL_CODE = re.compile(r"\b(?:[A-Z]{1,2}-?)?\d{4,6}(?:-\d{3,4})?\b|\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b")
_AROUND = 100  # characters before and after the word of a street


def _has_address(text: str) -> bool:
    """The word of a street, a postal code and another number close together."""
    folded = text.lower() if len(text.lower()) == len(text) else text
    for word in words("postal"):
        for match in re.finditer(_word_pattern(word), folded):
            if not _names_a_street(text, match.start(), word):
                continue
            near = text[max(match.start() - _AROUND, 0) : match.end() + _AROUND]
            code = _POSTAL_CODE.search(near)
            if code and re.search(r"\d", near[: code.start()] + near[code.end() :]):
                return True
    return False


#: words that stand at the end of others, as in Hauptstraße
_ENDINGS = {"straße", "strasse", "str.", "weg", "platz", "allee", "gasse", "straat", "laan", "plein", "gatan"}


def _names_a_street(text: str, start: int, word: str) -> bool:
    """It is written like a name, ends one, or follows a number; "we place" is no place."""
    return (
        word in _ENDINGS
        or text[start].isupper()
        or bool(re.search(r"\d[a-z]?,? $", text[max(start - 5, 0) : start]))
    )


def _word_pattern(word: str) -> str:
    head = "" if word in _ENDINGS else r"(?<![^\W\d_])"
    return head + re.escape(word) + r"(?![^\W\d_])"
