"""One address, as SQL looks for its spellings in a large table and as Python recognises them."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum

from hygiene.address import DOTS_IGNORED, SAME_DOMAIN, TAGS_CUT, Address, Invalid, judge_address, split
from hygiene.domain import to_ascii


class Match(StrEnum):
    """How a row concerns the address asked about."""

    SAME = "same"  # the same address, in whatever case
    MAILBOX = "mailbox"  # another spelling of the same mailbox
    MENTION = "mention"  # a cell or a line that holds the address among other things


class Sought:
    """What is looked for: the words typed, and the address they are, if they are one."""

    def __init__(self, asked: str) -> None:
        self.asked = asked.strip()
        judged = self.judged = judge_address(asked)
        self.pattern = _pattern(judged) if isinstance(judged, Address) else ""
        self.letters = _letters(split(judged.mailbox)[0]) if isinstance(judged, Address) else ""
        mention = re.escape(judged.normal if isinstance(judged, Address) else self.asked)
        self.mention = re.compile(rf"(?<![\w.+-]){mention}(?!\.?[\w-])", re.IGNORECASE)

    def condition(self, column: str) -> str:
        """True, in SQL with `parameters`, for every cell that `match` may recognise, and for few others.

        The letters of an address stand in its cell one after the other, unless it is written in other than
        ASCII or in escapes; what is in angle brackets is then all that counts.
        """
        if not self.pattern:
            return f"contains(lower({column}), lower($sought))"
        inner = f"coalesce(nullif(regexp_extract({column}, '<([^<>]*)>', 1), ''), {column})"
        unusual = f"(strlen({column}) > length({column}) and strlen({inner}) > length({inner}))"
        escaped = f"(contains({column}, '%') and {column} ilike '%mailto:%')"
        return f"(regexp_matches({column}, $sought, 'i') or {unusual} or {escaped})"

    def match(self, cell: str, text: str = "") -> Match | None:
        """How a cell, or the text of a damaged line, concerns the address."""
        if isinstance(self.judged, Invalid):
            return Match.SAME if cell.strip().lower() == self.asked.lower() else None
        if "%" not in cell and self.letters not in _letters(cell + text):
            return None
        judged = judge_address(cell)
        if isinstance(judged, Address):
            if judged.key == self.judged.key:
                return Match.SAME
            return Match.MAILBOX if judged.mailbox == self.judged.mailbox else None
        return Match.MENTION if self.mention.search(f"{cell}\n{text}") else None

    @property
    def parameters(self) -> dict[str, str]:
        """For `condition`."""
        return {"sought": self.pattern or self.asked}


def _pattern(address: Address) -> str:
    """What every ordinary spelling of a mailbox holds (RE2, case apart)."""
    local, domain = split(address.mailbox)
    dots = r"\.*" if domain in DOTS_IGNORED else ""
    letters = dots.join(map(re.escape, local))
    tag = r"(?:\+[^@\s]*)?" if domain in TAGS_CUT else ""
    same = {domain, _a_labels(domain), *(other for other, meant in SAME_DOMAIN.items() if meant == domain)}
    return rf"(?:^|[^a-z0-9]){letters}{tag}\s*@\s*(?:{'|'.join(map(re.escape, sorted(same)))})"


def _a_labels(domain: str) -> str:
    try:
        return to_ascii(domain)
    except UnicodeError:
        return domain


def _letters(text: str) -> str:
    """Letters and digits alone, however they were typed: an address's are always among its cell's."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(character for character in folded if character.isalnum())
