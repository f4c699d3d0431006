"""Words that show that a value was missing: "Hi ,", "Hello null", "order #undefined"."""

from __future__ import annotations

import re
from functools import cache

from hygiene.content.knowledge import data, words
from hygiene.content.merge_fields import MERGE_FIELD
from hygiene.content.wording import fold

UNFILLED_WHY = "Every reader sees that a value was missing: it looks like a machine's mistake, or like spam."
UNFILLED_FIX = "Hi {{ first_name | default('there') }},"

_LOOKED_AT = 2_000  # characters; greetings stand at the beginning
_BEGINS = re.compile(r"\s*[,،、，;]\s*[^\W\d_]")


@cache
def _nothing() -> str:
    return "|".join(re.escape(each) for each in data("merge_fields")["no_value"])


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    nothing, gap = _nothing(), r"[^\S\n]"
    greeted = (
        rf"([^\W\d_][\w '’]{{0,30}}?)({gap}*,{gap}*,|{gap}+,|{gap}+(?:{nothing})(?={gap}*[,.!:;?\n]|\s*\Z))"
    )
    counted = rf"(?:[#№]|[€$£¥]\s?)(?:{nothing})(?!\w)|\[object Object\]"
    return re.compile(rf"(?:\A|(?<=[\n.!?>]))\s*{greeted}"), re.compile(counted)


def unfilled(text: str, *, line: bool = False) -> list[str]:
    """The places, as they stand; of a `line`, a comma at its beginning is one, too.

    >>> unfilled("Hi , your order"), unfilled("Hello null!"), unfilled("Hello, spring"), unfilled("for $NaN")
    (['Hi ,'], ['Hello null'], [], ['$NaN'])
    """
    text = text[:_LOOKED_AT]
    greetings, counted = _patterns()
    found = [
        match.group().strip()
        for match in greetings.finditer(text)
        if fold(match[1].strip()) in words("greeting") and not MERGE_FIELD.search(match.group())
    ]
    found += [match.group() for match in counted.finditer(text)]
    if line and _BEGINS.match(text):
        found.append(text.strip()[:20])
    return found
