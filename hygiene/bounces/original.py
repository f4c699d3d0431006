"""What is left of the mail that came back: who it was for, its Message-ID, the headers that name a campaign."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import Any, Final

from hygiene.bounces.letter import Letter
from hygiene.bounces.parts import Headers
from hygiene.bounces.recipients import ADDRESS

#: headers that senders put ids in (facts of feedback loops: RFC 5965 §3.2, RFC 8058, Gmail's Feedback-ID)
KEPT: Final = (
    "feedback-id",
    "list-unsubscribe",
    "list-id",
    "x-campaign",
    "x-campaignid",
    "x-mailer",
    "subject",
)
_OPAQUE: Final = re.compile(
    r"^x-[\w-]{0,40}(?:id|ref|token|key|job|campaign|contact|recipient|mailing|sub)[\w-]{0,20}$"
)
_TRACE: Final = {"received", "delivered-to", "x-original-to", "envelope-to", "x-delivered-to"}
_OF_LISTS: Final = {"list-id", "list-post", "x-mailman-version", "mailing-list"}
_MAX_KEPT = 40
_MAX_FIELD = 20_000  # characters in which addresses are sought
_MESSAGE_ID = re.compile(r"<([^<>\s]{3,400})>")
_ESCAPED = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")  # utf-8-addr-xtext, RFC 6533 §3
_TYPED = re.compile(r"^\s*[\w-]{1,30}\s*;\s*")


@dataclass(frozen=True, kw_only=True)
class Original:
    """`recipients` are the original's, `strangers` all who cannot be meant: senders, reporters, ourselves.

    `mailed` is the only recipient, if the trace of the original says that it was on its way there.
    """

    recipients: tuple[str, ...]
    mailed: str | None
    strangers: frozenset[str]
    message_id: str
    returned_to: tuple[str, ...]
    headers: dict[str, str]

    def known(self) -> dict[str, Any]:
        """The fields that every `Bounce` has from it."""
        return {
            "message_id": self.message_id,
            "returned_to": self.returned_to,
            "headers": self.headers,
        }


def address_in(value: str) -> str | None:
    """The address of a field in lower case: ``rfc822; <Ann@X.example>``; None without one."""
    plain = _ESCAPED.sub(_character, _TYPED.sub("", value[:1000]))
    match = ADDRESS.search(plain.replace("\\", ""))
    return match[0].lower() if match else None


def _character(escaped: re.Match[str]) -> str:
    number = int(escaped[1], 16)
    return chr(number) if number <= sys.maxunicode else ""


def addresses_in(value: str) -> tuple[str, ...]:
    """All addresses of a field, in lower case, each once."""
    if "@" not in value:
        return ()
    return tuple(dict.fromkeys(found.lower() for found in ADDRESS.findall(value[:_MAX_FIELD])))


def original_of(letter: Letter, rest: str) -> Original:
    """The original of a letter; `rest` is what stood behind the notice."""
    returned = [*letter.original, *([Headers(rest)] if rest else [])]
    returned_to = tuple(
        dict.fromkeys(
            address
            for name in ("to", "delivered-to", "x-original-to", "envelope-to", "x-delivered-to")
            for address in addresses_in(letter.headers.get(name))
        )
    )
    to = tuple(dict.fromkeys(each for headers in returned for each in addresses_in(headers.get("to"))))
    return Original(
        recipients=to,
        mailed=to[0] if len(to) == 1 and _was_sent_to(to[0], returned) else None,
        strangers=_strangers(letter, returned, returned_to) - frozenset(to),
        message_id=_message_id(letter.headers, returned),
        returned_to=returned_to,
        headers=_kept(returned),
    )


def _was_sent_to(address: str, returned: list[Headers]) -> bool:
    """Whether the trace names an address (RFC 5321 §4.4, "for"), and no list passed the mail on."""
    fields = [field for headers in returned for field in headers.all]
    names = {name for name, _ in fields}
    traced = (value.lower() for name, value in fields if name in _TRACE)
    return names.isdisjoint(_OF_LISTS) and any(address in value for value in traced)


def _strangers(letter: Letter, returned: list[Headers], returned_to: tuple[str, ...]) -> frozenset[str]:
    fields = [letter.headers.get("from"), letter.headers.get("reply-to"), letter.headers.get("sender")]
    for headers in returned:
        fields += [headers.get(name) for name in ("from", "return-path", "sender", "reply-to", "errors-to")]
        fields.append(headers.get("message-id"))
    fields += [letter.headers.get(name) for name in ("message-id", "references", "in-reply-to")]
    every = "\n".join(value[:_MAX_FIELD] for value in fields if "@" in value)
    return frozenset([*returned_to, *(found.lower() for found in ADDRESS.findall(every))])


def _message_id(headers: Headers, returned: list[Headers]) -> str:
    """Of the returned header section, else what the notice refers to."""
    values = [each.get("message-id") for each in returned]
    values += [headers.get(name) for name in ("x-original-message-id", "in-reply-to", "references")]
    return next((match[1] for value in values if (match := _MESSAGE_ID.search(value))), "")


def _kept(returned: list[Headers]) -> dict[str, str]:
    found: dict[str, str] = {}
    for headers in returned:
        for name, value in headers.all:
            if (name in KEPT or _OPAQUE.match(name)) and len(found) < _MAX_KEPT:
                found.setdefault(name, value[:1000])
    return found
