"""Rules of the preheader: the line that clients show behind the subject."""

from __future__ import annotations

from hygiene.content.knowledge import clients_cutting, limit, words
from hygiene.content.merge_fields import MERGE_FIELD, bare, filled, lacking
from hygiene.content.parts import Content, Preheader
from hygiene.content.registry import rule
from hygiene.content.signs import width
from hygiene.content.unfilled import UNFILLED_FIX, UNFILLED_WHY, unfilled
from hygiene.content.wording import fold, holds_any
from hygiene.finding import Confidence, Evidence, Problem, Severity

_SNIPPET = (
    '<div style="display:none;max-height:0;overflow:hidden">Say here what the subject leaves open.'
    "&#8199;&#847;&zwnj;</div>"
)


@rule(
    severity=Severity.LOW,
    source="client-lengths",
    why="Clients then show the first words of the body, whatever they are.",
    fix=_SNIPPET,
)
def preheader_missing(preheader: Preheader) -> Evidence:
    """The mail has no preheader"""
    if not preheader.text:
        yield "it is empty" if preheader.given else "the body begins without any words"
    elif not preheader.hidden and not _is_boilerplate(preheader):
        yield f"clients show {preheader.text[:80]!r} ({preheader.place})"


@rule(
    severity=Severity.MEDIUM,
    source="client-lengths",
    why="The second line of the inbox is spent on words that nobody opens a mail for.",
    fix=_SNIPPET,
    confidence=Confidence.LIKELY,
)
def preheader_boilerplate(preheader: Preheader) -> Evidence:
    """The preheader is boilerplate"""
    if _is_boilerplate(preheader):
        yield f"{preheader.text[:80]!r} ({preheader.place})"


@rule(
    severity=Severity.INFO,
    source="client-lengths",
    why="Clients fill the rest of the line with the first words of the body.",
    fix="write 40 to 100 characters, or pad with &#8199;&#847;&zwnj;",
)
def preheader_too_short(preheader: Preheader) -> Evidence:
    """The preheader is short"""
    known = bare(preheader.text).strip()  # what a field will say is not
    if preheader.hidden and known and width(filled(preheader.text)) < limit("preheader_shortest"):
        yield f"{len(preheader.text)} characters: {preheader.text!r}"


@rule(
    severity=Severity.INFO,
    source="client-lengths",
    why="No usual client shows so much of it.",
    fix="say what matters within the first 40 characters",
)
def preheader_too_long(preheader: Preheader) -> Evidence:
    """The preheader is longer than clients show"""
    if preheader.hidden and (length := width(filled(preheader.text))) > limit("preheader_longest"):
        clients = ", ".join(clients_cutting("preheader", length))
        yield f"{len(preheader.text)} characters; cut in {clients}"


@rule(
    severity=Severity.LOW,
    source="client-lengths",
    why="The two lines stand side by side: the second adds nothing.",
    fix="go on where the subject ends",
)
def preheader_repeats_subject(preheader: Preheader, subject: str) -> Evidence:
    """The preheader repeats the subject"""
    one, other = (
        " ".join("".join(filter(_counts, text)).casefold().split()) for text in (subject, preheader.text)
    )
    if one and (one == other or (len(one) >= 12 and other.startswith(one))):
        yield f"both say {subject.strip()!r}"


@rule(
    severity=Severity.HIGH,
    source="practice",
    why="Every reader sees that nobody filled it in.",
    fix="fill the field before sending, with a fallback where it is empty",
)
def preheader_merge_field(preheader: Preheader, content: Content) -> Evidence:
    """A merge field stands unfilled in the preheader"""
    if content.is_built:
        found = MERGE_FIELD.finditer(preheader.text)
        yield from (f"{each.group()} in a message that is ready to leave" for each in found)
        return
    for field, why in lacking(preheader.text):
        yield Problem(evidence=f"{field}: {why}", severity=Severity.INFO)


@rule(
    severity=Severity.HIGH,
    source="practice",
    why=UNFILLED_WHY,
    fix=UNFILLED_FIX,
    confidence=Confidence.LIKELY,
)
def preheader_unfilled(preheader: Preheader) -> Evidence:
    """A value is missing in the preheader"""
    if preheader.hidden:
        yield from (f"{each!r} ({preheader.place})" for each in unfilled(preheader.text, line=True))


def _is_boilerplate(preheader: Preheader) -> bool:
    return holds_any(fold(preheader.text[:80]), words("boilerplate"))


def _counts(character: str) -> bool:
    return character.isalnum() or character.isspace()
