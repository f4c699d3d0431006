"""Macro strings of SPF (RFC 7208 §7): text ↔ parts, and their expansion over given values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import quote

from hygiene.domain import MAX_NAME_LENGTH
from hygiene.errors import RecordError

_TOKEN = re.compile(r"%\{([slodiphcrtv])(\d*)(r?)([.\-+,/_=]*)\}|%([%_\-])|([^%]+)", re.IGNORECASE | re.ASCII)
_VISIBLE = re.compile(r"[\x21-\x7e]*")
_VISIBLE_OR_SPACE = re.compile(r"[\x20-\x7e]*")
_ESCAPES = {"%": "%", "_": " ", "-": "%20"}


@dataclass(frozen=True)
class Macro:
    """``%{letter digits r delimiters}``; an upper-case letter asks for URL escaping."""

    letter: str
    digits: int | None = None  # how many parts to keep, from the right
    reverse: bool = False
    delimiters: str = ""  # "" = "."

    def to_text(self) -> str:
        """The macro as written."""
        digits = "" if self.digits is None else str(self.digits)
        return f"%{{{self.letter}{digits}{'r' if self.reverse else ''}{self.delimiters}}}"

    def expand(self, value: str) -> str:
        """Split, reverse, cut and escape one value (§7.3)."""
        if self.digits is not None or self.reverse or self.delimiters:
            parts = re.split(f"[{re.escape(self.delimiters or '.')}]", value)
            parts = parts[::-1] if self.reverse else parts
            value = ".".join(parts[-self.digits :] if self.digits else parts)
        return quote(value, safe="-._~") if self.letter.isupper() else value


@dataclass(frozen=True)
class Escape:
    """``%%``, ``%_`` (space) or ``%-`` (URL-encoded space)."""

    letter: str

    def to_text(self) -> str:
        """The escape as written."""
        return f"%{self.letter}"


Part: TypeAlias = str | Macro | Escape


@dataclass(frozen=True)
class MacroString:
    """Literal text, macros and escapes in order."""

    parts: tuple[Part, ...] = ()

    @property
    def letters(self) -> frozenset[str]:
        """The macro letters used, lower-case."""
        return frozenset(part.letter.lower() for part in self.parts if isinstance(part, Macro))

    @property
    def is_literal(self) -> bool:
        """True when the text is the same for every message."""
        return not self.letters

    def to_text(self) -> str:
        """The string as written."""
        return "".join(part if isinstance(part, str) else part.to_text() for part in self.parts)

    def expand(self, values: Mapping[str, str]) -> str:
        """Put in the value of each letter."""
        return "".join(_expand_part(part, values) for part in self.parts)


def parse_macro_string(text: str, *, word: str = "", spaces: bool = False) -> MacroString:
    """Read a macro-string, or with `spaces` an explain-string; raises RecordError."""
    fragment = word or text
    if not (_VISIBLE_OR_SPACE if spaces else _VISIBLE).fullmatch(text):
        raise RecordError("a character outside printable ASCII", fragment=fragment, section="RFC 7208 §7.1")
    parts: list[Part] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise RecordError("malformed macro", fragment=fragment, section="RFC 7208 §7.1")
        parts.append(_read_token(match, fragment))
        position = match.end()
    return MacroString(tuple(parts))


def expand_domain(spec: MacroString, values: Mapping[str, str]) -> str:
    """Expand a domain-spec; labels are dropped on the left until the name fits (§7.3)."""
    name = spec.expand(values).removesuffix(".")
    while len(name) > MAX_NAME_LENGTH and "." in name:
        name = name.partition(".")[2]
    return name


def _read_token(match: re.Match[str], fragment: str) -> Part:
    letter, digits, reverse, delimiters, escape, literal = match.groups()
    if literal:
        return literal
    if escape:
        return Escape(escape)
    number = digits.lstrip("0")
    if digits and not number:
        raise RecordError("a macro keeps zero labels", fragment=fragment, section="RFC 7208 §7.1")
    # a name has at most 127 labels, so a longer number means "all of them"
    kept = int(number[:9]) if number else None
    return Macro(letter, kept, bool(reverse), delimiters)


def _expand_part(part: Part, values: Mapping[str, str]) -> str:
    match part:
        case str():
            return part
        case Escape():
            return _ESCAPES[part.letter]
        case Macro():
            return part.expand(values[part.letter.lower()])
