"""How a mail says that one can leave: by a link's words or address, or by a tag that a platform fills."""

from __future__ import annotations

from functools import cache

from hygiene.content.knowledge import words
from hygiene.content.wording import fold


def says_leaving(href: str, label: str) -> bool:
    """A link is a way out, by what it shows or by its address."""
    shown, address = fold(label), href.casefold()
    return speaks_of_leaving(shown) or any(word in address for word in words("unsubscribe_href"))


def speaks_of_leaving(folded: str) -> bool:
    """A folded text has a word of leaving."""
    return any(word in folded for word in words("unsubscribe"))


def leaving_tag(source: str) -> str:
    """The tag in a template that a platform puts the way out in the place of; ''."""
    plain = source.casefold()
    return next((tag for tag in _tags() if tag in plain), "")


@cache
def _tags() -> tuple[str, ...]:
    return words("unsubscribe_tag")
