"""What is known of words, clients and limits: the data files, read once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from hygiene.content.wording import fold
from hygiene.files import packaged_text


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a rule comes from; `read` is when it was last compared, '' for a standard that does not change."""

    name: str
    url: str
    read: str = ""

    @property
    def dated(self) -> str:
        """The name with its date."""
        return f"{self.name}, read {self.read}" if self.read else self.name


@dataclass(frozen=True, kw_only=True)
class Feature:
    """A feature of HTML or CSS, the clients known not to show it, and what to do instead."""

    name: str
    tested: str
    without: tuple[str, ...]
    fix: str
    source: str


@cache
def data(name: str) -> Mapping[str, Any]:
    """A data file of this package by its name without ``.toml``."""
    return tomllib.loads(packaged_text("hygiene.content.data", f"{name}.toml"))


@cache
def sources() -> Mapping[str, Source]:
    """Every source by its key."""
    return {key: Source(**fields) for key, fields in data("sources").items()}


@cache
def limit(name: str) -> int:
    """A figure of ``limits.toml``."""
    return int(data("limits")[name]["value"])


def clients_cutting(line: str, length: int) -> list[str]:
    """Clients that show less of a ``subject`` or ``preheader`` of this length, with how much they show."""
    return [
        f"{each['name']} ({each[line]})"
        for each in data("inbox_lines")["clients"]
        if each.get(line, length) < length
    ]


@cache
def words(name: str) -> tuple[str, ...]:
    """A list of ``words.toml``, folded: compare with a folded text."""
    return tuple(map(fold, data("words")[name]["words"]))


@cache
def features(kind: str) -> Mapping[str, Feature]:
    """Client support of ``css`` or ``image`` features: what stands in the mail → what is known of it."""
    return {
        key: Feature(**{**fields, "without": tuple(fields["without"])})
        for key, fields in data("client_support")[kind].items()
    }


@cache
def trigger_words() -> Mapping[str, float]:
    """Spam-trigger wordings, folded, with their weight."""
    groups = data("trigger_words")
    return {
        fold(word): group["weight"]
        for name, group in groups.items()
        if name not in {"earning", "often"}  # these count together, with a sum
        for word in group["words"]
    }


@cache
def income_words() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Verbs of earning, and how often it is paid, folded."""
    verbs, often = (data("trigger_words")[name]["words"] for name in ("earning", "often"))
    return tuple(map(fold, verbs)), tuple(map(fold, often))
