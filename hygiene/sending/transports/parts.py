"""A letter in the parts that APIs without raw mail take; every text on one line, since it becomes a header."""

from __future__ import annotations

from typing import Final

from hygiene.sending.letter import Letter, Mail, Mailbox
from hygiene.sending.transports.answer import REF_FIELD, one_line

#: fields that every API has a place of its own for
_ADDRESSED: Final = frozenset({"from", "to", "cc", "bcc", "subject", "reply-to"})


def subject(letter: Letter) -> str:
    """The subject on one line, whole."""
    return " ".join(letter.subject.split())


def mailbox_fields(mailbox: Mailbox, address: str = "") -> dict[str, str]:
    """``{"email": …, "name": …}``; `address` takes the place of the mailbox's own."""
    name = one_line(mailbox.name)
    return {"email": address or mailbox.address, **({"name": name} if name else {})}


def header_fields(letter: Letter, reserved: frozenset[str] = frozenset()) -> dict[str, str]:
    """Message-ID and the letter's further headers, without those that the provider writes itself."""
    headers = {"Message-ID": f"<{letter.message_id}>", **letter.headers}
    withheld = _ADDRESSED | reserved
    return {name: " ".join(value.split()) for name, value in headers.items() if name.lower() not in withheld}


def kept_beside(mail: Mail) -> dict[str, str]:
    """What a provider keeps beside a mail, and tells again in its events."""
    values = {REF_FIELD: mail.ref, "campaign": one_line(mail.campaign), "stream": mail.stream}
    return {name: text for name, text in values.items() if text}
