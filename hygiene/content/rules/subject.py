"""Rules of the subject line."""

from __future__ import annotations

import re

from hygiene.content.knowledge import clients_cutting, limit
from hygiene.content.merge_fields import MERGE_FIELD, bare, filled, lacking
from hygiene.content.parts import Message
from hygiene.content.registry import rule
from hygiene.content.signs import emoji, symbols, width
from hygiene.content.spelling import dressed_letters, hidden_characters, mixed_words
from hygiene.content.subject import (
    all_capitals,
    personalised,
    reply_marks,
    sentence_case,
    shouted,
    shouted_together,
    shown_width,
)
from hygiene.content.trigger import counted_wordings
from hygiene.content.unfilled import UNFILLED_FIX, UNFILLED_WHY, unfilled
from hygiene.content.wording import is_dense
from hygiene.finding import Confidence, Evidence, Problem, Severity

_NOTHING = re.compile("[\\s\u00ad\u034f\u115f\u1160\u180e\u200b-\u200f\u2060-\u2064\u3164\ufe0f\ufeff]+")
#: marks in a row, money included; ‼ and ⁉ are two marks each
_PILES = re.compile(
    r"[!?¡¿！？؟]{2,}|[‼⁇⁈⁉❗❓❕]{1,}[!?‼⁇⁈⁉❗❓❕]+|[‼⁇⁈⁉]|\.{4,}|。{3,}|[-_=*~]{3,}|[$€£¥₹]{3,}"
)
_SPANISH = re.compile(r"[¡¿]{2}[^!?¡¿]{1,200}[!?]{2}(?![!?])")  # ¡¿Qué?! is how it is written
_SET_APART = re.compile(r"(?:\b[A-Za-z][ .*_-]){4,}")
_ABBREVIATION = re.compile(r"(?:[A-Za-z]\.){1,4} ?")  # R.S.V.P.
_TOGETHER, _SCATTERED = 3, 4  # words in capitals


@rule(
    severity=Severity.HIGH,
    source="gmail-senders",
    why="A mail without a subject looks like a mistake to people and like spam to filters.",
    fix="Subject: what the mail holds, in about 40 characters",
)
def subject_missing(subject: str) -> Evidence:
    """The mail has no subject"""
    if not _NOTHING.sub("", subject):
        yield "the subject is empty" if not subject.strip() else "it holds only signs that draw nothing"


@rule(
    severity=Severity.LOW,
    source="client-lengths",
    why="What does not fit is cut off with an ellipsis, also on a desktop.",
    fix="say what matters first, and stop there",
)
def subject_too_long(subject: str) -> Evidence:
    """The subject is longer than clients show"""
    if (length := shown_width(subject)) > limit("subject_longest"):
        shown = limit("subject_longest")
        yield f"{_said(subject)}; on a desktop {_cut(subject, shown)!r}"
        yield f"cut in {', '.join(clients_cutting('subject', length))}"


@rule(
    severity=Severity.INFO,
    source="client-lengths",
    why="Most mail is read on a phone, which shows less than a desktop does.",
    fix="put the words that decide whether to open within the first 40 characters",
)
def subject_cut_on_phone(subject: str) -> Evidence:
    """A phone does not show the whole subject"""
    length, shown = shown_width(subject), limit("subject_on_phone")
    if shown < length <= limit("subject_longest"):
        yield f"{_said(subject)}; cut in {', '.join(clients_cutting('subject', length))}"


@rule(
    severity=Severity.LOW,
    source="practice",
    why="So short a line leaves the space to say what the mail holds unused.",
    fix="say what the reader finds in the mail",
    confidence=Confidence.LIKELY,
)
def subject_too_short(subject: str) -> Evidence:
    """The subject is very short"""
    said = filled(subject).strip()
    if _NOTHING.sub("", said) and len(said) < limit("subject_shortest") and not any(map(is_dense, said)):
        yield f"{len(said)} characters: {subject.strip()!r}"


@rule(
    severity=Severity.MEDIUM,
    source="spamassassin",
    why="Capitals throughout read as shouting, and filters count them.",
    fix="write it as a sentence",
)
def subject_all_caps(subject: str) -> Evidence:
    """The subject is in capitals"""
    if all_capitals(subject):
        yield Problem(evidence=repr(subject.strip()), fix=f"Subject: {sentence_case(subject.strip())}")
        return
    words = shouted_together(subject)
    if len(words) < _TOGETHER or sum(len(word) >= 4 for word in words) < 2:
        words = shouted(subject)
    if len(words) >= (_TOGETHER if words == shouted_together(subject) else _SCATTERED):
        yield Problem(evidence=f"in capitals: {', '.join(words[:6])}", severity=Severity.LOW)


@rule(
    severity=Severity.MEDIUM,
    source="spamassassin",
    why="Piles of marks are a habit of spam, and filters count them.",
    fix="one mark, or none",
)
def subject_excess_punctuation(subject: str) -> Evidence:
    """The subject piles up punctuation"""
    plain = _SPANISH.sub(" ", subject.replace("\ufe0f", ""))
    found = _PILES.findall(plain)
    if found:
        yield f"{', '.join(found[:4])} in {subject.strip()!r}"
    elif (marks := sum(plain.count(mark) for mark in "!！")) >= 3:
        yield f"{marks} exclamation marks in {subject.strip()!r}"


@rule(
    severity=Severity.LOW,
    source="practice",
    why="Signs between letters look like an attempt to get past filters.",
    fix="write it in words",
    confidence=Confidence.LIKELY,
)
def subject_many_symbols(subject: str) -> Evidence:
    """The subject uses many special signs"""
    found = symbols(bare(subject))
    spaced = _SET_APART.search(subject)
    if len(found) >= 3:
        yield f"{' '.join(found[:8])} in {subject.strip()!r}"
    elif spaced and not _ABBREVIATION.fullmatch(spaced.group()):
        yield f"letters set apart: {spaced.group().strip()!r}"


@rule(
    severity=Severity.HIGH,
    source="gmail-senders",
    why="It pretends an exchange that never was: readers report it, and CAN-SPAM forbids misleading subjects.",
    fix="leave the mark out",
)
def subject_fake_reply(subject: str, *, message: Message | None) -> Evidence:
    """The subject pretends to be a reply or a forwarded mail"""
    match = reply_marks().match(subject)
    if not match:
        return
    answers = message and (message.first("in-reply-to") or message.first("references"))
    if answers:
        return
    seen = "no In-Reply-To and no References" if message else "nothing says that it answers a mail"
    sure = Confidence.SURE if message else Confidence.LIKELY
    rest = subject[match.end() :].strip()
    yield Problem(evidence=f"{match.group().strip()!r}, and {seen}", fix=f"Subject: {rest}", confidence=sure)


@rule(
    severity=Severity.LOW,
    source="practice",
    why="One picture may catch the eye; several look like spam, and some clients show boxes instead.",
    fix="keep one at most, and let the words say it without it",
    confidence=Confidence.LIKELY,
)
def subject_excess_emoji(subject: str) -> Evidence:
    """The subject holds many emoji"""
    if len(found := emoji(subject)) > limit("subject_emoji"):
        yield f"{len(found)} emoji: {' '.join(found[:8])}"


@rule(
    severity=Severity.LOW,
    source="spamassassin",
    why="Filters weigh such wording; the sender's reputation weighs more.",
    fix="say plainly what is offered, to whom, until when",
    confidence=Confidence.GUESS,
)
def subject_spam_wording(subject: str) -> Evidence:
    """The subject uses wording that filters count"""
    found = counted_wordings(subject)
    if sum(found.values()) >= 2:
        listed = ", ".join(f"{word!r}" for word in found)
        yield Problem(
            evidence=f"{listed}: weight {sum(found.values()):g}",
            severity=Severity.MEDIUM if sum(found.values()) >= 4 else None,
        )


@rule(
    severity=Severity.HIGH,
    source="practice",
    why="Every reader sees that nobody filled it in.",
    fix="fill the field before sending, with a fallback where it is empty: {{ first_name | default('there') }}",
)
def subject_merge_field(subject: str, *, message: Message | None) -> Evidence:
    """A merge field stands unfilled in the subject"""
    if message:
        yield from (
            f"{each.group()} in a message that is ready to leave" for each in MERGE_FIELD.finditer(subject)
        )
        return
    for field, why in lacking(subject):
        yield Problem(evidence=f"{field}: {why}", severity=Severity.INFO)


@rule(
    severity=Severity.HIGH,
    source="practice",
    why=UNFILLED_WHY,
    fix=UNFILLED_FIX,
    confidence=Confidence.LIKELY,
)
def subject_unfilled(subject: str) -> Evidence:
    """A value is missing in the subject"""
    answered = reply_marks().match(subject)
    bare_line = subject[answered.end() :] if answered else subject
    yield from (f"{each!r} in {subject.strip()!r}" for each in unfilled(bare_line, line=True))


@rule(
    severity=Severity.INFO,
    source="practice",
    why="Subjects with a name or a product are often opened more; whether yours are, an A/B test tells.",
    fix="Subject: {{ first_name | default('Your') }} …",
    confidence=Confidence.GUESS,
)
def subject_not_personalised(subject: str, *, message: Message | None) -> Evidence:
    """The subject is the same for everybody"""
    if subject.strip() and not message and not personalised(subject):
        yield "no merge field in it"


@rule(
    severity=Severity.HIGH,
    source="uts39",
    why="Letters of another script that look the same, or that draw nothing, are how spam hides words.",
    fix="type the subject again by hand",
)
def subject_disguised(subject: str) -> Evidence:
    """The subject hides characters or mixes scripts within a word"""
    for word in mixed_words(subject):
        yield f"{word!a} mixes scripts"
    for name in hidden_characters(subject, soft_hyphens=True):
        yield f"{name} inside a word"
    for word in dressed_letters(subject):
        yield Problem(
            evidence=f"{word!a} is drawn with signs of mathematics: screen readers spell them out or skip them",
            severity=Severity.MEDIUM,
        )


@rule(
    severity=Severity.MEDIUM,
    source="rfc5322-subject",
    why="Bytes outside ASCII without an encoding turn into other signs on the way.",
    fix="encode it (RFC 2047), as in =?utf-8?q?Gr=C3=BC=C3=9Fe?=",
)
def subject_not_encoded(message: Message) -> Evidence:
    """The subject holds raw bytes outside ASCII"""
    raw = message.raw_subject
    if any(0xDC80 <= ord(character) <= 0xDCFF for character in raw) or (raw and not raw.isascii()):
        yield f"{ascii(message.first('subject'))[:120]}"


def _said(subject: str) -> str:
    """How long it is, in words."""
    length, wide = len(filled(subject).strip()), shown_width(subject)
    return f"{length} characters" if wide <= length else f"{length} characters, as wide as {wide} letters"


def _cut(subject: str, most: int) -> str:
    """What a line of so many letters shows."""
    kept = ""
    for character in subject.strip():
        if width(kept + character) > most - 1:
            break
        kept += character
    return f"{kept}…"
