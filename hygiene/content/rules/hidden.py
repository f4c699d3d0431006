"""Rules of what readers do not see: hidden text, characters that draw nothing, letters of another script."""

from __future__ import annotations

from hygiene.content.page import Page
from hygiene.content.parts import Content
from hygiene.content.registry import rule
from hygiene.content.spelling import hidden_characters, mixed_words
from hygiene.content.style import contrast, hexadecimal
from hygiene.finding import Confidence, Evidence, Open, Problem, Severity

_PREHEADER_LENGTH = 400  # characters of hidden text that a preheader and its padding may have


@rule(
    severity=Severity.HIGH,
    source="gmail-senders",
    why='Gmail says: "Don\'t use HTML and CSS to hide content." Only the preheader at the top is usual.',
    fix="delete it, or show it",
    confidence=Confidence.LIKELY,
)
def text_hidden(page: Page) -> Evidence:
    """The mail hides text"""
    first_shown = page.visible[0].element.number if page.visible else len(page.elements)
    for run in page.runs:
        style = run.element.style
        preheader = run.element.number <= first_shown and len(run.says) <= _PREHEADER_LENGTH
        if run.says and len(run.says) > 20 and style.hidden and not preheader:
            yield Problem(
                evidence=f"{run.element.place} {run.says[:60]!r} ({style.hidden})",
                severity=Severity.LOW if "display" in style.hidden else None,  # usual for phones and desktops
            )


@rule(
    severity=Severity.HIGH,
    source="gmail-senders",
    why="Text in the colour of its ground is how spam feeds words to filters.",
    fix="delete it, or give it a colour that can be read: color: #333333",
    confidence=Confidence.LIKELY,
)
def text_invisible(page: Page) -> Evidence:
    """Text has the colour of its background"""
    for run in page.visible:
        style = run.element.style
        if style.colour and style.background and contrast(style.colour, style.background) < 1.1:
            colours = f"{hexadecimal(style.colour)} on {hexadecimal(style.background)}"
            seen = f"{run.element.place} {run.says[:60]!r}: {colours}"
            yield Open(f"{seen}, unless a style rule says otherwise") if page.may_differ(style) else seen


@rule(
    severity=Severity.MEDIUM,
    source="uts39",
    why="Characters that draw nothing inside words are how spam gets past word filters.",
    fix="type the word again by hand",
)
def zero_width_in_words(content: Content) -> Evidence:
    """Characters that draw nothing stand inside words"""
    if content.page is not None:
        for run in content.page.visible:
            yield from (f"{run.element.at}: {name}" for name in hidden_characters(run.text))
    elif content.text is not None:
        for number, line in enumerate(content.text.splitlines(), 1):
            yield from (f"line {number}: {name}" for name in hidden_characters(line))


@rule(
    severity=Severity.MEDIUM,
    source="uts39",
    why="A word with letters of two scripts that look alike is how names are forged.",
    fix="type the word again by hand",
)
def mixed_scripts_in_words(content: Content) -> Evidence:
    """A word mixes scripts that look alike"""
    if content.page is not None:
        for run in content.page.visible:
            yield from (f"{run.element.at}: {word!a}" for word in mixed_words(run.text))
    elif content.text is not None:
        for number, line in enumerate(content.text.splitlines(), 1):
            yield from (f"line {number}: {word!a}" for word in mixed_words(line))
