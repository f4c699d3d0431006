"""Merge fields as platforms write them, and what people see who have no value for one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from hygiene.content.knowledge import data

_FALLBACK = re.compile(
    r"default|fallback|\bor\b|\|\|"
    # {{ var:name:"Friend" }}, {{ of('name', 'Friend') }}
    r"|[:,]\s{0,3}(?P<mark>[\"'])[^\"'\n]+(?P=mark)\s{0,3}\)?\s{0,3}[}\]]"
    # Zoho, Mautic, Mailchimp's transactional mail
    r"|\$\[[^|]+\||\{\w+=\w+\|[^}|]+\}|\*\|\w+\|[^|*]+\|\*",
    re.IGNORECASE,
)
_EMPTY = re.compile(r"(?:default|fallback|\bor\b)\s{0,3}[:=(]{0,2}\s{0,3}(?:''|\"\"|[\]}])", re.IGNORECASE)


def _pattern(platform: dict[str, Any]) -> str:
    return str(platform["pattern"]).replace("NAMES", platform.get("names", ""))


def _compiled() -> re.Pattern[str]:
    return re.compile("|".join(_pattern(each) for each in data("merge_fields")["platforms"]))


MERGE_FIELD = _compiled()


@cache
def _controls() -> re.Pattern[str]:
    platforms = data("merge_fields")["platforms"]
    return re.compile("|".join(each["control"] for each in platforms if "control" in each), re.IGNORECASE)


@cache
def _kept_elsewhere() -> tuple[tuple[re.Pattern[str], str], ...]:
    platforms = data("merge_fields")["platforms"]
    return tuple((re.compile(_pattern(one)), one["elsewhere"]) for one in platforms if "elsewhere" in one)


@cache
def _always() -> re.Pattern[str]:
    platforms = data("merge_fields")["platforms"]
    return re.compile("|".join(each["always"] for each in platforms if "always" in each))


def lacking(template: str) -> Iterator[tuple[str, str]]:
    """The fields that fill nothing for some people, each with why; none where a condition chooses the words.

    >>> list(lacking("Hi {{ name | default('you') }}"))
    []
    >>> list(lacking("Hi {{ name|default:'' }}"))
    [("{{ name|default:'' }}", 'its fallback is empty')]
    """
    fields = [match.group() for match in MERGE_FIELD.finditer(template)]
    if any(_controls().match(field) for field in fields):
        return
    for field in fields:
        if _always().match(field):
            continue
        if _EMPTY.search(field):
            yield field, "its fallback is empty"
        elif not _FALLBACK.search(field):
            where = next((said for pattern, said in _kept_elsewhere() if pattern.fullmatch(field)), "")
            yield field, f"it has no fallback here{f': {where}' if where else ''}"


def bare(template: str) -> str:
    """The text without its fields."""
    return MERGE_FIELD.sub("", template)


def filled(template: str) -> str:
    """The text as it may look to somebody: a word of six letters for each field, nothing for conditions.

    >>> filled("{{ name }}, new in")
    'merged, new in'
    """
    return MERGE_FIELD.sub(lambda match: "" if _controls().match(match.group()) else "merged", template)
