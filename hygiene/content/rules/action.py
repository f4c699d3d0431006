"""Rules of the call to action: what the reader is meant to do."""

from __future__ import annotations

import re

from hygiene.content.knowledge import limit, words
from hygiene.content.links import Link
from hygiene.content.page import Page
from hygiene.content.registry import rule
from hygiene.finding import Confidence, Evidence, Problem, Severity


def _calls(page: Page) -> list[Link]:
    """Links that look like a button, or begin with a verb of doing."""
    verbs, leaving = set(words("action_verb")), words("unsubscribe")
    found = []
    for link in page.links:
        label = link.label.casefold()
        first = re.match(r"[^\W\d_]+", label)
        asks = bool(first) and (first[0] in verbs) if first else False
        last = label.split()[-1:] if label else []
        asks = asks or bool(last and last[0].strip("!.›»→ ") in {"ansehen", "bestellen", "entdecken", "kaufen"})
        away = any(word in label for word in leaving) or link.scheme in {"mailto", "tel"}
        if (link.looks_like_button or asks) and label and not away and not link.hidden:
            found.append(link)
    return found


@rule(
    severity=Severity.LOW,
    source="practice",
    why="A reader who is asked for nothing does nothing.",
    fix='<a href="https://…" style="display:inline-block;padding:14px 24px;background:#1a5fb4;color:#ffffff">'
    "Finish your order</a>",
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
