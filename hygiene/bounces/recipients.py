"""Whom a notice for people speaks of, and what it says of each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from hygiene.bounces.notice import words
from hygiene.bounces.refusal import CODE
from hygiene.bounces.wording import normal

MAX_RECIPIENTS: Final = 500
_MAX_SAID: Final = 14  # lines that belong to one recipient

_IN_LOCAL = r"\w.!#$%*+/=?^`{|}~'&-"
#: a quoted local part (RFC 5321 §4.1.2) or a bare one; its first character is consumed before what may not
#: stand before it is looked at, which is many times faster
_LOCAL = rf"[\"{_IN_LOCAL}](?:(?<=\")[^\"@\s]{{1,64}}\"|(?<!\")(?<![{_IN_LOCAL}].)[{_IN_LOCAL}]{{0,127}})"
ADDRESS: Final = re.compile(_LOCAL + r"@(?:[\w-]{1,63}\.)+[^\W\d_][\w-]{1,62}")
_EXPANDED = re.compile(r"\(?(?:expanded from|generated from|originally|ultimately generated from)\s*:?\s*<?")
_COMMAND = re.compile(r"rcpt\s+to:?\s*<?$", re.IGNORECASE)
_MAIL_FROM = re.compile(r"mail\s+from:?\s*<?$", re.IGNORECASE)
_BARE = re.compile(r"^[\s*<>\"'(\[\]|.:=-]*(?:(?:smtp|mailto|rfc822|internet)\s*[:;]\s*)?<?$", re.IGNORECASE)

_COLON = re.compile(r"[:：\[]\s*<?$")
_ALONE = re.compile(
    r"\s*+[>\])\"']*+\s*+[:.]?\s*+$"
)  # possessive: a row of blanks is no work for the cube of it
_LABELS = re.compile(r"[>\])\"']*\s*(?:$|[-:：(,;.])")

CERTAIN, NAMED, MENTIONED = 3, 2, 1


@dataclass(frozen=True, kw_only=True)
class Said:
    """An address in a notice: how surely it is a recipient, its line, and the alias that it came from."""

    address: str
    rank: int
    line: int
    expanded_from: str = ""


def find(lines: list[str], known: frozenset[str], strangers: frozenset[str]) -> list[Said]:
    """Recipients of a notice, of the surest kind there is, in order, each once.

    `known` are those the original was sent to, `strangers` senders and reporters, who are none.
    """
    every = [said for said in _mentions(lines) if said.address in known or said.address not in strangers]
    ranked = [(CERTAIN + 1 if said.address in known and said.rank else said.rank, said) for said in every]
    best = max((rank for rank, _ in ranked), default=0)
    if best == 0:
        return []
    level = min(best, CERTAIN)
    kept: dict[str, Said] = {}
    for rank, said in ranked:
        if rank >= level and said.address not in kept:
            kept[said.address] = said
    return _without_expansions(list(kept.values()))[:MAX_RECIPIENTS]


def _without_expansions(found: list[Said]) -> list[Said]:
    parents = {said.expanded_from for said in found if said.expanded_from}
    return [said for said in found if said.address not in parents]


def _mentions(lines: list[str]) -> Iterator[Said]:
    for number, line in enumerate(lines):
        if "@" in line:
            yield from _in_line(line, number, lines)


def _in_line(line: str, number: int, lines: list[str]) -> Iterator[Said]:
    """Addresses of a line; ``<a> (expanded from <b>)`` is one."""
    waiting: Said | None = None
    end = 0
    for match in ADDRESS.finditer(line):
        before, end = line[end : match.start()], match.end()
        address = match[0].lower().strip("'*.`")
        if waiting is not None and _EXPANDED.search(before.lower()):
            yield replace(waiting, expanded_from=address)
            waiting = None
            continue
        if waiting is not None:
            yield waiting
        waiting = Said(address=address, rank=_rank(before, line, match, number, lines), line=number)
    if waiting is not None:
        yield waiting


def _rank(before: str, line: str, match: re.Match[str], number: int, lines: list[str]) -> int:
    """How surely an address is a recipient, by what stands around it."""
    ahead, rest = line[: match.start()], line[match.end() :]
    if _COMMAND.search(before):
        return CERTAIN
    if before == ahead and _BARE.match(ahead) and not _MAIL_FROM.search(before):
        return _rank_of_first(rest, number, lines)
    said = normal(before[-60:])
    if _MAIL_FROM.search(before) or words("not_recipients").end(said):
        return 0
    if CODE.search(ahead):  # inside a reply
        return MENTIONED
    if words("recipients").end(said) or _COLON.search(before[-8:]):
        return CERTAIN if _ALONE.match(rest) else NAMED
    return MENTIONED


def _rank_of_first(rest: str, number: int, lines: list[str]) -> int:
    """An address at the beginning of its line; alone on it, the line before says whose it is."""
    if not _LABELS.match(rest):
        return NAMED
    above = normal(lines[number - 1]) if number else ""
    return MENTIONED if above.strip() and words("not_recipients").end(above) else CERTAIN


def said_of(found: list[Said], lines: list[str]) -> list[list[str]]:
    """For each recipient the lines up to the next one; of a single one all lines."""
    if len(found) == 1:
        return [lines]
    starts = sorted({said.line for said in found})
    ends = [*starts[1:], len(lines)]
    span = dict(zip(starts, ends, strict=True))
    return [lines[said.line : min(span[said.line], said.line + _MAX_SAID)] for said in found]
