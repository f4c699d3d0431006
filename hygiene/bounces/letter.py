"""What a returned mail is made of: notices for people, fields for machines, remains of the original."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, TypeAlias

from hygiene.bounces.parts import MAX_DEPTH, MAX_MAIL, MAX_PARTS, Headers, Part, children, decoded, read_part

#: content type → the kind of fields in it (RFC 3464, 6533, 5965, 8098)
REPORTS: Final = {
    "message/delivery-status": "delivery",
    "message/global-delivery-status": "delivery",
    "message/feedback-report": "feedback",
    "message/disposition-notification": "disposition",
    "message/global-disposition-notification": "disposition",
}
ORIGINALS: Final = {
    "message/rfc822",
    "message/global",
    "text/rfc822-headers",
    "message/rfc822-headers",
    "message/global-headers",
}

Fields: TypeAlias = Mapping[str, str]

_BLANK = re.compile(r"\n[ \t]*\n+")
_FOLD = re.compile(r"\n[ \t]+")
_FIELD = re.compile(r"^[ \t]*([A-Za-z][\w-]{1,60})[ \t]*:[ \t]*(.*)$", re.MULTILINE)
_MAX_GROUPS = 500  # recipients of one report


@dataclass
class Letter:
    """`reports` are (kind, text); `original` are the returned header sections, `inner` whole returned mails."""

    headers: Headers
    notices: list[str] = field(default_factory=list)
    pages: list[Part] = field(default_factory=list)
    reports: list[tuple[str, str]] = field(default_factory=list)
    original: list[Headers] = field(default_factory=list)
    inner: list[bytes] = field(default_factory=list)

    @cached_property
    def text(self) -> str:
        """What a person reads: plain text, else what HTML shows."""
        plain = "\n".join(self.notices)
        return plain if plain.strip() else "\n".join(page.text for page in self.pages)

    def fields(self, kind: str) -> list[Fields]:
        """The groups of fields of all reports of a kind, in order (RFC 3464 §2.1)."""
        return [group for found, text in self.reports if found == kind for group in groups(text)]


def read_letter(raw: bytes) -> Letter:
    """A letter; of hostile mail as much as the limits allow."""
    raw = raw[:MAX_MAIL].lstrip(b"\r\n")
    top = read_part(raw.partition(b"\n")[2] if raw.startswith((b"From ", b">From ")) else raw)
    letter = Letter(top.headers)
    for part in _leaves(top, 0, [MAX_PARTS]):
        _sort(part, letter)
    return letter


def _leaves(part: Part, depth: int, left: list[int]) -> Iterator[Part]:
    """Parts that are no multipart, in order, while any are left."""
    if part.type.startswith("multipart/") and depth < MAX_DEPTH:
        for child in children(part):
            if left[0] <= 0:
                return
            left[0] -= 1
            yield from _leaves(child, depth + 1, left)
        if depth or left[0] < MAX_PARTS:
            return
    yield part


def _sort(part: Part, letter: Letter) -> None:
    if part.type in REPORTS:
        letter.reports.append((REPORTS[part.type], decoded(part.content).replace("\r\n", "\n")))
    elif part.type in ORIGINALS:
        letter.original.append(read_part(part.content).headers)
        letter.inner.append(part.content)
    elif part.type == "text/html":
        letter.pages.append(part)
    elif part.type.startswith(("text/", "multipart/")):
        letter.notices.append(part.text)


def groups(text: str) -> list[Fields]:
    """Groups of fields with an empty line between, folded lines joined, names in lower case."""
    found = (_FIELD.findall(_FOLD.sub(" ", block)) for block in _BLANK.split(text, _MAX_GROUPS))
    return [{name.lower(): value.strip() for name, value in reversed(each)} for each in found if each]
