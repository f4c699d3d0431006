"""Rules of the subject line."""

from __future__ import annotations

import re

from hygiene.content.knowledge import clients_cutting, limit, trigger_words
from hygiene.content.links import MERGE_FIELD
from hygiene.content.parts import Message
from hygiene.content.registry import rule
from hygiene.content.spelling import hidden_characters, mixed_words
from hygiene.content.subject import REPLY, all_capitals, emoji, found_wording, personalised, shouted, symbols
from hygiene.finding import Confidence, Evidence, Problem, Severity


@rule(
    severity=Severity.HIGH,
    source="gmail-senders",
    why="A mail without a subject looks like a mistake to people and like spam to filters.",
    fix="Subject: what the mail holds, in about 40 characters",
)
def subject_missing(subject: str) -> Evidence:
    """The mail has no subject"""
    if not subject.strip():
        yield "the subject is empty"


@rule(
    severity=Severity.LOW,
    source="client-lengths",
    why="What does not fit is cut off with an ellipsis, also on a desktop.",
    fix="say what matters first, and stop there",
)
def subject_too_long(subject: str) -> Evidence:
    """The subject is longer than clients show"""
    if (length := len(subject.strip())) > limit("subject_longest"):
        shown = limit("subject_longest")
        yield f"{length} characters; on a desktop {_cut(subject, shown)!r}"
        yield f"cut in {', '.join(clients_cutting('subject', length))}"


@rule(
    severity=Severity.INFO,
    source="client-lengths",
    why="Most mail is read on a phone, which shows less than a desktop does.",
    fix="put the words that decide whether to open within the first 40 characters",
)
def subject_cut_on_phone(subject: str) -> Evidence:
    """A phone does not show the whole subject"""
    length, shown = len(subject.strip()), limit("subject_on_phone")
    if shown < length <= limit("subject_longest"):
        yield f"{length} characters; cut in {', '.join(clients_cutting('subject', length))}"


@rule(
    severity=Severity.LOW,
    source="practice",
    why="So short a line leaves the space to say what the mail holds unused.",
    fix="say what the reader finds in the mail",
    confidence=Confidence.LIKELY,
)
def subject_too_short(subject: str) -> Evidence:
    """The subject is very short"""
    bare = MERGE_FIELD.sub("merged", subject).strip()
    dense = any(ord(character) > 0x2E80 for character in bare)  # a sign of Chinese or Japanese is a word
    if bare and len(bare) < limit("subject_shortest") and not dense:
        yield f"{len(bare)} characters: {subject.strip()!r}"


@rule(
    severity=Severity.MEDIUM,
    source="spamassassin",
    why="Capitals throughout read as shouting, and filters count them.",
    fix="write it as a sentence",
)
def subject_all_caps(subject: str) -> Evidence:
    """The subject is in capitals"""
    if all_capitals(subject):
        yield Problem(evidence=repr(subject.strip()), fix=f"Subject: {subject.strip().capitalize()}")
    elif len(words := shouted(subject)) >= 3:
        yield Problem(evidence=f"in capitals: {', '.join(words[:6])}", severity=Severity.LOW)


@rule(
    severity=Severity.MEDIUM,
    source="spamassassin",
    why="Piles of marks are a habit of spam, and filters count them.",
    fix="one mark, or none",
)
def subject_excess_punctuation(subject: str) -> Evidence:
    """The subject piles up punctuation"""
    found = re.findall(r"[!?¡¿！？]{2,}|\.{4,}|[-_=*~]{3,}", subject)
    if found:
        yield f"{', '.join(found[:4])} in {subject.strip()!r}"
    elif sum(subject.count(mark) for mark in "!！") >= 3:
        yield f"{subject.count('!')} exclamation marks in {subject.strip()!r}"


@rule(
    severity=Severity.LOW,
    source="practice",
    why="Signs between letters look like an attempt to get past filters.",
    fix="write it in words",
    confidence=Confidence.LIKELY,
)
def subject_many_symbols(subject: str) -> Evidence:
    """The subject uses many special signs"""
    found = symbols(subject)
    spaced = re.search(r"(?:\b[A-Za-z][ .*_-]){4,}", subject)
    if len(found) >= 3:
        yield f"{' '.join(found[:8])} in {subject.strip()!r}"
    elif spaced:
        yield f"letters set apart: {spaced.group().strip()!r}"


@rule(
    severity=Severity.HIGH,
    source="gmail-senders",
    why="It pretends an exchange that never was: readers report it, and CAN-SPAM forbids misleading subjects.",
    fix="leave the mark out",
)
def subject_fake_reply(subject: str, *, message: Message | None) -> Evidence:
    """The subject pretends to be a reply or a forwarded mail"""
    match = REPLY.match(subject)
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
    folded = subject.casefold()
    found = {word: weight for word, weight in trigger_words().items() if found_wording(folded, word)}
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
    for match in MERGE_FIELD.finditer(subject):
        if message:
            yield f"{match.group()} in a message that is ready to leave"
        elif not re.search(r"default|fallback|\|\s*\w", match.group()):
            yield Problem(evidence=f"{match.group()} has no fallback", severity=Severity.INFO)


@rule(
    severity=Severity.INFO,
    source="practice",
    why="A name, a product or an order number in the subject often lifts opens; test it on your own list.",
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


def _cut(subject: str, length: int) -> str:
    return f"{subject.strip()[: length - 1]}…"
