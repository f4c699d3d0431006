"""Rules of the call to action: what the reader is meant to do."""

from __future__ import annotations

import re
from functools import cache

from hygiene.content.knowledge import limit, words
from hygiene.content.leaving import speaks_of_leaving
from hygiene.content.links import Link
from hygiene.content.page import Page
from hygiene.content.registry import rule
from hygiene.content.wording import fold, is_dense
from hygiene.finding import Confidence, Evidence, Problem, Severity

_BUTTON = (
    '<a href="https://…" style="display:inline-block;padding:14px 24px;background:#1a5fb4;color:#ffffff">'
    "Finish your order</a>"
)


def _calls(page: Page) -> list[Link]:
    """Links that look like a button, or begin with a verb of doing."""
    found = []
    for link in page.links:
        label = fold(link.label)
        away = speaks_of_leaving(label) or link.scheme in {"mailto", "tel"}
        if label and not away and not link.hidden and (link.looks_like_button or _asks(label)):
            found.append(link)
    return found


@cache
def _verbs() -> tuple[frozenset[str], tuple[str, ...]]:
    """Words that ask for something; and those of scripts without blanks, which stand anywhere."""
    verbs = words("action_verb")
    return frozenset(verbs), tuple(each for each in verbs if is_dense(each[0]))


@cache
def _last_verbs() -> frozenset[str]:
    return frozenset(words("action_verb_last"))


def _asks(folded: str) -> bool:
    """A label begins with a word of doing, or ends with one where that is the custom."""
    verbs, dense = _verbs()
    said = re.findall(r"[^\W\d_][^\s\d_!.›»→>]*", folded)
    return bool(said) and (
        said[0] in verbs or said[-1] in _last_verbs() or any(verb in folded for verb in dense)
    )


@rule(
    severity=Severity.LOW,
    source="practice",
    why="A reader who is asked for nothing does nothing.",
    fix=_BUTTON,
    confidence=Confidence.GUESS,
)
def call_to_action_missing(page: Page) -> Evidence:
    """The mail asks the reader for nothing"""
    if page.words and not _calls(page):
        pictures = sum(link.has_image and not link.text for link in page.links)
        yield f"of {len(page.links)} links none is a button or begins with a verb" + (
            f"; {pictures} are only images" if pictures else ""
        )


@rule(
    severity=Severity.LOW,
    source="practice",
    why="With images off, as Outlook shows mail of strangers, there is nothing to press.",
    fix=_BUTTON,
    confidence=Confidence.LIKELY,
)
def call_to_action_image(page: Page) -> Evidence:
    """What the reader is asked to do stands in a picture alone"""
    calls = _calls(page)
    if calls and all(link.has_image and not link.text for link in calls):
        yield from (f"{link.place} shows an image that says {link.alt[:60]!r}" for link in calls)


@rule(
    severity=Severity.INFO,
    source="practice",
    why="Where everything asks, nothing stands out; one or two calls work best.",
    fix="choose one button, and make the others plain links",
    confidence=Confidence.GUESS,
)
def calls_to_action_many(page: Page) -> Evidence:
    """The mail asks for many things"""
    buttons = {link.href: link.label for link in _calls(page) if link.looks_like_button}
    if len(buttons) > limit("actions"):
        listed = ", ".join(repr(label[:30]) for label in list(buttons.values())[:8])
        yield Problem(
            evidence=f"{len(buttons)} buttons: {listed}",
            severity=Severity.LOW if len(buttons) > 3 * limit("actions") else None,
        )
