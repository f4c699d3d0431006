"""Rules of the body as a whole: size, parts, charset, wording."""

from __future__ import annotations

import re

from hygiene.content.knowledge import limit
from hygiene.content.merge_fields import MERGE_FIELD
from hygiene.content.page import Page
from hygiene.content.parts import Content, Message
from hygiene.content.registry import rule
from hygiene.content.signs import width
from hygiene.content.trigger import counted_wordings
from hygiene.content.unfilled import UNFILLED_FIX, UNFILLED_WHY, unfilled
from hygiene.content.wording import fold, is_dense
from hygiene.finding import Confidence, Evidence, Open, Problem, Severity


@rule(
    severity=Severity.HIGH,
    source="gmail-clipping",
    why="Gmail hides the rest behind a link: the way to unsubscribe, and the pixel that counts opens.",
    fix="leave out comments, unused styles and sections; minify the HTML last",
)
def html_clipped_by_gmail(page: Page, content: Content) -> Evidence:  # noqa: ARG001 - only where there is HTML
    """Gmail cuts the mail off"""
    most, seen = limit("clip_bytes"), f"{content.html_bytes:,} bytes of HTML"
    travels = f"{content.html_encoded_bytes:,} as quoted-printable or base64"
    if content.html_bytes > most:
        yield f"{seen}, {travels}; Gmail shows {most:,}"
    elif content.html_encoded_bytes > most:
        yield Problem(
            evidence=f"{seen}, {travels}; Gmail shows {most:,}",
            severity=Severity.MEDIUM,
            confidence=Confidence.LIKELY,
        )


@rule(
    severity=Severity.MEDIUM,
    source="rfc2046-alternative",
    why="Filters count HTML alone; watches, screen readers and people who switch HTML off read the text.",
    fix="send multipart/alternative: text/plain first, then text/html",
)
def text_part_missing(page: Page, message: Message, content: Content) -> Evidence:  # noqa: ARG001
    """The mail has no text part"""
    if content.text is None:
        yield "only text/html"
    elif not content.text.strip():
        yield "the text part is empty"


@rule(
    severity=Severity.MEDIUM,
    source="rfc2046-alternative",
    why="Both parts must say the same: a text for filters and another for readers is a habit of spam.",
    fix="make the text part from the HTML again",
    confidence=Confidence.LIKELY,
)
def text_part_differs(page: Page, text: str) -> Evidence:
    """The text part says something else than the HTML"""
    shown, plain = _bag(page.words), _bag(text)
    if len(shown) < 12 or not plain:
        return
    kept, known = (len(shown & plain) / len(each) for each in (shown, plain))
    if kept < limit("text_shared") / 200 or max(kept, known) < limit("text_shared") / 100:
        yield f"{kept:.0%} of the words of the HTML stand in the text part, which begins {_start(text)!r}"


@rule(
    severity=Severity.HIGH,
    source="practice",
    why="Readers see an empty mail.",
    fix="write what the mail is for as text",
)
def body_empty(content: Content) -> Evidence:
    """The body says nothing"""
    if (content.page is not None or content.text is not None) and not content.words.strip():
        pictures = len(content.page.images) if content.page else 0
        if not pictures:
            yield "no visible word and no image"
    elif content.message and not content.message.wrapped and content.page is None and content.text is None:
        yield "neither HTML nor text"


@rule(
    severity=Severity.HIGH,
    source="practice",
    why="Every reader sees that nobody filled it in.",
    fix="fill the field before sending, with a fallback where it is empty",
)
def body_merge_field(content: Content) -> Evidence:
    """A merge field stands unfilled in the body"""
    if not content.is_built:
        return
    runs = content.page.visible if content.page else ()
    for run in runs:
        yield from (f"{run.element.at}: {match.group()}" for match in MERGE_FIELD.finditer(run.text))
    yield from (f"text part: {match.group()}" for match in MERGE_FIELD.finditer(content.text or ""))
    for link in content.links:
        yield from (f"{link.place}" for _ in MERGE_FIELD.finditer(link.href))


@rule(
    severity=Severity.HIGH,
    source="practice",
    why=UNFILLED_WHY,
    fix=UNFILLED_FIX,
    confidence=Confidence.LIKELY,
)
def body_unfilled(content: Content) -> Evidence:
    """A value is missing in the body"""
    shown = content.page.running if content.page else content.text or ""
    yield from (repr(each) for each in unfilled(shown))


@rule(
    severity=Severity.LOW,
    source="practice",
    why="Mail is skimmed, most of it on a phone: a paragraph that fills the screen is skipped.",
    fix="two or three short sentences, then a new paragraph",
    confidence=Confidence.GUESS,
)
def body_paragraph_long(content: Content) -> Evidence:
    """A paragraph is very long"""
    for paragraph in content.paragraphs:
        if (length := width(paragraph)) > limit("paragraph_longest"):
            yield f"{length:,} letters: {_start(paragraph)!r}"


@rule(
    severity=Severity.HIGH,
    source="rfc8551",
    why="None of the rules of text, links and unsubscribing could be applied.",
    fix="lint the mail before it is signed or encrypted",
)
def body_unreadable(message: Message) -> Evidence:
    """The body has faults, as it is encrypted or wrapped"""
    if message.wrapped:
        yield Open(f"{message.wrapped}: what is inside was not judged")


@rule(
    severity=Severity.LOW,
    source="spamassassin",
    why="Filters weigh such wording; the sender's reputation weighs more.",
    fix="say plainly what is offered, to whom, until when",
    confidence=Confidence.GUESS,
)
def body_spam_wording(content: Content) -> Evidence:
    """The body uses wording that filters count"""
    found = counted_wordings(content.words)
    if sum(found.values()) >= 5:
        yield f"{', '.join(map(repr, found))}: weight {sum(found.values()):g}"


@rule(
    severity=Severity.MEDIUM,
    source="rfc2046-charset",
    why="Readers see other signs than were written, in names above all.",
    fix='Content-Type: text/html; charset="utf-8"',
)
def charset_wrong(content: Content) -> Evidence:
    """The text is not in the charset it says"""
    for each in content.charsets:
        if each.trouble:
            yield f"{each.trouble}; read as {each.used}"


@rule(
    severity=Severity.LOW,
    source="rfc2046-charset",
    why="Without a charset, readers' programs guess.",
    fix='Content-Type: text/html; charset="utf-8"',
)
def charset_missing(message: Message, content: Content) -> Evidence:  # noqa: ARG001 - only in a message
    """A part with signs outside ASCII names no charset"""
    texts = {"the HTML part": content.page.source if content.page else "", "the text part": content.text or ""}
    for each in content.charsets:
        if not each.declared and not texts.get(each.part, "").isascii():
            yield f"{each.part} was read as {each.used}"


@rule(
    severity=Severity.MEDIUM,
    source="rfc5322-lines",
    why="Servers may cut or refuse longer lines, and signatures then break.",
    fix="Content-Transfer-Encoding: quoted-printable",
)
def line_too_long(message: Message) -> Evidence:
    """A line of the message is longer than mail allows"""
    if message.longest_line > limit("line_octets"):
        yield f"{message.longest_line:,} octets; {limit('line_octets')} are allowed"


def _bag(text: str) -> set[str]:
    """The words; of scripts without blanks between them, each two letters that stand together."""
    plain = fold(re.sub(r"https?://\S{1,2000}", " ", text[:500_000]))
    words = ("".join(filter(str.isalnum, word)) for word in plain.split())
    bag: set[str] = set()
    for word in words:
        if any(map(is_dense, word)):
            bag.update(word[at : at + 2] for at in range(len(word) - 1))
        elif len(word) > 2:
            bag.add(word)
    return bag


def _start(text: str) -> str:
    return " ".join(text[:200].split())[:60]
